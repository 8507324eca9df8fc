# SPDX-License-Identifier: MIT
"""What a device's configuration asks for: expressions, alerts, snapshots, identity, on-demand points,
set-up, pulses; and that all of it outlives a reload."""
import json
import os
import signal
import time

import pytest

from conftest import wait_until
from gwfix import gateway  # noqa: F401
from simfix import line  # noqa: F401

BOILER = """\
gateway: house
mqtt: {{broker: "{broker}"}}
buses:
  rs485: {{port: {port}, baud: 38400}}
devices:
  boiler:
    bus: rs485
    id: 7
    every: 300ms
    json: true
    offline: {{Power: 0}}
    points:
      Power: {{input: 0, unit: W}}
      Gas: {{input: 1}}
      Half: {{expr: "Power / 2", decimals: 1}}
      Share: {{expr: "Half / Gas", decimals: 2}}
      Exp: {{input: 2, type: s16, publish: never}}
      Scaled: {{input: 3, exponent_from: Exp}}
      Fire: {{holding: 10, bit: 4, alert: fault, code: 4, desc: Burner lock-out, write: true}}
      Wear: {{holding: 11, alert: warning, code: 9, desc: Change the filter, write: true}}
      Deep: {{input: 20, poll: on-demand}}
      Level: {{holding: 12, write: {{min: 0, max: 100}}}}
"""


def start(line, broker, gateway, text=BOILER, **values):
    l = line(text, broker)
    l.freeze()
    for point, value in values.items():
        l.set("boiler", point, value)
    l.gateway = gateway(l)
    return l


def rewrite(l, *changes):
    """Change the configuration under the running gateway, and have it read anew."""
    with open(l.config, encoding="utf-8") as f:
        text = f.read()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    with open(l.config, "w", encoding="utf-8") as f:
        f.write(text)
    l.gateway.reload()


def test_expressions_follow_their_inputs_and_each_other(line, broker, client, gateway):
    l = start(line, broker, gateway, Power=300, Gas=4)
    client.wait_for("xnet/sts/boiler/Half", "150.0")
    client.wait_for("xnet/sts/boiler/Share", "37.50")
    mark = client.mark()
    l.set("boiler", "Power", 301)
    client.wait_for("xnet/sts/boiler/Half", "150.5", since=mark)
    client.wait_for("xnet/sts/boiler/Share", lambda m: m.text in ("37.62", "37.63"), since=mark)
    l.set("boiler", "Gas", 0)
    client.wait_for("xnet/sts/boiler/Share", "None", since=mark)


def test_a_scale_that_stands_in_a_register_moves_the_point(line, broker, client, gateway):
    l = line(BOILER, broker)
    l.freeze()
    l.set("boiler", "Exp", -2)
    l.set("boiler", "Scaled", 12.34)
    gateway(l)
    client.wait_for("xnet/sts/boiler/Scaled", "12.34")
    assert not client.all("xnet/sts/boiler/Exp")


def test_alerts_come_and_go(line, broker, client, gateway):
    start(line, broker, gateway, Fire="off", Wear=0)
    client.wait_for("xnet/sts/boiler/Alerts", '{"faults":[],"warnings":[]}')
    client.publish("xnet/cmd/boiler/Fire", "on")
    client.wait_for("xnet/sts/boiler/Alerts", '{"faults":[{"code":4,"desc":"Burner lock-out"}],"warnings":[]}')
    client.publish("xnet/cmd/boiler/Wear", "3")
    client.wait_for("xnet/sts/boiler/Alerts", lambda m: json.loads(m.text)["warnings"] ==
                    [{"code": 9, "desc": "Change the filter"}])
    mark = client.mark()
    client.publish("xnet/cmd/boiler/Fire", "off")
    client.wait_for("xnet/sts/boiler/Alerts", lambda m: json.loads(m.text)["faults"] == [], since=mark)


def test_a_snapshot_holds_all_points_of_one_round(line, broker, client, gateway):
    l = start(line, broker, gateway, Power=300, Gas=4)
    m = client.wait_for("xnet/sts/boiler", lambda m: json.loads(m.text).get("Share") == 37.5)
    assert not m.retain
    told = json.loads(m.text)
    assert told["Power"] == 300 and told["Half"] == 150.0 and told["Deep"] is None
    assert told["ts"].endswith("Z")
    mark = client.mark()
    l.set("boiler", "Gas", 5)
    client.wait_for("xnet/sts/boiler", lambda m: json.loads(m.text)["Share"] == 30.0, since=mark)


def test_an_offline_device_has_the_configured_values_and_its_own_when_it_is_back(line, broker, client, gateway):
    l = start(line, broker, gateway, Power=300)
    client.wait_for("xnet/sts/boiler/Power", "300")
    mark = client.mark()
    l.unplug("boiler")
    client.wait_for("xnet/sts/boiler/status", "offline", since=mark)
    client.wait_for("xnet/sts/boiler/Power", "0", since=mark)
    mark = client.mark()
    l.plug("boiler")
    client.wait_for("xnet/sts/boiler/Power", "300", since=mark)
    assert client.find("xnet/sts/boiler/status", "online", since=mark)


def test_an_on_demand_point_is_polled_while_it_is_subscribed(line, broker, client, gateway):
    l = start(line, broker, gateway, Deep=7, Power=1)
    client.wait_for("xnet/sts/boiler/Power", "1")
    assert {m.text for m in client.all("xnet/sts/boiler/Deep")} <= {"None"}
    client.publish("xnet/sub/boiler", '["Deep"]')
    client.publish("xnet/sub/boiler", '["Deep"]')
    client.wait_for("xnet/sts/boiler/Deep", "7")
    client.publish("xnet/unsub/boiler", '["Deep"]')
    l.set("boiler", "Deep", 8)
    client.wait_for("xnet/sts/boiler/Deep", "8")
    rewrite(l, ("every: 300ms", "every: 250ms"))
    client.wait_for("xnet/$SYS/house/config/reloads", "1")
    l.set("boiler", "Deep", 9)
    client.wait_for("xnet/sts/boiler/Deep", "9")
    mark = client.mark()
    client.publish("xnet/unsub/boiler", "null")
    client.wait_for("xnet/sts/boiler/Deep", "None", since=mark)
    client.publish("xnet/unsub/boiler", '["Deep"]')
    assert json.loads(client.wait_for("xnet/sts/boiler/Nak", since=mark).text)["param"] == "Deep"


PUMP = """\
title: Pump
vendor: Nobody
models: [P1, P2]
sources: [made up]
status: experimental
identify: {point: Type, %s}
points:
  Type: {input: 1, rate: once}
  Flow: {input: 2, rate: fast}
"""


@pytest.mark.parametrize("rule", ["equals: '17'", "starts: ['9', '1']", "one_of: ['5', '17']"])
def test_a_device_that_is_another_stays_offline_until_it_is_right(line, broker, client, gateway, tmp_path, rule):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "pump.yaml").write_text(PUMP % rule)
    text = BOILER[:BOILER.index("devices:")] + "devices:\n  boiler: {{profile: pump, bus: rs485, id: 7}}\n"
    l = line(text, broker, options=["--profiles", tmp_path / "profiles"])
    l.freeze()
    l.set("boiler", "Type", 28)
    gateway(arguments=[*l.arguments, "--profiles", tmp_path / "profiles"])
    client.wait_for("xnet/sts/house/Alerts", lambda m: "identifies as 28" in m.text)
    client.wait_for("xnet/$SYS/house/device/boiler/state", "offline: identifies as 28")
    assert not client.find("xnet/sts/boiler/status", "online")
    assert not client.all("xnet/sts/boiler/Flow")
    mark = client.mark()
    l.unplug("boiler")
    client.wait_for("xnet/$SYS/house/device/boiler/state", "offline: no response", since=mark)
    l.set("boiler", "Type", 17)
    l.plug("boiler")
    client.wait_for("xnet/sts/boiler/status", "online", since=mark)
    client.wait_for("xnet/sts/boiler/Flow", since=mark)
    client.wait_for("xnet/sts/house/Alerts", lambda m: "identifies" not in m.text, since=mark)


def test_members_of_a_repetition_above_the_count_have_no_value(line, broker, client, gateway):
    members = "      Cells: {{input: 30}}\n" \
              "      Cell{{n}}: {{input: 31, repeat: {{n: 1..4, stride: 1, count_from: Cells}}}}\n"
    text = BOILER.replace("      Level:", members + "      Level:")
    l = start(line, broker, gateway, text, Cells=2, Cell1=11, Cell2=12, Cell3=13, Cell4=14)
    client.wait_for("xnet/sts/boiler/Cell2", "12")
    client.wait_for("xnet/sts/boiler/Cell3", "None")
    mark = client.mark()
    l.set("boiler", "Cells", 3)
    client.wait_for("xnet/sts/boiler/Cell3", "13", since=mark)
    assert {m.text for m in client.all("xnet/sts/boiler/Cell4")} == {"None"}


def test_set_up_is_written_where_it_differs_each_time_the_device_comes(line, broker, client, gateway):
    text = BOILER.replace("json: true", "json: true\n    setup: [{{Level: 40}}]")
    l = start(line, broker, gateway, text, Level=40)
    client.wait_for("xnet/sts/boiler/Level", "40")
    assert l.writes() == []
    mark = client.mark()
    l.unplug("boiler")
    client.wait_for("xnet/sts/boiler/status", "offline", since=mark)
    l.set("boiler", "Level", 11)
    l.plug("boiler")
    l.wait_writes("boiler", 1)
    client.wait_for("xnet/sts/boiler/Level", "40", since=mark)
    # diagnostics (8) may prove the device in step again
    assert [w["words"] for w in l.writes()] == [[40]]


PULSE = BOILER.replace("bit: 4, alert: fault, code: 4, desc: Burner lock-out, write: true",
                       "bit: 4, write: true, pulse: {time}")


def test_a_pulse_goes_on_and_off_by_itself(line, broker, client, gateway):
    l = start(line, broker, gateway, PULSE.replace("{time}", "500ms"), Fire="off")
    client.wait_for("xnet/sts/boiler/Fire", "off")
    mark = client.mark()
    client.publish("xnet/cmd/boiler/Fire", "on")
    client.wait_for("xnet/sts/boiler/Fire", "on", since=mark)
    client.wait_for("xnet/sts/boiler/Fire", "off", since=mark)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_a_pulse_is_ended_whatever_happens_to_the_gateway(line, broker, client, gateway, tmp_path, end, monkeypatch):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    time_text = "2s" if end == signal.SIGHUP else "1h"
    l = start(line, broker, gateway, PULSE.replace("{time}", time_text), Fire="off")
    client.wait_for("xnet/sts/boiler/Fire", "off")
    mark = client.mark()
    client.publish("xnet/cmd/boiler/Fire", "on")
    client.wait_for("xnet/sts/boiler/Fire", "on", since=mark)
    if end == signal.SIGHUP:
        rewrite(l, ("every: 300ms", "every: 250ms"))
    else:
        l.gateway.process.send_signal(end)
        l.gateway.process.wait(20)
    if end == signal.SIGKILL:
        assert [f for f in os.listdir(tmp_path) if f.startswith("pulse.")]
        gateway(l)
    wait_until(lambda: l.writes()[-1]["words"][0] & 16 == 0, what="the pulse's end on the wire")
    wait_until(lambda: not [f for f in os.listdir(tmp_path) if f.startswith("pulse.")], what="an empty journal")


def test_a_reload_leaves_an_unchanged_bus_open(line, broker, client, gateway):
    l = start(line, broker, gateway, Power=1)
    client.wait_for("xnet/sts/boiler/Power", "1")
    mark = client.mark()
    rewrite(l, ("every: 300ms", "every: 250ms"), ("      Gas: ", "      Gasoline: {input: 1}\n      Gas: "))
    client.wait_for("xnet/sts/boiler/Gasoline", since=mark)
    assert not client.find("xnet/sts/boiler/status", "offline", since=mark)
    assert l.gateway.text().count("bus rs485: up") == 1
    mark = client.mark()
    rewrite(l, ("baud: 38400", "baud: 38400, timeout: 300ms"))
    client.wait_for("xnet/sts/boiler/status", "online", since=mark)
    assert l.gateway.text().count("bus rs485: up") == 2


def test_a_reload_may_change_the_broker(line, make_broker, make_client, gateway):
    one, two = make_broker(), make_broker()
    first, second = make_client(one, "#"), make_client(two, "#")
    l = start(line, one, gateway, Power=1)
    first.wait_for("xnet/sts/boiler/Power", "1")
    mark = first.mark()
    rewrite(l, (one.url, two.url))
    second.wait_for("xnet/sts/house/status", "online")
    second.wait_for("xnet/sts/boiler/Power", "1")
    second.wait_for("xnet/sts/boiler/status", "online")
    first.wait_for("xnet/sts/house/status", "offline", since=mark)
    mark = second.mark()
    second.publish("xnet/cmd/boiler/Level", "3")
    second.wait_for("xnet/sts/boiler/Level", "3", since=mark)


def test_offline_by_another_client_is_overwritten(line, broker, client, gateway):
    start(line, broker, gateway, Power=1)
    client.wait_for("xnet/sts/house/status", "online")
    client.wait_for("xnet/sts/boiler/Power", "1")
    mark = client.mark()
    client.publish("xnet/sts/house/status", "offline", retain=True)
    client.wait_for("xnet/sts/house/status", "online", since=mark)
    client.wait_for("xnet/sts/house/Alerts", lambda m: "another client" in m.text, since=mark)


def test_a_flood_of_foreign_statuses_costs_little(line, broker, client, gateway):
    g = start(line, broker, gateway, Power=1).gateway
    client.wait_for("xnet/sts/boiler/Power", "1")
    told_at = client.wait_for("xnet/sts/boiler/status", "online").at
    wait_until(lambda: time.monotonic() > told_at + 5.5)  # sooner it may be our own, late on its way back
    mark = client.mark()
    for i in range(200):
        for name in ("boiler", "house"):
            client.publish(f"xnet/sts/{name}/status", f"x{i}", wait=i == 199)
    for name in ("boiler", "house"):
        client.wait_for(f"xnet/sts/{name}/status", "online", since=mark)
    done = client.mark()
    client.publish("xnet/cmd/boiler/nosuch", "1")
    client.wait_for("xnet/sts/boiler/Nak", since=done)
    seconds = time.monotonic() - client.messages[mark].at
    for name in ("boiler", "house"):
        ours = [m for m in client.all(f"xnet/sts/{name}/status", mark) if m.text == "online"]
        assert len(ours) <= 1 + seconds / 10
    assert g.text().count("another client publishes the status of boiler") == 1


def test_an_overloaded_line_is_reported_with_what_helps(line, broker, client, gateway):
    l = line(BOILER.replace("baud: 38400", "baud: 1200"), broker)
    g = gateway(l)
    told = client.wait_for("xnet/$SYS/house/bus/rs485/load/planned", limit=40)
    assert float(told.text) > 80
    assert "of the line's time; to get to" in g.text()


def test_topics_of_what_was_removed_while_stopped_are_cleared(line, broker, client, gateway, make_client):
    l = start(line, broker, gateway, Power=1)
    client.wait_for("xnet/sts/boiler/Gas")
    client.wait_for("xnet/$SYS/house/device/boiler/info")
    assert l.gateway.stop() == 0
    l.edit(("      Gas: ", "      Gasoline: "), ("Half / Gas", "Half / 2"))
    mark = client.mark()
    gateway(l)
    client.wait_for("xnet/sts/boiler/Gasoline", since=mark)
    client.wait_for("xnet/sts/boiler/Gas", "", since=mark)


def test_reload_and_log_level_by_message(line, broker, client, gateway):
    l = start(line, broker, gateway, Power=1)
    client.wait_for("xnet/sts/boiler/Power", "1")
    mark = client.mark()
    client.publish("xnet/cmd/house/log", "loud")
    assert json.loads(client.wait_for("xnet/sts/house/Nak", since=mark).text)["param"] == "log"
    client.publish("xnet/cmd/house/log", "warn")
    client.publish("xnet/cmd/house/reload", "now")
    client.wait_for("xnet/$SYS/house/config/reloads", "1", since=mark)
    with open(l.config, "a", encoding="utf-8") as f:
        f.write("nonsense: 1\n")
    mark = client.mark()
    client.publish("xnet/cmd/house/reload", "now")
    told = json.loads(client.wait_for("xnet/sts/house/Nak", since=mark).text)
    assert told["param"] == "reload" and "nonsense" in told["reason"]
    client.wait_for("xnet/sts/house/Alerts", lambda m: '"code":6' in m.text, since=mark)


def test_it_ends_in_time_while_a_port_hangs_and_the_broker_is_frozen(line, broker, client, gateway):
    l = start(line, broker, gateway, Power=1)
    client.wait_for("xnet/sts/boiler/Power", "1")
    l.unplug("boiler")
    broker.freeze()
    begin = time.monotonic()
    assert l.gateway.stop() == 0
    assert time.monotonic() - begin < 15
    broker.thaw()


def test_the_health_tree_counts(line, broker, client, gateway):
    l = line(BOILER.replace('mqtt: {{broker: "{broker}"}}', 'mqtt: {{broker: "{broker}", sys_interval: 1s}}'), broker)
    g = gateway(l)
    tree = "xnet/$SYS/house"
    for path in ("bus/rs485/requests", "bus/rs485/responses", "device/boiler/requests"):
        client.wait_for(f"{tree}/{path}", lambda m: int(m.text) > 3)
    for path in ("bus/rs485/timeouts", "bus/rs485/crc_errors", "bus/rs485/exceptions", "commands/received"):
        client.wait_for(f"{tree}/{path}", "0")
    client.wait_for(f"{tree}/bus/rs485/port", l.port)
    client.wait_for(f"{tree}/bus/rs485/line", "38400 8N1")
    client.wait_for(f"{tree}/device/boiler/state", "online")
    client.wait_for(f"{tree}/device/boiler/last_seen", lambda m: m.text.endswith("Z"))
    client.wait_for(f"{tree}/device/boiler/response", lambda m: float(m.text.split("/")[1]) > 0)
    client.wait_for(f"{tree}/uptime", lambda m: int(m.text) >= 1)
    assert client.find(f"{tree}/version").retain or client.find(f"{tree}/started")
    info = json.loads(client.wait_for(f"{tree}/device/boiler/info").text)
    level = next(p for p in info["points"] if p["name"] == "Level")
    assert (level["writable"], level["min"], level["max"]) == (True, 0, 100)
    assert not [p for p in info["points"] if p["name"] == "Exp"]
    mark = client.mark()
    l.fault("boiler", "crc")
    client.wait_for(f"{tree}/bus/rs485/crc_errors", lambda m: int(m.text) > 0, since=mark)
    l.fault("boiler", "none")
    client.publish("xnet/cmd/boiler/Level", "500")
    client.wait_for(f"{tree}/commands/rejected", "1")
    assert g.process.poll() is None


def test_a_line_on_which_no_device_responds_is_reported(line, broker, client, gateway):
    l = line(BOILER, broker)
    l.unplug("boiler")
    gateway(l)
    client.wait_for("xnet/$SYS/house/bus/rs485/state", lambda m: "its only device does not respond" in m.text, limit=60)
    client.wait_for("xnet/sts/house/Alerts", lambda m: '"code":2' in m.text)
    mark = client.mark()
    l.plug("boiler")
    client.wait_for("xnet/$SYS/house/bus/rs485/state", "up", since=mark, limit=60)


def test_history_is_published_in_order_and_not_lost_with_the_broker(line, make_broker, make_client, gateway, tmp_path):
    # the collector's session outlives the broker, so that nothing is missed while it comes back
    b = make_broker(extra=["persistence true", f"persistence_location {tmp_path}/"])
    c = make_client(b, "xnet/hist/#", client_id="keeper", clean_session=False)
    l = start(line, b, gateway, BOILER.replace("unit: W", "unit: W, history: true"), Power=1)
    c.wait_for("xnet/hist/boiler/Power", lambda m: json.loads(m.text)["v"] == 1)
    b.stop()
    for n in (2, 3, 4):
        before = l.stats()["requests"]
        l.set("boiler", "Power", n)
        wait_until(lambda: l.stats()["requests"] >= before + 8, what="reads of it")
    b.start()
    c.wait_for("xnet/hist/boiler/Power", lambda m: json.loads(m.text)["v"] == 4, limit=40)
    told = [json.loads(m.text) for m in c.all("xnet/hist/boiler/Power")]
    assert list(dict.fromkeys(t["v"] for t in told)) == [1, 2, 3, 4]
    assert sorted(t["ts"] for t in told) == [t["ts"] for t in told]
    assert not any(m.retain for m in c.all("xnet/hist/boiler/Power"))


CELLAR = """\
gateway: house
mqtt: {{broker: "{broker}"}}
buses:
  rs485: {{port: {port}, baud: 38400}}
devices:
  tank:
    bus: rs485
    id: 7
    every: 300ms
    json: true
    deadband: 5
    max_hole: 20
    unlock: {{point: Password, value: 4711}}
    points:
      Low: {{holding: 10}}
      Life: {{holding: [130, 30], type: u32, counter: true}}
      Deep: {{holding: 11, poll: on-demand}}
      Next: {{holding: 12}}
      Mode: {{holding: 41, values: {{0: off, 1: local, 2: remote}}}}
      Lamp: {{coil: 3}}
      Exp: {{holding: 50, type: s16, publish: never}}
      Power: {{holding: 51, exponent_from: Exp, offset: 10, write: true}}
      Password: {{holding: 60, write: only}}
      Slow: {{holding: [31, 131], type: u32, every: 1h, counter: true}}
"""


HOLED = """\
gateway: house
mqtt: {{broker: "{broker}"}}
buses:
  rs485: {{port: {port}, baud: 115200}}
devices:
  meter:
    bus: rs485
    id: 7
    every: 300ms
    points:
      Low: {{holding: 10}}
      Life: {{holding: [30, 90], type: u32, counter: true}}
      Next: {{holding: 140}}
"""


def test_a_counter_with_a_refused_hole_between_its_registers_is_read_in_two(
    line, broker, client, gateway
):
    l = line(HOLED, broker)
    l.freeze()
    l.set("meter", "Life", 65545)
    gateway(l)
    client.wait_for("xnet/sts/meter/Life", "65545")
    l.set("meter", "Life", 131079)
    client.wait_for("xnet/sts/meter/Life", "131079")


def test_a_number_in_two_registers_far_apart_is_whole(line, broker, client, gateway):
    l = line(CELLAR, broker)
    l.freeze()
    l.set("tank", "Life", 65535)
    l.set("tank", "Slow", 131073)
    gateway(l)
    client.wait_for("xnet/sts/tank/Life", "65535")
    client.wait_for("xnet/sts/tank/Slow", "131073")  # not an hour later
    for value in (65545, 131065, 131079, 5):
        l.set("tank", "Life", value)
        client.wait_for("xnet/sts/tank/Life", str(value))
    told = [m.text for m in client.all("xnet/sts/tank/Life")]
    assert set(told) <= {"65535", "65545", "131065", "131079", "5"}
    mark = client.mark()
    client.publish("xnet/get/tank/Life", "")
    client.wait_for("xnet/sts/tank/Life", "5", since=mark)


def test_an_on_demand_point_is_not_published_by_reads_that_pass_over_it(line, broker, client, gateway):
    l = start(line, broker, gateway, CELLAR.replace("holding: 11,", "holding: 11, write: true,"))
    client.wait_for("xnet/sts/tank/Next")
    assert {m.text for m in client.all("xnet/sts/tank/Deep")} <= {"None"}
    client.publish("xnet/cmd/tank/Deep", "77")
    client.wait_for("xnet/sts/tank/Deep", "77")
    client.publish("xnet/sub/tank", '["Deep"]')
    l.set("tank", "Deep", 90)
    client.wait_for("xnet/sts/tank/Deep", "90")
    mark = client.mark()
    client.publish("xnet/unsub/tank", '["Deep"]')
    client.wait_for("xnet/sts/tank/Deep", "None", since=mark)
    mark = client.mark()
    l.set("tank", "Deep", 79)
    l.set("tank", "Next", 500)
    client.wait_for("xnet/sts/tank/Next", "500", since=mark)
    client.wait_for("xnet/sts/tank", lambda m: json.loads(m.text)["Next"] == 500, since=mark)
    assert client.all("xnet/sts/tank/Deep", since=mark) == []


def test_a_deadband_swallows_no_label_and_no_bit(line, broker, client, gateway):
    l = start(line, broker, gateway, CELLAR)
    client.wait_for("xnet/sts/tank/Mode")
    for mode, lamp in (("local", "on"), ("remote", "off"), ("local", "on")):
        mark = client.mark()
        l.set("tank", "Mode", mode)
        l.set("tank", "Lamp", lamp)
        client.wait_for("xnet/sts/tank/Mode", mode, since=mark)
        client.wait_for("xnet/sts/tank/Lamp", lamp, since=mark)


def test_an_offset_is_added_after_the_scale_and_the_password_is_not_published(
        line, broker, client, gateway):
    l = start(line, broker, gateway, CELLAR)
    l.set("tank", "Exp", -2)
    client.wait_for("xnet/sts/tank", lambda m: json.loads(m.text)["Power"] is not None
                    and "." in m.text.split('"Power":')[1].split(",")[0])
    client.publish("xnet/cmd/tank/Power", "22.34")
    client.wait_for("xnet/sts/tank/Power", "22.34")
    writes = [(w["addr"], w["words"]) for w in l.writes()]
    assert writes == [(60, [4711]), (51, [1234])]
    assert client.all("xnet/sts/tank/Password") == []
    assert "4711" not in l.gateway.text()
