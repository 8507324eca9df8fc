# SPDX-License-Identifier: MIT
"""The life of a command with a device of the test's own: each request is seen, so it is exact how often was written.

A device on Modbus TCP, because there a test can say of each single write what becomes of it.
"""
import json
import os
import shutil
import socketserver
import struct
import subprocess
import threading
import time

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from conftest import wait_until
from gwfix import gateway  # noqa: F401

PLANT = """\
gateway: plant
mqtt: {{broker: "{broker}", sys_interval: 1s}}
buses:
  net: {{tcp: "127.0.0.1:{port}", timeout: {timeout}}}
defaults:
  rates: {{fast: 200ms, normal: 300ms}}
devices:
  dev:
    bus: net
    id: 1
{device}
    points:
      Level: {{holding: 0, write: true}}
      Once: {{holding: 1, write: {{repeatable: false}}}}
      Code: {{holding: 2, type: u16, write: {{only: true}}}}
      Order: {{holding: 3, write: {{only: true}}}}
      Hasty: {{holding: 5, write: true}}
      Flip: {{coil: 7, write: {{toggle: 0x5500}}}}
      Door: {{coil: 6, write: {{pulse: 100ms}}}}
      Long: {{coil: 8, write: {{pulse: 800ms}}}}
      {more}
"""
WRITES = (5, 6, 15, 16)


class Device(socketserver.ThreadingTCPServer):
    """A device that does with its next writes what `plan` says: 'done', 'lost' (nothing happens), 'mute' (done, no
    answer), 'ignored' (nothing happens, and is acknowledged), 'echo' (done, the answer tells another value), 'other' (another value is stored), a number (that
    exception), a time in seconds (done and answered so much later)."""
    allow_reuse_address = daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.port = self.server_address[1]
        self.lock = threading.Lock()
        self.words, self.bits = [30] * 64, [False] * 64
        self.seen, self.plan = [], []  # writes: (fc, addr, value)
        self.released = threading.Event()

    def wait_seen(self, n, limit=40):
        return wait_until(lambda: len(self.seen) >= n and self.seen, limit, f"{n} writes")


class Handler(socketserver.BaseRequestHandler):
    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.request.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def handle(self):
        try:
            while True:
                head = self.exactly(7)
                pdu = self.answer(self.exactly(struct.unpack(">HHHB", head)[2] - 1))
                if pdu:
                    self.request.sendall(head[:4] + struct.pack(">HB", len(pdu) + 1, head[6]) + pdu)
        except (EOFError, OSError):
            pass

    def answer(self, pdu):
        d = self.server
        fc, addr, n = struct.unpack(">BHH", pdu[:5])
        if fc in WRITES:
            return self.write(pdu, fc, addr)
        with d.lock:
            if fc == 1:
                bits = sum(bit << i for i, bit in enumerate(d.bits[addr:addr + n]))
                return struct.pack(">BB", fc, (n + 7) // 8) + bits.to_bytes((n + 7) // 8, "little")
            if fc in (3, 4):
                return struct.pack(f">BB{n}H", fc, 2 * n, *d.words[addr:addr + n])
        return bytes([fc | 0x80, 1])

    def write(self, pdu, fc, addr):
        d = self.server
        values = [struct.unpack(">H", pdu[3:5])[0]] if fc < 15 else list(struct.unpack(f">{pdu[5] // 2}H", pdu[6:]))
        with d.lock:
            d.seen.append((fc, addr, values if fc == 16 else values[0]))
            what = d.plan.pop(0) if d.plan else "done"
        if isinstance(what, int):
            return bytes([fc | 0x80, what])
        if isinstance(what, float):
            d.released.wait(what)
        if what not in ("lost", "ignored"):
            with d.lock:
                for i, value in enumerate(values):
                    if fc == 5:
                        d.bits[addr] = not d.bits[addr] if value == 0x5500 else value == 0xFF00
                    else:
                        d.words[addr + i] = value + (what == "other")
        if what in ("lost", "mute"):
            return None
        return pdu[:4] + bytes([pdu[4] ^ 1]) if what == "echo" else pdu[:5]


@pytest.fixture
def device():
    d = Device()
    thread = threading.Thread(target=d.serve_forever, daemon=True)
    thread.start()
    yield d
    d.released.set()
    d.shutdown()
    d.server_close()
    thread.join(10)


@pytest.fixture
def plant(tmp_path, broker, client, gateway, device):
    """plant(more='a point', device_keys='…'): a gateway with the device online, its points read."""

    def make(more="", keys="", timeout="500ms", **options):
        config = tmp_path / "devices.yaml"
        config.write_text(PLANT.format(broker=broker.url, port=device.port, more=more, device=keys, timeout=timeout),
                          encoding="utf-8")
        g = gateway(arguments=["--config", config], **options)
        client.wait_for("xnet/sts/dev/Level")
        client.wait_for("xnet/sts/dev/Door")
        return g

    return make


class Requester:
    """An MQTT 5 client that asks for answers."""

    def __init__(self, client):
        self.client, self.n = client, 0

    def send(self, point, payload, expiry=None):
        p = Properties(PacketTypes.PUBLISH)
        self.n += 1
        p.ResponseTopic, p.CorrelationData = "answer", str(self.n).encode()
        if expiry:
            p.MessageExpiryInterval = expiry
        self.client.publish(f"xnet/cmd/dev/{point}", payload, properties=p)
        return self.n

    def answer(self, n, limit=40):
        m = self.client.wait_for("answer", lambda m: m.properties.CorrelationData == str(n).encode(), limit=limit)
        return json.loads(m.text)

    def ask(self, point, payload):
        return self.answer(self.send(point, payload))


@pytest.fixture
def requester(broker, make_client):
    return Requester(make_client(broker, "answer", version=5))


OFF, ON, TOGGLE = (5, 6, 0), (5, 6, 0xFF00), (5, 7, 0x5500)
LONG_OFF, LONG_ON = (5, 8, 0), (5, 8, 0xFF00)


@pytest.mark.parametrize("point, payload, plan, wire, reason", [
    ("Level", "45", ["done"], [(6, 0, 45)], None),
    # it refuses
    ("Level", "45", [1], [(6, 0, 45)], "exception 1"),
    ("Level", "45", [2], [(6, 0, 45)], "exception 2"),
    ("Level", "45", [3], [(6, 0, 45)], "exception 3"),
    ("Level", "45", [4], [(6, 0, 45)], "exception 4"),
    ("Level", "45", [5], [(6, 0, 45)], "device reports 30"),  # "later", it says, and never does
    ("Level", "45", [6, 6, 6], [(6, 0, 45)] * 4, None),       # not now
    ("Flip", "toggle", [6, 6], [TOGGLE] * 3, None),
    ("Door", "on", [2], [ON], "exception 2"),
    ("Door", "on", [4], [ON, OFF], "not known"),              # it failed, perhaps behind the switch
    ("Door", "on", [6], [ON, ON, OFF], None),
    # the request is lost
    ("Level", "45", ["lost"], [(6, 0, 45)] * 2, None),
    ("Level", "45", ["lost", "lost"], [(6, 0, 45)] * 2, "device reports 30"),
    ("Once", "45", ["lost"], [(6, 1, 45)], "device reports 30"),
    ("Order", "45", ["lost"], [(6, 3, 45)], "not known"),
    ("Flip", "toggle", ["lost"], [TOGGLE], "not repeated"),
    ("Door", "on", ["lost"], [ON, OFF], "not repeated"),
    # the answer is lost, or is another one
    ("Level", "45", ["mute"], [(6, 0, 45)], None),
    ("Level", "45", ["echo"], [(6, 0, 45)], None),
    ("Once", "45", ["mute"], [(6, 1, 45)], None),
    ("Order", "45", ["mute"], [(6, 3, 45)], "not known"),
    ("Flip", "toggle", ["mute"], [TOGGLE], "not repeated"),
    ("Flip", "toggle", ["echo"], [TOGGLE], "not repeated"),
    ("Door", "on", ["mute"], [ON, OFF], "not repeated"),
    ("Door", "on", ["done", "mute"], [ON, OFF], None),
    ("Door", "on", ["done", "lost"], [ON, OFF, OFF], None),
    # it does something else, or takes its time
    ("Level", "45", ["other"], [(6, 0, 45)], "not applied: device reports 46"),
    ("Flip", "toggle", ["ignored"], [TOGGLE], "not applied: device reports off"),
    ("Long", "on", ["ignored"], [LONG_ON, LONG_OFF], "not applied: device reports off"),
])
def test_how_often_is_written_and_what_is_reported(plant, device, requester, client, point, payload, plan, wire, reason):
    g = plant()
    device.plan = list(plan)
    answer = requester.ask(point, payload)
    assert answer["ok"] is (reason is None), answer
    assert reason is None or reason in answer["reason"]
    device.wait_seen(len(wire))
    if wire[-1] in (OFF, LONG_OFF):
        g.process.wait_line(f"command dev/{point} = off: verified")
    client.publish("xnet/cmd/dev/Hasty", "7")  # the line's order proves that nothing follows
    client.wait_for("xnet/sts/dev/Hasty", "7")
    assert device.seen == [*wire, (6, 5, 7)]
    assert device.bits[6] is False
    naks = client.all("xnet/sts/dev/Nak")
    assert [json.loads(m.text)["param"] for m in naks] == ([point] if reason else [])


def test_a_device_that_takes_three_seconds_is_written_once(plant, device, requester):
    plant(timeout="8s")
    device.plan = [3.0]
    began = time.monotonic()
    assert requester.ask("Level", "45") == {"ok": True, "param": "Level", "value": "45"}
    assert time.monotonic() - began >= 3
    assert device.seen == [(6, 0, 45)]


def test_a_command_lives_no_longer_than_its_message(plant, device, requester):
    plant(timeout="60s")
    device.plan = [50.0]
    first = requester.send("Level", "45")
    device.wait_seen(1)  # it takes the line
    patient, hasty = requester.send("Once", "3"), requester.send("Hasty", "31", expiry=1)
    assert requester.answer(hasty)["reason"] == "could not be sent in time"  # told while the line is taken
    assert not device.released.is_set() and len(device.seen) == 1
    device.released.set()
    assert requester.answer(first)["ok"] and requester.answer(patient)["ok"]
    assert device.seen == [(6, 0, 45), (6, 1, 3)]


def test_a_device_is_unlocked_before_the_first_write_and_again_after_a_refusal(plant, device, requester):
    plant(keys="    unlock: {point: Code, value: '2014', lasts: 1h}")
    for value in ("41", "42"):
        assert requester.ask("Level", value)["ok"]
    assert device.seen == [(6, 2, 2014), (6, 0, 41), (6, 0, 42)]
    device.plan = [2]  # it has locked itself again
    assert "exception 2" in requester.ask("Level", "43")["reason"]
    assert requester.ask("Level", "44")["ok"]
    assert device.seen[3:] == [(6, 0, 43), (6, 2, 2014), (6, 0, 44)]
    device.plan = [2, "lost"]  # locked again; and the code that follows never arrives
    assert "exception 2" in requester.ask("Level", "45")["reason"]
    requester.ask("Level", "46")
    assert requester.ask("Level", "47")["ok"]
    assert device.seen[6:] == [(6, 0, 45), (6, 2, 2014), (6, 0, 46), (6, 2, 2014), (6, 0, 47)]


CLOCK = "Clock: {holding: 10, type: datetime, length: 6, layout: [year, month, day, hour, min, sec], zone: utc, " \
        "write: true, sync: 1d}"
FAKE_CLOCK = r"""
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>
int adjtimex(struct timex *t)
{
	memset(t, 0, sizeof *t);
	t->status = access(FLAG, F_OK) ? STA_UNSYNC : 0;
	return access(FLAG, F_OK) ? TIME_ERROR : TIME_OK;
}
"""


@pytest.mark.skipif(not shutil.which("cc"), reason="no compiler")
def test_a_clock_is_set_only_while_our_own_is_synchronised(plant, device, client, tmp_path):
    flag, library, source = tmp_path / "synchronised", tmp_path / "clock.so", tmp_path / "clock.c"
    source.write_text(FAKE_CLOCK, encoding="utf-8")
    subprocess.run(["cc", "-shared", "-fPIC", f'-DFLAG="{flag}"', "-o", library, source], check=True)
    preload = " ".join(filter(None, [os.environ.get("LD_PRELOAD"), str(library)]))
    env = {**os.environ, "LD_PRELOAD": preload}
    device.words[10:16] = [2020, 1, 1, 0, 0, 0]
    g = plant(CLOCK, env=env)
    client.wait_for("xnet/sts/dev/Clock")
    client.publish("xnet/cmd/dev/Clock", "now")
    client.wait_for("xnet/sts/dev/Nak", lambda m: "not synchronised" in m.text)
    client.publish("xnet/cmd/dev/Level", "45")
    client.wait_for("xnet/sts/dev/Level", "45")
    assert device.seen == [(6, 0, 45)]  # it has been online for long
    assert g.stop() == 0
    flag.touch()
    mark, before = client.mark(), time.time()
    plant(CLOCK, env=env)
    device.wait_seen(2)
    fc, addr, words = device.seen[1]
    year, month, day, hour, minute, second = words
    told = time.mktime((year, month, day, hour, minute, second, 0, 0, 0)) - time.mktime(time.gmtime(0))
    assert (fc, addr) == (16, 10) and before - 2 <= told <= time.time() + 2
    client.wait_for("xnet/sts/dev/Clock", lambda m: m.text.startswith(f"{year:04}-{month:02}-{day:02}T"), since=mark)
    client.publish("xnet/cmd/dev/Level", "46")
    client.wait_for("xnet/sts/dev/Level", "46", since=mark)
    assert len(device.seen) == 3  # once
    assert len(client.all("xnet/sts/dev/Nak")) == 1


def naks(broker):
    with open(broker.log, encoding="utf-8", errors="replace") as f:
        return sum("Received PUBLISH from" in text and "/dev/Nak'" in text for text in f)


def test_a_write_goes_on_without_the_broker_and_is_reported_on_its_return(plant, device, broker, client):
    g = plant(timeout="20s")
    device.plan = [15.0, "other"]
    client.publish("xnet/cmd/dev/Level", "45")
    device.wait_seen(1)
    client.publish("xnet/cmd/dev/Once", "46")
    client.wait_for("xnet/$SYS/plant/commands/received", "2")
    mark = client.mark()
    broker.stop()
    g.process.wait_line("broker: connection lost")
    device.released.set()
    g.process.wait_line("command dev/Once = 46: differs")
    broker.start()
    client.wait_for("xnet/sts/dev/Level", "45", since=mark)
    client.wait_for("xnet/sts/dev/Once", "47", since=mark)
    # told when nobody may have been back to hear it: the broker's log knows
    wait_until(lambda: naks(broker) == 1, what="the Nak")
    assert device.seen == [(6, 0, 45), (6, 1, 46)]


def test_a_stop_finishes_what_is_on_the_wire_and_answers_what_waits(plant, device, requester):
    g = plant(timeout="20s")
    device.plan = [15.0]
    taken = requester.send("Level", "45")
    device.wait_seen(1)
    waits = requester.send("Once", "46")
    assert "not a number" in requester.ask("Once", "never")["reason"]  # what came before it has been taken
    g.process.terminate()
    g.process.wait_line("ending")
    device.released.set()
    assert requester.answer(waits)["reason"] == "shutting down"
    assert requester.answer(taken) == {"ok": True, "param": "Level", "value": "45"}
    assert g.process.wait(20) == 0
    assert device.seen == [(6, 0, 45)]


def test_what_comes_while_the_gateway_leaves_is_answered(plant, device, requester):
    g = plant()
    ended = threading.Event()

    def flood():
        while not ended.is_set():
            requester.send("Flip", "toggle")

    thread = threading.Thread(target=flood)
    thread.start()
    wait_until(lambda: len(device.seen) > 20, what="a flood")
    assert g.stop() == 0
    ended.set()
    thread.join()
    refused = g.text().count("refused (nothing written): shutting down")
    answers = lambda: sum("shutting down" in m.text for m in requester.client.all("answer"))
    wait_until(lambda: answers() >= refused, what=f"{refused} answers")


@pytest.mark.parametrize("plan, answer", [
    ([3.0], {"reason": "the gateway stopped before the response arrived; not known whether it was carried out"}),
    (["other"], {"reason": "not applied: device reports 46"}),
    (["mute"], {"value": "45"}),
    (["done"], {"value": "45"}),
])
def test_a_write_on_the_wire_at_the_stop_has_its_true_outcome(plant, device, requester, plan, answer):
    g = plant(timeout="4s" if plan == [3.0] else "300ms")
    device.plan = plan
    written = requester.send("Level", "45")
    device.wait_seen(1)
    assert g.stop() == 0
    told = requester.answer(written)
    assert {k: told[k] for k in answer} == answer and told["ok"] is ("value" in answer)
    assert device.seen == [(6, 0, 45)]


@pytest.mark.parametrize("end", ["goes on", "stop", "stop and start"])
def test_a_pulse_whose_end_is_refused_is_ended_later(plant, device, requester, client, tmp_path, end):
    run = tmp_path / "run"
    run.mkdir()
    env = {**os.environ, "RUNTIME_DIRECTORY": str(run)}
    g = plant("Slow: {coil: 9, write: {pulse: %s}}" % ("300ms" if end == "goes on" else "1h"), env=env)
    off, on = (5, 9, 0), (5, 9, 0xFF00)
    mark = client.mark()
    assert requester.ask("Slow", "on") == {"ok": True, "param": "Slow", "value": "on"}
    device.plan = [4] * (1 if end == "goes on" else 2 if end == "stop" else 20)
    if end == "goes on":
        client.wait_for("xnet/sts/plant/Alerts", lambda m: "dev/Slow" in m.text and "exception 4" in m.text, since=mark)
        mark = client.mark()
        client.wait_for("xnet/sts/dev/Slow", "off", since=mark)
        client.wait_for("xnet/sts/plant/Alerts", lambda m: "dev/Slow" not in m.text, since=mark)
        assert device.seen == [on, off, off]
    else:
        assert g.stop() == 0
        assert device.seen[:4] == [on, off, off, off]
        assert device.bits[9] is (end == "stop and start")
    if end == "stop and start":
        assert os.listdir(run) == ["pulse.dev.Slow"]
        device.plan, mark = [], client.mark()
        plant("Slow: {coil: 9, write: {pulse: 1h}}", env=env)
        client.wait_for("xnet/sts/dev/Slow", "off", since=mark)
    wait_until(lambda: os.listdir(run) == [], what="an empty journal")
    assert device.bits[9] is False


def test_more_commands_than_a_device_may_hold_are_busy(plant, device, requester):
    plant(timeout="20s")
    device.plan = [15.0]
    first = requester.send("Level", "45")
    device.wait_seen(1)
    toggles = [requester.send("Flip", "toggle") for _ in range(40)]
    newest = requester.send("Level", "46")
    told = [requester.answer(n)["reason"] for n in toggles[-9:]]
    assert set(told) == {"busy: too many commands are waiting for this device"}
    device.released.set()
    assert requester.answer(first)["ok"]
    assert requester.answer(newest)["ok"]  # it takes the place of the one before
    done = [requester.answer(n)["ok"] for n in toggles]
    assert done == [True] * 31 + [False] * 9
    assert device.seen == [(6, 0, 45)] + [TOGGLE] * 31 + [(6, 0, 46)]


@pytest.mark.parametrize("what, lifted", [("other", True), (4, False)])
def test_a_safe_value_is_lifted_by_what_the_device_took(plant, device, broker, client, requester, what, lifted):
    g = plant("Pump: {holding: 12, write: true, safe: {after: 1s, value: 5}}")
    client.wait_for("xnet/sts/dev/Pump", "30")
    broker.stop()
    g.process.wait_line("command dev/Pump = 5: verified")
    mark = client.mark()
    broker.start()
    client.wait_for("xnet/sts/plant/Alerts", lambda m: "safe value 5 in force: the broker is unreachable" in m.text, since=mark)
    wait_until(lambda: "broker: connected" in g.text().split("in force", 1)[1], what="the gateway's connection")
    device.plan = [what]
    mark = client.mark()
    assert not requester.ask("Pump", "60")["ok"]
    client.publish("xnet/cmd/dev/Level", "31")
    client.wait_for("xnet/sts/dev/Level", "31", since=mark)
    alerts = client.find("xnet/sts/plant/Alerts", lambda m: "safe value" not in m.text, since=mark)
    assert bool(alerts) is lifted
    assert device.seen == [(6, 12, 5), (6, 12, 60), (6, 0, 31)]


def test_a_keep_alive_does_not_go_before_a_newer_value(plant, device, requester):
    plant("Watch: {holding: 12, write: {rewrite: 300ms}}", timeout="20s")
    assert requester.ask("Watch", "5")["ok"]
    wait_until(lambda: device.seen.count((6, 12, 5)) >= 3, what="repetitions")
    device.plan = [15.0] * 2  # a repetition, or the first of these
    first = requester.send("Level", "45")
    wait_until(lambda: len(device.plan) < 2, what="a write that takes the line")
    newest = requester.send("Watch", "6")
    time.sleep(1)  # so long the value before would be repeated; nothing waits for it
    device.released.set()
    assert requester.answer(newest) == {"ok": True, "param": "Watch", "value": "6"}
    assert requester.answer(first)["ok"]
    n = len(device.seen)
    assert (6, 12, 6) in device.seen
    device.wait_seen(n + 3)
    assert set(device.seen[n:]) == {(6, 12, 6)}
