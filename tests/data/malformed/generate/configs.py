"""JSON texts, config.json and generation_config.json."""

from writing import changed, without, write

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
