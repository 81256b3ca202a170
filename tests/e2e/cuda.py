"""Models for NVIDIA GPUs: what is said where there is none, and how one is
driven, seen by a libcuda.so.1 that has no GPU (tests/fake-cuda)."""

import json
import os
import shutil
import subprocess
import sys

from support import Suite

suite = Suite(__doc__)
build = os.path.dirname(os.path.abspath(suite.options.bin))
FAKE = os.path.join(build, "tests", "fake-cuda", "libfakecuda.so")
model = suite.path("tiny.goss")
suite.expect("compile", ["gossc", suite.model, "--target=cuda", "--chip=sm_80", "--math=exact", "--weights=embed", "-o", model, "-q"])
RUN = ["goss", "run", model, "--tokens=1,2,3", "--greedy", "--ignore-eos", "-n", "6", "-q"]


def fake(options="", **more):
    """The environment of a run on the fake GPU."""
    return {"env": dict(os.environ, GOSSAMER_LIBCUDA=FAKE, GOSSAMER_FAKE_CUDA=options, **more)}


# No driver, or one that does not do: 69, and the reason.
nowhere = {"env": dict(os.environ, GOSSAMER_LIBCUDA="/no/libcuda.so.1")}
suite.expect("no driver", RUN, 69, ["no NVIDIA driver", "/no/libcuda.so.1"], **nowhere)
suite.expect("no driver, bench", ["goss", "bench", model, "--device=cuda"], 69, "no NVIDIA driver", **nowhere)
suite.expect("no functions", RUN, 69, ["has no function cuInit", "11.8"], env=dict(os.environ, GOSSAMER_LIBCUDA="libm.so.6"))
suite.expect("no GPU", RUN, 69, "no NVIDIA GPU: cuInit: CUDA_ERROR_NO_DEVICE", **fake("devices=0"))
suite.expect("old driver", RUN, 69, "expects one for CUDA 11.8 or later but got 11.4", **fake("driver=11040"))
suite.expect("old chip", RUN, 69, ["code for sm_80 does not run on Fake GPU (sm_75)", "--chip=sm_75"], **fake("capability=75"))
suite.expect("other GPU", RUN + ["--device=cuda:4"], 69, "cuda:4: no such GPU; this machine has cuda:0 to cuda:1", **fake("devices=2"))
suite.expect("refused code", RUN, 65, "the driver refuses the PTX: ptxas fatal : nonsense in line 3", **fake("jit=fails"))
suite.expect("memory", RUN, 71, "cuda:0: weights: needs 8 MB of GPU memory but 2 of 2 MB are free", **fake("memory=2000000"))
suite.expect("cache", RUN, 71, "MB of GPU memory but", **fake("memory=9000000"))

# --device confirms what the artifact is for.
suite.expect("second GPU", RUN + ["--device=cuda:1"], **fake("devices=2"))
suite.expect("other target", RUN + ["--device=cpu"], 69, "expects a model compiled for cpu, as --device says, but got one for cuda")
suite.expect("no such device", RUN + ["--device=tpu"], 64, "--device expects cpu, cuda or cuda:N but got 'tpu'")
suite.expect("no such number", RUN + ["--device=cuda:x"], 64, "--device")

# A prompt, then a step of one token launched, recorded and replayed.


def launches(options="", command=RUN, **more):
    log = suite.path("log")
    suite.expect("log", command + options.split(), **fake(f"log={log}", **more))
    with open(log, encoding="ascii") as file:
        return file.read().splitlines()


def check_copies(name, log):
    """Tokens are chosen on the GPU, however, and nothing else comes back."""
    copies = [line for line in log if line.startswith("copy to host")]
    suite.check(name, copies == ["copy to host 4"] * 6, f"expects nothing copied but 6 tokens of 4 bytes but got {copies}")
    suite.check(name, any(line.startswith("launch choose_s2 grid 1 1 1 block") for line in log), "expects a kernel that chooses")


log = launches()
check_copies("greedy tokens", log)
DRAW = [option for option in RUN if option != "--greedy"]
for options in (
    "--greedy --repetition-penalty=1.3",
    "--temperature=0.8 --seed=5",
    "--top-k=40 --top-p=0.9 --min-p=0.05",
    "--temperature=1.5 --top-p=0.95 --repetition-penalty=1.1",
):
    check_copies(options, launches(options, DRAW))
suite.check("memory of the GPU", not any("not memory" in line for line in log), "expects only addresses of the GPU")
suite.check("graphs", (log.count("graph made"), log.count("graph launched")) == (1, 4), f"expects a graph of 4 uses but got {log.count('graph launched')}")
prompt = [line for line in log if line.startswith("launch embedding")]
suite.check("grids", prompt[0] == prompt[0].replace("grid 1 ", "grid 3 ") and all(" grid 1 1 1 " in line for line in prompt[1:]), f"expects grids of 3 and 1 tokens but got {prompt}")
steps = [line for line in log if line.startswith("launch")]
direct = launches(GOSSAMER_CUDA_GRAPHS="0")
suite.check("no graphs", not any("graph" in line for line in direct), "expects no graphs")
suite.check("no graphs", sorted(line for line in direct if line.startswith("launch")) == sorted(steps), "expects the same launches")
trace = suite.path("trace.json")
traced = launches(f"--trace={trace}")
suite.check("trace", sorted(line for line in traced if line.startswith("launch")) == sorted(steps), "expects the same launches")
suite.check("trace", len(json.load(open(trace))["traceEvents"]) > 100, "expects events")

# Several sequences together.
result = suite.expect("bench", ["goss", "bench", model, "--device=cuda:0", "-p", "8", "-n", "4", "-b", "5", "-r", "1", "--no-limits", "--json", "-q"], **fake())
report = json.loads(result.stdout)
suite.check("bench", report["target"] == "cuda" and len(report["results"]) == 2, f"expects two tests but got {report}")

# What the artifact has of code.
def inspect(name, *options):
    return suite.expect(name, ["goss", "inspect", model, "--what=code", *options]).stdout.decode()


code = json.loads(inspect("code", "--format=json"))
functions = {function["symbol"]: function for function in code["device_functions"]}
suite.check("code", {"choose", "choose_s1", "choose_s2"} <= {name for name, function in functions.items() if "kernel" not in function}, f"expects the choice's functions but got {sorted(functions)}")
suite.check("code", all(functions[kernel["symbol"]]["kernel"] == kernel["symbol"] for kernel in code["kernels"]), "expects a function of each kernel")
suite.check("code", [function["symbol"] for function in code["functions"]] == ["goss_step"], "expects one function of the host")
assembled = shutil.which("ptxas") is not None
for name, function in functions.items():
    known = function.get("registers", 0) > 0 and function.get("code_bytes", 0) > 0
    suite.check("code", function["ptx_bytes"] > 0 and known == assembled, f"expects PTX, and registers where ptxas is, but got {function}")
text = inspect("code text")
suite.check("code text", "device function" in text and "choose_s1" in text and "goss_step" in text, f"expects the functions but got {text[-500:]}")
text = inspect("PTX", "--kernel=choose_s1")
suite.check("PTX", text.count(".entry") == 1 and ".visible .entry choose_s1(" in text and "div.rn.f64" in text, f"expects the function's PTX but got {text[:500]}")
suite.check("PTX", "goss_step" not in text, "expects nothing else")
kernel = code["kernels"][0]["symbol"]
one = json.loads(inspect("PTX of a kernel", f"--kernel={kernel}", "--format=json"))
suite.check("PTX of a kernel", f".entry {kernel}(" in one["device_functions"][0]["disassembly"] and [k["symbol"] for k in one["kernels"]] == [kernel], "expects the kernel with its PTX")
suite.expect("no such kernel", ["goss", "inspect", model, "--what=code", "--kernel=nothing"], 64, "--kernel expects a symbol that --what=code lists")
suite.expect("the same code", ["goss", "diff", model, model])

# The checks for a real GPU: they skip without one, and see that a GPU which
# computes nothing is wrong.
kit = suite.path("kit")
script = os.path.join(suite.source, "tests", "gpu", "check_gpu.py")
os.makedirs(os.path.join(kit, "bin"))
os.symlink(suite.tool("goss"), os.path.join(kit, "bin", "goss"))
os.makedirs(os.path.join(kit, "golden"))
for name in ("p1_len1.safetensors", "p2_len5.safetensors"):
    os.symlink(os.path.join(suite.source, "tests", "data", "golden", name), os.path.join(kit, "golden", name))
for name in ("tiny-exact", "tiny-fast"):
    os.symlink(model, os.path.join(kit, f"{name}.goss"))
with open(script, encoding="utf-8") as source, open(os.path.join(kit, "check_gpu.py"), "w", encoding="utf-8") as copy:
    copy.write(source.read())


def check_gpu(environment):
    result = subprocess.run([sys.executable, os.path.join(kit, "check_gpu.py")], capture_output=True, text=True, **environment)
    return result.returncode, result.stdout


code, text = check_gpu(nowhere)
suite.check("kit without GPU", code == 0 and text.startswith("skip all: ") and text.count("\n") == 1, f"expects one line but got {code}: {text}")
code, text = check_gpu(fake("memory=60000000"))
suite.check("kit on a fake", code == 1 and "FAIL golden logits" in text and "FAIL greedy tokens" in text and "FAIL drawn tokens" in text, f"expects failures but got {code}: {text}")
for line in ("ok   determinism", "ok   ragged batch", "ok   graphs", "ok   bench tiny-stories tg64", "skip bench 20b"):
    suite.check("kit on a fake", line in text, f"expects '{line}' but got {text}")
suite.finish()
