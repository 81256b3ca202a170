#!/usr/bin/env python3
"""Writes the files of this folder anew; README.md says what they are.

Every case is one fault in an otherwise good file. A name is given once, so a
case that no longer differs from another is noticed when the files are written.
"""

import copy
import json
import os
import shutil
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
written = {}


def write(group, name, content):
    """Writes a case. No two of a group may be equal."""
    if not any(other == group for other, _ in written):
        shutil.rmtree(os.path.join(HERE, group), ignore_errors=True)
    if not isinstance(content, bytes):
        content = (json.dumps(content, separators=(",", ":"), ensure_ascii=False) + "\n").encode()
    key = (group, content)
    if key in written or os.path.exists(os.path.join(HERE, group, name)):
        sys.exit(f"{group}/{name} repeats {written.get(key, name)}")
    written[key] = name
    os.makedirs(os.path.join(HERE, group), exist_ok=True)
    with open(os.path.join(HERE, group, name), "wb") as file:
        file.write(content)


def changed(base, path, value):
    """A copy of `base` with the member at `path` ("a.b.0") replaced."""
    result = copy.deepcopy(base)
    *parents, last = path.split(".")
    place = result
    for part in parents:
        place = place[int(part) if isinstance(place, list) else part]
    place[int(last) if isinstance(place, list) else last] = value
    return result


def without(base, path):
    result = copy.deepcopy(base)
    *parents, last = path.split(".")
    place = result
    for part in parents:
        place = place[int(part) if isinstance(place, list) else part]
    del place[int(last) if isinstance(place, list) else last]
    return result


# JSON texts ------------------------------------------------------------------

JSON = {
    "empty": b"",
    "only-spaces": b" \n\t ",
    "words": b"layers: 6",
    "cut-after-brace": b"{",
    "cut-in-name": b'{"model_ty',
    "cut-after-name": b'{"model_type"',
    "cut-after-colon": b'{"model_type":',
    "cut-in-string": b'{"model_type":"gpt',
    "cut-after-value": b'{"model_type":"gpt_oss"',
    "cut-after-comma": b'{"model_type":"gpt_oss",',
    "cut-in-array": b'{"a":[1,2',
    "cut-in-escape": b'{"a":"\\',
    "cut-in-unicode-escape": b'{"a":"\\u00',
    "cut-in-word": b'{"a":tru',
    "cut-in-exponent": b'{"a":1e',
    "cut-after-minus": b'{"a":-',
    "unknown-escape": b'{"a":"\\x41"}',
    "bad-unicode-digit": b'{"a":"\\u00g0"}',
    "lone-high-surrogate": b'{"a":"\\ud83d"}',
    "lone-low-surrogate": b'{"a":"\\ude00"}',
    "surrogates-reversed": b'{"a":"\\ude00\\ud83d"}',
    "comma-before-brace": b'{"a":1,}',
    "comma-before-bracket": b'{"a":[1,]}',
    "comma-missing": b'{"a":1 "b":2}',
    "colon-missing": b'{"a" 1}',
    "colon-twice": b'{"a"::1}',
    "bracket-for-brace": b'{"a":1]',
    "brace-for-bracket": b'{"a":[1}}',
    "name-without-quotes": b"{a:1}",
    "name-a-number": b"{1:1}",
    "single-quotes": b"{'a':1}",
    "two-values": b"{}{}",
    "text-after-value": b"{} x",
    "comment": b'{"a":1 /* one */}',
    "comment-line": b'// config\n{"a":1}',
    "word-misspelt": b'{"a":trux}',
    "word-upper-case": b'{"a":True}',
    "nan": b'{"a":NaN}',
    "infinity": b'{"a":Infinity}',
    "number-hexadecimal": b'{"a":0x10}',
    "number-plus": b'{"a":+1}',
    "number-leading-zero": b'{"a":01}',
    "number-leading-point": b'{"a":.5}',
    "number-trailing-point": b'{"a":1.}',
    "number-underscore": b'{"a":1_000}',
    "number-overflow": b'{"a":1e999}',
    "number-overflow-long": b'{"a":' + b"7" * 3000 + b"}",
    "string-line-break": b'{"a":"x\ny"}',
    "string-tab": b'{"a":"x\ty"}',
    "string-escape-byte": b'{"a":"x\x1b[31my"}',
    "zero-byte-in-string": b'{"a":"x\0y"}',
    "zero-byte-after": b"{}\0",
    "mark-incomplete": b"\xef\xbb{}",
    "utf-16": '{"a":1}'.encode("utf-16"),
    "utf-8-continuation-alone": b'{"a":"\x80"}',
    "utf-8-overlong": b'{"a":"\xc0\xaf"}',
    "utf-8-overlong-three": b'{"a":"\xe0\x80\xaf"}',
    "utf-8-surrogate": b'{"a":"\xed\xa0\x80"}',
    "utf-8-above-range": b'{"a":"\xf4\x90\x80\x80"}',
    "utf-8-cut": b'{"a":"\xe2\x82"}',
    "utf-8-in-name": b'{"\xff":1}',
    "utf-8-outside-strings": b'{"a":\xff}',
    "name-twice": b'{"model_type":"gpt_oss","model_type":"gpt_oss"}',
    "name-twice-inside": b'{"rope_scaling":{"factor":1,"factor":2}}',
    "name-twice-by-escape": b'{"a":1,"\\u0061":2}',
    "name-twice-empty": b'{"":1,"":2}',
    "name-twice-moves-cursor": b'{"\\u001b[2J\\n":1,"\\u001b[2J\\n":2}',
    "name-twice-long": b'{"' + b"n" * 2000 + b'":1,"' + b"n" * 2000 + b'":2}',
    "nested-arrays": b'{"a":' + b"[" * 200 + b"]" * 200 + b"}",
    "nested-objects": b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "nested-open": b"[" * 5000,
    "root-array": b"[]",
    "root-number": b"1",
    "root-string": b'"gpt_oss"',
    "root-null": b"null",
}
for name, text in JSON.items():
    write("json", name + ".json", text)

# config.json -----------------------------------------------------------------

SMALL = {
    "model_type": "gpt_oss",
    "num_hidden_layers": 1,
    "num_local_experts": 1,
    "num_experts_per_tok": 1,
    "hidden_size": 32,
    "intermediate_size": 32,
    "vocab_size": 2,
    "max_position_embeddings": 64,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 2,
    "sliding_window": 16,
    "layer_types": ["sliding_attention"],
    "hidden_act": "silu",
    "rms_norm_eps": 1e-05,
    "swiglu_alpha": 1.702,
    "swiglu_limit": 7.0,
    "attention_bias": False,
    "tie_word_embeddings": True,
    "rope_theta": 150000,
    "rope_scaling": {
        "rope_type": "yarn",
        "factor": 4.0,
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "original_max_position_embeddings": 16,
        "truncate": False,
    },
    "eos_token_id": 0,
    "bos_token_id": 1,
    "pad_token_id": 1,
    "quantization_config": {"quant_method": "mxfp4"},
}
SIZES = {
    "num_hidden_layers": 4097,
    "num_local_experts": 4097,
    "num_experts_per_tok": 4097,
    "hidden_size": 131104,
    "intermediate_size": 131104,
    "vocab_size": 16777217,
    "max_position_embeddings": 134217729,
    "num_attention_heads": 4097,
    "num_key_value_heads": 4097,
    "head_dim": 1026,
    "sliding_window": 134217729,
}
OTHERS = [-1, 2.5, True, [1], {}, 1e30, 9223372036854775807, -9223372036854775808, "", "1", 0.0]


def config(name, path, value):
    write("config", name + ".json", changed(SMALL, path, value))


for (field, above), other in zip(SIZES.items(), OTHERS):
    config(field + "-text", field, "many")
    config(field + "-zero", field, 0)
    config(field + "-above-limit", field, above)
    config(field + "-other", field, other)
for field in ("num_hidden_layers", "hidden_size", "vocab_size", "num_local_experts"):
    config(field + "-null", field, None)
config("model_type-other", "model_type", "llama")
config("model_type-number", "model_type", 4)
config("model_type-case", "model_type", "GPT_OSS")
write("config", "model_type-missing.json", without(SMALL, "model_type"))
write("config", "original-openai.json", {"num_hidden_layers": 1, "rope_ntk_beta": 32.0, "rope_scaling_factor": 32.0})
config("experts-names-disagree", "num_experts", 2)
config("active-experts-names-disagree", "experts_per_token", 2)
config("active-experts-name-text", "experts_per_token", "1")
config("active-above-experts", "num_experts_per_tok", 2)
write("config", "heads-not-divisible.json", dict(SMALL, num_attention_heads=4, num_key_value_heads=3))
config("head_dim-odd", "head_dim", 3)
write("config", "head_dim-null-not-divisible.json", dict(SMALL, num_attention_heads=3, num_key_value_heads=3, head_dim=None))
write("config", "head_dim-null-too-large.json", dict(SMALL, hidden_size=4096, num_attention_heads=1, head_dim=None))
config("hidden_size-not-in-blocks", "hidden_size", 48)
config("intermediate_size-not-in-blocks", "intermediate_size", 33)
config("layer_types-text", "layer_types", "sliding_attention")
config("layer_types-empty", "layer_types", [])
config("layer_types-too-many", "layer_types", ["full_attention"] * 2)
config("layer_types-unknown", "layer_types", ["ring_attention"])
config("layer_types-number", "layer_types", [1])
config("layer_types-nested", "layer_types", [["full_attention"]])
config("layer_types-moves-cursor", "layer_types", ["\u001b[2J\r\n" * 30])
config("sliding_window-null-but-sliding", "sliding_window", None)
config("sliding_window-negative", "sliding_window", -1)
config("hidden_act-other", "hidden_act", "gelu")
config("hidden_act-null", "hidden_act", None)
for field, low, high in [("rms_norm_eps", 0, 2), ("swiglu_alpha", 0, 1e7), ("swiglu_limit", -7.0, 1e7)]:
    config(field + "-low", field, low)
    config(field + "-high", field, high)
    config(field + "-text", field, "small")
    config(field + "-null", field, None)
for field in ("attention_bias", "tie_word_embeddings"):
    config(field + "-number", field, 1)
    config(field + "-text", field, "true")
config("rope_theta-one", "rope_theta", 1)
config("rope_theta-negative", "rope_theta", -150000)
config("rope_theta-high", "rope_theta", 1e16)
config("rope_theta-text", "rope_theta", "150000")
config("rope_scaling-text", "rope_scaling", "yarn")
config("rope_scaling-array", "rope_scaling", [4.0])
config("rope_parameters-number", "rope_parameters", 1)
config("rope_type-other", "rope_scaling.rope_type", "llama3")
config("rope_type-number", "rope_scaling.rope_type", 3)
config("rope_type-older-name", "rope_scaling", {"type": "linear"})
config("rope-factor-below-one", "rope_scaling.factor", 0.5)
config("rope-factor-text", "rope_scaling.factor", "4")
config("rope-factor-high", "rope_scaling.factor", 1e7)
config("rope-factor-and-context-missing", "rope_scaling", {"rope_type": "yarn"})
config("rope-beta_fast-zero", "rope_scaling.beta_fast", 0)
config("rope-beta_slow-text", "rope_scaling.beta_slow", "1")
config("rope-betas-reversed", "rope_scaling.beta_slow", 33.5)
config("rope-context-zero", "rope_scaling.original_max_position_embeddings", 0)
config("rope-context-fraction", "rope_scaling.original_max_position_embeddings", 16.5)
config("rope-truncate-text", "rope_scaling.truncate", "no")
config("rope-truncate-null", "rope_scaling.truncate", None)
config("rope-attention_factor-negative", "rope_scaling.attention_factor", -1)
config("rope-mscale-text", "rope_scaling", dict(SMALL["rope_scaling"], mscale="1", mscale_all_dim=1))
config("rope-mscale_all_dim-negative", "rope_scaling", dict(SMALL["rope_scaling"], mscale=1, mscale_all_dim=-1))
config("rope-theta-inside-zero", "rope_scaling.rope_theta", 0)
config("rope-partial", "rope_scaling.partial_rotary_factor", 0.5)
config("rope-partial-outside", "partial_rotary_factor", 0.25)
config("rope-kind-of-its-own", "rope_scaling.full_attention", {"rope_type": "default"})
write("config", "initial_context_length-text.json",
      dict(without(SMALL, "rope_scaling.original_max_position_embeddings"), initial_context_length="16"))
config("quantization-text", "quantization_config", "mxfp4")
config("quantization-empty", "quantization_config", {})
config("quantization-other", "quantization_config.quant_method", "gptq")
config("quantization-method-null", "quantization_config.quant_method", None)
config("eos-outside-vocabulary", "eos_token_id", 2)
config("eos-negative", "eos_token_id", -1)
config("eos-text", "eos_token_id", "<|return|>")
config("eos-fraction", "eos_token_id", 0.5)
config("eos-list-outside", "eos_token_id", [0, 1, 2])
config("eos-list-text", "eos_token_id", [0, "1"])
config("eos-list-nested", "eos_token_id", [[0]])
config("bos-outside-vocabulary", "bos_token_id", 16777216)
config("bos-list", "bos_token_id", [1])
config("pad-outside-vocabulary", "pad_token_id", 2)
config("pad-flag", "pad_token_id", False)

# generation_config.json ------------------------------------------------------

GENERATION = {
    "empty": b"",
    "array": b"[]",
    "cut": b'{"eos_token_id":[0,',
    "name-twice": b'{"eos_token_id":0,"eos_token_id":1}',
    "eos-text": {"eos_token_id": "0"},
    "eos-object": {"eos_token_id": {"id": 0}},
    "eos-outside": {"eos_token_id": 2},
    "eos-list-negative": {"eos_token_id": [0, -1]},
    "eos-list-null": {"eos_token_id": [None]},
    "bos-outside": {"bos_token_id": 1000000},
    "bos-fraction": {"bos_token_id": 0.5},
    "pad-outside": {"pad_token_id": -7},
    "pad-list": {"pad_token_id": [0]},
}
for name, content in GENERATION.items():
    write("generation_config", name + ".json", content)

# Safetensors -----------------------------------------------------------------


def container(header, data=b"", size=None):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def tensor(dtype="U8", shape=(4,), offsets=(0, 4), **more):
    return dict({"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}, **more)


def safetensors(name, content):
    write("safetensors", name + ".safetensors", content)


DATA = bytes(range(16))
GOOD = container({"a": tensor()}, DATA[:4])
safetensors("empty", b"")
safetensors("prefix-cut", b"\x10\0\0\0\0\0\0")
safetensors("prefix-alone", struct.pack("<Q", 100))
safetensors("header-size-zero", struct.pack("<Q", 0) + b"{}")
safetensors("header-size-one-too-large", container({"a": tensor()}, b"", len(json.dumps({"a": tensor()}, separators=(",", ":"))) + 1))
safetensors("header-size-one-too-small", container({"a": tensor()}, DATA[:4], len(json.dumps({"a": tensor()}, separators=(",", ":"))) - 1))
safetensors("header-size-above-limit", container({}, b"", 100_000_001))
safetensors("header-size-most", container({}, b"", (1 << 64) - 1))
safetensors("header-size-sign", container({}, b"", 1 << 63))
safetensors("header-size-big-endian", struct.pack(">Q", 2) + b"{}")
safetensors("header-cut", GOOD[:30])
safetensors("header-array", container(b"[]"))
safetensors("header-space-first", container(b" {}"))
safetensors("header-words", container(b"no json at all"))
safetensors("header-zero-byte", container(b"{}\0\0"))
safetensors("header-text-after", container(b"{} {}"))
safetensors("header-invalid-utf-8", container(b'{"\xff\xfe":{}}'))
safetensors("header-nested", container(b'{"a":' + b"[" * 500))
safetensors("name-twice", container(b'{"a":' + json.dumps(tensor()).encode() + b',"a":' + json.dumps(tensor()).encode() + b"}", DATA[:4]))
safetensors("name-long-twice", container(b'{"' + b"a" * 5000 + b'":{},"' + b"a" * 5000 + b'":{}}'))
safetensors("python-pickle", b"\x80\x04\x95\x1a\0\0\0\0\0\0\0\x8c\x08builtins\x94\x8c\x04eval\x94\x93\x94.")
safetensors("zip-archive", b"PK\x03\x04" + bytes(60))
safetensors("git-lfs-pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 4\n")
safetensors("gguf-magic", b"GGUF\x03\0\0\0" + bytes(16))
for field in ("dtype", "shape", "data_offsets"):
    entry = tensor()
    del entry[field]
    safetensors(field + "-missing", container({"a": entry}, DATA[:4]))
    safetensors(field + "-null", container({"a": dict(tensor(), **{field: None})}, DATA[:4]))
safetensors("entry-number", container({"a": 4}, DATA[:4]))
safetensors("entry-array", container({"a": ["U8", [4], [0, 4]]}, DATA[:4]))
safetensors("dtype-unknown", container({"a": tensor("U9")}, DATA[:4]))
safetensors("dtype-lower-case", container({"a": tensor("u8")}, DATA[:4]))
safetensors("dtype-number", container({"a": tensor(8)}, DATA[:4]))
safetensors("dtype-moves-cursor", container({"a": tensor("\u001b[2J")}, DATA[:4]))
safetensors("shape-number", container({"a": dict(tensor(), shape=4)}, DATA[:4]))
safetensors("shape-negative", container({"a": tensor(shape=(-4,))}, DATA[:4]))
safetensors("shape-fraction", container({"a": tensor(shape=(4.0,))}, DATA[:4]))
safetensors("shape-text", container({"a": tensor(shape=("4",))}, DATA[:4]))
safetensors("shape-huge", container({"a": tensor(shape=(1e20,))}, DATA[:4]))
safetensors("shape-product-overflows", container({"a": tensor(shape=(1 << 32, 1 << 32), offsets=(0, 0))}))
safetensors("shape-product-wraps-to-size", container({"a": tensor("U16", shape=((1 << 62) + 1, 2), offsets=(0, 4))}, DATA[:4]))
safetensors("shape-bits-overflow", container({"a": tensor("F64", shape=(1 << 58,), offsets=(0, 0))}))
safetensors("shape-half-a-byte", container({"a": tensor("F4", shape=(7,))}, DATA[:4]))
safetensors("shape-six-bits", container({"a": tensor("F6_E2M3", shape=(5,))}, DATA[:4]))
safetensors("shape-too-small", container({"a": tensor(shape=(3,))}, DATA[:4]))
safetensors("shape-too-large", container({"a": tensor("BF16")}, DATA[:4]))
safetensors("shape-scalar-with-bytes", container({"a": tensor(shape=())}, DATA[:4]))
safetensors("shape-zero-with-bytes", container({"a": tensor(shape=(4, 0))}, DATA[:4]))
safetensors("offsets-one", container({"a": tensor(offsets=(0,))}, DATA[:4]))
safetensors("offsets-three", container({"a": tensor(offsets=(0, 4, 8))}, DATA[:8]))
safetensors("offsets-object", container({"a": dict(tensor(), data_offsets={"begin": 0})}, DATA[:4]))
safetensors("offsets-negative", container({"a": tensor(offsets=(-4, 0))}, DATA[:4]))
safetensors("offsets-reversed", container({"a": tensor(offsets=(4, 0))}, DATA[:4]))
safetensors("offsets-fraction", container({"a": tensor(offsets=(0, 4.5))}, DATA[:4]))
safetensors("offsets-most", container({"a": tensor(shape=(0,), offsets=((1 << 63) - 1, (1 << 63) - 1))}, DATA[:4]))
safetensors("offsets-above-integers", container({"a": tensor(offsets=(1 << 63, (1 << 63) + 4))}, DATA[:4]))
safetensors("data-cut", GOOD[:-1])
safetensors("data-missing", GOOD[:-4])
safetensors("data-one-more", GOOD + b"\0")
safetensors("data-without-tensors", container({}, DATA[:4]))
safetensors("data-hole-first", container({"a": tensor(shape=(3,), offsets=(1, 4))}, DATA[:4]))
safetensors("data-hole-between", container({"a": tensor(), "b": tensor(offsets=(8, 12))}, DATA[:12]))
safetensors("data-overlap", container({"a": tensor(), "b": tensor(offsets=(3, 7))}, DATA[:7]))
safetensors("data-overlap-inside", container({"a": tensor(shape=(8,), offsets=(0, 8)), "b": tensor(shape=(2,), offsets=(2, 4))}, DATA[:8]))
safetensors("data-shared", container({"a": tensor(), "b": tensor()}, DATA[:4]))
safetensors("data-past-the-end", container({"a": tensor(), "b": tensor(offsets=(4, 8))}, DATA[:6]))
safetensors("metadata-number", container({"__metadata__": 1, "a": tensor()}, DATA[:4]))
safetensors("metadata-array", container({"__metadata__": ["pt"], "a": tensor()}, DATA[:4]))
safetensors("metadata-value-number", container({"__metadata__": {"format": 1}, "a": tensor()}, DATA[:4]))
safetensors("metadata-value-object", container({"__metadata__": {"format": {}}, "a": tensor()}, DATA[:4]))

# A whole model of one layer, and what can be wrong between it and its config.
MODEL = {
    "model.embed_tokens.weight": ("BF16", [2, 32]),
    "model.layers.0.input_layernorm.weight": ("BF16", [32]),
    "model.layers.0.self_attn.q_proj.weight": ("BF16", [4, 32]),
    "model.layers.0.self_attn.k_proj.weight": ("BF16", [2, 32]),
    "model.layers.0.self_attn.v_proj.weight": ("BF16", [2, 32]),
    "model.layers.0.self_attn.o_proj.weight": ("BF16", [32, 4]),
    "model.layers.0.self_attn.sinks": ("F32", [2]),
    "model.layers.0.post_attention_layernorm.weight": ("F16", [32]),
    "model.layers.0.mlp.router.weight": ("BF16", [1, 32]),
    "model.layers.0.mlp.router.bias": ("BF16", [1]),
    "model.layers.0.mlp.experts.gate_up_proj_blocks": ("U8", [1, 64, 1, 16]),
    "model.layers.0.mlp.experts.gate_up_proj_scales": ("U8", [1, 64, 1]),
    "model.layers.0.mlp.experts.gate_up_proj_bias": ("BF16", [1, 64]),
    "model.layers.0.mlp.experts.down_proj_blocks": ("U8", [1, 32, 1, 16]),
    "model.layers.0.mlp.experts.down_proj_scales": ("U8", [1, 32, 1]),
    "model.layers.0.mlp.experts.down_proj_bias": ("BF16", [1, 32]),
    "model.norm.weight": ("BF16", [32]),
}
BYTES = {"U8": 1, "I8": 1, "BF16": 2, "F16": 2, "I16": 2, "F32": 4, "F64": 8}


def model(tensors, values=None):
    """A file of `tensors`; `values` replaces the last bytes of some."""
    header, data = {}, b""
    for name, (dtype, shape) in tensors.items():
        size = BYTES[dtype]
        for extent in shape:
            size *= extent
        content = (b"\x7f" if name.endswith("_scales") else b"\0") * size
        if values and name in values:
            content = content[: -len(values[name])] + values[name]
        header[name] = tensor(dtype, shape, (len(data), len(data) + size))
        data += content
    return container(header, data)


def with_tensor(name, dtype=None, shape=None):
    old = MODEL[name]
    return model(dict(MODEL, **{name: (dtype or old[0], shape or old[1])}))


def renamed(old, new):
    return model({(new if name == old else name): value for name, value in MODEL.items()})


L = "model.layers.0."
safetensors("model-without-norm", model(without_norm := {n: v for n, v in MODEL.items() if n != "model.norm.weight"}))
safetensors("model-without-sinks", model({n: v for n, v in MODEL.items() if not n.endswith("sinks")}))
safetensors("model-without-scales", model({n: v for n, v in MODEL.items() if not n.endswith("_scales")}))
safetensors("model-without-everything", container({}))
safetensors("model-with-another", model(dict(MODEL, **{"rotary.inv_freq": ("F32", [1])})))
safetensors("model-with-a-head", model(dict(MODEL, **{"lm_head.weight": ("BF16", [2, 32])})))
safetensors("model-with-a-second-layer", model(dict(MODEL, **{"model.layers.1.input_layernorm.weight": ("BF16", [32])})))
safetensors("model-with-a-bias", model(dict(MODEL, **{L + "self_attn.q_proj.bias": ("BF16", [4])})))
safetensors("model-both-forms", model(dict(MODEL, **{L + "mlp.experts.gate_up_proj": ("BF16", [1, 32, 64])})))
safetensors("model-misnamed", renamed("model.norm.weight", "model.norm.weights"))
safetensors("model-name-moves-cursor", renamed("model.norm.weight", "model.\u001b[2J\nnorm"))
safetensors("model-name-long", renamed("model.norm.weight", "model." + "n" * 3000))
safetensors("model-name-empty", renamed("model.norm.weight", ""))
safetensors("model-shape-transposed", with_tensor(L + "self_attn.o_proj.weight", shape=[4, 32]))
safetensors("model-shape-flat", with_tensor(L + "self_attn.k_proj.weight", shape=[64]))
safetensors("model-shape-one-dimension-more", with_tensor("model.norm.weight", shape=[32, 1]))
safetensors("model-vocabulary-other", with_tensor("model.embed_tokens.weight", shape=[3, 32]))
safetensors("model-blocks-flat", with_tensor(L + "mlp.experts.down_proj_blocks", shape=[1, 32, 16]))
safetensors("model-scales-as-blocks", with_tensor(L + "mlp.experts.down_proj_scales", shape=[1, 32, 1, 1]))
safetensors("model-dtype-double", with_tensor("model.norm.weight", "F64"))
safetensors("model-dtype-integer", with_tensor(L + "self_attn.sinks", "I16"))
safetensors("model-dtype-signed-blocks", with_tensor(L + "mlp.experts.gate_up_proj_blocks", "I8"))
safetensors("model-dtype-signed-scales", with_tensor(L + "mlp.experts.gate_up_proj_scales", "I8"))
for name, dtype, value in [
    ("model.embed_tokens.weight", "bf16-nan", b"\xc0\x7f"),
    (L + "self_attn.q_proj.weight", "bf16-infinity", b"\x80\x7f"),
    (L + "self_attn.v_proj.weight", "bf16-negative-infinity", b"\x80\xff"),
    (L + "post_attention_layernorm.weight", "f16-infinity", b"\0\x7c"),
    (L + "input_layernorm.weight", "bf16-signalling-nan", b"\x81\x7f"),
    (L + "self_attn.sinks", "f32-nan", b"\x01\0\x80\x7f"),
    (L + "mlp.experts.gate_up_proj_scales", "scale-nan", b"\xff"),
    (L + "mlp.experts.down_proj_scales", "scale-out-of-range", b"\xfd"),
]:
    safetensors("value-" + dtype, model(MODEL, {name: value}))

# model.safetensors.index.json ------------------------------------------------

FIRST = {name: value for i, (name, value) in enumerate(MODEL.items()) if i < 9}
SECOND = {name: value for i, (name, value) in enumerate(MODEL.items()) if i >= 9}
A, B = "part-1.safetensors", "part-2.safetensors"
TOTAL = sum(BYTES[d] * (lambda s: s[0] * (s[1] if len(s) > 1 else 1) * (s[2] if len(s) > 2 else 1) * (s[3] if len(s) > 3 else 1))(s) for d, s in MODEL.values())
MAP = {**{name: A for name in FIRST}, **{name: B for name in SECOND}}
INDEX = {"metadata": {"total_size": TOTAL}, "weight_map": MAP}
NORM = "model.norm.weight"


def index(name, content):
    write("index", name + ".json", content)


def mapped(name, file):
    return dict(INDEX, weight_map=dict(MAP, **{name: file}))


index("empty", b"")
index("array", b"[]")
index("cut", json.dumps(INDEX).encode()[:-2])
index("name-twice", b'{"weight_map":{"a":"' + A.encode() + b'","a":"' + A.encode() + b'"}}')
index("map-missing", {"metadata": {}})
index("map-array", {"weight_map": [A]})
index("map-null", {"weight_map": None})
index("map-empty", {"weight_map": {}})
index("file-number", mapped(NORM, 1))
index("file-null", mapped(NORM, None))
index("file-list", mapped(NORM, [B]))
index("file-empty", mapped(NORM, ""))
index("file-parent", mapped(NORM, "../part-2.safetensors"))
index("file-parent-inside", mapped(NORM, "a/../../part-2.safetensors"))
index("file-parent-last", mapped(NORM, "a/.."))
index("file-absolute", mapped(NORM, "/etc/passwd"))
index("file-zero-byte", mapped(NORM, "part-2.safetensors\0.txt"))
index("file-missing", mapped(NORM, "part-3.safetensors"))
index("file-folder", mapped(NORM, "."))
index("file-not-safetensors", mapped(NORM, "config.json"))
index("file-control-character", mapped(NORM, "part-\u001b[2J.safetensors"))
index("file-long", mapped(NORM, "p" * 300))
index("file-moves-cursor", mapped(NORM, "/\u001b[2J\n"))
index("file-itself", mapped(NORM, "model.safetensors.index.json"))
index("tensor-not-listed", without(INDEX, "weight_map") | {"weight_map": {n: f for n, f in MAP.items() if n != NORM}})
index("tensor-elsewhere", mapped(NORM, A))
index("tensor-nowhere", mapped("extra", B))
index("all-in-one-file", dict(INDEX, weight_map={name: A for name in MAP}))
index("total-size-low", dict(INDEX, metadata={"total_size": TOTAL - 1}))
index("total-size-zero", dict(INDEX, metadata={"total_size": 0}))
index("total-size-negative", dict(INDEX, metadata={"total_size": -1}))
index("total-size-text", dict(INDEX, metadata={"total_size": str(TOTAL)}))
index("total-size-fraction", dict(INDEX, metadata={"total_size": TOTAL + 0.5}))
index("metadata-number", dict(INDEX, metadata=1))

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

# Token ids on standard input, and lists of tokens ----------------------------

IDS = {
    "word": b"1 2 x",
    "negative": b"-1",
    "fraction": b"1.5",
    "too-large": b"2147483648",
    "overflow": b"99999999999999999999999999",
    "letters-after": b"12a",
    "brace": b'{"ids":[1]}',
    "zero-byte": b"1\0 2",
    "escape-byte": b"\x1b[2J",
    "long-word": b"z" * 5000,
    "hexadecimal": b"0x10",
    "plus": b"+1",
    "zero-byte-first": b"\0",
}
for name, text in IDS.items():
    write("ids", name + ".txt", text)

LISTS = {
    "empty": b"",
    "only-lines": b"\n\n \n",
    "word": b"1,2\n3,x",
    "negative": b"1,-2",
    "above-vocabulary": b"1,2\n\n5,4,300",
    "fraction": b"1.0",
    "overflow": b"1,99999999999",
    "letters-after": b"7seven",
    "too-long": b"1 " * 65,
    "brackets": b"[1, 2]",
    "zero-byte": b"1\0",
    "escape-byte": b"\x1b[2J",
    "utf-8-mark": b"\xef\xbb\xbf1,2",
    "long-word": b"9" * 5000,
    "plus": b"+1",
    "semicolons": b"1;2",
}
for name, text in LISTS.items():
    write("tokens", name + ".txt", text)


# NumPy files -----------------------------------------------------------------


def npy(header, data=b"", version=(1, 0), size=None):
    text = header.encode() if isinstance(header, str) else header
    form = "<H" if version[0] == 1 else "<I"
    return b"\x93NUMPY" + bytes(version) + struct.pack(form, len(text) if size is None else size) + text + data


def described(descr="'<i4'", order="False", shape="(2,)"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


TWO = struct.pack("<ii", 1, 2)
NPY = {
    "magic-alone": b"\x93NUMPY",
    "version-cut": b"\x93NUMPY\x01",
    "size-cut": b"\x93NUMPY\x01\0\x40",
    "size-cut-version-2": b"\x93NUMPY\x02\0\x40\0",
    "version-zero": npy(described(), TWO, (0, 0)),
    "version-four": npy(described(), TWO, (4, 0)),
    "version-most": npy(described(), TWO, (255, 0)),
    "header-past-the-end": npy(described(), b"", (1, 0), 1000),
    "header-past-the-end-version-2": npy(described(), b"", (2, 0), (1 << 32) - 1),
    "header-size-zero": npy(b"", TWO),
    "header-one-too-short": npy(described(), TWO, (1, 0), len(described()) - 3),
    "header-spaces": npy(" " * 60, TWO),
    "header-open": npy("{", TWO),
    "header-empty": npy("{}", TWO),
    "header-list": npy("['<i4', False, (2,)]", TWO),
    "header-json": npy('{"descr":"<i4","fortran_order":false,"shape":[2]}', TWO),
    "header-text-after": npy(described() + "x", TWO),
    "header-zero-byte": npy(described() + "\0", TWO),
    "descr-missing": npy("{'fortran_order': False, 'shape': (2,)}", TWO),
    "descr-twice": npy("{'descr': '<i4', 'descr': '<i4', 'fortran_order': False, 'shape': (2,)}", TWO),
    "descr-without-quotes": npy(described("<i4"), TWO),
    "descr-open": npy("{'descr': '<i4, 'fortran_order': False, 'shape': (2,)}", TWO),
    "descr-big-endian": npy(described("'>i4'"), TWO),
    "descr-native": npy(described("'=i4'"), TWO),
    "descr-double": npy(described("'<f8'"), TWO),
    "descr-int64": npy(described("'<i8'"), TWO),
    "descr-half": npy(described("'<f2'"), TWO[:4]),
    "descr-object": npy(described("'|O'"), b"\x80\x04N."),
    "descr-record": npy(described("[('x', '<i4')]"), TWO),
    "descr-text": npy(described("'<U4'"), TWO),
    "descr-empty": npy(described("''"), TWO),
    "descr-moves-cursor": npy(described("'\x1b[2J\n'"), TWO),
    "descr-line-break": npy(described("'<\n'"), TWO),
    "order-line-break": npy(described(order="Fal\nse"), TWO),
    "descr-long": npy(described("'" + "<" * 3000 + "'"), TWO),
    "order-missing": npy("{'descr': '<i4', 'shape': (2,)}", TWO),
    "order-fortran": npy(described(order="True"), TWO),
    "order-lower-case": npy(described(order="false"), TWO),
    "order-text": npy(described(order="'False'"), TWO),
    "order-number": npy(described(order="0"), TWO),
    "order-empty": npy(described(order=""), TWO),
    "order-moves-cursor": npy(described(order="\x1b[2J"), TWO),
    "shape-missing": npy("{'descr': '<i4', 'fortran_order': False}", TWO),
    "shape-number": npy(described(shape="2"), TWO),
    "shape-list": npy(described(shape="[2]"), TWO),
    "shape-open": npy(described(shape="(2,"), TWO),
    "shape-negative": npy(described(shape="(-2,)"), TWO),
    "shape-fraction": npy(described(shape="(2.0,)"), TWO),
    "shape-long-suffix": npy(described(shape="(2L,)"), TWO),
    "shape-text": npy(described(shape="('2',)"), TWO),
    "shape-without-comma": npy(described(shape="(1 2)"), TWO),
    "shape-two-commas": npy(described(shape="(2,,)"), TWO),
    "shape-overflow": npy(described(shape="(18446744073709551616,)"), TWO),
    "shape-product-overflows": npy(described(shape="(4294967296, 4294967296)"), TWO),
    "shape-bytes-overflow": npy(described(shape="(4611686018427387904,)"), b""),
    "shape-more-than-data": npy(described(shape="(3,)"), TWO),
    "shape-less-than-data": npy(described(shape="(1,)"), TWO),
    "data-missing": npy(described()),
    "data-cut": npy(described(), TWO[:-1]),
    "data-one-more": npy(described(), TWO + b"\0"),
    "member-unknown": npy("{'descr': '<i4', 'fortran_order': False, 'shape': (2,), 'more': 1}", TWO),
    "member-without-colon": npy("{'descr' '<i4', 'fortran_order': False, 'shape': (2,)}", TWO),
    "members-without-comma": npy("{'descr': '<i4' 'fortran_order': False, 'shape': (2,)}", TWO),
    "floats-for-tokens": npy(described("'<f4'"), struct.pack("<ff", 1, 2)),
    "scalar": npy(described(shape="()"), TWO[:4]),
    "three-dimensions": npy(described(shape="(1, 1, 2)"), TWO),
    "no-elements": npy(described(shape="(0,)")),
    "many-empty-rows": npy(described(shape="(1000000000000, 0)")),
    "token-negative": npy(described(), struct.pack("<ii", 1, -2)),
    "token-above-vocabulary": npy(described(shape="(2, 1)"), struct.pack("<ii", 1, 272)),
    "longer-than-context": npy(described(shape="(65,)"), TWO[:4] * 65),
}
for name, content in NPY.items():
    write("npy", name + ".npy", content)

LOGITS = {
    "text": b"0.5 0.5\n",
    "empty": b"",
    "integers": npy(described(shape="(1, 272)"), b"\0" * 4 * 272),
    "one-dimension": npy(described("'<f4'", shape="(272,)"), b"\0" * 4 * 272),
    "rows-too-many": npy(described("'<f4'", shape="(2, 272)"), b"\0" * 8 * 272),
    "columns-too-few": npy(described("'<f4'", shape="(1, 271)"), b"\0" * 4 * 271),
    "no-rows": npy(described("'<f4'", shape="(0, 272)")),
    "transposed": npy(described("'<f4'", shape="(272, 1)"), b"\0" * 4 * 272),
    "nan": npy(described("'<f4'", shape="(1, 272)"), b"\0" * 4 * 271 + b"\0\0\xc0\x7f"),
    "infinity": npy(described("'<f4'", shape="(1, 272)"), b"\0\0\x80\x7f" + b"\0" * 4 * 271),
}
for name, content in LOGITS.items():
    write("logits", name + ".npy", content)

# Artifacts: changes of one that the test compiles ----------------------------


def patch(group, name, *changes, **more):
    write(group, name + ".patch.json", dict({"changes": [list(change) for change in changes]}, **more))


def manifest(name, field, value):
    patch("manifest", name, ("field", field, value))


def unset(name, field):
    patch("manifest", name, ("remove", field))


# (field, bytes): the fixed header as Format.h has it.
for size in (0, 1, 8, 63):
    patch("artifact", f"cut-to-{size}", ("cut", size))
patch("artifact", "cut-after-header", ("cut", 64))
patch("artifact", "cut-in-table", ("cut", 100))
patch("artifact", "cut-last-byte", ("cut", -1))
patch("artifact", "one-byte-more", ("append", "00"))
patch("artifact", "magic-first-byte", ("bytes", 0, "00"))
patch("artifact", "magic-line-break", ("bytes", 5, "0a"))
patch("artifact", "magic-elf", ("bytes", 0, "7f454c4602010100"))
patch("artifact", "version-zero", ("header", "version", 0))
patch("artifact", "version-next", ("header", "version", 99))
patch("artifact", "version-big-endian", ("header", "version", 1 << 24))
patch("artifact", "sections-none", ("header", "sections", 0))
patch("artifact", "sections-eight", ("header", "sections", 8))
patch("artifact", "sections-most", ("header", "sections", (1 << 32) - 1))
patch("artifact", "sections-one-less", ("header", "sections", 2))
patch("artifact", "size-zero", ("header", "size", 0))
patch("artifact", "size-most", ("header", "size", (1 << 64) - 1))
patch("artifact", "digest-of-table", ("bytes", 24, "00000000"))
patch("artifact", "digest-of-table-last-byte", ("flip", 55))
patch("artifact", "reserved-one", ("header", "reserved", 1))
patch("artifact", "reserved-high", ("header", "reserved", 1 << 63))
patch("artifact", "table-byte", ("flip", 70))
for index_, field, value in [
    (0, "kind", 0), (0, "kind", 8), (0, "kind", 2), (1, "kind", 1), (1, "kind", 3), (0, "kind", (1 << 32) - 1),
    (0, "alignment", 0), (0, "alignment", 3), (1, "alignment", 1 << 22), (1, "alignment", (1 << 32) - 1), (1, "alignment", 4096),
    (0, "offset", 0), (0, "offset", 64), (1, "offset", (1 << 64) - 1), (1, "offset", 1 << 20),
    (0, "size", 0), (0, "size", (1 << 64) - 1), (1, "size", 1), (1, "size", 1 << 40), (1, "size", (1 << 63)),
]:
    patch("artifact", f"entry-{index_}-{field}-{value}", ("entry", index_, field, value))
patch("artifact", "entry-digest", ("entry", 0, "digest", "00" * 32))
for section in ("manifest", "code", "graph", "tokenizer"):
    patch("artifact", f"digest-of-{section}", ("flip-in", section, 0))
patch("artifact", "padding-not-zero", ("padding", "code", "01"))
patch("artifact", "without-manifest", ("drop", "manifest"))
patch("artifact", "without-code", ("drop", "code"))
patch("artifact", "manifest-empty", ("content", "manifest", ""))
patch("artifact", "code-empty", ("content", "code", ""))
patch("artifact", "tokenizer-empty", ("content", "tokenizer", ""))
patch("artifact", "weights-not-announced", ("content", "weights", "00" * 64))
patch("artifact", "sections-unordered", ("swap", "manifest", "code"))
patch("artifact", "code-text", ("content", "code", b"#!/bin/sh\nexit 0\n".hex()), run="run")
patch("artifact", "code-zeros", ("content", "code", "00" * 4096), run="run")
patch("artifact", "code-cut-elf", ("content", "code", "7f454c46020101000000000000000000"), run="run")
patch("artifact", "weights-renamed", ("field", "weight_files[0].name", "other.safetensors"), run="run")
patch("artifact", "weights-size-other", ("field", "weight_files[0].size", 1 << 30), run="run")
patch("artifact", "weights-digest-other", ("field", "weight_files[0].header_sha256", "00" * 32), run="run")
patch("artifact", "feature-unknown", ("field", "required_features[0]", "zzz"), run="run")
patch("artifact", "target-unknown", ("field", "target", "gpu"), run="run")
patch("artifact", "kernel-not-exported", ("field", "kernels[0].symbol", "goss_nothing"), run="run")

patch("manifest", "no-message", ("content", "manifest", "ff" * 16))
patch("manifest", "cut", ("cut-in", "manifest", 20))
patch("manifest", "field-unknown", ("append-in", "manifest", "f8ff0f01"))
patch("manifest", "field-twice", ("append-in", "manifest", "0802"))
patch("manifest", "varint-too-long", ("content", "manifest", "08" + "82" * 9 + "8000"))
patch("manifest", "group-open", ("content", "manifest", "0b"))
patch("manifest", "length-past-the-end", ("content", "manifest", "12ffffff7f41"))
patch("manifest", "utf-8-invalid", ("content", "manifest", "1202fffe"))
patch("manifest", "varint-not-shortest", ("prepend-in", "manifest", "088200"))
manifest("format_version-other", "format_version", 1)
unset("format_version-missing", "format_version")
manifest("step_abi_version-other", "step_abi_version", 9999)
for field in ("compiler_version", "target", "math_mode", "config_sha256"):
    unset(field + "-missing", field)
for field in ("compiler_version", "target", "math_mode", "triple", "cpu", "flags"):
    manifest(field + "-moves-cursor", field, "x\u001b[2J")
manifest("required_features-empty", "required_features", [""])
manifest("required_features-line-break", "required_features", ["avx2\n"])
manifest("launch-name-moves-cursor", "launches[0].name", "\u001b[2J")
for field in ("symbol", "operation", "kind"):
    manifest(f"kernel-{field}-moves-cursor", f"kernels[0].{field}", "\u007f")
manifest("tensor-name-moves-cursor", "tensors[0].name", "\r\n")
manifest("weight_file-name-moves-cursor", "weight_files[0].name", "a\tb")
manifest("config_sha256-short", "config_sha256", "00" * 31)
manifest("tokenizer_sha256-long", "tokenizer_sha256", "00" * 33)
for field, above in [("num_layers", 4097), ("num_experts", 1048577), ("experts_per_token", 3), ("hidden_size", 1048577),
                     ("intermediate_size", 1048577), ("head_dim", 1048577), ("num_heads", 1048577), ("num_kv_heads", 5),
                     ("vocab_size", 16777217), ("max_position_embeddings", 268435457)]:
    unset(f"config-{field}-zero", "config." + field)
    manifest(f"config-{field}-above", "config." + field, above)
manifest("config-num_kv_heads-no-divisor", "config.num_kv_heads", 3)
manifest("config-layer_windows-too-many", "config.layer_windows", [16, 0, 0])
manifest("config-layer_windows-none", "config.layer_windows", [])
for name, value in [("zero", 0.0), ("negative", -1e-5), ("nan", "nan"), ("infinity", "inf")]:
    manifest("config-rms_norm_eps-" + name, "config.rms_norm_eps", value)
unset("config-missing", "config")
unset("config-rope-missing", "config.rope")
manifest("config-rope-scaling-other", "config.rope.scaling", "linear")
manifest("config-rope-scaling-long", "config.rope.scaling", "\u001b[2J" * 100)
manifest("config-rope-theta-zero", "config.rope.theta", 0.0)
manifest("config-rope-theta-nan", "config.rope.theta", "nan")
unset("max_context-zero", "max_context")
manifest("max_context-above", "max_context", 268435457)
manifest("max_context-other-pages", "max_context", 1 << 20)
unset("max_tokens_per_step-zero", "max_tokens_per_step")
manifest("max_tokens_per_step-above", "max_tokens_per_step", 65537)
manifest("arena_bytes-above", "arena_bytes", (1 << 44) + 1)
manifest("arena_bytes-small", "arena_bytes", 64)
manifest("stop_tokens-outside", "stop_tokens", [272])
manifest("bos_tokens-outside", "bos_tokens", [4294967295])
manifest("bos_tokens-two", "bos_tokens", [1, 2])
manifest("pad_tokens-outside", "pad_tokens", [272])
manifest("pad_tokens-two", "pad_tokens", [0, 0])
unset("cache-missing", "cache")
manifest("cache-dtype-other", "cache.dtype", "F16")
unset("cache-page_tokens-zero", "cache.page_tokens")
manifest("cache-page_tokens-above", "cache.page_tokens", 4097)
manifest("cache-kv_heads-other", "cache.kv_heads", 2)
manifest("cache-head_dim-other", "cache.head_dim", 3)
manifest("cache-max_pages-other", "cache.max_pages", 1 << 20)
unset("cache-groups-missing", "cache.groups")
unset("cache-group-missing", "cache.groups[1]")
manifest("cache-group-without-layers", "cache.groups[0].layers", [])
manifest("cache-group-layer-outside", "cache.groups[0].layers", [2])
manifest("cache-group-layer-twice", "cache.groups[1].layers", [0])
manifest("cache-group-layers-descend", "cache.groups[0].layers", [1, 0])
manifest("cache-group-window-other", "cache.groups[0].window", 99)
manifest("cache-group-page_bytes-other", "cache.groups[0].page_bytes", 1)
unset("tensors-missing", "tensors")
for field in ("name", "parameter"):
    unset(f"tensor-{field}-missing", "tensors[0]." + field)
manifest("tensor-layout-other", "tensors[0].layout", "column_panel")
manifest("tensor-dtype-other", "tensors[0].dtype", "F7")
unset("tensor-dtype-missing", "tensors[0].dtype")
manifest("tensor-shape-deep", "tensors[0].shape", [1] * 9)
manifest("tensor-shape-overflows", "tensors[0].shape", [1 << 32, 1 << 32])
manifest("tensor-shape-other", "tensors[0].shape", [1])
manifest("tensor-file-outside", "tensors[0].file", 1)
manifest("tensor-file-most", "tensors[1].file", 4294967295)
manifest("tensor-offset-in-header", "tensors[0].offset", 8)
manifest("tensor-offset-past-the-end", "tensors[0].offset", 1 << 40)
manifest("tensor-offset-wraps", "tensors[0].offset", (1 << 64) - 2)
manifest("tensor-size-other", "tensors[0].size", 1)
unset("weight_files-missing", "weight_files")
manifest("weight_file-name-parent", "weight_files[0].name", "../model.safetensors")
manifest("weight_file-name-absolute", "weight_files[0].name", "/etc/passwd")
unset("weight_file-name-missing", "weight_files[0].name")
manifest("weight_file-header-past-the-end", "weight_files[0].header_size", 1 << 40)
manifest("weight_file-digest-short", "weight_files[0].header_sha256", "00")
unset("weight_file-size-zero", "weight_files[0].size")
patch("manifest", "weight_file-twice", ("repeat", "weight_files[0]"))
manifest("weights_embedded-without-section", "weights_embedded", 1)
unset("kernels-missing", "kernels")
unset("launches-missing", "launches")
unset("kernel-symbol-missing", "kernels[0].symbol")
unset("kernel-operation-missing", "kernels[0].operation")
unset("kernel-bindings-zero", "kernels[0].num_bindings")
manifest("kernel-bindings-above", "kernels[0].num_bindings", 65)
patch("manifest", "kernel-twice", ("repeat", "kernels[0]"))
manifest("launch-kernel-outside", "launches[0].kernel", 1 << 20)
unset("launch-binding-missing", "launches[0].bindings[0]")
patch("manifest", "launch-binding-more", ("repeat", "launches[0].bindings[0]"))
manifest("binding-role-unknown", "launches[0].bindings[0].role", 99)
unset("binding-role-missing", "launches[0].bindings[0].role")
for role, name in [(2, "parameter"), (8, "cache-pages"), (9, "page-table")]:
    patch("manifest", f"binding-{name}-outside", ("field", "launches[0].bindings[0].role", role), ("field", "launches[0].bindings[0].index", 4096))
ARENA = ("field", "launches[0].bindings[0].role", 1)
BINDING = "launches[0].bindings[0]."
patch("manifest", "binding-arena-dtype", ARENA, ("field", BINDING + "dtype", "F7"))
patch("manifest", "binding-arena-rank", ARENA, ("field", BINDING + "dtype", "F32"), ("field", BINDING + "shape", [1] * 9))
patch("manifest", "binding-arena-size", ARENA, ("field", BINDING + "dtype", "F32"), ("field", BINDING + "shape", [1 << 63, 4]))
patch("manifest", "binding-arena-unaligned", ARENA, ("field", BINDING + "dtype", "F32"), ("field", BINDING + "shape", [1]), ("field", BINDING + "arena_offset", 4))
patch("manifest", "binding-arena-outside", ARENA, ("field", BINDING + "dtype", "F32"), ("field", BINDING + "shape", [1]), ("field", BINDING + "arena_offset", 1 << 43))
patch("manifest", "binding-arena-wraps", ARENA, ("field", BINDING + "dtype", "F32"), ("field", BINDING + "shape", [16]), ("field", BINDING + "arena_offset", (1 << 64) - 64))

# The tokenizer's image: a header of eight words and arrays.
WORDS = ["magic", "version", "flags", "ids", "merges", "specials", "token_bytes", "pattern_bytes"]


def image(name, *changes):
    patch("tokenizer_image", name, *changes)


for word, value in [("magic", 0), ("version", 0), ("version", 2), ("flags", 2), ("flags", 4294967295), ("ids", 0), ("ids", 4294967295),
                    ("merges", 4), ("merges", 4294967295), ("specials", 0), ("specials", 4294967295), ("token_bytes", 0),
                    ("token_bytes", 4294967295), ("pattern_bytes", 0), ("pattern_bytes", 4294967295)]:
    image(f"{word}-{value}", ("word-in", "tokenizer", WORDS.index(word), value))
image("header-cut", ("cut-in", "tokenizer", 31))
image("array-cut", ("cut-in", "tokenizer", -1))
image("one-byte-more", ("append-in", "tokenizer", "00"))
# 267 ids: 268 token offsets, 8 control tokens, 268 merge offsets, 3 merges.
OFFSETS, SPECIALS, MERGE_OFFSETS, RIGHTS = 8, 8 + 268, 8 + 268 + 8, 8 + 268 + 8 + 268
for name, word, value in [
    ("offsets-first-not-zero", OFFSETS, 1), ("offsets-descend", OFFSETS + 5, 100), ("offsets-last-other", OFFSETS + 267, 5),
    ("offsets-most", OFFSETS + 9, 4294967295), ("offsets-make-empty", OFFSETS + 2, 1),
    ("specials-descend", SPECIALS + 1, 259), ("specials-outside", SPECIALS + 7, 267), ("specials-most", SPECIALS, 4294967295),
    ("specials-hide-a-byte", SPECIALS, 65),
    ("merge-offsets-first-not-zero", MERGE_OFFSETS, 1), ("merge-offsets-descend", MERGE_OFFSETS + 3, 2),
    ("merge-offsets-last-other", MERGE_OFFSETS + 267, 4), ("merge-offsets-most", MERGE_OFFSETS + 1, 4294967295),
    ("merge-right-outside", RIGHTS, 267), ("merge-right-special", RIGHTS, 259), ("merge-rank-outside", RIGHTS + 3, 3),
    ("merge-result-outside", RIGHTS + 6, 4294967295), ("merge-result-other-length", RIGHTS + 7, 65), ("merge-result-special", RIGHTS + 8, 260),
]:
    image(name, ("word-in", "tokenizer", word, value))
image("byte-twice", ("bytes-in", "tokenizer", 4 * (RIGHTS + 9), "01"))
image("pattern-open", ("bytes-in", "tokenizer", -1, "28"))

# What the cases are laid over ------------------------------------------------

BASE = dict(SMALL, num_hidden_layers=2, num_local_experts=2, vocab_size=272, num_attention_heads=4,
            layer_types=["sliding_attention", "full_attention"])
write("base", "config.json", json.dumps(BASE, indent=2).encode() + b"\n")
write("base", "small-config.json", json.dumps(SMALL, indent=2).encode() + b"\n")
write("base", "model.safetensors", model(MODEL))
write("base", A, model(FIRST))
write("base", B, model(SECOND))
write("base", "tokenizer.json", TOKENIZER)
write("base", "tokens.txt", b"1\n")
index_base = json.dumps(INDEX).encode() + b"\n"
write("base", "index.json", index_base)
print(len(written), "files")
