# SPDX-License-Identifier: MIT
"""Thousands of random commands from eight clients, with faults on the line and a broker that restarts.

Each command has a number of its own as its value, so that the answer, the audit line in the log and the
write on the wire can be told apart. XNET_STORM=10000 makes it a soak.
"""
import collections
import itertools
import json
import os
import random
import re
import subprocess
import threading
import time

import pytest

from conftest import LIMIT, wait_until
from gwfix import gateway  # noqa: F401
from simfix import line  # noqa: F401

paho_packets = pytest.importorskip("paho.mqtt.packettypes")
paho_properties = pytest.importorskip("paho.mqtt.properties")

COMMANDS = int(os.environ.get("XNET_STORM", "2000"))
SEED = int(os.environ.get("XNET_SEED", "5"))
CLIENTS = 8
DEVICES = ("plc1", "plc2", "plc3")
PACE = 0.07  # seconds between two commands of one client, on average
SETTLED = 60  # seconds; the last outcomes wait for time-outs and read-backs

PLANT = """\
gateway: storm
mqtt: {{broker: "{broker}", sys_interval: 1s}}
buses:
  rs485: {{port: {port}, baud: 115200, timeout: 60ms}}
defaults:
  rates: {{fast: 200ms, normal: 1s}}
devices:
""" + "".join(f"""\
  {name}:
    bus: rs485
    id: {i + 1}
    points:
      A: {{{{holding: 0, type: u32, every: 500ms, write: true}}}}
      B: {{{{holding: 2, type: u32, every: 500ms, write: true}}}}
      C: {{{{holding: 4, type: u32, every: 500ms, write: true}}}}
      Alone: {{{{holding: 20, type: u32, every: 500ms, write: {{{{verify: false}}}}}}}}
      Order: {{{{holding: 30, type: u32, write: {{{{only: true}}}}}}}}
      Once: {{{{holding: 40, type: u32, every: 500ms, write: {{{{repeatable: false}}}}}}}}
      Door: {{{{coil: 6, write: {{{{pulse: 20ms}}}}}}}}
      Flip: {{{{coil: 7, write: {{{{toggle: 0x5500}}}}}}}}
""" for i, name in enumerate(DEVICES))

NUMBERS = {0: "A", 2: "B", 4: "C", 20: "Alone", 30: "Order", 40: "Once"}
AUDIT = re.compile(r"command (\w+)/(\w+) = (.*?): "
                   r"(verified|acknowledged|differs|refused|failed|superseded|expired|busy) \(")


class Requester:
    """One of the eight: sends at random, keeps what it sent and each answer."""

    def __init__(self, number, broker, make_client, serial, rng):
        self.number, self.serial, self.rng = number, serial, rng
        self.topic = f"answer/{number}"
        self.client = make_client(broker, self.topic, version=5)
        self.sent = {}  # correlation → (device, {point: text}, phase)
        self.errors = []

    def _payload(self):
        points = self.rng.sample(list(NUMBERS.values()), self.rng.choice((1, 1, 1, 2, 3)))
        kind = self.rng.random()
        if kind < 0.04:
            return {"Flip": "toggle"}
        if kind < 0.08:
            return {"Door": "on"}
        if kind < 0.12:
            return {points[0]: f"{next(self.serial)}.5x"}
        return {p: str(next(self.serial)) for p in points}

    def send(self, phase):
        device, items = self.rng.choice(DEVICES), self._payload()
        correlation = f"{self.number}.{len(self.sent)}"
        p = paho_properties.Properties(paho_packets.PacketTypes.PUBLISH)
        p.ResponseTopic, p.CorrelationData = self.topic, correlation.encode()
        self.sent[correlation] = (device, items, phase)
        if len(items) == 1:
            (point, text), = items.items()
            self.client.publish(f"xnet/cmd/{device}/{point}", text, qos=0, wait=False, properties=p)
        else:
            self.client.publish(f"xnet/cmd/{device}", json.dumps(items), qos=0, wait=False, properties=p)

    def run(self, n, phase):
        try:
            for _ in range(n):
                wait_until(lambda: self.client.connected, 60, "the client's connection")
                self.send(phase)
                time.sleep(self.rng.random() * 2 * PACE)  # a rate, not a wait for anything
        except Exception as e:  # of a thread: told by the test
            self.errors.append(e)

    def answers(self):
        """correlation → its answers"""
        got = collections.defaultdict(list)
        for m in self.client.all(self.topic):
            got[m.properties.CorrelationData.decode()].append(json.loads(m.text))
        return got


class Faults(threading.Thread):
    """Disturbs the line until it is told to end."""

    KINDS = ("exception 2", "exception 3", "exception 4", "exception 5", "exception 6", "crc", "short",
             "silent", "mute", "late 100ms")

    def __init__(self, l, rng):
        super().__init__(daemon=True)
        self.line, self.rng, self.over, self.error, self.n = l, rng, threading.Event(), None, 0

    def run(self):
        try:
            while not self.over.wait(0.01 + 0.06 * self.rng.random()):
                self.line.fault(self.rng.choice(DEVICES), self.rng.choice(self.KINDS), times=1)
                self.n += 1
            for d in DEVICES:
                self.line.fault(d, "none")
        except Exception as e:  # of a thread: told by the test
            self.error = e


def rss(pid):
    """kB in memory that is the process's own."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"RssAnon:\s+(\d+)", f.read())[1])


def storm(requesters, n, phase, between=None):
    threads = [threading.Thread(target=r.run, args=(n // CLIENTS, phase), daemon=True) for r in requesters]
    for t in threads:
        t.start()
    if between:
        between()
    for t in threads:
        t.join(10 * LIMIT + n)
        assert not t.is_alive()
    for r in requesters:
        assert not r.errors, r.errors


def audited(g):
    """(device, point, value) → [ends], of commands; the gateway's own writes are `off` of pulses only."""
    found = collections.defaultdict(list)
    for device, point, text, end in AUDIT.findall(g.text()):
        found[device, point, text].append(end)
    return found


def figures(client):
    last = client.last("xnet/$SYS/storm/commands/+")
    n = {t.rsplit("/", 1)[1]: int(v) for t, v in last.items() if v.isdigit()}
    received = n.pop("received", -1)
    return received, sum(n.values())


def check_wire(l, requesters, lossy):
    """Nothing on the wire that nobody commanded, and nothing more often than its rule allows."""
    commanded = collections.Counter()
    for r in requesters:
        for device, items, _ in r.sent.values():
            for point, text in items.items():
                commanded[device, point, text] += 1
    wrote, done = collections.Counter(), collections.Counter()
    for w in l.writes():
        if w["exception"] == 6:
            continue  # busy: nothing was done, so it may go out again
        if w["fc"] in (5, 15):
            point, on = {6: "Door", 7: "Flip"}[w["addr"]], w["words"][0]
            assert point == "Door" and on in (0, 0xFF00) or point == "Flip" and on == 0x5500, w
            wrote[w["device"], point, {0: "off", 0xFF00: "on", 0x5500: "toggle"}[on]] += 1
            continue
        assert w["fc"] == 16 and len(w["words"]) % 2 == 0, w
        for k in range(0, len(w["words"]), 2):
            value = w["words"][k] << 16 | w["words"][k + 1]
            wrote[w["device"], NUMBERS[w["addr"] + k], str(value)] += 1
            done[w["device"], NUMBERS[w["addr"] + k], str(value)] += not w["exception"]
    for (device, point, text), n in wrote.items():
        if text == "off":
            assert wrote[device, point, "on"] or not lossy  # its end, as often as it takes
        elif text in ("on", "toggle"):
            assert n <= commanded[device, point, text], (device, point, text, n)
        else:
            assert commanded[device, point, text] == 1, f"{device}/{point} = {text} was never commanded"
            assert done[device, point, text] <= 1 or point != "Once", (device, point, text)
            # one more try after an answer that was lost, one by one after exception 1
            assert n <= (3 if point not in ("Once", "Order") else 2), (device, point, text, n)
    return wrote


def test_every_command_has_exactly_one_outcome(line, broker, client, gateway, make_client):
    print(f"XNET_SEED={SEED} XNET_STORM={COMMANDS}")
    l = line(PLANT, broker)
    g = gateway(l)
    for d in DEVICES:
        client.wait_for(f"xnet/sts/{d}/status", "online")
        client.wait_for(f"xnet/sts/{d}/A")
    serial = itertools.count(1000)
    requesters = [Requester(i, broker, make_client, serial, random.Random(SEED + i)) for i in range(CLIENTS)]

    # a first part on a clean line warms everything up
    storm(requesters, COMMANDS // 5, "clean")
    faults = Faults(l, random.Random(SEED + 99))
    faults.start()
    before = rss(g.process.pid)
    storm(requesters, COMMANDS * 2 // 5, "faults")

    def answered():
        time.sleep(0.2)  # counting is not cheap
        return all(len(r.client.all(r.topic)) == len(r.sent) for r in requesters)

    wait_until(answered, SETTLED, "an answer to each command")

    def restarts():
        for _ in range(2):
            mark = client.mark()
            sent = sum(len(r.sent) for r in requesters)
            wait_until(lambda: sum(len(r.sent) for r in requesters) > sent + COMMANDS // 10, 10 * LIMIT, "commands")
            broker.restart()
            client.wait_for("xnet/sts/storm/status", "online", since=mark, limit=60)

    storm(requesters, COMMANDS * 2 // 5, "restarts", restarts)
    faults.over.set()
    faults.join(LIMIT)
    assert faults.error is None and faults.n > COMMANDS // 100

    wait_until(lambda: figures(client)[0] == figures(client)[1] > 0, SETTLED, "an end of each command received")
    grown = rss(g.process.pid) - before
    assert grown < 1024, f"{grown} kB more after the storm"
    assert g.process.poll() is None

    log = audited(g)
    unheard = 0
    for r in requesters:
        answers = r.answers()
        assert set(answers) <= set(r.sent)
        for correlation, (device, items, phase) in r.sent.items():
            got = answers.get(correlation, [])
            assert len(got) <= 1, f"{correlation} {items}: answered {got}"
            ends = [log[device, p, t] for p, t in items.items() if t not in ("on", "toggle")]
            if not got:
                # lost with the broker: on its way to the gateway, or the answer on its way back
                assert phase == "restarts", f"{correlation} {items}: no response"
                unheard += not any(ends)
                assert all(len(e) <= 1 for e in ends) and len({len(e) for e in ends}) <= 1, (items, ends)
            else:
                assert all(len(e) == 1 for e in ends), f"{items}: {ends}, answered {got}"
    received, ended = figures(client)
    lines = sum(len(v) for (_, p, t), v in log.items() if (p, t) != ("Door", "off"))
    sent = sum(len(items) for r in requesters for _, items, _ in r.sent.values())
    assert received == ended == lines, (received, ended, lines)
    assert received >= sent - 3 * unheard
    counts = collections.Counter(e for v in log.values() for e in v)
    wrote = check_wire(l, requesters, True)
    for (device, point, text), v in log.items():
        if not v:
            continue  # asked for above, but never received
        if point in NUMBERS.values() and v[0] in ("verified", "acknowledged"):
            assert wrote[device, point, text], f"{device}/{point} = {text} is told {v[0]}, but was not written"
        if point in NUMBERS.values() and v[0] in ("busy", "expired"):
            assert not wrote[device, point, text], f"{device}/{point} = {text} is told {v[0]}, but was written"
    print(f"sent {sent}, received {received}, lost with the broker {unheard}, faults {faults.n}, "
          f"{dict(counts)}, rss {before} kB + {grown} kB")
    assert counts["verified"] > COMMANDS // 20 and counts["superseded"] and counts["refused"]
    assert l.keeps_silence(), l.stats()


def test_a_flood_is_answered_whole_and_the_last_value_wins(line, broker, client, gateway):
    l = line(PLANT, broker)
    g = gateway(l)
    client.wait_for("xnet/sts/plc1/C")
    client.wait_for("xnet/sts/plc2/C")
    mark, before = client.mark(), rss(g.process.pid)
    n = COMMANDS * 2
    for i in range(n):
        client.publish(f"xnet/cmd/plc1/{'ABC'[i % 3]}", str(i), qos=0, wait=False)
        if i % 500 == 0:
            client.publish("xnet/cmd/plc2/A", str(i), qos=0, wait=False)
    for i, point in ((n - 1, "ABC"[(n - 1) % 3]), (n - 2, "ABC"[(n - 2) % 3])):
        client.wait_for(f"xnet/sts/plc1/{point}", str(i), since=mark, limit=60)
    wait_until(lambda: figures(client) == (n + (n + 499) // 500,) * 2, SETTLED, "an end of each command")
    assert rss(g.process.pid) - before < 4096
    # the neighbour on the line was heard all the time, and polls went on
    assert client.find("xnet/sts/plc2/A", since=mark)


@pytest.mark.skipif(subprocess.run(["sh", "-c", "command -v mosquitto_rr"], stdout=subprocess.DEVNULL,
                                   check=False).returncode != 0, reason="mosquitto_rr is not installed")
def test_mosquitto_rr_gets_its_answer(line, broker, client, gateway):
    l = line(PLANT, broker)
    gateway(l)
    client.wait_for("xnet/sts/plc1/A")
    for payload, ok in (("4711", True), ("never", False)):
        out = subprocess.run(["mosquitto_rr", "-V", "5", "-p", str(broker.port), "-W", "20", "-q", "1", "-t",
                              "xnet/cmd/plc1/A", "-e", "answer/rr", "-m", payload],
                             stdout=subprocess.PIPE, timeout=40, check=True).stdout
        answer = json.loads(out)
        assert answer["ok"] is ok and answer["param"] == "A" and answer["value"] == payload
        assert ok or answer["reason"]
    assert [w["words"] for w in l.writes("plc1")] == [[0, 4711]]
