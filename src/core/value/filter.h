/* SPDX-License-Identifier: MIT */
/*
 * filter: is a value worth publishing? Change, deadband, heartbeat, minimum interval. And the guard
 * of counters: the first value, a fall or a jump is accepted only when a second read confirms it.
 */
#ifndef CORE_VALUE_FILTER_H
#define CORE_VALUE_FILTER_H

#include "core/base/span.h"
#include "core/value/value.h"

enum publish_mode { PUBLISH_CHANGE, PUBLISH_ALWAYS, PUBLISH_NEVER };

struct filter_rule {
	uint8_t mode; /* enum publish_mode */
	bool percent; /* deadband is per cent of the last published value */
	float deadband;
	us_t heartbeat; /* a value read again unchanged is published again after this; 0: never */
	us_t min_interval;
	us_t period; /* published in this grid, though neighbours bring more reads; 0: as it is read
	              */
};

struct filter {
	us_t published; /* when; 0: never published */
	us_t due;       /* with a period: the next point of its grid */
	double last;    /* last published number */
};

/* A good read of v just came (its text differs from the last published one: `changed`). True:
 * publish it.
 */
bool filter_pass(struct filter *f, const struct filter_rule *r, const struct value *v, bool changed,
                 us_t now);
void filter_published(struct filter *f, const struct filter_rule *r, const struct value *v,
                      us_t now);

struct counter_rule {
	double max_rise; /* per hour; 0: any rise is accepted */
};

struct counter {
	double last, held;
	us_t at, held_at;
	bool known, holding;
	bool rose; /* before the first value: the read held back was above the one before it */
};

/* A counter's read. False: held back until a second read confirms it: the first value of all, which
 * must not fall and rise by no more than max_rise or 1 %, or it takes a third; a fall or a jump
 * later (equal, within 1 %, or counting up after a fall). fresh: when the oldest register was read
 * that v is made of, at most now; what was read before the value held back confirms nothing. */
bool counter_pass(struct counter *c, const struct counter_rule *r, double v, us_t now, us_t fresh);

#endif
