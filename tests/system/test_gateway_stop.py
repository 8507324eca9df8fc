# SPDX-License-Identifier: MIT
"""The end of the gateway, whatever is under way: nothing is used after its end, everything is answered."""
import os
import signal
import socket

import pytest

from gwfix import gateway  # noqa: F401
from simfix import HEAD, line  # noqa: F401

# freed memory is overwritten, so that its use shows in every build
PERTURBED = {**os.environ, "MALLOC_PERTURB_": "165"}

UNANSWERED = """\
gateway: gx
mqtt: {{broker: "{broker}", sys_interval: 100ms}}
buses:
  refused: {{tcp: "127.0.0.1:1"}}
  mute: {{tcp: "127.0.0.1:{mute}", timeout: 1500ms}}
  line: {{port: {port}, baud: 115200}}
devices:
  d1: {{bus: refused, id: 1, points: {{P: {{holding: 1}}}}}}
  d2: {{bus: mute, id: 1, points: {{P: {{holding: 1, every: 200ms}}}}}}
  d3: {{bus: line, id: 1, points: {{P: {{holding: 1, every: 200ms, write: true}}}}}}
"""


@pytest.fixture
def mute():
    with socket.create_server(("127.0.0.1", 0)) as s:
        yield s.getsockname()[1]


def unanswered(line, broker, mute):
    return line(UNANSWERED.replace("{mute}", str(mute)), broker, bus="line")


@pytest.mark.parametrize("meanwhile", ["nothing", "reload", "reload that removes a bus", "a second SIGTERM"])
def test_a_stop_while_one_bus_ends_before_the_other(line, broker, client, gateway, mute, meanwhile):
    l = unanswered(line, broker, mute)
    g = gateway(l, env=PERTURBED)
    client.wait_for("xnet/sts/d3/status", "online")
    if meanwhile == "reload that removes a bus":
        with open(l.config, encoding="utf-8") as f:
            text = [t for t in f if not t.startswith("  mute:") and not t.startswith("  d2:")]
        with open(l.config, "w", encoding="utf-8") as f:
            f.writelines(text)
        g.reload()
        g.process.wait_line("reload: 2 buses")
    mark = client.mark()
    if meanwhile == "reload":
        g.reload()
    g.process.terminate()
    if meanwhile == "a second SIGTERM":
        g.process.wait_line("ending")
        g.process.send_signal(signal.SIGTERM)
    assert g.stop() == 0
    client.wait_for("xnet/sts/d3/status", "offline", since=mark)
    client.wait_for("xnet/sts/gx/status", "offline", since=mark)
