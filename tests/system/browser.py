# SPDX-License-Identifier: MIT
"""A headless Chromium, driven over its DevTools protocol with nothing but the standard library.

    with Browser(tmp_path) as b:
        b.open("http://127.0.0.1:8502/")
        b.until("document.querySelector('h1')")
        assert b.eval("document.title") == "xnet"
"""
import base64
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import time
import urllib.request

from conftest import LIMIT, wait_until

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

FLAGS = ["--headless=new", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-default-browser-check",
         "--disable-features=Translate,OptimizationHints,MediaRouter", "--hide-scrollbars", "--mute-audio",
         "--host-resolver-rules=MAP * 127.0.0.1", "--remote-debugging-port=0", "--remote-allow-origins=*"]


class Socket:
    """A WebSocket client as far as DevTools needs it (RFC 6455): text frames, no extensions."""

    def __init__(self, url):
        host, port, path = re.fullmatch(r"ws://([^:/]+):(\d+)(/.*)", url).groups()
        self.socket = socket.create_connection((host, int(port)), LIMIT)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        self.file = self.socket.makefile("rb")
        assert b" 101 " in self.file.readline()
        while self.file.readline() not in (b"\r\n", b""):
            pass

    def send(self, text):
        data = text.encode()
        head = b"\x81" + (bytes([0x80 | len(data)]) if len(data) < 126 else struct.pack(">BH", 0xfe, len(data))
                          if len(data) < 65536 else struct.pack(">BQ", 0xff, len(data)))
        mask = os.urandom(4)
        self.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def receive(self):
        text = b""
        while True:
            first, n = self.file.read(2)
            n &= 0x7f
            if n >= 126:
                n = struct.unpack(">H" if n == 126 else ">Q", self.file.read(2 if n == 126 else 8))[0]
            data = self.file.read(n)
            if first & 15 == 8:
                raise EOFError
            if first & 15 < 3:
                text += data
                if first & 0x80:
                    return text.decode()


class Browser:
    def __init__(self, directory, width=1280, height=900, dark=False):
        self.directory = os.path.join(str(directory), "chromium")
        self.size, self.dark = (width, height), dark
        self.console, self.requests, self.number = [], [], 0

    def __enter__(self):
        command = [PROGRAM, *FLAGS, f"--user-data-dir={self.directory}"]
        if os.geteuid() == 0:
            command.append("--no-sandbox")
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(self.directory)
        self.log = open(os.path.join(self.directory, "log"), "wb")
        self.process = subprocess.Popen([*command, "about:blank"], stdout=self.log, stderr=self.log,
                                        stdin=subprocess.DEVNULL, start_new_session=True)
        file = os.path.join(self.directory, "DevToolsActivePort")
        wait_until(lambda: os.path.exists(file) and open(file).read().count("\n") >= 1, 60, "chromium")
        port = open(file).read().split()[0]
        pages = wait_until(lambda: [t for t in json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json"))
                                    if t["type"] == "page"], what="a page")
        self.socket = Socket(pages[0]["webSocketDebuggerUrl"])
        for domain in "Page", "Runtime", "Network", "Log":
            self.call(domain + ".enable")
        self.resize(*self.size)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        self.log.close()

    def _note(self, m):
        method, p = m.get("method"), m.get("params", {})
        if method == "Runtime.consoleAPICalled" and p["type"] in ("error", "warning", "assert"):
            self.console.append(str(p["args"]))
        elif method == "Runtime.exceptionThrown":
            self.console.append(str(p["exceptionDetails"]))
        elif method == "Log.entryAdded" and p["entry"]["level"] in ("error", "warning"):
            self.console.append(p["entry"]["text"] + " " + p["entry"].get("url", ""))
        elif method == "Network.requestWillBeSent":
            self.requests.append(p["request"]["url"])

    def call(self, method, **params):
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while True:
            m = json.loads(self.socket.receive())
            self._note(m)
            if m.get("id") == self.number:
                assert "error" not in m, m
                return m["result"]

    def resize(self, width, height=900):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 500)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if self.dark else "light"}])

    def open(self, url):
        self.call("Page.navigate", url=url)

    def eval(self, script):
        r = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in r, r["exceptionDetails"]
        return r["result"].get("value")

    def until(self, script, limit=LIMIT):
        """Waits for something that is true; gives the seconds it took."""
        begun = time.monotonic()
        wait_until(lambda: self.eval(f"Boolean({script})"), limit, script)
        return time.monotonic() - begun

    def text(self, selector="body"):
        return self.eval(f"document.querySelector({json.dumps(selector)})?.innerText || ''")

    def click(self, selector):
        self.eval(f"document.querySelector({json.dumps(selector)}).click()")

    def weight(self):
        """What the page holds after its garbage is collected: bytes of heap, nodes, listeners."""
        self.call("HeapProfiler.collectGarbage")
        counters = self.call("Memory.getDOMCounters")
        return {"heap": self.call("Runtime.getHeapUsage")["usedSize"], "nodes": counters["nodes"],
                "listeners": counters["jsEventListeners"]}

    def picture(self, file, whole=False):
        options = {"captureBeyondViewport": True} if whole else {}
        with open(file, "wb") as f:
            f.write(base64.b64decode(self.call("Page.captureScreenshot", format="png", **options)["data"]))
