# SPDX-License-Identifier: MIT
"""The demo: every step shows, and whatever ends it, nothing is left running."""
import os
import signal
import subprocess

import pytest

from conftest import LIMIT, TOP, wait_until

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))


def as_from_a_terminal():
    """A shell cannot catch what was ignored when it began (by nohup, or as a job in the background)."""
    for number in signal.SIGINT, signal.SIGHUP:
        signal.signal(number, signal.SIG_DFL)


class Demo:
    def __init__(self, directory, seconds):
        self.directory = directory
        self.log = directory / "out"
        environment = {**os.environ, "TMPDIR": str(directory), "DEMO_SECONDS": str(seconds)}
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen([os.path.join(SOURCE, "demo/house"), SOURCE], cwd=TOP, env=environment,
                                            stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
                                            preexec_fn=as_from_a_terminal)

    def text(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def running(self):
        """Processes of its session; the dead that nobody buried do not count."""
        out = subprocess.run(["ps", "-o", "stat=,cmd=", "-s", str(self.process.pid)], capture_output=True, text=True)
        return [s for s in out.stdout.splitlines() if not s.startswith("Z")]

    def left(self):
        return self.running() + [f for f in os.listdir(self.directory) if f != "out"]


@pytest.fixture
def demo(tmp_path):
    made = []

    def make(seconds):
        made.append(Demo(tmp_path, seconds))
        return made[-1]

    yield make
    for d in made:
        if d.process.poll() is None:
            d.process.terminate()
        d.process.wait(LIMIT)


def test_every_step_shows_and_it_ends_by_itself(demo):
    d = demo(1)
    assert d.process.wait(90) == 0, d.text()[-3000:]
    text = d.text()
    assert "every step was seen" in text
    for step in ["xnet/sts/scc1/PvArrayVolts ", "xnet/sts/relay1/Relay3 on", "xnet/sts/meter1/status offline"]:
        assert step in text
    assert d.left() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_running(demo, number):
    d = demo(0)
    wait_until(lambda: "xnet/sts/scc1/status online" in d.text(), what="the gateway")
    if number == signal.SIGINT:  # the terminal sends it to all of them
        os.killpg(d.process.pid, number)
    else:
        d.process.send_signal(number)
    assert d.process.wait(LIMIT) == {signal.SIGINT: 0, signal.SIGTERM: 143, signal.SIGHUP: 129}[number]
    assert d.left() == []
