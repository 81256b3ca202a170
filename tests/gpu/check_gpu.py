#!/usr/bin/env python3
"""Checks Gossamer on an NVIDIA GPU: one line a check, exit code 1 if one fails.

Needs nothing but this folder, as `tools/dev test-gpu --pack` fills it: the
program goss with its libraries, artifacts for the target cuda, and the float32
reference results of tiny-stories. Skips everything where there is no GPU.
"""

import argparse
import array
import ctypes
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

KIT = os.path.dirname(os.path.abspath(__file__))
TOLERANCE = 2e-2
# What another order of additions may change.
ROUNDING = 2e-3
# What a step of the 20b shape reads, with room for the cache and the arena.
BYTES_OF_20B = 18 << 30


def read_safetensors(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    return {name: (entry["shape"], data[slice(*entry["data_offsets"])]) for name, entry in header.items() if name != "__metadata__"}


def write_npy(path, kind, shape, data):
    """`kind` "i4" or "f4", little-endian, row after row."""
    extents = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
    header = f"{{'descr': '<{kind}', 'fortran_order': False, 'shape': ({extents}), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data)


class Checks:
    def __init__(self, device, scratch):
        self.device = device
        self.scratch = scratch
        self.failures = 0
        libraries = [os.path.join(KIT, "lib"), os.environ.get("LD_LIBRARY_PATH", "")]
        self.environment = dict(os.environ, LD_LIBRARY_PATH=":".join(filter(None, libraries)))

    def say(self, verdict, name, text):
        print(f"{verdict:4} {name}: {text}", flush=True)
        self.failures += verdict == "FAIL"

    def judge(self, name, is_right, text):
        self.say("ok" if is_right else "FAIL", name, text)

    def goss(self, command, artifact, *arguments, code=0, **environment):
        """Runs goss on the device; None, and a line, when the code differs."""
        line = [os.path.join(KIT, "bin", "goss"), command, os.path.join(KIT, artifact), f"--device={self.device}", *map(str, arguments)]
        result = subprocess.run(line, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=dict(self.environment, **environment))
        if result.returncode == code:
            return result
        self.say("FAIL", " ".join(line[1:2] + line[4:]), f"exit code {result.returncode}: {result.stderr.strip()[-400:]}")
        return None

    def path(self, name):
        return os.path.join(self.scratch, name)


def load_prompts(checks):
    """Name, tokens, greedy continuation and the files that eval reads."""
    prompts = []
    folder = os.path.join(KIT, "golden")
    for file in sorted(os.listdir(folder)):
        if not file.startswith("p") or file.startswith("ppl") or not file.endswith(".safetensors"):
            continue
        tensors = read_safetensors(os.path.join(folder, file))
        prompt = {"name": file.split(".")[0]}
        for key, name in (("tokens", "input_ids"), ("greedy", "greedy_ids")):
            shape, data = tensors[name]
            prompt[key] = list(struct.unpack(f"<{shape[0]}i", data))
        shape, data = tensors["logits_last"]
        prompt["last"] = shape[0]
        prompt["ids"], prompt["logits"] = (checks.path(prompt["name"] + suffix) for suffix in (".ids.npy", ".logits.npy"))
        write_npy(prompt["ids"], "i4", tensors["input_ids"][0], tensors["input_ids"][1])
        write_npy(prompt["logits"], "f4", shape, data)
        prompts.append(prompt)
    return prompts


def check_golden(checks, artifact, prompts):
    largest = 0.0
    for prompt in prompts:
        result = checks.goss("eval", artifact, f"--tokens={prompt['ids']}", f"--compare={prompt['logits']}", f"--last={prompt['last']}", "--json", "-q")
        if not result:
            return
        largest = max(largest, json.loads(result.stdout)["comparison"]["max_error"])
    checks.judge("golden logits", largest <= TOLERANCE, f"largest difference from float32 {largest:.2e} in {len(prompts)} prompts (at most {TOLERANCE})")


def generate(checks, artifact, prompt, *sampling, **environment):
    tokens = ",".join(map(str, prompt["tokens"]))
    result = checks.goss("run", artifact, f"--tokens={tokens}", *(sampling or ["--greedy"]), "--ignore-eos", "-n", len(prompt["greedy"]), "--json", "-q", **environment)
    return json.loads(result.stdout)["tokens"] if result else None


def check_greedy(checks, artifact, prompts):
    """The same tokens as the reference, with graphs and without."""
    different, unequal = [], []
    for prompt in prompts:
        tokens = generate(checks, artifact, prompt)
        if tokens != prompt["greedy"]:
            different.append(prompt["name"])
        if tokens != generate(checks, artifact, prompt, GOSSAMER_CUDA_GRAPHS="0"):
            unequal.append(prompt["name"])
    checks.judge("greedy tokens", not different, f"others than the reference: {', '.join(different)}" if different else f"the reference's in {len(prompts)} prompts")
    checks.judge("graphs", not unequal, f"others than launch by launch: {', '.join(unequal)}" if unequal else "the same tokens as launch by launch")


def check_draws(checks, artifact, prompts):
    """Draws that leave but one token are greedy; others repeat, and are not."""
    wrong = []
    for prompt in prompts:
        for sampling in ("--temperature=1e-6", "--top-k=1", "--top-p=0", "--min-p=1"):
            if generate(checks, artifact, prompt, sampling) != prompt["greedy"]:
                wrong.append(f"{prompt['name']} {sampling}")
    draw = ["--temperature=2", "--top-k=500", "--top-p=0.99", "--repetition-penalty=1.1", "--seed=3"]
    drawn = [generate(checks, artifact, prompts[0], *draw, GOSSAMER_CUDA_GRAPHS=graphs) for graphs in "110"]
    if drawn[0] == prompts[0]["greedy"] or drawn != drawn[:1] * 3:
        wrong.append("draws of temperature 2")
    checks.judge("drawn tokens", not wrong, f"wrong: {', '.join(wrong)}" if wrong else f"as they must be in {len(prompts)} prompts")


def read_logits(checks, artifact, name, *arguments, **environment):
    path = checks.path(name)
    if os.path.exists(path):
        os.remove(path)
    if not checks.goss("eval", artifact, f"--logits-out={path}", "--json", "-q", *arguments, **environment):
        return None
    with open(path, "rb") as file:
        return file.read()


def largest_difference(a, b):
    """Of two .npy files of float32."""
    (header,) = struct.unpack("<H", a[8:10])
    first, second = (array.array("f", data[10 + header:]) for data in (a, b))
    if len(first) != len(second):
        return float("inf")
    return max((abs(x - y) for x, y in zip(first, second)), default=0.0)


def check_steps(checks, artifact, prompts):
    """The same steps give the same bits; steps of other sizes, whose sums have
    another order, the same logits to rounding."""
    ids = checks.path("ragged.txt")
    with open(ids, "w", encoding="ascii") as file:
        for prompt in prompts:
            file.write(" ".join(map(str, prompt["tokens"][:300])) + "\n")
    source = [f"--tokens={ids}"]
    first = read_logits(checks, artifact, "first.npy", *source)
    if first is None:
        return
    again = read_logits(checks, artifact, "again.npy", *source)
    if again is not None:
        checks.judge("determinism", again == first, "the same bits" if again == first else "other bits")
    for name, arguments in (("chunks", ["--prefill-chunk=7"]), ("ragged batch", [f"--batch={len(prompts)}"])):
        other = read_logits(checks, artifact, "other.npy", *source, *arguments)
        if other is not None:
            difference = largest_difference(first, other)
            checks.judge(name, difference <= ROUNDING, f"largest difference {difference:.1e} (at most {ROUNDING})")
    replayed, launched = (read_logits(checks, artifact, f"graphs{on}.npy", *source, "--prefill-chunk=1", GOSSAMER_CUDA_GRAPHS=on) for on in "10")
    if replayed is not None and launched is not None:
        checks.judge("graphs' bits", replayed == launched, "those of launches" if replayed == launched else "others than those of launches")


class Hog:
    """Takes the GPU's memory, all but `rest` bytes."""

    def __init__(self, ordinal, rest):
        self.driver = ctypes.CDLL(os.environ.get("GOSSAMER_LIBCUDA") or "libcuda.so.1")
        device, context = ctypes.c_int(), ctypes.c_void_p()
        free, total, address = ctypes.c_size_t(), ctypes.c_size_t(), ctypes.c_uint64()
        self.call("cuInit", 0)
        self.call("cuDeviceGet", ctypes.byref(device), ordinal)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self.call("cuCtxSetCurrent", context)
        self.call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        self.call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(free.value - rest))
        self.address = address
        self.device = device

    def call(self, name, *arguments):
        result = getattr(self.driver, name)(*arguments)
        if result:
            raise RuntimeError(f"{name}: error {result}")

    def release(self):
        self.call("cuMemFree_v2", self.address)
        self.call("cuDevicePrimaryCtxRelease_v2", self.device)


def check_memory(checks, artifact):
    """With most of the memory taken by another process, this one."""
    ordinal = int(checks.device.partition(":")[2] or 0)
    try:
        hog = Hog(ordinal, rest=16 << 20)
    except (OSError, RuntimeError) as error:
        checks.say("skip", "too little memory", f"cannot take it: {error}")
        return
    result = checks.goss("run", artifact, "--tokens=1", "-n", "1", code=71)
    if result:
        line = result.stderr.strip().splitlines()[-1]
        checks.judge("too little memory", "MB of GPU memory" in line, line)
    hog.release()


def check_bench(checks, name, artifact, *arguments):
    result = checks.goss("bench", artifact, "--json", "-q", *arguments)
    if not result:
        return
    for test in json.loads(result.stdout)["results"]:
        line = f"{test['median_tokens_per_second']:.1f} tokens/s (spread {100 * test['spread']:.1f} %)"
        if "limit_share" in test.get("roofline", {}):
            line += f", {100 * test['roofline']['limit_share']:.1f} % of {test['roofline']['limit']}"
        batch = f" x {test['batch']}" if test["batch"] > 1 else ""
        checks.say("ok", f"bench {name} {test['test']}{batch}", line)


def check_20b(checks):
    if not os.path.exists(os.path.join(KIT, "shape-20b.goss")):
        checks.say("skip", "bench 20b", "the kit has no shape-20b.goss (tools/dev test-gpu --pack --20b makes it)")
        return
    if shutil.disk_usage(checks.scratch).free < BYTES_OF_20B:
        checks.say("skip", "bench 20b", f"needs {BYTES_OF_20B >> 30} GB in {checks.scratch}")
        return
    weights = checks.path("20b")
    subprocess.run([os.path.join(KIT, "bin", "goss"), "synth", "--config=20b", "-o", weights, "-q"], check=True, env=checks.environment)
    probe = subprocess.run(
        [os.path.join(KIT, "bin", "goss"), "run", os.path.join(KIT, "shape-20b.goss"), f"--device={checks.device}", f"--weights={weights}", "--tokens=1", "-n", "1", "-q"],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, env=checks.environment)
    if probe.returncode == 71:
        checks.say("skip", "bench 20b", probe.stderr.strip().splitlines()[-1])
        return
    check_bench(checks, "20b", "shape-20b.goss", f"--weights={weights}", "-p", "2048", "-n", "128")
    check_bench(checks, "20b", "shape-20b.goss", f"--weights={weights}", "-p", "0", "-n", "64", "-b", "64", "--no-limits")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="cuda or cuda:N")
    parser.add_argument("--scratch", help="folder for temporary files (default: the system's)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        checks = Checks(options.device, scratch)
        probe = subprocess.run([os.path.join(KIT, "bin", "goss"), "run", os.path.join(KIT, "tiny-exact.goss"), f"--device={options.device}", "--tokens=1", "-n", "1", "-q"],
                               capture_output=True, text=True, stdin=subprocess.DEVNULL, env=checks.environment)
        if probe.returncode == 69:
            checks.say("skip", "all", probe.stderr.strip().splitlines()[-1])
            return 0
        prompts = load_prompts(checks)
        check_golden(checks, "tiny-exact.goss", prompts)
        check_greedy(checks, "tiny-exact.goss", prompts)
        check_draws(checks, "tiny-exact.goss", prompts)
        check_steps(checks, "tiny-exact.goss", prompts)
        check_memory(checks, "tiny-exact.goss")
        check_bench(checks, "tiny-stories", "tiny-fast.goss", "-p", "256", "-n", "64")
        check_20b(checks)
        print(f"{checks.failures} failed" if checks.failures else "all passed")
        return 1 if checks.failures else 0


if __name__ == "__main__":
    sys.exit(main())
