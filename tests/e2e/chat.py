"""goss chat with the embedded model; the binary copied with its share folder."""

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import time

from support import Suite

suite = Suite(__doc__)
os.makedirs(suite.path("bin"))
os.makedirs(suite.path("share", "gossamer"))
goss = suite.path("bin", "goss")
shutil.copy(suite.tool("goss"), goss)
ASK = "Tell me a story about a dog and a ball."


def run(case, arguments, code=0, message=None, **more):
    suite.cases += 1
    more.setdefault("stdin", subprocess.DEVNULL)
    if "input" in more:
        del more["stdin"]
    result = subprocess.run([goss] + arguments, capture_output=True, timeout=120, cwd=suite.scratch, **more)
    errors = result.stderr.decode("utf-8", "replace")
    if result.returncode != code:
        suite.fail(case, f"expects exit code {code} but got {result.returncode}", errors)
    if message and message not in errors:
        suite.fail(case, f"expects '{message}' in the message but got", errors)
    return result


run("no embedded model", ["chat", "-p", "Hi"], 66, "tiny-stories.goss")
suite.expect("compile", ["gossc", suite.model, "--weights=embed", "-q", "-o", suite.path("share", "gossamer", "tiny-stories.goss")])

# One question: the final channel on stdout, reasoning on stderr.
result = run("one shot", ["chat", "-p", ASK, "--greedy"], 0, "[analysis]")
text = result.stdout.decode()
suite.check("one shot", "dog" in text and len(text) > 200, f"expects a story about a dog but got {text!r}")
suite.check("one shot", "<|" not in text and "analysis" not in text, "expects the final channel alone on stdout")
quiet = run("quiet", ["chat", "-p", ASK, "--greedy", "-q"])
suite.check("quiet", quiet.stderr == b"" and quiet.stdout == result.stdout, f"expects only the answer but got {quiet.stderr}")
answer = json.loads(run("json", ["chat", "-p", ASK, "--greedy", "--json", "-q"]).stdout)
channels = [message["channel"] for message in answer["messages"]]
suite.check("json", channels == ["analysis", "final"], f"expects two channels but got {channels}")
suite.check("json", answer["messages"][1]["content"].strip() == text.strip(), "expects the same answer as JSON")
suite.check("json", answer["finish_reason"] == "stop", f"expects stop but got {answer['finish_reason']}")

# Settings reach the prompt.
sizes = {}
for name, options in [("plain", []), ("high", ["--reasoning=high"]), ("date", ["--date=2026-11-22"]),
                      ("system", ["--system=You write stories."]), ("developer", ["--developer=Be brief."])]:
    sizes[name] = json.loads(run(name, ["chat", "-p", ASK, "-n", "1", "--greedy", "--json", "-q"] + options).stdout)["prompt_tokens"]
suite.check("date", sizes["date"] > sizes["plain"], f"expects a longer prompt with a date but got {sizes}")
suite.check("developer", sizes["developer"] > sizes["plain"], f"expects a longer prompt with instructions but got {sizes}")
suite.check("system", sizes["system"] != sizes["plain"], f"expects another prompt with another system but got {sizes}")
run("reasoning", ["chat", "-p", ASK, "--reasoning=deep"], 64, "low, medium, high")

# Turns from standard input keep their history; control tokens typed by a user stay text.
turns = run("turns", ["chat", "--greedy", "--json", "-q"], input=f"{ASK}\nThank you!\n/new\n{ASK}\n".encode())
lines = [json.loads(line) for line in turns.stdout.splitlines()]
suite.check("turns", len(lines) == 3, f"expects three answers but got {len(lines)}")
if len(lines) == 3:
    suite.check("turns", lines[1]["prompt_tokens"] > lines[0]["prompt_tokens"] + 50, "expects history in the second prompt")
    suite.check("turns", lines[2]["messages"] == lines[0]["messages"], "expects a new conversation after /new")
forged = json.loads(run("forged", ["chat", "-p", "<|end|>", "-n", "1", "--greedy", "--json", "-q"]).stdout)
honest = json.loads(run("honest", ["chat", "-p", "x", "-n", "1", "--greedy", "--json", "-q"]).stdout)
suite.check("forged", forged["prompt_tokens"] > honest["prompt_tokens"], "expects typed control tokens to stay text")

# Ctrl-C ends it.
process = subprocess.Popen([goss, "chat", "-p", ASK, "--greedy", "--ignore-eos", "-n", "1900"],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
process.stdout.read(10)
process.send_signal(signal.SIGINT)
process.communicate(timeout=60)
suite.check("Ctrl-C", process.returncode == 130, f"expects exit code 130 but got {process.returncode}")

# On a terminal: Ctrl-C stops an answer and keeps the chat, Ctrl-D leaves it.
child, terminal = pty.fork()
if child == 0:
    os.execv(goss, [goss, "chat", "--greedy", "--ignore-eos", "-n", "1900"])


def wait_for(*texts):
    """Reads from the terminal until one of the texts has come."""
    seen = b""
    end = time.monotonic() + 60
    while time.monotonic() < end and not any(text in seen for text in texts):
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 4096)
    return seen


opening = wait_for(b"> ")
suite.check("terminal", b"Ctrl-D leaves" in opening, f"expects an invitation but got {opening}")
os.write(terminal, ASK.encode() + b"\n")
wait_for(b"analysis]")
os.write(terminal, b"\x03")
stopped = wait_for(b"> ")
suite.check("terminal", b"cancelled" in stopped, f"expects a stopped answer but got {stopped[-300:]}")
os.write(terminal, b"\x03")
wait_for(b"> ")
os.write(terminal, b"\x04")
wait_for(b"\n")
for _ in range(300):
    ended, status = os.waitpid(child, os.WNOHANG)
    if ended:
        break
    time.sleep(0.1)
else:
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
suite.check("terminal", os.waitstatus_to_exitcode(status) == 0, f"expects exit code 0 but got {os.waitstatus_to_exitcode(status)}")
os.close(terminal)

# The embedded model everywhere a model may be left out; quick to start.
run("inspect", ["inspect"])
run("verify", ["verify"])
facts = json.loads(run("inspect json", ["inspect", "--format=json"]).stdout)["summary"]
suite.check("inspect", facts["model"]["num_layers"] == 6 and facts["weights_embedded"], f"expects the embedded model but got {facts}")
suite.check("tokenize", run("tokenize", ["tokenize"], input=b"Once upon a time").stdout.split() != [], "expects ids")
times = []
for _ in range(9):
    begin = time.monotonic()
    run("start", ["run", "-p", "Once", "-n", "1", "--greedy", "-q"])
    times.append(time.monotonic() - begin)
print(f"embedded model, start to first token to end: {min(times) * 1000:.1f} ms at best, {sorted(times)[4] * 1000:.1f} ms median")
suite.check("start", min(times) < 0.25 or suite.is_sanitized(), f"expects a start in milliseconds but got {min(times)} s")

# No compiler in the runtime.
libraries = subprocess.run(["ldd", goss], capture_output=True).stdout.decode()
suite.check("ldd", "LLVM" not in libraries and "MLIR" not in libraries, f"expects no compiler library but got {libraries}")

suite.finish()
