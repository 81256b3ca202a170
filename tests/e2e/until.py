"""gossc --until and --print-ir-after: the module between passes."""

import os
import re

from support import Suite

suite = Suite(__doc__)
config = os.path.join(suite.model, "config.json")
config20b = os.path.join(suite.source, "tests", "data", "configs", "gpt-oss-20b.json")


def printed(result):
    """Pass and module of each print on standard error."""
    parts = re.split(r"^// After (\S+)\n", result.stderr.decode(), flags=re.M)
    return list(zip(parts[1::2], parts[2::2]))


# Every stage ends the compilation, and nothing is written.
stages = ["read", "graph", "fuse", "plan", "lower", "emit"]
os.makedirs(suite.path("here"))
for i, stage in enumerate(stages):
    result = suite.expect(stage, ["gossc", config, "--until", stage], 0, "Finished", cwd=suite.path("here"))
    notes = result.stderr.decode()
    times = re.findall(r", (\w+) [\d.]+ \w+", notes.partition("Finished")[2])
    suite.check(stage, times == stages[: i + 1], f"expects the stages {stages[: i + 1]} but got {times}")
    suite.check(stage, not result.stdout and "Wrote" not in notes, "expects no output")
suite.leaves_nothing("stages", suite.path("here"))
suite.expect("20b", ["gossc", config20b, "-q", "--until=plan"])

# A pass ends it as well: later passes have not run.
for short, done, left in [
    ("fuse-rope", "gptoss.rope %", "gptoss.attention %"),
    ("fuse-attention", "gptoss.attention %", "gptoss.moe %"),
    ("outline-kernels", "gptoss.kernel @", "gptoss.concurrent"),
    ("group-dispatches", "gptoss.concurrent", "memref.view"),
    ("cpu-expand-kernels", "scf.for", "@goss_step"),
]:
    result = suite.expect(short, ["gossc", config, "-q", "--until", short, "--print-ir-after", short])
    modules = printed(result)
    suite.check(short, [name for name, _ in modules] == [short], f"expects one print but got {[n for n, _ in modules]}")
    text = modules[0][1] if modules else ""
    suite.check(short, done in text and left not in text, f"expects {done} without {left}")
    suite.expect(short + " parses", ["goss-opt", "-", "-o", os.devnull], input=text.encode())
    suite.check(short, not result.stdout, "expects nothing on standard output")

# The same module as goss-opt makes with the same passes.
graph = suite.expect("graph", ["gossc", config, "-q", "--emit=graph"])
rope = printed(suite.run(["gossc", config, "-q", "--until=gptoss-fuse-rope", "--print-ir-after=gptoss-fuse-rope"]))
pipeline = "--pass-pipeline=builtin.module(func.func(canonicalize,cse,gptoss-fuse-rope))"
opt = suite.expect("goss-opt", ["goss-opt", "-", pipeline, "--mlir-print-debuginfo", "--mlir-use-nameloc-as-prefix"], input=graph.stdout)
suite.check("goss-opt", rope and rope[0][1] == opt.stdout.decode(), "expects the same module from goss-opt")

# Several passes, all passes; the output is what it is without.
result = suite.expect("two", ["gossc", config, "-q", "--emit=fused", "--print-ir-after=fuse-residual", "--print-ir-after=fuse-rope"])
modules = printed(result)
suite.check("two", [name for name, _ in modules] == ["fuse-rope", "fuse-residual"], f"expects both in their order but got {[n for n, _ in modules]}")
suite.check("two", modules[1][1] == result.stdout.decode(), "expects the last pass to leave the fused level")
result = suite.expect("all", ["gossc", config, "-q", "--emit=plan", "--print-ir-after=all"])
passes = ["canonicalize", "cse", "fuse-rope", "fuse-attention", "fuse-expert-routing", "fuse-residual", "outline-kernels", "group-dispatches", "plan-memory"]
modules = printed(result)
suite.check("all", [name for name, _ in modules] == passes, f"expects {passes} but got {[n for n, _ in modules]}")
suite.check("all", modules[-1][1] == result.stdout.decode(), "expects the last pass to leave the plan")

# Into the folder of --dump-dir.
folder = suite.path("dump")
result = suite.expect("dump", ["gossc", config, "-q", "--until=cse", "--print-ir-after=all", "--dump-dir", folder])
suite.check("dump", sorted(os.listdir(folder)) == ["00-graph.mlir", "01-cse.mlir", "index.html", "passes"], f"got {sorted(os.listdir(folder))}")
suite.check("dump", sorted(os.listdir(os.path.join(folder, "passes"))) == ["00-canonicalize.mlir", "01-cse.mlir"], "expects a file a pass")
suite.check("dump", not result.stderr, "expects nothing on standard error")
page = open(os.path.join(folder, "index.html"), encoding="utf-8").read()
suite.check("dump", 'href="passes/01-cse.mlir"' in page, "expects a link to the pass")

# Wrong names are told the near ones, before anything is read.
for name, arguments, messages in [
    ("near", ["--until=fuse-rpe"], ["--until", "'fuse-rpe'", "did you mean fuse-rope?"]),
    ("part", ["--until=attention"], ["did you mean fuse-attention?"]),
    ("far", ["--until=quantise-everything"], ["the passes are canonicalize", "plan-memory"]),
    ("print", ["--print-ir-after=fuse"], ["--print-ir-after", "fuse-rope, fuse-attention, fuse-expert-routing, fuse-residual?"]),
    ("stage is no pass", ["--print-ir-after=graph"], ["'graph'"]),
    ("second of two", ["--print-ir-after=cse", "--print-ir-after=cs"], ["'cs'", "cse"]),
    ("left out", ["--disable-fusion=rope", "--until=fuse-rope"], ["'fuse-rope'"]),
    ("not at level 0", ["--opt-level=0", "--until=fuse-rope"], ["'fuse-rope'"]),
    ("empty", ["--print-ir-after="], ["--print-ir-after"]),
    ("with --emit", ["--until=plan", "--emit=plan"], ["--until", "--emit"]),
    ("with --output", ["--until=plan", "-o", "x.mlir"], ["--until", "--output"]),
    ("no value", ["--until"], ["--until expects one value"]),
]:
    suite.expect(name, ["gossc", suite.path("nowhere"), *arguments], 64, messages)

suite.finish()
