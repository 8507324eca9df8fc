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

/* The next exchange sees it, with the unit or with another one. */
static void a_late_answer_says_how_late(void **state)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_wrong_answer_has_its_kind),
		cmocka_unit_test(a_late_answer_says_how_late),
		cmocka_unit_test(an_echo_alone_is_no_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
