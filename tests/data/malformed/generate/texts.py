"""Tokenizers and conversations."""

import json

from writing import changed, without, write

# tokenizer.json --------------------------------------------------------------


def alphabet():
    """The byte-level alphabet: the character that stands for each byte."""
    keep = [b for b in range(256) if 0x21 <= b <= 0x7E or (b >= 0xA1 and b != 0xAD)]
    table, spare = {}, 256
    for byte in range(256):
        if byte in keep:
            table[byte] = chr(byte)
        else:
            table[byte] = chr(spare)
            spare += 1
    return table


SPELLING = alphabet()
CONTROL = ["<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|return|>", "<|call|>", "<|endoftext|>"]
SPACE = SPELLING[0x20]
VOCABULARY = {**{SPELLING[b]: b for b in range(256)}, "ab": 256, SPACE + "a": 257, "abc": 258}
TOKENIZER = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [
        {"id": 259 + i, "content": name, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        for i, name in enumerate(CONTROL)
    ],
    "normalizer": None,
    "pre_tokenizer": {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": "\\s+|\\S+"}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
        ],
    },
    "post_processor": None,
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "ignore_merges": False, "vocab": VOCABULARY, "merges": [["a", "b"], [SPACE, "a"], ["ab", "c"]]},
}
SPLIT = "pre_tokenizer.pretokenizers.0."
LEVEL = "pre_tokenizer.pretokenizers.1."


def tokenizer(name, path, value):
    write("tokenizer", name + ".json", changed(TOKENIZER, path, value))


def no_tokenizer(name, path):
    write("tokenizer", name + ".json", without(TOKENIZER, path))


write("tokenizer", "empty.json", b"")
write("tokenizer", "array.json", b"[]")
write("tokenizer", "cut.json", json.dumps(TOKENIZER, ensure_ascii=False).encode()[:400])
write("tokenizer", "nested.json", b'{"version":' + b"[" * 17 + b"]" * 17 + b"}")
for part in ("truncation", "padding", "normalizer"):
    tokenizer(part + "-present", part, {"type": "NFC", "max_length": 8})
for part in ("added_tokens", "pre_tokenizer", "decoder", "model"):
    no_tokenizer(part + "-missing", part)
    tokenizer(part + "-null", part, None)
tokenizer("member-unknown", "chat_template", "x")
tokenizer("decoder-other", "decoder", {"type": "WordPiece"})
tokenizer("decoder-text", "decoder", "ByteLevel")
no_tokenizer("decoder-without-type", "decoder.type")
tokenizer("post_processor-other", "post_processor", {"type": "TemplateProcessing"})
tokenizer("post_processor-text", "post_processor", "none")
tokenizer("pre_tokenizer-other", "pre_tokenizer", {"type": "Whitespace"})
tokenizer("steps-missing", "pre_tokenizer", {"type": "Sequence"})
tokenizer("steps-one", "pre_tokenizer.pretokenizers", TOKENIZER["pre_tokenizer"]["pretokenizers"][:1])
tokenizer("steps-swapped", "pre_tokenizer.pretokenizers", TOKENIZER["pre_tokenizer"]["pretokenizers"][::-1])
tokenizer("steps-object", "pre_tokenizer.pretokenizers", {})
tokenizer("split-type-other", SPLIT + "type", "Punctuation")
tokenizer("split-member-unknown", SPLIT + "greedy", True)
tokenizer("split-behavior-other", SPLIT + "behavior", "Removed")
no_tokenizer("split-behavior-missing", SPLIT + "behavior")
tokenizer("split-inverted", SPLIT + "invert", True)
tokenizer("split-invert-number", SPLIT + "invert", 0)
tokenizer("pattern-text", SPLIT + "pattern", "\\s+")
tokenizer("pattern-literal", SPLIT + "pattern", {"String": " "})
tokenizer("pattern-empty-object", SPLIT + "pattern", {})
tokenizer("pattern-number", SPLIT + "pattern", {"Regex": 1})
tokenizer("pattern-empty", SPLIT + "pattern.Regex", "")
tokenizer("pattern-open-group", SPLIT + "pattern.Regex", "(\\s+")
tokenizer("pattern-open-class", SPLIT + "pattern.Regex", "[a-z")
tokenizer("pattern-range-reversed", SPLIT + "pattern.Regex", "[z-a]")
tokenizer("pattern-nothing-to-repeat", SPLIT + "pattern.Regex", "*")
tokenizer("pattern-unknown-property", SPLIT + "pattern.Regex", "\\p{Klingon}")
tokenizer("pattern-quoting", SPLIT + "pattern.Regex", "\\Qa\\E")
tokenizer("pattern-single-unit", SPLIT + "pattern.Regex", "\\C")
tokenizer("pattern-trailing-backslash", SPLIT + "pattern.Regex", "a\\")
tokenizer("pattern-back-reference", SPLIT + "pattern.Regex", "(a)\\2")
tokenizer("pattern-nested", SPLIT + "pattern.Regex", "(" * 101 + "a" + ")" * 101)
tokenizer("pattern-code-point-too-large", SPLIT + "pattern.Regex", "\\x{110000}")
tokenizer("pattern-repeats-too-often", SPLIT + "pattern.Regex", "a{65536}")
tokenizer("pattern-callout", SPLIT + "pattern.Regex", "a(?C256)")
tokenizer("level-type-other", LEVEL + "type", "Metaspace")
tokenizer("level-member-unknown", LEVEL + "more", 1)
tokenizer("level-prefix-space", LEVEL + "add_prefix_space", True)
tokenizer("level-own-pattern", LEVEL + "use_regex", True)
no_tokenizer("level-own-pattern-by-default", LEVEL + "use_regex")
tokenizer("model-type-other", "model.type", "Unigram")
tokenizer("model-member-unknown", "model.cache", 1)
for field, value in [("dropout", 0.1), ("unk_token", "<unk>"), ("continuing_subword_prefix", "##"), ("end_of_word_suffix", "</w>"),
                     ("fuse_unk", True), ("byte_fallback", True), ("ignore_merges", "yes")]:
    tokenizer("model-" + field, "model." + field, value)
no_tokenizer("vocab-missing", "model.vocab")
tokenizer("vocab-array", "model.vocab", [])
tokenizer("vocab-empty", "model.vocab", {})
tokenizer("vocab-id-negative", "model.vocab.abc", -1)
tokenizer("vocab-id-text", "model.vocab.abc", "258")
tokenizer("vocab-id-fraction", "model.vocab.abc", 258.0)
tokenizer("vocab-id-above-limit", "model.vocab.abc", 1 << 22)
tokenizer("vocab-id-most", "model.vocab.abc", (1 << 63) - 1)
tokenizer("vocab-id-twice", "model.vocab.abc", 256)
tokenizer("vocab-name-empty", "model.vocab", {**VOCABULARY, "": 270})
tokenizer("vocab-name-not-byte-level", "model.vocab", {**VOCABULARY, "a b": 270})
tokenizer("vocab-name-beyond-alphabet", "model.vocab", {**VOCABULARY, "\u4f60": 270})
tokenizer("vocab-name-line-break", "model.vocab", {**VOCABULARY, "\n": 270})
no_tokenizer("vocab-byte-missing", "model.vocab.z")
no_tokenizer("vocab-zero-byte-missing", "model.vocab." + SPELLING[0])
no_tokenizer("merges-missing", "model.merges")
tokenizer("merges-object", "model.merges", {})
tokenizer("merge-number", "model.merges.0", 1)
tokenizer("merge-one-part", "model.merges.0", ["ab"])
tokenizer("merge-three-parts", "model.merges.0", ["a", "b", "c"])
tokenizer("merge-part-number", "model.merges.0", ["a", 1])
tokenizer("merge-part-empty", "model.merges.0", ["", "ab"])
tokenizer("merge-text-without-space", "model.merges.0", "ab")
tokenizer("merge-text-space-last", "model.merges.0", "ab ")
tokenizer("merge-left-unknown", "model.merges.0", ["zz", "b"])
tokenizer("merge-right-unknown", "model.merges.0", ["a", "zz"])
tokenizer("merge-result-unknown", "model.merges.0", ["b", "a"])
tokenizer("merge-not-byte-level", "model.merges.0", ["a", "\u4f60"])
tokenizer("merge-of-control-token", "model.merges.0", ["<|start|>", "a"])
tokenizer("merge-twice", "model.merges.1", ["a", "b"])
tokenizer("added-object", "added_tokens", {})
tokenizer("added-number", "added_tokens.0", 259)
tokenizer("added-member-unknown", "added_tokens.0.color", "red")
for field in ("single_word", "lstrip", "rstrip"):
    tokenizer("added-" + field, "added_tokens.0." + field, True)
tokenizer("added-not-special", "added_tokens.0.special", False)
no_tokenizer("added-special-missing", "added_tokens.0.special")
no_tokenizer("added-id-missing", "added_tokens.0.id")
tokenizer("added-id-negative", "added_tokens.0.id", -1)
tokenizer("added-id-of-vocabulary", "added_tokens.0.id", 5)
tokenizer("added-id-twice", "added_tokens.1.id", 259)
tokenizer("added-id-above-limit", "added_tokens.0.id", 4294967296)
no_tokenizer("added-content-missing", "added_tokens.0.content")
tokenizer("added-content-number", "added_tokens.0.content", 1)
tokenizer("added-content-empty", "added_tokens.0.content", "")
tokenizer("added-content-twice", "added_tokens.1.content", "<|start|>")

# Conversations ---------------------------------------------------------------


def chat(name, messages, **more):
    write("conversation", name + ".json", dict({"messages": messages}, **more))


def message(role="user", content="Hi", **more):
    return dict({"role": role, "content": content}, **more)


def system(**more):
    return message("system", [dict({"type": "system_content"}, **more)])


def developer(**more):
    return message("developer", [dict({"type": "developer_content"}, **more)])


def tools(tool, **more):
    return {"functions": dict({"name": "functions", "tools": [tool]}, **more)}


chat("messages-text", "Hi")
chat("messages-null", None)
chat("messages-object", {})
chat("message-text", ["Hi"])
chat("message-second-null", [message(), None])
chat("role-missing", [{"content": "Hi"}])
chat("role-unknown", [message("king")])
chat("role-upper-case", [message("User")])
chat("role-number", [message(1)])
chat("content-missing", [{"role": "user"}])
chat("content-number", [message(content=1)])
chat("content-object", [message(content={"text": "Hi"})])
chat("content-null", [message(content=None)])
chat("part-text", [message(content=["Hi"])])
chat("part-without-type", [message(content=[{"text": "Hi"}])])
chat("part-unknown-type", [message(content=[{"type": "image_url", "image_url": "x"}])])
chat("part-text-missing", [message(content=[{"type": "text"}])])
chat("part-text-number", [message(content=[{"type": "text", "text": 1}])])
chat("name-number", [message(name=1)])
chat("recipient-object", [message("assistant", recipient={})])
chat("channel-list", [message("assistant", channel=["final"])])
chat("content-type-number", [message(content_type=1)])
chat("tool-calls", [message("assistant", tool_calls=[{"id": "1", "function": {"name": "f"}}])])
chat("tool-without-name", [message("tool")])
chat("tool-name-empty", [message("tool", name="")])
chat("drop-analysis-text", [message()], auto_drop_analysis="no")
chat("system-content-in-user", [message("user", [{"type": "system_content"}])])
chat("system-content-in-developer", [message("developer", [{"type": "system_content"}])])
chat("developer-content-in-system", [message("system", [{"type": "developer_content", "instructions": "x"}])])
chat("developer-content-in-user", [message("user", [{"type": "developer_content", "instructions": "x"}])])
chat("system-identity-number", [system(model_identity=1)])
chat("system-cutoff-list", [system(knowledge_cutoff=[2024])])
chat("system-date-number", [system(conversation_start_date=20250101)])
chat("system-effort-unknown", [system(reasoning_effort="extreme")])
chat("system-effort-number", [system(reasoning_effort=3)])
chat("system-channels-text", [system(channel_config="final")])
chat("system-channels-missing", [system(channel_config={})])
chat("system-channels-object", [system(channel_config={"valid_channels": {}})])
chat("system-channel-number", [system(channel_config={"valid_channels": ["final", 1]})])
chat("system-channel-required-text", [system(channel_config={"valid_channels": [], "channel_required": "no"})])
chat("system-tools-list", [system(tools=["browser"])])
chat("developer-instructions-number", [developer(instructions=1)])
chat("tools-text", [developer(tools="functions")])
chat("tools-namespace-number", [developer(tools={"functions": 1})])
chat("tools-namespace-name-number", [developer(tools={"functions": {"name": 1, "tools": []}})])
chat("tools-namespace-description-list", [developer(tools=tools({"name": "f"}, description=[]))])
chat("tools-list-missing", [developer(tools={"functions": {"name": "functions"}})])
chat("tools-list-object", [developer(tools={"functions": {"tools": {}}})])
chat("tool-text", [developer(tools=tools("f"))])
chat("tool-name-missing", [developer(tools=tools({"description": "d"}))])
chat("tool-name-number", [developer(tools=tools({"name": 1}))])
chat("tool-description-number", [developer(tools=tools({"name": "f", "description": 1}))])
chat("tool-parameters-text", [developer(tools=tools({"name": "f", "parameters": "x"}))])
chat("tool-parameters-list", [developer(tools=tools({"name": "f", "parameters": []}))])
write("conversation", "text-number.json", {"text": 1})
write("conversation", "text-missing.json", {"prompt": "x"})
write("conversation", "special-text.json", {"text": "x", "special": "yes"})
write("conversation", "line-array.json", [1])
write("conversation", "second-line-cut.json", b'{"text":"x"}\n\n{"text":')
write("conversation", "nested.json", b'{"messages":' + b"[" * 129)
