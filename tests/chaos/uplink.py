# SPDX-License-Identifier: MIT
"""The network between the gateway and its broker: slow, standing still, or cut. What stood still comes afterwards.

Or what came with QoS 1 comes twice, as after a lost acknowledgement.
"""
import asyncio

SLOW = 4000  # bytes per second


class Packets:
    """Whole MQTT packets out of a stream, published ones of QoS 1 twice."""

    def __init__(self):
        self.rest = b""

    def doubled(self, data):
        self.rest, out = self.rest + data, b""
        while len(self.rest) > 1:
            size, at = 0, 1
            while at < len(self.rest) and at < 5:
                size |= (self.rest[at] & 127) << 7 * (at - 1)
                at += 1
                if self.rest[at - 1] < 128:
                    break
            if self.rest[at - 1] >= 128 or len(self.rest) < at + size:
                break
            one, self.rest = self.rest[:at + size], self.rest[at + size:]
            out += one
            if one[0] & 0xF6 == 0x32:
                out += bytes([one[0] | 8]) + one[1:]
        return out


class Uplink:
    def __init__(self, port, broker):
        self.port, self.broker = port, broker
        self.mode, self.open = None, set()

    async def start(self):
        await asyncio.start_server(self.serve, "127.0.0.1", self.port)

    def cut(self):
        for w in list(self.open):
            w.transport.abort()

    async def serve(self, reader, writer):
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.broker)
        except OSError:
            writer.transport.abort()
            return
        self.open |= {writer, back}
        try:
            await asyncio.gather(self.carry(reader, back), self.carry(there, writer, Packets()))
        except OSError:
            pass
        finally:
            for w in (writer, back):
                self.open.discard(w)
                w.transport.abort()

    async def carry(self, reader, writer, packets=None):
        while True:
            while self.mode == "frozen":
                await asyncio.sleep(0.05)
            data = await reader.read(400 if self.mode == "slow" else 65536)
            if not data:
                raise ConnectionError
            if self.mode == "slow":
                await asyncio.sleep(len(data) / SLOW)
            if packets and (self.mode == "twice" or packets.rest):
                data = packets.doubled(data)
            while self.mode == "frozen":  # what was under way stands still, too
                await asyncio.sleep(0.05)
            writer.write(data)
            await writer.drain()
