"""goss inspect: every part of the report, of artifacts, checkpoints and configs."""

import collections
import json
import math
import os
import shutil
import struct
import subprocess
import sys

from support import Suite, copy_checkpoint, edit_json, read_safetensors, write_bytes

suite = Suite(__doc__)
CONFIG_20B = os.path.join(suite.source, "tests", "data", "configs", "gpt-oss-20b.json")


def inspect(case, model, *options):
    """The text that the command prints."""
    result = suite.expect(case, ["goss", "inspect", model, *options])
    return result.stdout.decode()


def inspect_json(case, model, *options):
    return json.loads(inspect(case, model, *options, "--format=json"))


def refuse(case, arguments, code, *messages):
    result = suite.expect(case, ["goss", "inspect", *arguments], code, list(messages))
    suite.check(case, result.stdout == b"", f"expects no output but got {result.stdout[:200]}")


artifacts = {}
for level in (0, 2):
    artifacts[level] = suite.path(f"tiny-{level}.goss")
    suite.expect("compile", ["gossc", suite.model, "-o", artifacts[level], f"--opt-level={level}", "--weights=embed", "-q"])
tiny = artifacts[2]
config = json.load(open(os.path.join(suite.model, "config.json")))
layers = config["num_hidden_layers"]
header, data = read_safetensors(os.path.join(suite.model, "model.safetensors"))
header.pop("__metadata__", None)

# Summary -----------------------------------------------------------------------

for level, artifact in artifacts.items():
    summary = inspect_json("summary", artifact)["summary"]
    suite.check("summary", summary["kind"] == "artifact" and summary["opt_level"] == level, f"expects an artifact but got {summary}")
    suite.check("summary", summary["model"]["num_layers"] == layers and summary["weights_embedded"], "expects the model's shape")
    suite.check("summary", summary["artifact_bytes"] == os.path.getsize(artifact), "expects the size of the file")
    suite.check("summary", sum(section["size"] for section in summary["sections"]) < summary["artifact_bytes"], "expects sections within the file")
    text = inspect("summary text", artifact)
    for part in ("Model", "experts", "Sections", "math"):
        suite.check("summary text", part in text, f"expects '{part}' but got {text}")
checkpoint = inspect_json("checkpoint", suite.model)["summary"]
for key in ("parameters_total", "parameters_active", "expert_form", "config_sha256", "model"):
    suite.check("checkpoint", checkpoint[key] == summary[key], f"expects the artifact's {key} but got {checkpoint[key]} and {summary[key]}")
suite.check("checkpoint", checkpoint["tensors"] == len(header) and checkpoint["kind"] == "checkpoint", "expects the checkpoint's tensors")
count = sum(math.prod(t["shape"]) * (2 if n.endswith("_blocks") else 1) for n, t in header.items() if not n.endswith("_scales"))
suite.check("checkpoint", checkpoint["parameters_total"] == count, f"expects {count} parameters but got {checkpoint['parameters_total']}")

# The 20b model, from its config and from an index without files -----------------

big = inspect_json("20b", CONFIG_20B)["summary"]
facts = (big["tensors"], big["parameters_total"], big["weight_bytes"])
suite.check("20b", facts == (459, 20914757184, 13761264768), f"expects the published counts but got {facts}")
text = inspect("20b text", CONFIG_20B)
for part in ("459", "20,914,757,184", "13,761,264,768"):
    suite.check("20b text", part in text, f"expects {part} but got {text}")
weights = inspect_json("20b weights", CONFIG_20B, "--what=weights")["weights"]
suite.check("20b weights", len(weights) == 459 and sum(w["size"] for w in weights) == 13761264768, "expects every tensor")
index = suite.path("index")
os.makedirs(index)
shutil.copy(CONFIG_20B, os.path.join(index, "config.json"))
index_file = os.path.join(index, "model.safetensors.index.json")
names = {w["name"]: f"model-0000{i % 3}-of-00002.safetensors" for i, w in enumerate(weights)}
with open(index_file, "w") as file:
    json.dump({"metadata": {"total_size": 13761264768}, "weight_map": names}, file)
found = inspect_json("index", index, "--what=all")
suite.check("index", {w["name"]: w["file"] for w in found["weights"]} == names, "expects the files of the index")
suite.check("index", found["summary"]["parameters_total"] == 20914757184, "expects the published count")
refuse("index stats", [index, "--what=weights", "--stats"], 64, "an index of weights")
refuse("config stats", [CONFIG_20B, "--what=weights", "--stats"], 64, "a config.json")
edit_json(index_file, lambda value: value["metadata"].update(total_size=1))
refuse("index size", [index], 65, "total_size", "13761264768")
edit_json(index_file, lambda value: value["weight_map"].pop("lm_head.weight"))
refuse("index names", [index], 65, "lm_head.weight", "missing")

# Graph ---------------------------------------------------------------------------

for level, artifact in artifacts.items():
    case = f"graph of O{level}"
    report = inspect_json(case, artifact, "--what=graph")
    levels = {graph["level"]["name"]: graph for graph in report["graph"]}
    suite.check(case, list(levels) == ["graph", "fused", "plan"], f"expects three levels but got {list(levels)}")
    operations = levels["plan"]["level"]["operations"]
    suite.check(case, [o["name"] for o in operations] == [launch["name"] for launch in report["launches"]], "expects one operation a launch")
    for name, graph in levels.items():
        operations = graph["level"]["operations"]
        if name != "plan":
            suite.check(case, len(graph["lowerings"]) == len(operations), f"expects what each operation of {name} becomes")
        suite.check(case, {o["layer"] for o in operations} == set(range(-1, layers)), f"expects all layers in {name}")
        pattern = graph["layers"]
        suite.check(case, pattern["period"] * pattern["count"] == layers, f"expects equal layers but got {pattern}")
        folded = inspect(case, artifact, "--what=graph", f"--level={name}")
        opened = inspect(case, artifact, "--what=graph", f"--level={name}", "--layer=all")
        shown = {n: sum(line.startswith("  layers.") for line in text.split("\n")) for n, text in (("folded", folded), ("opened", opened))}
        suite.check(case, shown["opened"] == shown["folded"] * pattern["count"] > 0, f"expects folded layers of {name} but got {shown}")
        last = f"layers.{layers - 1}."
        one = inspect(case, artifact, "--what=graph", f"--level={name}", f"--layer={layers - 1}")
        suite.check(case, last not in folded and last in one, f"expects the last layer of {name} where it is opened only")
only = inspect_json("one level", tiny, "--what=graph", "--level=fused")["graph"]
suite.check("one level", [g["level"]["name"] for g in only] == ["fused"], "expects the level asked for")

dot = suite.path("graph.dot")
suite.expect("dot to a file", ["goss", "inspect", tiny, "--what=graph", "--format=dot", "--layer=1", "-o", dot])
suite.check("dot", open(dot).read() == inspect("dot", tiny, "--what=graph", "--format=dot", "--layer=1"), "expects the same in the file")
if shutil.which("dot"):
    for name in ("graph", "fused", "plan"):
        drawing = inspect("dot", tiny, "--what=graph", "--format=dot", f"--level={name}")
        drawn = subprocess.run(["dot", "-Tsvg"], input=drawing.encode(), capture_output=True, timeout=120)
        svg = drawn.stdout.decode()
        suite.check("dot", drawn.returncode == 0 and drawn.stderr == b"", f"expects a drawing but got {drawn.stderr[:500]}")
        nodes = drawing.count("fillcolor=")
        suite.check("dot", svg.count('class="node"') == nodes > 10 and "× " in svg, f"expects {nodes} nodes of {name}")
else:
    print("skipped: Graphviz is not installed (apt-get install graphviz)")

# Costs and memory ----------------------------------------------------------------

report = inspect_json("cost", tiny, "--what=cost", "--tokens=2", "--depth=100", "--sequences=3", "--bandwidth=10", "--peak=100", "--int8-peak=400")
step = report["costs"][-1]
asked = {key: step["step"][key] for key in ("tokens", "depth", "sequences")}
suite.check("cost", asked == {"tokens": 2, "depth": 100, "sequences": 3}, f"expects the step asked for but got {asked}")
suite.check("cost", step["machine"]["read_bytes_per_second"] == 10e9 and not step["machine"]["measured"], f"expects the machine stated but got {step['machine']}")
for cost in report["costs"]:
    for key in ("flops", "weight_bytes", "cache_bytes", "seconds"):
        total = math.fsum(launch[key] for launch in cost["launches"])
        suite.check("cost", math.isclose(total, cost["total"][key], rel_tol=1e-9), f"expects the sum of {key} but got {cost['total'][key]} for {total}")
    suite.check("cost", math.isclose(math.fsum(l["share"] for l in cost["launches"]), 1, rel_tol=1e-6), "expects shares of the whole")
slow = inspect_json("slow", tiny, "--what=cost", "--bandwidth=0.001", "--peak=1000000", "--int8-peak=1000000")["costs"][0]
suite.check("slow", {l["limit"] for l in slow["launches"] if l["weight_bytes"]} == {"memory"}, "expects memory as the limit")
text = inspect("cost text", tiny, "--what=cost", "--tokens=4")
for part in ("Machine, stated", "asked: 4 tokens after 0", "total", "tokens/s at most", "Cache of one sequence", "lm_head"):
    suite.check("cost text", part in text, f"expects '{part}' but got {text[:3000]}")
suite.check("measure", "Machine, measured" in inspect("measure", tiny, "--what=cost", "--measure"), "expects a measured machine")

report = inspect_json("memory", tiny, "--what=memory")
memory = report["memory"]
suite.check("memory", memory["arena_bytes"] == summary["arena_bytes"] >= memory["peak_bytes"] > 0, f"expects the arena but got {memory['arena_bytes']}")
alive = [sum(b["size"] for b in memory["buffers"] if b["first_launch"] <= i <= b["last_launch"]) for i in range(len(report["launches"]))]
suite.check("memory", max(alive) == memory["peak_bytes"] == alive[memory["peak_launch"]], f"expects a peak of {max(alive)} but got {memory['peak_bytes']}")
text = inspect("memory text", tiny, "--what=memory")
picture = [line for line in text.split("\n") if line.endswith("|")]
suite.check("memory text", len(picture) == 24 and all(len(line) <= 100 for line in picture), f"expects a picture but got {text}")
suite.check("memory text", f"{memory['peak_bytes']:,} bytes" in text, "expects the peak")

# Weights -------------------------------------------------------------------------


def tensor_bytes(name):
    begin, end = header[name]["data_offsets"]
    return data[begin:end]


def count_numbers(values):
    """What --stats says of finite numbers."""
    return {
        "min": min(values),
        "max": max(values),
        "mean": math.fsum(values) / len(values),
        "rms": math.sqrt(math.fsum(v * v for v in values) / len(values)),
        "zeros": sum(v == 0 for v in values),
    }


def check_numbers(case, stats, values):
    for key, value in count_numbers(values).items():
        suite.check(case, math.isclose(stats[key], value, rel_tol=1e-9, abs_tol=1e-12), f"expects {key} {value} but got {stats[key]}")
    suite.check(case, stats["nans"] == 0 and stats["infinities"] == 0, f"expects finite numbers but got {stats}")


prefix = "model.layers.2.mlp.experts.down_proj_"
scales = tensor_bytes(prefix + "scales")
codes = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
codes += [-code for code in codes]
blocks = [codes[nibble] * 2.0 ** (scales[i // 16] - 127) for i, byte in enumerate(tensor_bytes(prefix + "blocks")) for nibble in (byte & 15, byte >> 4)]
query = tensor_bytes("model.layers.3.self_attn.q_proj.weight")
query = [struct.unpack("<f", b"\0\0" + query[i : i + 2])[0] for i in range(0, len(query), 2)]
packed = suite.path("packed.goss")
suite.expect("compile packed", ["gossc", suite.model, "-o", packed, "--layout=packed", "-q"])
sources = {"checkpoint": suite.model, "embedded": tiny, "packed": packed}
for case, source in sources.items():
    weights = inspect_json(case, source, "--what=weights", "--stats")["weights"]
    by_name = {weight["name"]: weight for weight in weights}
    suite.check(case, set(by_name) == set(header), "expects the tensors of the checkpoint")
    check_numbers(case, by_name["model.layers.3.self_attn.q_proj.weight"]["stats"], query)
    check_numbers(case, by_name[prefix + "blocks"]["stats"], blocks)
    histogram = {entry["exponent"]: entry["count"] for entry in by_name[prefix + "scales"]["stats"]["scales"]}
    expected = {scale - 127: number for scale, number in collections.Counter(scales).items()}
    suite.check(case, histogram == expected, f"expects scales {expected} but got {histogram}")
    if case != "packed":
        import hashlib

        digests = {name: hashlib.sha256(tensor_bytes(name)).hexdigest() for name in header}
        suite.check(case, {n: w["sha256"] for n, w in by_name.items()} == digests, "expects the digests of the bytes")
text = inspect("weights text", suite.model, "--what=weights", "--stats")
for part in ("lm_head.weight", "Statistics", "Scales of all MXFP4 blocks", "2^", "###"):
    suite.check("weights text", part in text, f"expects '{part}'")
reference = suite.path("reference.goss")
suite.expect("compile reference", ["gossc", suite.model, "-o", reference, "-q"])
found = inspect_json("referenced", reference, "--what=weights", "--stats", "--weights", suite.model)["weights"]
suite.check("referenced", {w["name"]: w["sha256"] for w in found} == digests, "expects the digests of the bytes")
refuse("no weights", [reference, "--what=weights", "--stats", "--weights", suite.scratch], 66, "model.safetensors")
other = copy_checkpoint(suite.model, suite.path("other"))
with open(os.path.join(other, "model.safetensors"), "ab") as file:
    file.write(b"\0")
refuse("other weights", [reference, "--what=weights", "--stats", "--weights", other], 65, "model.safetensors")
bad = copy_checkpoint(suite.model, suite.path("bad"))
path = os.path.join(bad, "model.safetensors")
content = bytearray(open(path, "rb").read())
begin = len(content) - len(data) + header[prefix + "scales"]["data_offsets"][0]
content[begin] = 255
write_bytes(path, bytes(content))
weights = {w["name"]: w for w in inspect_json("NaN", bad, "--what=weights", "--stats")["weights"]}
suite.check("NaN", weights[prefix + "scales"]["stats"]["nans"] == 1 and weights[prefix + "blocks"]["stats"]["nans"] == 32, "expects a NaN scale and its block")

# Fusions and code ----------------------------------------------------------------

fusions = inspect_json("fusions", tiny, "--what=fusions")["fusions"]
suite.check("fusions", any(f["fused"] for f in fusions) and all(f["pass"] and f["place"] for f in fusions), "expects fusions")
text = inspect("fusions text", tiny, "--what=fusions")
suite.check("fusions text", "layers.*." in text and " done" in text, f"expects fusions by layer but got {text}")

found = inspect_json("code", tiny, "--what=code")
kernels = found["kernels"]
suite.check("code", "goss_step" in [function["symbol"] for function in found["functions"]], "expects the step among the functions")
code = next(section for section in summary["sections"] if section["name"] == "code")
suite.check("code", all(k["code_bytes"] > 0 and k["launches"] > 0 and k["offset"] + k["code_bytes"] <= code["size"] for k in kernels), "expects code of every kernel")
bytes_of = {section["name"]: section for section in inspect_json("sections", tiny)["summary"]["sections"]}["code"]
image = open(tiny, "rb").read()[bytes_of["offset"] : bytes_of["offset"] + bytes_of["size"]]
import hashlib

for kernel in kernels + found["functions"]:
    digest = hashlib.sha256(image[kernel["offset"] : kernel["offset"] + kernel["code_bytes"]]).hexdigest()
    suite.check("code", kernel["sha256"] == digest, f"expects the digest of {kernel['symbol']}")
symbol = kernels[0]["symbol"]
suite.check("code text", symbol in inspect("code text", tiny, "--what=code"), "expects the symbols")
if any(shutil.which(name) for name in ("llvm-objdump-22", "llvm-objdump", "objdump")):
    text = inspect("disassembly", tiny, "--what=code", f"--kernel={symbol}")
    suite.check("disassembly", f"<{symbol}>:" in text and "ret" in text, f"expects instructions but got {text[:500]}")
    for kernel in kernels[1:]:
        suite.check("disassembly", f"<{kernel['symbol']}>:" not in text, "expects one kernel only")
    one = inspect_json("a function", tiny, "--what=code", "--kernel=goss_step")
    suite.check("a function", "kernels" not in one and "ret" in one["functions"][0]["disassembly"], "expects the step's instructions")
else:
    print("skipped: no objdump is installed (apt-get install binutils)")
suite.expect("no disassembler", ["goss", "inspect", tiny, "--what=code", f"--kernel={symbol}"], 69, "install", env={"PATH": "/nonexistent"})

# Everything, and the embedded model ------------------------------------------------

report = inspect_json("all", tiny, "--what=all")
parts = {"summary", "graph", "costs", "memory", "weights", "fusions", "kernels", "functions", "launches"}
suite.check("all", set(report) == parts, f"expects {sorted(parts)} but got {sorted(report)}")
text = inspect("all text", tiny, "--what=all")
for part in ("Model", "Graph at level plan", "Costs", "Memory of a step", "Weights: ", "Fusions: ", "Kernels: "):
    suite.check("all text", part in text, f"expects '{part}'")
page = suite.path("tiny.html")
suite.expect("html", ["goss", "inspect", tiny, "--format=html", "-o", page])
suite.check("html", open(page, encoding="utf-8").read().lower().startswith("<!doctype html>"), "expects a page")
both = {json.dumps(report), json.dumps(inspect_json("again", tiny, "--what=all"))}
suite.check("again", len(both) == 1, "expects the same report each time")

# Wrong arguments and broken files ---------------------------------------------------

refuse("unknown part", [tiny, "--what=colour"], 64, "--what")
refuse("unknown level", [tiny, "--what=graph", "--level=best"], 64, "--level")
refuse("unknown kernel", [tiny, "--what=code", "--kernel=none"], 64, "--kernel", "'none'")
for layer in (layers, -1, "x"):
    refuse("unknown layer", [tiny, "--what=graph", f"--layer={layer}"], 64, "--layer", f"0 to {layers - 1}")
refuse("dot of weights", [tiny, "--what=weights", "--format=dot"], 64, "--format=dot", "--what=graph")
refuse("html of a part", [tiny, "--what=cost", "--format=html"], 64, "--format=html")
refuse("stats of costs", [tiny, "--what=cost", "--stats"], 64, "--stats")
refuse("kernel of all", [tiny, "--kernel", symbol], 64, "--kernel", "--what=code")
refuse("tokens of memory", [tiny, "--what=memory", "--tokens=3"], 64, "--what=cost")
refuse("two machines", [tiny, "--what=cost", "--measure", "--peak=3"], 64, "--measure")
refuse("no bandwidth", [tiny, "--what=cost", "--bandwidth=0"], 64, "--bandwidth")
refuse("too many tokens", [tiny, "--what=cost", "--tokens=100000"], 64, "--tokens")
refuse("too deep", [tiny, "--what=cost", "--depth=16000000"], 64, "--depth")
for part in ("graph", "cost", "memory", "fusions", "code"):
    refuse("checkpoint " + part, [suite.model, f"--what={part}"], 64, f"--what={part}", "a checkpoint")
refuse("missing", [suite.path("none.goss")], 66, "none.goss")
refuse("no artifact", [os.path.join(suite.model, "model.safetensors")], 65, "model.safetensors")
whole = open(tiny, "rb").read()
for size in (0, 63, 200, 5000, len(whole) - 1):
    write_bytes(suite.path("cut.goss"), whole[:size])
    for part in ("summary", "all"):
        refuse(f"cut at {size}", [suite.path("cut.goss"), f"--what={part}"], 65, "cut.goss")
refuse("no folder", [tiny, "-o", suite.path("nowhere", "x.txt")], 66, "nowhere")

suite.finish()
