# SPDX-License-Identifier: MIT
"""The verbs on a line that the daemon has: through its control socket, and beside what it does itself."""
import json
import os
import socket
import subprocess
import threading

import pytest

from conftest import LIMIT, TOP, undisturbed
from simfix import HOUSE, PROFILES, line  # noqa: F401

FAST = HOUSE.replace("baud: 9600", "baud: 115200")


def xnetctl(verb, *arguments):
    return subprocess.run([os.path.join(TOP, "xnetctl"), verb, "-P", PROFILES, *map(str, arguments)], capture_output=True,
                          text=True, timeout=2 * LIMIT, stdin=subprocess.DEVNULL)


@pytest.fixture
def daemon(line, broker, client, start, tmp_path):
    """A line that xnetd has; .options of the verbs, .process."""
    plant = line(FAST, broker)
    control = tmp_path / "ctl"
    plant.process_of_daemon = start("xnetd", *plant.arguments, "--control", control)
    for device in ["scc1", "meter1", "relay1"]:
        client.wait_for(f"xnet/sts/{device}/status", "online")
    plant.options = ["-c", plant.config, "--control", control]
    return plant


def answered(*arguments):
    """The daemon waits no longer than its devices taught it: a simulator that is late is asked once more."""

    def ask():
        done = xnetctl(*arguments)
        assert "no response" not in done.stdout + done.stderr, done.stderr
        return done

    return undisturbed(ask)


def test_what_the_daemon_has_is_read_and_written_through_it(daemon, client):
    done = answered("read", *daemon.options, "rs485", "--id", 2, "input:0", 2)
    assert done.returncode == 0, done.stderr
    assert "rs485 is used by xnetd: sending requests through it" in done.stderr and "via xnetd, bus rs485" in done.stdout
    daemon.set("meter1", "Volts", 230.5)
    done = answered("read", *daemon.options, "--json", "meter1.Volts")
    assert json.loads(done.stdout)["points"] == [{"name": "Volts", "value": 230.5, "unit": "V"}]
    done = xnetctl("read", *daemon.options, daemon.port, "--id", 9, "holding:0", "-t", 100)  # by its port, too
    assert done.returncode == 1 and "no response" in done.stderr
    done = answered("read", *daemon.options, "meter1", "holding:0x4000")
    assert done.returncode == 1 and "exception 2, illegal data address" in done.stderr
    before = len(daemon.writes())
    done = xnetctl("write", *daemon.options, "relay1.Relay3", "on")
    assert done.returncode == 0 and "verified" in done.stdout, done.stderr
    client.wait_for("xnet/sts/relay1/Relay3", "on")
    assert xnetctl("write", *daemon.options, "relay1.Relay3", "onn").returncode == 1
    done = xnetctl("write", *daemon.options, "rs485", "--id", 3, "coil:3", "on", "--over", "--yes")
    assert done.returncode == 0 and "verified" in done.stdout, done.stderr
    assert len(daemon.writes()) == before + 2


def test_the_daemon_is_watched_and_lends_its_line(daemon, client):
    done = xnetctl("monitor", *daemon.options, "rs485", "--for", "1s", "--json")
    seen = [json.loads(s) for s in done.stdout.strip().split("\n")]
    assert done.returncode == 0 and len(seen) > 3, done.stderr
    kinds = [s["kind"] for s in seen]  # a simulator that comes late is no other client
    assert "client" not in kinds and kinds.count("ok") > 3, done.stdout
    assert any(s["unit"] == 3 and "Relay1" in s["what"] for s in seen)
    done = xnetctl("scan", *daemon.options, "rs485", "--ids", "1-4", "--lines", "115200,9600")
    assert done.returncode == 0, done.stderr
    assert "Its polling pauses while we scan" in done.stderr and "All of them are configured." in done.stdout
    assert [s.split()[0] for s in done.stdout.split("\n")[1:4]] == ["1", "2", "3"]
    since = client.mark()
    client.wait_for("xnet/sts/meter1/Volts", since=since)  # it goes on
    done = xnetctl("doctor", *daemon.options, "--id", 3, "-n", 4, "rs485")
    assert "skip  noise: xnetd polls this line" in done.stdout and "unit 3 relay1: 4 of 4" in done.stdout
    daemon.process_of_daemon.terminate()
    daemon.process_of_daemon.wait(LIMIT)
    assert xnetctl("read", *daemon.options, "meter1.Volts").returncode == 0  # by itself now
    assert "sending requests through" not in xnetctl("read", *daemon.options, "meter1.Volts").stderr


GREETING = b'{"xnet":1,"version":"0.2.0","gateway":"x","control":"on"}\n'


@pytest.mark.parametrize("says, text", [
    (b'{"xnet":9,"version":"7.0"}\n', "are of different versions: install the same of both"),
    (b'{"xnet":1,"err":"limit","words":"4 clients are connected"}\n', "xnetd: 4 clients are connected"),
    (b"", "xnetd does not respond"),
    (70000 * b"x", "xnetd does not respond"),
    (GREETING + b'{"id":1,"buses":[{"name":"b","port":"/dev/null","kind":"serial"}]}\nnonsense\n\xff\xfe\n',
     "has closed the control socket"),
])
def test_a_socket_that_is_not_right_is_reported_to_be_so(tmp_path, says, text):
    path = str(tmp_path / "ctl")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(1)

    def serve():
        client, _ = server.accept()
        client.settimeout(LIMIT)
        try:
            client.sendall(says)
            asked = b""  # both requests may come at once
            while asked.count(b"\n") < (2 if b"buses" in says else 0):
                asked += client.recv(4096)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass
        except OSError:
            pass
        client.close()

    other = threading.Thread(target=serve, daemon=True)
    other.start()
    done = xnetctl("read", "--control", path, "/dev/null", "--id", 1, "holding:0")
    other.join(LIMIT)
    server.close()
    assert done.returncode in (1, 69) and text in done.stderr, done.stderr


def test_a_list_of_buses_without_an_end_is_not_read_for_ever(tmp_path):
    path = str(tmp_path / "ctl")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(1)

    def serve():
        client, _ = server.accept()
        client.sendall(GREETING)
        with client, client.makefile("r") as lines:
            for line in lines:
                asked = json.loads(line)["id"]
                client.sendall((json.dumps({"id": asked, "next": 1, "buses": []}) + "\n").encode())

    other = threading.Thread(target=serve, daemon=True)
    other.start()
    done = xnetctl("read", "--control", path, "/dev/null", "--id", 1, "holding:0")
    other.join(LIMIT)
    server.close()
    assert done.returncode == 69, done.stderr


def test_a_line_that_the_daemon_takes_back_ends_the_scan(tmp_path):
    """What is asked then goes out with the line's own settings: nothing that comes back may count."""
    path = str(tmp_path / "ctl")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(1)

    def answer(request, asked):
        if request["verb"] == "buses":
            return {"buses": [{"name": "b", "port": "/dev/null", "kind": "serial", "baud": 9600, "format": "8N1"}]}
        if request["verb"] != "pdu":
            return {request["verb"]: True}
        return {"hex": "03020001", "turnaround_ms": 4} if asked in (2, 5) else {"err": "timeout", "words": "no response"}

    def serve():
        client, _ = server.accept()
        client.sendall(GREETING)
        asked = 0
        with client, client.makefile("r") as lines:
            for line in lines:
                request = json.loads(line)
                asked += request["verb"] == "pdu"
                if asked == 5:
                    client.sendall(b'{"id":1,"released":"time"}\n')
                client.sendall((json.dumps({"id": request["id"], **answer(request, asked)}) + "\n").encode())

    other = threading.Thread(target=serve, daemon=True)
    other.start()
    done = xnetctl("scan", "--control", path, "/dev/null", "--baud", 9600, "--json")
    other.join(LIMIT)
    server.close()
    assert done.returncode == 69 and "xnetd has taken its line back (time)" in done.stderr, done.stderr
    assert [f["id"] for f in json.loads(done.stdout)["found"]] == [2]


def test_a_scan_right_after_another_waits_until_the_line_is_held_again(tmp_path):
    path = str(tmp_path / "ctl")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(1)
    holds = []

    def answer(request):
        if request["verb"] == "buses":
            return {"buses": [{"name": "b", "port": "/dev/null", "kind": "serial", "baud": 9600, "format": "8N1"}]}
        if request["verb"] == "hold":
            holds.append(request)
            if len(holds) == 1:
                return {"err": "busy", "words": "the line was held just now; again in 1 s"}
        return {"hex": "03020001", "turnaround_ms": 4} if request["verb"] == "pdu" else {request["verb"]: True}

    def serve():
        client, _ = server.accept()
        client.sendall(GREETING)
        with client, client.makefile("r") as lines:
            for line in lines:
                request = json.loads(line)
                client.sendall((json.dumps({"id": request["id"], **answer(request)}) + "\n").encode())

    other = threading.Thread(target=serve, daemon=True)
    other.start()
    done = xnetctl("scan", "--control", path, "/dev/null", "--baud", 9600, "--ids", 7, "--json")
    other.join(LIMIT)
    server.close()
    assert done.returncode == 0 and "then this goes on" in done.stderr, done.stderr
    assert [f["id"] for f in json.loads(done.stdout)["found"]] == [7] and len(holds) >= 2
