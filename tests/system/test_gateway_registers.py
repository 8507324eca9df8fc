"""What is made of registers whose every read is scripted: a Modbus TCP device in this process."""
import json
import socketserver
import struct
import threading
import time

import pytest

from gwfix import gateway  # noqa: F401


class Device(socketserver.ThreadingTCPServer):
    """registers[address] is a number, or a list of what its reads give one after the other, the last for ever."""
    daemon_threads = allow_reuse_address = True

    def __init__(self, registers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.registers = {k: list(v) if isinstance(v, list) else v for k, v in registers.items()}
        self.reads = {}
        self.port = self.server_address[1]
        self.on = False
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def word(self, address):
        r = self.registers.get(address, 0)
        self.reads[address] = self.reads.get(address, 0) + 1
        if not isinstance(r, list):
            return r
        return r.pop(0) if len(r) > 1 else r[0]

    def answer(self, pdu):
        function, address, n = struct.unpack(">BHH", pdu[:5])
        if function == 3:
            return struct.pack(f">BB{n}H", 3, 2 * n, *(self.word(address + i) for i in range(n)))
        if function == 6:
            self.registers[address] = n
            return pdu
        if function == 16:
            self.registers.update(enumerate(struct.unpack(f">{n}H", pdu[6:]), address))
            return pdu[:5]
        return bytes([function | 0x80, 1])


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            while self.server.on and (head := self.request.recv(7, 0x100)):  # MSG_WAITALL
                tid, _, n, unit = struct.unpack(">HHHB", head)
                pdu = self.server.answer(self.request.recv(n - 1, 0x100))
                time.sleep(0.1)  # what was wrong in one answer is published before the next
                self.request.sendall(struct.pack(">HHHB", tid, 0, len(pdu) + 1, unit) + pdu)
        except (OSError, struct.error):
            pass


@pytest.fixture
def house(tmp_path, broker, client, gateway):
    """house(registers, points, device="every: 300ms", mqtt=""): a running gateway and its device, which is there
    only when the gateway's first words would be seen."""
    made = []

    def make(registers, points, device="every: 300ms", mqtt=""):
        d = Device(registers)
        made.append(d)
        path = tmp_path / "devices.yaml"
        path.write_text(f'gateway: house\nmqtt: {{broker: "{broker.url}"{mqtt}}}\n'
                        f"buses: {{b: {{tcp: 127.0.0.1:{d.port}}}}}\n"
                        f"devices: {{d: {{bus: b, id: 1, {device}, points: {{{points}}}}}}}\n")
        d.config = path
        d.gateway = gateway(arguments=["-c", path])
        client.wait_for("xnet/sts/house/status", "online")
        d.on = True
        return d

    yield make
    for d in made:
        d.shutdown()
        d.server_close()


def texts(client, topic):
    return [m.text for m in client.all(topic)]


FIRST = [5000, 7, 5000]  # what the proof of a new connection reads is not published

COUNTERS = {
    "polled": "C: {holding: 0, counter: true, history: true}",
    "rare": "C: {holding: 0, counter: true, every: 1h}",
    "once": "C: {holding: 0, counter: true, rate: once}",
    "scaled": "E: {holding: 9, publish: never, rate: once}, C: {holding: 0, exponent_from: E, counter: true}",
    "computed": 'A: {holding: 0, publish: never}, C: {expr: "A + 0", counter: true, decimals: 0}',
    "computed of a rare one": 'A: {holding: 0, publish: never, every: 1h}, B: {holding: 8, publish: never}, '
                              'C: {expr: "A + B", counter: true, decimals: 0}',
}


@pytest.mark.parametrize("points", COUNTERS.values(), ids=COUNTERS)
def test_a_spoilt_first_count_is_not_believed(house, client, points):
    house({0: FIRST}, points)
    client.wait_for("xnet/sts/d/C", "5000")
    assert set(texts(client, "xnet/sts/d/C")) <= {"None", "5000"}
    assert all(json.loads(t)["v"] == 5000 for t in texts(client, "xnet/hist/d/C"))


def test_a_get_of_a_count_waits_for_its_second_read(house, client):
    house({0: [7, 5000]}, "C: {holding: 0, counter: true, poll: on-demand}, P: {holding: 50}", "every: 300ms, max_hole: 0")
    client.wait_for("xnet/sts/d/P")
    client.publish("xnet/get/d/C", "")
    client.wait_for("xnet/sts/d/C", "5000")
    assert set(texts(client, "xnet/sts/d/C")) <= {"None", "5000"}


def test_a_count_goes_on_after_a_reload_and_after_an_outage(house, client):
    d = house({0: [5000, 5001]}, "C: {holding: 0, counter: true}")
    client.wait_for("xnet/sts/d/C", "5001")
    mark = client.mark()
    d.config.write_text(d.config.read_text().replace("counter: true}", "counter: true, unit: kWh}"))
    d.registers[0] = [7, 5002]
    d.gateway.reload()
    client.wait_for("xnet/sts/d/C", "5002", since=mark)
    assert "7" not in texts(client, "xnet/sts/d/C")
