# SPDX-License-Identifier: MIT
"""A site with a broker of its own and a bridge to the central one, as doc/fleet.md says; the link is cut."""
import os
import socket
import subprocess
import threading

from conftest import LIMIT, TOP, wait_until
from gwfix import gateway  # noqa: F401
from simfix import PROFILES, line  # noqa: F401

SITE = """
gateway: barn
mqtt: {{broker: "{broker}", sys_interval: 1s}}
buses:
  rs485: {{port: {port}, baud: 115200}}
devices:
  meter1: {{profile: eastron-sdm120, bus: rs485, id: 1, points: {{Volts: {{every: 100ms, history: true}}}}}}
  relay1: {{profile: waveshare-relay-8ch, bus: rs485, id: 3}}
"""


def end(*sockets):
    for s in sockets:
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Link:
    """The uplink of the site: carries bytes between the bridge and the central broker until it is cut."""

    def __init__(self, port):
        self.to, self.ends, self.up = port, [], True
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            near, _ = self.server.accept()
            if not self.up:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.to))
            self.ends += [near, far]
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(a, b), daemon=True).start()

    @staticmethod
    def carry(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        end(a, b)

    def cut(self):
        self.up = False
        end(*self.ends)

    def mend(self):
        self.up = True


def bridge(l, central):
    done = subprocess.run([os.path.join(TOP, "xnetctl"), "bridge", f"127.0.0.1:{central.port}", "--site", "site7",
                           "--commands", "-c", l.config, "-P", PROFILES], capture_output=True, text=True, timeout=LIMIT)
    assert (done.returncode, done.stderr) == (0, "")
    return [*done.stdout.replace("restart_timeout 5 60", "restart_timeout 1 1").split("\n")]


def read(client, mark=0):
    """What the history says that Volts was, in the order in which it came."""
    return [float(m.text.rsplit('"v":')[1].rstrip("}")) for m in client.messages[mark:] if m.topic == "site7/xnet/hist/meter1/Volts"]


def live(client, topic, mark):
    """What was published on a topic since then; what is retained is of before."""
    return [m.text for m in client.messages[mark:] if m.topic == topic and not m.retain]


def test_while_the_link_is_cut_nothing_is_lost_and_nothing_comes_late(make_broker, make_client, line, gateway):  # noqa: F811
    central, local = make_broker(), make_broker(start=False)
    link = Link(central.port)
    l = line(SITE, local)
    local.extra = ["persistence true", f"persistence_location {local.directory}/", *bridge(l, link)]
    local.start()
    gateway(l)
    at_central, at_local = make_client(central, "site7/#"), make_client(local, "xnet/#")
    at_central.wait_for("site7/xnet/sts/barn/status", "online")
    l.set("meter1", "Volts", "230.0")
    at_central.wait_for("site7/xnet/sts/meter1/Volts", "230.0")
    at_central.publish("site7/xnet/cmd/relay1/Relay1", "on")
    at_central.wait_for("site7/xnet/sts/relay1/Relay1", "on")
    link.cut()
    at_central.publish("site7/xnet/cmd/relay1/Relay2", "on")  # of this time: never carried out
    at_central.publish("site7/xnet/cmd/relay1", '{"Relay3": "on", "Relay4": "on"}', qos=2)
    late = make_client(local, "xnet/#")
    for volts in (231, 232):
        l.set("meter1", "Volts", f"{volts}.0")
        late.wait_for("xnet/sts/meter1/Volts", f"{volts}.0")
    local.restart()  # what waits for the link is on its disk
    mark = at_local.mark()
    at_local.wait_for("xnet/sts/barn/status", "online", since=mark)
    l.set("meter1", "Volts", "233.0")
    at_local.wait_for("xnet/sts/meter1/Volts", "233.0", since=mark)
    mark = at_central.mark()
    link.mend()
    at_central.wait_for("site7/xnet/sts/meter1/Volts", "233.0", since=mark)
    at_central.wait_for("site7/xnet/sts/barn/status", "online", since=mark)
    wait_until(lambda: {231.0, 232.0, 233.0} <= set(read(at_central, mark)), LIMIT, "what was read meanwhile")
    wait_until(lambda: at_central.publish("site7/xnet/cmd/relay1/Relay1", "off") and  # the way in may come up later
               at_central.find("site7/xnet/sts/relay1/Relay1", "off", since=mark), LIMIT, "a command")
    l.set("meter1", "Volts", "234.0")
    at_central.wait_for("site7/xnet/sts/meter1/Volts", "234.0", since=mark)
    # what was commanded after them is carried out, so they will not be any more
    assert {w["addr"] for w in l.writes("relay1")} == {0}
    # no value comes behind a newer one: neither the state nor the history goes back
    volts = [float(text) for text in live(at_central, "site7/xnet/sts/meter1/Volts", mark)]
    assert volts == sorted(volts) and volts[-1] == 234.0
    assert read(at_central, mark) == sorted(read(at_central, mark))
