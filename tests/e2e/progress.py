"""The progress bars of goss and gossc, as a person at a terminal sees them.

They show after two seconds. Nothing here takes that long, so that the process
is stopped for a while when it has begun to write, or is halfway.
"""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from support import Suite, read_all, write_bytes

suite = Suite(__doc__)
UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}
LINE = re.compile(r"converting  \[(#*)(-*)\]  (\d+)%  ([\d.]+)/([\d.]+) (\w+)  ([\d.]+) (\w+)/s  (?:(?:(\d+):)?(\d+):(\d\d)|--:--)")


class Terminal:
    """A pseudo terminal that a process writes its messages to."""

    def __init__(self, command):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(command, stderr=slave, stdout=subprocess.DEVNULL)
        os.close(slave)
        self.shown = b""

    def read(self, seconds):
        """Takes in what comes within a time; False at the end."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            piece = os.read(self.master, 65536)
        except OSError:  # the process has closed it.
            piece = b""
        self.shown += piece
        return bool(piece)

    def finish(self):
        while self.read(60):
            pass
        os.close(self.master)
        return self.process.wait()


def convert(folder, *options):
    return [suite.tool("goss"), "convert", suite.model, folder, "--to=numpy", *options]


def run_stopped(folder):
    """A conversion that is stopped for more than two seconds at its first file,
    and the seconds from its start; None where it was too fast to be stopped."""
    began = time.monotonic()
    terminal = Terminal(convert(folder))
    while terminal.process.poll() is None and not os.path.isdir(os.path.join(folder, "shard_000")):
        time.sleep(0.0005)
    terminal.process.send_signal(signal.SIGSTOP)
    time.sleep(2.2)
    terminal.process.send_signal(signal.SIGCONT)
    code = terminal.finish()
    seconds = time.monotonic() - began
    suite.check("convert", code == 0, f"expects exit code 0 but got {code}: {terminal.shown}")
    if b"converting" in terminal.shown:
        return terminal.shown.decode(), seconds
    shutil.rmtree(folder)
    return None


def check_line(drawing, seconds):
    """A drawing's numbers fit together; returns its percentage."""
    found = LINE.fullmatch(drawing)
    if not suite.check("line", found, f"expects bar, share, bytes, rate and time left but got {drawing!r}"):
        return 0
    filled, free, percent = len(found[1]), len(found[2]), int(found[3])
    unit = UNITS[found[6]]
    done, total, rate = float(found[4]) * unit, float(found[5]) * unit, float(found[7]) * UNITS[found[8]]
    suite.check("bar", filled + free == 20 and abs(filled - percent / 5) <= 1, f"expects a bar of {percent} % but got {drawing!r}")
    suite.check("bytes", abs(done / total - percent / 100) < 0.02, f"expects {percent} % of the bytes but got {drawing!r}")
    # Numbers are shown to one digit after the point, bytes to none.
    spread, rate_spread = (0.6 if each == 1 else 0.06 * each for each in (unit, UNITS[found[8]]))
    suite.check("rate", (done - spread) / seconds <= rate <= (done + spread) / 2, f"expects the bytes by the seconds since its start but got {drawing!r}")
    if found[10]:
        left = int(found[9] or 0) * 3600 + int(found[10]) * 60 + int(found[11])
        soonest = (total - done - 2 * spread) / (rate + rate_spread) - 0.51
        latest = (total - done + 2 * spread) / max(rate - rate_spread, 1e-9) + 0.51
        suite.check("time left", soonest <= left <= latest, f"expects what is left by the rate but got {drawing!r}")
    return percent


folder = suite.path("terminal")
shown = next(filter(None, (run_stopped(folder) for _ in range(20))), None)
if suite.check("terminal", shown, "expects a bar after two seconds"):
    text, seconds = shown
    # Each drawing erases the one before it; the last thing done is to erase.
    drawings = [part for part in text.split("\r\x1b[K")[1:] if part.startswith("converting")]
    percents = [check_line(drawing, seconds) for drawing in drawings]
    suite.check("grows", percents == sorted(percents), f"expects progress but got {percents}")
    rest = text[text.rindex(drawings[-1]) + len(drawings[-1]) :]
    suite.check("erased", rest.startswith("\r\x1b[K") and "Wrote" in rest, f"expects the line to go before the message but got {rest!r}")
    suite.check("time left", re.search(r"  \d[\d:]+$", drawings[-1]), f"expects a time left in the end but got {drawings[-1]!r}")
    print(f"{len(drawings)} drawings, such as {drawings[-1]!r}")

# The bytes do not depend on being watched, and without a terminal there is no bar.
result = suite.expect("no terminal", ["goss", "convert", suite.model, suite.path("plain"), "--to=numpy"], message="Wrote")
suite.check("no terminal", b"\r" not in result.stderr and b"converting" not in result.stderr, f"expects no bar but got {result.stderr}")
suite.check("same", read_all(folder) == read_all(suite.path("plain")), "expects the same files")


class Watched:
    """A command whose bar can be seen, and with --quiet cannot."""

    def __init__(self, title, command, output=None):
        self.title = title.encode()
        self.command = command
        self.output = output  # folder to be removed before each run.

    def measure(self, process):
        """How far it is: files that it writes, or pages of files that it has read."""
        if self.output:
            return sum(len(names) for _, _, names in os.walk(self.output))
        with open(f"/proc/{process.pid}/statm") as file:
            return int((file.read().split() or "000")[2])

    def run(self, stop_at, *options):
        """What it ends with, writes to a terminal when it is stopped where it is
        so far, and how far it was at most."""
        if self.output:
            shutil.rmtree(self.output, ignore_errors=True)
        terminal = Terminal([suite.tool(self.command[0]), *self.command[1:], *options])
        most = 0
        while terminal.process.poll() is None and most < stop_at:
            most = max(most, self.measure(terminal.process))
            terminal.read(0.0003)
        if terminal.process.poll() is None:
            terminal.process.send_signal(signal.SIGSTOP)
            time.sleep(2.1)
            terminal.process.send_signal(signal.SIGCONT)
        return terminal.finish(), terminal.shown, most

    def find_place(self):
        """How far it is where a stop lets the bar be seen."""
        most = self.run(float("inf"))[2]
        places = [part * most for part in (0.7, 0.6, 0.8, 0.5, 0.9)] * 4
        return next((place for place in places if self.title in self.run(place)[1]), None)

    def quiet_run(self):
        """That, and what a quiet run ended with and wrote, stopped there."""
        place = self.find_place()
        return place, self.run(place, "-q")[:2] if place else None


# -q hides every one of them: errors only are written, and there is none.
suite.expect("compile", ["gossc", suite.model, "--weights=embed", "-o", suite.path("tiny.goss"), "-q"])
suite.expect("synth", ["goss", "synth", "--config=seed-demo", "--layers=64", "-o", suite.path("model"), "-q"])
write_bytes(suite.path("story.txt"), b"Once upon a time, there was a little girl named Lily. " * 100)
watched = [
    Watched("converting", ["goss", "convert", suite.model, suite.path("quiet"), "--to=numpy"], suite.path("quiet")),
    Watched("writing weights", ["goss", "synth", "--config=seed-demo", "--layers=24", "--shard-bytes=1000000", "-o", suite.path("random")], suite.path("random")),
    Watched("reading weights", ["goss", "verify", suite.path("model")]),
    Watched("verifying", ["goss", "verify", suite.path("tiny.goss")]),
    Watched("evaluating tokens", ["goss", "eval", suite.path("tiny.goss"), "-f", suite.path("story.txt")]),
]
with ThreadPoolExecutor(len(watched)) as pool:
    for each, (place, quiet) in zip(watched, pool.map(Watched.quiet_run, watched)):
        name = each.title.decode()
        suite.check(name, place, "expects a bar after two seconds")
        suite.check(name, quiet == (0, b""), f"expects exit code 0 and nothing with -q but got {quiet}")
suite.finish()
