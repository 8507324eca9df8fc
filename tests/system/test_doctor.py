# SPDX-License-Identifier: MIT
"""xnetctl doctor: the checks in their order, what they find, and the sentence at the end."""
import json
import os
import signal
import subprocess
import threading

import pytest

from conftest import LIMIT, TOP, wait_until
from linefix import Unit, Wire, wire  # noqa: F401
from simfix import HOUSE, PROFILES, line  # noqa: F401

FAST = HOUSE.replace("baud: 9600", "baud: 115200, timeout: 1s")  # no busy machine is so late


def doctor(*arguments):
    return subprocess.run([os.path.join(TOP, "xnetctl"), "doctor", "--control", "off", "-P", PROFILES, "-n", "8",
                           *map(str, arguments)], capture_output=True, text=True, timeout=2 * LIMIT)


def test_a_good_line_is_reported_good_and_the_bundle_has_no_secret(line, tmp_path):
    secret = tmp_path / "password"
    secret.write_text("geheim\n")
    plant = line(FAST.replace('broker: "{broker}"', f"broker: mqtt://b.example, username: mary, password_file: {secret}"))
    bundle = tmp_path / "bundle.txt"
    done = doctor("-c", plant.config, "--bundle", bundle, "rs485")
    assert (done.returncode, done.stdout.split("\n")[-2]) == (0, "all is well."), done.stdout
    order = [s.split(":")[0].split(None, 1) for s in done.stdout.split("\n")[1:-2]]
    assert order == [["ok", "port"], ["ok", "noise"], ["ok", "unit 1 scc1"], ["ok", "unit 2 meter1"],
                     ["ok", "unit 3 relay1"], ["ok", "echo"]]
    text = bundle.read_text()
    assert "device meter1: eastron-sdm120, bus rs485, id 2" in text and "unit 3 relay1: 8 of 8" in text
    assert not any(word in text for word in ["geheim", "mary", "b.example"])
    assert bundle.stat().st_mode & 0o077 == 0
    assert plant.writes() == []


def test_who_loses_and_how_decides_what_to_try(line):
    plant = line(FAST)
    plant.unplug("relay1")
    plant.fault("meter1", "crc", times=3)
    done = doctor("-c", plant.config, "--json", "rs485")
    assert done.returncode == 1
    checks = {c["check"]: c for c in json.loads(done.stdout)["checks"] if c["result"] != "note"}
    assert checks["unit 1 scc1"]["result"] == "ok"
    assert checks["unit 2 meter1"]["result"] == "fail" and "CRC" in checks["unit 2 meter1"]["text"]
    assert checks["unit 3 relay1"]["text"].startswith("0 of 5; 5 no response")  # it is not waited for 50 times
    assert json.loads(done.stdout)["try"] == "only unit 3 does not respond: its id, its power, its stub."


def test_no_unit_and_another_client_are_distinguished(wire):
    empty = wire({})
    done = doctor("-t", 50, "--id", 5, empty.port)
    assert done.returncode == 1 and "Try: it does not respond: id, power, A and B swapped" in done.stdout
    sent = len(empty.requests)
    stop = threading.Event()

    def master():
        while not stop.wait(0.2):
            empty.inject(Wire.frame(2, [3, 0, 0, 0, 1]))

    other = threading.Thread(target=master)
    other.start()
    try:
        done = doctor("--id", 5, empty.port)
    finally:
        stop.set()
        other.join()
    assert done.returncode == 1 and "ANOTHER CLIENT sends requests" in done.stdout
    assert "Try: a second client is on this line" in done.stdout
    assert len(empty.requests) == sent  # nothing more


@pytest.mark.parametrize("asked", [0, 3])  # while it listens, and while it asks
def test_an_interrupted_examination_concludes_nothing(wire, asked):
    quiet = wire({5: Unit(9600, {(3, 0): 1})})
    p = subprocess.Popen([os.path.join(TOP, "xnetctl"), "doctor", "--control", "off", "-P", PROFILES, "-n", "10000", "--id",
                          "5", quiet.port], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    head = [p.stdout.readline() for _ in range(2)]  # the port is checked: it catches signals
    wait_until(lambda: len(quiet.requests) >= asked, what="requests")
    p.send_signal(signal.SIGINT)
    said, _ = p.communicate(timeout=LIMIT)
    assert (p.returncode, len(head)) == (130, 2)
    assert "noise" not in said or asked, said
    assert said.split("\n")[-2].endswith("interrupted before all was checked: run it again to its end."), said


@pytest.mark.parametrize("arguments, status, text", [
    (["-n", "0", "rs485"], 64, "--requests: expects a number from 1"),
    (["/dev/ttyNONE7"], 69, "/dev/ttyNONE7 does not exist: xnetctl ports lists the ports"),
    (["--bundle", "/nowhere/x", "/dev/null"], 1, "/nowhere/x: No such file or directory"),
    ([], 64, "which line?"),
])
def test_what_cannot_be_done_is_reported(arguments, status, text):
    done = doctor(*arguments)
    assert (done.returncode, text in done.stderr) == (status, True), done.stderr
