"""Packed weights: one file that runs anywhere, the same bytes, checked whole."""

import filecmp
import json
import os
import shutil

from support import Suite, write_bytes

suite = Suite(__doc__)
flags = ["--layout=packed", "--dense=int8"]
packed = suite.path("packed.goss")
suite.expect("compile", ["gossc", suite.model, "-o", packed, *flags], 0, ["math fast", "cache f32"])
os.makedirs(suite.path("other"))
suite.expect("compile again", ["gossc", suite.model, "-o", suite.path("other", "again.goss"), "-q", *flags], cwd=suite.path("other"))
suite.check("same bytes", filecmp.cmp(packed, suite.path("other", "again.goss"), shallow=False), "expects equal artifacts")
suite.expect("verify", ["goss", "verify", packed])

# Alone in another folder it gives what published weights give.
os.makedirs(suite.path("alone"))
alone = shutil.copy(packed, suite.path("alone", "m.goss"))
suite.expect("published", ["gossc", suite.model, "-o", suite.path("published.goss"), "-q"])
suite.expect("experts", ["gossc", suite.model, "-o", suite.path("alone", "experts.goss"), "-q", "--layout=packed"])
prompt = ["-p", "Once upon a time", "-n", "60", "--greedy", "--json", "-q"]
result = suite.expect("run alone", ["goss", "run", "m.goss", *prompt], cwd=suite.path("alone"))
suite.check("run alone", len(json.loads(result.stdout)["tokens"]) > 10, "expects a story")
want = suite.expect("run published", ["goss", "run", suite.path("published.goss"), "--weights", suite.model, *prompt])
got = suite.expect("run experts", ["goss", "run", "experts.goss", *prompt], cwd=suite.path("alone"))
suite.check("same tokens", json.loads(got.stdout)["tokens"] == json.loads(want.stdout)["tokens"], "expects the tokens of published weights")

# What it holds.
facts = json.loads(suite.expect("inspect", ["goss", "inspect", packed, "--format=json"]).stdout)["summary"]
suite.check("inspect", facts["math_mode"] == "fast", f"expects the mode but got {facts}")
suite.check("inspect", facts["weights_embedded"] and facts["weight_layout"] == "mixed", f"expects the layout but got {facts}")
suite.check("inspect", facts["cache_dtype"] == "F32", f"expects the cache's type but got {facts}")
suite.expect("inspect text", ["goss", "inspect", packed], 0, stdout="mixed")
tensors = json.loads(suite.expect("weights", ["goss", "inspect", packed, "--what=weights", "--format=json"]).stdout)["weights"]
layouts = {}
for tensor in tensors:
    layouts.setdefault((tensor["parameter"], tensor["layout"]), []).append(tensor["dtype"])
suite.check("weights", layouts[("layers.0.mlp.experts.gate_up", "row_panel")] == ["U8", "U8"], f"expects panels of experts but got {sorted(layouts)[:8]}")
suite.check("weights", all(types == ["U8", "BF16"] for (name, layout), types in layouts.items() if layout == "row_panel" and "experts" not in name), "expects 8-bit dense weights with steps")
kept = {name for name, layout in layouts if layout == "published"}
suite.check("weights", any("embed" in name for name in kept) and any("router" in name for name in kept), f"expects embedding and router as published but got {sorted(kept)[:8]}")
suite.check("weights", sum(tensor["size"] for tensor in tensors) < os.path.getsize(packed), "expects the weights in the file")
suite.expect("weights text", ["goss", "inspect", packed, "--what=weights"], 0, stdout="row_panel")

# One step a row: the same bytes of weights, and fewer of steps.
channel = suite.path("alone", "channel.goss")
suite.expect("channel", ["gossc", suite.model, "-o", channel, "-q", "--dense=int8-channel"])
suite.expect("dense", ["gossc", suite.model, "-o", suite.path("dense.goss"), "-q", "--dense=int8"])
suite.expect("verify", ["goss", "verify", channel])
forms = {}
for name, path in (("published", suite.path("published.goss")), ("int8", suite.path("dense.goss")), ("int8-channel", channel)):
    listed = json.loads(suite.expect("weights", ["goss", "inspect", path, "--what=weights", "--format=json"]).stdout)["weights"]
    forms[name] = {(tensor["parameter"], tensor["dtype"]): tensor["shape"] for tensor in listed}
    facts = json.loads(suite.expect("inspect", ["goss", "inspect", path, "--format=json"]).stdout)["summary"]
    suite.check("inspect", facts["dense_form"] == name, f"expects the form {name} but got {facts}")
    text = suite.expect("inspect text", ["goss", "inspect", path]).stdout.decode()
    suite.check("inspect text", ["others", "are", name] in [line.split() for line in text.splitlines()], f"expects the form {name} but got {text}")
suite.check("channel", forms["int8"].keys() == forms["int8-channel"].keys(), "expects the same tensors")
query = "layers.0.attention.q.weight"
suite.check("channel", forms["int8"][query, "U8"] == forms["int8-channel"][query, "U8"] == [16, 6, 8, 16, 4], f"expects panels but got {forms['int8'][query, 'U8']}")
suite.check("channel", (forms["int8"][query, "BF16"], forms["int8-channel"][query, "BF16"]) == ([16, 6, 16], [16, 1, 16]), f"expects a step a row but got {forms['int8-channel'][query, 'BF16']}")
stats = json.loads(suite.expect("stats", ["goss", "inspect", channel, "--what=weights", "--stats", "--format=json"]).stdout)["weights"]
published = json.loads(suite.expect("stats", ["goss", "inspect", suite.model, "--what=weights", "--stats", "--format=json"]).stdout)["weights"]
rms = [next(t["stats"]["rms"] for t in tensors if t["parameter"] == query) for tensors in (stats, published)]
suite.check("stats", abs(rms[0] / rms[1] - 1) < 1e-3 and rms[0] != rms[1], f"expects nearly the numbers of the checkpoint but got {rms}")
got = suite.expect("run channel", ["goss", "run", "channel.goss", *prompt], cwd=suite.path("alone"))
suite.check("run channel", len(json.loads(got.stdout)["tokens"]) > 10, "expects a story")

# A flipped byte among the packed weights is found.
content = bytearray(open(packed, "rb").read())
tensor = next(t for t in tensors if t["layout"] == "row_panel")
for place in (len(content) // 2, len(content) - tensor["size"] // 2):
    flipped = bytearray(content)
    flipped[place] ^= 0x10
    write_bytes(suite.path("flipped.goss"), bytes(flipped))
    suite.expect(f"flipped byte {place}", ["goss", "verify", suite.path("flipped.goss")], 65, "weights")

# What does not go together, and leaves nothing behind.
os.makedirs(suite.path("empty"))
for options, parts in [
    (["--dense=int8", "--math=exact"], ["--dense=int8", "--math=fast or int8", "exact"]),
    (["--layout=packed", "--weights=reference"], ["--layout=packed", "--weights=embed", "reference"]),
    (["-O0", "--math=fast"], ["--opt-level=0", "--math=exact", "--math=fast"]),
    (["-O0", "--math=int8"], ["--opt-level=0", "--math=exact", "--math=int8"]),
    (["-O0", "--layout=packed"], ["--opt-level=0", "--layout=published"]),
    (["--dense=int8", "--weights=reference"], ["--dense=int8", "--weights=embed", "reference"]),
    (["--dense=int8-channel", "--math=exact"], ["--dense=int8-channel", "--math=fast or int8", "exact"]),
    (["--dense=int8-channel", "--weights=reference"], ["int8-channel", "--weights=embed", "reference"]),
    (["-O0", "--dense=int8-channel"], ["--dense=int8-channel", "--math=fast or int8", "exact"]),
    (["--target=cuda", "--chip=sm_90", "--dense=int8"], ["--dense expects bf16", "cuda", "int8"]),
    (["--target=cuda", "--chip=sm_90", "--dense=int8-channel"], ["--dense expects bf16", "cuda", "int8-channel"]),
]:
    name = " ".join(options)
    suite.expect(name, ["gossc", suite.model, "-q", *options], 64, parts, cwd=suite.path("empty"))
    suite.leaves_nothing(name, suite.path("empty"))

suite.finish()
