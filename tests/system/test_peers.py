# SPDX-License-Identifier: MIT
"""Other people's Modbus software: pymodbus, libmodbus, modbus-serial and jsmodbus as devices, ser2net and a converter
that behaves like mbusd in between, mbpoll as the reader after a write.

Each is a program of its own, over Modbus TCP, RTU over TCP and RTU on a pair of pseudo-terminals. The two of npm are
installed into the build folder.
"""
import fcntl
import os
import pty
import select
import shutil
import socket
import subprocess
import threading
import tty

import pytest

from conftest import LIMIT, TOP, free_port, undisturbed, wait_until
from gwfix import gateway  # noqa: F401

PYTHON = "/usr/bin/python3"

# Coil n is on where n is even, input register n holds 1000 + n, holding register n holds 100 + n.
PYMODBUS = """
import sys
from pymodbus.datastore import ModbusSequentialDataBlock as Block, ModbusServerContext, ModbusSlaveContext
from pymodbus.server import StartSerialServer, StartTcpServer
from pymodbus.transaction import ModbusRtuFramer, ModbusSocketFramer
store = ModbusSlaveContext(co=Block(0, [n % 2 == 0 for n in range(16)]), di=Block(0, [0] * 16),
                           ir=Block(0, [1000 + n for n in range(16)]), hr=Block(0, [100 + n for n in range(16)]),
                           zero_mode=True)
context = ModbusServerContext(slaves={17: store}, single=False)
kind, where = sys.argv[1:]
if kind == "rtu":
    StartSerialServer(context=context, framer=ModbusRtuFramer, port=where, baudrate=19200, timeout=0.01)
else:
    StartTcpServer(context=context, framer=ModbusSocketFramer if kind == "tcp" else ModbusRtuFramer,
                   address=("127.0.0.1", int(where)))
"""

LIBMODBUS = """
import ctypes, sys, threading
lib = ctypes.CDLL("libmodbus.so.5")
class Map(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int) for n in ("nc", "sc", "nd", "sd", "ni", "si", "nh", "sh")] + [
        ("coil", ctypes.POINTER(ctypes.c_uint8)), ("discrete", ctypes.POINTER(ctypes.c_uint8)),
        ("input", ctypes.POINTER(ctypes.c_uint16)), ("holding", ctypes.POINTER(ctypes.c_uint16))]
for f in ("modbus_new_tcp", "modbus_new_rtu"):
    getattr(lib, f).restype = ctypes.c_void_p
lib.modbus_mapping_new.restype = ctypes.POINTER(Map)
m = lib.modbus_mapping_new(16, 16, 16, 16)
for n in range(16):
    m[0].coil[n], m[0].input[n], m[0].holding[n] = n % 2 == 0, 1000 + n, 100 + n
def serve(c):
    query = (ctypes.c_uint8 * 260)()
    while True:
        n = lib.modbus_receive(c, query)
        if n > 0:
            lib.modbus_reply(c, query, n, m)
        elif n < 0 and kind == "tcp":
            return
kind, where = sys.argv[1:]
if kind == "rtu":
    c = ctypes.c_void_p(lib.modbus_new_rtu(where.encode(), 19200, ctypes.c_char(b"N"), 8, 1))
    lib.modbus_set_slave(c, 17)
    assert lib.modbus_connect(c) == 0
    serve(c)
listening = ctypes.c_void_p(lib.modbus_new_tcp(b"127.0.0.1", int(where)))
s = ctypes.c_int(lib.modbus_tcp_listen(listening, 4))
while True:
    lib.modbus_tcp_accept(listening, ctypes.byref(s))
    c = ctypes.c_void_p(lib.modbus_new_tcp(b"127.0.0.1", int(where)))
    lib.modbus_set_socket(c, lib.modbus_get_socket(listening))
    threading.Thread(target=serve, args=(c,), daemon=True).start()
"""

MODBUS_SERIAL = """
const { ServerTCP } = require("modbus-serial");
const coil = [], holding = [];
for (let n = 0; n < 16; n++) { coil[n] = n % 2 == 0; holding[n] = 100 + n; }
new ServerTCP({
  getCoil: (a) => coil[a], setCoil: (a, v) => { coil[a] = v; },
  getInputRegister: (a) => 1000 + a,
  getHoldingRegister: (a) => holding[a], setRegister: (a, v) => { holding[a] = v; },
}, { host: "127.0.0.1", port: Number(process.argv[1]), unitID: 17 });
"""

JSMODBUS = """
const modbus = require("jsmodbus"), net = require("net");
const words = (first) => { const b = Buffer.alloc(32); for (let n = 0; n < 16; n++) b.writeUInt16BE(first + n, 2 * n); return b; };
const tcp = new net.Server();
new modbus.server.TCP(tcp, { coils: Buffer.from([0x55, 0x55]), discrete: Buffer.alloc(2), input: words(1000), holding: words(100) });
tcp.listen(Number(process.argv[1]), "127.0.0.1");
"""

NPM = {MODBUS_SERIAL: ("modbus-serial", "8.0.25"), JSMODBUS: ("jsmodbus", "4.0.10")}
NODE = os.path.abspath(os.path.join(os.environ.get("builddir", "."), "tests", "node-peers"))

MAP = """
gateway: gw
mqtt: {{broker: '{broker}', sys_interval: 1s}}
buses:
  line: {{{bus}}}
devices:
  peer:
    bus: line
    id: 17
    every: 500ms
    points:
      Register: {{holding: 0, write: {{min: 0, max: 60000}}}}
      Wide: {{holding: 4, type: u32, write: {{min: 0, max: 4000000000}}}}
      Measured: {{input: 3}}
      Relay: {{coil: 1, write: true}}
      Lamp: {{coil: 2}}
"""


class Cable:
    """Two pseudo-terminals, what goes into the one comes out of the other."""

    def __init__(self):
        self.ends = [pty.openpty() for _ in range(2)]
        for _, slave in self.ends:
            tty.setraw(slave)
        self.names = [os.ttyname(slave) for _, slave in self.ends]
        self.wake, self.stop = os.pipe()
        self.thread = threading.Thread(target=self.carry)
        self.thread.start()

    def carry(self):
        a, b = self.ends[0][0], self.ends[1][0]
        while True:
            for fd in select.select([a, b, self.wake], [], [])[0]:
                if fd == self.wake:
                    return
                os.write(b if fd == a else a, os.read(fd, 4096))

    def close(self):
        os.write(self.stop, b"x")
        self.thread.join()
        for fd in [self.wake, self.stop, *self.ends[0], *self.ends[1]]:
            os.close(fd)


@pytest.fixture
def cable():
    c = Cable()
    yield c
    c.close()


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def npm_installed(program):
    """None, or why it is not there."""
    name, version = NPM[program]
    if not (shutil.which("npm") and shutil.which("node")):
        return "npm is not installed"
    os.makedirs(NODE, exist_ok=True)
    with open(os.path.join(NODE, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(os.path.join(NODE, "node_modules", name)):
            return None
        try:
            done = subprocess.run(["npm", "install", "--prefix", NODE, "--no-audit", "--no-fund", "--ignore-scripts",
                                   "--omit=optional", f"{name}@{version}"], capture_output=True, text=True, timeout=90,
                                  check=False)
        except subprocess.TimeoutExpired:
            return f"npm install {name}: not within 90 s"
    return None if done.returncode == 0 else f"npm install {name}: {done.stderr.strip()[-300:]}"


def installed(program):
    test = "import pymodbus" if program == PYMODBUS else "import ctypes; ctypes.CDLL('libmodbus.so.5')"
    return subprocess.run([PYTHON, "-c", test], stderr=subprocess.DEVNULL, check=False).returncode == 0


def mbpoll(kind, where, *what):
    """The values that mbpoll reads; what: -t and the like. Its references count from 1, -0 makes them addresses."""
    line = ["-b", "19200", "-P", "none", where] if kind == "rtu" else ["-p", where, "127.0.0.1"]
    out = subprocess.run(["mbpoll", "-m", "rtu" if kind == "rtu" else "tcp", "-a", "17", "-0", "-1", *what, *line],
                         capture_output=True, text=True, timeout=LIMIT, check=False).stdout
    return [int(x.split()[1], 0) for x in out.splitlines() if x.startswith("[")]


def server(program, kind):
    """How it is started; the port or device follows."""
    if program in NPM:
        why = npm_installed(program)
        if why:
            pytest.skip(why)
        return ["node", "-e", program]
    if not installed(program):
        pytest.skip("python3-pymodbus is not installed" if program == PYMODBUS else "libmodbus.so.5 is not there")
    return [PYTHON, "-c", program, kind]


def publish_and_check(client, point, value):
    """A peer that was late to a write has it once more."""

    def written():
        since = client.mark()
        client.publish(f"xnet/cmd/peer/{point}", value)
        end = client.wait_for("xnet/sts/peer/+", lambda m: m.topic.endswith("/Nak") or
                              (m.topic.endswith("/" + point) and m.text == value), since=since)
        assert not end.topic.endswith("/Nak"), end.text

    undisturbed(written)


def reads_and_writes(client):
    for point, value in [("Register", "100"), ("Wide", str(104 << 16 | 105)), ("Measured", "1003"),
                         ("Relay", "off"), ("Lamp", "on")]:
        client.wait_for(f"xnet/sts/peer/{point}", value)
    publish_and_check(client, "Register", "4711")
    publish_and_check(client, "Wide", "305419896")
    publish_and_check(client, "Relay", "on")


@pytest.mark.parametrize("program, kind", [(PYMODBUS, "tcp"), (PYMODBUS, "rtu_tcp"), (PYMODBUS, "rtu"),
                                           (LIBMODBUS, "tcp"), (LIBMODBUS, "rtu"), (MODBUS_SERIAL, "tcp"),
                                           (JSMODBUS, "tcp")],
                         ids=["pymodbus-tcp", "pymodbus-rtu_tcp", "pymodbus-rtu", "libmodbus-tcp", "libmodbus-rtu",
                              "modbus-serial", "jsmodbus"])
def test_a_peer_is_read_and_written(program, kind, tmp_path, broker, client, gateway, cable):  # noqa: F811
    command = server(program, kind)
    theirs = cable.names[0] if kind == "rtu" else str(free_port())
    bus = {"rtu": f"port: {cable.names[1]}, baud: 19200, format: 8N1", "tcp": f"tcp: '127.0.0.1:{theirs}'",
           "rtu_tcp": f"rtu_tcp: '127.0.0.1:{theirs}'"}[kind]
    config = tmp_path / "devices.yaml"
    config.write_text(MAP.format(broker=broker.url, bus=bus))
    with subprocess.Popen([*command, theirs], cwd=NODE if program in NPM else None) as peer:
        try:
            if kind != "rtu":
                wait_until(lambda: listens(int(theirs)), what="the peer")
            g = gateway(arguments=["-c", str(config)])
            reads_and_writes(client)
            assert g.stop() == 0
            if kind != "rtu_tcp" and shutil.which("mbpoll"):  # mbpoll has no RTU over TCP
                ours = cable.names[1] if kind == "rtu" else theirs
                assert mbpoll(kind, ours, "-t", "4", "-r", "0", "-c", "6") == [4711, 101, 102, 103, 0x1234, 0x5678]
                assert mbpoll(kind, ours, "-t", "0", "-r", "0", "-c", "4") == [1, 1, 1, 0]
        finally:
            peer.kill()


class Mbusd(threading.Thread):
    """Modbus TCP to a line as 3cky/mbusd does it: many connections, one request on the line at a time, no retries;
    a unit that does not answer within `wait` is reported as exception 0x0B, a corrupted response as 0x04."""

    def __init__(self, port, device, wait=0.3):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", port))
        self.fd, self.wait, self.line = os.open(device, os.O_RDWR | os.O_NOCTTY), wait, threading.Lock()
        self.start()

    def run(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as f:
            while len(head := f.read(7)) == 7:
                pdu = f.read(int.from_bytes(head[4:6], "big") - 1)
                with self.line:
                    answer = self.ask(head[6:] + pdu)
                connection.sendall(head[:4] + (len(answer) + 1).to_bytes(2, "big") + head[6:7] + answer)

    def ask(self, request):
        os.write(self.fd, request + crc(request))
        got, wait = b"", self.wait
        while select.select([self.fd], [], [], wait)[0]:
            got += os.read(self.fd, 300)
            wait = 0.03
        if not got:
            return bytes([request[1] | 0x80, 0x0B])
        if crc(got[:-2]) != got[-2:]:
            return bytes([request[1] | 0x80, 0x04])
        return got[1:-2]

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def crc(data):
    c = 0xFFFF
    for b in data:
        c ^= b
        for _ in range(8):
            c = c >> 1 ^ 0xA001 if c & 1 else c >> 1
    return c.to_bytes(2, "little")


@pytest.fixture
def unit(cable):
    """libmodbus' RTU server at one end of the cable: unit 17."""
    with subprocess.Popen([*server(LIBMODBUS, "rtu"), cable.names[0]]) as peer:
        yield cable.names[1]
        peer.kill()


ABSENT = """
  absent: {bus: line, id: 18, every: 500ms, points: {Register: {holding: 0}}}
"""


def through(kind, port, gateway, client, broker, tmp_path):  # noqa: F811
    """A unit that is there, and one that is not, behind something in between."""
    config = tmp_path / "devices.yaml"
    config.write_text(MAP.format(broker=broker.url, bus=f"{kind}: '127.0.0.1:{port}'") + ABSENT)
    g = gateway(arguments=["-c", str(config)])
    reads_and_writes(client)
    client.wait_for("xnet/$SYS/gw/device/absent/state",
                    lambda m: m.text.startswith("offline: ") and "not polled" not in m.text)
    assert client.all("xnet/sts/peer/status")[-1].text == "online"
    return g


def test_a_line_behind_mbusd(unit, gateway, client, broker, tmp_path):  # noqa: F811
    port = free_port()
    between = Mbusd(port, unit)
    try:
        g = through("tcp", port, gateway, client, broker, tmp_path)
        if shutil.which("mbpoll"):  # beside the gateway, which keeps its connection
            assert mbpoll("tcp", str(port), "-t", "4", "-r", "0", "-c", "2") == [4711, 101]
        assert g.stop() == 0
    finally:
        between.close()


def test_a_line_behind_ser2net(unit, gateway, client, broker, tmp_path):  # noqa: F811
    if not shutil.which("ser2net", path=os.environ["PATH"] + ":/usr/sbin"):
        pytest.skip("ser2net is not installed")
    port = free_port()
    conf = tmp_path / "ser2net.yaml"
    conf.write_text(f"connection: &line\n  accepter: tcp,127.0.0.1,{port}\n"
                    f"  connector: serialdev(nouucplock=true),{unit},19200n81,local\n")
    with subprocess.Popen([shutil.which("ser2net") or "/usr/sbin/ser2net", "-n", "-c", str(conf)],
                          stderr=subprocess.DEVNULL) as between:
        try:
            wait_until(lambda: listens(port), what="ser2net")
            g = through("rtu_tcp", port, gateway, client, broker, tmp_path)
            assert g.stop() == 0
        finally:
            between.kill()


def test_what_xnetctl_writes_mbpoll_reads(tmp_path):
    if not installed(PYMODBUS) or not shutil.which("mbpoll"):
        pytest.skip("python3-pymodbus or mbpoll is not installed")
    port = str(free_port())
    write = [os.path.join(TOP, "xnetctl"), "write", "--control", "off", "--yes", f"127.0.0.1:{port}", "--id", "17"]
    with subprocess.Popen([PYTHON, "-c", PYMODBUS, "tcp", port]) as peer:
        try:
            wait_until(lambda: listens(int(port)), what="the peer")
            for words in (["40006", "4711", "-2"], ["holding:7", "0x1234"], ["coil:1", "on"], ["coil:4", "off", "on", "on"]):
                done = subprocess.run([*write, *words], capture_output=True, text=True, timeout=LIMIT, check=False)
                assert done.returncode == 0 and "verified" in done.stdout, done
            assert mbpoll("tcp", port, "-t", "4:hex", "-r", "5", "-c", "3") == [0x1267, 0xFFFE, 0x1234]
            assert mbpoll("tcp", port, "-t", "0", "-r", "0", "-c", "7") == [1, 1, 1, 0, 0, 1, 1]
        finally:
            peer.kill()


def test_mbpoll_is_installed():
    if not shutil.which("mbpoll"):
        pytest.skip("mbpoll is not installed: what was written was read back by the gateway alone")
