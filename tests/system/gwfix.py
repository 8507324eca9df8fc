# SPDX-License-Identifier: MIT
"""The gateway for system tests: xnetd with a devices.yaml, ended by its pid.

    def test_something(line, broker, client, gateway):
        l = line(HOUSE, broker)
        g = gateway(l)
        client.wait_for("xnet/sts/scc1/status", "online")
"""
import signal

import pytest

from conftest import LIMIT

LOG_SHOWN = 20000  # characters


class Gateway:
    def __init__(self, start, arguments, log="debug", **options):
        self.process = start("xnetd", "-l", log, *arguments, **options)

    def text(self):
        return self.process.text()

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        """SIGTERM; gives the exit code."""
        self.process.terminate()
        return self.process.wait(LIMIT)

    def kill(self):
        self.process.kill()
        self.process.wait(LIMIT)


@pytest.fixture
def gateway(start):
    """gateway(line) or gateway(arguments=[...]); log: its level; env={...} and the like go to Popen."""

    made = []

    def make(line=None, arguments=None, **options):
        made.append(Gateway(start, arguments or line.arguments, **options))
        return made[-1]

    yield make
    for g in made:  # pytest shows it when the test failed
        print(f"--- {g.process.log}, the end of it\n{g.text()[-LOG_SHOWN:]}")
