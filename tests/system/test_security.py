# SPDX-License-Identifier: MIT
"""The settings for the broker that doc/security.md recommends, as they stand in etc/: everybody can do what he should
and nothing else."""
import os
import shutil
import subprocess

import pytest

from conftest import LIMIT, wait_until
from gwfix import gateway  # noqa: F401
from simfix import HOUSE, PROFILES, line  # noqa: F401

ETC = os.path.join(PROFILES, "../etc")
USERS = ("house", "panel", "display")


@pytest.fixture
def guarded(make_broker, tmp_path):
    """A broker with etc/mosquitto.conf.example and etc/xnet.acl.example."""
    program = shutil.which("mosquitto_passwd")
    if not program:
        pytest.skip("mosquitto_passwd is not installed")
    shutil.copy(os.path.join(ETC, "xnet.acl.example"), tmp_path / "xnet.acl")
    for user in USERS:
        options = ["-b"] if user != USERS[0] else ["-b", "-c"]
        subprocess.run([program, *options, tmp_path / "xnet.passwd", user, f"secret of {user}"], check=True,
                       capture_output=True)
    os.chmod(tmp_path / "xnet.passwd", 0o600)
    with open(os.path.join(ETC, "mosquitto.conf.example"), encoding="utf-8") as f:
        conf = [text.replace("/etc/mosquitto", str(tmp_path)) for text in f.read().splitlines()
                if text and not text.startswith(("#", "listener "))]
    assert "allow_anonymous false" in conf
    return make_broker(extra=conf)


@pytest.fixture
def member(guarded, make_client):
    def make(user, *filters, **options):
        c = make_client(guarded, *filters, connect=False, **options)
        c.paho.username_pw_set(user, f"secret of {user}")
        return c.connect()
    return make


def properties(topic):
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
    p = Properties(PacketTypes.PUBLISH)
    p.ResponseTopic = topic
    return p


def test_everybody_can_do_what_he_should_and_nothing_else(guarded, member, line, gateway, tmp_path):
    (tmp_path / "password").write_text("secret of house\n")
    os.chmod(tmp_path / "password", 0o600)
    text = HOUSE.replace('{{broker: "{broker}"}}',
                         '{{broker: "{broker}", username: house, password_file: %s, sys_interval: 1s}}'
                         % (tmp_path / "password"))
    assert "password_file" in text
    l = line(text.replace("baud: 9600", "baud: 115200"), guarded)
    display, panel = member("display", "#"), member("panel", "answers/panel/#", version=5)
    g = gateway(l)
    display.wait_for("xnet/sts/house/status", "online")
    display.wait_for("xnet/sts/relay1/status", "online")
    display.wait_for("xnet/$SYS/house/device/relay1/info")  # it writes its own tree
    # the panel switches its device, and has its answer
    panel.publish("xnet/cmd/relay1/Relay3", "on", properties=properties("answers/panel/1"))
    panel.wait_for("answers/panel/1", lambda m: '"ok":true' in m.text)
    display.wait_for("xnet/sts/relay1/Relay3", "on")
    assert len(l.writes("relay1")) == 1
    # and nothing else
    mark = display.mark()
    for topic in ("xnet/sts/relay1/Relay3", "xnet/sts/relay1/status", "xnet/sts/house/status", "xnet/cmd/house/reload",
                  "xnet/cmd/house/log", "xnet/cmd/scc1/X", "xnet/sub/relay1", "xnet/unsub/*",
                  "xnet/$SYS/house/device/relay1/info", "answers/panel/1", "other"):
        panel.publish(topic, "forged", retain=True)
        display.publish(topic, "forged", retain=True)
    display.publish("xnet/cmd/relay1/Relay4", "on")
    panel.publish("xnet/cmd/relay1/Relay3", "off", properties=properties("elsewhere/1"))  # the gateway may not, either
    display.wait_for("xnet/sts/relay1/Relay3", "off", since=mark)
    panel.publish("xnet/cmd/relay1/Relay3", "on", properties=properties("answers/panel/2"))
    panel.wait_for("answers/panel/2", lambda m: '"ok":true' in m.text)
    assert len(l.writes("relay1")) == 3
    assert not [m for m in display.all("#", since=mark) if "forged" in m.text]
    assert "denied" in open(guarded.log, encoding="utf-8").read().lower()
    assert g.text().count("broker: connected") == 1
    # what is too large does not come through
    with open(guarded.log, encoding="utf-8") as f:
        seen = len(f.read())
    panel.publish("xnet/cmd/relay1/Relay3", "x" * 300000, wait=False)
    wait_until(lambda: "panel" in open(guarded.log, encoding="utf-8").read()[seen:] or
               "too large" in open(guarded.log, encoding="utf-8").read()[seen:].lower() or
               "oversize" in open(guarded.log, encoding="utf-8").read()[seen:].lower(), what="the broker's word")
    assert "payload longer" not in g.text()


def test_no_client_comes_in_without_a_password(guarded):
    done = subprocess.run(["mosquitto_pub", "-p", str(guarded.port), "-t", "xnet/cmd/relay1/Relay3", "-m", "on"],
                          capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode != 0 and "not authori" in (done.stdout + done.stderr).lower()
