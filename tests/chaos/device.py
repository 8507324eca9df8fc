# SPDX-License-Identifier: MIT
"""A Modbus device of its own and its truth: which value each register held when, who read it, who wrote it.

Points that change carry in one 32-bit value the unit, the point and the quarter of a second, so that each
published value says by itself when and where it was held.
"""

STEP = 0.25  # seconds that a changing value is held
TIMEOUT = 0.4  # of an answer, as the configuration has it
STALE = 8.0  # of the point Bad

# name: (area, address, registers, period in seconds, kind)
POINTS = {}
for _i in range(6):
    POINTS[f"In{_i}"] = ("input", 2 * _i, 2, 1, "step")
for _i in range(4):
    POINTS[f"Ho{_i}"] = ("holding", 20 + 2 * _i, 2, 2, "step")
for _i in range(2):
    POINTS[f"Far{_i}"] = ("input", 200 + 2 * _i, 2, 4, "step")
POINTS["Count"] = ("holding", 40, 2, 2, "count")
POINTS["Set0"] = ("holding", 60, 1, 2, "set")
POINTS["Set1"] = ("holding", 61, 1, 2, "set")
POINTS["Big0"] = ("holding", 64, 2, 2, "set")
POINTS["Big1"] = ("holding", 66, 2, 2, "set")
POINTS["Bad"] = ("holding", 100, 2, 2, "step")
POINTS["Trouble"] = ("holding", 110, 1, 1, "alert")
POINTS["Pulse"] = ("coil", 0, 1, 2, "pulse")
POINTS["Still"] = ("input", 210, 2, 2, "still")  # changes only while the broker has a fault, and then once
NUMBER = {name: i + 1 for i, name in enumerate(POINTS)}
WRITABLE = [name for name, p in POINTS.items() if p[4] == "set"]
MAXIMUM = {"Set0": 60000, "Set1": 60000, "Big0": 4000000000, "Big1": 4000000000}
PULSE = 1.0  # seconds that Pulse is on
LAST = {"Set0": 4, "Set1": 10, "Big0": 4, "Big1": 10, "Pulse": 10}  # command_timeout, seconds

READS = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}


def expected(unit, name, step):
    """What a changing point holds in that quarter of a second."""
    if POINTS[name][4] == "count":
        return unit * 1000000 + step
    return (unit * 256 + NUMBER[name]) << 16 | step & 0xFFFF


class Device:
    def __init__(self, name, unit, bus, truth, now):
        self.name, self.unit, self.bus, self.truth, self.now = name, unit, bus, truth, now
        self.cells = {("holding", a): 0 for a in (60, 61, 64, 65, 66, 67, 110)}
        self.cells[("coil", 0)] = 0
        self.glitch, self.clean = False, []  # the next read of Count brings far too little; reads without, since
        self.bad = None  # "silent", or the exception that reads of Bad bring
        self.serial, self.moves = 0, 0  # entries of the truth; changes of Still

    def set_trouble(self, on):
        if self.cells[("holding", 110)] != on:
            self.cells[("holding", 110)] = on
            self.truth.append({"k": "reg", "t": self.now(), "dev": self.name, "point": "Trouble", "v": on})

    def image(self, area):
        """Address to word, as it is now."""
        step = int(self.now() / STEP) + 1
        words = {a: v for (where, a), v in self.cells.items() if where == area}
        for name, (where, a, _, _, kind) in POINTS.items():
            if where == area and kind in ("step", "count", "still"):
                v = expected(self.unit, name, self.moves if kind == "still" else step)
                words[a], words[a + 1] = v >> 16, v & 0xFFFF
        return words

    def note(self, kind, **more):
        self.serial += 1
        e = {"k": kind, "t": self.now(), "dev": self.name, "bus": self.bus, "sent": None, "good": False}
        e.update(more)
        self.truth.append(e)
        return e

    def execute(self, pdu):
        """The answer (None: silence) and the entry of the truth, whose `good` the line sets."""
        fc = pdu[0]
        a, n = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        if fc in (1, 3, 4):
            return self.read(fc, a, n)
        if fc == 6:
            return self.write(a, [n], pdu[:5], pdu)
        if fc == 5 and a == 0:
            self.cells[("coil", 0)] = int(n == 0xFF00)
            return pdu, self.note("write", area="coil", a=0, v=[int(n == 0xFF00)])
        if fc == 16:
            words = [int.from_bytes(pdu[6 + 2 * i:8 + 2 * i], "big") for i in range(n)]
            return self.write(a, words, pdu[:5], pdu)
        return bytes([fc | 0x80, 1]), self.note("other", fc=fc)

    def read(self, fc, a, n):
        if self.bad is not None and fc == 3 and a < 102 and a + n > 100:
            e = self.note("denied", fc=fc, a=a, n=n)
            return (None if self.bad == "silent" else bytes([fc | 0x80, self.bad])), e
        words = self.image(READS[fc])
        if any(a + i not in words for i in range(n)):
            return bytes([fc | 0x80, 2]), self.note("denied", fc=fc, a=a, n=n)
        counts = fc == 3 and a <= 40 and a + n > 41
        glitch = counts and self.glitch and sum(e["good"] for e in self.clean) > 2  # two in a row are believed
        if glitch:
            self.glitch, self.clean, words[40] = False, [], 0
        values = [words[a + i] for i in range(n)]
        e = self.note("read", area=READS[fc], a=a, v=values)
        if counts and not glitch:
            self.clean = self.clean[-9:] + [e]
        if fc == 1:
            bits = sum(v << i for i, v in enumerate(values))
            return bytes([fc, (n + 7) // 8]) + bits.to_bytes((n + 7) // 8, "little"), e
        return bytes([fc, 2 * n]) + b"".join(v.to_bytes(2, "big") for v in values), e

    def write(self, a, words, answer, pdu):
        if any(("holding", a + i) not in self.cells or a + i == 110 for i in range(len(words))):
            return bytes([pdu[0] | 0x80, 2]), self.note("strange", a=a, v=words)
        for i, v in enumerate(words):
            self.cells[("holding", a + i)] = v
        return answer, self.note("write", area="holding", a=a, v=words)
