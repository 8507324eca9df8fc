# SPDX-License-Identifier: MIT
"""Fixtures of the system tests: a real mosquitto on a free loopback port, and a client that collects.

Nothing here sleeps to synchronise: wait_for() waits for the message itself, with a limit. Each test
gets its own broker, directory and ports, so tests may run side by side.
"""
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time

import paho.mqtt.client as paho
import pytest

LIMIT = 20.0  # seconds; a slow machine is no failure

TOP = os.path.abspath(os.environ.get("builddir", os.path.join(os.path.dirname(__file__), "../..")))


_ports = []  # the locks; the process's end gives them back


def free_port():
    """A port that no other test gets, of whatever user, as long as this process lives.

    A socket of the abstract namespace is the lock: it leaves nothing behind. The range lies below the one that the
    kernel gives to outgoing connections, so nobody comes in between.
    """
    while True:
        port = random.randrange(20000, 32000)
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0xnet-test-port-{port}")
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
        except OSError:
            lock.close()
            continue
        _ports.append(lock)
        return port


def wait_until(condition, limit=LIMIT, what="the condition"):
    """Wait for something that is no message (a file, a process's end). Polls; returns its value."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {limit} s")
        time.sleep(0.02)


def undisturbed(attempt, tries=10):
    """What a busy machine alone may spoil: one attempt in which nobody was late has to come right. Gives its value.

    attempt() asserts what lateness falsifies; what must never happen is asserted outside of it.
    """
    for left in reversed(range(tries)):
        try:
            return attempt()
        except AssertionError:
            if not left:
                raise


class Broker:
    """mosquitto with a temporary configuration. extra: more lines of mosquitto.conf."""

    def __init__(self, directory, extra=(), listener=()):
        self.directory = str(directory)
        self.port = free_port()
        self.extra = list(extra)
        self.listener = list(listener)
        self.process = None
        self.log = os.path.join(self.directory, "mosquitto.log")

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self):
        conf = os.path.join(self.directory, "mosquitto.conf")
        lines = ["per_listener_settings false", f"listener {self.port} 127.0.0.1", *self.listener]
        if not any(line.startswith("allow_anonymous") for line in self.extra):
            lines.append("allow_anonymous true")
        if os.geteuid() == 0:
            lines.append("user root")  # else it becomes a user that cannot read our directory
        lines += ["log_dest stderr", "log_type all", "connection_messages true", "set_tcp_nodelay true",
                  "max_queued_messages 1000000", *self.extra]
        with open(conf, "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
        program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        if not program:
            pytest.fail("mosquitto is not installed: run ./bootstrap")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([program, "-c", conf], stdout=log, stderr=log,
                                            cwd=self.directory, start_new_session=True)
        wait_until(self._listens, what="the broker")
        return self

    def _listens(self):
        if self.process.poll() is not None:
            raise AssertionError("mosquitto ended: " + open(self.log, encoding="utf-8").read()[-2000:])
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self, kill=False):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            self.process.wait(LIMIT)
        self.process = None

    def freeze(self):
        """Answers nothing, keeps its connections: a hung broker."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def restart(self):
        """Gone and back on the same port; retained messages are lost (unless extra says persistence)."""
        self.stop()
        return self.start()


class Message:
    def __init__(self, m):
        self.topic, self.payload, self.retain, self.qos = m.topic, m.payload, bool(m.retain), m.qos
        self.text = m.payload.decode("utf-8", "replace")
        self.at = time.monotonic()
        self.properties = getattr(m, "properties", None)

    def __repr__(self):
        return f"{self.topic} {self.text!r}{' (retained)' if self.retain else ''}"


class Client:
    """A paho client that keeps every message it gets, in order."""

    def __init__(self, broker, *filters, version=4, connect=True, **options):
        self.broker = broker
        self.filters = list(filters)
        self.messages = []
        self.change = threading.Condition()
        self.connected = False
        self.subscribed = 0
        protocol = paho.MQTTv5 if version == 5 else paho.MQTTv311
        self.paho = paho.Client(protocol=protocol, **options)
        self.paho.on_connect = self._on_connect
        self.paho.on_disconnect = self._on_disconnect
        self.paho.on_message = self._on_message
        self.paho.on_subscribe = self._on_subscribe
        self.paho.reconnect_delay_set(1, 1)
        self.paho.max_inflight_messages_set(0)
        if connect:
            self.connect()

    def connect(self):
        self.paho.connect("127.0.0.1", self.broker.port, keepalive=60)
        self.paho.loop_start()
        with self.change:
            ok = self.change.wait_for(lambda: self.connected and self.subscribed >= len(self.filters), LIMIT)
        assert ok, "the collecting client could not connect"
        return self

    def _on_connect(self, _c, _u, _flags, rc, *_):
        with self.change:
            self.connected = rc == 0
            self.subscribed = 0
            self.change.notify_all()
        for f in self.filters:
            self.paho.subscribe(f, 1)

    def _on_disconnect(self, *_):
        with self.change:
            self.connected = False
            self.change.notify_all()

    def _on_subscribe(self, *_):
        with self.change:
            self.subscribed += 1
            self.change.notify_all()

    def _on_message(self, _c, _u, m):
        with self.change:
            self.messages.append(Message(m))
            self.change.notify_all()

    def subscribe(self, *filters):
        with self.change:
            want = self.subscribed + len(filters)
        self.filters += filters
        for f in filters:
            self.paho.subscribe(f, 1)
        with self.change:
            assert self.change.wait_for(lambda: self.subscribed >= want, LIMIT), f"no SUBACK for {filters}"

    def publish(self, topic, payload="", qos=1, retain=False, wait=True, **options):
        if wait:  # a broker that has just come back may not have this client yet
            with self.change:
                self.change.wait_for(lambda: self.connected, LIMIT)
        info = self.paho.publish(topic, payload, qos, retain, **options)
        if wait:
            info.wait_for_publish(LIMIT)
        return info

    def mark(self):
        """A place in the stream; give it to wait_for as `since` to look only at what came later."""
        with self.change:
            return len(self.messages)

    def find(self, topic, predicate=None, since=0):
        with self.change:
            return next(self._fitting(topic, predicate, [since]), None)

    def _fitting(self, topic, predicate, at):
        """Messages that fit from at[0] on; moves at[0] on, so that each is looked at once."""
        while at[0] < len(self.messages):
            m = self.messages[at[0]]
            at[0] += 1
            if paho.topic_matches_sub(topic, m.topic) and self._fits(m, predicate):
                yield m

    @staticmethod
    def _fits(m, predicate):
        if predicate is None:
            return True
        return predicate(m) if callable(predicate) else m.text == predicate

    def _wait_many(self, topic, predicate, n, limit, since):
        found, at = [], [since]

        def there():
            found.extend(self._fitting(topic, predicate, at))
            return len(found) >= n

        with self.change:
            if not self.change.wait_for(there, limit):
                seen = "\n  ".join(map(repr, self.messages[since:][-40:]))
                raise AssertionError(f"{len(found)} of {n} fitting on {topic} within {limit} s; seen:\n  {seen}")
        return found

    def wait_for(self, topic, predicate=None, limit=LIMIT, since=0):
        """The first message on `topic` (a filter) that fits: predicate is a text or a function of the
        Message. Also one that came before, from `since` on."""
        return self._wait_many(topic, predicate, 1, limit, since)[0]

    def wait_count(self, topic, n, limit=LIMIT, since=0, predicate=None):
        """At least n messages; gives them."""
        return self._wait_many(topic, predicate, n, limit, since)

    def all(self, topic, since=0):
        with self.change:
            return [m for m in self.messages[since:] if paho.topic_matches_sub(topic, m.topic)]

    def last(self, topic, since=0):
        """The last text on each matching topic."""
        return {m.topic: m.text for m in self.all(topic, since)}

    def close(self):
        self.paho.disconnect()
        self.paho.loop_stop()


@pytest.fixture
def make_broker(tmp_path):
    """make_broker(extra=[...], listener=[...]) for brokers with settings of their own."""
    made = []

    def make(extra=(), listener=(), start=True):
        directory = tmp_path / f"broker{len(made)}"
        directory.mkdir()
        b = Broker(directory, extra, listener)
        made.append(b)
        return b.start() if start else b

    yield make
    for b in made:
        if b.process and b.process.poll() is None:
            b.thaw()
        b.stop()


@pytest.fixture
def broker(make_broker):
    """A running broker: .port .url .stop() .start() .restart() .freeze() .thaw()"""
    return make_broker()


@pytest.fixture
def make_client():
    """make_client(broker, 'a/#', version=5) for more clients, or for other brokers."""
    made = []

    def make(broker, *filters, **options):
        c = Client(broker, *filters, **options)
        made.append(c)
        return c

    yield make
    for c in made:
        c.close()


@pytest.fixture
def client(broker, make_client):
    """Collects everything on the broker."""
    return make_client(broker, "#")


@pytest.fixture
def start(tmp_path):
    """start('xnetd', '-c', file): a program of the build tree, its output in a file, ended by its pid."""
    made = []

    def run(program, *args, **options):
        path = program if os.path.isabs(program) else os.path.join(TOP, program)
        out = open(tmp_path / f"{os.path.basename(program)}.{len(made)}.log", "wb")
        p = subprocess.Popen([path, *map(str, args)], stdout=out, stderr=subprocess.STDOUT,
                             start_new_session=True, **options)
        p.log = out.name
        p.text = lambda: open(p.log, encoding="utf-8", errors="replace").read()
        p.wait_line = lambda text, limit=LIMIT: wait_until(lambda: text in p.text(), limit,
                                                           f"{text!r} in the output")
        made.append(p)
        out.close()
        return p

    yield run
    for p in made:
        if p.poll() is None:
            p.send_signal(signal.SIGCONT)
            p.terminate()
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
