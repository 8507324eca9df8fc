# SPDX-License-Identifier: MIT
"""The eight clients that send commands: right and wrong ones, bursts, retained, several in one, with expiry."""
import asyncio
import json

from device import MAXIMUM, WRITABLE
from mqtt import Client

KINDS = ("valid",) * 9 + ("invalid", "invalid", "burst", "retained", "retained", "unknown", "several", "several", "expiring", "expiring",
         "pulse", "pulse", "pulse")


class Commander:
    def __init__(self, number, port, random, log, now, devices, counter):
        self.number, self.random, self.log, self.now = number, random, log, now
        self.devices, self.counter = list(devices), counter
        self.five = number >= 2  # two speak 3.1.1 and get no answers
        self.answers = f"chaos/answer/{number}"
        self.mqtt = Client(port, f"commander{number}", 5 if self.five else 4, [self.answers] if self.five else [],
                           self.take)

    def take(self, topic, payload, retained, correlation):
        self.log["answers"].append({"k": "ans", "t": self.now(), "id": (correlation or b"").decode(),
                                    "body": payload.decode()})

    def value(self, point):
        """Never the same again, so that a write tells its command."""
        self.counter[0] += 1
        return self.counter[0] % 60000 if MAXIMUM[point] == 60000 else 1000000 + self.counter[0]

    async def run(self):
        asyncio.ensure_future(self.mqtt.run())
        while True:
            await asyncio.sleep(self.random.uniform(0.3, 3.0))
            kind, device = self.random.choice(KINDS), self.random.choice(self.devices)
            point = self.random.choice(WRITABLE)
            if not self.mqtt.ready or kind in ("several", "expiring", "retained", "pulse") and not self.five:
                continue
            await self.one(kind, device, point)

    async def one(self, kind, device, point):
        topic, expiry = f"xnet/cmd/{device}/{point}", None
        items = [[device, point, self.value(point)]]
        if kind == "invalid":
            items[0][2] = self.random.choice([MAXIMUM[point] + self.value(point), f"x{self.value(point)}",
                                              -self.value(point)])
        elif kind == "unknown":
            items[0][1], topic = "Nothing", f"xnet/cmd/{device}/Nothing"
        elif kind == "several":
            items = [[device, p, self.value(p)] for p in self.random.sample(WRITABLE, 3)]
            topic = f"xnet/cmd/{device}"
        elif kind == "pulse":
            items, topic = [[device, "Pulse", "on"]], f"xnet/cmd/{device}/Pulse"
        elif kind == "expiring":
            expiry = self.random.randint(1, 3)
        if kind == "burst":
            for _ in range(6):
                asyncio.ensure_future(self.send(topic, [[device, point, self.value(point)]], "valid", None))
            return
        asyncio.ensure_future(self.send(topic, items, "valid" if kind in ("several", "expiring", "pulse") else kind, expiry))

    async def send(self, topic, items, kind, expiry):
        c = {"k": "cmd", "id": f"{self.number}.{self.counter[0]}.{len(self.log['commands'])}", "t": self.now(),
             "acked": False, "items": items, "class": kind, "answer": self.five, "expiry": expiry}
        self.log["commands"].append(c)
        text = str(items[0][2]) if len(items) == 1 else json.dumps({p: v for _, p, v in items})
        try:
            c["acked"] = await self.mqtt.publish(topic, text, kind == "retained", self.answers if self.five else None,
                                                 c["id"], expiry)
            if kind == "retained":  # carried out once, as it came; not again when the broker repeats it
                await asyncio.sleep(self.random.uniform(0.5, 40))
                await self.mqtt.publish(topic, "", True)
        except (AttributeError, OSError):
            pass


