"""Changes of an artifact that are small to write down.

A patch is a list of changes, each a list of an operation and its arguments;
they are applied in order and everything that they do not name stays right:
places and digests are made anew after a change inside a section. README.md of
tests/data/malformed lists the operations.
"""

import hashlib
import re
import struct

KINDS = ["manifest", "code", "graph", "record", "tokenizer", "chat", "weights"]
HEADER = struct.Struct("<8sIIQ32sQ")
HEADER_FIELDS = {"version": (8, "<I"), "sections": (12, "<I"), "size": (16, "<Q"), "reserved": (56, "<Q")}
ENTRY = struct.Struct("<IIQQ32s")
ENTRY_FIELDS = {"kind": (0, "<I"), "alignment": (4, "<I"), "offset": (8, "<Q"), "size": (16, "<Q"), "digest": (24, None)}


# Protobuf --------------------------------------------------------------------


class Schema:
    """Fields of the messages of a .proto file, by name."""

    def __init__(self, path):
        text = re.sub(r"//[^\n]*", "", open(path).read())
        text = re.sub(r"enum \w+ \{[^}]*\}", "", text)
        self.messages = {}
        for name, body in re.findall(r"message (\w+) \{([^}]*)\}", text):
            fields = re.findall(r"(repeated )?(\w+) (\w+) = (\d+);", body)
            self.messages[name] = {f: (int(number), kind, bool(many)) for many, kind, f, number in fields}

    def parse(self, message, data):
        """A message as a dictionary; lists for what is repeated."""
        names = {number: (f, kind, many) for f, (number, kind, many) in self.messages[message].items()}
        result, at = {}, 0
        while at < len(data):
            key, at = read_varint(data, at)
            field, kind, many = names[key >> 3]
            if key & 7 == 0:
                values, at = read_varint(data, at)
                values = [values]
            elif key & 7 == 1:
                values, at = [struct.unpack_from("<d", data, at)[0]], at + 8
            else:
                size, at = read_varint(data, at)
                part, at = data[at : at + size], at + size
                if kind in self.messages:
                    values = [self.parse(kind, part)]
                elif kind in ("string", "bytes"):
                    values = [part]
                else:
                    values, place = [], 0
                    while place < len(part):
                        value, place = read_varint(part, place)
                        values.append(value)
            if many:
                result.setdefault(field, []).extend(values)
            else:
                result[field] = values[0]
        return result

    def serialize(self, message, values):
        """In the order of the numbers, without zeros, packed: canonical."""
        out = b""
        for field, (number, kind, many) in sorted(self.messages[message].items(), key=lambda item: item[1][0]):
            value = values.get(field)
            if value is None or value == []:
                continue
            if many and kind not in self.messages and kind not in ("string", "bytes"):
                part = b"".join(varint(v) for v in value)
                out += varint(number << 3 | 2) + varint(len(part)) + part
                continue
            for one in value if many else [value]:
                out += self.field(number, kind, one, many)
        return out

    def field(self, number, kind, value, keep):
        if kind in self.messages:
            part = self.serialize(kind, value)
        elif kind == "bytes":
            part = bytes.fromhex(value) if isinstance(value, str) else value
        elif kind == "string":
            part = value.encode() if isinstance(value, str) else value
        elif kind == "double":
            data = struct.pack("<d", float(value))
            return varint(number << 3 | 1) + data if any(data) else b""
        else:
            return varint(number << 3) + varint(value) if value else b""
        if not part and not keep and kind not in self.messages:
            return b""
        return varint(number << 3 | 2) + varint(len(part)) + part


def read_varint(data, at):
    value, shift = 0, 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def locate(root, path):
    """The container of what "a.b[1].c" names, and its key there."""
    *parents, last = [int(part) if part.isdigit() else part for part in re.findall(r"\w+", path)]
    for part in parents:
        root = root[part]
    return root, last


# Containers ------------------------------------------------------------------


class Patcher:
    """Applies patches to one artifact."""

    def __init__(self, blob, proto):
        self.schema = Schema(proto)
        self.sections = []
        _, _, count, *_ = HEADER.unpack_from(blob)
        for i in range(count):
            kind, alignment, offset, size, _ = ENTRY.unpack_from(blob, 64 + i * ENTRY.size)
            self.sections.append([KINDS[kind - 1], alignment, blob[offset : offset + size]])
        self.magic, self.version = blob[:8], HEADER.unpack_from(blob)[1]
        if self.build(self.sections) != blob:
            raise ValueError("the artifact is not written as Format.h says")
        parsed = self.schema.parse("Manifest", self.content(self.sections, "manifest"))
        if self.schema.serialize("Manifest", parsed) != self.content(self.sections, "manifest"):
            raise ValueError("the manifest is not written as manifest.proto says")

    def build(self, sections):
        table, body, at = b"", b"", 64 + len(sections) * ENTRY.size
        for kind, alignment, content in sections:
            offset = -(-at // alignment) * alignment
            body += bytes(offset - at) + content
            table += ENTRY.pack(KINDS.index(kind) + 1, alignment, offset, len(content), hashlib.sha256(content).digest())
            at = offset + len(content)
        return self.finish(bytearray(bytes(64) + table + body), len(sections))

    def finish(self, blob, count):
        """Writes the header of a file that is otherwise whole."""
        table = bytes(blob[64 : 64 + count * ENTRY.size])
        HEADER.pack_into(blob, 0, self.magic, self.version, count, len(blob), hashlib.sha256(table).digest(), 0)
        return bytes(blob)

    @staticmethod
    def content(sections, kind):
        return next(section[2] for section in sections if section[0] == kind)

    def varying_numbers(self):
        """Sizes and places that depend on the code, and so on the compiler."""
        blob = self.build(self.sections)
        numbers = {len(blob), len(blob) - 1, len(blob) + 1}
        for kind, _, _ in self.sections[1:]:
            offset, size = self.place_of(blob, kind)
            numbers |= {offset, offset - 1, -(-offset // 4096) * 4096, -(-(offset + 1) // 64) * 64}
            numbers |= {size} if kind in ("code", "graph") else set()
        manifest = self.schema.parse("Manifest", self.content(self.sections, "manifest"))
        numbers |= {manifest["arena_bytes"], len(manifest["kernels"])}
        for binding in manifest["launches"][0]["bindings"]:
            numbers |= {binding.get("arena_offset", 0)}
        return {number for number in numbers if number >= 16}

    def apply(self, changes):
        sections = [list(section) for section in self.sections]
        blob = None
        for operation, *arguments in changes:
            if hasattr(self, "in_" + operation.replace("-", "_")):
                if blob is not None:
                    raise ValueError("changes of sections come first")
                getattr(self, "in_" + operation.replace("-", "_"))(sections, *arguments)
                continue
            blob = bytearray(self.build(sections) if blob is None else blob)
            blob = getattr(self, "on_" + operation.replace("-", "_"))(blob, *arguments)
        return self.build(sections) if blob is None else bytes(blob)

    # Changes of sections.

    def edit(self, sections, kind, change):
        for section in sections:
            if section[0] == kind:
                section[2] = change(section[2])
                return
        raise KeyError(kind)

    def edit_manifest(self, sections, change):
        def edited(data):
            manifest = self.schema.parse("Manifest", data)
            change(manifest)
            return self.schema.serialize("Manifest", manifest)

        self.edit(sections, "manifest", edited)

    def in_field(self, sections, path, value):
        def change(manifest):
            place, key = locate(manifest, path)
            place[key] = value

        self.edit_manifest(sections, change)

    def in_remove(self, sections, path):
        def change(manifest):
            place, key = locate(manifest, path)
            del place[key]

        self.edit_manifest(sections, change)

    def in_repeat(self, sections, path):
        def change(manifest):
            place, key = locate(manifest, path)
            place.append(place[key])

        self.edit_manifest(sections, change)

    def in_content(self, sections, kind, data):
        sections[:] = [section for section in sections if section[0] != kind]
        sections.append([kind, 4096 if kind == "weights" else 64, bytes.fromhex(data)])
        sections.sort(key=lambda section: KINDS.index(section[0]))

    def in_drop(self, sections, kind):
        sections[:] = [section for section in sections if section[0] != kind]

    def in_swap(self, sections, first, second):
        names = [section[0] for section in sections]
        a, b = names.index(first), names.index(second)
        sections[a], sections[b] = sections[b], sections[a]

    def in_cut_in(self, sections, kind, size):
        self.edit(sections, kind, lambda data: data[:size])

    def in_append_in(self, sections, kind, data):
        self.edit(sections, kind, lambda old: old + bytes.fromhex(data))

    def in_prepend_in(self, sections, kind, data):
        """Replaces the first field, of two bytes, by other bytes."""
        self.edit(sections, kind, lambda old: bytes.fromhex(data) + old[2:])

    def in_word_in(self, sections, kind, word, value):
        self.edit(sections, kind, lambda old: old[: 4 * word] + struct.pack("<I", value) + old[4 * word + 4 :])

    def in_bytes_in(self, sections, kind, offset, data):
        def change(old):
            at = offset if offset >= 0 else len(old) + offset
            return old[:at] + bytes.fromhex(data) + old[at + len(data) // 2 :]

        self.edit(sections, kind, change)

    # Changes of the file.

    def on_cut(self, blob, size):
        return blob[:size]

    def on_append(self, blob, data):
        return blob + bytes.fromhex(data)

    def on_bytes(self, blob, offset, data):
        blob[offset : offset + len(data) // 2] = bytes.fromhex(data)
        return blob

    def on_flip(self, blob, offset):
        blob[offset] ^= 0x40
        return blob

    def place_of(self, blob, kind):
        (count,) = struct.unpack_from("<I", blob, 12)
        for i in range(count):
            found, _, offset, size, _ = ENTRY.unpack_from(blob, 64 + i * ENTRY.size)
            if KINDS[found - 1] == kind:
                return offset, size
        raise KeyError(kind)

    def on_flip_in(self, blob, kind, offset):
        return self.on_flip(blob, self.place_of(blob, kind)[0] + offset)

    def on_padding(self, blob, kind, data):
        """Overwrites the bytes just before a section."""
        end = self.place_of(blob, kind)[0]
        return self.on_bytes(blob, end - len(data) // 2, data)

    def on_header(self, blob, field, value):
        offset, form = HEADER_FIELDS[field]
        struct.pack_into(form, blob, offset, value)
        return blob

    def on_entry(self, blob, index, field, value):
        """Changes the section table; its digest is made right again."""
        offset, form = ENTRY_FIELDS[field]
        offset += 64 + index * ENTRY.size
        if form:
            struct.pack_into(form, blob, offset, value)
        else:
            blob[offset : offset + 32] = bytes.fromhex(value)
        (count,) = struct.unpack_from("<I", blob, 12)
        blob[24:56] = hashlib.sha256(blob[64 : 64 + count * ENTRY.size]).digest()
        return blob
