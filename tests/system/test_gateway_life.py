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


def test_a_stranger_outlives_a_reload(board, client):
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


def test_a_reload_that_asks_for_another_identity_judges_anew(board, client):
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
    client.wait_for("xnet/sts/board/Nak", lambda m: "right device" in m.text, since=mark)
    client.wait_for(STATE, "offline: identifies as 8", since=mark)
    assert not l.writes("board")


def test_a_stranger_is_asked_again(board, client):
    l = board(kind=8)
    client.wait_for(STATE, "offline: identifies as 8")
    l.set("board", "Type", 7)
    client.wait_for("xnet/sts/board/status", "online", limit=90)
