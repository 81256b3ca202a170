"""Helpers of the end-to-end tests: run a tool, state what it must answer.

A test program is a table of cases; every case runs a tool on an input and
states the exit code and what the message must contain. All failures are
printed and the program exits with 1 when there is one.
"""

import argparse
import json
import os
import shutil
import struct
import subprocess
import sys


class Suite:
    """Runs cases in a scratch folder and counts failures."""

    def __init__(self, description):
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("--bin", required=True, help="folder of the tools")
        parser.add_argument("--source", required=True, help="source root")
        parser.add_argument("--scratch", required=True, help="folder to fill")
        self.options = parser.parse_args()
        self.source = os.path.abspath(self.options.source)
        self.scratch = os.path.abspath(self.options.scratch)
        self.model = os.path.join(self.source, "models", "tiny-stories")
        self.failures = 0
        self.cases = 0
        shutil.rmtree(self.scratch, ignore_errors=True)
        os.makedirs(self.scratch)

    def tool(self, name):
        return os.path.join(os.path.abspath(self.options.bin), name)

    def path(self, *parts):
        return os.path.join(self.scratch, *parts)

    def fail(self, case, reason, detail=""):
        self.failures += 1
        print(f"FAIL {case}: {reason}")
        if detail:
            print("    " + detail.strip().replace("\n", "\n    "))

    def check(self, case, condition, reason):
        self.cases += 1
        if not condition:
            self.fail(case, reason)
        return condition

    def run(self, arguments, **more):
        """Runs a tool; returns the finished process with text streams."""
        more.setdefault("timeout", 300)
        return subprocess.run(
            [self.tool(arguments[0])] + [str(a) for a in arguments[1:]],
            stdin=more.pop("stdin", subprocess.DEVNULL)
            if "input" not in more
            else None,
            capture_output=True,
            **more,
        )

    def expect(self, case, arguments, code=0, message=None, stdout=None, **more):
        """Runs a tool and compares exit code, message and output.

        `message` (text or a list of texts) must be part of stderr, which for
        a failure is an "error:" line; `stdout` must be part of the output.
        """
        self.cases += 1
        try:
            result = self.run(arguments, **more)
        except subprocess.TimeoutExpired:
            self.fail(case, "expects an end but got a timeout")
            return None
        errors = result.stderr.decode("utf-8", "replace")
        if result.returncode != code:
            self.fail(
                case,
                f"expects exit code {code} but got {result.returncode}",
                errors[-2000:],
            )
            return result
        if "Sanitizer" in errors or "runtime error:" in errors:
            self.fail(case, "expects no sanitizer report but got one", errors[-3000:])
        if code and "error:" not in errors and code != 130:
            self.fail(case, "expects an error line but got none", errors)
        for part in [message] if isinstance(message, str) else message or []:
            if part not in errors:
                self.fail(case, f"expects '{part}' in the message but got", errors)
        if stdout is not None and stdout not in result.stdout.decode("utf-8", "replace"):
            self.fail(
                case,
                f"expects '{stdout}' on stdout but got",
                result.stdout.decode("utf-8", "replace")[-2000:],
            )
        return result

    def leaves_nothing(self, case, folder, allowed=()):
        """States that a folder holds no file but the allowed ones."""
        left = sorted(set(os.listdir(folder)) - set(allowed))
        self.check(case, not left, f"expects nothing left behind but got {left}")

    def write_npy(self, name, descr, shape, data):
        """Writes an array into the scratch folder, as numpy.save would."""
        text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
        text += " " * (-(len(text) + 11) % 64) + "\n"
        header = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()
        write_bytes(self.path(name), header + data)
        return self.path(name)

    def is_sanitized(self):
        """Whether the tools are a sanitizer build, in which times say nothing."""
        with open(self.tool("goss"), "rb") as file:
            return b"__asan_init" in file.read()

    def finish(self):
        print(f"{self.cases} checks, {self.failures} failures")
        sys.exit(1 if self.failures else 0)


# Artifacts -------------------------------------------------------------------


def read_varint(blob, place):
    value, shift = 0, 0
    while True:
        byte = blob[place]
        place += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, place


def count_launches(path):
    """Launches in the manifest of an artifact, read without the project's code:
    entries of field 23 in its first section (Format.h, manifest.proto)."""
    with open(path, "rb") as file:
        blob = file.read()
    begin, size = struct.unpack_from("<QQ", blob, 72)
    place, count = begin, 0
    while place < begin + size:
        key, place = read_varint(blob, place)
        value, after = (0, place + 8) if key & 7 == 1 else read_varint(blob, place)
        place = after + (value if key & 7 == 2 else 0)
        count += key >> 3 == 23
    return count


# Safetensors and checkpoints ------------------------------------------------


def read_safetensors(path):
    """Returns (header dictionary, data bytes)."""
    with open(path, "rb") as file:
        blob = file.read()
    (size,) = struct.unpack("<Q", blob[:8])
    return json.loads(blob[8 : 8 + size]), blob[8 + size :]


def pack_safetensors(header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def read_all(folder):
    """Relative path -> bytes of all files in a folder."""
    files = {}
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            files[os.path.relpath(path, folder)] = open(path, "rb").read()
    return files


def write_bytes(path, blob):
    with open(path, "wb") as file:
        file.write(blob)


def copy_checkpoint(source, target, without=()):
    """Copies a checkpoint; its files may then be changed."""
    os.makedirs(target)
    for name in os.listdir(source):
        if name not in without:
            shutil.copy(os.path.join(source, name), os.path.join(target, name))
            os.chmod(os.path.join(target, name), 0o644)
    return target


def edit_json(path, change):
    """Applies `change` to the parsed file and writes it back."""
    with open(path) as file:
        value = json.load(file)
    change(value)
    with open(path, "w") as file:
        json.dump(value, file)
