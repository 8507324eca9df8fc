// SPDX-License-Identifier: MIT
/* What happens to a command until it is written: readback.c has the rest. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/command/private.h"

#define BUSY_MAX 20
#define LATE "could not be sent in time"

static bool readable(const struct command_table *t, const struct record *r)
{
	return !record_point(t, r)->write->only && !record_point(t, r)->write->raw;
}

struct command_input record_input(const struct command_table *t, uint32_t device,
                                  const struct point *p, const char *text, struct value *exponent,
                                  struct value *factor)
{
	struct command_input in = {.text = text};
	*exponent = *factor = value_none();
	if (p->exponent_from >= 0) {
		if (t->ops.current)
			*exponent = t->ops.current(t->ops.ctx, device, (uint32_t)p->exponent_from);
		in.exponent = exponent;
	}
	if (p->factor_from >= 0) {
		if (t->ops.current)
			*factor = t->ops.current(t->ops.ctx, device, (uint32_t)p->factor_from);
		in.factor = factor;
	}
	return in;
}

static bool device_online(const struct command_table *t, const struct record *r)
{
	return !t->ops.online || t->ops.online(t->ops.ctx, r->device);
}

void record_retry(struct command_table *t, struct record *r, us_t due)
{
	r->state = STATE_RETRYING;
	r->job = 0;
	r->due = due;
	record_waits(t, r);
}

static void record_verify(struct command_table *t, struct record *r, us_t after, uint8_t state)
{
	r->state = state;
	r->job = 0;
	r->after = after;
	r->due = after + READ_BACK_WITHIN;
	r->demands = 0;
	record_waits(t, r);
	act_demand(t, r, after);
}

/* Nothing is read back: the value is published in the form it would have been read. */
static void record_acknowledge(struct command_table *t, struct record *r, us_t now)
{
	char shown[VALUE_PRINT_MAX];
	/* not of a toggle or an action, nor of what has another meaning now */
	const bool known = r->value.v.kind != VALUE_NONE && !r->leaves;
	if (known)
		point_print(record_point(t, r), &r->value.v, NULL, shown, sizeof shown);
	record_end(t, r, record_device(t, r)->broadcast ? COMMAND_SENT : COMMAND_ACKNOWLEDGED,
	           known ? shown : NULL, NULL, now);
}

char *record_instead(const struct record *r, char *buf)
{
	return instead_text(&r->instead, buf, WORDS_MAX);
}

const char *record_not_known(struct record *r)
{
	char came[WORDS_MAX];
	const size_t n = strlen(r->reason);
	snprintf(r->reason + n, sizeof r->reason - n, "%s; not known whether it was carried out",
	         n ? "" : record_instead(r, came));
	return r->reason;
}

/* The device took the write. */
static void record_taken(struct command_table *t, struct record *r, us_t at, us_t now)
{
	const struct write_rule *w = record_point(t, r)->write;
	r->effect = EFFECT_DONE;
	if (!readable(t, r) || !w->verify || r->leaves || record_newer(r) || record_before(t, r))
		record_acknowledge(t, r, now);
	else
		record_verify(t, r, at + w->settle, STATE_VERIFYING);
}

void record_supersede(struct command_table *t, struct record *r, us_t now)
{
	char reason[COMMAND_REASON_MAX], came[WORDS_MAX];
	snprintf(reason, sizeof reason, "%s, and superseded by a newer command",
	         record_instead(r, came));
	record_end(t, r, COMMAND_SUPERSEDED, NULL, reason, now);
}

/* Sent, and no answer that reports its outcome. */
static void record_unsure(struct command_table *t, struct record *r, us_t at, us_t now)
{
	char reason[COMMAND_REASON_MAX], came[WORDS_MAX];
	r->effect = EFFECT_UNKNOWN;
	if (r->origin == COMMAND_PULSE_END) {
		if (!readable(t, r)) {
			pulse_again(t, r, record_instead(r, came), now);
			return;
		}
	} else if (record_once_only(t, r)) {
		snprintf(reason, sizeof reason,
		         "%s; not repeated, since it may have been carried out",
		         record_instead(r, came));
		record_end(t, r, COMMAND_FAILED, NULL, reason, now);
		return;
	} else if (record_newer(r)) {
		record_supersede(t, r, now);
		return;
	} else if (!readable(t, r) || r->leaves || !device_online(t, r)) {
		record_end(t, r, COMMAND_FAILED, NULL, record_not_known(r), now);
		return;
	}
	record_verify(t, r, at + record_point(t, r)->write->settle, STATE_UNSURE);
}

/* -- the end of a job ------------------------------------------------------------------------ */

/* Does the bus have a newer one of its lane? Sent again, it would come behind that, or take its
 * place there. */
static bool record_passed(const struct command_table *t, const struct record *r)
{
	if (r->origin == COMMAND_PULSE_END || !record_once_only(t, r))
		return r->origin != COMMAND_PULSE_END && record_newer(r);
	for (const struct record *o = r->link[LIST_LANE].next; o; o = o->link[LIST_LANE].next)
		if (o->origin != COMMAND_PULSE_END && o->state == STATE_WAITING)
			return true; /* one that is parked waits for it */
	return false;
}

/* Nothing was written, and nothing will be: a newer one follows. */
static void record_give_way(struct command_table *t, struct record *r, const char *why, us_t now)
{
	if (record_once_only(t, r))
		record_end(t, r, COMMAND_FAILED, NULL, why, now);
	else
		record_end(t, r, COMMAND_SUPERSEDED, NULL, "superseded by a newer command", now);
}

/* Does this exception prove that nothing was written? A device that failed, or a gateway that did
 * not get its response, may have carried it out. */
static bool surely_not_done(uint8_t exception)
{
	return exception == EXC_FUNCTION || exception == EXC_ADDRESS || exception == EXC_VALUE ||
	       exception == EXC_BUSY || exception == EXC_NEGATIVE_ACKNOWLEDGE;
}

/* It failed, but what the device has is to be read. reason: the exception. */
static void record_doubtful(struct command_table *t, struct record *r, const char *reason, us_t at,
                            us_t now)
{
	const struct write_rule *w = record_point(t, r)->write;
	r->effect = EFFECT_UNKNOWN;
	snprintf(r->reason, sizeof r->reason, "%s", reason);
	if (record_once_only(t, r) || record_newer(r) || r->leaves || !readable(t, r) || !w->verify)
		record_end(t, r, COMMAND_REFUSED, NULL, record_not_known(r), now);
	else
		record_verify(t, r, at + w->settle, STATE_UNSURE);
}

static void job_refused(struct command_table *t, struct record *r, uint8_t exception, us_t sent,
                        us_t at, us_t now)
{
	char reason[COMMAND_REASON_MAX], words[WORDS_MAX];
	const bool passed = record_passed(t, r);
	t->device[r->device].unlocked = 0;
	if (exception == EXC_ACKNOWLEDGE && sent) { /* else it was the read before the write */
		record_taken(t, r, at, now);
		return;
	}
	if ((exception == EXC_ACKNOWLEDGE || exception == EXC_BUSY) && passed) {
		record_give_way(
			t, r, "the device is busy; not repeated, as a newer command follows", now);
		return;
	}
	if ((exception == EXC_ACKNOWLEDGE || exception == EXC_BUSY) && r->refusals++ < BUSY_MAX &&
	    !t->closing) {
		record_retry(t, r, now + BUSY_AGAIN); /* it reports that it has not done it */
		return;
	}
	snprintf(reason, sizeof reason, "refused by the device: %s",
	         exception_words(exception, words, sizeof words));
	if (r->origin == COMMAND_PULSE_END) {
		pulse_again(t, r, reason, now);
		return;
	}
	if (exception == EXC_FUNCTION && !r->alone && !record_point(t, r)->write->group) {
		r->sent = 0; /* not several at once, then: one by one */
		r->set = 0;
		if (passed)
			record_give_way(t, r, NULL, now);
		else
			record_launch(t, r, now);
		return;
	}
	if (sent && !surely_not_done(exception))
		record_doubtful(t, r, reason, at, now);
	else
		record_end(t, r, COMMAND_REFUSED, NULL, reason, now);
}

/* Why nothing was written; NULL: the outcome's own words. */
static const char *unsent_instead(const struct record *r, enum outcome o, char *reason, size_t size)
{
	char came[WORDS_MAX];
	if (!r->instead.kind || (o != OUT_TIMEOUT && o != OUT_GARBLED))
		return NULL;
	snprintf(reason, size, "%s; nothing was written", record_instead(r, came));
	return reason;
}

static void job_unsent(struct command_table *t, struct record *r, enum outcome o, us_t now)
{
	static const struct {
		enum command_end end;
		const char *reason;
	} row[] = {
		[OUT_TIMEOUT] = {COMMAND_FAILED, "no response; nothing was written"},
		[OUT_GARBLED] = {COMMAND_FAILED, "corrupted responses; nothing was written"},
		[OUT_DROPPED] = {COMMAND_FAILED,
	                         "another client is on the line; nothing was written"},
		[OUT_LINK] = {COMMAND_FAILED, "the line is down"},
		[OUT_EXPIRED] = {COMMAND_EXPIRED, LATE},
		[OUT_CLOSED] = {COMMAND_FAILED, "the line was closed"},
	};
	char text[COMMAND_REASON_MAX];
	const char *came = unsent_instead(r, o, text, sizeof text);
	const char *why = came ? came : row[o].reason;
	const bool again = o != OUT_CLOSED && !t->closing;
	if (r->origin == COMMAND_PULSE_END && o == OUT_CLOSED && !t->closing) {
		pulse_soon(t, r, now); /* a reload opens the line anew */
		return;
	}
	if (r->origin == COMMAND_PULSE_END && o != OUT_CLOSED) {
		pulse_again(t, r, why, now);
		return;
	}
	/* a read before the write was lost: nothing happened yet */
	const bool lost = o == OUT_GARBLED || (o == OUT_TIMEOUT && device_online(t, r));
	if (lost && again && record_passed(t, r)) {
		record_give_way(t, r, why, now);
		return;
	}
	if (lost && again && r->tries < 1) {
		r->tries++;
		record_retry(t, r, now);
		return;
	}
	record_end(t, r, row[o].end, NULL, t->closing && o == OUT_CLOSED ? SHUTTING_DOWN : why,
	           now);
}

/* The job is over; is the command? First what the write has set in motion, whatever its outcome: an
 * unlock lasts from now, a pulse that may have begun must be ended. Then the outcome: what was
 * certainly not sent may be tried again within the command's time; what was sent without an answer
 * is never simply repeated, but read back; where even that is impossible (the line or the device is
 * gone), the outcome says that it is not known. Every way out ends the record or leaves it waiting
 * for exactly one thing. */
static void record_job(struct command_table *t, struct record *r, enum outcome o, uint8_t exception,
                       us_t sent, us_t at, us_t now)
{
	assert(r->job); /* else this report was taken before */
	r->job = 0;
	if (sent) {
		r->sent = sent;
		r->after = at;
		r->read = false;
		t->lane[r->lane].last_sent = sent;
		if ((int64_t)r->point == record_device(t, r)->unlock_point)
			t->device[r->device].unlocked = sent; /* so long it lasts from now on */
		if (r->pulse && (o != OUT_REFUSED || !surely_not_done(exception)))
			pulse_end(t, r, sent, now);
		if (r->origin == COMMAND_PULSE_END && o != OUT_REFUSED)
			pulse_off_sent(t, r, now);
	}
	if (r->moved) {
		r->effect = o == OUT_OK ? EFFECT_DONE : sent ? EFFECT_UNKNOWN : EFFECT_NONE;
		record_end(t, r, COMMAND_FAILED, NULL,
		           sent ? COMMAND_MOVED "; not known whether it was carried out"
		                : COMMAND_MOVED,
		           now);
		return;
	}
	if (o == OUT_OK) {
		record_taken(t, r, at, now);
	} else if (o == OUT_SAME) {
		char value[VALUE_PRINT_MAX];
		point_print(record_point(t, r), &r->value.v, NULL, value, sizeof value);
		record_end(t, r, COMMAND_VERIFIED, r->leaves ? NULL : value, NULL, now);
	} else if (o == OUT_REFUSED) {
		job_refused(t, r, exception, sent, at, now);
	} else if (!sent) {
		job_unsent(t, r, o, now);
	} else if (o == OUT_LINK && r->origin != COMMAND_PULSE_END) {
		r->effect = EFFECT_UNKNOWN;
		record_end(t, r, COMMAND_FAILED, NULL,
		           "the line went down; not known whether it was carried out", now);
	} else {
		record_unsure(t, r, at, now);
	}
}

/* Must what comes behind it in its lane wait? One that is sent again would come after it. */
static bool record_blocks(const struct command_table *t, const struct record *r)
{
	return r->state == STATE_PARKED || (r->state == STATE_WAITING && r->job) ||
	       (r->state == STATE_RETRYING && record_once_only(t, r));
}

/* Does it wait for nothing in its lane, nor for one with some of its bits? */
static bool parked_free(const struct command_table *t, const struct record *r)
{
	for (const struct record *o = r->link[LIST_LANE].prev; o; o = o->link[LIST_LANE].prev)
		if (record_blocks(t, o))
			return false;
	return !record_behind(t, r);
}

/* All that go out with it, too? */
static bool parked_mates_free(const struct command_table *t, const struct record *r)
{
	const struct record *o = r->set ? records_near(t, r->device).first : NULL;
	for (; o; o = o->link[LIST_NEAR].next) {
		if (o->set == r->set && o != r && o->state == STATE_PARKED && !parked_free(t, o))
			return false;
	}
	return true;
}

struct record *parked_next(const struct command_table *t)
{
	struct record *r = t->parked.first;
	while (r && !(parked_free(t, r) && parked_mates_free(t, r)))
		r = r->link[LIST_PARKED].next;
	return r;
}

void lane_wake(struct command_table *t, uint32_t lane, us_t now)
{
	struct record *r = records_of_lane(t, lane).first;
	for (; r; r = r->link[LIST_LANE].next) {
		if (!record_blocks(t, r))
			continue;
		if (r->state == STATE_PARKED && !record_behind(t, r) && parked_mates_free(t, r))
			record_launch(t, r, now);
		return;
	}
}

static struct record *record_with_job(const struct command_table *t, uint64_t id)
{
	struct record *r = records_of_job(t, id).first;
	while (r && r->job != id)
		r = r->link[LIST_NEAR].next;
	return r;
}

/* With the time of a clock, which is not right any more. */
static bool job_holds_now(const struct command_table *t, uint64_t id, us_t now)
{
	bool clock = false, time = !t->closing;
	const struct record *r = records_of_job(t, id).first;
	for (; r; r = r->link[LIST_NEAR].next) {
		if (r->job != id)
			continue;
		clock |= r->value.now;
		time &= now < r->expires;
	}
	return clock && time;
}

/* The job waited so long that the time in it is old: with another one, behind what the bus has by
 * now, so that what a newer command follows is left out. False: that is not why it was not sent. */
static bool job_again(struct command_table *t, uint64_t id, us_t now)
{
	struct record *first = NULL;
	if (!job_holds_now(t, id, now))
		return false;
	for (struct record *r = records_of_job(t, id).last, *older; r; r = older) {
		older = r->link[LIST_NEAR].prev;
		if (r->job != id)
			continue;
		r->job = 0;
		if (r->moved) {
			record_end(t, r, COMMAND_FAILED, NULL, COMMAND_MOVED, now);
		} else if (record_passed(t, r)) {
			record_give_way(t, r, LATE, now);
		} else {
			record_retry(t, r, now);
			first = r;
		}
	}
	if (first)
		record_launch(t, first, now);
	return true;
}

void command_instead(struct command_table *t, uint64_t id, const struct instead *i)
{
	struct record *r = i->kind ? records_of_job(t, id).first : NULL;
	for (; r; r = r->link[LIST_NEAR].next)
		if (r->job == id)
			r->instead = *i;
}

void command_job(struct command_table *t, uint64_t id, enum outcome o, uint8_t exception, us_t sent,
                 us_t at, us_t now)
{
	if (o == OUT_EXPIRED && job_again(t, id, now))
		return;
	for (struct record *r; (r = record_with_job(t, id));) {
		const uint32_t lane = r->lane;
		record_job(t, r, o, exception, sent, at, now);
		lane_wake(t, lane, now);
	}
}

static bool job_leaves(const struct command_table *t, uint64_t id)
{
	bool leaves = false;
	const struct record *r = records_of_job(t, id).first;
	for (; r; r = r->link[LIST_NEAR].next)
		leaves |= r->job == id && r->leaves;
	return leaves;
}

void command_replaced(struct command_table *t, uint64_t id, us_t now)
{
	const bool leaves = id && job_leaves(t, id);
	for (struct record *r; (r = record_with_job(t, id));) {
		const bool last = !record_newer(r);
		r->job = 0;
		if (t->closing && last)
			record_end(t, r, COMMAND_FAILED, NULL, SHUTTING_DOWN, now);
		else if (r->moved)
			record_end(t, r, COMMAND_FAILED, NULL, COMMAND_MOVED, now);
		else if (r->leaves && last)
			record_end(t, r, COMMAND_FAILED, NULL, COMMAND_CHANGED, now);
		else if (leaves && last)
			record_launch(t, r, now); /* it was one job with another that leaves */
		else if (r->recalled)
			record_end(t, r, COMMAND_EXPIRED, NULL, LATE, now);
		else
			record_end(t, r, COMMAND_SUPERSEDED, NULL, "superseded by a newer command",
			           now);
	}
}

void command_busy(struct command_table *t, uint64_t id, us_t now)
{
	for (struct record *r; (r = record_with_job(t, id));) {
		r->job = 0;
		if (r->origin == COMMAND_PULSE_END)
			pulse_soon(t, r, now);
		else if (t->closing)
			record_end(t, r, COMMAND_FAILED, NULL, SHUTTING_DOWN, now);
		else
			record_end(t, r, COMMAND_BUSY, NULL,
			           "busy: too many commands are waiting on this line", now);
	}
}
