# SPDX-License-Identifier: MIT
"""The control socket of the running daemon: what it answers, what it carries to a line, who is sent away."""
import contextlib
import json
import os
import random
import resource
import socket
import stat
import subprocess
import time

import pytest

from conftest import LIMIT, TOP, wait_until
from gwfix import gateway  # noqa: F401
from simfix import HEAD, line  # noqa: F401

BOARD = """\
title: A board
vendor: nobody
models: [B]
sources: [this test]
status: experimental
points:
  Level: {holding: 10, every: 300ms, write: true}
  Text:  {holding: 20, every: 1s}
"""

PLANT = HEAD + """\
  board: {{profile: board, bus: rs485, id: 1}}
"""


HOLDER = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b'{"verb":"hold","bus":"rs485","baud":9600,"for":60,"as":"a scan"}\\n')
while s.recv(4096):
    pass
"""


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(LIMIT)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.greeting = json.loads(self.lines.readline())
        self.last = 0

    def send(self, **request):
        self.last += 1
        self.socket.sendall((json.dumps({"id": self.last, **request}) + "\n").encode())
        return self.last

    def next(self):
        try:
            text = self.lines.readline()
        except ConnectionResetError:
            return None
        return json.loads(text) if text else None

    def ask(self, verb, **request):
        number = self.send(verb=verb, **request)
        while True:
            answer = self.next()
            assert answer, "the connection ended"
            if answer.get("id") == number:
                return answer

    def close(self):
        self.lines.close()
        self.socket.close()


def connected(path):
    """A client; None while the socket is not there, or not listened on yet."""
    try:
        return Client(path)
    except (FileNotFoundError, ConnectionRefusedError):
        return None


@pytest.fixture
def plant(line, broker, gateway, tmp_path):
    """plant(text): the gateway with its control socket; gives connect()."""
    made = []

    def make(text=PLANT):
        profiles = tmp_path / "profiles"
        profiles.mkdir()
        (profiles / "board.yaml").write_text(BOARD)
        l = line(text, broker, options=("--profiles", str(profiles)))
        path = str(tmp_path / "ctl")
        g = gateway(arguments=[*l.arguments, "--profiles", str(profiles), "--control", path])
        first = wait_until(lambda: connected(path), what="the control socket")
        made.append(first)

        def connect():
            made.append(Client(path))
            return made[-1]

        connect.path, connect.line, connect.gateway = path, l, g
        wait_until(lambda: first.ask("devices")["devices"][0]["online"], what="the device")
        connect.first = first
        return connect

    yield make
    for c in made:
        c.close()


def test_it_answers_what_the_daemon_knows(plant):
    p = plant()
    c = p.first
    assert c.greeting["xnet"] == 1 and c.greeting["gateway"] == "plant"
    assert stat.S_IMODE(os.stat(p.path).st_mode) == 0o660
    bus = c.ask("buses")["buses"][0]
    assert (bus["name"], bus["line"], bus["up"], bus["devices"]) == ("rs485", "115200 8N1", True, 1)
    points = c.ask("points", device="board")["points"]
    assert [x["name"] for x in points] == ["Level", "Text"]
    assert points[0]["table"] == "holding" and points[0]["addr"] == 10 and points[0]["writable"]
    assert c.ask("points", device="board", **{"from": 1})["points"][0]["name"] == "Text"
    with open(os.path.join(TOP, "doc", "control.md"), encoding="utf-8") as f:
        rows = {s.split("`")[1]: set(s.split("`")[1::2]) for s in f if s.startswith("| `")}
    for verb, item in (("buses", bus), ("devices", c.ask("devices")["devices"][0]), ("points", points[0])):
        assert set(item) <= rows[verb], (verb, set(item) - rows[verb])
    assert c.ask("nonsense")["err"] == "verb"
    assert c.ask("points")["err"] == "args"
    assert c.ask("read", bus="other", unit=1, table="holding", addr=0, count=1)["err"] == "bus"
    assert c.ask("read", bus="rs485", unit=256, table="holding", addr=0, count=1)["err"] == "unit"
    assert c.ask("log", level="debug")["level"] == "debug"
    assert len(c.ask("reload")["hash"]) == 16


def test_a_command_and_raw_requests(plant):
    p = plant()
    c = p.first
    answer = c.ask("set", point="board.Level", value=7)
    assert (answer["value"], answer["outcome"]) == ("7", "verified")
    assert c.ask("get", point="board.Level")["value"] == "7"
    assert c.ask("set", point="board.Text", value=1)["err"] == "refused"
    read = c.ask("read", bus="rs485", unit=1, table="holding", addr=10, count=1)
    assert read["values"] == [7] and read["turnaround_ms"] > 0
    denied = c.ask("write", bus="rs485", unit=1, table="holding", addr=10, values=[8])
    assert denied["err"] == "denied" and "board.Level" in denied["words"]
    assert c.ask("pdu", bus="rs485", unit=1, hex="06000a0008")["err"] == "denied"
    assert "err" not in c.ask("write", bus="rs485", unit=1, table="holding", addr=10, values=[9], over=True,
                              **{"as": "a test"})
    assert c.ask("get", point="board.Level")["value"] == "9"
    assert c.ask("read", bus="rs485", unit=1, table="holding", addr=999, count=1)["exception"] == 2
    assert c.ask("pdu", bus="rs485", unit=1, hex="03000a0001")["hex"] == "03020009"
    silent = c.ask("read", bus="rs485", unit=9, table="holding", addr=0, count=1, timeout_ms=30)
    assert silent["err"] == "timeout" and silent["words"].startswith("no response")
    text = p.gateway.text()
    assert "(a test): write unit 1 of bus rs485, holding register 10 (over): acknowledged" in text
    assert f"uid {os.getuid()} pid {os.getpid()}" in text
    assert c.ask("devices")["devices"][0]["online"]


def test_monitor_shows_frames_and_their_cause(plant):
    p = plant()
    c = p.first
    number = c.send(verb="monitor", bus="rs485")
    other = p()
    other.ask("read", bus="rs485", unit=1, table="holding", addr=10, count=1)
    other.ask("read", bus="rs485", unit=9, table="holding", addr=0, count=1, timeout_ms=50)
    seen = []
    while not any(x.get("why") for x in seen):
        seen.append(c.next())
        assert seen[-1]["id"] == number
    assert any(x.get("for") == "adhoc" and x["hex"].startswith("0103000a0001") for x in seen)
    assert any(x.get("dir") == "in" and x["hex"].startswith("010302") for x in seen)
    assert seen[-1]["why"] == "no response" and seen[-1]["dir"] == "in"
    assert "err" not in c.ask("monitor", bus="rs485", on=False)


@contextlib.contextmanager
def half_closed(path, text):
    """What comes behind the greeting for a client that sends the text, and no more."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(LIMIT)
        s.connect(path)
        s.sendall(text.encode())
        s.shutdown(socket.SHUT_WR)
        with s.makefile("r", encoding="utf-8") as lines:
            assert "err" not in json.loads(next(lines))
            yield map(json.loads, lines)


def test_who_sends_no_more_gets_its_answers_and_then_the_end(plant):
    p = plant()
    asked = '{"id":1,"verb":"read","bus":"rs485","unit":1,"table":"holding","addr":10,"count":1}'
    with half_closed(p.path, asked + "\n" + asked.replace('"id":1', '"id":2') + "\n") as lines:
        assert [(x["id"], "values" in x) for x in lines] == [(1, True), (2, True)]
    with half_closed(p.path, asked) as lines:  # without a line feed
        assert [x["id"] for x in lines] == [1]
    with half_closed(p.path, "") as lines:
        assert list(lines) == []
    for _ in range(5):  # more than can be connected: each has left its place
        with half_closed(p.path, '{"id":3,"verb":"monitor","bus":"rs485"}') as lines:
            assert next(lines)["id"] == 3 and next(lines) and next(lines)


def test_a_held_line_is_given_back_when_its_client_is_killed(plant, client):
    p = plant()
    state = "xnet/$SYS/plant/bus/rs485/state"
    client.wait_for(state, "up")
    holder = subprocess.Popen(["/usr/bin/python3", "-c", HOLDER, p.path])
    client.wait_for(state, "held by a scan")
    assert p.first.ask("read", bus="rs485", unit=1, table="holding", addr=10, count=1)["err"] == "busy"
    assert p.first.ask("hold", bus="rs485")["err"] == "busy"
    # what must not wait goes first, with the line's own settings
    assert p.first.ask("set", point="board.Level", value=3)["outcome"] == "verified"
    assert p.first.ask("devices")["devices"][0]["online"]
    holder.kill()
    holder.wait()
    client.wait_for(state, "up")
    wait_until(lambda: "is released after" in p.gateway.text(), what="the line in the journal")


def test_a_hold_by_the_socket_itself(plant):
    p = plant()
    c = p.first
    assert c.ask("hold", bus="rs485", **{"for": 30, "as": "a scan"})["held"]
    assert len(c.ask("read", bus="rs485", unit=1, table="holding", addr=10, count=1)["values"]) == 1
    assert c.ask("hold", bus="rs485", baud=19200, format="8E1")["for"] <= 30
    assert c.ask("release", bus="rs485")["released"] is True
    assert c.ask("hold", bus="rs485")["err"] == "busy"  # polls come first for a while
    assert c.ask("release", bus="rs485")["err"] == "busy"


def answers(client, *numbers):
    found = {}
    while len(found) < len(numbers):
        line = client.next()
        assert line, "the connection ended"
        if line.get("id") in numbers:
            found[line["id"]] = line
    return [found[n] for n in numbers]


def test_what_waits_goes_out_with_the_settings_of_its_hold_or_not_at_all(plant):
    p = plant()
    c = p.first
    assert c.ask("hold", bus="rs485", baud=9600, **{"for": 30})["held"]
    c.send(verb="read", bus="rs485", unit=9, table="holding", addr=0, count=1, timeout_ms=900)
    write = c.send(verb="write", bus="rs485", unit=1, table="holding", addr=10, values=[77], over=True)
    release = c.send(verb="release", bus="rs485")
    end, given_back = answers(c, write, release)
    assert given_back["released"] and end["err"] == "busy"
    assert c.ask("get", point="board.Level")["value"] != "77"
    wait_until(lambda: "holding register 10 (over): nothing written" in p.gateway.text(), what="the write in the journal")


def test_what_waits_does_not_outlive_the_configuration_that_permitted_it(plant):
    p = plant()
    c = p.first
    read = {"verb": "read", "bus": "rs485", "unit": 9, "table": "holding", "addr": 0, "count": 1, "timeout_ms": 10000}
    first, second = c.send(**read), c.send(**read)
    write = c.send(verb="write", bus="rs485", unit=1, table="holding", addr=10, values=[77], over=True)
    # what must not wait would have to: nobody may wait longer than for a poll
    assert answers(c, first)[0]["words"] == "no response within 300 ms"
    with open(p.line.config, encoding="utf-8") as f:
        text = f.read()
    with open(p.line.config, "w", encoding="utf-8") as f:
        f.write("commands: off\n" + text)
    ends = answers(c, second, write, c.send(verb="reload"))
    assert [x.get("err") for x in ends] == ["closed", "closed", None]
    assert "holding register 10 (over): nothing written" in p.gateway.text()


def test_read_only_and_off(plant):
    p = plant("control: read\n" + PLANT)
    c = p.first
    assert c.greeting["control"] == "read"
    for request in ({"verb": "set", "point": "board.Level", "value": 1}, {"verb": "reload"}, {"verb": "hold", "bus": "rs485"},
                    {"verb": "write", "bus": "rs485", "unit": 1, "table": "holding", "addr": 99, "values": [1]},
                    {"verb": "pdu", "bus": "rs485", "unit": 1, "hex": "0600630001"},
                    {"verb": "log", "level": "debug"}):
        assert c.ask(**request)["err"] == "denied"
    assert "values" in c.ask("read", bus="rs485", unit=1, table="holding", addr=10, count=1)
    p.line.edit(("control: read", "control: off"))
    p.gateway.reload()
    assert c.next()["err"] == "closed" and c.next() is None
    wait_until(lambda: not os.path.exists(p.path), what="the end of the socket")


def admitted(p):
    """One of the four. Those that went leave their places when the gateway has seen it."""
    end = time.monotonic() + LIMIT
    while True:
        c = p()
        if "err" not in c.greeting or time.monotonic() > end:
            return c
        c.close()


def test_hostile_clients_are_sent_away(plant):
    p = plant()
    others = [p() for _ in range(3)]
    assert p().greeting["err"] == "limit"  # the fifth
    for c in others:
        c.close()
    # a line without an end
    c = admitted(p)
    c.socket.sendall(b"x" * 5000)
    assert c.next()["err"] == "limit" and c.next() is None
    # one that asks and never reads
    c = admitted(p)
    c.socket.setblocking(False)
    end = time.monotonic() + LIMIT
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        while time.monotonic() < end:
            try:
                c.socket.send(b'{"verb":"points","device":"board"}\n' * 20)
            except BlockingIOError:
                time.sleep(0.01)
    # one that floods and reads
    c = admitted(p)
    with pytest.raises(OSError):
        for _ in range(3000):
            c.socket.sendall(b'{"verb":"buses"}\n')
    # four with anything at all
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    for c in [admitted(p) for _ in range(3)]:
        c.socket.setblocking(False)
        for _ in range(20):
            try:
                c.socket.send(rng.randbytes(rng.randrange(1, 4000)) + rng.choice([b"\n", b"", b'{"verb":"read"}\n']))
            except OSError:
                break
    assert p.first.ask("devices")["devices"][0]["online"]


def processor_time(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        fields = f.read().rsplit(")")[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_without_a_free_descriptor_clients_wait_and_nothing_spins(plant):
    p = plant()
    pid = p.gateway.process.pid
    used = set(map(int, os.listdir(f"/proc/{pid}/fd")))
    usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(set(range(1000)) - used), usual[1]))
    late = socket.socket(socket.AF_UNIX)
    late.settimeout(LIMIT)
    late.connect(p.path)
    before, begun = processor_time(pid), time.monotonic()
    wait_until(lambda: "no client can connect for a while" in p.gateway.text(), what="the line in the journal")
    wait_until(lambda: time.monotonic() - begun > 0.7)
    assert processor_time(pid) - before < 0.3
    assert p.first.ask("devices")["devices"][0]["online"]
    assert p.first.ask("monitor", bus="rs485")["err"] == "limit"
    resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
    assert "err" not in p.first.ask("monitor", bus="rs485")
    assert late.recv(4096).startswith(b'{"xnet":1')
    late.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed")
def test_another_user_without_the_group_is_denied_by_the_mode(plant, tmp_path):
    p = plant()
    for d in (tmp_path, *tmp_path.parents):
        if os.stat(d).st_uid == os.getuid() and str(d).startswith("/tmp/"):
            os.chmod(d, os.stat(d).st_mode | 0o011)
    code = f"import socket; socket.socket(socket.AF_UNIX).connect({p.path!r})"
    done = subprocess.run(["/usr/bin/python3", "-c", code], user=65534, group=65534, extra_groups=[], check=False,
                          capture_output=True, text=True)
    assert "PermissionError" in done.stderr
