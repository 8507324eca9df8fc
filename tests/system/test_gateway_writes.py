# SPDX-License-Identifier: MIT
"""Every kind of write, from the topic to the wire: what was written, how often, and what was told."""
import json
import os

import pytest

from conftest import LIMIT, wait_until
from gwfix import gateway  # noqa: F401
from simfix import HEAD, HOUSE, line  # noqa: F401

PLANT = HEAD + """\
  boiler:
    bus: rs485
    id: 1
    points:
      SetPoint: {{holding: 40, scale: 0.1, unit: °C, write: {{min: 20, max: 75, step: 0.5}}}}
      Eeprom: {{holding: 41, write: {{persistent: true}}}}
      Wrong: {{holding: 42, write: {{address: 43}}, settle: 1s}}
      Rare: {{holding: 44, write: {{min_write_interval: 2s}}}}
      Rarest: {{holding: 46, write: {{min_write_interval: 1h}}}}
      Reset: {{holding: 45, write: {{confirm: really}}}}
      Hasty: {{holding: 47, write: {{command_timeout: 1s}}}}
      Low: {{holding: 50, bits: 0..3, write: true}}
      High: {{holding: 50, bits: 4..7, write: true}}
      Nine: {{holding: 50, bit: 9, write: true}}
      R1: {{holding: 60, write: true}}
      R2: {{holding: 61, type: s16, write: true}}
      R3: {{holding: 62, type: u32, write: true}}
      Trusted: {{holding: 63, write: {{verify: false}}}}
      Action: {{coil: 9, write: {{only: true}}}}
      Door: {{coil: 6, write: {{pulse: {pulse}}}}}
  masked:
    bus: rs485
    id: 2
    functions: [3, 6, 16, 22]
    points:
      Low: {{holding: 50, bits: 0..3, write: true}}
  quiet:
    bus: rs485
    id: 5
    commands: off
    points: {{X: {{holding: 0, write: true}}}}
"""

SAFE = HEAD + """\
  pump:
    bus: rs485
    id: 2
    points:
      Speed: {{holding: 0, write: true, safe: {{after: 1s, value: 10, when: [broker]}}}}
      Valve: {{holding: 1, write: true, safe: {{after: 1500ms, value: 3, when: [no_command]}}}}
"""


def plant(line, broker, client, gateway, text=PLANT, pulse="300ms", before=None, **options):
    text = text.replace("{pulse}", pulse)
    l = line(text, broker)
    l.freeze()
    for point in ("SetPoint", "Eeprom", "Wrong", "Rare", "Rarest", "Reset", "Hasty", "R1", "R2", "R3", "Trusted"):
        if point in text:
            l.set("boiler", point, 30)
    if "Nine" in text:
        for point, value in (("Low", 5), ("High", 6), ("Nine", 1)):
            l.set("boiler", point, value)
    if before:
        before(l)
    l.gateway = gateway(l, **options)
    return l


@pytest.fixture
def boiler(line, broker, client, gateway):
    l = plant(line, broker, client, gateway)
    for p in ("boiler/SetPoint", "boiler/R3", "boiler/High", "boiler/Hasty", "boiler/Door", "masked/Low", "quiet/X"):
        client.wait_for(f"xnet/sts/{p}")
    return l


def nak(client, device, since, limit=LIMIT):
    return json.loads(client.wait_for(f"xnet/sts/{device}/Nak", since=since, limit=limit).text)


def said(l, device):
    """(fc, addr, words) of each write."""
    return [(w["fc"], w["addr"], w["words"]) for w in l.writes(device)]


def command(client, topic, payload, told=None, limit=LIMIT):
    mark = client.mark()
    client.publish(f"xnet/cmd/{topic}", payload)
    client.wait_for(f"xnet/sts/{topic}", told or payload, since=mark, limit=limit)


# -- groups, bits, several at once ----------------------------------------------------


def test_a_group_goes_out_as_one_write_with_its_other_members_kept(line, broker, client, gateway):
    l = line(HOUSE, broker)
    l.freeze()
    gateway(l)
    client.wait_for("xnet/sts/scc1/BattDischargeLimitVoltage", limit=60)
    names = {}
    for point, value in (("CustomBulkVoltage", 14.4), ("CustomFloatVoltage", 13.7), ("BatteryCapacity", 200)):
        l.set("scc1", point, value)
        names[point] = value
    l.set("scc1", "BatteryType", "User")
    mark = client.mark()
    client.publish("xnet/cmd/scc1/CustomBulkVoltage", "14.2")
    client.wait_for("xnet/sts/scc1/CustomBulkVoltage", "14.20", since=mark)
    (fc, addr, words), = said(l, "scc1")
    assert (fc, addr, len(words)) == (16, 0x9000, 15)
    assert words[0] == 0 and words[1] == 200 and words[7] == 1420 and words[8] == 1370
    assert not client.all("xnet/sts/scc1/Nak")


def test_a_field_of_a_register_leaves_the_others_as_they_are(boiler, client):
    command(client, "boiler/Low", "10")
    assert said(boiler, "boiler") == [(6, 50, [0x026A])]
    command(client, "boiler/Nine", "off")
    assert said(boiler, "boiler")[1:] == [(6, 50, [0x006A])]


def test_a_device_with_mask_write_gets_that(boiler, client):
    command(client, "masked/Low", "9")
    (fc, addr, words), = said(boiler, "masked")
    assert (fc, addr) == (22, 50) and words[-2:] == [0xFFF0, 0x0009]


def test_several_neighbours_in_one_object_go_out_in_one_write(boiler, client):
    mark = client.mark()
    client.publish("xnet/cmd/boiler", json.dumps({"R3": 70000, "R1": 1, "R2": -2}))
    for p, v in (("R1", "1"), ("R2", "-2"), ("R3", "70000")):
        client.wait_for(f"xnet/sts/boiler/{p}", v, since=mark)
    assert said(boiler, "boiler") == [(16, 60, [1, 0xFFFE, 1, 70000 - 65536])]


# -- rules of single points -----------------------------------------------------------


def test_what_an_eeprom_already_holds_is_not_written_and_answered_as_done(boiler, client):
    command(client, "boiler/Eeprom", "30")
    assert said(boiler, "boiler") == []
    command(client, "boiler/Eeprom", "31")
    command(client, "boiler/Eeprom", "31")
    assert said(boiler, "boiler") == [(6, 41, [31])]
    boiler.set("boiler", "Eeprom", 77)  # changed at the device itself, and asked for again
    command(client, "boiler/Eeprom", "77")
    assert said(boiler, "boiler") == [(6, 41, [31])]
    assert not client.all("xnet/sts/boiler/Nak")


ELSEWHERE = HEAD + """\
  far:
    bus: rs485
    id: 6
    points:
      Level: {{holding: 10, write: {{address: 90, persistent: true}}}}
      Measured: {{input: 20, write: {{address: 91, persistent: true}}}}
      Run: {{holding: 30, bit: 0, write: {{address: 92, on: 0x100, off: 0x200, persistent: true}}}}
"""


def test_what_is_held_is_looked_up_where_it_is_read(line, broker, client, gateway):
    def before(l):
        for point, value in (("Level", 30), ("Measured", 40), ("Run", "off")):
            l.set("far", point, value)

    l = plant(line, broker, client, gateway, ELSEWHERE, before=before)
    client.wait_for("xnet/sts/far/Run", "off")
    client.wait_for("xnet/sts/far/Measured", "40")
    for point, value in (("Level", "30"), ("Measured", "40"), ("Run", "off")):
        command(client, f"far/{point}", value)
    assert said(l, "far") == []
    command(client, "far/Level", "31")
    l.set("far", "Level", 29)  # at the device itself; what was written still says 31
    command(client, "far/Level", "31")
    command(client, "far/Run", "on")
    command(client, "far/Run", "on")
    assert [(a, w) for _, a, w in said(l, "far")] == [(90, [31]), (90, [31]), (92, [0x100])]


def test_a_relay_is_toggled_by_its_own_word_once(line, broker, client, gateway):
    l = line(HOUSE, broker)
    gateway(l)
    client.wait_for("xnet/sts/relay1/Relay1", "off")
    command(client, "relay1/Relay1", "toggle", "on")
    command(client, "relay1/Relay1", "toggle", "off")
    assert [(w["fc"], w["addr"], w["words"]) for w in l.writes("relay1")] == [(5, 0, [0x5500])] * 2


def test_a_dangerous_action_wants_its_word(boiler, client):
    mark = client.mark()
    client.publish("xnet/cmd/boiler/Reset", "7")
    assert "really" in nak(client, "boiler", mark)["reason"]
    assert said(boiler, "boiler") == []
    command(client, "boiler/Reset", "really 7", "7")
    assert said(boiler, "boiler") == [(6, 45, [7])]


def test_a_write_only_action_is_reported_once_and_not_retained(boiler, client, broker, make_client):
    mark = client.mark()
    client.publish("xnet/cmd/boiler/Action", "on")
    client.wait_for("xnet/sts/boiler/Action", "on", since=mark)
    assert said(boiler, "boiler") == [(5, 9, [0xFF00])]
    late = make_client(broker, "xnet/sts/boiler/+")
    late.wait_for("xnet/sts/boiler/SetPoint")
    late.wait_for("xnet/sts/boiler/status")
    assert not late.all("xnet/sts/boiler/Action")


def test_an_unverified_write_is_reported_without_the_old_value_in_between(boiler, client):
    client.wait_for("xnet/sts/boiler/Trusted", "30")
    mark = client.mark()
    client.publish("xnet/cmd/boiler/Trusted", "31")
    client.wait_count("xnet/sts/boiler/Trusted", 2, since=mark)  # as acknowledged, then as polled
    assert [m.text for m in client.all("xnet/sts/boiler/Trusted", since=mark)] == ["31", "31"]


def test_a_register_is_not_written_more_often_than_it_may(boiler, client):
    command(client, "boiler/Rare", "1")
    mark = client.mark()
    for n in (2, 3, 4):
        client.publish("xnet/cmd/boiler/Rare", str(n))
    client.wait_for("xnet/sts/boiler/Rare", "4", since=mark)
    writes = boiler.writes("boiler")
    assert [w["words"] for w in writes] == [[1], [4]]
    assert writes[1]["time"] - writes[0]["time"] >= 1.95
    command(client, "boiler/Rarest", "1")
    mark = client.mark()
    client.publish("xnet/cmd/boiler/Rarest", "2")
    assert "next write possible in" in nak(client, "boiler", mark)["reason"]


def test_commands_that_are_off_are_refused(boiler, client):
    mark = client.mark()
    client.publish("xnet/cmd/quiet/X", "1")
    assert "off" in nak(client, "quiet", mark)["reason"]
    assert said(boiler, "quiet") == []


# -- devices that do not do as they are told ------------------------------------------


def test_a_device_that_stores_another_value_is_reported_with_that_value(boiler, client):
    mark = client.mark()
    client.publish("xnet/cmd/boiler/Wrong", "55")
    boiler.wait_writes("boiler", 1)
    boiler.set("boiler", "Wrong", 30)  # before it is read back
    told = nak(client, "boiler", mark)
    assert told == {"param": "Wrong", "value": told["value"], "reason": "not applied: device reports 30"}
    assert said(boiler, "boiler") == [(6, 43, [55])]
    # what was read stands there, and came before its Nak
    seen = [m.topic for m in client.messages[mark:]]
    assert client.all("xnet/sts/boiler/Wrong", since=mark)[-1].text == "30"
    assert seen.index("xnet/sts/boiler/Wrong") < seen.index("xnet/sts/boiler/Nak")


@pytest.mark.parametrize("code, times", [(1, 1), (2, 1), (3, 1), (4, 1), (6, 1)])
def test_an_exception_is_reported_and_not_repeated(boiler, client, code, times):
    mark = client.mark()
    boiler.fault("boiler", f"exception {code}")
    client.publish("xnet/cmd/boiler/SetPoint", "45")
    told = nak(client, "boiler", mark, limit=40)
    assert f"exception {code}" in told["reason"] or code == 6
    writes = said(boiler, "boiler")
    assert set(map(str, writes)) == {str((6, 40, [450]))}
    assert len(writes) == times or code == 6  # busy: it says that it did nothing, and is asked again
    boiler.fault("boiler", "none")


def test_accepted_and_takes_its_time_is_verified_by_reading(boiler, client):
    mark = client.mark()
    boiler.fault("boiler", "exception 5")
    client.publish("xnet/cmd/boiler/SetPoint", "45")
    wait_until(lambda: said(boiler, "boiler"), what="the write")
    boiler.fault("boiler", "none")
    # the simulated device did not do it in the end
    assert "30.0" in nak(client, "boiler", mark)["reason"]
    assert len(said(boiler, "boiler")) == 1


def test_a_device_that_takes_three_seconds_is_written_once(line, broker, client, gateway):
    l = plant(line, broker, client, gateway, PLANT.replace("id: 1\n", "id: 1\n    timeout: 5s\n"))
    client.wait_for("xnet/sts/boiler/SetPoint", "30.0")
    l.delay("boiler", "3s")
    command(client, "boiler/SetPoint", "45", "45.0", limit=60)
    assert said(l, "boiler") == [(6, 40, [450])]


@pytest.mark.parametrize("fault, times", [("silent", 2), ("mute", 1), ("crc", 1), ("short", 1)])
def test_without_an_answer_the_register_is_read_before_anything_is_repeated(boiler, client, fault, times):
    mark = client.mark()
    # polls ask too: the fault must meet the write
    while True:
        n = len(said(boiler, "boiler"))
        boiler.fault("boiler", fault, times=1)
        value = 40 + n
        command(client, "boiler/SetPoint", str(value), f"{value}.0", limit=40)
        mine = [w for w in said(boiler, "boiler")[n:] if w[2] == [value * 10]]
        assert 1 <= len(mine) <= times
        if len(mine) == times and (times > 1 or n > 3) or n > 20:
            break
    assert not client.all("xnet/sts/boiler/Nak", since=mark)


def test_what_is_not_on_the_wire_in_time_is_reported_expired_and_never_written(line, broker, client, gateway):
    l = plant(line, broker, client, gateway, PLANT.replace("id: 1\n", "id: 1\n    timeout: 5s\n"))
    client.wait_for("xnet/sts/boiler/Hasty", "30")
    mark = client.mark()
    l.delay("boiler", "2500ms")
    client.publish("xnet/cmd/boiler/R1", "5")  # takes the line for its time
    l.wait_writes("boiler", 1)
    client.publish("xnet/cmd/boiler/Hasty", "31")
    told = nak(client, "boiler", mark)
    assert told["param"] == "Hasty" and told["reason"] == "could not be sent in time"
    l.delay("boiler", "5ms")
    command(client, "boiler/SetPoint", "45", "45.0", limit=40)
    assert said(l, "boiler") == [(6, 60, [5]), (6, 40, [450])]


# -- pulses ---------------------------------------------------------------------------


def test_a_pulse_is_switched_off_by_itself(boiler, client):
    mark = client.mark()
    client.publish("xnet/cmd/boiler/Door", "on")
    boiler.wait_writes("boiler", 2)
    client.wait_for("xnet/sts/boiler/Door", "off", since=mark)
    assert said(boiler, "boiler") == [(5, 6, [0xFF00]), (5, 6, [0])]
    on, off = boiler.writes("boiler")
    assert off["time"] - on["time"] >= 0.2  # `on` may be seen late


def test_a_stop_ends_a_pulse_first(line, broker, client, gateway, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    l = plant(line, broker, client, gateway, pulse="50s", env={**os.environ, "RUNTIME_DIRECTORY": str(run)})
    client.wait_for("xnet/sts/boiler/Door", "off")
    client.publish("xnet/cmd/boiler/Door", "on")
    l.wait_writes("boiler", 1)
    client.wait_for("xnet/sts/boiler/Door", "on")
    assert os.listdir(run) == ["pulse.boiler.Door"]
    assert l.gateway.stop() == 0
    assert said(l, "boiler") == [(5, 6, [0xFF00]), (5, 6, [0])]
    assert os.listdir(run) == []


def test_a_pulse_cut_by_a_crash_is_ended_at_the_next_start(line, broker, client, gateway, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    env = {**os.environ, "RUNTIME_DIRECTORY": str(run)}
    l = plant(line, broker, client, gateway, pulse="50s", env=env)
    client.wait_for("xnet/sts/boiler/Door", "off")
    client.publish("xnet/cmd/boiler/Door", "on")
    l.wait_writes("boiler", 1)
    l.gateway.kill()
    assert os.listdir(run) == ["pulse.boiler.Door"]
    l.unplug("boiler")  # and it is not even there at first
    mark = client.mark()
    g = gateway(l, env=env)
    client.wait_for("xnet/sts/masked/status", "online", since=mark)
    g.process.wait_line("pulse of boiler/Door was interrupted")
    l.plug("boiler")
    l.wait_writes("boiler", 2, limit=60)
    wait_until(lambda: os.listdir(run) == [], what="an empty journal")
    assert said(l, "boiler") == [(5, 6, [0xFF00]), (5, 6, [0])]


def test_a_pulse_cut_by_a_crash_is_not_ended_in_another_register(line, broker, client, gateway, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    env = {**os.environ, "RUNTIME_DIRECTORY": str(run)}
    l = plant(line, broker, client, gateway, pulse="50s", env=env)
    client.wait_for("xnet/sts/boiler/Door", "off")
    client.publish("xnet/cmd/boiler/Door", "on")
    l.wait_writes("boiler", 1)
    l.gateway.kill()
    l.edit(("coil: 6", "coil: 7"))
    mark = client.mark()
    gateway(l, env=env)
    client.wait_for("xnet/sts/plant/Alerts", lambda m: "boiler/Door" in m.text and "no longer configured" in m.text, since=mark)
    command(client, "boiler/SetPoint", "45", "45.0")  # what was left to do is done before
    assert said(l, "boiler") == [(5, 6, [0xFF00]), (6, 40, [450])]
    assert os.listdir(run) == ["pulse.boiler.Door"]


def test_a_pulse_of_a_point_that_is_gone_since_is_reported_at_the_next_start(line, broker, client, gateway, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "pulse.shed.Gate").touch()
    l = plant(line, broker, client, gateway, env={**os.environ, "RUNTIME_DIRECTORY": str(run)})
    l.gateway.process.wait_line("shed/Gate: its pulse was interrupted")
    client.wait_for("xnet/sts/plant/Alerts", lambda m: '"code":10' in m.text and "shed/Gate" in m.text)
    client.wait_for("xnet/sts/boiler/Door", "off")
    assert said(l, "boiler") == []


def test_a_pulse_that_was_refused_is_not_ended_at_the_next_start(line, broker, client, gateway, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    env = {**os.environ, "RUNTIME_DIRECTORY": str(run)}
    l = plant(line, broker, client, gateway, env=env)
    client.wait_for("xnet/sts/boiler/Door", "off")
    l.fault("boiler", "exception 2")
    mark = client.mark()
    client.publish("xnet/cmd/boiler/Door", "on")
    nak(client, "boiler", mark)
    assert os.listdir(run) == []


def test_a_pulse_whose_point_a_reload_takes_away_is_ended_first(line, broker, client, gateway, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    l = plant(line, broker, client, gateway, pulse="50s", env={**os.environ, "RUNTIME_DIRECTORY": str(run)})
    client.wait_for("xnet/sts/boiler/Door", "off")
    client.publish("xnet/cmd/boiler/Door", "on")
    l.wait_writes("boiler", 1)
    l.edit(("Door: ", "Gate: "), ("coil: 6", "coil: 7"))
    l.gateway.reload()
    l.gateway.process.wait_line("reload: ")
    assert said(l, "boiler") == [(5, 6, [0xFF00]), (5, 6, [0])]
    assert os.listdir(run) == []
    assert "command boiler/Door = off: verified" in l.gateway.text()


def test_a_pulse_on_a_silent_device_whose_point_vanishes_is_ended_when_it_is_back(line, broker, client, gateway, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    l = plant(line, broker, client, gateway, pulse="50s", env={**os.environ, "RUNTIME_DIRECTORY": str(run)})
    client.wait_for("xnet/sts/boiler/Door", "off")
    client.publish("xnet/cmd/boiler/Door", "on")
    l.wait_writes("boiler", 1)
    l.unplug("boiler")
    with open(l.config, encoding="utf-8") as f:
        text = f.read()
    with open(l.config, "w", encoding="utf-8") as f:
        f.write(text.replace("Door: ", "Gate: ").replace("coil: 6", "coil: 7"))
    mark = client.mark()
    l.gateway.reload()
    client.wait_for("xnet/sts/plant/Alerts", lambda m: "boiler/Door" in m.text and "no longer configured" in m.text, since=mark)
    assert os.listdir(run) == ["pulse.boiler.Door"]
    with open(l.config, "w", encoding="utf-8") as f:
        f.write(text)
    l.gateway.reload()
    l.plug("boiler")
    l.wait_writes("boiler", 2, limit=60)
    wait_until(lambda: os.listdir(run) == [], what="an empty journal")
    client.wait_for("xnet/sts/plant/Alerts", lambda m: "boiler/Door" not in m.text, since=mark)
    assert said(l, "boiler") == [(5, 6, [0xFF00]), (5, 6, [0])]


def test_a_pulse_survives_a_reload(boiler, client):
    mark = client.mark()
    client.publish("xnet/cmd/boiler/Door", "on")
    boiler.wait_writes("boiler", 1)
    boiler.gateway.reload()
    boiler.wait_writes("boiler", 2)
    client.wait_for("xnet/sts/boiler/Door", "off", since=mark)
    assert said(boiler, "boiler") == [(5, 6, [0xFF00]), (5, 6, [0])]


# -- the gateway's own writes ---------------------------------------------------------


SETUP = HEAD + """\
  set:
    bus: rs485
    id: 4
    setup: [{{Mode: remote}}, {{Level: 7}}]
    points:
      Mode: {{holding: 1, values: {{0: off, 1: local, 2: remote}}, write: true}}
      Level: {{holding: 2, write: true}}
"""


def test_setup_writes_only_what_differs_each_time_the_device_comes(line, broker, client, gateway):
    def before(l):
        l.set("set", "Mode", "local")
        l.set("set", "Level", 7)

    l = plant(line, broker, client, gateway, SETUP, before=before)
    client.wait_for("xnet/sts/set/Mode", "remote")
    assert said(l, "set") == [(6, 1, [2])]
    mark = client.mark()
    l.unplug("set")
    client.wait_for("xnet/sts/set/status", "offline", since=mark)
    l.set("set", "Level", 1)
    l.plug("set")
    l.wait_writes("set", 2)
    client.wait_for("xnet/sts/set/Level", "7", since=mark)
    assert said(l, "set") == [(6, 1, [2]), (6, 2, [7])]


def test_setup_waits_for_a_busy_device_and_keeps_its_order(line, broker, client, gateway):
    def before(l):
        l.set("set", "Mode", "local")
        l.set("set", "Level", 1)
        l.fault("set", "exception 6")

    l = plant(line, broker, client, gateway, SETUP, before=before)
    told = nak(client, "set", 0, limit=60)  # each try is told
    assert told["param"] == "Mode"
    l.fault("set", "none")
    client.wait_for("xnet/sts/set/Level", "7", limit=90)  # it never went offline
    taken = [(w["addr"], w["words"]) for w in l.writes("set") if not w.get("exception")]
    assert taken == [(1, [2]), (2, [7])]


KEPT = HEAD + """\
  kept:
    bus: rs485
    id: 3
    points:
      Watch: {{holding: 0, write: {{rewrite: 300ms}}}}
"""


def test_a_keep_alive_repeats_what_was_commanded_also_after_a_reload(line, broker, client, gateway):
    l = plant(line, broker, client, gateway, KEPT, before=lambda l: l.set("kept", "Watch", 0))
    client.wait_for("xnet/sts/kept/Watch", "0")
    assert said(l, "kept") == []  # nothing was commanded yet
    command(client, "kept/Watch", "5")
    l.wait_writes("kept", 4)
    l.gateway.reload()
    l.gateway.process.wait_line("reload: ")
    n = len(l.writes("kept"))
    l.wait_writes("kept", n + 3)
    assert set(map(str, said(l, "kept"))) == {"(6, 0, [5])"}
    mark = client.mark()
    client.publish("xnet/cmd/kept/Watch", "6")
    client.wait_for("xnet/sts/kept/Watch", "6", since=mark)
    n = len(l.writes("kept"))
    l.wait_writes("kept", n + 3)
    assert {str(w) for w in said(l, "kept")[n:]} == {"(6, 0, [6])"}


def safe_plant(line, broker, client, gateway):
    def before(l):
        l.set("pump", "Speed", 90)
        l.set("pump", "Valve", 3)

    l = plant(line, broker, client, gateway, SAFE, before=before)
    client.wait_for("xnet/sts/pump/Speed", "90")
    # nothing is commanded after the start either: Valve has its value already
    client.wait_for("xnet/sts/plant/Alerts", lambda m: "pump/Valve" in m.text)
    assert said(l, "pump") == []
    return l


def test_safe_values_come_into_force_and_are_lifted_by_a_command_only(line, broker, client, gateway):
    l = safe_plant(line, broker, client, gateway)
    mark = client.mark()
    command(client, "pump/Speed", "50")
    command(client, "pump/Valve", "8")
    client.wait_for("xnet/sts/plant/Alerts", lambda m: "pump/Valve" not in m.text, since=mark)
    mark = client.mark()
    client.wait_for("xnet/sts/pump/Valve", "3", since=mark)  # nobody sent another in time
    client.wait_for("xnet/sts/plant/Alerts", lambda m: "pump/Valve" in m.text, since=mark)
    mark = client.mark()
    broker.stop()
    l.wait_writes("pump", 4)
    broker.start()
    client.wait_for("xnet/sts/plant/Alerts", lambda m: "pump/Speed" in m.text and "broker" in m.text, since=mark,
                    limit=40)
    client.wait_for("xnet/sts/pump/Speed", "10", since=mark)
    assert said(l, "pump") == [(6, 0, [50]), (6, 1, [8]), (6, 1, [3]), (6, 0, [10])]
    l.gateway.reload()
    l.gateway.process.wait_line("reload: ")
    mark = client.mark()
    command(client, "pump/Speed", "51")
    client.wait_for("xnet/sts/plant/Alerts", lambda m: "pump/Speed" not in m.text, since=mark)
    mark = client.mark()
    l.unplug("pump")  # gone for a moment: what was commanded stays
    client.wait_for("xnet/sts/pump/status", "offline", since=mark)
    l.plug("pump")
    client.wait_for("xnet/sts/pump/status", "online", since=mark)
    command(client, "pump/Valve", "9")
    assert said(l, "pump")[4:] == [(6, 0, [51]), (6, 1, [9])]


def test_a_stop_leaves_safe_values(line, broker, client, gateway):
    l = safe_plant(line, broker, client, gateway)
    command(client, "pump/Speed", "50")
    assert l.gateway.stop() == 0
    assert said(l, "pump") == [(6, 0, [50]), (6, 0, [10])]


def test_a_safe_value_that_is_refused_is_tried_again(line, broker, client, gateway):
    def before(l):
        l.set("pump", "Speed", 90)

    l = plant(line, broker, client, gateway, SAFE, before=before)
    client.wait_for("xnet/sts/pump/Speed", "90")
    command(client, "pump/Speed", "50")
    mark = client.mark()
    l.fault("pump", "exception 4")
    broker.stop()
    l.gateway.process.wait_line("command pump/Speed = 10: failed")
    l.fault("pump", "none")
    broker.start()
    client.wait_for("xnet/sts/pump/Speed", "10", since=mark, limit=60)


# -- reload and stop in between -------------------------------------------------------


def test_a_reload_in_between_changes_no_outcome(boiler, client):
    mark = client.mark()
    boiler.delay("boiler", "200ms")
    for p in ("R1", "SetPoint", "Eeprom", "Rare"):
        client.publish(f"xnet/cmd/boiler/{p}", "44", wait=False)
    boiler.gateway.reload()
    for p, v in (("R1", "44"), ("SetPoint", "44.0"), ("Eeprom", "44"), ("Rare", "44")):
        client.wait_for(f"xnet/sts/boiler/{p}", v, since=mark, limit=40)
    assert sorted(w[1] for w in said(boiler, "boiler")) == [40, 41, 44, 60]


def test_a_point_that_a_reload_takes_away_is_answered(boiler, client):
    command(client, "boiler/Rare", "1")
    mark = client.mark()
    client.publish("xnet/cmd/boiler/Rare", "2")  # must wait for two seconds
    client.publish("xnet/cmd/boiler/R1", "3")
    client.wait_for("xnet/sts/boiler/R1", "3", since=mark)
    boiler.edit(("Rare: {holding: 44", "Other: {holding: 48"))
    boiler.gateway.reload()
    told = json.loads(client.wait_for("xnet/sts/+/Nak", since=mark).text)
    assert told["param"] == "Rare" and "reload" in told["reason"]


def test_a_stop_answers_what_waits_and_writes_it_no_more(line, broker, client, gateway):
    l = plant(line, broker, client, gateway, PLANT.replace("id: 1\n", "id: 1\n    timeout: 5s\n"))
    client.wait_for("xnet/sts/boiler/R3", "30")
    client.wait_for("xnet/sts/boiler/Rare", "30")
    command(client, "boiler/Rare", "1")
    mark = client.mark()
    client.publish("xnet/cmd/boiler/Rare", "2")
    client.publish("xnet/cmd/boiler/R1", "3")
    client.wait_for("xnet/sts/boiler/R1", "3", since=mark)
    assert l.gateway.stop() == 0
    told = nak(client, "boiler", mark)
    assert told["param"] == "Rare" and told["reason"] == "shutting down"
    assert [w[1] for w in said(l, "boiler")] == [44, 60]
