// SPDX-License-Identifier: MIT
#include "core/sim/line.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/sim/spoil.h"

#define UNITS 256

struct sim_unit {
	us_t turnaround, delay;
	us_t busy_until; /* has not sent its last answer yet: the next come after it */
	enum sim_fault fault;
	unsigned n;         /* requests that still get it */
	struct event *held; /* answers held back, oldest first */
};

struct arrival {
	us_t at;
	uint8_t byte;
};

struct simline {
	struct wire wire;
	uint64_t seed;
	simline_answer *answer;
	void *ctx;
	bool echo;
	unsigned permille;
	uint32_t set;
	us_t delay;
	us_t tx_start, tx_end;   /* the gateway's last frame */
	us_t busy_until;         /* end of the last character of anybody else */
	struct event *events;    /* by time */
	struct arrival *arrival; /* by time; from `out` to `in` unread */
	size_t in, out, room;
	struct sim_unit unit[UNITS];
	struct simline_counters count;
};

uint32_t simline_draw(uint64_t *state, uint32_t below)
{
	/* splitmix64 */
	uint64_t z = (*state += 0x9E3779B97F4A7C15u);

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	z ^= z >> 31;
	return below ? (uint32_t)(z % below) : 0;
}

static uint32_t draw(struct simline *l, uint32_t below)
{
	return simline_draw(&l->seed, below);
}

struct simline *simline_create(const struct wire *w, uint64_t seed, simline_answer *answer,
                               void *ctx)
{
	struct simline *l = mem_alloc(1, sizeof *l);

	l->wire = *w;
	l->seed = seed;
	l->answer = answer;
	l->ctx = ctx;
	l->tx_start = l->tx_end = l->busy_until = -US_S;
	return l;
}

static void free_list(struct event *e)
{
	while (e) {
		struct event *next = e->next;
		free(e);
		e = next;
	}
}

void simline_destroy(struct simline *l)
{
	if (!l)
		return;
	free_list(l->events);
	for (int i = 0; i < UNITS; i++)
		free_list(l->unit[i].held);
	free(l->arrival);
	free(l);
}

void simline_turnaround(struct simline *l, uint8_t unit, us_t turnaround)
{
	l->unit[unit].turnaround = turnaround;
}

void simline_echo(struct simline *l, bool on)
{
	l->echo = on;
}

void simline_fault(struct simline *l, uint8_t unit, enum sim_fault fault, unsigned n, us_t delay)
{
	l->unit[unit].fault = fault;
	l->unit[unit].n = n;
	l->unit[unit].delay = delay;
}

void simline_random(struct simline *l, unsigned permille, uint32_t set, us_t delay)
{
	l->permille = permille;
	l->set = set;
	l->delay = delay;
}

struct simline_counters simline_count(const struct simline *l)
{
	return l->count;
}

static struct event *event_of(const uint8_t *bytes, size_t n, us_t at)
{
	struct event *e = mem_alloc(1, sizeof *e);

	e->at = at;
	e->n = n < FRAME_MAX ? n : FRAME_MAX;
	memcpy(e->bytes, bytes, e->n);
	return e;
}

static void add_event(struct simline *l, struct event *e)
{
	struct event **p = &l->events;

	while (*p && (*p)->at <= e->at)
		p = &(*p)->next;
	e->next = *p;
	*p = e;
}

void simline_inject(struct simline *l, const uint8_t *bytes, size_t n, us_t at)
{
	add_event(l, event_of(bytes, n, at));
}

static void arrive(struct simline *l, uint8_t byte, us_t at)
{
	if (l->in == l->room && l->out > l->room / 2) {
		memmove(l->arrival, l->arrival + l->out, (l->in - l->out) * sizeof *l->arrival);
		l->in -= l->out;
		l->out = 0;
	}
	if (l->in == l->room) {
		l->room = l->room ? 2 * l->room : 1024;
		l->arrival = mem_grow(l->arrival, l->room, sizeof *l->arrival);
	}
	l->arrival[l->in++] = (struct arrival){at, byte};
}

/* The first free moment from `at` on, for a device that listens before it speaks. */
static us_t free_from(const struct simline *l, us_t at)
{
	return l->busy_until > at ? l->busy_until + l->wire.silence : at;
}

static struct event *answer_to(struct simline *l, const uint8_t *adu, size_t n, us_t at)
{
	uint8_t pdu[PDU_MAX], frame[ADU_RTU_MAX];
	const size_t len = l->answer(l->ctx, adu[0], adu + 1, n - 3, pdu);

	if (!len || adu[0] == 0)
		return NULL;
	return event_of(frame, pdu_frame(adu[0], pdu, len, frame), at);
}

/* Another client reads as much of the same unit, elsewhere. */
static void other_client(struct simline *l, const struct event *request, us_t at)
{
	struct event *q = event_of(request->bytes, request->n, at);

	if (q->bytes[1] > FC_READ_INPUT)
		q->bytes[1] = FC_READ_HOLDING;
	q->bytes[3] = (uint8_t)(q->bytes[3] + 1 + draw(l, 20));
	q->client = true;
	spoil_reframe(q, 5);
	add_event(l, q);
}

/* Held answers first, in their order, a silence apart; then this one. */
static us_t release_held(struct simline *l, struct sim_unit *u, us_t at)
{
	while (u->held) {
		struct event *h = u->held;
		u->held = h->next;
		h->at = at;
		at += wire_chars(&l->wire, (unsigned)h->n) + l->wire.silence;
		add_event(l, h);
	}
	return at;
}

static void hold(struct sim_unit *u, struct event *e)
{
	struct event **p = &u->held;

	while (*p)
		p = &(*p)->next;
	e->next = NULL;
	*p = e;
}

/* Only the oldest held answer goes out, this one is held. */
static void one_behind(struct simline *l, struct sim_unit *u, struct event *e)
{
	struct event *h = u->held;

	if (h) {
		u->held = h->next;
		h->at = e->at;
		add_event(l, h);
	}
	hold(u, e);
}

static enum sim_fault choose_fault(struct simline *l, struct sim_unit *u, us_t *delay)
{
	*delay = u->delay;
	if (u->n) {
		u->n--;
		return u->fault;
	}
	*delay = l->delay ? draw(l, (uint32_t)l->delay) : 0;
	if (!l->set || draw(l, 1000) >= l->permille)
		return SIM_NONE;
	for (;;) {
		const uint32_t f = draw(l, SIM_FAULTS);
		if (!(l->set >> f & 1))
			continue;
		if (f == SIM_OVERTAKEN)
			*delay /= 4;
		return f;
	}
}

/* Faults of when and whether; e is the answer, due at e->at. */
static void send_answer(struct simline *l, struct event *e, const struct event *q,
                        enum sim_fault fault, us_t delay)
{
	struct sim_unit *u = &l->unit[q->bytes[0]];

	spoil(&l->seed, e, fault);
	if (fault == SIM_HELD || fault == SIM_HELD_EXCEPTION) {
		hold(u, e);
		return;
	}
	if (fault == SIM_BEHIND) {
		one_behind(l, u, e);
		return;
	}
	if (fault == SIM_OVERTAKEN && u->held)
		fault = SIM_LATE; /* answers held back keep their order */
	if (fault == SIM_LATE || fault == SIM_OVERTAKEN)
		e->at = q->at + delay;
	if (e->at < u->busy_until)
		e->at = u->busy_until;
	e->at = release_held(l, u, e->at);
	if (fault == SIM_NOISE_BEFORE) {
		struct event *n = event_of(e->bytes, 0, e->at);
		spoil_noise(&l->seed, n, 0, 1 + draw(l, 12));
		add_event(l, n);
		e->at += wire_chars(&l->wire, (unsigned)n->n) + draw(l, 20000);
	}
	const us_t end = e->at + wire_chars(&l->wire, (unsigned)e->n);
	if (fault != SIM_OVERTAKEN)
		u->busy_until = end + u->turnaround;
	if (fault == SIM_DOUBLED)
		add_event(l, event_of(e->bytes, e->n, end + draw(l, (uint32_t)l->wire.silence)));
	if (fault == SIM_CLIENT_AFTER)
		other_client(l, q, end + l->wire.silence + draw(l, 2000));
	if (fault == SIM_PAUSE && e->n > 1) {
		const size_t half = e->n / 2;
		add_event(l, event_of(e->bytes + half, e->n - half,
		                      e->at + wire_chars(&l->wire, (unsigned)half) + delay));
		u->busy_until += delay;
		e->n = half;
	}
	add_event(l, e);
}

static void deliver(struct simline *l, const struct event *q)
{
	struct sim_unit *u = &l->unit[q->bytes[0]];
	us_t delay;

	if (q->lost || q->n < 4 || crc16(q->bytes, q->n))
		return;
	l->count.delivered++;
	const enum sim_fault fault = choose_fault(l, u, &delay);
	l->count.faults += fault != SIM_NONE;
	if (fault == SIM_LOST)
		return;
	if (fault == SIM_CLIENT) {
		other_client(l, q, q->at + 500);
		return;
	}
	struct event *e = answer_to(l, q->bytes, q->n, q->at + u->turnaround);
	if (!e || fault == SIM_SILENT) {
		free(e);
		return;
	}
	send_answer(l, e, q, fault, delay);
}

/* A device, or noise, begins to speak. */
static void speak(struct simline *l, struct event *e)
{
	const bool both = e->at >= l->tx_start && e->at < l->tx_end;

	if (both) { /* over the gateway's words */
		l->count.collisions++;
		for (struct event *q = l->events; q; q = q->next)
			q->lost = q->lost || q->request;
	}
	for (size_t i = 0; i < e->n; i++)
		arrive(l, both ? (uint8_t)draw(l, 256) : e->bytes[i],
		       e->at + wire_chars(&l->wire, (unsigned)i + 1));
	l->busy_until = e->at + wire_chars(&l->wire, (unsigned)e->n);
	l->count.busy += l->busy_until - e->at;
	if (!e->client || both)
		return;
	struct event *a =
		answer_to(l, e->bytes, e->n, l->busy_until + l->unit[e->bytes[0]].turnaround);
	if (a)
		add_event(l, a);
}

static void advance(struct simline *l, us_t now)
{
	while (l->events && l->events->at <= now) {
		struct event *e = l->events;
		l->events = e->next;
		if (!e->request && free_from(l, e->at) > e->at) {
			e->at = free_from(l, e->at);
			add_event(l, e);
			continue;
		}
		if (e->request)
			deliver(l, e);
		else
			speak(l, e);
		free(e);
	}
}

/* Spoils what is on the wire from `from` on. Returns false when nothing is. */
static bool spoil_arrivals(struct simline *l, us_t from)
{
	if (l->busy_until <= from)
		return false;
	for (size_t i = l->out; i < l->in; i++)
		if (l->arrival[i].at > from)
			l->arrival[i].byte = (uint8_t)draw(l, 256);
	return true;
}

static void echo_arrivals(struct simline *l, const uint8_t *bytes, size_t n, us_t start)
{
	for (size_t i = 0; i < n; i++)
		arrive(l, bytes[i], start + wire_chars(&l->wire, (unsigned)i + 1));
}

void simline_write(struct simline *l, const uint8_t *bytes, size_t n, us_t now)
{
	advance(l, now);
	const us_t start = now > l->tx_end ? now : l->tx_end;
	const us_t last = l->busy_until > l->tx_end ? l->busy_until : l->tx_end;
	/* Where bytes wait to be read (a simulator that was scheduled late), no client could keep a
	 * silence behind them: the two collided. */
	const bool unread = l->out < l->in;
	struct event *q = event_of(bytes, n, start + wire_chars(&l->wire, (unsigned)n));

	l->count.requests++;
	l->count.busy += q->at - start;
	q->request = true;
	if (spoil_arrivals(l, start) || (unread && start < last + l->wire.silence)) {
		l->count.collisions++;
		q->lost = true;
	} else if (start < last + l->wire.silence) {
		l->count.early++;
		q->lost = true;
	}
	l->tx_start = start;
	l->tx_end = q->at;
	if (l->echo && !q->lost)
		echo_arrivals(l, bytes, n, start);
	add_event(l, q);
}

size_t simline_read(struct simline *l, us_t now, uint8_t *buf, size_t size)
{
	size_t n = 0;

	advance(l, now);
	while (n < size && l->out < l->in && l->arrival[l->out].at <= now)
		buf[n++] = l->arrival[l->out++].byte;
	return n;
}

us_t simline_next(struct simline *l, us_t now)
{
	us_t t = US_NEVER;

	advance(l, now);
	if (l->events)
		t = l->events->at;
	if (l->out < l->in && l->arrival[l->out].at < t)
		t = l->arrival[l->out].at;
	return t < now ? now : t;
}

us_t simline_end(const struct simline *l)
{
	return l->out < l->in ? l->arrival[l->in - 1].at : US_NEVER;
}
