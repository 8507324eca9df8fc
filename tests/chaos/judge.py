# SPDX-License-Identifier: MIT
"""Judges a run from three logs alone: the devices' truth, the broker's traffic, the faults.

A violation is (time, rule, words, filter of the excerpt). Where a fault excuses a delay, it excuses it until RECOVERY
after its end: that is how long the gateway may take to be current again. Nothing excuses a wrong value or a wrong write.
"""
import bisect
import json
import re

from device import LAST, NUMBER, POINTS, PULSE, STALE

RECOVERY = {"line": 20.0, "tcp": 12.0, "broker": 12.0, "daemon": 15.0, "all": 5.0, "dev": 15.0}  # seconds
AGE = 3.0  # seconds from a read to its publication
SILENT = ("lost request", "lost answer", "dead unit", "vanished", "refused")  # faults in which nothing comes at all
GONE = 6.0  # seconds without an answer after which a device that is asked must be offline
OUTCOME = 6.0  # seconds after a command's own time until its outcome must be there
LATE = 0.5  # seconds on the way from the gateway's decision to the device's ear
GROWTH = {"rss": 4000, "fds": 6, "threads": 2}  # kB, number, number
REFUSED_BEFORE = "refused the first time"
NOT_WRITTEN = re.compile(
    r"^(could not be sent in time|too late|above the maximum|below the minimum|not a number|no such point|"
    r"a newer command followed|shutting down|does not fit|read-only|busy|the device refuses it|the device is offline)|"
    r"nothing was written|retained")


class Judge:
    def __init__(self, log):
        self.log, self.devices, self.end = log, log["devices"], log["end"]
        self.found = []
        self.reads = {}  # (device, point): [(time, value, entry)]
        self.count = {"values": 0, "writes": 0, "commands": 0, "unsure": 0}
        self.index_reads()

    def say(self, t, rule, words, device=None):
        self.found.append({"t": t, "rule": rule, "words": words, "dev": device})

    def index_reads(self):
        """A retained message is news if another was the last: the gateway was back at the broker before the observer."""
        self.published = {}
        for e in self.log["traffic"]:
            part = e["topic"].split("/")
            if len(part) != 4 or part[1] != "sts":
                continue
            messages = self.published.setdefault((part[2], part[3]), [])
            if not e["ret"] or not messages or messages[-1]["payload"] != e["payload"]:
                messages.append(e)
        for e in self.log["truth"]:
            if e["k"] != "read":
                continue
            for name, (area, a, n, _, _) in POINTS.items():
                at = a - e["a"]
                if area == e["area"] and at >= 0 and at + n <= len(e["v"]):
                    v = e["v"][at] if n == 1 else e["v"][at] << 16 | e["v"][at + 1]
                    self.reads.setdefault((e["dev"], name), []).append((e["t"], v, e))

    # Faults
    def excuses(self, device, point=None, own=True):
        """The merged times that excuse a delay. own: also what a register of its own does."""
        bus = self.devices[device]["bus"]
        spans = [(-1e9, self.log["ready"])]
        for f in self.log["faults"]:
            kind = f["target"].rstrip("0123456789")
            end = f["end"] if f["end"] is not None else 1e9
            if f["target"] == "all":
                spans.append((f["t"], self.over(f)))
            elif f["target"] in (bus, "broker", "daemon"):
                spans.append((f["t"], end + RECOVERY[kind]))
            elif f["target"] == "gone:" + device:
                spans.append((f["t"], end + RECOVERY["dev"]))
            elif f["target"] == "dev:" + device and not own:
                pass
            elif f["target"] == "dev:" + device:
                spans.append((f["t"], end + 60 if point == "Bad" else f["t"] + RECOVERY["dev"]))
                spans.append((end, end + RECOVERY["dev"]))
            elif f["target"].startswith("dev:") and self.devices[f["target"][4:]]["bus"] == bus:
                spans.append((f["t"], f["t"] + RECOVERY["dev"]))
        merged = []
        for a, b in sorted(spans):
            if merged and a <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], b)
            else:
                merged.append([a, b])
        return merged

    @staticmethod
    def over(f):
        """Until then a machine that was late excuses a delay: it had no time to catch up, but ten times what it was late is enough."""
        return f["end"] + min(RECOVERY["all"], 10 * (f["end"] - f["t"]))

    def late(self):
        """Seconds, merged, in which nobody is blamed for time, as the machine was late."""
        total, reached = 0.0, 0.0
        for a, b in sorted((f["t"], self.over(f)) for f in self.log["faults"] if f["target"] == "all"):
            total += max(0.0, b - max(a, reached))
            reached = max(reached, b)
        return total

    @staticmethod
    def covered(spans, a, b):
        return any(x <= b and y >= a for x, y in spans)

    @staticmethod
    def longest_bare(spans, a, b):
        """The longest part of [a, b] without excuse."""
        longest, at = 0.0, a
        for x, y in spans:
            if y < a:
                continue
            if x > b:
                break
            longest, at = max(longest, x - at), max(at, y)
        return max(longest, b - at)

    # Values
    def values(self):
        for (device, point), messages in self.published.items():
            if device in self.devices and point in POINTS:
                self.values_of(device, point, messages)

    def values_of(self, device, point, messages):
        reads = self.reads.get((device, point), [])
        spans = self.excuses(device, point)
        by_value = {}
        for i, (_, v, _) in enumerate(reads):
            by_value.setdefault(v, []).append(i)
        reached, counted = 0, None
        for m in messages:
            t, text = m["t"], m["payload"]
            self.count["values"] += 1
            if text in ("None", ""):
                self.none(device, point, t, reads, spans)
                continue
            value = int(text) if text.isdigit() else {"on": 1, "off": 0}.get(text)
            good = [i for i in by_value.get(value, []) if reads[i][2]["good"] and reads[i][0] <= t]
            usable = [i for i in good if i >= reached]
            if not usable:
                self.wrong(device, point, t, text, good, [reads[i] for i in by_value.get(value, [])])
                continue
            reached = usable[0]
            age = t - reads[usable[-1]][0]
            if age > AGE and not self.covered(spans, reads[usable[-1]][0], t):
                self.say(t, "old value", f"{device}/{point} {text} was read {age:.1f} s before", device)
            if POINTS[point][4] == "count":
                if counted is not None and value < counted:
                    self.say(t, "counter backwards", f"{device}/{point} {counted} and then {value}", device)
                counted = value

    def wrong(self, device, point, t, text, good, same):
        if good:
            why = "older than what was published before"
        elif same:
            why = "only in answers that came too late or with a newer request out: " + ", ".join(
                f"asked {e['t']:.3f} sent {e['sent'] or 0:.3f}" for _, _, e in same[-3:])
        else:
            why = "no read of this point brought it"
            if text.isdigit():
                unit, number = int(text) >> 24, int(text) >> 16 & 255
                why += f" (it looks like unit {unit}, point {[n for n, k in NUMBER.items() if k == number]})"
        self.say(t, "wrong value", f"{device}/{point} {text}: {why}", device)

    def none(self, device, point, t, reads, spans):
        last = max((x for x, _, e in reads if e["good"] and x <= t), default=None)
        limit = (STALE if point == "Bad" else 60) - 2
        if last is not None and t - last < limit and not self.covered(spans, t - 1, t):
            self.say(t, "None", f"{device}/{point} None, but it was read {t - last:.1f} s before", device)

    # Commands
    def commands(self):
        asked, self.answers = {}, {}
        for c in self.log["commands"]:
            for i, item in enumerate(c["items"]):
                asked.setdefault((item[0], item[1], str(item[2])), []).append((c, i))
        for a in self.log["answers"]:
            self.answers.setdefault(a["id"], []).append(a)
        self.written = {}
        for e in self.log["truth"]:
            if e["k"] == "strange":
                self.say(e["t"], "unasked write", f"{e['dev']} address {e['a']} {e['v']}", e["dev"])
            elif e["k"] == "write":
                self.write(e, asked)
        for c in self.log["commands"]:
            self.outcome(c)
        for device in self.devices:
            self.pulses(device)

    def pulses(self, device):
        """Each switching on has a command of its own that may have been carried out, and is ended."""
        commands = [c for c in self.log["commands"] if c["items"][0][:2] == [device, "Pulse"]]
        for c in list(commands):
            body = json.loads(self.answers.get(c["id"], [{"body": "{}"}])[0]["body"])
            if NOT_WRITTEN.search(body.get("reason") or ""):
                commands.remove(c)
        writes = [e for e in self.log["truth"] if e["k"] == "write" and e["area"] == "coil" and e["dev"] == device]
        on = None
        for e in writes + [{"t": self.end, "v": [0]}]:
            if on is not None and e["v"] == [0]:
                limit = PULSE + 8
                if e["t"] - on > limit and self.longest_bare(self.excuses(device), on, e["t"]) > limit:
                    self.say(e["t"], "endless pulse", f"{device}/Pulse on since {on:.3f}", device)
                on = None
            if e["v"] == [1]:
                mine = [c for c in commands if c["t"] <= e["t"] <= c["t"] + LAST["Pulse"] + LATE]
                if mine:
                    commands.remove(mine[0])
                else:
                    self.say(e["t"], "unasked write", f"{device}/Pulse on: no command for it", device)
                on = e["t"]
        for c in commands:
            for a in self.answers.get(c["id"], []):
                done = [e for e in writes if e["v"] == [1] and c["t"] <= e["t"] <= a["t"] + 0.01]
                if json.loads(a["body"]).get("ok") and not done:
                    self.say(a["t"], "untrue outcome", f"{device}/Pulse ok, but it was not written", device)

    @staticmethod
    def written_values(e):
        """The points of a write; None for what is only half there."""
        for name, (area, a, n, _, kind) in POINTS.items():
            at = a - e["a"]
            if kind != "set" or area != e["area"] or at + n <= 0 or at >= len(e["v"]):
                continue
            if at < 0 or at + n > len(e["v"]):
                yield name, None
            else:
                yield name, e["v"][at] if n == 1 else e["v"][at] << 16 | e["v"][at + 1]

    def write(self, e, asked):
        for point, value in self.written_values(e):
            self.count["writes"] += 1
            key = (e["dev"], point, str(value))
            commands = [c for c, _ in asked.get(key, []) if c["t"] <= e["t"]]
            if not commands:
                self.say(e["t"], "unasked write", f"{e['dev']}/{point} {value}: no such command before", e["dev"])
                continue
            c = commands[-1]
            earlier = self.written.setdefault(key, [])
            if len(earlier) >= len(commands):
                self.say(e["t"], "written twice", f"{e['dev']}/{point} {value}: before at {earlier[-1]:.3f}", e["dev"])
            earlier.append(e["t"])
            life = min(LAST[point], c["expiry"] or 1e9)
            if e["t"] > c["t"] + life + LATE:
                self.say(e["t"], "late write", f"{e['dev']}/{point} {value}: asked at {c['t']:.3f}, "
                         f"{e['t'] - c['t']:.2f} s before, with {life} s to live", e["dev"])
            if c["class"] == "invalid":
                self.say(e["t"], "unasked write", f"{e['dev']}/{point} {value}: it was invalid", e["dev"])

    def outcome(self, c):
        self.count["commands"] += 1
        got = self.answers.get(c["id"], [])
        life = max(LAST.get(p, 10) for _, p, _ in c["items"]) + OUTCOME
        device = c["items"][0][0]
        again = [a for a in got[1:] if not self.same(got[0]["body"], a["body"]) or
                 not self.repeatable(got[0]["t"], a["t"], device)]
        if again:
            self.say(again[0]["t"], "two outcomes", f"command {c['id']} at {c['t']:.3f}", device)
        if not c["answer"]:
            self.outcome_plain(c, life)
            return
        if not got:
            sure = c["acked"] and c["t"] + life < self.end
            if sure and not self.disturbed(c["t"] - 6, c["t"] + life, device):
                self.say(c["t"], "lost outcome", f"command {c['id']} {c['items']}: none within {life:.0f} s", device)
            self.count["unsure"] += 1
            return
        body = json.loads(got[0]["body"])
        results = body.get("results", [body])
        for item in c["items"]:
            mine = [r for r in results if r.get("param") in (item[1], None)] or results
            self.outcome_true(c, item, mine[0], got[0]["t"])

    def outcome_true(self, c, item, result, t):
        device, point, value = item
        if point == "Pulse":
            return
        done = [x for x in self.written.get((device, point, str(value)), []) if c["t"] <= x]
        reason = result.get("reason") or ""
        say = f"command {c['id']} {device}/{point} {value} of {c['t']:.3f}: {reason or 'ok'}, "
        if result.get("ok") and not [x for x in done if x <= t + 0.01]:
            self.say(t, "untrue outcome", say + "but it was not written", device)
        elif result.get("ok") and str(result.get("value")) != str(value):
            self.say(t, "untrue outcome", say + f"value {result.get('value')}", device)
        elif not result.get("ok") and done and NOT_WRITTEN.search(reason):
            self.say(t, "untrue outcome", say + f"but it was written at {done[0]:.3f}", device)
        elif not result.get("ok") and not reason:
            self.say(t, "untrue outcome", say + "no reason given", device)
        elif "not applied" in reason and done and not self.overwritten(device, point, done[0], t):
            self.say(t, "untrue outcome", say + f"but it was written at {done[0]:.3f} and nothing after", device)

    def overwritten(self, device, point, after, until):
        return any(d == device and p == point and after < x <= until
                   for (d, p, _), times in self.written.items() for x in times)

    def outcome_plain(self, c, life):
        """Without an answer: refused on Nak, or written, or followed by a newer command for the point."""
        device, point, value = c["items"][0]
        naks = [m for m in self.published.get((device, "Nak"), [])
                if m["t"] >= c["t"] and json.loads(m["payload"]).get("value") == str(value)]
        done = self.written.get((device, point, str(value)), [])
        if len(naks) > 1 and (not self.same(naks[0]["payload"], naks[1]["payload"]) or
                              not self.repeatable(naks[0]["t"], naks[1]["t"], device)):
            self.say(naks[1]["t"], "two outcomes", f"{device}/{point} {value}: two Naks", device)
        for m in naks[:1]:
            reason = json.loads(m["payload"])["reason"]
            if done and NOT_WRITTEN.search(reason):
                self.say(m["t"], "untrue outcome", f"{device}/{point} {value}: Nak '{reason}', written at {done[0]:.3f}",
                         device)
        if naks or not c["acked"] or c["t"] + life > self.end or self.disturbed(c["t"] - 6, c["t"] + life, device):
            return
        followed = any(o["t"] > c["t"] - 0.05 and o["t"] < c["t"] + life and o is not c and
                       any(i[:2] == c["items"][0][:2] for i in o["items"]) for o in self.log["commands"])
        if not done and not followed:
            self.say(c["t"], "lost outcome", f"plain command {device}/{point} {value}: neither written nor Nak", device)
        shown = any(m["payload"] == str(value) and m["t"] >= c["t"] for m in self.published.get((device, point), []))
        if done and not followed and not shown and not self.covered(self.excuses(device), c["t"], c["t"] + life):
            self.say(done[0], "lost outcome", f"plain command {device}/{point} {value}: written, not published", device)

    def disturbed(self, a, b, device):
        return any(f["target"] in ("broker", "daemon", "all", "gone:" + device) and f["t"] <= b and
                   (f["end"] is None or f["end"] + 3 >= a) for f in self.log["faults"])

    @staticmethod
    def same(first, second):
        """Or a refusal for what is permitted by now: the reason of the first is gone, not the refusal."""
        return second == first or not json.loads(first).get("ok") and REFUSED_BEFORE in second

    def repeatable(self, a, b, device):
        """May the same outcome come once more: by QoS 1 after a broken connection, or as what was refused came twice."""
        return self.disturbed(a, b, device) or any(
            f["what"] == "uplink twice" and f["t"] <= a and (f["end"] is None or f["end"] + 3 >= b)
            for f in self.log["faults"])

    # What must happen
    def progress(self):
        for device in self.devices:
            for point, (_, _, _, period, kind) in POINTS.items():
                spans = self.excuses(device, point)
                limit = 2 * period + 2
                reads = [t for t, _, e in self.reads.get((device, point), []) if e["good"]]
                self.gaps(device, point, "not read", reads, spans, limit)
                if kind in ("step", "count"):
                    told = [m["t"] for m in self.published.get((device, point), []) if m["payload"] != "None"]
                    self.gaps(device, point, "not published", told, spans, limit + 1)

    def current(self):
        """What a client that comes now gets, as the broker keeps it: what was last published was read of late."""
        for device in self.devices:
            for point, (_, _, _, period, _) in POINTS.items():
                spans, limit = self.excuses(device, point), 2 * period + 4
                reads = self.reads.get((device, point), [])
                times, at, last, i = [r[0] for r in reads], self.log["ready"] + limit, None, 0
                messages = self.published.get((device, point), [])
                while at <= self.end:
                    while i < len(messages) and messages[i]["t"] <= at:
                        last, i = messages[i]["payload"], i + 1
                    recent = reads[bisect.bisect_left(times, at - limit):bisect.bisect_right(times, at)]
                    held = {str(v) for _, v, _ in recent} | {("off", "on")[v & 1] for _, v, _ in recent}
                    if recent and last not in held and not self.covered(spans, at - limit, at):
                        self.say(at, "not current", f"{device}/{point}: last published {last}, but read as "
                                 f"{sorted(held)[0]} for {limit} s", device)
                        break
                    at += 5.0

    def kept(self):
        """What the broker kept for a client that came at the end."""
        for device in self.devices if self.log.get("kept") else ():
            at, kept = self.log["kept_at"], self.log["kept"]
            for point, (_, _, _, period, _) in POINTS.items():
                limit = 2 * period + 4
                if self.covered(self.excuses(device, point), at - limit, at):
                    continue
                held = {x for t, v, e in self.reads.get((device, point), []) if e["good"] and at - limit < t < at + 1
                        for x in (str(v), ("off", "on")[v & 1])}
                text = kept.get(f"xnet/sts/{device}/{point}")
                if held and text not in held and point not in ("Pulse", "Trouble"):
                    self.say(at, "not kept", f"{device}/{point}: {text}, but read as {sorted(held)[0]}", device)
            status = kept.get(f"xnet/sts/{device}/status")
            if status != "online" and not self.covered(self.excuses(device), at - 8, at):
                self.say(at, "not kept", f"{device}/status: {status}", device)
        if self.log.get("kept"):
            self.kept_as_published()

    def kept_as_published(self):
        """What was published last is what the broker has, whatever the machine was busy with."""
        at, kept = self.log["kept_at"], self.log["kept"]
        if any(f["target"] in ("broker", "daemon") and (f["end"] or 1e9) + 15 > at > f["t"] for f in self.log["faults"]):
            return
        if kept.get("xnet/sts/gw/status") != "online":
            self.say(at, "not kept", f"gw/status: {kept.get('xnet/sts/gw/status')}")
        for (device, name), messages in self.published.items():
            last = messages[-1]
            if name in ("status", "Alerts") and last["t"] < at - 1 and kept.get(f"xnet/sts/{device}/{name}") != last["payload"]:
                self.say(at, "not kept", f"{device}/{name}: {kept.get(f'xnet/sts/{device}/{name}')}, "
                         f"but published as {last['payload']}")

    def silence(self):
        """Some begin while a late answer comes in: nobody can avoid that."""
        for name, line in self.log.get("lines", {}).items():
            if line["early"] > 5 + line["requests"] / 100:
                self.say(self.end, "no silence", f"{name}: {line['early']} of {line['requests']} requests began less than "
                         "the silence after what came before")

    def stale(self):
        """What cannot be read any more is None; a device that is offline has its status for that."""
        for device in self.devices:
            spans = self.excuses(device, "Bad", own=False)
            reads = [t for t, _, e in self.reads.get((device, "Bad"), []) if e["good"]]
            for a, b in zip(reads, reads[1:] + [self.end]):
                at = a + STALE + 2.5
                if b < at or self.covered(spans, a - 1, at) or \
                        any(m["payload"] == "offline" and a - 1 < m["t"] < at for m in self.published.get((device, "status"), [])):
                    continue
                last = [m["payload"] for m in self.published.get((device, "Bad"), []) if m["t"] < at]
                if last and last[-1] != "None":
                    self.say(at, "not None", f"{device}/Bad {last[-1]}, but not read for {at - a:.1f} s", device)

    def gaps(self, device, point, rule, times, spans, limit):
        last = self.log["ready"]
        for t in times + [self.end]:
            if t - last > limit and self.longest_bare(spans, last, t) > limit:
                self.say(t, rule, f"{device}/{point} for {t - last:.1f} s (without excuse "
                         f"{self.longest_bare(spans, last, t):.1f} s, limit {limit} s)", device)
            last = max(last, t)

    def states(self):
        for device in self.devices:
            spans, answered = self.excuses(device), []
            for e in self.log["truth"]:
                if e.get("dev") == device and e.get("good"):
                    answered.append(e["sent"])
            answered.sort()
            for m in self.published.get((device, "status"), []):
                if m["payload"] == "offline" and not self.covered(spans, m["t"] - 15, m["t"]):
                    self.say(m["t"], "untrue status", f"{device} offline without a fault", device)
                i = bisect.bisect_right(answered, m["t"])
                if m["payload"] == "online" and (not i or m["t"] - answered[i - 1] > 5) and not self.global_at(m["t"]):
                    self.say(m["t"], "untrue status", f"{device} online, but it has not answered for 5 s", device)
            self.alert(device, spans)
            self.gone(device)

    def gone(self, device):
        """Asked, and asked again, without an answer: offline, and this is published. While something comes, cut or
        corrupted, the device is not silent."""
        garbled = [f for f in self.log["faults"] if device.startswith(f["target"]) and not f["what"].startswith(SILENT)]
        times = [e["t"] for e in self.log["truth"] if e.get("dev") == device and e["k"] in ("lost", "read", "write", "denied")]
        answers = sorted(e["sent"] for e in self.log["truth"] if e.get("dev") == device and e.get("sent"))
        for a, b in zip([0.0] + answers, answers + [self.end]):
            if b - a < GONE:
                continue
            asked = times[bisect.bisect_right(times, a):bisect.bisect_left(times, b)]
            if len(asked) < 3 or asked[2] + 5 > b or self.global_at(asked[2] + 5) or self.global_at(a):
                continue
            if any(f["t"] <= asked[2] + 5 and (f["end"] or 1e9) >= a for f in garbled):
                continue
            said = [m["payload"] for m in self.published.get((device, "status"), []) if m["t"] < asked[2] + 5]
            if not said or said[-1] != "offline":
                self.say(asked[2] + 5, "untrue status", f"{device} not offline, silent since {a:.3f}, asked three times", device)

    def global_at(self, t):
        return any(f["target"] in ("broker", "daemon") and f["t"] <= t <= (f["end"] or 1e9) + 15 or
                   f["target"] == "all" and f["t"] <= t <= self.over(f) for f in self.log["faults"])

    def alert(self, device, spans):
        """What Alerts says must have been so, and what is so for long must be said."""
        changes = [(-1e9, 0)] + [(e["t"], e["v"]) for e in self.log["truth"] if e["k"] == "reg" and e["dev"] == device]
        said, told = None, [(-1e9, None)]
        for m in self.published.get((device, "Alerts"), []):
            said = int(any(f["code"] == 4 for f in json.loads(m["payload"] or '{"faults":[]}')["faults"]))
            told.append((m["t"], said))
            past = [v for i, (t, v) in enumerate(changes) if t <= m["t"] and
                    (i + 1 == len(changes) or changes[i + 1][0] > m["t"] - AGE - 2)]
            if said not in past and not self.covered(spans, m["t"] - 3, m["t"]):
                self.say(m["t"], "untrue alert", f"{device} {m['payload']}: the device holds {past}", device)
        for i, (t, v) in enumerate(changes[1:], 1):
            until = changes[i + 1][0] if i + 1 < len(changes) else self.end
            seen = [x for x, s in told if s == v and t <= x <= until]
            latest = [s for x, s in told if x <= t]
            gap = (seen[0] if seen else until) - t
            if gap > 5 and latest[-1] != v and self.longest_bare(spans, t, t + gap) > 5:
                self.say(t, "untrue alert", f"{device}: {v} not published for {gap:.1f} s", device)

    def gateway_alerts(self):
        for m in self.published.get(("gw", "Alerts"), []):
            for kind in ("faults", "warnings"):
                for a in json.loads(m["payload"])[kind] if m["payload"] else []:
                    source = a.get("source", "").split("/")[0]
                    targets = {source, "all"}
                    targets |= {"daemon", "broker"} if a["code"] in (4, 6, 7, 9) else set()
                    if a["code"] == 4 and m["t"] < self.log["ready"] + 30:
                        continue  # all that a start asks for at once
                    if source in self.devices:
                        targets |= {self.devices[source]["bus"], "dev:" + source}
                    if not any(f["target"] in targets and f["t"] <= m["t"] and (f["end"] or 1e9) + 90 >= m["t"]
                               for f in self.log["faults"]):
                        self.say(m["t"], "untrue alert", f"gateway: {a} without a fault")

    def resources(self):
        by_pid = {}
        for s in self.log["samples"]:
            by_pid.setdefault(s["pid"], []).append(s)
        for pid, samples in by_pid.items():
            n, lived = len(samples), samples[-1]["t"] - samples[0]["t"]
            for key, most in GROWTH.items():
                if lived < (90 if key == "rss" else 40):
                    continue
                early = max(s[key] for s in samples[n // 6:n // 2])
                late = min(s[key] for s in samples[3 * n // 4:])
                if late - early > most:
                    self.say(samples[-1]["t"], "growth", f"{key} of process {pid}: {early} and then at least {late}")

    def ends(self):
        for e in self.log["ends"]:
            if e["code"] != e["want"]:
                self.say(e["t"], "end", f"xnetd ended with {e['code']} instead of {e['want']}")
            elif e["took"] > 3.5:
                self.say(e["t"], "end", f"xnetd took {e['took']:.1f} s to end")

    def judge(self):
        for part in (self.values, self.commands, self.progress, self.current, self.kept, self.silence, self.stale, self.states,
                     self.gateway_alerts, self.resources, self.ends):
            part()
        self.found.sort(key=lambda v: v["t"])
        return self.found
