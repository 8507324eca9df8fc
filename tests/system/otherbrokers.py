# SPDX-License-Identifier: MIT
"""Brokers of other makers, each started on a free port of this machine: aedes from the npm registry, RabbitMQ and
ejabberd from Debian's packages.

    b = OTHERS["aedes"](directory).start()      # .port .url .login (user, password or None) .stop()
"""
import fcntl
import os
import shutil
import signal
import socket
import subprocess

import pytest

from conftest import LIMIT, TOP, free_port, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
AEDES = "aedes@0.51.3"  # runs with the nodejs of Debian 12 and later ones
CACHE = os.path.join(TOP, "tests/system/npm")
SLOW_START = 120  # s; an Erlang system that begins takes seconds of a processor


class Other:
    """.protocol: which version of MQTT the gateway finds out; .wildcards: what is retained comes to a filter with them."""

    protocol, wildcards, login = "3.1.1", True, None

    def __init__(self, directory):
        self.directory, self.port, self.processes = str(directory), free_port(), []
        self.log = os.path.join(self.directory, "broker.log")

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def run(self, *command, **env):
        with open(self.log, "ab") as log:
            p = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.directory,
                                 start_new_session=True, env={**os.environ, "HOME": self.directory, **env})
        self.processes.append(p)
        return p

    def listens(self):
        for p in self.processes:
            assert p.poll() is None, "the broker ended: " + open(self.log, encoding="utf-8", errors="replace").read()[-2000:]
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def start(self):
        self.begin()
        wait_until(self.listens, SLOW_START, "the broker")
        return self

    def stop(self):
        for p in reversed(self.processes):
            if p.poll() is None:
                os.killpg(p.pid, signal.SIGKILL)  # a session of its own, with all that it started
            p.wait(LIMIT)
        self.processes = []


def aedes_installed():
    """The folder with aedes in it, fetched once for this build."""
    if not shutil.which("npm") or not shutil.which("node"):
        pytest.skip("AEDES NOT TESTED: node and npm are not installed (apt install nodejs npm)")
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = os.path.join(CACHE, "node_modules")
        if not os.path.exists(os.path.join(folder, "aedes/package.json")):
            done = subprocess.run(["npm", "install", "--prefix", CACHE, "--no-save", "--no-audit", "--no-fund",
                                   "--ignore-scripts", AEDES], capture_output=True, text=True, timeout=300)
            if done.returncode:
                pytest.skip(f"AEDES NOT TESTED: npm cannot install it: {done.stderr[-300:]}")
    return folder


class Aedes(Other):
    def begin(self):
        self.run("node", os.path.join(HERE, "aedes.cjs"), aedes_installed(), str(self.port))


class Rabbit(Other):
    """The plug-in of RabbitMQ before 3.13; what is newer speaks MQTT 5."""

    wildcards = False
    program = "/usr/lib/rabbitmq/bin/rabbitmq-server"

    def begin(self):
        if not os.path.exists(self.program):
            pytest.skip("RabbitMQ is not installed (apt install rabbitmq-server)")
        epmd = str(free_port())
        conf = self.write("rabbitmq.conf", "listeners.tcp = none\nmqtt.allow_anonymous = true\nmqtt.default_user = guest\n"
                          f"mqtt.default_pass = guest\nmqtt.listeners.tcp.1 = 127.0.0.1:{self.port}\n")
        self.run("epmd", "-port", epmd)
        self.run(self.program, ERL_EPMD_PORT=epmd, RABBITMQ_NODENAME="xnet@localhost", RABBITMQ_DIST_PORT=str(free_port()),
                 RABBITMQ_MNESIA_BASE=self.directory, RABBITMQ_LOG_BASE=self.directory, RABBITMQ_LOGS="-",
                 RABBITMQ_CONF_ENV_FILE="/dev/null", RABBITMQ_CONFIG_FILE=conf,
                 RABBITMQ_ENABLED_PLUGINS_FILE=self.write("plugins", "[rabbitmq_mqtt].\n"))


class Ejabberd(Other):
    protocol, login = "5", ("house@localhost", "secret")
    libraries = "/usr/lib/x86_64-linux-gnu"

    def begin(self):
        if not shutil.which("ejabberdctl", path="/usr/sbin:/usr/bin"):
            pytest.skip("ejabberd is not installed (apt install ejabberd)")
        conf = self.write("ejabberd.yml", "hosts: [localhost]\nauth_method: anonymous\nanonymous_protocol: login_anon\n"
                          "allow_multiple_connections: true\nlisten:\n  -\n    module: mod_mqtt\n    ip: 127.0.0.1\n"
                          f"    port: {self.port}\nmodules:\n  mod_mqtt: {{}}\n")
        self.run("erl", "-noinput", "-mnesia", "dir", f'"{self.directory}/spool"', "-s", "ejabberd",
                 EJABBERD_CONFIG_PATH=conf, EJABBERD_LOG_PATH=self.log, ERL_LIBS=self.libraries)


OTHERS = {"aedes": Aedes, "rabbitmq": Rabbit, "ejabberd": Ejabberd}
