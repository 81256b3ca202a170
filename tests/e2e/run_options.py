"""goss run: where text ends, what the seed fixes, which values are refused."""

import json
import os
import signal
import subprocess
import time

from support import Suite

suite = Suite(__doc__)
artifact = suite.path("model.goss")
suite.expect("compile", ["gossc", suite.model, "-o", artifact, "-q"])
BASE = ["goss", "run", artifact, "--weights", suite.model]
ONCE = BASE + ["-p", "Once upon a time,"]


def answer(case, arguments):
    result = suite.expect(case, arguments + ["--json", "-q"])
    return json.loads(result.stdout) if result and result.returncode == 0 else {}


# Seeds.
SAMPLED = ONCE + ["-n", "40", "--temperature=0.9"]
first = answer("seed 1", SAMPLED + ["--seed=1"])
again = answer("seed 1 again", SAMPLED + ["--seed=1", "-t", "1"])
other = answer("seed 2", SAMPLED + ["--seed=2"])
suite.check("seed", first.get("tokens") == again.get("tokens"), "expects equal tokens for equal seeds")
suite.check("seed", first.get("tokens") != other.get("tokens"), "expects other tokens for another seed")
suite.check("seed", first.get("seed") == 1, f"expects the seed in the report but got {first.get('seed')}")
result = suite.expect("seed drawn", SAMPLED, 0, ["seed", "temperature"])
result = suite.expect("quiet", SAMPLED + ["-q"])
suite.check("quiet", result.stderr == b"", f"expects nothing on stderr but got {result.stderr}")

# The settings that leave one choice are greedy.
greedy = answer("greedy", ONCE + ["-n", "30", "--greedy"])
for name, option in [("top-k 1", "--top-k=1"), ("top-p 0", "--top-p=0"), ("min-p 1", "--min-p=1"), ("temperature 0", "--temperature=0")]:
    same = answer(name, ONCE + ["-n", "30", option, "--seed=7"])
    suite.check(name, same.get("tokens") == greedy.get("tokens"), "expects the greedy tokens")
penalised = answer("penalty", ONCE + ["-n", "30", "--greedy", "--repetition-penalty=1.5"])
suite.check("penalty", penalised.get("tokens") != greedy.get("tokens"), "expects other tokens with a penalty")

# Ends.
text = greedy.get("text", "")
stopped = answer("stop string", ONCE + ["-n", "30", "--greedy", "--stop= girl", "--stop=never"])
suite.check("stop string", stopped.get("text") == text[: text.find(" girl")], f"expects the text before ' girl' but got {stopped.get('text')!r}")
suite.check("stop string", stopped.get("finish_reason") == "stop_string", f"expects stop_string but got {stopped.get('finish_reason')}")
none = answer("no tokens", ONCE + ["-n", "0", "--greedy"])
suite.check("no tokens", none.get("tokens") == [] and none.get("text") == "", f"expects nothing but got {none}")
CHAT = ["-p", "<|start|>user<|message|>Tell me a story about a dog.<|end|><|start|>assistant", "--special"]
ended = answer("end token", BASE + CHAT + ["-n", "400", "--greedy"])
suite.check("end token", ended.get("finish_reason") == "stop", f"expects stop but got {ended.get('finish_reason')}")
suite.check("end token", ended.get("tokens", [0])[-1] in (3044, 3041, 3054), f"expects an end token but got {ended.get('tokens', [0])[-1]}")
index = json.load(open(os.path.join(suite.source, "tests", "data", "golden", "index.json")))
story = next(prompt["text"] for prompt in index["prompts"] if prompt["name"] == "p6_len200")
document = answer("another end token", BASE + ["-p", story, "--special", "-n", "100", "--greedy"])
suite.check("another end token", document.get("tokens", [0])[-1] == 3041, f"expects 3041 at the end but got {document.get('tokens', [0])[-1]}")
suite.check("another end token", "<|endoftext|>" not in document.get("text", ""), "expects no end token in the text")
on = answer("ignore end", BASE + CHAT + ["-n", "400", "--greedy", "--ignore-eos"])
suite.check("ignore end", len(on.get("tokens", [])) == 400, f"expects 400 tokens but got {len(on.get('tokens', []))}")
ids = answer("token prompt", BASE + ["--tokens=1,2,3", "-n", "4", "--greedy"])
suite.check("token prompt", ids.get("prompt_tokens") == [1, 2, 3], "expects the given ids")
plain = answer("specials stay text", BASE + ["-p", "<|end|>", "-n", "1", "--greedy"])
suite.check("specials stay text", len(plain.get("prompt_tokens", [])) > 1, "expects text but got a control token")

# Values that mean nothing are usage errors that name option and range.
for option in ["--temperature=-1", "--temperature=nan", "--top-p=1.5", "--top-p=-0.1", "--min-p=2", "--top-k=-1",
               "--repetition-penalty=0", "--repetition-penalty=-2", "--seed=x", "-n=-3", "--threads=0", "--threads=100000",
               "--prefill-chunk=0", "--tokens=1,,2", "--tokens=1,x", "--temperature=inf"]:
    suite.expect(option, ONCE + [option], 64, "expects" if "-p" != option else "")
suite.expect("two prompts", ONCE + ["--tokens=1"], 64)
suite.expect("no prompt", BASE, 64, "-p")
suite.expect("unknown option", ONCE + ["--temprature=1"], 64, "--temperature")
suite.expect("unknown id", BASE + ["--tokens=999999", "-n", "1"], 65, "999999")
suite.expect("empty prompt", BASE + ["-p", ""], 65)
suite.expect("prompt file missing", BASE + ["-f", suite.path("none.txt")], 66, "none.txt")
suite.expect("prompt too long", BASE + ["--tokens=" + ",".join(["5"] * 2049), "-n", "1"], 65, ["2049", "2048"])
short = suite.path("short.goss")
suite.expect("compile short", ["gossc", suite.model, "-o", short, "-q", "--max-context=64", "--max-tokens-per-step=16"])
SHORT = ["goss", "run", short, "--weights", suite.model, "--greedy"]
suite.expect("longer than its context", SHORT + ["--tokens=" + ",".join(["5"] * 65), "-n", "1"], 65, ["65", "64"])
full = answer("context fills up", SHORT + ["--tokens=" + ",".join(["5"] * 60), "-n", "50", "--ignore-eos"])
suite.check("context fills up", full.get("finish_reason") == "length", f"expects length but got {full}")

# A checkpoint without tokenizer: ids work, text says why it does not.
mute = suite.path("mute")
suite.expect("synth", ["goss", "synth", "--config", os.path.join(suite.model, "config.json"), "--layers=2", "-o", mute, "-q"])
suite.expect("compile mute", ["gossc", mute, "-o", suite.path("mute.goss"), "-q"])
MUTE = ["goss", "run", suite.path("mute.goss"), "--weights", mute]
suite.expect("ids without tokenizer", MUTE + ["--tokens=1,2", "-n", "3", "--greedy"])
suite.expect("text without tokenizer", MUTE + ["-p", "Hi"], 66, "tokenizer")
suite.expect("tokenize without tokenizer", ["goss", "tokenize", suite.path("mute.goss")], 66, "tokenizer", input=b"x")
suite.expect("chat without tokenizer", ["goss", "chat", suite.path("mute.goss"), "--weights", mute, "-p", "Hi"], 66, "tokenizer")

# Ctrl-C ends generation; what was written stays.
process = subprocess.Popen(
    [suite.tool("goss")] + ONCE[1:] + ["-n", "1900", "--ignore-eos", "--greedy"],
    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
start = process.stdout.read(20)
process.send_signal(signal.SIGINT)
rest, errors = process.communicate(timeout=60)
suite.check("Ctrl-C", process.returncode == 130, f"expects exit code 130 but got {process.returncode}")
suite.check("Ctrl-C", len(start) == 20, "expects text before the interruption")

# Starting is quick: the time of the shortest of a few runs.
times = []
for _ in range(5):
    begin = time.monotonic()
    suite.run(BASE + ["--tokens=1", "-n", "1", "--greedy", "-q"])
    times.append(time.monotonic() - begin)
print(f"start, one token and end: {min(times) * 1000:.1f} ms")
suite.check("start", min(times) < 0.5, f"expects a start in milliseconds but got {min(times)} s")

suite.finish()
