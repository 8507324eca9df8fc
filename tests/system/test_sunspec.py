# SPDX-License-Identifier: MIT
"""SunSpec devices: models are found where the device has them, and nothing is believed of a place where they are
no more."""
import json

import pytest

from conftest import free_port, wait_until
from gwfix import gateway  # noqa: F401
from simfix import line  # noqa: F401

MAP = """\
gateway: house
mqtt: {{broker: "{broker}"}}
buses:
  plant: {{tcp: "127.0.0.1:{tcp}"}}
defaults:
  rates: {{fast: 200ms, normal: 300ms, slow: 500ms}}
devices:
  inv: {{profile: sunspec, bus: plant, id: 1}}
"""
OLD = "40000:1,103,120,123,160"
NEW = "50000:64001/3,160/28,123,1/65,103"


@pytest.fixture
def inverter(line, broker, gateway):
    """inverter(chain): the line with its gateway; the values stand still."""

    def make(chain, **values):
        l = line(MAP, broker, tcp=free_port(), options=["--sunspec", "inv=" + chain])
        l.freeze()
        for point, value in values.items():
            l.set("inv", point, value)
        l.gateway = gateway(l)
        return l

    return make


def replace(l, chain, **values):
    """Another device under the same address, faster than the gateway can miss the old one."""
    l.unplug("inv")
    l.command("chain inv " + chain)
    for point, value in values.items():
        l.set("inv", point, value)
    l.plug("inv")


def told(client, point):
    return {m.text for m in client.all("xnet/sts/inv/" + point)}


def test_models_are_found_at_another_base_in_another_order(inverter, client):
    inverter(NEW, AcOut1RealPower=1234, Pv1Volts=370.5, PowerLimitPercent=80, SerialNumber="SN-77")
    for point, text in (("AcOut1RealPower", "1234.0"), ("Pv1Volts", "370.5"), ("PowerLimitPercent", "80.0"),
                        ("SerialNumber", "SN-77"), ("InverterType", "Three Phases"), ("status", "online")):
        client.wait_for("xnet/sts/inv/" + point, text)


def test_what_the_device_does_not_have_is_not_published(inverter, client):
    l = inverter(NEW, AcOut1RealPower=1234)
    client.wait_for("xnet/sts/inv/AcOut1RealPower", "1234.0")
    info = client.wait_for("xnet/$SYS/house/device/inv/info",
                           lambda m: all(p["name"] != "GridPower" for p in json.loads(m.text)["points"]))
    names = {p["name"] for p in json.loads(info.text)["points"]}
    assert {"AcOut1RealPower", "Pv1Power"} <= names
    assert not names & {"Pv2Power", "PowerRating", "BattVolts", "GridPower"}
    client.publish("xnet/cmd/inv/BattMinStateOfCharge", "20")
    client.wait_for("xnet/sts/inv/Nak", lambda m: json.loads(m.text)["param"] == "BattMinStateOfCharge")
    client.publish("xnet/get/inv", "")
    client.wait_count("xnet/sts/inv/Pv1Power", 2)
    for point in ("Pv2Power", "PowerRating", "BattVolts", "GridPower", "Batt1Volts"):
        assert not told(client, point)
    assert not l.writes("inv")


def test_a_command_goes_where_the_model_is(inverter, client):
    l = inverter(NEW, PowerLimitPercent=80)
    client.wait_for("xnet/sts/inv/PowerLimitPercent", "80.0")
    client.publish("xnet/cmd/inv/PowerLimitPercent", "65")
    client.wait_for("xnet/sts/inv/PowerLimitPercent", "65.0")
    write, = l.wait_writes("inv", 1)
    assert write["addr"] == 50000 + 2 + 5 + 30 + 5  # behind the mark and the models 64001 and 160


def test_a_device_replaced_by_another_gives_no_wrong_value(inverter, client):
    l = inverter(OLD, AcOut1RealPower=1000, Pv1Volts=300, PvTrackers=6, SerialNumber="OLD")
    client.wait_for("xnet/sts/inv/AcOut1RealPower", "1000.0")
    client.wait_for("xnet/sts/inv/Pv1Volts", "300.0")
    mark = client.mark()
    for i in range(1, 6):
        replace(l, ("40000:1,160,103", OLD)[i % 2 == 0], AcOut1RealPower=1000 + i, Pv1Volts=300 + i,
                SerialNumber=f"NEW{i}")
        for point, text in (("AcOut1RealPower", f"{1000 + i}.0"), ("Pv1Volts", f"{300 + i}.0"),
                            ("SerialNumber", f"NEW{i}")):
            client.wait_for("xnet/sts/inv/" + point, text, since=mark)
    assert told(client, "AcOut1RealPower") == {f"{1000 + i}.0" for i in range(6)}
    assert told(client, "Pv1Volts") == {f"{300 + i}.0" for i in range(6)}
    assert told(client, "SerialNumber") == {"OLD"} | {f"NEW{i}" for i in range(1, 6)}


def test_topics_of_models_that_are_gone_are_cleared(inverter, client):
    l = inverter(OLD, AcOut1RealPower=1000, Pv1Volts=300)
    client.wait_for("xnet/sts/inv/Pv1Volts", "300.0")
    mark = client.mark()
    replace(l, "50000:1,103", AcOut1RealPower=1001)
    client.wait_for("xnet/sts/inv/AcOut1RealPower", "1001.0", since=mark)
    client.wait_for("xnet/sts/inv/Pv1Volts", "", since=mark)
    replace(l, OLD, AcOut1RealPower=1002, Pv1Volts=302)
    client.wait_for("xnet/sts/inv/AcOut1RealPower", "1002.0", since=mark)
    client.wait_for("xnet/sts/inv/Pv1Volts", "302.0", since=mark)


def test_topics_of_an_earlier_life_are_cleared(inverter, client, gateway):
    l = inverter(OLD, AcOut1RealPower=1000, Pv1Volts=300)
    client.wait_for("xnet/sts/inv/Pv1Volts", "300.0")
    assert l.gateway.stop() == 0
    l.command("chain inv 40000:1,103")
    mark = client.mark()
    gateway(l)
    client.wait_for("xnet/sts/inv/Pv1Volts", "", since=mark)
    client.wait_for("xnet/sts/inv/status", "online", since=mark)


def test_a_device_without_models_stays_offline_and_refuses_commands(inverter, client):
    l = inverter("30000:1,103")
    client.wait_for("xnet/sts/house/Alerts", lambda m: "has no SunSpec models" in m.text)
    client.publish("xnet/cmd/inv/PowerLimitPercent", "50")
    client.wait_for("xnet/sts/inv/Nak", lambda m: "SunSpec models are not found" in m.text)
    assert told(client, "status") == {"offline"}
    assert not l.writes("inv") and not told(client, "AcOut1RealPower")
    mark = client.mark()
    l.command("chain inv " + OLD)
    client.wait_for("xnet/sts/inv/status", "online", since=mark)
    client.wait_for("xnet/sts/house/Alerts", lambda m: "SunSpec" not in m.text, since=mark)


def test_models_of_others_only_are_none(inverter, client):
    inverter("40000:64001/10,64002/5")
    client.wait_for("xnet/sts/house/Alerts", lambda m: "64001, 64002, none of the profile's" in m.text)


def test_a_reload_keeps_the_chain(inverter, client):
    l = inverter(NEW, AcOut1RealPower=1234)
    client.wait_for("xnet/sts/inv/AcOut1RealPower", "1234.0")
    l.edit(("id: 1", "id: 1, omit: [Model]"))
    mark = client.mark()
    l.gateway.reload()
    wait_until(lambda: "reload: 1 bus," in l.gateway.text(), what="the reload")
    l.set("inv", "AcOut1RealPower", 1235)
    client.wait_for("xnet/sts/inv/AcOut1RealPower", "1235.0", since=mark)
    assert "offline" not in [m.text for m in client.all("xnet/sts/inv/status")[1:]]
    assert l.gateway.text().count("SunSpec models at") == 1
    client.publish("xnet/cmd/inv/PowerLimitPercent", "40")
    client.wait_for("xnet/sts/inv/PowerLimitPercent", "40.0", since=mark)
