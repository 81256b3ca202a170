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
    """A fuzz target, found by the file that lists its folders of seeds.

    It runs for some seconds, the seeds first. What it learns goes into
    corpus/TARGET of the build folder, with which the next run begins.
    """

    def __init__(self, seconds):
        self.seconds = seconds

    def execute(self, test, litConfig):
        seeds = test.getSourcePath()
        target = os.path.splitext(seeds)[0]
        name = os.path.basename(target)
        corpus = os.path.join(os.path.dirname(test.config.test_exec_root), "..", "corpus", name)
        os.makedirs(corpus, exist_ok=True)
        with open(seeds) as file:
            folders = file.read().split()
        command = [
            target,
            f"-max_total_time={self.seconds}",
            "-timeout=60",
            "-rss_limit_mb=2048",
            "-max_len=4096",
            "-verbosity=0",
            f"-artifact_prefix={os.path.abspath(corpus)}-",
            corpus,
        ]
        out, err, code = lit.util.executeCommand(command + folders, env=test.config.environment)
        return (lit.Test.FAIL if code else lit.Test.PASS), out + err
