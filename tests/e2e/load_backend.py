"""A backend built outside the tree is loaded by gossc and used."""

import os
import shutil
import subprocess
import sys

from support import Suite

suite = Suite(__doc__)
cmake = shutil.which("cmake")
if not cmake:
    print("cmake is missing")
    sys.exit(77)

project = os.path.join(suite.source, "tests", "plugin-backend", "toy")
build = suite.path("build")
configure = [cmake, "-G", "Ninja", "-S", project, "-B", build]
configure += [f"-DGOSSAMER_SOURCE_DIR={suite.source}"]
for name, tool in (("CXX", "clang++-22"), ("C", "clang-22")):
    if shutil.which(tool):
        configure.append(f"-DCMAKE_{name}_COMPILER={tool}")
for command in (configure, [cmake, "--build", build]):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        suite.fail("build of the plug-in", "expects success", done.stdout + done.stderr)
        suite.finish()
plugin = os.path.join(build, "toy-backend.so")

suite.expect("list", ["gossc", f"--load-backend={plugin}", "--list-targets"], stdout="toy")
suite.expect("builtin", ["gossc", f"--load-backend={plugin}", "--list-targets"], stdout="cpu")
suite.expect(
    "compile",
    ["gossc", suite.model, f"--load-backend={plugin}", "--target=toy", "--emit=asm"],
    stdout="attention of 6 bindings",
)
# A folder of its texts: no kernel is written out, and the page says so.
dump = suite.path("dump")
suite.expect(
    "dump",
    ["gossc", suite.model, f"--load-backend={plugin}", "--target=toy", "--emit=asm", "-q", "-o", suite.path("toy.txt"), "--dump-dir", dump],
)
names = ["00-graph.mlir", "01-fused.mlir", "02-plan.mlir", "03-lowered.mlir", "04-code.s", "index.html", "kernels"]
suite.check("dump", sorted(os.listdir(dump)) == names, f"expects {names} but got {sorted(os.listdir(dump))}")
kernels = os.listdir(os.path.join(dump, "kernels"))
suite.check("dump", len(kernels) == 21 and all(name.endswith(".mlir") for name in kernels), f"expects the kernels' operations but got {kernels}")
with open(os.path.join(dump, "index.html"), encoding="utf-8") as file:
    suite.check("dump", "no assembler text that can be read" in file.read(), "expects a reason")
suite.expect(
    "options",
    ["gossc", suite.model, f"--load-backend={plugin}", "--target=toy", "--mcpu=brick", "--emit=asm"],
    code=64,
    message="unknown processor 'brick'",
)
suite.expect(
    "not loaded",
    ["gossc", suite.model, "--target=toy", "--emit=asm"],
    code=64,
    message="'toy'",
)
suite.expect(
    "twice",
    ["gossc", f"--load-backend={plugin}", f"--load-backend={plugin}", "--list-targets"],
    code=64,
    message="backend 'toy' is registered twice",
)
suite.expect(
    "missing file",
    ["gossc", "--load-backend=" + suite.path("none.so"), "--list-targets"],
    code=66,
    message="none.so",
)
suite.expect(
    "not a library",
    ["gossc", "--load-backend=" + os.path.join(project, "ToyBackend.cpp"), "--list-targets"],
    code=66,
    message="cannot load backend",
)
suite.expect(
    "not a backend",
    ["gossc", "--load-backend=/lib/x86_64-linux-gnu/libm.so.6", "--list-targets"],
    code=64,
    message="is not a backend",
)
suite.finish()
