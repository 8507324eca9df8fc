# SPDX-License-Identifier: MIT
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
def test_a_corrupted_first_count_is_not_accepted(house, client, points):
    house({0: FIRST}, points)
    client.wait_for("xnet/sts/d/C", "5000")
    assert set(texts(client, "xnet/sts/d/C")) <= {"None", "5000"}
    if "history: true" in points:
        client.wait_for("xnet/hist/d/C")
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


PACE = ("every: 100ms", ", sys_interval: 1s")


def test_the_value_of_each_read_is_published_at_the_points_own_pace(house, client):
    house({0: list(range(1000))}, "Quick: {holding: 0}, Slow: {holding: 1, every: 1h, publish: always}, "
          "Kept: {holding: 0, every: 1h, history: true}, Sum: {expr: Slow * 2, publish: always}", *PACE)
    client.wait_count("xnet/sts/d/Quick", 10)
    for point in ("Slow", "Kept", "Sum"):
        assert len(texts(client, f"xnet/sts/d/{point}")) == 1, point
    assert len(texts(client, "xnet/hist/d/Kept")) == 1


def test_a_get_leaves_no_value_that_is_not_renewed(house, client, broker, make_client):
    house({0: 5, 1: 1}, "P: {holding: 0, poll: on-demand}, Q: {holding: 9}, "
          "A: {holding: 1, poll: on-demand, alert: fault, code: 3}", *PACE)
    client.wait_for("xnet/sts/d/Q")
    client.wait_for("xnet/sts/d/P", "None")
    client.publish("xnet/get/d", "")
    assert not client.wait_for("xnet/sts/d/P", "5").retain
    client.wait_for("xnet/sts/d/A", "1")
    late = make_client(broker, "xnet/sts/d/#")
    late.wait_for("xnet/sts/d/Q")
    assert late.last("xnet/sts/d/+").get("xnet/sts/d/P") == "None"
    assert "code" not in late.last("xnet/sts/d/Alerts").get("xnet/sts/d/Alerts", "")
    client.publish("xnet/sub/d", '["P", "A"]')  # the same words as before are news now
    client.wait_for("xnet/sts/d/Alerts", lambda m: '"code":3' in m.text)
    late = make_client(broker, "xnet/sts/d/#")
    late.wait_for("xnet/sts/d/P", "5")


def test_a_subscription_without_effect_reports_so(house, client):
    house({}, "Q: {holding: 9}", *PACE)
    client.wait_for("xnet/sts/d/Q")
    client.publish("xnet/sub/d", '["Q"]')
    client.wait_for("xnet/sts/d/Nak", lambda m: "polled anyway" in m.text)


def test_the_health_tree_of_a_stopped_gateway_does_not_look_alive(house, client, broker, make_client):
    client.subscribe("xnet/$SYS/#")
    d = house({}, "Q: {holding: 9}", *PACE)
    client.wait_for("xnet/$SYS/house/device/d/state", "online")
    client.wait_for("xnet/$SYS/house/bus/b/state", "up")
    assert d.gateway.stop() == 0
    late = make_client(broker, "xnet/$SYS/#")
    late.wait_for("xnet/$SYS/house/device/d/state", "offline: the gateway is stopped")
    late.wait_for("xnet/$SYS/house/bus/b/state", "down: the gateway is stopped")


def test_a_renamed_gateway_leaves_nothing_under_its_old_name(house, client, broker, make_client):
    client.subscribe("xnet/$SYS/#")
    d = house({}, "Q: {holding: 9}", *PACE)
    client.wait_for("xnet/$SYS/house/device/d/info")
    d.config.write_text(d.config.read_text().replace("gateway: house", "gateway: home"))
    d.gateway.reload()
    client.wait_for("xnet/$SYS/home/device/d/info")
    client.wait_for("xnet/$SYS/house/device/d/info", "")
    client.wait_for("xnet/sts/house/status", "")
    client.wait_for("xnet/$SYS/house/version", "")
    late = make_client(broker, "xnet/$SYS/house/#", "xnet/sts/house/#", "xnet/sts/home/status")
    late.wait_for("xnet/sts/home/status", "online")
    assert late.all("xnet/$SYS/house/#") + late.all("xnet/sts/house/#") == []


def test_the_load_is_not_that_of_the_start(house, client):
    client.subscribe("xnet/$SYS/#")
    house({}, "Q: {holding: 9, every: 10s}, R: {holding: 500, every: 10s}, S: {holding: 900, every: 1h}", *PACE)
    load = client.wait_for("xnet/$SYS/house/bus/b/load/1min", limit=40)
    assert float(load.text) < 30
