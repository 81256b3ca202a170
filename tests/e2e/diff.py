"""goss diff: what two artifacts or two checkpoints have unlike."""

import json
import os

from support import Suite, copy_checkpoint, edit_json, read_safetensors, write_bytes

suite = Suite(__doc__)
CONFIGS = os.path.join(suite.source, "tests", "data", "configs")


def compile_tiny(name, *options):
    path = suite.path(name + ".goss")
    suite.expect("compile " + name, ["gossc", suite.model, "-o", path, "-q", *options])
    return path


def diff(case, a, b, *options):
    """The differences, which must be some, by part."""
    result = suite.expect(case, ["goss", "diff", a, b, "--format=json", *options], 1, "differ in")
    report = json.loads(result.stdout)
    suite.check(case, report["equal"] is False and report["differences"], "expects differences")
    parts = {}
    for entry in report["differences"]:
        parts.setdefault(entry["part"], {})[entry["name"]] = entry
    text = suite.expect(case, ["goss", "diff", a, b, *options], 1, "differ in").stdout.decode()
    for part in parts:
        suite.check(case, part in text, f"expects '{part}' in the text")
    return parts


def same(case, a, b, *options):
    suite.expect(case, ["goss", "diff", a, b, *options], 0, stdout="are equal")
    result = suite.expect(case, ["goss", "diff", a, b, "--format=json", *options])
    suite.check(case, json.loads(result.stdout) == {"equal": True, "differences": []}, "expects no differences")


fast = compile_tiny("fast")
same("itself", fast, fast)
same("its copy", fast, compile_tiny("again"))
same("values", fast, fast, "--values", "--weights-a", suite.model, "--weights-b", suite.model)

# Another math mode changes code, not the model or its weights.
exact = compile_tiny("exact", "--math=exact")
parts = diff("math", fast, exact)
entry = parts["summary"]["math_mode"]
suite.check("math", (entry["a"], entry["b"], entry["change"]) == ("fast", "exact", "changed"), f"expects the mode but got {entry}")
suite.check("math", "flags" in parts["summary"] and parts.get("kernels"), "expects flags and kernels")
suite.check("math", "config" not in parts and "weights" not in parts, f"expects the same model but got {sorted(parts)}")

# Without fusions there are other operations and more memory traffic.
plain = compile_tiny("plain", "--opt-level=0")
parts = diff("opt level", fast, plain)
suite.check("opt level", {"graph, level fused", "graph, level plan", "memory", "kernels"} <= set(parts), f"expects graph and memory but got {sorted(parts)}")
changes = {entry["change"] for entry in parts["graph, level plan"].values()}
suite.check("opt level", {"added", "removed"} <= changes, f"expects other launches but got {changes}")
suite.check("opt level", "graph, level graph" not in parts, "expects the same graph before fusion")

# Checkpoints: one byte of one weight.
same("checkpoint", suite.model, suite.model, "--values")
changed = copy_checkpoint(suite.model, suite.path("changed"))
same("copied", suite.model, changed, "--values")
path = os.path.join(changed, "model.safetensors")
header, data = read_safetensors(path)
name = "model.layers.1.self_attn.v_proj.weight"
content = bytearray(open(path, "rb").read())
content[len(content) - len(data) + header[name]["data_offsets"][0] + 10] ^= 1
write_bytes(path, bytes(content))
same("without values", suite.model, changed)
parts = diff("a byte", suite.model, changed, "--values")
suite.check("a byte", list(parts) == ["weights"] and list(parts["weights"]) == [name], f"expects one tensor but got {parts}")
parts = diff("a byte, artifacts", fast, fast, "--values", "--weights-a", suite.model, "--weights-b", changed)
suite.check("a byte, artifacts", list(parts["weights"]) == [name], f"expects one tensor but got {parts}")
edit_json(os.path.join(changed, "config.json"), lambda config: config.update(rms_norm_eps=1e-6))
parts = diff("config", suite.model, changed)
suite.check("config", list(parts["config"]) == ["rms_norm_eps"] and "config_sha256" in parts["summary"], f"expects the field but got {parts}")

# Configurations alone.
small, large = (os.path.join(CONFIGS, f"gpt-oss-{size}.json") for size in ("20b", "120b"))
parts = diff("configs", small, large)
entry = parts["config"]["num_layers"]
suite.check("configs", (entry["a"], entry["b"]) == ("24", "36"), f"expects the layers but got {entry}")
added = [entry for entry in parts["weights"].values() if entry["change"] == "added"]
suite.check("configs", len(added) == 12 * 19, f"expects tensors of 12 layers more but got {len(added)}")

suite.expect("kinds", ["goss", "diff", fast, suite.model], 64, ["two artifacts", "a checkpoint"])
suite.expect("one", ["goss", "diff", fast], 64, "B")
suite.expect("missing", ["goss", "diff", fast, suite.path("none.goss")], 66, "none.goss")
suite.expect("values of a config", ["goss", "diff", small, small, "--values"], 64, "a config.json")
suite.expect("values nowhere", ["goss", "diff", fast, fast, "--values"], 66, "model.safetensors")
write_bytes(suite.path("cut.goss"), open(fast, "rb").read()[:3000])
suite.expect("cut", ["goss", "diff", fast, suite.path("cut.goss")], 65, "cut.goss")

suite.finish()
