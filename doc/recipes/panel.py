#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A web page with all values of the gateways on a broker, and a form that sends a command and shows its outcome.

sudo apt install python3-flask python3-paho-mqtt
python3 panel.py --broker localhost:1883 --prefix xnet --listen 127.0.0.1:8080

Whoever reaches the page may command: leave it on 127.0.0.1, or put a web server with a password before it.
"""
import argparse
import json
import threading
import uuid

import flask
import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PAGE = """<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>xnet</title>
<style>body{font:16px sans-serif;margin:2em}table{border-collapse:collapse}td{padding:2px 12px}
.offline{color:#888}</style>
{% for device, points in devices.items() %}<h2 class="{{ points.get('status', '') }}">{{ device }}:
{{ points.get('status', '?') }}</h2><table>
{% for point, value in points.items() if point not in ('status', 'Alerts') %}<tr><td>{{ point }}<td>{{ value }}
{{ info.get(device, {}).get(point, {}).get('unit', '') }}
<td>{% if info.get(device, {}).get(point, {}).get('writable') %}<form method="post"
action="{{ url_for('command', device=device, point=point) }}"><input name="value" size="8"><button>set</button></form>
{% endif %}{% endfor %}</table>{% endfor %}<p>{{ outcome }}"""


class Gateways:
    """What the broker says, kept up to date by the client's thread."""

    def __init__(self, host, port, prefix):
        self.prefix = prefix
        self.lock = threading.Condition()
        self.devices, self.info, self.answers = {}, {}, {}
        self.answer_topic = "answers/panel/" + uuid.uuid4().hex
        make = getattr(paho, "CallbackAPIVersion", None)  # paho 2 wants to know
        self.client = paho.Client(*([make.VERSION1] if make else []), protocol=paho.MQTTv5)
        self.client.on_connect = self.connected
        self.client.on_message = self.message
        self.client.connect_async(host, port)
        self.client.loop_start()

    def connected(self, client, *_):
        for topic in (f"{self.prefix}/sts/+/+", f"{self.prefix}/$SYS/+/device/+/info", self.answer_topic):
            client.subscribe(topic, 1)

    def message(self, _client, _data, message):
        text = message.payload.decode("utf-8", "replace")
        level = message.topic.split("/")
        with self.lock:
            if message.topic == self.answer_topic:
                self.answers[message.properties.CorrelationData] = json.loads(text)
                self.lock.notify_all()
            elif level[-1] == "info":
                self.info[level[-2]] = {p["name"]: p for p in json.loads(text)["points"]} if text else {}
            elif text:
                self.devices.setdefault(level[-2], {})[level[-1]] = text
            else:  # the topic is no more
                self.devices.get(level[-2], {}).pop(level[-1], None)

    def command(self, device, point, value, wait=15):
        """Sends it and waits for its one outcome."""
        mine = uuid.uuid4().bytes
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic, properties.CorrelationData = self.answer_topic, mine
        self.client.publish(f"{self.prefix}/cmd/{device}/{point}", value, 1, properties=properties)
        with self.lock:
            self.lock.wait_for(lambda: mine in self.answers, wait)
            return self.answers.pop(mine, {"ok": False, "reason": "no response from the gateway"})

    def snapshot(self):
        with self.lock:
            return json.loads(json.dumps(self.devices)), dict(self.info)


def make_app(gateways):
    app = flask.Flask("panel")

    @app.get("/")
    def page():
        devices, info = gateways.snapshot()
        return flask.render_template_string(PAGE, devices=devices, info=info,
                                            outcome=flask.request.args.get("outcome", ""))

    @app.get("/values")
    def values():
        return flask.jsonify(gateways.snapshot()[0])

    @app.post("/command/<device>/<point>")
    def command(device, point):
        answer = gateways.command(device, point, flask.request.form["value"])
        words = "done" if answer["ok"] else answer["reason"]
        return flask.redirect(flask.url_for("page", outcome=f"{device} {point}: {words}"), 303)

    return app


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--broker", default="localhost:1883")
    options.add_argument("--prefix", default="xnet")
    options.add_argument("--listen", default="127.0.0.1:8080")
    o = options.parse_args()
    host, _, port = o.broker.partition(":")
    address, _, listen = o.listen.rpartition(":")
    make_app(Gateways(host, int(port or 1883), o.prefix)).run(address, int(listen))


if __name__ == "__main__":
    main()
