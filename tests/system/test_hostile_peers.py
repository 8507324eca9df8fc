# SPDX-License-Identifier: MIT
"""Neighbours that take what they can: devices that never end or hardly begin, floods of messages, files without an end.

Each has its bound: memory, the worst gap between two reads of an honest device on another bus, and that what follows
is done. How late a busy machine is does not count: some second must be within the bound.
"""
import os
import resource
import socket
import socketserver
import struct
import subprocess
import threading
import time

import pytest

from conftest import LIMIT, TOP, free_port, wait_until
from gwfix import gateway  # noqa: F401

PERIOD, WORST = 0.2, 1.10
FLOOD = int(os.environ.get("XNET_FLOOD", "8000"))  # make soak: 100,000 topics
GROWTH = 12 << 10  # kB that a flood may leave behind: the queues, and what malloc keeps

MAP = """
gateway: plant
mqtt: {{broker: '{broker}', sys_interval: 1s}}
buses:
  good: {{tcp: '127.0.0.1:{good}'}}
  bad: {{tcp: '127.0.0.1:{bad}', timeout: 300ms}}
  worse: {{rtu_tcp: '127.0.0.1:{bad}', timeout: 300ms}}
devices:
  honest: {{bus: good, id: 1, points: {{T: {{holding: 0, every: 200ms, write: {{min: 0, max: 65535}}}},
                                        Rare: {{holding: 9, poll: on-demand}}}}}}
  evil(1..2): {{bus: bad, id: 1..2, points: {{T: {{holding: 0, every: 200ms}}}}}}
  evil3: {{bus: worse, id: 1, points: {{T: {{holding: 0, every: 200ms}}}}}}
"""


class Honest(socketserver.ThreadingTCPServer):
    """One device; remembers when T was read."""
    allow_reuse_address = daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", free_port()), self.Answers)
        self.reads, self.word = [], 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Answers(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self):
            while len(head := self.rfile.read(7)) == 7:
                pdu = self.rfile.read(int.from_bytes(head[4:6], "big") - 1)
                self.wfile.write(head[:4] + self.answer(pdu, head[6:]))

        def answer(self, pdu, unit):
            if pdu[0] == 6:
                self.server.word = int.from_bytes(pdu[3:5], "big")
                text = pdu
            else:
                if pdu[1:3] == b"\0\0":
                    self.server.reads.append(time.monotonic())
                n = int.from_bytes(pdu[3:5], "big")
                text = bytes([pdu[0], 2 * n]) + self.server.word.to_bytes(2, "big") * n
            return (len(text) + 1).to_bytes(2, "big") + unit + text

    def worst_gap(self, since):
        times = [t for t in self.reads if t >= since]
        return max((b - a for a, b in zip(times, times[1:])), default=9.9)


class Evil(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

    def __init__(self, kind):
        super().__init__(("127.0.0.1", free_port()), self.Sends)
        self.kind = kind
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Sends(socketserver.BaseRequestHandler):
        def handle(self):
            try:
                if self.server.kind == "without end":
                    while True:
                        self.request.sendall(bytes(65536))
                while True:  # an answer that never gets anywhere
                    self.request.sendall(b"\0")
                    time.sleep(1)
            except OSError:
                pass


@pytest.fixture
def plant(tmp_path, broker, client, gateway):  # noqa: F811
    made = []

    def make(kind):
        good, bad = Honest(), Evil(kind)
        made.extend((good, bad))
        config = tmp_path / "devices.yaml"
        config.write_text(MAP.format(broker=broker.url, good=good.server_address[1], bad=bad.server_address[1]))
        g = gateway(arguments=["-c", str(config)], log="info")
        client.wait_for("xnet/sts/honest/status", "online")
        client.wait_for("xnet/sts/honest/T", "0")
        return good, g

    yield make
    for s in made:
        s.shutdown()
        s.server_close()


def memory(g, key="VmRSS"):
    with open(f"/proc/{g.process.pid}/status", encoding="ascii") as f:
        return next(int(x.split()[1]) for x in f if x.startswith(key + ":"))


def in_time(good):
    """Some second in which no gap between two reads was above the bound."""
    def second():
        since = time.monotonic()
        time.sleep(1)
        return good.worst_gap(since) <= PERIOD * WORST
    wait_until(second, what=f"a second with gaps of at most {WORST} of the period")


def lives(g, good, client, value):
    mark = client.mark()
    client.publish("xnet/cmd/honest/T", str(value))
    client.wait_for("xnet/sts/honest/T", str(value), since=mark, limit=30)
    assert good.word == value and g.process.poll() is None


@pytest.mark.parametrize("kind", ["without end", "one byte a second"])
def test_a_device_that_never_ends_holds_up_no_other(plant, client, kind):
    good, g = plant(kind)
    in_time(good)
    before = memory(g)
    in_time(good)
    lives(g, good, client, 4711)
    assert memory(g) - before < 1024
    for device in ("evil1", "evil2", "evil3"):
        client.wait_for(f"xnet/$SYS/plant/device/{device}/state", lambda m: m.text.startswith("offline: "))
    assert g.stop() == 0


def mqtt_text(s):
    return struct.pack(">H", len(s)) + s.encode()


def mqtt_packet(first, body):
    size, n = b"", len(body)
    while True:
        size += bytes([n % 128 | (128 if n > 127 else 0)])
        n //= 128
        if not n:
            return bytes([first]) + size + body


def flood(port, messages):
    """All at once, at QoS 0, and then that the broker has them: by a client of few lines."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(mqtt_packet(0x10, mqtt_text("MQTT") + b"\4\2\0\0" + mqtt_text("flood")))
        s.recv(4)
        s.sendall(b"".join(mqtt_packet(0x30, mqtt_text("xnet/" + t) + p.encode()) for t, p in messages) + b"\xc0\0")
        s.settimeout(LIMIT)
        assert s.recv(2) == b"\xd0\0"


def floods(n):
    return [
        ("commands", [("cmd/honest/T", str(i)) for i in range(n // 2)]),
        ("topics", [(f"cmd/nobody{i}/P{i}", "1") for i in range(n)]),
        ("sub and unsub", [(("sub/honest", "unsub/honest")[i % 2], '["Rare"]') for i in range(n // 4)]),
        ("get", [("get/honest/T", "") for _ in range(n // 4)]),
        ("1 MB", [("cmd/honest/T", "9" * 1_000_000)] * (n // 1000)),
        ("deep JSON", [("cmd/honest", '{"T":' + "[" * 3000)] * (n // 40)),
    ]


def test_floods_cost_no_memory_and_what_follows_is_done(plant, broker, client):
    good, g = plant("one byte a second")
    for _, messages in floods(FLOOD // 4):  # the queues get their size
        flood(broker.port, messages)
    lives(g, good, client, 42)
    before = memory(g)
    for i, (kind, messages) in enumerate(floods(FLOOD)):
        print(kind)
        flood(broker.port, messages)
        lives(g, good, client, 100 + i)
        in_time(good)
    assert memory(g) - before < GROWTH
    assert memory(g, "VmHWM") < 100 << 10
    assert g.stop() == 0


BOMB = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else '1'}]\n" for i in range(12))
FILES = {
    "alias bomb": BOMB,
    "10 MB of one text": "gateway: " + "x" * 10_000_000,
    "10 MB of keys": "".join(f"k{i}: 1\n" for i in range(1_000_000)),
    "deep": "devices: " + "{a: " * 100_000,
    "10,000 devices": "buses: {b: {tcp: '127.0.0.1:1'}}\nmqtt: {broker: mqtt://localhost}\ndevices:\n" + "".join(
        f"  d{i}: {{bus: b, id: {i % 247 + 1}, points: {{P: {{holding: {i % 60000}}}}}}}\n" for i in range(10000)),
    "a range without end": "buses: {b: {tcp: '127.0.0.1:1'}}\nmqtt: {broker: mqtt://localhost}\ndevices:\n"
                           "  d(1..999999999): {bus: b, id: 1..247, points: {P: {holding: 0}}}\n",
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_without_an_end_is_refused_or_read_in_bounds(tmp_path, kind):
    def bounds():
        resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
    path = tmp_path / "devices.yaml"
    path.write_text(FILES[kind])
    done = subprocess.run([os.path.join(TOP, "xnetd"), "--check", "-c", str(path)], preexec_fn=bounds,
                          capture_output=True, timeout=60, check=False)
    assert done.returncode in (0, 78), done.stderr[-500:]  # 78: the configuration is wrong
    assert len(done.stdout) + len(done.stderr) < 512 << 10
    assert done.returncode == 0 or done.stderr + done.stdout
