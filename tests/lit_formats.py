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
