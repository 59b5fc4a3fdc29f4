# SPDX-License-Identifier: Apache-2.0
"""Debian's Chromium, driven by chromedriver over the W3C WebDriver protocol
(https://www.w3.org/TR/webdriver2/)."""
import base64
import http.client
import json
import shutil
import subprocess

from harness.places import free_port
from harness.wait import DEADLINE, eventually

_ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
              "--no-proxy-server", "--no-first-run", "--disable-background-networking",
              # The driver speaks to it without a port and the name of this host.
              "--remote-debugging-pipe",
              # Whatever is not this host does not exist.
              "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
_SCRIPTS_OFF = {"profile.managed_default_content_settings.javascript": 2}


def available():
    return shutil.which("chromedriver") and shutil.which("chromium")


class Browser:
    """One window. WIDTH makes it a phone of that many CSS pixels."""

    def __init__(self, directory, scripts=True, width=None, dark=False):
        self._port = free_port()
        self._driver = subprocess.Popen(
            ["chromedriver", f"--port={self._port}"], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        self._session = None
        try:
            eventually(lambda: self._call("GET", "/status")["ready"], "chromedriver")
            options = {"binary": shutil.which("chromium"),
                       "args": [*_ARGUMENTS, f"--user-data-dir={directory}"],
                       "prefs": {} if scripts else _SCRIPTS_OFF}
            if dark:
                options["args"].append("--blink-settings=preferredColorScheme=0")
            if width:
                options["mobileEmulation"] = {"deviceMetrics": {
                    "width": width, "height": 844, "pixelRatio": 2, "touch": True}}
            self._session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": {
                "browserName": "chrome", "goog:chromeOptions": options,
                "goog:loggingPrefs": {"browser": "ALL"}}}})["sessionId"]
        except BaseException:
            self.close()
            raise

    def _call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=DEADLINE)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        assert not (isinstance(answer, dict) and answer.get("error")), answer
        return answer

    def _in_session(self, method, path, body=None):
        return self._call(method, f"/session/{self._session}{path}", body)

    def open(self, url):
        """Loads the page and waits until it is complete."""
        self._in_session("POST", "/url", {"url": url})

    def run(self, script):
        """The value that a script of ours returns in the page; works without the page's own."""
        return self._in_session("POST", "/execute/sync", {"script": script, "args": []})

    def text(self):
        """What a person reads."""
        return self.run("return document.body.innerText")

    def console(self):
        """The messages of the console since the last call."""
        return [entry["message"] for entry in
                self._in_session("POST", "/se/log", {"type": "browser"})]

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self._in_session("GET", "/screenshot")))

    def close(self):
        if self._session:
            self._in_session("DELETE", "")
        self._driver.terminate()
        self._driver.wait()
