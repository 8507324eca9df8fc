# SPDX-License-Identifier: MIT
"""xnetd --check and a line that is asked for more than it can carry."""
import os
import re
import subprocess

import pytest

from conftest import LIMIT, TOP
from simfix import PROFILES

MAP = """\
mqtt: {{broker: mqtt://localhost}}
buses:
  rs485: {{port: /dev/ttyUSB0, baud: {baud}}}
  plant: {{tcp: "192.0.2.1:502"}}
defaults:
  rates: {{fast: {fast}, normal: 5s}}
devices:
  scc1: {{profile: epever-tracer, bus: rs485, id: 1}}
  scc2: {{profile: epever-tracer, bus: rs485, id: 2}}
  far:  {{profile: epever-tracer, bus: plant, id: 1}}
"""


def check(path, *program):
    return subprocess.run([*program, "-c", str(path), "--profiles", PROFILES],
                          capture_output=True, text=True, timeout=LIMIT)


def write(tmp_path, baud, fast):
    path = tmp_path / "devices.yaml"
    path.write_text(MAP.format(baud=baud, fast=fast))
    return path


PROGRAMS = [(os.path.join(TOP, "xnetd"), "--check"), (os.path.join(TOP, "xnetctl"), "check")]


@pytest.mark.parametrize("program", PROGRAMS, ids=["xnetd", "xnetctl"])
def test_a_line_with_room_is_no_news(tmp_path, program):
    done = check(write(tmp_path, 115200, "5s"), *program)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("program", PROGRAMS, ids=["xnetd", "xnetctl"])
def test_an_overloaded_line_is_reported_with_its_place_and_what_helps(tmp_path, program):
    path = write(tmp_path, 1200, "1s")
    done = check(path, *program)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith(f"{path}:3:"), done.stderr
    told = re.search(r"bus rs485: its points need (\d+) %.*comes to (\d+) % with (.*)", lines[0])
    assert told, lines[0]
    assert int(told[1]) > 80 >= int(told[2])
    assert "scc1/" in told[3] and re.search(r" of 1s every \d+m?s", told[3])


def test_what_is_advised_helps(tmp_path):
    done = check(write(tmp_path, 1200, "1s"), *PROGRAMS[0])
    to = re.search(r" of 1s every (\d+m?s)", done.stderr)[1]
    normal = re.search(r" of 5s every (\d+m?s)", done.stderr)
    path = write(tmp_path, 1200, to)
    if normal:
        path.write_text(path.read_text().replace("normal: 5s", f"normal: {normal[1]}"))
    done = check(path, *PROGRAMS[0])
    assert (done.returncode, done.stderr) == (0, "")


def test_no_mutant_harms_the_program(tmp_path):
    """Configurations changed at random, as tests/unit/test_config_mutate writes them."""
    env = dict(os.environ, XNET_MUTATE_WRITE=str(tmp_path), srcdir=os.environ.get("srcdir", TOP))
    subprocess.run([os.path.join(TOP, "tests/unit/test_config_mutate")], env=env, check=True,
                   capture_output=True, timeout=LIMIT)
    maps = sorted(tmp_path.glob("map*.yaml"))
    assert len(maps) == 60
    for path in maps:
        done = subprocess.run([os.path.join(TOP, "xnetd"), "--check", "-c", str(path), "--profiles",
                               str(tmp_path), "--profiles", PROFILES],
                              capture_output=True, text=True, timeout=LIMIT)
        assert done.returncode in (0, 78), (path, done)
        assert done.stderr or done.returncode == 0, path
