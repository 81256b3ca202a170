# Tests of tools: FileCheck tests in lit/, Python programs in e2e/. The
# GoogleTest programs are a suite of their own, unit/.
import os
import shutil
import sys

import lit.formats

sys.path.insert(0, os.path.dirname(__file__))
from lit_formats import EndToEndTest

config.name = "Gossamer"
config.test_format = lit.formats.ShTest(execute_external=False)
config.end_to_end_format = EndToEndTest()
config.suffixes = [".mlir", ".test"]
config.excludes = ["bench", "data", "golden", "plugin-backend", "Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.gossamer_binary, "tests")

tools = os.path.join(config.gossamer_binary, "bin")
path = [tools, config.llvm_tools, config.environment.get("PATH", "")]
config.environment["PATH"] = os.pathsep.join(path)
for variable in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
    if variable in os.environ:
        config.environment[variable] = os.environ[variable]

shared = os.path.join(os.path.dirname(config.gossamer_source), "shared")
config.substitutions += [
    ("%models", os.path.join(config.gossamer_source, "models")),
    ("%shared", shared),
    ("%source", config.gossamer_source),
    ("%binary", config.gossamer_binary),
]

# What the machine and the build offer.
if shutil.which("ptxas", path=os.pathsep.join(path)):
    config.available_features.add("ptxas")
if os.path.isdir(shared):
    config.available_features.add("shared")
if config.gossamer_sanitize:
    config.available_features.add("sanitize")
try:
    with open("/proc/cpuinfo") as cpuinfo:
        flags = next((line for line in cpuinfo if line.startswith("flags")), "").split()
except OSError:
    flags = []
for feature in ("avx2", "fma", "avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16"):
    if feature in flags:
        config.available_features.add(feature)
