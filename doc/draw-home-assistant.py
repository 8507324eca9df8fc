#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Draws the page that a device gets in Home Assistant, from the document the gateway sends:

xnetctl homeassistant -c demo.yaml | python3 doc/draw-home-assistant.py scc1 >doc/home-assistant.svg

What the entities are called, where they stand and which are hidden is the document's; the states are examples.
"""
import json
import sys
from xml.sax.saxutils import escape

EXAMPLES = {  # of the demo of the README
    "BattVolts": "13.67", "PvArrayPower": "351.36", "PvArrayCurrent": "9.47", "PvArrayVolts": "37.12",
    "ChgCurrent": "25.70", "ChgPower": "351.32", "LoadVolts": "13.67", "LoadCurrent": "1.20", "LoadPower": "16.40",
    "BattTemp": "21.50", "UnitTemp": "27.04", "PowerComponentTemp": "30.00", "BattStateOfCharge": "85",
    "BattRemoteTemp": "21.50", "BattCurrent": "24.50", "BattPower": "334.9", "GenEnergyLife": "1033.42",
    "LoadEnergyLife": "661.05", "OpState": "Running", "ChgOpState": "Float", "BattVoltsState": "Normal",
    "BattTempState": "Normal", "PvArrayState": "Normal", "LoadLevel": "Light", "LoadInputState": "Normal",
    "DayNight": "Day", "Alerts": "OK",
}
CARDS = [("Controls", lambda e: e["p"] not in ("sensor", "binary_sensor") and "ent_cat" not in e),
         ("Sensors", lambda e: e["p"] in ("sensor", "binary_sensor") and "ent_cat" not in e),
         ("Configuration", lambda e: e.get("ent_cat") == "config"),
         ("Diagnostic", lambda e: e.get("ent_cat") == "diagnostic")]
WIDTH, ROW, GAP, MOST = 290, 26, 16, 18


def state(name, entity):
    if entity["p"] == "button":
        return "PRESS"
    text = EXAMPLES.get(name, "On" if entity["p"] in ("binary_sensor", "switch") else "Unknown")
    return f"{text} {entity['unit_of_meas']}" if "unit_of_meas" in entity and name in EXAMPLES else text


class Page:
    def __init__(self):
        self.out, self.column = [], [20 + GAP] * 3

    def text(self, x, y, words, size=13, fill="#212121", anchor="start", weight="normal"):
        self.out.append(f'<text x="{x}" y="{y}" font-size="{size}" fill="{fill}" text-anchor="{anchor}" '
                        f'font-weight="{weight}">{escape(words)}</text>')

    def card(self, column, title, rows, note):
        x, y = 20 + column * (WIDTH + GAP), self.column[column]
        height = 40 + ROW * len(rows) + (ROW if note else 0) + 8
        self.out.append(f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{height}" rx="10" fill="#fff" stroke="#ddd"/>')
        self.text(x + 14, y + 26, title, 16)
        for i, (name, value) in enumerate(rows):
            self.text(x + 14, y + 54 + ROW * i, name)
            if value in ("On", "Off"):
                on = value == "On"
                self.out.append(f'<rect x="{x + WIDTH - 46}" y="{y + 44 + ROW * i}" width="30" height="12" rx="6" '
                                f'fill="{"#03a9f4" if on else "#bbb"}"/>')
            else:
                self.text(x + WIDTH - 14, y + 54 + ROW * i, value, fill="#03a9f4" if value == "PRESS" else "#212121",
                          anchor="end")
        if note:
            self.text(x + 14, y + 54 + ROW * len(rows), note, fill="#888")
        self.column[column] = y + height + GAP


def draw(doc):
    page = Page()
    device = doc["dev"]
    page.card(0, "Device info", [(device.get("mdl", ""), ""), ("by " + device.get("mf", "?"), ""),
                                 ("Connected via " + device["via_device"].removeprefix("xnet_"), "")], "")
    for title, belongs in CARDS:
        mine = [(name, e) for name, e in doc["cmps"].items() if belongs(e)]
        shown = [(e["name"], state(name, e)) for name, e in mine if e.get("en", True)]
        hidden = len(mine) - len(shown) + max(0, len(shown) - MOST)
        if mine:
            column = 0 if title == "Controls" else 1 if title == "Sensors" else 2
            page.card(column, title, shown[:MOST], f"+{hidden} entities not shown" if hidden else "")
    width, height = 3 * WIDTH + 2 * GAP + 40, max(page.column) + 4
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'font-family="Roboto,sans-serif"><rect width="100%" height="100%" fill="#f5f5f5"/>\n'
            + f'<text x="20" y="24" font-size="20" fill="#212121">{escape(device["name"])}</text>\n'
            + "\n".join(page.out) + "\n</svg>\n")


def main():
    for line in sys.stdin:
        doc = json.loads(line.split(" ", 1)[1])
        if doc["dev"]["name"] == sys.argv[1]:
            sys.stdout.write(draw(doc))
            return 0
    return f"no device {sys.argv[1]} among the documents"


if __name__ == "__main__":
    sys.exit(main())
