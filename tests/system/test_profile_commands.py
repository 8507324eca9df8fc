# SPDX-License-Identifier: MIT
"""Commands of profiles whose devices want other words than the value: what stands on the wire."""
import pytest

from simfix import line  # noqa: F401

MAP = """\
gateway: house
mqtt: {{broker: "{broker}"}}
buses:
  rs485: {{port: {port}, baud: 38400, format: 8N1}}
devices:
  relay1: {{profile: eletechsup-n4d8b08, bus: rs485, id: 1}}
  scc1: {{profile: tristar-mppt, bus: rs485, id: 2}}
  scc2: {{profile: renogy-rover, bus: rs485, id: 3}}
  scc3: {{profile: midnite-classic, bus: rs485, id: 4}}
  temp1: {{profile: xy-md02, bus: rs485, id: 5}}
  drive1: {{profile: delta-vfd, bus: rs485, id: 6}}
  inv1: {{profile: victron-vebus, bus: rs485, id: 7}}
  hvac1: {{profile: systemair-save, bus: rs485, id: 8}}
"""


@pytest.mark.parametrize("topic, payload, write", [
    # on and off are words of their own, read back as 1 and 0
    ("relay1/Relay2", "on", (6, 2, [0x0100])),
    ("relay1/Relay2", "toggle", (6, 2, [0x0300])),
    ("relay1/AllRelays", "off", (6, 0, [0x0800])),
    # a word of flags, each an action
    ("scc3/ForceFloat", "on", (6, 4159, [0x0020])),
    ("scc3/SaveSettings", "save on", (6, 4159, [0x0004])),
    ("scc3/CustomAbsorptionVoltage", "57.6", (6, 4148, [576])),
    ("scc1/ClearFaults", "on", (5, 0x14, [0xFF00])),
    # the load's switch, and a negative correction
    ("scc2/LoadEnable", "Off", (6, 0x010A, [0])),
    ("temp1/TempOffset", "-1.5", (6, 0x0103, [0xFFF1])),
    # written elsewhere than it is read
    ("drive1/SpeedSetPoint", "25.5", (6, 0x2001, [2550])),
    ("drive1/Run", "Forward", (6, 0x2000, [0x0012])),
    ("inv1/OpMode", "Charger Only", (6, 33, [1])),
    ("hvac1/OpModeRequest", "Away", (6, 1161, [6])),
])
def test_a_command_is_written_as_the_device_wants_it(topic, payload, write, line, broker, client, start):  # noqa: F811
    one = line(MAP, broker)
    start("xnetd", *one.arguments)
    device, point = topic.split("/")
    client.wait_for(f"xnet/sts/{device}/status", "online")
    client.publish(f"xnet/cmd/{topic}", payload)
    wrote = one.wait_writes(device, 1)
    assert [(w["fc"], w["addr"], w["words"], w["exception"]) for w in wrote] == [(*write, 0)]


def test_a_setting_in_the_device_s_own_steps_is_rounded_to_the_nearest(line, broker, client, start):  # noqa: F811
    one = line(MAP, broker)
    start("xnetd", *one.arguments)
    one.freeze()
    for name, word in (("VoltsPerStepWhole", 180), ("VoltsPerStepPart", 0)):
        one.set("scc1", name, word)
    client.wait_for("xnet/sts/scc1/CustomFloatVoltage")
    client.publish("xnet/cmd/scc1/CustomFloatVoltage", "eeprom 54.00")
    wrote = one.wait_writes("scc1", 1)
    assert [(w["fc"], w["addr"], w["words"], w["exception"]) for w in wrote] == [(6, 0xE001, [9830], 0)]


def test_volts_for_12_v_go_out_in_one_block(line, broker, client, start):  # noqa: F811
    one = line(MAP, broker)
    one.freeze()
    one.set("scc2", "SystemVolts", 24)
    one.set("scc2", "LowVoltageReconnectThresh", 25.2)
    start("xnetd", *one.arguments)
    client.wait_for("xnet/sts/scc2/SystemVolts", "24")
    client.wait_for("xnet/sts/scc2/CustomAbsorptionVoltage")
    client.wait_for("xnet/sts/scc2/BattTempCompensation")
    client.publish("xnet/cmd/scc2/CustomAbsorptionVoltage", "28.8")
    wrote = one.wait_writes("scc2", 1)
    assert [(w["fc"], w["addr"], len(w["words"]), w["exception"]) for w in wrote] == [(16, 0xE005, 16, 0)]
    assert wrote[0]["words"][3] == 144


def test_volts_against_a_rule_are_refused_and_nothing_is_written(line, broker, client, start):  # noqa: F811
    one = line(MAP, broker)
    one.freeze()
    start("xnetd", *one.arguments)
    client.wait_for("xnet/sts/scc2/BattTempCompensation")
    floating = float(client.wait_for("xnet/sts/scc2/CustomFloatVoltage").text)
    client.publish("xnet/cmd/scc2/CustomAbsorptionVoltage", f"{floating - 1:.1f}")
    assert "rule" in client.wait_for("xnet/sts/scc2/Nak").text
    assert one.writes("scc2") == []
