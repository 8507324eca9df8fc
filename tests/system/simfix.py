# SPDX-License-Identifier: MIT
"""The simulated line for system tests: xnetctl sim with a devices.yaml of the test's own.

    def test_something(line, broker, start):
        l = line(HOUSE, broker)          # {port} and {broker} in the text are filled in
        start("xnetd", *l.arguments)
        l.unplug("meter1")
        assert l.writes("relay1") == [...]

Import the fixture: from simfix import line
"""
import json
import os
import socket
import subprocess

import pytest

from conftest import LIMIT, TOP, wait_until

PROFILES = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../devices"))

# What stands above the devices of most tests.
HEAD = """\
gateway: plant
mqtt: {{broker: "{broker}", sys_interval: 1s}}
buses:
  rs485: {{port: {port}, baud: 115200, timeout: 300ms}}
defaults:
  rates: {{fast: 200ms, normal: 500ms}}
devices:
"""

HOUSE = """\
gateway: house
mqtt: {{broker: "{broker}"}}
buses:
  rs485: {{port: {port}, baud: 9600}}
defaults:
  rates: {{fast: 1s, normal: 3s, slow: 10s}}
devices:
  scc1:   {{profile: epever-tracer,       bus: rs485, id: 1}}
  meter1: {{profile: eastron-sdm120,      bus: rs485, id: 2}}
  relay1: {{profile: waveshare-relay-8ch, bus: rs485, id: 3}}
"""


class Line:
    """A running simulated line. .port is what the gateway opens, .config its devices.yaml."""

    def __init__(self, directory, text, broker=None, bus=None, tcp=None, options=()):
        self.directory = str(directory)
        self.port = os.path.join(self.directory, "line")
        self.config = os.path.join(self.directory, "devices.yaml")
        self.log = os.path.join(self.directory, "sim.log")
        self._control = os.path.join(self.directory, "control")
        self._writes = os.path.join(self.directory, "writes")
        self._bus, self._tcp, self._options = bus, tcp, list(options)
        self.process = None
        self._socket = None
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text.format(port=self.port, tcp=tcp, broker=broker.url if broker else "mqtt://127.0.0.1:1"))

    def edit(self, *pairs):
        """Replaces texts in its devices.yaml: edit((old, new), ...)."""
        with open(self.config, encoding="utf-8") as f:
            text = f.read()
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new)
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text)

    @property
    def arguments(self):
        """What xnetd needs to find this line's configuration."""
        return ["--config", self.config, "--profiles", PROFILES]

    def start(self):
        command = [os.path.join(TOP, "xnetctl"), "sim", *self.arguments, "--control", self._control,
                   "--write-log", self._writes, *self._options]
        if self._bus:
            command += ["--bus", self._bus]
        command += ["--link", self.port] if self._tcp is None else ["--tcp", str(self._tcp)]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            start_new_session=True)
        wait_until(self._ready, what="the simulated line")
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(LIMIT)
        self._socket.connect(self._control)
        self._replies = self._socket.makefile("r", encoding="utf-8")
        return self

    def _ready(self):
        text = open(self.log, encoding="utf-8").read()
        assert self.process.poll() is None, "xnetctl sim ended: " + text
        return "ready: " in text

    def stop(self):
        """As if the adapter were pulled out: the port is gone."""
        if self._socket:
            self._replies.close()
            self._socket.close()
            self._socket = None
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(LIMIT)
        self.process = None
        if os.path.exists(self.log):
            os.unlink(self.log)

    def command(self, text):
        """One command of xnetctl-sim; gives its reply, fails on an error."""
        self._socket.sendall(text.encode() + b"\n")
        reply = self._replies.readline().strip()
        assert reply and not reply.startswith("error"), f"{text}: {reply}"
        return reply

    def unplug(self, device):
        self.command(f"unplug {device}")

    def plug(self, device):
        self.command(f"plug {device}")

    def fault(self, device, fault, times=None):
        """fault: 'exception 2', 'crc', 'late 700ms', 'none' …; times: so many requests only."""
        self.command(f"fault {device} {fault}" + (f" x{times}" if times else ""))

    def delay(self, device, time):
        self.command(f"delay {device} {time}")

    def set(self, device, point, value):
        self.command(f"set {device} {point} {value}")

    def freeze(self):
        self.command("freeze")

    def thaw(self):
        self.command("thaw")

    def stats(self):
        """{'requests': …, 'early': …, 'devices': {name: {'unit', 'requests', 'writes', 'refused'}}}"""
        return json.loads(self.command("stats"))

    def keeps_silence(self):
        """Requests came after the silence. To a line that is late itself, now and then one seems to be early."""
        stats = self.stats()
        return stats["early"] <= 1 + stats["requests"] // 50

    def writes(self, device=None):
        """Every write request so far: [{'time', 'device', 'unit', 'fc', 'addr', 'words', 'exception'}]"""
        if not os.path.exists(self._writes):
            return []
        with open(self._writes, encoding="utf-8") as f:
            lines = [json.loads(text) for text in f.read().split("\n")[:-1]]
        return [w for w in lines if device in (None, w["device"])]

    def wait_writes(self, device, n, limit=LIMIT):
        return wait_until(lambda: len(self.writes(device)) >= n and self.writes(device), limit,
                          f"{n} writes to {device}")


@pytest.fixture
def line(tmp_path):
    """line(text=HOUSE, broker=None, bus=None, tcp=None, options=()): a running Line; tcp: a port number."""
    made = []

    def make(text=HOUSE, broker=None, **options):
        directory = tmp_path / f"line{len(made)}"
        directory.mkdir()
        made.append(Line(directory, text, broker, **options))
        return made[-1].start()

    yield make
    for one in made:
        one.stop()
