/* SPDX-License-Identifier: MIT */
/*
 * ha_entity: what a point is to Home Assistant: which kind of entity, of which class, shown where.
 * Pure; what it means on the wire is in ha_document.
 */
#ifndef MQTT_HA_ENTITY_H
#define MQTT_HA_ENTITY_H

#include "core/model/devclass.h"
#include "core/model/model.h"

enum ha_platform {
	HA_NONE, /* not announced */
	HA_SENSOR,
	HA_BINARY_SENSOR,
	HA_SWITCH,
	HA_NUMBER,
	HA_SELECT,
	HA_BUTTON,
	HA_TEXT,
	HA_PLATFORMS
};

/* What must not stay on the screen when the device shows something else, and becomes unknown. */
enum ha_filter {
	HA_FILTER_NONE,
	HA_FILTER_NUMBERS, /* a number is an unknown code: only words count */
	HA_FILTER_LISTED,  /* only the labels count: some of them look like numbers */
	HA_FILTER_WORDS,   /* a word in place of a number */
	HA_FILTER_RANGE,   /* only from min to max: Home Assistant ignores what is outside */
	HA_FILTER_TEXT,    /* None is no text */
};

struct ha_entity {
	uint8_t platform; /* enum ha_platform */
	uint8_t filter;   /* enum ha_filter */
	uint8_t category; /* enum point_category, CATEGORY_NONE to CATEGORY_DIAGNOSTIC */
	uint8_t state;    /* enum state_class; 0: none */
	bool enabled;
	bool number;          /* its state is a number, with unit and digits */
	bool has_state;       /* there is a state topic */
	const char *class_;   /* device class; NULL: none */
	const char *unit;     /* NULL: none */
	const char *on, *off; /* of switch and binary sensor; button: on is what it sends */
	double min, max, step;
};

extern const char *const ha_platform_name[HA_PLATFORMS];
uint8_t ha_platform_of(const char *name); /* HA_NONE: none of ours */

/* version: as in devclass.h. The texts belong to the model. */
void ha_entity_make(const struct device *d, const struct point *p, uint32_t version,
                    struct ha_entity *out);

/* "BattVolts" to "Batt Volts". */
#define HA_NAME_SIZE 160
void ha_words(const char *name, char buf[HA_NAME_SIZE]);

/* "Batt Volts" to "batt_volts", at most size - 1 bytes. */
void ha_slug(const char *text, char *buf, size_t size);

#endif
