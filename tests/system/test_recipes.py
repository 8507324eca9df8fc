# SPDX-License-Identifier: MIT
"""What `xnetctl recipe` prints is taken by the programs it is for, where they are installed, and else by a parser of
its language."""
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import urllib.request

import pytest
import yaml

from conftest import LIMIT, TOP, free_port, wait_until
from gwfix import gateway  # noqa: F401
from simfix import PROFILES, line  # noqa: F401

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
XNETCTL = os.path.join(TOP, "xnetctl")
HOUSE = """\
gateway: house
mqtt: {{broker: "{broker}", prefix: site/xnet}}
buses:
  plant: {{tcp: "127.0.0.1:{tcp}"}}
defaults:
  rates: {{fast: 200ms, normal: 300ms}}
devices:
  meter: {{profile: eastron-sdm120, bus: plant, id: 2}}
  relay: {{profile: waveshare-relay-8ch, bus: plant, id: 3}}
"""


def recipe(name, config):
    done = subprocess.run([XNETCTL, "recipe", "-c", config, "-P", PROFILES, name], check=True, capture_output=True,
                          text=True)
    return done.stdout


@pytest.fixture
def house(line, broker):
    return line(HOUSE, broker, tcp=free_port())


def test_an_unknown_recipe_is_named(house):
    done = subprocess.run([XNETCTL, "recipe", "-c", house.config, "nodered"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 64 and "did you mean 'node-red'" in done.stderr


def test_the_flow_is_whole_and_sends_nothing_by_itself(house):
    flow = json.loads(recipe("node-red", house.config))
    ids = [node["id"] for node in flow]
    assert len(ids) == len(set(ids))
    assert all(target in ids for node in flow for wires in node.get("wires", []) for target in wires)
    inject = [node for node in flow if node["type"] == "inject"]
    assert len(inject) == 18 and not any(node["once"] or node["repeat"] for node in inject)
    out = {node["topic"] for node in flow if node["type"] == "mqtt out"}
    assert {f"site/xnet/cmd/relay/Relay{n}" for n in range(1, 9)} < out and len(out) == 9
    assert {node["retain"] for node in flow if node["type"] == "mqtt out"} == {"false"}


@pytest.mark.skipif(not shutil.which("node-red"), reason="no node-red")
def test_node_red_runs_the_flow(house, broker, client, gateway, start, tmp_path):
    flow = json.loads(recipe("node-red", house.config))
    for node in flow:
        if node["id"] == "xnet00000split":  # the test reads what comes out of it on the broker
            node["func"] = node["func"].replace("return msg;", "msg.topic = 'out/' + msg.device + '/' + msg.point; "
                                                               "return msg;")
            node["wires"] = [["testout"]]
    flow.append({"id": "testout", "type": "mqtt out", "z": flow[0]["id"], "name": "", "topic": "", "qos": "0",
                 "retain": "false", "broker": "xnet000000mqtt", "x": 900, "y": 60, "wires": []})
    (tmp_path / "flow.json").write_text(json.dumps(flow), encoding="utf-8")
    gateway(house)
    port = free_port()
    start(shutil.which("node-red"), "-u", tmp_path, "-p", port, tmp_path / "flow.json")
    value = client.wait_for("out/meter/Volts", limit=60)
    assert float(value.text) > 0
    press = urllib.request.Request(f"http://127.0.0.1:{port}/inject/xnetinject0004", method="POST")
    urllib.request.urlopen(press, timeout=LIMIT).close()
    client.wait_for("site/xnet/sts/relay/Relay3", "on")


def test_telegraf_s_input_names_the_numbers(house):
    conf = tomllib.loads(recipe("telegraf", house.config))
    source = conf["inputs"]["mqtt_consumer"][0]
    assert "site/xnet/sts/meter/Volts" in source["topics"]
    assert not any("relay/Relay" in t for t in source["topics"])
    assert source["topic_parsing"][0] == {"topic": "+/+/+/+/+", "tags": "_/_/_/device/point"}
    script = conf["processors"]["starlark"][0]["source"]

    class Metric:
        def __init__(self, text):
            self.fields = {"value": text}

    scope = {}
    exec(script, scope)  # Starlark is a subset of Python here
    assert scope["apply"](Metric("-12.50")).fields["value"] == -12.5
    assert scope["apply"](Metric("7")).fields["value"] == 7.0
    for text in ("None", "Float", "", "1.2.3", "-"):
        assert scope["apply"](Metric(text)) is None


@pytest.mark.skipif(not shutil.which("telegraf"), reason="no telegraf")
def test_telegraf_reads_values(house, gateway, start, tmp_path):
    conf = tmp_path / "telegraf.conf"
    conf.write_text('[agent]\nflush_interval = "1s"\n[[outputs.file]]\nfiles = ["stdout"]\n'
                    + recipe("telegraf", house.config), encoding="utf-8")
    gateway(house)
    telegraf = start(shutil.which("telegraf"), "--config", conf)
    telegraf.wait_line("xnet,device=meter", 60)
    assert re.search(r"^xnet,.*point=Volts.* value=[0-9.]+ ", telegraf.text(), re.M)


def test_prometheus_and_grafana_name_metrics_that_there_are(house, broker, client, gateway):
    job = yaml.safe_load(recipe("prometheus", house.config))["scrape_configs"][0]
    assert job["static_configs"][0]["labels"] == {"site": "house"}
    board = json.loads(recipe("grafana", house.config))
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids)) and 'xnet_point{gateway="house",unit="V"}' in queries
    gateway(house)
    client.wait_for("site/xnet/sts/meter/Volts", lambda m: m.text != "None")
    wanted = [query.replace("}", "") for query in queries]
    command = [XNETCTL, "metrics", "-b", broker.url, "--prefix", "site/xnet"]

    def missing():
        text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        return [query for query in wanted if not any(
            query.split("{")[0] in line and all(label in line for label in query.split("{")[1].split(","))
            for line in lines)]

    wait_until(lambda: len([q for q in missing() if '"V"' in q or "device_up" in q]) == 0, what="the metrics")


def test_openhab_s_things_are_well_formed(house):
    text = recipe("openhab", house.config)
    assert text.count("{") == text.count("}") and text.count("[") == text.count("]")
    assert re.search(r'^  Thing topic relay "relay" \[ availabilityTopic="site/xnet/sts/relay/status", ', text, re.M)
    channel = r'      Type (number|switch|string) : \w+ "[^"\\]*" \[ (\w+=("[^"]*"|\d+|true|false)(, )?)+ \]'
    lines = [line for line in text.splitlines() if line.startswith("      Type")]
    assert len(lines) > 30
    assert [line for line in lines if not re.fullmatch(channel, line)] == []
    assert '      Type switch : Relay3 "Relay 3" [ stateTopic="site/xnet/sts/relay/Relay3", ' \
           'commandTopic="site/xnet/cmd/relay/Relay3", qos=1, on="on", off="off" ]' in lines


def test_what_to_enter_in_an_explorer(house, broker):
    text = recipe("explorer", house.config)
    assert f"port {broker.port}" in text and "site/xnet/$SYS/#" in text


def test_the_panel_shows_values_and_sends_a_command(house, broker, client, gateway, start):
    pytest.importorskip("flask")
    told = recipe("panel", house.config)
    assert f"--broker 127.0.0.1:{broker.port} --prefix site/xnet" in told
    gateway(house)
    client.wait_for("site/xnet/sts/relay/Relay3", "off")
    port = free_port()
    start(sys.executable, os.path.join(SOURCE, "doc/recipes/panel.py"), "--broker", f"127.0.0.1:{broker.port}",
          "--prefix", "site/xnet", "--listen", f"127.0.0.1:{port}")
    page = f"http://127.0.0.1:{port}/"

    def values():
        try:
            with urllib.request.urlopen(page + "values", timeout=LIMIT) as f:
                return json.load(f)
        except OSError:
            return {}

    wait_until(lambda: values().get("relay", {}).get("Relay3") == "off", what="the panel")

    def command(point, value):
        with urllib.request.urlopen(page + "command/relay/" + point, f"value={value}".encode(), LIMIT) as f:
            return f.read().decode()

    assert "relay Relay3: done" in command("Relay3", "on")
    assert client.last("site/xnet/sts/relay/Relay3")["site/xnet/sts/relay/Relay3"] == "on"
    assert "relay Relay3: must be on or off" in command("Relay3", "7")
    with urllib.request.urlopen(page, timeout=LIMIT) as f:
        html = f.read().decode()
    assert "<td>Relay3" in html and 'action="/command/relay/Relay3"' in html
