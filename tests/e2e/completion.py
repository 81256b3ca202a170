"""Completion for bash, zsh and fish, made from the options."""

import os
import re
import shutil
import subprocess

from support import Suite

suite = Suite(__doc__)
scripts = {}
for tool in ("goss", "gossc"):
    for shell in ("bash", "zsh", "fish"):
        result = suite.expect(f"{tool} for {shell}", [tool, f"--completion={shell}"])
        scripts[tool, shell] = suite.path(f"{tool}.{shell}")
        with open(scripts[tool, shell], "wb") as file:
            file.write(result.stdout)
        program = shutil.which(shell)
        if not program:
            print(f"skipped: no {shell} to read the script with")
            continue
        read = subprocess.run([program, "-n", scripts[tool, shell]], capture_output=True, text=True)
        suite.check(f"{shell} -n", read.returncode == 0 and not read.stderr, f"expects a script that parses but got {read.stderr}")
suite.expect("unknown shell", ["goss", "--completion=elvish"], 64, "bash, zsh, fish but got 'elvish'")
suite.expect("no shell", ["goss", "--completion"], 64, "--completion expects one value")
suite.expect("of a command", ["goss", "run", "--completion=bash"], 64, "--completion")
suite.expect("in the help", ["gossc", "--help"], stdout="--completion=bash|zsh|fish")


def options_of(arguments):
    """Long options that a help lists: what completion must offer."""
    text = suite.run([*arguments, "--help"]).stdout.decode()
    return set(re.findall(r"^ +(?:-\w, |    )?(--[\w-]+)", text, re.M))


# What bash offers, with a folder of known files to complete.
folder = suite.path("files")
os.makedirs(os.path.join(folder, "stages"))
for name in ("model.goss", "two words.goss"):
    open(os.path.join(folder, name), "w").close()
bash = shutil.which("bash")


def complete(words):
    tool = words[0]
    script = f"source {scripts[tool, 'bash']}; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _{tool}; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    result = subprocess.run([bash, "--norc", "-c", script, "bash", *words], capture_output=True, text=True, cwd=folder)
    suite.check("bash " + " ".join(words), not result.stderr, f"expects no message but got {result.stderr}")
    return {line for line in result.stdout.split("\n") if line}


if bash:
    registered = subprocess.run([bash, "--norc", "-c", f"source {scripts['goss', 'bash']}; complete -p goss"], capture_output=True, text=True)
    suite.check("registered", registered.stdout == "complete -F _goss goss\n", f"expects a registration but got {registered.stdout}")
    commands = set(re.findall(r"^  (\w+) {2,}", suite.run(["goss", "--help"]).stdout.decode().split("Commands:")[1].split("Options:")[0], re.M))
    suite.check("commands", len(commands) >= 8 and complete(["goss", ""]) == commands, f"expects {commands} but got {complete(['goss', ''])}")
    for command in sorted(commands):
        wanted = options_of(["goss", command])
        found = {name for name in complete(["goss", command, "-"]) if name.startswith("--")}
        suite.check(f"options of {command}", found == wanted, f"expects {sorted(wanted)} but got {sorted(found)}")
    suite.check("options of gossc", {n for n in complete(["gossc", "-"]) if n.startswith("--")} == options_of(["gossc"]), "expects the options of the help")
    for words, wanted in [
        (["goss", "ru"], {"run"}),
        (["goss", "nothing"], set()),
        (["goss", "run", "--gree"], {"--greedy"}),
        (["goss", "run", "--emit"], set()),
        (["gossc", "--emit", "f"], {"fused"}),
        (["gossc", "--emit", "=", "f"], {"fused"}),
        (["gossc", "--emit", "="], {"graph", "fused", "plan", "llvm", "asm", "ptx", "obj", "artifact"}),
        (["gossc", "--math", "=", "x"], set()),
        (["gossc", "--dense", "="], {"bf16", "int8", "int8-channel"}),
        (["gossc", "--opt-level", "="], set()),
        (["gossc", "--dump-dir", ""], {"stages"}),
        (["gossc", "-o", "mo"], {"model.goss"}),
        (["goss", "run", "two"], {"two words.goss"}),
        (["goss", "--completion", "=", "z"], {"zsh"}),
    ]:
        found = complete(words)
        suite.check("bash " + " ".join(words), found == wanted, f"expects {sorted(wanted)} but got {sorted(found)}")

fish = shutil.which("fish")
if fish:
    def ask(tool, line):
        script = f"source {scripts[tool, 'fish']}; complete -C '{line}'"
        environment = {**os.environ, "HOME": suite.scratch}
        result = subprocess.run([fish, "--no-config", "-c", script], capture_output=True, text=True, cwd=folder, env=environment)
        return {word.split("\t")[0] for word in result.stdout.splitlines()}

    for tool, line, wanted in [
        ("goss", "goss ru", {"run"}),
        ("goss", "goss run --gree", {"--greedy"}),
        ("gossc", "gossc --emit=f", {"--emit=fused"}),
        ("gossc", "gossc --dump-dir ", {"stages/"}),
    ]:
        found = ask(tool, line)
        suite.check("fish " + line, found == wanted, f"expects {wanted} but got {found}")

zsh = shutil.which("zsh")
if zsh:
    # Both ways to load it: sourced, and found by name in $fpath.
    shutil.copy(scripts["goss", "zsh"], os.path.join(folder, "_goss"))
    for way, script in [("sourced", f"source {scripts['goss', 'zsh']}"), ("in fpath", f"fpath=({folder} $fpath); compinit -u -D")]:
        command = f"autoload -Uz compinit; compinit -u -D; {script}; print -r -- $_comps[goss]"
        result = subprocess.run([zsh, "-f", "-c", command], capture_output=True, text=True)
        suite.check("zsh " + way, result.stdout == "_goss\n" and not result.stderr, f"expects _goss but got {result.stdout}{result.stderr}")

suite.finish()
