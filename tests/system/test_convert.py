# SPDX-License-Identifier: MIT
"""Configurations of other gateways, typed anew from what their documentation says, become ours: what they mean is kept,
what cannot be said is named with its line."""
import json
import os
import re
import subprocess

import pytest

from conftest import TOP, free_port, wait_until
from simfix import PROFILES
from test_peers import PYMODBUS, PYTHON, installed, listens
from test_xnetctl import xnetctl

CORPUS = os.path.join(PROFILES, "../tests/fuzz/corpus/convert")


def converted(name, *options):
    """(exit status, what was left out, the points as a dictionary of texts, the whole text)."""
    done = subprocess.run([os.path.join(TOP, "xnetctl"), "convert", *options, name], capture_output=True, text=True,
                          cwd=CORPUS, timeout=20)
    points, device = {}, None
    for s in done.stdout.splitlines():
        if s.startswith("  ") and s[2] != " " and s.endswith(":"):
            device = s.strip()[:-1]
        elif s.startswith("      "):
            point, text = s.strip().split(": ", 1)
            points[f"{device}.{point}"] = text
    return done.returncode, done.stderr.splitlines(), points, done.stdout


@pytest.mark.parametrize("name", ["ha.yaml", "mqm.yaml", "wb.json", "t.toml", "t.csv"])
def test_what_is_made_is_a_good_configuration(name, tmp_path):
    _, _, points, text = converted(name)
    assert len(points) > 3
    (tmp_path / "devices.yaml").write_text(text)
    done = xnetctl("check", "-P", PROFILES, tmp_path / "devices.yaml")
    assert (done.returncode, done.stderr) == (0, "")


def test_home_assistant():
    status, left, points, text = converted("ha.yaml")
    assert status == 1  # something was left out
    assert "heating_hub: {tcp: 127.0.0.1:15020, timeout: 3s}" in text
    assert points["device1.FlowTemperature"] == \
        '{input: 100, type: s16, scale: 0.1, decimals: 1, unit: "°C", class: temperature, state_class: measurement, ' \
        'every: 5s, description: Flow temperature}'
    assert points["device1.Energy"].startswith("{holding: 110, type: u32, order: little, scale: 0.01, decimals: 2,")
    assert points["device1.Door"].startswith("{discrete: 3")
    assert points["device1.Pump"] == "{coil: 10, write: true}"
    assert points["device2.Mode"] == "{holding: 11, type: bool, write: {on: 5, off: 6}}"
    for line, word in ((33, "zero_suppress"), (39, "data_type custom"), (62, "verify"), (63, "climates")):
        assert [s for s in left if s.startswith(f"ha.yaml:{line}:") and word in s], left
    assert len(left) == 4


def test_mqmgateway_counts_decimal_registers_from_one():
    _, left, points, text = converted("mqm.yaml")
    assert points["device1.Temp"] == "{input: 11, scale: 0.1, decimals: 1, every: 2s}"
    assert points["device2.ETotal"].startswith("{holding: 16, type: u32, order: little")  # 0x10
    assert points["device2.Relay"] == "{coil: 2, every: 1m, write: true}"
    assert points["device2.EMode"].startswith('{holding: 19, values: {0: "off", 1: "auto mode"}')
    assert points["device2.EFlag"].startswith("{holding: 20, bit: 3")
    assert "secretword" not in text and "broker: mqtt://localhost:1883" in text
    assert [s for s in left if "password_file" in s] and [s for s in left if "R0*2" in s] and len(left) == 3


def test_wiren_board_template():
    _, left, points, _ = converted("wb.json", "--id", "7")
    assert points["sx.Temperature"] == '{input: 1, type: s16, scale: 0.1, unit: "°C", na: 0x7FFF}'
    assert points["sx.Level"] == "{holding: 12, type: u16, bits: 4..5, write: {max: 3}}"
    assert points["sx.Mode"] == '{holding: 9, type: u16, values: {0: Off, 1: "On: full", 2: Auto}, write: true}'
    assert points["sx.Power"] == "{input: 30, type: f32, order: little, decimals: 1, unit: W}"
    assert [s for s in left if "u24" in s] and len(left) == 2


def test_telegraf_in_both_styles():
    status, left, points, text = converted("t.toml")
    assert (status, left) == (0, [])
    assert "meter: {port: /dev/ttyUSB0, baud: 9600, format: 8N1, timeout: 1s}" in text
    assert points["meter.Energy"] == "{holding: 5, type: u32, order: little, scale: 0.001}"
    assert points["device3.A"] == "{input: 0, type: s16, order: big-swapped, scale: 0.1}"
    assert points["device3.B"] == "{input: 1, type: f32, order: little-swapped}"
    assert "device3.C" not in points  # omit


def test_a_table_with_addresses_as_documents_have_them():
    status, left, points, _ = converted("t.csv")
    assert status == 1 and [s for s in left if s.startswith("t.csv:5:") and '"foo"' in s]
    assert points["device1.VoltageL1"].startswith("{input: 0, type: f32")
    assert points["device1.SetPoint"].startswith("{holding: 9, type: s16, scale: 0.1")
    assert points["device1.Relay"] == "{coil: 0, write: true}"
    assert points["device1.Pump"] == "{holding: 32, type: u16}"


@pytest.mark.parametrize("name, text, said", [
    ("a.yaml", "modbus: [", "a.yaml:"),
    ("a.yaml", "x: 1\n", "no point found; read as homeassistant"),
    ("a.toml", "[[inputs.modbus]]\nname = \n", "a.toml:2:"),
    ("a.csv", "a,b\n1,2\n", "among them name and address"),
    ("a.yaml", "modbus: [{type: udp, host: h, sensors: [{name: x, address: 1}]}]", "UDP is not supported"),
])
def test_what_is_no_such_file_is_refused(name, text, said, tmp_path):
    (tmp_path / name).write_text(text)
    done = subprocess.run([os.path.join(TOP, "xnetctl"), "convert", name], capture_output=True, text=True, cwd=tmp_path,
                          timeout=20)
    assert done.returncode == 78 and done.stdout == ""
    assert said in done.stderr


# What another value would be published for, or written, if it were taken as usual; None: it is left out and named.
ODD = {
    "ha.yaml": ("modbus: [{name: h, type: tcp, host: a, sensors: [%s]}]", {
        "{name: A, slave: 1, address: 1, data_type: int, count: 2}": "{holding: 1, type: s32}",
        "{name: B, slave: 1, address: 3, data_type: uint, count: 2, reverse_order: true}":
            "{holding: 3, type: u32, order: little}",
        "{name: C, slave: 1, address: 5, count: 3}": None,
        "{name: D, slave: 1, address: 5, swap: odd, data_type: int32}": None,
        "{name: E, slave: 1, address: 5, input_type: coil}": None,
    }),
    "t.toml": ('[[inputs.modbus]]\nname="m"\ncontroller="tcp://a:502"\nholding_registers=[%s]', {
        '{name="A", byte_order="AB", data_type="FLOAT32", scale=0.1, address=[1]}': "{holding: 1, type: u16, scale: 0.1}",
        '{name="B", byte_order="GHEFCDAB", data_type="INT64", address=[1,2,3,4]}': "{holding: 1, type: s64, order: little}",
        '{name="C", byte_order="HGFEDCBA", data_type="INT64", address=[5,6,7,8]}':
            "{holding: 5, type: s64, order: little-swapped}",
        '{name="D", data_type="BIT", bit=3, address=[9]}': "{holding: 9, type: u16, bit: 3}",
        '{name="E", byte_order="ABDC", data_type="INT32", address=[1,2]}': None,
        '{name="F", byte_order="ABCD", data_type="UFIXED", address=[2,1]}': None,
        '{name="G", byte_order="ABCD", data_type="UFIXED", address=[1,9]}': None,
    }),
    "wb.json": ('{"device": {"name": "x", "channels": [%s]}}', {
        '{"name": "A", "reg_type": "input", "address": 1, "format": "float", "byte_order": "little_endian"}':
            "{input: 1, type: f32, order: big-swapped}",
        '{"name": "B", "reg_type": "holding", "address": 3, "type": "range", "max": 9, "write_address": 4}':
            "{holding: 3, type: u16}",
    }),
    "t.csv": ("name;address;type;scale;order;access\n%s", {
        "A;40001;u16;0,1;;R": "{holding: 0, type: u16, scale: 0.1}",
        "B;2;u16;;;WO": "{holding: 2, type: u16, write: only}",
        "C;3;u16;x10;;R": None,
        "D;4;u32;;middle;R": None,
    }),
}


@pytest.mark.parametrize("name", ODD)
def test_what_would_be_another_value_is_converted_or_named(name, tmp_path):
    text, cases = ODD[name]
    (tmp_path / name).write_text(text % ("\n" if name == "t.csv" else ", ").join(cases))
    _, left, points, _ = converted(tmp_path / name)
    found = {k.split(".")[1]: v for k, v in points.items()}
    assert found == {n: v for n, v in zip("ABCDEFGHI", cases.values()) if v}
    assert len([s for s in left if "not converted" in s]) == sum(v is None for v in cases.values()), left


def test_a_command_of_mqmgateway_scales_on_its_way_to_the_register(tmp_path):
    (tmp_path / "m.yaml").write_text("""
modbus: {networks: [{name: n, address: a}]}
mqtt:
  objects:
    - topic: a
      network: n
      slave: 1
      state: {register: 10, converter: std.divide(10)}
      commands: {name: set, register: 10, converter: std.multiply(10)}
    - topic: b
      network: n
      slave: 1
      state: {register: 11, converter: std.divide(10)}
      commands: {name: set, register: 11}
    - topic: c
      network: n
      slave: 1
      commands: {name: set, register: 12, converter: std.multiply(10)}
    - topic: d
      network: n
      slave: 1
      state: {register: 13, count: 2, converter: "std.divide(10)"}
""")
    _, left, points, _ = converted(tmp_path / "m.yaml")
    assert points["device1.A"] == "{holding: 9, scale: 0.1, write: true}"
    assert points["device1.B"] == "{holding: 10, scale: 0.1}"  # it would be written as it is
    assert points["device1.CSet"].startswith("{holding: 11, scale: 0.1, write: only")
    assert points["device1.D"] == "{holding: 12, type: s32, scale: 0.1}"
    assert len([s for s in left if "in another way than it is read" in s]) == 1


# Two public ways to say the same of the pymodbus server of test_peers.
HASS = """
modbus:
  - name: plc
    type: tcp
    host: 127.0.0.1
    port: {port}
    sensors:
      - {{name: Level, slave: 17, address: 3, input_type: input, data_type: uint16, scale: 0.1, precision: 1, scan_interval: 1}}
      - {{name: Both, slave: 17, address: 4, data_type: uint32, swap: word, scan_interval: 1}}
    switches:
      - {{name: Pump, slave: 17, address: 2, write_type: coil, scan_interval: 1}}
"""
TELEGRAF = """
[[inputs.modbus]]
  name = "plc"
  slave_id = 17
  controller = "tcp://127.0.0.1:{port}"
  interval = "1s"
  input_registers = [ {{ name = "Level", byte_order = "AB", data_type = "UFIXED", scale=0.1, address = [3]}} ]
  holding_registers = [ {{ name = "Both", byte_order = "CDAB", data_type = "UINT32", scale=1.0, address = [4, 5]}} ]
  coils = [ {{ name = "Pump", address = [2] }} ]
"""


@pytest.mark.parametrize("text", [HASS, TELEGRAF], ids=["homeassistant", "telegraf"])
def test_it_reads_another_ones_server(text, tmp_path, broker, client, start):
    port = free_port()
    if not installed(PYMODBUS):
        pytest.skip("python3-pymodbus is not installed")
    start(PYTHON, "-c", PYMODBUS, "tcp", port)
    wait_until(lambda: listens(port), what="the server")
    (tmp_path / "theirs").write_text(text.format(port=port))
    done = xnetctl("convert", tmp_path / "theirs")
    assert (done.returncode, done.stderr) == (0, "")
    config = tmp_path / "devices.yaml"
    config.write_text(f"gateway: gw\nmqtt: {{broker: '{broker.url}'}}\n" + done.stdout)
    start("xnetd", "--config", config, "--profiles", PROFILES)
    name = "device17" if text is HASS else "plc"
    client.wait_for(f"xnet/sts/{name}/Level", "100.3")
    client.wait_for(f"xnet/sts/{name}/Both", str(105 << 16 | 104))
    client.wait_for(f"xnet/sts/{name}/Pump", "on")


# -- eight devices, as public configurations have them (facts only), read from another one's server -------------------

# Input register n holds n * 31 + 7 (15 bits), holding register n one more; where a float is, 230.5.
SERVER = """
import sys
from pymodbus.datastore import ModbusSequentialDataBlock as Block, ModbusServerContext, ModbusSlaveContext
from pymodbus.server import StartTcpServer
words = [(n * 31 + 7) & 0x7FFF for n in range(41000)]
for n in (0, 12, 70, 72, 0x156):
    words[n:n + 2] = [0x4366, 0x8000]
store = ModbusSlaveContext(co=Block(0, [False] * 16), di=Block(0, [False] * 16), ir=Block(0, words),
                           hr=Block(0, [w + 1 for w in words]), zero_mode=True)
StartTcpServer(context=ModbusServerContext(slaves=store, single=True), address=("127.0.0.1", int(sys.argv[1])))
"""


def word(n, holding=1):
    return ((n * 31 + 7) & 0x7FFF) + holding


def ha(*sensors):
    return ("yaml", "modbus:\n  - {name: m, type: tcp, host: 127.0.0.1, port: PORT, sensors: [\n"
            + ",\n".join(f"    {{name: {name}, slave: 1, {rest}}}" for name, rest in sensors) + "]}\n")


def telegraf(table, *fields):
    return ("toml", '[[inputs.modbus]]\n  name = "m"\n  slave_id = 1\n  controller = "tcp://127.0.0.1:PORT"\n'
            f"  {table} = [\n" + ",\n".join(f'    {{ name = "{n}", {rest} }}' for n, rest in fields) + " ]\n")


def mqmgateway(*points):
    return ("yaml", "modmqttd: {}\nmodbus:\n  networks: [{name: m, address: 127.0.0.1, port: PORT}]\nmqtt:\n  objects:\n"
            + "".join(f"    - topic: {name}\n      state: {{{rest}}}\n" for name, rest in points))


DEVICES = {
    "eastron-sdm120": (ha(("Volts", "address: 0, input_type: input, data_type: float32"),
                          ("Power", "address: 12, input_type: input, data_type: float32"),
                          ("Frequency", "address: 70, input_type: input, data_type: float32")),
                       {"Volts": 230.5, "Power": 230.5, "Frequency": 230.5}),
    "eastron-sdm630": (telegraf("input_registers", ("l1", 'byte_order="ABCD", data_type="FLOAT32-IEEE", address=[0,1]'),
                                ("kwh", 'byte_order="ABCD", data_type="FLOAT32-IEEE", address=[342,343]')),
                       {"L1": 230.5, "Kwh": 230.5}),
    "growatt": (ha(("Output", "address: 35, input_type: input, data_type: uint32, scale: 0.1, precision: 1"),
                   ("Today", "address: 53, input_type: input, data_type: uint32, scale: 0.1, precision: 1")),
                {"Output": (word(35, 0) << 16 | word(36, 0)) / 10, "Today": (word(53, 0) << 16 | word(54, 0)) / 10}),
    "sungrow-sg": (ha(("Dc", "address: 5016, input_type: input, data_type: uint32, swap: word"),
                      ("Temperature", "address: 5007, input_type: input, data_type: int16, scale: 0.1, precision: 1")),
                   {"Dc": word(5017, 0) << 16 | word(5016, 0), "Temperature": word(5007, 0) / 10}),
    "solaredge": (telegraf("holding_registers", ("power", 'byte_order="AB", data_type="INT16", scale=1.0, address=[40083]'),
                           ("status", 'byte_order="AB", data_type="UINT16", scale=1.0, address=[40107]')),
                  {"Power": word(40083), "Status": word(40107)}),
    "deye": (mqmgateway(("soc", "register: m.1.0x24C"),  # 588, 672
                        ("pv1", "register: m.1.0x2A0, converter: 'std.divide(10,1)'")),
             {"Soc": word(588), "Pv1": word(672) / 10}),
    "huawei-sun2000": (("csv", "name,address,register,type,scale,unit,id\nPower,32080,holding,s32,,W,1\n"
                        "Temperature,32087,holding,s16,0.1,C,1\nSoc,37760,holding,u16,0.1,%,1\n"),
                       {"Power": word(32080) << 16 | word(32081), "Temperature": word(32087) / 10, "Soc": word(37760) / 10}),
    "pzem-016": (ha(("Volts", "address: 100, input_type: input, data_type: uint16, scale: 0.1, precision: 1"),
                    ("Amps", "address: 101, input_type: input, data_type: uint32, swap: word, scale: 0.001, precision: 3")),
                 {"Volts": word(100, 0) / 10, "Amps": (word(102, 0) << 16 | word(101, 0)) / 1000}),
}


def test_eight_devices_read_the_same_from_another_ones_server(tmp_path, start):
    if not installed(PYMODBUS):
        pytest.skip("python3-pymodbus is not installed")
    port = free_port()
    start(PYTHON, "-c", SERVER, port)
    wait_until(lambda: listens(port), what="the server")
    for name, ((kind, text), want) in DEVICES.items():
        theirs, ours = tmp_path / f"{name}.{kind}", tmp_path / f"{name}.ours"
        theirs.write_text(text.replace("PORT", str(port)))
        done = xnetctl("convert", theirs)
        assert (done.returncode, done.stderr) == (0, ""), name
        # a table has no line
        ours.write_text(re.sub(r"{port: /dev/ttyUSB0.*}", f"{{tcp: 127.0.0.1:{port}}}", done.stdout))
        done = xnetctl("check", "-P", PROFILES, "-c", ours)
        assert (done.returncode, done.stderr) == (0, ""), name
        device = [x.strip()[:-1] for x in ours.read_text().split("devices:")[1].splitlines() if x[:2] == "  " and x[2:3] != " "][0]
        done = xnetctl("read", "--control", "off", "-P", PROFILES, "-c", ours, "--timeout", "5000", "--json", device)
        assert done.returncode == 0, (name, done.stderr)
        got = {p["name"]: p["value"] for p in json.loads(done.stdout)["points"]}
        assert got == pytest.approx(want), name
