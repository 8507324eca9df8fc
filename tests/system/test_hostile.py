# SPDX-License-Identifier: MIT
"""Clients that mean harm, at a gateway with little memory: it goes on polling, answers, and says nothing it should not."""
import json
import re
import resource

import pytest

from conftest import wait_until
from gwfix import gateway  # noqa: F401
from simfix import HEAD, line  # noqa: F401

MEMORY = 200 << 20  # bytes of address space, what the threads reserve included

PLANT = HEAD + ("  m(1..8): {{bus: rs485, id: 1..8, points: {{Power: {{input: 0, poll: on-demand}}, "
                "T: {{holding: 1, write: {{min: 0, max: 100}}}}}}}}\n")

SAME = json.dumps(["Power"] * 511, separators=(",", ":"))
MANY = json.dumps([f"P{i}" for i in range(500)], separators=(",", ":"))

NASTY = [
    ("sub/*", SAME), ("unsub/*", SAME), ("sub/*", MANY), ("sub/m1", MANY), ("sub/m1", "[" * 4000), ("unsub/*", "null"),
    ("sub/" + "[" * 20000, SAME), ("sub/" + "*m" * 20000, SAME), ("sub/" + "?(*" * 80, SAME), ("get/m1/" + "x" * 60000, ""),
    ("cmd/m1/" + "x" * 60000, "1"), ("cmd/m1/" + "a/" * 100, "1"), ("cmd/m1", "[" * 4000), ("cmd/m1", '{"a":' * 800),
    ("cmd/m1", json.dumps({f"T{i}": 1 for i in range(400)})), ("cmd/m1", '{"T":1,"T":2}'), ("cmd/m1", b"\xff" * 4000),
    ("cmd/m1/T", "9" * 4096), ("cmd/m1/T", b"\0" * 100), ("cmd/m1/T", "1e999999999"), ("cmd/m1/T", "-0x" + "f" * 4000),
    ("cmd/m1/T", "x" * 3_000_000), ("cmd/m1/T", "\x1b[2J\u009b2J\x7f\n<0>forged\u202e"), ("cmd/m1/a b", "1"),
    ("cmd/m1/x'; touch pwned; '", "1"), ("cmd/m1/$(reboot)", "1"), ("cmd/plant/log", "debug"),
    ("cmd/plant/log", "\x1b[2J"), ("cmd/plant/reload/x", "1"), ("sts/m1/status", "x"), ("sts/plant/status", "\x1b[2J"),
    ("$SYS/other/device/m1/info", "x" * 1000), ("$SYS/plant/device/m1/info", "x"),
]


def few_memory():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def start(line, broker, gateway, client):
    l = line(PLANT, broker)
    g = gateway(l, log="info", preexec_fn=few_memory)
    client.wait_for("xnet/sts/m8/status", "online")
    return l, g


def lives(l, g, client):
    """It polls, and does what it is told."""
    before, mark = l.stats()["requests"], client.mark()
    wait_until(lambda: l.stats()["requests"] >= before + 16, what="polls")
    client.publish("xnet/cmd/m8/T", "42")
    client.wait_for("xnet/sts/m8/T", "42", since=mark)
    assert g.process.poll() is None


@pytest.mark.parametrize("retain", [False, True])
def test_no_message_ends_it_or_stops_its_polls(line, broker, client, make_client, gateway, retain):
    l, g = start(line, broker, gateway, client)
    evil = make_client(broker)
    for topic, payload in NASTY:
        evil.publish("xnet/" + topic, payload, retain=retain)
    for i in range(2000):
        evil.publish(f"xnet/cmd/m1/No{i}", "1", qos=0, wait=False)
    lives(l, g, client)
    log = open(g.process.log, "rb").read()
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\n<0>|\xe2\x80\xae", log)
    assert not re.search(rb"mosquitto_pub[^\n]*(touch|reboot)", log)
    if retain:  # and it can start with all that
        g.kill()
        g = gateway(l, log="info", preexec_fn=few_memory)
        client.wait_for("xnet/sts/m8/status", "online", since=client.mark())
        lives(l, g, client)
        for topic, _ in NASTY:
            evil.publish("xnet/" + topic, "", retain=True)
    assert not re.search(r'"(touch|mosquitto_pub[^"]*touch)', "".join(m.text for m in client.all("xnet/sts/+/Nak")))


def test_a_forged_past_does_not_hold_it_up(line, broker, client, make_client, gateway):
    evil = make_client(broker)
    forged = json.dumps({"points": [{"name": f"p{i}"} for i in range(250000)],
                         "unretained": [{"name": f"u{i}"} for i in range(60000)]}, separators=(",", ":"))
    small = json.dumps({"points": [{"name": f"p{i}"} for i in range(8000)],
                        "unretained": [{"name": f"u{i}"} for i in range(4000)]}, separators=(",", ":"))
    assert len(small) < 256 << 10 < len(forged)
    for name in ("m1", "gone"):
        evil.publish(f"xnet/$SYS/plant/device/{name}/info", forged, retain=True)
    for i in range(20):
        evil.publish(f"xnet/$SYS/plant/device/forged{i}/info", small, retain=True)
    evil.publish("xnet/$SYS/plant/device/m2/info", small, retain=True)
    l, g = start(line, broker, gateway, client)
    lives(l, g, client)


def test_a_device_that_moved_keeps_its_topics(line, broker, client, make_client, gateway, tmp_path):
    """Another gateway has told that it has the device now, before this one starts or reads its configuration."""
    other = make_client(broker)
    info = '{"points":[{"name":"T"}],"unretained":[]}'
    for name in ("boiler", "m7"):
        other.publish(f"xnet/$SYS/other/device/{name}/info", info, retain=True)
        other.publish(f"xnet/sts/{name}/Theirs", "1", retain=True)
    for topic, text in [("sts/boiler/T", "20"), ("sts/boiler/status", "online"), ("sts/lone/T", "20"),
                        ("$SYS/plant/device/boiler/info", info), ("$SYS/plant/device/lone/info", info)]:
        other.publish("xnet/" + topic, text, retain=True)
    l, g = start(line, broker, gateway, client)
    client.wait_for("xnet/sts/lone/T", "")  # nobody has it
    client.wait_for("xnet/$SYS/plant/device/boiler/info", "")
    mark = client.mark()
    l.edit(("m(1..8)", "m(1..6)"), ("id: 1..8", "id: 1..6"))
    g.reload()
    client.wait_for("xnet/sts/m8/status", "", since=mark)
    client.wait_for("xnet/$SYS/plant/device/m7/info", "", since=mark)
    assert not [m for m in client.all("xnet/sts/boiler/#") if not m.text]
    assert not [m for m in client.all("xnet/sts/m7/#", since=mark) if not m.text]


def test_it_leaves_no_core(line, broker, client, gateway):
    _, g = start(line, broker, gateway, client)
    with open(f"/proc/{g.process.pid}/limits", encoding="ascii") as f:
        assert re.search(r"Max core file size +0 +0 ", f.read())
