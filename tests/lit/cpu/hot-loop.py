"""Holds the hot loop of a kernel to what its test says of it.

    gossc config.json --emit=asm --mcpu=CPU --report=R.json -o CODE.s
    hot-loop.py CODE.s R.json --mcpu=CPU --kernel=OPERATION:KIND
        --loop=MNEMONIC=COUNT[,MNEMONIC...] [--blocks=N] FIGURE=N FIGURE<=N ...

A loop is the text from a label to a jump back to it, without another loop
inside. Of the first kernel with that operation and kind, it is the one that has
COUNT times the instruction (or has it at all); that there is exactly one is
checked. Figures are counts of mnemonics and those that `measure` computes;
cycles are of the model of llvm-mca, not of a machine, so they are the same
everywhere. The report goes to standard output, with the loop itself after it
when an expectation fails.
"""

import argparse
import collections
import json
import operator
import re
import subprocess
import sys

COMPARISONS = {"<=": operator.le, ">=": operator.ge, "=": operator.eq}
# What moves lanes about: all of them compete for one or two ports.
SHUFFLE = re.compile(r"v(perm|pshuf|shuf|unpck|punpck|pack|palign|insert|extract|pinsr|pextr)")


def body_of(code, symbol):
    """Lines of a function, labels and instructions only. A kernel whose body
    was not inlined into its entry is the function that the entry calls."""
    match = re.search(rf"^{re.escape(symbol)}:\n(.*?)^\.Lfunc_end", code, re.M | re.S)
    if not match:
        sys.exit(f"no function {symbol}")
    lines = [line.split("#")[0].strip() for line in match[1].splitlines()]
    lines = [line for line in lines if line and (line[0] != "." or line.endswith(":"))]
    calls = [line.split()[1] for line in lines if re.match(r"(call|jmp)q?\s+\S*cpu\.", line)]
    return body_of(code, calls[0].strip('"')) if calls else lines


def innermost_loops(lines):
    at = {line[:-1]: i for i, line in enumerate(lines) if line.endswith(":")}
    spans = []
    for end, line in enumerate(lines):
        jump = re.match(r"j\w+\s+(\S+)$", line)
        if jump and at.get(jump[1], end) < end:
            spans.append((at[jump[1]], end))
    for span in spans:
        if not any(s != span and span[0] <= s[0] and s[1] <= span[1] for s in spans):
            yield lines[span[0] : span[1] + 1]


def count(loop):
    return collections.Counter(line.split()[0] for line in loop if not line.endswith(":"))


def pick_loop(lines, wanted):
    def fits(counts):
        for item in wanted:
            mnemonic, _, number = item.partition("=")
            if not (counts[mnemonic] == int(number) if number else counts[mnemonic]):
                return False
        return True

    loops = list(innermost_loops(lines))
    found = [loop for loop in loops if fits(count(loop))]
    if len(found) == 1:
        return found[0]
    names = [item.split("=")[0] for item in wanted]
    there = [", ".join(f"{count(loop)[n]} {n}" for n in names) for loop in loops]
    sys.exit("\n  ".join([f"{len(found)} loops fit {wanted}; the kernel has loops with", *there]))


def run_mca(loop, mcpu):
    text = "\n".join(["# LLVM-MCA-BEGIN", *loop, "# LLVM-MCA-END", ""])
    command = ["llvm-mca", "-mtriple=x86_64", f"-mcpu={mcpu}", "-iterations=100", "-json"]
    result = subprocess.run(command, input=text, capture_output=True, text=True)
    # An unknown processor is only a warning there.
    if result.returncode or "recognized" in result.stderr:
        sys.exit(result.stderr)
    return json.loads(result.stdout)["CodeRegions"][0]["SummaryView"]


def measure(loop, lines, mcpu, blocks):
    """The figures of a loop that are not counts of one mnemonic."""
    frame = "|".join(["rsp"] + re.findall(r"movq\s+%rsp, %(\w+)", "\n".join(lines)))
    on_stack = [line for line in loop if re.search(rf"\(%({frame})\)", line)]
    counts = count(loop)
    summary = run_mca(loop, mcpu)
    return {
        "instructions": sum(counts.values()),
        "shuffles": sum(n for m, n in counts.items() if SHUFFLE.match(m)),
        "prefetches": sum(n for m, n in counts.items() if m.startswith("prefetch")),
        # Spilled vectors, and spilled addresses or numbers.
        "vector_spills": sum(bool(re.search(r"%[xyz]mm", line)) for line in on_stack),
        "scalar_spills": sum(not re.search(r"%[xyz]mm", line) for line in on_stack),
        # What the ports and the front end allow; with dependences and queues.
        "least_cycles": summary["BlockRThroughput"] / blocks,
        "cycles": summary["TotalCycles"] / summary["Iterations"] / blocks,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("code")
    parser.add_argument("report")
    parser.add_argument("--mcpu", required=True)
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--loop", required=True)
    parser.add_argument("--blocks", type=float, default=1, help="blocks of 32 x 16 a turn")
    parser.add_argument("expectations", nargs="*")
    arguments = parser.parse_intermixed_args()

    with open(arguments.report) as file:
        kernels = json.load(file)["kernels"]
    symbols = [k["symbol"] for k in kernels if f"{k['operation']}:{k['kind']}" == arguments.kernel]
    if not symbols:
        sys.exit(f"no kernel {arguments.kernel}")
    with open(arguments.code) as file:
        lines = body_of(file.read(), symbols[0])
    loop = pick_loop(lines, arguments.loop.split(","))
    figures = measure(loop, lines, arguments.mcpu, arguments.blocks)
    counts = count(loop)

    print(f"{arguments.kernel}, loop with {arguments.loop}, {arguments.mcpu}")
    for name, value in figures.items():
        print(f"  {name} {value:.4g}")
    print("  " + ", ".join(f"{n} {m}" for m, n in counts.most_common()))
    failed = False
    for expectation in arguments.expectations:
        name, comparison, number = re.fullmatch(r"(\w+)(<=|>=|=)([\d.]+)", expectation).groups()
        if name not in figures and name not in counts:
            sys.exit(f"no such figure: {name}")
        value = figures.get(name, counts[name])
        if not COMPARISONS[comparison](value, float(number)):
            print(f"expects {expectation} but got {value:.4g}", file=sys.stderr)
            failed = True
    if failed:
        print("\n".join(loop))
    sys.exit(failed)


if __name__ == "__main__":
    main()
