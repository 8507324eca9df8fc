/*
 * The exchange on the simulated line, in virtual time. Every register's value is a hash of unit, table,
 * address and the number of the request that read it, so that a wrong or an old value is recognised.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/exchange.h"
#include "core/server.h"
#include "core/simline.h"

#define UNITS 4
#define CONFIGURED (300 * US_MS)

/* One run: a line, its units, the gateway's knowledge of them. */
struct rig {
	struct simline *sim;
	struct wire wire;
	struct line line;
	struct peer peer[UNITS + 1];
	struct exchange x;
	uint64_t seed;
	us_t now;
	us_t wake_latency;   /* the gateway's sleep ends up to so much later */
	uint32_t seq;        /* requests that reached a device */
	uint32_t begun_seq;  /* of the exchange under way */
	uint16_t written;    /* the last value written, and how often */
	unsigned writes;
	bool no_other_function; /* the units ignore all functions but 3 and 6 */
	unsigned wakes;
	unsigned wrong, good;
	unsigned outcome[OUT_SAME + 1];
};

static uint16_t cell(uint8_t unit, uint8_t table, uint16_t addr, uint32_t seq)
{
	uint64_t state = (uint64_t)seq << 32 | (uint64_t)unit << 24 | (uint64_t)table << 16 | addr;
	return (uint16_t)simline_draw(&state, 65536);
}

struct call {
	struct rig *r;
	uint8_t unit;
};

static uint8_t read_cells(void *ctx, uint8_t table, uint16_t addr, uint16_t count, uint16_t *words)
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

static uint8_t write_cells(void *ctx, uint8_t table, uint16_t addr, uint16_t count, const uint16_t *words)
{
	const struct call *c = ctx;
	(void)table, (void)addr, (void)count;
	c->r->writes += words[0] == c->r->written;
	return 0;
}

static size_t devices(void *ctx, uint8_t unit, const uint8_t *pdu, size_t len, uint8_t *answer)
{
	struct rig *r = ctx;
	struct call c = { r, unit };
	const struct server s = { .ctx = &c, .read = read_cells, .write = write_cells, .id = "sim",
				  .object = { "V", "P", "1" } };
	if (unit > UNITS)
		return 0;
	r->seq++;
	if (r->no_other_function && pdu[0] != FC_READ_HOLDING && pdu[0] != FC_WRITE_REGISTER)
		return 0;
	return server_answer(&s, pdu, len, answer);
}

static void rig_open(struct rig *r, uint32_t baud, uint64_t seed)
{
	memset(r, 0, sizeof *r);
	r->seed = seed;
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

static void rig_close(struct rig *r)
{
	assert_int_equal(simline_count(r->sim).early, 0);
	simline_destroy(r->sim);
}

static uint32_t rnd(struct rig *r, uint32_t below)
{
	return simline_draw(&r->seed, below);
}

/* Sleeps are late by a little, as on a real machine. */
static void sleep_until(struct rig *r, us_t until)
{
	if (until > r->now) {
		r->now = until + (us_t)rnd(r, (uint32_t)r->wake_latency + 1);
		r->wakes++;
	}
}

static void poll_until(struct rig *r, us_t until)
{
	us_t t;
	while ((t = simline_next(r->sim, r->now)) <= until) {
		if (t > r->now)
			r->now = t;
		uint8_t probe;
		const size_t n = simline_read(r->sim, r->now, &probe, 1);
		if (n) {
			r->now += (us_t)rnd(r, (uint32_t)r->wake_latency + 1);
			r->wakes++;
			exchange_input(&r->x, &probe, 1, r->now);
			return;
		}
	}
	if (until > r->now)
		r->now = until;
	exchange_input(&r->x, NULL, 0, r->now);
}

static void read_now(struct rig *r)
{
	uint8_t buf[512];
	const size_t n = simline_read(r->sim, r->now, buf, sizeof buf);
	exchange_input(&r->x, buf, n, r->now);
}

static void send_now(struct rig *r)
{
	uint8_t adu[ADU_RTU_MAX];
	const struct request *q = r->x.send;
	const us_t before = r->now;
	simline_write(r->sim, adu, pdu_frame(q->unit, q->pdu, q->len, adu), r->now);
	r->now += (us_t)rnd(r, 20);
	exchange_sent(&r->x, before, r->now);
}

static enum outcome run(struct rig *r, const struct request *q, us_t timeout)
{
	us_t until;
	unsigned steps = 0;
	r->begun_seq = r->seq;
	exchange_begin(&r->x, &r->line, q->unit ? &r->peer[q->unit] : NULL, q, timeout, CONFIGURED);
	for (;;) {
		assert_true(++steps < 20000);
		switch (exchange_next(&r->x, r->now, &until)) {
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
			r->outcome[r->x.outcome]++;
			return r->x.outcome;
		}
	}
}

/* Is the answer the device's, for this request, and made within this exchange? */
static bool right(const struct rig *r, const struct request *q)
{
	uint16_t words[CELLS_MAX];
	const uint16_t addr = (uint16_t)(q->pdu[1] << 8 | q->pdu[2]);
	const uint16_t count = (uint16_t)(q->pdu[3] << 8 | q->pdu[4]);
	const uint8_t table = q->pdu[0] == FC_READ_HOLDING ? TABLE_HOLDING :
			      q->pdu[0] == FC_READ_INPUT ? TABLE_INPUT :
			      q->pdu[0] == FC_READ_COILS ? TABLE_COIL : TABLE_DISCRETE;
	pdu_cells(q, r->x.answer, r->x.answer_len, words);
	for (uint32_t seq = r->begun_seq + 1; seq <= r->seq; seq++) {
		unsigned i = 0;
		for (; i < count; i++) {
			const uint16_t v = cell(q->unit, table, (uint16_t)(addr + i), seq);
			if (table_is_bits(table) ? (words[i / 16] >> i % 16 & 1) != (v & 1) : words[i] != v)
				break;
		}
		if (i == count)
			return true;
	}
	return false;
}

static enum outcome read_once(struct rig *r, uint8_t unit, uint8_t table, uint16_t addr, uint16_t count)
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

static enum outcome write_once(struct rig *r, uint8_t unit, uint16_t addr)
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
static void poll_varied(struct rig *r, uint8_t unit, const struct span *block, unsigned n)
{
	const unsigned from = rnd(r, n);
	for (unsigned i = 0; i < 3 * n; i++) {
		struct span s = block[(from + i) % n];
		struct request q;
		s.count = (uint16_t)(s.count + (i >= 2 * n ? 1 : 0) - (i >= n && i < 2 * n && s.count > 1));
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
	{ 0, TABLE_HOLDING, 100, 10 },
	{ 0, TABLE_HOLDING, 300, 10 }, /* the same length at another address */
	{ 0, TABLE_HOLDING, 500, 3 },
	{ 0, TABLE_INPUT, 100, 10 },
	{ 0, TABLE_COIL, 100, 100 },
	{ 0, TABLE_HOLDING, 9000, 10 }, /* refused */
};

static void mixed_traffic(struct rig *r, unsigned exchanges, unsigned nblocks)
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

static void in_step(struct rig *r, uint8_t unit)
{
	read_once(r, unit, TABLE_HOLDING, 0, 2);
	assert_int_equal(read_once(r, unit, TABLE_HOLDING, 0, 4), OUT_OK);
	r->now += 3 * CONFIGURED;
	assert_false(peer_outstanding(&r->peer[unit]));
}

static void a_healthy_exchange_takes_two_wake_ups_and_its_wire_time(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r, 9600, 1);
	in_step(&r, 1);
	r.wakes = 0;
	const us_t start = r.now;
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 50), OUT_OK);
	assert_in_range(r.wakes, 2, 3);
	assert_in_range(r.now - start, 0, wire_read(&r.wire, TABLE_HOLDING, 50, 3000) + 700);
	assert_in_range(r.x.turnaround, 2900, 3200);
	assert_int_equal(r.wrong, 0);
	rig_close(&r);
}

static void the_first_answer_after_opening_is_taken_only_when_asked_twice(void **state)
{
	(void)state;
	struct rig r;
	uint8_t frame[ADU_RTU_MAX], pdu[22] = { 3, 20, 0xDE, 0xAD };
	rig_open(&r, 9600, 2);
	/* A predecessor asked for as much and was killed: its answer comes right behind our request. */
	simline_inject(r.sim, frame, pdu_frame(1, pdu, sizeof pdu, frame), r.now + 9000);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 10), OUT_OK);
	assert_int_equal(r.line.count.requests, 2);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 9), OUT_OK);
	assert_int_equal(r.line.count.requests, 3);
	r.now += 2 * CONFIGURED;
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 10), OUT_OK);
	assert_int_equal(r.line.count.requests, 4);
	assert_int_equal(r.wrong, 0);
	rig_close(&r);
}

static void a_barred_request_is_preceded_by_a_proof(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r, 9600, 3);
	in_step(&r, 1);
	simline_fault(r.sim, 1, SIM_HELD, 1, 0);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 1), OUT_TIMEOUT);
	assert_true(peer_outstanding(&r.peer[1]));
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 200, 1), OUT_OK);
	assert_int_equal(r.x.sent != 0, 1);
	assert_false(peer_outstanding(&r.peer[1]));
	assert_int_equal(r.wrong, 0);
	rig_close(&r);
}

static void a_write_to_a_unit_not_in_step_is_proven_first_or_never_sent(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r, 9600, 4);
	assert_int_equal(write_once(&r, 1, 7), OUT_OK); /* just opened: a read goes before */
	assert_int_equal(r.line.count.requests, 2);
	simline_fault(r.sim, 1, SIM_HELD, 1, 0);
	struct request q;
	const uint16_t a = 1, b = 2;
	pdu_write_registers(&q, 1, 7, 1, &a);
	assert_int_equal(run(&r, &q, CONFIGURED), OUT_TIMEOUT);
	r.written = 2;
	r.writes = 0;
	pdu_write_registers(&q, 1, 7, 1, &b); /* the same answer: barred */
	assert_int_equal(run(&r, &q, CONFIGURED), OUT_OK);
	assert_int_equal(r.writes, 1);
	assert_int_equal(r.line.count.requests, 5);
	simline_fault(r.sim, 1, SIM_SILENT, 1, 0);
	assert_int_equal(run(&r, &q, CONFIGURED), OUT_TIMEOUT);
	assert_true(r.x.sent == 0);
	assert_int_equal(r.writes, 1);
	rig_close(&r);
}

static void a_refusal_is_believed_at_once_after_a_normal_start(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r, 9600, 20);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 2), OUT_OK);
	assert_true(peer_outstanding(&r.peer[1]));
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 9000, 3), OUT_REFUSED);
	assert_false(peer_outstanding(&r.peer[1]));
	/* Refused at the start: one refusal may be left over. */
	assert_int_equal(read_once(&r, 2, TABLE_HOLDING, 9000, 2), OUT_REFUSED);
	assert_int_equal(read_once(&r, 2, TABLE_HOLDING, 9000, 3), OUT_TIMEOUT);
	assert_int_equal(read_once(&r, 2, TABLE_HOLDING, 9000, 4), OUT_REFUSED);
	assert_int_equal(r.wrong, 0);
	rig_close(&r);
}

static void an_exception_is_believed_only_when_none_of_its_function_is_due(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r, 9600, 5);
	in_step(&r, 1);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 9000, 2), OUT_REFUSED);
	assert_int_equal(r.x.exception, EXC_ADDRESS);
	simline_fault(r.sim, 1, SIM_HELD_EXCEPTION, 1, 0);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 2), OUT_TIMEOUT);
	/* The held-back refusal comes first, then the answer. */
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 3), OUT_OK);
	r.now += 3 * CONFIGURED;
	simline_fault(r.sim, 1, SIM_SILENT, 1, 0);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 2), OUT_TIMEOUT);
	/* Of another function: can only be this one's. */
	assert_int_equal(read_once(&r, 1, TABLE_INPUT, 9000, 2), OUT_REFUSED);
	simline_fault(r.sim, 1, SIM_SILENT, 1, 0);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 4), OUT_TIMEOUT);
	/* The same function: not believed; the next exchange proves first and then is. */
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 9000, 5), OUT_TIMEOUT);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 9000, 6), OUT_REFUSED);
	assert_int_equal(r.wrong, 0);
	rig_close(&r);
}

static void a_gateways_exception_is_a_time_out_at_once(void **state)
{
	(void)state;
	struct rig r;
	uint8_t frame[ADU_RTU_MAX];
	rig_open(&r, 9600, 6);
	in_step(&r, 1);
	simline_fault(r.sim, 1, SIM_LOST, 1, 0);
	const us_t start = r.now;
	simline_inject(r.sim, frame, pdu_frame(1, (const uint8_t[]){ 0x83, 0x0B }, 2, frame), r.now + 20000);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 2), OUT_TIMEOUT);
	assert_int_equal(r.x.exception, 0x0B);
	assert_in_range(r.now - start, 0, 40000);
	assert_true(peer_outstanding(&r.peer[1]));
	rig_close(&r);
}

static void a_broadcast_waits_its_turnaround_and_keeps_the_silence(void **state)
{
	(void)state;
	struct rig r;
	struct request q;
	rig_open(&r, 9600, 7);
	in_step(&r, 1);
	pdu_write_register(&q, 0, 5, 5);
	const us_t start = r.now;
	assert_int_equal(run(&r, &q, 100 * US_MS), OUT_OK);
	assert_in_range(r.now - start, 100000 + wire_chars(&r.wire, 8), 100500 + wire_chars(&r.wire, 8));
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 0, 4), OUT_OK);
	rig_close(&r);
}

static void an_echo_is_stripped_or_found_out_before_it_confirms_a_write(void **state)
{
	(void)state;
	for (int known = 0; known < 2; known++)
		for (int timed = 0; timed < 2; timed++) {
			struct rig r;
			rig_open(&r, 19200, 8);
			simline_echo(r.sim, true);
			r.line.echo = known;
			r.line.timed = timed;
			in_step(&r, 1);
			assert_true(r.line.echo);
			for (int i = 0; i < 20; i++) {
				assert_int_equal(write_once(&r, 1, 3), OUT_OK);
				assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 7, 5), OUT_OK);
				r.now += 2 * CONFIGURED;
			}
			assert_true(r.line.count.echoes >= 42);
			simline_fault(r.sim, 1, SIM_LOST, 1, 0);
			assert_int_equal(write_once(&r, 1, 3), OUT_TIMEOUT);
			struct request q;
			pdu_write_register(&q, UNITS + 1, 3, 3); /* nobody there: only the echo */
			struct peer nobody;
			peer_init(&nobody, r.now);
			r.peer[1] = nobody;
			q.unit = 1;
			simline_fault(r.sim, 1, SIM_LOST, 1, 0);
			assert_int_equal(run(&r, &q, CONFIGURED), OUT_TIMEOUT);
			assert_int_equal(r.wrong, 0);
			rig_close(&r);
		}
}

static void an_echo_that_stops_is_noticed(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r, 19200, 9);
	simline_echo(r.sim, true);
	in_step(&r, 1);
	assert_true(r.line.echo);
	simline_echo(r.sim, false);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 7, 5), OUT_OK);
	assert_false(r.line.echo);
	assert_int_equal(write_once(&r, 1, 3), OUT_OK);
	rig_close(&r);
}

static void answers_that_end_by_silence_are_read(void **state)
{
	(void)state;
	struct rig r;
	struct request q;
	rig_open(&r, 9600, 10);
	in_step(&r, 1);
	pdu_device_id(&q, 1, 1, 0);
	assert_int_equal(run(&r, &q, CONFIGURED), OUT_OK);
	assert_int_equal(r.x.answer_len, 16);
	pdu_raw(&q, 1, (const uint8_t[]){ FC_REPORT_SERVER_ID }, 1, 0);
	assert_int_equal(run(&r, &q, CONFIGURED), OUT_OK);
	assert_int_equal(r.x.answer_len, 6);
	/* A vendor's function: refused here; its answer would be what comes until silence. */
	pdu_raw(&q, 1, (const uint8_t[]){ 0x41, 1 }, 2, 0);
	assert_int_equal(run(&r, &q, CONFIGURED), OUT_REFUSED);
	uint8_t frame[ADU_RTU_MAX];
	simline_fault(r.sim, 1, SIM_LOST, 1, 0);
	simline_inject(r.sim, frame, pdu_frame(1, (const uint8_t[]){ 0x41, 7, 8, 9 }, 4, frame), r.now + 30000);
	assert_int_equal(run(&r, &q, CONFIGURED), OUT_OK);
	assert_int_equal(r.x.answer_len, 4);
	rig_close(&r);
}

static void a_spoilt_answer_ends_at_once_and_is_told(void **state)
{
	(void)state;
	struct rig r;
	uint8_t frame[ADU_RTU_MAX];
	rig_open(&r, 9600, 11);
	in_step(&r, 1);
	simline_fault(r.sim, 1, SIM_LOST, 1, 0);
	size_t n = pdu_frame(1, (const uint8_t[]){ 3, 4, 1, 2, 3, 4 }, 6, frame);
	frame[5] ^= 1;
	us_t start = r.now;
	simline_inject(r.sim, frame, n, r.now + 20000);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 2), OUT_GARBLED);
	assert_int_equal(r.line.count.crc_errors, 1);
	assert_in_range(r.now - start, 0, 50000);
	simline_fault(r.sim, 1, SIM_LOST, 1, 0);
	start = r.now;
	simline_inject(r.sim, frame, 4, r.now + 20000);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 4), OUT_GARBLED);
	assert_int_equal(r.line.count.garbled, 1);
	assert_in_range(r.now - start, 0, 60000);
	assert_false(peer_outstanding(&r.peer[1]));
	rig_close(&r);
}

static void another_client_on_the_line_is_told(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r, 9600, 12);
	in_step(&r, 1);
	simline_fault(r.sim, 1, SIM_CLIENT, 1, 0);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 2), OUT_DROPPED);
	assert_int_equal(r.line.count.foreign, 1);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 3), OUT_OK);
	assert_int_equal(r.wrong, 0);
	rig_close(&r);
}

static size_t answer_frame(uint8_t unit, unsigned words, uint8_t *frame)
{
	uint8_t pdu[PDU_MAX] = { FC_READ_HOLDING, (uint8_t)(2 * words), 0xBA, 0xD };
	return pdu_frame(unit, pdu, 2 + 2 * words, frame);
}

static void an_answer_behind_a_spoilt_request_of_another_client_is_not_taken(void **state)
{
	(void)state;
	struct rig r;
	uint8_t frame[ADU_RTU_MAX];
	rig_open(&r, 9600, 14);
	in_step(&r, 1);
	simline_fault(r.sim, 1, SIM_LOST, 1, 0);
	size_t n = pdu_frame(1, (const uint8_t[]){ 3, 1, 2, 0, 2 }, 5, frame);
	frame[1] ^= 4; /* as we hear it */
	simline_inject(r.sim, frame, n, r.now + 12000);
	n = answer_frame(1, 2, frame);
	simline_inject(r.sim, frame, n, r.now + 35000);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 2), OUT_GARBLED);
	assert_true(peer_outstanding(&r.peer[1]));
	rig_close(&r);
}

static bool barred(const struct rig *r, uint8_t unit, uint16_t count)
{
	struct request q;
	pdu_read(&q, unit, TABLE_HOLDING, 0, count);
	const struct signature s = pdu_signature(&q);
	return peer_barred(&r->peer[unit], &s, r->now);
}

static void doubled_and_spoilt_answers_bar_their_like_for_a_while(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r, 9600, 15);
	in_step(&r, 1);
	simline_fault(r.sim, 1, SIM_DOUBLED, 1, 0);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 5), OUT_OK);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 6), OUT_OK);
	assert_true(barred(&r, 1, 5));
	assert_false(barred(&r, 1, 6));
	simline_fault(r.sim, 1, SIM_SHORT, 1, 0);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 7), OUT_GARBLED);
	assert_true(barred(&r, 1, 7));
	r.now += 3 * CONFIGURED;
	assert_false(barred(&r, 1, 5));
	assert_false(barred(&r, 1, 7));
	rig_close(&r);
}

static void strays_of_other_units_are_remembered(void **state)
{
	(void)state;
	struct rig r;
	uint8_t frame[ADU_RTU_MAX];
	rig_open(&r, 9600, 16);
	in_step(&r, 1);
	in_step(&r, 2);
	simline_inject(r.sim, frame, answer_frame(2, 5, frame), r.now - 10 * US_MS);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 5), OUT_OK);
	assert_int_equal(r.line.count.foreign, 1);
	assert_int_equal(read_once(&r, 2, TABLE_HOLDING, 100, 6), OUT_OK);
	assert_true(barred(&r, 2, 5));
	assert_false(barred(&r, 1, 5));
	rig_close(&r);
}

static void bytes_that_come_before_our_request_is_out_are_not_its_answer(void **state)
{
	(void)state;
	struct rig r;
	uint8_t frame[ADU_RTU_MAX];
	rig_open(&r, 9600, 17);
	in_step(&r, 1);
	/* The line hears nothing of it: an adapter that held a late answer back. */
	struct request q;
	us_t until;
	pdu_read(&q, 1, TABLE_HOLDING, 100, 2);
	exchange_begin(&r.x, &r.line, &r.peer[1], &q, CONFIGURED, CONFIGURED);
	assert_int_equal(exchange_next(&r.x, r.now, &until), EX_READ);
	exchange_input(&r.x, NULL, 0, r.now);
	assert_int_equal(exchange_next(&r.x, r.now, &until), EX_SEND);
	exchange_sent(&r.x, r.now, r.now + 10);
	const size_t n = answer_frame(1, 2, frame);
	exchange_input(&r.x, frame, n, r.now + 3000);
	assert_int_equal(exchange_next(&r.x, r.now + 3000, &until), EX_POLL);
	exchange_input(&r.x, NULL, 0, until);
	assert_int_equal(exchange_next(&r.x, until, &until), EX_DONE);
	assert_int_equal(r.x.outcome, OUT_TIMEOUT);
	assert_int_equal(r.line.count.late, 1);
	rig_close(&r);
}

static void a_line_that_is_never_silent_is_given_up_unsent(void **state)
{
	(void)state;
	struct rig r;
	uint8_t noise[250];
	rig_open(&r, 9600, 18);
	in_step(&r, 1);
	const uint32_t before = r.line.count.requests;
	for (unsigned i = 0; i < sizeof noise; i++)
		noise[i] = (uint8_t)rnd(&r, 256);
	for (us_t t = 0; t < 5 * US_S; t += 200 * US_MS)
		simline_inject(r.sim, noise, sizeof noise, r.now + t - 5 * US_MS);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 2), OUT_DROPPED);
	assert_true(r.x.sent == 0);
	assert_int_equal(r.line.count.requests, before);
	r.now += 6 * US_S;
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 2), OUT_OK);
	rig_close(&r);
}

static void answers_in_pieces_are_learnt(void **state)
{
	(void)state;
	struct rig r;
	uint8_t frame[ADU_RTU_MAX];
	rig_open(&r, 9600, 19);
	in_step(&r, 1);
	const size_t n = answer_frame(1, 9, frame);
	for (unsigned i = 0; i < 3; i++) {
		const us_t start = r.now + r.wire.silence;
		simline_fault(r.sim, 1, SIM_LOST, 1, 0);
		simline_inject(r.sim, frame, 10, start + 12000);
		simline_inject(r.sim, frame + 10, n - 10, start + 12000 + wire_chars(&r.wire, 10) + 30000);
		const enum outcome o = run(&r, &(struct request){ 1, 5, 20, { 3, 0, 100, 0, 9 } }, CONFIGURED);
		assert_int_equal(o, i == 0 ? OUT_GARBLED : OUT_OK);
		r.now += CONFIGURED;
		if (i == 0) /* the rest is found before the next request */
			assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 3), OUT_OK);
		r.now += 3 * CONFIGURED;
	}
	rig_close(&r);
}

static void a_port_wrongly_called_timed_is_found_out(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r, 9600, 13);
	simline_destroy(r.sim);
	struct wire fast;
	wire_init(&fast, 4000000, 8, 'N', 1, 1); /* answers before the request could be out */
	r.sim = simline_create(&fast, 13, devices, &r);
	for (int i = 0; i < 12; i++)
		poll_varied(&r, 1, blocks, 5);
	assert_false(r.line.timed);
	assert_true(r.good > 0);
	assert_int_equal(r.wrong, 0);
	rig_close(&r);
}

static void time_outs_are_learnt_from_turnarounds(void **state)
{
	(void)state;
	struct peer p;
	const struct signature s = { .fc = 3, .answer_len = 4 };
	peer_init(&p, 0);
	assert_int_equal(peer_timeout(&p, US_S), US_S);
	assert_int_equal(peer_turnaround(&p), 0);
	peer_turned(&p, 5000);
	assert_int_equal(peer_timeout(&p, US_S), 50000);
	peer_turned(&p, 40000);
	peer_turned(&p, 6000);
	assert_int_equal(peer_timeout(&p, US_S), 160000);
	assert_int_equal(peer_turnaround(&p), 6000);
	peer_unanswered(&p, &s, 0, US_S);
	assert_int_equal(peer_timeout(&p, US_S), 320000);
	peer_unanswered(&p, &s, 0, US_S);
	peer_unanswered(&p, &s, 0, US_S);
	assert_int_equal(peer_timeout(&p, US_S), US_S);
	peer_in_step(&p, 0, US_S);
	assert_int_equal(peer_timeout(&p, US_S), 160000);
	assert_true(peer_barred(&p, &s, US_S - 1));
	assert_false(peer_barred(&p, &s, US_S));
}

static void more_unanswered_than_bars_silence_the_unit_for_a_time_out(void **state)
{
	(void)state;
	struct peer p;
	peer_init(&p, 0);
	struct signature s = { .fc = 3 };
	for (s.answer_len = 4; s.answer_len < 14; s.answer_len += 2)
		peer_unanswered(&p, &s, 0, US_S);
	s.answer_len = 200;
	assert_true(p.full);
	assert_true(peer_barred(&p, &s, US_S - 1));
	assert_false(peer_barred(&p, &s, US_S));
	assert_false(peer_trusts(&p, &s, false, US_S));
	peer_in_step(&p, US_S, US_S);
	assert_false(p.full);
	assert_true(peer_trusts(&p, &s, false, US_S));
}

#define BIT(f) (1u << (f))

static const struct {
	const char *name;
	uint32_t set;
} mixes[] = {
	{ "late", BIT(SIM_LATE) },
	{ "overtaken", BIT(SIM_OVERTAKEN) },
	{ "held", BIT(SIM_HELD) },
	{ "held exception", BIT(SIM_HELD_EXCEPTION) | BIT(SIM_EXCEPTION) },
	{ "behind", BIT(SIM_BEHIND) | BIT(SIM_LOST) },
	{ "doubled", BIT(SIM_DOUBLED) },
	{ "other unit, lengths", BIT(SIM_OTHER_UNIT) | BIT(SIM_WRONG_LENGTH) | BIT(SIM_SHORT) },
	{ "spoilt", BIT(SIM_BAD_CRC) | BIT(SIM_CUT) | BIT(SIM_NOISE_BEFORE) | BIT(SIM_GLITCH) |
		    BIT(SIM_NOISE_INSIDE) | BIT(SIM_NOISE_AFTER) | BIT(SIM_LOST) },
	{ "two clients", BIT(SIM_CLIENT) | BIT(SIM_CLIENT_AFTER) },
	/* Less two that no line can tell apart when mixed with the others: see doc/line.md. */
	{ "all", (BIT(SIM_FAULTS) - 2) & ~BIT(SIM_OVERTAKEN) & ~BIT(SIM_OTHER_UNIT) },
};

static void no_seed_of_any_fault_gives_a_wrong_value(void **state)
{
	(void)state;
	static const uint32_t bauds[] = { 9600, 19200, 115200, 1200, 0 };
	const char *wish = getenv("EXCHANGE_SEEDS");
	const uint64_t seeds = wish ? strtoull(wish, NULL, 10) : 400;
	unsigned failed = 0;
	for (size_t m = 0; m < sizeof mixes / sizeof mixes[0]; m++) {
		unsigned good = 0, all = 0, wrong = 0, early = 0;
		for (uint64_t seed = 1; seed <= seeds; seed++) {
			struct rig r;
			rig_open(&r, bauds[seed % 5], seed);
			simline_echo(r.sim, seed % 6 == 0);
			r.no_other_function = seed % 7 == 0;
			simline_random(r.sim, (unsigned)(20 << seed % 5), mixes[m].set, 700000);
			mixed_traffic(&r, 60, 6);
			if (r.wrong || simline_count(r.sim).early)
				print_message("%s: seed %u: %u wrong, %u early\n", mixes[m].name, (unsigned)seed,
					      r.wrong, simline_count(r.sim).early);
			good += r.good;
			wrong += r.wrong;
			early += simline_count(r.sim).early;
			for (int o = 0; o <= OUT_SAME; o++)
				all += r.outcome[o];
			simline_destroy(r.sim);
		}
		print_message("%-20s %u of %u exchanges good, %u wrong, %u early\n", mixes[m].name, good, all,
			      wrong, early);
		failed += wrong + early;
		assert_true(good > all / 10);
	}
	assert_int_equal(failed, 0);
}

/* n requests in a row held back, or one behind, then healthy: nothing wrong, and back soon. */
static void a_unit_comes_back_after_any_number_of_held_answers(void **state)
{
	(void)state;
	static const enum sim_fault faults[] = { SIM_HELD, SIM_BEHIND, SIM_SILENT, SIM_HELD_EXCEPTION };
	for (size_t f = 0; f < sizeof faults / sizeof faults[0]; f++)
		for (unsigned n = 1; n <= 20; n++)
			for (unsigned nblocks = 1; nblocks <= 4; nblocks++) {
				struct rig r;
				rig_open(&r, 19200, n * 10 + f);
				in_step(&r, 2);
				simline_fault(r.sim, 2, faults[f], n, 0);
				unsigned tries = 0;
				while (!r.outcome[OUT_OK] || tries < n) {
					poll_varied(&r, 2, blocks, nblocks);
					assert_true(++tries < n + 8);
				}
				const unsigned before = r.good;
				for (unsigned i = 0; i < 10; i++)
					poll_varied(&r, 2, blocks, nblocks);
				assert_true(r.good - before >= 8);
				assert_int_equal(r.wrong, 0);
				rig_close(&r);
			}
}

static void a_healthy_line_is_as_fast_as_its_wire(void **state)
{
	(void)state;
	static const struct {
		uint32_t baud;
		double most;
	} rows[] = { { 9600, 1.02 }, { 19200, 1.03 }, { 115200, 1.05 } };
	for (size_t i = 0; i < 3; i++) {
		struct rig r;
		rig_open(&r, rows[i].baud, 77);
		r.wake_latency = 60;
		for (uint8_t u = 1; u <= UNITS; u++)
			in_step(&r, u);
		const us_t start = r.now;
		us_t limit = 0;
		unsigned n = 0;
		for (; n < 1200; n++) {
			const uint8_t u = (uint8_t)(n % UNITS + 1);
			const uint16_t count = (uint16_t)(10 + 5 * (n / UNITS % 3));
			assert_int_equal(read_once(&r, u, TABLE_HOLDING, (uint16_t)(100 * count), count), OUT_OK);
			limit += wire_read(&r.wire, TABLE_HOLDING, count, 2000 + 1000 * u);
		}
		const double ratio = (double)(r.now - start) / (double)limit;
		print_message("%u baud: scan / limit %.4f, %.2f wake-ups an exchange\n", rows[i].baud, ratio,
			      (double)r.wakes / n);
		assert_true(ratio <= rows[i].most);
		assert_int_equal(r.line.count.requests, n + 4 * 3);
		assert_int_equal(r.wrong, 0);
		rig_close(&r);
	}
}

static us_t time_of_good_reads(unsigned permille, unsigned good)
{
	struct rig r;
	rig_open(&r, 9600, 5);
	simline_random(r.sim, permille, BIT(SIM_BAD_CRC) | BIT(SIM_CUT) | BIT(SIM_NOISE_BEFORE) | BIT(SIM_LOST), 0);
	const us_t start = r.now;
	for (uint8_t u = 1; r.good < good; u = (uint8_t)(u % 3 + 1))
		poll_varied(&r, u, blocks, 3);
	const us_t took = r.now - start;
	assert_int_equal(r.wrong, 0);
	rig_close(&r);
	return took;
}

static void a_spoilt_line_keeps_most_of_its_rate(void **state)
{
	(void)state;
	const double rate = (double)time_of_good_reads(0, 2000) / (double)time_of_good_reads(120, 2000);
	print_message("12 %% of the answers spoilt or lost: %.3f of the clean line's reads\n", rate);
	assert_true(rate >= 0.84);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_healthy_exchange_takes_two_wake_ups_and_its_wire_time),
		cmocka_unit_test(the_first_answer_after_opening_is_taken_only_when_asked_twice),
		cmocka_unit_test(a_barred_request_is_preceded_by_a_proof),
		cmocka_unit_test(a_write_to_a_unit_not_in_step_is_proven_first_or_never_sent),
		cmocka_unit_test(a_refusal_is_believed_at_once_after_a_normal_start),
		cmocka_unit_test(an_exception_is_believed_only_when_none_of_its_function_is_due),
		cmocka_unit_test(a_gateways_exception_is_a_time_out_at_once),
		cmocka_unit_test(a_broadcast_waits_its_turnaround_and_keeps_the_silence),
		cmocka_unit_test(an_echo_is_stripped_or_found_out_before_it_confirms_a_write),
		cmocka_unit_test(an_echo_that_stops_is_noticed),
		cmocka_unit_test(answers_that_end_by_silence_are_read),
		cmocka_unit_test(a_spoilt_answer_ends_at_once_and_is_told),
		cmocka_unit_test(another_client_on_the_line_is_told),
		cmocka_unit_test(an_answer_behind_a_spoilt_request_of_another_client_is_not_taken),
		cmocka_unit_test(doubled_and_spoilt_answers_bar_their_like_for_a_while),
		cmocka_unit_test(strays_of_other_units_are_remembered),
		cmocka_unit_test(bytes_that_come_before_our_request_is_out_are_not_its_answer),
		cmocka_unit_test(a_line_that_is_never_silent_is_given_up_unsent),
		cmocka_unit_test(answers_in_pieces_are_learnt),
		cmocka_unit_test(a_port_wrongly_called_timed_is_found_out),
		cmocka_unit_test(time_outs_are_learnt_from_turnarounds),
		cmocka_unit_test(more_unanswered_than_bars_silence_the_unit_for_a_time_out),
		cmocka_unit_test(no_seed_of_any_fault_gives_a_wrong_value),
		cmocka_unit_test(a_unit_comes_back_after_any_number_of_held_answers),
		cmocka_unit_test(a_healthy_line_is_as_fast_as_its_wire),
		cmocka_unit_test(a_spoilt_line_keeps_most_of_its_rate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
