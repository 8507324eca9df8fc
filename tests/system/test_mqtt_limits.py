"""What a broker and strangers may cost the gateway: sizes, limits, messages that a broker hangs up on."""
import json
import resource

import pytest

from conftest import TOP, wait_until
from gwfix import gateway  # noqa: F401
from rawbroker import MAXIMUM_PACKET, RawBroker
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


def test_connect_says_how_large_a_packet_may_be(alone):
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
