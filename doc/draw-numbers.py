#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Draws the table of doc/numbers.md that begins with "points", a picture for each of its columns, a line for each gateway:

python3 doc/draw-numbers.py <doc/numbers.md >doc/numbers.svg

The figures are the table's alone; tests/system/test_docs.py draws again and compares.
"""
import math
import sys
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, TOP, GAP = 330, 190, 52, 34, 26
INK, GREY, LINES = "#212121", "#888", ("#03a9f4", "#e65100", "#558b2f", "#6a1b9a")


def table(text):
    """The names of the columns, and each gateway's rows of numbers (NaN: not measured); its name is the last column."""
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("| points |"))
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in [lines[at], *lines[at + 2:]]]
    end = next((i for i, line in enumerate(lines[at + 2:]) if not line.startswith("|")), len(rows))
    gateways = {}
    for row in rows[1:end + 1]:
        gateways.setdefault(row[-1], []).append([float("nan" if c == "–" else c) for c in row[:-1]])
    return rows[0][:-1], gateways


def steps(most):
    """Round marks from 0 to the largest or above."""
    for unit in (x * 10 ** e for e in range(-3, 7) for x in (1, 2, 5)):
        if most / unit <= 4:
            return [unit * i for i in range(math.ceil(most / unit) + 1)]
    return [0, most]


def text(x, y, words, size=11, fill=INK, anchor="start"):
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}">{escape(words)}</text>'


def picture(x0, y0, name, series):
    """series: of each gateway its name and its pairs of points and value."""
    marks_x, marks_y = (steps(max(pair[i] for _, pairs in series for pair in pairs)) for i in (0, 1))
    def at(point, value):
        return (x0 + LEFT + point / marks_x[-1] * (WIDTH - LEFT - 20), y0 + HEIGHT - GAP - value / marks_y[-1] * (HEIGHT - TOP - GAP))
    out = [text(x0 + 8, y0 + 18, name, 13)]
    for m in marks_y:
        (xa, y), (xb, _) = at(0, m), at(marks_x[-1], m)
        out += [f'<path d="M{xa:.0f} {y:.1f}H{xb:.0f}" stroke="#ddd"/>', text(xa - 6, y + 4, f"{m:g}", fill=GREY, anchor="end")]
    for m in marks_x[1:]:
        x, y = at(m, 0)
        out.append(text(x, y + 16, f"{m:,g}", fill=GREY, anchor="middle"))
    for i, (gateway, pairs) in enumerate(series):
        colour = LINES[i % len(LINES)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*p) for p in pairs))
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for point, value in pairs:
            x, y = at(point, value)
            out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>', text(x, y - 7, f"{value:g}", 10, anchor="middle")]
        if len(series) > 1 and pairs:
            out.append(text(x0 + LEFT + 8 + 90 * i, y0 + TOP, gateway, fill=colour))
    return out


def draw(source):
    names, gateways = table(source)
    out, columns = [], range(1, len(names))
    for i, c in enumerate(columns):
        out += picture(i % 2 * WIDTH, i // 2 * HEIGHT, f"{names[c]}, over points",
                       [(g, [(r[0], r[c]) for r in rows if not math.isnan(r[c])]) for g, rows in gateways.items()])
    height = (len(columns) + 1) // 2 * HEIGHT
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" height="{height}" viewBox="0 0 {2 * WIDTH} {height}" '
            'font-family="sans-serif"><rect width="100%" height="100%" fill="#fff"/>')
    return "\n".join([head, *out, "</svg>"])


if __name__ == "__main__":
    print(draw(sys.stdin.read()))
