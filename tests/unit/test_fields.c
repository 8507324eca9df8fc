// SPDX-License-Identifier: MIT
/*
 * A new field of these structs must be handled elsewhere, too, where no compiler looks for it. So
 * each lists its fields here: one more does not compile before it is added, and what else to look
 * at is written above it. tests/layering plants a field and proves that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/model/model.h"
#include "daemon/base/plant.h"

#pragma GCC diagnostic error "-Wmissing-field-initializers"

#define FIELDS_OF(type, x, ...)                                                                    \
	static struct type type##_fields(struct type x)                                            \
	{                                                                                          \
		return (struct type){__VA_ARGS__};                                                 \
	}

/* Does a reload need a new thread for it: same_conf() in daemon/devices/carry.c? Is it a text:
 * copy_conf() in bus/bus.c? Does it say which device is meant: bus_stays() in core/command/table.c?
 */
FIELDS_OF(bus_conf, x, x.name, x.where, x.kind, x.port, x.host, x.tcp_port, x.baud, x.data, x.stop,
          x.parity, x.direction, x.rts_high, x.rts_before, x.rts_after, x.silence, x.timeout,
          x.retries, x.echo, x.description, x.connect_delay, x.close_idle)

/* Does a reload need a new connection for it: same_connection() in daemon/broker.c? Is it a text:
 * copy_conf() in mqtt/client.c? */
FIELDS_OF(mqtt_conf, x, x.where, x.broker, x.nbroker, x.host, x.port, x.use_tls, x.use_ws, x.path,
          x.version, x.client_id, x.prefix, x.username, x.password, x.ca, x.cert, x.key,
          x.tls_verify, x.keepalive, x.qos_value, x.qos_status, x.qos_command, x.retain, x.expiry,
          x.payload_unit, x.properties, x.history_buffer, x.sys_interval)

/* Do the same registers give another value with it: same_place() in daemon/devices/carry.c? Is it
 * then another register to write: point_stays() in core/command/table.c? */
FIELDS_OF(point, x, x.name, x.where, x.source, x.table, x.parts, {0}, x.part, {0}, x.absent,
          x.codec, x.expr, x.exponent_from, x.factor_from, x.count_from, x.repeat_n, x.hidden,
          x.label, x.nlabel, x.has_valid, x.valid_min, x.valid_max, x.counter, x.unit,
          x.description, x.class_, x.state_class, x.icon, x.title, x.category, x.announced, x.rate,
          x.prio, x.poll, x.barrier, x.together, x.together_first, x.period, x.stale, x.filter,
          x.retain, x.history, x.qos, x.alert, x.alert_code, x.alert_desc, x.write)

FIELDS_OF(codec, x, x.type, x.order, x.length, x.byte, x.bit, x.bits, x.array, x.of, x.nna, x.words,
          x.on, x.off, x.decimals, x.scale, x.offset, x.na, x.layout)

/* Which device is it with another one: same_unit(), same_identity() in daemon/devices/carry.c? */
FIELDS_OF(device, x, x.name, x.where, x.profile, x.title, x.vendor, x.model, x.bus, x.id, x.enabled,
          x.commands, x.json, x.shared, x.broadcast, x.point0, x.set, x.rule, x.max_write,
          x.write_function, x.setup, x.nsetup, x.offline, x.noffline, x.identify_point,
          x.identify_text, x.identify_ignore, x.identify_kind, x.identify_word, x.nidentify,
          x.device_id, x.ndevice_id, x.functions, x.unlock_point, x.unlock_value, x.unlock_lasts,
          x.sources, x.status)

/* Does it outlive a reload: carry_one_bus(), carry_device(), carry_reading(), and of a device
 * that is as it was carry_same() in daemon/devices/carry.c? A counter is beside its reading. */
FIELDS_OF(plant_bus, x, x.conf, x.bus, x.tag, x.up, x.reported_down, x.rewant, x.has_wants, x.since,
          x.answered, x.invalid, x.invalid_at, x.silent_since, x.holder, x.held_offline, x.trouble,
          x.place, x.nplace, x.unit_first, x.nunit, x.ndevice)
FIELDS_OF(device_state, x, x.phase, x.touched, x.looked, x.derives, x.alerting, x.alerts_changed,
          x.repeated, x.alerts_read, x.next_on_unit, x.since, x.walk_from, x.walk_over, x.seen,
          x.own_from, x.round, x.newest, x.alerts, x.identifies, x.identify_at, x.devid,
          x.devid_job, x.devid_failed, x.same, x.texts_due, x.texts, x.error, x.exception,
          x.error_wrote, x.error_span, x.error_at, x.instead, x.failed_since, x.unreached, x.late,
          x.late_at, x.invalid, x.doubtful, x.suspected, x.denied_by, x.doubt_since, x.foreign,
          x.response)
FIELDS_OF(reading, x, x.at, x.value, x.filter, {{0}}, x.device, x.asked, x.quality, x.known,
          x.refused, x.denied, x.implausible, x.publish_next, x.undecoded, x.parts, x.rounded,
          x.overwritten)

static void every_field_is_listed(void **state)
{
	(void)state; /* else this file would not compile */
	assert_int_equal(bus_conf_fields((struct bus_conf){.baud = 9600}).baud, 9600);
	assert_int_equal(mqtt_conf_fields((struct mqtt_conf){.port = 1883}).port, 1883);
	assert_int_equal(point_fields((struct point){.qos = 2}).qos, 2);
	assert_int_equal(codec_fields((struct codec){.bits = 3}).bits, 3);
	assert_int_equal(device_fields((struct device){.id = 7}).id, 7);
	assert_int_equal(plant_bus_fields((struct plant_bus){.tag = 1}).tag, 1);
	assert_int_equal(device_state_fields((struct device_state){.invalid = 4}).invalid, 4);
	assert_int_equal(reading_fields((struct reading){.asked = 5}).asked, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_listed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
