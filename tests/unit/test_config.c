// SPDX-License-Identifier: MIT
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "config_files.h"
#include "core/command/private.h"

/* But for the password's mode: version control and tarballs keep no 0640. */
static bool is_silent(const struct diag *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->message[i].level == DIAG_ERROR ||
		    !strstr(d->message[i].text, "mqtt.password is readable by everyone"))
			return false;
	return true;
}

static void good_maps_load_without_a_word(void **state)
{
	(void)state;
	glob_t found;
	assert_int_equal(glob("good/*.yaml", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct diag d;
		struct model *m = load(found.gl_pathv[i], &d);
		char *got = messages(&d);
		if (!m || !is_silent(&d))
			fail_msg("%s gives\n%s", found.gl_pathv[i], got);
		free(got);
		model_destroy(m);
		diag_free(&d);
	}
	assert_true(found.gl_pathc >= 4);
	globfree(&found);
}

/* -- what the model says -- */

static struct diag told;

static struct model *good(const char *file)
{
	struct model *m = load(file, &told);
	assert_non_null(m);
	return m;
}

static void done(struct model *m)
{
	model_destroy(m);
	diag_free(&told);
}

static const struct device *device(const struct model *m, const char *name)
{
	const int i = model_find_device(m, name, strlen(name));
	assert_true(i >= 0);
	return &m->device[i];
}

static const struct point *point(const struct device *d, const char *name)
{
	const int i = model_find_point(d->set, name, strlen(name));
	if (i < 0)
		fail_msg("no point %s", name);
	return &d->set->point[i];
}

static bool has_point(const struct device *d, const char *name)
{
	return model_find_point(d->set, name, strlen(name)) >= 0;
}

static void five_lines_are_enough(void **state)
{
	(void)state;
	struct model *m = good("good/five-lines.yaml");
	assert_int_equal(m->ndevice, 1);
	assert_string_equal(m->mqtt.host, "localhost");
	assert_int_equal(m->mqtt.port, 1883);
	assert_string_equal(m->mqtt.prefix, "xnet");
	assert_int_equal(m->bus[0].baud, 115200); /* the profile's */
	assert_int_equal(m->bus[0].data, 8);
	assert_int_equal(m->bus[0].parity, 'N');
	assert_int_equal(m->device[0].rule.timeout, 1 * US_S);
	assert_int_equal(m->device[0].rule.unit, 1);
	assert_int_equal(strlen(m->hash), 16);
	assert_true(m->npoint >= 10);
	done(m);
}

static void every_key_of_the_contract_arrives(void **state)
{
	(void)state;
	struct model *m = good("good/contract.yaml");
	assert_string_equal(m->gateway, "pi-barn");
	assert_string_equal(m->mqtt.password, "secret");
	assert_int_equal(m->mqtt.history_buffer, 1 << 20);
	assert_int_equal(m->mqtt.expiry, 0);
	const struct bus_conf *b = &m->bus[0];
	assert_int_equal(b->direction, DIRECTION_KERNEL);
	assert_true(b->rts_high);
	assert_int_equal(b->rts_before, 100);
	assert_int_equal(b->baud, 9600);
	assert_int_equal(m->bus[1].kind, BUS_TCP);
	assert_string_equal(m->bus[1].host, "192.168.1.50");
	assert_int_equal(m->bus[1].tcp_port, 502);
	assert_int_equal(m->bus[2].kind, BUS_RTU_TCP);
	assert_int_equal(m->bus[2].tcp_port, 4196);
	done(m);
}

static void a_device_without_a_profile_lists_its_points(void **state)
{
	(void)state;
	struct model *m = good("good/contract.yaml");
	const struct device *d = device(m, "boiler");
	assert_null(d->profile);
	assert_true(d->json);
	assert_int_equal(d->rule.max_read, 60);
	assert_int_equal(d->rule.pause, 20 * US_MS);
	assert_int_equal(d->rule.pause_after_write, 20 * US_MS);
	assert_int_equal(d->write_function, 16);
	assert_int_equal(d->nsetup, 1);
	assert_string_equal(d->setup[0].value, "remote");
	assert_string_equal(d->set->point[d->setup[0].point].name, "Mode");
	const struct point *p = point(d, "FlowTemp");
	assert_int_equal(p->table, TABLE_INPUT);
	assert_int_equal(p->addr[0], 0x10);
	assert_int_equal(p->codec.type, TYPE_S16);
	assert_int_equal(p->codec.decimals, 1);
	assert_int_equal(p->period, 1 * US_S);
	assert_int_equal(p->rate, RATE_NONE);
	assert_true(p->filter.deadband > 0.19f && p->filter.deadband < 0.21f);
	assert_string_equal(p->unit, "°C");
	p = point(d, "SetPoint");
	assert_non_null(p->write);
	assert_true(p->write->has_min && p->write->has_max && p->write->has_step);
	assert_int_equal(p->write->settle, 500 * US_MS);
	assert_int_equal(p->write->safe_after, 60 * US_S);
	assert_string_equal(p->write->safe_value, "45");
	assert_true(p->write->safe_on_broker && p->write->safe_on_no_command);
	assert_int_equal(p->period, 10 * US_S); /* the device's `every` */
	p = point(d, "Mode");
	assert_int_equal(p->nlabel, 3);
	assert_string_equal(p->label[0].text, "off");
	p = point(d, "Alarm");
	assert_int_equal(p->codec.type, TYPE_BOOL);
	assert_int_equal(p->codec.bit, 4);
	assert_int_equal(p->codec.bits, 1);
	assert_int_equal(p->alert, ALERT_FAULT);
	assert_string_equal(p->alert_desc, "Burner lock-out");
	assert_int_equal(point(d, "Serial")->period, PERIOD_ONCE);
	p = point(d, "Total");
	assert_int_equal(p->parts, 2);
	assert_int_equal(p->addr[1], 625);
	assert_true(p->counter->max_rise == 50);
	p = point(d, "Power");
	assert_string_equal(d->set->point[p->exponent_from].name, "PowerExp");
	assert_int_equal(p->codec.decimals, -1);
	assert_int_equal(point(d, "Efficiency")->source, SOURCE_EXPR);
	assert_int_equal(point(d, "Efficiency")->codec.decimals, 3);
	p = point(d, "Clock");
	assert_true(p->codec.layout->bytes);
	assert_int_equal(p->codec.layout->part[0], PART_MIN);
	assert_int_equal(codec_words(&p->codec), 3);
	assert_int_equal(p->write->sync, 86400 * US_S);
	done(m);
}

/* Registers before, what is then read; a command, and what is read after it (NULL: the command). */
static const struct mapping {
	const char *point;
	uint16_t word[2];
	const char *read, *command, *after;
} mappings[] = {
	{"Plain", {0x8001}, "on", "off", NULL},
	{"Typed", {0x8001}, "on", "off", NULL},
	{"Typed", {0x7FFF}, "off", "1", "on"},
	{"Signed", {0x8001}, "on", "off", NULL},
	{"Signed", {1}, "off", "true", "on"},
	{"Wide", {0x8000, 0}, "on", "off", NULL},
	{"Wide", {0x7FFF, 0xFFFF}, "off", "on", NULL},
	{"Words", {1, 0}, "on", "off", NULL},
	{"Words", {0, 1}, "off", "on", NULL},
	{"Halves", {1, 0}, "on", "off", NULL},
	{"Halves", {0, 1}, "off", "on", NULL},
	{"High", {0x8000}, "on", "off", NULL},
	{"Open", {0x8000, 0}, "shut", "open", NULL},
	{"Open", {0, 0}, "open", "1", "shut"},
	{"Field", {0x8001}, "1", "0", NULL},
	{"Field", {1}, "0", "1", NULL},
	{"Nibble", {0x8001}, "-8", "7", NULL},
	{"Flag", {0x8001}, "yes", "no", NULL},
	{"Whole", {255}, "on", "off", NULL},
	{"OneTwo", {1}, "on", "off", NULL},
	{"OneTwo", {2}, "off", "on", NULL},
	{"OneTwo", {0}, "off", "on", NULL},
	{"TwoOne", {2}, "on", "off", NULL},
	{"TwoOne", {1}, "off", "on", NULL},
	{"Off", {1}, "on", "off", NULL},
	{"Off", {2}, "off", "on", NULL},
	{"Inverse", {0}, "on", "off", NULL},
	{"Inverse", {1}, "off", "on", NULL},
	{"Board", {1}, "on", "off", NULL},
	{"Board", {0}, "off", "on", NULL},
	{"Relay", {1}, "on", "off", NULL},
	{"Closer", {1}, "off", "on", NULL},
	{"Closer", {0}, "on", "off", NULL},
	{"Finer", {3}, "3", "20.5", "21"},
	{"Tenth", {0, 0}, "0.0", "0.1", NULL},
	{"Tenth", {0, 0}, "0.0", "0.3", NULL},
};

static void is_read(const struct point *p, const uint16_t *words, const char *text)
{
	char buf[VALUE_TEXT_MAX], print[VALUE_PRINT_MAX];
	struct value v;
	point_decode(p, words, NULL, NULL, buf, &v);
	point_print(p, &v, NULL, print, sizeof print);
	if (strcmp(print, text) != 0)
		fail_msg("%s of 0x%04x is %s, not %s", p->name, words[0], print, text);
}

/* What the device has after the job. */
static void put(const struct point *p, const struct job *j, uint16_t *words)
{
	for (unsigned i = 0; i < j->span.count; i++) {
		const unsigned at = p->parts == 2 ? 1 - i : i;
		const uint16_t mask = j->fc == FC_WRITE_COIL ? UINT16_MAX : j->mask[i];
		words[at] = (uint16_t)((words[at] & ~mask) | (j->value[i] & mask));
	}
	if (p->table == TABLE_COIL)
		words[0] = words[0] != 0;
}

static void what_is_written_is_what_is_read(void **state)
{
	(void)state;
	struct model *m = good("good/mapping.yaml");
	const struct device *d = device(m, "tank");
	for (size_t i = 0; i < sizeof mappings / sizeof *mappings; i++) {
		const struct mapping *row = &mappings[i];
		const struct point *p = point(d, row->point);
		const struct command_input in = {.text = row->command};
		uint16_t words[CELLS_MAX] = {row->word[0], row->word[1]};
		struct command_value v;
		char reason[COMMAND_REASON_MAX];
		struct job j;
		is_read(p, words, row->read);
		if (!command_check(p, &in, &v, reason, sizeof reason))
			fail_msg("%s does not take %s: %s", row->point, row->command, reason);
		job_build(d, p, &v, &j);
		put(p, &j, words);
		is_read(p, words, row->after ? row->after : row->command);
	}
	/* the state of a relay that is commanded elsewhere is as it is read */
	is_read(point(d, "State"), (const uint16_t[2]){1}, "on");
	done(m);
}

static void alike_devices_share_one_set(void **state)
{
	(void)state;
	struct model *m = good("good/contract.yaml");
	const struct device *first = device(m, "meter1"), *seventh = device(m, "meter7");
	assert_ptr_equal(first->set, device(m, "meter32")->set);
	assert_ptr_equal(first->set, seventh->set); /* its override does not concern points */
	assert_int_equal(first->id, 1);
	assert_int_equal(device(m, "meter32")->id, 32);
	assert_int_equal(first->rule.timeout, 500 * US_MS);
	assert_int_equal(seventh->rule.timeout, 1 * US_S);
	assert_int_equal(seventh->id, 7);
	done(m);
}

static void only_keeps_what_its_points_need_hidden(void **state)
{
	(void)state;
	struct model *m = good("good/contract.yaml");
	const struct device *d = device(m, "meter1");
	assert_int_equal(d->set->n, 3);
	assert_false(point(d, "RealPower")->hidden);
	assert_true(point(d, "PowerExp")->hidden);
	assert_int_equal(point(d, "PowerExp")->filter.mode, PUBLISH_NEVER);
	assert_false(has_point(device(m, "scc1"), "Energy"));
	assert_int_equal(point(device(m, "scc1"), "Volts")->period, 1 * US_S);
	done(m);
}

static void the_most_specific_layer_wins(void **state)
{
	(void)state;
	struct model *m = good("good/layers.yaml");
	const struct device *m1 = device(m, "m1"), *m2 = device(m, "m2");
	/* device > profile > bus > built-in */
	assert_int_equal(m1->rule.timeout, 2 * US_S);
	assert_int_equal(m1->rule.retries, 3);
	assert_int_equal(m2->rule.retries, 0);
	assert_int_equal(m1->rule.max_read, 20);
	assert_int_equal(m1->rule.nwindow, 2);
	assert_int_equal(device(m, "r1")->rule.timeout, 700 * US_MS);
	assert_int_equal(device(m, "off1")->rule.timeout, 500 * US_MS);
	/* point: named entry > range > profile > its base */
	const struct point *v1 = point(m1, "Volts"), *v2 = point(m2, "Volts");
	assert_string_equal(v1->unit, "kV");
	assert_int_equal(v1->codec.type, TYPE_F32);
	assert_int_equal(v1->codec.decimals, 2);
	assert_true(v1->filter.percent);
	assert_false(v2->filter.percent);
	assert_true(v2->filter.deadband == 0.5f);
	assert_string_equal(v2->unit, "kV");
	/* inherited: device > defaults > built-in */
	assert_int_equal(v1->filter.heartbeat, 30 * US_S);
	assert_int_equal(v2->filter.heartbeat, 0);
	assert_int_equal(v1->period, 3 * US_S);
	assert_int_equal(point(m1, "ImportEnergy")->period, 420 * US_S);
	assert_int_equal(point(m1, "Tariff")->period, 10 * US_S);
	assert_int_equal(point(m1, "Line2Volts")->period, PERIOD_FASTEST);
	assert_int_equal(point(m1, "Line1Volts")->period, 10 * US_S);
	done(m);
}

static void parameters_decide_which_points_there_are(void **state)
{
	(void)state;
	struct model *m = good("good/layers.yaml");
	assert_true(has_point(device(m, "m1"), "Line3Volts")); /* bigmeter has three phases */
	assert_false(has_point(device(m, "m1"), "Big"));
	assert_true(has_point(device(m, "m2"), "Big"));
	assert_true(has_point(device(m, "m2"), "Plain"));
	assert_int_equal(point(device(m, "m2"), "Big")->codec.nna, 2);
	done(m);
}

static void repetitions_count_addresses_and_names(void **state)
{
	(void)state;
	struct model *m = good("good/layers.yaml");
	const struct device *r1 = device(m, "r1"), *r2 = device(m, "r2");
	assert_int_equal(r1->set->n, 17);
	assert_int_equal(point(r1, "Relay1")->addr[0], 0); /* address_base: 1 */
	assert_int_equal(point(r1, "Relay8")->addr[0], 7);
	assert_int_equal(point(r1, "Relay8")->repeat_n, 8);
	assert_string_equal(r1->set->point[point(r1, "Relay8")->count_from].name, "Count");
	assert_int_equal(point(r1, "Flash8")->addr[0], 0x207);
	assert_true(point(r1, "Flash8")->write->only);
	assert_int_equal(point(r1, "Relay3")->write->toggle, 0x5500);
	assert_int_equal(point(r2, "Relay3")->filter.mode, PUBLISH_ALWAYS);
	assert_int_equal(point(r2, "Relay3")->addr[0], 2);
	assert_int_equal(point(r2, "Relay4")->filter.mode, PUBLISH_CHANGE);
	assert_ptr_equal(r1->set, device(m, "r3")->set); /* merged maps are alike, too */
	assert_string_equal(point(device(m, "m1"), "Line2Volts")->description, "phase 2");
	assert_int_equal(point(device(m, "m1"), "Cell4")->addr[0],
	                 0x53); /* the profile's own `repeat` */
	done(m);
}

static void addresses_as_documents_write_them(void **state)
{
	(void)state;
	struct model *m = good("good/modicon.yaml");
	const struct device *d = device(m, "d");
	assert_int_equal(point(d, "Coil")->addr[0], 0);
	assert_int_equal(point(d, "Input")->addr[0], 16);
	assert_int_equal(point(d, "Volts")->addr[0], 2);
	assert_int_equal(point(d, "Energy")->addr[0], 99);
	assert_int_equal(point(d, "Energy")->addr[1], 98);
	assert_int_equal(point(d, "Set")->addr[0], 199);
	assert_int_equal(point(d, "Set")->write->address, 11);
	assert_int_equal(point(d, "Far")->addr[0], 65535);
	done(m);
}

static void essential_points_are_what_it_does_not_how_it_is_set(void **state)
{
	(void)state;
	struct model *m = good("good/essential.yaml");
	const struct device *d = device(m, "d"), *with = device(m, "with");
	assert_true(has_point(d, "Volts"));
	assert_true(has_point(d, "Relay")); /* written, and polled fast */
	assert_true(has_point(d, "Clear")); /* an action */
	assert_false(has_point(d, "Limit"));
	assert_false(has_point(d, "SerialNumber"));
	assert_true(has_point(with, "Limit"));
	assert_false(has_point(with, "SerialNumber"));
	done(m);
}

static void included_files_are_one_map(void **state)
{
	(void)state;
	struct model *m = good("good/layers.yaml");
	const struct device *d = device(m, "off1");
	assert_false(d->enabled);
	assert_false(d->commands);
	assert_string_equal(d->where.file, "good/site/barn.yaml");
	assert_int_equal(d->where.line, 4);
	assert_string_equal(m->bus[d->bus].host, "::1");
	done(m);
}

/* -- one profile -- */

static void a_profile_loads_with_its_tests(void **state)
{
	(void)state;
	struct profile_test *t;
	size_t n;
	diag_init(&told);
	struct model *m = config_load_profile("profiles/charger.yaml", &told, &t, &n);
	assert_non_null(m);
	assert_int_equal(n, 1);
	assert_string_equal(t[0].title, "sunny noon");
	assert_int_equal(t[0].nblock, 3);
	assert_int_equal(t[0].block[0].table, TABLE_COIL);
	assert_int_equal(t[0].block[1].table, TABLE_INPUT);
	assert_int_equal(t[0].block[1].addr, 0x3100);
	assert_int_equal(t[0].block[1].n, 4);
	assert_int_equal(t[0].block[1].word[2], 0x1234);
	assert_int_equal(t[0].nexpect, 4);
	assert_string_equal(t[0].expect[1].point, "Power");
	assert_string_equal(t[0].expect[1].text, "46.60");
	const struct device *d = &m->device[0];
	assert_string_equal(d->profile, "charger");
	assert_string_equal(d->model, "One, Two");
	assert_int_equal(d->status, STATUS_EXPERIMENTAL);
	assert_int_equal(m->bus[0].baud, 115200);
	assert_int_equal(d->identify_kind, IDENTIFY_STARTS);
	assert_int_equal(d->nidentify, 2);
	assert_string_equal(d->identify_word[1], "TWO");
	assert_string_equal(d->set->point[d->identify_point].name, "Model");
	assert_int_equal(d->functions, 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 16);
	assert_int_equal(d->set->ngroup, 1);
	assert_int_equal(d->set->group[0].norder, 2);
	assert_int_equal(d->set->group[0].nrule, 2);
	const struct write_rule *reset = point(d, "Reset")->write;
	assert_true(reset->only);
	assert_int_equal(reset->raw_len, 1);
	assert_int_equal(reset->raw[0], 0x42);
	assert_int_equal(reset->raw_answer, 1);
	assert_false(reset->repeatable);
	assert_string_equal(reset->confirm, "reset");
	done(m);
}

static void a_profile_may_leave_out_points_of_the_one_it_extends(void **state)
{
	(void)state;
	struct model *m = good("good/omit.yaml");
	const struct device *small = device(m, "small"), *less = device(m, "less");
	assert_false(has_point(small, "Scattered"));
	assert_true(has_point(small, "Volts"));
	assert_true(point(small, "PowerExp")->hidden); /* RealPower needs it */
	assert_false(point(small, "RealPower")->hidden);
	assert_false(has_point(less, "Line2Volts"));
	assert_false(has_point(less, "Volts"));
	assert_true(has_point(less, "ImportEnergy"));
	done(m);
}

static void a_number_may_have_a_power_of_ten(void **state)
{
	(void)state;
	struct model *m = good("good/numbers.yaml");
	const struct device *d = device(m, "meter");
	assert_int_equal(point(d, "Small")->codec.scale.mant, 1);
	assert_int_equal(point(d, "Small")->codec.scale.places, 5);
	assert_int_equal(point(d, "Small")->codec.decimals, 5);
	assert_int_equal(point(d, "Precise")->codec.scale.mant, 3125);
	assert_int_equal(point(d, "Precise")->codec.scale.places, 9);
	assert_int_equal(point(d, "Precise")->codec.offset.mant, -2);
	assert_int_equal(point(d, "Precise")->codec.offset.places, 1);
	assert_int_equal(point(d, "Large")->codec.scale.mant, 2500);
	assert_int_equal(point(d, "Large")->codec.scale.places, 0);
	assert_true(point(d, "Large")->write->max == 100000);
	done(m);
}

static void a_test_may_choose_parameters(void **state)
{
	(void)state;
	struct profile_test *t;
	size_t n;
	diag_init(&told);
	struct model *m = config_load_profile("profiles/variants.yaml", &told, &t, &n);
	assert_non_null(m);
	assert_int_equal(n, 3);
	assert_int_equal(m->ndevice, 2); /* one for each set of parameters */
	assert_int_equal(t[0].device, 0);
	assert_int_equal(t[1].device, 1);
	assert_int_equal(t[2].device, 1);
	assert_false(has_point(&m->device[0], "Input1"));
	assert_true(has_point(&m->device[1], "Input1"));
	assert_int_equal(m->device[0].noffline, 0); /* it has no such point */
	assert_int_equal(m->device[1].noffline, 1);
	assert_int_equal(m->npoint, 5);
	assert_int_equal(point(&m->device[0], "Level")->table, TABLE_HOLDING);
	assert_int_equal(point(&m->device[0], "Level")->addr[0], 5);
	assert_int_equal(point(&m->device[1], "Level")->table, TABLE_INPUT);
	assert_int_equal(point(&m->device[1], "Level")->codec.scale.places, 1);
	assert_int_equal(m->nparameter, 1);
	assert_string_equal(m->parameter[0].name, "variant");
	assert_string_equal(m->parameter[0].preset, "plain");
	assert_int_equal(m->parameter[0].nchoice, 2);
	assert_int_equal(m->parameter[0].choice[0].device, 0);
	assert_string_equal(m->parameter[0].choice[1].text, "inputs");
	assert_int_equal(m->parameter[0].choice[1].device, 1);
	done(m);
}

static void a_stride_moves_the_addresses_of_the_profile_only(void **state)
{
	(void)state;
	struct diag d;
	struct model *m = load("good/sockets.yaml", &d);
	assert_non_null(m);
	const struct device *box = &m->device[0];
	assert_int_equal(point(box, "Current")->addr[0], 0x1101);
	assert_int_equal(point(box, "Limit")->addr[0], 0x2100);
	assert_int_equal(point(box, "Limit")->write->address, 0x2110);
	assert_int_equal(point(box, "Phase3")->addr[0], 0x1114);
	assert_int_equal(point(box, "Own")->addr[0], 5);
	done(m);
}

/* -- secrets -- */

static void a_secret_that_all_can_read_is_a_warning_and_never_printed(void **state)
{
	(void)state;
	char dir[] = "/tmp/xnet-config-XXXXXX", map[64], secret[64];
	assert_non_null(mkdtemp(dir));
	snprintf(map, sizeof map, "%s/devices.yaml", dir);
	snprintf(secret, sizeof secret, "%s/pw", dir);
	FILE *f = fopen(map, "w");
	fputs("mqtt: {username: me, password_file: pw}\n", f);
	fclose(f);
	f = fopen(secret, "w");
	fputs("hunter2\n", f);
	fclose(f);
	chmod(secret, 0644);
	struct diag d;
	struct model *m = load(map, &d);
	assert_non_null(m);
	assert_string_equal(m->mqtt.password, "hunter2");
	assert_int_equal(d.n, 1);
	assert_int_equal(d.message[0].level, DIAG_WARNING);
	assert_null(strstr(d.message[0].text, "hunter2"));
	assert_non_null(strstr(d.message[0].text, "is readable by everyone"));
	model_destroy(m);
	diag_free(&d);
	chmod(secret, 0640);
	m = load(map, &d);
	assert_int_equal(d.n, 0);
	model_destroy(m);
	diag_free(&d);
	f = fopen(map, "w");
	fputs("mqtt: {broker: 'mqtts://h', tls: {cert: pw, key: pw}}\n", f);
	fclose(f);
	f = fopen(secret, "w");
	fputs("-----BEGIN CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\n", f);
	fclose(f);
	for (int open = 0; open < 2; open++) {
		chmod(secret, open ? 0644 : 0640);
		m = load(map, &d);
		assert_non_null(m);
		assert_int_equal(d.n, open);
		model_destroy(m);
		diag_free(&d);
	}
	f = fopen(secret, "w"); /* nothing that TLS could use */
	fputs("hunter2\n-----BEGIN ENCRYPTED PRIVATE KEY-----\r\n", f);
	fclose(f);
	chmod(secret, 0640);
	assert_null(load(map, &d));
	assert_int_equal(d.n, 2);
	assert_non_null(strstr(d.message[0].text, "cert: there is no certificate in "));
	assert_non_null(strstr(d.message[1].text, "needs a passphrase"));
	diag_free(&d);
	unlink(map);
	unlink(secret);
	rmdir(dir);
}

static void a_file_that_is_not_there_is_an_error(void **state)
{
	(void)state;
	struct diag d;
	assert_null(load("good/nowhere.yaml", &d));
	assert_int_equal(d.n, 1);
	assert_string_equal(d.message[0].where.file, "good/nowhere.yaml");
	diag_free(&d);
	assert_null(load("good", &d));
	assert_int_equal(d.n, 1);
	diag_free(&d);
}

static void what_a_profile_sets_for_its_own_points_is_inherited_with_them(void **state)
{
	(void)state;
	struct model *m = good("good/extends.yaml");
	const struct device *d = device(m, "hall");
	assert_int_equal(point(d, "Lamp2")->addr[0], 102);
	assert_int_equal(point(d, "Lamp4")->addr[0], 106);
	assert_int_equal(point(d, "Dimmer1")->addr[0], 300);
	assert_string_equal(point(d, "Dimmer1")->unit, "%");
	assert_int_equal(point(d, "Dimmer2")->addr[0], 301);
	assert_false(has_point(d, "Dimmer3"));
	assert_int_equal(d->set->ngroup, 2);
	assert_string_equal(d->set->group[0].name, "dimmers");
	assert_string_equal(d->set->group[1].name, "limits");
	assert_int_equal(d->set->group[1].nrule, 1);
	assert_int_equal(d->rule.window[1].first, 10); /* 11 in the manual's numbers */
	done(m);
}

static void what_is_inherited_applies_only_where_it_has_a_meaning(void **state)
{
	(void)state;
	struct model *m = good("good/extends.yaml");
	const struct device *d = device(m, "hall");
	assert_int_equal(point(d, "Apart")->codec.order, ORDER_BIG_SWAPPED);
	assert_true(point(d, "State")->filter.deadband == 0);
	assert_true(point(d, "Level")->filter.deadband == 5);
	done(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_maps_load_without_a_word),
		cmocka_unit_test(five_lines_are_enough),
		cmocka_unit_test(every_key_of_the_contract_arrives),
		cmocka_unit_test(a_device_without_a_profile_lists_its_points),
		cmocka_unit_test(what_is_written_is_what_is_read),
		cmocka_unit_test(alike_devices_share_one_set),
		cmocka_unit_test(only_keeps_what_its_points_need_hidden),
		cmocka_unit_test(the_most_specific_layer_wins),
		cmocka_unit_test(parameters_decide_which_points_there_are),
		cmocka_unit_test(repetitions_count_addresses_and_names),
		cmocka_unit_test(addresses_as_documents_write_them),
		cmocka_unit_test(essential_points_are_what_it_does_not_how_it_is_set),
		cmocka_unit_test(included_files_are_one_map),
		cmocka_unit_test(a_profile_loads_with_its_tests),
		cmocka_unit_test(a_profile_may_leave_out_points_of_the_one_it_extends),
		cmocka_unit_test(a_number_may_have_a_power_of_ten),
		cmocka_unit_test(a_test_may_choose_parameters),
		cmocka_unit_test(a_stride_moves_the_addresses_of_the_profile_only),
		cmocka_unit_test(a_secret_that_all_can_read_is_a_warning_and_never_printed),
		cmocka_unit_test(a_file_that_is_not_there_is_an_error),
		cmocka_unit_test(what_a_profile_sets_for_its_own_points_is_inherited_with_them),
		cmocka_unit_test(what_is_inherited_applies_only_where_it_has_a_meaning),
	};
	const char *srcdir = getenv("srcdir");
	if (chdir(srcdir ? srcdir : ".") != 0 || chdir("tests/configs") != 0)
		return 99;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
