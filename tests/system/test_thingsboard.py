# SPDX-License-Identifier: MIT
"""A ThingsBoard server beside the broker: a second mosquitto, whose messages are held against the documented shapes."""
import json
import time

from conftest import wait_until
from gwfix import gateway  # noqa: F401
from simfix import line  # noqa: F401

DEVICES = """\
gateway: plant
mqtt: {{broker: "{broker}", sys_interval: 1s}}
THINGSBOARD
buses:
  rs485: {{port: {port}, baud: 115200, timeout: 300ms}}
defaults:
  rates: {{fast: 200ms, normal: 500ms}}
devices:
  relay1: {{profile: waveshare-relay-8ch, bus: rs485, id: 3}}
"""


def is_scalar(v):
    return isinstance(v, (bool, int, float, str))


def check(m):
    """One message as the documentation of the MQTT API for gateways has it."""
    assert not m.retain
    p = json.loads(m.text)
    assert isinstance(p, dict) and p, m
    if m.topic in ("v1/gateway/connect", "v1/gateway/disconnect"):
        assert isinstance(p["device"], str) and set(p) <= {"device", "type"}, m
    elif m.topic == "v1/gateway/telemetry":
        for samples in p.values():
            assert samples, m
            for s in samples:
                assert set(s) == {"ts", "values"} and s["values"], m
                assert abs(s["ts"] / 1000 - time.time()) < 600, m
                assert all(is_scalar(v) for v in s["values"].values()), m
    elif m.topic == "v1/gateway/attributes":
        assert all(isinstance(a, dict) and a for a in p.values()), m
    elif m.topic == "v1/gateway/rpc":
        assert set(p) == {"device", "data"} or set(p) == {"device", "id", "data"}, m
    else:
        assert m.topic == "v1/devices/me/attributes", m


def telemetry(client, key, since=0):
    """All values of a key of relay1 so far, as they came."""
    return [s["values"][key] for m in client.all("v1/gateway/telemetry", since=since)
            for s in json.loads(m.text).get("relay1", []) if key in s["values"]]


def rpc(board, n, method, params, device="relay1"):
    """Gives the data of the answer."""
    mark = board.mark()
    board.publish("v1/gateway/rpc", json.dumps(
        {"device": device, "data": {"id": n, "method": method, "params": params}}))
    answer = board.wait_for("v1/gateway/rpc", lambda m: json.loads(m.text).get("id") == n, since=mark)
    return json.loads(answer.text)["data"]


def start_with(tmp_path, line, broker, section):
    (tmp_path / "token").write_text("A1_TEST_TOKEN\n", encoding="utf-8")
    (tmp_path / "token").chmod(0o600)
    return line(DEVICES.replace("THINGSBOARD", section), broker)


def test_values_go_there_and_commands_come_from_there(tmp_path, line, broker, client, make_broker, make_client, gateway):
    server = make_broker()
    board = make_client(server, "#")
    section = f'thingsboard: {{{{broker: "{server.url}", token_file: {tmp_path}/token}}}}'
    l = start_with(tmp_path, line, broker, section)
    g = gateway(l)
    connect = board.wait_for("v1/gateway/connect")
    assert json.loads(connect.text) == {"device": "relay1", "type": "waveshare-relay-8ch"}
    wait_until(lambda: telemetry(board, "Relay1") == [False], what="the telemetry")
    # so soon after it connected the server may deliver what it had kept
    refused = rpc(board, 1, "Relay1", True)
    assert not refused["ok"] and "may have kept" in refused["reason"]
    assert not l.writes()

    # an outage there is none here; what happens meanwhile follows with its time
    server.stop()
    g.process.wait_line("thingsboard: connection lost")
    client.publish("xnet/cmd/relay1/Relay2", "on")
    client.wait_for("xnet/sts/relay1/Relay2", "on")
    late = make_client(server, "#", connect=False)
    server.start()
    late.connect()
    wait_until(lambda: telemetry(late, "Relay2") == [True], what="what was kept")
    assert "broker: connection lost" not in g.text()

    answer = wait_until(lambda: (a := rpc(late, len(late.all("#")) + 10, "Relay3", True))["ok"] and a,
                        what="a command that is not refused as old")
    assert answer == {"ok": True, "param": "Relay3", "value": "on"}
    assert [(w["fc"], w["addr"], w["words"]) for w in l.writes()][1:] == [(5, 2, l.writes()[-1]["words"])]
    client.wait_for("xnet/sts/relay1/Relay3", "on")
    assert not client.all("xnet/sts/relay1/Nak") and not client.all("xnet/sts/plant/Nak")
    assert rpc(late, 5000, "get", "Relay3") == {"ok": True, "param": "Relay3", "value": "on"}
    assert not rpc(late, 5001, "Relay3", "perhaps")["ok"]

    # gone with a reload, in order
    with open(l.config, encoding="utf-8") as f:
        text = f.read()
    with open(l.config, "w", encoding="utf-8") as f:
        f.write(text.replace(section.replace("{{", "{").replace("}}", "}"), ""))
    g.reload()
    g.process.wait_line("thingsboard: no longer configured, disconnecting")
    client.publish("xnet/cmd/relay1/Relay4", "on")
    client.wait_for("xnet/sts/relay1/Relay4", "on")
    assert g.stop() == 0
    for m in board.all("#") + late.all("#"):
        check(m)


def test_a_token_that_is_refused_disturbs_nothing(tmp_path, line, broker, client, make_broker, gateway):
    (tmp_path / "nobody").write_text("", encoding="utf-8")
    server = make_broker(extra=("allow_anonymous false", f"password_file {tmp_path}/nobody"))
    l = start_with(tmp_path, line, broker, f'thingsboard: {{{{broker: "{server.url}", token_file: {tmp_path}/token}}}}')
    g = gateway(l)
    client.wait_for("xnet/sts/relay1/status", "online")
    g.process.wait_line("thingsboard: not connected:")
    client.wait_for("xnet/$SYS/plant/thingsboard/last_error", lambda m: m.text != "none")
    client.publish("xnet/cmd/relay1/Relay1", "on")
    client.wait_for("xnet/sts/relay1/Relay1", "on")
    assert "broker: connection lost" not in g.text() and "A1_TEST_TOKEN" not in g.text()
    assert g.stop() == 0
