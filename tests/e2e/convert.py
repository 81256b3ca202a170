"""goss convert: every form and back keeps every byte."""

import hashlib
import json
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import time

from support import Suite, copy_checkpoint, edit_json, pack_safetensors, read_all, read_safetensors, write_bytes

suite = Suite(__doc__)
FORMS = ("hf", "hf-bf16", "original", "gguf", "numpy")


def tensors_of(folder):
    """Name -> (type, shape, bytes) of a folder of safetensors files."""
    found = {}
    for file in os.listdir(folder):
        if file.endswith(".safetensors"):
            header, data = read_safetensors(os.path.join(folder, file))
            for name, entry in header.items():
                if name != "__metadata__":
                    begin, end = entry["data_offsets"]
                    found[name] = (entry["dtype"], entry["shape"], data[begin:end])
    return found


def convert(case, source, target, form, *options, code=0, message=None, **more):
    return suite.expect(case, ["goss", "convert", source, target, "--to=" + form, *options], code, message, **more)


want = tensors_of(suite.model)
config = json.load(open(os.path.join(suite.model, "config.json")))

# There and back, for one file and for several.
sharded = suite.path("sharded")
convert("shard", suite.model, sharded, "hf", "--shard-bytes=1000000")
suite.check("shard", len(os.listdir(sharded)) > 10 and tensors_of(sharded) == want, "expects the same tensors in several files")
for name, source in (("single", suite.model), ("sharded", sharded)):
    for form in FORMS:
        case = f"{name} {form}"
        there, back = suite.path(f"{name}-{form}"), suite.path(f"{name}-{form}-back")
        convert(case, source, there, form)
        suite.expect(case, ["goss", "verify", there])
        if form == "hf-bf16":
            convert(case, there, back, "hf", code=64, message="--quantize-experts makes MXFP4 of them")
            # Numbers that are MXFP4's stay the same in every form.
            for other in ("hf", "original"):
                made = suite.path(f"{name}-quantized-{other}")
                result = convert(case, there, made, other, "--quantize-experts")
                suite.check(case, b"Lost" not in result.stderr, f"expects no loss but got {result.stderr}")
                suite.expect(case, ["goss", "verify", made, "--source", there], message="every number is that of")
            convert(case, there, back, form)
            suite.check(case, tensors_of(back) == tensors_of(there), "expects the same tensors again")
            continue
        convert(case, there, back, "hf")
        got = tensors_of(back)
        suite.check(case, got == want, f"expects the tensors of the source but {sorted(k for k in want if want[k] != got.get(k))[:4]} differ")
        suite.expect(case, ["goss", "verify", back])
def weights_of(folder):
    files = read_all(folder)
    files.pop("gossamer-manifest.json")  # names the files it was made from.
    return files


for form in FORMS:
    suite.check("same", weights_of(suite.path("single-" + form)) == weights_of(suite.path("sharded-" + form)), f"expects equal files of {form} from one file or several")

# Plain experts are those of the blocks, decoded here.
values = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
values += [-value for value in values]
_, shape, blocks = want["model.layers.2.mlp.experts.down_proj_blocks"]
scales = want["model.layers.2.mlp.experts.down_proj_scales"][2]
dtype, plain_shape, plain = tensors_of(suite.path("single-hf-bf16"))["model.layers.2.mlp.experts.down_proj"]
count, out, columns, _ = shape
suite.check("plain", (dtype, plain_shape) == ("BF16", [count, columns * 32, out]), f"expects bf16 [experts, in, out] but got {dtype} {plain_shape}")
for expert, row, column in ((0, 0, 0), (3, 17, 40), (15, 191, 127), (7, 100, 33)):
    byte = blocks[(expert * out + row) * columns * 16 + column // 2]
    number = values[byte >> 4 if column % 2 else byte & 15] * 2.0 ** (scales[(expert * out + row) * columns + column // 32] - 127)
    at = ((expert * columns * 32 + column) * out + row) * 2
    (got,) = struct.unpack("<f", b"\0\0" + plain[at : at + 2])
    suite.check("plain", got == number, f"expects {number} at {(expert, row, column)} but got {got}")

# What goes along: the tokenizer gives the same ids, the config the same model.
text = "Once upon a time, Zoë said: 'It’s 12345 o'clock!'\n\n<|return|> 日本"
ids = {}
for form in ("hf", "gguf"):
    artifact = suite.path(form + ".goss")
    suite.expect(form, ["gossc", suite.path("single-" + form), "-q", "-o", artifact])
    ids[form] = [suite.run(["goss", "tokenize", artifact, *special], input=text.encode()).stdout for special in ([], ["--special"])]
suite.check("tokenizer", ids["hf"] == ids["gguf"] and ids["hf"][0] and ids["hf"][0] != ids["hf"][1], f"expects the same ids but got {ids}")
original = json.load(open(os.path.join(suite.path("single-original"), "config.json")))
suite.check("config", (original["num_experts"], original["rope_ntk_beta"], original["initial_context_length"]) == (16, 32.0, 512), f"expects OpenAI's keys but got {original}")
for form in ("original", "gguf", "numpy"):
    back = suite.path(f"single-{form}-back")
    got = json.load(open(os.path.join(back, "config.json")))
    for key in ("num_hidden_layers", "hidden_size", "intermediate_size", "head_dim", "num_attention_heads", "num_key_value_heads", "vocab_size", "rms_norm_eps", "swiglu_limit", "sliding_window", "layer_types", "max_position_embeddings", "rope_theta"):
        suite.check(form, got[key] == config[key], f"expects {key} {config[key]} but got {got[key]}")
    suite.check(form, got["rope_scaling"] == config["rope_scaling"], f"expects the same rope_scaling but got {got['rope_scaling']}")
    ends = json.load(open(os.path.join(back, "generation_config.json")))["eos_token_id"]
    suite.check(form, ends == [3044, 3041, 3054], f"expects the three end tokens but got {ends}")
    suite.check(form, open(os.path.join(back, "chat_template.jinja")).read() == open(os.path.join(suite.model, "chat_template.jinja")).read(), "expects the chat template")

# The manifest: the digest of every tensor where it says.
for form in FORMS:
    folder = suite.path("single-" + form)
    manifest = json.load(open(os.path.join(folder, "gossamer-manifest.json")))
    places = [(file["name"], tensor) for file in manifest["files"] for tensor in file["tensors"]]
    suite.check("manifest", manifest["form"] == form and len(places) >= 93, f"expects all tensors but got {len(places)}")
    for file, tensor in places:
        blob = open(os.path.join(folder, file), "rb").read()[tensor["offset"] : tensor["offset"] + tensor["size"]]
        suite.check("manifest", hashlib.sha256(blob).hexdigest() == tensor["sha256"], f"expects the digest of {tensor['name']} in {file}")

# The bytes do not depend on the number of threads.
for form in FORMS:
    one, many = suite.path("one-" + form), suite.path("many-" + form)
    convert("threads", suite.model, one, form, "--threads=1")
    convert("threads", suite.model, many, form, "--threads=7")
    suite.check("threads", read_all(one) == read_all(many) == read_all(suite.path("single-" + form)), f"expects equal bytes of {form}")

# Memory does not grow with the tensors: two of 80 MB in the data that a process
# may have of its own.
if not suite.is_sanitized():
    wide = suite.path("wide.json")
    shutil.copy(os.path.join(suite.source, "tests", "data", "configs", "20b-narrow.json"), wide)
    edit_json(wide, lambda value: value.update(num_hidden_layers=1, layer_types=["sliding_attention"], vocab_size=40_000_000 // value["hidden_size"]))
    suite.expect("wide", ["goss", "synth", "--config", wide, "-q", "-o", suite.path("wide")])
    limit = 64 << 20
    for form in ("numpy", "gguf", "hf-bf16"):
        convert("wide", suite.path("wide"), suite.path("wide-" + form), form, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))
        size = sum(map(len, read_all(suite.path("wide-" + form)).values()))
        suite.check("wide", size > 2 * limit, f"expects files larger than the limit but got {size}")
        shutil.rmtree(suite.path("wide-" + form))
    # Nor with the number of files.
    convert("files", suite.model, suite.path("limited"), "numpy", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))
    suite.check("files", len(read_all(suite.path("limited"))) > limit >> 20, "expects more files than megabytes")
    # Without memory for its threads or their work it does without, or says so.
    for limit in (4, 6, 12, 20, 32):
        starved = suite.path(f"starved-{limit}")
        command = [suite.tool("goss"), "convert", suite.model, starved, "--to=numpy", "-q"]
        result = subprocess.run([*command, "--threads=16"], capture_output=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit << 20, limit << 20)))
        suite.check("starved", result.returncode in (0, 71), f"expects exit code 0 or 71 with {limit} MB but got {result.returncode}: {result.stderr[-300:]}")
        suite.check("starved", subprocess.run([*command, "--resume"]).returncode == 0, "expects to go on with more memory")
        suite.check("starved", read_all(starved) == read_all(suite.path("single-numpy")), "expects the bytes of an undisturbed run")

# A narrower type: counted here in the same way.
overflows = underflows = rounded = 0
for dtype, _, data in want.values():
    if dtype != "BF16":
        continue
    for (word,) in struct.iter_unpack("<H", data):
        (number,) = struct.unpack("<f", struct.pack("<I", word << 16))
        if abs(number) >= 65520:
            overflows += 1
            continue
        (narrow,) = struct.unpack("<e", struct.pack("<e", number))
        underflows += narrow == 0 != number
        rounded += narrow != number and narrow != 0
result = convert("narrow", suite.model, suite.path("narrow"), "numpy", "--dtype=f16")
shown = f"{overflows} numbers became infinite, {underflows} became zero, {rounded} were rounded"
suite.check("narrow", underflows > 0 and rounded > 0, "expects a loss to count")
errors = result.stderr.decode()
suite.check("narrow", shown in errors.replace(",", "").replace("infinite ", "infinite, ").replace("zero ", "zero, "), f"expects '{shown}' but got {errors}")
convert("exact", suite.model, suite.path("exact"), "numpy", "--dtype=f32")
suite.check("exact", read_all(suite.path("exact")) == read_all(suite.path("single-numpy")), "expects float32 by default")

# A bf16 number that float16 cannot hold is named by goss verify.
big = suite.path("big")
copy_checkpoint(suite.model, big)
header, data = read_safetensors(os.path.join(big, "model.safetensors"))
begin, _ = header["model.norm.weight"]["data_offsets"]
write_bytes(os.path.join(big, "model.safetensors"), pack_safetensors(header, data[:begin] + struct.pack("<f", 1e6)[2:] + data[begin + 2 :]))
convert("overflow", big, suite.path("big-f16"), "numpy", "--dtype=f16", message="1 numbers became infinite")
suite.expect("overflow", ["goss", "verify", suite.path("big-f16")], 65, '"model.norm.weight": element [0] expects a finite number')

# goss verify against the manifest and against the source.
def flip(path, offset):
    blob = bytearray(open(path, "rb").read())
    blob[offset] ^= 1
    write_bytes(path, blob)


for form in FORMS:
    folder = suite.path("single-" + form)
    suite.expect("source", ["goss", "verify", folder, "--source", suite.model], message=["have the SHA-256", "every number is that of"])
    manifest = json.load(open(os.path.join(folder, "gossamer-manifest.json")))
    places = [(file["name"], tensor) for file in manifest["files"] for tensor in file["tensors"]]
    for file, tensor in random.Random(form).sample(places, 6):
        path = os.path.join(folder, file)
        at = tensor["offset"] + tensor["size"] // 2
        flip(path, at)
        suite.expect("flipped " + form, ["goss", "verify", folder], 65, [file, f'tensor "{tensor["name"]}"'])
        # Without the manifest the source still tells.
        os.rename(os.path.join(folder, "gossamer-manifest.json"), suite.path("aside"))
        suite.expect("flipped " + form, ["goss", "verify", folder, "--source", suite.model], 65, 'tensor "')
        os.rename(suite.path("aside"), os.path.join(folder, "gossamer-manifest.json"))
        flip(path, at)
    file = manifest["files"][-1]["name"]
    whole = open(os.path.join(folder, file), "rb").read()
    write_bytes(os.path.join(folder, file), whole[:-1])
    suite.expect("cut " + form, ["goss", "verify", folder], 65, file)
    write_bytes(os.path.join(folder, file), whole)
    if manifest["companions"]:
        path = os.path.join(folder, "generation_config.json")
        text = open(path, "rb").read()
        write_bytes(path, text + b" ")
        suite.expect("companion " + form, ["goss", "verify", folder], 65, "generation_config.json: expects")
        write_bytes(path, text)
    suite.expect("whole again", ["goss", "verify", folder, "--source", suite.model])

# Two tensors of one shape that changed places, and a shard of another revision.
swapped = suite.path("swapped")
shutil.copytree(suite.path("single-hf"), swapped)
header, data = read_safetensors(os.path.join(swapped, "model.safetensors"))
a, b = "model.layers.0.self_attn.k_proj.weight", "model.layers.0.self_attn.v_proj.weight"
header[a], header[b] = header[b], header[a]
write_bytes(os.path.join(swapped, "model.safetensors"), pack_safetensors(json.dumps(header, separators=(",", ":")).encode().ljust(struct.unpack("<Q", open(os.path.join(suite.path("single-hf"), "model.safetensors"), "rb").read(8))[0]), data))
suite.expect("swapped", ["goss", "verify", swapped], 65, [f'tensor "{a}": expects offset', "gossamer-manifest.json says"])
os.remove(os.path.join(swapped, "gossamer-manifest.json"))
suite.expect("swapped", ["goss", "verify", swapped])  # looks right ...
suite.expect("swapped", ["goss", "verify", swapped, "--source", suite.model], 65, f'tensor "{a}": element [0, 0] differs from that of')
revision = suite.path("revision")
shutil.copytree(sharded, revision)
shutil.copytree(sharded, suite.path("changed"))
names = sorted(name for name in os.listdir(revision) if name.endswith(".safetensors"))
flip(os.path.join(revision, names[4]), os.path.getsize(os.path.join(revision, names[4])) - 1)
suite.expect("revision", ["goss", "verify", revision], 65, [names[4], 'tensor "model.layers.'])
suite.expect("narrow source", ["goss", "verify", suite.path("narrow"), "--source", suite.model], 65, "differs from that of")
suite.expect("artifact", ["goss", "verify", suite.path("hf.goss"), "--source", suite.model], 64, "--source expects a checkpoint")
suite.expect("no source", ["goss", "verify", suite.model, "--source", suite.path("none")], 66, "none")
edit_json(os.path.join(suite.path("changed"), "config.json"), lambda value: value.update(rms_norm_eps=1e-6))
suite.expect("other config", ["goss", "verify", suite.path("changed"), "--source", suite.model], 65, "config")

# A source that changes while a conversion is stopped is noticed: what was
# finished from it is made again.
target = suite.path("mixed")
source = suite.path("mixed-source")
shutil.copytree(suite.model, source)
process = subprocess.Popen([suite.tool("goss"), "convert", source, target, "--to=numpy", "--resume", "-q"])
while process.poll() is None and not os.path.isdir(os.path.join(target, "shard_000")):
    time.sleep(0.0005)
time.sleep(0.05)
process.send_signal(signal.SIGKILL)
if process.wait() != 0:
    flip(os.path.join(source, "model.safetensors"), os.path.getsize(os.path.join(source, "model.safetensors")) - 7)
    begin = header["model.embed_tokens.weight"]["data_offsets"][0]
    flip(os.path.join(source, "model.safetensors"), os.path.getsize(os.path.join(source, "model.safetensors")) - len(data) + begin)
    suite.expect("mixed", ["goss", "convert", source, target, "--to=numpy", "--resume", "-q"])
    suite.expect("mixed", ["goss", "verify", target, "--source", source])

# Wrong arguments and models that a form cannot express.
suite.expect("no form", ["goss", "convert", suite.model, suite.path("x")], 64, "--to=hf")
convert("unknown form", suite.model, suite.path("x"), "pickle", code=64)
convert("no target", suite.model, "", "hf", code=64)
convert("full", suite.model, sharded, "hf", code=64, message="expects an empty directory")
convert("itself", suite.model, suite.model, "hf", code=64, message="expects an empty directory")
convert("bf16 numpy", suite.model, suite.path("x"), "numpy", "--dtype=bf16", code=64, message="which NumPy lacks")
convert("config alone", os.path.join(suite.model, "config.json"), suite.path("x"), "hf", code=64, message="a config alone")
convert("nothing to quantize", suite.model, suite.path("x"), "hf", "--quantize-experts", code=64, message="expects plain experts")
convert("quantized numpy", suite.path("single-hf-bf16"), suite.path("x"), "numpy", "--quantize-experts", code=64, message="expects --to=hf or original but got numpy")
convert("quantized gguf", suite.path("single-hf-bf16"), suite.path("x"), "gguf", "--quantize-experts", code=64, message="expects --to=hf or original but got gguf")
convert("plain to gguf", suite.path("single-hf-bf16"), suite.path("x"), "gguf", code=64, message="experts in MXFP4")
for form in ("gguf", "original"):
    odd = suite.path("odd-" + form)
    copy_checkpoint(suite.model, odd)
    edit_json(os.path.join(odd, "config.json"), lambda value: value.update(layer_types=["full_attention"] * 6))
    convert("odd", odd, suite.path("x"), form, code=65, message="sliding and full layers in turn")
suite.check("nothing left", not os.path.exists(suite.path("x")), "expects no directory after a failure")

suite.finish()
