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
result = suite.expect("cases", ["goss", "bench", artifact, "--cases=5:20,10:50,20:100", "-r", "5", "--no-limits", "--json", "-q"])
report = json.loads(result.stdout)
suite.check("cases", [case["test"] for case in report["cases"]] == ["5:20", "10:50", "20:100"], "expects three cases")
suite.check("rate", report["mean_decode_tokens_per_second"] > 0, "expects a rate")

result = suite.expect("rates", ["goss", "bench", artifact, "-p", "32", "-n", "8", "-d", "16", "-b", "3", "-r", "2", "-t", "1", "--no-limits", "--json", "-q"])
report = json.loads(result.stdout)
tests = {entry["test"]: entry for entry in report["results"]}
suite.check("rates", set(tests) == {"pp32", "tg8"} and report["threads"] == 1, f"expects two tests but got {report}")
for entry in tests.values():
    suite.check("rates", entry["batch"] == 3 and entry["depth"] == 16 and len(entry["samples"]) == 2, f"expects what was asked for but got {entry}")
    suite.check("rates", entry["min_tokens_per_second"] <= entry["median_tokens_per_second"] <= entry["max_tokens_per_second"], "expects an ordered median")
suite.check("no limits", "limits" not in report and "limit" not in tests["tg8"]["roofline"], "expects no limits")
suite.expect("too long", ["goss", "bench", artifact, "-p", "100000", "-r", "1"], 65, "100000")
suite.expect("cases wrong", ["goss", "bench", artifact, "--cases=5-20"], 64, "--cases")
suite.expect("repeats wrong", ["goss", "bench", artifact, "-r", "0"], 64, "--repeats")

# What a token costs, against a count from the configuration and the tensors.


def count_decode(model, depth, tokens):
    """Bytes and operations of a token decoded after `depth` others, on average."""
    facts = json.loads(suite.expect("facts", ["goss", "inspect", model, "--format=json"]).stdout)["summary"]
    weights = json.loads(suite.expect("tensors", ["goss", "inspect", model, "--what=weights", "--format=json"]).stdout)["weights"]
    config = json.load(open(os.path.join(suite.model, "config.json")))
    share = config["num_experts_per_tok"] / config["num_local_experts"]
    size, elements = 0, 0
    for tensor in weights:
        extents = tensor["shape"]
        part = share if ".experts." in tensor["name"] else 1 / extents[0] if "embed_tokens" in tensor["name"] else 1
        size += part * tensor["size"]
        count = tensor["size"] * 2 if tensor["name"].endswith("_blocks") else tensor["size"] / 2
        if len(extents) > 1 and "embed_tokens" not in tensor["name"] and not tensor["name"].endswith(("_scales", "_bias")):
            elements += part * count
    keys = 0
    for layer in config["layer_types"]:
        for position in range(depth, depth + tokens):
            seen = position + 1
            keys += min(seen, config["sliding_window"]) if layer == "sliding_attention" else seen
    keys /= tokens
    size += keys * facts["cache_bytes_per_token"] / config["num_hidden_layers"]
    return size, 2 * elements + 4 * keys * config["num_attention_heads"] * config["head_dim"]


def check_profile(case, entry, limits):
    """Keys of a test's roofline and what must add up in it."""
    roofline = entry["roofline"]
    expected = {"bytes_per_token", "flops_per_token", "bytes_per_second", "flops_per_second", "profile_seconds", "kernels", "other_time_share"}
    expected |= {"limit", "limit_tokens_per_second", "limit_share"} if limits else set()
    suite.check(case, set(roofline) == expected, f"expects {sorted(expected)} but got {sorted(roofline)}")
    rows = {"operation", "kind", "arithmetic", "launches", "seconds", "time_share", "bytes", "flops", "bytes_per_second", "flops_per_second"}
    rows |= {"limit", "limit_share"} if limits else set()
    for kernel in roofline["kernels"]:
        suite.check(case, set(kernel) == rows, f"expects {sorted(rows)} but got {sorted(kernel)}")
        suite.check(case, kernel["arithmetic"] in ("float32", "int8", "int8x2"), f"expects units but got {kernel['arithmetic']}")
        suite.check(case, not limits or kernel["limit"] in ("memory", "compute"), "expects a limit")
    names = [(kernel["operation"], kernel["kind"]) for kernel in roofline["kernels"]]
    suite.check(case, len(names) == len(set(names)), f"expects each kernel once but got {names}")
    shares = sum(kernel["time_share"] for kernel in roofline["kernels"]) + roofline["other_time_share"]
    suite.check(case, abs(shares - 1) < 1e-6, f"expects shares that add up to 1 but got {shares}")
    tokens = (entry["prompt_tokens"] + entry["decode_tokens"]) * entry["batch"]
    for what in ("bytes", "flops"):
        whole = sum(kernel[what] for kernel in roofline["kernels"])
        suite.check(case, abs(whole / tokens / roofline[what + "_per_token"] - 1) < 1e-6, f"expects {what} of the kernels to add up")


def check_close(case, found, wanted):
    suite.check(case, abs(found / wanted - 1) < 0.01, f"expects {wanted:.0f} but got {found:.0f}")


tiny = suite.path("tiny.goss")
suite.expect("compile", ["gossc", suite.model, "-o", tiny, "-q"])
for depth, tokens in [(0, 8), (100, 20)]:
    case = f"decoding at {depth}"
    result = suite.expect(case, ["goss", "bench", tiny, "--weights", suite.model, "-p", "0", "-n", tokens, "-d", depth, "-r", "1", "--no-limits", "--json", "-q"])
    report = json.loads(result.stdout)
    suite.check(case, "cold_first_token_seconds" not in report and "first_token_seconds" not in report["results"][0], "expects no first token without a prompt")
    check_profile(case, report["results"][0], limits=False)
    size, flops = count_decode(tiny, depth, tokens)
    check_close(case + ", bytes", report["results"][0]["roofline"]["bytes_per_token"], size)
    check_close(case + ", operations", report["results"][0]["roofline"]["flops_per_token"], flops)

# The unfused kernels of the oracle read the same. What they compute is known
# roughly only: masks and softmax are estimated for a full context.
plain = suite.path("plain.goss")
suite.expect("compile plain", ["gossc", suite.model, "-o", plain, "--opt-level=0", "-q"])
result = suite.expect("plain", ["goss", "bench", plain, "--weights", suite.model, "-p", "0", "-n", "4", "-d", "8", "-r", "1", "--no-limits", "--json", "-q"])
check_close("plain, bytes", json.loads(result.stdout)["results"][0]["roofline"]["bytes_per_token"], count_decode(plain, 8, 4)[0])

# With the machine's limits, in numbers and as text.
result = suite.expect("limits", ["goss", "bench", tiny, "--weights", suite.model, "-p", "40", "-n", "4", "-b", "2", "-r", "3", "--cases=5:9", "--json", "-q"])
report = json.loads(result.stdout)
limits = report["limits"]
for key in ("read_bytes_per_second_before", "read_bytes_per_second_after", "int8_ops_per_second", "float32_flops_per_second"):
    suite.check("limits", limits[key]["best"] >= limits[key]["median"] > 0, f"expects {key} but got {limits[key]}")
suite.check("limits", limits["threads"] == report["threads"] and limits["int8_instruction"] and limits["float32_instruction"], f"expects what was measured but got {limits}")
for entry in report["results"]:
    check_profile("limits of " + entry["test"], entry, limits=True)
    suite.check("spread", entry["spread"] >= 0 and len(entry["samples"]) == 3, f"expects a spread but got {entry}")
    suite.check("first token", ("first_token_seconds" in entry) == (entry["prompt_tokens"] > 0), "expects a first token of prompts only")
suite.check("case", "roofline" in report["cases"][0] and report["cases"][0]["first_token_seconds"] > 0, "expects a case's roofline")
suite.check("cold start", report["cold_first_token_seconds"] > report["load_seconds"] > 0, "expects a first token after loading")
memory = report["memory"]
suite.check("memory", memory["peak_bytes"] >= memory["private_bytes"] > 0 and memory["file_bytes"] > 0, f"expects memory but got {memory}")
suite.expect("table", ["goss", "bench", artifact, "-p", "8", "-n", "2", "-r", "1"], 0, "Model", stdout="pp8")
text = suite.expect("text", ["goss", "bench", artifact, "-p", "8", "-n", "2", "-r", "1", "--no-limits"]).stdout.decode()
for part in ("first token", "peak memory", "tg2: ", "between dispatches", "launches"):
    suite.check("text", part in text, f"expects '{part}' but got {text}")
suite.expect("limits wrong", ["goss", "bench", artifact, "--no-limits=maybe"], 64, "no-limits")

# Inspecting artifacts and checkpoints.
for source in (artifact, demo):
    shape = json.loads(suite.expect("inspect", ["goss", "inspect", source, "--format=json"]).stdout)["summary"]["model"]
    suite.check("inspect", shape["num_layers"] == 4 and shape["num_experts"] == 4, f"expects the shape but got {shape}")
    suite.expect("inspect text", ["goss", "inspect", source], 0, stdout="experts")
kernels = json.loads(suite.expect("kernels", ["goss", "inspect", artifact, "--what=code", "--format=json"]).stdout)["kernels"]
suite.check("kernels", all(kernel["launches"] > 0 for kernel in kernels), "expects every kernel to be launched")
weights = json.loads(suite.expect("weights", ["goss", "inspect", artifact, "--what=weights", "--format=json"]).stdout)["weights"]
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
