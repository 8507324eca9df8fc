# SPDX-License-Identifier: MIT
"""The web page: what the server refuses, and what a browser shows."""
import base64
import http.client
import json
import os
import random
import socket
import subprocess
import time

import pytest

import browser as chromium
from conftest import LIMIT, TOP, free_port, wait_until
from gwfix import gateway  # noqa: F401
from simfix import HEAD, line  # noqa: F401
from test_look import BARN, INFO, publish

WEB = os.path.join(TOP, "xnet-web")
pytestmark = pytest.mark.skipif(not os.path.exists(WEB), reason="xnet-web was not built: libmicrohttpd-dev is missing")
browsing = pytest.mark.skipif(not chromium.PROGRAM, reason="no chromium: apt-get install chromium")

PLANT = HEAD + """\
  meter1: {{profile: eastron-sdm120,      bus: rs485, id: 2}}
  relay1: {{profile: waveshare-relay-8ch, bus: rs485, id: 3}}
"""
SETPOINT = {"bus": "rs485", "points": [
    {"name": "SetPoint", "type": "number", "unit": "°C", "writable": True, "min": 5, "max": 75, "step": 0.5},
    {"name": "Mode", "type": "enum", "writable": True, "labels": ["Off", "Heat", "Cool"]}]}


class Web:
    def __init__(self, start, broker, *options, host="127.0.0.1"):
        self.port = free_port()
        self.process = start("xnet-web", "--broker", broker.url, "--listen", f"{host}:{self.port}", *options)
        self.process.wait_line("http://")
        self.url = f"http://127.0.0.1:{self.port}/"

    def request(self, method, path, body=None, headers=None, host=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        c.putrequest(method, path, skip_host=True)
        c.putheader("Host", host or f"127.0.0.1:{self.port}")
        for k, v in (headers or {}).items():
            c.putheader(k, v)
        if body is not None:
            c.putheader("Content-Length", str(len(body)))
        c.endheaders(body)
        r = c.getresponse()
        data = r.read()
        c.close()
        return r, data

    def status(self, *arguments, **options):
        return self.request(*arguments, **options)[0].status

    def model(self):
        return json.loads(self.request("GET", "/api/model")[1])

    def command(self, body, **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        everything = {"Content-Type": "application/json", "X-Xnet-Token": self.model().get("token", "0" * 32),
                      **{k.replace("_", "-"): v for k, v in headers.items()}}
        r, data = self.request("POST", "/api/cmd", body, {k: v for k, v in everything.items() if v})
        return r.status, data.decode()


@pytest.fixture
def web(start, broker):
    def make(*options, **named):
        w = Web(start, broker, *options, **named)
        wait_until(lambda: w.model()["broker"]["connected"], what="the broker's connection")
        return w
    return make


@pytest.fixture
def house(client):
    publish(client, BARN)
    publish(client, {"$SYS/barn/device/heater/info": json.dumps(SETPOINT), "$SYS/barn/device/heater/state": "online",
                     "sts/heater/status": "online", "sts/heater/SetPoint": "21.5", "sts/heater/Mode": "Heat"})
    return client


def shown(w, *names):
    wait_until(lambda: set(names) <= {d["name"] for d in w.model()["devices"]}, what=names)


# -- the server -------------------------------------------------------------------------------------------------------

def test_the_page_is_small_and_may_load_nothing_else(web, house):
    w = web()
    size = 0
    for path, kind in ("/", "text/html"), ("/app.js", "text/javascript"), ("/app.css", "text/css"), ("/icon.svg", "image/svg"):
        r, data = w.request("GET", path)
        assert r.status == 200 and r.headers["Content-Type"].startswith(kind)
        assert r.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert "Set-Cookie" not in r.headers and "Access-Control-Allow-Origin" not in r.headers
        assert r.headers["X-Content-Type-Options"] == "nosniff"
        size += len(data)
    assert size <= 25000
    assert w.status("HEAD", "/") == 200
    assert w.status("GET", "/../etc/passwd") == 404
    assert w.status("DELETE", "/") == 405
    shown(w, "meter1", "heater")
    assert "token" not in w.model()


def test_a_name_that_points_here_is_refused(web, house):
    w = web("--host", "plant.example", "--write")
    for host in "evil.example", f"evil.example:{w.port}", "127.0.0.1.evil.example", "", "plant.example.evil":
        for path in "/", "/api/model", "/api/events":
            assert w.status("GET", path, host=host or " ") in (400, 403), host
    for host in f"localhost:{w.port}", "plant.example", "PLANT.example:443", f"[::1]:{w.port}", "192.168.1.7:8502":
        assert w.status("GET", "/", host=host) == 200, host
    for origin in "http://evil.example", "null", f"http://127.0.0.1:{w.port + 1}", f"ftp://127.0.0.1:{w.port}":
        assert w.command({"device": "heater", "point": "Mode", "value": "Off"}, Origin=origin)[0] == 403
        assert w.status("GET", "/api/events", headers={"Origin": origin}) == 403


def test_without_write_nothing_is_sent(web, house):
    w = web()
    shown(w, "heater")
    assert w.command({"device": "heater", "point": "Mode", "value": "Off"})[0] == 403
    assert not house.all("xnet/cmd/#")


@pytest.mark.parametrize("body, headers, status", [
    ({"device": "heater", "point": "Mode", "value": "Off"}, {"X_Xnet_Token": "0" * 32}, 403),
    ({"device": "heater", "point": "Mode", "value": "Off"}, {"X_Xnet_Token": ""}, 403),
    ({"device": "heater", "point": "Mode", "value": "Off"}, {"Content_Type": "text/plain"}, 415),
    ({"device": "heater", "point": "Mode", "value": "x" * 5000}, {}, 413),
    ({"device": "heater", "point": "Mode", "value": "x" * 2000}, {}, 400),
    ({"device": "heater", "point": "Mode", "value": ""}, {}, 400),
    ({"device": "heater", "point": "Mode", "value": None}, {}, 400),
    ({"device": "heater", "point": "Mode"}, {}, 400),
    ({"device": "meter1", "point": "Volts", "value": "1"}, {}, 404),
    ({"device": "heater", "point": "#", "value": "1"}, {}, 404),
    ({"device": "barn", "point": "reload", "value": "1"}, {}, 404),
    (b"{", {}, 400), (b"", {}, 400), (b"[]", {}, 400), (b"{\"a\":" * 700, {}, 400), (b"\xff\xfe{}", {}, 400),
])
def test_what_is_no_command_is_refused(web, house, body, headers, status):
    w = web("--write")
    shown(w, "heater", "meter1")
    assert w.command(body, **headers)[0] == status
    assert not house.all("xnet/cmd/#")


def test_a_command_goes_out_once_and_never_late(web, house, broker):
    w = web("--write")
    shown(w, "heater")
    assert w.command({"device": "heater", "point": "SetPoint", "value": "22"}) == (202, "sent")
    house.wait_for("xnet/cmd/heater/SetPoint", "22")
    broker.freeze()
    w.command({"device": "heater", "point": "SetPoint", "value": "75"})
    wait_until(lambda: not w.model()["broker"]["connected"], what="that the connection is given up")
    assert w.command({"device": "heater", "point": "SetPoint", "value": "74"})[0] == 503
    broker.stop(kill=True)
    broker.start()
    wait_until(lambda: w.model()["broker"]["connected"], what="the broker")
    house.wait_for("xnet/cmd/#", "end", since=house.publish("xnet/cmd/x/y", "end") and 0)
    assert [m.text for m in house.all("xnet/cmd/heater/#")] == ["22"]


def test_other_addresses_need_a_login_and_guessing_is_slow(web, start, broker, tmp_path):
    done = subprocess.run([WEB, "--broker", broker.url, "--listen", "0.0.0.0:1"], capture_output=True, text=True)
    assert done.returncode == 64 and "--login-file" in done.stderr
    login = tmp_path / "login"
    login.write_text("operator\n")
    done = subprocess.run([WEB, "--broker", broker.url, "--login-file", login], capture_output=True, text=True)
    assert done.returncode == 64 and "NAME:PASSWORD" in done.stderr and "operator" not in done.stderr
    login.write_text("operator:sésame\n")
    w = Web(start, broker, "--login-file", login, host="0.0.0.0")

    def try_it(text):
        return w.status("GET", "/api/model", headers={"Authorization": "Basic " + base64.b64encode(text.encode()).decode()})
    assert w.request("GET", "/")[0].headers["WWW-Authenticate"].startswith("Basic")
    assert try_it("operator:sésame") == 200
    assert try_it("operator:sesame") == 401
    assert [try_it(f"operator:{i}") for i in range(12)][-1] == 429
    assert try_it("operator:sésame") == 429


def stream(w):
    s = socket.create_connection(("127.0.0.1", w.port), LIMIT)
    s.sendall(f"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:{w.port}\r\n\r\n".encode())
    return s


def test_streams_are_bounded_and_a_stuck_one_holds_up_no_other(web, house):
    w = web()
    shown(w, "meter1")
    streams = [stream(w) for _ in range(32)]
    assert all(b" 200 " in s.recv(100) for s in streams)
    more = stream(w)
    assert b" 503 " in more.recv(100)
    for i in range(2000):  # nobody reads
        house.publish("xnet/sts/meter1/Volts", f"{i} " + "x" * 200, wait=False)
    house.publish("xnet/sts/meter1/Volts", "end")
    wait_until(lambda: w.model()["devices"][0]["points"][0]["text"] == "end", what="the last value")
    streams.pop().close()
    wait_until(lambda: b" 200 " in stream(w).recv(100), what="room for another")
    rss = int(open(f"/proc/{w.process.pid}/statm").read().split()[1]) * 4096
    assert rss < 40e6
    w.process.terminate()
    assert w.process.wait(LIMIT) == 0


def test_random_requests_do_no_harm(web, house):
    w = web("--write")
    token = w.model()["token"].encode()
    r = random.Random(20261130)
    words = [b"GET ", b"POST ", b"HEAD ", b"/ ", b"/api/cmd ", b"/api/events ", b"/%00%2e%2e ", b"HTTP/1.1\r\n", b"HTTP/1.0\r\n",
             b"Host: 127.0.0.1\r\n", b"Host: \r\n", b"Content-Length: 10\r\n", b"Content-Length: -1\r\n",
             b"Transfer-Encoding: chunked\r\n", b"X-Xnet-Token: " + token + b"\r\n", b"Content-Type: application/json\r\n",
             b"Origin: \r\n", b"Authorization: Basic ====\r\n", b"\r\n", b"{\"device\":\"heater\",", b"}", b"ffffffff\r\n", b"\0", b"\xff"]
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        data = b"".join(r.choice(words) for _ in range(r.randrange(1, 14)))
        if r.random() < 0.3:
            data = bytes(b if r.random() < 0.97 else r.randrange(256) for b in data)
        with socket.create_connection(("127.0.0.1", w.port), LIMIT) as s:
            s.sendall(data)
    assert w.process.poll() is None
    wait_until(lambda: answers(w), what="an answer")
    assert not house.all("xnet/cmd/#")


def answers(w):
    try:
        return w.status("GET", "/") == 200
    except (OSError, http.client.HTTPException):
        return False


# -- in a browser -----------------------------------------------------------------------------------------------------

@pytest.fixture
def look(tmp_path):
    made = []

    def make(w, path="", **options):
        b = chromium.Browser(tmp_path, **options).__enter__()
        made.append(b)
        b.open(w.url + path)
        try:
            b.until("document.querySelector('main .card, main table')")
        except AssertionError as e:
            raise AssertionError(f"{b.console} {b.text()}") from e
        return b
    yield make
    for b in made:
        b.__exit__()


def clean(b, w):
    assert not b.console, b.console
    assert all(r.startswith((w.url, "about:")) for r in b.requests), set(b.requests)


@browsing
def test_names_and_values_stay_text_and_the_broker_may_go(web, house, broker, look):
    bad = "<img src=x onerror=\"document.title='OWNED'\">"
    info = {**INFO, "title": bad, "vendor": bad, "points": [{"name": bad, "type": "number", "unit": bad, "description": bad},
                                                             {"name": "</script><script>alert(1)", "type": "string"}]}
    name = bad.replace("/", "")
    publish(house, {f"$SYS/barn/device/{name}/info": json.dumps(info), f"$SYS/barn/device/{name}/state": f"offline: {bad}",
                    f"sts/{name}/status": "offline", f"sts/{name}/{bad}": "1", f"sts/{name}/Text": bad,
                    "$SYS/barn/version": bad, "$SYS/barn/bus/rs485/state": bad,
                    "sts/meter1/Alerts": json.dumps({"faults": [{"code": 1, "desc": bad}]}),
                    "$SYS/<b>gw</b>/version": bad, "sts/__proto__/toString": "7", "sts/constructor/__proto__": "8",
                    # numbers to JavaScript, but no JSON
                    "sts/odd/status": "online", "$SYS/odd/uptime": "0x5", "$SYS/odd/bus/b/load/1min": "0x5", "$SYS/odd/bus/b/load/planned": " 5",
                    "$SYS/odd/bus/b/errors/1min": "0b1", "$SYS/odd/bus/b/requests": "0x5", "$SYS/odd/bus/b/state": "up",
                    "$SYS/odd/device/long/info": '{"points":[{"name":"P","type":"number","writable":true}]}', "sts/long/P": "0." + "1" * 120})
    house.publish("xnet/sts/meter1/Nak", json.dumps({"param": bad, "value": bad, "reason": bad}))
    w = web("--write")
    shown(w, "meter1", name)
    b = look(w)
    house.publish("xnet/sts/meter1/Nak", json.dumps({"param": bad, "value": bad, "reason": bad}))
    for page in "#/", "#/device/" + "".join(f"%{c:02x}" for c in name.encode()), "#/device/long", "#/lines", "#/log", "#/device/%zz", "#/device/__proto__":
        b.eval(f"location.hash = {json.dumps(page)}")
        b.until("document.querySelector('main').children.length")
        assert b.eval("document.querySelectorAll('main img, main script, main b b').length") == 0
        assert "OWNED" not in b.eval("document.title").replace(bad, "").replace(name, "")
    b.eval("location.hash = '#/'")
    b.until(f"document.body.innerText.includes({json.dumps(bad)})")
    assert b.eval("document.querySelectorAll('.card').length") >= 4
    # values come by themselves
    house.publish("xnet/sts/meter1/Volts", "231.7", retain=True)
    took = b.until("document.querySelector('[data-device=meter1]').innerText.includes('231.7')")
    assert took < LIMIT
    # the broker goes and comes back
    broker.stop()
    b.until("document.querySelector('#banner').innerText.includes('is away')")
    broker.start()
    publish(house, BARN)
    b.until("document.querySelector('#banner').hidden && document.querySelector('[data-device=meter1]')")
    clean(b, w)


@browsing
def test_a_command_is_verified_and_a_refusal_is_shown(web, broker, line, gateway, client, look):  # noqa: F811
    the_line = line(PLANT, broker)
    gateway(the_line)
    client.wait_for("xnet/sts/relay1/Relay3", "off")
    w = web("--write")
    shown(w, "relay1", "meter1")
    b = look(w, "#/device/relay1")
    b.until("document.querySelector('[aria-label=Relay3]')")
    b.click("[aria-label=Relay3]")
    b.until("document.body.innerText.includes('on: verified')")
    assert b.eval("document.querySelector('[aria-label=Relay3]').getAttribute('aria-checked')") == "true"
    the_line.fault("relay1", "exception 4")
    b.click("[aria-label=Relay4]")
    b.until("document.querySelector('.out.bad')")
    assert b.eval("document.querySelector('[aria-label=Relay4]').getAttribute('aria-checked')") == "false"
    assert b.eval("document.querySelector('[aria-label=Relay4]').getAttribute('aria-busy')") == "false"
    b.eval("location.hash = '#/log'")
    b.until("document.querySelectorAll('ol.log .bad').length && document.body.innerText.includes('Relay3 on: verified')")
    assert [m.text for m in client.all("xnet/cmd/relay1/#")] == ["on", "on"]
    assert client.all("answers/#")
    clean(b, w)


@browsing
def test_without_write_there_is_no_control(web, house, look):
    w = web()
    shown(w, "heater")
    b = look(w, "#/device/heater")
    assert "21.5" in b.text("table")
    assert b.eval("document.querySelectorAll('main button, main select, main form').length") == 0
    clean(b, w)


@browsing
def test_fields_and_lists_send_what_was_entered(web, house, look):
    w = web("--write")
    shown(w, "heater")
    b = look(w, "#/device/heater")
    b.eval("const i = document.querySelector('form input'); i.value = '22.5'; i.form.requestSubmit()")
    house.wait_for("xnet/cmd/heater/SetPoint", "22.5")
    b.eval("const f = document.querySelector('form input'); f.value = '99'; f.form.requestSubmit()")  # above its maximum
    b.eval("const s = document.querySelector('select'); s.value = 'Cool'; s.dispatchEvent(new Event('change'))")
    house.wait_for("xnet/cmd/heater/Mode", "Cool")
    assert b.eval("document.querySelector('select').value") == "Heat", "not before the device reports it"
    house.publish("xnet/sts/heater/Nak", json.dumps({"param": "Mode", "value": "Cool", "reason": "refused by the device"}))
    b.until("document.querySelector('.out.bad')?.innerText.includes('refused by the device')")
    assert [m.text for m in house.all("xnet/cmd/heater/SetPoint")] == ["22.5"]
    clean(b, w)


@browsing
def test_ten_thousand_points_are_shown_quickly_on_a_phone_too(web, house, look):
    for d in range(50):
        for p in range(200):
            house.publish(f"xnet/sts/dev{d}/Point{p}", f"{p}.5", retain=True, wait=False)
    house.publish("xnet/sts/dev49/status", "online", retain=True)
    w = web()
    wait_until(lambda: sum(len(d["points"]) for d in w.model()["devices"]) >= 10000, what="10,000 points")
    b = look(w, width=360)
    assert b.eval("document.querySelectorAll('.card').length") >= 50
    assert b.eval("performance.now()") < 1000 * LIMIT
    assert b.eval("performance.memory.usedJSHeapSize") < 50e6
    assert b.eval("document.documentElement.scrollWidth") <= 360
    b.eval("location.hash = '#/device/dev7'")
    b.until("document.querySelectorAll('tbody tr').length == 200")
    b.eval("const s = document.querySelector('[type=search]'); s.value = 'point199'; s.dispatchEvent(new Event('input'))")
    b.until("document.querySelectorAll('tbody tr').length == 1")
    for width in 360, 1280:
        b.resize(width)
        assert b.eval("document.documentElement.scrollWidth") <= width
    clean(b, w)


@browsing
def test_an_open_page_does_not_grow(web, house, look):
    """XNET_PAGE_SECONDS makes it longer: an hour is part of `make soak`."""
    seconds = float(os.environ.get("XNET_PAGE_SECONDS", "9"))
    for d in range(20):
        publish(house, {f"sts/dev{d}/status": "online", **{f"sts/dev{d}/Point{p}": "0.5" for p in range(10)}})
    w = web("--write")
    shown(w, "dev19", "heater")
    b = look(w)
    pages = ["#/", "#/device/dev7", "#/lines", "#/log", "#/device/heater"]
    sizes, n, begun = [], 0, time.monotonic()
    while len(sizes) < 2 or time.monotonic() < begun + seconds:
        for page in pages * 3:
            b.eval(f"location.hash = '{page}'")
            for _ in range(40):
                n += 1
                house.publish(f"xnet/sts/dev{n % 20}/Point{n // 20 % 10}", f"{n % 977}.5", retain=True, wait=False)
                if n % 100 == 0:
                    house.publish("xnet/sts/heater/Nak", json.dumps({"param": "Mode", "value": "x", "reason": f"no {n}"}))
            house.publish("xnet/sts/dev7/Point9", f"{n}", retain=True)
            b.eval("location.hash = '#/device/dev7'")
            b.until(f"document.querySelector('tbody').innerText.includes('{n}')")
        b.eval("location.hash = '#/'")
        b.until("document.querySelector('.card')")
        sizes.append(b.weight())
        if os.environ.get("XNET_PAGE_SECONDS"):
            print(f"{time.monotonic() - begun:.0f} s, {n} values: {sizes[-1]}", flush=True)
    # the first rounds fill the sparklines and the log, which are bounded
    first, last = sizes[len(sizes) // 2], sizes[-1]
    assert last["heap"] < first["heap"] * 1.1 + 500e3, sizes
    assert last["nodes"] < first["nodes"] * 1.2 + 500 and last["listeners"] < first["listeners"] * 1.2 + 50, sizes
    clean(b, w)


@browsing
def test_the_last_frames_of_a_bus_are_shown_while_they_are_open(web, broker, line, gateway, client, look, tmp_path):  # noqa: F811
    the_line = line(PLANT, broker)
    control = tmp_path / "ctl"
    g = gateway(arguments=[*the_line.arguments, "--control", str(control)])
    client.wait_for("xnet/sts/relay1/Relay3", "off")
    w = web(f"--frames={control}", *the_line.arguments)
    shown(w, "relay1", "meter1")
    b = look(w, "#/lines")
    b.until("document.querySelector('details')")
    b.eval("document.querySelector('summary').click()")
    b.until("document.querySelector('.frames').innerText.includes('unit 2 · input 0 +')")
    the_line.unplug("relay1")
    b.until("document.querySelector('.frames .bad')?.innerText.includes('no response')")
    assert b.eval("document.querySelectorAll('.frames li').length") <= 20
    # it goes on by itself after a reload, and while the gateway is away it says so
    g.reload()
    b.until("document.querySelector('.frames li') && !document.querySelector('.frames .note')")
    g.stop()
    b.until("document.querySelector('.frames .note')?.innerText.includes('does not run')")
    assert b.eval("document.querySelector('details').open")
    clean(b, w)


def test_frames_are_shown_only_with_the_option_and_of_this_machine(web, house, tmp_path):
    w = web()
    assert w.status("GET", "/api/frames?gateway=barn&bus=rs485") == 403
    assert "frames" not in w.model()
    w = web(f"--frames={tmp_path}/ctl")
    assert w.model()["frames"] is True
    assert w.status("GET", "/api/frames?bus=rs485") == 400
    wait_until(lambda: "does not run on this machine" in
               json.loads(w.request("GET", "/api/frames?gateway=barn&bus=rs485")[1])["trouble"], what="what is wrong")
