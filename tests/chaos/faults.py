# SPDX-License-Identifier: MIT
"""What goes wrong and when: drawn from the seed alone, each with start and end in the log."""
import asyncio
import os
import signal

from line import Line
from mqtt import packet, text

BROKER = ("restart", "restart without store", "stopped", "kicked", "gone", "uplink slow", "uplink frozen", "uplink cut")
DAEMON = ("reload same", "reload changed", "reload invalid", "terminated", "killed", "stopped", "device removed",
          "no directory")
EXCEPTIONS = (1, 2, 3, 4, 5, 6, 0x0A, 0x0B, "silent")


class Faults:
    """Two loops: one fault on a line or device after the other on three at a time, and now and then one that
    concerns all. Between two storms there is calm, or nothing could be demanded."""

    def __init__(self, world):
        self.world, self.busy = world, set()
        self.pace = world.fork("pace").choice((0.4, 1, 2))  # some seeds are one storm, others are mostly calm
        self.local, self.wide = world.fork("local faults"), world.fork("wide faults")

    def note(self, target, what):
        f = {"k": "fault", "t": self.world.now(), "end": None, "target": target, "what": what}
        self.world.log["faults"].append(f)
        return f

    async def run(self, until):
        w = self.world
        await asyncio.sleep(max(0, w.log["ready"] - w.now()))
        await asyncio.gather(*[self.locals(until - 15) for _ in range(4)], self.wides(until - 25))

    async def locals(self, until):
        r, w = self.local, self.world
        while w.now() < until:
            await asyncio.sleep(self.pace * r.uniform(1, 9))
            if w.now() >= until:
                break
            bus = r.choice(["line1", "line2"] * 2 + [b for b in w.buses if b.startswith("tcp")])
            if bus in self.busy:
                continue
            self.busy.add(bus)
            last = min(r.uniform(3, 15), until - w.now() + 3)
            if r.random() < 0.25:
                await self.bad_register(r.choice([d for d in w.devices.values() if d.bus == bus]), r, last)
            else:
                await self.bus_fault(w.buses[bus], r, last)
            self.busy.discard(bus)

    async def bad_register(self, device, r, last):
        device.bad = r.choice(EXCEPTIONS)
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
            await asyncio.sleep(self.pace * r.uniform(8, 30))
            if w.now() >= until:
                break
            only = (w.options.only or "").split(",")
            broker, daemon = ([k for k in kinds if not w.options.only or k in only] for kinds in (BROKER, DAEMON))
            if broker and (r.random() < 0.45 or not daemon):
                kind = r.choice(broker)
                f = self.note("broker", kind)
                await self.broker(kind, r)
            else:
                kind = r.choice(daemon)
                f = self.note("daemon", kind)
                await self.daemon(kind, r)
            f["end"] = w.now()

    async def broker(self, kind, r):
        w = self.world
        if kind == "stopped":
            w.broker.send_signal(signal.SIGSTOP)
            await asyncio.sleep(r.uniform(2, 20))
            w.broker.send_signal(signal.SIGCONT)
        elif kind == "kicked":
            await self.kick()
        elif kind == "uplink cut":
            w.uplink.cut()
            await asyncio.sleep(0.3)
        elif kind.startswith("uplink"):
            w.uplink.mode = kind.split()[1]
            await asyncio.sleep(r.uniform(3, 25))
            w.uplink.mode = None
        else:
            w.broker.terminate()
            await w.broker.wait()
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

    async def daemon(self, kind, r):
        w = self.world
        if kind.startswith("reload"):
            extra = {"reload same": "", "reload invalid": "nonsense: [\n"}.get(
                kind, f"defaults: {{heartbeat: {r.randint(20, 90)}s}}\n")
            w.configure(extra)
            w.daemon.send_signal(signal.SIGHUP)
            await asyncio.sleep(2)
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
            w.daemon.send_signal(signal.SIGSTOP)
            await asyncio.sleep(r.uniform(2, 25))
            w.daemon.send_signal(signal.SIGCONT)
        else:
            if w.daemon.returncode is None:
                await w.end_daemon(signal.SIGTERM if kind == "terminated" else signal.SIGKILL)
            await asyncio.sleep(r.uniform(0, 3))
            w.configure()
            w.expected_end = False
            await w.start_daemon()

    async def remove(self, device, r):
        """Gone from the configuration for a while, and back."""
        w = self.world
        f = self.note("gone:" + device, "removed from the configuration")
        for w.absent in (device, None):
            w.configure()
            w.daemon.send_signal(signal.SIGHUP)
            await asyncio.sleep(r.uniform(3, 10) if w.absent else 2)
        f["end"] = w.now()
