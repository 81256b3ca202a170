"""A headless Chromium, driven over the W3C WebDriver protocol.

Only what the tests of pages need; `missing()` says why there is none.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # how the protocol marks one


def missing():
    """Why no browser can be started; None when one can."""
    for program in ("chromium", "chromedriver"):
        if not shutil.which(program):
            return f"{program} is not installed"
    return None


class Browser:
    """A session with one window. Use it in a `with` statement.

    `settled` is an expression of the page that holds once it has answered an
    input; every input waits for it, as events may come later than its answer.
    """

    def __init__(self, width=1400, height=900, dark=False, touch=False, settled="true"):
        self.settled = settled
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        self.driver = subprocess.Popen(
            ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.session = None
        try:
            self._wait_for_driver()
            arguments = ["--headless=new", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"]
            arguments += [f"--window-size={width},{height}", "--force-device-scale-factor=1", "--no-first-run"]
            arguments += ["--no-sandbox"] if os.geteuid() == 0 else []
            options = {"args": arguments}
            if touch:
                options["mobileEmulation"] = {"deviceMetrics": {"width": width, "height": height, "pixelRatio": 1, "touch": True}}
            capabilities = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            self.session = self._start(capabilities)
            if not touch:
                self.resize(width, height)
            self.prefer_dark(dark)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.session:
            try:
                self._call("DELETE", self.session)
            except OSError:
                pass
            self.session = None
        self.driver.terminate()
        self.driver.wait()

    def _wait_for_driver(self):
        for _ in range(300):
            try:
                if self._call("GET", "/status")["ready"]:
                    return
            except OSError:
                if self.driver.poll() is not None:
                    break
            time.sleep(0.1)
        raise OSError("chromedriver does not answer")

    def _start(self, capabilities):
        """A new session. The driver gives a browser a minute to come up, which
        a busy machine may exceed: then once more."""
        body = {"capabilities": {"alwaysMatch": capabilities}}
        for attempt in range(3):
            try:
                return "/session/" + self._call("POST", "/session", body)["sessionId"]
            except RuntimeError as error:
                if attempt == 2 or "session not created" not in str(error):
                    raise

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise RuntimeError(f"{path}: {value['error']}: {value['message'].splitlines()[0]}") from None

    def _post(self, path, **body):
        return self._call("POST", self.session + path, body)

    # The window ---------------------------------------------------------

    def open(self, url):
        self._post("/url", url=url)
        self.settle()

    def settle(self):
        self.wait(lambda: self.run("return " + self.settled), self.settled)

    def resize(self, width, height):
        """Makes the page, not the window, this large."""
        self._post("/goog/cdp/execute", cmd="Emulation.setDeviceMetricsOverride", params={"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def prefer_dark(self, dark):
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._post("/goog/cdp/execute", cmd="Emulation.setEmulatedMedia", params={"features": [feature]})

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self._call("GET", self.session + "/screenshot")))

    def errors(self):
        """What the console got since the last call, warnings included."""
        entries = self._post("/se/log", type="browser")
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    # The page -----------------------------------------------------------

    def run(self, script, *arguments):
        """Runs the body of a function; its return value as JSON."""
        return self._post("/execute/sync", script=script, args=list(arguments))

    def find_all(self, selector):
        return [Element(self, entry[ELEMENT]) for entry in self._post("/elements", using="css selector", value=selector)]

    def find(self, selector):
        """The first element; waits a while for it to appear."""
        return self.wait(lambda: (self.find_all(selector) or [None])[0], selector)

    def click(self, selector):
        self.find(selector).click()

    def text(self, selector):
        return self.find(selector).text()

    def wait(self, condition, what, seconds=20):
        end = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise RuntimeError(f"waited in vain for {what}")
            time.sleep(0.05)

    def perform(self, *sources):
        """Input of several devices at once, as the protocol describes it."""
        self._post("/actions", actions=list(sources))
        self.settle()

    def keys(self, *keys):
        """Presses and releases keys, one after the other, where the focus is."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.perform({"type": "key", "id": "keyboard", "actions": actions})

    def drag(self, start, end):
        """Presses the mouse at one point of the page and releases it at another."""
        move = lambda point, duration: {"type": "pointerMove", "duration": duration, "x": point[0], "y": point[1]}
        actions = [move(start, 0), {"type": "pointerDown", "button": 0}, move(end, 100), {"type": "pointerUp", "button": 0}]
        self.perform({"type": "pointer", "id": "mouse", "actions": actions})

    def scroll(self, point, distance):
        """Turns the wheel at a point of the page."""
        action = {"type": "scroll", "x": point[0], "y": point[1], "deltaX": 0, "deltaY": distance, "duration": 0, "origin": "viewport"}
        self.perform({"type": "wheel", "id": "wheel", "actions": [action]})


class Element:
    def __init__(self, browser, identity):
        self.browser = browser
        self.path = f"/element/{identity}"
        self.reference = {ELEMENT: identity}

    def click(self):
        self.browser._post(self.path + "/click")
        self.browser.settle()

    def type(self, text):
        self.browser._post(self.path + "/value", text=text)
        self.browser.settle()

    def text(self):
        """Its text, whether it is in sight or not."""
        return self.browser.run("return arguments[0].textContent", self.reference)

    def attribute(self, name):
        return self.browser.run("return arguments[0].getAttribute(arguments[1])", self.reference, name)
