"""goss eval: perplexity, and the distance from stored logits."""

import json
import math
import os
import resource
import signal
import struct

from support import Suite, copy_checkpoint, read_safetensors, write_bytes

suite = Suite(__doc__)
golden = os.path.join(suite.source, "tests", "data", "golden")
vocabulary = json.load(open(os.path.join(suite.model, "config.json")))["vocab_size"]
write_npy = suite.write_npy


def read_npy(path):
    """Returns (shape, data bytes)."""
    blob = open(path, "rb").read()
    (size,) = struct.unpack("<H", blob[8:10])
    header = eval(blob[10 : 10 + size])
    return header["shape"], blob[10 + size :]


def tensor(name, key):
    """Returns (shape, data bytes) of a golden tensor."""
    header, data = read_safetensors(os.path.join(golden, name + ".safetensors"))
    begin, end = header[key]["data_offsets"]
    return header[key]["shape"], data[begin:end]


def evaluate(case, *arguments, model=None):
    """The report of a run without what differs between runs."""
    result = suite.expect(case, ["goss", "eval", model or exact, "--json", "-q", *arguments])
    report = json.loads(result.stdout)
    report.pop("seconds")
    return report


exact = suite.path("exact.goss")
suite.expect("compile", ["gossc", suite.model, "--math=exact", "--weights=embed", "-o", exact, "-q"])

# Perplexity of the reference's rows.
shape, ids = tensor("ppl_plain_4x512", "input_ids")
tokens = write_npy("tokens.npy", "<i4", shape, ids)
want = struct.unpack("<4f", tensor("ppl_plain_4x512", "nll_sum")[1])
logits = suite.path("logits.npy")
report = evaluate("perplexity", "--tokens", tokens, "--logits-out", logits)
suite.check("perplexity", report["math"] == "exact" and report["tokens"] == 2048 and report["scored_tokens"] == 2044, f"expects the counts but got {report}")
perplexity = math.exp(sum(want) / 2044)
suite.check("perplexity", abs(report["perplexity"] / perplexity - 1) < 1e-4, f"expects {perplexity} but got {report['perplexity']}")
for row, nll in zip(report["sequences"], want):
    suite.check("perplexity", abs(row["nll_sum"] / nll - 1) < 1e-4, f"expects {nll} but got {row}")
print(f"perplexity {report['perplexity']:.6f}, reference {perplexity:.6f}")

# The same bits whatever is computed together.
for case in (["-b", "4"], ["-b", "3", "-t", "1", "--prefill-chunk=37"], ["--prefill-chunk=64"]):
    other = suite.path("other.npy")
    suite.check("same", evaluate("same", "--tokens", tokens, "--logits-out", other, *case) == report, f"expects the same report with {case}")
    suite.check("same", open(other, "rb").read() == open(logits, "rb").read(), f"expects the same logits with {case}")

# Compared with themselves, logits agree.
suite.check("logits", read_npy(logits)[0] == (4, 512, vocabulary), f"expects all logits but got {read_npy(logits)[0]}")
same = evaluate("itself", "--tokens", tokens, "--compare", logits, "-b", "2")["comparison"]
suite.check("itself", same["positions"] == 2048 and same["top1_agreement"] == 1, f"expects agreement but got {same}")
suite.check("itself", not any(same[key] for key in ("mean_kl", "max_kl", "max_error", "rms_error")), f"expects no difference but got {same}")

# A second compilation in another order of additions: near, not equal.
oracle = suite.path("oracle.goss")
suite.expect("compile", ["gossc", suite.model, "--math=exact", "--opt-level=0", "--weights=embed", "-o", oracle, "-q"])
short = suite.path("short.txt")
lines = [ids[2048 * row : 2048 * row + 4 * length] for row, length in enumerate((40, 3, 1, 25))]
with open(short, "w") as file:
    for line in lines:
        file.write(", ".join(map(str, struct.unpack(f"<{len(line) // 4}i", line))) + "\n\n")
ragged = suite.path("ragged.npy")
evaluate("ragged", "--tokens", short, "--logits-out", ragged, "-b", "4")
suite.check("ragged", read_npy(ragged)[0] == (69, vocabulary), f"expects 69 rows but got {read_npy(ragged)[0]}")
near = evaluate("oracle", "--tokens", short, "--compare", ragged, model=oracle)["comparison"]
suite.check("oracle", 0 < near["max_error"] < 1e-3 and 0 <= near["mean_kl"] < 1e-8 and near["rms_error"] <= near["max_error"], f"expects a small difference but got {near}")

# Statistics of a difference that is known: one logit of one row moved.
shape, data = read_npy(ragged)
row = list(struct.unpack(f"<{vocabulary}f", data[4 * vocabulary * 41 : 4 * vocabulary * 42]))
moved = list(row)
moved[max(range(vocabulary), key=lambda i: (row[i], -i))] -= 30
total = sum(math.exp(value - max(row)) for value in row)
total_moved = sum(math.exp(value - max(row)) for value in moved)
kl = sum(math.exp(b - max(row)) / total_moved * ((b - a) - math.log(total_moved / total)) for a, b in zip(row, moved))
changed = data[: 4 * vocabulary * 41] + struct.pack(f"<{vocabulary}f", *moved) + data[4 * vocabulary * 42 :]
comparison = evaluate("moved", "--tokens", short, "--compare", write_npy("moved.npy", "<f4", shape, changed))["comparison"]
suite.check("moved", abs(comparison["max_kl"] / kl - 1) < 1e-6 and abs(comparison["mean_kl"] * 69 / kl - 1) < 1e-6, f"expects a divergence of {kl} but got {comparison}")
suite.check("moved", (comparison["max_kl_sequence"], comparison["max_kl_position"]) == (1, 1), f"expects the place but got {comparison}")
suite.check("moved", abs(comparison["top1_agreement"] - 68 / 69) < 1e-9 and abs(comparison["max_error"] - 30) < 1e-5, f"expects one difference but got {comparison}")

# The reference's own logits of the last positions.
for name in ("p2_len5", "p6_len200", "p7_len700"):
    path = write_npy("prompt.npy", "<i4", *tensor(name, "input_ids"))
    last = write_npy("last.npy", "<f4", *tensor(name, "logits_last"))
    report = evaluate(name, "--tokens", path, "--last=4", "--compare", last)
    comparison = report["comparison"]
    suite.check(name, comparison["positions"] == 4 and report["scored_tokens"] == 3, f"expects 4 positions but got {report}")
    suite.check(name, comparison["max_error"] < 2e-3 and comparison["max_kl"] < 1e-7 and comparison["top1_agreement"] == 1, f"expects the reference's logits but got {comparison}")
one = write_npy("prompt.npy", "<i4", *tensor("p1_len1", "input_ids"))
report = evaluate("one token", "--tokens", one, "--last=4")
suite.check("one token", report["perplexity"] is None and report["scored_tokens"] == 0, f"expects no perplexity but got {report}")

# Text, tables.
suite.expect("text", ["goss", "eval", exact, "-p", "Once upon a time there was a dog."], 0, "Evaluated", stdout="perplexity")
suite.expect("standard input", ["goss", "eval", exact, "--tokens=-", "-q"], 0, stdout="perplexity", input=b"1 2 3\n4,5\n")
suite.expect("table", ["goss", "eval", exact, "--tokens", short, "--compare", ragged, "-q"], 0, stdout="top-1 agreement    100.000 %")

# What cannot be evaluated: one line, an exit code, nothing left behind.
out = suite.path("out")
os.makedirs(out)
target = ["--logits-out", os.path.join(out, "x.npy")]
floats = write_npy("floats.npy", "<f4", [4], bytes(16))
for case, arguments, code, message in [
    ("no source", [], 64, "expects one of --tokens=FILE"),
    ("two sources", ["--tokens", tokens, "-p", "x"], 64, "several"),
    ("last", ["--tokens", tokens, "--last=0"], 64, "--last"),
    ("batch", ["--tokens", tokens, "--batch=0"], 64, "--batch"),
    ("missing", ["--tokens", suite.path("none")], 66, "none"),
    ("words", ["--tokens", write_bytes(suite.path("words"), b"1 2\n3 x\n") or suite.path("words")], 65, "line 2"),
    ("empty", ["--tokens", write_bytes(suite.path("empty"), b"\n") or suite.path("empty")], 65, "at least one token"),
    ("large id", ["--tokens", write_npy("large.npy", "<i4", [2], struct.pack("<2i", 1, vocabulary))], 65, "sequence 0, position 1"),
    ("negative id", ["--tokens", write_npy("negative.npy", "<i4", [1], struct.pack("<i", -1))], 65, "got -1"),
    ("float ids", ["--tokens", floats], 65, "int32"),
    ("long ids", ["--tokens", write_npy("long.npy", "<i8", [1], bytes(8))], 65, "'<i8'"),
    ("too long", ["--tokens", write_npy("much.npy", "<i4", [1 << 20], bytes(4 << 20))], 65, "context"),
    ("cut", ["--tokens", write_npy("cut_ids.npy", "<i4", [4, 512], bytes(100))], 65, "8192 bytes"),
    ("vast", ["--tokens", write_npy("vast.npy", "<i4", [1 << 40, 1 << 40], bytes(8))], 65, "2^64"),
    ("no reference", ["--tokens", tokens, "--compare", suite.path("none")], 66, "none"),
    ("not npy", ["--tokens", tokens, "--compare", short], 65, "is not a .npy file"),
    ("integer reference", ["--tokens", tokens, "--compare", tokens], 65, "expects float32 logits"),
    ("other shape", ["--tokens", tokens, "--compare", ragged], 65, f"expects logits of shape [2048, {vocabulary}] or [4, 512, {vocabulary}]"),
    ("other last", ["--tokens", tokens, "--last=4", "--compare", logits], 65, f"[4, 4, {vocabulary}]"),
    ("cut reference", ["--tokens", tokens, "--compare", write_npy("cut.npy", "<f4", [2048, vocabulary], bytes(100))], 65, "bytes of elements"),
    ("not finite", ["--tokens", short, "--compare", write_npy("nan.npy", "<f4", shape, data[:-4] + struct.pack("<f", math.nan))], 65, "row 68: expects finite logits"),
]:
    suite.expect(case, ["goss", "eval", exact, "-q", *arguments, *target], code, message)
    suite.leaves_nothing(case, out)
suite.expect("no folder", ["goss", "eval", exact, "-q", "--tokens", short, "--logits-out", suite.path("no", "x.npy")], 66, "x.npy")
suite.expect("a folder", ["goss", "eval", exact, "-q", "--tokens", short, "--logits-out", out], 64, "expects a file")


def limit_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


suite.expect("full disk", ["goss", "eval", exact, "-q", "--tokens", short, *target], 74, "x.npy", preexec_fn=limit_files)
suite.leaves_nothing("full disk", out)

# A model whose logits are no numbers: the position is named.
broken = copy_checkpoint(suite.model, suite.path("broken"))
suite.expect("compile", ["gossc", broken, "--math=exact", "-o", suite.path("broken.goss"), "-q"])
path = os.path.join(broken, "model.safetensors")
header, weights = read_safetensors(path)
blob = bytearray(open(path, "rb").read())
place = len(blob) - len(weights) + header["model.norm.weight"]["data_offsets"][0]
blob[place : place + 2] = b"\xc0\x7f"
write_bytes(path, bytes(blob))
suite.expect("broken model", ["goss", "eval", suite.path("broken.goss"), "-q", "--tokens", short, *target], 65, "sequence 0, position 0: expects finite logits but got")
suite.leaves_nothing("broken model", out)

suite.finish()
