"""goss run --probe and --dump-activations: values that launches left."""

import json
import os
import struct

from support import Suite, read_safetensors, write_bytes

suite = Suite(__doc__)
golden = os.path.join(suite.source, "tests", "data", "golden")
exact = suite.path("exact.goss")
suite.expect("compile", ["gossc", suite.model, "--math=exact", "-o", exact, "-q"])
layers = json.load(open(os.path.join(suite.model, "config.json")))["num_hidden_layers"]


def read_npy(path):
    """Returns (type, shape, values)."""
    blob = open(path, "rb").read()
    (size,) = struct.unpack("<H", blob[8:10])
    header = eval(blob[10 : 10 + size])
    data = blob[10 + size :]
    return header["descr"], header["shape"], struct.unpack(f"<{len(data) // 4}{header['descr'][1]}", data)


def tensor(name, key, code):
    header, data = read_safetensors(os.path.join(golden, name + ".safetensors"))
    begin, end = header[key]["data_offsets"]
    return header[key]["shape"], struct.unpack(f"<{(end - begin) // 4}{code}", data[begin:end])


def run(case, ids, *options, code=0, message=None):
    tokens = "--tokens=" + ",".join(map(str, ids))
    return suite.expect(case, ["goss", "run", exact, "--weights", suite.model, tokens, "-n", "1", "--greedy", *options], code, message)


# Everything of one step, against the reference and against goss eval.
for name in ("p2_len5", "p6_len200"):
    _, ids = tensor(name, "input_ids", "i")
    folder = suite.path(name)
    run(name, ids, "--dump-activations", folder)
    index = json.load(open(os.path.join(folder, "index.json")))
    suite.check(name, index["steps"][0]["tokens"] == list(ids) and index["steps"][0]["positions"] == list(range(len(ids))), "expects the step's tokens")
    files = {value["file"] for value in index["values"]}
    suite.check(name, files | {"index.json"} == set(os.listdir(folder)), "expects an index of all files")
    values = {value["name"]: value for value in index["values"]}
    for value in index["values"]:
        kind, shape, elements = read_npy(os.path.join(folder, value["file"]))
        suite.check(name, list(shape) == value["shape"] and kind == {"F32": "<f4", "I32": "<i4"}[value["dtype"]], f"expects what the index says of {value['file']}")
        suite.check(name, min(elements) == value["min"] and max(elements) == value["max"], f"expects the limits of {value['file']}")
        suite.check(name, value["file"].startswith(f"0-{value['launch']}-{value['name']}"), f"expects a name of step, launch and op but got {value['file']}")
    # The residual stream after the embedding and after each layer.
    (rows, columns), want = tensor(name, "hidden_last", "f")
    suite.check(name, rows == layers + 1, "expects a row a layer")
    for row in range(rows):
        value = values["embedding" if row == 0 else f"layers.{row - 1}.mlp.residual"]
        _, shape, got = read_npy(os.path.join(folder, value["file"]))
        suite.check(name, shape == (len(ids), columns), f"expects {len(ids)} rows but got {shape}")
        error = max(abs(a - b) for a, b in zip(got[-columns:], want[row * columns : (row + 1) * columns]))
        suite.check(name, error < 2e-3, f"expects row {row} of the reference but it is off by {error}")
    # The last launch leaves the logits, to the last bit.
    logits = suite.path(name + ".npy")
    write_bytes(suite.path("ids.txt"), " ".join(map(str, ids)).encode())
    suite.expect(name, ["goss", "eval", exact, "--weights", suite.model, "--tokens", suite.path("ids.txt"), "--last=1", "--logits-out", logits, "-q"])
    _, shape, got = read_npy(os.path.join(folder, values["lm_head"]["file"]))
    suite.check(name, shape[0] == 1 and got == read_npy(logits)[2], "expects the logits of goss eval")

# Chosen values are described; with a folder they alone are written.
result = run("probe", [1, 2, 3], "--probe=layers.1.attention.q", "--probe=rope_table:1", message=["layers.1.attention.q, step 0: float32 [3, 256], min ", "rope_table:1, step 0: float32 [3, 16]"])
suite.check("probe", b"rope_table:0" not in result.stderr, "expects the chosen buffer only")
folder = suite.path("some")
os.makedirs(folder)
run("some", [1, 2, 3], "--probe=lm_head", "--dump-activations", folder)
suite.check("some", len(os.listdir(folder)) == 2, f"expects one value and the index but got {os.listdir(folder)}")
folder = suite.path("steps")
run("steps", [1, 2, 3, 4, 5], "--probe=embedding", "--dump-activations", folder, "--probe-steps=1-2", "--prefill-chunk=2")
found = [(value["step"], value["shape"][0]) for value in json.load(open(os.path.join(folder, "index.json")))["values"]]
suite.check("steps", found == [(1, 2), (2, 1)], f"expects steps 1 and 2 but got {found}")
run("no such step", [1, 2], "--probe=lm_head", "--probe-steps=7", message="1 steps")

# Wrong arguments.
run("unknown name", [1], "--probe=layers.0.attention.qq", code=64, message="did you mean 'layers.0.attention.q'?")
run("unknown binding", [1], "--probe=lm_head:1", code=64, message="lm_head")
run("bad binding", [1], "--probe=lm_head:x", code=64, message="lm_head:x")
run("cache", [1], "--probe=layers.0.attention.cache", code=64, message="cache")
run("not empty", [1], "--dump-activations", folder, code=64, message=folder)
run("file", [1], "--dump-activations", exact, code=64, message="exact.goss")
run("no parent", [1], "--dump-activations", suite.path("none", "values"), code=66, message="none/values")
run("bad steps", [1], "--probe=lm_head", "--probe-steps=3-1", code=64, message="--probe-steps")
run("steps alone", [1], "--probe-steps=1", code=64, message="--probe-steps")
run("refused tokens", [999999], "--dump-activations", suite.path("refused"), code=65)
left = [name for name in os.listdir(suite.scratch) if "partial" in name or name == "refused"]
suite.check("refused tokens", not left, f"expects nothing left behind but got {left}")

suite.finish()
