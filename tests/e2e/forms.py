"""The same weights in all forms of a checkpoint give the same logits.

The other forms are made here, by a writer that shares no code with the tools.
"""

import json
import os
import shutil
import struct

from support import Suite, copy_checkpoint, edit_json, pack_safetensors, read_safetensors, write_bytes

suite = Suite(__doc__)
header, data = read_safetensors(os.path.join(suite.model, "model.safetensors"))
config = json.load(open(os.path.join(suite.model, "config.json")))
layers = config["num_hidden_layers"]
experts = config["num_local_experts"]


class Tensor:
    """Bytes of a type and shape (outermost dimension first)."""

    def __init__(self, dtype, shape, data):
        self.dtype, self.shape, self.data = dtype, list(shape), data


tensors = {
    name: Tensor(entry["dtype"], entry["shape"], data[entry["data_offsets"][0] : entry["data_offsets"][1]])
    for name, entry in header.items()
    if name != "__metadata__"
}


def words(blob):
    return struct.unpack(f"<{len(blob) // 2}H", blob)


def widen(tensor):
    """bf16 as float32."""
    return Tensor("F32", tensor.shape, b"".join(b"\0\0" + tensor.data[i : i + 2] for i in range(0, len(tensor.data), 2)))


def write_safetensors(path, content):
    entries, blob = {}, b""
    for name, tensor in content.items():
        entries[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [len(blob), len(blob) + len(tensor.data)]}
        blob += tensor.data
    write_bytes(path, pack_safetensors(entries, blob))


# Hugging Face, sharded and in bf16 ------------------------------------------


def make_sharded(folder):
    copy_checkpoint(suite.model, folder, without=["model.safetensors"])
    names = list(tensors)
    cuts = [0, 17, 64, len(names)]  # within layers.
    where = {}
    for i in range(3):
        file = f"model-{i:05}-of-00002.safetensors"
        part = names[cuts[i] : cuts[i + 1]]
        write_safetensors(os.path.join(folder, file), {name: tensors[name] for name in part})
        where |= {name: file for name in part}
    total = sum(len(tensor.data) for tensor in tensors.values())
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as file:
        json.dump({"metadata": {"total_size": total}, "weight_map": where}, file)


CODES = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
VALUES = CODES + [-value if value else -0.0 for value in CODES]


def bf16(value):
    return struct.pack("<f", value)[2:]


def make_bf16(folder):
    copy_checkpoint(suite.model, folder, without=["model.safetensors"])
    edit_json(os.path.join(folder, "config.json"), lambda value: value.pop("quantization_config"))
    table = [[bf16(value * 2.0 ** (scale - 127)) if 1 <= scale <= 252 else b"\0\0" for value in VALUES] for scale in range(256)]
    plain = {}
    for name, tensor in tensors.items():
        if name.endswith("_scales"):
            continue
        if not name.endswith("_blocks"):
            plain[name] = tensor
            continue
        count, out, blocks, _ = tensor.shape
        scales = tensors[name.replace("_blocks", "_scales")].data
        rows = []  # of [out][in]
        for row in range(count * out):
            cells = []
            for block in range(blocks):
                index = row * blocks + block
                values = table[scales[index]]
                for byte in tensor.data[index * 16 : index * 16 + 16]:
                    cells += [values[byte & 15], values[byte >> 4]]
            rows.append(cells)
        blob = b"".join(b"".join(column) for e in range(count) for column in zip(*rows[e * out : (e + 1) * out]))
        plain[name.removesuffix("_blocks")] = Tensor("BF16", [count, blocks * 32, out], blob)
    write_safetensors(os.path.join(folder, "model.safetensors"), plain)


# OpenAI ---------------------------------------------------------------------

ORIGINAL = {
    "input_layernorm.weight": "attn.norm.scale",
    "self_attn.sinks": "attn.sinks",
    "self_attn.o_proj.weight": "attn.out.weight",
    "self_attn.o_proj.bias": "attn.out.bias",
    "post_attention_layernorm.weight": "mlp.norm.scale",
    "mlp.router.weight": "mlp.gate.weight",
    "mlp.router.bias": "mlp.gate.bias",
    "mlp.experts.gate_up_proj_blocks": "mlp.mlp1_weight.blocks",
    "mlp.experts.gate_up_proj_scales": "mlp.mlp1_weight.scales",
    "mlp.experts.gate_up_proj_bias": "mlp.mlp1_bias",
    "mlp.experts.down_proj_blocks": "mlp.mlp2_weight.blocks",
    "mlp.experts.down_proj_scales": "mlp.mlp2_weight.scales",
    "mlp.experts.down_proj_bias": "mlp.mlp2_bias",
}


def make_original(folder):
    os.makedirs(folder)
    for name in ("tokenizer.json", "generation_config.json", "chat_template.jinja"):
        shutil.copy(os.path.join(suite.model, name), folder)
    content = {
        "embedding.weight": tensors["model.embed_tokens.weight"],
        "norm.scale": tensors["model.norm.weight"],
        "unembedding.weight": tensors["lm_head.weight"],
    }
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        for name, own in ORIGINAL.items():
            content[f"block.{layer}.{own}"] = tensors[prefix + name]
        for kind in ("weight", "bias"):
            parts = [tensors[f"{prefix}self_attn.{part}_proj.{kind}"] for part in "qkv"]
            shape = [sum(part.shape[0] for part in parts)] + parts[0].shape[1:]
            content[f"block.{layer}.attn.qkv.{kind}"] = Tensor("BF16", shape, b"".join(part.data for part in parts))
    names = list(content)
    for i, part in enumerate((names[:30], names[30:])):
        write_safetensors(os.path.join(folder, f"model--0000{i + 1}-of-00002.safetensors"), {name: content[name] for name in part})
    rope = config["rope_scaling"]
    own = {name: config[name] for name in ("num_hidden_layers", "experts_per_token", "vocab_size", "hidden_size", "intermediate_size", "swiglu_limit", "head_dim", "num_attention_heads", "num_key_value_heads", "sliding_window", "initial_context_length", "rope_theta")}
    own |= {"num_experts": experts, "rope_scaling_factor": rope["factor"], "rope_ntk_alpha": rope["beta_slow"], "rope_ntk_beta": rope["beta_fast"]}
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(own, file)


# GGUF -----------------------------------------------------------------------


def text(value):
    blob = value.encode()
    return struct.pack("<Q", len(blob)) + blob


def pair(key, value):
    if isinstance(value, str):
        return text(key) + struct.pack("<I", 8) + text(value)
    if isinstance(value, float):
        return text(key) + struct.pack("<If", 6, value)
    if isinstance(value, int):
        return text(key) + struct.pack("<II", 4, value)
    if isinstance(value[0], str):
        return text(key) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
    return text(key) + struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)


def pack_gguf(metadata, content):
    """`content` is a list of (name, type number, shape, bytes)."""
    blob = b"GGUF" + struct.pack("<IQQ", 3, len(content), len(metadata)) + b"".join(pair(key, value) for key, value in metadata.items())
    payload = b""
    for name, kind, shape, raw in content:
        blob += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *reversed(shape)) + struct.pack("<IQ", kind, len(payload))
        payload += raw + bytes(-len(raw) % 32)
    return blob + bytes(-len(blob) % 32) + payload


def ggml_blocks(blocks, scales):
    """Published MXFP4 as blocks of 17 bytes, nibble by nibble."""
    out = bytearray()
    for index, scale in enumerate(scales):
        codes = []
        for byte in blocks[index * 16 : index * 16 + 16]:
            codes += [byte & 15, byte >> 4]
        out.append(scale)
        out += bytes(codes[j] | codes[j + 16] << 4 for j in range(16))
    return bytes(out)


def alternate(blob, row, first):
    return b"".join(blob[at : at + row] for at in range(first * row, len(blob), 2 * row))


GGUF = {
    "input_layernorm.weight": "attn_norm.weight",
    "self_attn.sinks": "attn_sinks.weight",
    "post_attention_layernorm.weight": "post_attention_norm.weight",
    "mlp.router.weight": "ffn_gate_inp.weight",
    "mlp.router.bias": "ffn_gate_inp.bias",
    "mlp.experts.down_proj_bias": "ffn_down_exps.bias",
} | {f"self_attn.{part}_proj.{kind}": f"attn_{own}.{kind}" for part, own in (("q", "q"), ("k", "k"), ("v", "v"), ("o", "output")) for kind in ("weight", "bias")}


def gguf_tensors(mxfp4_type=39):
    content = []

    def add(name, tensor, keep):
        tensor = tensor if keep else widen(tensor)
        content.append((name, 30 if keep else 0, tensor.shape, tensor.data))

    add("token_embd.weight", tensors["model.embed_tokens.weight"], True)
    add("output_norm.weight", tensors["model.norm.weight"], False)
    add("output.weight", tensors["lm_head.weight"], True)
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        for name, own in GGUF.items():
            add(f"blk.{layer}.{own}", tensors[prefix + name], name.endswith("proj.weight"))
        for name, own in (("gate_up", None), ("down", "down")):
            blocks = tensors[f"{prefix}mlp.experts.{name}_proj_blocks"]
            scales = tensors[f"{prefix}mlp.experts.{name}_proj_scales"]
            count, out, columns, _ = blocks.shape
            raw = ggml_blocks(blocks.data, scales.data)
            if own:
                content.append((f"blk.{layer}.ffn_{own}_exps.weight", mxfp4_type, [count, out, columns * 32], raw))
                continue
            bias = widen(tensors[prefix + "mlp.experts.gate_up_proj_bias"])
            for first, half in enumerate(("gate", "up")):
                content.append((f"blk.{layer}.ffn_{half}_exps.weight", mxfp4_type, [count, out // 2, columns * 32], alternate(raw, columns * 17, first)))
                content.append((f"blk.{layer}.ffn_{half}_exps.bias", 0, [count, out // 2], alternate(bias.data, 4, first)))
    return content


def gguf_metadata():
    tokenizer = json.load(open(os.path.join(suite.model, "tokenizer.json")))
    count = config["vocab_size"]
    tokens = [f"[PAD{i}]" for i in range(count)]
    kinds = [5] * count
    for name, i in tokenizer["model"]["vocab"].items():
        tokens[i], kinds[i] = name, 1
    for token in tokenizer["added_tokens"]:
        tokens[token["id"]], kinds[token["id"]] = token["content"], 3
    rope = config["rope_scaling"]
    return {
        "general.architecture": "gpt-oss",
        "gpt-oss.block_count": layers,
        "gpt-oss.context_length": config["max_position_embeddings"],
        "gpt-oss.embedding_length": config["hidden_size"],
        "gpt-oss.feed_forward_length": config["intermediate_size"],
        "gpt-oss.expert_feed_forward_length": config["intermediate_size"],
        "gpt-oss.expert_count": experts,
        "gpt-oss.expert_used_count": config["num_experts_per_tok"],
        "gpt-oss.attention.head_count": config["num_attention_heads"],
        "gpt-oss.attention.head_count_kv": config["num_key_value_heads"],
        "gpt-oss.attention.key_length": config["head_dim"],
        "gpt-oss.attention.value_length": config["head_dim"],
        "gpt-oss.attention.layer_norm_rms_epsilon": config["rms_norm_eps"],
        "gpt-oss.attention.sliding_window": config["sliding_window"],
        "gpt-oss.rope.freq_base": float(config["rope_theta"]),
        "gpt-oss.rope.scaling.type": "yarn",
        "gpt-oss.rope.scaling.factor": rope["factor"],
        "gpt-oss.rope.scaling.original_context_length": rope["original_max_position_embeddings"],
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-4o",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.merges": [" ".join(merge) for merge in tokenizer["model"]["merges"]],
        "tokenizer.ggml.eos_token_id": 3044,
        "tokenizer.ggml.eot_token_id": 3054,
        "tokenizer.chat_template": open(os.path.join(suite.model, "chat_template.jinja")).read(),
    }


# numpy-direct ---------------------------------------------------------------


def pack_npy(descr, shape, raw):
    """As TensorPort writes it: the elements begin at an odd offset."""
    size = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    line = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {size}, }}"
    line += " " * (-(len(line) + 10) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(line)) + line.encode() + raw


def half(tensor):
    """bf16 as float16; infinite where that is too narrow."""
    out = bytearray()
    for word in words(tensor.data):
        (value,) = struct.unpack("<f", struct.pack("<I", word << 16))
        out += struct.pack("<e", value) if abs(value) < 65520 else struct.pack("<H", 0x7C00 | word & 0x8000)
    return Tensor("F16", tensor.shape, bytes(out))


def make_numpy(folder, manifest, narrow=False):
    entries = []
    for i, (name, tensor) in enumerate(tensors.items()):
        shard = f"shard_{i // 50:03}"
        os.makedirs(os.path.join(folder, shard), exist_ok=True)
        file = shard + "/" + name.replace(".", "_") + ".npy"
        descr = "|u1"
        if tensor.dtype == "BF16":
            tensor = half(tensor) if narrow else widen(tensor)
            descr = "<f2" if narrow else "<f4"
        write_bytes(os.path.join(folder, file), pack_npy(descr, tensor.shape, tensor.data))
        entries.append({"name": name, "file": file, "shape": tensor.shape, "dtype": descr, "size_mb": len(tensor.data) / 2**20})
    if manifest:
        with open(os.path.join(folder, "manifest.json"), "w") as file:
            json.dump({"format": "numpy_direct", "total_shards": 3, "tensors": entries, "config": config}, file)
    else:
        shutil.copy(os.path.join(suite.model, "config.json"), folder)
    for name in ("tokenizer.json", "generation_config.json"):
        shutil.copy(os.path.join(suite.model, name), folder)


# The same logits ------------------------------------------------------------

make_sharded(suite.path("sharded"))
make_bf16(suite.path("bf16"))
make_original(suite.path("original"))
write_bytes(suite.path("model.gguf"), pack_gguf(gguf_metadata(), gguf_tensors()))
write_bytes(suite.path("old.gguf"), pack_gguf(gguf_metadata(), gguf_tensors(mxfp4_type=4)))
make_numpy(suite.path("numpy"), manifest=True)
make_numpy(suite.path("numpy-glob"), manifest=False)

golden_header, golden_data = read_safetensors(os.path.join(suite.source, "tests", "data", "golden", "ppl_plain_4x512.safetensors"))
begin, _ = golden_header["input_ids"]["data_offsets"]
tokens = suite.path("tokens.npy")
write_bytes(tokens, pack_npy("<i4", [1, 96], golden_data[begin : begin + 96 * 4]))


def logits_of(name, path, *options):
    artifact, out = suite.path(name + ".goss"), suite.path(name + ".npy")
    compiled = suite.expect(name, ["gossc", path, "--math=exact", "-o", artifact, *options])
    weights = [] if "--weights=embed" in options or b"--weights=embed" in compiled.stderr else ["--weights", path]
    suite.expect(name, ["goss", "eval", artifact, *weights, "--tokens", tokens, "--logits-out", out, "-q"])
    return compiled.stderr.decode(), open(out, "rb").read()


_, want = logits_of("hf", suite.model)
suite.check("hf", len(want) > 96 * config["vocab_size"] * 4, "expects logits of every token")
for name, file in {"sharded": "sharded", "bf16": "bf16", "original": "original", "gguf": "model.gguf", "gguf-old": "old.gguf", "numpy": "numpy", "numpy-glob": "numpy-glob"}.items():
    errors, got = logits_of(name, suite.path(file))
    suite.check(name, got == want, f"expects the logits of the published form but got others ({errors})")
    made = name in ("gguf", "gguf-old", "numpy", "numpy-glob")
    suite.check(name, ("are stored in the artifact" in errors) == made, f"expects a note on embedded weights: {made}, but got {errors}")

# Q8_0 is read as float32, exactly: as a checkpoint that holds those numbers.
embedding = tensors["model.embed_tokens.weight"]
packed, numbers = bytearray(), bytearray()
wide = widen(embedding).data
for at in range(0, len(wide), 128):
    row = struct.unpack("<32f", wide[at : at + 128])
    (step,) = struct.unpack("<e", struct.pack("<e", max(map(abs, row)) / 127))
    whole = [max(-128, min(127, round(value / step))) if step else 0 for value in row]
    packed += struct.pack("<e32b", step, *whole)
    numbers += struct.pack("<32f", *(step * value for value in whole))
content = [(name, 8, shape, bytes(packed)) if name == "token_embd.weight" else (name, kind, shape, raw) for name, kind, shape, raw in gguf_tensors()]
write_bytes(suite.path("q8.gguf"), pack_gguf(gguf_metadata(), content))
copy_checkpoint(suite.model, suite.path("q8"), without=["model.safetensors"])
write_safetensors(os.path.join(suite.path("q8"), "model.safetensors"), tensors | {"model.embed_tokens.weight": Tensor("F32", embedding.shape, bytes(numbers))})
_, rounded = logits_of("q8", suite.path("q8"))
_, got = logits_of("q8-gguf", suite.path("q8.gguf"))
suite.check("q8", got == rounded and got != want, "expects the logits of the rounded embedding")

# What must be refused --------------------------------------------------------

goss = suite.path("x.goss")
gguf, numpy = suite.path("model.gguf"), suite.path("numpy")
for path, form in ((gguf, "gguf"), (numpy, "numpy")):
    suite.expect("reference", ["gossc", path, "--weights=reference", "-o", goss], 64, f"a {form} checkpoint needs --weights=embed")
for name in ("weights.pkl", "pytorch_model.bin", "model.pt"):
    folder = suite.path("pickle-" + name)
    os.makedirs(folder)
    shutil.copy(os.path.join(suite.model, "config.json"), folder)
    write_bytes(os.path.join(folder, name), b"\x80\x04.")
    suite.expect(name, ["gossc", folder, "-o", goss], 65, [name, "a pickle, which is never read"])
    suite.expect(name, ["gossc", os.path.join(folder, name), "-o", goss], 65, "a pickle, which is never read")
write_bytes(suite.path("shard_000.msgpack"), b"\x81")
suite.expect("msgpack", ["gossc", suite.path("shard_000.msgpack"), "-o", goss], 65, "MessagePack, which is not read")

# A float16 that overflowed when it was written is found by name and place.
tensors["model.norm.weight"] = Tensor("BF16", [192], tensors["model.norm.weight"].data[:-2] + bf16(70000.0))
make_numpy(suite.path("narrow"), manifest=True, narrow=True)
overflow = ['"model.norm.weight": element [191] expects a finite number but got NaN or infinity (float16 ends at 65504)']
suite.expect("overflow", ["gossc", suite.path("narrow"), "-o", goss], 65, overflow)
suite.expect("overflow", ["goss", "verify", suite.path("narrow")], 65, overflow)

# GGUF files that lie.
metadata, content = gguf_metadata(), gguf_tensors()
blob = pack_gguf(metadata, content)


def broken(case, message, data=None, change=None, drop=None, edit=None):
    changed = metadata | (change or {})
    for key in drop or []:
        changed.pop(key)
    path = suite.path("broken.gguf")
    write_bytes(path, data if data is not None else pack_gguf(changed, [edit(entry) if edit else entry for entry in content]))
    suite.expect(case, ["goss", "verify", path], 65, message)


def edited(target, **fields):
    def edit(entry):
        entry = dict(zip(("name", "kind", "shape", "raw"), entry))
        return tuple((entry | fields if entry["name"] == target else entry).values())

    return edit


for size in (4, 20, 24, 100, 5000, 200000, len(blob) // 2, len(blob) - 40):
    broken(f"cut at {size}", "broken.gguf", blob[:size])
broken("version", "expects GGUF version 3 but got 2", blob[:4] + struct.pack("<I", 2) + blob[8:])
broken("tensor count", "tensors in what is left of the file", blob[:8] + b"\xff" * 8 + blob[16:])
broken("pair count", "pairs of metadata in what is left of the file", blob[:16] + b"\xff" * 8 + blob[24:])
broken("key length", "expects a key at offset", blob[:24] + b"\xff" * 8 + blob[32:])
broken("architecture", "expects \"gpt-oss\" but got \"llama\"", change={"general.architecture": "llama"})
broken("split", "a file that is not split", change={"split.count": 3})
broken("layers", "expects an integer from 1 to 1024", change={"gpt-oss.block_count": 2**31})
broken("type of a key", "key \"gpt-oss.block_count\": expects an integer", change={"gpt-oss.block_count": "six"})
broken("missing key", "key \"gpt-oss.embedding_length\"", drop=["gpt-oss.embedding_length"])
broken("alignment", "key \"general.alignment\": expects a power of two but got 48", change={"general.alignment": 48})
broken("token types", "one for each of 3072 tokens but got 2", change={"tokenizer.ggml.token_type": [1, 1]})
broken("merge", "which is not in the vocabulary", change={"tokenizer.ggml.merges": ["zzzz qqqq"]})
broken("more layers", "are missing", change={"gpt-oss.block_count": layers + 1})
broken("shape", "expects shape [256, 192] but got [192, 256]", edit=edited("blk.0.attn_q.weight", shape=[192, 256]))
broken("type", "expects F32, F16, BF16, Q8_0 or MXFP4 but got type 2", edit=edited("blk.0.attn_q.weight", kind=2))
broken("no blocks", "blk.0.ffn_down_exps.weight\": expects MXFP4 but got F32", edit=edited("blk.0.ffn_down_exps.weight", kind=0, shape=[1, 1]))
broken("huge", "expects to lie within", edit=edited("blk.0.attn_q.weight", shape=[2**40, 2**20]))
broken("no up", "expects \"blk.1.ffn_up_exps.weight\" beside it", edit=edited("blk.1.ffn_up_exps.weight", name="blk.1.ffn_down.weight"))
broken("twice", "is there twice", edit=edited("blk.1.attn_q.weight", name="blk.0.attn_q.weight"))

# numpy files that lie.
first = os.path.join(numpy, "shard_000", "model_norm_weight.npy")
matches = [os.path.join(numpy, shard, "model_norm_weight.npy") for shard in os.listdir(numpy) if shard.startswith("shard_")]
(first,) = [path for path in matches if os.path.exists(path)]
whole = open(first, "rb").read()
for case, changed, message in (
    ("npy cut", whole[:-4], "bytes of elements but got"),
    ("npy magic", b"X" + whole[1:], "is not a .npy file"),
    ("npy type", whole.replace(b"<f4", b"<f8"), "expects descr '<f2', '<f4', '<i4', '<i8' or '|u1' but got '<f8'"),
    ("npy shape", whole.replace(b"(192,)", b"(96,2)"), "expects shape [192] but got [96, 2]"),
):
    write_bytes(first, changed)
    suite.expect(case, ["goss", "verify", numpy], 65, [message, "model_norm_weight.npy"])
os.remove(first)
suite.expect("npy missing", ["goss", "verify", numpy], 66, "model_norm_weight.npy")
write_bytes(first, whole)
suite.expect("npy whole", ["goss", "verify", numpy])
edit_json(os.path.join(numpy, "manifest.json"), lambda value: value["tensors"][0].update(file="../x.npy"))
suite.expect("npy escape", ["goss", "verify", numpy], 65, "tensors[0].file")

# OpenAI files that lie.
original = suite.path("original")
edit_json(os.path.join(original, "config.json"), lambda value: value.update(num_key_value_heads=4))
suite.expect("fused rows", ["goss", "verify", original], 65, ["attn.qkv", "expects 512 rows but got shape [384"])

suite.finish()
