"""Every profile: its own tests, and the whole way from a simulated device to the topics."""
import glob
import os
import subprocess

import pytest

from conftest import LIMIT, TOP
from simfix import HOUSE, PROFILES, line  # noqa: F401

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

MAP = """\
gateway: house
mqtt: {{{{broker: "{{broker}}"}}}}
buses:
  rs485: {{{{port: {{port}}, baud: 115200}}}}
devices:
  dev1: {{{{profile: {name}, bus: rs485, id: 1, parameters: {{{{{variant}}}}}}}}}
"""


def xnetctl(*arguments):
    return subprocess.run([os.path.join(TOP, "xnetctl"), *arguments], capture_output=True, text=True, timeout=LIMIT)


def test_there_are_profiles():
    assert {"epever-tracer", "eastron-sdm120", "waveshare-relay-8ch"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_its_own_tests_pass_and_it_is_complete(name):
    done = xnetctl("test", os.path.join(PROFILES, name + ".yaml"))
    wrong = [s for s in done.stderr.splitlines() if ": warning: " not in s or "not in the vocabulary" not in s]
    assert (done.returncode, wrong) == (0, []), done.stderr
    assert int(done.stdout.split()[0]) > 3


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


def points(name, variant, directory):
    """Points with a topic of their own: {name: access}. Alerts stand in Alerts, actions nowhere."""
    config = os.path.join(directory, "devices.yaml")
    with open(config, "w", encoding="utf-8") as f:
        f.write(MAP.format(name=name, variant=variant).format(port="/dev/null", broker="mqtt://127.0.0.1:1"))
    done = xnetctl("plan", "--points", "-c", config, "-P", PROFILES)
    assert done.returncode == 0, done.stderr
    return [s.split()[1] for s in done.stdout.splitlines() if s.split()[2] == "told"]


@pytest.mark.parametrize("name, variant", CASES)
def test_every_point_comes_through(name, variant, line, broker, client, start, tmp_path):  # noqa: F811
    wanted = points(name, variant, tmp_path)
    assert len(wanted) > 1
    one = line(MAP.format(name=name, variant=variant), broker)
    start("xnetd", *one.arguments)
    told = {point: client.wait_for(f"xnet/sts/dev1/{point}", limit=150).text for point in wanted}
    assert "" not in told.values()
    # the simulated values of a few may lie where the profile says "not available"
    assert sum(text == "None" for text in told.values()) <= len(told) / 4, told
    stats = one.stats()
    # a wide hole may have to be found out first; what is wanted is never refused for good
    assert stats["devices"]["dev1"]["blocks_refused"] <= 8
    assert stats["early"] == 0


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
