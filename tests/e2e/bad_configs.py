"""Every config that contradicts itself is refused with the field's name."""

import json
import os

from support import Suite, copy_checkpoint

suite = Suite(__doc__)


def with_value(**values):
    def change(config):
        config.update(values)

    return change


def without(*names):
    def change(config):
        for name in names:
            del config[name]

    return change


def in_rope(**values):
    def change(config):
        config["rope_scaling"].update(values)

    return change


# (name, change of a good config, what the message must name)
CASES = [
    ("too few layer types", lambda c: c["layer_types"].pop(), "layer_types"),
    ("unknown layer type", lambda c: c["layer_types"].__setitem__(1, "ring_attention"), ["layer_types", "ring_attention"]),
    ("layer type of another kind", lambda c: c["layer_types"].__setitem__(1, 7), "layer_types"),
    ("heads not divisible", with_value(num_key_value_heads=3), "num_key_value_heads"),
    ("hidden not in blocks", with_value(hidden_size=200), "hidden_size"),
    ("width not in blocks", with_value(intermediate_size=100), "intermediate_size"),
    ("more active experts than experts", with_value(num_experts_per_tok=17, experts_per_token=17), "num_experts_per_tok"),
    ("duplicate fields disagree", with_value(experts_per_token=3), "experts_per_token"),
    ("unknown rope type", in_rope(rope_type="llama3"), ["rope", "llama3"]),
    ("rope factor zero", in_rope(factor=0), "factor"),
    ("zero layers", with_value(num_hidden_layers=0), "num_hidden_layers"),
    ("negative hidden size", with_value(hidden_size=-192), "hidden_size"),
    ("fractional heads", with_value(num_attention_heads=8.5), "num_attention_heads"),
    ("text for a number", with_value(vocab_size="many"), "vocab_size"),
    ("zero vocabulary", with_value(vocab_size=0), "vocab_size"),
    ("sizes beyond any machine", with_value(vocab_size=1 << 62), "vocab_size"),
    ("odd head dimension", with_value(head_dim=31), "head_dim"),
    ("negative window", with_value(sliding_window=-1), "sliding_window"),
    ("another activation", with_value(hidden_act="gelu"), "hidden_act"),
    ("negative epsilon", with_value(rms_norm_eps=-1.0), "rms_norm_eps"),
    ("another model", with_value(model_type="llama"), ["model_type", "llama"]),
    ("no model type", without("model_type", "architectures"), "model_type"),
    ("zero theta", with_value(rope_theta=0), "rope_theta"),
]

good = json.load(open(os.path.join(suite.model, "config.json")))
for name, change, message in CASES:
    config = json.loads(json.dumps(good))
    change(config)
    folder = suite.path(name.replace(" ", "-"))
    os.makedirs(folder)
    path = os.path.join(folder, "config.json")
    with open(path, "w") as file:
        json.dump(config, file)
    suite.expect(name, ["gossc", path, "--emit=graph"], 65, message)
    suite.leaves_nothing(name, folder, ["config.json"])

# Texts that are no config at all.
TEXTS = [
    ("empty", b"", 65),
    ("not JSON", b"layers: 6", 65),
    ("a list", b"[]", 65),
    ("cut off", json.dumps(good).encode()[:200], 65),
    ("a key twice", b'{"model_type":"gpt_oss","model_type":"gpt_oss"}', 65),
    ("deeply nested", b'{"a":' * 100000 + b"1" + b"}" * 100000, 65),
    ("invalid UTF-8", b'{"model_type":"\xff\xfe"}', 65),
]
for name, text, code in TEXTS:
    path = suite.path(name.replace(" ", "-") + ".json")
    with open(path, "wb") as file:
        file.write(text)
    suite.expect(name, ["gossc", path, "--emit=graph"], code, ".json")

suite.expect("no such file", ["gossc", suite.path("none.json"), "--emit=graph"], 66, "none.json")
empty = suite.path("empty-folder")
os.makedirs(empty)
suite.expect("no config in the folder", ["gossc", empty, "-o", suite.path("x.goss")], 66, "config.json")
suite.expect(
    "a bare config has no weights to compile",
    ["gossc", os.path.join(suite.model, "config.json"), "-o", suite.path("x.goss")],
    64,
    "config.json",
)
suite.check("no artifact", not os.path.exists(suite.path("x.goss")), "expects no artifact but got one")

# What the field's other spellings say is accepted.
folder = copy_checkpoint(suite.model, suite.path("renamed"), ["model.safetensors"])


def rename(config):
    config["rope_parameters"] = dict(config.pop("rope_scaling"), rope_theta=config.pop("rope_theta"))
    config["rope_parameters"]["type"] = config["rope_parameters"].pop("rope_type")
    config["num_experts"] = config.pop("num_local_experts")
    del config["layer_types"]
    config["dtype"] = "bfloat16"


renamed = json.loads(json.dumps(good))
rename(renamed)
with open(os.path.join(folder, "config.json"), "w") as file:
    json.dump(renamed, file)
first = suite.expect("original names", ["gossc", os.path.join(suite.model, "config.json"), "--emit=graph"])
second = suite.expect("newer names", ["gossc", os.path.join(folder, "config.json"), "--emit=graph"])
if first and second:
    suite.check("newer names", first.stdout == second.stdout, "expects the same graph but got another")

suite.finish()
