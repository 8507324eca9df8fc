# SPDX-License-Identifier: MIT
"""What a broker and strangers may cost the gateway: sizes, limits, messages that a broker hangs up on, a slow uplink."""
import json
import resource
import socket
import statistics
import threading
import time

import pytest

from conftest import TOP, wait_until
from gwfix import gateway  # noqa: F401
from rawbroker import MAXIMUM_PACKET, RawBroker
from test_mqtt_client import probe  # noqa: F401
from simfix import PROFILES

MEMORY = 200 << 20  # bytes of address space, what the threads reserve included

ALONE = """\
gateway: gw
mqtt: {{broker: "{url}", sys_interval: 1s, version: {version}}}
buses: {{b: {{tcp: "127.0.0.1:1"}}}}
devices:
  d: {{bus: b, id: 1, points: {{P: {{holding: 0, write: {{}}}}}}}}
"""


@pytest.fixture
def alone(tmp_path, gateway):
    """alone(url): a gateway whose only device does not answer."""
    def make(url, version="auto", **options):
        config = tmp_path / "devices.yaml"
        config.write_text(ALONE.format(url=url, version=version))
        return gateway(arguments=["--config", config, "--profiles", PROFILES], **options)
    return make


def few_memory():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def memory(g, name):
    """kB of VmHWM, VmRSS …"""
    with open(f"/proc/{g.process.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(name + ":"))


def properties(response, correlation=b"1"):
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
    p = Properties(PacketTypes.PUBLISH)
    p.ResponseTopic, p.CorrelationData = response, correlation
    return p


def test_connect_reports_how_large_a_packet_may_be(alone):
    raw = RawBroker()
    alone(raw.url)
    wait_until(lambda: raw.connects)
    assert raw.connects[0].properties[MAXIMUM_PACKET] == 1 << 20


def test_a_large_payload_costs_no_memory(broker, client, make_client, alone):
    g = alone(broker.url, preexec_fn=few_memory)
    client.wait_for("xnet/sts/d/status", "offline")
    client.wait_for("xnet/sts/gw/status", "online")
    at_first = memory(g, "VmHWM")
    sender = make_client(broker)
    sender.publish("xnet/cmd/d/P", b"x" * 20_000_000, wait=False)
    sender.publish("xnet/cmd/d/nosuch", "1")
    nak = json.loads(client.wait_for("xnet/sts/d/Nak", lambda m: "nosuch" in m.text, limit=60).text)
    assert nak["value"] == "1"
    assert memory(g, "VmHWM") < at_first + 12_000
    assert g.process.poll() is None and len(client.all("xnet/sts/gw/status")) == 1


@pytest.mark.parametrize("topic", ["/".join(["a"] * 250), "xnet/sts/gw/status", "xnet/$SYS/gw/version", "xnet/cmd/d"],
                         ids=["deep", "sts", "sys", "cmd"])
def test_a_response_topic_that_does_harm_is_refused(broker, client, make_client, alone, topic):
    alone(broker.url)
    for told in ("xnet/sts/gw/status", "xnet/$SYS/gw/version", "xnet/$SYS/gw/device/d/info"):
        client.wait_for(told)
    sender = make_client(broker, version=5)
    mark = client.mark()
    sender.publish("xnet/cmd/d/P", "5", properties=properties(topic))
    assert "response topic" in json.loads(client.wait_for("xnet/sts/d/Nak", since=mark).text)["reason"]
    sender.publish("xnet/cmd/d/nosuch", "5", properties=properties(topic), retain=True)
    client.wait_for("xnet/sts/d/Nak", lambda m: "nosuch" in m.text)
    client.wait_for("xnet/$SYS/gw/time", since=client.mark())  # it lives on, on the same connection
    assert client.last("xnet/sts/gw/status", mark) == {}
    assert client.last("xnet/$SYS/gw/version", mark) == {}


def test_what_is_too_large_for_the_broker_is_not_sent(probe):
    raw = RawBroker(maximum_packet=300)
    p = probe(raw.port)
    p.wait_line("up 5")
    p.say("set info 6 0 " + "x" * 1000, "set value 4 1 " + "x" * 295, "post nak " + "x" * 1000, "post last x")
    wait_until(lambda: raw.of("last"))
    for topic in ("info", "value", "nak"):
        p.wait_line(f"refused {topic} not published: a packet of ")
    figures = p.figures()
    assert figures["dropped"] == "3" and figures["reconnects"] == "0"
    # to the byte: 300 go, 301 do not; property length, topic, number and two bytes of length before it
    p.say("post a " + "y" * (300 - 3 - 3 - 2 - 1), "post a " + "z" * (301 - 3 - 3 - 2 - 1), "post last y")
    wait_until(lambda: len(raw.of("last")) == 2)
    assert [m.size for m in raw.of("a")] == [300]


@pytest.mark.parametrize("version", [5, 4])
@pytest.mark.parametrize("bad", ["post bad x", "set bad 4 1 x", "set bad 4 0 x", "set bad 5 0 x"])
def test_a_message_that_ends_connections_is_sent_twice_at_most(probe, version, bad):
    raw = RawBroker(version=version, dislikes=lambda m: m.topic == "bad")
    p = probe(raw.port, "--version", str(version))
    p.wait_line(f"up {version}")
    p.say(*[f"set v{i} 4 {i % 2} x" for i in range(8)], "post n1 x", bad, "post n2 x", "set s 5 0 x")
    p.wait_line("refused bad not published: the broker ended two connections")
    p.say(bad, "post last x")  # the same again
    wait_until(lambda: raw.of("last"))
    assert len(raw.connects) == (3 if bad.startswith("set") else len(raw.of("bad")) + 1)
    assert len(raw.of("bad")) == 2 if bad.startswith("set") else 4
    assert int(p.figures()["dropped"]) == len(raw.of("bad")) // 2
    others = {"n1", "n2", "s", "last", *(f"v{i}" for i in range(8))}
    wait_until(lambda: {m.topic for m in list(raw.published)} >= others, what="all others")


def test_a_broker_that_ends_every_connection_convicts_no_message(probe):
    raw = RawBroker(ends=3)
    p = probe(raw.port)
    p.say("set s 5 1 x", "set v 4 0 x", "post n x")
    wait_until(lambda: {m.topic for m in list(raw.published)} >= {"s", "v", "n"}, what="all")
    assert len(raw.connects) == 4
    assert p.figures()["dropped"] == "0"


class SlowUplink(threading.Thread):
    """Passes so many bytes a second on to a port, and all that comes back."""

    def __init__(self, port, rate):
        super().__init__(daemon=True)
        self.to, self.rate = port, rate
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        near, _ = self.listener.accept()
        far = socket.create_connection(("127.0.0.1", self.to))
        threading.Thread(target=self.pump, args=(far, near, 0), daemon=True).start()
        self.pump(near, far, self.rate)

    @staticmethod
    def pump(a, b, rate):
        try:
            while data := a.recv(512):
                b.sendall(data)
                time.sleep(len(data) / rate if rate else 0)
        except OSError:
            pass


@pytest.mark.parametrize("qos", [0, 1])
def test_values_through_a_slow_uplink_are_fresh(broker, client, probe, qos):
    """A third of what changes can pass; a newer value replaces what waits, and nothing urgent waits long."""
    p = probe(SlowUplink(broker.port, 4000).port)
    p.wait_line("up 5")
    start = time.monotonic()
    for n in range(40):
        now = time.monotonic()
        p.say(*[f"set plant/device/v{i} 4 {qos} {now:.3f}" for i in range(50)])
        time.sleep(max(0, start + n * 0.2 - time.monotonic()))
    posted = time.monotonic()
    p.say("post plant/device/Nak n")
    nak = client.wait_for("plant/device/Nak")
    ages = [m.at - float(m.text) for m in client.all("plant/device/+") if m.topic[-3:] != "Nak" and m.at > posted - 2]
    print(f"median age {statistics.median(ages):.2f} s of {len(ages)}; Nak after {nak.at - posted:.2f} s")
    assert len(ages) > 20 and statistics.median(ages) < 2
    assert nak.at - posted < 2.5
