"""goss-lsp-server speaks the protocol of editors over gptoss IR."""

import json
import os
import select
import subprocess
import sys
import time

from support import Suite

suite = Suite(__doc__)
if not os.path.exists(suite.tool("goss-lsp-server")):
    print("goss-lsp-server is not built")
    sys.exit(77)

GOOD = """\
func.func @halves(%x: tensor<?x8x32xf32>) -> tensor<?x8x32xf32> {
  %a, %b = gptoss.split_half %x : tensor<?x8x32xf32> -> tensor<?x8x16xf32>, tensor<?x8x16xf32>
  %y = gptoss.merge_half %a, %b : tensor<?x8x16xf32> -> tensor<?x8x32xf32>
  return %y : tensor<?x8x32xf32>
}
"""


class Server:
    """One server and the messages it has sent."""

    def __init__(self, tool):
        self.process = subprocess.Popen([tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.next = 0
        self.buffer = b""
        self.messages = []

    def send_bytes(self, body):
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def notify(self, method, parameters):
        self.send_bytes(json.dumps({"jsonrpc": "2.0", "method": method, "params": parameters}).encode())

    def request(self, method, parameters):
        self.next += 1
        self.send_bytes(json.dumps({"jsonrpc": "2.0", "id": self.next, "method": method, "params": parameters}).encode())
        return self.wait(lambda m: m.get("id") == self.next and "method" not in m)

    def receive(self, deadline):
        """The next message, or None at the end or when nothing comes."""
        while True:
            head, separator, rest = self.buffer.partition(b"\r\n\r\n")
            if separator:
                size = int(head.split(b"Content-Length:")[1].split(b"\r\n")[0])
                if len(rest) >= size:
                    self.buffer = rest[size:]
                    return json.loads(rest[:size])
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            more = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
            if not more:
                return None
            self.buffer += more

    def wait(self, fits):
        deadline = time.monotonic() + 60
        while (message := self.receive(deadline)) is not None:
            self.messages.append(message)
            if fits(message):
                return message
        return None

    def diagnostics(self, uri):
        message = self.wait(lambda m: m.get("method") == "textDocument/publishDiagnostics" and m["params"]["uri"] == uri)
        return message and message["params"]["diagnostics"]

    def open(self, uri, text):
        document = {"uri": uri, "languageId": "mlir", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})
        return self.diagnostics(uri)


server = Server(suite.tool("goss-lsp-server"))
answer = server.request("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
capabilities = (answer or {}).get("result", {}).get("capabilities", {})
for name in ("hoverProvider", "definitionProvider", "referencesProvider", "completionProvider"):
    suite.check("initialize", capabilities.get(name), f"expects {name} among {sorted(capabilities)}")
server.notify("initialized", {})

# What parses has no diagnostics, and every value is known.
good = "file:///good.mlir"
found = server.open(good, GOOD)
suite.check("good file", found == [], f"expects no diagnostics but got {found}")


def at(line, word):
    return {"textDocument": {"uri": good}, "position": {"line": line, "character": GOOD.splitlines()[line].index(word) + 1}}


hover = server.request("textDocument/hover", at(1, "gptoss.split_half"))
text = json.dumps(hover)
suite.check("hover", "gptoss.split_half" in text and "tensor<?x8x16xf32>" in text, f"expects the operation but got {text}")
definition = server.request("textDocument/definition", at(2, "%a"))
lines = [place["range"]["start"]["line"] for place in definition["result"]]
suite.check("definition", lines == [1], f"expects %a to be defined in line 1 but got {definition}")
references = server.request("textDocument/references", {**at(1, "%b"), "context": {"includeDeclaration": False}})
lines = sorted(place["range"]["start"]["line"] for place in references["result"])
suite.check("references", 2 in lines, f"expects a use of %b in line 2 but got {references}")

# A file of a model, as gossc wrote it.
fused = suite.expect("fused", ["gossc", os.path.join(suite.model, "config.json"), "--emit=fused", "-q"])
found = server.open("file:///fused.mlir", fused.stdout.decode())
suite.check("fused level", found == [], f"expects no diagnostics but got {found}")

# What does not parse or verify is said where it is.
for name, line, text, message in [
    ("unknown operation", 1, GOOD.replace("split_half", "split_third"), "split_third"),
    ("wrong type", 1, GOOD.replace("tensor<?x8x16xf32>", "tensor<?x8x15xf32>"), "split_half"),
    ("no MLIR", 0, "Once upon a time", "'Once' is unknown"),
]:
    found = server.open(f"file:///{name.replace(' ', '-')}.mlir", text) or []
    fits = [d for d in found if message in d["message"] and d["range"]["start"]["line"] == line]
    suite.check(name, fits, f"expects '{message}' in line {line} but got {found}")

# A message that is no JSON, and a method that does not exist, end nothing.
server.send_bytes(b"{")
answer = server.request("textDocument/nonsense", {})
suite.check("unknown method", answer and "error" in answer, f"expects an error but got {answer}")
suite.check("shutdown", (server.request("shutdown", None) or {}).get("result", 0) is None, "expects an answer to shutdown")
server.notify("exit", None)
server.process.stdin.close()
suite.check("exit", server.process.wait(timeout=60) == 0, "expects exit code 0")
suite.finish()
