# SPDX-License-Identifier: MIT
"""More commands than a line, or the gateway itself, can take at once: none is lost, the newest value wins."""
import json
import signal
import time

from conftest import wait_until
from gwfix import gateway  # noqa: F401
from simfix import HEAD, line  # noqa: F401

PLANT = HEAD + """\
  slow:
    bus: rs485
    id: 1
    timeout: 8s
    points:
      Level: {{holding: 0, write: true}}
      Other: {{holding: 9, write: true}}
      Door: {{coil: 6, write: {{pulse: 1s}}}}
"""
HELD = 1.0  # seconds


def figures(client):
    n = {t.rsplit("/", 1)[1]: int(m) for t, m in client.last("xnet/$SYS/plant/commands/+").items() if m.isdigit()}
    return n.pop("received", -1), n


def test_a_slow_device_gets_the_newest_of_a_thousand_values(line, broker, client, gateway):
    l = line(PLANT, broker)
    gateway(l)
    client.wait_for("xnet/sts/slow/Level")
    mark = client.mark()
    l.delay("slow", "3s")
    client.publish("xnet/cmd/slow/Other", "1")
    l.wait_writes("slow", 1)  # its answer holds the line
    for i in range(1, 1001):
        client.publish("xnet/cmd/slow/Level", str(i), wait=False)
    l.wait_writes("slow", 2)
    l.delay("slow", "5ms")
    client.wait_for("xnet/sts/slow/Level", "1000", since=mark, limit=60)
    wait_until(lambda: figures(client)[0] == sum(figures(client)[1].values()) == 1001, 60, "an end of each")
    assert not client.all("xnet/sts/slow/Nak")
    assert figures(client)[1]["superseded"] >= 998
    assert l.writes("slow")[-1]["words"] == [1000]


def test_a_gateway_that_is_held_up_loses_no_command(line, broker, client, gateway):
    l = line(PLANT, broker)
    g = gateway(l)
    client.wait_for("xnet/sts/slow/Door", "off")
    client.wait_for("xnet/sts/slow/Level")
    mark, n = client.mark(), 3000
    g.process.send_signal(signal.SIGSTOP)
    client.publish("xnet/cmd/slow/Door", "on")
    for i in range(1, n + 1):
        client.publish("xnet/cmd/slow/Level", str(i), qos=0, wait=False)
    client.publish("elsewhere", "the broker has them all")
    client.wait_for("elsewhere")
    time.sleep(HELD)  # that long it is held up; nothing waits for it
    g.process.send_signal(signal.SIGCONT)
    client.wait_for("xnet/sts/slow/Level", str(n), since=mark, limit=60)
    wait_until(lambda: figures(client)[0] == sum(figures(client)[1].values()) == n + 1, 60, "an end of each")
    assert [json.loads(m.text) for m in client.all("xnet/sts/slow/Nak")] == []
    assert [w["words"] for w in l.writes("slow") if w["fc"] == 6][-1] == [n]
