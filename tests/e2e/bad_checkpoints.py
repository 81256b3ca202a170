"""Broken weight files are refused with file, tensor and what was expected."""

import json
import os
import struct

from support import (
    Suite,
    copy_checkpoint,
    edit_json,
    pack_safetensors,
    read_safetensors,
    write_bytes,
)

suite = Suite(__doc__)
WEIGHTS = "model.safetensors"
header, data = read_safetensors(os.path.join(suite.model, WEIGHTS))
blob = open(os.path.join(suite.model, WEIGHTS), "rb").read()
Q = "model.layers.0.self_attn.q_proj.weight"


def renamed(old, new):
    return {(new if key == old else key): value for key, value in header.items()}


def changed(name, **values):
    result = json.loads(json.dumps(header))
    result[name].update(values)
    return result


def swapped_text():
    """The last tensor begins where the one before it begins: an overlap."""
    names = sorted(
        (name for name in header if name != "__metadata__"),
        key=lambda name: header[name]["data_offsets"][0],
    )
    first, second = names[0], names[1]
    begin, end = header[second]["data_offsets"]
    return changed(second, data_offsets=[begin - 2, end - 2]), second


overlap, overlapping = swapped_text()
last = max(
    (name for name in header if name != "__metadata__"),
    key=lambda name: header[name]["data_offsets"][1],
)
shape = header[Q]["shape"]

# (name, bytes of the file, what the message must name)
CASES = [
    ("empty file", b"", WEIGHTS),
    ("only a length", struct.pack("<Q", 100), WEIGHTS),
    ("cut in the header", blob[:1000], WEIGHTS),
    ("cut in the data", blob[:-1], WEIGHTS),
    ("one byte too many", blob + b"\0", WEIGHTS),
    ("header of 2^63 bytes", struct.pack("<Q", 1 << 63) + blob[8:], WEIGHTS),
    ("header beyond the limit", struct.pack("<Q", 100_000_001) + blob[8:], WEIGHTS),
    ("header not JSON", pack_safetensors(b"not json", data), WEIGHTS),
    ("header a list", pack_safetensors(b"[]", data), WEIGHTS),
    ("header names a tensor twice", pack_safetensors(
        json.dumps(header).encode()[:-1] + b"," + json.dumps({Q: header[Q]}).encode()[1:], data), Q),
    ("overlap", pack_safetensors(overlap, data), overlapping),
    ("range past the end", pack_safetensors(
        changed(last, data_offsets=[header[last]["data_offsets"][0], len(data) + 64]), data), last),
    ("range reversed", pack_safetensors(changed(Q, data_offsets=header[Q]["data_offsets"][::-1]), data), Q),
    ("negative offset", pack_safetensors(changed(Q, data_offsets=[-1, 5]), data), Q),
    ("size against shape", pack_safetensors(changed(Q, shape=[shape[0], shape[1] + 1]), data), Q),
    ("shape overflows", pack_safetensors(changed(Q, shape=[1 << 62, 1 << 62]), data), Q),
    ("unknown dtype", pack_safetensors(changed(Q, dtype="Q7"), data), [Q, "Q7"]),
    ("shape against config", pack_safetensors(changed(Q, shape=shape[::-1]), data), Q),
    ("dtype against model", pack_safetensors(
        changed("model.layers.0.mlp.experts.down_proj_blocks", dtype="I8"), data), "down_proj_blocks"),
    ("misnamed tensor", pack_safetensors(renamed(Q, Q + "s"), data), Q),
]

for name, content, message in CASES:
    folder = copy_checkpoint(suite.model, suite.path(name.replace(" ", "-")), [WEIGHTS])
    write_bytes(os.path.join(folder, WEIGHTS), content)
    before = os.listdir(folder)
    output = os.path.join(folder, "out.goss")
    suite.expect(name, ["gossc", folder, "-o", output], 65, message)
    suite.leaves_nothing(name, folder, before)
    suite.expect(name + ", verify", ["goss", "verify", folder], 65, message)

# Missing and additional tensors.
begin, end = header[last]["data_offsets"]
folder = copy_checkpoint(suite.model, suite.path("missing"), [WEIGHTS])
less = {key: value for key, value in header.items() if key != last}
write_bytes(os.path.join(folder, WEIGHTS), pack_safetensors(less, data[:begin]))
suite.expect("missing tensor", ["gossc", folder, "-o", suite.path("x.goss")], 65, ["missing", last])
folder = copy_checkpoint(suite.model, suite.path("extra"), [WEIGHTS])
more = dict(header, extra={"dtype": "U8", "shape": [4], "data_offsets": [len(data), len(data) + 4]})
write_bytes(os.path.join(folder, WEIGHTS), pack_safetensors(more, data + b"abcd"))
suite.expect("additional tensor", ["gossc", folder, "-o", suite.path("x.goss")], 65, "extra")
folder = copy_checkpoint(suite.model, suite.path("no-weights"), [WEIGHTS])
suite.expect("no weights", ["gossc", folder, "-o", suite.path("x.goss")], 66, "safetensors")

# An index must stay inside its folder and tell the truth.
NAMES = [name for name in header if name != "__metadata__"]
INDEXES = [
    ("index leaves the folder", {n: "../model.safetensors" for n in NAMES}, 65, "../model.safetensors"),
    ("index with an absolute path", {n: "/etc/passwd" for n in NAMES}, 65, "/etc/passwd"),
    ("index names a missing file", {n: "model-2.safetensors" for n in NAMES}, 66, "model-2.safetensors"),
    ("index without a tensor", {n: "weights.safetensors" for n in NAMES if n != Q}, 65, Q),
    ("index with another tensor", dict({n: "weights.safetensors" for n in NAMES}, more="weights.safetensors"), 65, "more"),
]
for name, weight_map, code, message in INDEXES:
    folder = copy_checkpoint(suite.model, suite.path(name.replace(" ", "-")), [WEIGHTS])
    write_bytes(os.path.join(folder, "weights.safetensors"), blob)
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as file:
        json.dump({"metadata": {"total_size": len(data)}, "weight_map": weight_map}, file)
    suite.expect(name, ["gossc", folder, "-o", suite.path("x.goss")], code, message)

# Tokenizers.
TOKENIZERS = [
    ("tokenizer not JSON", lambda path: write_bytes(path, b"{")),
    ("tokenizer empty", lambda path: write_bytes(path, b"")),
    ("tokenizer of another type", lambda path: edit_json(path, lambda t: t["model"].update(type="WordPiece"))),
    ("tokenizer without vocabulary", lambda path: edit_json(path, lambda t: t["model"].pop("vocab"))),
    ("tokenizer with a negative id", lambda path: edit_json(path, lambda t: t["model"]["vocab"].update({"a": -1}))),
    ("tokenizer with an id twice", lambda path: edit_json(path, lambda t: t["model"]["vocab"].update({"a": 5, "b": 5}))),
    ("tokenizer with a merge of nothing", lambda path: edit_json(path, lambda t: t["model"]["merges"].append(["\u0120zzzz", "qqqq"]))),
    ("tokenizer with a broken pattern", lambda path: edit_json(
        path, lambda t: t["pre_tokenizer"]["pretokenizers"][0]["pattern"].update(Regex="(["))),
    ("tokenizer with a normalizer", lambda path: edit_json(path, lambda t: t.update(normalizer={"type": "NFC"}))),
]
for name, damage in TOKENIZERS:
    folder = copy_checkpoint(suite.model, suite.path(name.replace(" ", "-")))
    damage(os.path.join(folder, "tokenizer.json"))
    suite.expect(name, ["gossc", folder, "-o", suite.path("x.goss")], 65, "tokenizer.json")
    suite.expect(name + ", tokenize", ["goss", "tokenize", os.path.join(folder, "tokenizer.json")], 65,
                 "tokenizer.json", input=b"x")

suite.check("no artifact", not os.path.exists(suite.path("x.goss")), "expects no artifact but got one")
suite.finish()
