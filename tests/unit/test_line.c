// SPDX-License-Identifier: MIT
/*
 * The scheduler, the turn, the exchange and the line together, in virtual time: what a user gets.
 * The bus thread's part is played by turn_once(); values are those of exchange_rig.h, so that wrong
 * ones are counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/schedule/turn.h"
#include "exchange_rig.h"

#define BLOCKS 3

struct plant {
	struct rig rig;
	struct schedule *schedule;
	struct turn_run run;
	struct want want[UNITS * BLOCKS];
	struct unit_rule rule[UNITS];
	us_t last[UNITS + 1]; /* when a unit was last read */
	us_t worst[UNITS + 1];
	us_t read[UNITS * BLOCKS], gap; /* each want's last read; the longest between two */
	unsigned good[UNITS + 1], jobs_ok, jobs_unsent;
	us_t limit; /* wire time of all good reads */
	us_t vain;  /* the longest turn that brought nothing */
};

static uint64_t job_id;

static void plant_open(struct plant *p, uint32_t baud, uint64_t seed, us_t period)
{
	memset(p, 0, sizeof *p);
	rig_open(&p->rig, baud, seed);
	p->rig.wake_latency = 60;
	p->schedule = schedule_create(&p->rig.wire, 0, 1, p->rig.now);
	for (uint8_t u = 0; u < UNITS; u++) {
		p->rule[u] = (struct unit_rule){.unit = (uint8_t)(u + 1),
		                                .timeout = CONFIGURED,
		                                .retries = 1,
		                                .max_read = 125,
		                                .max_hole = UINT16_MAX};
		for (unsigned b = 0; b < BLOCKS; b++)
			p->want[u * BLOCKS + b] = (struct want){
				.unit = (uint8_t)(u + 1),
				.table = TABLE_HOLDING,
				.addr = (uint16_t)(1000 * b),
				.len = (uint16_t)(10 + 5 * b),
				.period = period,
				.prio = CLASS_NORMAL,
			};
	}
	schedule_adopt(p->schedule, p->want, UNITS * BLOCKS, p->rule, UNITS, p->rig.now);
	schedule_port_back(p->schedule, p->rig.now);
}

static void plant_close(struct plant *p)
{
	assert_int_equal(p->rig.wrong, 0);
	schedule_destroy(p->schedule);
	rig_close(&p->rig);
}

static void was_read(struct plant *p, const struct turn *t)
{
	struct rig *r = &p->rig;
	const uint8_t u = t->span.unit;
	r->wrong += !right(r, &p->run.request);
	p->good[u]++;
	if (p->last[u] && r->now - p->last[u] > p->worst[u])
		p->worst[u] = r->now - p->last[u];
	p->last[u] = r->now;
	for (size_t i = 0; i < UNITS * BLOCKS; i++) {
		const struct want *w = &p->want[i];
		if (w->unit != u || w->addr < t->span.addr ||
		    w->addr + w->len > t->span.addr + t->span.count)
			continue;
		if (p->read[i] && r->now - p->read[i] > p->gap)
			p->gap = r->now - p->read[i];
		p->read[i] = r->now;
	}
	p->limit += wire_read(&r->wire, t->span.table, t->span.count, 2000 + 1000 * u);
}

static void was_written(struct plant *p)
{
	struct rig *r = &p->rig;
	const bool ok = p->run.outcome == OUT_OK;
	r->wrong += r->writes > 1 || (ok && r->writes != 1) || (!p->run.sent && r->writes);
	p->jobs_ok += ok;
	p->jobs_unsent += !p->run.sent;
}

static void carry_out(struct plant *p, struct turn *t)
{
	static const struct turn_way way = {0};
	struct rig *r = &p->rig;
	r->writes = 0;
	r->written = t->kind == TURN_JOB ? t->job->value[0] : 0;
	turn_begin(&p->run, t, t->rule, &way, &r->line, NULL);
	while (turn_next(&p->run, r->now) == TURN_EXCHANGE) {
		drive(r, &p->run.exchange);
		turn_exchanged(&p->run, true, r->now);
	}
	if (t->kind == TURN_JOB)
		was_written(p);
	else if (p->run.outcome == OUT_OK)
		was_read(p, t);
}

static void turn_once(struct plant *p)
{
	struct rig *r = &p->rig;
	struct turn t;
	struct effects e = {0};
	schedule_next(p->schedule, r->now, &t);
	if (t.kind == TURN_SLEEP) {
		sleep_until(r, t.until);
		return;
	}
	const us_t begun = r->now;
	carry_out(p, &t);
	if (p->run.outcome != OUT_OK && r->now - begun > p->vain)
		p->vain = r->now - begun;
	schedule_done(p->schedule, &t, p->run.outcome, p->run.exception, p->run.turnaround,
	              r->now - begun, r->now, &e);
}

static void run_until(struct plant *p, us_t end)
{
	while (p->rig.now < end)
		turn_once(p);
}

static unsigned all_good(const struct plant *p)
{
	unsigned n = 0;
	for (unsigned u = 1; u <= UNITS; u++)
		n += p->good[u];
	return n;
}

static void polled_as_fast_as_possible_the_line_is_full(void **state)
{
	(void)state;
	static const struct {
		uint32_t baud;
		double most;
	} row[] = {{9600, 1.02}, {19200, 1.03}, {115200, 1.05}};
	for (size_t i = 0; i < 3; i++) {
		struct plant p;
		plant_open(&p, row[i].baud, 3, PERIOD_FASTEST);
		run_until(&p, p.rig.now + 2 * US_S); /* all in step and known */
		p.limit = p.gap = 0;
		const unsigned before = all_good(&p);
		const us_t start = p.rig.now;
		run_until(&p, start + 60 * US_S);
		const double ratio = (double)(p.rig.now - start) / (double)p.limit;
		const double scan =
			(double)(p.rig.now - start) * UNITS * BLOCKS / (all_good(&p) - before);
		const double gap = (double)p.gap / scan;
		print_message("%u baud: scan / limit %.4f, worst gap / scan %.3f\n", row[i].baud,
		              ratio, gap);
		assert_true(ratio <= row[i].most);
		assert_true(gap <= 1.05);
		plant_close(&p);
	}
}

/* What a silent unit is probed with, or what is refused is tried again with, comes between two
 * reads of a value once at most. */
static void no_value_waits_for_more_than_one_vain_request(void **state)
{
	(void)state;
	static const uint32_t baud[] = {9600, 19200, 38400, 115200};
	for (unsigned i = 0; i < 8; i++) {
		const bool silent = i % 2;
		struct plant p;
		plant_open(&p, baud[i / 2], 8, PERIOD_FASTEST);
		if (!silent)
			p.want[UNITS * BLOCKS - 1].addr = 9000; /* refused */
		schedule_adopt(p.schedule, p.want, UNITS * BLOCKS, p.rule, UNITS, p.rig.now);
		if (silent)
			simline_fault(p.rig.sim, UNITS, SIM_LOST, 1u << 30, 0);
		run_until(&p, p.rig.now + 30 * US_S); /* found out */
		p.vain = p.gap = 0;
		const unsigned before = all_good(&p);
		const us_t start = p.rig.now;
		run_until(&p, start + 120 * US_S);
		const unsigned read = UNITS * BLOCKS - (silent ? BLOCKS : 1);
		const double scan = (double)(p.rig.now - start) * read / (all_good(&p) - before);
		print_message("%u baud, %s: worst gap / scan %.3f, less one vain request of %.1f "
		              "ms %.3f\n",
		              baud[i / 2], silent ? "a silent unit" : "a refused block",
		              (double)p.gap / scan, (double)p.vain / 1e3,
		              (double)(p.gap - p.vain) / scan);
		assert_true(p.vain > 0);
		assert_true((double)(p.gap - p.vain) <= 1.05 * scan);
		plant_close(&p);
	}
}

static void a_silent_unit_costs_the_others_next_to_nothing(void **state)
{
	(void)state;
	struct plant p;
	plant_open(&p, 9600, 4, PERIOD_FASTEST);
	run_until(&p, p.rig.now + 20 * US_S);
	const unsigned before = p.good[1] + p.good[2] + p.good[3];
	simline_fault(p.rig.sim, 4, SIM_LOST, 1u << 30, 0);
	run_until(&p, p.rig.now + 5 * US_S);
	const unsigned mark = p.good[1] + p.good[2] + p.good[3], dead = p.good[4];
	run_until(&p, p.rig.now + 20 * US_S);
	const double ratio = (double)before / (double)(p.good[1] + p.good[2] + p.good[3] - mark);
	print_message("one of four silent: the others' scan takes %.3f of before\n", ratio);
	assert_true(ratio <= 0.85);
	assert_int_equal(p.good[4], dead);
	simline_fault(p.rig.sim, 4, SIM_NONE, 0, 0);
	run_until(&p, p.rig.now + 10 * US_S);
	assert_true(p.good[4] > dead + 20);
	plant_close(&p);
}

static void a_corrupted_line_keeps_its_rate(void **state)
{
	(void)state;
	unsigned n[2];
	for (int spoilt = 0; spoilt < 2; spoilt++) {
		struct plant p;
		plant_open(&p, 9600, 6, PERIOD_FASTEST);
		if (spoilt)
			simline_random(p.rig.sim, 120,
			               1u << SIM_BAD_CRC | 1u << SIM_CUT | 1u << SIM_NOISE_BEFORE |
			                       1u << SIM_LOST,
			               0);
		run_until(&p, p.rig.now + 120 * US_S);
		n[spoilt] = all_good(&p);
		plant_close(&p);
	}
	print_message("12 %% of the answers spoilt or lost: %.3f of the clean line's reads\n",
	              n[1] / (double)n[0]);
	assert_true(n[1] > 0.8 * n[0]);
}

/* Each answer takes its time twice; nothing else is lost by it. */
static void units_that_answer_twice_are_read_at_half_the_rate(void **state)
{
	(void)state;
	for (size_t units = 1; units <= UNITS; units += 3) {
		unsigned n[2];
		for (int twice = 0; twice < 2; twice++) {
			struct plant p;
			plant_open(&p, 9600, 5, PERIOD_FASTEST);
			schedule_adopt(p.schedule, p.want, units * BLOCKS, p.rule, UNITS,
			               p.rig.now);
			simline_random(p.rig.sim, twice ? 1000 : 0, 1u << SIM_DOUBLED, 0);
			run_until(&p, p.rig.now + 60 * US_S);
			n[twice] = all_good(&p);
			plant_close(&p);
		}
		print_message("%u units that answer twice: %.3f of the reads\n", (unsigned)units,
		              n[1] / (double)n[0]);
		assert_true(n[1] > 0.45 * n[0]);
	}
}

/* Commands among the polls, and every fault that a line can tell: nothing wrong, nothing twice,
 * nothing early. */
static void no_fault_gives_a_wrong_value_or_a_false_confirmation(void **state)
{
	(void)state;
	static const uint32_t bauds[] = {9600, 115200, 19200, 0};
	const char *wish = getenv("LINE_SEEDS");
	const uint64_t seeds = wish ? strtoull(wish, NULL, 10) : 40;
	unsigned good = 0, ok = 0, jobs = 0, unsent = 0;
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		struct plant p;
		uint64_t old;
		plant_open(&p, bauds[seed % 4], seed, seed % 3 ? 500 * US_MS : PERIOD_FASTEST);
		simline_echo(p.rig.sim, seed % 5 == 0);
		p.rig.no_other_function = seed % 7 == 0;
		simline_random(p.rig.sim, (unsigned)(20 << seed % 4),
		               (1u << SIM_FAULTS) - 2 - (1u << SIM_OVERTAKEN) -
		                       (1u << SIM_OTHER_UNIT),
		               500000);
		for (unsigned i = 0; i < 20; i++) {
			const uint16_t v = (uint16_t)rnd(&p.rig, 65536);
			const struct job j = {
				.id = ++job_id,
				.span = {(uint8_t)(1 + i % UNITS), TABLE_HOLDING, 7, 1},
				.fc = FC_WRITE_REGISTER,
				.replaceable = true,
				.expires = p.rig.now + 5 * US_S,
				.value = {v}};
			jobs += schedule_submit(p.schedule, &j, p.rig.now, &old) == SUBMIT_ACCEPTED;
			run_until(&p, p.rig.now + 500 * US_MS);
		}
		if (p.rig.wrong || simline_count(p.rig.sim).early)
			print_message("seed %u: %u wrong, %u early\n", (unsigned)seed, p.rig.wrong,
			              simline_count(p.rig.sim).early);
		good += all_good(&p);
		ok += p.jobs_ok;
		unsent += p.jobs_unsent;
		plant_close(&p);
	}
	print_message("%u good reads; %u of %u writes confirmed, %u never sent\n", good, ok, jobs,
	              unsent);
	assert_true(ok > jobs / 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(polled_as_fast_as_possible_the_line_is_full),
		cmocka_unit_test(no_value_waits_for_more_than_one_vain_request),
		cmocka_unit_test(a_silent_unit_costs_the_others_next_to_nothing),
		cmocka_unit_test(a_corrupted_line_keeps_its_rate),
		cmocka_unit_test(units_that_answer_twice_are_read_at_half_the_rate),
		cmocka_unit_test(no_fault_gives_a_wrong_value_or_a_false_confirmation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
