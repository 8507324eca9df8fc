# SPDX-License-Identifier: MIT
"""What xnetctl makes of a configuration for others: lists, the editor's schema, the broker's access list and bridge."""
import glob
import json
import os
import shutil
import subprocess

import pytest

from conftest import wait_until
from simfix import HOUSE, PROFILES
from test_xnetctl import house, xnetctl  # noqa: F401

CONFIGS = os.path.join(PROFILES, "../tests/configs")


def test_points_lists_where_each_is_and_what_may_be_written(house):
    done = xnetctl("points", "-P", PROFILES, "-c", house, "relay1")
    assert (done.returncode, done.stderr) == (0, "")
    assert ["relay1.Relay3", "coil", "0x0002", "rw", "1s"] == [s.split()[:5] for s in done.stdout.splitlines()
                                                            if "Relay3" in s][0]
    done = xnetctl("points", "-P", PROFILES, "-c", house, "--names", "*.Relay?")
    assert done.stdout.split() == [f"relay1.Relay{i}" for i in range(1, 9)]
    done = xnetctl("points", "-P", PROFILES, "-c", house, "--topics", "meter1.Volts")
    assert done.stdout.startswith("xnet/sts/meter1/Volts ")
    done = xnetctl("points", "-P", PROFILES, "-c", house, "meter2", "meter1.Volts")
    assert done.returncode == 1
    assert "no point 'meter2'" in done.stderr and "meter1.Volts" in done.stdout


def test_points_as_json_has_what_a_program_needs(house):
    rows = json.loads(xnetctl("points", "-P", PROFILES, "-c", house, "--json").stdout)
    row = [r for r in rows if (r["device"], r["point"]) == ("meter1", "Volts")][0]
    assert row["topic"] == "xnet/sts/meter1/Volts" and row["id"] == 2 and row["bus"] == "rs485"
    assert (row["table"], row["address"], row["registers"], row["access"]) == ("input", 0, 2, "r")


def documents(text):
    yaml = pytest.importorskip("yaml")
    return json.loads(json.dumps(yaml.load(text, yaml.SafeLoader), default=str))


def test_the_schema_takes_what_the_gateway_takes():
    jsonschema = pytest.importorskip("jsonschema")
    for options, files in ((["--profile"], glob.glob(f"{PROFILES}/*.yaml")),
                           ([], [f"{PROFILES}/../etc/devices.yaml", *glob.glob(f"{CONFIGS}/good/*.yaml")])):
        schema = json.loads(xnetctl("schema", *options).stdout)
        jsonschema.Draft7Validator.check_schema(schema)
        validator = jsonschema.Draft7Validator(schema)
        assert len(files) > 5
        for name in files:
            with open(name, encoding="utf-8") as f:
                errors = [f"{name}: {list(e.path)}: {e.message}" for e in validator.iter_errors(documents(f.read()))]
            assert not errors
    for wrong in ("bus: {a: {port: /dev/ttyUSB0}}", "buses: {a: {prt: /dev/ttyUSB0}}", "mqtt: {retain: perhaps}",
                  "mqtt: {qos: {value: 3}}", "devices: {d: {points: {P: {holding: 1, type: s17}}}}"):
        assert list(validator.iter_errors(documents(wrong))), wrong


@pytest.fixture
def member(make_broker, make_client, house, tmp_path):
    """Connects as a user of a broker with the access list that xnetctl made."""
    program = shutil.which("mosquitto_passwd")
    if not program:
        pytest.skip("mosquitto_passwd is not installed")
    done = xnetctl("acl", "-P", PROFILES, house)
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "acl").write_text(done.stdout)
    for user in ("house", "panel", "display"):
        options = ["-b"] if user != "house" else ["-b", "-c"]
        subprocess.run([program, *options, tmp_path / "passwd", user, user], check=True, capture_output=True)
    for name in ("acl", "passwd"):
        os.chmod(tmp_path / name, 0o600)
    broker = make_broker(extra=["allow_anonymous false", f"password_file {tmp_path}/passwd", f"acl_file {tmp_path}/acl"])

    def make(user):
        c = make_client(broker, "#", connect=False)
        c.paho.username_pw_set(user, user)
        return c.connect()
    return make


def test_the_access_list_lets_everybody_do_his_part(member):
    users = {name: member(name) for name in ("house", "panel", "display")}
    # who publishes, where, and who of the others gets it
    rules = [("house", "xnet/sts/relay1/Relay3", "panel display"), ("house", "xnet/hist/relay1/Relay3", "display"),
             ("house", "xnet/$SYS/house/uptime", "display"), ("house", "answers/panel/1", "panel"),
             ("panel", "xnet/cmd/relay1/Relay3", "house"), ("panel", "xnet/get/relay1", "house"),
             ("house", "xnet/sts/other/Power", ""), ("house", "xnet/cmd/relay1/Relay3", ""),
             ("panel", "xnet/cmd/other/Volts", ""), ("panel", "xnet/sts/relay1/Relay3", ""),
             ("panel", "xnet/cmd/house/reload", ""), ("display", "xnet/cmd/relay1/Relay3", ""),
             ("display", "xnet/sts/relay1/Relay3", "")]
    for i, (who, topic, _) in enumerate(rules):
        users[who].publish(topic, f"rule {i}")
    users["house"].publish("xnet/sts/house/status", "end")
    users["panel"].publish("xnet/cmd/relay1/Relay3", "end")
    users["display"].wait_for("xnet/sts/house/status", "end")
    users["panel"].wait_for("xnet/sts/house/status", "end")
    users["house"].wait_for("xnet/cmd/relay1/Relay3", "end")
    for i, (who, topic, readers) in enumerate(rules):
        got = {name for name, c in users.items() if name != who and [m for m in c.all("#") if m.text == f"rule {i}"]}
        assert got == set(readers.split()), topic


def test_the_bridge_keeps_states_and_never_brings_a_command_late(make_broker, make_client, house):
    far = make_broker(start=False)
    far.extra = ["persistence true", f"persistence_location {far.directory}/"]  # its reader's session outlives it
    far.start()
    done = xnetctl("bridge", "-P", PROFILES, "-c", house, "--site", "farm/barn", "--commands", f"127.0.0.1:{far.port}")
    assert (done.returncode, done.stderr) == (0, "")
    bridge = [s for s in done.stdout.splitlines() if s and not s.startswith("#")]
    assert "restart_timeout 5 60" in bridge
    near = make_broker(extra=[s if not s.startswith("restart_timeout") else "restart_timeout 1" for s in bridge])
    there, here = make_client(far, "farm/#", client_id="reader", clean_session=False), make_client(near, "xnet/cmd/#")

    def through(i=iter(range(1000))):
        there.publish("farm/barn/xnet/cmd/relay1/Relay1", f"try {next(i)}")
        return [m for m in here.all("#") if m.text.startswith("try")]
    here.publish("xnet/hist/meter1/Volts", "1")
    there.wait_for("farm/barn/xnet/hist/meter1/Volts", "1")
    wait_until(through, what="a command through the bridge")
    # the other broker is away: what has QoS 1 waits
    far.stop()
    here.publish("xnet/hist/meter1/Volts", "2")
    far.start()
    there.wait_for("farm/barn/xnet/hist/meter1/Volts", "2")
    # this one is away: a command published meanwhile never comes
    near.stop()
    there.publish("farm/barn/xnet/cmd/relay1/Relay1", "late")
    near.start()
    mark = here.mark()
    wait_until(lambda: through() and here.all("#", since=mark), what="a command after the restart")
    assert not [m for m in here.all("#") if m.text == "late"]


@pytest.mark.parametrize("arguments, text", [
    (["bridge"], "address of the other broker is needed"),
    (["bridge", "--site", "a b", "host"], "--site: one or more topic levels"),
    (["bridge", "a b"], "no blank"),
    (["acl", "a", "b"], "Try 'xnetctl acl --help'"),
])
def test_wrong_usage(arguments, text):
    done = xnetctl(*arguments)
    assert done.returncode == 64
    assert text in done.stderr


def test_the_lists_need_a_good_configuration(tmp_path):
    (tmp_path / "devices.yaml").write_text(HOUSE.replace("port:", "prt:").format(port="x", broker="mqtt://127.0.0.1:1"))
    for verb in (["points", "-c"], ["acl"], ["bridge", "h", "-c"]):
        done = xnetctl(*verb, tmp_path / "devices.yaml", "-P", PROFILES)
        assert done.returncode == 78 and "prt" in done.stderr and done.stdout == ""
