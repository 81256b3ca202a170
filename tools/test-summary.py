#!/usr/bin/env python3
"""Reads lit's JSON results; prints failures and skips, then one line of counts.

Exit status 1 when a test failed or none ran.
"""
import json
import re
import sys

PASSED = {"PASS", "FLAKYPASS", "XFAIL"}
SKIPPED = {"SKIPPED", "UNSUPPORTED", "EXCLUDED"}


def reason(test):
    """The line of a skipped test that says why, as far as the test said it."""
    output = test.get("output", "")
    found = re.search(r"(?:Skipped|skipped|SKIP)[:\n ]+(.+)", output)
    if found:
        return found.group(1).strip()
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def main(paths):
    passed = failed = skipped = 0
    for path in paths:
        with open(path, encoding="utf-8") as file:
            tests = json.load(file)["tests"]
        for test in sorted(tests, key=lambda test: test["name"]):
            code = test["code"]
            if code in PASSED:
                passed += 1
            elif code in SKIPPED:
                if code == "EXCLUDED":
                    continue
                skipped += 1
                print(f"skipped: {test['name']}: {reason(test)}")
            else:
                failed += 1
                print(f"FAILED: {test['name']}\n{test.get('output', '')}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
