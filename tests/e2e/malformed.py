"""Every file of tests/data/malformed is refused with the message it must get.

The table expected.json says which message and exit code; README.md beside it
says how a file of each group is run. GOSSAMER_RECORD=1 writes the table anew
from what the tools answer: read the difference before it is committed.
"""

import concurrent.futures
import json
import os
import re
import shutil
import subprocess

from artifact_patch import Patcher
from support import Suite

suite = Suite(__doc__)
DATA = os.path.join(suite.source, "tests", "data", "malformed")
BASE = os.path.join(DATA, "base")
TABLE = os.path.join(DATA, "expected.json")
ARTIFACT = suite.path("good.goss")
MODEL = suite.path("model")


def make_artifact():
    """Compiles the artifact that the patches change."""
    suite.expect("synth", ["goss", "synth", "--config", os.path.join(BASE, "config.json"), "-o", MODEL, "-q"])
    shutil.copy(os.path.join(BASE, "tokenizer.json"), MODEL)
    suite.expect("compile", ["gossc", MODEL, "-o", ARTIFACT, "-q"])
    return Patcher(open(ARTIFACT, "rb").read(), os.path.join(suite.source, "runtime", "artifact", "manifest.proto"))


def checkpoint(folder, *files):
    """A checkpoint of links: (name, file) of each."""
    os.makedirs(folder)
    for name, file in files:
        os.symlink(file, os.path.join(folder, name))
    return folder


def base(name):
    return os.path.join(BASE, name)


# How a file is run: the arguments, what is on standard input, and the path that
# the message begins with.


def as_config(file, folder):
    return ["goss", "verify", file, "-q"], None, file


def as_checkpoint(name, *others):
    def run(file, folder):
        path = checkpoint(folder, (name, file), *others)
        return ["goss", "verify", path, "-q"], None, path

    return run


def as_tokenizer(file, folder):
    return ["goss", "tokenize", file], b"x", file


def as_lines(file, folder):
    return ["goss", "tokenize", base("tokenizer.json"), "--jsonl"], open(file, "rb").read(), "standard input"


def as_ids(file, folder):
    return ["goss", "detokenize", base("tokenizer.json")], open(file, "rb").read(), "standard input"


def as_tokens(file, folder):
    return ["goss", "eval", ARTIFACT, "--weights", MODEL, "--tokens", file, "-q"], None, file


def as_logits(file, folder):
    return ["goss", "eval", ARTIFACT, "--weights", MODEL, "--tokens", base("tokens.txt"), "--compare", file, "-q"], None, file


def as_patch(file, folder):
    patch = json.load(open(file))
    os.makedirs(folder)
    path = os.path.join(folder, "bad.goss")
    with open(path, "wb") as output:
        output.write(patcher.apply(patch["changes"]))
    if patch.get("run") == "run":
        return ["goss", "run", path, "--weights", MODEL, "--tokens=1", "-n", "1", "--greedy"], None, path
    return ["goss", "verify", path, "--weights", MODEL, "-q"], None, path


SMALL = ("config.json", base("small-config.json"))
GROUPS = {
    "artifact": as_patch,
    "config": as_config,
    "conversation": as_lines,
    "generation_config": as_checkpoint("generation_config.json", SMALL, ("model.safetensors", base("model.safetensors"))),
    "ids": as_ids,
    "index": as_checkpoint("model.safetensors.index.json", SMALL, *[(n, base(n)) for n in ("part-1.safetensors", "part-2.safetensors")]),
    "json": as_config,
    "logits": as_logits,
    "manifest": as_patch,
    "npy": as_tokens,
    "safetensors": as_checkpoint("model.safetensors", SMALL),
    "tokenizer": as_tokenizer,
    "tokenizer_image": as_patch,
    "tokens": as_tokens,
}


def run(case):
    """Runs one file; returns its message behind the path, the exit code, and
    what is wrong whatever the table says."""
    group, name = case.split("/")
    folder = suite.path(group, name)
    arguments, text, path = GROUPS[group](os.path.join(DATA, case), folder)
    before = sorted(os.listdir(folder)) if os.path.exists(folder) else []
    more = {"input": text} if text is not None else {}
    try:
        result = suite.run(arguments, timeout=60, **more)
    except subprocess.TimeoutExpired:
        return "", 0, "expects an end but got a timeout"
    errors = result.stderr.decode("utf-8", "backslashreplace")
    wrong = None
    after = sorted(os.listdir(folder)) if os.path.exists(folder) else []
    line = f"{arguments[0]}: error: "
    if "Sanitizer" in errors or "runtime error:" in errors:
        wrong = "expects no sanitizer report but got\n" + errors[-3000:]
    elif before != after:
        wrong = f"expects nothing left behind but got {after}"
    elif not errors.startswith(line) or errors.count("\n") != 1:
        wrong = f"expects one line of error but got {errors[:500]!r}"
    elif any(ord(c) < 32 or 127 <= ord(c) < 160 for c in errors[:-1]):
        wrong = f"expects no control characters but got {errors[:500]!r}"
    elif len(errors) > 2000:
        wrong = f"expects a short message but got {len(errors)} characters"
    message = errors[len(line) :].rstrip("\n")
    if message.startswith(path):
        message = message[len(path) :]
    for text, place in (("{path}", path), ("{model}", MODEL), ("{base}", BASE)):
        message = message.replace(place, text)
    if name.endswith(".patch.json"):
        message = re.sub(r"\d+", lambda number: "{n}" if int(number[0]) in VARYING else number[0], message)
    shutil.rmtree(folder, ignore_errors=True)
    return message, result.returncode, wrong


patcher = make_artifact()
VARYING = patcher.varying_numbers()
cases = [f"{group}/{name}" for group in sorted(GROUPS) for name in sorted(os.listdir(os.path.join(DATA, group)))]
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    answers = dict(zip(cases, pool.map(run, cases)))

if os.environ.get("GOSSAMER_RECORD"):
    with open(TABLE, "w") as file:
        json.dump({case: [answers[case][1], answers[case][0]] for case in cases}, file, indent=0, ensure_ascii=False)
        file.write("\n")
expected = json.load(open(TABLE))
suite.check("cases", set(expected) == set(cases), f"expects the table and the files to agree but got {set(expected) ^ set(cases)}")
suite.check("number", len(cases) >= 300, f"expects at least 300 files but got {len(cases)}")
for case in cases:
    message, code, wrong = answers[case]
    suite.check(case, wrong is None, wrong)
    if case in expected:
        suite.check(case, [code, message] == expected[case], f"expects {expected[case]} but got {[code, message]}")

# The faults of a checkpoint stop a compilation too, which leaves no file.
for case in [case for case in cases if case.startswith("index/")][::4] + ["generation_config/eos-outside.json", "safetensors/data-overlap.safetensors"]:
    group, name = case.split("/")
    folder = suite.path("compile", group, name)
    arguments, _, _ = GROUPS[group](os.path.join(DATA, case), folder)
    before = sorted(os.listdir(folder))
    code, message = expected[case]
    suite.expect(case + ", compile", ["gossc", folder, "-o", os.path.join(folder, "out.goss")], code, message.replace("{path}", folder))
    suite.leaves_nothing(case, folder, before)

suite.finish()
