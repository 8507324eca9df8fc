# SPDX-License-Identifier: MIT
"""Modbus TCP over a cable that is pulled: no FIN, no RST, nothing comes any more.

Needs root and iproute2: two hosts, each a network namespace of its own, with a cable between them. The
gateway, its broker and this test are on the one, the Modbus device is on the other.
"""
import ctypes
import os
import shutil
import subprocess
import sys

import pytest

from conftest import LIMIT, wait_until
from gwfix import gateway  # noqa: F401

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
IP = shutil.which("ip", path=os.environ.get("PATH", "") + ":/sbin:/usr/sbin")
HERE, THERE = "192.0.2.1", "192.0.2.2"  # RFC 5737: nobody's
LONG = 60.0  # seconds: probes of an idle connection take 20, the system's own patience 15 minutes

# Reads of holding registers: register n holds n. A write is echoed.
DEVICE = """
import socket, struct, threading
def serve(c):
    with c:
        f = c.makefile("rb")
        while True:
            head = f.read(7)
            if len(head) < 7:
                return
            tid, _, n, unit = struct.unpack(">HHHB", head)
            pdu = f.read(n - 1)
            fc, addr, count = struct.unpack(">BHH", pdu[:5])
            if fc in (3, 4):
                pdu = struct.pack(">BB", fc, 2 * count) + b"".join(struct.pack(">H", addr + i) for i in range(count))
            c.sendall(struct.pack(">HHHB", tid, 0, len(pdu) + 1, unit) + pdu)
with socket.create_server(("%s", 502)) as s:
    while True:
        threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
""" % THERE

MAP = """\
gateway: house
mqtt: {{broker: "{broker}"}}
buses:
  plant: {{tcp: "%s:502"}}
devices:
  boiler: {{bus: plant, id: 1, points: {{Temp: {{holding: 21, every: {every}, publish: always}}, Set: {{holding: 5, write: true, every: 1h}}}}}}
""" % THERE


def ip(*arguments):
    subprocess.run([IP, *arguments], check=True)


class Cable:
    """Two ends; the far one is on a host of its own."""

    def __init__(self):
        self.host = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.host.stdin.write(b"\n")
        self.host.stdin.flush()
        self.host.stdout.read(1)  # cat answers: the namespace is there
        ip("link", "set", "lo", "up")
        ip("link", "add", "here", "type", "veth", "peer", "name", "there", "netns", str(self.host.pid))
        ip("address", "add", HERE + "/24", "dev", "here")
        ip("link", "set", "here", "up")
        self.far("ip", "link", "set", "lo", "up")
        self.far("ip", "address", "add", THERE + "/24", "dev", "there")
        self.plug()
        self.device = None
        self.switch_on()

    def far_command(self, *command):
        return ["nsenter", "-t", str(self.host.pid), "--net", "--", *command]

    def far(self, *command):
        subprocess.run(self.far_command(*command), check=True)

    def switch_on(self):
        self.device = subprocess.Popen(self.far_command(sys.executable, "-c", DEVICE))

    def switch_off(self):
        self.device.kill()
        self.device.wait(LIMIT)

    def pull(self):
        self.far("ip", "link", "set", "there", "down")

    def plug(self):
        self.far("ip", "link", "set", "there", "up")

    def deafen(self, deaf=True):
        """The far host is on the cable, but nothing gets to its programs: a hung device, a firewall."""
        self.far("ip", "route", *(("add", "blackhole") if deaf else ("del", "blackhole")), HERE + "/32")

    def end(self):
        self.switch_off()
        ip("link", "delete", "here")
        self.host.stdin.close()
        self.host.wait(LIMIT)


@pytest.fixture(scope="module")
def our_net():
    if os.geteuid() != 0 or not IP or not shutil.which("unshare"):
        pytest.skip("needs root, iproute2 and unshare")
    with open("/proc/self/ns/net", encoding="ascii") as before:
        if LIBC.unshare(CLONE_NEWNET) != 0:
            pytest.skip("no network namespaces here")
        yield
        LIBC.setns(before.fileno(), CLONE_NEWNET)


@pytest.fixture
def cable(our_net):
    c = Cable()
    yield c
    c.end()


@pytest.fixture
def running(cable, broker, client, gateway, tmp_path):
    """running('100ms'): a gateway that reads the boiler so often, and has it online."""

    def make(every):
        (tmp_path / "devices.yaml").write_text(MAP.format(broker=broker.url, every=every))
        g = gateway(arguments=["-c", tmp_path / "devices.yaml"])
        client.wait_for("xnet/sts/boiler/status", "online")
        client.wait_for("xnet/sts/boiler/Temp", "21")
        return g

    return make


def test_a_pulled_cable_is_seen_and_its_return(running, cable, client):
    running("100ms")
    at = client.mark()
    cable.pull()
    client.wait_for("xnet/sts/boiler/status", "offline", since=at, limit=LONG)
    at = client.mark()
    cable.plug()
    client.wait_for("xnet/sts/boiler/status", "online", since=at, limit=LONG)
    client.wait_for("xnet/sts/boiler/Temp", "21", since=at)


def test_a_host_that_takes_nothing_any_more_is_seen_and_its_return(running, cable, client):
    running("100ms")
    at = client.mark()
    cable.deafen()
    client.wait_for("xnet/sts/boiler/status", "offline", since=at, limit=LONG)
    at = client.mark()
    cable.deafen(False)
    client.wait_for("xnet/sts/boiler/status", "online", since=at, limit=LONG)


def test_a_device_that_restarted_behind_a_pulled_cable_is_read_again(running, cable, client):
    """Half open: the gateway has a connection the device knows nothing of."""
    running("1s")
    cable.pull()
    cable.switch_off()
    cable.switch_on()
    at = client.mark()
    cable.plug()
    client.wait_for("xnet/sts/boiler/Temp", "21", since=at, limit=LONG)


def test_a_cable_pulled_between_two_rare_reads_is_seen(running, cable, client):
    """No request is under way: only the connection's own probes can tell."""
    running("1h")
    at = client.mark()
    cable.pull()
    client.wait_for("xnet/sts/boiler/status", "offline", since=at, limit=LONG)
    at = client.mark()
    cable.plug()
    client.wait_for("xnet/sts/boiler/status", "online", since=at, limit=LONG)


def test_a_command_into_a_pulled_cable_is_refused_with_the_reason(running, cable, client):
    running("1h")
    at = client.mark()
    cable.pull()
    client.publish("xnet/cmd/boiler/Set", "7")
    nak = client.wait_for("xnet/sts/boiler/Nak", since=at, limit=LONG)
    assert '"param":"Set"' in nak.text and '"value":"7"' in nak.text
    cable.plug()
    at = client.mark()
    client.publish("xnet/cmd/boiler/Set", "5")
    wait_until(lambda: client.find("xnet/sts/boiler/Set", "5", at), LONG, "the command after it")
