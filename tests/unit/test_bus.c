<<<<<<< HEAD
/* The bus thread on a pseudo-terminal with a simulated line behind it, in real time. */
=======
>>>>>>> bus
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
<<<<<<< HEAD

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
=======
#include <string.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/stat.h>

#include "bus/bus.h"
#include "bus_reports.h"
#include "line_thread.h"

#define BAUD 115200
#define LAST_UNIT 4

static struct line_thread line;
static struct queue *reports;
static struct bus *bus;
static char dir[64], port[96];

static struct unit_rule rule(uint8_t unit)
{
	return (struct unit_rule){
		.unit = unit,
		.timeout = 200 * US_MS,
		.retries = 1,
		.max_read = READ_REGISTERS_MAX,
		.max_hole = UINT16_MAX,
	};
}

static struct want want(uint8_t unit, uint8_t table, uint16_t addr, uint16_t len, us_t period)
{
	return (struct want){.unit = unit, .table = table, .addr = addr, .len = len, .period = period, .prio = CLASS_NORMAL};
}

static void start_bus(void)
{
	const struct bus_conf c = {
		.name = "main",
		.kind = BUS_SERIAL,
		.port = port,
>>>>>>> bus
		.baud = BAUD,
		.data = 8,
		.stop = 1,
		.parity = 'N',
<<<<<<< HEAD
		.timeout = 5 * US_S,
	};
=======
		.timeout = 200 * US_MS,
		.retries = 1,
	};
	reports = queue_create(sizeof(struct report), 64);
	bus = bus_create(&c, 42, 0, 1, reports);
}

static void adopt(const struct want *w, size_t n)
{
	struct unit_rule r[LAST_UNIT];
	for (uint8_t u = 0; u < LAST_UNIT; u++)
		r[u] = rule((uint8_t)(u + 1));
	r[1].has_mask_write = true; /* unit 2 */
	bus_adopt(bus, w, n, r, LAST_UNIT);
}

static struct report run_job(struct job j)
{
	static uint64_t id = 1000;
	j.id = ++id;
	assert_true(bus_submit(bus, &j));
	return await_job(reports, j.id);
}

static unsigned device_writes(uint8_t unit)
{
	pthread_mutex_lock(&line.lock);
	const unsigned n = line.device[unit].writes;
	pthread_mutex_unlock(&line.lock);
	return n;
}

static uint16_t device_holding(uint8_t unit, unsigned addr)
{
	pthread_mutex_lock(&line.lock);
	const uint16_t v = line.device[unit].holding[addr];
	pthread_mutex_unlock(&line.lock);
	return v;
}

static void device_set(uint8_t unit, unsigned addr, uint16_t value)
{
	pthread_mutex_lock(&line.lock);
	line.device[unit].holding[addr] = value;
	line.device[unit].coil[addr] = value != 0;
	pthread_mutex_unlock(&line.lock);
}

static void device_there(uint8_t unit, bool there)
{
	pthread_mutex_lock(&line.lock);
	line.device[unit].there = there;
	pthread_mutex_unlock(&line.lock);
}

static void assert_words(const struct report *r)
{
	assert_int_equal(r->bus, 42);
	for (unsigned i = 0; r->span.table == TABLE_INPUT && i < r->span.count; i++)
		assert_int_equal(r->word[i], line_input(r->span.unit, r->span.addr + i));
}

/* -- the tests ------------------------------------------------------------------------- */

static void wants_come_home_as_reports(void **state)
{
	(void)state;
	const struct want w[] = {
		want(1, TABLE_INPUT, 10, 2, 50 * US_MS),
		want(1, TABLE_INPUT, 14, 1, 50 * US_MS),
		want(2, TABLE_INPUT, 3000, 4, 50 * US_MS),
		want(3, TABLE_COIL, 5, 20, 50 * US_MS),
	};
	device_set(3, 7, 1);
	device_set(3, 22, 1);
	adopt(w, 4);
	const struct report up = await_port(reports, true);
	assert_int_equal(up.bus, 42);
	unsigned seen = 0;
	bool online[LAST_UNIT + 1] = {false};
	while (seen != 7) {
		struct report r;
		assert_true(next_report(reports, &r));
		if (r.kind == REPORT_UNIT)
			online[r.span.unit] = r.online;
		if (r.kind != REPORT_READ)
			continue;
		assert_true(online[r.span.unit]); /* told before its first value */
		assert_true(r.sent > 0 && r.at > r.sent);
		assert_words(&r);
		if (r.span.unit == 3 && r.span.count >= 20) {
			assert_int_equal(r.word[0], 1 << 2);
			assert_int_equal(r.word[1] & 15, 1 << 1);
		}
		seen |= 1u << (r.span.unit - 1);
	}
	struct bus_figures f;
	struct unit_figures u;
	bus_figures(bus, &f);
	assert_true(f.up);
	assert_string_equal(f.port, port);
	assert_string_equal(f.line_text, "115200 8N1");
	assert_true(f.line.requests >= 3 && f.line.timeouts == 0 && f.busy > 0);
	assert_true(bus_unit_figures(bus, 2, &u));
	assert_true(u.online);
	assert_false(bus_unit_figures(bus, 200, &u));
}

static void every_kind_of_write_is_done_once_and_told(void **state)
{
	(void)state;
	const unsigned before = device_writes(1);
	struct report r = run_job((struct job){.fc = FC_WRITE_REGISTER, .span = {1, TABLE_HOLDING, 20, 1}, .value = {513}});
	assert_int_equal(r.outcome, OUT_OK);
	assert_true(r.sent > 0 && r.at > r.sent);
	assert_int_equal(device_holding(1, 20), 513);
	r = run_job((struct job){.fc = FC_WRITE_REGISTERS, .span = {1, TABLE_HOLDING, 30, 3}, .value = {1, 2, 3}});
	assert_int_equal(r.outcome, OUT_OK);
	assert_int_equal(device_holding(1, 32), 3);
	r = run_job((struct job){.fc = FC_WRITE_COIL, .span = {1, TABLE_COIL, 9, 1}, .value = {0xFF00}});
	assert_int_equal(r.outcome, OUT_OK);
	r = run_job((struct job){.fc = FC_WRITE_COILS, .span = {1, TABLE_COIL, 40, 10}, .value = {0x2A5}});
	assert_int_equal(r.outcome, OUT_OK);
	pthread_mutex_lock(&line.lock);
	assert_true(line.device[1].coil[9]);
	assert_true(line.device[1].coil[40]);
	assert_false(line.device[1].coil[41]);
	assert_true(line.device[1].coil[49]);
	pthread_mutex_unlock(&line.lock);
	assert_int_equal(device_writes(1), before + 4);
	r = run_job((struct job){.fc = 0, .span = {1, TABLE_HOLDING, 0, 0}, .raw = {FC_DIAGNOSTICS, 0, 0, 0xAB, 0xCD},
				 .raw_len = 5, .raw_answer = 5});
	assert_int_equal(r.outcome, OUT_OK);
	assert_int_equal(device_writes(1), before + 4);
}

static void a_refused_write_tells_the_exception(void **state)
{
	(void)state;
	const struct report r =
		run_job((struct job){.fc = FC_WRITE_REGISTER, .span = {1, TABLE_HOLDING, 5000, 1}, .value = {1}});
	assert_int_equal(r.outcome, OUT_REFUSED);
	assert_int_equal(r.exception, EXC_ADDRESS);
}

static void bits_of_a_register_are_written_and_the_others_kept(void **state)
{
	(void)state;
	for (uint8_t unit = 1; unit <= 2; unit++) { /* merged by reading; by function 22 */
		device_set(unit, 60, 0x1234);
		device_set(unit, 61, 0x5678);
		struct report r = run_job((struct job){.fc = FC_MASK_WRITE, .span = {unit, TABLE_HOLDING, 60, 1},
						       .value = {0xFFFF}, .mask = {0x0101}});
		assert_int_equal(r.outcome, OUT_OK);
		assert_int_equal(device_holding(unit, 60), 0x1335);
		r = run_job((struct job){.fc = FC_MASK_WRITE, .span = {unit, TABLE_HOLDING, 60, 2},
					 .value = {0, 0x00FF}, .mask = {0xF000, 0x00FF}});
		assert_int_equal(r.outcome, OUT_OK);
		assert_int_equal(device_holding(unit, 60), 0x0335);
		assert_int_equal(device_holding(unit, 61), 0x56FF);
	}
}

static void what_the_device_holds_already_is_not_written(void **state)
{
	(void)state;
	device_set(1, 70, 99);
	const unsigned before = device_writes(1);
	struct job j = {.fc = FC_WRITE_REGISTER, .span = {1, TABLE_HOLDING, 70, 1}, .value = {99}, .only_if_different = true};
	struct report r = run_job(j);
	assert_int_equal(r.outcome, OUT_SAME);
	assert_int_equal(r.sent, 0);
	j.value[0] = 100;
	assert_int_equal(run_job(j).outcome, OUT_OK);
	assert_int_equal(device_writes(1), before + 1);
	device_set(1, 71, 1); /* a coil too */
	j = (struct job){.fc = FC_WRITE_COIL, .span = {1, TABLE_COIL, 71, 1}, .value = {0xFF00}, .only_if_different = true};
	assert_int_equal(run_job(j).outcome, OUT_SAME);
	j.value[0] = 0;
	assert_int_equal(run_job(j).outcome, OUT_OK);
	assert_int_equal(device_writes(1), before + 2);
	/* What cannot be read is not written blindly. */
	j = (struct job){.fc = FC_WRITE_REGISTER, .span = {1, TABLE_HOLDING, 5000, 1}, .only_if_different = true};
	r = run_job(j);
	assert_int_equal(r.outcome, OUT_REFUSED);
	assert_int_equal(r.sent, 0);
}

static void a_waiting_job_is_replaced_expired_or_taken_back_but_never_lost(void **state)
{
	(void)state;
	const unsigned before = device_writes(1);
	struct job j = {.id = 1, .key = 5, .fc = FC_WRITE_REGISTER, .span = {1, TABLE_HOLDING, 80, 1}, .value = {1},
			.replaceable = true, .not_before = clock_now() + 3600 * US_S};
	assert_true(bus_submit(bus, &j));
	j.id = 2;
	assert_true(bus_submit(bus, &j));
	assert_int_equal(await(reports, REPORT_REPLACED, NULL).id, 1);
	assert_true(bus_cancel(bus, 2));
	assert_false(bus_cancel(bus, 2));
	j.id = 3;
	j.expires = clock_now() + 30 * US_MS;
	assert_true(bus_submit(bus, &j));
	const struct report r = await_job(reports, 3);
	assert_int_equal(r.outcome, OUT_EXPIRED);
	assert_int_equal(r.sent, 0);
	assert_int_equal(device_writes(1), before);
}

static void cells_are_read_on_demand(void **state)
{
	(void)state;
	device_set(2, 90, 4711);
	const struct span s = {2, TABLE_HOLDING, 90, 1};
	assert_true(bus_demand(bus, &s, clock_now()));
	struct report r;
	do
		r = await(reports, REPORT_READ, NULL);
	while (r.span.unit != 2 || r.span.table != TABLE_HOLDING);
	assert_true(r.span.addr <= 90 && r.span.addr + r.span.count > 90);
	assert_int_equal(r.word[90 - r.span.addr], 4711);
}

static void a_spoilt_answer_is_asked_for_again_and_never_believed(void **state)
{
	(void)state;
	struct bus_figures f;
	pthread_mutex_lock(&line.lock);
	simline_random(line.line, 300, 1u << SIM_BAD_CRC | 1u << SIM_CUT | 1u << SIM_NOISE_BEFORE | 1u << SIM_OTHER_UNIT, 0);
	pthread_mutex_unlock(&line.lock);
	for (int i = 0; i < 60; i++) {
		const struct report r = await(reports, REPORT_READ, NULL);
		assert_words(&r);
	}
	pthread_mutex_lock(&line.lock);
	simline_random(line.line, 0, 0, 0);
	assert_int_equal(simline_count(line.line).early, 0);
	pthread_mutex_unlock(&line.lock);
	bus_figures(bus, &f);
	assert_true(f.line.crc_errors + f.line.garbled + f.line.timeouts > 0);
}

static void a_silent_unit_goes_offline_and_comes_back(void **state)
{
	(void)state;
	device_there(2, false);
	await_unit(reports, 2, false);
	/* A command is tried once, at once. */
	const struct report r =
		run_job((struct job){.fc = FC_WRITE_REGISTER, .span = {2, TABLE_HOLDING, 1, 1}, .value = {1}});
	assert_int_equal(r.outcome, OUT_TIMEOUT);
	device_there(2, true);
	await_unit(reports, 2, true);
}

static void a_port_that_goes_is_told_and_opened_again(void **state)
{
	(void)state;
	char text[160];
	line_end(&line);
	snprintf(text, sizeof(text), "%s is gone", port);
	assert_string_equal(await_port(reports, false).text, text);
	struct bus_figures f;
	bus_figures(bus, &f);
	assert_false(f.up);
	assert_int_not_equal(f.trouble[0], 0);
	struct report r = run_job((struct job){.fc = FC_WRITE_REGISTER, .span = {1, TABLE_HOLDING, 1, 1}, .value = {1}});
	assert_int_equal(r.outcome, OUT_LINK);
	assert_int_equal(r.sent, 0);
	unlink(port);
	line_begin(&line);
	assert_int_equal(symlink(line.name, port), 0);
	r = await_port(reports, true);
	const us_t back = r.at;
	r = await(reports, REPORT_READ, NULL);
	assert_true(r.at > back);
	assert_words(&r);
	bus_figures(bus, &f);
	assert_true(f.up);
	assert_int_equal(f.trouble[0], 0);
	assert_true(f.reopened >= 2);
}

static void new_wants_replace_the_old_ones(void **state)
{
	(void)state;
	const struct want w = want(4, TABLE_INPUT, 700, 3, 20 * US_MS);
	struct report r;
	adopt(&w, 1);
	await_unit(reports, 4, true);
	for (int i = 0; i < 10; i++) {
		r = await(reports, REPORT_READ, NULL);
		assert_int_equal(r.span.unit, 4);
		assert_words(&r);
	}
}

static void closing_answers_every_job_and_has_the_last_word(void **state)
{
	(void)state;
	struct job j = {.id = 77, .fc = FC_WRITE_REGISTER, .span = {1, TABLE_HOLDING, 80, 1}, .value = {1},
			.not_before = clock_now() + 3600 * US_S};
	const unsigned before = device_writes(1);
	assert_true(bus_submit(bus, &j));
	bus_close(bus);
	struct report r = await_job(reports, 77);
	assert_int_equal(r.outcome, OUT_CLOSED);
	await(reports, REPORT_ENDED, NULL);
	assert_false(queue_pop(reports, &r));
	assert_false(bus_submit(bus, &j));
	assert_int_equal(device_writes(1), before);
>>>>>>> bus
}

static int begin(void **state)
{
<<<<<<< HEAD
	struct bench *b = calloc(1, sizeof(*b));
	line_pty_begin(&b->line, BAUD, TURNAROUND);
	const struct bus_conf conf = conf_of(&b->line);
	rig_begin(&b->rig, &conf);
	b->rig.right = right;
	b->rig.ctx = &b->line;
	b->up = true;
	*state = b;
=======
	(void)state;
	struct wire w;
	wire_init(&w, BAUD, 8, 'N', 1, 0);
	line_start(&line, &w, LAST_UNIT);
	snprintf(dir, sizeof(dir), "/tmp/test_bus.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(port, sizeof(port), "%s/line", dir);
	if (symlink(line.name, port))
		return -1;
	start_bus();
>>>>>>> bus
	return 0;
}

static int end(void **state)
{
<<<<<<< HEAD
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
		assert_true(bus_submit(b->rig.bus, &j));
		assert_true(rig_await_job(&b->rig, id));
		assert_int_equal(b->rig.report.outcome, OUT_OK);
		assert_true(b->rig.report.sent >= before && b->rig.report.sent <= b->rig.report.at);
		assert_int_equal(held(b, 100), 1000 + id);
	}
	assert_int_equal(line_pty_writes(&b->line), 20);
	assert_int_equal(b->rig.of_kind[REPORT_JOB], 20);
}

static void a_newer_job_takes_the_place_of_a_waiting_one(void **state)
{
	struct bench *b = *state;
	struct job j = rig_job(1, UNIT, 100, 1);
	j.key = 5;
	j.replaceable = true;
	j.not_before = clock_now() + FAR;
	assert_true(bus_submit(b->rig.bus, &j));
	j.id = 2;
	j.value[0] = 2;
	j.not_before = 0;
	assert_true(bus_submit(b->rig.bus, &j));
	assert_true(rig_await(&b->rig, REPORT_REPLACED));
	assert_int_equal(b->rig.report.id, 1);
	if (b->rig.of_kind[REPORT_JOB] == 0)
		assert_true(rig_await_job(&b->rig, 2));
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
		assert_true(bus_submit(b->rig.bus, &j));
	}
	while (sum < 50) {
		assert_true(rig_take(&b->rig, clock_now() + RIG_LIMIT));
		const struct report *r = &b->rig.report;
		if (r->kind != REPORT_JOB && r->kind != REPORT_REPLACED)
			continue;
		assert_int_equal(ended[r->id]++, 0);
		sum++;
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
	assert_true(bus_submit(b->rig.bus, &j));
	assert_true(rig_await_job(&b->rig, 1));
	assert_int_equal(b->rig.report.outcome, OUT_EXPIRED);
	assert_int_equal(b->rig.report.sent, 0);
	assert_true(b->rig.report.at >= j.expires);
	j = rig_job(2, UNIT, 100, 1);
	j.expires = 1;
	assert_true(bus_submit(b->rig.bus, &j));
	assert_true(rig_await_job(&b->rig, 2));
	assert_int_equal(b->rig.report.outcome, OUT_EXPIRED);
	assert_int_equal(line_pty_writes(&b->line), 0);
}

static void a_job_taken_back_is_neither_sent_nor_reported(void **state)
{
	struct bench *b = *state;
	struct job j = rig_job(1, UNIT, 100, 1);
	j.not_before = clock_now() + FAR;
	assert_true(bus_submit(b->rig.bus, &j));
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
		assert_true(bus_submit(b->rig.bus, &j));
	}
	bus_close(b->rig.bus);
	for (uint64_t id = 1; id <= 3; id++) {
		assert_true(rig_await_job(&b->rig, id));
		assert_int_equal(b->rig.report.outcome, OUT_CLOSED);
		assert_int_equal(b->rig.report.sent, 0);
	}
	assert_true(rig_await(&b->rig, REPORT_ENDED));
	const struct job late = rig_job(4, UNIT, 100, 1);
	assert_false(bus_submit(b->rig.bus, &late));
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
	assert_true(bus_submit(b->rig.bus, &j));
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
	assert_true(bus_submit(b->rig.bus, &j));
	assert_true(rig_await_job(&b->rig, 1));
	assert_int_equal(b->rig.report.outcome, OUT_OK);
	assert_int_equal(held(b, 100), before ^ 0x0F00);
	assert_int_equal(b->line.log[0].fc, FC_WRITE_REGISTER);
	j = masked(2, 0, 0x00FF);
	j.merge_fc = FC_WRITE_REGISTERS;
	assert_true(bus_submit(b->rig.bus, &j));
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
	assert_true(bus_submit(b->rig.bus, &j));
	assert_true(rig_await_job(&b->rig, 1));
	assert_int_equal(b->rig.report.outcome, OUT_SAME);
	assert_int_equal(b->rig.report.sent, 0);
	assert_int_equal(line_pty_writes(&b->line), 0);
	j.id = 2;
	j.value[0] ^= 1;
	assert_true(bus_submit(b->rig.bus, &j));
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
		assert_true(bus_submit(b->rig.bus, &j));
		assert_true(rig_await_job(&b->rig, i + 1));
		assert_int_equal(b->rig.report.outcome, OUT_OK);
		assert_true(b->rig.report.answer_len >= 2);
		assert_true(!row[i].answer || b->rig.report.answer_len == row[i].answer);
		for (int k = 0; k < 3 && row[i].head[k]; k++)
			assert_int_equal(b->rig.report.answer[k], row[i].head[k]);
		if (row[i].pdu[0] == FC_DEVICE_ID)
			assert_non_null(memmem(b->rig.report.answer, b->rig.report.answer_len, "line_pty", 8));
	}
	const struct job refused = raw_job(99, (const uint8_t[]){0x41, 1}, 2, 2);
	assert_true(bus_submit(b->rig.bus, &refused));
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
	assert_true(bus_submit(b->rig.bus, &j));
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

static void a_silent_unit_is_told_once_and_so_is_its_return(void **state)
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
	assert_true(bus_submit(b->rig.bus, &j));
	assert_true(rig_await_job(&b->rig, 1));
	assert_int_equal(b->rig.report.outcome, OUT_TIMEOUT);
	pthread_mutex_lock(&b->line.lock);
	const uint32_t requests = simline_count(b->line.line).requests;
	pthread_mutex_unlock(&b->line.lock);
	/* the write, or the proof before it that the unit is in step */
	assert_int_equal(requests, 1);
	assert_int_equal(line_pty_writes(&b->line), 0);
}

static void a_port_that_goes_is_told_and_used_again_when_it_is_back(void **state)
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
		assert_true(strstr(b->rig.report.text, "is gone") || strstr(b->rig.report.text, "is not there"));
		const struct job j = rig_job(100u + (unsigned)round, UNIT, 100, 1);
		assert_true(bus_submit(b->rig.bus, &j));
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

static void a_port_that_is_not_there_at_the_start_is_told_once(void **state)
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
		assert_true(bus_submit(other.bus, &j));
		assert_true(rig_await_job(&other, id));
		assert_int_equal(other.report.outcome, OUT_LINK);
	}
	assert_true(rig_end(&other));
	assert_int_equal(other.of_kind[REPORT_PORT], 1);
}

static void new_wants_are_taken_in_full_flight(void **state)
{
	struct bench *b = *state;
	const struct unit_rule rule = rig_rule(UNIT);
	for (uint16_t round = 0; round < 40; round++) {
		const struct window window = {0, (uint16_t)(500 + round)};
		struct unit_rule windowed = rule;
		const struct want w = rig_want(UNIT, TABLE_HOLDING, (uint16_t)(round * 10), 4, PERIOD_FASTEST);
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
	assert_int_equal(f.reopened, 1);
	assert_true(f.stepped > 0 && f.stepped <= clock_now());
	assert_string_equal(f.port, b->line.path);
	assert_string_equal(f.line_text, "115200 8N1");
}

/* Another device behind the same unit id: what was refused is asked for again. */
static void a_forgotten_unit_is_asked_for_all_again(void **state)
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
		TEST(a_newer_job_takes_the_place_of_a_waiting_one),
		TEST(fifty_steps_of_a_slider_end_with_the_last),
		TEST(a_job_that_is_too_late_is_never_sent),
		TEST(a_job_taken_back_is_neither_sent_nor_reported),
		TEST(a_closing_bus_gives_back_what_waits),
		TEST(bits_are_put_in_by_the_device_where_it_can),
		TEST(bits_are_merged_by_reading_where_it_cannot),
		TEST(a_persistent_register_is_written_only_when_it_differs),
		TEST(raw_requests_bring_their_answers),
		TEST(a_broadcast_is_done_without_an_answer),
		TEST(a_silent_unit_is_told_once_and_so_is_its_return),
		TEST(a_job_to_a_silent_unit_is_tried_once),
		TEST(a_port_that_goes_is_told_and_used_again_when_it_is_back),
		TEST(a_port_that_is_not_there_at_the_start_is_told_once),
		TEST(new_wants_are_taken_in_full_flight),
		TEST(what_is_demanded_is_read_when_it_is_due),
		TEST(the_figures_add_up),
		TEST(a_forgotten_unit_is_asked_for_all_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
=======
	(void)state;
	bus_close(bus);
	queue_close(reports);
	bus_destroy(bus);
	bus_destroy(NULL);
	queue_destroy(reports);
	line_stop(&line);
	unlink(port);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wants_come_home_as_reports),
		cmocka_unit_test(every_kind_of_write_is_done_once_and_told),
		cmocka_unit_test(a_refused_write_tells_the_exception),
		cmocka_unit_test(bits_of_a_register_are_written_and_the_others_kept),
		cmocka_unit_test(what_the_device_holds_already_is_not_written),
		cmocka_unit_test(a_waiting_job_is_replaced_expired_or_taken_back_but_never_lost),
		cmocka_unit_test(cells_are_read_on_demand),
		cmocka_unit_test(a_spoilt_answer_is_asked_for_again_and_never_believed),
		cmocka_unit_test(a_silent_unit_goes_offline_and_comes_back),
		cmocka_unit_test(a_port_that_goes_is_told_and_opened_again),
		cmocka_unit_test(new_wants_replace_the_old_ones),
		cmocka_unit_test(closing_answers_every_job_and_has_the_last_word),
	};
	return cmocka_run_group_tests(tests, begin, end);
>>>>>>> bus
}
