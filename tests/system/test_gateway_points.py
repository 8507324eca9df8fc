# SPDX-License-Identifier: MIT
"""Points that depend on others, and devices that say what they are."""
import itertools
import math

import pytest

from conftest import undisturbed, wait_until
from gwfix import gateway  # noqa: F401
from simfix import HEAD, line  # noqa: F401

POWER = HEAD + """\
  batt:
    bus: rs485
    id: 1
    points:
      Volts: {{holding: 0, barrier: true, every: 500ms}}
      Amps: {{holding: 1, barrier: true, every: 500ms}}
      Factor: {{holding: 2, barrier: true, every: 30s}}
      Power: {{expr: "Volts * Amps", decimals: 0}}
      Twice: {{expr: "Power + Volts * Amps", decimals: 0}}
      Scaled: {{expr: "Power * Factor", decimals: 0}}
"""


def test_an_expression_is_made_of_what_was_read_in_one_round(line, broker, client, gateway):
    l = line(POWER, broker)
    l.freeze()
    l.set("batt", "Factor", 1)

    def both(n):
        l.set("batt", "Volts", n)
        l.set("batt", "Amps", n)

    both(2)
    l.delay("batt", "60ms")  # so one of them is read well before the other
    gateway(l)
    client.wait_for("xnet/sts/batt/Scaled", "4")
    numbers = itertools.count(3)

    def eight():
        mark = client.mark()
        for n in itertools.islice(numbers, 8):
            both(n)  # just after a round's end, or, if anybody is late, within the next one
            client.wait_for("xnet/sts/batt/Power", str(n * n), since=mark)
        client.wait_for("xnet/sts/batt/Twice", str(2 * n * n), since=mark)
        for point, of in (("Power", 1), ("Scaled", 1), ("Twice", 2)):
            told = [int(m.text) for m in client.all(f"xnet/sts/batt/{point}", since=mark)]
            assert all(math.isqrt(v // of) ** 2 * of == v for v in told), (point, told)

    undisturbed(eight)


PROFILE = """\
title: A board with as many channels as it says
vendor: nobody
models: [B]
sources: [this test]
status: experimental
identify: {%s}
points:
  Type: {holding: 0, rate: once}
  Serial: {holding: 1, rate: once}
  Maker: {device_id: vendor}
  Label: {device_id: 0x81}
  Channels: {holding: 2, rate: fast}
  Base: {holding: 3, rate: fast}
  Double: {expr: "Base * 2", decimals: 0}
  Out{n}: {holding: 10, repeat: {n: 1..4, stride: 1, count_from: Channels}, rate: fast, write: true}
"""

BOARD = HEAD + """\
  board: {{profile: board, bus: rs485, id: 1, omit: [Base]}}
"""


@pytest.fixture
def board(line, broker, client, gateway, tmp_path):
    def make(identify="point: Type, equals: 7", kind=7, channels=2, expected=None):
        """expected: what the gateway's profile identifies by, where the device is of another."""
        profiles = tmp_path / "profiles"
        profiles.mkdir()
        (profiles / "board.yaml").write_text(PROFILE % identify)
        l = line(BOARD, broker, options=("--profiles", str(profiles)))
        l.freeze()
        for point, value in (("Type", kind), ("Serial", 1), ("Channels", channels), ("Base", 21)):
            l.set("board", point, value)
        for n in range(1, 5):
            l.set("board", f"Out{n}", n)
        (profiles / "board.yaml").write_text(PROFILE % (expected or identify))
        l.gateway = gateway(arguments=[*l.arguments, "--profiles", str(profiles)])
        return l

    return make


def test_what_is_beyond_the_count_has_no_value_and_takes_no_command(board, client):
    l = board()
    for n, text in ((1, "1"), (2, "2"), (3, "None"), (4, "None")):
        client.wait_for(f"xnet/sts/board/Out{n}", text)
    mark = client.mark()
    client.publish("xnet/cmd/board/Out4", "9")
    assert "only 2" in client.wait_for("xnet/sts/board/Nak", since=mark).text
    assert not l.writes("board")
    l.set("board", "Channels", 4)
    client.wait_for("xnet/sts/board/Out4", "4", since=mark)
    l.set("board", "Channels", 3)
    client.wait_for("xnet/sts/board/Out4", "None", since=client.mark())
    assert {m.text for m in client.all("xnet/sts/board/Out3", since=mark)} == {"3"}


def test_an_omitted_point_that_others_need_is_nowhere_to_be_seen(board, client):
    board()
    client.wait_for("xnet/sts/board/Double", "42")
    info = client.wait_for("xnet/$SYS/plant/device/board/info").text
    assert '"Double"' in info and '"Base"' not in info
    mark = client.mark()
    client.publish("xnet/cmd/board/Base", "1")
    assert "no such point" in client.wait_for("xnet/sts/board/Nak", since=mark).text
    assert not client.all("xnet/sts/board/Base")


@pytest.mark.parametrize("identify, kind, good", [
    ("equals: 7", 7, True), ("equals: 7", 8, False),
    ("starts: 41", 4177, True), ("starts: 41", 417, True), ("starts: 41", 541, False),
    ("one_of: [7, 9]", 9, True), ("one_of: [7, 9]", 8, False),
])
def test_a_device_must_be_what_its_profile_is_for(board, client, identify, kind, good):
    l = board("point: Type, " + identify, kind)
    if good:
        client.wait_for("xnet/sts/board/status", "online")
        client.wait_for("xnet/sts/board/Out1", "1")
        return
    client.wait_for("xnet/sts/plant/Alerts", lambda m: f"identifies as {kind}" in m.text)
    assert not client.all("xnet/sts/board/Out1")
    mark = client.mark()
    client.publish("xnet/cmd/board/Out1", "9")
    assert "a different device" in client.wait_for("xnet/sts/board/Nak", since=mark).text
    assert not l.writes()
    assert {m.text for m in client.all("xnet/sts/board/status")} <= {"offline"}


def test_a_device_is_recognised_by_function_43(board, client):
    l = board("device_id: {vendor: 'no*', product: B}")
    client.wait_for("xnet/sts/board/status", "online")
    client.wait_for("xnet/sts/board/Out1", "1")
    client.publish("xnet/cmd/board/Out1", "9")
    client.wait_for("xnet/sts/board/Out1", "9")
    assert l.writes("board")
    client.wait_for("xnet/sts/board/Maker", "no")  # the rule's text
    client.wait_for("xnet/sts/board/Label", "Label")  # by the simulator, for want of a better one
    l.set("board", "Label", "A17")
    client.publish("xnet/get/board/Label", "")
    client.wait_for("xnet/sts/board/Label", "A17")


def test_another_device_by_function_43_takes_no_command(board, client):
    l = board("device_id: {product: B}", expected="device_id: {product: 'PM5*'}")
    client.wait_for("xnet/sts/plant/Alerts", lambda m: "PM5*" in m.text and 'product \\"B\\"' in m.text)
    client.publish("xnet/cmd/board/Out1", "9")
    assert "a different device" in client.wait_for("xnet/sts/board/Nak").text
    assert not l.writes()
    assert not client.all("xnet/sts/board/Out1")


def test_another_device_in_its_place_is_noticed(board, client):
    l = board()
    client.wait_for("xnet/sts/board/Serial", "1")
    mark = client.mark()
    l.unplug("board")
    client.wait_for("xnet/sts/board/status", "offline", since=mark)
    l.set("board", "Serial", 2)
    l.plug("board")
    client.wait_for("xnet/sts/board/Serial", "2", since=mark)
    l.gateway.process.wait_line("Serial changed")
    wait_until(lambda: client.find("xnet/sts/board/status", "online", since=mark), what="the status")
