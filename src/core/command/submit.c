// SPDX-License-Identifier: MIT
/* A request arrives: permissions, checks, what it overtakes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/command/private.h"

#define DUPLICATE_WITHIN (60 * US_S)
#define OVERTAKEN_MAX 256 /* of a device: replaced, but the bus has not reported it yet */

static uint64_t text_hash(const char *s)
{
	uint64_t h = 14695981039346656037U; /* FNV-1a */
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211U;
	return h;
}

static void draft_refuse(struct record *r, enum command_end end, const char *reason)
{
	r->verdict = (uint8_t)end;
	snprintf(r->reason, sizeof r->reason, "%s", reason);
}

static bool refused(const struct record *r)
{
	return r->reason[0] != '\0';
}

/* How many of the device's live ones the request takes the place of. */
static uint32_t request_overtakes(const struct command_table *t, const struct command_request *q)
{
	uint32_t n = 0;
	const struct record *r = records_near(t, q->device).first;
	for (; r; r = r->link[LIST_NEAR].next) {
		if (r->device != q->device || r->overtaken || record_once_only(t, r) ||
		    r->origin == COMMAND_PULSE_END)
			continue;
		for (uint32_t k = 0; k < q->n; k++) {
			if (q->item[k].point == r->point) {
				n++;
				break;
			}
		}
	}
	return n;
}

static bool device_full(const struct command_table *t, const struct command_request *q)
{
	const struct device_state *s = &t->device[q->device];
	if (s->overtaken + q->n > OVERTAKEN_MAX)
		return true;
	return s->alive + q->n > COMMANDS_PER_DEVICE &&
	       s->alive + q->n - request_overtakes(t, q) > COMMANDS_PER_DEVICE;
}

/* What is not the value's business. */
static bool draft_permitted(const struct command_table *t, const struct command_request *q,
                            struct record *r)
{
	const struct device *d = record_device(t, r);
	const struct write_rule *w = record_point(t, r)->write;
	const char *forbidden = t->ops.forbids ? t->ops.forbids(t->ops.ctx, r->device) : NULL;
	if (t->closing && q->origin == COMMAND_FROM_BROKER)
		draft_refuse(r, COMMAND_FAILED, SHUTTING_DOWN);
	else if (q->retained && !(w && w->accept_retained))
		draft_refuse(r, COMMAND_REFUSED,
		             "retained commands are refused; clear it by publishing an empty "
		             "retained message on its topic");
	else if (!d->enabled)
		draft_refuse(r, COMMAND_REFUSED, "the device is disabled");
	else if (t->model->commands_off && q->origin == COMMAND_FROM_BROKER)
		draft_refuse(
			r, COMMAND_REFUSED,
			"commands to all devices are disabled (commands: off at the top level)");
	else if (!d->commands && q->origin == COMMAND_FROM_BROKER)
		draft_refuse(r, COMMAND_REFUSED,
		             "commands to this device are disabled (commands: off)");
	else if (forbidden)
		draft_refuse(r, COMMAND_REFUSED, forbidden);
	else if (record_point(t, r)->absent)
		draft_refuse(r, COMMAND_REFUSED, "the device has no such point");
	else if (device_full(t, q))
		draft_refuse(r, COMMAND_BUSY,
		             "busy: too many commands are waiting for this device");
	return !refused(r);
}

/* One of a repetition of which the device reports that it has fewer is not there. */
static bool draft_counted(const struct command_table *t, struct record *r)
{
	const struct point *p = record_point(t, r);
	if (p->count_from < 0 || !p->repeat_n || !t->ops.current)
		return true;
	const struct value v = t->ops.current(t->ops.ctx, r->device, (uint32_t)p->count_from);
	if (v.kind == VALUE_NONE || value_number(&v) >= p->repeat_n)
		return true;
	char reason[COMMAND_REASON_MAX];
	snprintf(reason, sizeof reason, "does not exist: the device has only %.15g",
	         value_number(&v));
	draft_refuse(r, COMMAND_REFUSED, reason);
	return false;
}

static const struct record *lane_pulse(const struct command_table *t, uint32_t lane)
{
	const struct record *r = records_of_lane(t, lane).first;
	while (r && !record_pulses(r))
		r = r->link[LIST_LANE].next;
	return r;
}

/* Does a write wait that the bus does not know of? What follows would go before it. */
static bool lane_undone(const struct command_table *t, uint32_t lane)
{
	const struct record *r = records_of_lane(t, lane).first;
	for (; r; r = r->link[LIST_LANE].next) {
		if (r->origin != COMMAND_PULSE_END && r->state != STATE_WAITING &&
		    r->state != STATE_VERIFYING)
			return true;
	}
	return false;
}

/* A toggle that changes nothing was not taken. What was read while another write of the point was
 * under way proves nothing. */
static void draft_before(const struct command_table *t, struct record *r)
{
	if (r->value.toggle && !command_pending_shared(t, r->device, r->point) && t->ops.current)
		r->before = t->ops.current(t->ops.ctx, r->device, r->point);
}

static us_t earlier(us_t a, us_t b)
{
	return a < b ? a : b;
}

/* Something stood still: the link to the broker, this process, the machine. */
static void draft_late(struct record *r, us_t age)
{
	char reason[COMMAND_REASON_MAX];
	snprintf(reason, sizeof reason, "too late: it may have been delayed for %" PRId64 " s",
	         (age + US_S - 1) / US_S);
	draft_refuse(r, COMMAND_EXPIRED, reason);
}

/* Its place in time: expiry, what the point's last write forbids. */
static void draft_time(struct command_table *t, const struct command_request *q, struct record *r,
                       us_t now)
{
	const struct write_rule *w = record_point(t, r)->write;
	const us_t limit = w->command_timeout ? w->command_timeout : COMMAND_TIMEOUT;
	r->lane = lane_get(t, r->device, r->point);
	r->expires = (q->since ? q->since : now) + (q->expiry ? earlier(q->expiry, limit) : limit);
	const us_t earliest = record_earliest(t, r);
	char reason[COMMAND_REASON_MAX];
	if (now >= r->expires)
		draft_late(r, now - q->since);
	else if (r->pulse && lane_pulse(t, r->lane)) {
		draft_refuse(r, COMMAND_BUSY, "busy: its pulse is still running");
	} else if (r->value.toggle && lane_undone(t, r->lane)) {
		draft_refuse(r, COMMAND_BUSY, "busy: the previous write is not finished");
	} else if (earliest >= r->expires) {
		snprintf(reason, sizeof reason, "written a moment ago; next write possible in %d s",
		         (int)((earliest - now + US_S - 1) / US_S));
		draft_refuse(r, COMMAND_REFUSED, reason);
	}
}

/* Did such a payload come a while ago, that was accepted, or refused? */
static bool draft_known(const struct command_table *t, const struct record *r, bool refused,
                        us_t now)
{
	const uint32_t lane = t->lane_of[record_device(t, r)->point0 + r->point];
	if (!lane)
		return false;
	const struct lane *l = &t->lane[lane - 1];
	const uint64_t hash = text_hash(r->text);
	for (size_t i = 0; i < PAYLOADS_KEPT; i++)
		if (l->before[refused][i].at && l->before[refused][i].hash == hash &&
		    now - l->before[refused][i].at <= DUPLICATE_WITHIN)
			return true;
	return false;
}

static void draft_check(struct command_table *t, const struct command_request *q, struct record *r,
                        us_t now)
{
	const struct point *p = record_point(t, r);
	struct value exponent, factor;
	char wall[COMMAND_TIME_SIZE];
	if (!draft_permitted(t, q, r) || !draft_counted(t, r))
		return;
	struct command_input in = record_input(t, r->device, p, r->text, &exponent, &factor);
	in.now = record_wall(t, now, wall);
	in.own = q->origin == COMMAND_FROM_GATEWAY;
	if (!command_check(p, &in, &r->value, r->reason, sizeof r->reason)) {
		r->verdict = COMMAND_REFUSED;
		return;
	}
	record_understood(t, r);
	if (q->retained && record_once_only(t, r)) {
		draft_refuse(r, COMMAND_REFUSED,
		             "a retained message would switch again with each connection; clear it "
		             "by publishing an empty retained message on its topic");
		return;
	}
	draft_time(t, q, r, now);
	draft_before(t, r);
}

/* What would be accepted by now, but was refused when it came first: its sender has read that. */
static void drafts_refused_before(const struct command_table *t, struct record **r, size_t n,
                                  us_t now)
{
	for (size_t i = 0; i < n; i++)
		if (refused(r[i]))
			return; /* refused for a reason of today, as a rule the same one */
	for (size_t i = 0; i < n; i++)
		if (draft_known(t, r[i], true, now))
			draft_refuse(r[i], COMMAND_REFUSED,
			             "delivered twice, and refused the first time");
}

static void lane_note(struct lane *l, const char *text, bool refused, us_t now)
{
	const uint8_t at = l->nbefore[refused];
	l->before[refused][at].hash = text_hash(text);
	l->before[refused][at].at = now ? now : 1;
	l->nbefore[refused] = (uint8_t)((at + 1) % PAYLOADS_KEPT);
}

/* One fault refuses them all: each gets the reason, or which other it was. */
static bool drafts_refused(struct command_table *t, struct record **r, size_t n, us_t now)
{
	char reason[COMMAND_REASON_MAX], param[NAME_MAX_LEN + 1] = "";
	for (size_t i = 0; i < n && !*param; i++)
		if (refused(r[i]))
			snprintf(param, sizeof param, "%s", r[i]->param);
	if (!*param)
		return false;
	snprintf(reason, sizeof reason, "nothing was written, because %s was refused", param);
	for (size_t i = 0; i < n; i++) {
		if (record_point(t, r[i])->write) { /* else it never has a lane */
			const uint32_t lane = lane_get(t, r[i]->device, r[i]->point);
			lane_note(&t->lane[lane], r[i]->text, true, now);
		}
		if (refused(r[i]))
			record_end(t, r[i], r[i]->verdict, NULL, r[i]->reason, now);
		else
			record_end(t, r[i], COMMAND_REFUSED, NULL, reason, now);
	}
	return true;
}

static bool drafts_duplicate(struct command_table *t, const struct command_request *q,
                             struct record **r, us_t now)
{
	bool all = q->duplicate;
	for (uint32_t i = 0; i < q->n && all; i++)
		all = draft_known(t, r[i], false, now);
	for (uint32_t i = 0; i < q->n && all; i++)
		record_end(t, r[i], COMMAND_REPEATED, NULL, "delivered twice, carried out once",
		           now);
	return all;
}

/* -- last value wins ------------------------------------------------------------------------ */

void record_overtake(struct command_table *t, struct record *r, us_t now)
{
	switch (r->state) {
	case STATE_VERIFYING:
		record_end(t, r, COMMAND_ACKNOWLEDGED, NULL, NULL, now);
		break;
	case STATE_PARKED:
	case STATE_RETRYING:
		record_end(t, r, COMMAND_SUPERSEDED, NULL, "superseded by a newer command", now);
		break;
	case STATE_UNSURE:
		record_supersede(t, r, now);
		break;
	default: /* the bus knows whether it can still be replaced */
		if (r->overtaken)
			break;
		r->overtaken = true;
		t->device[r->device].alive--;
		t->device[r->device].overtaken++;
	}
}

/* True: the newer one has to wait. One that may be on the wire right now goes before it, and the
 * point must not be written again at once; or one that is neither replaced nor overtaken. */
static bool lane_overtake(struct command_table *t, struct record *newer, us_t now)
{
	bool wait = false;
	for (struct record *r = records_of_lane(t, newer->lane).last, *older; r; r = older) {
		older = r->link[LIST_LANE].prev;
		wait |= r->state == STATE_WAITING &&
		        record_point(t, r)->write->min_write_interval && r->job_from <= now;
		wait |= (r->state == STATE_RETRYING || r->state == STATE_PARKED) &&
		        record_once_only(t, r);
		if (!record_once_only(t, r) && r->origin != COMMAND_PULSE_END &&
		    !newer->value.toggle) { /* what that does depends on the one before */
			if (r->state == STATE_PARKED)
				newer->set = r->set; /* in place of it, with those that wait */
			record_overtake(t, r, now);
		} else if (r->state == STATE_VERIFYING)
			record_end(t, r, COMMAND_ACKNOWLEDGED, NULL, NULL, now);
	}
	return wait;
}

bool job_overtaken(const struct command_table *t, uint64_t job)
{
	const struct record *r = records_of_job(t, job).first;
	for (; r; r = r->link[LIST_NEAR].next)
		if (r->job == job && !r->overtaken)
			return false;
	return true;
}

/* Older writes whose place the newer one does not take on the bus (one of them is for several
 * points) are taken back, before it needs their room there. */
static void lane_cancel(struct command_table *t, const struct record *r, bool single)
{
	const struct record *o = records_of_lane(t, r->lane).first;
	for (; o; o = o->link[LIST_LANE].next) {
		if (o != r && o->state == STATE_WAITING && o->job && !(single && o->replaceable) &&
		    job_overtaken(t, o->job))
			act_cancel(t, o);
	}
}

/* Is an older write, of several points, to go before it that the point must not follow at once? */
static bool lane_waits(const struct command_table *t, const struct record *newer)
{
	if (!record_point(t, newer)->write->min_write_interval)
		return false;
	const struct record *r = records_of_lane(t, newer->lane).first;
	for (; r; r = r->link[LIST_LANE].next) {
		if (r != newer && r->state == STATE_WAITING && r->job &&
		    r->origin != COMMAND_PULSE_END && !job_overtaken(t, r->job))
			return true;
	}
	return false;
}

/* One of a group waits for all of them: they are to go out together. */
static void group_park(struct command_table *t, struct record **r, size_t n, size_t which)
{
	const char *group = record_point(t, r[which])->write->group;
	uint64_t set = r[which]->set;
	us_t expires = r[which]->expires;
	for (size_t i = 0; i < n; i++) {
		const char *other = record_point(t, r[i])->write->group;
		if (!group || !other || strcmp(group, other) != 0)
			continue;
		r[i]->state = STATE_PARKED;
		set = set ? set : r[i]->set ? r[i]->set : job_id(t, r[i]->lane);
		expires = earlier(expires, r[i]->expires);
	}
	for (size_t i = 0; i < n && group; i++) {
		const char *other = record_point(t, r[i])->write->group;
		if (!other || strcmp(group, other) != 0)
			continue;
		r[i]->set = set;
		r[i]->expires = expires;
	}
}

static void drafts_accept(struct command_table *t, struct record **r, size_t n, us_t now)
{
	size_t launch = 0;
	for (size_t i = 0; i < n; i++)
		records_cover(t, r[i], now);
	for (size_t i = 0; i < n; i++) {
		const bool wait = lane_overtake(t, r[i], now);
		lane_note(&t->lane[r[i]->lane], r[i]->text, false, now);
		records_unread(t, r[i], now);
		record_insert(t, r[i], now);
		if (wait || record_behind(t, r[i]))
			r[i]->state = STATE_PARKED;
	}
	for (size_t i = 0; i < n; i++)
		if (lane_waits(t, r[i]))
			r[i]->state = STATE_PARKED;
	for (size_t i = 0; i < n; i++)
		if (r[i]->state == STATE_PARKED)
			group_park(t, r, n, i);
	for (size_t i = 0; i < n; i++)
		launch += r[i]->state != STATE_PARKED;
	for (size_t i = 0; i < n; i++)
		if (r[i]->state != STATE_PARKED || r[i]->set)
			lane_cancel(t, r[i], launch == 1 && r[i]->state != STATE_PARKED);
	launch = 0;
	for (size_t i = 0; i < n; i++) {
		if (r[i]->state == STATE_PARKED)
			record_waits(t, r[i]);
		else
			r[launch++] = r[i];
	}
	records_launch(t, r, launch, now);
}

bool command_submit(struct command_table *t, const struct command_request *q, us_t now)
{
	bool accepted = false;
	struct record **r = mem_alloc(q->n, sizeof(struct record *));
	for (uint32_t i = 0; i < q->n; i++) {
		r[i] = record_create(t, q->device, q->item[i].point, q->item[i].text);
		r[i]->item = i;
		r[i]->origin = q->origin;
		r[i]->request = q->request;
		r[i]->only_if_different = q->only_if_different;
	}
	if (!drafts_duplicate(t, q, r, now)) {
		for (uint32_t i = 0; i < q->n; i++)
			draft_check(t, q, r[i], now);
		for (uint32_t i = 0; i < q->n; i++)
			if (!refused(r[i]) &&
			    !group_rules_hold(t, r, q->n, i, r[i]->reason, sizeof r[i]->reason))
				r[i]->verdict = COMMAND_REFUSED;
		if (q->duplicate)
			drafts_refused_before(t, r, q->n, now);
		accepted = !drafts_refused(t, r, q->n, now);
		if (accepted)
			drafts_accept(t, r, q->n, now);
	}
	free(r);
	return accepted;
}
