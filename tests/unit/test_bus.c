#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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
		.baud = BAUD,
		.data = 8,
		.stop = 1,
		.parity = 'N',
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
	assert_int_equal(f.reopened, 0);
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
	assert_true(f.reopened >= 1);
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
}

static int begin(void **state)
{
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
	return 0;
}

static int end(void **state)
{
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
}
