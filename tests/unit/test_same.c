// SPDX-License-Identifier: MIT
/* What of a configuration is as it was: nothing that changed is missed, and nothing else counts. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "core/model/same.h"

static char dir[] = "/tmp/xnet-same-XXXXXX";

static void must(const struct diag *d, const struct model *m)
{
	char text[1024] = "";
	if (!m && d->n)
		diag_print(&d->message[0], text, sizeof text);
	if (!m)
		fail_msg("%s", text);
}

static const char *file(const char *name, const char *text)
{
	static char path[64];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

static struct model *load(const char *devices, const char *profile)
{
	struct diag d;
	file("own.yaml", profile);
	file("token", "secret\n");
	const struct config_paths paths = {.file = file("devices.yaml", devices),
	                                   .profiles = {dir}};
	diag_init(&d);
	struct model *m = config_load(&paths, &d);
	must(&d, m);
	diag_free(&d);
	return m;
}

/* -- every profile there is ----------------------------------------------------------------------
 */

static struct model *load_profile(const char *path)
{
	struct profile_test *tests;
	struct diag d;
	size_t n;
	diag_init(&d);
	struct model *m = config_load_profile(path, &d, &tests, &n);
	must(&d, m);
	diag_free(&d);
	return m;
}

static void every_profile_is_what_it_was(void **state)
{
	(void)state;
	glob_t g;
	assert_int_equal(glob("devices/*.yaml", 0, NULL, &g), 0);
	assert_true(g.gl_pathc > 100);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct model *a = load_profile(g.gl_pathv[i]), *b = load_profile(g.gl_pathv[i]);
		struct same *s = same_find(a, b);
		if (!s->north || s->device[0] != (b->device[0].set->sunspec ? -1 : 0))
			fail_msg("%s", g.gl_pathv[i]);
		same_free(s);
		model_destroy(a);
		model_destroy(b);
	}
	globfree(&g);
}

/* -- every key --------------------------------------------------------------------------------- */

#define TOP "gateway: house\nmqtt: {broker: mqtt://h}\nbuses:\n  line: {port: /dev/none}\n"
#define OTHER "  other: {bus: line, id: 2, points: {X: {holding: 0}}}\n"
#define DEVICE(keys) TOP "devices:\n  meter: {bus: line, id: 1, profile: own" keys "}\n" OTHER
#define PROFILE(keys, point)                                                                       \
	"title: Own\nvendor: Nobody\nmodels: [P1]\nsources: [made up]\nstatus: "                   \
	"experimental\n" keys "points:\n  B: {holding: 9, write: {}}\n  C: {holding: 8, type: "    \
	"string, length: 2}\n" point

/* Is the meter, made from these two profiles and devices, another one? The other device never is.
 */
static void differs(const char *what, const char *devices, const char *profile,
                    const char *devices2, const char *profile2)
{
	struct model *a = load(devices, profile), *b = load(devices2, profile2);
	struct same *s = same_find(a, b);
	if (s->device[0] != -1)
		fail_msg("%s: its change was not seen", what);
	assert_int_equal(s->device[1], 1);
	same_free(s);
	model_destroy(a);
	model_destroy(b);
	a = load(devices2, profile2);
	b = load(devices2, profile2);
	s = same_find(a, b);
	if (s->device[0] != 0)
		fail_msg("%s: without a change one was seen", what);
	same_free(s);
	model_destroy(a);
	model_destroy(b);
}

static void each_key_of_a_point_counts(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
	} rows[] = {
		{"holding: 1", "holding: 2"},
		{"holding: 1", "input: 1"},
		{"holding: 1", "holding: 1, type: s16"},
		{"holding: 1, type: u32", "holding: 1, type: u32, order: little"},
		{"holding: 1, type: u32", "holding: [1, 3], type: u32"},
		{"holding: 1, scale: 0.1", "holding: 1, scale: 0.2"},
		{"holding: 1, offset: 1", "holding: 1, offset: 2"},
		{"holding: 1, decimals: 1", "holding: 1, decimals: 2"},
		{"holding: 1, na: 1", "holding: 1, na: 2"},
		{"holding: 1, bit: 1", "holding: 1, bit: 2"},
		{"holding: 1, values: {1: a}", "holding: 1, values: {1: b}"},
		{"holding: 1, values: {1: a}", "holding: 1, values: {2: a}"},
		{"holding: 1, valid: {min: 0, max: 9}", "holding: 1, valid: {min: 0, max: 8}"},
		{"holding: 1, unit: W", "holding: 1, unit: V"},
		{"holding: 1, description: a", "holding: 1, description: b"},
		{"holding: 1, name: a", "holding: 1, name: b"},
		{"holding: 1, every: 1s", "holding: 1, every: 2s"},
		{"holding: 1, poll: always", "holding: 1, poll: on-demand"},
		{"holding: 1, deadband: 1", "holding: 1, deadband: 2"},
		{"holding: 1, heartbeat: 1m", "holding: 1, heartbeat: 2m"},
		{"holding: 1, retain: true", "holding: 1, retain: false"},
		{"holding: 1, qos: 0", "holding: 1, qos: 1"},
		{"holding: 1, history: true", "holding: 1, history: false"},
		{"holding: 1, bit: 1, alert: fault, code: 1",
	         "holding: 1, bit: 1, alert: fault, code: 2"},
		{"holding: 1, bit: 1, alert: fault, code: 1",
	         "holding: 1, bit: 1, alert: warning, code: 1"},
		{"holding: 1, bit: 1, alert: fault, code: 1, desc: a",
	         "holding: 1, bit: 1, alert: fault, code: 1, desc: b"},
		{"expr: B + 1", "expr: B + 2"},
		{"expr: B + 1", "expr: B - 1"},
		{"holding: 1, write: {min: 1}", "holding: 1, write: {min: 2}"},
		{"holding: 1, write: {confirm: a}", "holding: 1, write: {confirm: b}"},
		{"holding: 1, write: {}", "holding: 1"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char a[1024], b[1024];
		snprintf(a, sizeof a, PROFILE("", "  A: {%s}\n"), rows[i].a);
		snprintf(b, sizeof b, PROFILE("", "  A: {%s}\n"), rows[i].b);
		differs(rows[i].b, DEVICE(""), a, DEVICE(""), b);
		differs(rows[i].a, DEVICE(""), b, DEVICE(""), a);
	}
}

static void each_key_of_a_device_counts(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
	} rows[] = {
		{"", ", enabled: false"},
		{"", ", commands: off"},
		{"", ", json: true"},
		{"", ", timeout: 900ms"},
		{"", ", omit: [C]"},
		{"", ", points: {D: {holding: 3}}"},
		{", offline: {B: 1}", ", offline: {B: 2}"},
		{"", ", offline: {B: 1}"},
		{", setup: [{B: 1}]", ", setup: [{B: 2}]"},
		{", every: 1s", ", every: 2s"},
	};
	static const char profile[] = PROFILE("", "");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char a[1024], b[1024];
		snprintf(a, sizeof a, DEVICE("%s"), rows[i].a);
		snprintf(b, sizeof b, DEVICE("%s"), rows[i].b);
		differs(rows[i].b, a, profile, b, profile);
	}
}

static void each_key_of_a_profile_counts(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
	} rows[] = {
		{"", "identify: {point: C, equals: ab}\n"},
		{"identify: {point: C, equals: ab}\n", "identify: {point: C, equals: ac}\n"},
		{"identify: {point: C, one_of: [ab, ac]}\n",
	         "identify: {point: C, one_of: [ab, ad]}\n"},
		{"", "max_read: 60\n"},
		{"windows: [0..20]\n", "windows: [0..30]\n"},
		{"", "unlock: {point: B, value: \"1\"}\n"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char a[1024], b[1024];
		snprintf(a, sizeof a, PROFILE("%s", ""), rows[i].a);
		snprintf(b, sizeof b, PROFILE("%s", ""), rows[i].b);
		differs(rows[i].b, DEVICE(""), a, DEVICE(""), b);
	}
}

/* -- places ------------------------------------------------------------------------------------ */

static void where_it_stands_does_not_count(void **state)
{
	(void)state;
	static const char profile[] = PROFILE("", "");
	struct model *a = load(DEVICE(""), profile);
	struct model *b = load("# a line more\ngateway: house\nmqtt: {broker: mqtt://h}\n"
	                       "buses:\n  first: {tcp: h}\n  line: {port: /dev/none}\n"
	                       "devices:\n  new: {bus: first, id: 1, profile: own}\n" OTHER
	                       "  meter: {bus: line, id: 1, profile: own}\n",
	                       profile);
	struct same *s = same_find(a, b);
	assert_true(s->north);
	assert_int_equal(s->device[0], -1);
	assert_int_equal(s->device[1], 1);
	assert_int_equal(s->device[2], 0);
	same_free(s);
	model_destroy(b);
	b = load(TOP "  two: {port: /dev/two}\ndevices:\n"
	             "  meter: {bus: two, id: 1, profile: own}\n",
	         profile);
	s = same_find(a, b);
	assert_int_equal(s->device[0], -1); /* on another bus */
	same_free(s);
	model_destroy(a);
	model_destroy(b);
}

static void what_northbounds_get_counts(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"gateway: flat\nmqtt: {broker: mqtt://h}\n",
		"gateway: house\nmqtt: {broker: mqtt://g}\n",
		"gateway: house\nmqtt: {broker: [mqtt://h, mqtt://g]}\n",
		"gateway: house\nmqtt: {broker: mqtt://h, prefix: a}\n",
		"gateway: house\nmqtt: {broker: mqtt://h, payload: value+unit}\n",
		"gateway: house\nmqtt: {broker: mqtt://h, retain: false}\n",
		"gateway: house\nmqtt: {broker: mqtt://h}\nhomeassistant: {}\n",
		"gateway: house\nmqtt: {broker: mqtt://h}\ncommands: off\n",
	};
	static const char rest[] = "buses: {line: {port: /dev/none}}\ndevices:\n" OTHER;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[512];
		snprintf(text, sizeof text, "%s%s", rows[i], rest);
		struct model *a = load("gateway: house\nmqtt: {broker: mqtt://h}\n"
		                       "buses: {line: {port: /dev/none}}\ndevices:\n" OTHER,
		                       PROFILE("", "")),
			     *b = load(text, PROFILE("", "")), *c = load(text, PROFILE("", ""));
		struct same *ab = same_find(a, b), *bc = same_find(b, c);
		if (ab->north || !bc->north || bc->device[0] != 0)
			fail_msg("%s", rows[i]);
		same_free(ab);
		same_free(bc);
		model_destroy(a);
		model_destroy(b);
		model_destroy(c);
	}
}

static int begin(void **state)
{
	(void)state;
	const char *srcdir = getenv("srcdir");
	return chdir(srcdir ? srcdir : ".") == 0 && mkdtemp(dir) ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	static const char *const names[] = {"devices.yaml", "own.yaml", "token"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[64];
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_profile_is_what_it_was),
		cmocka_unit_test(each_key_of_a_point_counts),
		cmocka_unit_test(each_key_of_a_device_counts),
		cmocka_unit_test(each_key_of_a_profile_counts),
		cmocka_unit_test(where_it_stands_does_not_count),
		cmocka_unit_test(what_northbounds_get_counts),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
