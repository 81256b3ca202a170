# Test formats for lit: a module, so that lit's worker processes find them.
import os
import sys

import lit.formats
import lit.Test
import lit.util


class EndToEndTest(lit.formats.FileBasedTest):
    """A Python program; passes when it exits with 0, is skipped with 77."""

    def execute(self, test, litConfig):
        if test.config.unsupported:
            return lit.Test.UNSUPPORTED, "unsupported here"
        command = [
            sys.executable,
            test.getSourcePath(),
            "--bin=" + os.path.join(test.config.gossamer_binary, "bin"),
            "--source=" + test.config.gossamer_source,
            "--scratch=" + test.getExecPath() + ".tmp",
        ]
        out, err, code = lit.util.executeCommand(command, env=test.config.environment)
        if code == 77:
            return lit.Test.UNSUPPORTED, out + err
        return (lit.Test.FAIL if code else lit.Test.PASS), out + err


class FuzzTest(lit.formats.FileBasedTest):
    """A fuzz target, found by the file that lists its seeds.

    Without `seconds` it runs for a minute from one random seed, beginning with
    the seed files alone: the same inputs in the same order each time, as many as
    the machine gets through. With `seconds` it runs for that long from a random
    seed of its own, and what it learns goes into corpus/TARGET of the build
    folder, with which the next run begins.
    """

    def __init__(self, seconds=None):
        self.seconds = seconds

    def execute(self, test, litConfig):
        target = os.path.splitext(test.getSourcePath())[0]
        name = os.path.basename(target)
        corpus = os.path.join(test.config.gossamer_binary, "corpus", name)
        os.makedirs(corpus, exist_ok=True)
        with open(test.getSourcePath()) as file:
            folders = file.read().split()
        command = [
            target,
            "-timeout=60",
            "-rss_limit_mb=2048",
            "-max_len=4096",
            "-report_slow_units=60",
            f"-artifact_prefix={corpus}-",
        ]
        if self.seconds:
            command += [f"-max_total_time={self.seconds}", "-verbosity=0", corpus, *folders]
        else:
            files = [os.path.join(base, file) for folder in folders for base, _, names in os.walk(folder) for file in names]
            command = self.fixed_addresses() + command + ["-seed=1", "-max_total_time=60", "-print_funcs=0"]
            if files:
                command.append("-seed_inputs=" + ",".join(sorted(files)))
        out, err, code = lit.util.executeCommand(command, env=test.config.environment)
        return (lit.Test.FAIL if code else lit.Test.PASS), out + err

    @staticmethod
    def fixed_addresses():
        """What makes a program's addresses, which steer the fuzzer, the same each time; nothing in a container that forbids it."""
        prefix = ["setarch", "--addr-no-randomize"]
        return prefix if lit.util.executeCommand(prefix + ["true"])[2] == 0 else []
