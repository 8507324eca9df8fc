# SPDX-License-Identifier: MIT
"""Brokers of other kinds: behind a WebSocket, in a list, or without an answer to MQTT 5."""
import base64
import glob
import hashlib
import os
import shlex
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

from conftest import LIMIT, free_port, wait_until
from gwfix import gateway  # noqa: F401
from rawbroker import RawBroker
from simfix import PROFILES, line  # noqa: F401
from test_gateway_reload import change

HOUSE = """
gateway: house
mqtt: {broker: %s, keepalive: 1s, sys_interval: 1s%s}
buses:
  none: {port: /dev/there-is-no-such-port}
devices:
  meter1: {profile: eastron-sdm120, bus: none, id: 1}
"""

SILENT = """
gateway: house
mqtt: {broker: %s, keepalive: 2s}
buses:
  net: {tcp: "127.0.0.1:%d", timeout: 400ms}
devices:
  relay: {profile: waveshare-relay-8ch, bus: net, id: 1}
"""


@pytest.fixture
def house(tmp_path, gateway):  # noqa: F811
    def run(broker, more=""):
        config = tmp_path / "devices.yaml"
        config.write_text(HOUSE % (broker, more))
        return gateway(arguments=["-c", str(config), "--profiles", PROFILES])
    return run


class WebSocket(threading.Thread):
    """What a web server does in front of a broker: takes WebSockets (RFC 6455), hands on what is in their frames."""

    def __init__(self, port, context=None):
        super().__init__(daemon=True)
        self.to, self.context, self.requests = port, context, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            if self.context:
                client = self.context.wrap_socket(client, server_side=True)
            stream = client.makefile("rb")
            request = [stream.readline().decode().strip()]
            while request[-1]:
                request.append(stream.readline().decode().strip())
            self.requests.append(request)
            key = next(line.split(": ")[1] for line in request if line.lower().startswith("sec-websocket-key"))
            accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
            client.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           b"Sec-WebSocket-Accept: " + accept + b"\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n")
            broker = socket.create_connection(("127.0.0.1", self.to))
            threading.Thread(target=self.back, args=(broker, client), daemon=True).start()
            while True:
                broker.sendall(self.frame(stream))
        except (OSError, struct.error, StopIteration, ssl.SSLError):
            pass
        client.close()

    @staticmethod
    def frame(stream):
        first, size = struct.unpack("BB", stream.read(2))
        n = size & 0x7F
        if n >= 126:
            n = struct.unpack(">H" if n == 126 else ">Q", stream.read(2 if n == 126 else 8))[0]
        mask = stream.read(4)
        data = bytes(b ^ mask[i % 4] for i, b in enumerate(stream.read(n)))
        return data if first & 15 in (0, 1, 2) else b""

    @staticmethod
    def back(broker, client):
        try:
            while data := broker.recv(65536):
                n = len(data)
                size = bytes([n]) if n < 126 else struct.pack(">BH", 126, n) if n < 65536 else struct.pack(">BQ", 127, n)
                client.sendall(b"\x82" + size + data)
        except OSError:
            pass
        client.close()


def test_a_broker_behind_a_websocket(broker, client, house):
    web = WebSocket(broker.port)
    g = house(f"ws://127.0.0.1:{web.port}/some/path")
    client.wait_for("xnet/sts/house/status", "online")
    client.wait_for("xnet/$SYS/house/mqtt/broker", f"ws://127.0.0.1:{web.port}")
    info = client.wait_for("xnet/$SYS/house/device/meter1/info")  # more than one small frame
    assert len(info.text) > 2000 and info.text.endswith("}")
    assert web.requests[0][0] == "GET /some/path HTTP/1.1"
    assert "Sec-WebSocket-Protocol: mqtt" in web.requests[0]
    client.publish("xnet/cmd/house/reload")
    wait_until(lambda: "reload: 1 bus," in g.text(), LIMIT, "a command through it")
    mark = client.mark()
    assert g.stop() == 0
    client.wait_for("xnet/sts/house/status", "offline", since=mark)


@pytest.fixture
def secure(broker, tmp_path):
    """The broker behind a WebSocket in TLS."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "ca.pem"],
                   cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    return WebSocket(broker.port, context)


def test_a_websocket_in_tls(secure, client, tmp_path, house):
    house(f"wss://localhost:{secure.port}", f", tls: {{ca: {tmp_path}/ca.pem}}")
    client.wait_for("xnet/sts/house/status", "online")
    assert secure.requests[0][0] == "GET /mqtt HTTP/1.1"


def test_openssl_is_loaded_when_a_broker_wants_it(broker, secure, client, tmp_path, house):
    def libraries():
        with open(f"/proc/{g.process.pid}/maps") as f:
            return f.read()

    config = tmp_path / "devices.yaml"
    g = house(broker.url)
    client.wait_for("xnet/$SYS/house/mqtt/broker", broker.url)
    assert "libpaho-mqtt3a.so" in libraries() and "libcrypto" not in libraries() and "libssl" not in libraries()
    for url, more in ((f"wss://localhost:{secure.port}", f", tls: {{ca: {tmp_path}/ca.pem}}"), (broker.url, "")):
        mark = client.mark()
        config.write_text(HOUSE % (url, more))
        g.reload()
        client.wait_for("xnet/$SYS/house/mqtt/broker", url, since=mark)
        client.wait_for("xnet/sts/house/status", "online", since=mark)
        before = g.text().count("reload: 1 bus,")
        client.publish("xnet/cmd/house/reload")
        wait_until(lambda: g.text().count("reload: 1 bus,") > before, LIMIT, "a command through it")
        assert "libssl" in libraries()


def test_the_next_of_a_list_is_taken_and_the_first_returned_to(make_broker, make_client, house):
    second, port = make_broker(), free_port()
    at_second = make_client(second, "xnet/#")
    house(f"[mqtt://127.0.0.1:{port}, mqtt://127.0.0.1:{second.port}]")
    at_second.wait_for("xnet/sts/house/status", "online")
    at_second.wait_for("xnet/sts/meter1/status", "offline")
    at_second.wait_for("xnet/$SYS/house/mqtt/broker", second.url)
    first = make_broker(start=False)
    first.port = port
    first.start()
    mark = at_second.mark()
    at_first = make_client(first, "xnet/#")
    at_first.wait_for("xnet/sts/house/status", "online")
    at_first.wait_for("xnet/sts/meter1/status", "offline")
    at_second.wait_for("xnet/sts/house/status", "offline", since=mark)  # it must not look alive where it is no more
    late = make_client(second, "xnet/sts/house/status")
    assert late.wait_for("xnet/sts/house/status", "offline").retain
    mark = at_second.mark()
    first.stop()
    at_second.wait_for("xnet/sts/house/status", "online", since=mark)


def test_a_command_is_answered_where_it_came_from_before_the_return(make_broker, make_client, gateway, tmp_path):  # noqa: F811
    second, first = make_broker(), make_broker(start=False)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts by its backlog, and never responds
        config = tmp_path / "devices.yaml"
        config.write_text(SILENT % (f"[{first.url}, {second.url}]", silent.getsockname()[1]))
        gateway(arguments=["-c", str(config), "--profiles", PROFILES])
        at_second = make_client(second, "xnet/sts/#")
        at_second.wait_for("xnet/sts/house/status", "online")
        at_second.publish("xnet/cmd/relay/Relay1", "on")
        first.start()
        at_first = make_client(first, "xnet/sts/#")
        at_second.wait_for("xnet/sts/relay/Nak", lambda m: "Relay1" in m.text)
        at_first.wait_for("xnet/sts/house/status", "online")
        assert not at_first.all("xnet/sts/relay/Nak")


def test_a_first_that_accepts_and_closes_does_not_keep_it_from_the_second(broker, client, house):
    class Flapping(RawBroker):
        def connect(self, body):
            super().connect(body)
            return False

    first = Flapping()
    house(f"[{first.url}, {broker.url}]")
    client.wait_for("xnet/sts/house/status", "online")
    assert len(first.connects) <= 2  # once may be a restart


def test_a_broker_that_does_not_answer_to_mqtt_5_gets_3_1_1_soon(house):
    class Deaf(RawBroker):
        ignored = 0

        def connect(self, body):
            if body.data[6] != 5:
                return super().connect(body)
            self.ignored += 1
            self.at = time.monotonic()
            return True

    b = Deaf(version=4)
    house(b.url)
    wait_until(lambda: b.of("xnet/sts/house/status"), LIMIT, "a connection")
    assert b.ignored == 2 and b.connects[0].level == 4  # once may be a busy machine
    assert b.connects[0].at - b.at < 8  # 4.5 s on an idle machine; the library gives up after 6 s, and tries 5 again


@pytest.mark.parametrize("version", [5, 4])
def test_a_broker_that_never_acknowledges_stops_nothing(house, version):
    raw = RawBroker(version=version, acks=lambda kind, _: kind != 3)
    g = house(raw.url)
    wait_until(lambda: [m for m in raw.of("xnet/sts/house/status") if m.qos == 0], LIMIT, "its status at QoS 0")
    g.process.wait_line("the broker acknowledges no message of QoS 1")
    mark, connects = len(raw.published), len(raw.connects)
    raw.send("xnet/cmd/meter1/Nosuch", b"1")  # it goes on: one more message of each kind
    wait_until(lambda: [m for m in raw.published[mark:] if m.topic == "xnet/sts/meter1/Nak"], LIMIT, "a Nak")
    wait_until(lambda: [m for m in raw.published[mark:] if m.topic == "xnet/$SYS/house/uptime"], LIMIT, "the health tree")
    assert len(raw.connects) == connects


def test_subscriptions_that_are_not_acknowledged_are_reported(house):
    raw = RawBroker(acks=lambda kind, _: kind != 8)
    g = house(raw.url)
    wait_until(lambda: "the broker does not acknowledge subscriptions" in g.text(), LIMIT, "the report")
    assert len(raw.connects) == 1


HOSTILE = {
    "receive maximum 1": b"\x21\0\1", "maximum packet size 0": b"\x27\0\0\0\0",
    "maximum qos 2": b"\x24\2", "maximum qos 255": b"\x24\xff", "no retained messages": b"\x25\0",
    "keep alive 0": b"\x13\0\0", "keep alive 65535": b"\x13\xff\xff", "no wildcards": b"\x28\0",
    "topic aliases": b"\x22\xff\xff", "session expiry": b"\x11\xff\xff\xff\xff", "another client id": b"\x12\0\1x",
    "twice": b"\x21\0\5\x21\0\0", "long": b"\x26\0\1a\x4e\x20" + b"x" * 20000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_gateway_goes_on_after_any_connack(house, name):
    raw = RawBroker(properties=HOSTILE[name])
    g = house(raw.url)
    wait_until(lambda: raw.of("xnet/sts/house/status"), LIMIT, "its status")
    raw.send("xnet/cmd/meter1/Nosuch", b"1")
    wait_until(lambda: raw.of("xnet/sts/meter1/Nak"), LIMIT, "a Nak")
    assert raw.connects[-1].level == 5 and g.process.poll() is None


def test_a_broker_that_grants_no_message_gets_3_1_1(house):
    class Stingy(RawBroker):
        def connect(self, body):
            self.version = 5 if body.data[6] == 5 else 4
            return super().connect(body)
    raw = Stingy(properties=b"\x21\0\0")
    g = house(raw.url)
    wait_until(lambda: raw.of("xnet/sts/house/status"), LIMIT, "its status")
    assert [c.level for c in raw.connects] == [5, 4] and "Receive Maximum 0" in g.text()


def test_a_broker_that_takes_nothing_is_reported(house):
    raw = RawBroker(maximum_packet=1)
    g = house(raw.url)
    wait_until(lambda: "xnet/sts/house/status: not published: a packet of" in g.text(), LIMIT, "the report")
    assert not raw.published and len(raw.connects) == 1


# -- mosquitto with dynamic security ---------------------------------------------------------------------

PLUGIN = glob.glob("/usr/lib/*/mosquitto_dynamic_security.so")


def page_commands():
    """The lines of doc/brokers.md that begin with "dynsec"."""
    with open(os.path.join(os.path.dirname(__file__), "../../doc/brokers.md"), encoding="utf-8") as f:
        return [shlex.split(text)[1:] for text in f if text.startswith("dynsec ")]


@pytest.mark.skipif(not PLUGIN or not shutil.which("mosquitto_ctrl"), reason="mosquitto comes without dynamic security")
def test_dynamic_security_as_the_page_has_it(make_broker, make_client, house, tmp_path):
    rights = tmp_path / "rights.json"
    subprocess.run(["mosquitto_ctrl", "dynsec", "init", rights, "admin", "secret"], check=True, capture_output=True)
    broker = make_broker(extra=["allow_anonymous false", f"plugin {PLUGIN[0]}", f"plugin_opt_config_file {rights}"])
    control = ["mosquitto_ctrl", "-h", "127.0.0.1", "-p", str(broker.port), "-u", "admin", "-P", "secret", "dynsec"]
    commands = page_commands()
    assert len(commands) > 5
    panel = [["createRole", "panel"], ["addRoleACL", "panel", "publishClientSend", "xnet/cmd/#", "allow"],
             ["addRoleACL", "panel", "subscribePattern", "xnet/#", "allow"],
             ["createClient", "panel", "-p", "secret"], ["addClientRole", "panel", "panel"]]
    for command in [*commands, *panel]:
        done = subprocess.run([*control, *command], capture_output=True, text=True, timeout=LIMIT)
        assert done.returncode == 0 and "rror" not in done.stderr + done.stdout, (command, done.stderr, done.stdout)
    c = make_client(broker, "xnet/#", connect=False)
    c.paho.username_pw_set("panel", "secret")
    c.connect()
    (tmp_path / "password").write_text("GATEWAYS_PASSWORD")
    g = house(broker.url, f", username: house, password_file: {tmp_path}/password")
    c.wait_for("xnet/sts/house/status", "online")
    c.wait_for("xnet/$SYS/house/device/meter1/info")
    c.publish("xnet/cmd/meter1/Nosuch", "1")
    c.wait_for("xnet/sts/meter1/Nak", lambda m: "no such point" in m.text)
    assert "refuses" not in g.text()


# -- units for clients that know nothing of the gateway -------------------------------------------------

UNITS = """
gateway: house
mqtt: {{broker: "{broker}", properties: true}}
buses:
  rs485: {{port: {port}, baud: 115200}}
devices:
  meter1: {{bus: rs485, id: 1, points: {{Volts: {{input: 0, every: 100ms, unit: V, class: voltage}}, Count: {{input: 1, every: 100ms}}}}}}
"""


class Shown:
    """mosquitto_sub with MQTT 5: its lines are topic, value and user properties."""

    def __init__(self, broker, start):
        self.process = start(shutil.which("mosquitto_sub"), "-h", "127.0.0.1", "-p", str(broker.port), "-V", "5", "-F", "%t %p %P",
                             "-t", "xnet/sts/meter1/+", "-q", "1")

    def wait_for(self, text):
        wait_until(lambda: text in self.process.text().split("\n"), LIMIT, text)


def test_a_generic_client_sees_the_units(line, broker, client, gateway, start):  # noqa: F811
    l = line(UNITS, broker)
    l.freeze()
    l.set("meter1", "Volts", "230")
    l.set("meter1", "Count", "7")
    shown = Shown(broker, start)
    g = gateway(l)
    shown.wait_for("xnet/sts/meter1/Volts 230 unit:V class:voltage")
    shown.wait_for("xnet/sts/meter1/Count 7 ")
    change(l, ("unit: V, class: voltage", "unit: mV"))  # the texts of the old model are gone with it
    g.reload()
    shown.wait_for("xnet/sts/meter1/Volts 230 unit:mV")
    l.set("meter1", "Volts", "231")
    shown.wait_for("xnet/sts/meter1/Volts 231 unit:mV")
    change(l, ("properties: true", "properties: false"))
    g.reload()
    shown.wait_for("xnet/sts/meter1/Volts 231 ")


# -- subscribers that come back ------------------------------------------------------------------------

DURABLE = """
gateway: house
mqtt: {{broker: "{broker}"%s}}
buses:
  rs485: {{port: {port}, baud: 115200}}
devices:
  meter1: {{profile: eastron-sdm120, bus: rs485, id: 1, points: {{Volts: {{every: 100ms, history: true}}}}}}
"""


def mosquitto_sub(broker, client, until):
    """The command of doc/topics.md, ended when `until` has come and was acknowledged; gives its lines."""
    with open(os.path.join(os.path.dirname(__file__), "../../doc/topics.md"), encoding="utf-8") as f:
        command = next(text for text in f if text.startswith("mosquitto_sub ")).split("  # ")[0]
    command = command.replace("xnet/sts/#'", "xnet/sts/#' -t 'xnet/hist/#'")
    p = subprocess.Popen(["sh", "-c", f"exec {command.strip()} -h 127.0.0.1 -p {broker.port}"], stdout=subprocess.PIPE, text=True)
    lines = []
    for text in p.stdout:
        if text.startswith("xnet/hist/marker"):
            break
        if until in lines:
            continue
        lines.append(text.strip())
        if lines[-1] == until:  # what comes behind it is shown when it was acknowledged, else it would come once more
            client.publish("xnet/hist/marker", "seen", qos=0)
    # It disconnects within its signal handler, and may wait there for a lock of its own for ever. The session that the
    # test is about stays either way.
    p.terminate()
    try:
        p.wait(2)
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait(LIMIT)
    return lines


@pytest.mark.parametrize("qos", [0, 1])
def test_mosquitto_sub_comes_back_and_gets_what_topics_md_promises(line, broker, client, gateway, qos):  # noqa: F811
    l = line(DURABLE % (", qos: {{value: 1}}" if qos else ""), broker)
    l.set("meter1", "Volts", "230.0")
    gateway(l)
    mosquitto_sub(broker, client, "xnet/sts/meter1/Volts 230.0")
    for n in range(231, 236):
        mark = client.mark()
        l.set("meter1", "Volts", f"{n}.0")
        client.wait_for("xnet/sts/meter1/Volts", f"{n}.0", since=mark)
    l.set("meter1", "Volts", "236.0")
    client.wait_for("xnet/sts/meter1/Volts", "236.0")
    lines = mosquitto_sub(broker, client, "xnet/sts/meter1/Volts 236.0")
    volts = [text.split()[1] for text in lines if text.startswith("xnet/sts/meter1/Volts")]
    assert volts == ([f"{n}.0" for n in range(231, 237)] if qos else ["236.0"])
    read = [float(text.rsplit('"v":')[1].rstrip("}")) for text in lines if text.startswith("xnet/hist/meter1/Volts")]
    assert qos or {231, 232, 233, 234, 235} <= set(read)
