# SPDX-License-Identifier: MIT
"""What goes wrong and when: drawn from the seed alone, each with start and end in the log."""
import asyncio
import os
import signal

from line import Line
from mqtt import packet, text

BROKER = ("restart", "restart without store", "stopped", "kicked", "gone", "uplink slow", "uplink frozen", "uplink cut",
          "uplink twice",
          "acl: no publishing", "acl: no commands")
DAEMON = ("reload same", "reload changed", "reload invalid", "terminated", "killed", "stopped", "device removed",
          "no directory", "full disk", "little memory", "clock jump")
QUIET = ("clock jump", "uplink twice")  # excuses nothing
EXCEPTIONS = (1, 2, 3, 4, 5, 6, 0x0A, 0x0B, "silent")


class Faults:
    """Two loops: one fault on a line or device after the other on three at a time, and now and then one that
    concerns all. Nothing can be demanded of time in a storm: first all have their turn, then only those of a line or
    device, and then there is calm."""

    ALL, LOCAL, CALM = 50, 35, 35  # seconds of each

    def __init__(self, world):
        self.world, self.busy = world, set()
        self.pace = world.fork("pace").choice((0.4, 1))  # some seeds are one storm
        self.local, self.wide = world.fork("local faults"), world.fork("wide faults")

    def note(self, target, what):
        f = {"k": "fault", "t": self.world.now(), "end": None, "target": target, "what": what}
        self.world.log["faults"].append(f)
        return f

    async def run(self, until):
        w = self.world
        await asyncio.sleep(max(0, w.log["ready"] - w.now()))
        await asyncio.gather(*[self.locals(until - 25) for _ in range(4)], self.wides(until - 30))

    async def turn(self, last, pause):
        """The pause, and more where only the next storm has its time; seconds that are left of this one."""
        w = self.world
        await asyncio.sleep(self.pace * pause)
        while (at := (w.now() - w.log["ready"]) % (self.ALL + self.LOCAL + self.CALM)) > last - 2:
            await asyncio.sleep(0.5)
        return last - at

    async def locals(self, until):
        r, w = self.local, self.world
        while w.now() < until:
            left = await self.turn(self.ALL + self.LOCAL, r.uniform(1, 9))
            if w.now() >= until:
                break
            bus = r.choice(["line1", "line2"] * 2 + [b for b in w.buses if b.startswith("tcp")])
            if bus in self.busy or not self.wanted(bus.rstrip("0123456789")):
                continue
            self.busy.add(bus)
            last = max(2, min(r.uniform(3, 15), until - w.now() + 3, left))
            if r.random() < 0.25:
                await self.bad_register(r.choice([d for d in w.devices.values() if d.bus == bus]), r, last)
            else:
                await self.bus_fault(w.buses[bus], r, last)
            self.busy.discard(bus)

    async def bad_register(self, device, r, last):
        device.bad, last = r.choice(EXCEPTIONS), last * 1.6  # so long that it becomes stale
        f = self.note("dev:" + device.name, f"Bad answers {device.bad}")
        await asyncio.sleep(last)
        device.bad = None
        f["end"] = self.world.now()

    async def bus_fault(self, bus, r, last):
        kind = r.choice(bus.FAULTS)
        words = bus.begin(kind) if isinstance(bus, Line) else await bus.begin(kind)
        f = self.note(bus.name, words)
        await asyncio.sleep(last)
        if isinstance(bus, Line):
            bus.end()
        else:
            await bus.end()
        f["end"] = self.world.now()

    async def wides(self, until):
        r, w = self.wide, self.world
        while w.now() < until:
            await self.turn(self.ALL, r.uniform(6, 20))
            if w.now() >= until:
                break
            broker = [k for k in BROKER if self.wanted("broker", k)]
            daemon = [k for k in DAEMON if self.wanted("daemon", k) and w.can(k)]
            if broker and (r.random() < 0.45 or not daemon):
                kind = r.choice(broker)
                f = self.note("network" if kind in QUIET else "broker", kind)
                await self.broker(kind, r)
            elif daemon:
                kind = r.choice(daemon)
                f = self.note("clock" if kind in QUIET else "daemon", kind)
                await self.daemon(kind, r, f)
            else:
                break
            f["end"] = w.now()

    def wanted(self, group, kind=None):
        only = self.world.options.only
        return not only or group in only.split(",") or kind in only.split(",")

    def move(self):
        """A value that changes now and then no more: what was lost of it is missed until it is published again."""
        for d in self.world.devices.values():
            d.moves += 1

    async def broker(self, kind, r):
        w = self.world
        if kind == "stopped":
            w.broker.send_signal(signal.SIGSTOP)
            self.move()
            await asyncio.sleep(r.uniform(2, 20))
            w.broker.send_signal(signal.SIGCONT)
        elif kind == "kicked":
            await self.kick()
        elif kind.startswith("acl"):
            w.permit("read xnet/#" if "publishing" in kind else "write xnet/#")
            w.broker.send_signal(signal.SIGHUP)
            await asyncio.sleep(1)
            self.move()
            await asyncio.sleep(r.uniform(12, 25))  # one value in 10 s asks for an acknowledgement (doc/brokers.md)
            w.permit()
            w.broker.send_signal(signal.SIGHUP)
        elif kind == "uplink cut":
            w.uplink.cut()
            await asyncio.sleep(0.3)
        elif kind.startswith("uplink"):
            w.uplink.mode = kind.split()[1]
            self.move()
            await asyncio.sleep(r.uniform(3, 25))
            w.uplink.mode = None
        else:
            w.broker.terminate()
            await w.broker.wait()
            self.move()
            if kind == "restart without store" and os.path.exists(w.path("mosquitto.db")):
                os.unlink(w.path("mosquitto.db"))
            await asyncio.sleep(r.uniform(5, 15) if kind == "gone" else r.uniform(0, 1))
            await w.start_broker()
            await asyncio.sleep(0.3)

    async def kick(self):
        """Another client with the gateway's id, which mosquitto's log names."""
        w = self.world
        with open(w.path("mosquitto.log"), encoding="utf8") as f:
            names = [x.split(" as ")[1].split(" ")[0] for x in f if " as xnet" in x]
        if names:
            _, writer = await asyncio.open_connection("127.0.0.1", w.port)
            writer.write(packet(0x10, text("MQTT") + bytes([4, 2, 0, 60]) + text(names[-1])))
            await asyncio.sleep(0.3)
            writer.close()

    async def reload(self, extra):
        self.world.configure(extra)
        self.world.signal_daemon(signal.SIGHUP)
        await asyncio.sleep(2)

    async def daemon(self, kind, r, f):
        w = self.world
        changed = f"defaults: {{heartbeat: {r.randint(20, 90)}s}}\n"
        if kind.startswith("reload"):
            await self.reload({"reload same": "", "reload invalid": "nonsense: [\n"}.get(kind, changed))
        elif kind == "clock jump":
            seconds = r.choice((-5, 7, 3600, -3600, 86400, -86400 * 400, 86400 * 4000))
            f["what"] += f" by {seconds} s"
            w.set_world(ahead=seconds)
            await asyncio.sleep(r.uniform(1, 20))
        elif kind == "full disk":
            w.set_world(full=1)
            await self.reload(changed)
            await asyncio.sleep(r.uniform(1, 12))
            w.set_world(full=0)
        elif kind == "little memory":
            await self.little_memory(r, f)
        elif kind == "device removed":
            await self.remove(r.choice(list(w.devices)), r)
        elif kind == "no directory":  # where pulses under way and the last good configuration are kept
            names = [w.path("run"), w.path("state")]
            for n in names:
                os.rename(n, n + ".away")
            await asyncio.sleep(r.uniform(3, 15))
            for n in names:
                os.rename(n + ".away", n)
        elif kind == "stopped":
            w.signal_daemon(signal.SIGSTOP)
            await asyncio.sleep(r.uniform(2, 25))
            w.signal_daemon(signal.SIGCONT)
        elif w.daemon.returncode is None:
            await w.end_daemon(signal.SIGTERM if kind == "terminated" else signal.SIGKILL)
            await self.start_again(r)

    async def start_again(self, r):
        w = self.world
        await asyncio.sleep(r.uniform(0, 3))
        w.configure()
        w.expected_end = False
        await w.start_daemon()

    async def little_memory(self, r, f):
        """It goes on, or ends by itself (out of memory) and is started again, as systemd would."""
        w = self.world
        room = r.choice((0, 64, 1024)) << 10
        f["what"] += f", {room} bytes more"
        w.expected_end = "memory"
        w.limit_memory(room)
        for _ in range(int(r.uniform(5, 15))):
            await asyncio.sleep(1)
            if w.daemon.returncode is not None:
                f["what"] += ", it ended"
                await self.start_again(r)
                return
            w.signal_daemon(signal.SIGHUP)
        w.limit_memory(None)
        w.expected_end = False

    async def remove(self, device, r):
        """Gone from the configuration for a while, and back."""
        w = self.world
        f = self.note("gone:" + device, "removed from the configuration")
        for w.absent in (device, None):
            w.configure()
            w.signal_daemon(signal.SIGHUP)
            await asyncio.sleep(r.uniform(3, 10) if w.absent else 2)
        f["end"] = w.now()
