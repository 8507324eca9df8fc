# SPDX-License-Identifier: MIT
"""Every profile: its own tests, and the whole way from a simulated device to the topics."""
import glob
import os
import subprocess

import pytest

from conftest import LIMIT, TOP, Broker, Client, free_port
from simfix import HOUSE, PROFILES, Line, line  # noqa: F401

NAMES = sorted(os.path.basename(path)[:-5] for path in glob.glob(os.path.join(PROFILES, "*.yaml")))

# Boards and meters that differ by a parameter are read in each variant.
VARIANTS = {
    "eastron-sdm120": ["model: sdm230"],
    "midnite-classic": ["whizbang: present"],
    "rs-fsxcs": ["co2: pm25"],
    "soil-probe": ["salinity: present"],
    "sunspec": ["inverter: float, meter: float", "inverter: ieee1547"],
    "victron-battery": ["bms: present"],
    "victron-system": ["ess: present"],
    "victron-temperature": ["air: present"],
    "victron-vebus": ["phases: three, ess: external"],
    "waveshare-analog-8ch": ["variant: b, measures: volts"],
    "waveshare-relay-8ch": ["variant: d"],
    "wb-mr6c": ["version: v3"],
}
CASES = [(name, variant) for name in NAMES for variant in ["", *VARIANTS.get(name, [])]]

DEVICES = [f"dev{i}" for i in range(1, len(CASES) + 1)]

# All of them behind one address: nothing here is about the line.
HEAD = """\
gateway: house
mqtt: {{broker: "{broker}"}}
buses:
  plant: {{tcp: "127.0.0.1:{tcp}"}}
defaults:
  rates: {{fast: 10s, normal: 30s}}
devices:
"""
DEVICE = "  {device}: {{{{profile: {name}, bus: plant, id: {id}, parameters: {{{{{variant}}}}}}}}}\n"

# What may be None although the device answers, and why.
NONE = {}


def xnetctl(*arguments):
    return subprocess.run([os.path.join(TOP, "xnetctl"), *arguments], capture_output=True, text=True, timeout=LIMIT)


def test_there_are_profiles():
    assert {"epever-tracer", "eastron-sdm120", "waveshare-relay-8ch"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_its_own_tests_pass_and_it_is_complete(name):
    done = xnetctl("test", os.path.join(PROFILES, name + ".yaml"))
    # no warning either: a name is one of the vocabulary, or its description says why it is another
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout.split()[0]) > 3


@pytest.mark.parametrize("name, relays", [("waveshare-relay-16ch", 16), ("waveshare-relay-32ch", 32)])
def test_a_response_of_these_boards_holds_one_byte_of_coils(name, relays, tmp_path):
    """Their firmware sends more than one in reverse order (simonvetter/modbus issue 47)."""
    config = tmp_path / "devices.yaml"
    config.write_text(f"""\
mqtt: {{broker: "mqtt://localhost"}}
buses: {{a: {{port: /dev/ttyUSB0, baud: 9600}}}}
devices: {{r: {{bus: a, id: 1, profile: {name}}}}}
""")
    done = xnetctl("plan", "-P", PROFILES, str(config))
    assert done.returncode == 0, done.stderr
    coils = [line.split("coil")[1].split()[:3] for line in done.stdout.splitlines() if " coil " in line]
    assert sum(int(count) for _, _, count in coils) == relays
    assert max(int(count) for _, _, count in coils) == 8


def test_what_the_gateway_would_not_tell_is_none(tmp_path):
    profile = tmp_path / "sum.yaml"
    profile.write_text("""\
title: A sum
vendor: nobody
models: [S]
sources: [this test]
status: experimental
points:
  BattVolts: {holding: 1, unit: V}
  BattVolts2: {expr: BattVolts, unit: V, valid: {max: 1}}
tests:
  - title: two
    source: this test
    holding: {1: [2]}
    expect: {BattVolts: 2, BattVolts2: None}
""")
    done = xnetctl("test", str(profile))
    assert "not 'None'" not in done.stderr and done.stdout.startswith("2 passed, "), done.stdout + done.stderr


def test_a_wrong_expectation_is_found_with_its_place(tmp_path):
    with open(os.path.join(PROFILES, "waveshare-relay-8ch.yaml"), encoding="utf-8") as f:
        text = f.read()
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text.replace('Relay4: "off"', 'Relay4: "on"'))
    at = next(i for i, s in enumerate(wrong.read_text().split("\n"), 1) if 'Relay4: "on"' in s)
    done = xnetctl("test", str(wrong))
    assert done.returncode == 1
    assert f"{wrong}:{at}:7: Relay4 is 'off', not 'on'" in done.stderr
    assert done.stdout.strip().endswith(" 1 failed")


class Plant:
    """Every profile in every variant, simulated, and one gateway that has read all of it."""

    def __init__(self, directory):
        self.broker = Broker(directory)
        self.line = self.client = self.gateway = None
        self.directory = directory

    def start(self):
        self.broker.start()
        self.client = Client(self.broker, "xnet/sts/#")
        self.told, self.looked = {}, 0
        text = HEAD + "".join(DEVICE.format(device=device, name=name, id=i, variant=variant)
                              for i, (device, (name, variant)) in enumerate(zip(DEVICES, CASES), 1))
        self.line = Line(self.directory, text, self.broker, tcp=free_port(), options=["--turnaround", "0"]).start()
        with open(os.path.join(self.directory, "xnetd.log"), "wb") as log:
            self.gateway = subprocess.Popen([os.path.join(TOP, "xnetd"), *self.line.arguments], stdout=log,
                                            stderr=log, start_new_session=True)
        return self

    def points(self):
        """Points with a topic of their own: {device: {point}}. Alerts stand in Alerts, actions nowhere."""
        done = xnetctl("plan", "--points", *self.line.arguments)
        assert done.returncode == 0, done.stderr
        rows = [s.split()[:3] for s in done.stdout.splitlines()]
        return {device: {row[1] for row in rows if row[0] == device and row[2] == "published"} for device in DEVICES}

    def first(self, device, points):
        """What was told first of each of these points; waits until all of them were."""
        def there():
            for m in self.client.messages[self.looked:]:
                self.told.setdefault(m.topic, m.text)
                self.looked += 1
            return all(f"xnet/sts/{device}/{point}" in self.told for point in points)

        with self.client.change:
            # a device that wants nearly a second between two requests needs its time for all of them
            self.client.change.wait_for(there, 60)
        return {point: self.told.get(f"xnet/sts/{device}/{point}", "") for point in points}

    def stop(self):
        if self.gateway:
            self.gateway.terminate()
            self.gateway.wait(LIMIT)
        if self.line:
            self.line.stop()
        if self.client:
            self.client.close()
        self.broker.stop()


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    one = Plant(str(tmp_path_factory.mktemp("plant")))
    try:
        one.start()
        one.wanted = one.points()
        yield one
    finally:
        one.stop()


@pytest.mark.parametrize("device, name, variant", [(device, *case) for device, case in zip(DEVICES, CASES)],
                         ids=["-".join(filter(None, [name, *variant.replace(":", "").split()])) for name, variant in CASES])
def test_every_point_comes_through(device, name, variant, plant):
    wanted = plant.wanted[device]
    assert len(wanted) > 1
    told = plant.first(device, wanted)
    assert [point for point, text in told.items() if text == ""] == []
    assert {point for point, text in told.items() if text == "None"} == set(NONE.get(name, ()))
    assert plant.line.stats()["devices"][device]["wanted_refused"] == 0


HOUSE_FAST = HOUSE.replace("9600", "38400")


@pytest.mark.parametrize("topic, payload, write", [
    # a toggle and a time that the relay board takes in place of on and off
    ("relay1/Relay3", "on", (5, 2, [0xFF00])),
    ("relay1/Relay3", "toggle", (5, 2, [0x5500])),
    ("relay1/AllRelays", "off", (5, 255, [0])),
    ("relay1/Relay2FlashOn", "1.5", (5, 0x201, [15])),
    # settings are floats, by function 16 only
    ("meter1/PulseWidth", "200", (16, 12, [0x4348, 0])),
    ("scc1/EqualizeInterval", "28", (16, 0x9016, [28])),
    # the clock in one request: minute and second, day and hour, year and month
    ("scc1/DateTime", "2026-11-21T10:20:30", (16, 0x9013, [20 << 8 | 30, 21 << 8 | 10, 26 << 8 | 11])),
    ("scc1/ClearStats", "clear on", (5, 20, [0xFF00])),
])
def test_a_command_is_written_as_the_device_wants_it(topic, payload, write, line, broker, client, start):  # noqa: F811
    one = line(HOUSE_FAST, broker)
    start("xnetd", *one.arguments)
    device, point = topic.split("/")
    client.wait_for(f"xnet/sts/{device}/status", "online")
    since = client.mark()
    client.publish(f"xnet/cmd/{topic}", payload)
    outcome = client.wait_for(f"xnet/sts/{device}/+", lambda m: m.topic.split("/")[-1] in (point, "Nak"), since=since)
    assert not outcome.topic.endswith("Nak"), outcome
    wrote = one.wait_writes(device, 1)
    assert [(w["fc"], w["addr"], w["words"], w["exception"]) for w in wrote] == [(*write, 0)]


def test_a_group_goes_out_in_one_request_with_what_the_device_holds(line, broker, client, start):  # noqa: F811
    one = line(HOUSE_FAST, broker)
    start("xnetd", *one.arguments)
    client.wait_for("xnet/sts/scc1/BattDischargeLimitVoltage")
    held = client.last("xnet/sts/scc1/+")
    since = client.mark()
    client.publish("xnet/cmd/scc1/CustomFloatVoltage", "13.55")
    client.wait_for("xnet/sts/scc1/CustomFloatVoltage", "13.55", since=since)
    wrote = one.writes("scc1")
    assert [(w["fc"], w["addr"], len(w["words"]), w["exception"]) for w in wrote] == [(16, 0x9000, 15, 0)]
    assert wrote[0]["words"][8] == 1355
    assert wrote[0]["words"][7] == round(100 * float(held["xnet/sts/scc1/CustomBulkVoltage"]))
    assert wrote[0]["words"][14] == round(100 * float(held["xnet/sts/scc1/BattDischargeLimitVoltage"]))


@pytest.mark.parametrize("ending, least, most", [
    ("/BattVolts", 10, 60), ("/PvArrayVolts", 10, 60), ("/Freq", 49, 51), ("Temp", 0, 60), ("TempMaxToday", 0, 60),
    ("TempMax", 0, 60), ("TempMin", 0, 60), ("CurrentMaxToday", 0, 100), ("Humidity", 0, 100), ("StateOfCharge", 0, 100),
])
def test_what_the_simulator_makes_up_could_be(ending, least, most, plant):
    for device in DEVICES:
        plant.first(device, plant.wanted[device])
    # the quotient of two made-up values may be anything
    computed = {f"xnet/sts/{device}/BattStateOfCharge" for device, (name, _) in zip(DEVICES, CASES)
                if name == "renogy-battery"}
    told = {topic: text for topic, text in plant.told.items() if topic.endswith(ending) and topic not in computed}
    assert told
    assert {topic: text for topic, text in told.items() if not least <= float(text) <= most} == {}
