"""gossc --report against counts from config.json and against goss bench."""

import json
import os

from support import Suite

suite = Suite(__doc__)
CONFIG_20B = os.path.join(suite.source, "tests", "data", "configs", "gpt-oss-20b.json")


def read_report(case, arguments):
    path = suite.path(case.replace(" ", "-") + ".json")
    result = suite.expect(case, ["gossc", *arguments, "-q", "--report", path])
    suite.check(case, not result.stderr, f"expects no message but got {result.stderr}")
    with open(path) as file:
        return json.load(file)


def check_equal(case, what, found, wanted):
    suite.check(case, found == wanted, f"expects {what} {wanted} but got {found}")


def check_close(case, what, found, wanted, tolerance):
    suite.check(case, abs(found / wanted - 1) <= tolerance, f"expects about {wanted:.0f} {what} but got {found:.0f}")


class Count:
    """What a GPT-OSS model is by the formulas, from its config.json alone."""

    def __init__(self, path):
        c = json.load(open(path))
        self.layers, self.hidden = c["num_hidden_layers"], c["hidden_size"]
        self.heads, self.kv_heads, self.head_dim = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
        self.experts, self.chosen, self.width = c["num_local_experts"], c["num_experts_per_tok"], c["intermediate_size"]
        self.vocabulary, self.types, self.window = c["vocab_size"], c["layer_types"], c["sliding_window"]
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        self.matrices = 2 * queries * self.hidden + 2 * keys * self.hidden + self.experts * self.hidden
        self.vectors = queries + 2 * keys + self.hidden + self.experts + self.heads + 2 * self.hidden
        self.expert_matrices = 3 * self.width * self.hidden
        self.expert_vectors = 2 * self.width + self.hidden

    def parameters(self, experts, embedding_rows):
        layer = self.matrices + self.vectors + experts * (self.expert_matrices + self.expert_vectors)
        return self.layers * layer + self.hidden * (embedding_rows + self.vocabulary + 1)

    def weight_bytes(self, experts, embedding_rows):
        """17 bytes for 32 MXFP4 weights, else two bytes each."""
        expert = self.expert_matrices * 17 / 32 + 2 * self.expert_vectors
        layer = 2 * (self.matrices + self.vectors) + experts * expert
        return self.layers * layer + 2 * self.hidden * (embedding_rows + self.vocabulary + 1)

    def keys(self, depth):
        """Keys that a token after `depth` others sees, of all layers."""
        return sum(min(depth + 1, self.window) if kind == "sliding_attention" else depth + 1 for kind in self.types)

    def decode_flops(self, depth):
        products = self.layers * (self.matrices + self.chosen * self.expert_matrices) + self.vocabulary * self.hidden
        return 2 * products + 4 * self.heads * self.head_dim * self.keys(depth)


def check_summary(case, report, count, tensors):
    summary = report["summary"]
    check_equal(case, "parameters", summary["parameters_total"], count.parameters(count.experts, count.vocabulary))
    check_equal(case, "active parameters", summary["parameters_active"], count.parameters(count.chosen, 1))
    check_equal(case, "tensors", summary["tensors"], tensors)
    check_equal(case, "weight bytes", summary["weight_bytes"], count.weight_bytes(count.experts, count.vocabulary))
    check_equal(case, "weights", sum(weight["size"] for weight in report["weights"]), summary["weight_bytes"])
    check_equal(case, "layers", summary["model"]["num_layers"], count.layers)


def check_costs(case, report, count, cache_bytes):
    for cost in report["costs"]:
        step, total = cost["step"], cost["total"]
        for key in ("flops", "weight_bytes", "cache_bytes", "activation_bytes", "seconds", "share"):
            check_close(case, key, sum(launch[key] for launch in cost["launches"]), total[key], 1e-9)
        check_equal(case, "launches", len(cost["launches"]), len(report["launches"]))
        if step["name"] == "decode":
            check_close(case, "bytes", total["weight_bytes"], count.weight_bytes(count.chosen, 1), 1e-9)
            keys = count.keys(step["depth"])
            check_close(case, "cache bytes", total["cache_bytes"], keys * cache_bytes * 2 * count.kv_heads * count.head_dim, 1e-9)
            # The rest is norms, rotations, softmax: little.
            suite.check(case, total["flops"] >= count.decode_flops(step["depth"]), "expects all products")
            check_close(case, "operations", total["flops"], count.decode_flops(step["depth"]), 0.02)


def check_graph(case, report, count):
    graph, fused, plan = report["graph"]
    check_equal(case, "levels", [level["level"]["name"] for level in report["graph"]], ["graph", "fused", "plan"])
    names = [operation["name"] for operation in plan["level"]["operations"]]
    check_equal(case, "launches", names, [launch["name"] for launch in report["launches"]])
    check_equal(case, "attention", sum(operation["op"] == "gptoss.attention" for operation in fused["level"]["operations"]), count.layers)
    # Every operation is lowered, but for views; every launch has one owner.
    check_equal(case, "operations lost", [o["name"] for o, l in zip(graph["level"]["operations"], graph["lowerings"]) if len(l.get("targets", [])) != 1], [])
    lost = {o["op"] for o, l in zip(fused["level"]["operations"], fused["lowerings"]) if not l.get("targets")}
    check_equal(case, "views", lost, {"gptoss.split_heads", "gptoss.merge_heads"})
    owned = sorted(target for lowering in fused["lowerings"] for target in lowering.get("targets", []))
    check_equal(case, "owned launches", owned, list(range(len(names))))
    moe = next(l["targets"] for o, l in zip(fused["level"]["operations"], fused["lowerings"]) if o["op"] == "gptoss.moe")
    check_equal(case, "first launch of moe", names[moe[0]], "layers.0.mlp.router")
    # Windowed and full layers alternate.
    for level in report["graph"]:
        check_equal(case, "pattern", level["layers"], {"first_layer": 0, "period": 2, "count": count.layers // 2})
    scores = next(i for i, o in enumerate(graph["level"]["operations"]) if o["name"] == "layers.0.attention.scores")
    target = graph["lowerings"][scores]["targets"][0]
    check_equal(case, "what scores became", fused["level"]["operations"][target]["op"], "gptoss.attention")
    for level in report["graph"]:
        for operation in level["level"]["operations"]:
            suite.check(case, operation["text"] and "loc(" not in operation["text"], f"expects a text without location but got {operation}")


def check_memory(case, report):
    memory = report["memory"]
    buffers = memory["buffers"]
    ends = max(buffer["offset"] + buffer["size"] for buffer in buffers)
    check_equal(case, "arena", (ends + 63) // 64 * 64, memory["arena_bytes"])
    peaks = [sum(b["size"] for b in buffers if b["first_launch"] <= i <= b["last_launch"]) for i in range(len(report["launches"]))]
    check_equal(case, "peak", (max(peaks), peaks.index(max(peaks))), (memory["peak_bytes"], memory["peak_launch"]))
    suite.check(case, memory["peak_bytes"] <= memory["arena_bytes"] < memory["unshared_bytes"], "expects a peak within an arena that is shared")
    for i, a in enumerate(buffers):
        shared = 0
        for j, b in enumerate(buffers):
            if i == j or a["offset"] >= b["offset"] + b["size"] or b["offset"] >= a["offset"] + a["size"]:
                continue
            shared += 1
            apart = a["first_launch"] > b["last_launch"] or b["first_launch"] > a["last_launch"]
            suite.check(case, apart, f"expects no overlap in time but got {a} and {b}")
        check_equal(case, "shared buffers", a["shares_bytes_with"], shared)


def check_kernels(case, report):
    for kernel in report["kernels"]:
        suite.check(case, kernel["kind"] and kernel["reason"] and kernel["launches"] > 0, f"expects a kind with a reason but got {kernel}")
    check_equal(case, "launches of kernels", sum(kernel["launches"] for kernel in report["kernels"]), len(report["launches"]))
    for stage in report["stages"]:
        suite.check(case, stage["seconds"] >= 0 and stage["peak_bytes"] > 1 << 20, f"expects time and memory but got {stage}")


# The trained model, with its artifact.
artifact = suite.path("tiny.goss")
tiny = Count(os.path.join(suite.model, "config.json"))
report = read_report("tiny", [suite.model, "-o", artifact])
check_summary("tiny", report, tiny, 117)
check_costs("tiny", report, tiny, 4)
check_graph("tiny", report, tiny)
check_memory("tiny", report)
check_kernels("tiny", report)
summary = report["summary"]
check_equal("tiny", "kind", (summary["kind"], summary["source"]), ("compilation", suite.model))
check_equal("tiny", "size", summary["artifact_bytes"], os.path.getsize(artifact))
check_equal("tiny", "sections", [s["name"] for s in summary["sections"]], ["manifest", "code", "graph", "record", "tokenizer", "chat"])
suite.check("tiny", {f["pass"] for f in report["fusions"] if f["fused"]} == {"fuse-rope", "fuse-attention", "fuse-expert-routing", "fuse-residual"}, "expects all fusions")

# The 20b configuration: no weights are needed.
large = Count(CONFIG_20B)
report = read_report("20b", [CONFIG_20B, "--emit=plan", "-o", suite.path("20b.mlir"), "--max-tokens-per-step=64"])
check_summary("20b", report, large, 459)
check_equal("20b", "parameters", report["summary"]["parameters_total"], 20914757184)
check_equal("20b", "bytes", report["summary"]["weight_bytes"], 13761264768)
check_costs("20b", report, large, 4)
check_graph("20b", report, large)
check_memory("20b", report)
check_kernels("20b", report)
# A sequence of 4096 tokens: 256 pages of 16 in full layers, 8 in windows.
page = 16 * 4 * 2 * large.kv_heads * large.head_dim
check_equal("20b", "cache", [k["bytes"] for k in report["costs"][0]["kv_cache"] if k["context"] == 4096], [12 * page * (256 + 8)])
suite.check("20b", os.path.getsize(suite.path("20b.json")) < 5e6, "expects a report under 5 MB")

# Other levels say as much as there is.
report = read_report("graph level", [suite.model, "--emit=graph", "-o", suite.path("g.mlir")])
check_equal("graph level", "levels", [level["level"]["name"] for level in report["graph"]], ["graph"])
suite.check("graph level", "launches" not in report and "memory" not in report, "expects no launches")
check_summary("graph level", report, tiny, 117)
report = read_report("assembly", [suite.model, "--emit=asm", "-o", suite.path("m.s")])
check_memory("assembly", report)
check_kernels("assembly", report)
report = read_report("oracle", [suite.model, "--opt-level=0", "-o", suite.path("plain.goss")])
check_memory("oracle", report)
owned = sorted(target for lowering in report["graph"][1]["lowerings"] for target in lowering.get("targets", []))
check_equal("oracle", "owned launches", owned, list(range(len(report["launches"]))))
page = suite.path("page.html")
suite.expect("page", ["gossc", suite.model, "--emit=plan", "-o", suite.path("p.mlir"), "-q", "--report", page])
suite.check("page", open(page).read(15).lower() == "<!doctype html>", "expects a page")
suite.expect("nowhere", ["gossc", suite.model, "--emit=graph", "-o", suite.path("n.mlir"), "-q", "--report", suite.path("no", "r.json")], 66, "r.json")

# The same bytes as goss bench counts where the step runs.
costs = json.load(open(suite.path("tiny.json")))["costs"]
for options, step in [
    (["-p", "0", "-n", "1"], {"tokens": 1, "depth": 0}),
    (["-p", "0", "-n", "1", "-d", "2047"], {"tokens": 1, "depth": 2047}),
    (["-p", "512", "-n", "0"], {"tokens": 512, "depth": 0}),
]:
    case = "bench " + " ".join(options)
    result = suite.expect(case, ["goss", "bench", artifact, "--weights", suite.model, *options, "-r", "1", "--no-limits", "--json", "-q"])
    measured = json.loads(result.stdout)["results"][0]["roofline"]
    total = next(c["total"] for c in costs if c["step"]["sequences"] == 1 and all(c["step"][key] == step[key] for key in step))
    found = (total["weight_bytes"] + total["cache_bytes"]) / step["tokens"]
    check_close(case, "bytes", found, measured["bytes_per_token"], 0.1)
    check_close(case, "operations", total["flops"] / step["tokens"], measured["flops_per_token"], 0.1)

suite.finish()
