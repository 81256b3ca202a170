"""What runs and what is seen at the width of gpt-oss-20b: two of its layers,
a window and a full one, with random weights and a small vocabulary."""

import json
import os
import shutil

from support import Suite, edit_json

suite = Suite(__doc__)
VOCABULARY, LAYERS = 2048, 2
config = suite.path("config.json")
shutil.copy(os.path.join(suite.source, "tests", "data", "configs", "gpt-oss-20b.json"), config)


def shrink(value):
    value["vocab_size"] = VOCABULARY
    for key in ("eos_token_id", "pad_token_id", "bos_token_id"):
        value.pop(key, None)


edit_json(config, shrink)
weights = suite.path("weights")
suite.expect("synth", ["goss", "synth", f"--config={config}", f"--layers={LAYERS}", "--seed=1", "-o", weights])
model, exact, oracle = suite.path("model.goss"), suite.path("exact.goss"), suite.path("oracle.goss")
suite.expect("compile", ["gossc", weights, "-o", model, "-q"])
suite.expect("compile exact", ["gossc", weights, "-o", exact, "--math=exact", "-q"])
suite.expect("compile oracle", ["gossc", weights, "-o", oracle, "--opt-level=0", "-q"])
MODEL = [model, "--weights", weights]
PROMPT = ["--tokens=1,2,3,4,5", "--ignore-eos", "--greedy"]


def read(case, *arguments):
    return json.loads(suite.expect(case, ["goss", *arguments]).stdout)


# Inspection: counts from the shape.
hidden, experts, chosen, heads, key_heads, head = 2880, 32, 4, 64, 8, 64
attention = hidden * heads * head * 2 + 2 * hidden * key_heads * head + heads * head + 2 * key_heads * head + hidden + heads
expert = 3 * hidden * hidden + 3 * hidden
layer = attention + 2 * hidden + experts * hidden + experts
report = read("inspect", "inspect", model, "--what=all", "--format=json")
summary = report["summary"]
outside = hidden * (VOCABULARY + 1)
suite.check("summary", summary["parameters_total"] == LAYERS * (layer + experts * expert) + outside + hidden * VOCABULARY, f"expects another total than {summary['parameters_total']}")
suite.check("summary", summary["parameters_active"] == LAYERS * (layer + chosen * expert) + outside + hidden, f"expects another number than {summary['parameters_active']}")
suite.check("summary", summary["tensors"] == LAYERS * 19 + 3 == len(report["weights"]), "expects 19 tensors a layer and 3")
launches = report["launches"]
for what, part in (("graph", "attention"), ("cost", "memory"), ("memory", "arena"), ("weights", "experts.down_proj_blocks"), ("fusions", "fuse-rope"), ("code", "goss_kernel_0")):
    suite.expect(what, ["goss", "inspect", model, "--what=" + what], stdout=part)
suite.expect("dot", ["goss", "inspect", model, "--what=graph", "--format=dot", "--level=plan"], stdout="digraph")
hashes = read("hash", "inspect", model, "--what=weights", "--hash", f"--weights={weights}", "--format=json")["weights"]
suite.check("hash", all(len(weight["sha256"]) == 64 and "stats" not in weight for weight in hashes), "expects hashes alone")
of_directory = {w["name"]: w["sha256"] for w in read("hash of weights", "inspect", weights, "--what=weights", "--hash", "--format=json")["weights"]}
suite.check("hash", of_directory == {w["name"]: w["sha256"] for w in hashes}, "expects the hashes of the checkpoint")
suite.expect("other kernels", ["goss", "diff", model, exact], 1, stdout="kernel")
suite.expect("equal", ["goss", "diff", model, model])

# A trace has each launch once a step, and its kernel as the report has it.
trace = suite.path("trace.json")
suite.expect("trace", ["goss", "run", *MODEL, *PROMPT, "-n", "3", "-t", "2", "--trace", trace, "-q"])
with open(trace) as file:
    events = json.load(file)["traceEvents"]
dispatches = [event["args"] for event in events if "launches" in event.get("args", {})]
seen = [launch for args in dispatches for launch in args["launches"]]
suite.check("trace", sorted(seen) == sorted(list(range(len(launches))) * 3), f"expects {len(launches)} launches in each of 3 steps but got {len(seen)}")
kernels = {launch: kernel for args in dispatches for launch, kernel in zip(args["launches"], args["kernels"])}
suite.check("trace", all(launches[launch]["kernel"] == kernel for launch, kernel in kernels.items()), "expects the report's kernels")

# The cost model, measured and predicted, and with the bytes of the report.
profile = read("profile", "profile", *MODEL, "-p", "0", "-n", "2", "-r", "1", "-t", "2", "--json", "-q")
decode = next(cost for cost in report["costs"] if cost["step"]["name"] == "decode" and cost["step"]["depth"] == 0)
expected = decode["total"]["weight_bytes"] + decode["total"]["cache_bytes"]
measured = profile["tests"][0]["bytes"] / 2
suite.check("profile", abs(measured - expected) <= 0.1 * expected, f"expects about {expected} bytes a token but got {measured}")

# Values of launches, and every op against the oracle.
values = suite.path("values")
suite.expect("dump", ["goss", "run", *MODEL, *PROMPT, "-n", "1", "--dump-activations", values, "-q"])
names = {name.split("-", 2)[2] for name in os.listdir(values) if name.endswith(".npy")}
suite.check("dump", "layers.1.attention.values.npy" in names and "lm_head.npy" in names, f"expects values of every layer but got {sorted(names)[:9]}")
suite.expect("probe", ["goss", "run", *MODEL, *PROMPT, "-n", "1", "--probe=layers.1.mlp.residual"], message="layers.1.mlp.residual")
suite.expect("no such launch", ["goss", "run", *MODEL, *PROMPT, "-n", "1", "--probe=layers.2.mlp.residual"], 64, "layers.2.mlp.residual")
for path in (exact, model):
    check = read("check", "check", path, "--oracle", oracle, "--weights", weights, "--tokens=1,2,3,4,5", "--json", "-q")
    suite.check("check", check["first_divergence"] is None and check["compared"] > 20, f"expects agreement but got {check['first_divergence']}")
shutil.rmtree(weights)

suite.finish()
