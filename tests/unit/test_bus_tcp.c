#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>

#include "bus/bus.h"
#include "bus_reports.h"
#include "tcp_thread.h"

#define TIMEOUT (150 * US_MS)

static struct tcp_thread server;
static struct queue *reports;
static struct bus *bus;

static void start_bus(struct bus_conf c, us_t period)
{
	const struct unit_rule rules[] = {
		{.unit = 1, .timeout = TIMEOUT, .retries = 1, .max_read = 125, .max_hole = UINT16_MAX},
		{.unit = 9, .timeout = TIMEOUT, .retries = 1, .max_read = 125, .max_hole = UINT16_MAX},
		{.unit = 0, .timeout = TIMEOUT, .retries = 1, .max_read = 125, .max_hole = UINT16_MAX},
	};
	const struct want w[] = {
		{.unit = 1, .table = TABLE_HOLDING, .addr = 100, .len = 4, .period = period, .prio = CLASS_NORMAL},
		{.unit = 9, .table = TABLE_INPUT, .addr = 0, .len = 2, .period = period, .prio = CLASS_NORMAL},
		{.unit = 0, .table = TABLE_HOLDING, .addr = 7, .len = 3, .period = period, .prio = CLASS_NORMAL},
	};
	c.name = "plant";
	c.timeout = TIMEOUT;
	if (!c.host)
		c.host = "127.0.0.1";
	if (!c.tcp_port)
		c.tcp_port = server.port;
	reports = queue_create(sizeof(struct report), 64);
	bus = bus_create(&c, 7, 0, 1, reports);
	bus_adopt(bus, w, c.kind == BUS_TCP ? 3 : 2, rules, 3);
}

static void stop_bus(void)
{
	bus_close(bus);
	await(reports, REPORT_ENDED, NULL);
	bus_destroy(bus);
	queue_destroy(reports);
}

static void assert_true_value(const struct report *r)
{
	for (unsigned i = 0; i < r->span.count; i++)
		assert_int_equal(r->word[i], 77);
}

/* Good values of every unit; never a wrong one. */
static void await_all_units(uint16_t units)
{
	for (uint16_t seen = 0; (seen & units) != units;) {
		struct report r;
		assert_true(next_report(reports, &r));
		if (r.kind != REPORT_READ)
			continue;
		assert_true_value(&r);
		seen |= (uint16_t)(1u << r.span.unit);
	}
}

static void await_connections(unsigned n)
{
	while (atomic_load(&server.connections) < n) {
		const struct report r = await(reports, REPORT_READ, NULL);
		assert_true_value(&r);
	}
}

#define UNITS_TCP (1u << 1 | 1u << 9 | 1u << 0)
#define UNITS_RTU (1u << 1 | 1u << 9)

/* -- the tests ------------------------------------------------------------------------- */

static void many_units_behind_one_connection_are_read_and_written(void **state)
{
	(void)state;
	tcp_start(&server, false, 0);
	start_bus((struct bus_conf){.kind = BUS_TCP}, 20 * US_MS);
	await_port(reports, true);
	await_all_units(UNITS_TCP);
	atomic_store(&server.value, 77);
	const struct job j = {.id = 5, .fc = FC_WRITE_REGISTER, .span = {9, TABLE_HOLDING, 3, 1}, .value = {77}};
	assert_true(bus_submit(bus, &j));
	const struct report r = await_job(reports, 5);
	assert_int_equal(r.outcome, OUT_OK);
	assert_true(r.sent > 0);
	assert_int_equal(atomic_load(&server.writes), 1);
	assert_int_equal(atomic_load(&server.connections), 1);
	struct bus_figures f;
	bus_figures(bus, &f);
	assert_string_equal(f.line_text, "tcp");
	stop_bus();
	tcp_stop(&server);
}

/* Each fault, again and again between good answers: not one wrong value gets through, and the bus
 * recovers each time. New connections where the stream cannot be trusted any more. */
static void no_fault_of_a_server_makes_a_wrong_value(void **state)
{
	(void)state;
	static const struct {
		enum tcp_mode mode;
		bool reconnects;
	} row[] = {
		{TCP_WRONG_TRANSACTION, false}, {TCP_TORN, false}, {TCP_WRONG_UNIT, true}, {TCP_LATE, true},
		{TCP_TRAILING, true},           {TCP_MUTE, true},  {TCP_CLOSE, true},      {TCP_NO_MODBUS, true},
	};
	tcp_start(&server, false, 0);
	server.late = TIMEOUT + TIMEOUT / 2;
	start_bus((struct bus_conf){.kind = BUS_TCP}, 10 * US_MS);
	await_all_units(UNITS_TCP);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		for (int times = 1; times <= 2; times++) {
			const unsigned before = atomic_load(&server.connections);
			tcp_misbehave(&server, row[i].mode, times);
			while (atomic_load(&server.times) > 0) {
				struct report r;
				assert_true(next_report(reports, &r));
				if (r.kind == REPORT_READ)
					assert_true_value(&r);
			}
			if (row[i].reconnects)
				await_connections(before + 1);
			await_all_units(UNITS_TCP);
			await_all_units(UNITS_TCP);
			if (!row[i].reconnects)
				assert_int_equal(atomic_load(&server.connections), before);
		}
	stop_bus();
	tcp_stop(&server);
}

/* The connection breaks after the write went out: told as such, and not written again. */
static void a_write_into_a_breaking_connection_is_tried_once(void **state)
{
	(void)state;
	tcp_start(&server, false, 0);
	start_bus((struct bus_conf){.kind = BUS_TCP}, 3600 * US_S);
	await_all_units(UNITS_TCP);
	const unsigned before = atomic_load(&server.requests);
	tcp_misbehave(&server, TCP_CLOSE, 1);
	const struct job j = {.id = 6, .fc = FC_WRITE_REGISTER, .span = {1, TABLE_HOLDING, 3, 1}, .value = {77}};
	assert_true(bus_submit(bus, &j));
	const struct report r = await_job(reports, 6);
	assert_int_equal(r.outcome, OUT_LINK);
	assert_true(r.sent > 0);
	assert_int_equal(atomic_load(&server.requests), before + 1);
	stop_bus();
	tcp_stop(&server);
}

static void an_endpoint_that_is_not_there_is_told_and_found_again(void **state)
{
	(void)state;
	char text[96];
	tcp_start(&server, false, 0);
	const uint16_t port = server.port;
	tcp_stop(&server);
	start_bus((struct bus_conf){.kind = BUS_TCP, .tcp_port = port}, 10 * US_MS);
	snprintf(text, sizeof(text), "cannot connect to 127.0.0.1:%u: Connection refused", port);
	assert_string_equal(await_port(reports, false).text, text);
	const struct job j = {.id = 8, .fc = FC_WRITE_REGISTER, .span = {1, TABLE_HOLDING, 3, 1}, .value = {77}};
	assert_true(bus_submit(bus, &j));
	const struct report r = await_job(reports, 8);
	assert_int_equal(r.outcome, OUT_LINK);
	assert_int_equal(r.sent, 0);
	for (int i = 0; i < 2; i++) {
		tcp_start(&server, false, port);
		await_port(reports, true);
		await_all_units(UNITS_TCP);
		tcp_stop(&server);
		assert_string_equal(await_port(reports, false).text, text);
	}
	stop_bus();
}

static void an_idle_connection_is_closed_and_opened_when_needed(void **state)
{
	(void)state;
	tcp_start(&server, false, 0);
	start_bus((struct bus_conf){.kind = BUS_TCP, .close_idle = 20 * US_MS, .connect_delay = 5 * US_MS},
		  200 * US_MS);
	await_all_units(UNITS_TCP);
	while (atomic_load(&server.connections) < 4) {
		struct report r;
		assert_true(next_report(reports, &r));
		assert_true(r.kind != REPORT_FAILED);
		assert_true(r.kind != REPORT_PORT || r.online);
	}
	stop_bus();
	tcp_stop(&server);
}

static void rtu_frames_go_through_a_socket_too(void **state)
{
	(void)state;
	static const enum tcp_mode modes[] = {TCP_TORN, TCP_WRONG_UNIT, TCP_MUTE, TCP_CLOSE, TCP_TRAILING};
	tcp_start(&server, true, 0);
	start_bus((struct bus_conf){.kind = BUS_RTU_TCP, .baud = 115200, .data = 8, .stop = 1, .parity = 'N'},
		  20 * US_MS);
	await_all_units(UNITS_RTU);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		tcp_misbehave(&server, modes[i], 1);
		while (atomic_load(&server.times) > 0) {
			struct report r;
			assert_true(next_report(reports, &r));
			if (r.kind == REPORT_READ)
				assert_true_value(&r);
		}
		await_all_units(UNITS_RTU);
		await_all_units(UNITS_RTU);
	}
	/* A device that is silent for long: the converter itself may have lost us. */
	const unsigned before = atomic_load(&server.connections);
	tcp_misbehave(&server, TCP_MUTE, 8);
	await_connections(before + 1);
	await_all_units(UNITS_RTU);
	stop_bus();
	tcp_stop(&server);
}

static void a_host_is_found_by_its_name(void **state)
{
	(void)state;
	tcp_start(&server, false, 0);
	start_bus((struct bus_conf){.kind = BUS_TCP, .host = "localhost"}, 20 * US_MS);
	await_all_units(UNITS_TCP);
	stop_bus();
	start_bus((struct bus_conf){.kind = BUS_TCP, .host = "name.invalid"}, 20 * US_MS);
	assert_memory_equal(await_port(reports, false).text, "cannot connect to name.invalid:", 31);
	stop_bus();
	tcp_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_units_behind_one_connection_are_read_and_written),
		cmocka_unit_test(no_fault_of_a_server_makes_a_wrong_value),
		cmocka_unit_test(a_write_into_a_breaking_connection_is_tried_once),
		cmocka_unit_test(an_endpoint_that_is_not_there_is_told_and_found_again),
		cmocka_unit_test(an_idle_connection_is_closed_and_opened_when_needed),
		cmocka_unit_test(rtu_frames_go_through_a_socket_too),
		cmocka_unit_test(a_host_is_found_by_its_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
