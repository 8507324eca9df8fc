# SPDX-License-Identifier: MIT
"""Commands from a broker to the wire, proved by the log of what was written there."""
import json

import pytest

from conftest import wait_until
from gwfix import gateway  # noqa: F401
from simfix import HOUSE, line  # noqa: F401


@pytest.fixture
def house(line, broker, client, gateway):
    l = line(HOUSE, broker)
    l.gateway = gateway(l)
    client.wait_for("xnet/sts/relay1/Relay8", "off")
    client.wait_for("xnet/sts/scc1/LoadEnable")
    return l


def written(l, device=None):
    return l.writes(device)


def nak(client, device, since):
    return json.loads(client.wait_for(f"xnet/sts/{device}/Nak", since=since).text)


def test_a_relay_is_switched_once_read_back_and_published(house, client):
    mark = client.mark()
    client.publish("xnet/cmd/relay1/Relay3", "on")
    client.wait_for("xnet/sts/relay1/Relay3", "on", since=mark)
    client.publish("xnet/cmd/relay1/Relay3", "off")
    client.wait_for("xnet/sts/relay1/Relay3", "off", since=mark)
    writes = written(house, "relay1")
    assert [(w["fc"], w["addr"]) for w in writes] == [(5, 2), (5, 2)]
    assert not client.all("xnet/sts/relay1/Nak")


def test_the_same_value_again_is_published_again(house, client):
    for _ in range(2):
        mark = client.mark()
        client.publish("xnet/cmd/relay1/Relay1", "on")
        client.wait_for("xnet/sts/relay1/Relay1", "on", since=mark)


@pytest.mark.parametrize("topic, payload, words", [
    ("relay1/Relay3", "maybe", "Relay3"),
    ("relay1/Relay3", "2", ""),
    ("relay1/Nothing", "1", ""),
    ("scc1/PvArrayVolts", "1", "read-only"),
    ("scc1/EqualizeInterval", "5,5", ""),
    ("scc1/EqualizeInterval", "NaN", ""),
    ("scc1/EqualizeInterval", "0x10", ""),
    ("scc1/EqualizeInterval", "251", "250"),
    ("scc1/EqualizeInterval", "-1", "0"),
])
def test_what_cannot_be_is_refused_with_its_reason_and_nothing_is_written(house, client, topic, payload, words):
    mark = client.mark()
    client.publish(f"xnet/cmd/{topic}", payload)
    device, point = topic.split("/")
    told = nak(client, device, mark)
    assert told["param"] == point and told["value"] == payload and told["reason"]
    assert words in told["reason"] + point
    assert written(house) == []


def test_a_retained_command_is_refused_and_an_empty_one_ignored(line, broker, client, gateway):
    client.publish("xnet/cmd/relay1/Relay2", "on", retain=True)
    l = line(HOUSE, broker)
    gateway(l)
    told = nak(client, "relay1", 0)
    assert "retained" in told["reason"]
    client.wait_for("xnet/sts/relay1/Relay2", "off")
    mark = client.mark()
    client.publish("xnet/cmd/relay1/Relay2", "", retain=True)
    client.publish("xnet/cmd/relay1/Relay1", "on")
    client.wait_for("xnet/sts/relay1/Relay1", "on", since=mark)
    assert [w["addr"] for w in written(l)] == [0]
    assert not client.all("xnet/sts/relay1/Nak", since=mark)


def test_several_values_in_one_object_are_all_written_or_none(house, client):
    mark = client.mark()
    client.publish("xnet/cmd/relay1", json.dumps({"Relay1": "on", "Relay2": True, "Relay4": 1}))
    for n in (1, 2, 4):
        client.wait_for(f"xnet/sts/relay1/Relay{n}", "on", since=mark)
    mark, before = client.mark(), len(written(house))
    client.publish("xnet/cmd/relay1", json.dumps({"Relay5": "on", "Relay6": "perhaps"}))
    client.wait_count("xnet/sts/relay1/Nak", 2, since=mark)
    client.publish("xnet/cmd/relay1", "{not json")
    client.wait_count("xnet/sts/relay1/Nak", 3, since=mark)
    assert len(written(house)) == before


def test_a_device_that_refuses_is_reported(house, client):
    house.fault("relay1", "exception 4")
    mark = client.mark()
    client.publish("xnet/cmd/relay1/Relay3", "on")
    assert "4" in nak(client, "relay1", mark)["reason"]


def test_a_command_to_an_offline_device_gets_one_try_and_a_nak(house, client):
    mark = client.mark()
    house.unplug("relay1")
    client.wait_for("xnet/sts/relay1/status", "offline", since=mark)
    mark = client.mark()
    client.publish("xnet/cmd/relay1/Relay3", "on")
    assert nak(client, "relay1", mark)["reason"]
    house.plug("relay1")
    client.wait_for("xnet/sts/relay1/status", "online", since=mark)
    assert written(house, "relay1") == []


def test_a_lost_answer_never_switches_twice(house, client):
    mark = client.mark()
    house.fault("relay1", "late 3s", times=1)
    client.publish("xnet/cmd/relay1/Relay3", "on")
    client.wait_for("xnet/sts/relay1/Relay3", "on", since=mark, limit=40)
    # diagnostics (8) may prove the device in step again; they switch nothing
    assert [(w["fc"], w["addr"]) for w in written(house, "relay1")] == [(5, 2)]


def test_an_mqtt5_request_gets_its_answer(house, broker, make_client):
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
    c = make_client(broker, "answer/#", version=5)
    p = Properties(PacketTypes.PUBLISH)
    p.ResponseTopic, p.CorrelationData = "answer/here", b"\x00\x17\xff"
    c.publish("xnet/cmd/relay1/Relay5", "on", properties=p)
    m = c.wait_for("answer/here")
    assert json.loads(m.text) == {"ok": True, "param": "Relay5", "value": "on"}
    assert m.properties.CorrelationData == b"\x00\x17\xff"
    c.publish("xnet/cmd/relay1/Relay5", "perhaps", properties=p)
    m = c.wait_for("answer/here", lambda m: '"ok":false' in m.text)
    assert json.loads(m.text)["reason"]


def test_the_last_of_many_values_stands_on_device_and_topic(house, client):
    mark = client.mark()
    for n in range(50):
        client.publish("xnet/cmd/scc1/EqualizeInterval", str(n + 1), wait=False)
    client.wait_for("xnet/sts/scc1/EqualizeInterval", "50", since=mark, limit=40)
    told = [m.text for m in client.all("xnet/sts/scc1/EqualizeInterval", since=mark)]
    assert told[-1] == "50" and told == sorted(told, key=int)
    writes = written(house, "scc1")
    assert writes[-1]["words"] == [50] and len(writes) <= 50


def test_get_reads_now_and_publishes_again(house, client):
    house.freeze()
    client.wait_for("xnet/sts/meter1/Volts")
    mark = client.mark()
    client.publish("xnet/get/meter1/SerialNumber")
    client.wait_for("xnet/sts/meter1/SerialNumber", since=mark)


def test_a_command_while_stopping_is_answered_or_done(house, client):
    mark = client.mark()
    client.publish("xnet/cmd/relay1/Relay7", "on")
    assert house.gateway.stop() == 0
    wait_until(lambda: client.find("xnet/sts/relay1/Nak", since=mark) or written(house, "relay1") or
               client.find("xnet/sts/house/status", "offline", since=mark), what="an end")
    assert len(written(house, "relay1")) <= 1


def request(topic, correlation=b"1"):
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
    p = Properties(PacketTypes.PUBLISH)
    p.ResponseTopic, p.CorrelationData = topic, correlation
    return p


def test_get_is_answered_with_what_was_read(house, broker, make_client):
    c = make_client(broker, "answer/#", version=5)
    house.freeze()
    house.set("meter1", "RealPower", 1234.5)
    house.set("scc1", "BattVolts", 13.5)
    for topic, param, value in (("meter1/RealPower", "RealPower", "1234.5"), ("scc1/BattVolts", "BattVolts", "13.50"),
                                ("meter1", "", "")):
        mark = c.mark()
        c.publish(f"xnet/get/{topic}", properties=request("answer/get"))
        assert json.loads(c.wait_for("answer/get", since=mark).text) == {"ok": True, "param": param, "value": value}


def test_get_of_what_cannot_be_read_is_reported(house, broker, client, make_client):
    c = make_client(broker, "answer/#", version=5)
    house.fault("meter1", "exception 4")
    # no read from before is on its way any more
    wait_until(lambda: house.stats()["devices"]["meter1"]["refused"] > 0, what="a refused read")
    mark = client.mark()
    c.publish("xnet/get/meter1/RealPower", properties=request("answer/get"))
    assert "exception 4" in json.loads(c.wait_for("answer/get").text)["reason"]
    assert nak(client, "meter1", mark)["param"] == "RealPower"
    house.fault("meter1", "none")
    house.unplug("meter1")
    client.wait_for("xnet/sts/meter1/status", "offline", since=mark)
    mark, since = client.mark(), c.mark()
    c.publish("xnet/get/meter1/RealPower", properties=request("answer/get"))
    assert json.loads(c.wait_for("answer/get", since=since, limit=40).text)["ok"] is False
    assert nak(client, "meter1", mark)["param"] == "RealPower"
    mark = client.mark()
    client.publish("xnet/get/meter1/Nothing")
    assert "no such point" in nak(client, "meter1", mark)["reason"]
