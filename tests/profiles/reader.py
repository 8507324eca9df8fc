# SPDX-License-Identifier: MIT
"""Reads the points of a profile: the subset of YAML that profiles are written in, and nothing of the gateway's own
code, so that a comparison with other sources does not depend on it."""
import os
import re

TABLES = ("coil", "discrete", "input", "holding")

# {name} of a repeated point is no map, and begins no value.
SCALAR = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\']|\'\')*\'|[^,\]{}]+')


class Flow:
    """One value in flow style: {a: 1, b: [2, 3], c: "text"}."""

    def __init__(self, text):
        self.text, self.at = text, 0

    def skip(self):
        while self.at < len(self.text) and self.text[self.at] in " \n\t":
            self.at += 1

    def value(self):
        self.skip()
        if self.text[self.at] == "{":
            return dict(self.items("}", self.pair))
        if self.text[self.at] == "[":
            return list(self.items("]", self.value))
        word = SCALAR.match(self.text, self.at)
        self.at = word.end()
        return scalar(word.group())

    def items(self, end, item):
        self.at += 1
        self.skip()
        while self.text[self.at] != end:
            yield item()
            self.skip()
            if self.text[self.at] == ",":
                self.at += 1
                self.skip()
        self.at += 1

    def pair(self):
        self.skip()
        key = re.compile(r'"[^"]*"|[^:,{}]+').match(self.text, self.at)
        self.at = key.end() + 1
        return scalar(key.group()), self.value()


def scalar(text):
    text = text.strip()
    if text[:1] in "\"'" and text[-1:] == text[:1]:
        return text[1:-1]
    if re.fullmatch(r"-?(0x[0-9A-Fa-f]+|[0-9]+)", text):
        return int(text, 0)
    if re.fullmatch(r"-?[0-9]*\.[0-9]+", text):
        return float(text)
    return text


def uncommented(line):
    """The line without its comment: a # that begins it or follows a blank, outside of quotes."""
    quote = ""
    for i, c in enumerate(line):
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        elif c == "#" and (i == 0 or line[i - 1] in " \t"):
            return line[:i].rstrip()
    return line.rstrip()


def is_open(text):
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
    return bare.count("{") + bare.count("[") > bare.count("}") + bare.count("]")


def block(lines, indent):
    """The entries of a block map or list at this indent, consumed from lines."""
    entries, listed = {}, []
    while lines and len(lines[0]) - len(lines[0].lstrip()) == indent:
        text = lines.pop(0).strip()
        while is_open(text):
            text += " " + lines.pop(0).strip()
        if text.startswith("- "):
            listed.append(Flow(text[2:]).value())
            continue
        key, _, rest = text.partition(": ") if ": " in text else (text.rstrip(":"), "", "")
        if rest:
            entries[scalar(key)] = Flow(rest).value() if rest[0] in "{[" else scalar(rest)
        elif lines and len(lines[0]) - len(lines[0].lstrip()) > indent:
            entries[scalar(key)] = block(lines, len(lines[0]) - len(lines[0].lstrip()))
    return listed or entries


def document(path):
    """The head and the points of a profile; tests are left out."""
    with open(path, encoding="utf-8") as f:
        text = f.read().split("\ntests:")[0]
    lines = [s for s in map(uncommented, text.split("\n")) if s.strip()]
    return block(lines, 0)


def repeated(name, point):
    """[(name, point)] with the numbers in place of {n}."""
    if not isinstance(point.get("repeat"), dict):
        return [(name, point)]
    repeat = point["repeat"]
    first, last = (int(x) for x in str(repeat["n"]).split(".."))
    out = []
    for i in range(first, last + 1):
        one = dict(point)
        for table in TABLES:
            if isinstance(one.get(table), int):
                one[table] += (i - first) * repeat.get("stride", 1)
            elif isinstance(one.get(table), str):
                model, _, offset = one[table].partition("+")
                one[table] = f"{model}+{int(offset or 0) + (i - first) * repeat.get('stride', 1)}"
        out.append((name.replace("{n}", str(i)), one))
    return out


def on_the_wire(place, base):
    """The place with addresses that count from 0."""
    def less(address):
        return [less(a) for a in address] if isinstance(address, list) else address - base
    return {key: less(value) if key in TABLES and not isinstance(value, str) else value
            for key, value in place.items()}


def written(name, folder):
    """{name of a point, as written: [its places]}, with what the profile inherits."""
    doc = document(os.path.join(folder, name + ".yaml"))
    out = written(doc["extends"], folder) if "extends" in doc else {}
    for key, value in (doc.get("points") or {}).items():
        places = [on_the_wire(place, doc.get("address_base", 0))
                  for place in (value if isinstance(value, list) else [value])]
        if "order" in doc:
            places = [{"order": doc["order"], **place} for place in places]
        if isinstance(value, dict) and key in out:
            # keys of the point are laid over every place it is inherited from
            places = [{**place, **places[0]} for place in out[key]]
        out[key] = places
    return out


def points(name, folder):
    """{point: [place]}; a place is a dict of the keys in the profile."""
    out = {}
    for key, places in written(name, folder).items():
        for place in places:
            for one_name, one in repeated(key, place):
                out.setdefault(one_name, []).append(one)
    return out
