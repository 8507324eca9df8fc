// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/sim/line.h"

static unsigned served;

/* Answers every read with its own number in each register. */
static size_t answer(void *ctx, uint8_t unit, const uint8_t *pdu, size_t len, uint8_t *out)
{
	(void)ctx;
	if (unit > 2 || len != 5)
		return 0;
	served++;
	out[0] = pdu[0];
	out[1] = (uint8_t)(2 * pdu[4]);
	for (unsigned i = 0; i < out[1]; i++)
		out[2 + i] = i % 2 ? (uint8_t)served : 0;
	return 2u + out[1];
}

static struct simline *open_line(uint32_t baud)
{
	struct wire w;
	served = 0;
	wire_init(&w, baud, 8, 'N', 1, 0);
	struct simline *l = simline_create(&w, 1, answer, NULL);
	simline_turnaround(l, 1, 5000);
	return l;
}

static void ask(struct simline *l, uint8_t unit, uint8_t count, us_t now)
{
	uint8_t frame[ADU_RTU_MAX];
	simline_write(l, frame, pdu_frame(unit, (const uint8_t[]){3, 0, 0, 0, count}, 5, frame),
	              now);
}

/* Of the request that ends at 8334 µs: the answer's first bit 5 ms later, a byte each 1041.7 µs. */
static void bytes_come_when_their_last_bit_is_over(void **state)
{
	(void)state;
	struct simline *l = open_line(9600);
	uint8_t buf[64];
	ask(l, 1, 2, 0);
	assert_int_equal(simline_next(l, 0), 8334);
	assert_int_equal(simline_read(l, 13334 + 1041, buf, sizeof buf), 0);
	assert_int_equal(simline_next(l, 13334 + 1041), 13334 + 1042);
	assert_int_equal(simline_read(l, 13334 + 1042, buf, sizeof buf), 1);
	assert_int_equal(simline_read(l, 13334 + 9376, buf + 1, 63), 8);
	assert_int_equal(crc16(buf, 9), 0);
	assert_true(simline_next(l, 30000) == US_NEVER);
	assert_int_equal(simline_count(l).busy, 8334 + 9376);
	simline_destroy(l);
	simline_destroy(NULL);
}

static void a_request_before_the_silence_is_over_is_ignored_and_counted(void **state)
{
	(void)state;
	struct simline *l = open_line(9600);
	uint8_t buf[64];
	const us_t end = 13334 + 9376;
	ask(l, 1, 2, 0);
	assert_int_equal(simline_read(l, end, buf, sizeof buf), 9);
	ask(l, 1, 2, end + 3645);
	assert_int_equal(simline_count(l).early, 1);
	assert_int_equal(simline_read(l, 100000, buf, sizeof buf), 0);
	ask(l, 1, 2, 100000);
	assert_int_equal(simline_read(l, 200000, buf, sizeof buf), 9);
	assert_int_equal(simline_count(l).early, 1);
	assert_int_equal(simline_count(l).delivered, 2);
	/* Behind its own request without an answer, too. */
	ask(l, 9, 2, 200000);
	ask(l, 1, 2, 208334 + 3645);
	assert_int_equal(simline_count(l).early, 2);
	ask(l, 1, 2, 208334 + 3645 + 8334 + 3646);
	assert_int_equal(simline_count(l).early, 2);
	simline_destroy(l);
}

static void two_at_once_spoil_each_other(void **state)
{
	(void)state;
	struct simline *l = open_line(9600);
	uint8_t buf[64];
	ask(l, 1, 10, 0);
	ask(l, 2, 2, 20000);
	assert_int_equal(simline_count(l).collisions, 1);
	assert_int_equal(simline_read(l, 500000, buf, sizeof buf), 25);
	assert_int_not_equal(crc16(buf, 25), 0);
	assert_int_equal(served, 1);
	simline_destroy(l);
}

static void held_answers_come_before_the_next_and_in_order(void **state)
{
	(void)state;
	struct simline *l = open_line(19200);
	uint8_t buf[64];
	simline_fault(l, 1, SIM_HELD, 2, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(simline_read(l, i * US_S, buf, sizeof buf), 0);
		ask(l, 1, 1, i * US_S);
	}
	assert_int_equal(simline_read(l, 3 * US_S, buf, sizeof buf), 21);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(crc16(buf + 7 * i, 7), 0);
		assert_int_equal(buf[7 * i + 4], i + 1);
	}
	simline_destroy(l);
}

static void each_fault_has_its_effect(void **state)
{
	(void)state;
	static const struct {
		enum sim_fault fault;
		size_t least, most; /* bytes that come */
		bool whole;         /* the first 9 are a right frame */
	} row[] = {
		{SIM_NONE, 9, 9, true},
		{SIM_LOST, 0, 0, false},
		{SIM_SILENT, 0, 0, false},
		{SIM_LATE, 9, 9, true},
		{SIM_OVERTAKEN, 9, 9, true},
		{SIM_HELD, 0, 0, false},
		{SIM_BEHIND, 0, 0, false},
		{SIM_DOUBLED, 18, 18, true},
		{SIM_OTHER_UNIT, 9, 9, true},
		{SIM_WRONG_LENGTH, 11, 11, false},
		{SIM_EXCEPTION, 5, 5, false},
		{SIM_HELD_EXCEPTION, 0, 0, false},
		{SIM_BAD_CRC, 9, 9, false},
		{SIM_CUT, 1, 8, false},
		{SIM_NOISE_BEFORE, 10, 21, false},
		{SIM_GLITCH, 10, 13, false},
		{SIM_NOISE_INSIDE, 10, 10, false},
		{SIM_NOISE_AFTER, 10, 21, true},
		{SIM_CLIENT, 17, 17, false},
		{SIM_CLIENT_AFTER, 26, 26, true},
		{SIM_SHORT, 2, 3, false},
		{SIM_PAUSE, 9, 9, true},
	};
	assert_int_equal(sizeof row / sizeof row[0], SIM_FAULTS);
	for (size_t i = 0; i < SIM_FAULTS; i++)
		for (uint64_t seed = 1; seed < 50; seed++) {
			struct wire w;
			uint8_t buf[64];
			wire_init(&w, 9600, 8, 'N', 1, 0);
			struct simline *l = simline_create(&w, seed, answer, NULL);
			simline_fault(l, 1, row[i].fault, 1, 50000);
			ask(l, 1, 2, 0);
			const size_t n = simline_read(l, US_S, buf, sizeof buf);
			assert_in_range(n, row[i].least, row[i].most);
			if (row[i].whole)
				assert_int_equal(crc16(buf, 9), 0);
			else if (n == 9)
				assert_int_not_equal(crc16(buf, 9), 0);
			assert_int_equal(simline_count(l).faults, row[i].fault != SIM_NONE);
			simline_destroy(l);
		}
}

static void an_echo_comes_back_as_it_goes_out(void **state)
{
	(void)state;
	struct simline *l = open_line(9600);
	uint8_t buf[64];
	simline_echo(l, true);
	ask(l, 1, 2, 0);
	assert_int_equal(simline_read(l, 4 * 1042, buf, sizeof buf), 4);
	assert_int_equal(simline_read(l, 8334, buf + 4, 60), 4);
	assert_int_equal(crc16(buf, 8), 0);
	simline_destroy(l);
}

static void the_same_seed_gives_the_same_run(void **state)
{
	(void)state;
	uint8_t a[4096], b[4096];
	size_t na = 0, nb = 0;
	for (int run = 0; run < 2; run++) {
		struct simline *l = open_line(19200);
		size_t *n = run ? &nb : &na;
		simline_random(l, 500, (1u << SIM_FAULTS) - 2, 100000);
		for (us_t t = 0; t < 100 * US_S; t += US_S) {
			ask(l, 1, 2, t);
			*n += simline_read(l, t + 900000, (run ? b : a) + *n, sizeof a - *n);
		}
		assert_in_range(simline_count(l).faults, 30, 70);
		simline_destroy(l);
	}
	assert_int_equal(na, nb);
	assert_memory_equal(a, b, na);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_when_their_last_bit_is_over),
		cmocka_unit_test(a_request_before_the_silence_is_over_is_ignored_and_counted),
		cmocka_unit_test(two_at_once_spoil_each_other),
		cmocka_unit_test(held_answers_come_before_the_next_and_in_order),
		cmocka_unit_test(each_fault_has_its_effect),
		cmocka_unit_test(an_echo_comes_back_as_it_goes_out),
		cmocka_unit_test(the_same_seed_gives_the_same_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
