# SPDX-License-Identifier: MIT
"""What a reload must not lose: every value is told under its new name, unit and text, also one that is
read only once or rarely."""
import json
import resource

import pytest

from gwfix import gateway  # noqa: F401
from simfix import line  # noqa: F401

METER = """\
gateway: house
mqtt: {{broker: "{broker}"}}
buses:
  rs485: {{port: {port}, baud: 38400}}
devices:
  meter:
    bus: rs485
    id: 7
    points:
      Power: {{input: 0, every: 300ms}}
      Even: {{input: 1, every: 300ms, scale: 0.1, deadband: 50}}
      Slow: {{input: 200, every: 1h}}
      Serial: {{input: 400, rate: once}}
      Exp: {{input: 600, type: s16, rate: once}}
      Volts: {{input: 3, every: 300ms, exponent_from: Exp}}
      Twice: {{expr: "Serial * 2", decimals: 0}}
"""

BEFORE = {"Power": "11", "Even": "12.3", "Slow": "50", "Serial": "60", "Exp": "-1", "Volts": "123.4", "Twice": "120"}

SECOND = """\
  twin:
    bus: rs485
    id: 7
    shared: true
    points:
      Number: {input: 400, rate: once}
      Rare: {input: 200, every: 1h}
"""


ODD = """\
      Odd: {input: 9000, every: 300ms}
      Both: {expr: "Power > 0 ? Power : Odd"}
      Alone: {expr: "Odd * 2"}
"""


def change(l, *changes, more=""):
    with open(l.config, encoding="utf-8") as f:
        text = f.read()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    with open(l.config, "w", encoding="utf-8") as f:
        f.write(text + more)


def rewrite(l, *changes, more=""):
    """Change the configuration under the running gateway, and have it read anew."""
    change(l, *changes, more=more)
    l.gateway.reload()


@pytest.fixture
def meter(line, broker, client, gateway):
    l = line(METER, broker)
    l.freeze()
    for point, value in BEFORE.items():
        if point != "Twice":
            l.set("meter", point, value)
    l.gateway = gateway(l)
    for point, value in BEFORE.items():
        client.wait_for(f"xnet/sts/meter/{point}", value)
    return l


@pytest.mark.parametrize("changes, root, other", [
    pytest.param([("  meter:", "  board:")], "xnet/sts/board", {}, id="device renamed"),
    pytest.param([('mqtt: {', 'mqtt: {prefix: site7, ')], "site7/sts/meter", {}, id="prefix"),
    pytest.param([("      Serial:", "      Number:"), ("Serial *", "Number *")], "xnet/sts/meter",
                 {"Serial": "", "Number": "60"}, id="point read once renamed"),
    pytest.param([("input: 400,", "input: 400, decimals: 2,")], "xnet/sts/meter", {"Serial": "60.00"},
                 id="decimals of what is read once"),
    pytest.param([("input: 200,", "input: 200, values: {50: fifty},")], "xnet/sts/meter", {"Slow": "fifty"},
                 id="labels of what is read rarely"),
    pytest.param([("deadband: 50", "deadband: 50, decimals: 3")], "xnet/sts/meter", {"Even": "12.300"},
                 id="decimals within a deadband"),
])
def test_every_value_is_published_after_a_reload(meter, client, changes, root, other):
    mark = client.mark()
    rewrite(meter, *changes)
    renamed = not root.startswith("xnet/sts/meter")
    for point, value in ({**BEFORE, **other} if renamed else other).items():
        client.wait_for(f"{root}/{point}", value, since=mark)
    assert meter.gateway.stop() == 0


def test_a_second_device_behind_the_same_id_gets_its_values(meter, client):
    mark = client.mark()
    rewrite(meter, ("    id: 7\n", "    id: 7\n    shared: true\n"), more=SECOND)
    client.wait_for("xnet/sts/twin/Number", "60", since=mark)
    client.wait_for("xnet/sts/twin/Rare", "50", since=mark)


def test_an_offline_device_keeps_its_values_under_a_new_prefix(meter, client):
    meter.unplug("meter")
    client.wait_for("xnet/sts/meter/status", "offline", since=client.mark())
    mark = client.mark()
    rewrite(meter, ('mqtt: {', 'mqtt: {prefix: site7, '))
    client.wait_for("site7/sts/meter/Power", "11", since=mark)
    client.wait_for("site7/sts/meter/Slow", "50", since=mark)


def test_more_buses_than_descriptors_are_refused(meter, client):
    resource.prlimit(meter.gateway.process.pid, resource.RLIMIT_NOFILE, (80, 80))
    more = "".join(f"  n{i}: {{tcp: 127.0.0.1:9}}\n" for i in range(20))
    rewrite(meter, ("devices:\n", more + "devices:\n"))
    client.wait_for("xnet/sts/house/Alerts", lambda m: "file descriptors" in m.text)
    mark = client.mark()
    meter.set("meter", "Power", 12)
    client.wait_for("xnet/sts/meter/Power", "12", since=mark)  # all goes on as it was
    assert meter.gateway.stop() == 0


def test_a_value_that_ends_is_null_in_the_history(line, broker, client, gateway):
    l = line(METER.replace("every: 1h", "poll: on-demand, history: true"), broker)
    gateway(l)
    client.wait_for("xnet/sts/meter/status", "online")
    client.publish("xnet/sub/meter", '["Slow"]')
    client.wait_for("xnet/hist/meter/Slow", lambda m: json.loads(m.text)["v"] is not None)
    client.publish("xnet/unsub/meter", '["Slow"]')
    client.wait_for("xnet/sts/meter/Slow", "None")
    client.wait_for("xnet/hist/meter/Slow", lambda m: json.loads(m.text)["v"] is None)


def test_an_input_that_the_device_refuses_leaves_no_value(line, broker, client, gateway):
    l = line(METER, broker)
    l.freeze()
    l.set("meter", "Power", 11)
    change(l, ("      Even:", ODD + "      Even:"))  # the simulated device does not have it
    gateway(l)
    client.wait_for("xnet/sts/meter/Power", "11")
    client.wait_for("xnet/sts/meter/Both", "11.000")
    client.wait_for("xnet/sts/meter/Alone", "None")
