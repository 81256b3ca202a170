"""Holds the dialect's reference to its own rules.

Every operation has a summary of at most 80 characters without a full stop and
an example; every example is part of examples.mlir, which goss-opt reads; every
constraint C1, C2, ... has a case in the tests of invalid IR.
"""

import glob
import os
import re
import sys


def normal(text):
    """Without comments, with single spaces, without spaces inside of <>()."""
    text = re.sub(r"//.*", "", text)
    text = re.sub(r"\s+", " ", text)
    return re.sub(r"(?<=[<(]) | (?=[>)])", "", text).strip()


def sections(reference):
    """(name, class, body) of operations, types and attributes."""
    parts = re.split(r"^#{3,4} `?(\S+?)`? ?(?:\((?:gptoss::)?(\w+)\))?$", reference, flags=re.M)
    for name, kind, body in zip(parts[1::3], parts[2::3], parts[3::3]):
        if name.startswith("gptoss.") or name.endswith(("Attr", "Type")):
            yield name, kind or name, body


def main(reference_path, examples_path, tests):
    errors = []
    with open(reference_path, encoding="utf-8") as file:
        reference = file.read()
    with open(examples_path, encoding="utf-8") as file:
        tested = normal(file.read())
    invalid = ""
    for path in glob.glob(os.path.join(tests, "invalid-*.mlir")):
        with open(path, encoding="utf-8") as file:
            invalid += file.read()
    count = 0
    for name, kind, body in sections(reference):
        count += 1
        if name.startswith("gptoss."):
            summary = re.search(r"^_(.+)_$", body, re.M)
            if not summary or len(summary[1]) > 80 or summary[1].endswith("."):
                errors.append(f"{name}: expects a summary of at most 80 characters without full stop")
            if "```mlir" not in body:
                errors.append(f"{name}: expects an example")
        for block in re.findall(r"```mlir\n(.*?)```", body, re.S):
            for example in [block] if "\n  " in block else block.strip().splitlines():
                if normal(example) not in tested:
                    errors.append(f"{name}: expects its example in examples.mlir: {example.strip()}")
        tag = re.sub(r"(Op|Attr|Type)$", "", kind)
        for constraint in re.findall(r"^- (C\d+):", body, re.M):
            if not re.search(rf"// {tag} {constraint}\b", invalid):
                errors.append(f"{name}: expects a case '// {tag} {constraint}' in the invalid tests")
    if count < 30:
        errors.append(f"expects at least 30 documented entities but got {count}")
    print("\n".join(errors), file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
