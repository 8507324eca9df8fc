# SPDX-License-Identifier: MIT
"""Facts about registers that other public sources state, and whether the profiles agree with them.

facts.csv has one fact a line: profile, point, table, address (as on the wire, from 0; a model and an offset for
SunSpec), type, order of words, scale, and the sources that say so, by their number in sources.csv (owner/repository,
file). An empty column: the sources do not say. A fact that proved wrong goes, and the profile names the better
source."""
import csv
import os

import reader

HERE = os.path.dirname(os.path.abspath(__file__))
FACTS = os.path.join(HERE, "facts.csv")
SOURCES = os.path.join(HERE, "sources.csv")
COLUMNS = ["profile", "point", "table", "address", "type", "order", "scale", "sources"]


def table(path):
    with open(path, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def facts():
    """The facts, with the names of their sources in place of the numbers."""
    name = {row["number"]: f"{row['repository']}:{row['file']}" for row in table(SOURCES)}
    rows = table(FACTS)
    assert rows and list(rows[0]) == COLUMNS, "facts.csv has other columns"
    return [{**row, "sources": " ".join(name[number] for number in row["sources"].split())} for row in rows]


def place(point):
    """(table, address, type, order, scale) of one place of a point, as texts and a number; None of an expression."""
    kept = next((t for t in reader.TABLES if t in point), None)
    if kept is None:
        return None
    address = point[kept]
    address = "/".join(str(a) for a in address) if isinstance(address, list) else str(address)
    if not address[:1].isdigit() and "+" not in address:
        address += "+0"
    kind = point.get("type", "u16" if kept in ("input", "holding") else "bool")
    if point.get("byte") in ("hi", "lo"):
        kind += "." + point["byte"]
    return kept, address, kind, point.get("order", "big"), float(point.get("scale", 1))


def differs(fact, point):
    """What of the fact this place of the point contradicts, in words; None if nothing."""
    here = place(point)
    if here is None:
        return "is computed"
    kept, address, kind, order, scale = here
    if (kept, address) != (fact["table"], fact["address"]):
        return f"is {kept} {address}, not {fact['table']} {fact['address']}"
    if fact["type"] and fact["type"] != kind:
        return f"is {kind}, not {fact['type']}"
    if fact["order"] and fact["order"] != order:
        return f"has order {order}, not {fact['order']}"
    if fact["scale"] and abs(float(fact["scale"]) - scale) > 1e-9:
        return f"has scale {scale:g}, not {fact['scale']}"
    return None


def contradictions(rows, folder):
    """One line for each fact that no place of its point agrees with."""
    out, known = [], {}
    for fact in rows:
        name = fact["profile"]
        if name not in known:
            known[name] = reader.points(name, folder)
        places = known[name].get(fact["point"])
        if not places:
            out.append(f"{name}: there is no point {fact['point']}, which {fact['sources']} has")
            continue
        wrong = [differs(fact, point) for point in places]
        if None not in wrong:
            out.append(f"{name}: {fact['point']} {'; '.join(wrong)} ({fact['sources']})")
    return out
