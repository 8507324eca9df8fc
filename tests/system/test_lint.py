# SPDX-License-Identifier: MIT
"""xnetctl test looks profiles over: what it refuses, what it warns about, what it lets pass."""
import os
import shutil
import subprocess

import pytest

from conftest import LIMIT, TOP
from simfix import PROFILES

HEAD = """\
title: A box
vendor: Acme
models: [B1]
sources: Acme, registers
status: experimental
parameters: {variant: {default: plain, one_of: [plain, big]}}
max_read: 60
points:
  Volts: {input: 0, unit: V}
"""

TEST = """\
  - title: %d
    source: made up
    input: {0: [230]}
    expect: {Volts: 230}
"""


def lint(directory, points, tests=3, extra=""):
    path = directory / "box.yaml"
    path.write_text(HEAD + points + "tests:\n" + "".join(TEST % i for i in range(tests)) + extra)
    for name in ["units.txt", "names.txt"]:
        shutil.copy(os.path.join(PROFILES, name), directory)
    done = subprocess.run([os.path.join(TOP, "xnetctl"), "test", str(path)], capture_output=True, text=True,
                          timeout=LIMIT)
    return done.returncode, done.stderr.replace(str(path), "box")


def test_a_good_one_passes(tmp_path):
    assert lint(tmp_path, "") == (0, "")


@pytest.mark.parametrize("point, message", [
    ("AcIn1Line1rmsVolts: {input: 1}", "did you mean 'AcIn{n}Line{n}RmsVolts' of the vocabulary"),
    ("Currnet: {input: 1}", "did you mean 'Current' of the vocabulary"),
    ("Line12Curent: {input: 1}", "did you mean 'Line{n}Current' of the vocabulary"),
    ("current: {input: 1}", "names are CamelCase"),
    ("Temp: {input: 1, unit: degC}", "unit 'degC' is not in units.txt"),
    ("Temp: {input: 1, if: variant == big, unit: degC}", "unit 'degC' is not in units.txt"),
    ("Gust: {input: 1, description: of wind}\n"
     "  GUst: {input: 1, description: of wind}", "the topic of 'Gust' differs only by case"),
    ("SpeedSetPoint: {holding: 1, write: true}", "a number that can be written has min and max"),
    ("SpeedSetPoint: {holding: 1, write: {max: 4}}", "a number that can be written has min and max"),
    ("HotFault: {input: 1, bit: 0, alert: fault, code: 1}", "the alert has no desc"),
    ("HotFault: {input: 1, bit: 0, alert: fault, code: 1, desc: Hot}\n"
     "  OpenFault: {input: 1, bit: 1, alert: fault, code: 1, desc: Open}", "code 1 is that of 'HotFault', too"),
    ("Temp: {input: 1, every: 5s}", "use rate: in a profile, not every:"),
])
def test_what_is_wrong_is_reported(point, message, tmp_path):
    status, told = lint(tmp_path, f"  {point}\n")
    assert status == 1
    line = 9 + len(point.split("\n"))
    assert told.startswith(f"box:{line}:3: ") and message in told, told
    assert told.count("\n") == 1


@pytest.mark.parametrize("point, status, warnings", [
    ("FlyingSpeed: {input: 1}", 0, 1),
    ("FlyingSpeed: {input: 1, description: of the kite}", 0, 0),
    ("FlyingSpeed: {input: 1, publish: never}", 0, 0),
    ("Temps: {input: 1, description: how many}", 0, 0),
    ("Line3Current: {input: 1}", 0, 0),
    ("Mode: {holding: 1, values: {0: a, 1: b}, write: true, description: none}", 0, 0),
    ("Relay1: {coil: 1, write: true}", 0, 0),
])
def test_what_may_have_a_reason_is_no_error(point, status, warnings, tmp_path):
    code, told = lint(tmp_path, f"  {point}\n")
    assert (code, told.count("warning: ")) == (status, warnings), told
    assert told.count("\n") == warnings


def test_three_tests_with_words_and_a_source_are_wanted(tmp_path):
    assert "2 tests; at least 3" in lint(tmp_path, "", tests=2)[1]
    empty = "  - {title: empty, source: '', input: {}, expect: {Volts: None}}\n"
    told = lint(tmp_path, "", extra=empty)[1]
    assert "lacks the source of its words" in told and "has no raw words" in told
