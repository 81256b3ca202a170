"""Changes of an artifact that the test compiles."""

from writing import write

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
