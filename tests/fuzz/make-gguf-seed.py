"""Writes the seed of fuzz-gguf: a small file with every kind of entry that the
reader of gpt-oss asks for, far more than a fuzzer finds by chance.

    python3 tests/fuzz/make-gguf-seed.py tests/data/gguf/small.gguf
"""

import struct
import sys

U32, INT32, F32, STRING, ARRAY = 4, 5, 6, 8, 9  # types of metadata.
BF16, MXFP4 = 30, 39  # types of tensors.


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def entry(key, kind, value):
    return text(key) + struct.pack("<I", kind) + value


def array(kind, values):
    return struct.pack("<IQ", kind, len(values)) + b"".join(values)


def u32(value):
    return struct.pack("<I", value)


SIZES = {
    "block_count": 1,
    "context_length": 256,
    "embedding_length": 64,
    "feed_forward_length": 32,
    "expert_feed_forward_length": 32,
    "attention.head_count": 2,
    "attention.head_count_kv": 1,
    "attention.key_length": 32,
    "attention.value_length": 32,
    "attention.sliding_window": 16,
    "expert_count": 2,
    "expert_used_count": 1,
    "rope.scaling.original_context_length": 64,
}
NUMBERS = {"rope.freq_base": 150000.0, "rope.scaling.factor": 4.0, "attention.layer_norm_rms_epsilon": 1e-5}
TENSORS = [
    ("token_embd.weight", (64, 4), BF16, 64 * 4 * 2),
    ("output_norm.weight", (64,), BF16, 64 * 2),
    ("blk.0.ffn_gate_exps.weight", (64, 2, 1), MXFP4, 64 * 2 // 32 * 17),
]


def padded(blob):
    return blob + b"\0" * (-len(blob) % 32)


entries = [entry("general.architecture", STRING, text("gpt-oss")), entry("general.alignment", U32, u32(32))]
entries += [entry("gpt-oss." + key, U32, u32(value)) for key, value in SIZES.items()]
entries += [entry("gpt-oss." + key, F32, struct.pack("<f", value)) for key, value in NUMBERS.items()]
entries += [
    entry("gpt-oss.rope.scaling.type", STRING, text("yarn")),
    entry("tokenizer.ggml.model", STRING, text("gpt2")),
    entry("tokenizer.ggml.pre", STRING, text("gpt-4o")),
    entry("tokenizer.ggml.tokens", ARRAY, array(STRING, [text(token) for token in ("a", "b", "ab", "<|endoftext|>")])),
    entry("tokenizer.ggml.token_type", ARRAY, array(INT32, [u32(kind) for kind in (1, 1, 1, 3)])),
    entry("tokenizer.ggml.merges", ARRAY, array(STRING, [text("a b")])),
    entry("tokenizer.ggml.eos_token_id", U32, u32(3)),
    entry("tokenizer.chat_template", STRING, text("{{ messages }}")),
]
places, data = b"", b""
for name, extents, kind, size in TENSORS:
    places += text(name) + u32(len(extents)) + b"".join(struct.pack("<Q", extent) for extent in extents) + struct.pack("<IQ", kind, len(data))
    data = padded(data + b"\0" * size)
header = b"GGUF" + struct.pack("<IQQ", 3, len(TENSORS), len(entries))
with open(sys.argv[1], "wb") as file:
    file.write(padded(header + b"".join(entries) + places) + data)
