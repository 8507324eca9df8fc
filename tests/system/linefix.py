# SPDX-License-Identifier: MIT
"""A line for the verbs that ask one themselves: units of any kind on a pseudo-terminal, with the wire's time.

It shares no code with the product. A unit answers only at the baud rate that is set on the line; what two say at once
is lost for both, as on a wire. Every request is kept, so that a test can say what was sent, and that nothing was.

    l = wire({1: Unit(9600, {(3, 0): [1, 2]}), 9: Unit(9600, exception=1)})
    xnetctl("scan", l.port) ...
    assert l.requests == []
"""
import os
import select
import struct
import termios
import threading
import time
import tty

import pytest

SPEED = {getattr(termios, f"B{n}"): n for n in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)}


def crc(data):
    c = 0xFFFF
    for b in data:
        c ^= b
        for _ in range(8):
            c = c >> 1 ^ 0xA001 if c & 1 else c >> 1
    return struct.pack("<H", c)


class Unit:
    """registers: {(function, address): word}; exception: to everything; silent: functions without any answer."""

    def __init__(self, baud=9600, registers=None, exception=0, turnaround=0.004, silent=(), device_id=None, twice=False):
        self.baud, self.registers, self.exception = baud, registers or {}, exception
        self.turnaround, self.silent, self.device_id, self.twice = turnaround, silent, device_id, twice
        self.corrupt = 0  # so many answers

    def answer(self, pdu):
        fc = pdu[0]
        if fc in self.silent:
            return None
        if self.exception:
            return bytes([fc | 0x80, self.exception])
        if fc in (3, 4):
            addr, count = struct.unpack(">HH", pdu[1:5])
            words = [self.registers.get((fc, addr + i)) for i in range(count)]
            if None in words:
                return bytes([fc | 0x80, 2])
            return bytes([fc, 2 * count]) + struct.pack(f">{count}H", *words)
        if fc in (1, 2):
            addr, count = struct.unpack(">HH", pdu[1:5])
            bits = [self.registers.get((fc, addr + i)) for i in range(count)]
            if None in bits:
                return bytes([fc | 0x80, 2])
            out = bytearray((count + 7) // 8)
            for i, b in enumerate(bits):
                out[i // 8] |= bool(b) << i % 8
            return bytes([fc, len(out)]) + bytes(out)
        if fc in (5, 6):
            addr, word = struct.unpack(">HH", pdu[1:5])
            key = (3 if fc == 6 else 1, addr)
            if key not in self.registers:
                return bytes([fc | 0x80, 2])
            self.registers[key] = word if fc == 6 else int(word == 0xFF00)
            return pdu[:5]
        if fc == 16:
            addr, count = struct.unpack(">HH", pdu[1:5])
            if any((3, addr + i) not in self.registers for i in range(count)):
                return bytes([0x90, 2])
            for i, word in enumerate(struct.unpack(f">{count}H", pdu[6:6 + 2 * count])):
                self.registers[3, addr + i] = word
            return pdu[:5]
        if fc == 43 and self.device_id:
            out = bytes([43, 14, 1, 1, 0, 0, len(self.device_id)])
            for i, text in enumerate(self.device_id):
                out += bytes([i, len(text)]) + text.encode()
            return out
        return bytes([fc | 0x80, 1])


class Wire:
    def __init__(self, directory, units):
        self.units = units
        self.requests = []  # (unit, pdu, baud)
        self.collisions = 0
        self.late = 0  # s: the latest of its responses, by a busy machine
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.port = os.path.join(str(directory), "line")
        os.symlink(os.ttyname(self.slave), self.port)
        self._inject = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def baud(self):
        return SPEED.get(termios.tcgetattr(self.slave)[4], 0)

    def inject(self, data):
        """Bytes of somebody else on the line."""
        self._inject.append(bytes(data))

    @staticmethod
    def frame(unit, pdu):
        data = bytes([unit]) + bytes(pdu)
        return data + crc(data)

    def close(self):
        self._end.set()
        self._thread.join()
        os.close(self.master)
        os.close(self.slave)

    def _run(self):
        pending = []  # [first bit, last bit, bytes, spoilt]
        while not self._end.is_set():
            now = time.monotonic()
            while self._inject:
                os.write(self.master, self._inject.pop(0))
            for p in [p for p in pending if p[1] <= now]:
                pending.remove(p)
                self.late = max(self.late, now - p[1])
                os.write(self.master, bytes(b ^ 0x55 for b in p[2]) if p[3] else p[2])
            due = min((p[1] for p in pending), default=now + 0.02)
            ready, _, _ = select.select([self.master], [], [], max(0, min(due - now, 0.02)))
            if ready:
                self._take(os.read(self.master, 512), pending)

    def _take(self, data, pending):
        now, baud = time.monotonic(), self.baud()
        char = 10 / (baud or 9600)
        end = now + len(data) * char
        spoilt = False
        for p in pending:
            if p[0] < end and p[1] > now:
                p[3] = spoilt = True
                self.collisions += 1
        self.requests.append((data[0], data[1:-2], baud))
        if spoilt or len(data) < 4 or crc(data[:-2]) != data[-2:]:
            return
        unit = self.units.get(data[0])
        pdu = unit.answer(data[1:-2]) if unit and unit.baud == baud else None
        if not pdu:
            return
        frame = self.frame(data[0], pdu)
        if unit.corrupt or unit.twice:
            unit.corrupt = max(0, unit.corrupt - 1)
            frame = frame[:-1] + bytes([frame[-1] ^ 0x10])
        first = end + unit.turnaround
        pending.append([first, first + len(frame) * char, frame, False])


@pytest.fixture
def wire(tmp_path):
    made = []

    def make(units):
        directory = tmp_path / f"wire{len(made)}"
        directory.mkdir()
        made.append(Wire(directory, units))
        return made[-1]

    yield make
    for w in made:
        w.close()
