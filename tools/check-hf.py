"""Compares models/tiny-stories in goss with Hugging Face's own GPT-OSS.

transformers loads the checkpoint in float32, its MXFP4 weights dequantised;
gossc compiles it with --math=exact. For every golden prompt the logits of all
positions and 64 greedy tokens are compared, and for the golden rows the
perplexity. `tools/dev check-hf` runs this in a virtual environment.
"""

import argparse
import json
import math
import os
import subprocess
import sys

import numpy
import torch
import transformers
from safetensors.numpy import load_file

LOGIT_TOLERANCE = 2e-3  # of logits of order ten; also that of the golden tests
PERPLEXITY_TOLERANCE = 5e-5  # as a part of it: four digits
GREEDY_TOKENS = 64


def load_reference(checkpoint):
    """Hugging Face's model in float32, with plain matrix products and softmax."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    model = transformers.GptOssForCausalLM.from_pretrained(
        checkpoint,
        dtype=torch.float32,
        attn_implementation="eager",
        quantization_config=transformers.Mxfp4Config(dequantize=True),
    ).eval()
    others = {str(p.dtype) for p in model.parameters()} - {"torch.float32"}
    if others:
        sys.exit(f"check-hf: expects a model in float32 but got {', '.join(sorted(others))}")
    return model


class Goss:
    """The compiled model, through the programs that users run."""

    def __init__(self, bin_folder, checkpoint, scratch):
        self.program = os.path.join(bin_folder, "goss")
        self.weights = ["--weights", checkpoint]
        self.scratch = scratch
        self.artifact = os.path.join(scratch, "exact.goss")
        compiler = os.path.join(bin_folder, "gossc")
        subprocess.run([compiler, checkpoint, "--math=exact", "-q", "-o", self.artifact], check=True)

    def run(self, command, *arguments):
        answer = subprocess.run(
            [self.program, command, self.artifact, *self.weights, *arguments, "--json", "-q"],
            check=True,
            stdout=subprocess.PIPE,
        )
        return json.loads(answer.stdout)

    def evaluate(self, ids):
        """Returns (report, logits [T, V] or [N, T, V])."""
        tokens, logits = (os.path.join(self.scratch, name) for name in ("tokens.npy", "logits.npy"))
        numpy.save(tokens, ids.astype("<i4"))
        report = self.run("eval", "--tokens", tokens, "--logits-out", logits)
        return report, numpy.load(logits)

    def greedy(self, ids):
        listed = ",".join(map(str, ids))
        report = self.run("run", "--tokens", listed, "--greedy", "--ignore-eos", "-n", str(GREEDY_TOKENS))
        return report["tokens"]


def reference_logits(model, ids):
    with torch.inference_mode():
        return model(torch.from_numpy(ids.astype(numpy.int64))[None], use_cache=False).logits[0].numpy()


def reference_greedy(model, ids):
    """Takes the largest logit of each step, end tokens like any other."""
    tokens, cache = [], None
    step = torch.from_numpy(ids.astype(numpy.int64))[None]
    with torch.inference_mode():
        for _ in range(GREEDY_TOKENS):
            answer = model(step, cache=cache, use_cache=True)
            cache, step = answer.cache, answer.logits[:, -1:].argmax(-1)
            tokens.append(int(step))
    return tokens


def check_prompts(model, goss, folder, names):
    print(f"{'prompt':12} {'tokens':>6} {'max logit difference':>21} {'stored reference':>17} {'same greedy tokens':>19}")
    passed = True
    for name in names:
        stored = load_file(os.path.join(folder, name + ".safetensors"))
        ids = stored["input_ids"]
        want, (_, got) = reference_logits(model, ids), goss.evaluate(ids)
        # A difference that is no number must not pass.
        difference = float(numpy.abs(got.astype(float) - want).max())
        last = stored["logits_last"]
        stored_difference = float(numpy.abs(want[-len(last) :].astype(float) - last).max())
        pairs = zip(goss.greedy(ids), reference_greedy(model, ids), strict=True)
        same = sum(a == b for a, b in pairs)
        good = difference <= LOGIT_TOLERANCE and stored_difference <= LOGIT_TOLERANCE and same == GREEDY_TOKENS
        passed &= good
        print(
            f"{name:12} {len(ids):6} {difference:21.2e} {stored_difference:17.2e} {f'{same} of {GREEDY_TOKENS}':>19}"
            f"{'' if good else '  FAILED'}",
            flush=True,
        )
    return passed


def check_perplexity(model, goss, folder, name):
    rows = load_file(os.path.join(folder, name + ".safetensors"))["input_ids"]
    nll = 0.0
    for row in rows:
        logits = torch.from_numpy(reference_logits(model, row)).double()
        following = torch.from_numpy(row[1:].astype(numpy.int64))
        nll += float(torch.nn.functional.cross_entropy(logits[:-1], following, reduction="sum"))
    want = math.exp(nll / (rows.shape[0] * (rows.shape[1] - 1)))
    got = goss.evaluate(rows)[0]["perplexity"]
    good = abs(got / want - 1) <= PERPLEXITY_TOLERANCE
    print(f"perplexity of {name}: goss {got:.6f}, Hugging Face {want:.6f}{'' if good else '  FAILED'}")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", required=True, help="folder of gossc and goss")
    parser.add_argument("--model", default="models/tiny-stories", help="a Hugging Face checkpoint")
    parser.add_argument("--golden", default="tests/data/golden", help="prompts made for it, with stored results")
    parser.add_argument("--scratch", required=True, help="folder for files of this run")
    options = parser.parse_args()
    index = json.load(open(os.path.join(options.golden, "index.json")))
    print(f"torch {torch.__version__}, transformers {transformers.__version__}")
    model = load_reference(options.model)
    goss = Goss(options.bin, options.model, options.scratch)
    names = [prompt["name"] for prompt in index["prompts"]]
    passed = check_prompts(model, goss, options.golden, names)
    passed &= check_perplexity(model, goss, options.golden, "ppl_plain_4x512")
    if not passed:
        sys.exit("check-hf: goss differs from Hugging Face's implementation")
    print(f"goss agrees with Hugging Face: logits within {LOGIT_TOLERANCE}, the same greedy tokens, four digits of perplexity")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        # The program has said why.
        sys.exit(f"check-hf: {' '.join(error.cmd)}: exit code {error.returncode}")
