"""goss convert killed 100 times at random moments: no file that verifies is wrong.

Each kill is followed by looking at what it left, and by --resume, which is
killed in turn until it ends; then the bytes are those of a run without a kill.
GOSSAMER_TEST_SEED repeats the moments of a failure, as far as a machine does.
"""

import os
import random
import shutil
import signal
import subprocess
import time

from support import Suite, read_all

suite = Suite(__doc__)
FORMS = ("hf", "hf-bf16", "original", "gguf", "numpy")
JOURNAL = "gossamer-convert.json"
seed = int(os.environ.get("GOSSAMER_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
print(f"GOSSAMER_TEST_SEED={seed}")
chance = random.Random(seed)
# Moments are the point, not memory: fewer in the slow build.
kills_a_form = 5 if suite.is_sanitized() else 20


def command(form, folder):
    return [suite.tool("goss"), "convert", suite.model, folder, "--to=" + form, "--shard-bytes=1500000", "-q", "--resume"]


def run_whole(form):
    """The files of a run without a kill, and its seconds."""
    folder = suite.path("whole-" + form)
    began = time.monotonic()
    subprocess.run(command(form, folder), check=True)
    return read_all(folder), time.monotonic() - began


def kill_once(form, folder, latest):
    """Whether the conversion was killed at a moment before `latest` or had ended."""
    process = subprocess.Popen(command(form, folder), stderr=subprocess.PIPE)
    time.sleep(chance.random() * latest)
    process.send_signal(signal.SIGKILL)
    errors = process.communicate()[1].decode()
    suite.check(form, process.returncode in (0, -signal.SIGKILL), f"expects a kill or an end but got {process.returncode}: {errors}")
    return process.returncode != 0


def check_left(form, folder, reference):
    """Every file under its own name is whole; a checkpoint that verifies has all its weights."""
    left = read_all(folder) if os.path.isdir(folder) else {}
    finished = {name: blob for name, blob in left.items() if not name.endswith(".part") and name != JOURNAL}
    wrong = [name for name, blob in finished.items() if blob != reference.get(name)]
    suite.check(form, not wrong, f"expects whole files or none but {wrong} differ")
    weights = {name for name in reference if name.endswith((".safetensors", ".npy", ".gguf"))}
    if suite.run(["goss", "verify", folder]).returncode == 0:
        suite.check(form, weights <= set(finished), f"expects no checkpoint of {sorted(finished)}")


kills = 0
for form in FORMS:
    reference, duration = run_whole(form)
    folder = suite.path("killed-" + form)
    done = 0
    while done < kills_a_form:
        killed = kill_once(form, folder, duration)
        check_left(form, folder, reference)
        done += killed
        if not killed:
            suite.check(form, read_all(folder) == reference, "expects the bytes of an uninterrupted run")
            shutil.rmtree(folder)
    kills += done
    for case in ("resume", "finished"):
        suite.expect(case, ["goss", *command(form, folder)[1:]])
        suite.check(case, read_all(folder) == reference, f"expects the bytes of an uninterrupted run but got {sorted(read_all(folder))}")
print(f"{kills} kills")
suite.finish()
