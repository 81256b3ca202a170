"""goss check: a model against the unfused oracle, op by op."""

import json
import os

from support import Suite, copy_checkpoint, edit_json, read_safetensors, write_bytes

suite = Suite(__doc__)
oracle = suite.path("oracle.goss")
suite.expect("compile oracle", ["gossc", suite.model, "-o", oracle, "--opt-level=0", "-q"])
models = {}
for math in ("exact", "fast"):
    models[math] = suite.path(math + ".goss")
    suite.expect("compile " + math, ["gossc", suite.model, "-o", models[math], "--math=" + math, "-q"])


def check(case, model, *options, code=0, message=None, by=oracle):
    """The JSON of a comparison, which also says whether all agree."""
    result = suite.expect(case, ["goss", "check", model, "--oracle", by, "--weights", suite.model, "--json", "-q", *options], code, message)
    return json.loads(result.stdout)


# A right model agrees, in a prompt and in a decoding step.
for math, tolerance in (("exact", 2e-5), ("fast", 2e-3)):
    for tokens in ([], ["-p", "Once upon a time, there was a little girl named Lily."], ["--tokens=5"]):
        report = check(math, models[math], *tokens)
        suite.check(math, report["tolerance"] == tolerance and report["first_divergence"] is None, "expects agreement")
        total = report["compared"] + report["without_counterpart"] + report["quantized"] + report["cache_only"]
        suite.check(math, total == report["launches"], f"expects every launch counted once but got {report}")
        names = {value["name"] for value in report["values"]}
        wanted = {"embedding", "layers.0.attention.q.rope", "layers.3.attention.values", "layers.5.mlp.residual", "lm_head"}
        suite.check(math, wanted <= names, f"expects {sorted(wanted - names)} as well")
        steps = {value["step"] for value in report["values"]}
        suite.check(math, steps == ({0} if tokens == ["--tokens=5"] else {0, 1}), f"expects a prompt and a decoding step but got {steps}")
        suite.check(math, all(value["relative"] <= tolerance for value in report["values"]), "expects small distances")
        suite.check(math, any(value["relative"] > 0 for value in report["values"]), "expects two programs, not one")
text = suite.expect("text", ["goss", "check", models["exact"], "--oracle", oracle, "--weights", suite.model, "-q"], stdout="all agree").stdout.decode()
suite.check("text", "step 1, 1 tokens" in text and "lm_head" in text and "diverges" not in text, f"expects a table but got {text}")

# With another bias of one layer the first op that uses it is named. The header
# of the file is the same, so the two pass for one checkpoint.
for name, op in (
    ("model.layers.2.self_attn.o_proj.bias", "layers.2.attention.residual"),
    ("model.layers.4.self_attn.k_proj.bias", "layers.4.attention.k"),
    ("model.norm.weight", "final_norm"),
):
    changed = copy_checkpoint(suite.model, suite.path("changed-" + op))
    path = os.path.join(changed, "model.safetensors")
    header, data = read_safetensors(path)
    begin, end = header[name]["data_offsets"]
    blob = bytearray(open(path, "rb").read())
    base = len(blob) - len(data)
    # bfloat16: 2.0 for every element.
    blob[base + begin : base + end] = b"\x00\x40" * ((end - begin) // 2)
    write_bytes(path, bytes(blob))
    report = check(op, models["exact"], "--oracle-weights", changed, code=1, message=[op + " is the first op that diverges", "step 0"])
    suite.check(op, report["first_divergence"] == op, f"expects {op} but got {report['first_divergence']}")
    before = [value for value in report["values"] if value["step"] == 0][: [value["name"] for value in report["values"]].index(op)]
    suite.check(op, all(not value["diverges"] for value in before), "expects agreement before it")
    check(op + ", tolerant", models["exact"], "--oracle-weights", changed, "--tolerance=1e6")
check("strict", models["fast"], "--tolerance=1e-7", code=1, message="tolerance 1.00e-07")

# What is no oracle, with the command that makes one.
RUN = ["goss", "check", models["fast"], "--weights", suite.model]
COMMAND = "gossc CHECKPOINT -o ORACLE.goss --opt-level=0"
suite.expect("no oracle", RUN, 64, ["--oracle", COMMAND])
suite.expect("fused oracle", RUN + ["--oracle", models["exact"]], 65, ["opt level 0", COMMAND])
suite.expect("missing oracle", RUN + ["--oracle", suite.path("none.goss")], 66, "none.goss")
write_bytes(suite.path("broken.goss"), open(oracle, "rb").read()[:5000])
suite.expect("broken oracle", RUN + ["--oracle", suite.path("broken.goss")], 65, "broken.goss")
other = copy_checkpoint(suite.model, suite.path("other"))
edit_json(os.path.join(other, "config.json"), lambda config: config.update(rms_norm_eps=1e-4))
suite.expect("compile other", ["gossc", other, "-o", suite.path("other.goss"), "--opt-level=0", "-q"])
suite.expect("other config", RUN + ["--oracle", suite.path("other.goss")], 65, "another config.json")
suite.expect("both prompts", RUN + ["--oracle", oracle, "-p", "x", "--tokens=1"], 64, "--tokens")
suite.expect("wrong token", RUN + ["--oracle", oracle, "--tokens=999999"], 65, "999999")
suite.expect("too many tokens", RUN + ["--oracle", oracle, "--tokens=" + ",".join(["1"] * 600)], 64, "600")
suite.expect("wrong tolerance", RUN + ["--oracle", oracle, "--tolerance=-1"], 64, "--tolerance")

suite.finish()
