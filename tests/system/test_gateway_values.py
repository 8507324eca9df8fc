# SPDX-License-Identifier: MIT
"""From a simulated line to the topics: values, statuses, faults of devices, of the port, of the broker."""
import os

import pytest

from conftest import undisturbed, wait_until
from gwfix import gateway  # noqa: F401
from simfix import HOUSE, PROFILES, line  # noqa: F401


def number(m):
    try:
        float(m.text)
        return True
    except ValueError:
        return False


def order(client, *topics):
    """Positions of the last `offline` or `online` on these topics."""
    seen = [m.topic for m in client.messages]
    return [len(seen) - 1 - seen[::-1].index(t) for t in topics]


def test_values_appear_and_devices_are_offline_until_their_first_answer(line, broker, client, gateway):
    gateway(line(HOUSE, broker))
    for point in ("scc1/PvArrayVolts", "scc1/BattCurrent", "meter1/Freq", "meter1/ImportEnergy"):
        client.wait_for(f"xnet/sts/{point}", number)
    client.wait_for("xnet/sts/relay1/Relay8", "off")
    client.wait_for("xnet/sts/house/status", "online")
    for device in ("scc1", "meter1", "relay1"):
        client.wait_for(f"xnet/sts/{device}/status", "online")
        told = [m.text for m in client.all(f"xnet/sts/{device}/status")]
        assert told[0] == "offline" or told == ["online"], told  # it may have answered before the connect
    client.wait_for("xnet/$SYS/house/version")
    client.wait_for("xnet/$SYS/house/bus/rs485/state", "up")


def test_a_set_value_comes_through_exactly(line, broker, client, gateway):
    l = line(HOUSE, broker)
    l.freeze()
    l.set("meter1", "RealPower", 1234.5)
    l.set("scc1", "BattVolts", 13.28)
    gateway(l)
    client.wait_for("xnet/sts/meter1/RealPower", "1234.5")
    client.wait_for("xnet/sts/scc1/BattVolts", "13.28")


def test_no_request_breaks_the_silence(line, broker, client, gateway):
    l = line(HOUSE, broker)
    gateway(l)
    wait_until(lambda: l.stats()["requests"] > 60, what="60 requests")
    assert l.keeps_silence(), l.stats()


def test_an_unplugged_device_goes_offline_alone_and_comes_back(line, broker, client, gateway):
    l = line(HOUSE, broker)
    gateway(l)
    client.wait_for("xnet/sts/meter1/Volts")
    client.wait_for("xnet/sts/scc1/BattVolts")
    mark = client.mark()
    l.unplug("meter1")
    client.wait_for("xnet/sts/meter1/status", "offline", since=mark)
    later = client.mark()
    client.wait_for("xnet/sts/scc1/#", since=later)
    assert not client.find("xnet/sts/scc1/status", "offline", since=mark)
    l.plug("meter1")
    client.wait_for("xnet/sts/meter1/status", "online", since=later)


@pytest.mark.parametrize("fault", ["exception 2", "exception 4", "crc", "short", "silent", "late 900ms"])
def test_a_faulty_meter_gives_no_wrong_value_and_harms_no_other_device(line, broker, client, gateway, fault):
    l = line(HOUSE, broker)
    l.freeze()
    l.set("meter1", "Volts", 231.0)
    gateway(l)
    client.wait_for("xnet/sts/meter1/Volts", "231.0")
    mark = client.mark()
    l.fault("meter1", fault)
    l.set("scc1", "BattVolts", 12.34)
    client.wait_for("xnet/sts/scc1/BattVolts", "12.34", since=mark)
    before = l.stats()["requests"]
    wait_until(lambda: l.stats()["requests"] > before + 20, what="20 more requests")
    told = {m.text for m in client.all("xnet/sts/meter1/Volts", mark)}
    assert told <= {"231.0", "None"}, told
    l.fault("meter1", "none")
    if fault == "exception 2":
        return  # believed: what is refused is asked for again after minutes only
    l.set("meter1", "Volts", 229.5)
    client.wait_for("xnet/sts/meter1/Volts", "229.5", since=mark, limit=60)


def test_a_killed_gateway_is_offline_by_its_last_will(line, broker, client, gateway):
    g = gateway(line(HOUSE, broker))
    client.wait_for("xnet/sts/house/status", "online")
    mark = client.mark()
    g.kill()
    client.wait_for("xnet/sts/house/status", "offline", since=mark)


def test_a_stopped_gateway_publishes_offline_for_all_then_for_itself(line, broker, client, gateway):
    l = line(HOUSE, broker)
    topics = [f"xnet/sts/{d}/status" for d in ("scc1", "meter1", "relay1", "house")]

    def stopped():
        mark = client.mark()
        g = gateway(l)
        for t in topics:
            client.wait_for(t, "online", since=mark)
        mark = client.mark()
        assert g.stop() == 0
        for t in topics:
            client.wait_for(t, "offline", since=mark)
        places = order(client, *topics)
        assert places[3] == max(places)  # unless a late broker has not yet acknowledged a device's `online`

    undisturbed(stopped)


def test_a_broker_that_is_not_there_at_start_is_waited_for(line, make_broker, make_client, gateway):
    b = make_broker(start=False)
    g = gateway(line(HOUSE, b))
    g.process.wait_line("not connected")
    b.start()
    c = make_client(b, "#")
    c.wait_for("xnet/sts/house/status", "online", limit=40)
    c.wait_for("xnet/sts/scc1/BattVolts", number)


def test_a_broker_that_lost_everything_gets_everything_again(line, broker, client, gateway):
    gateway(line(HOUSE, broker))
    client.wait_for("xnet/sts/relay1/Relay8")
    client.wait_for("xnet/sts/scc1/LoadEnergyLife")
    known = set(client.last("xnet/sts/+/+"))
    mark = client.mark()
    broker.restart()
    client.wait_for("xnet/sts/house/status", "online", since=mark, limit=40)
    wait_until(lambda: known <= set(client.last("xnet/sts/+/+", mark)), 40, "every topic")


def test_a_port_that_goes_takes_its_devices_offline_and_is_opened_again(line, broker, client, gateway):
    l = line(HOUSE, broker)
    gateway(l)
    client.wait_for("xnet/sts/scc1/status", "online")
    client.wait_for("xnet/sts/meter1/status", "online")
    mark = client.mark()
    l.stop()
    client.wait_for("xnet/sts/scc1/status", "offline", since=mark)
    client.wait_for("xnet/sts/meter1/status", "offline", since=mark)
    client.wait_for("xnet/sts/house/Alerts", lambda m: "rs485" in m.text, since=mark)
    mark = client.mark()
    l.start()
    client.wait_for("xnet/sts/scc1/status", "online", since=mark, limit=40)
    client.wait_for("xnet/sts/house/Alerts", lambda m: '"source":"rs485"' not in m.text, since=mark)


@pytest.mark.parametrize("port, words", [("nothing-here", "gone|not there|No such|does not exist"),
                                         ("devices.yaml", "not a (tty|serial port|terminal)")])
def test_a_port_that_is_none_is_reported_and_the_gateway_runs_on(tmp_path, broker, client, gateway, port, words):
    import re
    config = tmp_path / "devices.yaml"
    config.write_text(HOUSE.format(broker=broker.url, port=tmp_path / port))
    gateway(arguments=["--config", str(config), "--profiles", PROFILES])
    client.wait_for("xnet/sts/house/status", "online")
    client.wait_for("xnet/sts/house/Alerts", lambda m: re.search(words, m.text))
    client.wait_for("xnet/sts/scc1/status", "offline")


def test_nothing_stale_stands_as_if_it_were_new(line, broker, client, gateway):
    l = line(HOUSE.replace("id: 2}}", "id: 2, points: {{Volts: {{stale: 2s}}}}}}"), broker)
    gateway(l)
    client.wait_for("xnet/sts/meter1/Volts", number)
    l.fault("meter1", "exception 4")
    mark = client.mark()
    client.wait_for("xnet/sts/meter1/Volts", "None", since=mark, limit=120)
    assert not client.find("xnet/sts/meter1/status", "offline", since=mark)  # it answers, with exceptions


def test_a_heartbeat_is_published_only_with_a_new_read(line, broker, client, gateway):
    text = HOUSE.replace("  rates:", "  heartbeat: 1s\n  rates:")
    l = line(text, broker)
    l.freeze()
    gateway(l)
    client.wait_count("xnet/sts/meter1/Volts", 4)
    l.unplug("meter1")
    mark = client.mark()
    client.wait_for("xnet/sts/meter1/status", "offline", since=mark)
    mark = client.mark()
    client.wait_count("xnet/sts/scc1/BattVolts", 3, since=mark)
    assert not client.all("xnet/sts/meter1/Volts", since=mark)


def test_the_port_is_locked_against_a_second_gateway(line, broker, client, gateway, tmp_path):
    l = line(HOUSE, broker)
    gateway(l)
    client.wait_for("xnet/sts/scc1/status", "online")
    second = tmp_path / "second.yaml"
    second.write_text(open(l.config).read().replace("gateway: house", "gateway: other")
                      .replace("scc1:", "scc9:").replace("meter1:", "meter9:").replace("relay1:", "relay9:"))
    gateway(arguments=["--config", str(second), "--profiles", PROFILES])
    client.wait_for("xnet/sts/other/Alerts", lambda m: "rs485" in m.text)
    assert os.path.exists(l.port)
    assert not client.find("xnet/sts/scc9/status", "online")
