// SPDX-License-Identifier: MIT
/* The bus thread on a pseudo-terminal with a simulated line behind it, in real time. However busy
 * the machine is, nothing fails by that: answers come in one piece, and the timeout is the
 * configured one, not the shorter one that is learnt from a device that answers at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bus_rig.h"
#include "line_pty.h"

#define BAUD 115200
#define TURNAROUND (2 * US_MS)
#define FAR (3600 * US_S)
#define UNIT 7

struct bench {
	struct line_pty line;
	struct rig rig;
	bool up; /* rig not ended yet */
};

static bool right(void *ctx, const struct span *s, const uint16_t *words)
{
	return line_pty_right(ctx, s, words);
}

static struct bus_conf conf_of(const struct line_pty *l)
{
	return (struct bus_conf){
		.name = "rs485",
		.kind = BUS_SERIAL,
		.port = l->path,
		.baud = BAUD,
		.data = 8,
		.stop = 1,
		.parity = 'N',
		.timeout = 5 * US_S,
	};
}

static int begin(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	line_pty_begin(&b->line, BAUD, TURNAROUND);
	line_pty_whole(&b->line);
	const struct bus_conf conf = conf_of(&b->line);
	rig_begin(&b->rig, &conf);
	b->rig.right = right;
	b->rig.ctx = &b->line;
	b->up = true;
	*state = b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;
	const bool ended = !b->up || rig_end(&b->rig);
	const unsigned wrong = b->rig.wrong;
	line_pty_end(&b->line);
	free(b);
	return ended && wrong == 0 ? 0 : -1;
}

static void adopt(struct bench *b, const struct want *w, size_t n, const struct unit_rule *rule)
{
	const struct unit_rule usual = rig_rule(UNIT);
	bus_adopt(b->rig.bus, w, n, rule ? rule : &usual, 1);
}

static uint16_t held(struct bench *b, uint16_t addr)
{
	pthread_mutex_lock(&b->line.lock);
	const uint16_t v = line_pty_cell(&b->line, UNIT, TABLE_HOLDING, addr);
	pthread_mutex_unlock(&b->line.lock);
	return v;
}

static void wants_come_home_as_reports_with_the_right_values(void **state)
{
	struct bench *b = *state;
	const struct want w[] = {
		rig_want(UNIT, TABLE_HOLDING, 0, 2, 20 * US_MS),
		rig_want(UNIT, TABLE_INPUT, 1000, 60, 50 * US_MS),
		rig_want(UNIT, TABLE_COIL, 3, 37, 50 * US_MS),
		rig_want(UNIT, TABLE_DISCRETE, 80, 1, 50 * US_MS),
	};
	adopt(b, w, 4, NULL);
	assert_true(rig_await_port(&b->rig, true));
	assert_true(rig_await_unit(&b->rig, UNIT, true));
	unsigned seen[4] = {0};
	while (!seen[0] || !seen[1] || !seen[2] || !seen[3]) {
		assert_true(rig_await(&b->rig, REPORT_READ));
		assert_int_equal(b->rig.report.bus, RIG_TAG);
		assert_true(b->rig.report.at > 0 && b->rig.report.at <= clock_now());
		for (int i = 0; i < 4; i++)
			if (b->rig.report.span.table == w[i].table) {
				assert_true(b->rig.report.span.addr <= w[i].addr);
				assert_true(b->rig.report.span.addr + b->rig.report.span.count >=
				            w[i].addr + w[i].len);
				seen[i]++;
			}
	}
	assert_int_equal(b->rig.wrong, 0);
}

static void a_job_is_written_once_and_reported(void **state)
{
	struct bench *b = *state;
	const struct want w = rig_want(UNIT, TABLE_HOLDING, 0, 10, PERIOD_FASTEST);
	adopt(b, &w, 1, NULL);
	assert_true(rig_await(&b->rig, REPORT_READ));
	for (uint64_t id = 1; id <= 20; id++) {
		const us_t before = clock_now();
		const struct job j = rig_job(id, UNIT, 100, (uint16_t)(1000 + id));
		assert_true(rig_job_submit(&b->rig, &j));
		assert_true(rig_await_job(&b->rig, id));
		assert_int_equal(b->rig.report.outcome, OUT_OK);
		assert_true(b->rig.report.sent >= before && b->rig.report.sent <= b->rig.report.at);
		assert_int_equal(held(b, 100), 1000 + id);
	}
	assert_int_equal(line_pty_writes(&b->line), 20);
	assert_int_equal(b->rig.of_kind[REPORT_JOB], 20);
}

static void registers_are_written_and_read_in_one_request(void **state)
{
	struct bench *b = *state;
	struct job j = rig_job(1, UNIT, 100, 7);
	j.fc = FC_READ_WRITE;
	j.span.count = 2;
	j.value[1] = 9;
	adopt(b, NULL, 0, NULL);
	assert_true(rig_job_submit(&b->rig, &j));
	assert_true(rig_await_job(&b->rig, 1));
	assert_int_equal(b->rig.report.outcome, OUT_OK);
	assert_int_equal(held(b, 100), 7);
	assert_int_equal(held(b, 101), 9);
}

static void a_newer_job_takes_the_place_of_a_waiting_one(void **state)
{
	struct bench *b = *state;
	struct job j = rig_job(1, UNIT, 100, 1);
	j.key = 5;
	j.replaceable = true;
	j.not_before = clock_now() + FAR;
	assert_true(rig_job_submit(&b->rig, &j));
	j.id = 2;
	j.value[0] = 2;
	j.not_before = 0;
	assert_true(rig_job_submit(&b->rig, &j));
	assert_int_equal(b->rig.replaced, 1);
	assert_true(rig_await_job(&b->rig, 2));
	assert_int_equal(b->rig.of_kind[REPORT_JOB], 1);
	assert_int_equal(line_pty_writes(&b->line), 1);
	assert_int_equal(held(b, 100), 2);
}

/* However fast they come: each ends once, the last one is what the register holds. */
static void fifty_steps_of_a_slider_end_with_the_last(void **state)
{
	struct bench *b = *state;
	const struct want w = rig_want(UNIT, TABLE_HOLDING, 0, 10, PERIOD_FASTEST);
	adopt(b, &w, 1, NULL);
	unsigned ended[51] = {0}, sum = 0;
	for (uint64_t id = 1; id <= 50; id++) {
		struct job j = rig_job(id, UNIT, 100, (uint16_t)id);
		j.key = 5;
		j.replaceable = true;
		assert_true(rig_job_submit(&b->rig, &j));
		if (b->rig.replaced) {
			assert_int_equal(ended[b->rig.replaced]++, 0);
			sum++;
		}
	}
	for (; sum < 50; sum++) {
		assert_true(rig_await(&b->rig, REPORT_JOB));
		assert_int_equal(ended[b->rig.report.id]++, 0);
	}
	assert_int_equal(line_pty_writes(&b->line), b->rig.of_kind[REPORT_JOB]);
	assert_int_equal(held(b, 100), 50);
}

static void a_job_that_is_too_late_is_never_sent(void **state)
{
	struct bench *b = *state;
	struct job j = rig_job(1, UNIT, 100, 1);
	j.not_before = clock_now() + FAR;
	j.expires = clock_now() + 30 * US_MS;
	assert_true(rig_job_submit(&b->rig, &j));
	assert_true(rig_await_job(&b->rig, 1));
	assert_int_equal(b->rig.report.outcome, OUT_EXPIRED);
	assert_int_equal(b->rig.report.sent, 0);
	assert_true(b->rig.report.at >= j.expires);
	j = rig_job(2, UNIT, 100, 1);
	j.expires = 1;
	assert_true(rig_job_submit(&b->rig, &j));
	assert_true(rig_await_job(&b->rig, 2));
	assert_int_equal(b->rig.report.outcome, OUT_EXPIRED);
	assert_int_equal(line_pty_writes(&b->line), 0);
}

static void a_job_taken_back_is_neither_sent_nor_reported(void **state)
{
	struct bench *b = *state;
	struct job j = rig_job(1, UNIT, 100, 1);
	j.not_before = clock_now() + FAR;
	assert_true(rig_job_submit(&b->rig, &j));
	assert_true(bus_cancel(b->rig.bus, 1));
	assert_false(bus_cancel(b->rig.bus, 1));
	assert_false(bus_cancel(b->rig.bus, 0));
	b->up = false;
	assert_true(rig_end(&b->rig));
	assert_int_equal(b->rig.of_kind[REPORT_JOB], 0);
	assert_int_equal(line_pty_writes(&b->line), 0);
}

static void a_closing_bus_gives_back_what_waits(void **state)
{
	struct bench *b = *state;
	for (uint64_t id = 1; id <= 3; id++) {
		struct job j = rig_job(id, UNIT, 100, 1);
		j.not_before = clock_now() + FAR;
		assert_true(rig_job_submit(&b->rig, &j));
	}
	bus_close(b->rig.bus);
	for (uint64_t id = 1; id <= 3; id++) {
		assert_true(rig_await_job(&b->rig, id));
		assert_int_equal(b->rig.report.outcome, OUT_CLOSED);
		assert_int_equal(b->rig.report.sent, 0);
	}
	assert_true(rig_await(&b->rig, REPORT_ENDED));
	const struct job late = rig_job(4, UNIT, 100, 1);
	assert_false(rig_job_submit(&b->rig, &late));
	b->up = false;
	bus_destroy(b->rig.bus);
	queue_destroy(b->rig.reports);
	assert_int_equal(line_pty_writes(&b->line), 0);
}

static struct job masked(uint64_t id, uint16_t value, uint16_t mask)
{
	struct job j = rig_job(id, UNIT, 100, value);
	j.fc = FC_MASK_WRITE;
	j.mask[0] = mask;
	return j;
}

static void bits_are_put_in_by_the_device_where_it_can(void **state)
{
	struct bench *b = *state;
	struct unit_rule rule = rig_rule(UNIT);
	rule.has_mask_write = true;
	adopt(b, NULL, 0, &rule);
	const uint16_t before = held(b, 100);
	const struct job j = masked(1, (uint16_t)~before, 0x0F00);
	assert_true(rig_job_submit(&b->rig, &j));
	assert_true(rig_await_job(&b->rig, 1));
	assert_int_equal(b->rig.report.outcome, OUT_OK);
	assert_int_equal(held(b, 100), before ^ 0x0F00);
	assert_int_equal(b->line.log[0].fc, FC_MASK_WRITE);
}

static void bits_are_merged_by_reading_where_it_cannot(void **state)
{
	struct bench *b = *state;
	adopt(b, NULL, 0, NULL);
	const uint16_t before = held(b, 100);
	struct job j = masked(1, (uint16_t)~before, 0x0F00);
	assert_true(rig_job_submit(&b->rig, &j));
	assert_true(rig_await_job(&b->rig, 1));
	assert_int_equal(b->rig.report.outcome, OUT_OK);
	assert_int_equal(held(b, 100), before ^ 0x0F00);
	assert_int_equal(b->line.log[0].fc, FC_WRITE_REGISTER);
	j = masked(2, 0, 0x00FF);
	j.merge_fc = FC_WRITE_REGISTERS;
	assert_true(rig_job_submit(&b->rig, &j));
	assert_true(rig_await_job(&b->rig, 2));
	assert_int_equal(held(b, 100), (before ^ 0x0F00) & 0xFF00);
	assert_int_equal(b->line.log[1].fc, FC_WRITE_REGISTERS);
	assert_int_equal(line_pty_writes(&b->line), 2);
}

static void a_persistent_register_is_written_only_when_it_differs(void **state)
{
	struct bench *b = *state;
	adopt(b, NULL, 0, NULL);
	struct job j = rig_job(1, UNIT, 100, held(b, 100));
	j.only_if_different = true;
	assert_true(rig_job_submit(&b->rig, &j));
	assert_true(rig_await_job(&b->rig, 1));
	assert_int_equal(b->rig.report.outcome, OUT_SAME);
	assert_int_equal(b->rig.report.sent, 0);
	assert_int_equal(line_pty_writes(&b->line), 0);
	j.id = 2;
	j.value[0] ^= 1;
	assert_true(rig_job_submit(&b->rig, &j));
	assert_true(rig_await_job(&b->rig, 2));
	assert_int_equal(b->rig.report.outcome, OUT_OK);
	assert_true(b->rig.report.sent > 0);
	assert_int_equal(line_pty_writes(&b->line), 1);
	assert_int_equal(held(b, 100), j.value[0]);
}

static struct job raw_job(uint64_t id, const uint8_t *pdu, uint8_t n, uint16_t answer)
{
	struct job j = rig_job(id, UNIT, 0, 0);
	j.fc = 0;
	memcpy(j.raw, pdu, n);
	j.raw_len = n;
	j.raw_answer = answer;
	return j;
}

/* Read at one place, written at another; and what cannot be read is written. */
static void a_value_is_compared_where_it_is_read(void **state)
{
	struct bench *b = *state;
	adopt(b, NULL, 0, NULL);
	struct job j = rig_job(1, UNIT, 101, 4711);
	j.only_if_different = true;
	j.held = (struct span){UNIT, TABLE_INPUT, 100, 1};
	j.same[0] = line_pty_value(UNIT, TABLE_INPUT, 100);
	j.same_mask[0] = UINT16_MAX;
	static const struct {
		uint16_t add, mask, addr;
		enum outcome outcome;
		unsigned writes;
	} row[] = {
		{0, UINT16_MAX, 100, OUT_SAME, 0},
		{1, UINT16_MAX, 100, OUT_OK, 1},
		{1, 0xFFFE, 100, OUT_SAME, 1},
		{0, UINT16_MAX, LINE_PTY_HOLE, OUT_OK, 2},
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct job k = j;
		k.id = i + 1;
		k.same[0] = (uint16_t)(j.same[0] ^ row[i].add);
		k.same_mask[0] = row[i].mask;
		k.held.addr = row[i].addr;
		assert_true(rig_job_submit(&b->rig, &k));
		assert_true(rig_await_job(&b->rig, k.id));
		assert_int_equal(b->rig.report.outcome, row[i].outcome);
		assert_int_equal(line_pty_writes(&b->line), row[i].writes);
	}
}

static void raw_requests_bring_their_answers(void **state)
{
	static const struct {
		uint8_t pdu[6], n, answer;
		uint8_t head[3];
	} row[] = {
		{{FC_DEVICE_ID, 14, 1, 0}, 4, 0, {FC_DEVICE_ID, 14, 1}},
		{{FC_REPORT_SERVER_ID}, 1, 0, {FC_REPORT_SERVER_ID}},
		{{FC_READ_EXCEPTION_STATUS}, 1, 2, {FC_READ_EXCEPTION_STATUS, 0x5A}},
		{{FC_DIAGNOSTICS, 0, 0, 0x12, 0x34}, 5, 5, {FC_DIAGNOSTICS, 0, 0}},
		{{FC_READ_HOLDING, 0, 9, 0, 1}, 5, 4, {FC_READ_HOLDING, 2}},
	};
	struct bench *b = *state;
	adopt(b, NULL, 0, NULL);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const struct job j = raw_job(i + 1, row[i].pdu, row[i].n, row[i].answer);
		assert_true(rig_job_submit(&b->rig, &j));
		assert_true(rig_await_job(&b->rig, i + 1));
		assert_int_equal(b->rig.report.outcome, OUT_OK);
		assert_true(b->rig.report.answer_len >= 2);
		assert_true(!row[i].answer || b->rig.report.answer_len == row[i].answer);
		for (int k = 0; k < 3 && row[i].head[k]; k++)
			assert_int_equal(b->rig.report.answer[k], row[i].head[k]);
		if (row[i].pdu[0] == FC_DEVICE_ID)
			assert_non_null(memmem(b->rig.report.answer, b->rig.report.answer_len,
			                       "line_pty", 8));
	}
	const struct job refused = raw_job(99, (const uint8_t[]){0x41, 1}, 2, 2);
	assert_true(rig_job_submit(&b->rig, &refused));
	assert_true(rig_await_job(&b->rig, 99));
	assert_int_equal(b->rig.report.outcome, OUT_REFUSED);
	assert_int_equal(b->rig.report.exception, EXC_FUNCTION);
}

static void a_broadcast_is_done_without_an_answer(void **state)
{
	struct bench *b = *state;
	const struct want w = rig_want(UNIT, TABLE_INPUT, 0, 10, PERIOD_FASTEST);
	adopt(b, &w, 1, NULL);
	assert_true(rig_await(&b->rig, REPORT_READ));
	const struct job j = rig_job(1, 0, 100, 4711);
	assert_true(rig_job_submit(&b->rig, &j));
	assert_true(rig_await_job(&b->rig, 1));
	assert_int_equal(b->rig.report.outcome, OUT_OK);
	/* the devices have time to work it off (100 ms) before the next request */
	assert_true(b->rig.report.at >= b->rig.report.sent + 100 * US_MS);
	assert_int_equal(line_pty_writes(&b->line), 1);
	assert_int_equal(b->line.log[0].unit, 0);
	assert_int_equal(b->line.log[0].value, 4711);
	assert_true(rig_await_read(&b->rig, UNIT));
	struct unit_figures f;
	assert_false(bus_unit_figures(b->rig.bus, 0, &f) && f.online);
}

static void a_silent_unit_is_reported_once_and_so_is_its_return(void **state)
{
	struct bench *b = *state;
	struct unit_rule rule[] = {rig_rule(UNIT), rig_rule(8)};
	const struct want w[] = {
		rig_want(UNIT, TABLE_HOLDING, 0, 10, 100 * US_MS),
		rig_want(8, TABLE_HOLDING, 0, 12, 100 * US_MS),
	};
	rule[0].timeout = 100 * US_MS;
	line_pty_silence(&b->line, UNIT, false);
	bus_adopt(b->rig.bus, w, 2, rule, 2);
	assert_true(rig_await_unit(&b->rig, UNIT, true));
	line_pty_silence(&b->line, UNIT, true);
	assert_true(rig_await_unit(&b->rig, UNIT, false));
	assert_true(rig_await_read(&b->rig, 8));
	assert_true(rig_await_read(&b->rig, 8));
	struct unit_figures f;
	assert_true(bus_unit_figures(b->rig.bus, UNIT, &f));
	assert_false(f.online);
	assert_true(f.timeouts >= 3);
	line_pty_silence(&b->line, UNIT, false);
	assert_true(rig_await_unit(&b->rig, UNIT, true));
	assert_true(rig_await_read(&b->rig, UNIT));
}

static void a_job_to_a_silent_unit_is_tried_once(void **state)
{
	struct bench *b = *state;
	struct unit_rule rule = rig_rule(UNIT);
	rule.timeout = 100 * US_MS;
	line_pty_silence(&b->line, UNIT, true);
	adopt(b, NULL, 0, &rule);
	const struct job j = rig_job(1, UNIT, 100, 4);
	assert_true(rig_job_submit(&b->rig, &j));
	assert_true(rig_await_job(&b->rig, 1));
	assert_int_equal(b->rig.report.outcome, OUT_TIMEOUT);
	pthread_mutex_lock(&b->line.lock);
	const uint32_t requests = simline_count(b->line.line).requests;
	pthread_mutex_unlock(&b->line.lock);
	/* the write, or the proof before it that the unit is in step */
	assert_int_equal(requests, 1);
	assert_int_equal(line_pty_writes(&b->line), 0);
}

static void a_port_that_goes_is_reported_and_used_again_when_it_is_back(void **state)
{
	struct bench *b = *state;
	const struct want w = rig_want(UNIT, TABLE_HOLDING, 0, 10, 20 * US_MS);
	struct bus_figures f;
	adopt(b, &w, 1, NULL);
	for (int round = 0; round < 3; round++) {
		assert_true(rig_await_read(&b->rig, UNIT));
		bus_figures(b->rig.bus, &f);
		assert_true(f.up);
		assert_string_equal(f.trouble, "");
		line_pty_unplug(&b->line);
		assert_true(rig_await_port(&b->rig, false));
		assert_true(strstr(b->rig.report.text, "is gone") ||
		            strstr(b->rig.report.text, "does not exist"));
		const struct job j = rig_job(100u + (unsigned)round, UNIT, 100, 1);
		assert_true(rig_job_submit(&b->rig, &j));
		assert_true(rig_await_job(&b->rig, j.id));
		assert_int_equal(b->rig.report.outcome, OUT_LINK);
		assert_int_equal(b->rig.report.sent, 0);
		bus_figures(b->rig.bus, &f);
		assert_false(f.up);
		assert_non_null(strstr(f.trouble, b->line.path));
		line_pty_plug(&b->line);
		assert_true(rig_await_port(&b->rig, true));
		assert_true(rig_await_unit(&b->rig, UNIT, true));
	}
	assert_int_equal(line_pty_writes(&b->line), 0);
}

static void a_port_that_is_not_there_at_the_start_is_reported_once(void **state)
{
	struct bench *b = *state;
	struct bus_conf conf = conf_of(&b->line);
	struct rig other;
	conf.port = "/dev/there-is-no-such-port";
	rig_begin(&other, &conf);
	assert_true(rig_await_port(&other, false));
	/* each job is a try; none is news */
	for (uint64_t id = 1; id <= 3; id++) {
		const struct job j = rig_job(id, UNIT, 100, 1);
		assert_true(rig_job_submit(&other, &j));
		assert_true(rig_await_job(&other, id));
		assert_int_equal(other.report.outcome, OUT_LINK);
	}
	assert_true(rig_end(&other));
	assert_int_equal(other.of_kind[REPORT_PORT], 1);
}

/* A reload with another timeout, say: the thread before is still waiting for an answer. */
static void a_port_that_the_bus_before_still_has_is_waited_for(void **state)
{
	struct bench *b = *state;
	struct bus_conf conf = conf_of(&b->line);
	struct rig next, third;
	struct bus_figures f;
	struct unit_rule rule = rig_rule(UNIT);
	const struct want w = rig_want(UNIT, TABLE_HOLDING, 0, 4, 20 * US_MS);
	rule.timeout = US_S;
	line_pty_silence(&b->line, UNIT, true);
	adopt(b, &w, 1, &rule);
	do {
		clock_sleep(clock_now() + US_MS);
		bus_figures(b->rig.bus, &f);
	} while (f.line.requests == 0);
	bus_close(b->rig.bus);
	rig_begin(&next, &conf);
	assert_true(rig_await(&next, REPORT_PORT));
	assert_true(next.report.online);
	/* one that does not end is somebody else, and named */
	conf.name = "other";
	rig_begin(&third, &conf);
	assert_true(rig_await_port(&third, false));
	assert_non_null(strstr(third.report.text, "is in use by bus rs485"));
	assert_true(rig_end(&third));
	assert_true(rig_end(&next));
	assert_int_equal(next.of_kind[REPORT_PORT], 1);
}

static void new_wants_are_taken_in_full_flight(void **state)
{
	struct bench *b = *state;
	const struct unit_rule rule = rig_rule(UNIT);
	for (uint16_t round = 0; round < 40; round++) {
		const struct window window = {0, (uint16_t)(500 + round)};
		struct unit_rule windowed = rule;
		const struct want w =
			rig_want(UNIT, TABLE_HOLDING, (uint16_t)(round * 10), 4, PERIOD_FASTEST);
		windowed.window = &window;
		windowed.nwindow = 1;
		bus_adopt(b->rig.bus, &w, 1, &windowed, 1);
		const us_t limit = clock_now() + RIG_LIMIT;
		do
			assert_true(rig_take(&b->rig, limit));
		while (b->rig.report.kind != REPORT_READ || b->rig.report.span.addr > w.addr ||
		       b->rig.report.span.addr + b->rig.report.span.count < w.addr + w.len);
	}
	/* it came online once: what is known of the unit stayed */
	assert_int_equal(b->rig.of_kind[REPORT_UNIT], 1);
}

static void what_is_demanded_is_read_when_it_is_due(void **state)
{
	struct bench *b = *state;
	const struct want w = rig_want(UNIT, TABLE_HOLDING, 0, 4, FAR);
	adopt(b, &w, 1, NULL);
	assert_true(rig_await_read(&b->rig, UNIT));
	const struct span s = {.unit = UNIT, .table = TABLE_HOLDING, .addr = 300, .count = 2};
	const us_t due = clock_now() + 50 * US_MS;
	assert_true(bus_demand(b->rig.bus, &s, due));
	do
		assert_true(rig_await_read(&b->rig, UNIT));
	while (b->rig.report.span.addr != 300);
	assert_true(b->rig.report.at >= due);
}

static void the_figures_add_up(void **state)
{
	struct bench *b = *state;
	const struct want w = rig_want(UNIT, TABLE_HOLDING, 0, 10, PERIOD_FASTEST);
	struct bus_figures f;
	struct unit_figures u;
	adopt(b, &w, 1, NULL);
	for (int i = 0; i < 20; i++)
		assert_true(rig_await(&b->rig, REPORT_READ));
	bus_figures(b->rig.bus, &f);
	assert_true(bus_unit_figures(b->rig.bus, UNIT, &u));
	assert_false(bus_unit_figures(b->rig.bus, 99, &u));
	assert_true(f.line.requests >= 20 && f.line.responses <= f.line.requests);
	assert_true(f.busy > 0);
	assert_int_equal(f.reopened, 0);
	assert_true(f.stepped > 0 && f.stepped <= clock_now());
	assert_string_equal(f.port, b->line.path);
	assert_string_equal(f.line_text, "115200 8N1");
}

/* With one device on the line, what the line counts is the device's. */
static void a_mended_read_counts_for_its_device_too(void **state)
{
	struct bench *b = *state;
	const struct want w = rig_want(UNIT, TABLE_HOLDING, 0, 10, 20 * US_MS);
	struct bus_figures f, after;
	struct unit_figures u;
	adopt(b, &w, 1, NULL);
	assert_true(rig_await_read(&b->rig, UNIT));
	pthread_mutex_lock(&b->line.lock);
	b->line.spoilt[SIM_BAD_CRC] = 300;
	pthread_mutex_unlock(&b->line.lock);
	do {
		assert_true(rig_await_read(&b->rig, UNIT));
		bus_figures(b->rig.bus, &f);
		assert_true(bus_unit_figures(b->rig.bus, UNIT, &u));
		bus_figures(b->rig.bus, &after);
	} while (f.line.crc_errors + f.line.garbled < 3 || after.line.requests != f.line.requests);
	assert_int_equal(u.crc_errors, f.line.crc_errors + f.line.garbled);
	assert_int_equal(u.requests, f.line.requests);
	assert_int_equal(u.responses, f.line.responses);
	assert_int_equal(u.timeouts, f.line.timeouts);
}

/* Another device behind the same unit id: what was refused is asked for again. */
static void a_discarded_unit_is_read_anew(void **state)
{
	struct bench *b = *state;
	const struct want w = rig_want(UNIT, TABLE_HOLDING, 0, 4, 20 * US_MS);
	adopt(b, &w, 1, NULL);
	assert_true(rig_await_read(&b->rig, UNIT));
	bus_forget(b->rig.bus, UNIT);
	bus_forget(b->rig.bus, 99);
	assert_true(rig_await_read(&b->rig, UNIT));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wants_come_home_as_reports_with_the_right_values),
		TEST(a_job_is_written_once_and_reported),
		TEST(registers_are_written_and_read_in_one_request),
		TEST(a_newer_job_takes_the_place_of_a_waiting_one),
		TEST(fifty_steps_of_a_slider_end_with_the_last),
		TEST(a_job_that_is_too_late_is_never_sent),
		TEST(a_job_taken_back_is_neither_sent_nor_reported),
		TEST(a_closing_bus_gives_back_what_waits),
		TEST(bits_are_put_in_by_the_device_where_it_can),
		TEST(bits_are_merged_by_reading_where_it_cannot),
		TEST(a_value_is_compared_where_it_is_read),
		TEST(a_persistent_register_is_written_only_when_it_differs),
		TEST(raw_requests_bring_their_answers),
		TEST(a_broadcast_is_done_without_an_answer),
		TEST(a_silent_unit_is_reported_once_and_so_is_its_return),
		TEST(a_job_to_a_silent_unit_is_tried_once),
		TEST(a_port_that_goes_is_reported_and_used_again_when_it_is_back),
		TEST(a_port_that_is_not_there_at_the_start_is_reported_once),
		TEST(a_port_that_the_bus_before_still_has_is_waited_for),
		TEST(new_wants_are_taken_in_full_flight),
		TEST(what_is_demanded_is_read_when_it_is_due),
		TEST(the_figures_add_up),
		TEST(a_mended_read_counts_for_its_device_too),
		TEST(a_discarded_unit_is_read_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
