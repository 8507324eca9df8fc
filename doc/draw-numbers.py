#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Draws the table of doc/numbers.md that begins with "points", a picture for each of its columns:

python3 doc/draw-numbers.py <doc/numbers.md >doc/numbers.svg

The figures are the table's alone; tests/system/test_docs.py draws again and compares.
"""
import math
import sys
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, TOP, GAP = 330, 190, 52, 34, 26
INK, GREY, LINE = "#212121", "#888", "#03a9f4"


def table(text):
    """The names of the columns and the rows of numbers, without the last column."""
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("| points |"))
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in [lines[at], *lines[at + 2:]]]
    end = next((i for i, line in enumerate(lines[at + 2:]) if not line.startswith("|")), len(rows))
    return rows[0][:-1], [[float(c) for c in row[:-1]] for row in rows[1:end + 1]]


def steps(most):
    """Round marks from 0 to the largest or above."""
    for unit in (x * 10 ** e for e in range(-3, 7) for x in (1, 2, 5)):
        if most / unit <= 4:
            return [unit * i for i in range(math.ceil(most / unit) + 1)]
    return [0, most]


def text(x, y, words, size=11, fill=INK, anchor="start"):
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}">{escape(words)}</text>'


def picture(x0, y0, name, points, values):
    marks_x, marks_y = steps(max(points)), steps(max(values))
    def at(point, value):
        return (x0 + LEFT + point / marks_x[-1] * (WIDTH - LEFT - 20), y0 + HEIGHT - GAP - value / marks_y[-1] * (HEIGHT - TOP - GAP))
    out = [text(x0 + 8, y0 + 18, name, 13)]
    for m in marks_y:
        (xa, y), (xb, _) = at(0, m), at(marks_x[-1], m)
        out += [f'<path d="M{xa:.0f} {y:.1f}H{xb:.0f}" stroke="#ddd"/>', text(xa - 6, y + 4, f"{m:g}", fill=GREY, anchor="end")]
    for m in marks_x[1:]:
        x, y = at(m, 0)
        out.append(text(x, y + 16, f"{m:,g}", fill=GREY, anchor="middle"))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, points, values))
    out.append(f'<polyline points="{line}" fill="none" stroke="{LINE}" stroke-width="2"/>')
    for point, value in zip(points, values):
        x, y = at(point, value)
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{LINE}"/>', text(x, y - 7, f"{value:g}", 10, anchor="middle")]
    return out


def draw(source):
    names, rows = table(source)
    points = [r[0] for r in rows]
    out, columns = [], range(1, len(names))
    for i, c in enumerate(columns):
        out += picture(i % 2 * WIDTH, i // 2 * HEIGHT, f"{names[c]}, over points", points, [r[c] for r in rows])
    height = (len(columns) + 1) // 2 * HEIGHT
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" height="{height}" viewBox="0 0 {2 * WIDTH} {height}" '
            'font-family="sans-serif"><rect width="100%" height="100%" fill="#fff"/>')
    return "\n".join([head, *out, "</svg>"])


if __name__ == "__main__":
    print(draw(sys.stdin.read()))
