# SPDX-License-Identifier: MIT
"""What stood still, the link, the gateway, the broker's side: a command that lay there meanwhile is not carried out."""
import json
import os
import select
import signal
import socket
import threading
import time

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from conftest import wait_until
from gwfix import gateway  # noqa: F401
from simfix import line  # noqa: F401

PLANT = """\
gateway: plant
mqtt: {{broker: "{broker}", version: %s, keepalive: %s, qos: {{command: 2}}, sys_interval: 1s}}
buses:
  rs485: {{port: {port}, baud: 115200}}
defaults:
  rates: {{fast: 300ms, normal: 300ms}}
devices:
  dev:
    bus: rs485
    id: 1
    points:
      A: {{holding: 0, command_timeout: 1s, write: true}}
      B: {{holding: 1, command_timeout: 1s, write: true}}
      C: {{holding: 2, command_timeout: 1s, write: true}}
      Kept: {{holding: 3, command_timeout: 1s, write: {{accept_retained: true}}}}
      Relay: {{coil: 0, command_timeout: 1s, write: {{toggle: 0x5500}}}}
"""
STILL = 3.5  # seconds: longer than command_timeout and what a link may take as usual


class Link(threading.Thread):
    """Stands before the broker: carries bytes in both directions, or holds them back."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.to = port
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.open = threading.Event()
        self.open.set()
        self.made = 0
        self.start()

    def run(self):
        while True:
            try:
                a, _ = self.server.accept()
            except OSError:
                return
            self.made += 1
            b = socket.create_connection(("127.0.0.1", self.to))
            threading.Thread(target=self.carry, args=(a, b), daemon=True).start()

    def carry(self, a, b):
        try:
            while True:
                for s in select.select([a, b], [], [])[0]:
                    self.open.wait()
                    data = s.recv(65536)
                    if not data:
                        return
                    (b if s is a else a).sendall(data)
        except OSError:
            pass
        finally:
            a.close()
            b.close()


def send(client, asker):
    """One of each kind; B with an answer asked for."""
    client.publish("xnet/cmd/dev/A", "11", qos=0)
    asked = Properties(PacketTypes.PUBLISH)
    asked.ResponseTopic, asked.CorrelationData = "answer", b"1"
    asker.publish("xnet/cmd/dev/B", "12", qos=1, properties=asked)
    client.publish("xnet/cmd/dev/C", "13", qos=2)
    client.publish("xnet/cmd/dev/Kept", "14", qos=1)
    client.publish("xnet/cmd/dev/Relay", "toggle", qos=1)


def refused(client, asker, since, version):
    naks = client.wait_count("xnet/sts/dev/Nak", 5, since=since)
    assert sorted(json.loads(m.text)["param"] for m in naks) == ["A", "B", "C", "Kept", "Relay"]
    for m in naks:
        assert "too late: it may have been delayed for" in m.text
    if version == "5":
        assert json.loads(asker.wait_for("answer").text)["ok"] is False


def goes_on(client, l, since):
    """No write so far; and a new command is carried out, once the doubt is over."""
    assert l.writes() == []

    def written():
        client.publish("xnet/cmd/dev/A", "77")
        return [w for w in l.writes("dev") if w["words"] == [77]]

    wait_until(written)
    assert {tuple(w["words"]) for w in l.writes("dev")} == {(77,)}
    client.wait_for("xnet/sts/dev/A", "77", since=since)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_the_gateway_stood_still(line, broker, client, make_client, gateway, version):
    asker = make_client(broker, "answer", version=5)
    l = line(PLANT % (version, "20s"), broker)
    g = gateway(l)
    client.wait_for("xnet/sts/dev/Relay", "off")
    since = client.mark()
    g.process.send_signal(signal.SIGSTOP)
    send(client, asker)
    time.sleep(STILL)
    g.process.send_signal(signal.SIGCONT)
    refused(client, asker, since, version)
    goes_on(client, l, since)
    assert "connection lost" not in g.text()  # the broker had patience: so had we


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_the_link_stood_still(line, broker, client, make_client, gateway, version):
    asker = make_client(broker, "answer", version=5)
    link = Link(broker.port)
    l = line(PLANT % (version, "20s"), link)
    g = gateway(l)
    client.wait_for("xnet/sts/dev/Relay", "off")
    since = client.mark()
    link.open.clear()
    send(client, asker)
    time.sleep(STILL)
    link.open.set()
    refused(client, asker, since, version)
    goes_on(client, l, since)
    assert link.made == 1


def test_a_silent_broker_is_given_up_in_time(line, broker, client, make_client, gateway):
    """Before it gives us up: what it sent by the old connection is not read any more."""
    link = Link(broker.port)
    l = line(PLANT % ("5", "2s"), link)
    g = gateway(l)
    client.wait_for("xnet/sts/dev/Relay", "off")
    began = time.monotonic()
    link.open.clear()
    since = client.mark()
    send(client, make_client(broker, version=5))
    g.process.wait_line("connection lost: the broker does not respond")
    assert time.monotonic() - began < 3 + 2  # what the broker waits, and a slow machine
    link.open.set()
    client.wait_for("xnet/sts/plant/status", "online", since=since)
    goes_on(client, l, since)


def test_the_keep_alive_of_the_broker_counts(gateway, line):
    """MQTT 5: it may want a shorter one than we offered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        class Here:
            url = f"mqtt://127.0.0.1:{server.getsockname()[1]}"

        gateway(line(PLANT % ("5", "20s"), Here))
        s, _ = server.accept()
        with s:
            s.settimeout(10)
            s.recv(4096)
            s.sendall(b"\x20\x06\x00\x00\x03\x13\x00\x03")  # CONNACK; Server Keep Alive 3 s
            began = time.monotonic()
            while time.monotonic() - began < 9 and s.recv(65536):
                pass  # says a lot first; then asks, and is not answered
            assert time.monotonic() - began < 9


def stopped(pid):
    """Every thread: until one has seen the signal the others go on."""
    states = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/stat", encoding="ascii") as f:
            states.append(f.read().rsplit(")", 1)[1].split()[0])
    return all(x == "T" for x in states)


class Held(threading.Thread):
    """A Modbus TCP device with one register; `frozen` stops the gateway before its next read is answered, and another
    client sets bit 8 before it goes on."""

    def __init__(self):
        super().__init__(daemon=True)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.word, self.written, self.frozen = 0, [], None
        self.start()

    def run(self):
        while True:
            threading.Thread(target=self.serve, args=(self.server.accept()[0],), daemon=True).start()

    def goes_on_later(self, process):
        time.sleep(2.5)
        self.word |= 0x100
        process.send_signal(signal.SIGCONT)

    def serve(self, s):
        while head := s.recv(7, socket.MSG_WAITALL):
            pdu = s.recv(int.from_bytes(head[4:6], "big") - 1, socket.MSG_WAITALL)
            if pdu[0] == 6:
                self.word = int.from_bytes(pdu[3:5], "big")
                self.written.append(self.word)
                answer = pdu
            elif pdu[0] == 3:
                answer = bytes([3, 2]) + self.word.to_bytes(2, "big")
                if self.frozen:
                    self.frozen.send_signal(signal.SIGSTOP)
                    wait_until(lambda: stopped(self.frozen.pid), what="the stop")  # all threads of it
                    threading.Thread(target=self.goes_on_later, args=(self.frozen,), daemon=True).start()
                    self.frozen = None
            else:
                answer = bytes([pdu[0] | 0x80, 1])
            s.sendall(head[:4] + (len(answer) + 1).to_bytes(2, "big") + head[6:] + answer)


def test_what_was_read_before_a_stand_still_is_read_again(tmp_path, broker, client, gateway):
    """One bit of a register whose device knows no masked write: what another client set meanwhile stays."""
    device = Held()
    config = tmp_path / "devices.yaml"
    config.write_text(f"""\
gateway: plant
mqtt: {{broker: "{broker.url}", sys_interval: 1s}}
buses: {{b: {{tcp: "127.0.0.1:{device.server.getsockname()[1]}", timeout: 500ms}}}}
devices: {{d: {{bus: b, id: 1, every: 60s, points: {{A: {{holding: 0, bit: 0, write: true}}, B: {{holding: 0, bit: 1, write: true}}}}}}}}
""")
    g = gateway(arguments=["--config", config])
    client.wait_for("xnet/sts/d/B", "off")
    client.publish("xnet/cmd/d/A", "on")  # finds out that it knows no masked write
    client.wait_for("xnet/sts/d/A", "on")
    device.frozen = g.process
    client.publish("xnet/cmd/d/B", "on")
    client.wait_for("xnet/sts/d/B", "on")
    assert device.frozen is None
    assert device.written == [1, 0x103] and device.word == 0x103
