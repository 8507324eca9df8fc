/* SPDX-License-Identifier: MIT */
/*
 * exchange_rig: the exchange on the simulated line, in virtual time. Every register's value is a
 * hash of unit, table, address and the number of the request that read it, so that a wrong or an
 * old value is recognised.
 */
#ifndef EXCHANGE_RIG_H
#define EXCHANGE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/modbus/exchange.h"
#include "core/sim/line.h"
#include "core/sim/server.h"

#define UNITS 4
#define CONFIGURED (300 * US_MS)

/* One run: a line, its units, the gateway's knowledge of them. */
struct rig {
	struct simline *sim;
	struct wire wire;
	struct line line;
	struct peer peer[UNITS + 1];
	struct exchange x, *at; /* one of its own, and the one under way */
	uint64_t seed;
	us_t now;
	us_t wake_latency;  /* the gateway's sleep ends up to so much later */
	uint32_t seq;       /* requests that reached a device */
	uint32_t begun_seq; /* of the exchange under way */
	uint16_t written;   /* the last value written, and how often */
	unsigned writes;
	bool no_other_function; /* the units ignore all functions but 3 and 6 */
	bool no_diagnostics;    /* they refuse function 8 */
	uint64_t functions;     /* known of the units; 0: nothing */
	unsigned unknown;       /* requests by another function */
	unsigned wakes;
	unsigned wrong, good;
	unsigned outcome[OUT_SAME + 1];
};

static inline uint16_t cell(uint8_t unit, uint8_t table, uint16_t addr, uint32_t seq)
{
	uint64_t state = (uint64_t)seq << 32 | (uint64_t)unit << 24 | (uint64_t)table << 16 | addr;
	return (uint16_t)simline_draw(&state, 65536);
}

struct call {
	struct rig *r;
	uint8_t unit;
};

static inline uint8_t read_cells(void *ctx, uint8_t table, uint16_t addr, uint16_t count,
                                 uint16_t *words)
{
	const struct call *c = ctx;
	if (addr >= 9000)
		return EXC_ADDRESS;
	for (unsigned i = 0; i < count; i++) {
		const uint16_t v = cell(c->unit, table, (uint16_t)(addr + i), c->r->seq);
		if (!table_is_bits(table))
			words[i] = v;
		else if (v & 1)
			words[i / 16] |= (uint16_t)(1 << i % 16);
	}
	return 0;
}

static inline uint8_t write_cells(void *ctx, uint8_t table, uint16_t addr, uint16_t count,
                                  const uint16_t *words)
{
	const struct call *c = ctx;
	(void)table, (void)addr, (void)count;
	c->r->writes += words[0] == c->r->written;
	return 0;
}

static inline size_t devices(void *ctx, uint8_t unit, const uint8_t *pdu, size_t len,
                             uint8_t *answer)
{
	struct rig *r = ctx;
	struct call c = {r, unit};
	const struct server s = {.ctx = &c,
	                         .read = read_cells,
	                         .write = write_cells,
	                         .id = "sim",
	                         .object = {"V", "P", "1"}};
	if (unit > UNITS)
		return 0;
	r->seq++;
	r->unknown += r->functions && !(r->functions >> pdu[0] & 1);
	if (r->no_other_function && pdu[0] != FC_READ_HOLDING && pdu[0] != FC_WRITE_REGISTER)
		return 0;
	if (r->no_diagnostics && pdu[0] == FC_DIAGNOSTICS) {
		answer[0] = FC_DIAGNOSTICS | 0x80;
		answer[1] = EXC_FUNCTION;
		return 2;
	}
	return server_answer(&s, pdu, len, answer);
}

static inline void rig_open(struct rig *r, uint32_t baud, uint64_t seed)
{
	memset(r, 0, sizeof *r);
	r->seed = seed;
	r->at = &r->x;
	r->now = 10 * US_S;
	r->wake_latency = 100;
	wire_init(&r->wire, baud, 8, 'N', 1, 0);
	r->sim = simline_create(&r->wire, seed, devices, r);
	line_init(&r->line, &r->wire, r->now - US_S);
	r->line.timed = baud != 0;
	for (uint8_t u = 1; u <= UNITS; u++) {
		peer_init(&r->peer[u], r->now);
		peer_unsure(&r->peer[u], r->now, CONFIGURED);
		simline_turnaround(r->sim, u, 2000 + 1000 * u);
	}
}

static inline void rig_close(struct rig *r)
{
	assert_int_equal(simline_count(r->sim).early, 0);
	simline_destroy(r->sim);
}

static inline uint32_t rnd(struct rig *r, uint32_t below)
{
	return simline_draw(&r->seed, below);
}

/* Sleeps are late by a little, as on a real machine. */
static inline void sleep_until(struct rig *r, us_t until)
{
	if (until > r->now) {
		r->now = until + (us_t)rnd(r, (uint32_t)r->wake_latency + 1);
		r->wakes++;
	}
}

static inline void poll_until(struct rig *r, us_t until)
{
	us_t t;
	while ((t = simline_next(r->sim, r->now)) <= until) {
		if (t > r->now)
			r->now = t;
		uint8_t probe[ADU_RTU_MAX]; /* with transaction ids frames come whole */
		const size_t n =
			simline_read(r->sim, r->now, probe, r->line.ids ? sizeof probe : 1);
		if (n) {
			r->now += (us_t)rnd(r, (uint32_t)r->wake_latency + 1);
			r->wakes++;
			exchange_input(r->at, probe, n, r->now);
			return;
		}
	}
	if (until > r->now)
		r->now = until;
	exchange_input(r->at, NULL, 0, r->now);
}

static inline void read_now(struct rig *r)
{
	uint8_t buf[512];
	const size_t n = simline_read(r->sim, r->now, buf, sizeof buf);
	exchange_input(r->at, buf, n, r->now);
}

static inline void send_now(struct rig *r)
{
	uint8_t adu[ADU_RTU_MAX];
	const struct request *q = r->at->send;
	const us_t before = r->now;
	simline_write(r->sim, adu, pdu_frame(q->unit, q->pdu, q->len, adu), r->now);
	r->now += (us_t)rnd(r, 20);
	exchange_sent(r->at, before, r->now);
}

/* Carries out the exchange that has begun. */
static inline enum outcome drive(struct rig *r, struct exchange *x)
{
	us_t until;
	unsigned steps = 0;
	r->begun_seq = r->seq;
	r->at = x;
	for (;;) {
		assert_true(++steps < 20000);
		switch (exchange_next(x, r->now, &until)) {
		case EX_SLEEP:
			sleep_until(r, until);
			break;
		case EX_READ:
			read_now(r);
			break;
		case EX_SEND:
		case EX_PROVE:
			send_now(r);
			break;
		case EX_POLL:
			poll_until(r, until);
			break;
		case EX_DONE:
			r->outcome[x->outcome]++;
			return x->outcome;
		}
	}
}

/* One exchange, whatever it sends for it. */
static inline enum outcome run_with(struct rig *r, struct peer *peer, const struct request *q,
                                    us_t timeout, us_t configured)
{
	exchange_begin(&r->x, &r->line, peer, q, timeout, configured);
	r->x.functions = r->functions;
	return drive(r, &r->x);
}

static inline enum outcome run(struct rig *r, const struct request *q, us_t timeout)
{
	return run_with(r, q->unit ? &r->peer[q->unit] : NULL, q, timeout, CONFIGURED);
}

/* Is the answer the device's, for this request, and made within this exchange? */
static inline bool right(const struct rig *r, const struct request *q)
{
	uint16_t words[CELLS_MAX];
	const uint16_t addr = (uint16_t)(q->pdu[1] << 8 | q->pdu[2]);
	const uint16_t count = (uint16_t)(q->pdu[3] << 8 | q->pdu[4]);
	const uint8_t table = q->pdu[0] == FC_READ_HOLDING ? TABLE_HOLDING
	                      : q->pdu[0] == FC_READ_INPUT ? TABLE_INPUT
	                      : q->pdu[0] == FC_READ_COILS ? TABLE_COIL
	                                                   : TABLE_DISCRETE;
	pdu_cells(q, r->at->answer, r->at->answer_len, words);
	for (uint32_t seq = r->begun_seq + 1; seq <= r->seq; seq++) {
		unsigned i = 0;
		for (; i < count; i++) {
			const uint16_t v = cell(q->unit, table, (uint16_t)(addr + i), seq);
			if (table_is_bits(table) ? (words[i / 16] >> i % 16 & 1) != (v & 1)
			                         : words[i] != v)
				break;
		}
		if (i == count)
			return true;
	}
	return false;
}

static inline enum outcome read_once(struct rig *r, uint8_t unit, uint8_t table, uint16_t addr,
                                     uint16_t count)
{
	struct request q;
	assert_true(pdu_read(&q, unit, table, addr, count));
	const enum outcome o = run(r, &q, peer_timeout(&r->peer[unit], CONFIGURED));
	if (o == OUT_OK) {
		r->good++;
		r->wrong += !right(r, &q);
	}
	/* Refusals that no device of ours gives. */
	if (o == OUT_REFUSED && addr < 9000 && r->x.exception != 6)
		r->wrong++;
	if (o == OUT_OK && addr >= 9000)
		r->wrong++;
	return o;
}

static inline enum outcome write_once(struct rig *r, uint8_t unit, uint16_t addr)
{
	struct request q;
	r->written = (uint16_t)(rnd(r, 65536));
	r->writes = 0;
	if (rnd(r, 2))
		pdu_write_register(&q, unit, addr, r->written);
	else
		pdu_write_registers(&q, unit, addr, 1, &r->written);
	const enum outcome o = run(r, &q, CONFIGURED);
	assert_true(r->writes <= 1);
	if (o == OUT_OK) {
		r->good++;
		r->wrong += r->writes != 1;
	}
	if (r->x.sent == 0)
		r->wrong += r->writes != 0;
	return o;
}

/* What the scheduler does: if barred, another block, or one value less or more. */
static inline void poll_varied(struct rig *r, uint8_t unit, const struct span *block, unsigned n)
{
	const unsigned from = rnd(r, n);
	for (unsigned i = 0; i < 3 * n; i++) {
		struct span s = block[(from + i) % n];
		struct request q;
		s.count = (uint16_t)(s.count + (i >= 2 * n ? 1 : 0) -
		                     (i >= n && i < 2 * n && s.count > 1));
		assert_true(pdu_read(&q, unit, s.table, s.addr, s.count));
		const struct signature sig = pdu_signature(&q);
		if (!peer_barred(&r->peer[unit], &sig, r->now)) {
			read_once(r, unit, s.table, s.addr, s.count);
			return;
		}
	}
	read_once(r, unit, block[from].table, block[from].addr, block[from].count);
}

static const struct span blocks[] = {
	{0, TABLE_HOLDING, 100, 10},  {0, TABLE_HOLDING, 300, 10}, /* the same length at another
                                                                      address */
	{0, TABLE_HOLDING, 500, 3},   {0, TABLE_INPUT, 100, 10},   {0, TABLE_COIL, 100, 100},
	{0, TABLE_HOLDING, 9000, 10}, /* refused */
};

static inline void mixed_traffic(struct rig *r, unsigned exchanges, unsigned nblocks)
{
	for (unsigned i = 0; i < exchanges; i++) {
		const uint8_t unit = (uint8_t)(1 + rnd(r, UNITS - 1));
		if (rnd(r, 8) == 0)
			write_once(r, unit, (uint16_t)rnd(r, 5));
		else
			poll_varied(r, unit, blocks, nblocks);
		if (rnd(r, 10) == 0)
			r->now += rnd(r, 2000000);
	}
}

static inline void in_step(struct rig *r, uint8_t unit)
{
	read_once(r, unit, TABLE_HOLDING, 0, 2);
	assert_int_equal(read_once(r, unit, TABLE_HOLDING, 0, 4), OUT_OK);
	r->now += 3 * CONFIGURED;
	assert_false(peer_outstanding(&r->peer[unit]));
}

#endif
