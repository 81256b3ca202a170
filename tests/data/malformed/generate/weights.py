"""Safetensors files and their index."""

import json
import struct

from writing import without, write

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
