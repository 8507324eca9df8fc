/* SPDX-License-Identifier: MIT */
/*
 * explore_world: scheduler, exchange, line and two devices in virtual time, as plain as can be, for
 * test_explore.c. What befalls each request is chosen; all else follows from that.
 */
#ifndef TESTS_UNIT_EXPLORE_WORLD_H
#define TESTS_UNIT_EXPLORE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/schedule/private.h"
#include "core/schedule/turn.h"

#define CONFIGURED (300 * US_MS)
#define TURNAROUND (8 * US_MS)
#define GRID (10 * US_MS)
#define WANTS_MAX 16
#define WAITING_MAX 16
#define UNITS 2
#define VALUE 4711
#define MASK 0x00FFu
#define WRITTEN 7 /* the address that commands write; no want reads it */

enum fault {
	F_NONE,
	F_LOST,    /* not heard by the device */
	F_SILENT,  /* done, never answered */
	F_LATE,    /* answered just behind the time-out */
	F_LATER,   /* answered much later */
	F_HELD,    /* answered directly before the next answer */
	F_REFUSED, /* exception 2, nothing done */
	F_BUSY,    /* exception 6, nothing done */
	F_SPOILT,  /* the answer's CRC is wrong */
	F_DOUBLED, /* the answer comes twice */
	FAULTS,
};

static const char *const said[] = {"",         ": lost",      ": silent",  ": late",
                                   ": later",  ": held back", ": refused", ": busy",
                                   ": spoilt", ": doubled"};

struct device {
	uint32_t functions;     /* bit n: knows function n */
	bool mute;              /* says nothing to the others; else exception 1 */
	struct window range[4]; /* addresses it has; a read over others is refused with 2 */
	uint16_t bad;           /* an address it has and cannot give (0: none) … */
	uint8_t code;           /* … said by this exception; 0: by silence */
};

/* What a predecessor asked unit 1, whose answer comes directly before the first one to us. */
struct old {
	uint8_t count; /* registers; 0: none, or … */
	uint8_t code;  /* … refused by this exception */
};

struct scene {
	const char *name;
	struct old old[2];
	unsigned depth; /* 0: as deep as the others */
	struct device device[UNITS];
	struct want want[WANTS_MAX];
	size_t n;
	us_t period;
	bool ids;
	bool merge;        /* the command sets bits: it reads, merges and writes */
	unsigned requests; /* the bounds of progress */
	us_t time;
};

struct arrival {
	us_t at;
	uint16_t tid;
	uint16_t n;
	uint8_t bytes[ADU_RTU_MAX];
};

struct world {
	const struct scene *scene;
	const uint8_t *fault; /* of the first `depth` requests */
	unsigned depth;
	us_t now;
	struct wire wire;
	struct line line;
	struct schedule *schedule;
	struct turn_run run;
	unsigned requests;     /* sent */
	unsigned asked[UNITS]; /* of them to each unit */
	uint16_t tid;
	struct arrival waiting[WAITING_MAX];
	size_t nwaiting;
	struct arrival held[WAITING_MAX];
	size_t nheld;
	uint32_t begun;              /* requests before the exchange at hand … */
	uint32_t turn_begun;         /* … and before the turn */
	unsigned read_at[WANTS_MAX]; /* requests sent when it was last read, and when */
	us_t read_when[WANTS_MAX];
	unsigned writes, executed;
	uint32_t refusals; /* exceptions given within the exchange at hand */
	const char *wrong;
};

#define TRACE_LINES 100

static unsigned trace; /* so many more lines of the path that failed */

/* -- the device and its line ------------------------------------------------------ */

static inline uint16_t cell(uint8_t unit, uint16_t addr, uint32_t request)
{
	return (uint16_t)((addr * 2654435761u ^ request * 40503u ^ unit * 977u) >> 3);
}

static inline bool device_has(const struct device *d, uint32_t addr, uint32_t end)
{
	for (size_t i = 0; i < 4; i++)
		if (d->range[i].last && addr >= d->range[i].first && end <= d->range[i].last + 1u)
			return true;
	return false;
}

/* A merged write changes the bits of the mask only: the others are as a read of this turn had them.
 */
static inline bool put_back_right(const struct world *w, uint16_t addr, uint16_t value)
{
	for (uint32_t r = w->turn_begun + 1; r <= w->requests; r++)
		if (((cell(1, addr, r) ^ value) & ~MASK) == 0)
			return (value & MASK) == (VALUE & MASK);
	return false;
}

/* The answer's PDU; 0: none. */
static inline size_t device_answer(struct world *w, const struct request *r, uint8_t *out)
{
	const struct device *d = &w->scene->device[r->unit - 1];
	const uint8_t fc = r->pdu[0];
	const uint16_t addr = (uint16_t)(r->pdu[1] << 8 | r->pdu[2]);
	const uint16_t count = (uint16_t)(r->pdu[3] << 8 | r->pdu[4]);
	out[0] = fc | 0x80;
	if (!(d->functions >> fc & 1)) {
		out[1] = EXC_FUNCTION;
		return d->mute ? 0 : 2;
	}
	if (fc == FC_WRITE_REGISTER && w->scene->merge && !put_back_right(w, addr, count))
		w->wrong = "puts back what was not read in this turn";
	if (fc == FC_WRITE_REGISTER || fc == FC_DIAGNOSTICS) {
		w->executed += fc == FC_WRITE_REGISTER;
		memcpy(out, r->pdu, 5);
		return 5;
	}
	out[1] = EXC_ADDRESS;
	if (!device_has(d, addr, (uint32_t)addr + count))
		return 2;
	out[1] = d->code;
	if (d->bad >= addr && d->bad < addr + count && d->bad)
		return d->code ? 2 : 0;
	out[0] = fc;
	out[1] = (uint8_t)(2 * count);
	for (unsigned i = 0; i < count; i++) {
		const uint16_t v = cell(r->unit, (uint16_t)(addr + i), w->requests);
		out[2 + 2 * i] = (uint8_t)(v >> 8);
		out[3 + 2 * i] = (uint8_t)v;
	}
	return 2u + 2u * count;
}

static inline void come(struct world *w, const struct arrival *a, us_t at)
{
	assert_true(w->nwaiting < WAITING_MAX);
	size_t i = w->nwaiting++;
	for (; i > 0 && w->waiting[i - 1].at > at; i--)
		w->waiting[i] = w->waiting[i - 1];
	w->waiting[i] = *a;
	w->waiting[i].at = at;
}

/* The answer to the request just sent goes its way. */
static inline void answer_goes(struct world *w, struct arrival *a, enum fault f, us_t end)
{
	us_t at = end + TURNAROUND;
	if (f == F_HELD && w->nheld < WAITING_MAX) {
		w->held[w->nheld++] = *a;
		return;
	}
	/* a unit answers in order */
	if (w->nwaiting)
		at = us_max(at, w->waiting[w->nwaiting - 1].at + w->wire.silence);
	for (size_t i = 0; i < w->nheld; i++) {
		at += wire_chars(&w->wire, w->held[i].n);
		come(w, &w->held[i], at);
		at += w->wire.silence;
	}
	w->nheld = 0;
	at += wire_chars(&w->wire, a->n);
	if (f == F_LATE || f == F_LATER)
		at += f == F_LATE ? CONFIGURED + 2 * GRID : 4 * CONFIGURED;
	if (f == F_SPOILT)
		a->bytes[a->n - 1] ^= 0x55;
	come(w, a, at);
	if (f == F_DOUBLED)
		come(w, a, at); /* at once: nothing that knows the line sends meanwhile */
}

static inline void send_request(struct world *w, const struct request *r)
{
	const enum fault f = w->requests < w->depth ? w->fault[w->requests] : F_NONE;
	const us_t end = w->now + wire_chars(&w->wire, r->len + 3u);
	struct arrival a = {.tid = ++w->tid};
	uint8_t pdu[PDU_MAX];
	size_t n = 0;
	if (trace && trace--)
		print_message("%9.3f s: unit %u function %u at %u, %u%s\n",
		              (double)(w->now % (1000 * US_S)) / 1e6, r->unit, r->pdu[0],
		              r->pdu[1] << 8 | r->pdu[2], r->pdu[3] << 8 | r->pdu[4], said[f]);
	w->requests++;
	w->asked[r->unit - 1]++;
	exchange_sent(&w->run.exchange, w->now, w->now);
	if (f == F_LOST)
		return;
	if (f == F_REFUSED || f == F_BUSY) {
		pdu[0] = r->pdu[0] | 0x80;
		pdu[1] = f == F_BUSY ? EXC_BUSY : EXC_ADDRESS;
		n = 2;
	} else {
		n = device_answer(w, r, pdu);
	}
	w->refusals += n && pdu[0] & 0x80;
	if (n == 0 || f == F_SILENT)
		return;
	a.n = (uint16_t)pdu_frame(r->unit, pdu, n, a.bytes);
	answer_goes(w, &a, f, end);
}

/* What has come by now. On a line with transaction ids only what belongs to the last request. */
static inline size_t receive(struct world *w, uint8_t *buf)
{
	size_t n = 0, taken = 0;
	while (taken < w->nwaiting && w->waiting[taken].at <= w->now && n < 2 * ADU_RTU_MAX) {
		const struct arrival *a = &w->waiting[taken++];
		if (w->scene->ids && a->tid != w->tid)
			continue;
		memcpy(buf + n, a->bytes, a->n);
		n += a->n;
	}
	w->nwaiting -= taken;
	memmove(w->waiting, w->waiting + taken, w->nwaiting * sizeof w->waiting[0]);
	return n;
}

static inline void look(struct world *w)
{
	uint8_t buf[3 * ADU_RTU_MAX];
	const size_t n = receive(w, buf);
	exchange_input(&w->run.exchange, buf, n, w->now);
}

static inline void wait_for_bytes(struct world *w, us_t until)
{
	uint8_t buf[3 * ADU_RTU_MAX];
	size_t n = 0;
	while (n == 0 && w->nwaiting && w->waiting[0].at <= until) {
		w->now = us_max(w->now, w->waiting[0].at);
		n = receive(w, buf);
	}
	if (n == 0)
		w->now = us_max(w->now, until);
	exchange_input(&w->run.exchange, buf, n, w->now);
}

/* What the turn wants next. */
static inline void transact(struct world *w)
{
	struct exchange *x = &w->run.exchange;
	w->begun = w->requests;
	w->refusals = 0;
	for (unsigned steps = 0;; steps++) {
		us_t until;
		assert_true(steps < 5000);
		switch (exchange_next(x, w->now, &until)) {
		case EX_SLEEP:
			w->now = us_max(w->now, until);
			break;
		case EX_READ:
			look(w);
			break;
		case EX_SEND:
		case EX_PROVE:
			send_request(w, x->send);
			break;
		case EX_POLL:
			wait_for_bytes(w, until);
			break;
		case EX_DONE:
			return;
		}
	}
}

/* -- a turn ----------------------------------------------------------------------- */

/* Was the answer made for this request, within this exchange? */
static inline bool value_right(const struct world *w, const struct span *s)
{
	for (uint32_t r = w->begun + 1; r <= w->requests; r++) {
		unsigned i = 0;
		while (i < s->count && w->run.word[i] == cell(s->unit, (uint16_t)(s->addr + i), r))
			i++;
		if (i == s->count)
			return true;
	}
	return false;
}

static inline void turn_was_read(struct world *w, const struct turn *t)
{
	if (!value_right(w, &t->span))
		w->wrong = "value";
	for (size_t i = 0; i < w->scene->n; i++) {
		const struct want *want = &w->scene->want[i];
		if (want->unit != t->span.unit || want->table != t->span.table ||
		    want->addr < t->span.addr ||
		    want->addr + want->len > t->span.addr + t->span.count)
			continue;
		w->read_at[i] = w->requests;
		w->read_when[i] = w->now;
	}
}

static inline void turn_was_write(struct world *w, unsigned before)
{
	const unsigned done = w->executed - before;
	w->writes++;
	if (w->executed > w->writes || done > 1)
		w->wrong = "written twice";
	if (w->run.outcome == OUT_OK && !done)
		w->wrong = "confirmed and not written";
	if (!w->run.sent && done)
		w->wrong = "reported as not sent, but written";
}

static inline void turn_carried_out(struct world *w, struct turn *t)
{
	static const struct turn_way way[] = {{0}, {.zero_answers = true}};
	const unsigned before = w->executed;
	w->turn_begun = w->requests;
	turn_begin(&w->run, t, t->rule, &way[w->scene->ids], &w->line, NULL);
	while (turn_next(&w->run, w->now) == TURN_EXCHANGE) {
		transact(w);
		turn_exchanged(&w->run, true, w->now);
	}
	if (w->run.outcome == OUT_REFUSED && !w->refusals)
		w->wrong = "refused by nobody";
	if (t->kind == TURN_JOB)
		turn_was_write(w, before);
	else if (w->run.outcome == OUT_OK)
		turn_was_read(w, t);
}

static inline void turn_once(struct world *w)
{
	struct turn t;
	struct effects e = {0};
	schedule_next(w->schedule, w->now, &t);
	if (t.kind == TURN_SLEEP) {
		w->now = us_min(t.until, w->now + US_S);
		return;
	}
	const us_t begun = w->now;
	turn_carried_out(w, &t);
	const enum outcome o = w->run.outcome;
	schedule_done(w->schedule, &t, o, w->run.exception, w->run.turnaround, w->now - begun,
	              w->now, &e);
	if (trace && trace--)
		print_message("%9.3f s: outcome %d of unit %u at %u, %u%s\n",
		              (double)(w->now % (1000 * US_S)) / 1e6, o, t.span.unit, t.span.addr,
		              t.span.count,
		              e.aside     ? ": set aside"
		              : e.offline ? ": offline"
		                          : "");
}

static inline void submit(struct world *w)
{
	uint64_t old;
	const struct job j = {.id = 1,
	                      .span = {1, TABLE_HOLDING, WRITTEN, 1},
	                      .fc = w->scene->merge ? FC_MASK_WRITE : FC_WRITE_REGISTER,
	                      .expires = w->now + 5 * US_S,
	                      .value = {VALUE},
	                      .mask = {MASK}};
	schedule_submit(w->schedule, &j, w->now, &old);
}

static inline void leave_old(struct world *w)
{
	for (size_t i = 0; i < 2; i++) {
		const struct old *o = &w->scene->old[i];
		uint8_t pdu[PDU_MAX] = {FC_READ_HOLDING, (uint8_t)(2 * o->count)};
		const size_t n = o->code ? 2 : 2u + 2u * o->count;
		if (!o->count && !o->code)
			continue;
		if (o->code)
			memcpy(pdu, (const uint8_t[]){FC_READ_HOLDING | 0x80, o->code}, 2);
		struct arrival *a = &w->held[w->nheld++];
		*a = (struct arrival){0};
		a->n = (uint16_t)pdu_frame(1, pdu, n, a->bytes);
	}
}

static inline void world_begin(struct world *w, const struct scene *scene, const uint8_t *fault,
                               unsigned depth)
{
	struct unit_rule rule[UNITS];
	struct want want[WANTS_MAX];
	memset(w, 0, offsetof(struct world, waiting));
	w->nwaiting = w->nheld = w->writes = w->executed = 0;
	w->wrong = NULL;
	w->scene = scene;
	w->fault = fault;
	w->depth = depth;
	w->now = 1000 * US_S;
	wire_init(&w->wire, scene->ids ? 0 : 9600, 8, 'N', 1, 0);
	line_init(&w->line, &w->wire, w->now - US_S);
	w->line.ids = scene->ids;
	w->schedule = schedule_create(&w->wire, 0, 1, w->now);
	for (uint8_t u = 0; u < UNITS; u++)
		rule[u] = (struct unit_rule){.unit = (uint8_t)(u + 1),
		                             .timeout = CONFIGURED,
		                             .retries = 1,
		                             .max_read = READ_REGISTERS_MAX,
		                             .max_hole = UINT16_MAX};
	for (size_t i = 0; i < scene->n; i++) {
		want[i] = scene->want[i];
		want[i].period = scene->period;
		want[i].prio = CLASS_NORMAL;
		w->read_at[i] = 0;
		w->read_when[i] = w->now;
	}
	schedule_adopt(w->schedule, want, scene->n, rule, UNITS, w->now);
	schedule_port_back(w->schedule, w->now);
	leave_old(w);
	if (!scene->old[0].count && !scene->old[0].code)
		submit(w);
}

#endif
