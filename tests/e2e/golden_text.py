"""Greedy continuations of the golden prompts through goss run, and streams."""

import json
import os

from support import Suite

suite = Suite(__doc__)
index = json.load(open(os.path.join(suite.source, "tests", "data", "golden", "index.json")))
artifact = suite.path("model.goss")
suite.expect("compile", ["gossc", suite.model, "-o", artifact, "-q"])
GREEDY = ["--weights", suite.model, "--greedy", "--ignore-eos", "-n", "64"]

for prompt in index["prompts"]:
    name, text = prompt["name"], prompt["text"]
    file = suite.path(name + ".txt")
    with open(file, "w", newline="") as out:
        out.write(text)
    # Special tokens in a prompt stay text unless asked for; golden prompts hold them.
    result = suite.expect(name, ["goss", "run", artifact, "-f", file, "--special"] + GREEDY)
    expected = prompt["greedy_text"]
    if result:
        got = result.stdout.decode()
        suite.check(name, got.rstrip("\n") == expected.rstrip("\n"), f"expects {expected!r} but got {got!r}")
    result = suite.expect(name + ", json", ["goss", "run", artifact, "-f", file, "--special", "--json", "-q"] + GREEDY)
    if result and result.returncode == 0:
        answer = json.loads(result.stdout)
        suite.check(name, answer["text"] == expected, f"expects the same text as JSON but got {answer['text']!r}")
        suite.check(name, len(answer["prompt_tokens"]) == prompt["n_tokens"], "expects the reference's prompt tokens")
        suite.check(name, len(answer["tokens"]) == 64, "expects 64 tokens")
        suite.check(name, answer["finish_reason"] == "length", f"expects length but got {answer['finish_reason']}")
        suite.check(name, answer["timings"]["decode_tokens_per_second"] > 0, "expects a rate")

suite.finish()
