#!/usr/bin/env python3
"""Makes the pictures of the documentation from a report.

usage: screenshots.py REPORT.html FOLDER

Writes report-graph.png, report-memory.png, report-cost.png and
report-phone.png. Needs chromium and chromium-driver.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "..", "tests", "e2e"))
from browser import Browser, missing

PICTURES = [
    # name, address, width, height, dark
    ("report-graph", "fused/op/layers.0.attention.q", 1120, 700, False),
    ("report-memory", "memory", 1120, 700, False),
    ("report-cost", "cost", 1120, 700, True),
    ("report-phone", "plan", 390, 760, True),
]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    if missing():
        sys.exit("screenshots.py: " + missing())
    page, folder = map(os.path.abspath, sys.argv[1:])
    for name, address, width, height, dark in PICTURES:
        with Browser(width, height, dark) as browser:
            browser.open(f"file://{page}#{address}")
            browser.run("document.activeElement.blur()")
            path = os.path.join(folder, name + ".png")
            browser.screenshot(path)
            print(f"{path}: {os.path.getsize(path)} bytes")


main()
