# SPDX-License-Identifier: MIT
"""The MQTT client against a real broker: connecting, falling back, the Last Will, nothing lost."""
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import LIMIT, free_port, wait_until


class Probe:
    def __init__(self, start, port, *options):
        self.process = start("tests/system/mqtt_probe", "--port", port, *options, stdin=subprocess.PIPE)
        self.wait_line = self.process.wait_line

    def say(self, *lines):
        self.process.stdin.write(("\n".join(lines) + "\n").encode())
        self.process.stdin.flush()

    def text(self):
        return self.process.text()

    def lines(self, word):
        return [line for line in self.text().splitlines() if line.startswith(word)]

    def wait_lines(self, word, n, limit=LIMIT):
        return wait_until(lambda: len(self.lines(word)) >= n and self.lines(word), limit, f"{n} × {word}")

    def figures(self):
        n = len(self.lines("figures"))
        self.say("figures")
        line = self.wait_lines("figures", n + 1)[-1]
        return dict(pair.split("=", 1) for pair in line.split()[1:] if "=" in pair)

    def end(self, limit=700):
        self.say(f"end {limit}")
        self.process.wait(LIMIT)
        return int(re.search(r"ended in (\d+) ms", self.text()).group(1))


@pytest.fixture
def probe(start):
    return lambda port, *options: Probe(start, port, *options)


@pytest.mark.parametrize("version", ["5", "4"])
def test_connects_and_publishes_retained(broker, client, make_client, probe, version):
    p = probe(broker.port, "--version", version)
    p.wait_line(f"up {version}")
    p.say("set a/status 0 1 online", "set a/Volts 4 0 12.5")
    client.wait_for("a/status", "online")
    client.wait_for("a/Volts", "12.5")
    late = make_client(broker, "a/#")
    assert late.wait_for("a/status", "online").retain
    assert late.wait_for("a/Volts", "12.5").retain
    p.say("clear a/Volts")
    client.wait_for("a/Volts", "")
    figures = p.figures()
    assert figures["connected"] == "1" and figures["protocol"] == version
    assert figures["nodelay"] == "1"  # nothing waits 40 ms for an acknowledgement of TCP
    assert p.end() < 2000


def test_auto_takes_version_5(broker, probe):
    p = probe(broker.port)
    p.wait_line("up 5")


class OldBroker(threading.Thread):
    """Speaks MQTT 3.1.1 in as much as CONNECT goes. How it refuses 5: by `answer`, else by closing."""

    def __init__(self, answer):
        super().__init__(daemon=True)
        self.answer = answer
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.levels = []
        self.start()

    def run(self):
        kept = []
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            packet = s.recv(1024)
            if not packet:
                continue  # somebody only looked whether the port answers
            level = packet[packet.index(b"MQTT") + 4]
            self.levels.append(level)
            if level == 4:
                s.sendall(b"\x20\x02\x00\x00")
                kept.append(s)
            else:
                s.sendall(self.answer)
                s.close()


@pytest.mark.parametrize("answer", [b"", b"\x20\x02\x00\x01", b"\x20\x03\x00\x84\x00"])
def test_falls_back_to_3_1_1(probe, answer):
    old = OldBroker(answer)
    p = probe(old.port)
    p.wait_line("up 4")
    assert old.levels[0] == 5 and 4 in old.levels  # and perhaps both again
    old.socket.close()


class Restarting(threading.Thread):
    """Stands before a broker: closes the first connections that say something, passes on the others."""

    def __init__(self, broker, closes):
        super().__init__(daemon=True)
        self.to, self.closes = broker.port, closes
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        while True:
            a, _ = self.socket.accept()
            packet = a.recv(4096)
            if packet and self.closes:
                self.closes -= 1
                packet = b""
            if not packet:
                a.close()
                continue
            b = socket.create_connection(("127.0.0.1", self.to))
            b.sendall(packet)
            for one, other in ((a, b), (b, a)):
                threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    @staticmethod
    def carry(one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_RDWR)
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


@pytest.mark.parametrize("closes", [1, 2])
def test_a_connect_closed_without_an_answer_is_no_proof(broker, probe, closes):
    p = probe(Restarting(broker, closes).port)
    p.wait_line("up ")
    if closes == 2:  # 3.1.1 was tried, and works: with the next connection 5 is first again
        p.wait_line("up 4")
        broker.restart()
    p.wait_line("up 5", 60)


def test_version_that_works_is_remembered(probe):
    old = OldBroker(b"\x20\x02\x00\x01")
    p = probe(old.port)
    p.wait_line("up 4")
    assert old.levels == [5, 4]
    old.socket.close()
    assert p.end(100) < 1000


@pytest.mark.parametrize("version", ["5", "4"])
def test_last_will_when_killed(broker, client, probe, version):
    p = probe(broker.port, "--will", "xnet/sts/gw/status", "--version", version)
    p.wait_line("up")
    p.say("set xnet/sts/gw/status 1 1 online")
    client.wait_for("xnet/sts/gw/status", "online")
    os.kill(p.process.pid, signal.SIGKILL)
    client.wait_for("xnet/sts/gw/status", "offline")


def test_clean_end_sends_no_will_but_all_that_waits(broker, client, probe):
    p = probe(broker.port, "--will", "gw/status")
    p.wait_line("up")
    p.say("many 500 1 v", "set gw/status 1 1 stopped")
    assert p.end(5000) < 5000
    client.wait_for("gw/status", "stopped")
    client.wait_count("v/+", 500)
    assert [m.text for m in client.all("gw/status")] == ["stopped"]


def test_end_with_a_hung_broker_is_in_time_and_leaves_the_will(broker, client, probe):
    p = probe(broker.port, "--will", "gw/status")
    p.wait_line("up")
    broker.freeze()
    p.say("set gw/status 1 1 stopped")
    took = p.end(500)
    broker.thaw()
    assert took < 2000
    client.wait_for("gw/status", "offline")  # the will: what we said could not be confirmed


@pytest.mark.parametrize("version", ["5", "4"])
@pytest.mark.parametrize("qos", [0, 1])
def test_five_thousand_values_arrive(broker, client, probe, version, qos):
    p = probe(broker.port, "--version", version)
    p.wait_line("up")
    p.say(f"many 5000 {qos} xnet/sts/m")
    client.wait_count("xnet/sts/m/+", 5000, 60)
    got = client.last("xnet/sts/m/+")
    assert got == {f"xnet/sts/m/{i}": str(i) for i in range(5000)}
    wait_until(lambda: p.figures()["queued"] == "0")
    assert int(p.figures()["published"]) >= 5000


@pytest.fixture
def patient(make_broker, make_client, tmp_path):
    """A broker that keeps sessions, and a collector that misses nothing of what comes while it is away."""
    (tmp_path / "store").mkdir()
    broker = make_broker(extra=["persistence true", f"persistence_location {tmp_path}/store/",
                                "queue_qos0_messages true"])
    return broker, make_client(broker, "#", client_id="collector", clean_session=False)


def test_everything_is_published_again_when_the_broker_is_back(patient, probe):
    broker, client = patient
    p = probe(broker.port, "--will", "gw/status")
    p.wait_line("up")
    p.say("set gw/status 1 1 online", "many 2000 1 v")
    client.wait_count("v/+", 2000, 60)
    broker.stop()
    p.wait_line("down")
    p.say("set v/7 4 1 changed", "set d/status 0 1 offline", "post gw/Nak refused")
    at = client.mark()
    broker.start()
    p.wait_lines("up", 2)
    client.wait_count("v/+", 2000, 60, since=at, predicate=lambda m: not m.retain)
    client.wait_for("gw/Nak", "refused", since=at)
    late = client.last("#", since=at)
    assert late["v/7"] == "changed" and late["gw/status"] == "online" and late["d/status"] == "offline"
    assert p.figures()["reconnects"] == "1"


def test_order_after_a_connect(patient, probe):
    broker, client = patient
    p = probe(broker.port)
    p.wait_line("up")
    broker.stop()
    p.wait_line("down")
    p.say("set v/1 4 1 old", "set sys/x 5 1 s", "set v/2 4 1 fresh", "set gw/status 1 1 online",
          "set d/Alerts 3 1 {}", "set d/status 0 1 online", "post gw/Nak n")
    at = client.mark()
    broker.start()
    client.wait_for("sys/x", since=at)
    order = [m.topic for m in client.all("#", at) if not m.retain]
    assert order == ["d/status", "gw/status", "d/Alerts", "v/2", "v/1", "gw/Nak", "sys/x"]


def test_wrong_password_is_reported(make_broker, probe, tmp_path):
    secret = tmp_path / "passwd"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(secret), "gw", "right"], check=True)
    broker = make_broker(extra=["allow_anonymous false", f"password_file {secret}"])
    wrong = probe(broker.port, "--user", "gw", "--password", "wrong", "--version", "4")
    wrong.wait_line("user name")
    wrong5 = probe(broker.port, "--user", "gw", "--password", "wrong", "--version", "5", "--id", "p5")
    wrong5.wait_line("down refused: not authorised: check user name, password")
    right = probe(broker.port, "--user", "gw", "--password", "right", "--id", "right")
    right.wait_line("up 5")
    assert "right" not in wrong.text() and "wrong" not in wrong.text()


def test_reason_of_a_broker_that_is_not_there(probe):
    p = probe(free_port())
    p.wait_line("Connection refused; does the broker run")
    q = probe(1883, "--host", "no-such-host.invalid")
    q.wait_line("down cannot find no-such-host.invalid")
    assert p.end() < 1500


def test_messages_come_with_what_they_carry(broker, client, make_client, probe):
    five = make_client(broker, version=5)
    client.publish("cmd/old", "kept", retain=True)
    p = probe(broker.port)
    p.wait_line("up 5")
    p.say("sub cmd/#")
    p.wait_line("message cmd/old kept retained")
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic, properties.CorrelationData, properties.MessageExpiryInterval = "answer", b"42", 30
    five.publish("cmd/new", "on", properties=properties)
    p.wait_line("message cmd/new on answer 42 30")
    # subscriptions outlive the broker and follow the list
    broker.restart()
    p.wait_lines("up", 2)
    p.say("sub get/#")
    wait_until(lambda: client.connected, 60)

    def arrived():
        client.publish("get/x", "again")
        return "message get/x again" in p.text()

    wait_until(arrived)
    client.publish("cmd/x", "unheard")
    client.publish("get/x", "last")
    p.wait_line("message get/x last")
    assert "unheard" not in p.text()


def test_values_expire_where_that_is_wanted(broker, make_client, probe):
    five = make_client(broker, "#", version=5)
    p = probe(broker.port, "--version", "5", "--expiry", "90")
    p.wait_line("up 5")
    p.say("set v/1 4 0 12", "set d/status 0 1 online", "post gw/Nak n")
    assert five.wait_for("v/1").properties.MessageExpiryInterval in range(80, 91)
    for topic in ("d/status", "gw/Nak"):
        assert not hasattr(five.wait_for(topic).properties, "MessageExpiryInterval")


def test_refusals_of_the_broker_are_reported(make_broker, probe, tmp_path):
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite allowed/#\n")
    acl.chmod(0o600)
    broker = make_broker(extra=[f"acl_file {acl}"])
    p = probe(broker.port, "--version", "5")
    p.wait_line("up 5")
    p.say("set other/x 4 1 1")
    p.wait_line("refused - the broker refuses publications: not authorised; xnetctl acl prints")
    p.say("set allowed/x 4 1 1")
    wait_until(lambda: p.figures()["queued"] == "0")
    assert p.figures()["dropped"] == "1" and p.figures()["reconnects"] == "0"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A private CA; a certificate for localhost and one for another name."""
    d = tmp_path_factory.mktemp("tls")

    def run(*words):
        subprocess.run(["openssl", *words], cwd=d, check=True, capture_output=True)

    for ca in ("ca", "stranger"):
        run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={ca}",
            "-keyout", f"{ca}.key", "-out", f"{ca}.pem")
    run("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=any", "-keyout", "any.key", "-out", "any.csr")
    for name, host, ca, days in (("good", "localhost", "ca", 2), ("other", "broker.example", "ca", 2),
                                 ("expired", "localhost", "ca", -1), ("foreign", "client", "stranger", 2)):
        (d / f"{name}.ext").write_text(f"subjectAltName=DNS:{host}\n")
        run("x509", "-req", "-in", "any.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial",
            "-days", str(days), "-extfile", f"{name}.ext", "-out", f"{name}.pem")
    (d / "junk.pem").write_text("no certificate\n")
    return d


def tls(certificates, name):
    return [f"certfile {certificates}/{name}.pem", f"keyfile {certificates}/any.key"]


@pytest.mark.parametrize("version", ["5", "4"])
def test_tls_with_the_right_ca(make_broker, certificates, probe, version):
    broker = make_broker(listener=tls(certificates, "good"))
    p = probe(broker.port, "--host", "localhost", "--ca", certificates / "ca.pem", "--version", version)
    p.wait_line(f"up {version}")
    assert p.figures()["nodelay"] == "1"


def test_tls_refuses_a_wrong_name(make_broker, certificates, probe):
    broker = make_broker(listener=tls(certificates, "other"))
    p = probe(broker.port, "--host", "localhost", "--ca", certificates / "ca.pem")
    p.wait_line("down TLS: the broker's certificate is for broker.example, not for localhost")
    careless = probe(broker.port, "--host", "localhost", "--ca", certificates / "ca.pem", "--verify", "no",
                     "--id", "careless")
    careless.wait_line("up 5")
    assert not p.lines("up")


def test_tls_refuses_another_ca(make_broker, certificates, probe):
    broker = make_broker(listener=tls(certificates, "good"))
    p = probe(broker.port, "--host", "localhost", "--ca", certificates / "stranger.pem")
    p.wait_line(f"down TLS: the broker's certificate is not signed by {certificates}/stranger.pem")
    assert not p.lines("up")


def test_tls_refuses_what_has_expired(make_broker, certificates, probe):
    broker = make_broker(listener=tls(certificates, "expired"))
    p = probe(broker.port, "--host", "localhost", "--ca", certificates / "ca.pem")
    p.wait_line("down TLS: the broker's certificate has expired (20")


CLIENT = {
    "none": ([], "TLS: the broker requires a client certificate (mqtt.tls.cert and key)"),
    "foreign": (["--cert", "foreign.pem", "--key", "any.key"],
                "foreign.pem: it is not signed by a CA that the broker trusts"),
    "mismatch": (["--cert", "good.pem", "--key", "ca.key"], "ca.key does not belong to the certificate"),
    "junk certificate": (["--cert", "junk.pem", "--key", "any.key"], "junk.pem is not a certificate (PEM)"),
    "junk key": (["--cert", "good.pem", "--key", "junk.pem"], "junk.pem is not a key (PEM, without a passphrase)"),
    "right": (["--cert", "good.pem", "--key", "any.key"], "up 5"),
}


@pytest.mark.parametrize("version", ["tlsv1.2", "tlsv1.3"])
def test_tls_with_a_client_certificate(make_broker, certificates, probe, version):
    broker = make_broker(listener=[*tls(certificates, "good"), f"cafile {certificates}/ca.pem",
                                   "require_certificate true", f"tls_version {version}"])
    for i, (options, said) in enumerate(CLIENT.values()):
        files = [o if o.startswith("--") else certificates / o for o in options]
        p = probe(broker.port, "--host", "localhost", "--ca", certificates / "ca.pem", "--id", f"p{i}", *files)
        p.wait_line(said)
        assert len(p.lines("down")) <= 1


def test_tls_where_there_is_none_and_the_other_way_round(broker, make_broker, certificates, probe):
    p = probe(broker.port, "--host", "localhost", "--ca", certificates / "ca.pem")
    p.wait_line(f"down TLS: localhost:{broker.port} does not speak it")
    speaks = make_broker(listener=tls(certificates, "good"))
    q = probe(speaks.port, "--host", "localhost")
    q.wait_line(f"down localhost:{speaks.port} is a TLS port: mqtts:// is needed there")
    r = probe(speaks.port, "--host", "localhost", "--ca", certificates / "junk.pem")
    r.wait_line("junk.pem holds no certificate (PEM)")


def offered_suites(hello):
    """The cipher suites of a ClientHello (RFC 5246, 7.4.1.2) in its record."""
    assert hello[0] == 22 and hello[5] == 1
    at = 5 + 4 + 2 + 32
    at += 1 + hello[at]
    n = int.from_bytes(hello[at:at + 2], "big")
    return {int.from_bytes(hello[i:i + 2], "big") for i in range(at + 2, at + 2 + n, 2)}


def test_tls_offers_nothing_that_is_older_than_1_2(probe, certificates):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LIMIT)
        probe(server.getsockname()[1], "--host", "localhost", "--ca", certificates / "ca.pem")
        c, _ = server.accept()
        with c:
            c.settimeout(LIMIT)
            suites = offered_suites(c.recv(4096))
    old = {0x000A, 0x002F, 0x0033, 0x0035, 0x0039, 0xC009, 0xC00A, 0xC013, 0xC014}  # CBC with SHA-1: TLS 1.0
    assert suites and not suites & old


def test_tls_file_that_cannot_be_read(probe, tmp_path):
    p = probe(free_port(), "--ca", tmp_path / "none.pem")
    p.wait_line(f"down cannot read the CA file {tmp_path}/none.pem: No such file or directory")


def test_proxy_in_the_environment_is_ignored(broker, start):
    p = start("tests/system/mqtt_probe", "--port", broker.port, stdin=subprocess.PIPE,
              env={**os.environ, "http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1"})
    p.wait_line("up 5")


def test_the_reason_of_a_disconnect_is_reported(probe):
    with socket.create_server(("127.0.0.1", 0)) as server:
        p = probe(server.getsockname()[1], "--version", "5")
        s, _ = server.accept()
        with s:
            s.recv(1024)
            s.sendall(b"\x20\x03\x00\x00\x00")
            p.wait_line("up 5")
            s.sendall(b"\xe0\x02\x8e\x00")
        p.wait_line("down the broker ended the connection: another client connected with the same client id")


@pytest.mark.parametrize("code, flag", [(0x9B, 0x18), (0x9A, 0x20)])
def test_a_will_that_the_broker_does_not_offer_is_lowered(probe, code, flag):
    with socket.create_server(("127.0.0.1", 0)) as server:
        p = probe(server.getsockname()[1], "--will", "d/status")
        flags = []
        while not p.lines("up"):
            s, _ = server.accept()
            packet = s.recv(1024)
            flags.append(packet[packet.index(b"MQTT") + 5])
            s.sendall(bytes([0x20, 3, 0, code if flags[-1] & flag else 0, 0]))
            if not flags[-1] & flag:
                p.wait_line("up 5")
    assert [bool(f & flag) for f in flags] == [True, False]


def test_a_refused_subscription_is_reported_once(probe):
    with socket.create_server(("127.0.0.1", 0)) as server:
        p = probe(server.getsockname()[1], "--version", "4")
        p.say("sub a/b")
        for n in (1, 2):
            s, _ = server.accept()
            with s, s.makefile("rb") as f:
                said = 0
                while said != 0x82:
                    said = f.read(1)[0]
                    body = f.read(f.read(1)[0])
                    if said == 0x10:
                        s.sendall(b"\x20\x02\x00\x00")
                    elif said == 0x82:
                        s.sendall(b"\x90\x03" + body[:2] + b"\x80")
                p.wait_line("refused a/b subscription refused: no reason given")
                p.wait_lines("up", n)
        s, _ = server.accept()  # the answer before it has been read by now
        s.close()
    assert len(p.lines("refused")) == 1


def test_a_stolen_client_id_is_suspected(broker, probe):
    """Brokers that give no reason: two clients with one id throw each other out."""
    first = probe(broker.port, "--version", "4")
    second = probe(broker.port, "--version", "4")
    suspicion = "does another client use the client id probe?"
    wait_until(lambda: suspicion in first.text() + second.text(), 60)
