"""gossc: the same bytes for the same input, every level parses back, reports."""

import filecmp
import json
import os
import shutil
import signal
import subprocess
import time

from support import Suite, copy_checkpoint

suite = Suite(__doc__)
config = os.path.join(suite.model, "config.json")

# The same bytes, wherever input and output lie.
first, second, third = (suite.path(name) for name in ("first.goss", "second.goss", "third.goss"))
suite.expect("compile", ["gossc", suite.model, "-o", first], 0, ["Target", "Needs", "Fused", "Planned", "Finished"])
copy = copy_checkpoint(suite.model, suite.path("copy"))
os.makedirs(suite.path("other"))
suite.expect("compile a copy", ["gossc", "../copy", "-o", "../second.goss", "-q"], cwd=suite.path("other"))
suite.check("same bytes", filecmp.cmp(first, second, shallow=False), "expects equal artifacts")
suite.expect("other flags", ["gossc", suite.model, "-o", third, "-q", "--max-context=128"])
suite.check("other bytes", not filecmp.cmp(first, third, shallow=False), "expects another artifact")
suite.expect("default name", ["gossc", "../copy/", "-q"], cwd=suite.path("other"))
suite.check("default name", os.listdir(suite.path("other")) == ["copy.goss"], f"expects copy.goss but got {os.listdir(suite.path('other'))}")
content = open(first, "rb").read()
suite.check("no paths", suite.source.encode() not in content and b"/tmp" not in content, "expects no path in an artifact")
for name in ["embed", "embed-again"]:
    suite.expect(name, ["gossc", suite.model, "-o", suite.path(name), "-q", "--weights=embed"])
suite.check("same bytes with weights", filecmp.cmp(suite.path("embed"), suite.path("embed-again"), shallow=False), "expects equal artifacts")

# Every level prints, twice the same, and parses back; MLIR to the same text.
for source in (suite.model, config):
    for level in ("graph", "fused", "plan", "llvm"):
        name = f"{level} of {os.path.basename(source)}"
        result = suite.expect(name, ["gossc", source, f"--emit={level}", "-q"])
        if not result or result.returncode:
            continue
        text = result.stdout
        back = suite.expect(name + " parsed", ["goss-opt", "-", "--mlir-print-debuginfo"], input=text)
        if source == suite.model:
            again = suite.expect(name + " again", ["gossc", source, f"--emit={level}", "-q"])
            suite.check(name, again.stdout == text, "expects the same text twice")
        if back and level != "llvm":
            once_more = suite.expect(name + " parsed twice", ["goss-opt", "-", "--mlir-print-debuginfo"], input=back.stdout)
            suite.check(name, once_more.stdout == back.stdout, "expects a fixed point of printing")
graph = suite.expect("graph", ["gossc", config, "--emit=graph", "-q"])
suite.check("graph", b"gptoss.attention_scores" in graph.stdout and b"gptoss.moe" not in graph.stdout, "expects primitive operations")
fused = suite.expect("fused", ["gossc", config, "--emit=fused", "-q"])
suite.check("fused", b"gptoss.moe" in fused.stdout and b"gptoss.attention_scores" not in fused.stdout, "expects fused operations")
unfused = suite.expect("level 0", ["gossc", config, "--emit=fused", "-q", "--opt-level=0"])
suite.check("level 0", b"gptoss.moe" not in unfused.stdout, "expects nothing fused at level 0")
for name, operation in [("rope", b"gptoss.split_half"), ("attention", b"gptoss.attention_scores"),
                        ("expert-routing", b"gptoss.top_k"), ("residual", b"gptoss.add")]:
    partly = suite.expect("without " + name, ["gossc", config, "--emit=fused", "-q", "--disable-fusion=" + name])
    suite.check("without " + name, operation in partly.stdout, f"expects {operation} when its fusion is off")
    suite.check("without " + name, partly.stdout != unfused.stdout, "expects the other fusions")
assembly = suite.expect("asm", ["gossc", suite.model, "--emit=asm", "-q"])
suite.check("asm", b"goss_step" in assembly.stdout and b"ret" in assembly.stdout, "expects assembler text")
# No MLIR: what reads it is an assembler.
assembler = next((found for found in (shutil.which(name) for name in ("llvm-mc", "llvm-mc-22", "/usr/lib/llvm-22/bin/llvm-mc")) if found), None)
if assembler:
    result = subprocess.run([assembler, "--filetype=obj", "-o", suite.path("asm.o")], input=assembly.stdout, capture_output=True)
    suite.check("asm", result.returncode == 0, f"expects text that assembles but got {result.stderr[-500:]}")
    suite.check("asm", b"goss_step" in open(suite.path("asm.o"), "rb").read(), "expects the symbols of the code")
else:
    print("skipped: no llvm-mc to assemble the text with")
suite.expect("asm is no MLIR", ["goss-opt", "-"], 1, input=assembly.stdout)
suite.expect("obj", ["gossc", suite.model, "--emit=obj", "-q", "-o", suite.path("m.o")])
suite.check("obj", open(suite.path("m.o"), "rb").read(4) == b"\x7fELF", "expects an ELF file")

# The report.
report = suite.path("report.json")
suite.expect("report", ["gossc", suite.model, "-o", suite.path("r.goss"), "-q", "--report", report])
facts = json.load(open(report))
suite.check("report", {"read", "graph", "fuse", "plan", "lower", "emit", "write"} <= {s["name"] for s in facts["stages"]}, "expects all stages")
suite.check("report", facts["summary"]["artifact_bytes"] == os.path.getsize(suite.path("r.goss")), "expects the artifact's size")
passes = {fusion["pass"] for fusion in facts["fusions"] if fusion["fused"]}
suite.check("report", passes == {"fuse-rope", "fuse-attention", "fuse-expert-routing", "fuse-residual"}, f"expects all fusions but got {passes}")

# The command line.
suite.expect("targets", ["gossc", "--list-targets"], 0, stdout="cpu")
suite.expect("help", ["gossc", "--help"], 0, stdout="Examples:")
suite.expect("version", ["gossc", "--version"], 0, stdout="gossc 0.")
for option, code, message in [
    ("--math=quick", 64, "exact, fast, int8"),
    ("--cache=f16", 64, "f32, bf16"),
    ("--layout=row_panel", 64, "published, packed"),
    ("--dense=int4", 64, "bf16, int8, int8-channel"),
    ("--target=abacus", 64, ["abacus", "cpu"]),
    ("--mattr=+nosuch", 64, "nosuch"),
    ("--opt-level=4", 64, "from 0 to 3"),
    ("--max-context=0", 64, "--max-context"),
    ("--max-context=4096", 64, ["2048", "4096"]),
    ("--max-tokens-per-step=0", 64, "--max-tokens-per-step"),
    ("--disable-fusion=cold", 64, ["rope", "cold"]),
    ("--emit=ptx2", 64, "--emit"),
    ("--emit=ptx", 64, ["--target=cuda", "cpu"]),
    ("--load-backend=/nowhere/lib.so", 66, "/nowhere/lib.so"),
    ("--unknown", 64, "--unknown"),
]:
    suite.expect(option, ["gossc", suite.model, "-o", suite.path("none.goss"), "-q", option], code, message)
suite.expect("no checkpoint", ["gossc"], 64, "CHECKPOINT")
suite.expect("checkpoint missing", ["gossc", suite.path("nowhere")], 66, "nowhere")
suite.check("nothing left", not os.path.exists(suite.path("none.goss")), "expects no artifact after a failure")

# Ctrl-C leaves nothing behind, whenever it comes.
os.makedirs(suite.path("stop"))
for delay in (0.05, 0.2, 0.5):
    process = subprocess.Popen([suite.tool("gossc"), suite.model, "-q", "-o", suite.path("stop", "m.goss")], stderr=subprocess.PIPE)
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    done = process.returncode == 0 and os.listdir(suite.path("stop")) == ["m.goss"]
    suite.check("Ctrl-C", done or process.returncode in (130, -signal.SIGINT), f"expects exit code 130 but got {process.returncode}")
    suite.check("Ctrl-C", done or not os.listdir(suite.path("stop")), f"expects nothing left behind but got {os.listdir(suite.path('stop'))}")
    shutil.rmtree(suite.path("stop"))
    os.makedirs(suite.path("stop"))

# An artifact is replaced as a whole, and only by a better one.
before = open(first, "rb").read()
broken = copy_checkpoint(suite.model, suite.path("broken"))
with open(os.path.join(broken, "tokenizer.json"), "w") as file:
    file.write("{")
suite.expect("fails late", ["gossc", broken, "-o", first, "-q"], 65, "tokenizer.json")
suite.check("fails late", open(first, "rb").read() == before, "expects the old artifact untouched")

# The sharded twin holds the same tensors: the same code, the same tokens.
twin = os.path.join(os.path.dirname(suite.source), "shared", "models", "tiny-stories-sharded")
if os.path.isdir(twin):
    suite.expect("shards", ["gossc", twin, "-o", suite.path("twin.goss"), "-q"])
    answers = []
    for artifact, weights in ((first, suite.model), (suite.path("twin.goss"), twin)):
        result = suite.expect("shards run", ["goss", "run", artifact, "--weights", weights, "-p", "Once", "-n", "200",
                                             "--temperature=1", "--seed=5", "--ignore-eos", "--json", "-q"])
        answers.append(json.loads(result.stdout)["tokens"])
    suite.check("shards", answers[0] == answers[1], "expects the same tokens from shards")
else:
    print("skipped: no sharded checkpoint at " + twin)

suite.finish()
