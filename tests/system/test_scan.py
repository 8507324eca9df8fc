# SPDX-License-Identifier: MIT
"""xnetctl scan: what it finds on a line, what it sends there, and what it writes into a configuration."""
import json
import os
import shutil
import signal
import subprocess
import threading

import pytest

from conftest import LIMIT, TOP, undisturbed, wait_until
from linefix import Unit, Wire, wire  # noqa: F401
from simfix import PROFILES
from test_look import XNETCTL, Screen

READS = {1, 3, 4, 8, 17, 43}
OWN = ["--control", "off", "-P", PROFILES]


def scan(*arguments, **options):
    own = OWN[:2] if "-P" in arguments else OWN
    return subprocess.run([os.path.join(TOP, "xnetctl"), "scan", *own, *map(str, arguments)], capture_output=True,
                          text=True, timeout=2 * LIMIT, **options)


def test_what_responds_is_found_at_each_setting_and_nothing_is_written(wire, tmp_path):
    line = wire({
        1: Unit(9600, {(3, 0): 1}, device_id=["Acme", "Meter 3", "1.0"]),
        2: Unit(9600, exception=1),
        3: Unit(9600, {(3, 0): 3}, turnaround=0.4),
        5: Unit(9600, {(4, 0): 5}, silent=(3,)),
        7: Unit(9600, {(3, 0): 7}, twice=True),
        11: Unit(19200, {(3, 0): 9}),
    })
    # without profiles nobody is asked what only they know: the slow one takes 0.4 s for each question

    def found_all():
        done = scan("--json", "-P", tmp_path, "--ids", "1-12", "--lines", "9600,19200-8E1", line.port,
                    env={**os.environ, "LC_ALL": "C"})
        assert done.returncode == 0, done.stderr
        assert done.stdout.isascii() and done.stderr.isascii()
        found = {f["id"]: f for f in json.loads(done.stdout)["found"]}
        assert sorted(found) == [1, 2, 3, 5, 7, 11]
        return found

    found = undisturbed(found_all)
    assert found[1]["identity"] == "Acme Meter 3 1.0 (FC 43)"
    assert found[2]["exception"] == 1
    assert found[3]["first_ms"] >= 400  # it answered long after the next id was asked
    assert found[5]["function"] == 4
    assert found[7]["corrupted"]
    assert found[11]["line"] == "19200 8E1"
    assert {pdu[0] for _, pdu, _ in line.requests} <= READS


def test_responses_that_meet_the_next_request_are_no_noise(wire, tmp_path):
    """As slow as the scan goes on: each response meets the next request, until it has learned of it."""
    for _ in range(5):
        line = wire({u: Unit(9600, {(3, 0): u}, turnaround=0.031) for u in range(1, 20, 2)})
        done = scan("--json", "-P", tmp_path, "--ids", "1-20", "--lines", "9600", line.port)
        assert done.returncode == 0, done.stderr
        if line.late < 0.005:
            break
    else:
        pytest.skip("the machine is too busy for responses at their time")
    assert line.collisions > 0
    assert [f["id"] for f in json.loads(done.stdout)["found"]] == list(range(1, 20, 2))
    assert line.collisions < 4


def test_at_a_seldom_setting_the_usual_ids_are_probed_and_it_is_reported(wire, tmp_path):
    for n, (baud, form) in enumerate([(9600, "8N1"), (9600, "8E1"), (115200, "8N1"), (19200, "8E1"), (57600, "8N1")]):
        for copy in range(9 - n):
            (tmp_path / f"p{n}{copy}.yaml").write_text(
                f"title: T\nvendor: V\nmodels: [M]\nsources: [this test]\nstatus: experimental\n"
                f"line: {{baud: {baud}, format: {form}}}\npoints: {{P: {{holding: 0}}}}\n")
    rare = Unit(57600, {(3, 0): 1})
    lines = [wire({16: Unit(9600, {(3, 0): 1}), 18: rare}), wire({18: rare})]
    done = [None, None]

    def run(i):  # at once: they mostly wait
        done[i] = scan("--json", "-P", tmp_path, "--ids", "16-18", lines[i].port)

    runs = [threading.Thread(target=run, args=(i,)) for i in (0, 1)]
    for r in runs:
        r.start()
    for r in runs:
        r.join()
    assert "57600 8N1: only ids up to 16 were probed; --deep probes all" in done[0].stderr
    found = [[f["id"] for f in json.loads(d.stdout)["found"]] for d in done]
    assert found == [[16], [18]]  # where nothing else is found all are asked


def test_nothing_is_sent_while_another_client_is_on_the_line(wire):
    line = wire({2: Unit(9600, {(3, 0): 1})})
    stop = threading.Event()

    def master():
        while not stop.wait(0.3):
            line.inject(Wire.frame(2, [3, 0, 0, 0, 20]))
            stop.wait(0.05)
            line.inject(Wire.frame(2, [3, 40] + 40 * [0]))

    other = threading.Thread(target=master)
    other.start()
    try:
        done = scan("--ids", "1-5", line.port)
    finally:
        stop.set()
        other.join()
    assert done.returncode == 1
    assert "ANOTHER CLIENT" in done.stderr
    assert "request to unit 2: holding 0 (20)" in done.stderr and "unit 2 responds" in done.stderr
    assert f"xnetctl monitor {line.port}" in done.stderr
    assert line.requests == []


CONFIG = """\
# the barn's gateway
mqtt: {{broker: mqtt://localhost}}   # on this machine
buses:
    rs485: {{port: {port}, baud: 9600, format: 8N1}}  # behind the door

devices:
    # the old one
    meter: {{profile: eastron-sdm120, bus: rs485, id: 9}}

# the end
"""


def test_add_puts_lines_into_the_configuration_and_leaves_the_rest(wire, tmp_path):
    model = struct_words("WBMR6C")
    line = wire({4: Unit(9600, {(3, 0): 0, **{(3, 200 + i): w for i, w in enumerate(model)}})})
    config = tmp_path / "devices.yaml"
    config.write_text(CONFIG.format(port=line.port))
    config.chmod(0o640)
    before = config.read_text().split("\n")
    # without a terminal nobody can say yes
    done = scan("-c", config, "--ids", "3-5", "--baud", 9600, "--add", line.port, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and "is left as it was" in done.stderr
    assert config.read_text().split("\n") == before
    mark = len(line.requests)
    done = scan("-c", config, "--id", 4, "--add", "--yes", "--baud", 9600, "rs485")
    assert done.returncode == 0, done.stderr
    assert {r[0] for r in line.requests[mark:]} == {4}
    after = config.read_text().split("\n")
    added = "    mr6c: {profile: wb-mr6c, bus: rs485, id: 4}"
    assert after == before[:8] + [added] + before[8:]
    assert f"+{added}" in done.stderr
    assert config.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path / "wire0") == ["line"] and not (tmp_path / "devices.yaml.new").exists()


def test_add_makes_a_file_that_is_not_there(wire, tmp_path):
    model = {(3, 200 + i): w for i, w in enumerate(struct_words("WBMR6C"))}
    line = wire({4: Unit(9600, {(3, 0): 0, **model})})
    config = tmp_path / "devices.yaml"
    done = scan("-c", config, "--id", 4, "--add", "--yes", "--baud", 9600, line.port)
    assert done.returncode == 0, done.stderr
    assert config.read_text().splitlines() == ["mqtt: {broker: mqtt://localhost}", "", "buses:",
                                               f"  rs485: {{port: {line.port}, baud: 9600, format: 8N1}}", "", "devices:",
                                               "  mr6c: {profile: wb-mr6c, bus: rs485, id: 4}"]


def struct_words(text):
    """One character a register, as that device holds its model."""
    return [ord(c) for c in text.ljust(20, "\0")]


def test_what_was_found_is_kept_at_ctrl_c(wire):
    line = wire({1: Unit(9600, {(3, 0): 1})})
    p = subprocess.Popen([os.path.join(TOP, "xnetctl"), "scan", *OWN, "--json", line.port], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True)
    wait_until(lambda: len(line.requests) > 5, what="requests")
    p.send_signal(signal.SIGINT)
    out, _ = p.communicate(timeout=LIMIT)
    assert p.returncode == 0
    assert [f["id"] for f in json.loads(out)["found"]] == [1]
    assert json.loads(out)["complete"] is False


def test_ctrl_c_before_anything_was_found_concludes_nothing(wire):
    line = wire({})
    for wait_for in 0, 3:  # while it listens, and while it asks
        p = subprocess.Popen([os.path.join(TOP, "xnetctl"), "scan", *OWN, "-b", "9600", line.port], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        said = p.stderr.read(len("Listening"))
        wait_until(lambda: len(line.requests) >= wait_for, what="requests")
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=LIMIT)
        assert p.returncode == 130, said + err
        assert "quiet" not in err or wait_for, err
        assert "Nothing responds" not in out, out


def test_ctrl_c_writes_nothing_without_a_question(wire, tmp_path):
    model = {(3, 200 + i): w for i, w in enumerate(struct_words("WBMR6C"))}
    line = wire({4: Unit(9600, {(3, 0): 0, **model}), 5: Unit(9600, {(3, 0): 0}, silent=(43, 17))})
    config = tmp_path / "devices.yaml"
    config.write_text(CONFIG.format(port=line.port))
    p = subprocess.Popen([os.path.join(TOP, "xnetctl"), "scan", *OWN, "-c", config, "--ids", "4-5", "-b", "9600", "--add",
                          "--yes", "rs485"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True)
    wait_until(lambda: any(unit == 5 and pdu[0] in (43, 17) for unit, pdu, _ in line.requests), what="4 is known, 5 is asked")
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=LIMIT)
    assert "mr6c: {profile: wb-mr6c" in out, out  # what was found is shown
    assert p.returncode == 130 and "is left as it was (interrupted)" in err, err
    assert config.read_text() == CONFIG.format(port=line.port)


@pytest.mark.skipif(not shutil.which("tmux"), reason="no tmux")
@pytest.mark.parametrize("columns", [80, 40])
def test_the_progress_is_one_line_of_the_terminal(wire, tmp_path, columns):
    line = wire({})
    s = Screen(tmp_path, columns, 24, f"sh -c '{XNETCTL} scan --control off -P {tmp_path} --ids 1-40 -b 9600 {line.port}; cat'")
    try:
        wait_until(lambda: "to go" in s.text() and "/40" in s.text(), what="the progress")
        wait_until(lambda: "Nothing responds" in s.text(), what="the end")
        bars = [x for x in s.text().split("\n") if "9600 8N1" in x]
        assert len(bars) == 1 and "40/40" in bars[0] and "to go" not in s.text(), s.text()
    finally:
        s.end()


@pytest.mark.parametrize("arguments, status, text", [
    (["/dev/ttyNONE7"], 69, "/dev/ttyNONE7 does not exist: xnetctl ports lists the ports"),
    (["/dev/null"], 69, "/dev/null is not a serial port"),
    (["192.168.1.50"], 64, "a Modbus TCP server is given with its port: 192.168.1.50:502"),
    (["127.0.0.1:1"], 69, "cannot connect to 127.0.0.1:1: Connection refused"),
    (["nowhere"], 64, "there is no device, bus or port 'nowhere'"),
    ([], 64, "which line?"),
    (["--ids", "5-2", "/dev/null"], 64, "--ids"),
    (["--id", "1-5", "/dev/null"], 64, "several ids are --ids 1-5"),
    (["--id", "250", "/dev/null"], 64, "unit ids are 1 to 247"),
    (["--lines", "9600-9X1", "/dev/null"], 64, "--lines"),
    (["--baud", "9600x", "/dev/null"], 64, "--baud"),
])
def test_what_cannot_be_done_is_reported_with_the_next_step(arguments, status, text):
    done = scan(*arguments)
    assert (done.returncode, text in done.stderr) == (status, True), done.stderr


def test_who_has_the_port_is_named(wire, start, tmp_path):
    line = wire({})
    holder = start("/usr/bin/python3", "-c", "import fcntl, os, sys\n"
                   f"f = os.open({line.port!r}, os.O_RDWR | os.O_NOCTTY)\nfcntl.flock(f, fcntl.LOCK_EX)\n"
                   "print('ready', flush=True)\nsys.stdin.read()", stdin=subprocess.PIPE)
    holder.wait_line("ready")
    done = scan(line.port)
    assert done.returncode == 69
    # the test itself has it open, too, but not locked
    assert f"{line.port} is in use by python3 (process {holder.pid})" in done.stderr
    assert line.requests == []
