# SPDX-License-Identifier: MIT
"""The verbs of xnetctl that need no line: what they print and how they end."""
import os
import re
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
    verbs = {"acl", "bridge", "check", "convert", "fleet", "homeassistant", "keys", "metrics", "plan",
             "points", "ports", "profiles", "recipe", "schema", "sim", "status", "test", "top"}
    for verb in verbs:
        assert f"\n  {verb} " in done.stdout
        done_verb = xnetctl(verb, "--help")
        assert xnetctl("help", verb).stdout == done_verb.stdout
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


@pytest.mark.parametrize("verb", ["acl", "bridge", "check", "convert", "fleet", "forget", "homeassistant", "metrics", "plan",
                                  "profiles", "recipe", "schema", "sim", "status", "top"])
def test_wrong_usage_reports_what_is_wrong(verb):
    for words in ([], ["a", "b", "c", "d"]):
        done = xnetctl(verb, *words, *(["--stdin"] if verb == "sim" else []))
        if done.returncode == 64:
            assert not done.stderr.startswith("Try "), f"{verb} {words}: {done.stderr}"


@pytest.mark.parametrize("words, text", [
    (["read", "meter", "Volts"], "a point is one word with its device: meter.Volts"),
    (["write", "meter", "Volts", 1], "a point is one word with its device: meter.Volts"),
    (["read", "meter.Nothing"], "device meter has no point 'Nothing': xnetctl points meter lists them"),
    (["read", "meter.Vots"], "device meter has no point 'Vots': did you mean 'meter.Volts'?"),
])
def test_a_point_that_is_written_wrong(tmp_path, words, text):
    config = tmp_path / "devices.yaml"
    config.write_text("buses: {line: {port: /dev/none}}\n"
                      "devices: {meter: {bus: line, id: 1, points: {Volts: {holding: 0, write: true}}}}\n")
    done = xnetctl(*words, "-c", config)
    assert done.returncode == 64 and text in done.stderr, done.stderr


def test_check_finds_the_map_good(house):
    done = xnetctl("check", "-P", PROFILES, house)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 bus, 3 devices" in done.stdout


def test_check_reports_every_error_with_its_place(house):
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


@pytest.mark.parametrize("words, found", [
    (["sdm120"], ["eastron-sdm120"]),
    (["EPEVER"], ["epever-tracer"]),
    (["sdm230"], ["eastron-sdm120"]),  # a model that only the profile's head names
    (["gavazzi", "em24"], ["carlo-gavazzi-em24-e1", "carlo-gavazzi-em24"]),
])
def test_profiles_are_found_by_words(words, found):
    done = xnetctl("profiles", "-P", PROFILES, *words)
    assert done.returncode == 0, done.stderr
    assert sorted(s.split()[0] for s in done.stdout.splitlines()) == sorted(found)


def test_a_profile_with_a_typing_error_is_guessed():
    done = xnetctl("profiles", "-P", PROFILES, "eastron-sdm121")
    assert done.returncode == 1 and "did you mean 'eastron-sdm120'?" in done.stderr
    assert "doc/profiles.md" in done.stderr


def test_keys_can_be_searched():
    whole, some = xnetctl("keys").stdout.splitlines(), xnetctl("keys", "deadband").stdout.splitlines()
    assert 0 < len(some) < len(whole)
    assert all("deadband" in s for s in some)
    assert xnetctl("keys", "DeadBand").stdout.splitlines() == some
    none = xnetctl("keys", "nonsense")
    assert none.returncode == 1 and "no key has the word 'nonsense'" in none.stderr


def test_a_profile_is_tested_by_its_file():
    done = xnetctl("test", "epever-tracer")
    assert done.returncode == 78 and "expects the file of a profile" in done.stderr, done.stderr


def test_ports_ends_well_also_without_any():
    assert xnetctl("ports").returncode == 0


# -- completion ------------------------------------------------------------------------------------

def words(*before):
    done = xnetctl("completion-words", *before)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def verbs():
    return [w for w in words() if not w.startswith("-")]


def test_each_verb_of_the_help_is_completed_with_each_option_of_its_help():
    shown = re.findall(r"^  ([a-z-]+) ", xnetctl("--help").stdout, re.M)
    assert verbs() == shown and len(shown) >= 12
    for verb in verbs():
        text = xnetctl(verb, "--help").stdout
        options = set(re.findall(r"^ +(?:-\w, )?(--[a-z][a-z-]*)", text, re.M))
        assert options <= set(words(verb)), verb


def test_names_of_the_configuration_are_completed(tmp_path):
    config = tmp_path / "devices.yaml"
    config.write_text("gateway: g\nbuses:\n  rs485: {port: /dev/none}\ndevices:\n"
                      "  relay1: {profile: waveshare-relay-8ch, bus: rs485, id: 1}\n")
    given = ["-c", str(config), "--profiles", "=", PROFILES]
    assert {"relay1", "relay1.Relay1", "relay1.Relay8"} <= set(words("points", *given))
    assert words("sim", *given, "--bus") == ["rs485"]
    assert "epever-tracer" in words("profiles", "-P", PROFILES)
    assert words("plan", "--config") == ["<files>"] and words("plan", "-P") == ["<directories>"]
    config.write_text("devices: [")
    assert "--names" in words("points", *given)
    assert words("nonsense") == [] and words("completion-words") == []


@pytest.mark.parametrize("line, want", [
    (["xnetctl", "pl"], ["plan"]),
    (["xnetctl", "plan", "--po"], ["--points"]),
    (["xnetctl", "profiles", "-P", PROFILES, "epever"], ["epever-tracer"]),
    (["xnetd", "--che"], ["--check"]),
    (["xnetd", "-l", "de"], ["debug"]),
])
def test_bash_completes(line, want):
    script = os.path.join(os.path.dirname(__file__), "../../etc/xnetctl.bash-completion")
    code = f"set -u; . {script}; COMP_WORDS=({' '.join(line)}); COMP_CWORD={len(line) - 1}; _{line[0]} {line[0]}; " \
           'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, timeout=LIMIT,
                          env={**os.environ, "PATH": TOP + ":" + os.environ["PATH"]})
    assert (done.stdout.split(), done.stderr) == (want, "")


def test_a_full_disk_behind_standard_output_is_no_success():
    with open("/dev/full", "w") as full:
        done = subprocess.run([os.path.join(TOP, "xnetctl"), "keys"], stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=LIMIT)
    assert done.returncode == 1 and "No space left on device" in done.stderr
