# SPDX-License-Identifier: MIT
"""The network between the gateway and its broker: slow, standing still, or cut. What stood still comes afterwards."""
import asyncio

SLOW = 4000  # bytes per second


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
            await asyncio.gather(self.carry(reader, back), self.carry(there, writer))
        except OSError:
            pass
        finally:
            for w in (writer, back):
                self.open.discard(w)
                w.transport.abort()

    async def carry(self, reader, writer):
        while True:
            while self.mode == "frozen":
                await asyncio.sleep(0.05)
            data = await reader.read(400 if self.mode == "slow" else 65536)
            if not data:
                raise ConnectionError
            if self.mode == "slow":
                await asyncio.sleep(len(data) / SLOW)
            while self.mode == "frozen":  # what was under way stands still, too
                await asyncio.sleep(0.05)
            writer.write(data)
            await writer.drain()
