# SPDX-License-Identifier: MIT
"""Would Home Assistant take this discovery document? By the facts in rules.json.

findings(topic, text, version) yields (effect, rule, entity, what): "refused" loses an entity or the
whole document, "stripped" a key without a word, "warning" and "advice" are what its log would say.
"""
import json
import math
import pathlib
import re

RULES = json.loads((pathlib.Path(__file__).parent / "rules.json").read_text(encoding="utf-8"))
ROOT, SENSOR, NUMBER = RULES["root"], RULES["sensor"], RULES["number"]
BARE = {"message_expiry_interval", "visible_by_default", "group"}  # too new for a version below 2026


def year_month(version):
    return tuple(int(part) for part in version.split("."))


def in_full(table, mapping):
    return {table.get(key, key): value for key, value in mapping.items()}


def entity_in_full(entity):
    entity = in_full(RULES["abbreviations"], entity)
    if isinstance(entity.get("availability"), list):
        entity["availability"] = [in_full(RULES["abbreviations"], a) for a in entity["availability"]]
    return entity


class Document:
    def __init__(self, topic, text, version):
        self.topic, self.text, self.version = topic, text, year_month(version)
        self.found = []
        self.seen = {}

    def say(self, effect, rule, entity="", what=""):
        self.found.append((effect, rule, entity, what))

    def check(self):
        word = "[A-Za-z0-9_-]+"
        if not re.fullmatch(rf"[^/]+(/[^/]+)*/device/({word}/)?{word}/config", self.topic):
            self.say("refused", "topic", "", self.topic)
        if not self.text:
            return
        try:
            doc = json.loads(self.text)
        except ValueError as e:
            self.say("refused", "json", "", str(e))
            return
        if not isinstance(doc, dict):
            self.say("refused", "json", "", "no object")
            return
        doc = entity_in_full(doc)
        self.head(doc)
        for name, entity in (doc.get("components") or {}).items():
            self.entity(name, entity_in_full(entity), doc)

    def head(self, doc):
        required = ROOT["keys"]["required"]
        for key in required:
            if not isinstance(doc.get(key), dict):
                self.say("refused", "required", "", key)
        for key in doc.keys() - set(required) - ROOT["keys"]["optional"].keys():
            self.say("refused", "root key", "", key)
        device = in_full(RULES["device_abbreviations"], doc.get("device") or {})
        if not device.get("identifiers") and not device.get("connections"):
            self.say("refused", "device id")
        for key in device.keys() - set(ROOT["device"]):
            self.say("refused", "device key", "", key)
        origin = in_full(RULES["origin_abbreviations"], doc.get("origin") or {})
        if not isinstance(origin.get("name"), str):
            self.say("refused", "origin name")
        self.availability("", doc, "refused")

    def availability(self, name, where, effect):
        if where.get("availability_mode", "all") not in ROOT["availability_modes"]:
            self.say("refused", "availability mode", name, where["availability_mode"])
        for one in where.get("availability") or []:
            if not one.get("topic"):
                self.say("refused", "availability topic", name)
            for key in one.keys() - set(ROOT["availability_entry"]):
                self.say(effect, "availability key", name, key)
        if len(where.get("availability") or []) > 1 and where.get("availability_mode") != "all":
            self.say("advice", "availability mode", name, "all")

    def entity(self, name, entity, doc):
        platform = entity.get("platform")
        if platform not in RULES["supported_components"]:
            self.say("refused", "platform", name, str(platform))
            return
        if set(entity) == {"platform"}:
            return  # to be forgotten
        unique = platform, entity.get("unique_id")
        if not unique[1]:
            self.say("refused", "unique_id", name)
        elif unique in self.seen:
            self.say("refused", "unique_id twice", name, self.seen[unique])
        self.seen[unique] = name
        self.keys(name, platform, entity, doc)
        self.availability(name, entity, "stripped")
        self.category(name, platform, entity)
        self.device_class(name, platform, entity)
        if not entity.get("default_entity_id", platform + ".").startswith(platform + "."):
            self.say("advice", "default_entity_id", name, entity["default_entity_id"])
        special = {"sensor": self.sensor, "number": self.number, "select": self.select}
        if platform in special:
            special[platform](name, entity)

    def keys(self, name, platform, entity, doc):
        known = RULES["platforms"].get(platform)
        if not known:
            return
        shared = {key for key in ROOT["shared_with_components"] if key in doc}
        for key in set(known["required"]) - entity.keys() - shared:
            self.say("refused", "required", name, key)
        for key in entity.keys() - RULES["common_entity_keys"].keys() - known["optional"].keys() \
                - set(known["required"]) - {"platform", "~"}:
            self.say("stripped", "key", name, key)
        if self.version < (2026, 1):
            for key in BARE & entity.keys():
                self.say("stripped", "key", name, key)

    def category(self, name, platform, entity):
        category = entity.get("entity_category")
        if category is None:
            return
        if category not in RULES["entity_categories"] or \
                category == "config" and platform in RULES["category_config_refused"]:
            self.say("refused", "category", name, category)

    def device_class(self, name, platform, entity):
        class_ = entity.get("device_class")
        tables = {"sensor": SENSOR["device_classes"], "number": NUMBER["device_classes"]}
        table = tables.get(platform, RULES["device_classes"].get(platform))
        if class_ is None or table is None:
            return
        if class_ not in table:
            self.say("refused", "class", name, class_)
        elif isinstance(table, dict) and year_month(table[class_].get("since", "0.0")) > self.version:
            self.say("refused", "class", name, f"{class_} is of {table[class_]['since']}")

    def sensor(self, name, entity):
        unit, class_ = entity.get("unit_of_measurement"), entity.get("device_class")
        state, options = entity.get("state_class"), entity.get("options")
        if options is not None and (not options or class_ != "enum" or state or unit):
            self.say("refused", "options", name)
        if state and state not in SENSOR["state_classes"]:
            self.say("refused", "state class", name, state)
        if state in SENSOR["state_class_units"] and unit not in SENSOR["state_class_units"][state]:
            self.say("refused", "unit of the state class", name, str(unit))
        rule = SENSOR["device_classes"].get(class_)
        if rule:
            self.class_and_unit(name, class_, rule, RULES["ambiguous_units"].get(unit, unit), state)

    def class_and_unit(self, name, class_, rule, unit, state):
        if not rule["numeric"]:
            if unit or state:
                self.say("refused", "no number", name, class_)
            return
        if state and state not in rule["state_classes"]:
            self.say("warning", "state class", name, f"{class_} {state}")
        if not isinstance(rule["units"], list):
            return
        if unit is None and None not in rule["units"]:
            self.say("warning", "unit missing", name, class_)
        elif unit not in rule["units"]:
            self.say("refused", "unit", name, f"{class_} {unit}")
        elif year_month(rule.get("unit_since", {}).get(unit, "0.0")) > self.version:
            self.say("refused", "unit", name, f"{class_} {unit} is newer")

    def number(self, name, entity):
        low = entity.get("min", NUMBER["min_default"])
        high, step = entity.get("max", NUMBER["max_default"]), entity.get("step", 1)
        if not all(isinstance(v, (int, float)) and math.isfinite(v) for v in (low, high, step)) \
                or low > high or step < NUMBER["step_min"]:
            self.say("refused", "bounds", name, f"{low}..{high} step {step}")
        if entity.get("mode", "auto") not in NUMBER["modes"]:
            self.say("refused", "mode", name, entity["mode"])
        unit = entity.get("unit_of_measurement")
        rule = NUMBER["device_classes"].get(entity.get("device_class"))
        if rule and isinstance(rule["units"], list) and \
                RULES["ambiguous_units"].get(unit, unit) not in rule["units"]:
            self.say("advice", "unit", name, f"{entity['device_class']} {unit}")

    def select(self, name, entity):
        if not entity.get("options"):
            self.say("refused", "options", name)


def findings(topic, text, version="2026.9"):
    document = Document(topic, text, version)
    document.check()
    return document.found
