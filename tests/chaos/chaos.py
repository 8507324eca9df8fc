#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Chaos: the real xnetd and mosquitto between seven lines of devices and eight clients, with faults drawn from SEED.

    chaos.py [--seconds N] [--seed N] [--xnetd FILE] [--keep DIR] [--calm]
    chaos.py --judge DIR/log.json

Nothing is shared with the product but the wire and the topics. Prints the faults, what was counted, and each violation
with seed, time and an excerpt; the whole logs are kept then. Exit status: 1 for violations.
"""
import argparse
import asyncio
import json
import os
import random
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from commands import Commander
from device import POINTS, PULSE, Device
from faults import Faults
from judge import Judge
from line import Line
from mqtt import Client
from tcp import Server
from uplink import Uplink

LINES = {"line1": (1, 2, 3), "line2": (4, 5)}
TCP = {**{f"tcp{i}": (10 + i,) for i in range(1, 5)}, "tcp5": (15, 16, 17)}  # the last is a converter to a line
SHOWN = 12  # violations with an excerpt


LOCKS = []


def free_port():
    """Below the range that the kernel gives to outgoing connections: it must be free again after a restart."""
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
        LOCKS.append(lock)
        return port


def profile():
    lines = ["title: Chaos", "points:"]
    for name, (area, a, n, period, kind) in POINTS.items():
        keys = f"{area}: {a}, every: {period}s"
        if area != "coil":
            keys += ", type: u32" if n == 2 else ", type: u16"
        if kind == "count":
            keys += ", counter: true"
        elif kind == "alert":
            keys += ", alert: fault, code: 4, desc: Trouble"
        elif kind == "set":
            limit = "60000" if n == 1 else "4000000000"
            last = 4 if name in ("Set0", "Big0") else 10
            keys += f", write: {{min: 0, max: {limit}, command_timeout: {last}s}}"
        elif kind == "pulse":
            keys += f", write: {{pulse: {PULSE:.0f}s}}"
        if name == "Bad":
            keys += ", barrier: true, stale: 8s"
        lines.append(f"  {name}: {{{keys}}}")
    return "\n".join(lines) + "\n"


class World:
    def __init__(self, options):
        self.options, self.started = options, time.monotonic()
        self.random = random.Random(options.seed)
        self.dir = options.keep or tempfile.mkdtemp(prefix="xnet-chaos.")
        os.makedirs(self.dir, exist_ok=True)
        self.log = {"seed": options.seed, "devices": {}, "truth": [], "traffic": [], "commands": [], "answers": [],
                    "faults": [], "samples": [], "ends": [], "ready": 20.0, "end": 0.0, "kept": {}, "lines": {}}
        self.devices, self.buses = {}, {}
        self.port, self.broker, self.daemon, self.expected_end = free_port(), None, None, False
        self.uplink, self.absent = Uplink(free_port(), self.port), None
        for name in ("run", "state"):
            os.makedirs(self.path(name), exist_ok=True)
        self.ahead, self.full, self.preload = 0, 0, None
        self.set_world()
        self.build_preload()

    def now(self):
        return time.monotonic() - self.started

    def path(self, name):
        return os.path.join(self.dir, name)

    # What the daemon sees of the machine

    def build_preload(self):
        """Without a compiler, no clock jumps and no full disk."""
        try:
            subprocess.run([*os.environ.get("CC", "cc").split(), "-O1", "-shared", "-fPIC", "-o",
                            self.path("preload.so"), os.path.join(os.path.dirname(__file__), "preload.c")], check=True)
            self.preload = self.path("preload.so")
        except (OSError, subprocess.CalledProcessError) as e:
            print(f"NO CLOCK JUMPS AND NO FULL DISK: {e}", flush=True)

    def set_world(self, ahead=0, full=None):
        self.ahead += ahead
        self.full = self.full if full is None else full
        with open(self.path("world"), "r+b" if os.path.exists(self.path("world")) else "wb") as f:
            f.write(struct.pack("=qq", self.ahead, self.full))

    def can(self, fault):
        if fault in ("clock jump", "full disk"):
            return self.preload is not None
        return fault != "little memory" or not self.options.no_memory

    def limit_memory(self, room):
        """Bytes of address space above what the daemon has; None: no limit."""
        try:
            with open(f"/proc/{self.daemon.pid}/statm", encoding="ascii") as f:
                most = int(f.read().split()[0]) * resource.getpagesize()
            most = resource.RLIM_INFINITY if room is None else most + room
            resource.prlimit(self.daemon.pid, resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
        except (OSError, IndexError, ValueError):
            pass  # it has just ended

    def daemon_environment(self):
        e = {**os.environ, "RUNTIME_DIRECTORY": self.path("run"), "STATE_DIRECTORY": self.path("state")}
        with open(self.path("lsan"), "w", encoding="ascii") as f:
            f.write("leak:libpaho-mqtt3a\n")  # of messages on their way at the end; growth is judged by memory
        e["LSAN_OPTIONS"] = f"suppressions={self.path('lsan')}:print_suppressions=0"
        if self.preload:
            e.update(LD_PRELOAD=self.preload, CHAOS_WORLD=self.path("world"),
                     ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")
        return e

    def permit(self, gateway="readwrite #"):
        with open(self.path("acl"), "w", encoding="ascii") as f:
            f.write(f"topic readwrite #\nuser gw\ntopic {gateway}\n")
        os.chmod(self.path("acl"), 0o644)

    def fork(self, name):
        """A random of its own, so that one part's timing does not change another part's draws."""
        return random.Random(f"{self.options.seed} {name}")

    async def make_buses(self):
        for bus, units in {**LINES, **TCP}.items():
            made = [Device(f"{bus}u{u}", u, bus, self.log["truth"], self.now) for u in units]
            for d in made:
                self.devices[d.name] = d
                self.log["devices"][d.name] = {"unit": d.unit, "bus": bus}
            if bus in LINES:
                self.buses[bus] = Line(bus, self.path(bus), made, self.fork(bus), self.now)
            else:
                self.buses[bus] = Server(bus, free_port(), made, self.fork(bus), self.now)
                await self.buses[bus].start()

    def configure(self, extra=""):
        with open(self.path("chaos.yaml"), "w", encoding="ascii") as f:
            f.write(profile())
        text = ["gateway: gw", f"mqtt: {{broker: 'mqtt://127.0.0.1:{self.uplink.port}', username: gw, "
                "keepalive: 5s, sys_interval: 5s}",
                "buses:"]
        for name, b in self.buses.items():
            where = f"port: {b.link}, baud: 38400" if isinstance(b, Line) else f"tcp: '127.0.0.1:{b.port}'"
            text.append(f"  {name}: {{{where}, timeout: 400ms}}")
        text.append("devices:")
        for d in self.devices.values():
            if d.name == self.absent:
                continue
            text.append(f"  {d.name}: {{profile: chaos, bus: {d.bus}, id: {d.unit}}}")
        with open(self.path("devices.yaml"), "w", encoding="ascii") as f:
            f.write("\n".join(text) + "\n" + extra)

    async def start_broker(self):
        self.permit()
        with open(self.path("mosquitto.conf"), "w", encoding="ascii") as f:
            f.write(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
                    f"acl_file {self.path('acl')}\n"
                    f"persistence_location {self.dir}/\nmax_queued_messages 100000\n")
        if os.getuid() == 0:
            shutil.chown(self.dir, "mosquitto")
            os.chmod(self.dir, 0o755)
        log = open(self.path("mosquitto.log"), "a", encoding="utf8")
        self.broker = await asyncio.create_subprocess_exec(
            shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", self.path("mosquitto.conf"), stdout=log,
            stderr=log)

    async def start_daemon(self):
        log = open(self.path("xnetd.log"), "a", encoding="utf8")
        log.write(f"--- start at {self.now():.3f}\n")
        log.flush()
        self.daemon = await asyncio.create_subprocess_exec(
            self.options.xnetd, "-l", "info", "-c", self.path("devices.yaml"), "--profiles", self.dir,
            stdout=log, stderr=log, env=self.daemon_environment())
        asyncio.ensure_future(self.watch(self.daemon))

    async def watch(self, process):
        """A daemon that ends by itself is a violation, unless it had no memory and said so."""
        await process.wait()
        if self.expected_end == "memory" and process.returncode == -signal.SIGABRT:
            return
        if self.expected_end in (False, "memory"):
            f = {"k": "fault", "t": self.now(), "end": None, "target": "daemon", "what": "it ended by itself"}
            self.log["faults"].append(f)
            self.log["ends"].append({"t": self.now(), "code": process.returncode, "want": "to run", "took": 0})
            await asyncio.sleep(1)
            if self.daemon is process and not self.expected_end:  # as systemd would
                await self.start_daemon()
            f["end"] = self.now()

    def signal_daemon(self, sig):
        if self.daemon.returncode is None:
            self.daemon.send_signal(sig)

    async def end_daemon(self, sig):
        self.expected_end = True
        begun = self.now()
        self.daemon.send_signal(sig)
        await self.daemon.wait()
        self.log["ends"].append({"t": self.now(), "code": self.daemon.returncode, "took": self.now() - begun,
                                 "want": 0 if sig == signal.SIGTERM else -sig})

    def heard(self, topic, payload, retained, _):
        if "/$SYS/" not in topic:
            self.log["traffic"].append({"k": "pub", "t": self.now(), "topic": topic, "ret": retained,
                                        "payload": payload.decode(errors="replace")})

    def late(self, since, what):
        self.log["faults"].append({"k": "fault", "t": since, "end": self.now(), "target": "all", "what": what})

    async def lag(self):
        """Where this program itself was late, nobody else is blamed for time."""
        while True:
            before = self.now()
            await asyncio.sleep(0.05)
            late = self.now() - before - 0.05
            if late > 0.15:
                self.late(before, f"this program was {late:.2f} s late")

    @staticmethod
    def waited(pid):
        """Thread: seconds that it could have run and had no CPU, as the kernel counts them."""
        found = {}
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                    found[task] = int(f.read().split()[1]) / 1e9
        except (OSError, IndexError):
            pass
        return found

    async def crowd(self):
        """Nor is the daemon or the broker where the machine was busy with others."""
        before, at = {}, self.now()
        while True:
            await asyncio.sleep(0.2)
            after = {}
            for process in (self.daemon, self.broker):
                if process and process.returncode is None:
                    after.update(self.waited(process.pid))
            late = max((t - before[task] for task, t in after.items() if task in before), default=0)
            if late > 0.12:
                self.late(at - late, f"no CPU for {late:.2f} s")
            before, at = after, self.now()

    async def sample(self):
        while True:
            await asyncio.sleep(5)
            try:
                with open(f"/proc/{self.daemon.pid}/status", encoding="ascii") as f:
                    status = dict(x.split(":", 1) for x in f)
                if self.options.no_memory:
                    status["VmRSS"] = "0 kB"
                self.log["samples"].append({
                    "t": self.now(), "pid": self.daemon.pid, "rss": int(status["VmRSS"].split()[0]),
                    "threads": int(status["Threads"]), "fds": len(os.listdir(f"/proc/{self.daemon.pid}/fd"))})
            except (OSError, KeyError):
                pass

    async def troubles(self):
        r = self.fork("trouble")
        while True:
            await asyncio.sleep(r.uniform(1, 4))
            d = r.choice(list(self.devices.values()))
            d.set_trouble(1 - d.cells[("holding", 110)])
            r.choice(list(self.devices.values())).glitch = r.random() < 0.5

    async def leave_retained(self):
        """Commands that were there before it, and come again with each subscription: none may be carried out."""
        old = Client(self.port, "old", 4, [], self.heard)
        asyncio.ensure_future(old.run())
        while not old.ready:
            await asyncio.sleep(0.05)
        for i, device in enumerate(list(self.devices)[::2]):
            c = {"k": "cmd", "id": f"old.{i}", "t": self.now(), "acked": False, "items": [[device, "Set1", 59000 + i]],
                 "class": "invalid", "answer": False, "expiry": None}
            self.log["commands"].append(c)
            await old.publish(f"xnet/cmd/{device}/Set1", str(59000 + i), True)

    async def look_at_the_end(self):
        """What the broker has for a client that comes only now."""
        late = Client(self.port, "late", 4, ["xnet/sts/#"],
                      lambda topic, payload, *_: self.log["kept"].setdefault(topic, payload.decode(errors="replace")))
        self.log["kept_at"] = self.now()
        asyncio.ensure_future(late.run())
        await asyncio.sleep(2)
        self.log["lines"] = {b.name: {"requests": b.requests, "early": b.early} for b in self.buses.values()
                             if isinstance(b, Line)}

    async def run(self):
        await self.make_buses()
        self.configure()
        await self.start_broker()
        await self.uplink.start()
        await asyncio.sleep(0.5)
        observer = Client(self.port, "observer", 4, ["xnet/#"], self.heard)
        asyncio.ensure_future(observer.run())
        await asyncio.sleep(0.5)
        await self.leave_retained()
        await self.start_daemon()
        counter = [0]
        for part in [self.lag(), self.crowd(), self.sample(), self.troubles()]:
            asyncio.ensure_future(part)
        await asyncio.sleep(3)
        for i in range(8):
            c = Commander(i, self.port, self.fork(f"commander {i}"), self.log, self.now, self.devices, counter)
            asyncio.ensure_future(c.run())
        self.log["ready"] = 12.0
        if not self.options.calm:
            await Faults(self).run(self.options.seconds)
        while self.now() < self.options.seconds:
            await asyncio.sleep(0.2)
        await self.look_at_the_end()
        self.log["end"] = self.now()
        self.log["faults"].append({"k": "fault", "t": self.now(), "end": None, "target": "daemon", "what": "the end"})
        if self.daemon.returncode is None:
            await self.end_daemon(signal.SIGTERM)
        self.broker.terminate()
        await self.broker.wait()


def excerpt(log, violation, before=3.0, after=1.0, most=25):
    """What the device, the broker and the faults say around a violation."""
    a, b, device = violation["t"] - before, violation["t"] + after, violation["dev"]
    lines = []
    for e in log["truth"]:
        if a <= e["t"] <= b and device in (None, e["dev"]):
            rest = {k: v for k, v in e.items() if k not in ("t", "k", "dev", "bus")}
            lines.append((e["t"], f"device  {e['dev']} {e['k']} {rest}"))
    for e in log["traffic"]:
        if a <= e["t"] <= b and (device is None or f"/{device}/" in e["topic"]):
            lines.append((e["t"], f"broker  {e['topic']} {e['payload']}"))
    for c in log["commands"]:
        if a - 10 <= c["t"] <= b and device in (None, c["items"][0][0]):
            lines.append((c["t"], f"command {c['id']} {c['class']} {c['items']}"))
    for f in log["faults"]:
        if f["t"] <= b and (f["end"] or 1e9) >= a - 10:
            lines.append((f["t"], f"fault   {f['target']}: {f['what']} until {f['end'] or 0:.3f}"))
    lines.sort()
    words = violation["words"].replace("/", " ").replace(":", " ").split()
    point = [w for w in words if w in POINTS]
    if point and len(lines) > most:  # other points' values are left out first
        lines = [x for x in lines if not x[1].startswith("broker") or point[0] in x[1] or "status" in x[1]]
    return [f"    {t:9.3f} {text}" for t, text in lines[-most:]]


def report(options, log, directory):
    for f in log["faults"]:
        if options.verbose:
            print(f"    {f['t']:9.3f} to {f['end'] or 0:9.3f} {f['target']}: {f['what']}")
    if directory:
        with open(os.path.join(directory, "log.json"), "w", encoding="utf8") as f:
            json.dump(log, f)
    judge = Judge(log)
    found = judge.judge()
    shown = set()
    for v in found:
        print(f"VIOLATION seed {log['seed']} at {v['t']:.3f}: {v['rule']}: {v['words']}")
        if len(shown) < SHOWN and (v["rule"], v["dev"]) not in shown:
            shown.add((v["rule"], v["dev"]))
            print("\n".join(excerpt(log, v)))
    print(f"seed {log['seed']}, {log['end']:.0f} s: {len(log['faults'])} faults, {judge.count['values']} values, "
          f"{judge.count['commands']} commands ({judge.count['unsure']} in an outage), {judge.count['writes']} writes, "
          f"{len(found)} violations; {judge.late():.0f} s without CPU")
    if directory and (found or options.keep):
        print(f"logs: {directory}")
    elif directory:
        shutil.rmtree(directory)
    return bool(found)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seconds", type=float, default=300)
    p.add_argument("--seed", type=int, default=int(time.time()))
    p.add_argument("--xnetd", default="./xnetd")
    p.add_argument("--keep")
    p.add_argument("--judge", help="only judge the logs that an earlier run kept")
    p.add_argument("--calm", action="store_true", help="no faults")
    p.add_argument("--only", help="only these faults, or all of line, tcp, broker, daemon: 'tcp,uplink frozen,killed'")
    p.add_argument("--no-memory", action="store_true", help="do not judge memory (sanitizers)")
    p.add_argument("--verbose", action="store_true", help="print each fault")
    options = p.parse_args()
    if options.judge:
        with open(options.judge, encoding="utf8") as f:
            return report(options, json.load(f), None)
    print(f"SEED={options.seed} CHAOS_SECONDS={options.seconds:.0f}", flush=True)
    world = World(options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # nothing is left behind
    try:
        asyncio.run(world.run())
    finally:
        for process in (world.daemon, world.broker):
            if process and process.returncode is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
    return report(options, world.log, world.dir)


if __name__ == "__main__":
    sys.exit(main())
