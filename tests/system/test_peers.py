# SPDX-License-Identifier: MIT
"""Other people's Modbus software: pymodbus and libmodbus as devices, mbpoll as the reader after a write.

Each is a program of its own, over Modbus TCP, RTU over TCP and RTU on a pair of pseudo-terminals.
"""
import os
import pty
import select
import shutil
import socket
import subprocess
import threading
import tty

import pytest

from conftest import LIMIT, free_port, wait_until
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

MAP = """
gateway: gw
mqtt: {{broker: '{broker}'}}
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


def installed(program):
    test = "import pymodbus" if program == PYMODBUS else "import ctypes; ctypes.CDLL('libmodbus.so.5')"
    return subprocess.run([PYTHON, "-c", test], stderr=subprocess.DEVNULL, check=False).returncode == 0


def mbpoll(kind, where, *what):
    """The values that mbpoll reads; what: -t and the like. Its references count from 1, -0 makes them addresses."""
    line = ["-b", "19200", "-P", "none", where] if kind == "rtu" else ["-p", where, "127.0.0.1"]
    out = subprocess.run(["mbpoll", "-m", "rtu" if kind == "rtu" else "tcp", "-a", "17", "-0", "-1", *what, *line],
                         capture_output=True, text=True, timeout=LIMIT, check=False).stdout
    return [int(x.split()[1]) for x in out.splitlines() if x.startswith("[")]


def publish_and_check(client, point, value):
    since = client.mark()
    client.publish(f"xnet/cmd/peer/{point}", value)
    client.wait_for(f"xnet/sts/peer/{point}", value, since=since)


@pytest.mark.parametrize("program, kind", [(PYMODBUS, "tcp"), (PYMODBUS, "rtu_tcp"), (PYMODBUS, "rtu"),
                                           (LIBMODBUS, "tcp"), (LIBMODBUS, "rtu")],
                         ids=["pymodbus-tcp", "pymodbus-rtu_tcp", "pymodbus-rtu", "libmodbus-tcp", "libmodbus-rtu"])
def test_a_peer_is_read_and_written(program, kind, tmp_path, broker, client, gateway, cable):  # noqa: F811
    if not installed(program):
        pytest.skip("python3-pymodbus is not installed" if program == PYMODBUS else "libmodbus.so.5 is not there")
    theirs = cable.names[0] if kind == "rtu" else str(free_port())
    bus = {"rtu": f"port: {cable.names[1]}, baud: 19200, format: 8N1", "tcp": f"tcp: '127.0.0.1:{theirs}'",
           "rtu_tcp": f"rtu_tcp: '127.0.0.1:{theirs}'"}[kind]
    config = tmp_path / "devices.yaml"
    config.write_text(MAP.format(broker=broker.url, bus=bus))
    with subprocess.Popen([PYTHON, "-c", program, kind, theirs]) as peer:
        try:
            if kind != "rtu":
                wait_until(lambda: listens(int(theirs)), what="the peer")
            g = gateway(arguments=["-c", str(config)])
            for point, value in [("Register", "100"), ("Wide", str(104 << 16 | 105)), ("Measured", "1003"),
                                 ("Relay", "off"), ("Lamp", "on")]:
                client.wait_for(f"xnet/sts/peer/{point}", value)
            publish_and_check(client, "Register", "4711")
            publish_and_check(client, "Wide", "305419896")
            publish_and_check(client, "Relay", "on")
            assert g.stop() == 0
            if kind != "rtu_tcp" and shutil.which("mbpoll"):  # mbpoll has no RTU over TCP
                ours = cable.names[1] if kind == "rtu" else theirs
                assert mbpoll(kind, ours, "-t", "4", "-r", "0", "-c", "6") == [4711, 101, 102, 103, 0x1234, 0x5678]
                assert mbpoll(kind, ours, "-t", "0", "-r", "0", "-c", "4") == [1, 1, 1, 0]
        finally:
            peer.kill()


def test_mbpoll_is_installed():
    if not shutil.which("mbpoll"):
        pytest.skip("mbpoll is not installed: what was written was read back by the gateway alone")
