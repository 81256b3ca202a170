"""A disk that is full ends a tool with 74 and leaves no half file behind."""

import os
import resource
import subprocess

from support import Suite

suite = Suite(__doc__)


def limit(size):
    def apply():
        import signal

        # Beyond the limit a write fails with EFBIG instead of a signal.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return apply


suite.expect("compile", ["gossc", suite.model, "-o", suite.path("whole.goss"), "-q"])
whole = os.path.getsize(suite.path("whole.goss"))
for name, arguments, size in [
    ("linker", ["gossc", suite.model, "-o", suite.path("out", "m.goss"), "-q"], 20_000),
    ("artifact", ["gossc", suite.model, "-o", suite.path("out", "m.goss"), "-q"], whole - 10_000),
    ("artifact with weights", ["gossc", suite.model, "-o", suite.path("out", "m.goss"), "--weights=embed", "-q"], 2_000_000),
    ("object", ["gossc", suite.model, "--emit=obj", "-o", suite.path("out", "m.o"), "-q"], 1000),
]:
    os.makedirs(suite.path("out"), exist_ok=True)
    suite.expect(name, arguments, 74, ": cannot write", preexec_fn=limit(size), env=dict(os.environ, TMPDIR=suite.path("out")))
    suite.leaves_nothing(name, suite.path("out"))

os.makedirs(suite.path("synth"), exist_ok=True)
suite.expect(
    "synth",
    ["goss", "synth", "--config", os.path.join(suite.model, "config.json"), "-o", suite.path("synth", "m"), "-q"],
    74,
    preexec_fn=limit(1_000_000),
)
left = [os.path.join(folder, name) for folder, _, names in os.walk(suite.path("synth")) for name in names]
suite.check("synth", not [path for path in left if "safetensors" in path], f"expects no weight file but got {left}")

# Standard output that cannot be written.
with open("/dev/full", "wb") as full:
    result = subprocess.run(
        [suite.tool("gossc"), suite.model, "--emit=graph", "-q"], stdout=full, stderr=subprocess.PIPE
    )
    suite.check("stdout", result.returncode == 74, f"expects exit code 74 but got {result.returncode}")
    result = subprocess.run([suite.tool("goss"), "--help"], stdout=full, stderr=subprocess.PIPE)
    suite.check("help", result.returncode == 74, f"expects exit code 74 but got {result.returncode}")

# A folder that cannot be written, and one that is not there.
suite.expect("no such folder", ["gossc", suite.model, "-o", suite.path("no", "m.goss"), "-q"], 66, "m.goss")

# A reader that has seen enough.
pipe = subprocess.Popen([suite.tool("gossc"), suite.model, "--emit=graph", "-q"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
pipe.stdout.read(10)
pipe.stdout.close()
errors = pipe.stderr.read()
suite.check("closed pipe", pipe.wait() == 0 and not errors, f"expects a quiet end but got {pipe.returncode} {errors}")

suite.finish()
