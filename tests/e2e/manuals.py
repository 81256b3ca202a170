"""Manual pages say what the help says, and are installed with the tools."""

import os
import re
import shutil
import subprocess

from support import Suite

suite = Suite(__doc__)
groff, man, mandoc = (shutil.which(name) for name in ("groff", "man", "mandoc"))
for name, program in (("groff", groff), ("man", man), ("mandoc", mandoc)):
    if not program:
        print(f"skipped: no {name} to read the pages with")


def commands_of(tool):
    text = suite.run([tool, "--help"]).stdout.decode()
    listed = re.search(r"^Commands:\n(.*?)\n\n", text, re.M | re.S)
    return re.findall(r"^  (\w+)", listed[1], re.M) if listed else []


def words(text):
    return re.sub(r"\s+", " ", text)


pages = {}
for tool in ("goss", "gossc"):
    for command in [[], *([c] for c in commands_of(tool))]:
        name = "-".join([tool, *command])
        page = suite.expect(name, [tool, *command, "--help-man"])
        pages[name] = page.stdout
        path = suite.path(name + ".1")
        with open(path, "wb") as file:
            file.write(page.stdout)
        if man:
            shown = subprocess.run([man, "--warnings", "-l", path], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "200"})
            suite.check("man " + name, shown.returncode == 0 and not shown.stderr, f"expects no warning but got {shown.stderr}")
            suite.check("man " + name, name.upper() + "(1)" in shown.stdout, "expects a title")
        if mandoc:
            lint = subprocess.run([mandoc, "-T", "lint", "-W", "warning", path], capture_output=True, text=True)
            # A date would make the same sources give other bytes.
            said = [line for line in lint.stdout.splitlines() if "missing date" not in line]
            suite.check("mandoc " + name, not said, f"expects no warning but got {said}")
        if not groff:
            continue
        plain = subprocess.run([groff, "-ww", "-man", "-Tutf8", "-P-c", "-rLL=200n", path], capture_output=True, text=True)
        suite.check("groff " + name, plain.returncode == 0 and not plain.stderr, f"expects no warning but got {plain.stderr}")
        shown = words(re.sub(".\b", "", plain.stdout).replace("\u2010\n", ""))
        help_text = suite.run([tool, *command, "--help"]).stdout.decode()
        options = re.findall(r"^ +(?:-\w, |    )?(--[\w-]+)", help_text, re.M)
        for option in options:
            suite.check(name, option in shown, f"expects {option} in the page")
        for example in re.findall(r"^  (\S.*)\n      \S", help_text.partition("Examples:")[2], re.M):
            suite.check(name, words(example) in shown, f"expects the example '{example}' in the page")
suite.check("a page a command", len(pages) >= 10 and "goss-run" in pages, f"expects a page a command but got {sorted(pages)}")
suite.expect("wrong option", ["goss", "run", "--help-mna"], 64, "did you mean")

# What is installed is what the tools say.
build = os.path.dirname(os.path.abspath(suite.options.bin))
cmake = shutil.which("cmake")
if not os.path.exists(os.path.join(build, "share", "man", "man1", "goss.1")):
    print("skipped: the target 'manuals' is not built")
elif not cmake or not os.path.exists(suite.tool("goss-lsp-server")):
    print("skipped: no cmake, or not all tools are built")
else:
    prefix = suite.path("prefix")
    done = subprocess.run([cmake, "--install", build, "--prefix", prefix], capture_output=True, text=True)
    suite.check("install", done.returncode == 0, f"expects success but got {done.stdout[-500:]}{done.stderr[-500:]}")
    installed = set(os.listdir(os.path.join(prefix, "share", "man", "man1")))
    suite.check("install", installed == {name + ".1" for name in pages}, f"expects a page a command but got {sorted(installed)}")
    for name, page in pages.items():
        path = os.path.join(prefix, "share", "man", "man1", name + ".1")
        suite.check("install", os.path.exists(path) and open(path, "rb").read() == page, f"expects the page of {name}")
    for path, shell in [("bash-completion/completions/gossc", "bash"), ("zsh/site-functions/_gossc", "zsh"), ("fish/vendor_completions.d/gossc.fish", "fish")]:
        script = open(os.path.join(prefix, "share", path), "rb").read()
        suite.check("install", script == suite.run(["gossc", f"--completion={shell}"]).stdout, f"expects the script for {shell}")
    for name in ("goss", "gossc", "goss-opt", "goss-lsp-server"):
        ran = subprocess.run([os.path.join(prefix, "bin", name), "--help"], capture_output=True)
        suite.check("install", ran.returncode == 0, f"expects {name} to run where it is installed")

suite.finish()
