# SPDX-License-Identifier: MIT
"""The end of the gateway, whatever is under way: nothing is used after its end, everything is answered."""
import os
import signal
import socket

import struct

import pytest

from conftest import wait_until
from gwfix import gateway  # noqa: F401
from rawbroker import RawBroker, text, varint
from simfix import HEAD, line  # noqa: F401
from test_mqtt_limits import alone  # noqa: F401

# freed memory is overwritten, so that its use shows in every build
PERTURBED = {**os.environ, "MALLOC_PERTURB_": "165"}

UNANSWERED = """\
gateway: gx
mqtt: {{broker: "{broker}", sys_interval: 100ms}}
buses:
  refused: {{tcp: "127.0.0.1:1"}}
  mute: {{tcp: "127.0.0.1:{mute}", timeout: 1500ms}}
  line: {{port: {port}, baud: 115200}}
devices:
  d1: {{bus: refused, id: 1, points: {{P: {{holding: 1}}}}}}
  d2: {{bus: mute, id: 1, points: {{P: {{holding: 1, every: 200ms}}}}}}
  d3: {{bus: line, id: 1, points: {{P: {{holding: 1, every: 200ms, write: true}}}}}}
"""


@pytest.fixture
def mute():
    with socket.create_server(("127.0.0.1", 0)) as s:
        yield s.getsockname()[1]


def unanswered(line, broker, mute):
    return line(UNANSWERED.replace("{mute}", str(mute)), broker, bus="line")


@pytest.mark.parametrize("meanwhile", ["nothing", "reload", "reload that removes a bus", "a second SIGTERM"])
def test_a_stop_while_one_bus_ends_before_the_other(line, broker, client, gateway, mute, meanwhile):
    l = unanswered(line, broker, mute)
    g = gateway(l, env=PERTURBED)
    client.wait_for("xnet/sts/d3/status", "online")
    if meanwhile == "reload that removes a bus":
        with open(l.config, encoding="utf-8") as f:
            text = [t for t in f if not t.startswith("  mute:") and not t.startswith("  d2:")]
        with open(l.config, "w", encoding="utf-8") as f:
            f.writelines(text)
        g.reload()
        g.process.wait_line("reload: 2 buses")
    mark = client.mark()
    if meanwhile == "reload":
        g.reload()
    g.process.terminate()
    if meanwhile == "a second SIGTERM":
        g.process.wait_line("ending")
        g.process.send_signal(signal.SIGTERM)
    assert g.stop() == 0
    client.wait_for("xnet/sts/d3/status", "offline", since=mark)
    client.wait_for("xnet/sts/gx/status", "offline", since=mark)


class Window(RawBroker):
    """Has commands of QoS 1 that waited for room in their window of one: each goes out when the one before it is
    acknowledged, also behind the answer to an UNSUBSCRIBE. It is slow with its own acknowledgements."""
    def __init__(self, waiting, **options):
        self.waiting, self.sent = waiting, 0
        super().__init__(acks=lambda kind, m: kind != 3 or not self.is_over(m), **options)

    def is_over(self, m):
        if m.topic != "xnet/sts/gw/status" or m.payload != "offline" or self.sent:
            return False
        self.next()
        return True  # acknowledged with the first of them

    def next(self):
        self.sent += 1
        topic = text("xnet/cmd/d/P") + struct.pack(">H", self.sent) + (b"\0" if self.version == 5 else b"")
        payload = b"%d" % self.sent
        self.client.sendall(b"\x32" + varint(len(topic) + len(payload)) + topic + payload)

    def acked(self):
        if self.sent < self.waiting:
            self.next()


class Deaf(RawBroker):
    """Acknowledges no publication once it is said so."""
    def __init__(self):
        self.acknowledges, self.ended = True, 0
        super().__init__(acks=lambda kind, _: kind != 3 or self.acknowledges)

    def packet(self, stream):
        going = super().packet(stream)
        self.ended += not going
        return going


@pytest.mark.parametrize("version", [5, 4])
def test_a_command_that_comes_behind_the_last_status_is_answered(alone, version):
    raw = Window(5, version=version)
    g = alone(raw.url)
    wait_until(lambda: raw.of("xnet/sts/gw/status"))
    assert g.stop() == 0
    refused = [m.payload for m in raw.of("xnet/sts/d/Nak")]
    assert raw.sent == 5 and len(refused) == 5 and all("shutting down" in r for r in refused)


def test_a_reload_leaves_no_connection_to_a_broker_that_acknowledges_nothing(alone, broker, client, tmp_path):
    deaf = Deaf()
    g = alone(deaf.url)
    wait_until(lambda: deaf.of("xnet/sts/gw/status"))
    deaf.acknowledges = False
    config = tmp_path / "devices.yaml"
    config.write_text(config.read_text().replace(deaf.url, broker.url))
    g.reload()
    client.wait_for("xnet/sts/gw/status", "online")
    wait_until(lambda: deaf.ended, what="the end of the old connection")
    assert [m.payload for m in deaf.of("xnet/sts/gw/status")][-1] == "offline"
    assert g.stop() == 0
