# SPDX-License-Identifier: MIT
"""A serial line on a pseudo-terminal with wire time and faults; its own RTU framing."""
import asyncio
import os
import pty
import tty

from device import TIMEOUT

CHARACTER = 10 / 38400  # seconds
SILENCE = 0.0015  # seconds: a little less than the 1.75 ms above 19200 baud


def crc(data):
    c = 0xFFFF
    for b in data:
        c ^= b
        for _ in range(8):
            c = c >> 1 ^ 0xA001 if c & 1 else c >> 1
    return c.to_bytes(2, "little")


def frame(unit, pdu):
    data = bytes([unit]) + pdu
    return data + crc(data)


def request_length(buf):
    """None: not known yet; 0: no request that this line knows."""
    if len(buf) < 2:
        return None
    if buf[1] in (1, 2, 3, 4, 5, 6, 8):
        return 8
    if buf[1] in (15, 16):
        return None if len(buf) < 7 else 9 + buf[6]
    return 0


class Line:
    """fault: None or a kind of FAULTS; chance: of an exchange to be struck."""

    # Left out, since no gateway can tell them on a line (doc/line.md): second copies that come late, answers
    # out of order, late answers with another unit's id, spoilt frames with a right CRC.
    FAULTS = ("lost request", "lost answer", "late", "held", "doubled", "spoilt", "cut", "noise", "much noise",
              "other unit", "echo", "foreign", "dead unit", "vanished")

    def __init__(self, name, link, devices, random, now):
        self.name, self.link, self.random, self.now = name, link, random, now
        self.devices = {d.unit: d for d in devices}
        self.fault, self.chance, self.victim, self.depth = None, 0.5, None, 1
        self.master = self.slave = None
        self.buf, self.requests, self.held, self.free = b"", 0, {}, 0.0
        self.last_due = {}
        self.latest = (0, None, b"")  # number, truth and own answer of the newest request
        self.spoke, self.early = 0.0, 0  # when this line last said something; requests too soon behind that
        self.open()

    def open(self):
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        temp = self.link + ".new"
        os.symlink(os.ttyname(self.slave), temp)
        os.rename(temp, self.link)
        asyncio.get_running_loop().add_reader(self.master, self.readable)

    def close(self):
        if self.master is None:
            return
        asyncio.get_running_loop().remove_reader(self.master)
        os.unlink(self.link)
        os.close(self.master)
        os.close(self.slave)
        self.master, self.buf = None, b""

    def begin(self, kind):
        self.fault = kind
        self.chance = self.random.choice((0.15, 0.4, 0.9))
        self.victim = self.random.choice(list(self.devices))
        self.depth = self.random.randint(1, 3)
        if kind == "vanished":
            self.close()
        return f"{kind}, chance {self.chance}, unit {self.victim}, depth {self.depth}"

    def end(self):
        if self.fault == "vanished":
            self.open()
        self.fault, self.held = None, {}

    def readable(self):
        try:
            got = os.read(self.master, 4096)
        except OSError:
            return
        self.early += not self.buf and self.now() - self.spoke < SILENCE
        self.buf += got
        while self.buf:
            n = request_length(self.buf)
            if n is None or n > len(self.buf):
                break
            if n == 0 or self.buf[n - 2:n] != crc(self.buf[:n - 2]):
                self.buf = b""  # what is no request is waited out by real devices, too
                break
            f, self.buf = self.buf[:n], self.buf[n:]
            asyncio.get_running_loop().call_later(n * CHARACTER, self.take, f)
        if self.buf:
            asyncio.get_running_loop().call_later(0.05, self.drop, self.buf)

    def drop(self, rest):
        if self.buf == rest:
            self.buf = b""

    def struck(self, unit):
        return self.fault is not None and self.random.random() < self.chance and (
            self.fault not in ("dead unit", "held") or unit == self.victim)

    def take(self, f):
        self.requests += 1
        unit = f[0]
        device = self.devices.get(unit)
        if device is None:
            return
        struck = self.fault if self.struck(unit) else None
        if self.fault == "dead unit" and unit == self.victim:
            struck = "lost request"
        if struck == "lost request":
            device.note("lost", pdu=f[1:-2].hex())
            return
        pdu, entry = device.execute(f[1:-2])
        entry["q"] = self.now()
        self.latest = (self.requests, entry, frame(unit, pdu) if pdu else b"")
        if self.fault == "echo":
            self.send(f, self.now())
        if pdu is None or struck == "lost answer":
            return
        delay = self.random.uniform(0.002, 0.012)
        self.answer(unit, frame(unit, pdu), entry, struck, delay)

    def answer(self, unit, data, entry, struck, delay):
        if struck == "held" or self.held.get(unit):
            queue = self.held.setdefault(unit, [])
            queue.append((data, entry))
            if len(queue) <= self.depth:
                return
            data, entry = queue.pop(0)
        if struck == "late":
            delay = self.random.uniform(0.1, 1.6)
        elif struck == "spoilt":
            data, entry = self.spoil(data), None
        elif struck == "cut":
            data, entry = data[:self.random.randrange(1, len(data))], None
        elif struck == "noise":
            data = bytes(self.random.randrange(256) for _ in range(self.random.randint(1, 4))) + data
        elif struck == "much noise":
            data = bytes(self.random.randrange(256) for _ in range(self.random.randint(8, 30))) + data
        elif struck == "other unit" and len(self.devices) > 1:
            other = self.random.choice([u for u in self.devices if u != unit])
            data, entry = frame(other, data[1:-2]), None
        elif struck == "doubled":
            data += data
        elif struck == "foreign":  # another client's request, seen before the answer, and its answer
            a = bytes([unit, 3]) + self.random.randrange(300, 400).to_bytes(2, "big") + b"\0\1"
            data, entry = a + crc(a) + data, None
        # units answer in order: timers of the same moment do not keep it
        due = max(self.now() + delay, self.last_due.get(unit, 0) + 0.0001)
        self.last_due[unit] = due
        asyncio.get_running_loop().call_later(due - self.now(), self.deliver, data, entry, self.requests)

    def spoil(self, data):
        while True:
            bad = bytearray(data)
            for _ in range(self.random.randint(1, 3)):
                bad[self.random.randrange(len(bad))] ^= 1 << self.random.randrange(8)
            if bytes(bad) != data and bad[-2:] != crc(bad[:-2]):
                return bytes(bad)

    def deliver(self, data, entry, request):
        start = max(self.now(), self.free)
        self.free = start + len(data) * CHARACTER
        asyncio.get_running_loop().call_later(self.free - self.now(), self.out, data, entry, request)

    def out(self, data, entry, request):
        self.send(data, self.now())
        number, newest, answer = self.latest
        if data == answer and number != request:  # an older request's answer says the same as that to the newest
            self.sent(newest, number)
        if entry is not None:
            self.sent(entry, request)

    def sent(self, entry, request):
        """Believed at most when no newer request was out already."""
        if entry["good"]:
            return
        entry["sent"] = self.now()
        entry["good"] = request == self.requests and self.now() - entry["t"] < TIMEOUT + 0.35

    def send(self, data, _):
        self.spoke = self.now()
        try:
            os.write(self.master, data)
        except (OSError, TypeError):
            pass
