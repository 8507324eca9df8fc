# SPDX-License-Identifier: MIT
"""A Modbus TCP server with faults; its own framing."""
import asyncio
import socket
import struct


class Server:
    FAULTS = ("close after each", "reset mid-answer", "half-open", "wrong transaction", "wrong unit", "wrong length",
              "slow", "byte by byte", "two in one", "late", "refused", "lost answer", "lost request", "dead unit")
    WAIT = 1.0  # seconds that a converter waits for a unit that does not answer, and everybody with it

    def __init__(self, name, port, devices, random, now):
        self.name, self.port, self.random, self.now = name, port, random, now
        self.devices = {d.unit: d for d in devices}
        self.line, self.dead = asyncio.Lock(), None  # one request at a time where there are several units
        self.fault, self.chance = None, 0.5
        self.server, self.open, self.requests = None, set(), 0

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port)

    def stop(self):
        if self.server:
            self.server.close()
            self.server = None
        for w in list(self.open):
            w.transport.abort()

    async def begin(self, kind):
        self.fault = kind
        self.chance = self.random.choice((0.2, 0.5, 1.0))
        self.dead = self.random.choice(sorted(self.devices))
        if kind == "refused":
            self.stop()
        return f"{kind}, chance {self.chance}"

    async def end(self):
        half_open = self.fault == "half-open"
        if self.fault == "refused":
            await self.start()
        self.fault = None
        if half_open:
            for w in list(self.open):
                w.transport.abort()

    async def serve(self, reader, writer):
        writer.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open.add(writer)
        try:
            while True:
                head = await reader.readexactly(7)
                tid, _, length, unit = struct.unpack(">HHHB", head)
                pdu = await reader.readexactly(length - 1)
                self.requests += 1
                if unit in self.devices:
                    async with self.line:
                        await self.request(writer, tid, self.devices[unit], pdu)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open.discard(writer)
            writer.transport.abort()

    async def request(self, w, tid, device, pdu):
        kind = self.fault if self.fault and self.random.random() < self.chance else None
        if self.fault == "half-open" or kind == "lost request":
            device.note("lost", pdu=pdu.hex())
            return
        if self.fault == "dead unit" and device.unit == self.dead:
            device.note("lost", pdu=pdu.hex())
            await asyncio.sleep(self.WAIT)
            w.write(struct.pack(">HHHB", tid, 0, 3, device.unit) + bytes([pdu[0] | 0x80, 0x0B]))
            return
        answer, entry = device.execute(pdu)
        entry["q"] = self.now()
        if answer is None or kind == "lost answer":
            return
        unit, length = device.unit, len(answer) + 1
        good = kind not in ("wrong transaction", "wrong unit", "wrong length", "reset mid-answer")
        if kind == "wrong transaction":
            tid = (tid + self.random.choice((1, -1, 7))) & 0xFFFF
        elif kind == "wrong unit":
            unit ^= 0x40
        elif kind == "wrong length":
            length = self.random.choice((length + 1, length - 1, 1, 255, 300, 0))
        elif kind == "slow":
            await asyncio.sleep(self.random.uniform(0.05, 0.3))
        elif kind == "late":
            await asyncio.sleep(self.random.uniform(0.3, 1.5))
        data = struct.pack(">HHHB", tid, 0, length, unit) + answer
        if kind == "reset mid-answer":
            w.write(data[:self.random.randrange(1, len(data))])
            await asyncio.sleep(0)
            sock = w.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            w.transport.abort()
            return
        if kind == "byte by byte":
            for b in data:
                w.write(bytes([b]))
                await asyncio.sleep(0.001)
        else:
            w.write(data + data if kind == "two in one" else data)
        await w.drain()
        entry["sent"], entry["good"] = self.now(), good
        if kind == "close after each":
            raise ConnectionError
