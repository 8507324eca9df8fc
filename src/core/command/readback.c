// SPDX-License-Identifier: MIT
/* What the device holds after a write, as it was read back: is the command done? */
#include <stdio.h>

#include "core/command/private.h"

#define READ_AGAIN (500 * US_MS)
#define READS_MAX 3
#define CLOCK_SLACK 15 /* s: a clock goes on while it is read back */

/* With all that goes along. */
static bool repeatable(const struct command_table *t, const struct record *r)
{
	const struct record *o = r->set ? records_near(t, r->device).first : NULL;
	for (; o; o = o->link[LIST_NEAR].next)
		if (o->set == r->set && !record_point(t, o)->write->repeatable)
			return false;
	return record_point(t, r)->write->repeatable || r->origin == COMMAND_PULSE_END;
}

static bool value_taken(const struct record *r, const struct point *p, const struct value *got)
{
	if (p->codec.type == TYPE_DATETIME && got->kind == VALUE_TEXT &&
	    r->value.v.kind == VALUE_TEXT)
		return codec_time_near(&p->codec, r->value.v.text, got->text, CLOCK_SLACK);
	return value_same(&r->value.v, got);
}

/* The write may still lie in the connection before this one, behind which a server or a line is
 * slow: that it has not been carried out by now proves nothing, and a second one would come
 * before it. */
static void record_elsewhere(struct command_table *t, struct record *r, us_t now)
{
	if (++r->demands < READS_MAX)
		act_demand(t, r, now + READ_AGAIN);
	else
		record_unread(t, r, "the connection was lost", now);
}

static void record_read(struct command_table *t, struct record *r, const struct span *block,
                        const uint16_t *words, us_t linked, us_t now)
{
	const struct point *p = record_point(t, r);
	uint16_t gathered[CELLS_MAX];
	char text[VALUE_TEXT_MAX], shown[VALUE_PRINT_MAX], reason[COMMAND_REASON_MAX];
	char came[WORDS_MAX];
	struct value got, exponent, factor;
	const struct command_input in = record_input(t, r->device, p, "", &exponent, &factor);
	r->read = true;
	model_gather(p, block, words, gathered);
	point_decode(p, gathered, in.exponent, in.factor, text, &got);
	point_print(p, &got, NULL, shown, sizeof shown);
	if (r->value.toggle && (r->before.kind == VALUE_NONE || !value_same(&r->before, &got))) {
		record_end(t, r, COMMAND_ACKNOWLEDGED, shown, NULL, now);
		return;
	}
	if (!r->value.toggle && value_taken(r, p, &got)) {
		record_end(t, r, COMMAND_VERIFIED, shown, NULL, now);
		return;
	}
	if (r->state == STATE_VERIFYING) {
		snprintf(reason, sizeof reason, "not applied: device reports %.*s", 120, shown);
		if (r->origin == COMMAND_PULSE_END)
			pulse_again(t, r, reason, now);
		else
			record_end(t, r, COMMAND_DIFFERS, shown, reason, now);
		return;
	}
	if (linked > r->sent && r->origin != COMMAND_PULSE_END) {
		record_elsewhere(t, r, now);
		return;
	}
	r->effect = EFFECT_NONE; /* no answer came, or an exception, because nothing was done */
	const bool pulse_ends = r->origin == COMMAND_PULSE_END;
	if (r->reason[0]) {
		record_end(t, r, COMMAND_REFUSED, shown, r->reason, now);
	} else if (r->tries < 1 &&
	           (pulse_ends || (repeatable(t, r) && now < r->expires && !t->closing))) {
		r->tries++;
		record_launch(t, r, now);
	} else if (pulse_ends) {
		snprintf(reason, sizeof reason, "%s, and it is still on", record_instead(r, came));
		pulse_again(t, r, reason, now);
	} else {
		snprintf(reason, sizeof reason, "%s, and not applied: device reports %.*s",
		         record_instead(r, came), 120, shown);
		record_end(t, r, COMMAND_FAILED, shown, reason, now);
	}
}

static bool reading(const struct command_table *t, const struct record *r, uint32_t bus,
                    uint8_t unit, us_t at)
{
	return (r->state == STATE_VERIFYING || r->state == STATE_UNSURE) &&
	       record_device(t, r)->bus == bus && record_device(t, r)->id == unit && at >= r->after;
}

/* The newest of the unit that came before this one. */
static struct record *record_older(const struct command_table *t, uint32_t bus, uint8_t unit,
                                   uint64_t serial)
{
	struct record *r = records_of_unit(t, bus, unit).last;
	while (r && r->serial >= serial)
		r = r->link[LIST_NEAR].prev;
	return r;
}

void command_read(struct command_table *t, uint32_t bus, const struct span *block,
                  const uint16_t *words, us_t linked, us_t at, us_t now)
{
	const struct list unit = records_of_unit(t, bus, block->unit);
	for (struct record *r = unit.last, *older; r; r = older) {
		older = r->link[LIST_NEAR].prev;
		if (!reading(t, r, bus, block->unit, at))
			continue;
		const struct span s = model_span(record_device(t, r), record_point(t, r));
		if (s.table != block->table || s.addr < block->addr ||
		    s.addr + s.count > block->addr + block->count)
			continue;
		const uint64_t serial = r->serial;
		record_read(t, r, block, words, linked, now);
		older = record_older(t, bus, block->unit, serial); /* others may have gone, too */
	}
}

void record_unread(struct command_table *t, struct record *r, const char *why, us_t now)
{
	char reason[COMMAND_REASON_MAX];
	if (r->origin == COMMAND_PULSE_END) {
		pulse_again(t, r, why, now);
		return;
	}
	snprintf(reason, sizeof reason, "%s: %s",
	         r->state == STATE_VERIFYING ? "acknowledged, but could not be read back"
	                                     : record_not_known(r),
	         why);
	record_end(t, r, COMMAND_FAILED, NULL, reason, now);
}

void command_read_failed(struct command_table *t, uint32_t bus, const struct span *span,
                         enum outcome o, uint8_t exception, us_t at, us_t now)
{
	char words[WORDS_MAX];
	for (struct record *r = records_of_unit(t, bus, span->unit).last, *older; r; r = older) {
		older = r->link[LIST_NEAR].prev;
		if (!reading(t, r, bus, span->unit, at))
			continue;
		const struct span s = model_span(record_device(t, r), record_point(t, r));
		if (s.table != span->table || s.addr >= span->addr + span->count ||
		    span->addr >= s.addr + s.count)
			continue;
		if (++r->demands < READS_MAX)
			act_demand(t, r, now + READ_AGAIN);
		else
			record_unread(t, r,
			              o == OUT_REFUSED
			                      ? exception_words(exception, words, sizeof words)
			                      : "the device does not respond",
			              now);
	}
}
