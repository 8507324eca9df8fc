# SPDX-License-Identifier: MIT
"""A broker that speaks raw MQTT to one client at a time: it states limits, and hangs up on what it dislikes.

    b = RawBroker(maximum_packet=300, dislikes=lambda m: m.topic == "x")
    b.published        # every PUBLISH seen: .connection .topic .payload .qos .retain .size
    b.connects         # every CONNECT seen: .level .properties {id: value}
    b.send(topic, payload)
"""
import socket
import struct
import threading
import time

RECEIVE_MAXIMUM, MAXIMUM_QOS, MAXIMUM_PACKET = 0x21, 0x24, 0x27
FORMAT = {0x01: "B", 0x02: ">I", 0x11: ">I", 0x13: ">H", 0x17: "B", 0x19: "B", 0x21: ">H", 0x22: ">H",
          0x23: ">H", 0x24: "B", 0x25: "B", 0x27: ">I", 0x28: "B", 0x29: "B", 0x2A: "B"}


def varint(n):
    out = b""
    while True:
        n, low = n >> 7, n & 0x7F
        out += bytes([low | 0x80 if n else low])
        if not n:
            return out


def text(s):
    s = s.encode() if isinstance(s, str) else s
    return struct.pack(">H", len(s)) + s


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def text(self):
        return self.take(self.number(">H"))

    def varint(self):
        n = shift = 0
        while True:
            b = self.number("B")
            n |= (b & 0x7F) << shift
            shift += 7
            if not b & 0x80:
                return n

    def properties(self):
        found, end = {}, self.varint() + self.at
        while self.at < end:
            key = self.number("B")
            found[key] = self.number(FORMAT[key]) if key in FORMAT else self.text()
        return found


class Seen:
    def __init__(self, **fields):
        self.__dict__.update(fields, at=time.monotonic())

    def __repr__(self):
        return repr(self.__dict__)


class RawBroker(threading.Thread):
    def __init__(self, version=5, dislikes=None, holds=None, ends=0, acks=None, properties=b"", **limits):
        """holds(): nothing is answered while it is true. ends: so many connections end at the first packet after CONNECT.
        acks(kind, message): is this answered? 3: a publication, 8: a subscription. properties: more of CONNACK, as they are."""
        super().__init__(daemon=True)
        self.version, self.dislikes, self.holds, self.ends, self.acks = version, dislikes, holds, ends, acks
        self.limits = properties + b"".join(bytes([key]) + struct.pack(FORMAT[key], limits[name])
                               for name, key in (("receive_maximum", RECEIVE_MAXIMUM), ("maximum_qos", MAXIMUM_QOS),
                                                 ("maximum_packet", MAXIMUM_PACKET)) if name in limits)
        self.connects, self.published, self.unsubscribed = [], [], 0
        self.socket, self.client = socket.create_server(("127.0.0.1", 0)), None
        self.port = self.socket.getsockname()[1]
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.start()

    def run(self):
        while True:
            try:
                self.client, _ = self.socket.accept()
            except OSError:
                return
            try:
                with self.client.makefile("rb") as stream:
                    while self.packet(stream):
                        pass
            except (OSError, struct.error, IndexError):
                pass
            self.client.close()

    def packet(self, stream):
        first = stream.read(1)
        if not first:
            return False
        raw = b""
        while not raw or raw[-1] & 0x80:
            raw += stream.read(1)
        body = Reader(stream.read(Reader(raw).varint()))
        kind, flags = first[0] >> 4, first[0] & 15
        if kind == 1:
            return self.connect(body)
        if len(self.connects) <= self.ends:
            return False
        if kind == 3:
            return self.publish(body, flags, 1 + len(raw))
        if kind == 4:
            self.acked()
        elif kind == 12:
            self.client.sendall(b"\xd0\x00")
        elif kind in (8, 10):
            number = body.take(2)
            five = b"\x00" if self.version == 5 else b""
            self.unsubscribed += kind == 10
            if kind == 8 and self.acks and not self.acks(8, None):
                return True
            if kind == 8:
                self.client.sendall(b"\x90" + varint(3 + len(five)) + number + five + b"\x00")
            else:
                self.client.sendall(b"\xb0" + varint(2 + 2 * len(five)) + number + (five + b"\x11" if five else b""))
        return kind != 14

    def acked(self):
        """A message that was sent at QoS 1 is acknowledged."""

    def connect(self, body):
        body.text()
        level = body.number("B")
        body.take(3)
        self.connects.append(Seen(level=level, properties=body.properties() if level == 5 else {}))
        if level != self.version:
            self.client.sendall(b"\x20\x02\x00\x01")
            return False
        if level == 5:
            self.client.sendall(b"\x20" + varint(2 + len(varint(len(self.limits))) + len(self.limits)) + b"\0\0" +
                                varint(len(self.limits)) + self.limits)
        else:
            self.client.sendall(b"\x20\x02\x00\x00")
        return True

    def publish(self, body, flags, head):
        qos = flags >> 1 & 3
        topic = body.text().decode()
        number = body.take(2) if qos else b""
        if self.version == 5:
            body.properties()
        m = Seen(connection=len(self.connects), topic=topic, payload=body.data[body.at:].decode("utf-8", "replace"),
                 qos=qos, retain=flags & 1, size=head + len(body.data))
        self.published.append(m)
        if self.dislikes and self.dislikes(m):
            return False
        while self.holds and self.holds():
            time.sleep(0.01)
        if qos and (not self.acks or self.acks(3, m)):
            self.client.sendall(b"\x40\x02" + number)
        return True

    def send(self, topic, payload, retain=False, properties=b""):
        body = text(topic) + (varint(len(properties)) + properties if self.version == 5 else b"") + payload
        self.client.sendall(bytes([0x30 | retain]) + varint(len(body)) + body)

    def of(self, topic):
        return [m for m in list(self.published) if m.topic == topic]

    def close(self):
        self.socket.close()
