"""Token ids, lists of tokens, and NumPy files."""

import struct

from writing import write

# Token ids on standard input, and lists of tokens ----------------------------

IDS = {
    "word": b"1 2 x",
    "negative": b"-1",
    "fraction": b"1.5",
    "too-large": b"2147483648",
    "overflow": b"99999999999999999999999999",
    "letters-after": b"12a",
    "brace": b'{"ids":[1]}',
    "zero-byte": b"1\0 2",
    "escape-byte": b"\x1b[2J",
    "long-word": b"z" * 5000,
    "hexadecimal": b"0x10",
    "plus": b"+1",
    "zero-byte-first": b"\0",
}
for name, text in IDS.items():
    write("ids", name + ".txt", text)

LISTS = {
    "empty": b"",
    "only-lines": b"\n\n \n",
    "word": b"1,2\n3,x",
    "negative": b"1,-2",
    "above-vocabulary": b"1,2\n\n5,4,300",
    "fraction": b"1.0",
    "overflow": b"1,99999999999",
    "letters-after": b"7seven",
    "too-long": b"1 " * 65,
    "brackets": b"[1, 2]",
    "zero-byte": b"1\0",
    "escape-byte": b"\x1b[2J",
    "utf-8-mark": b"\xef\xbb\xbf1,2",
    "long-word": b"9" * 5000,
    "plus": b"+1",
    "semicolons": b"1;2",
}
for name, text in LISTS.items():
    write("tokens", name + ".txt", text)


# NumPy files -----------------------------------------------------------------


def npy(header, data=b"", version=(1, 0), size=None):
    text = header.encode() if isinstance(header, str) else header
    form = "<H" if version[0] == 1 else "<I"
    return b"\x93NUMPY" + bytes(version) + struct.pack(form, len(text) if size is None else size) + text + data


def described(descr="'<i4'", order="False", shape="(2,)"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


TWO = struct.pack("<ii", 1, 2)
NPY = {
    "magic-alone": b"\x93NUMPY",
    "version-cut": b"\x93NUMPY\x01",
    "size-cut": b"\x93NUMPY\x01\0\x40",
    "size-cut-version-2": b"\x93NUMPY\x02\0\x40\0",
    "version-zero": npy(described(), TWO, (0, 0)),
    "version-four": npy(described(), TWO, (4, 0)),
    "version-most": npy(described(), TWO, (255, 0)),
    "header-past-the-end": npy(described(), b"", (1, 0), 1000),
    "header-past-the-end-version-2": npy(described(), b"", (2, 0), (1 << 32) - 1),
    "header-size-zero": npy(b"", TWO),
    "header-one-too-short": npy(described(), TWO, (1, 0), len(described()) - 3),
    "header-spaces": npy(" " * 60, TWO),
    "header-open": npy("{", TWO),
    "header-empty": npy("{}", TWO),
    "header-list": npy("['<i4', False, (2,)]", TWO),
    "header-json": npy('{"descr":"<i4","fortran_order":false,"shape":[2]}', TWO),
    "header-text-after": npy(described() + "x", TWO),
    "header-zero-byte": npy(described() + "\0", TWO),
    "descr-missing": npy("{'fortran_order': False, 'shape': (2,)}", TWO),
    "descr-twice": npy("{'descr': '<i4', 'descr': '<i4', 'fortran_order': False, 'shape': (2,)}", TWO),
    "descr-without-quotes": npy(described("<i4"), TWO),
    "descr-open": npy("{'descr': '<i4, 'fortran_order': False, 'shape': (2,)}", TWO),
    "descr-big-endian": npy(described("'>i4'"), TWO),
    "descr-native": npy(described("'=i4'"), TWO),
    "descr-double": npy(described("'<f8'"), TWO),
    "descr-int64": npy(described("'<i8'"), TWO),
    "descr-half": npy(described("'<f2'"), TWO[:4]),
    "descr-object": npy(described("'|O'"), b"\x80\x04N."),
    "descr-record": npy(described("[('x', '<i4')]"), TWO),
    "descr-text": npy(described("'<U4'"), TWO),
    "descr-empty": npy(described("''"), TWO),
    "descr-moves-cursor": npy(described("'\x1b[2J\n'"), TWO),
    "descr-line-break": npy(described("'<\n'"), TWO),
    "order-line-break": npy(described(order="Fal\nse"), TWO),
    "descr-long": npy(described("'" + "<" * 3000 + "'"), TWO),
    "order-missing": npy("{'descr': '<i4', 'shape': (2,)}", TWO),
    "order-fortran": npy(described(order="True"), TWO),
    "order-lower-case": npy(described(order="false"), TWO),
    "order-text": npy(described(order="'False'"), TWO),
    "order-number": npy(described(order="0"), TWO),
    "order-empty": npy(described(order=""), TWO),
    "order-moves-cursor": npy(described(order="\x1b[2J"), TWO),
    "shape-missing": npy("{'descr': '<i4', 'fortran_order': False}", TWO),
    "shape-number": npy(described(shape="2"), TWO),
    "shape-list": npy(described(shape="[2]"), TWO),
    "shape-open": npy(described(shape="(2,"), TWO),
    "shape-negative": npy(described(shape="(-2,)"), TWO),
    "shape-fraction": npy(described(shape="(2.0,)"), TWO),
    "shape-long-suffix": npy(described(shape="(2L,)"), TWO),
    "shape-text": npy(described(shape="('2',)"), TWO),
    "shape-without-comma": npy(described(shape="(1 2)"), TWO),
    "shape-two-commas": npy(described(shape="(2,,)"), TWO),
    "shape-overflow": npy(described(shape="(18446744073709551616,)"), TWO),
    "shape-product-overflows": npy(described(shape="(4294967296, 4294967296)"), TWO),
    "shape-bytes-overflow": npy(described(shape="(4611686018427387904,)"), b""),
    "shape-more-than-data": npy(described(shape="(3,)"), TWO),
    "shape-less-than-data": npy(described(shape="(1,)"), TWO),
    "data-missing": npy(described()),
    "data-cut": npy(described(), TWO[:-1]),
    "data-one-more": npy(described(), TWO + b"\0"),
    "member-unknown": npy("{'descr': '<i4', 'fortran_order': False, 'shape': (2,), 'more': 1}", TWO),
    "member-without-colon": npy("{'descr' '<i4', 'fortran_order': False, 'shape': (2,)}", TWO),
    "members-without-comma": npy("{'descr': '<i4' 'fortran_order': False, 'shape': (2,)}", TWO),
    "floats-for-tokens": npy(described("'<f4'"), struct.pack("<ff", 1, 2)),
    "scalar": npy(described(shape="()"), TWO[:4]),
    "three-dimensions": npy(described(shape="(1, 1, 2)"), TWO),
    "no-elements": npy(described(shape="(0,)")),
    "many-empty-rows": npy(described(shape="(1000000000000, 0)")),
    "token-negative": npy(described(), struct.pack("<ii", 1, -2)),
    "token-above-vocabulary": npy(described(shape="(2, 1)"), struct.pack("<ii", 1, 272)),
    "longer-than-context": npy(described(shape="(65,)"), TWO[:4] * 65),
}
for name, content in NPY.items():
    write("npy", name + ".npy", content)

LOGITS = {
    "text": b"0.5 0.5\n",
    "empty": b"",
    "integers": npy(described(shape="(1, 272)"), b"\0" * 4 * 272),
    "one-dimension": npy(described("'<f4'", shape="(272,)"), b"\0" * 4 * 272),
    "rows-too-many": npy(described("'<f4'", shape="(2, 272)"), b"\0" * 8 * 272),
    "columns-too-few": npy(described("'<f4'", shape="(1, 271)"), b"\0" * 4 * 271),
    "no-rows": npy(described("'<f4'", shape="(0, 272)")),
    "transposed": npy(described("'<f4'", shape="(272, 1)"), b"\0" * 4 * 272),
    "nan": npy(described("'<f4'", shape="(1, 272)"), b"\0" * 4 * 271 + b"\0\0\xc0\x7f"),
    "infinity": npy(described("'<f4'", shape="(1, 272)"), b"\0\0\x80\x7f" + b"\0" * 4 * 271),
}
for name, content in LOGITS.items():
    write("logits", name + ".npy", content)
