"""The commands of docs/one-attention-layer.md work, and print what it shows.

A block of the page marked `sh` is run in a shell; a block of `text` or `mlir`
after it are lines of its output: each must be part of a line, in their order;
"..." stands for any lines.
"""

import os
import re
import shutil
import subprocess
import sys

from support import Suite

suite = Suite(__doc__)
page = os.path.join(suite.source, "docs", "one-attention-layer.md")

# A tree that looks like the source's, in which the commands write.
tree = suite.path("tree")
os.makedirs(os.path.join(tree, "build", "release"))
os.symlink(os.path.join(suite.source, "models"), os.path.join(tree, "models"))
os.symlink(os.path.abspath(suite.options.bin), os.path.join(tree, "build", "release", "bin"))
environment = {**os.environ, "PATH": os.path.join(tree, "build", "release", "bin") + os.pathsep + os.environ["PATH"]}


def missing_program(block):
    return next((name for name in ("dot", "llvm-mca-22") if re.search(rf"\b{name} ", block) and not shutil.which(name)), None)


def shows(output, wanted):
    """The first wanted line that the output does not have, or None."""
    lines = iter(re.sub(r"[ \t]+", " ", output).splitlines())
    for line in re.sub(r"[ \t]+", " ", wanted).splitlines():
        line = line.strip()
        if line != "..." and not any(line in each for each in lines):
            return line
    return None


with open(page, encoding="utf-8") as file:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", file.read(), re.M | re.S)
ran, output = 0, None
for language, block in blocks:
    name = block.splitlines()[0]
    if language == "sh":
        output = None
        program = missing_program(block)
        if program:
            print(f"skipped: no {program} for '{name}'")
            continue
        done = subprocess.run(["bash", "--norc", "-e", "-o", "pipefail", "-c", block], cwd=tree, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        suite.check(name, done.returncode == 0, f"expects success but got {done.returncode}: {done.stderr[-500:]}")
        ran += 1
        output = done.stdout
    elif output is not None:
        line = shows(output, block)
        suite.check(name, line is None, f"expects the line '{line}' in the output but got\n{output[:2000]}")
suite.check("page", ran >= 10, f"expects at least 10 blocks but ran {ran}")

# The check itself: it must see what is not there.
suite.check("check", shows("a\nb\nc\n", "a\n...\nc\n") is None and shows("a\nb\n", "b\na\n") == "a" and shows("", "x") == "x", "expects lines in order")

# Every picture that the page shows is one that its commands draw.
with open(page, encoding="utf-8") as file:
    shown = set(re.findall(r"\(images/([\w.-]+)\)", file.read()))
drawn = {f"attention-{level}.svg" for level in ("graph", "fused", "plan")}
suite.check("pictures", shown == drawn, f"expects {sorted(drawn)} but got {sorted(shown)}")

suite.finish()
