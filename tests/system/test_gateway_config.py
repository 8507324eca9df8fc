# SPDX-License-Identifier: MIT
"""xnetd --check, and reloading while it runs."""
import os
import subprocess

import pytest

from conftest import LIMIT, TOP
from gwfix import gateway  # noqa: F401
from simfix import HOUSE, PROFILES, line  # noqa: F401


def check(path):
    return subprocess.run([os.path.join(TOP, "xnetd"), "--check", "-c", str(path), "--profiles", PROFILES],
                          capture_output=True, text=True, timeout=LIMIT)


def write(tmp_path, text):
    path = tmp_path / "devices.yaml"
    path.write_text(text)
    return path


def test_the_five_line_map_is_good(tmp_path):
    path = write(tmp_path, "mqtt: {broker: mqtt://localhost}\nbuses:\n  rs485: {port: /dev/ttyUSB0}\n"
                           "devices:\n  scc1: {profile: epever-tracer, bus: rs485, id: 1}\n")
    done = check(path)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_shipped_map_is_good_and_has_no_device(tmp_path):
    done = check(os.path.join(PROFILES, "../etc/devices.yaml"))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("change, where, words", [
    (("baud: 9600", "bauds: 9600"), "4:", 'did you mean'),
    (("baud: 9600", "baud: fast"), "4:", "baud"),
    (("baud: 9600", "baud: 14400"), "4:", "14400"),
    (("eastron-sdm120", "eastron-sdm12"), "9:", "eastron-sdm120"),
    (("id: 3", "id: 2"), "10:", "meter1"),
    (("scc1: ", "s/c1: "), "8:", "s/c1"),
    (("gateway: house", "gateway: meter1"), "", "meter1"),
    (("gateway: house", "gateway: &a [*a]"), "1:", ""),
])
def test_an_error_is_reported_with_its_place_and_78(tmp_path, change, where, words):
    text = HOUSE.format(broker="mqtt://localhost", port="/dev/ttyUSB0")
    path = write(tmp_path, text.replace(*change))
    done = check(path)
    assert done.returncode == 78, done.stderr
    assert f"{path}:{where}" in done.stderr and words in done.stderr


def test_all_errors_are_reported_at_once(tmp_path):
    text = HOUSE.format(broker="mqtt://localhost", port="/dev/ttyUSB0")
    text = text.replace("baud: 9600", "bauds: 9600").replace("eastron-sdm120", "nothing").replace("id: 3", "id: 300")
    done = check(write(tmp_path, text))
    assert done.returncode == 78
    lines = [int(text.split(":")[1]) for text in done.stderr.strip().split("\n")]
    assert lines == sorted(lines) and set(lines) == {4, 9, 10}


def test_a_bad_option_is_64():
    done = subprocess.run([os.path.join(TOP, "xnetd"), "--nonsense"], capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 64


def test_a_reload_takes_what_is_new_and_clears_what_is_gone(line, broker, client, gateway):
    l = line(HOUSE, broker)
    g = gateway(l)
    client.wait_for("xnet/sts/relay1/Relay1", "off")
    client.wait_for("xnet/sts/meter1/Volts")
    mark = client.mark()
    l.edit(("meter1:", "meter2:"))
    g.reload()
    client.wait_for("xnet/sts/meter2/status", "online", since=mark)
    client.wait_for("xnet/sts/meter2/Volts", since=mark)
    client.wait_for("xnet/sts/meter1/Volts", "", since=mark)
    client.wait_for("xnet/sts/meter1/status", "", since=mark)
    assert not client.find("xnet/sts/scc1/status", "offline", since=mark)
    client.publish("xnet/cmd/relay1/Relay1", "on")
    client.wait_for("xnet/sts/relay1/Relay1", "on", since=mark)


def test_a_reload_with_an_error_changes_nothing_and_is_reported(line, broker, client, gateway):
    l = line(HOUSE, broker)
    g = gateway(l)
    client.wait_for("xnet/sts/meter1/Volts")
    mark = client.mark()
    text = open(l.config).read()
    with open(l.config, "w") as f:
        f.write(text.replace("baud: 9600", "bauds: 9600"))
    client.publish("xnet/cmd/house/reload")
    client.wait_for("xnet/$SYS/house/config/rejected", lambda m: "devices.yaml:4:" in m.text, since=mark)
    client.wait_for("xnet/sts/house/Alerts", lambda m: "devices.yaml" in m.text, since=mark)
    mark = client.mark()
    client.wait_for("xnet/sts/scc1/#", since=mark)
    with open(l.config, "w") as f:
        f.write(text)
    g.reload()
    client.wait_for("xnet/$SYS/house/config/rejected", "no", since=mark)


def test_a_start_with_a_mistake_uses_the_last_good_configuration(line, broker, client, gateway, tmp_path):
    l = line(HOUSE, broker)
    text = open(l.config).read()
    broken = text.replace("baud: 9600", "bauds: 9600")
    env = {**os.environ, "STATE_DIRECTORY": str(tmp_path)}

    def start(config, *more):
        with open(l.config, "w") as f:
            f.write(config)
        return gateway(arguments=[*l.arguments, *more], env=env)

    assert start(broken).process.wait(LIMIT) == 78  # never a good one
    g = start(text)
    client.wait_for("xnet/sts/meter1/status", "online")
    assert g.stop() == 0
    g = start(broken, "--strict")
    assert g.process.wait(LIMIT) == 78
    mark = client.mark()
    g = start(broken)
    client.wait_for("xnet/sts/meter1/status", "online", since=mark)
    client.wait_for("xnet/sts/house/Alerts", lambda m: '"code":11' in m.text, since=mark)
    client.wait_for("xnet/$SYS/house/config/source", lambda m: m.text.startswith("last good configuration of 2"), since=mark)
    client.wait_for("xnet/$SYS/house/config/rejected", lambda m: "devices.yaml:4:" in m.text, since=mark)
    with open(l.config, "w") as f:
        f.write(text)
    g.reload()
    client.wait_for("xnet/$SYS/house/config/source", "file", since=mark)
    assert g.stop() == 0
