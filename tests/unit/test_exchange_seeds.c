// SPDX-License-Identifier: MIT
/*
 * The exchange under every fault, over many seeds: EXCHANGE_SEEDS=20000 runs more of them. And its
 * figures on a healthy and on a spoilt line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exchange_rig.h"

#define BIT(f) (1u << (f))

static const struct {
	const char *name;
	uint32_t set;
} mixes[] = {
	{"late", BIT(SIM_LATE)},
	{"overtaken", BIT(SIM_OVERTAKEN)},
	{"held", BIT(SIM_HELD)},
	{"held exception", BIT(SIM_HELD_EXCEPTION) | BIT(SIM_EXCEPTION)},
	{"behind", BIT(SIM_BEHIND) | BIT(SIM_LOST)},
	{"doubled", BIT(SIM_DOUBLED)},
	{"other unit, lengths", BIT(SIM_OTHER_UNIT) | BIT(SIM_WRONG_LENGTH) | BIT(SIM_SHORT)},
	{"spoilt", BIT(SIM_BAD_CRC) | BIT(SIM_CUT) | BIT(SIM_NOISE_BEFORE) | BIT(SIM_GLITCH) |
                           BIT(SIM_NOISE_INSIDE) | BIT(SIM_NOISE_AFTER) | BIT(SIM_LOST)},
	{"two clients", BIT(SIM_CLIENT) | BIT(SIM_CLIENT_AFTER)},
	/* Less two that no line can tell apart when mixed with the others: see doc/line.md. */
	{"all", (BIT(SIM_FAULTS) - 2) & ~BIT(SIM_OVERTAKEN) & ~BIT(SIM_OTHER_UNIT)},
};

static void no_seed_of_any_fault_gives_a_wrong_value(void **state)
{
	(void)state;
	static const uint32_t bauds[] = {9600, 19200, 115200, 1200, 0};
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
				print_message("%s: seed %u: %u wrong, %u early\n", mixes[m].name,
				              (unsigned)seed, r.wrong, simline_count(r.sim).early);
			good += r.good;
			wrong += r.wrong;
			early += simline_count(r.sim).early;
			for (int o = 0; o <= OUT_SAME; o++)
				all += r.outcome[o];
			simline_destroy(r.sim);
		}
		print_message("%-20s %u of %u exchanges good, %u wrong, %u early\n", mixes[m].name,
		              good, all, wrong, early);
		failed += wrong + early;
		assert_true(good > all / 10);
	}
	assert_int_equal(failed, 0);
}

/* Units that say each answer twice: read nearly as often as asked, and what else befalls them, a
 * copy that does not come among it, gives nothing wrong. */
static void a_unit_that_answers_twice_is_read(void **state)
{
	(void)state;
	static const enum sim_fault faults[] = {SIM_NONE,   SIM_LATE,      SIM_HELD,
	                                        SIM_BEHIND, SIM_SILENT,    SIM_CUT,
	                                        SIM_LOST,   SIM_EXCEPTION, SIM_NOISE_AFTER};
	static const uint32_t bauds[] = {9600, 115200, 1200, 0};
	for (size_t f = 0; f < sizeof faults / sizeof faults[0]; f++)
		for (uint64_t seed = 1; seed <= 40; seed++) {
			struct rig r;
			rig_open(&r, bauds[seed % 4], seed);
			simline_random(r.sim, 1000, BIT(SIM_DOUBLED), 0);
			for (unsigned i = 0; i < 100; i++) {
				const uint8_t unit = (uint8_t)(1 + i % 2);
				if (rnd(&r, 10) == 0 && faults[f] != SIM_NONE)
					simline_fault(r.sim, unit, faults[f], 1, rnd(&r, 600000));
				if (rnd(&r, 8) == 0)
					write_once(&r, unit, 3);
				else
					read_once(&r, unit, TABLE_HOLDING,
					          (uint16_t)(100 * rnd(&r, 3)), 10);
			}
			if (r.wrong)
				print_message("fault %d seed %u: %u wrong\n", faults[f],
				              (unsigned)seed, r.wrong);
			assert_int_equal(r.wrong, 0);
			assert_int_equal(simline_count(r.sim).early, 0);
			assert_true(r.good >= (faults[f] == SIM_NONE ? 85 : 60));
			simline_destroy(r.sim);
		}
}

/* n requests in a row held back, or one behind, then healthy: nothing wrong, and back soon. */
static void a_unit_comes_back_after_any_number_of_held_answers(void **state)
{
	(void)state;
	static const enum sim_fault faults[] = {SIM_HELD, SIM_BEHIND, SIM_SILENT,
	                                        SIM_HELD_EXCEPTION};
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
	} rows[] = {{9600, 1.02}, {19200, 1.03}, {115200, 1.05}};
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
			assert_int_equal(
				read_once(&r, u, TABLE_HOLDING, (uint16_t)(100 * count), count),
				OUT_OK);
			limit += wire_read(&r.wire, TABLE_HOLDING, count, 2000 + 1000 * u);
		}
		const double ratio = (double)(r.now - start) / (double)limit;
		print_message("%u baud: scan / limit %.4f, %.2f wake-ups an exchange\n",
		              rows[i].baud, ratio, (double)r.wakes / n);
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
	simline_random(r.sim, permille,
	               BIT(SIM_BAD_CRC) | BIT(SIM_CUT) | BIT(SIM_NOISE_BEFORE) | BIT(SIM_LOST), 0);
	const us_t start = r.now;
	for (uint8_t u = 1; r.good < good; u = (uint8_t)(u % 3 + 1))
		poll_varied(&r, u, blocks, 3);
	const us_t took = r.now - start;
	assert_int_equal(r.wrong, 0);
	rig_close(&r);
	return took;
}

static void a_corrupted_line_keeps_most_of_its_rate(void **state)
{
	(void)state;
	const double rate =
		(double)time_of_good_reads(0, 2000) / (double)time_of_good_reads(120, 2000);
	print_message("12 %% of the answers spoilt or lost: %.3f of the clean line's reads\n",
	              rate);
	assert_true(rate >= 0.84);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_seed_of_any_fault_gives_a_wrong_value),
		cmocka_unit_test(a_unit_that_answers_twice_is_read),
		cmocka_unit_test(a_unit_comes_back_after_any_number_of_held_answers),
		cmocka_unit_test(a_healthy_line_is_as_fast_as_its_wire),
		cmocka_unit_test(a_corrupted_line_keeps_most_of_its_rate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
