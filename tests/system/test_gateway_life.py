# SPDX-License-Identifier: MIT
"""The life of the daemon: what a reload, a restart, a stranger behind an id and another broker leave on
the wire and on the broker."""
import pytest

from conftest import wait_until
from gwfix import gateway  # noqa: F401
from simfix import line  # noqa: F401

STATE = "xnet/$SYS/plant/device/board/state"

HEAD = """\
gateway: plant
mqtt: {{broker: "{broker}", sys_interval: 1s}}
buses:
  rs485: {{port: {port}, baud: 38400}}
devices:
"""

PROFILE = """\
title: A board that says what it is
vendor: nobody
models: [B]
sources: [this test]
status: experimental
identify: {point: Type, equals: 7}
points:
  Type: {holding: 0, rate: once}
  Level: {holding: 10, every: 300ms, write: true}
"""

BOARD = HEAD + """\
  board: {{profile: board, bus: rs485, id: 1}}
"""


def rewrite(l, *changes):
    """Change the configuration under the running gateway, and have it read anew."""
    with open(l.config, encoding="utf-8") as f:
        text = f.read()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    with open(l.config, "w", encoding="utf-8") as f:
        f.write(text)
    done = l.gateway.text().count("reload: ")
    l.gateway.reload()
    wait_until(lambda: l.gateway.text().count("reload: ") > done, what="the reload")


@pytest.fixture
def board(line, broker, client, gateway, tmp_path):
    """board(kind=…): a device that must identify as 7 and says `kind`."""

    def make(kind, profile=PROFILE, text=BOARD):
        profiles = tmp_path / "profiles"
        profiles.mkdir()
        (profiles / "board.yaml").write_text(profile)
        l = line(text, broker, options=("--profiles", str(profiles)))
        l.freeze()
        l.set("board", "Type", kind)
        l.profile = profiles / "board.yaml"
        l.begin = lambda: gateway(arguments=[*l.arguments, "--profiles", str(profiles)])
        l.gateway = l.begin()
        return l

    return make


# -- identity ------------------------------------------------------------------------------------------


def test_a_mismatch_outlives_a_reload(board, client):
    l = board(kind=8)
    client.wait_for(STATE, "offline: identifies as 8")
    rewrite(l, ("sys_interval: 1s", "sys_interval: 2s"))
    client.wait_for("xnet/$SYS/plant/config/reloads", "1")
    mark = client.mark()
    client.publish("xnet/get/board/Type")
    client.wait_for("xnet/$SYS/plant/time", since=mark)
    assert "(null)" not in client.last(STATE)[STATE]
    l.set("board", "Type", 7)
    client.publish("xnet/get/board/Type")
    client.wait_for("xnet/sts/board/status", "online", since=mark)
    assert l.gateway.stop() == 0


def test_a_reload_with_another_identity_identifies_anew(board, client):
    l = board(kind=8)
    client.wait_for(STATE, "offline: identifies as 8")
    l.profile.write_text(PROFILE.replace("equals: 7", "equals: 8"))
    rewrite(l)
    client.wait_for("xnet/sts/board/status", "online")
    l.profile.write_text(PROFILE)
    mark = client.mark()
    rewrite(l)
    client.wait_for(STATE, "offline: identifies as 8", since=mark)
    assert client.last("xnet/sts/board/status") == {"xnet/sts/board/status": "offline"}


def test_nothing_is_written_before_the_identity_is_proven(board, client):
    l = board(kind=7)
    client.wait_for("xnet/sts/board/status", "online")
    l.unplug("board")
    client.wait_for("xnet/sts/board/status", "offline", since=client.mark())
    l.set("board", "Type", 8)  # another one is put there
    mark = client.mark()
    client.publish("xnet/cmd/board/Level", "9")
    l.plug("board")
    client.wait_for("xnet/sts/board/Nak", lambda m: "not identified yet" in m.text, since=mark)
    client.wait_for(STATE, "offline: identifies as 8", since=mark)
    assert not l.writes("board")


def test_a_device_with_another_identity_is_identified_again(board, client):
    l = board(kind=8)
    client.wait_for(STATE, "offline: identifies as 8")
    l.set("board", "Type", 7)
    client.wait_for("xnet/sts/board/status", "online", limit=90)


# -- values of an earlier life -------------------------------------------------------------------------

LIFE = HEAD + """\
  d:
    bus: rs485
    id: 1
    every: 300ms
    offline: {{Power: 0}}
    points:
      A: {{holding: 0}}
      Power: {{holding: 1, unit: W}}
      Fault: {{holding: 2, alert: fault, code: 4, desc: Broken}}
      Once: {{holding: 100, rate: once}}
      Twice: {{expr: "Once * 2", decimals: 0}}
      Slow: {{holding: 200, every: 10m}}
      Exp: {{holding: 300, type: s16, rate: once, publish: never}}
      Scaled: {{holding: 301, exponent_from: Exp}}
      Deep: {{holding: 400, poll: on-demand}}
      Held: {{holding: 500, deadband: 10}}
"""


@pytest.fixture
def device(line, broker, client, gateway):
    """A device with all its registers known and told."""

    def make(text=LIFE, **values):
        l = line(text, broker)
        l.freeze()
        for point, value in {"A": 1, "Power": 350, "Fault": 0, "Once": 600, "Slow": 7, "Exp": -1, "Scaled": 5,
                             "Deep": 44, "Held": 50, **values}.items():
            l.set("d", point, value)
        l.gateway = gateway(l)
        return l

    return make


def told(client, name="d", since=0):
    return {topic.rsplit("/", 1)[1]: text for topic, text in client.last(f"xnet/sts/{name}/+", since).items()}


TOLD = {"A": "1", "Power": "350", "Once": "600", "Twice": "1200", "Slow": "7", "Scaled": "5.0", "Held": "50"}


def wait_told(client, name="d", since=0, **values):
    for point, text in {**TOLD, **values}.items():
        client.wait_for(f"xnet/sts/{name}/{point}", text, since=since)


def test_an_offline_device_has_the_values_configured_for_that(device, client, gateway):
    l = device()
    client.wait_for("xnet/sts/d/Power", "350")
    mark = client.mark()
    assert l.gateway.stop() == 0
    client.wait_for("xnet/sts/d/Power", "0", since=mark)
    l.gateway = gateway(l)
    client.wait_for("xnet/sts/d/Power", "350", since=client.mark())
    l.gateway.kill()
    l.unplug("d")
    mark = client.mark()
    l.gateway = gateway(l)
    client.wait_for("xnet/sts/d/Power", "0", since=mark)


def test_a_point_that_was_never_requested_has_no_value(device, client, gateway):
    l = device()
    client.wait_for("xnet/sts/d/Deep", "None")
    client.publish("xnet/sub/d", '["Deep"]')
    client.wait_for("xnet/sts/d/Deep", "44")
    l.gateway.kill()
    mark = client.mark()
    l.gateway = gateway(l)
    client.wait_for("xnet/sts/d/Deep", "None", since=mark)


def test_what_was_never_read_in_this_life_has_no_value(device, client, gateway):
    l = device()
    wait_told(client)
    l.gateway.kill()
    l.fault("d", "exception 2 100..100")
    mark = client.mark()
    l.gateway = gateway(l)
    client.wait_for("xnet/sts/d/Once", "None", limit=120, since=mark)
    client.wait_for("xnet/sts/d/Twice", "None", limit=60, since=mark)


def test_alerts_are_published_when_they_are_known(device, client, gateway):
    l = device(Fault=1)
    client.wait_for("xnet/sts/d/Alerts", lambda m: "Broken" in m.text)
    l.gateway.kill()
    l.unplug("d")
    mark = client.mark()
    l.gateway = gateway(l)
    client.wait_for("xnet/$SYS/plant/device/d/state", "offline: no response", since=mark)
    l.plug("d")
    client.wait_for("xnet/sts/d/status", "online", since=mark)
    client.wait_for("xnet/sts/d/A", since=mark)
    assert all("Broken" in m.text for m in client.all("xnet/sts/d/Alerts", since=mark))


@pytest.mark.parametrize("change, name", [
    ((("  d:", "  e:"),), "e"),
    ((("sys_interval: 1s", "sys_interval: 1s, prefix: site"),), None),
])
def test_after_a_reload_everything_is_published_under_its_new_name(device, client, change, name):
    l = device()
    wait_told(client)
    l.set("d", "Held", 55)  # within the deadband
    mark = client.mark()
    rewrite(l, *change)
    for point, text in {**TOLD, "Held": lambda m: m.text in ("50", "55")}.items():
        topic = f"xnet/sts/{name}/{point}" if name else f"site/sts/d/{point}"
        client.wait_for(topic, text, since=mark)


def test_a_reload_that_changes_the_text_of_a_value_publishes_it(device, client):
    l = device()
    wait_told(client)
    mark = client.mark()
    rewrite(l, ("rate: once}}".replace("}}", "}"), "rate: once, decimals: 2}"), ("deadband: 10", "deadband: 10, decimals: 1"))
    client.wait_for("xnet/sts/d/Once", "600.00", since=mark)
    client.wait_for("xnet/sts/d/Held", "50.0", since=mark)


# -- retained or not -----------------------------------------------------------------------------------


def retained(make_client, broker, *topics):
    """What a new subscriber finds on these topics."""
    c = make_client(broker, "#")
    c.publish("end", "", retain=False)
    c.wait_for("end")
    return {m.topic: m.text for m in c.messages if m.retain and m.topic in topics}


@pytest.mark.parametrize("restart", [False, True])
def test_what_is_not_retained_any_more_leaves_nothing(device, client, gateway, broker, make_client, restart):
    l = device()
    client.wait_for("xnet/sts/d/A", "1")
    client.wait_for("xnet/$SYS/plant/device/d/info")
    mark = client.mark()
    change = (("A: {holding: 0}", "A: {holding: 0, retain: false}"),
              ("Slow: {holding: 200, ", "Slow: {holding: 200, publish: never, "))
    if restart:
        assert l.gateway.stop() == 0
        text = open(l.config, encoding="utf-8").read()
        for old, new in change:
            text = text.replace(old, new)
        open(l.config, "w", encoding="utf-8").write(text)
        l.gateway = gateway(l)
    else:
        rewrite(l, *change)
    client.wait_for("xnet/sts/d/A", "", since=mark)
    client.wait_for("xnet/sts/d/Slow", "", since=mark)
    l.set("d", "A", 77)
    client.wait_for("xnet/sts/d/A", "77", since=mark)
    assert retained(make_client, broker, "xnet/sts/d/A", "xnet/sts/d/Slow", "xnet/sts/d/Power") == {
        "xnet/sts/d/Power": "350"}
    assert l.gateway.stop() == 0
    mark = client.mark()  # the next life knows that nothing is left there
    l.gateway = gateway(l)
    client.wait_for("xnet/sts/d/A", "77", since=mark)
    client.wait_for("xnet/$SYS/plant/device/d/state", "online", since=mark)
    assert not [m for m in client.all("xnet/sts/d/A", since=mark) if m.text == ""]


def test_retain_of_the_broker_goes_and_comes(device, client, broker, make_client):
    status = ("xnet/sts/d/status", "xnet/sts/plant/status")
    l = device()
    client.wait_for("xnet/sts/d/A", "1")
    for change in ((", retain: false", ""), ("", ", retain: false"))[::-1]:
        mark = client.mark()
        rewrite(l, ("sys_interval: 1s" + change[0], "sys_interval: 1s" + change[1]))
        client.wait_for("xnet/sts/d/status", "online", since=mark)
        client.wait_for("xnet/sts/plant/status", "online", since=mark)
        client.wait_for("xnet/sts/d/A", "1", since=mark)
        assert retained(make_client, broker, *status) == ({} if change[1] else dict.fromkeys(status, "online"))


def test_another_broker_gets_everything_though_the_old_one_hangs(device, make_broker, make_client, broker, client):
    text = LIFE.replace("      A: {{holding: 0}}", "      A: {{holding: 0, qos: 1}}")
    l = device(text)
    client.wait_for("xnet/sts/d/A", "1")
    other = make_broker()
    there = make_client(other, "#")
    broker.freeze()
    l.unplug("d")
    wait_until(lambda: "offline" in l.gateway.text(), what="the device offline")
    l.plug("d")
    l.set("d", "A", 2)
    wait_until(lambda: l.gateway.text().count("device d: online") == 2, what="the device online")
    rewrite(l, (broker.url, other.url))
    there.wait_for("xnet/sts/plant/status", "online")
    there.wait_for("xnet/sts/d/status", "online")
    there.wait_for("xnet/sts/d/A", "2")
    l.set("d", "A", 3)
    there.wait_for("xnet/sts/d/A", "3")


def test_two_gateways_of_one_client_id_do_not_storm(line, broker, client, gateway):
    text = """\
gateway: plant
mqtt: {{broker: "{broker}", client_id: same, sys_interval: 1s}}
buses: {{rs485: {{port: {port}}}}}
devices: {{}}
"""
    alert = "xnet/sts/plant/Alerts"
    one = gateway(line(text, broker))
    client.wait_for("xnet/sts/plant/status", "online")
    two = gateway(line(text, broker))
    client.wait_for(alert, lambda m: '"code":9' in m.text and "mqtt.client_id" in m.text)

    def connects():
        return open(broker.log, encoding="utf-8").read().count(" as same ")

    wait_until(lambda: connects() >= 6)
    for g in (one, two):
        assert g.text().count("broker: connection lost: the broker ended the connection: another client") <= 1
    assert '"code":9' in client.last(alert)[alert]


def test_a_trial_with_a_prefix_of_its_own_leaves_the_gateway_its_connection(line, broker, client, gateway):
    text = """\
gateway: plant
mqtt: {{broker: "{broker}"}}
buses: {{rs485: {{port: {port}}}}}
devices: {{}}
"""
    one = gateway(line(text, broker))
    client.wait_for("xnet/sts/plant/status", "online")
    gateway(line(text.replace('"}}', '", prefix: trial}}'), broker))
    client.wait_for("trial/sts/plant/status", "online")
    assert open(broker.log, encoding="utf-8").read().count(" as trial-plant-") == 1
    assert "connection lost" not in one.text() and client.last("xnet/sts/plant/status") == {
        "xnet/sts/plant/status": "online"}


NAMED = """\
gateway: plant
mqtt: {{broker: "{broker}", sys_interval: 1s}}
buses:
  %(bus)s: {{port: {port}, baud: 38400}}
devices:
  %(device)s:
    bus: %(bus)s
    id: 7
    points:
      %(point)s: {{input: 0, every: 300ms}}
      Fault: {{input: 1, every: 300ms, alert: fault}}
"""
BEFORE = {"bus": "rs485", "device": "board", "point": "Level"}


def live(l, gateway, client, names):  # noqa: F811
    """A life of the gateway with these names, until its health was published twice."""
    with open(l.config, "w", encoding="utf-8") as f:
        f.write((NAMED % names).format(broker=client.broker.url, port=l.port))
    mark = client.mark()
    g = gateway(l)
    client.wait_count("xnet/$SYS/plant/uptime", 2, since=mark, predicate=lambda m: not m.retain)
    client.wait_for(f"xnet/sts/{names['device']}/{names['point']}", since=mark)
    return g


@pytest.mark.parametrize("what", sorted(BEFORE))
def test_what_is_renamed_while_it_is_stopped_leaves_nothing(line, broker, make_client, gateway, what):  # noqa: F811
    l = line(NAMED % BEFORE, broker)
    c = make_client(broker, "xnet/sts/#", "xnet/$SYS/#")
    assert live(l, gateway, c, BEFORE).stop() == 0

    def old():
        return {topic for topic, text in c.last("#").items() if text and BEFORE[what] in topic.split("/")}
    assert old()
    live(l, gateway, c, {**BEFORE, what: "Other"})
    wait_until(lambda: not old(), what=f"nothing of {BEFORE[what]}")
