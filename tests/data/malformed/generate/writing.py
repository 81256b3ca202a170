"""Writing a case, and changing a good value in one place."""

import copy
import json
import os
import shutil
import sys

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
written = {}


def write(group, name, content):
    """Writes a case. No two of a group may be equal."""
    if not any(other == group for other, _ in written):
        shutil.rmtree(os.path.join(HERE, group), ignore_errors=True)
    if not isinstance(content, bytes):
        content = (json.dumps(content, separators=(",", ":"), ensure_ascii=False) + "\n").encode()
    key = (group, content)
    if key in written or os.path.exists(os.path.join(HERE, group, name)):
        sys.exit(f"{group}/{name} repeats {written.get(key, name)}")
    written[key] = name
    os.makedirs(os.path.join(HERE, group), exist_ok=True)
    with open(os.path.join(HERE, group, name), "wb") as file:
        file.write(content)


def changed(base, path, value):
    """A copy of `base` with the member at `path` ("a.b.0") replaced."""
    result = copy.deepcopy(base)
    *parents, last = path.split(".")
    place = result
    for part in parents:
        place = place[int(part) if isinstance(place, list) else part]
    place[int(last) if isinstance(place, list) else last] = value
    return result


def without(base, path):
    result = copy.deepcopy(base)
    *parents, last = path.split(".")
    place = result
    for part in parents:
        place = place[int(part) if isinstance(place, list) else part]
    del place[int(last) if isinstance(place, list) else last]
    return result
