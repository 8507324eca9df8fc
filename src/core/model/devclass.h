/* SPDX-License-Identifier: MIT */
/*
 * devclass: Home Assistant's facts of quantities: device classes, the units each may have, the
 * state classes, and since which version. A unit that does not fit its class loses the entity
 * there, so it is checked here before one is published. Versions are year * 100 + month: 202411.
 */
#ifndef CORE_MODEL_DEVCLASS_H
#define CORE_MODEL_DEVCLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVCLASS_OLDEST 202411 /* the first version with documents of a whole device */

/* "2025.6" to 202506; 0: not of that form, or before DEVCLASS_OLDEST. */
uint32_t devclass_version(const char *text);

enum state_class {
	STATE_MEASUREMENT = 1,
	STATE_MEASUREMENT_ANGLE = 2,
	STATE_TOTAL = 4,
	STATE_TOTAL_INCREASING = 8,
	STATE_TOTALS = STATE_TOTAL | STATE_TOTAL_INCREASING,
	STATE_ANY = STATE_MEASUREMENT | STATE_MEASUREMENT_ANGLE | STATE_TOTALS,
};

enum devclass_kind {
	DEVCLASS_UNITS,    /* a number with one of its units */
	DEVCLASS_ANY_UNIT, /* monetary: a currency */
	DEVCLASS_TEXT,     /* date, enum, timestamp, uptime: no number, no unit */
};

struct unit_since {
	const char *unit; /* "": none at all */
	uint32_t since;   /* 0: before DEVCLASS_OLDEST */
};

struct devclass {
	const char *name;
	uint32_t since;
	uint8_t states;                 /* enum state_class, those that fit */
	uint8_t kind;                   /* enum devclass_kind */
	const struct unit_since *units; /* ends with NULL; DEVCLASS_UNITS only */
};

/* A class of sensors by its name; NULL: there is none. */
const struct devclass *devclass_find(const char *name);

/* A class that binary sensors, switches or buttons have. platform: "binary_sensor", "switch",
 * "button". */
bool devclass_of(const char *platform, const char *name);

/* The state class of this name (one bit); 0: there is none. */
uint8_t devclass_state(const char *name);
const char *devclass_state_name(uint8_t state);

/* May this version see the class with this unit (NULL, "": none)? */
bool devclass_fits(const struct devclass *c, const char *unit, uint32_t version);

/* The unit of the class that was probably meant: the same but for its letters' case, accents and
 * endings; NULL: none is near. */
const char *devclass_near(const struct devclass *c, const char *unit);

/* The class and the state class of a number that names none, where its unit and its name leave no
 * doubt: V is a voltage; % is humidity only if the name has it. counter: it counts up. negative:
 * it can fall below zero. *state gets 0 where none is safe. NULL: no class. */
const struct devclass *devclass_guess(const char *unit, const char *name, bool counter,
                                      bool negative, uint8_t *state);

#endif
