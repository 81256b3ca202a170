"""goss validate: a right model passes, each kind of wrong one fails."""

import json
import math
import os
import struct

from browser import Browser, missing
from support import Suite, copy_checkpoint, read_safetensors, write_bytes

suite = Suite(__doc__)
CHECKS = ["decode", "products", "layers", "logits", "reference", "perplexity", "sampling", "generation", "throughput"]
# What a case is not about is left out: the whole is done once.
FAST = ["--draws=2000", "--lengths=16", "-q"]


def only(*names):
    return [f"--skip={name}" for name in CHECKS if name not in names]


def validate(case, *arguments, code=0, message=None, checkpoint=None):
    """Runs it; returns the JSON report and its checks by name."""
    out = suite.path(case.replace(" ", "-"))
    suite.expect(case, ["goss", "validate", checkpoint or suite.model, "-o", out, *arguments], code, message)
    files = sorted(os.listdir(out)) if os.path.isdir(out) else []
    suite.check(case, files == ["validation.html", "validation.json"], f"expects two reports and nothing else but got {files}")
    with open(os.path.join(out, "validation.json"), encoding="utf-8") as file:
        report = json.load(file)
    suite.check(case, report["passed"] == (code == 0), f"expects passed to be {code == 0}")
    return report, {check["name"]: check for check in report["checks"]}


def outcomes(checks, *names):
    return [checks[name]["outcome"] for name in names]


embedded, oracle = suite.path("embedded.goss"), suite.path("oracle.goss")
suite.expect("compile", ["gossc", suite.model, "--math=exact", "--weights=embed", "-o", embedded, "-q"])
suite.expect("compile", ["gossc", suite.model, "--opt-level=0", "-o", oracle, "-q"])
# Nothing is compiled where both are given.
GIVEN = ["--gossc", suite.path("none"), "--oracle", oracle]
BOTH = [*GIVEN, "--model", embedded]

# The whole suite on the embedded model, against the stored reference logits.
golden = os.path.join(suite.source, "tests", "data", "golden", "p6_len200.safetensors")
header, data = read_safetensors(golden)


def tensor(key):
    begin, end = header[key]["data_offsets"]
    return header[key]["shape"], data[begin:end]


tokens = suite.write_npy("tokens.npy", "<i4", *tensor("input_ids"))
shape, last = tensor("logits_last")
reference = suite.write_npy("reference.npy", "<f4", shape, last)
REFERENCE = ["--tokens", tokens, "--against", reference, "--last=4"]
report, checks = validate("whole", *REFERENCE, "--lengths=16,64", "--draws=5000")
suite.check("whole", list(checks) == CHECKS, f"expects all checks in order but got {list(checks)}")
suite.check("whole", outcomes(checks, *CHECKS) == ["PASSED"] * 8 + ["MEASURED"], f"expects them to pass but got {checks}")
tensors = report["tensors"]
suite.check("whole", report["model"] == report["oracle"] == "compiled by gossc" and report["form"] == "hf", f"expects what was validated but got {report['model']}")
suite.check("decode", len(tensors) == 105 and sum(each["elements"] for each in tensors) == 9062352, "expects every parameter")
suite.check("decode", not any(each["different"] or each["not_finite"] for each in tensors), "expects exact decoding")
products = [each for each in tensors if each["products"]]
suite.check("products", len(products) == len(tensors), "expects products with every parameter, sinks included")
suite.check("products", all(0 <= each["relative"] < 2e-5 for each in products) and any(each["relative"] for each in products), "expects small errors")
suite.check("layers", {each["layer"] for each in report["values"]} == set(range(-1, 6)), "expects values of every layer")
first, stored = report["logits"]
suite.check("logits", first["against"] == "oracle" and first["positions"] == 64 == len(first["kl"]), f"expects 64 positions but got {first}")
suite.check("reference", stored["against"] == reference and stored["positions"] == 4 and stored["max_error"] < 2e-3, f"expects the reference but got {stored}")
suite.check("perplexity", abs(stored["perplexity"] / stored["reference_perplexity"] - 1) < 1e-4 and stored["scored_tokens"] == 3, f"expects equal perplexities but got {stored}")
names = ["greedy", "plain", "temperature", "top-k", "top-p", "min-p", "repetition-penalty", "combined"]
suite.check("sampling", [each["name"] for each in report["strategies"]] == names, "expects every strategy")
for each in report["strategies"]:
    name = each["name"]
    suite.check(name, each["draws"] == 5000 and each["p_value"] > 1e-6 and each["impossible"] == 0 and each["repeats"], f"expects a right sampler but got {each}")
    suite.check(name, len(each["tokens"]) == 32 and each["text"], "expects a generation")
    # The statistic and p from what the report lists, where it lists all bins.
    if len(each["frequencies"]) == each["degrees"] + 1:
        statistic = sum((row["observed"] - row["expected"]) ** 2 / row["expected"] for row in each["frequencies"])
        suite.check(name, math.isclose(statistic, each["statistic"], rel_tol=1e-9, abs_tol=1e-9), f"expects chi-square {statistic}")
suite.check("top-k", report["strategies"][3]["candidates"] == 20 and report["strategies"][0]["candidates"] == 1, "expects the cut")
suite.check("throughput", [each["length"] for each in report["rates"]] == [16, 64] and all(each["prompt_rate"] > 0 < each["decode_rate"] for each in report["rates"]), "expects rates")

# Draws repeat with the seed, and change with it.
draws = [validate(f"seed {run}", *FAST, *BOTH, *only("sampling", "generation"), f"--seed={seed}")[0]["strategies"] for run, seed in enumerate((1, 1, 2))]
suite.check("seed", draws[0] == draws[1], "expects the same draws for the same seed")
suite.check("seed", draws[0] != draws[2], "expects others for another seed")

# Other forms of the model, each held to its own limits.
for case, arguments in [
    ("fast", ["--math=fast", "--gossc-option=--layout=packed", "--oracle", oracle]),
    ("int8", ["--math=int8", "--oracle", oracle]),
    ("fast with 8 bits a block", ["--math=fast", "--gossc-option=--dense=int8", "--oracle", oracle]),
    ("fast with 8 bits a row", ["--math=fast", "--gossc-option=--dense=int8-channel", "--oracle", oracle]),
]:
    report, checks = validate(case, *FAST, *arguments, *only("layers", "logits", "perplexity"))
    mean_kl = report["logits"][0]["mean_kl"]
    suite.check(case, report["math_mode"] == case.split()[0] and mean_kl > 0, f"expects the mode but got {report['math_mode']}")
    # Rounded weights show: without them fast is a thousand times closer.
    suite.check(case, (mean_kl > 1e-5) == (case != "fast"), f"expects the error of the form but got a mean KL of {mean_kl}")
    suite.check(case, outcomes(checks, "layers", "decode") == ["PASSED", "SKIPPED"], f"expects what was asked for but got {checks}")

# Table and JSON on standard output.
suite.expect("table", ["goss", "validate", suite.model, "-o", suite.path("table"), *FAST, *BOTH, *only("logits", "sampling", "throughput")], stdout="repetition-penalty")
result = suite.expect("json", ["goss", "validate", suite.model, "-o", suite.path("json"), "--json", *FAST, *BOTH, *only("decode")])
suite.check("json", json.loads(result.stdout) == json.load(open(suite.path("json", "validation.json"))), "expects the file on standard output")

# Artifacts that are given are used, and nothing is compiled.
report, _ = validate("given", *FAST, *BOTH, *only("products", "layers"))
suite.check("given", report["model"] == embedded and report["oracle"] == oracle, "expects the artifacts")

# Wrong models, each found by the check that is for it.
bad_logits = bytearray(last)
struct.pack_into("<f", bad_logits, 4, struct.unpack_from("<f", last, 4)[0] + 0.01)
wrong = suite.write_npy("wrong.npy", "<f4", shape, bytes(bad_logits))
_, checks = validate("wrong logits", *FAST, *BOTH, "--tokens", tokens, "--against", wrong, "--last=4", *only("reference"), code=1, message="failed: reference")
suite.check("wrong logits", checks["reference"]["outcome"] == "FAILED" and "1.00e-02" in checks["reference"]["summary"], f"expects the difference but got {checks['reference']}")
validate("tolerance", *FAST, *BOTH, "--tokens", tokens, "--against", wrong, "--last=4", "--tolerance=0.02", *only("reference"))


def change(name, tensor, edit):
    """A copy of the checkpoint with the bytes of a tensor edited in place."""
    folder = copy_checkpoint(suite.model, suite.path(name))
    path = os.path.join(folder, "model.safetensors")
    header, weights = read_safetensors(path)
    with open(path, "rb") as file:
        blob = bytearray(file.read())
    start = len(blob) - len(weights)
    begin, end = header[tensor]["data_offsets"]
    blob[start + begin : start + end] = edit(bytes(blob[start + begin : start + end]))
    write_bytes(path, bytes(blob))
    return folder


# Other weights in the artifact than in the checkpoint: a scale doubled.
other = change("other", "model.layers.3.mlp.experts.down_proj_scales", lambda scales: bytes(scale + 1 for scale in scales))
model = suite.path("other.goss")
suite.expect("compile", ["gossc", other, "--math=exact", "--weights=embed", "-o", model, "-q"])
_, checks = validate("other weights", *FAST, *GIVEN, "--model", model, *only("layers", "logits", "perplexity"), code=1, message="failed: layers, logits")
suite.check("other weights", "layers.3.mlp" in checks["layers"]["summary"], f"expects the layer but got {checks['layers']}")
# The same in both artifacts: only the checkpoint's bytes can tell.
both = suite.path("other-oracle.goss")
suite.expect("compile", ["gossc", other, "--opt-level=0", "--weights=embed", "-o", both, "-q"])
report, checks = validate("other oracle", *FAST, "--model", model, "--oracle", both, *only("decode", "products", "layers"), code=1, message="failed: products")
suite.check("other oracle", outcomes(checks, "decode", "layers") == ["PASSED", "PASSED"], f"expects nothing else to see it but got {checks}")
named = [each["name"] for each in report["tensors"] if each["products"] and each["relative"] > 1e-2]
suite.check("other oracle", named == [f"model.layers.3.mlp.experts.down_proj_{part}" for part in ("blocks", "bias")], f"expects the tensor but got {named}")

# A sink that the oracle has and the checkpoint has not: half a nat more.
sinks = change("changed-sinks", "model.layers.2.self_attn.sinks", lambda sinks: sinks[:6] + struct.pack("<f", struct.unpack("<f", b"\0\0" + sinks[6:8])[0] + 0.5)[2:] + sinks[8:])
suite.expect("compile", ["gossc", sinks, "--opt-level=0", "--weights=embed", "-o", suite.path("sinks.goss"), "-q"])
report, checks = validate("sinks", *FAST, "--model", embedded, "--oracle", suite.path("sinks.goss"), *only("decode", "products"), code=1, message="failed: products")
named = [each["name"] for each in report["tensors"] if each["products"] and each["relative"] > 2e-5]
suite.check("sinks", named == ["model.layers.2.self_attn.sinks"] and checks["decode"]["outcome"] == "PASSED", f"expects the sinks but got {named}")

# What is no number: the tensor, then all that it spoils. The name is one that no
# line of a small screen holds.
infinite = change("infinite" * 20, "model.norm.weight", lambda norm: b"\x80\x7f" + norm[2:])
_, checks = validate("not finite", *FAST, checkpoint=infinite, code=1, message="failed: decode, products")
suite.check("not finite", "model.norm.weight" in checks["decode"]["summary"] and checks["logits"]["outcome"] == "FAILED", f"expects the tensor but got {checks}")

# What cannot be validated: one line, an exit code, no report.
out = suite.path("out")
config = os.path.join(suite.model, "config.json")
floats = suite.write_npy("floats.npy", "<f4", [4], bytes(16))
slim = copy_checkpoint(suite.model, suite.path("slim"))
with open(os.path.join(slim, "model.safetensors"), "r+b") as file:
    file.truncate(1000)
renamed = copy_checkpoint(suite.model, suite.path("renamed"))
with open(os.path.join(renamed, "config.json"), "a") as file:
    file.write("\n")
for case, arguments, code, message in [
    ("no checkpoint", [], 64, "CHECKPOINT"),
    ("missing", [suite.path("none")], 66, "none"),
    ("config", [config], 64, "expects a checkpoint but got a config alone"),
    ("damaged", [slim], 65, "model.safetensors"),
    ("skip", [suite.model, "--skip=layer"], 64, "did you mean 'layers'?"),
    ("two texts", [suite.model, "--tokens", tokens, "-f", tokens], 64, "--tokens=FILE and -f FILE"),
    ("no tokens", [suite.model, "--against", reference], 64, "--against expects the tokens"),
    ("last", [suite.model, "--last=4"], 64, "--last expects --against"),
    ("lengths", [suite.model, "--lengths=16,x"], 64, "expects lengths such as"),
    ("no length", [suite.model, "--lengths=0"], 64, "expects lengths such as"),
    ("long length", [suite.model, "--lengths=4096", *BOTH], 64, "--lengths: expects at most"),
    ("draws", [suite.model, "--draws=1"], 64, "--draws"),
    ("option", [suite.model, "--model", embedded, "--gossc-option=-O1"], 64, "--gossc-option"),
    ("no compiler", [suite.model, "--gossc", suite.path("none")], 66, "--gossc=PATH"),
    ("a folder", [suite.model, "--gossc", suite.scratch], 66, "--gossc=PATH"),
    ("compiler's usage", [suite.model, "--gossc-option=--nonsense"], 64, ["--nonsense", "exit code 64"]),
    ("no oracle", [suite.model, "--model", embedded, "--oracle", embedded], 65, "expects an oracle of opt level 0"),
    ("other config", [renamed, *BOTH], 65, "expects an artifact made from"),
    ("float ids", [suite.model, *BOTH, "--tokens", floats], 65, "int32"),
    ("no ids", [suite.model, *BOTH, "--tokens", suite.path("nothing")], 66, "nothing"),
    ("reference", [suite.model, *BOTH, "--tokens", tokens, "--against", suite.path("nothing")], 66, "nothing"),
    ("other shape", [suite.model, *BOTH, "--tokens", tokens, "--against", reference], 65, "expects logits of shape"),
]:
    suite.expect(case, ["goss", "validate", *arguments, "-o", out, "-q"], code, message)
    left = os.listdir(out) if os.path.isdir(out) else []
    suite.check(case, not left, f"expects nothing left behind but got {left}")
suite.expect("no output", ["goss", "validate", suite.model, "-o", os.path.join(tokens, "x"), "-q"], 66, "tokens.npy")

# The page, as a reader sees it.
if missing():
    print("the page is not looked at: " + missing())
    suite.finish()


def check_phone(case):
    browser.resize(390, 800)
    wide = browser.run("return document.documentElement.scrollWidth")
    suite.check(case, wide <= 390, f"expects a page as wide as a phone but got {wide}")
    browser.resize(1400, 900)


with Browser() as browser:
    for dark in (False, True):
        browser.prefer_dark(dark)
        browser.open("file://" + suite.path("whole", "validation.html"))
        case = "page, dark" if dark else "page"
        suite.check(case, not browser.errors(), "expects nothing on the console")
        suite.check(case, browser.text(".verdict") == "All checks passed", "expects the verdict")
        sections = browser.run("return [...document.querySelectorAll('section')].map((each) => each.id)")
        suite.check(case, sections == ["checks", "weights", "values", "logits", "sampling", "throughput"], f"expects every section but got {sections}")
        rows = browser.run("return [...document.querySelectorAll('#checks tr')].map((row) => row.children[1].textContent)")
        suite.check(case, rows == ["result"] + ["passed"] * 8 + ["measured"], f"expects the checks but got {rows}")
        # Each plot's marks lie on its paper and are seen against the page.
        marks = browser.run(
            """return [...document.querySelectorAll('svg')].map((plot) => {
                 const box = plot.getBoundingClientRect();
                 const marks = [...plot.querySelectorAll('circle')].map((mark) => mark.getBoundingClientRect());
                 return marks.length && box.width > 300 && marks.every((mark) => mark.left >= box.left && mark.right <= box.right && mark.top >= box.top && mark.bottom <= box.bottom);
               })"""
        )
        suite.check(case, len(marks) == 13 and all(marks), f"expects 13 plots within their frames but got {marks}")
        limits = browser.run("return document.querySelectorAll('line.limit').length")
        suite.check(case, limits == 2, f"expects the limits of products and layers but got {limits} lines")
        colours = browser.run("return ['body', '.plot'].map((each) => getComputedStyle(document.querySelector(each)).backgroundColor).concat(getComputedStyle(document.querySelector('circle.series-0')).fill)")
        suite.check(case, len(set(colours)) == 3 and (sum(map(int, colours[0][4:-1].split(","))) < 200) == dark, f"expects colours of the theme but got {colours}")
        check_phone(case)
    browser.open("file://" + suite.path("not-finite", "validation.html"))
    suite.check("failed page", browser.text(".verdict") == "A check failed" and not browser.errors(), "expects the verdict")
    check_phone("failed page")
suite.finish()
