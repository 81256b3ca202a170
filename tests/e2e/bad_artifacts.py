"""A damaged, foreign or stale artifact is refused before any of it is used."""

import hashlib
import json
import os
import shutil
import struct

from support import Suite, copy_checkpoint, read_safetensors, write_bytes

suite = Suite(__doc__)
checkpoint = copy_checkpoint(suite.model, suite.path("model"))
artifact = suite.path("good.goss")
suite.expect("compile", ["gossc", checkpoint, "-o", artifact, "-q"])
RUN = ["--weights", checkpoint, "--tokens=1,2,3", "-n", "1", "--greedy"]
suite.expect("run", ["goss", "run", artifact] + RUN)
blob = open(artifact, "rb").read()


def refused(case, content, code=65, message=None, arguments=RUN):
    path = suite.path("bad.goss")
    write_bytes(path, content)
    return suite.expect(case, ["goss", "run", path] + arguments, code, message or "bad.goss")


def flipped(offset):
    return blob[:offset] + bytes([blob[offset] ^ 0x40]) + blob[offset + 1 :]


# The fixed header and the section table: every byte counts.
for offset in range(64):
    refused(f"header byte {offset} flipped", flipped(offset))
for offset in range(64, 320, 7):
    refused(f"table byte {offset} flipped", flipped(offset))
# A byte of every part of the file.
for step in range(1, 24):
    offset = len(blob) * step // 24
    refused(f"byte {offset} flipped", flipped(offset))
refused("last byte flipped", flipped(len(blob) - 1))
for length in [0, 1, 7, 8, 63, 64, 65, 200, 1000, len(blob) // 2, len(blob) - 1]:
    refused(f"cut to {length} bytes", blob[:length])
refused("a byte more", blob + b"\0")
refused("another file", b"#!/bin/sh\nexit 0\n" * 20)
suite.expect("no such artifact", ["goss", "run", suite.path("none.goss")] + RUN, 66, "none.goss")
suite.expect("a folder", ["goss", "run", suite.scratch] + RUN, 65, "")

# goss verify names what is wrong, and nothing when all is well.
suite.expect("verify", ["goss", "verify", artifact, "--weights", checkpoint])
write_bytes(suite.path("bad.goss"), flipped(len(blob) // 2))
suite.expect("verify flipped", ["goss", "verify", suite.path("bad.goss"), "--weights", checkpoint], 65, "bad.goss")

# Other weights than those it was compiled for.
other = copy_checkpoint(suite.model, suite.path("other"), ["model.safetensors"])
header, data = read_safetensors(os.path.join(suite.model, "model.safetensors"))
header["__metadata__"] = {"made": "elsewhere"}
text = json.dumps(header).encode()
write_bytes(os.path.join(other, "model.safetensors"), struct.pack("<Q", len(text)) + text + data)
suite.expect("other weights", ["goss", "run", artifact, "--weights", other, "--tokens=1", "-n", "1"], 65, "model.safetensors")
short = copy_checkpoint(suite.model, suite.path("short"), ["model.safetensors"])
whole = open(os.path.join(suite.model, "model.safetensors"), "rb").read()
write_bytes(os.path.join(short, "model.safetensors"), whole[:-100])
suite.expect("weights cut off", ["goss", "run", artifact, "--weights", short, "--tokens=1", "-n", "1"], 65, "model.safetensors")
suite.expect("no weights there", ["goss", "run", artifact, "--weights", suite.path("nowhere"), "--tokens=1", "-n", "1"], 66, "model.safetensors")

# Code for a processor that this one is not: a feature of the manifest gets a
# name that no processor has, and all hashes are made right again.
HEADER, ENTRY = 64, struct.Struct("<IIQQ32s")


def with_section(content, kind, change):
    """The artifact with `change` applied to a section, of the same size."""
    content = bytearray(content)
    (count,) = struct.unpack_from("<I", content, 12)
    for index in range(count):
        place = HEADER + index * ENTRY.size
        found, alignment, offset, size, _ = ENTRY.unpack_from(content, place)
        if found != kind:
            continue
        content[offset : offset + size] = change(bytes(content[offset : offset + size]))
        digest = hashlib.sha256(content[offset : offset + size]).digest()
        ENTRY.pack_into(content, place, found, alignment, offset, size, digest)
    table = content[HEADER : HEADER + count * ENTRY.size]
    content[24:56] = hashlib.sha256(table).digest()
    return bytes(content)


MANIFEST, CODE, TOKENIZER = 1, 2, 5
same = with_section(blob, MANIFEST, lambda manifest: manifest)
suite.check("rebuilt", same == blob, "expects the same bytes when nothing changes")
feature = b"\x5a\x03avx"  # field 11, 3 bytes
foreign = with_section(blob, MANIFEST, lambda manifest: manifest.replace(feature, b"\x5a\x03zzz", 1))
suite.check("foreign", foreign != blob, "expects a feature in the manifest")
refused("another processor's code", foreign, 69, ["bad.goss", "zzz"])
fields = with_section(blob, MANIFEST, lambda manifest: b"\xff" * len(manifest))
refused("a manifest that is no Protobuf", fields)
noise = with_section(blob, CODE, lambda code: bytes(len(code)))
refused("code that is no code", noise)
noise = with_section(blob, TOKENIZER, lambda image: bytes(len(image)))
refused("a tokenizer that is none", noise)
suite.expect("unknown processor", ["gossc", checkpoint, "-o", suite.path("x.goss"), "--mcpu=pentium9"], 64, "pentium9")

# Weights inside: one file runs anywhere; a damaged weight shows in verify.
embedded = suite.path("embedded.goss")
suite.expect("compile with weights", ["gossc", checkpoint, "-o", embedded, "--weights=embed", "-q"])
os.makedirs(suite.path("alone"))
alone = suite.path("alone", "model.goss")
shutil.copy(embedded, alone)
shutil.move(checkpoint, checkpoint + ".gone")
suite.expect("run alone", ["goss", "run", alone, "--tokens=1,2,3", "-n", "2", "--greedy"], cwd=suite.path("alone"))
suite.expect("verify alone", ["goss", "verify", alone])
content = bytearray(open(embedded, "rb").read())
content[-4096] ^= 1
write_bytes(alone, bytes(content))
suite.expect("verify a damaged weight", ["goss", "verify", alone], 65, "model.goss")

suite.finish()
