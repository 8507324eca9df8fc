# SPDX-License-Identifier: MIT
"""A site with a broker of its own and a bridge to the central one, as doc/fleet.md says; the link is cut."""
import os
import subprocess

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


def bridge(l, central):
    done = subprocess.run([os.path.join(TOP, "xnetctl"), "bridge", f"127.0.0.1:{central.port}", "--site", "site7",
                           "--commands", "-c", l.config, "-P", PROFILES], capture_output=True, text=True, timeout=LIMIT)
    assert (done.returncode, done.stderr) == (0, "")
    return [*done.stdout.replace("restart_timeout 5 60", "restart_timeout 1 1").split("\n")]


def read(client, mark=0):
    """What the history says that Volts was, in the order in which it came."""
    return [float(m.text.rsplit('"v":')[1].rstrip("}")) for m in client.messages[mark:] if m.topic == "site7/xnet/hist/meter1/Volts"]


def test_nothing_is_lost_but_commands_while_the_link_is_cut(make_broker, make_client, line, gateway):  # noqa: F811
    central, local = make_broker(start=False), make_broker(start=False)
    central.extra = ["persistence true", f"persistence_location {central.directory}/"]
    central.start()
    l = line(SITE, local)
    local.extra = ["persistence true", f"persistence_location {local.directory}/", *bridge(l, central)]
    local.start()
    gateway(l)
    at_central, at_local = make_client(central, "site7/#", client_id="reader", clean_session=False), make_client(local, "xnet/#")
    at_central.wait_for("site7/xnet/sts/barn/status", "online")
    l.set("meter1", "Volts", "230.0")
    at_central.wait_for("site7/xnet/sts/meter1/Volts", "230.0")
    at_central.publish("site7/xnet/cmd/relay1/Relay1", "on")
    at_central.wait_for("site7/xnet/sts/relay1/Relay1", "on")
    central.stop()
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
    central.start()
    at_central.wait_for("site7/xnet/sts/meter1/Volts", "233.0", since=mark)
    at_central.wait_for("site7/xnet/sts/barn/status", "online", since=mark)
    wait_until(lambda: {231.0, 232.0, 233.0} <= set(read(at_central, mark)), LIMIT, "what was read meanwhile")
    at_central.publish("site7/xnet/cmd/relay1/Relay1", "off")
    at_central.wait_for("site7/xnet/sts/relay1/Relay1", "off", since=mark)
