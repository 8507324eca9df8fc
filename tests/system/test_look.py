# SPDX-License-Identifier: MIT
"""xnetctl status, top, fleet and metrics: what they show of topics that the test itself publishes."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import termios
import threading
import urllib.request

import pytest

from conftest import LIMIT, TOP, free_port, wait_until
from gwfix import gateway  # noqa: F401
from simfix import PROFILES, line  # noqa: F401

XNETCTL = os.path.join(TOP, "xnetctl")

INFO = {"title": "Energy meter", "bus": "rs485", "id": 2, "points": [
    {"name": "Volts", "type": "number", "unit": "V", "writable": False},
    {"name": "Mode", "type": "enum", "writable": True, "labels": ["off", "Float"]}]}

BARN = {
    "sts/barn/status": "online",
    "sts/barn/Alerts": '{"faults":[],"warnings":[]}',
    "$SYS/barn/version": "0.2.0",
    "$SYS/barn/uptime": "273600",
    "$SYS/barn/time": "2026-11-21T10:00:10.000Z",
    "$SYS/barn/mqtt/queued": "0",
    "$SYS/barn/mqtt/protocol": "5",
    "$SYS/barn/commands/received": "12",
    "$SYS/barn/commands/verified": "11",
    "$SYS/barn/commands/failed": "1",
    "$SYS/barn/commands/last": "meter1/Mode Float verified",
    "$SYS/barn/bus/rs485/state": "up",
    "$SYS/barn/bus/rs485/line": "9600 8N1",
    "$SYS/barn/bus/rs485/load/1min": "63.2",
    "$SYS/barn/bus/rs485/errors/1min": "0.0",
    "$SYS/barn/bus/rs485/requests": "4711",
    "$SYS/barn/device/meter1/state": "online",
    "$SYS/barn/device/meter1/last_seen": "2026-11-21T10:00:09.000Z",
    "$SYS/barn/device/meter1/quality": "1.00",
    "$SYS/barn/device/meter1/info": json.dumps(INFO),
    "sts/meter1/status": "online",
    "sts/meter1/Volts": "230.5",
    "sts/meter1/Mode": "Float",
}


def publish(client, topics, prefix="xnet"):
    with client.change:  # a broker that has just come back may not have this client yet
        client.change.wait_for(lambda: client.connected, LIMIT)
    sent = [client.publish(f"{prefix}/{topic}", text, retain=True, wait=False) for topic, text in topics.items()]
    for info in sent:
        info.wait_for_publish(LIMIT)


@pytest.fixture
def house(client):
    publish(client, BARN)
    return client


def xnetctl(broker, *arguments, environment=None):
    return subprocess.run([XNETCTL, *arguments, "--broker", broker.url], capture_output=True, timeout=LIMIT,
                          env={**os.environ, "COLUMNS": "", "LC_ALL": "C.UTF-8", **(environment or {})})


def test_status_shows_a_gateway_on_one_screen(broker, house):
    done = xnetctl(broker, "status")
    text = done.stdout.decode()
    assert done.returncode == 0, text + done.stderr.decode()
    assert re.search(r"^barn  online  up 3 d 4 h  xnetd 0\.2\.0  MQTT 5, 0 queued$", text, re.M)
    assert re.search(r"^rs485 +9600 8N1 +63 % +0 % +up$", text, re.M)
    assert re.search(r"^meter1 +online +\d+(\.\d)? s +1\.00$", text, re.M)
    assert "commands  12 received, 11 verified, 1 failed; last: meter1/Mode Float verified" in text
    assert "\033" not in text


@pytest.mark.parametrize("topic, text, shown", [
    ("sts/barn/status", "offline", "OFFLINE"),
    ("sts/meter1/status", "offline", "OFFLINE"),
    ("$SYS/barn/bus/rs485/state", "silent since 14:02: none of 3 devices responds", "none of 3 devices responds"),
    ("sts/meter1/Alerts", '{"faults":[{"code":4,"desc":"Burner lock-out"}],"warnings":[]}', "Burner lock-out"),
    ("sts/barn/status", "offline", "Next, on barn: journalctl -u xnet-gateway"),
    ("sts/meter1/status", "offline", "Next, on barn: sudo xnetctl doctor rs485"),
    ("$SYS/barn/bus/rs485/state", "down: /dev/ttyUSB0 does not exist", "Next, on barn: sudo xnetctl doctor rs485"),
])
def test_whatever_is_wrong_is_seen_and_is_the_exit_status(broker, house, topic, text, shown):
    house.publish(f"xnet/{topic}", text, retain=True)
    status, fleet = xnetctl(broker, "status"), xnetctl(broker, "fleet")
    assert shown in status.stdout.decode()
    assert (status.returncode, fleet.returncode) == (1, 1)


def test_json_reports_the_same(broker, house):
    it = json.loads(xnetctl(broker, "status", "--json").stdout)
    assert [g["name"] for g in it["gateways"]] == ["barn"]
    assert it["gateways"][0]["buses"][0]["facts"]["load/1min"] == 63.2
    meter = it["devices"][0]
    assert (meter["name"], meter["gateway"], meter["current"], meter["id"]) == ("meter1", "barn", True, 2)
    assert meter["points"][0] == {"name": "Volts", "text": "230.5", "unit": "V", "type": "number"}
    it = json.loads(xnetctl(broker, "fleet", "--json").stdout)
    assert it["gateways"][0]["wrong"] is False and it["conflicts"] == []


def test_fleet_finds_two_gateways_with_one_device(broker, house):
    publish(house, {"sts/shed/status": "online", "$SYS/shed/version": "0.1.0",
                    "$SYS/shed/device/meter1/state": "online"})
    done = xnetctl(broker, "fleet")
    text = done.stdout.decode()
    assert done.returncode == 1
    assert re.search(r"^barn +online +0\.2\.0 +3 d 4 h +1/1", text, re.M), text
    assert "device meter1 is published by both barn and shed" in text
    assert json.loads(xnetctl(broker, "fleet", "--json").stdout)["conflicts"] == [
        {"device": "meter1", "gateways": ["barn", "shed"]}]
    publish(house, {"sts/shed/status": "offline"})
    text = xnetctl(broker, "fleet").stdout.decode()
    assert "published by both" not in text and re.search(r"^shed +OFFLINE", text, re.M)


def test_gateways_that_publish_no_health_are_counted_too(broker, client):
    publish(client, {"sts/shed/status": "online", "sts/shed/Alerts": '{"faults":[],"warnings":[]}',
                     "sts/pump/status": "online", "sts/pump/Level": "7"})
    done = xnetctl(broker, "fleet")
    assert done.returncode == 0 and re.search(rb"^\(sys_interval: off\) +online +2/2", done.stdout, re.M), done
    publish(client, {"sts/pump/status": "offline"})
    done = xnetctl(broker, "fleet")
    assert done.returncode == 1 and re.search(rb"OFFLINE +1/2", done.stdout), done
    it = json.loads(xnetctl(broker, "fleet", "--json").stdout)
    assert [(d["name"], d["current"]) for d in it["others"]] == [("shed", True), ("pump", False)]


def test_it_fits_40_columns_and_a_terminal_without_utf8(broker, house):
    publish(house, {"$SYS/barn/device/meter1/state": "offline: Gerät antwortet nicht; prüfe Netzteil und Kabel",
                    "sts/meter1/status": "offline"})
    for locale, mark in ("C", "~"), ("C.UTF-8", "…"):
        for verb in "status", "top", "fleet":
            text = xnetctl(broker, verb, environment={"COLUMNS": "40", "LC_ALL": locale}).stdout
            if locale == "C":
                assert text.isascii()
            lines = text.decode().split("\n")
            assert max(map(len, lines)) <= 40, lines
            if verb != "fleet":
                assert mark in text.decode()
                assert any(re.match("meter1 +OFFLINE", s) for s in lines), lines


def test_hostile_texts_do_not_reach_the_terminal(broker, house):
    publish(house, {"sts/meter1/Alerts": '{"faults":[{"code":1,"desc":"\\u001b[2Jgone \\u202e"}]}',
                    "$SYS/barn/bus/rs485/state": "\x1b]0;title\x07up",
                    "$SYS/a\u202eb/version": "1", "sts/a\u202eb/status": "offline"})
    for verb in "status", "top", "fleet", "metrics":
        out = xnetctl(broker, verb).stdout
        assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xe2\x80\xae", out), (verb, out)


def test_no_gateway_and_no_broker_are_reported_with_what_to_do(broker):
    done = xnetctl(broker, "status", "--prefix", "site7/xnet")
    assert done.returncode == 1 and b"No gateway has published below site7/xnet/" in done.stdout
    broker.stop()
    for verb in "status", "top", "fleet", "metrics":
        done = xnetctl(broker, verb)
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"Connection refused" in done.stderr


def test_another_prefix_and_a_user_with_a_password(make_broker, make_client, tmp_path):
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "display", "secret"], check=True)
    broker = make_broker(extra=["allow_anonymous false", f"password_file {passwords}"])
    secret = tmp_path / "secret"
    secret.write_text("secret\n")
    c = make_client(broker, connect=False)
    c.paho.username_pw_set("display", "secret")
    publish(c.connect(), BARN, "site7/xnet")
    done = xnetctl(broker, "status")
    assert done.returncode == 1 and b"not authori" in done.stderr.lower(), done
    done = xnetctl(broker, "status", "--user", "display", "--password-file", str(secret), "--prefix", "site7/xnet")
    assert done.returncode == 0, done


@pytest.mark.parametrize("arguments, text", [
    (["--broker", "http://x"], "is not mqtt://host"),
    (["--broker", "mqtt://me:pw@host"], "not in the address"),
    (["--broker", "mqtt://h", "--prefix", "a/#"], "--prefix"),
    (["--broker", "mqtt://h", "--password-file", "x"], "needs --user"),
    (["--user", "x"], "need --broker"),
    (["--broker", "mqtt://h", "--cafile", "x"], "is not mqtts://"),
    (["--strange"], "Try 'xnetctl fleet --help'"),
    (["a"], "Try 'xnetctl fleet --help'"),
])
def test_wrong_options_end_with_64(arguments, text):
    done = subprocess.run([XNETCTL, "fleet", *arguments], capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 64 and text in done.stderr
    assert "pw" not in done.stderr


def test_the_daemons_configuration_gives_the_broker(broker, house, tmp_path):
    config = tmp_path / "devices.yaml"
    config.write_text(f"mqtt: {{broker: '{broker.url}'}}\nbuses: {{a: {{tcp: 127.0.0.1:1}}}}\ndevices: {{}}\n")
    done = subprocess.run([XNETCTL, "fleet", "-c", config], capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0 and "barn" in done.stdout, done
    done = subprocess.run([XNETCTL, "fleet", "-c", tmp_path / "none"], capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 78 and "does not exist; --broker mqtt://HOST" in done.stderr


def test_a_configuration_that_this_user_may_not_read_does_exist(tmp_path):
    closed = tmp_path / "xnet"
    closed.mkdir()
    (closed / "devices.yaml").write_text("devices: {}\n")
    closed.chmod(0)
    nobody = {"user": 65534} if os.geteuid() == 0 else {}
    try:
        for verb in "status", "top", "fleet", "metrics":
            done = subprocess.run([XNETCTL, verb, "-c", closed / "devices.yaml"], capture_output=True, text=True,
                                  timeout=LIMIT, **nobody)
            assert done.returncode == 78 and "may not be read by this user: use sudo" in done.stderr, done.stderr
    finally:
        closed.chmod(0o700)


# -- top on a terminal ------------------------------------------------------------------------------------------------

class Screen:
    def __init__(self, directory, columns, rows, command):
        self.tmux = ["tmux", "-S", os.path.join(directory, "tmux"), "-f", "/dev/null"]
        subprocess.run([*self.tmux, "new-session", "-d", "-x", str(columns), "-y", str(rows), command], check=True,
                       env={**os.environ, "LC_ALL": "C.UTF-8"})

    def text(self):
        return subprocess.run([*self.tmux, "capture-pane", "-p"], capture_output=True, text=True).stdout

    def keys(self, *keys):
        subprocess.run([*self.tmux, "send-keys", *keys], check=True)

    def end(self):
        subprocess.run([*self.tmux, "kill-server"], capture_output=True)


@pytest.mark.skipif(not shutil.which("tmux"), reason="no tmux")
@pytest.mark.parametrize("columns, rows", [(80, 24), (40, 12)])
def test_top_redraws_and_leaves_the_terminal_as_it_was(broker, house, tmp_path, columns, rows):
    publish(house, {f"$SYS/barn/device/d{i}/state": "online" for i in range(30)})
    s = Screen(tmp_path, columns, rows, f"sh -c 'echo before; {XNETCTL} top -b {broker.url}; stty -a | "
               f"tr -s \" ;\" \"\\n\" | grep -xe icanon -e echo; cat'")
    try:
        wait_until(lambda: "barn  online" in s.text() and "before" not in s.text(), what="top")
        house.publish("xnet/$SYS/barn/bus/rs485/state", "silent since 14:02", retain=True)
        wait_until(lambda: "silent since 14:02"[:8] in s.text(), what="the change")
        assert s.text().startswith("barn  online"), "the first line has not scrolled away"
        house.publish("xnet/$SYS/barn/bus/rs485/requests", "4721", retain=True)
        broker.stop()
        wait_until(lambda: "THE BROKER IS UNREACHABLE" in s.text(), what="that the broker is unreachable")
        s.keys("q")
        wait_until(lambda: s.text().split() == ["before", "icanon", "echo"], what="the terminal as it was")
    finally:
        s.end()


@pytest.mark.skipif(not shutil.which("tmux"), reason="no tmux")
def test_top_gives_the_terminal_back_at_ctrl_z_and_takes_it_again(broker, house, tmp_path):
    s = Screen(tmp_path, 80, 24, "env PS1=shell: bash --norc --noprofile -i")
    modes = "stty -a | grep -owe '-*icanon' -e '-*echo'"
    try:
        wait_until(lambda: "shell:" in s.text(), what="the shell")
        s.keys(f"clear; {XNETCTL} top -b {broker.url}", "Enter")
        wait_until(lambda: s.text().startswith("barn  online"), what="top")
        s.keys("C-z")
        wait_until(lambda: "Stopped" in s.text() and "barn  online" not in s.text(), what="the shell's screen")
        s.keys(modes, "Enter")
        wait_until(lambda: re.search(r"^(icanon\necho|echo\nicanon)$", s.text(), re.M), what="the shell's terminal")
        s.keys("clear; fg", "Enter")
        wait_until(lambda: s.text().startswith("barn  online"), what="top again")
        s.keys("q")  # it is read without Enter
        wait_until(lambda: "barn  online" not in s.text(), what="the end")
        s.keys(f"clear; {modes}", "Enter")
        wait_until(lambda: re.search(r"^(icanon\necho|echo\nicanon)$", s.text(), re.M), what="the terminal as it was")
    finally:
        s.end()


def on_a_terminal(command, **environment):
    """What a program writes to a terminal of 80 columns."""
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    p = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env={**os.environ, **environment})
    os.close(slave)
    out, late = b"", threading.Timer(LIMIT, p.kill)
    late.start()
    try:
        while data := os.read(master, 4096):
            out += data
    except OSError:
        pass  # nobody has the other end any more
    late.cancel()
    os.close(master)
    return p.wait(LIMIT), out


def test_a_dumb_terminal_gets_lines_and_no_sequences(broker, house):
    status, out = on_a_terminal([XNETCTL, "top", "-b", broker.url], TERM="dumb")
    assert status == 0 and out.startswith(b"barn  online") and b"\033" not in out


def test_a_terminal_without_utf8_gets_plain_letters():
    command = [XNETCTL, "profiles", "-P", PROFILES, "epever-tracer"]
    status, out = on_a_terminal(command, LC_ALL="C")
    assert status == 0 and b"degC" in out and out.isascii()
    assert "°C".encode() in on_a_terminal(command, LC_ALL="C.UTF-8")[1]
    assert "°C".encode() in subprocess.run(command, env={**os.environ, "LC_ALL": "C"}, capture_output=True).stdout


# -- metrics ----------------------------------------------------------------------------------------------------------

def check_openmetrics(text):
    """The rules of OpenMetrics 1.0 that we could break; gives {sample: value}."""
    assert text.endswith("# EOF\n")
    families, samples, current, seen = {}, {}, None, set()
    for line in text.split("\n")[:-2]:
        if line.startswith("# "):
            kind, name, rest = line[2:].split(" ", 2)
            if kind == "HELP":
                assert name not in families, f"{name} is not in one piece"
                current = families[name] = {}
            assert kind not in current and name == list(families)[-1]
            current[kind] = rest
            continue
        m = re.fullmatch(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? (-?[0-9.e+-]+)', line)
        assert m, line
        family = list(families)[-1]
        assert m[1] == family + ("_total" if families[family]["TYPE"] == "counter" else ""), line
        assert line.rsplit(" ", 1)[0] not in seen, line
        seen.add(line.rsplit(" ", 1)[0])
        samples[line.rsplit(" ", 1)[0]] = float(m[3])
    return samples


def test_metrics_are_openmetrics(broker, house):
    publish(house, {'sts/meter1/a"b\\c': "7", "sts/meter1/None": "None", "sts/meter1/Big": "1e999",
                    "sts/meter1/On": "on"})
    text = xnetctl(broker, "metrics").stdout.decode()
    samples = check_openmetrics(text)
    meter = 'gateway="barn",device="meter1"'
    assert samples[f'xnet_point{{{meter},point="Volts",unit="V"}}'] == 230.5
    assert samples[f'xnet_point{{{meter},point="On",unit=""}}'] == 1
    assert samples[f'xnet_point{{{meter},point="a\\"b\\\\c",unit=""}}'] == 7
    assert samples[f'xnet_point_state{{{meter},point="Mode",state="Float"}}'] == 1
    assert samples['xnet_line_requests_total{gateway="barn",line="rs485"}'] == 4711
    assert samples['xnet_line_load_ratio{gateway="barn",line="rs485"}'] == pytest.approx(0.632)
    assert not any('point="None"' in s for s in samples)
    try:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
    except ImportError:
        parse = None
    if parse:
        assert len(list(parse(text))) > 20
    house.publish("xnet/sts/meter1/status", "offline", retain=True)
    samples = check_openmetrics(xnetctl(broker, "metrics").stdout.decode())
    assert samples[f"xnet_device_up{{{meter}}}"] == 0
    assert not any(s.startswith("xnet_point") for s in samples), "an old value is no value"


def get(port, accept="*/*", path="/metrics"):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=LIMIT) as r:
        return r.headers["Content-Type"], r.read().decode()


def test_metrics_are_served_to_prometheus_whatever_clients_do(broker, house, start):
    port = free_port()
    p = start("xnetctl", "metrics", "--broker", broker.url, "--listen", str(port))
    p.wait_line("ready")
    wait_until(lambda: "xnet_device_up" in get(port)[1], what="the topics")
    kind, text = get(port, "application/openmetrics-text; version=1.0.0,text/plain;q=0.5")
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    check_openmetrics(text)
    kind, text = get(port)
    assert kind.startswith("text/plain; version=0.0.4") and "# TYPE xnet_line_requests_total counter" in text
    promtool = shutil.which("promtool")
    if promtool:
        done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    for junk in b"POST /metrics HTTP/1.1\r\n\r\n", b"\0\0\0\0", b"GET /" + b"x" * 20000, b"GET /x HTTP/1.0\r\n\r\n":
        with socket.create_connection(("127.0.0.1", port), LIMIT) as s:
            s.sendall(junk)
            try:
                assert b" 200 " not in s.recv(100)
            except ConnectionResetError:
                pass
    idle = [socket.create_connection(("127.0.0.1", port), LIMIT) for _ in range(8)]
    wait_until(lambda: tries(port), what="room after idle clients were dropped")
    for s in idle:
        s.close()
    broker.stop()
    wait_until(lambda: "\nxnet_broker_up 0\n" in get(port)[1], what="that the broker is away")
    assert "xnet_point{" not in get(port)[1]
    p.terminate()
    assert p.wait(LIMIT) == 0


def tries(port):
    try:
        return get(port)
    except OSError:
        return None


# -- forget: what a gateway has left ---------------------------------------------------------------------

RENAMED = """
gateway: {gateway}
mqtt: {{broker: "{broker}", prefix: {prefix}, sys_interval: 1s}}
homeassistant: true
buses:
  rs485: {{port: {port}, baud: 115200}}
devices:
  meter1: {{profile: eastron-sdm120, bus: rs485, id: 1}}
{more}"""
RELAY = "  relay1: {profile: waveshare-relay-8ch, bus: rs485, id: 3}\n"  # as it stands in the file
TWICE = RELAY.replace("{", "{{").replace("}", "}}")


def standing(client, make_client, broker):
    """What is retained now."""
    c = make_client(broker, "#")
    c.publish("end", "here")
    c.wait_for("end", "here")
    found = {m.topic: m.text for m in c.all("#") if m.retain and m.text}
    c.close()
    return found


@pytest.mark.parametrize("old, new", [(("barn", "xnet"), ("stable", "xnet")), (("barn", "old/xnet"), ("barn", "xnet"))])
def test_forget_clears_what_a_gateway_left_that_was_renamed_while_it_was_off(broker, client, make_client, line, gateway, old, new):
    l = line(RENAMED.replace("{more}", TWICE).replace("{gateway}", old[0]).replace("{prefix}", old[1]), broker)
    g = gateway(l)
    client.wait_for(f"{old[1]}/sts/meter1/status", "online")
    client.wait_for(f"{old[1]}/sts/relay1/Relay8")
    client.wait_for(f"homeassistant/device/xnet_{old[0]}/xnet_{old[0]}_relay1/config")
    wait_until(lambda: client.all(f"{old[1]}/$SYS/{old[0]}/device/relay1/info"))
    forget = [*(["--prefix", old[1]] if old[1] != "xnet" else []), old[0]]
    running = xnetctl(broker, "forget", "--yes", *forget)
    assert running.returncode == 1 and b"is online: stop it first" in running.stderr
    assert g.stop() == 0
    with open(l.config, encoding="utf-8") as f:
        text = f.read().replace(RELAY, "").replace(f"gateway: {old[0]}", f"gateway: {new[0]}")
    with open(l.config, "w", encoding="utf-8") as f:
        f.write(text.replace(f"prefix: {old[1]}", f"prefix: {new[1]}"))
    # another gateway, which has a device of the old name, and took over the relays
    publish(client, {"sts/neighbour/status": "online", "$SYS/neighbour/version": "1",
                     "$SYS/neighbour/device/relay1/info": '{"points":[{"name":"Relay1"}]}',
                     "sts/relay1/Relay1": "on", "sts/relay1/foreign": "kept"}, old[1])
    mark = client.mark()
    g = gateway(l)
    client.wait_for(f"{new[1]}/sts/meter1/status", "online")
    for device in "", "_meter1":  # where only the prefix is new, they are on the same topics
        client.wait_for(f"homeassistant/device/xnet_{new[0]}/xnet_{new[0]}{device}/config",
                        lambda m: f'"{new[1]}/sts/{new[0]}/status"' in m.text, since=mark)
    wait_until(lambda: client.all(f"{new[1]}/$SYS/{new[0]}/device/meter1/info"))
    before = standing(client, make_client, broker)
    assert f"{old[1]}/$SYS/{old[0]}/version" in before and f"{old[1]}/sts/{old[0]}/status" in before
    listed = xnetctl(broker, "forget", *forget)
    assert listed.returncode == 0 and b"--yes clears them" in listed.stdout
    assert standing(client, make_client, broker).keys() >= before.keys()
    done = xnetctl(broker, "forget", "--yes", *forget)
    assert done.returncode == 0, done.stdout + done.stderr
    after = standing(client, make_client, broker)
    gone = before.keys() - after.keys()
    assert gone == set(done.stdout.decode().split("\n")[:-2]) == set(listed.stdout.decode().split("\n")[:-2])
    left = [t for t in after if t.startswith((f"{old[1]}/sts/{old[0]}/", f"{old[1]}/$SYS/{old[0]}/"))]
    assert not left and f"{old[1]}/sts/relay1/foreign" in after and f"{old[1]}/$SYS/neighbour/version" in after
    assert after[f"{old[1]}/sts/relay1/Relay1"] == "on" and after[f"{old[1]}/sts/neighbour/status"] == "online"
    assert after[f"{new[1]}/sts/meter1/status"] == "online" and f"{new[1]}/sts/meter1/Volts" in after
    assert (f"{old[1]}/sts/meter1/Volts" in after) is (old[1] == new[1])
    assert not [t for t in after if t.startswith("homeassistant/") and f'"{old[1]}/sts/{old[0]}/status"' in after[t]]
    again = xnetctl(broker, "forget", "--yes", *forget)
    assert again.returncode == 1 and b"nothing of a gateway" in again.stderr



def test_forget_reports_what_the_broker_does_not_let_it_clear(make_broker, make_client, tmp_path):
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite #\n")
    broker = make_broker(extra=[f"acl_file {acl}"])
    client = make_client(broker, "#")
    publish(client, {"$SYS/barn/version": "1", "sts/barn/status": "offline"})
    client.close()
    acl.write_text("topic read #\ntopic write xnet/sts/#\n")
    broker.process.send_signal(signal.SIGHUP)
    done = xnetctl(broker, "forget", "--yes", "barn")
    assert done.returncode == 1 and b"1 are still there: may this user publish them?" in done.stderr
