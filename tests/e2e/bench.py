"""goss bench, inspect and the small model of the first demo, made by synth."""

import json
import os

from support import Suite, copy_checkpoint, read_safetensors, write_bytes

suite = Suite(__doc__)
demo = suite.path("seed-demo")
artifact = suite.path("seed-demo.goss")
suite.expect("synth", ["goss", "synth", "--config=seed-demo", "-o", demo, "-q"])
suite.expect("synth again", ["goss", "synth", "--config=seed-demo", "-o", suite.path("again"), "-q"])
for name in os.listdir(demo):
    with open(os.path.join(demo, name), "rb") as a, open(suite.path("again", name), "rb") as b:
        suite.check("synth", a.read() == b.read(), f"expects the same {name} for the same seed")
suite.expect("verify", ["goss", "verify", demo])
suite.expect("synth over it", ["goss", "synth", "--config=seed-demo", "-o", demo, "-q"], 64, "seed-demo")
config = json.load(open(os.path.join(demo, "config.json")))
shape = [config[key] for key in ("num_hidden_layers", "hidden_size", "num_attention_heads", "head_dim",
                                 "num_key_value_heads", "vocab_size", "num_local_experts", "num_experts_per_tok",
                                 "intermediate_size")]
suite.check("shape", shape == [4, 256, 8, 32, 8, 1000, 4, 2, 256], f"expects the demo's shape but got {shape}")
suite.expect("compile", ["gossc", demo, "-o", artifact, "-q"])

# Weights lie in the folder of the artifact's name: nothing to say.
result = suite.expect("cases", ["goss", "bench", artifact, "--cases=5:20,10:50,20:100", "-r", "5", "--json", "-q"])
report = json.loads(result.stdout)
suite.check("cases", [case["test"] for case in report["cases"]] == ["5:20", "10:50", "20:100"], "expects three cases")
rate = report["mean_decode_tokens_per_second"]
print(f"mean decode rate of the first demo's model: {rate:.0f} tokens/s with {report['threads']} threads")
suite.check("rate", rate > 531 or suite.is_sanitized(), f"expects more than the 531 tokens/s of the original but got {rate}")

result = suite.expect("rates", ["goss", "bench", artifact, "-p", "32", "-n", "8", "-d", "16", "-b", "3", "-r", "2", "-t", "1", "--json", "-q"])
report = json.loads(result.stdout)
tests = {entry["test"]: entry for entry in report["results"]}
suite.check("rates", set(tests) == {"pp32", "tg8"} and report["threads"] == 1, f"expects two tests but got {report}")
for entry in tests.values():
    suite.check("rates", entry["batch"] == 3 and entry["depth"] == 16 and len(entry["samples"]) == 2, f"expects what was asked for but got {entry}")
    suite.check("rates", entry["min_tokens_per_second"] <= entry["median_tokens_per_second"] <= entry["max_tokens_per_second"], "expects an ordered median")
suite.expect("table", ["goss", "bench", artifact, "-p", "8", "-n", "2", "-r", "1"], 0, "Model", stdout="pp8")
suite.expect("too long", ["goss", "bench", artifact, "-p", "100000", "-r", "1"], 65, "100000")
suite.expect("cases wrong", ["goss", "bench", artifact, "--cases=5-20"], 64, "--cases")
suite.expect("repeats wrong", ["goss", "bench", artifact, "-r", "0"], 64, "--repeats")

# A timeline of every kernel.
trace = suite.path("trace.json")
suite.expect("trace", ["goss", "run", artifact, "--tokens=1,2,3", "-n", "4", "--greedy", "-q", "--trace", trace])
events = json.load(open(trace))["traceEvents"]
names = {name for event in events for name in event["args"]["launches"]}
suite.check("trace", {"embedding", "layers.0.attention.q", "layers.3.mlp.residual", "lm_head"} <= names, f"expects kernels but got {names}")

# Inspecting artifacts and checkpoints.
for source in (artifact, demo):
    facts = json.loads(suite.expect("inspect", ["goss", "inspect", source, "--format=json"]).stdout)
    suite.check("inspect", facts["model"]["layers"] == 4 and facts["model"]["experts"] == 4, f"expects the shape but got {facts['model']}")
    suite.expect("inspect text", ["goss", "inspect", source], 0, stdout="experts")
kernels = json.loads(suite.expect("kernels", ["goss", "inspect", artifact, "--what=code", "--format=json"]).stdout)
suite.check("kernels", all(kernel["launches"] > 0 for kernel in kernels), "expects every kernel to be launched")
weights = json.loads(suite.expect("weights", ["goss", "inspect", artifact, "--what=weights", "--format=json"]).stdout)
suite.check("weights", len(weights) == 4 * 19 + 3, f"expects 79 tensors but got {len(weights)}")
suite.expect("inspect nothing", ["goss", "inspect", suite.path("none.goss")], 66, "none.goss")

# Values that no trained model has are found in a checkpoint.
bad = copy_checkpoint(suite.model, suite.path("bad"))
path = os.path.join(bad, "model.safetensors")
header, data = read_safetensors(path)
for name, value in [("model.norm.weight", b"\xc0\x7f"), ("model.layers.2.mlp.experts.down_proj_scales", b"\xff")]:
    changed = bytearray(open(path, "rb").read())
    base = len(changed) - len(data)
    begin = base + header[name]["data_offsets"][0]
    changed[begin : begin + len(value)] = value
    write_bytes(os.path.join(bad, "model.safetensors"), bytes(changed))
    suite.expect("value of " + name, ["goss", "verify", bad], 65, name)
    write_bytes(path, open(os.path.join(suite.model, "model.safetensors"), "rb").read())
suite.expect("verify", ["goss", "verify", suite.model], 0, ["tensors", "Tokenizer"])

suite.finish()
