"""gossc --dump-dir: every stage and kernel, and the page that walks through."""

import collections
import html.parser
import importlib.util
import os
import re
import shlex
import shutil
import subprocess

from support import Suite, copy_checkpoint

suite = Suite(__doc__)
config20b = os.path.join(suite.source, "tests", "data", "configs", "gpt-oss-20b.json")

# The loops of assembler text, found independently of the compiler.
path = os.path.join(suite.source, "tests", "lit", "cpu", "hot-loop.py")
spec = importlib.util.spec_from_file_location("hot_loop", path)
hot_loop = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hot_loop)


def find(*names):
    """A program of LLVM under one of its names."""
    return next((p for p in (shutil.which(n) for n in names) if p), None)


LLVM = "/usr/lib/llvm-22/bin/"
assembler = find("llvm-as-22", "llvm-as", LLVM + "llvm-as")
mc = find("llvm-mc-22", "llvm-mc", LLVM + "llvm-mc")
for name, program in (("llvm-as", assembler), ("llvm-mc", mc)):
    if not program:
        print(f"skipped: no {name} to read kernels with")
has_analyzer = find("llvm-mca-22", "llvm-mca") is not None
if not has_analyzer:
    print("skipped: no llvm-mca")


def read(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return file.read()


class Page(html.parser.HTMLParser):
    """Links, anchors, commands, tables and all text of index.html."""

    def __init__(self, text):
        super().__init__()
        self.links, self.ids, self.blocks, self.rows = [], set(), [], []
        self.tags = collections.Counter()
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags[tag] += 1
        attributes = dict(attributes)
        if "href" in attributes:
            self.links.append(attributes["href"])
        if "id" in attributes:
            self.ids.add(attributes["id"])
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "pre":
            self.blocks.append(("command" if attributes.get("class") == "command" else "text", ""))
        self.inside = tag if tag in ("td", "th", "pre") else self.inside

    def handle_endtag(self, tag):
        if tag in ("pre", "tr", "table"):
            self.inside = ""

    def handle_data(self, data):
        if self.inside in ("td", "th") and self.rows[-1]:
            self.rows[-1][-1] += data
        elif self.inside == "pre":
            self.blocks[-1] = (self.blocks[-1][0], self.blocks[-1][1] + data)


def all_files(folder):
    for place, _, names in os.walk(folder):
        for name in names:
            yield os.path.relpath(os.path.join(place, name), folder)


def check_page(name, folder):
    text = read(folder, "index.html")
    page = Page(text)
    files = set(all_files(folder)) - {"index.html"}
    local = {link for link in page.links if not link.startswith("#")}
    suite.check(name, local == files, f"expects links to {sorted(files ^ local)[:5]}")
    anchors = {link[1:] for link in page.links if link.startswith("#")}
    suite.check(name, anchors <= page.ids, f"expects anchors {anchors - page.ids}")
    known = {"html", "meta", "title", "style", "h1", "h2", "p", "div", "table", "tr", "th", "td", "a", "code", "pre", "nav", "details", "summary", "ul", "li"}
    suite.check(name, set(page.tags) <= known, f"expects IR to be escaped but got the tags {set(page.tags) - known}")
    suite.check(name, "http" not in text and "<script" not in text, "expects a page of its own")
    return page


# Every stage, as gossc emits it.
dump = suite.path("dump")
suite.expect("dump", ["gossc", suite.model, "-o", suite.path("m.goss"), "--dump-dir", dump], message=["Dumped", "index.html"])
names = ["00-graph.mlir", "01-fused.mlir", "02-plan.mlir", "03-loops.mlir", "04-lowered.mlir", "05-llvm.ll", "06-optimized.ll", "07-code.s"]
found = sorted(os.listdir(dump))
suite.check("stages", found == [*names, "index.html", "kernels"], f"expects {names} but got {found}")
for level, name in (("graph", names[0]), ("fused", names[1]), ("plan", names[2]), ("llvm", names[4]), ("asm", names[7])):
    emitted = suite.expect("emit " + level, ["gossc", suite.model, "-q", "--emit=" + level])
    suite.check("emit " + level, emitted.stdout.decode() == read(dump, name), f"expects {name} to be what --emit={level} prints")
suite.expect("without", ["gossc", suite.model, "-q", "-o", suite.path("n.goss")])
suite.check("artifact", open(suite.path("m.goss"), "rb").read() == open(suite.path("n.goss"), "rb").read(), "expects the same artifact with and without a dump")
before, after = read(dump, names[5]), read(dump, names[6])
suite.check("LLVM IR", before.count(" alloca ") + before.count("\ndefine internal") > after.count(" alloca ") + after.count("\ndefine internal"), "expects less after optimisation")

# The commands of the page lead from a file to the next, to the byte.
page = check_page("page", dump)
commands = [text for kind, text in page.blocks if kind == "command"]
made = []
for command in commands:
    words = shlex.split(command)
    made.append(words[-1])
    again = suite.path("again")
    suite.expect("resume " + words[-1], [*words[:-1], again], cwd=dump)
    suite.check("resume " + words[-1], os.path.exists(again) and read(again) == read(dump, words[-1]), f"expects {words[-1]} again from '{command[:80]}...'")
    if os.path.exists(again):
        os.remove(again)
suite.check("resume", made == names[1:5], f"expects commands to {names[1:5]} but got {made}")
# The compiled text at its end is that of the whole compilation.
resumed = suite.expect("from graph to code", ["goss-opt", names[0], "--gptoss-fuse", "--gptoss-plan=activation-parts=2", "--gptoss-cpu"], cwd=dump)
suite.check("from graph to code", resumed.stdout.decode() == read(dump, names[4]), "expects the same module in one run")

# Figures of the page, counted in the files.
rows = {row[0]: row[1:] for row in page.rows if row}
fused, graph, plan = read(dump, names[1]), read(dump, names[0]), read(dump, names[2])
for operation in ("gptoss.moe", "gptoss.attention", "gptoss.softmax"):
    counts = [len(re.findall(rf"{re.escape(operation)} %", text)) for text in (graph, fused)]
    row = next((r for r in page.rows if len(r) == 3 and r[0] == operation), None)
    suite.check(operation, row is not None and [int(c or 0) for c in row[1:]] == counts, f"expects {counts} but got {row}")
suite.check("fusions", rows.get("fuse-attention") == ["6", "0"] and rows.get("fuse-rope") == ["12", "0"], f"expects 6 and 12 but got {rows.get('fuse-attention')}, {rows.get('fuse-rope')}")

overview = {row[1]: row for row in page.rows if len(row) == 5}
suite.check("overview", [n for n in names if n in overview] == names and all(int(overview[n][3].replace(",", "")) > 0 for n in names if n in overview), f"expects operations in every stage but got {overview}")

# Every kernel of the plan has its files, and each is read by its own tool.
kernels = re.findall(r"gptoss\.kernel @(\S+) \"(\w+)\"", plan)
listing = [f"{i:02}-goss_kernel_{i}" for i in range(len(kernels))]
endings = [".ll", ".mlir", ".s"] + ([".mca.txt"] if has_analyzer else [])
wanted = {name + ending for name in listing for ending in endings}
files = set(os.listdir(os.path.join(dump, "kernels")))
suite.check("kernels", len(kernels) == 21 and wanted - files <= {n + ".mca.txt" for n in listing} and files <= wanted, f"expects other files: {sorted(files ^ wanted)}")
code = read(dump, names[7])
for (symbol, operation), name in zip(kernels, listing):
    base = os.path.join(dump, "kernels", name)
    text = read(base + ".mlir")
    suite.check(name, f"@{symbol} " in text and text.count("gptoss.kernel @") == 1 and "scf.for" in text, "expects the operation and its loops")
    suite.expect(name + ".mlir", ["goss-opt", base + ".mlir", "-o", os.devnull])
    launches = len(re.findall(rf"gptoss\.dispatch @{re.escape(symbol)}\W", plan))
    row = rows.get(name[3:])
    suite.check(name, row and row[0] == operation and int(row[2]) == launches, f"expects {operation} with {launches} launches but got {row}")
    if assembler:
        done = subprocess.run([assembler, "-o", os.devnull, base + ".ll"], capture_output=True, text=True)
        suite.check(name + ".ll", done.returncode == 0, f"expects LLVM IR but got {done.stderr}")
    if mc:
        done = subprocess.run([mc, "-triple=x86_64", "--filetype=obj", "-o", os.devnull, base + ".s"], capture_output=True, text=True)
        suite.check(name + ".s", done.returncode == 0, f"expects text that assembles but got {done.stderr}")
    if not os.path.exists(base + ".mca.txt"):
        continue
    report = read(base + ".mca.txt")
    function = re.match(r"The hottest loop of (\S+):", report)[1]
    lines = [line.split("#")[0].strip() for line in report.partition("\nLoop:\n")[2].splitlines()]
    loops = list(hot_loop.innermost_loops(hot_loop.body_of(code, function)))
    suite.check(name + " loop", [re.sub(r"\s+", " ", l) for l in lines] in [[re.sub(r"\s+", " ", l) for l in loop] for loop in loops], "expects an innermost loop of the function")
    total = sum(hot_loop.count(lines).values())
    suite.check(name + " loop", f"of its {total} instructions" in report and f"Instructions:      {100 * total}\n" in report, f"expects {total} instructions")
    suite.check(name + " loop", "Block RThroughput" in report and "Resource pressure per iteration" in report and "by instruction" not in report, "expects a summary and a table")
if has_analyzer:
    best = read(dump, "kernels", next(n for n, (_, o) in zip(listing, kernels) if o == "linear") + ".mca.txt")
    suite.check("linear", re.search(r"vfmadd|vmulps|mulps", best.partition("Loop:")[2]), "expects the loop of the products")

# Without llvm-mca the page says so, and nothing else is missing.
poor = suite.path("poor")
suite.expect("no llvm-mca", ["gossc", suite.model, "-q", "-o", suite.path("p.goss"), "--dump-dir", poor], env={**os.environ, "PATH": "/nowhere"})
suite.check("no llvm-mca", "Not analysed: llvm-mca is not installed." in read(poor, "index.html"), "expects a reason")
suite.check("no llvm-mca", set(all_files(poor)) == {f for f in all_files(dump) if not f.endswith(".mca.txt")}, "expects all other files")
check_page("page without llvm-mca", poor)

# The 20b config, for another processor; a stop below the artifact.
large = suite.path("large")
suite.expect("20b", ["gossc", config20b, "-q", "--mcpu=x86-64-v3", "--until=emit", "--dump-dir", large], timeout=580)
check_page("20b page", large)
count = len(re.findall(r"gptoss\.kernel @", read(large, names[2])))
suite.check("20b", count and len([f for f in os.listdir(os.path.join(large, "kernels")) if f.endswith(".s")]) == count, f"expects {count} kernels")
suite.check("20b", os.path.getsize(os.path.join(large, "index.html")) < 1 << 20, "expects a small page")
for level, last in (("graph", 0), ("plan", 2), ("llvm", 4)):
    short = suite.path("to-" + level)
    suite.expect(level, ["gossc", config20b, "-q", "-o", suite.path(level), "--emit=" + level, "--dump-dir", short])
    suite.check(level, sorted(os.listdir(short)) == [*names[: last + 1], "index.html"], f"expects files up to {names[last]} but got {sorted(os.listdir(short))}")
lowered = suite.path("lowered")
suite.expect("lowered", ["gossc", suite.model, "-q", "--until=lower", "--print-ir-after=cpu-select-kernels", "--print-ir-after=cpu-lower-step", "--dump-dir", lowered])
suite.check("lowered", sorted(os.listdir(lowered)) == [*names[:5], "index.html", "passes"], f"expects files up to {names[4]} but got {sorted(os.listdir(lowered))}")
suite.check("lowered", read(lowered, names[4]) == read(dump, names[4]), "expects the same lowered module")
check_page("page with passes", lowered)
sections = re.split(r'<h2 id="stage-\d">', read(lowered, "index.html"))
suite.check("lowered", "00-cpu-select-kernels.mlir" in sections[4] and "01-cpu-lower-step.mlir" in sections[5], "expects each pass at the stage that it leads to")
oracle = suite.path("oracle")
suite.expect("level 0", ["gossc", suite.model, "-q", "-o", suite.path("o.goss"), "--opt-level=0", "--dump-dir", oracle])
check_page("page of level 0", oracle)

# What is refused, before any work.
suite.expect("not empty", ["gossc", suite.model, "-o", suite.path("x.goss"), "--dump-dir", dump], 64, ["--dump-dir", "empty or new directory"])
suite.expect("a file", ["gossc", suite.model, "-o", suite.path("x.goss"), "--dump-dir", suite.path("m.goss")], 64, "got the file")
suite.expect("no value", ["gossc", suite.model, "--dump-dir"], 64, "--dump-dir expects one value")
suite.expect("below a file", ["gossc", suite.model, "-q", "-o", suite.path("x.goss"), "--dump-dir", suite.path("m.goss", "in")], 74, "m.goss")
suite.check("refused", not os.path.exists(suite.path("x.goss")), "expects no artifact")
os.makedirs(suite.path("empty"))
suite.expect("an empty folder", ["gossc", suite.model, "-q", "--emit=graph", "-o", suite.path("g"), "--dump-dir", suite.path("empty")])
broken = copy_checkpoint(suite.model, suite.path("broken"))
with open(os.path.join(broken, "config.json"), "w") as file:
    file.write("{")
suite.expect("broken input", ["gossc", broken, "-q", "--until=plan", "--dump-dir", suite.path("none")], 65, "config.json")
suite.check("broken input", not os.path.exists(suite.path("none")), "expects no folder")

suite.finish()
