# SPDX-License-Identifier: MIT
"""The verbs of xnetctl that need no line: what they print and how they end."""
import os
import subprocess

import pytest

from conftest import LIMIT, TOP
from simfix import HOUSE, PROFILES


def xnetctl(*arguments):
    return subprocess.run([os.path.join(TOP, "xnetctl"), *map(str, arguments)], capture_output=True, text=True,
                          timeout=LIMIT)


@pytest.fixture
def house(tmp_path):
    config = tmp_path / "devices.yaml"
    config.write_text(HOUSE.format(port="/dev/ttyUSB0", broker="mqtt://127.0.0.1:1"))
    return config


def test_help_names_every_verb():
    done = xnetctl("--help")
    assert done.returncode == 0
    verbs = {"acl", "bridge", "check", "convert", "fleet", "keys", "metrics", "plan",
             "points", "ports", "profiles", "schema", "sim", "status", "test", "top"}
    for verb in verbs:
        assert f"\n  {verb} " in done.stdout
        done_verb = xnetctl(verb, "--help")
        assert done_verb.stdout.startswith(f"Usage: xnetctl {verb}")
        assert done_verb.returncode == 0


@pytest.mark.parametrize("arguments, text", [
    ([], "a verb is missing"),
    (["profile"], "no verb 'profile': did you mean 'profiles'?"),
    (["check", "--strange"], "Try 'xnetctl check --help'"),
    (["check", "a", "b"], "Try 'xnetctl check --help'"),
    (["plan", "-P", "a", "-P", "b", "-P", "c", "-P", "d"], "at most 3 directories"),
])
def test_wrong_usage_ends_with_64(arguments, text):
    done = xnetctl(*arguments)
    assert done.returncode == 64
    assert text in done.stderr


def test_check_finds_the_map_good(house):
    done = xnetctl("check", "-P", PROFILES, house)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 buses, 3 devices" in done.stdout


def test_check_tells_every_mistake_with_its_place(house):
    text = house.read_text().replace("baud: 9600", "bauds: 9600").replace("eastron-sdm120", "eastron-sdm121")
    house.write_text(text)
    done = xnetctl("check", "-P", PROFILES, house)
    assert done.returncode == 78
    lines = done.stderr.strip().split("\n")
    assert any(s.startswith(f"{house}:4:") and "bauds" in s for s in lines), done.stderr
    assert any(s.startswith(f"{house}:9:") and "eastron-sdm121" in s for s in lines), done.stderr


def test_plan_shows_the_load_of_each_line(house):
    done = xnetctl("plan", "-P", PROFILES, "-c", house)
    assert done.returncode == 0
    assert done.stdout.startswith("rs485: 9600 8N1\n")
    load = float(done.stdout.strip().split("\n")[-1].split()[0])
    assert 10 < load < 60
    # twice the period of what is fast and normal: less load
    house.write_text(house.read_text().replace("fast: 1s, normal: 3s", "fast: 2s, normal: 6s"))
    slower = float(xnetctl("plan", "-P", PROFILES, "-c", house).stdout.strip().split("\n")[-1].split()[0])
    assert slower == pytest.approx(load / 2, rel=0.2)


def test_profiles_are_listed_and_shown():
    done = xnetctl("profiles", "-P", PROFILES)
    assert done.returncode == 0
    assert any(s.split()[:2] == ["epever-tracer", "captured"] for s in done.stdout.split("\n"))
    done = xnetctl("profiles", "-P", PROFILES, "waveshare-relay-8ch")
    assert done.returncode == 0
    assert ["Relay3", "coil", "0x0002", "rw", "fast"] in [s.split() for s in done.stdout.split("\n")]
    done = xnetctl("profiles", "-P", PROFILES, "nothing")
    assert done.returncode == 1
    assert "no profile 'nothing'" in done.stderr


def test_keys_can_be_searched():
    whole, some = xnetctl("keys").stdout.splitlines(), xnetctl("keys", "deadband").stdout.splitlines()
    assert 0 < len(some) < len(whole)
    assert all("deadband" in s for s in some)


def test_ports_ends_well_also_without_any():
    assert xnetctl("ports").returncode == 0
