"""goss tokenize and detokenize: round trips, lines of JSON, reference vectors."""

import json
import lzma
import os
import subprocess

from support import Suite

suite = Suite(__doc__)
tokenizer = os.path.join(suite.model, "tokenizer.json")
artifact = suite.path("m.goss")
suite.expect("compile", ["gossc", suite.model, "-o", artifact, "-q"])

TEXTS = ["Once upon a time", "", "naïve café 你好 👩‍👩‍👧", "<|end|> is text", "  a\n\n b\t", "x" * 5000]
for text in TEXTS:
    ids = {}
    for source in (tokenizer, suite.model, artifact):
        result = suite.expect("tokenize", ["goss", "tokenize", source], input=text.encode())
        ids[source] = result.stdout
    suite.check("sources", len(set(ids.values())) == 1, "expects the same ids from every source")
    back = suite.expect("detokenize", ["goss", "detokenize", artifact, "--special"], input=ids[artifact])
    suite.check("round trip", back.stdout.decode() == text, f"expects {text[:40]!r} but got {back.stdout[:80]!r}")

plain = suite.expect("plain", ["goss", "tokenize", tokenizer], input=b"<|end|>").stdout.split()
special = suite.expect("special", ["goss", "tokenize", tokenizer, "--special"], input=b"<|end|>").stdout.split()
suite.check("special", len(plain) > 1 and special == [b"3049"], f"expects 3049 but got {special}")
hidden = suite.expect("hidden", ["goss", "detokenize", tokenizer], input=b"3049 [10, 11]")
shown = suite.expect("shown", ["goss", "detokenize", tokenizer, "--special"], input=b"3049,10,11")
suite.check("shown", shown.stdout == b"<|end|>" + hidden.stdout, f"expects the name of the token but got {shown.stdout}")

lines = "\n".join(json.dumps({"text": text}) for text in TEXTS) + "\n\n" + json.dumps({"text": "<|end|>", "special": True})
result = suite.expect("jsonl", ["goss", "tokenize", artifact, "--jsonl"], input=lines.encode())
answers = [json.loads(line)["ids"] for line in result.stdout.splitlines()]
suite.check("jsonl", len(answers) == len(TEXTS) + 1 and answers[-1] == [3049], f"expects a line a text but got {len(answers)}")
back = suite.expect("jsonl back", ["goss", "detokenize", artifact, "--jsonl"], input=result.stdout)
suite.check("jsonl back", [json.loads(line)["text"] for line in back.stdout.splitlines()][:-1] == TEXTS, "expects the texts back")
chat = json.dumps({"messages": [{"role": "user", "content": "Hi"}]})
result = suite.expect("messages", ["goss", "tokenize", artifact, "--jsonl"], input=chat.encode())
back = suite.expect("messages back", ["goss", "detokenize", artifact, "--jsonl", "--special"], input=result.stdout)
text = json.loads(back.stdout)["text"]
suite.check("messages", text == "<|start|>user<|message|>Hi<|end|><|start|>assistant", f"expects a rendered chat but got {text!r}")

for name, line in [("no JSON", "{"), ("no text", "{}"), ("text a number", '{"text": 1}'), ("an unknown role", '{"messages":[{"role":"king","content":"x"}]}')]:
    suite.expect(name, ["goss", "tokenize", artifact, "--jsonl"], 65, "line 2", input=b'{"text":"fine"}\n' + line.encode())
suite.expect("ids not numbers", ["goss", "detokenize", artifact], 65, '"x"', input=b"1 2 x")
suite.expect("ids negative", ["goss", "detokenize", artifact, "--jsonl"], 65, "line 1", input=b'{"ids":[-1]}')
suite.expect("unknown ids", ["goss", "detokenize", artifact], 0, input=b"99999999 5")
suite.expect("no tokenizer", ["goss", "tokenize", suite.path("none.json")], 66, "none.json", input=b"x")
suite.expect("not UTF-8", ["goss", "tokenize", artifact], 0, input=b"\xff\xfe a")

# The real gpt-oss tokenizer against its published encoders and renderer.
shared = os.path.join(os.path.dirname(suite.source), "shared", "tokenizer")
packed = os.path.join(shared, "gpt-oss-tokenizer.json.xz")
if os.path.exists(packed):
    real = suite.path("tokenizer.json")
    with lzma.open(packed) as source, open(real, "wb") as target:
        target.write(source.read())
    for name in ("gpt-oss-vectors.jsonl", "harmony-vectors.jsonl"):
        content = open(os.path.join(shared, name), "rb").read()
        expected = [json.loads(line)["ids"] for line in content.splitlines()]
        result = suite.expect(name, ["goss", "tokenize", real, "--jsonl"], input=content)
        got = [json.loads(line)["ids"] for line in result.stdout.splitlines()]
        wrong = [i + 1 for i, (a, b) in enumerate(zip(expected, got)) if a != b]
        suite.check(name, len(got) == len(expected) and not wrong, f"expects {len(expected)} equal lists but got others at {wrong[:10]}")
else:
    print("skipped: no vectors at " + shared)

suite.finish()
