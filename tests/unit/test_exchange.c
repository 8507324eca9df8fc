// SPDX-License-Identifier: MIT
/* The exchange, on the simulated line in virtual time: see exchange_rig.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "exchange_rig.h"

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

static void the_first_answer_after_opening_is_only_a_proof(void **state)
{
	(void)state;
	struct rig r;
	uint8_t frame[ADU_RTU_MAX], pdu[22] = {3, 20, 0xDE, 0xAD};
	rig_open(&r, 9600, 2);
	/* A predecessor asked for as much and was killed: its answer comes right behind our
	 * request. */
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

/* At the start a unit costs one short request more, not its block twice. */
static void the_proof_after_opening_is_a_short_one(void **state)
{
	(void)state;
	static const struct {
		uint8_t table;
		uint16_t addr, count;
		unsigned requests;
		enum outcome o;
		us_t brief; /* the proof, by its function and cells */
	} row[] = {
		{TABLE_HOLDING, 100, 20, 2, OUT_OK, 1},
		{TABLE_INPUT, 100, 2, 2, OUT_OK, 1},
		{TABLE_COIL, 100, 100, 2, OUT_OK, 1},
		{TABLE_HOLDING, 100, 1, 2, OUT_OK, 1}, /* twice the same */
		{TABLE_COIL, 100, 8, 2, OUT_OK, 8},    /* one byte either way */
		{TABLE_HOLDING, 9000, 20, 3, OUT_REFUSED, 0},
	};
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		struct rig r;
		rig_open(&r, 9600, i);
		const us_t start = r.now;
		assert_int_equal(read_once(&r, 1, row[i].table, row[i].addr, row[i].count),
		                 row[i].o);
		const us_t least = wire_read(&r.wire, row[i].table, row[i].count, 3000) +
		                   wire_read(&r.wire, row[i].table, (uint16_t)row[i].brief, 3000);
		assert_int_equal(r.line.count.requests, row[i].requests);
		assert_int_equal(r.wrong, 0);
		if (row[i].brief)
			assert_in_range(r.now - start, least - 2 * r.wire.silence,
			                least + 2 * r.wire.silence);
		rig_close(&r);
	}
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

static void a_refusal_is_accepted_at_once_after_a_normal_start(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r, 9600, 20);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 2), OUT_OK);
	assert_false(peer_outstanding(&r.peer[1])); /* what was left over came before it */
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 9000, 3), OUT_REFUSED);
	assert_false(peer_outstanding(&r.peer[1]));
	/* Refused at the start: one refusal may be left over. */
	assert_int_equal(read_once(&r, 2, TABLE_HOLDING, 9000, 2), OUT_REFUSED);
	assert_int_equal(read_once(&r, 2, TABLE_HOLDING, 9000, 3), OUT_TIMEOUT);
	assert_int_equal(read_once(&r, 2, TABLE_HOLDING, 9000, 4), OUT_REFUSED);
	assert_int_equal(r.wrong, 0);
	rig_close(&r);
}

static void an_exception_is_accepted_only_when_none_of_its_function_is_due(void **state)
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
	simline_inject(r.sim, frame, pdu_frame(1, (const uint8_t[]){0x83, 0x0B}, 2, frame),
	               r.now + 20000);
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
	assert_in_range(r.now - start, 100000 + wire_chars(&r.wire, 8),
	                100500 + wire_chars(&r.wire, 8));
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

/* An adapter that echoes was found out; it is pulled and plugged in; the unit behind it is dead. */
static void an_echo_confirms_no_write_after_reopening(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r, 9600, 3);
	simline_echo(r.sim, true);
	in_step(&r, 2);
	assert_true(r.line.echo_found);
	simline_fault(r.sim, 2, SIM_LOST, 1000000, 0);
	for (int i = 0; i < 12; i++) {
		poll_varied(&r, 2, blocks, 4);
		r.now += US_S;
	}
	line_reopened(&r.line, r.now);
	r.line.timed = false;
	for (int u = 1; u <= UNITS; u++)
		peer_unsure(&r.peer[u], r.now, CONFIGURED);
	r.now += US_S;
	assert_int_not_equal(write_once(&r, 2, 7), OUT_OK);
	assert_int_equal(r.wrong, 0);
	rig_close(&r);
}

static void a_request_is_not_sent_after_its_time(void **state)
{
	(void)state;
	struct rig r;
	struct request q;
	us_t until;
	rig_open(&r, 9600, 11);
	in_step(&r, 1);
	pdu_write_register(&q, 1, 3, 3);
	exchange_begin(&r.x, &r.line, &r.peer[1], &q, CONFIGURED, CONFIGURED);
	r.x.not_after = r.now + 50 * US_MS;
	for (enum exchange_act act = 0; act != EX_DONE;) { /* somebody else talks */
		act = exchange_next(&r.x, r.now, &until);
		assert_true(act == EX_SLEEP || act == EX_READ || act == EX_DONE);
		if (act == EX_READ && r.now < r.x.not_after)
			exchange_input(&r.x, (const uint8_t *)"\x7f", 1, r.now);
		else if (act == EX_READ)
			exchange_input(&r.x, NULL, 0, r.now);
		r.now = act == EX_SLEEP ? until : r.now;
	}
	assert_int_equal(r.x.outcome, OUT_EXPIRED);
	assert_int_equal(r.x.sent, 0);
	rig_close(&r);
}

/* Another client's request on the line, just before the answer of unit 1. */
static enum outcome read_while_asked(struct rig *r, uint8_t unit, uint8_t table, uint16_t addr)
{
	struct request other;
	uint8_t adu[ADU_RTU_MAX];
	pdu_read(&other, unit, table, addr, 10);
	const size_t n = pdu_frame(other.unit, other.pdu, other.len, adu);
	simline_turnaround(r->sim, 1, 60 * US_MS);
	simline_inject(r->sim, adu, n, r->now + 35 * US_MS);
	return read_once(r, 1, TABLE_HOLDING, 100, 10);
}

static void the_answer_to_another_client_may_come_however_late(void **state)
{
	(void)state;
	struct rig r;
	struct request q;
	rig_open(&r, 9600, 12);
	in_step(&r, 1);
	in_step(&r, 2);
	assert_int_equal(read_while_asked(&r, 2, TABLE_HOLDING, 300), OUT_DROPPED);
	r.now += 20 * US_S;
	pdu_read(&q, 2, TABLE_HOLDING, 500, 10); /* as long as the other's */
	run(&r, &q, CONFIGURED);
	assert_true(r.x.strict); /* not taken at its word */
	rig_close(&r);
}

static void another_clients_equal_request_is_no_echo(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r, 9600, 13);
	in_step(&r, 1);
	assert_int_equal(read_while_asked(&r, 1, TABLE_HOLDING, 100), OUT_DROPPED);
	assert_false(r.line.echo);
	rig_close(&r);
}

static void a_unit_has_its_rest_within_an_exchange_too(void **state)
{
	(void)state;
	struct rig r;
	struct request q;
	us_t until = 0, answered = 0, again = 0;
	rig_open(&r, 9600, 14);
	pdu_write_register(&q, 1, 3, 3); /* never heard before: proven first */
	exchange_begin(&r.x, &r.line, &r.peer[1], &q, CONFIGURED, CONFIGURED);
	r.x.pause = 200 * US_MS;
	for (enum exchange_act act = 0; act != EX_DONE;) {
		act = exchange_next(&r.x, r.now, &until);
		again = act == EX_SEND ? r.now : again;
		if (act == EX_SLEEP)
			sleep_until(&r, until);
		else if (act == EX_READ)
			read_now(&r);
		else if (act == EX_POLL)
			poll_until(&r, until);
		else if (act != EX_DONE)
			send_now(&r);
		if (r.x.proven && !answered)
			answered = r.now;
	}
	assert_int_equal(r.x.outcome, OUT_OK);
	assert_true(answered && again >= answered + 200 * US_MS);
	rig_close(&r);
}

/* Commands and polls during an outage; each leaves a proof, and then a refusal of it, behind. */
static void a_unit_without_diagnostics_takes_writes_again_after_an_outage(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct rig r;
		rig_open(&r, 9600, seed);
		r.no_diagnostics = true;
		in_step(&r, 2);
		simline_fault(r.sim, 2, seed % 2 ? SIM_LOST : SIM_HELD, 12, 0);
		for (int i = 0; i < 12; i++) {
			if (rnd(&r, 2))
				write_once(&r, 2, 7);
			else
				poll_varied(&r, 2, blocks, 4);
			r.now += rnd(&r, 2000000);
		}
		unsigned tries = 1;
		while (write_once(&r, 2, 7) != OUT_OK && tries < 10) {
			tries++;
			r.now += US_S; /* an automation that goes on */
		}
		assert_true(tries <= 3);
		mixed_traffic(&r, 20, 5);
		assert_int_equal(r.wrong, 0);
		rig_close(&r);
	}
}

static void no_request_uses_a_function_that_the_unit_does_not_support(void **state)
{
	(void)state;
	static const enum sim_fault faults[] = {
		SIM_LOST, SIM_HELD, SIM_LATE, SIM_BEHIND, SIM_DOUBLED, SIM_HELD_EXCEPTION, SIM_CUT};
	unsigned good = 0;
	for (uint64_t seed = 1; seed <= 400; seed++) {
		struct rig r;
		rig_open(&r, 19200, seed);
		r.functions =
			1 << FC_READ_HOLDING | 1 << FC_WRITE_REGISTER | 1 << FC_WRITE_REGISTERS;
		for (int i = 0; i < 6; i++) {
			const enum sim_fault f = faults[rnd(&r, sizeof faults / sizeof *faults)];
			simline_fault(r.sim, (uint8_t)(1 + rnd(&r, UNITS)), f, 1 + rnd(&r, 4),
			              100 * US_MS + rnd(&r, 900000));
			mixed_traffic(&r, 12, 3);
		}
		assert_int_equal(r.unknown, 0);
		assert_int_equal(r.wrong, 0);
		good += r.good;
		rig_close(&r);
	}
	assert_true(good > 400 * 72 / 2);
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
	for (int i = 0; i < 4; i++) { /* a single one may have been spoilt */
		assert_true(r.line.echo);
		assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 7, 5), OUT_OK);
	}
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
	pdu_raw(&q, 1, (const uint8_t[]){FC_REPORT_SERVER_ID}, 1, 0);
	assert_int_equal(run(&r, &q, CONFIGURED), OUT_OK);
	assert_int_equal(r.x.answer_len, 6);
	/* A vendor's function: refused here; its answer would be what comes until silence. */
	pdu_raw(&q, 1, (const uint8_t[]){0x41, 1}, 2, 0);
	assert_int_equal(run(&r, &q, CONFIGURED), OUT_REFUSED);
	uint8_t frame[ADU_RTU_MAX];
	simline_fault(r.sim, 1, SIM_LOST, 1, 0);
	simline_inject(r.sim, frame, pdu_frame(1, (const uint8_t[]){0x41, 7, 8, 9}, 4, frame),
	               r.now + 30000);
	assert_int_equal(run(&r, &q, CONFIGURED), OUT_OK);
	assert_int_equal(r.x.answer_len, 4);
	rig_close(&r);
}

static void a_corrupted_answer_ends_at_once_and_is_reported(void **state)
{
	(void)state;
	struct rig r;
	uint8_t frame[ADU_RTU_MAX];
	rig_open(&r, 9600, 11);
	in_step(&r, 1);
	simline_fault(r.sim, 1, SIM_LOST, 1, 0);
	size_t n = pdu_frame(1, (const uint8_t[]){3, 4, 1, 2, 3, 4}, 6, frame);
	frame[5] ^= 1;
	us_t start = r.now;
	simline_inject(r.sim, frame, n, r.now + 20000);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 2), OUT_GARBLED);
	assert_int_equal(r.line.count.crc_errors, 1);
	assert_in_range(r.now - start, 0, 50000);
	simline_fault(r.sim, 1, SIM_LOST, 1, 0);
	start = r.now;
	simline_inject(r.sim, frame, 4, r.now + 20000);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 2), OUT_GARBLED);
	assert_int_equal(r.line.count.garbled, 1);
	assert_in_range(r.now - start, 0, 60000);
	assert_false(peer_outstanding(&r.peer[1]));
	/* Two bytes may be noise by chance: the answer may still come. */
	simline_fault(r.sim, 1, SIM_LOST, 1, 0);
	simline_inject(r.sim, frame, 2, r.now + 20000);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 2), OUT_GARBLED);
	assert_true(peer_outstanding(&r.peer[1]));
	rig_close(&r);
}

static void another_client_on_the_line_is_reported(void **state)
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
	uint8_t pdu[PDU_MAX] = {FC_READ_HOLDING, (uint8_t)(2 * words), 0xBA, 0xD};
	return pdu_frame(unit, pdu, 2 + 2 * words, frame);
}

static void an_answer_behind_a_corrupted_request_of_another_client_is_not_taken(void **state)
{
	(void)state;
	struct rig r;
	uint8_t frame[ADU_RTU_MAX];
	rig_open(&r, 9600, 14);
	in_step(&r, 1);
	simline_fault(r.sim, 1, SIM_LOST, 1, 0);
	size_t n = pdu_frame(1, (const uint8_t[]){3, 1, 2, 0, 2}, 5, frame);
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

static void doubled_answers_bar_their_like_for_a_while_corrupted_ones_do_not(void **state)
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
	assert_true(barred(&r, 1, 7)); /* it may have been of the doubled one's kind */
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 8), OUT_OK);
	r.now += 3 * CONFIGURED;
	assert_false(barred(&r, 1, 5));
	assert_false(barred(&r, 1, 7));
	simline_fault(r.sim, 1, SIM_LOST, 1, 0);
	uint8_t frame[ADU_RTU_MAX];
	simline_inject(r.sim, frame, answer_frame(1, 7, frame) - 3, r.now + 20000);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 7), OUT_GARBLED);
	assert_false(
		barred(&r, 1, 7)); /* an answer all the same: it can be asked for again at once */
	rig_close(&r);
}

/* An exchange fed by hand, its request just sent. */
static void sent_by_hand(struct rig *r, const struct request *q, us_t write_took)
{
	us_t until;
	exchange_begin(&r->x, &r->line, &r->peer[1], q, CONFIGURED, CONFIGURED);
	while (exchange_next(&r->x, r->now, &until) == EX_SLEEP)
		r->now = until;
	exchange_input(&r->x, NULL, 0, r->now);
	assert_int_equal(exchange_next(&r->x, r->now, &until), EX_SEND);
	exchange_sent(&r->x, r->now, r->now + write_took);
}

static void a_second_copy_in_the_same_breath_bars_its_like(void **state)
{
	(void)state;
	struct rig r;
	struct request q;
	uint8_t bytes[2 * ADU_RTU_MAX];
	rig_open(&r, 9600, 21);
	in_step(&r, 1);
	pdu_read(&q, 1, TABLE_HOLDING, 100, 5);
	sent_by_hand(&r, &q, 0);
	const size_t n = answer_frame(1, 5, bytes);
	memcpy(bytes + n, bytes, n);
	exchange_input(&r.x, bytes, 2 * n, r.now + 60000);
	assert_int_equal(r.x.outcome, OUT_OK);
	assert_true(barred(&r, 1, 5));
	rig_close(&r);
}

static void the_silence_counts_from_the_latest_end_our_request_can_have(void **state)
{
	(void)state;
	struct rig r;
	struct request q;
	us_t until;
	uint8_t bytes[ADU_RTU_MAX];
	rig_open(&r, 9600, 22);
	in_step(&r, 1);
	r.line.timed = false;
	pdu_read(&q, 1, TABLE_HOLDING, 100, 5);
	sent_by_hand(&r, &q, 30000); /* the write was held up: who knows when it began */
	const size_t n = answer_frame(1, 5, bytes);
	bytes[4] ^= 1;
	exchange_input(&r.x, bytes, n, r.now + 31000);
	assert_int_equal(exchange_next(&r.x, r.now + 31000, &until), EX_DONE);
	assert_int_equal(r.x.outcome, OUT_GARBLED);
	exchange_begin(&r.x, &r.line, &r.peer[1], &q, CONFIGURED, CONFIGURED);
	assert_int_equal(exchange_next(&r.x, r.now + 31000, &until), EX_SLEEP);
	assert_int_equal(until, r.now + 30000 + wire_chars(&r.wire, 8) + r.wire.silence);
	rig_close(&r);
}

static void an_overflowed_unit_that_doubles_is_not_accepted(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r, 9600, 23);
	in_step(&r, 1);
	r.peer[1].full = true;
	simline_fault(r.sim, 1, SIM_DOUBLED, 1, 0);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 5), OUT_GARBLED);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 6), OUT_OK);
	rig_close(&r);
}

/* One block, no other function answered: the request goes once more than answers may be due. */
static void a_deaf_unit_with_one_block_gives_the_right_value_however_far_behind(void **state)
{
	(void)state;
	for (unsigned behind = 1; behind <= 3; behind++) {
		struct rig r;
		rig_open(&r, 9600, 24);
		r.no_other_function = true;
		in_step(&r, 1);
		r.good = 0;
		simline_fault(r.sim, 1, SIM_HELD, 2 * behind - 1, 0);
		for (unsigned tries = 0; r.good == 0; tries++) {
			read_once(&r, 1, TABLE_HOLDING, 100, 1);
			assert_true(tries < 30);
			if (tries == 2 * behind - 2) /* every second was a proof, unheard */
				simline_fault(r.sim, 1, SIM_BEHIND, 100, 0);
		}
		assert_int_equal(r.wrong, 0);
		rig_close(&r);
	}
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

static void answers_in_pieces_are_learned(void **state)
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
		simline_inject(r.sim, frame + 10, n - 10,
		               start + 12000 + wire_chars(&r.wire, 10) + 30000);
		const enum outcome o = run(
			&r,
			&(struct request){
				.unit = 1, .len = 5, .answer_len = 20, .pdu = {3, 0, 100, 0, 9}},
			CONFIGURED);
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

static void time_outs_are_learned_from_turnarounds(void **state)
{
	(void)state;
	struct peer p;
	const struct signature s = {.fc = 3, .answer_len = 4};
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
	struct signature s = {.fc = 3};
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

/* The adapter or the device makes them: no key says how long, so it is found out. */
static void pauses_inside_answers_are_allowed_for_once_seen(void **state)
{
	static const us_t pauses[] = {30 * US_MS, 80 * US_MS, 200 * US_MS};
	(void)state;
	for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
		struct rig r;
		unsigned good = 0;
		rig_open(&r, 9600, 40 + i);
		in_step(&r, 1);
		simline_fault(r.sim, 1, SIM_PAUSE, 1000, pauses[i]);
		for (int k = 0; k < 12; k++) {
			good += read_once(&r, 1, TABLE_HOLDING, 100, 20) == OUT_OK;
			r.now += 3 * CONFIGURED;
		}
		assert_true(good >= 6);
		line_reopened(&r.line, r.now); /* what was learnt stays */
		assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 20), OUT_OK);
		assert_int_equal(r.wrong, 0);
		rig_close(&r);
	}
}

/* Some converters pass the first byte on by itself. */
static void a_pause_behind_the_first_byte_is_allowed_for_once_seen(void **state)
{
	(void)state;
	struct rig r;
	struct request q;
	uint8_t adu[ADU_RTU_MAX];
	const uint8_t pdu[] = {FC_READ_HOLDING, 4, 0, 1, 0, 2};
	unsigned good = 0;
	rig_open(&r, 9600, 47);
	in_step(&r, 1);
	assert_true(pdu_read(&q, 1, TABLE_HOLDING, 100, 2));
	const size_t n = pdu_frame(1, pdu, sizeof pdu, adu);
	for (int k = 0; k < 8; k++) {
		simline_fault(r.sim, 1, SIM_LOST, 1, 0);
		simline_inject(r.sim, adu, 1, r.now + 40 * US_MS);
		simline_inject(r.sim, adu + 1, n - 1, r.now + 100 * US_MS);
		good += run(&r, &q, CONFIGURED) == OUT_OK;
		in_step(&r, 1);
		r.now += 3 * CONFIGURED;
	}
	assert_true(good >= 3);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pauses_inside_answers_are_allowed_for_once_seen),
		cmocka_unit_test(a_pause_behind_the_first_byte_is_allowed_for_once_seen),
		cmocka_unit_test(a_healthy_exchange_takes_two_wake_ups_and_its_wire_time),
		cmocka_unit_test(the_first_answer_after_opening_is_only_a_proof),
		cmocka_unit_test(the_proof_after_opening_is_a_short_one),
		cmocka_unit_test(a_barred_request_is_preceded_by_a_proof),
		cmocka_unit_test(a_write_to_a_unit_not_in_step_is_proven_first_or_never_sent),
		cmocka_unit_test(a_refusal_is_accepted_at_once_after_a_normal_start),
		cmocka_unit_test(an_exception_is_accepted_only_when_none_of_its_function_is_due),
		cmocka_unit_test(a_gateways_exception_is_a_time_out_at_once),
		cmocka_unit_test(a_broadcast_waits_its_turnaround_and_keeps_the_silence),
		cmocka_unit_test(an_echo_is_stripped_or_found_out_before_it_confirms_a_write),
		cmocka_unit_test(an_echo_confirms_no_write_after_reopening),
		cmocka_unit_test(a_request_is_not_sent_after_its_time),
		cmocka_unit_test(the_answer_to_another_client_may_come_however_late),
		cmocka_unit_test(another_clients_equal_request_is_no_echo),
		cmocka_unit_test(a_unit_has_its_rest_within_an_exchange_too),
		cmocka_unit_test(a_unit_without_diagnostics_takes_writes_again_after_an_outage),
		cmocka_unit_test(no_request_uses_a_function_that_the_unit_does_not_support),
		cmocka_unit_test(an_echo_that_stops_is_noticed),
		cmocka_unit_test(answers_that_end_by_silence_are_read),
		cmocka_unit_test(a_corrupted_answer_ends_at_once_and_is_reported),
		cmocka_unit_test(another_client_on_the_line_is_reported),
		cmocka_unit_test(
			an_answer_behind_a_corrupted_request_of_another_client_is_not_taken),
		cmocka_unit_test(doubled_answers_bar_their_like_for_a_while_corrupted_ones_do_not),
		cmocka_unit_test(a_second_copy_in_the_same_breath_bars_its_like),
		cmocka_unit_test(the_silence_counts_from_the_latest_end_our_request_can_have),
		cmocka_unit_test(an_overflowed_unit_that_doubles_is_not_accepted),
		cmocka_unit_test(
			a_deaf_unit_with_one_block_gives_the_right_value_however_far_behind),
		cmocka_unit_test(strays_of_other_units_are_remembered),
		cmocka_unit_test(bytes_that_come_before_our_request_is_out_are_not_its_answer),
		cmocka_unit_test(a_line_that_is_never_silent_is_given_up_unsent),
		cmocka_unit_test(answers_in_pieces_are_learned),
		cmocka_unit_test(a_port_wrongly_called_timed_is_found_out),
		cmocka_unit_test(time_outs_are_learned_from_turnarounds),
		cmocka_unit_test(more_unanswered_than_bars_silence_the_unit_for_a_time_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
