"""goss synth: killed at any moment it leaves no checkpoint, and goes on."""

import json
import os
import signal
import subprocess
import time

from support import Suite

suite = Suite(__doc__)

# Like gpt-oss-20b, but narrow: 14 MB in some fifteen files.
config = os.path.join(suite.source, "tests", "data", "configs", "20b-narrow.json")
options = ["--config", config, "--layers=2", "--seed=5", "--shard-bytes=1000000", "-q"]


def read_all(folder):
    return {name: open(os.path.join(folder, name), "rb").read() for name in os.listdir(folder)}


def is_checkpoint(folder):
    return suite.run(["goss", "verify", folder]).returncode == 0


whole = suite.path("whole")
suite.expect("whole", ["goss", "synth", *options, "-o", whole])
want = read_all(whole)
shards = [name for name in want if name.endswith(".safetensors")]
suite.check("whole", len(shards) > 8 and is_checkpoint(whole), f"expects a checkpoint of several files but got {sorted(want)}")

# Killed ever later and resumed each time, until a run gets to its end.
folder = suite.path("killed")
stops = set()
for files in range(0, 40):
    process = subprocess.Popen([suite.tool("goss"), "synth", *map(str, options), "-o", folder, "--resume"], stderr=subprocess.PIPE)
    # Up to as many files as this round is to see, and a little further.
    while process.poll() is None and (not os.path.isdir(folder) or len(os.listdir(folder)) <= files):
        time.sleep(0.0002)
    time.sleep(0.0005 * (files % 4))
    process.send_signal(signal.SIGKILL)
    errors = process.communicate()[1]
    if process.returncode == 0:
        break
    suite.check("killed", process.returncode == -signal.SIGKILL, f"expects a kill but got {process.returncode} {errors}")
    left = read_all(folder) if os.path.isdir(folder) else {}
    finished = [name for name in left if not name.endswith(".part")]
    stops.add(len(finished))
    for name in finished:
        suite.check("killed", left[name] == want[name], f"expects a whole {name} or none")
    suite.check("killed", "config.json" in left or not is_checkpoint(folder), f"expects no checkpoint but got {sorted(left)}")
suite.check("killed", len(stops) > 2, f"expects stops at several moments but got {stops}")
print(f"killed with {sorted(stops)} files finished of {len(want)}")
suite.expect("resume", ["goss", "synth", *options, "-o", folder, "--resume"])
suite.check("resume", read_all(folder) == want, f"expects the bytes of an uninterrupted run but got {sorted(read_all(folder))}")

# A finished one is left as it is; others are refused and stay as they are.
suite.expect("finished", ["goss", "synth", *options, "-o", folder, "--resume"])
suite.expect("no resume", ["goss", "synth", *options, "-o", folder], 64, "expects an empty directory")
suite.expect("other seed", ["goss", "synth", *options, "--seed=6", "-o", folder, "--resume"], 64, "expects the weights of this config and seed")
suite.expect("other files", ["goss", "synth", *options, "--shard-bytes=2000000", "-o", folder, "--resume"], 64, "but got 'model-")
suite.check("refused", read_all(folder) == want, "expects an unchanged directory")
os.makedirs(suite.path("precious"))
open(suite.path("precious", "notes.txt"), "w").close()
suite.expect("precious", ["goss", "synth", *options, "-o", suite.path("precious"), "--resume"], 64, "but got 'notes.txt'")

# Ctrl-C without --resume leaves nothing, with it the finished files.
for resume in ([], ["--resume"]):
    folder = suite.path("interrupted" + "".join(resume))
    process = subprocess.Popen([suite.tool("goss"), "synth", *map(str, options), "-o", folder, *resume], stderr=subprocess.PIPE)
    while process.poll() is None and (not os.path.isdir(folder) or len(os.listdir(folder)) <= 1):
        time.sleep(0.0002)
    process.send_signal(signal.SIGINT)
    errors = process.communicate()[1]
    if process.returncode == 0:
        continue  # It was faster.
    suite.check("interrupt", process.returncode == 130, f"expects exit code 130 but got {process.returncode} {errors}")
    left = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    suite.check("interrupt", not any(name.endswith(".part") for name in left), f"expects no unfinished file but got {left}")
    suite.check("interrupt", bool(left) == bool(resume), f"expects {'some' if resume else 'no'} files but got {left}")

suite.finish()
