#!/usr/bin/env python3
"""Writes the files of the folder above anew; its README.md says what they are.

Every case is one fault in an otherwise good file. A name is given once, so a
case that no longer differs from another is noticed when the files are written.
"""

import json

import arrays
import artifacts
from configs import SMALL
from texts import TOKENIZER
from weights import A, B, FIRST, INDEX, MODEL, SECOND, model
from writing import write, written

# What the cases are laid over ------------------------------------------------

BASE = dict(SMALL, num_hidden_layers=2, num_local_experts=2, vocab_size=272, num_attention_heads=4,
            layer_types=["sliding_attention", "full_attention"])
write("base", "config.json", json.dumps(BASE, indent=2).encode() + b"\n")
write("base", "small-config.json", json.dumps(SMALL, indent=2).encode() + b"\n")
write("base", "model.safetensors", model(MODEL))
write("base", A, model(FIRST))
write("base", B, model(SECOND))
write("base", "tokenizer.json", TOKENIZER)
write("base", "tokens.txt", b"1\n")
index_base = json.dumps(INDEX).encode() + b"\n"
write("base", "index.json", index_base)
print(len(written), "files")
