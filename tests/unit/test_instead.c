// SPDX-License-Identifier: MIT
/* What came instead of an answer is told apart, on the simulated line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exchange_rig.h"

static void each_wrong_answer_has_its_kind(void **state)
{
	(void)state;
	static const struct {
		enum sim_fault fault;
		enum instead_kind kind;
		const char *words;
	} row[] = {
		{SIM_LOST, INSTEAD_NOTHING, "no response"},
		{SIM_SILENT, INSTEAD_NOTHING, "no response"},
		{SIM_OTHER_UNIT, INSTEAD_UNIT, "unit id 2 instead of 1: check id"},
		{SIM_WRONG_LENGTH, INSTEAD_COUNT, "byte count 22 instead of 20"},
		{SIM_SHORT, INSTEAD_SHORT, "check baud, format"},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct rig r;
		char text[128];
		rig_open(&r, 9600, 60 + i);
		in_step(&r, 1);
		simline_fault(r.sim, 1, row[i].fault, 1, 0);
		assert_int_not_equal(read_once(&r, 1, TABLE_HOLDING, 100, 10), OUT_OK);
		assert_int_equal(r.x.instead.kind, row[i].kind);
		assert_non_null(
			strstr(instead_text(&r.x.instead, text, sizeof text), row[i].words));
		rig_close(&r);
	}
}

/* It fits the shorter or longer request before it, which is no reason to call it late. */
static void a_wrong_byte_count_is_not_late(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct rig r;
		rig_open(&r, 9600, seed);
		if (seed % 2)
			in_step(&r, 1);
		simline_fault(r.sim, 1, SIM_WRONG_LENGTH, 1000, 0);
		for (int i = 0; i < 40; i++) {
			poll_varied(&r, 1, blocks, 2);
			if (r.x.instead.kind != INSTEAD_NOTHING)
				assert_int_equal(r.x.instead.kind, INSTEAD_COUNT);
			r.now += US_S;
		}
		assert_int_equal(r.outcome[OUT_OK], seed % 2 ? 2 : 0);
		rig_close(&r);
	}
}

/* The next exchange sees it, with the unit or with another one. */
static void a_late_answer_is_reported_with_its_delay(void **state)
{
	(void)state;
	for (uint8_t unit = 1; unit <= 2; unit++) {
		struct rig r;
		rig_open(&r, 9600, 70 + unit);
		in_step(&r, 1);
		in_step(&r, 2);
		simline_fault(r.sim, 1, SIM_LATE, 1, 500 * US_MS);
		assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 10), OUT_TIMEOUT);
		assert_int_equal(r.x.instead.kind, INSTEAD_NOTHING);
		if (unit == 2)
			read_once(&r, 2, TABLE_HOLDING, 100, 10);
		r.now += US_S;
		read_once(&r, unit, TABLE_HOLDING, 100, 12);
		if (unit == 2)
			read_once(&r, 1, TABLE_HOLDING, 100, 12);
		assert_int_equal(r.x.instead.kind, INSTEAD_LATE);
		assert_true(r.x.instead.after >= 500 * US_MS);
		rig_close(&r);
	}
}

/* A silent unit is not to blame for what the one before it says late. */
static void anothers_late_answer_is_not_reported_for_a_silent_unit(void **state)
{
	(void)state;
	struct rig r;
	struct request one, two;
	rig_open(&r, 9600, 75);
	assert_true(pdu_read(&one, 1, TABLE_HOLDING, 100, 10));
	assert_true(pdu_read(&two, 2, TABLE_HOLDING, 100, 10));
	in_step(&r, 1);
	in_step(&r, 2);
	for (int k = 0; k < 3; k++) {
		simline_fault(r.sim, 1, SIM_LATE, 1, 450 * US_MS);
		simline_fault(r.sim, 2, SIM_LOST, 1, 0);
		assert_int_equal(run(&r, &one, CONFIGURED), OUT_TIMEOUT);
		assert_int_equal(run(&r, &two, CONFIGURED), OUT_TIMEOUT);
		assert_int_not_equal(r.x.instead.kind, INSTEAD_LATE);
		if (k > 0)
			assert_int_equal(r.x.instead.kind, INSTEAD_NOTHING);
		read_once(&r, 1, TABLE_HOLDING, 100, 12);
		r.now += US_S;
		read_once(&r, 2, TABLE_HOLDING, 100, 12);
	}
	rig_close(&r);
}

static void an_echo_alone_is_no_answer(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r, 9600, 80);
	simline_echo(r.sim, true);
	simline_fault(r.sim, 1, SIM_LOST, 5, 0);
	assert_int_equal(read_once(&r, 1, TABLE_HOLDING, 100, 10), OUT_TIMEOUT);
	assert_int_equal(r.x.instead.kind, INSTEAD_ECHO);
	rig_close(&r);
}

struct spoilt {
	uint8_t pdu[8];
	size_t len;
};

static size_t answers_spoilt(void *ctx, uint8_t unit, const uint8_t *pdu, size_t len,
                             uint8_t *answer)
{
	const struct spoilt *s = ctx;
	(void)unit, (void)pdu, (void)len;
	memcpy(answer, s->pdu, s->len);
	return s->len;
}

/* On Modbus TCP each of them came through our own connection and names our transaction. */
static void a_corrupted_answer_is_reported_by_its_length(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct spoilt s;
		const char *words;
		bool write;
		enum instead_kind kind;
	} row[] = {
		{"an exception without its code",
	         {{0x83}, 1},
	         "1 bytes instead",
	         false,
	         INSTEAD_LENGTH},
		{"an exception and more",
	         {{0x83, 2, 0}, 3},
	         "3 bytes instead",
	         false,
	         INSTEAD_LENGTH},
		{"a byte too few: as long as a request",
	         {{3, 4, 0, 1, 0}, 5},
	         "3 bytes instead of 4",
	         false,
	         INSTEAD_LENGTH},
		{"bytes behind the answer to a write",
	         {{6, 0, 100, 0, 5, 0, 0}, 7},
	         "7 bytes instead of 5",
	         true,
	         INSTEAD_LENGTH},
		{"exception 0, which is none",
	         {{0x83, 0}, 2},
	         "function 131 instead of 3",
	         false,
	         INSTEAD_FUNCTION},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct rig r;
		struct request q;
		char text[128];
		rig_open(&r, 0, 90 + i);
		simline_destroy(r.sim);
		r.sim = simline_create(&r.wire, i, answers_spoilt, (void *)&row[i].s);
		r.line.ids = true;
		peer_init(&r.peer[1], r.now);
		assert_true(row[i].write ? pdu_write_register(&q, 1, 100, 5)
		                         : pdu_read(&q, 1, TABLE_HOLDING, 100, 2));
		print_message("%s\n", row[i].name);
		assert_int_not_equal(run(&r, &q, CONFIGURED), OUT_OK);
		assert_int_equal(r.x.instead.kind, row[i].kind);
		r.x.instead.tcp = true;
		instead_text(&r.x.instead, text, sizeof text);
		assert_non_null(strstr(text, row[i].words));
		assert_null(strstr(text, "baud"));
		rig_close(&r);
	}
}

/* A header that cannot be right says no size. */
static void no_size_is_invented(void **state)
{
	(void)state;
	const struct instead i = {.kind = INSTEAD_SHORT, .tcp = true, .is = 1};
	char text[128];
	assert_null(strstr(instead_text(&i, text, sizeof text), "of 0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_wrong_answer_has_its_kind),
		cmocka_unit_test(a_wrong_byte_count_is_not_late),
		cmocka_unit_test(a_late_answer_is_reported_with_its_delay),
		cmocka_unit_test(anothers_late_answer_is_not_reported_for_a_silent_unit),
		cmocka_unit_test(an_echo_alone_is_no_answer),
		cmocka_unit_test(a_corrupted_answer_is_reported_by_its_length),
		cmocka_unit_test(no_size_is_invented),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
