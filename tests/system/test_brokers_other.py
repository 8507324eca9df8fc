# SPDX-License-Identifier: MIT
"""Brokers that are not mosquitto: what doc/brokers.md says of each is what is observed here."""
import pytest

from conftest import LIMIT
from gwfix import gateway  # noqa: F401
from otherbrokers import OTHERS
from simfix import line  # noqa: F401

HOUSE = """
gateway: house
mqtt: {{broker: "{broker}", sys_interval: 1s%s}}
buses:
  rs485: {{port: {port}, baud: 115200}}
devices:
  meter1: {{profile: eastron-sdm120, bus: rs485, id: 1, points: {{Volts: {{every: 100ms, history: true}}}}}}
  relay1: {{profile: waveshare-relay-8ch, bus: rs485, id: 3}}
"""


@pytest.fixture(scope="module", params=sorted(OTHERS))
def other(request, tmp_path_factory):
    b = OTHERS[request.param](tmp_path_factory.mktemp(request.param))
    try:
        yield b.start()
    finally:
        b.stop()


@pytest.fixture
def member(other, make_client):
    """member(filter …): one more client of that broker."""
    def make(*filters):
        c = make_client(other, *filters, connect=False)
        if other.login:
            c.paho.username_pw_set("display@localhost", "secret")
        return c.connect()
    return make


@pytest.fixture
def house(other, line, tmp_path):  # noqa: F811
    more = ""
    if other.login:
        (tmp_path / "password").write_text(other.login[1])
        more = f", username: {other.login[0]}, password_file: {tmp_path}/password"
    l = line(HOUSE % more, other)
    l.freeze()
    l.set("meter1", "Volts", "230.0")
    return l


def test_a_house_lives_on_it(other, member, house, gateway):  # noqa: F811
    c = member("xnet/#")
    g = gateway(house)
    c.wait_for("xnet/sts/meter1/Volts", "230.0")
    c.wait_for("xnet/sts/house/status", "online")
    c.wait_for("xnet/hist/meter1/Volts", lambda m: m.text.endswith('"v":230.0}'))
    c.wait_for("xnet/$SYS/house/mqtt/protocol", other.protocol)
    c.publish("xnet/cmd/relay1/Relay1", "on")
    c.wait_for("xnet/sts/relay1/Relay1", "on")
    c.publish("xnet/cmd/relay1/Nosuch", "on")
    c.wait_for("xnet/sts/relay1/Nak", lambda m: "no such point" in m.text)
    late = member("xnet/sts/relay1/Relay1", "xnet/#")
    assert late.wait_for("xnet/sts/relay1/Relay1", "on").retain
    if other.wildcards:
        assert late.wait_for("xnet/sts/meter1/Volts", "230.0").retain
    mark = c.mark()
    g.kill()
    c.wait_for("xnet/sts/house/status", "offline", since=mark)
    assert member("xnet/sts/house/status").wait_for("xnet/sts/house/status", "offline").retain
    if not other.wildcards:  # what doc/brokers.md says: nothing came, though all of the above did
        assert not [m for m in late.all("xnet/sts/meter1/Volts") if m.retain]


def test_what_is_gone_is_cleared_and_the_broker_may_go_away(other, member, house, gateway):  # noqa: F811
    c = member("xnet/#")
    g = gateway(house)
    c.wait_for("xnet/sts/relay1/Relay1", lambda m: not m.retain)  # of this gateway, not of the test before
    mark = c.mark()
    house.edit(("relay1:", "relay2:"))
    g.reload()
    c.wait_for("xnet/sts/relay1/Relay1", "", since=mark)
    c.wait_for("xnet/sts/relay2/Relay1", since=mark)
    other.stop()
    mark = c.mark()
    other.start()
    c.wait_for("xnet/sts/house/status", "online", since=mark, limit=3 * LIMIT)
    c.wait_for("xnet/sts/relay2/Relay1", since=mark)
