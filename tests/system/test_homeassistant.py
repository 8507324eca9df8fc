# SPDX-License-Identifier: MIT
"""Home Assistant takes what is announced, for every profile and every version; and with a real broker the documents
come when they should and go when they should."""
import collections
import glob
import json
import os
import re
import subprocess
import sys

import pytest

from conftest import TOP, free_port
from gwfix import gateway  # noqa: F401
from simfix import PROFILES, line  # noqa: F401

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, os.path.join(SOURCE, "tests/homeassistant"))
import validate  # noqa: E402

VERSIONS = ["2024.11", "2025.6", "2026.9"]
XNETCTL = os.path.join(TOP, "xnetctl")


def documents(*arguments):
    """[(topic, text)]: what xnetctl prints."""
    out = subprocess.run([XNETCTL, "homeassistant", *map(str, arguments)], check=True, capture_output=True, text=True)
    return [tuple(line.split(" ", 1)) for line in out.stdout.splitlines()]


def refused(docs, version):
    return [(topic, *finding) for topic, text in docs for finding in validate.findings(topic, text, version)]


def entities(docs):
    for _, text in docs:
        yield from json.loads(text)["cmps"].items()


@pytest.fixture(scope="module")
def profiles():
    """By version: what all profiles with all their parameters' values come to."""
    files = sorted(glob.glob(os.path.join(PROFILES, "*.yaml")))
    return {version: documents("-m", version, *files) for version in VERSIONS}


# -- the validator itself -----------------------------------------------------------------------------------------

BASE = {"dev": {"ids": ["xnet_demo_scc1"], "name": "scc1"}, "o": {"name": "xnet-gateway"}, "cmps": {
    "A": {"p": "sensor", "uniq_id": "u", "stat_t": "t", "dev_cla": "voltage", "unit_of_meas": "V"}}}
TOPIC = "homeassistant/device/xnet_demo/xnet_demo_scc1/config"
SENSOR = {"p": "sensor", "uniq_id": "u", "stat_t": "t"}
NUMBER = {"p": "number", "uniq_id": "u", "cmd_t": "t"}
LIES = [
    ("required", {key: value for key, value in BASE.items() if key != "o"}),
    ("device id", {**BASE, "dev": {"name": "x"}}),
    ("root key", {**BASE, "foo": 1}),
    ("unique_id", {"p": "sensor", "stat_t": "t"}),
    ("platform", {"p": "senso", "uniq_id": "u"}),
    ("required", {"p": "sensor", "uniq_id": "u"}),
    ("key", {**SENSOR, "object_id": "x"}),
    ("unit", {**SENSOR, "dev_cla": "power", "unit_of_meas": "kWp"}),
    ("unit", {**SENSOR, "dev_cla": "volume_flow_rate", "unit_of_meas": "l/min"}),
    ("class", {**SENSOR, "dev_cla": "charge"}),
    ("state class", {**SENSOR, "dev_cla": "energy", "unit_of_meas": "kWh", "stat_cla": "measurement"}),
    ("unit of the state class", {**SENSOR, "stat_cla": "measurement_angle"}),
    ("options", {**SENSOR, "ops": ["a"]}),
    ("no number", {**SENSOR, "dev_cla": "timestamp", "unit_of_meas": "s"}),
    ("category", {**SENSOR, "ent_cat": "config"}),
    ("bounds", {**NUMBER, "min": 200}),
    ("bounds", {**NUMBER, "step": 0.0001}),
    ("default_entity_id", {**SENSOR, "def_ent_id": "foo"}),
    ("options", {"p": "select", "uniq_id": "u", "cmd_t": "t", "ops": []}),
    ("unit missing", {**SENSOR, "dev_cla": "voltage"}),
    ("availability mode", {**BASE, "avty": [{"t": "a"}, {"t": "b"}]}),
]
FINE = [BASE, {**SENSOR, "dev_cla": "reactive_power", "unit_of_meas": "VAr", "stat_cla": "measurement"},
        {**SENSOR, "dev_cla": "conductivity", "unit_of_meas": "\u00b5S/cm"}, {**NUMBER, "ent_cat": "config"},
        {**SENSOR, "ops": ["a"], "dev_cla": "enum"}, {"p": "sensor"}, {**SENSOR, "dev_cla": "power_factor"}]


def whole(doc):
    return doc if "p" not in doc else {**BASE, "cmps": {"x": doc}}


@pytest.mark.parametrize("rule, doc", LIES)
def test_the_validator_finds_each_lie(rule, doc):
    assert rule in {found[1] for found in validate.findings(TOPIC, json.dumps(whole(doc)))}


def test_the_validator_takes_what_is_right_and_knows_when_it_came():
    for doc in FINE:
        assert validate.findings(TOPIC, json.dumps(whole(doc))) == []
    newer = json.dumps(whole({**SENSOR, "dev_cla": "reactive_energy", "unit_of_meas": "kvarh"}))
    assert validate.findings(TOPIC, newer, "2025.6") == [] != validate.findings(TOPIC, newer, "2025.5")
    assert validate.findings(TOPIC.replace("_scc1", " scc1"), json.dumps(BASE))


def test_the_gateway_knows_the_same_units():
    """The table in C against the facts of the validator."""
    with open(os.path.join(SOURCE, "src/core/model/devclass_table.h"), encoding="utf-8") as f:
        text = f.read()
    units = {name: dict(re.findall(r'\{"([^"]*)",\s*(\d+)\}', body)) for name, body in
             re.findall(r"struct unit_since (\w+)\[\] = \{(.*?)\};", text, re.S)}
    rows = re.findall(r'\{"(\w+)",\s*(\d+),\s*([\w| ]+),\s*(DEVCLASS_\w+),\s*(\w+)\}', text)
    facts = validate.SENSOR["device_classes"]
    assert {row[0] for row in rows} == facts.keys()

    def number(version):
        year, month = version.split(".")
        return int(year) * 100 + int(month)

    for name, since, states, kind, table in rows:
        fact = facts[name]
        assert int(since) == number(fact.get("since", "0.0")), name
        names = {"MEASUREMENT": {"measurement"}, "MEASUREMENT_ANGLE": {"measurement_angle"}, "TOTAL": {"total"},
                 "TOTAL_INCREASING": {"total_increasing"}, "TOTALS": {"total", "total_increasing"},
                 "ANY": {"measurement", "measurement_angle", "total", "total_increasing"}, "0": set()}
        mine = set().union(*(names[word.strip().removeprefix("STATE_")] for word in states.split("|")))
        assert mine == set(fact["state_classes"]), name
        assert (kind == "DEVCLASS_TEXT") == (not fact["numeric"]), name
        if kind == "DEVCLASS_UNITS":
            assert {unit: int(v) for unit, v in units[table].items()} == \
                {unit or "": number(fact.get("unit_since", {}).get(unit, "0.0")) for unit in fact["units"]}, name


# -- every profile ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_of_any_profile_is_refused_or_stripped(profiles, version):
    assert len(profiles[version]) > 150
    assert refused(profiles[version], version) == []


def test_every_energy_counter_reaches_the_energy_dashboard(profiles):
    missing = [(name, entity) for name, entity in entities(profiles["2024.11"])
               if entity["p"] == "sensor" and entity.get("unit_of_meas") in ("Wh", "kWh", "MWh")
               and (entity.get("dev_cla"), entity.get("stat_cla")) not in
               (("energy", "total_increasing"), ("energy", "total"), ("energy_storage", "measurement"))]
    assert {name for name, _ in missing} <= {"GenEnergyYesterday", "GridExportEnergyRaw", "BattEnergyCapacity",
                                             "BattEnergyRating", "BattCapacity"}, missing


def test_points_with_a_clear_unit_have_a_class(profiles):
    clear = {"V", "A", "W", "kW", "VA", "Hz", "°C", "lx", "hPa", "bar"}
    assert [name for name, entity in entities(profiles["2026.9"])
            if entity["p"] == "sensor" and entity.get("unit_of_meas") in clear and "dev_cla" not in entity] == []


def test_a_device_does_not_drown_its_page(profiles):
    for topic, text in profiles["2024.11"]:
        doc = json.loads(text)
        shown = [name for name, e in doc["cmps"].items()
                 if e.get("en", True) and e["p"] in ("sensor", "binary_sensor")]
        assert len(shown) <= 40, (topic, doc["dev"], len(shown))
        if doc["dev"]["mdl"] == "Eastron SDM630 energy meter":
            assert len(shown) <= 20, shown


# -- names --------------------------------------------------------------------------------------------------------

ODD = """\
gateway: a_b
mqtt: {broker: mqtt://127.0.0.1:1}
homeassistant: {min_version: 2025.6}
buses:
  l-1: {tcp: "127.0.0.1:1"}
devices:
  c-d_e:
    bus: l-1
    id: 1
    points:
      Fan_speed: {holding: 0, unit: "l/min", class: volume_flow_rate, name: "Lüfter \\"links\\" 🌀 a/b"}
      Mode: {holding: 1, values: {0: "a'b", 1: "50", 2: "c\\\\d"}, write: true}
      Limit: {holding: 2, unit: A, values: {255: No Limit}, write: {min: 0, max: 99}}
      Door: {discrete: 3, class: door, icon: door, description: the front one}
      Pump: {coil: 4, values: {0: stop, 1: run}, write: {pulse: 500ms, confirm: sure}}
      Text: {holding: 5, length: 4, type: string, write: true}
      Clock: {holding: 9, length: 3, type: datetime, layout: [min, sec, day, hour, year, month], write: true}
      PvArrayVolts: {holding: 20, scale: 0.1, unit: V}
      Line1Line2Volts: {holding: 21, scale: 0.1, unit: V, category: diagnostic, enabled_by_default: false}
"""


def odd(tmp_path, text=ODD):
    file = tmp_path / "devices.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_odd_names_words_and_units(tmp_path):
    docs = documents("-c", odd(tmp_path), "-P", PROFILES)
    assert refused(docs, "2025.6") == []
    assert [topic for topic, _ in docs] == ["homeassistant/device/xnet_a-_b/xnet_a-_b/config",
                                            "homeassistant/device/xnet_a-_b/xnet_a-_b_c--d-_e/config"]
    e = json.loads(docs[1][1])["cmps"]
    assert e["Fan_speed"]["name"] == 'Lüfter "links" 🌀 a/b' and "dev_cla" not in e["Fan_speed"]
    assert e["Mode"]["val_tpl"] == "{{ value if value in ['a\\'b','50','c\\\\d'] else None }}"
    assert e["Mode"]["ops"] == ["a'b", "50", "c\\d"] and e["Mode"]["p"] == "select"
    assert e["Limit"]["p"] == "number" and "is_number" in e["Limit"]["val_tpl"]
    assert e["Door"]["p"] == "binary_sensor" and e["Door"]["dev_cla"] == "door" and "ic" not in e["Door"]
    assert e["Pump"]["p"] == "button" and e["Pump"]["pl_prs"] == "sure run" and e["Pump"]["en"] is False
    assert e["Pump"]["qos"] == 2 and e["Mode"]["qos"] == 1
    assert e["Text"]["p"] == "text" and e["Text"]["max"] == 8
    assert e["Clock"]["p"] == "sensor" and e["Clock"]["dev_cla"] == "timestamp"
    assert e["PvArrayVolts"]["name"] == "PV Array Volts" and e["PvArrayVolts"]["dev_cla"] == "voltage"
    assert e["Line1Line2Volts"]["ent_cat"] == "diagnostic" and e["Line1Line2Volts"]["en"] is False
    ids = [x["uniq_id"] for x in e.values()]
    assert len(ids) == len(set(ids)) and ids[0] == "xnet_a-_b_c--d-_e_Fan_speed"


def test_check_reports_which_unit_would_fit(tmp_path):
    out = subprocess.run([XNETCTL, "check", "-c", odd(tmp_path), "-P", PROFILES], capture_output=True, text=True,
                         check=False)
    assert 'unit "l/min" does not fit Home Assistant\'s class volume_flow_rate, did you mean "L/min"' in out.stderr
    assert 'icon "door" is not like mdi:fan' in out.stderr
    assert out.returncode == 0
    unit = ODD.replace("mqtt: {", "mqtt: {payload: value+unit, ")
    out = subprocess.run([XNETCTL, "check", "-c", odd(tmp_path, unit), "-P", PROFILES], capture_output=True,
                         text=True, check=False)
    assert "homeassistant: needs numbers without their unit" in out.stderr and out.returncode != 0


DEMO = """\
gateway: demo
mqtt: {broker: mqtt://127.0.0.1:1}
buses:
  house: {port: /dev/ttyUSB0, baud: 9600}
devices:
  scc1: {profile: epever-tracer, bus: house, id: 1}
"""


def test_the_picture_in_the_documentation_is_of_today(tmp_path):
    out = subprocess.run([XNETCTL, "homeassistant", "-c", odd(tmp_path, DEMO), "-P", PROFILES], check=True,
                         capture_output=True)
    drawn = subprocess.run([sys.executable, os.path.join(SOURCE, "doc/draw-home-assistant.py"), "scc1"],
                           input=out.stdout, check=True, capture_output=True)
    with open(os.path.join(SOURCE, "doc/home-assistant.svg"), "rb") as f:
        assert f.read() == drawn.stdout


# -- with a broker ------------------------------------------------------------------------------------------------

HOUSE = """\
gateway: house
mqtt: {{broker: "{broker}"}}
homeassistant: true
buses:
  plant: {{tcp: "127.0.0.1:{tcp}"}}
defaults:
  rates: {{fast: 1s, normal: 3s}}
devices:
  meter: {{profile: eastron-sdm120, bus: plant, id: 2}}
  relay: {{profile: waveshare-relay-8ch, bus: plant, id: 3}}
"""
NODE = "homeassistant/device/xnet_house/"
METER = NODE + "xnet_house_meter/config"
RELAY = NODE + "xnet_house_relay/config"


def test_discovery_is_published_answered_at_birth_and_removed(line, broker, client, gateway):
    client.publish(NODE + "xnet_house_gone/config", retain=True, payload=json.dumps(
        {"dev": {"ids": ["xnet_house_gone"]}, "o": {"name": "xnet-gateway"}, "cmps": {"A": {"p": "sensor"}}}))
    foreign = json.dumps({"dev": {"ids": ["zigbee_1"]}, "o": {"name": "other"}, "cmps": {}})
    client.publish(NODE + "foreign/config", foreign, retain=True)
    l = line(HOUSE, broker, tcp=free_port())
    g = gateway(l)
    found = {m.topic: m.text for m in (client.wait_for(topic, lambda m: m.text.startswith("{")) for topic in
                                       (NODE + "xnet_house/config", METER, RELAY))}
    client.wait_for(NODE + "xnet_house_gone/config", "")
    for version in VERSIONS:
        assert refused(found.items(), version) == []
    meter = json.loads(found[METER])
    states = {e["stat_t"] for e in meter["cmps"].values() if "stat_t" in e}
    assert meter["cmps"]["Volts"]["stat_t"] == "xnet/sts/meter/Volts" in states
    client.wait_for("xnet/sts/meter/Volts")

    since = client.mark()
    client.publish("homeassistant/status", "online")
    for topic in (NODE + "xnet_house/config", METER, RELAY):
        assert client.wait_for(topic, since=since).text == found[topic]

    relay = json.loads(found[RELAY])["cmps"]["Relay3"]
    client.publish(relay["cmd_t"], relay["pl_on"])
    client.wait_for(relay["stat_t"], relay.get("stat_on", relay["pl_on"]))

    since = client.mark()
    l.edit(("eastron-sdm120, ", "eastron-sdm120, omit: [Volts], "))
    g.reload()
    first, second = client.wait_count(METER, 2, since=since)
    assert json.loads(first.text)["cmps"]["Volts"] == {"p": "sensor"}
    assert "Volts" not in json.loads(second.text)["cmps"] and "Current" in json.loads(second.text)["cmps"]
    assert not client.all(RELAY, since) and not client.all(NODE + "xnet_house/config", since)
    assert client.last(NODE + "foreign/config") == {NODE + "foreign/config": foreign}


def test_ten_thousand_points_are_announced(make_client, broker, gateway, tmp_path):
    points = "".join(f"      P{i}: {{holding: {i}, unit: V}}\n" for i in range(100))
    file = tmp_path / "many.yaml"
    file.write_text(f"gateway: many\nmqtt: {{broker: \"{broker.url}\"}}\nhomeassistant: true\nbuses:\n"
                    "  b: {tcp: \"127.0.0.1:1\"}\ndefaults: {rates: {normal: 60s}}\ndevices:\n"
                    f"  d(1..100):\n    bus: b\n    id: 1..100\n    points:\n{points}", encoding="utf-8")
    client = make_client(broker, "homeassistant/#", "xnet/sts/many/status")
    g = gateway(arguments=["-c", str(file), "--profiles", PROFILES])
    up = client.wait_for("xnet/sts/many/status", "online")
    docs = client.wait_count("homeassistant/device/xnet_many/+/config", 101)
    print(f"announced within {docs[-1].at - up.at:.1f} s")  # 2 s; not asserted: other work may delay it
    assert len({m.topic for m in docs}) == 101
    count = collections.Counter(entity["p"] for _, entity in entities([(m.topic, m.text) for m in docs]))
    assert count["sensor"] >= 10000
    assert g.stop() == 0
