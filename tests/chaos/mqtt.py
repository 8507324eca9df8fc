# SPDX-License-Identifier: MIT
"""A small MQTT client, 3.1.1 and 5, QoS 0 and 1, for the asyncio loop."""
import asyncio
import struct


def text(s):
    s = s.encode() if isinstance(s, str) else s
    return struct.pack(">H", len(s)) + s


def varint(n):
    out = b""
    while True:
        out += bytes([n % 128 | (0x80 if n > 127 else 0)])
        n //= 128
        if not n:
            return out


def packet(first, body):
    return bytes([first]) + varint(len(body)) + body


def take_varint(data, at):
    n = shift = 0
    while True:
        b = data[at]
        at += 1
        n |= (b & 127) << shift
        shift += 7
        if b < 128:
            return n, at


def properties(data, at):
    """Those of a PUBLISH that matter here: correlation data. Gives it and where the payload begins."""
    size, at = take_varint(data, at)
    end, correlation = at + size, None
    while at < end:
        kind = data[at]
        at += 1
        if kind in (0x01,):
            at += 1
        elif kind == 0x02:
            at += 4
        elif kind == 0x23:
            at += 2
        elif kind == 0x0B:
            _, at = take_varint(data, at)
        elif kind == 0x26:
            for _ in range(2):
                at += 2 + int.from_bytes(data[at:at + 2], "big")
        else:  # 0x03, 0x08, 0x09: a text or bytes
            n = int.from_bytes(data[at:at + 2], "big")
            if kind == 0x09:
                correlation = data[at + 2:at + 2 + n]
            at += 2 + n
    return correlation, end


class Client:
    """Connects again for ever. on_message(topic, payload, retained, correlation); up(bool)."""

    def __init__(self, port, name, version, topics, on_message, on_state=None):
        self.port, self.name, self.version, self.topics = port, name, version, topics
        self.on_message, self.on_state = on_message, on_state or (lambda up: None)
        self.writer, self.acks, self.packet_id, self.ready = None, {}, 0, False
        self.stopped = False

    def next_id(self):
        self.packet_id = self.packet_id % 65535 + 1
        return self.packet_id

    async def run(self):
        while not self.stopped:
            try:
                await asyncio.wait_for(self.session(), None)
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, IndexError):
                pass
            was, self.ready = self.ready, False
            if was:
                self.on_state(False)
            for f in self.acks.values():
                if not f.done():
                    f.set_result(False)
            self.acks = {}
            if self.writer:
                self.writer.transport.abort()
                self.writer = None
            await asyncio.sleep(0.2)

    async def session(self):
        reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        five = b"\0" if self.version == 5 else b""
        self.writer.write(packet(0x10, text("MQTT") + bytes([self.version, 2]) + struct.pack(">H", 60) +
                                 five + text(self.name)))
        await asyncio.wait_for(self.one(reader), 10)
        body = struct.pack(">H", self.next_id()) + five
        for t in self.topics:
            body += text(t) + b"\1"
        if self.topics:
            self.writer.write(packet(0x82, body))
        self.ready = True
        self.on_state(True)
        ping = asyncio.ensure_future(self.pings())
        try:
            while True:
                await self.one(reader)
        finally:
            ping.cancel()

    async def pings(self):
        while True:
            await asyncio.sleep(20)
            self.writer.write(b"\xc0\0")

    async def one(self, reader):
        first = (await reader.readexactly(1))[0]
        n = shift = 0
        while True:
            b = (await reader.readexactly(1))[0]
            n |= (b & 127) << shift
            shift += 7
            if b < 128:
                break
        data = await reader.readexactly(n)
        kind = first >> 4
        if kind == 3:
            self.publish_in(first, data)
        elif kind == 4:
            f = self.acks.pop(int.from_bytes(data[:2], "big"), None)
            if f and not f.done():
                f.set_result(True)
        elif kind == 14:
            raise ConnectionError
        elif kind == 2 and data[1] != 0:
            raise ConnectionError

    def publish_in(self, first, data):
        n = int.from_bytes(data[:2], "big")
        topic, at = data[2:2 + n].decode(), 2 + n
        if first >> 1 & 3:
            self.writer.write(packet(0x40, data[at:at + 2]))
            at += 2
        correlation = None
        if self.version == 5:
            correlation, at = properties(data, at)
        self.on_message(topic, data[at:], bool(first & 1), correlation)

    async def publish(self, topic, payload, retain=False, answer=None, correlation=None, expiry=None):
        """True: acknowledged. False: not known whether it went out."""
        pid = self.next_id()
        body = text(topic) + struct.pack(">H", pid)
        if self.version == 5:
            p = b""
            if answer:
                p += b"\x08" + text(answer) + b"\x09" + text(correlation)
            if expiry:
                p += b"\x02" + struct.pack(">I", expiry)
            body += varint(len(p)) + p
        f = self.acks[pid] = asyncio.get_running_loop().create_future()
        self.writer.write(packet(0x32 | (1 if retain else 0), body + payload.encode()))
        return await f
