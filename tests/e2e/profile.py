"""goss profile: measured times against the cost model."""

import json

from support import Suite, count_launches

suite = Suite(__doc__)
tiny = suite.path("tiny.goss")
suite.expect("compile", ["gossc", suite.model, "-o", tiny, "-q"])
MODEL = [tiny, "--weights", suite.model]
SIZES = ["-p", "24", "-n", "6", "-d", "10", "-t", "1"]
launches = count_launches(tiny)
report = json.loads(suite.expect("profile", ["goss", "profile", *MODEL, *SIZES, "-r", "2", "--launches", "--json", "-q"]).stdout)
suite.check("report", [test["test"] for test in report["tests"]] == ["pp24", "tg6"] and report["threads"] == 1, "expects two tests")
limits = report["limits"]
peaks = {"float32": limits["float32_flops_per_second"], "int8": limits["int8_ops_per_second"], "int8x2": limits["int8_ops_per_second"] / 2}


def close(a, b):
    return abs(a - b) <= 1e-6 * max(abs(a), abs(b))


# Bytes and operations are those of goss bench, whose runs are the same.
bench = json.loads(suite.expect("bench", ["goss", "bench", *MODEL, *SIZES, "-r", "1", "--no-limits", "--json", "-q"]).stdout)
for test, other in zip(report["tests"], bench["results"]):
    case = test["test"]
    tokens = test["prompt_tokens"] + test["decode_tokens"]
    for what in ("bytes", "flops"):
        suite.check(case, close(test[what], tokens * other["roofline"][what + "_per_token"]), f"expects the {what} of goss bench but got {test[what]}")
        suite.check(case, close(test[what], sum(row[what] for row in test["kernels"])), f"expects {what} of kernels that add up")
    steps = 1 if test["prompt_tokens"] else test["decode_tokens"]
    suite.check(case, [row["launch"] for row in test["by_launch"]] == list(range(launches)), "expects every launch once")
    suite.check(case, all(row["launches"] == steps for row in test["by_launch"]), f"expects {steps} runs of each launch")
    for row in test["by_launch"]:
        # The formula of docs/inspection.md.
        memory, compute = row["bytes"] / limits["read_bytes_per_second"], row["flops"] / peaks[row["arithmetic"]]
        suite.check(case, close(row["predicted_seconds"], max(memory, compute)), f"expects {max(memory, compute)} but got {row}")
        suite.check(case, row["measured_seconds"] > 0, "expects a time")
        if row["predicted_seconds"] > 0:
            suite.check(case, close(row["ratio"], row["measured_seconds"] / row["predicted_seconds"]), "expects measured by predicted")
            suite.check(case, row["limit"] == ("memory" if memory >= compute else row["arithmetic"]), f"expects the limit that binds but got {row}")
        else:
            suite.check(case, row["ratio"] is None and row["limit"] == "none", "expects no ratio of nothing")
    for kernel in test["kernels"]:
        parts = [row for row in test["by_launch"] if (row["operation"], row["kind"]) == (kernel["operation"], kernel["kind"])]
        for key in ("launches", "predicted_seconds", "measured_seconds", "bytes", "flops"):
            suite.check(case, close(kernel[key], sum(row[key] for row in parts)), f"expects {key} of {kernel['operation']} to add up")
    suite.check(case, test["seconds"] >= test["measured_seconds"] > 0, "expects kernels within the run")

text = suite.expect("text", ["goss", "profile", *MODEL, "-p", "8", "-n", "0", "-r", "1", "-q"]).stdout.decode()
for part in ("pp8 at depth 0: predicted", "linear ", "ratio", "GB/s read"):
    suite.check("text", part in text, f"expects '{part}' but got {text}")
suite.check("text", "lm_head" not in text and "tg" not in text, "expects neither launches nor decoding")
suite.expect("launches", ["goss", "profile", *MODEL, "-p", "8", "-n", "0", "-r", "1", "-q", "--launches"], stdout=f"{launches - 1} lm_head")
suite.expect("too long", ["goss", "profile", *MODEL, "-p", "100000", "-r", "1"], 65, "pp100000")
suite.expect("no repeats", ["goss", "profile", *MODEL, "-r", "0"], 64, "--repeats")
suite.expect("no model", ["goss", "profile", suite.path("none.goss")], 66, "none.goss")

suite.finish()
