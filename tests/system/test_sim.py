# SPDX-License-Identifier: MIT
"""The simulated line itself, spoken to without the gateway: what goes over the wire and when."""
import os
import re
import select
import socket
import struct
import subprocess
import termios
import time
import tty

import pytest

from conftest import LIMIT, TOP, wait_until
from simfix import HOUSE, PROFILES, line  # noqa: F401

CHARACTER = 10 / 9600
SILENCE = 3.5 * CHARACTER


def crc(frame):
    c = 0xFFFF
    for b in frame:
        c ^= b
        for _ in range(8):
            c = c >> 1 ^ 0xA001 if c & 1 else c >> 1
    return struct.pack("<H", c)


class Port:
    """The client's end: frames out, bytes in."""

    def __init__(self, path, speed=termios.B9600):
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.fd)
        t = termios.tcgetattr(self.fd)
        t[4] = t[5] = speed
        termios.tcsetattr(self.fd, termios.TCSANOW, t)
        self.took = None

    def send(self, unit, *pdu):
        frame = bytes([unit, *pdu])
        os.write(self.fd, frame + crc(frame))

    def read(self, limit, quiet=0.1):
        """What comes until it is quiet, at most `limit` seconds for the first byte."""
        got = b""
        while select.select([self.fd], [], [], quiet if got else limit)[0]:
            got += os.read(self.fd, 300)
        return got

    def until(self, check):
        """What comes until it is right."""
        got = b""
        while not check(got):
            assert select.select([self.fd], [], [], LIMIT)[0], f"no response but {got.hex()}"
            got += os.read(self.fd, 300)
        return got

    def unanswered(self, line, unit, *pdu):
        """The line has taken the request, and nothing comes."""
        self.send(unit, *pdu)
        for _ in range(3):  # each is a turn of the line's loop, which looks at the port as well
            line.stats()
        assert self.read(0.3) == b""

    def ask(self, unit, *pdu):
        """The answer's PDU, its CRC checked; waits for the whole of it."""
        start = time.monotonic()
        self.send(unit, *pdu)
        got = b""
        while not (len(got) > 4 and crc(got[:-2]) == got[-2:]):
            assert select.select([self.fd], [], [], LIMIT)[0], f"no response but {got.hex()}"
            got += os.read(self.fd, 300)
        self.took = time.monotonic() - start
        assert got[0] == unit
        time.sleep(2 * SILENCE)  # the line's own rule, nothing to wait for
        return got[1:-2]

    def close(self):
        os.close(self.fd)


@pytest.fixture
def port(line):  # noqa: F811
    line_ = line()
    p = Port(line_.port)
    p.line = line_
    yield p
    p.close()


def test_an_exchange_takes_its_time_on_the_wire(port):
    port.ask(1, 4, 0x31, 0, 0, 8)
    # 8 bytes, the turnaround of 5 ms, 21 bytes: never faster
    assert port.took >= 29 * CHARACTER + 0.005


def test_devices_answer_what_their_profiles_say(port):
    volts, amperes, low, high = struct.unpack(">4H", port.ask(1, 4, 0x31, 0, 0, 4)[2:])
    watts = (high << 16 | low) / 100
    assert 30 < volts / 100 < 45
    assert abs(volts * amperes / 1e4 - watts) < 1
    mains, = struct.unpack(">f", port.ask(2, 4, 0, 0, 0, 2)[2:])
    assert 220 < mains < 240
    assert port.ask(3, 1, 0, 0, 0, 8) == b"\x01\x01\x00"


def test_what_the_profile_does_not_name_is_refused(port):
    assert port.ask(1, 4, 0x31, 0, 0, 20) == b"\x84\x02"
    assert port.ask(1, 3, 0x31, 0, 0, 1) == b"\x83\x02"
    assert port.ask(3, 1, 0, 8, 0, 1) == b"\x81\x02"


def test_writes_stick_and_are_logged(port):
    assert port.ask(3, 5, 0, 2, 0xFF, 0) == b"\x05\x00\x02\xff\x00"
    assert port.ask(3, 1, 0, 0, 0, 8) == b"\x01\x01\x04"
    port.ask(3, 5, 0, 2, 0x55, 0)
    assert port.ask(3, 1, 0, 0, 0, 8) == b"\x01\x01\x00"
    assert port.ask(1, 6, 0x90, 0x1F, 0, 5) == b"\x86\x01"
    assert [(w["device"], w["fc"], w["addr"], w["words"], w["exception"]) for w in port.line.writes()] == [
        ("relay1", 5, 2, [0xFF00], 0), ("relay1", 5, 2, [0x5500], 0), ("scc1", 6, 0x901F, [5], 1)]


def test_a_request_within_the_silence_is_ignored_and_counted(line):  # noqa: F811
    one = line(HOUSE.replace("baud: 9600", "baud: 9600, silence: 1s"))
    p = Port(one.port)
    time.sleep(1)
    for sent in range(1, 20, 2):
        assert len(p.ask(3, 1, 0, 0, 0, 8)) == 3
        p.send(3, 1, 0, 0, 0, 8)
        stats = wait_until(lambda n=sent: (s := one.stats())["requests"] + s["early"] > n and s, what="the request")
        if stats["early"]:
            break
        p.until(lambda got: len(got) == 6)  # a busy machine overslept the silence: once more
        time.sleep(1)
    assert (stats["early"], stats["requests"]) == (1, sent)
    assert p.read(1.5) == b""
    assert len(p.ask(3, 1, 0, 0, 0, 8)) == 3
    p.close()


def test_an_unplugged_device_is_silent(port):
    port.line.unplug("meter1")
    port.unanswered(port.line, 2, 4, 0, 0, 0, 2)
    assert len(port.ask(3, 1, 0, 0, 0, 8)) == 3
    port.line.plug("meter1")
    assert len(port.ask(2, 4, 0, 0, 0, 2)) == 6


@pytest.mark.parametrize("fault, check", [
    ("crc", lambda got: len(got) == 6 and crc(got[:-2]) != got[-2:]),
    ("short", lambda got: 2 <= len(got) <= 3),
    ("silent", None),
    ("mute", None),
    ("exception 6", lambda got: got[:3] == b"\x03\x81\x06"),
    ("late 300ms", lambda got: len(got) == 6 and crc(got[:-2]) == got[-2:]),
    ("doubled", lambda got: len(got) == 12 and got[:6] == got[6:]),
])
def test_a_fault_corrupts_as_many_answers_as_its_count(port, fault, check):
    port.line.fault("relay1", fault, 1)
    if check:
        port.send(3, 1, 0, 0, 0, 8)
        got = port.until(check) + port.read(0.1)
        assert check(got), got.hex()
    else:
        port.unanswered(port.line, 3, 1, 0, 0, 0, 8)
    assert port.ask(3, 1, 0, 0, 0, 8) == b"\x01\x01\x00"


def test_a_lost_request_is_not_done_but_a_lost_answer_is(port):
    port.line.fault("relay1", "silent", 1)
    port.unanswered(port.line, 3, 5, 0, 0, 0xFF, 0)
    assert port.ask(3, 1, 0, 0, 0, 8) == b"\x01\x01\x00"
    port.line.fault("relay1", "mute", 1)
    port.unanswered(port.line, 3, 5, 0, 0, 0xFF, 0)
    assert port.ask(3, 1, 0, 0, 0, 8) == b"\x01\x01\x01"
    assert len(port.line.writes("relay1")) == 1


def test_a_value_can_be_set(port):
    port.line.set("meter1", "RealPower", 1234)
    assert struct.unpack(">f", port.ask(2, 4, 0, 12, 0, 2)[2:]) == (1234.0,)
    port.line.set("scc1", "ChgOpState", "Float")
    assert struct.unpack(">H", port.ask(1, 4, 0x32, 1, 0, 1)[2:])[0] >> 2 & 3 == 1


def test_writes_can_be_reported_on_standard_output(port):
    port.line.command("log")
    port.ask(3, 5, 0, 2, 0xFF, 0)
    wait_until(lambda: '"fc":5,"addr":2,"words":[65280]' in open(port.line.log, encoding="utf-8").read(),
               what="the write in the output")


def test_the_wrong_speed_is_not_understood(line):  # noqa: F811
    one = line()
    p = Port(one.port, termios.B19200)
    p.unanswered(one, 3, 1, 0, 0, 0, 8)
    p.close()


def test_a_port_can_be_opened_again_and_again(line):  # noqa: F811
    one = line()
    for _ in range(5):
        p = Port(one.port)
        assert len(p.ask(3, 1, 0, 0, 0, 8)) == 3
        p.close()


def test_the_link_goes_with_the_line_and_a_stale_one_is_replaced(line, tmp_path):  # noqa: F811
    one = line()
    assert os.path.islink(one.port)
    one.process.kill()
    one.process.wait()
    assert os.path.islink(one.port) and not os.path.exists(one.port)
    one.stop()
    one.start()
    assert os.path.exists(one.port)
    one.stop()
    assert not os.path.islink(one.port)


def test_what_is_no_link_is_left_alone(tmp_path):
    config = tmp_path / "devices.yaml"
    target = tmp_path / "precious"
    target.write_text("keep me")
    config.write_text(HOUSE.format(port=target, broker="mqtt://127.0.0.1:1"))
    done = subprocess.run([os.path.join(TOP, "xnetctl"), "sim", "-c", config, "--profiles", PROFILES],
                          capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 1
    assert "is not a symbolic link" in done.stderr
    assert target.read_text() == "keep me"


def sim_refused(tmp_path, *arguments):
    config = tmp_path / "devices.yaml"
    config.write_text(HOUSE.format(port="/dev/ttyNONE", broker="mqtt://127.0.0.1:1"))
    done = subprocess.run([os.path.join(TOP, "xnetctl"), "sim", "-c", config, "--profiles", PROFILES, *map(str, arguments)],
                          capture_output=True, text=True, timeout=LIMIT, stdin=subprocess.DEVNULL)
    assert done.returncode == 1, done.stderr
    return done.stderr


def test_a_link_to_anything_else_is_left_alone(tmp_path):
    link = tmp_path / "link"
    link.symlink_to("precious")  # it need not exist
    assert "not a link to a pseudo-terminal" in sim_refused(tmp_path, "--link", link)
    assert os.readlink(link) == "precious"


def test_the_control_socket_replaces_nothing_but_a_dead_one(line, tmp_path):  # noqa: F811
    file, link, fifo, live = (tmp_path / name for name in ("file", "link", "fifo", "live"))
    file.write_text("precious")
    link.symlink_to(file)
    os.mkfifo(fifo)
    served = socket.socket(socket.AF_UNIX)
    served.bind(str(live))
    served.listen(1)
    for path, words in [(file, "is not a socket"), (link, "is not a socket"), (fifo, "is not a socket"),
                        (tmp_path, "is not a socket"), (live, "in use")]:
        assert words in sim_refused(tmp_path, "--tcp", 0, "--control", path)
    assert file.read_text() == "precious" and link.is_symlink() and live.is_socket()
    one = line()
    control = os.path.join(one.directory, "control")
    assert os.stat(control).st_mode & 0o777 == 0o700
    one.process.kill()
    one.process.wait()
    one.stop()
    one.start()  # the dead one's place is taken
    os.rename(control, control + ".ours")
    open(control, "w", encoding="utf-8").close()  # now it is somebody else's
    one.stop()
    assert os.path.isfile(control)


def test_who_does_not_read_does_not_stop_the_line(line):  # noqa: F811
    one = line()
    deaf = socket.socket(socket.AF_UNIX)
    deaf.settimeout(LIMIT)
    deaf.connect(os.path.join(one.directory, "control"))
    with pytest.raises(OSError):  # closed: not even what it sent is read
        while True:
            deaf.sendall(b"stats\n" * 1000)
    assert one.stats()["requests"] == 0
    p = Port(one.port)
    assert len(p.ask(3, 1, 0, 0, 0, 8)) == 3
    p.close()
    one.process.terminate()
    assert one.process.wait(LIMIT) == 0


def test_a_pipe_that_is_not_read_ends_it(tmp_path):
    config = tmp_path / "devices.yaml"
    config.write_text(HOUSE.format(port=tmp_path / "line", broker="mqtt://127.0.0.1:1"))
    p = subprocess.Popen([os.path.join(TOP, "xnetctl"), "sim", "-c", config, "--profiles", PROFILES, "--stdin"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    os.set_blocking(p.stdin.fileno(), False)

    def ended():
        try:
            os.write(p.stdin.fileno(), b"stats\n" * 1000)
        except BlockingIOError:
            pass
        except BrokenPipeError:
            return True
        return p.poll() is not None

    try:
        wait_until(ended, what="the end")
        assert p.wait(LIMIT) == 0
    finally:
        p.kill()
        p.wait()
        p.stdout.close()


def test_it_serves_modbus_tcp_with_all_units(line):  # noqa: F811
    one = line(tcp=0)
    tcp = int(re.search(r"ready: 127.0.0.1:(\d+)", open(one.log, encoding="utf-8").read()).group(1))
    connections = [socket.create_connection(("127.0.0.1", tcp), LIMIT) for _ in range(3)]
    for i, c in enumerate(connections):
        # two requests at once, in one piece
        c.sendall(struct.pack(">HHHB5B", 100 + i, 0, 6, 3, 1, 0, 0, 0, 8) +
                  struct.pack(">HHHB5B", 200 + i, 0, 6, 1, 4, 0x31, 0, 0, 1))
    for i, c in enumerate(connections):
        got = b""
        while len(got) < 10 + 11:
            piece = c.recv(300)
            assert piece
            got += piece
        assert got[:10] == struct.pack(">HHHB", 100 + i, 0, 4, 3) + b"\x01\x01\x00"
        assert got[10:19] == struct.pack(">HHHB", 200 + i, 0, 5, 1) + b"\x04\x02"
        c.close()


def test_it_serves_rtu_over_tcp_with_the_lines_time(line):  # noqa: F811
    one = line(HOUSE.replace("port: {port}", 'rtu_tcp: "127.0.0.1:9"'), tcp=0)
    tcp = int(re.search(r"ready: 127.0.0.1:(\d+)", open(one.log, encoding="utf-8").read()).group(1))
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", tcp), LIMIT) as c:
            frame = bytes([3, 1, 0, 0, 0, 8])
            begin = time.monotonic()
            c.sendall(frame + crc(frame))
            got = b""
            while len(got) < 6:
                piece = c.recv(300)
                assert piece
                got += piece
            assert time.monotonic() - begin >= 14 * CHARACTER + 0.005
            assert got[:4] == b"\x03\x01\x01\x00" and crc(got[:-2]) == got[-2:]
        time.sleep(2 * SILENCE)


def test_it_reports_what_is_wrong_on_the_command_line(tmp_path):
    config = tmp_path / "devices.yaml"
    config.write_text(HOUSE.format(port="/dev/ttyNONE", broker="mqtt://127.0.0.1:1"))
    for arguments, status, text in [
            (["--bus", "nothing"], 64, "has no bus 'nothing'"),
            (["--tcp", "70000"], 64, "is not a number from 0 to 65535"),
            (["--strange"], 64, "Try 'xnetctl sim --help'"),
    ]:
        done = subprocess.run([os.path.join(TOP, "xnetctl"), "sim", "-c", config, "--profiles", PROFILES, *arguments],
                              capture_output=True, text=True, timeout=LIMIT)
        assert (done.returncode, text in done.stderr) == (status, True), done.stderr
