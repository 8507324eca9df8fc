# SPDX-License-Identifier: MIT
"""xnetctl read and write on a line of their own: what they print, what they send, how they end."""
import json
import os
import shutil
import signal
import struct
import subprocess

import pytest

from conftest import LIMIT, TOP, wait_until
from linefix import Unit, wire  # noqa: F401
from simfix import HEAD, HOUSE, PROFILES, line  # noqa: F401
from test_commands_life import FAKE_CLOCK

FAST = HOUSE.replace("baud: 9600", "baud: 115200, timeout: 2s")  # no busy machine is so late


def xnetctl(verb, *arguments, **options):
    return subprocess.run([os.path.join(TOP, "xnetctl"), verb, "--control", "off", "-P", PROFILES, *map(str, arguments)],
                          capture_output=True, text=True, timeout=2 * LIMIT, stdin=subprocess.DEVNULL, **options)


def test_a_point_a_device_and_registers_are_read(line):
    plant = line(FAST)
    plant.freeze()
    plant.set("meter1", "Volts", 230.5)
    plant.set("scc1", "BattVolts", 13.8)
    config = ["-c", plant.config]
    done = xnetctl("read", *config, "scc1.BattVolts")
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["BattVolts", "13.80", "V"], "")
    points = json.loads(xnetctl("read", *config, "--json", "meter1").stdout)["points"]
    assert {"name": "Volts", "value": 230.5, "unit": "V"} in points and len(points) > 20
    done = xnetctl("read", *config, plant.port, "--id", 2, "30001", 2)
    assert done.returncode == 0
    assert "30001 is input 0: documents count from 1, the wire from 0" in done.stderr
    assert "input 0x0000 of unit 2, 2 registers, answered in" in done.stdout and "hex 4366" in done.stdout
    done = xnetctl("read", *config, "rs485", "--id", 2, "input:0x0000", 4, "--as", "all")
    likely = [s for s in done.stdout.split("\n") if "<- likely" in s]
    assert len(likely) == 1 and likely[0].split()[:2] == ["f32", "230.5"]
    assert "# a point for it:   Name: {input: 0x0000, type: f32}" in done.stdout
    bits = json.loads(xnetctl("read", *config, "--json", "relay1", "coil:0", 8).stdout)
    assert bits["values"] == 8 * [0] and bits["unit"] == 3


PLATE = HEAD + """\
  plate:
    bus: rs485
    id: 1
    points:
      Serial: {{holding: 0, type: string, length: 2}}
      Pair: {{holding: 4, array: 2}}
      Firmware: {{device_id: revision}}
      Label: {{device_id: 0x80}}
"""


def test_texts_are_texts_and_lists_are_lists_in_json(line):
    plant = line(PLATE)
    plant.freeze()
    plant.set("plate", "Serial", "0.50")
    plant.set("plate", "Label", "17")
    done = xnetctl("read", "-c", plant.config, "--json", "plate")
    values = {p["name"]: p["value"] for p in json.loads(done.stdout)["points"]}
    assert [values[n] for n in ("Serial", "Firmware", "Label")] == ["0.50", "1.0", "17"] and isinstance(values["Pair"], list)
    assert xnetctl("read", "-c", plant.config, "plate.Label").stdout.split() == ["Label", "17"]
    plant.fault("plate", "exception 1")
    done = xnetctl("read", "-c", plant.config, "plate.Label")
    assert done.returncode == 1 and "exception 1, illegal function, to function 43/14" in done.stdout


@pytest.mark.parametrize("arguments, status, text", [
    (["scc1.BatVolts"], 64, "did you mean 'scc1.BattVolts'?"),
    (["scc2.BattVolts"], 64, "did you mean 'scc1.BattVolts'?"),
    (["scc1.Nonsense"], 64, "device scc1 has no point 'Nonsense': xnetctl points scc1 lists them"),
    (["rs485", "--id", 2, "0"], 64, "of which table? holding:0 or input:0"),
    (["rs485", "holding:0"], 64, "which unit? --id N"),
    (["rs485", "--id", 77], 64, "unit 77 is not configured"),
    (["rs485", "--id", 2, "holding:65535", 2], 64, "expects how many"),
    (["rs485", "--id", 2, "holding:70000"], 64, "expects an address from 0 to 65535"),
    (["meter1", "holding:0", "--as", "float"], 64, "--as float: expects u16"),
    (["rs485", "--id", 77, "holding:0", "--timeout", 100], 1, "no response from unit 77: check id, baud"),
    (["meter1", "holding:0x4000"], 1, "exception 2, illegal data address: it does not have these registers"),
])
def test_what_cannot_be_read_is_reported_with_the_next_step(line, arguments, status, text):
    done = xnetctl("read", "-c", line(FAST).config, *arguments)
    assert (done.returncode, text in done.stderr, done.stdout) == (status, True, ""), done.stderr


def test_watch_prints_changes_and_at_the_end_what_was_lost(line):
    plant = line(FAST)
    plant.freeze()
    plant.set("meter1", "Volts", 230)
    p = subprocess.Popen([os.path.join(TOP, "xnetctl"), "read", "--control", "off", "-P", PROFILES, "-c", plant.config,
                          "--watch=0.1", "meter1.Volts"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert p.stdout.readline().split()[1:] == ["Volts", "230.0"]
    plant.set("meter1", "Volts", 231)
    assert p.stdout.readline().split()[1:4] == ["Volts", "231.0", "(230.0"]
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=LIMIT)
    assert (p.returncode, out) == (0, "")  # nothing else changed
    assert "0 timeouts" in err and "response times: least" in err


def test_a_point_is_written_once_checked_and_read_back(line):
    plant = line(FAST)
    config = ["-c", plant.config]
    done = xnetctl("write", *config, "relay1.Relay3", "on")
    assert done.returncode == 0, done.stderr
    assert "now   off" in done.stdout and "verified" in done.stdout
    assert [(w["fc"], w["addr"]) for w in plant.writes()] == [(5, 2)]
    for arguments, text in [
        (["meter1.PulseWidth", "1000"], "refused: above the maximum 200"),
        (["meter1.Volts", "230"], "refused: read-only"),
        (["meter1.PulseWidth", "-5"], "refused: below the minimum 60"),
        (["meter1.PulseWidth", "100"], "Nothing was written (--yes writes without asking)"),  # it wears out
        (["rs485", "--id", 2, "holding:12", 16800, 0], "these registers belong to meter1.PulseWidth"),
        (["rs485", "--id", 2, "input:0", 1], "only holding registers and coils can be written"),
        (["rs485", "--id", 9, "-t", 100, "holding:5", 1], "nothing was written, --blind writes all the same"),
        (["rs485", "--id", 9, "-t", 100, "holding:5", 1, "--yes"], "the value before cannot be read (no response"),
        (["rs485", "--id", 3, "coil:200", "on"], "Nothing was written"),  # an exception: it asks
        (["rs485", "--id", 3, "coil:200", "on", "--yes"], "the value before cannot be read (exception 2"),
    ]:
        done = xnetctl("write", *config, *arguments)
        assert done.returncode in (1, 64) and text in done.stderr, done.stderr
    assert len(plant.writes()) == 1
    done = xnetctl("write", *config, "--json", "--yes", "meter1.PulseWidth", "100")
    assert json.loads(done.stdout) == {"outcome": "verified", "value": 100}
    assert len(plant.writes("meter1")) == 1
    done = xnetctl("write", *config, "--yes", "--over", "rs485", "--id", 2, "holding:12", 0x4302, 0)
    assert done.returncode == 0 and "verified" in done.stdout
    assert xnetctl("read", *config, "meter1.PulseWidth").stdout.split()[1] == "130"


@pytest.mark.skipif(not shutil.which("cc"), reason="no compiler")
def test_a_clock_is_set_to_now_only_while_our_own_is_synchronised(line, tmp_path):
    flag, library, source = tmp_path / "synchronised", tmp_path / "clock.so", tmp_path / "clock.c"
    source.write_text(FAKE_CLOCK, encoding="utf-8")
    subprocess.run(["cc", "-shared", "-fPIC", f'-DFLAG="{flag}"', "-o", library, source], check=True)
    env = {**os.environ, "LD_PRELOAD": " ".join(filter(None, [os.environ.get("LD_PRELOAD"), str(library)]))}
    plant = line(FAST)
    done = xnetctl("write", "-c", plant.config, "--yes", "scc1.DateTime", "now", env=env)
    assert done.returncode == 1 and "clock is not synchronised" in done.stderr, done.stderr
    assert plant.writes() == []
    flag.touch()
    done = xnetctl("write", "-c", plant.config, "--yes", "scc1.DateTime", "now", env=env)
    assert "not synchronised" not in done.stderr and len(plant.writes()) == 1, done.stderr


def test_a_write_whose_response_is_lost_is_not_written_again(line):
    plant = line(FAST.replace("timeout: 2s", "timeout: 1s"))
    write = ["-c", plant.config, "rs485", "--id", 3, "coil:2", "on", "--over", "--yes", "-t", 1000]
    plant.fault("relay1", "mute", times=1)  # taken by the look before: nothing is written
    done = xnetctl("write", *write)
    assert (done.returncode, plant.writes("relay1")) == (1, []), done.stderr
    plant.fault("relay1", "mute", times=1)
    done = xnetctl("write", "-c", plant.config, "relay1.Relay3", "on", "--yes", "-t", 1000)
    assert (done.returncode, plant.writes("relay1")) == (1, []), done.stderr
    plant.fault("relay1", "mute", times=1)
    done = xnetctl("write", *write, "--blind")
    assert len(plant.writes("relay1")) == 1, done.stderr
    plant.fault("relay1", "silent")
    done = xnetctl("write", *write, "--blind")
    assert done.returncode == 1 and "no response from unit 3" in done.stderr
    assert len(plant.writes("relay1")) == 1


def test_another_device_than_configured_is_not_written_to(wire, tmp_path):
    other = wire({5: Unit(9600, {(1, 0): 0, **{(3, 200 + i): ord(c) for i, c in enumerate("OTHER ")}})})
    config = tmp_path / "devices.yaml"
    config.write_text("mqtt: {broker: mqtt://localhost}\nbuses:\n"
                      f"  rs485: {{port: {other.port}, baud: 9600, format: 8N2}}\n"
                      "devices:\n  mr: {profile: wb-mr6c, bus: rs485, id: 5}\n")
    done = xnetctl("write", "-c", config, "-t", 2000, "mr.Relay1", "on")
    assert done.returncode == 1 and "identifies as OTHER, not as a wb-mr6c" in done.stderr, done.stderr
    assert {pdu[0] for _, pdu, _ in other.requests} <= {1, 2, 3, 4, 8}


def floats(values):
    out = {}
    for addr, value in values.items():
        high, low = struct.unpack(">HH", struct.pack(">f", value))
        out[4, addr], out[4, addr + 1] = high, low
    return out


def test_probe_names_the_profile_whose_points_are_plausible(wire):
    meter = {a: 0.0 for a in range(0, 0x60, 2)}
    meter.update({0x0000: 230.4, 0x0006: 1.5, 0x000C: 340.2, 0x0012: 346.1, 0x001E: 0.98, 0x0046: 49.98, 0x0048: 1234.5})
    meter.update({a: 0.0 for a in range(0x0100, 0x0110, 2)})
    meter.update({0x0102: 1.4, 0x0108: 8.8, 0x0156: 1240.0, 0x0158: 20.0})
    unit = wire({7: Unit(115200, floats(meter), turnaround=0.001)})
    done = xnetctl("probe", "--json", "-b", 115200, unit.port, "--id", 7)
    assert done.returncode == 0, done.stderr
    first = json.loads(done.stdout)["profiles"][0]
    assert (first["profile"], first["fit"], first["identified"]) == ("eastron-sdm120", 8, False)
    assert "Freq 49.98 Hz" in first["example"]
    assert {pdu[0] for _, pdu, _ in unit.requests} <= {1, 2, 3, 4, 8, 17, 43}
    done = xnetctl("probe", "-b", 115200, "-t", 100, unit.port, "--id", 8)
    assert done.returncode == 1 and "no response from unit 8" in done.stderr and "xnetctl scan" in done.stderr
    done = xnetctl("probe", "-b", 115200, unit.port, "--id", 7, "--profile", "eastron-sdm999")
    assert done.returncode == 64 and "no profile 'eastron-sdm999'" in done.stderr


def test_an_interrupted_probe_does_not_report_that_none_fits(wire):
    unit = wire({7: Unit(115200, {(3, 0): 1}, silent=(4,))})  # each input register costs a timeout
    p = subprocess.Popen([os.path.join(TOP, "xnetctl"), "probe", "--control", "off", "-P", PROFILES, "-b", "115200",
                          unit.port, "--id", "7"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    wait_until(lambda: any(pdu[0] == 4 for _, pdu, _ in unit.requests), what="a profile's points")
    p.send_signal(signal.SIGINT)
    said, _ = p.communicate(timeout=LIMIT)
    assert p.returncode == 130 and "Interrupted: " in said and "No profile fits" not in said, said
