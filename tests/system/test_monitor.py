# SPDX-License-Identifier: MIT
"""xnetctl monitor: frames in words, captures that tshark decodes, captures shown again."""
import json
import os
import shutil
import signal
import struct
import subprocess
import time

import pytest

from conftest import LIMIT, TOP, undisturbed, wait_until
from linefix import Wire, wire  # noqa: F401
from simfix import PROFILES

F = Wire.frame
VOLTS = [4, 4, 0x43, 0x66, 0x80, 0]
FRAMES = [  # request, response or None
    (F(2, [4, 0, 0, 0, 2]), F(2, VOLTS)),
    (F(2, [3, 0, 0x90, 0, 1]), F(2, [0x83, 2])),
    (F(3, [6, 0, 5, 0, 9]), F(3, [6, 0, 5, 0, 9])),
    (F(2, [4, 0, 0x0C, 0, 2]), F(2, VOLTS)[:-1] + b"\x01"),
    (b"\x00\xff\x12", None),
    (F(9, [3, 0, 0, 0, 1]), None),
    (F(2, [4, 0, 0, 0, 2]), F(2, VOLTS)),
]
CONFIG = """\
mqtt: {{broker: mqtt://localhost}}
buses:
  rs485: {{port: {port}, baud: 9600}}
devices:
  meter1: {{profile: eastron-sdm120, bus: rs485, id: 2}}
"""


@pytest.fixture
def seen(wire, tmp_path):
    """seen(*arguments): what monitor printed of FRAMES."""
    line = wire({})
    config = tmp_path / "devices.yaml"
    config.write_text(CONFIG.format(port=line.port))

    def run(*arguments):
        p = subprocess.Popen([os.path.join(TOP, "xnetctl"), "monitor", "--control", "off", "-P", PROFILES, "-c", config,
                              *map(str, arguments), "rs485"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        held = f"/proc/{p.pid}/fd"
        wait_until(lambda: sum(os.path.realpath(f"{held}/{n}") == os.path.realpath(line.port)
                               for n in os.listdir(held)) >= 2, what="the open port")
        time.sleep(0.3)  # the line is set, and what lay there is flushed
        for frames in FRAMES:
            for data in filter(None, frames):
                line.inject(data)
                wait_until(lambda: not line._inject)
                time.sleep(0.03)  # a frame ends by silence
        time.sleep(0.2)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=LIMIT)
        assert p.returncode == 0, err
        assert line.requests == []  # it sends nothing
        return out, err.decode()

    run.config = config
    return run


def test_frames_are_shown_in_words(seen):
    def kinds():
        out, err = seen("--json")
        got = [json.loads(s) for s in out.decode().strip().split("\n")]
        assert [(g["kind"], g.get("unit"), g.get("function")) for g in got] == [
            ("ok", 2, 4), ("exception", 2, 3), ("ok", 3, 6), ("corrupted", 2, 4), ("stray", None, None),
            ("no response", 9, 3), ("ok", 2, 4)]
        return got, err

    got, err = undisturbed(kinds)
    assert (got[0]["what"], got[0]["outcome"]) == ("input 0 +2  Volts", "ok 230.5 V")
    assert got[1]["outcome"].startswith("exception 2, illegal data address")
    assert got[3]["outcome"].startswith("CRC wrong, 9 of 9 bytes")
    assert got[4]["what"] == "00 FF 12"
    assert "6 requests" in err and "3 ok, 1 exceptions, 1 no response, 1 corrupted, 1 that belong to nothing" in err


def blocks(data):
    at = 0
    while at < len(data):
        kind, total = struct.unpack_from("<II", data, at)
        assert total % 4 == 0 and struct.unpack_from("<I", data, at + total - 4)[0] == total
        yield kind, data[at + 8:at + total - 4]
        at += total


def test_a_capture_is_decoded_and_shown_again(seen, tmp_path):
    file = tmp_path / "line.pcapng"

    def capture():
        seen("--pcap", file)
        data = file.read_bytes()
        kinds = [kind for kind, _ in blocks(data)]
        assert kinds[:2] == [0x0A0D0D0A, 1] and set(kinds[2:]) == {6} and len(kinds) == 2 + 12
        return data

    data = undisturbed(capture)
    assert struct.unpack_from("<H", [b for k, b in blocks(data) if k == 1][0])[0] == 252
    dissectors = [struct.unpack_from(">HH8s", b, 20)[2].rstrip(b"\0") for k, b in blocks(data) if k == 6]
    assert [d for d in dissectors if d == b"data"] == 2 * [b"data"]
    again = subprocess.run([os.path.join(TOP, "xnetctl"), "monitor", "-P", PROFILES, "-c", seen.config, "--replay", file],
                           capture_output=True, text=True, timeout=LIMIT)
    assert again.returncode == 0, again.stderr
    assert "ok 230.5 V" in again.stdout and "3 ok, 1 exceptions, 1 no response, 1 corrupted" in again.stderr
    cut = tmp_path / "cut.pcapng"
    cut.write_bytes(data[:-5])
    again = subprocess.run([os.path.join(TOP, "xnetctl"), "monitor", "--replay", cut], capture_output=True, text=True,
                           timeout=LIMIT)
    assert again.returncode == 1 and "not a capture of xnetctl monitor, or it is cut" in again.stderr
    if not shutil.which("tshark"):
        return  # the rest is checked where it is installed
    fields = ["modbus.func_code", "modbus.request_frame", "modbus.exception_code", "modbus.regval_uint16"]
    shark = subprocess.run(["tshark", "-r", file, "-T", "fields", *[x for f in fields for x in ("-e", f)]],
                           capture_output=True, text=True, timeout=LIMIT)
    rows = [r.split("\t") for r in shark.stdout.split("\n")[:-1]]
    assert [r[0] for r in rows] == ["4", "4", "3", "3", "6", "6", "4", "", "", "3", "4", "4"]
    assert [r[1] for r in rows] == ["", "1", "", "", "", "5", "", "", "", "", "", "11"]  # none of an exception
    assert rows[3][2] == "2" and rows[1][3] == "17254,32768"


@pytest.mark.parametrize("arguments, status, text", [
    (["--for", "5x", "/dev/null"], 64, "--for 5x: expects a time like 30s, 5m or 1h"),
    (["--replay", "/nowhere"], 1, "/nowhere: No such file"),
    (["--replay", "/dev/null"], 1, "not a capture"),
    ([], 64, "which line?"),
])
def test_what_cannot_be_shown_is_reported(arguments, status, text):
    done = subprocess.run([os.path.join(TOP, "xnetctl"), "monitor", "--control", "off", *arguments], capture_output=True,
                          text=True, timeout=LIMIT)
    assert (done.returncode, text in done.stderr) == (status, True), done.stderr
