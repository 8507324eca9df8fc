// SPDX-License-Identifier: MIT
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/model/model.h"

static const struct write_rule write_only = {.only = true};

#define REGISTER(name_, table_, addr_, type_)                                                      \
	.name = name_, .table = table_, .parts = 1, .addr = {addr_}, .codec = {.type = type_},     \
	.exponent_from = -1, .factor_from = -1, .period = 10 * US_S, .prio = CLASS_NORMAL

static struct model model_of(struct point *p, uint32_t n, struct pointset *set, struct device *d)
{
	*set = (struct pointset){.point = p, .n = n};
	*d = (struct device){.name = "dev",
	                     .id = 7,
	                     .enabled = true,
	                     .set = set,
	                     .rule = {.unit = 7, .max_read = 125, .max_hole = UINT16_MAX}};
	return (struct model){.device = d, .ndevice = 1, .npoint = n, .nbus = 1};
}

/* As model_wants(), of bus 0. */
static size_t wants_made(struct model m, const uint8_t *how, struct want **w, struct unit_rule **r,
                         size_t *nrule)
{
	struct arena *a = arena_create();
	model_index(&m, a);
	const size_t n = model_wants(&m, 0, how, w, r, nrule);
	arena_destroy(a);
	return n;
}

static size_t wants_of(struct point *p, uint32_t n, const uint8_t *on_demand, struct want *out)
{
	struct pointset set;
	struct device d;
	const struct model m = model_of(p, n, &set, &d);
	struct want *w;
	struct unit_rule *r;
	size_t nrule;
	const size_t found = wants_made(m, on_demand, &w, &r, &nrule);
	assert_int_equal(nrule, 1);
	assert_int_equal(r[0].unit, 7);
	assert_true(found <= 16);
	if (found)
		memcpy(out, w, found * sizeof *w);
	free(w);
	free(r);
	return found;
}

static void points_of_one_register_are_one_want_with_the_shortest_period(void **state)
{
	(void)state;
	struct want w[16];
	struct point p[] = {
		{REGISTER("A", TABLE_HOLDING, 50, TYPE_BOOL)},
		{REGISTER("B", TABLE_HOLDING, 50, TYPE_BOOL)},
		{REGISTER("C", TABLE_HOLDING, 50, TYPE_U32)},
		{REGISTER("D", TABLE_INPUT, 50, TYPE_U16)},
		{REGISTER("E", TABLE_HOLDING, 51, TYPE_U16)},
	};
	p[1].period = US_S;
	p[1].prio = CLASS_HIGH;
	p[2].period = 5 * US_S;
	assert_int_equal(wants_of(p, 5, NULL, w), 3);
	assert_int_equal(w[0].len, 2); /* C, and E within it */
	assert_int_equal(w[0].period, 5 * US_S);
	assert_int_equal(w[1].len, 1);
	assert_int_equal(w[1].period, US_S);
	assert_int_equal(w[1].prio, CLASS_HIGH);
	assert_int_equal(w[2].table, TABLE_INPUT);
}

static void only_what_is_configured_is_polled(void **state)
{
	(void)state;
	struct want w[16];
	struct point p[] = {
		{REGISTER("Expr", TABLE_HOLDING, 1, TYPE_U16), .source = SOURCE_EXPR},
		{REGISTER("WriteOnly", TABLE_HOLDING, 2, TYPE_U16), .write = &write_only},
		{REGISTER("OnDemand", TABLE_HOLDING, 3, TYPE_U16), .poll = POLL_ON_DEMAND},
		{REGISTER("Once", TABLE_HOLDING, 4, TYPE_U16)},
		{REGISTER("Covers", TABLE_HOLDING, 4, TYPE_U32)},
		{REGISTER("Alone", TABLE_HOLDING, 9, TYPE_U16)},
	};
	const uint8_t demand[] = {0, 0, 1, 0, 0, 0};
	p[3].period = p[5].period = PERIOD_ONCE;
	assert_int_equal(wants_of(p, 6, NULL, w), 2);
	assert_int_equal(w[0].addr, 4);
	assert_int_equal(w[0].len, 2);
	assert_true(w[1].period == PERIOD_ONCE);
	assert_int_equal(wants_of(p, 6, demand, w), 3);
	assert_int_equal(w[0].addr, 3);
}

static void values_and_groups_are_never_cut(void **state)
{
	(void)state;
	struct want w[16];
	struct point p[] = {
		{REGISTER("Split", TABLE_HOLDING, 690, TYPE_U32)},
		{REGISTER("Far", TABLE_HOLDING, 900, TYPE_U32)},
		{REGISTER("V", TABLE_INPUT, 0, TYPE_F32), .together = "phase"},
		{REGISTER("I", TABLE_INPUT, 6, TYPE_F32), .together = "phase"},
		{REGISTER("Power", TABLE_INPUT, 100, TYPE_S16)},
		{REGISTER("PowerExp", TABLE_INPUT, 103, TYPE_S16)},
	};
	p[0].parts = p[1].parts = 2;
	p[0].addr[1] = 625;
	p[1].addr[1] = 100;
	p[3].period = US_S;
	p[4].exponent_from = 5;
	p[5].period = 60 * US_S;
	assert_int_equal(wants_of(p, 6, NULL, w), 5);
	assert_int_equal(w[0].addr, 100); /* too far apart: two wants */
	assert_int_equal(w[0].len, 1);
	assert_int_equal(w[1].addr, 625); /* one hull */
	assert_int_equal(w[1].len, 66);
	assert_int_equal(w[2].addr, 900);
	assert_int_equal(w[3].addr, 0);
	assert_int_equal(w[3].len, 8);
	assert_int_equal(w[3].period, US_S);
	assert_int_equal(w[4].addr, 100); /* with its exponent, which needs no want of its own */
	assert_int_equal(w[4].len, 4);
}

static void no_hull_goes_over_a_hole_that_is_not_to_be_read(void **state)
{
	(void)state;
	struct point p[] = {
		{REGISTER("Apart", TABLE_HOLDING, 690, TYPE_U32)},
		{REGISTER("Between", TABLE_HOLDING, 660, TYPE_U16)},
		{REGISTER("Power", TABLE_INPUT, 100, TYPE_S16)},
		{REGISTER("PowerExp", TABLE_INPUT, 190, TYPE_S16)},
	};
	struct pointset set;
	struct device d;
	const struct model m = model_of(p, 4, &set, &d);
	struct want *w;
	struct unit_rule *r;
	size_t nrule;
	p[0].parts = 2;
	p[0].addr[1] = 625;
	p[2].exponent_from = 3;
	d.rule.max_hole = 20;
	assert_int_equal(wants_made(m, NULL, &w, &r, &nrule), 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(w[i].len, 1);
	free(w);
	free(r);
}

static void two_registers_whose_hole_is_refused_are_two_wants(void **state)
{
	(void)state;
	struct want w[16];
	struct point p[] = {{REGISTER("Split", TABLE_HOLDING, 120, TYPE_U32)}};
	p[0].parts = 2;
	p[0].addr[1] = 125;
	assert_int_equal(wants_of(p, 1, NULL, w), 1);
	assert_int_equal(w[0].len, 6);
	assert_int_equal(wants_of(p, 1, (const uint8_t[]){WANT_ON_DEMAND}, w), 1);
	assert_int_equal(wants_of(p, 1, (const uint8_t[]){WANT_APART}, w), 2);
	assert_int_equal(w[0].addr, 120);
	assert_int_equal(w[0].len, 1);
	assert_int_equal(w[1].addr, 125);
	assert_int_equal(w[1].len, 1);
}

static void no_hull_crosses_a_window(void **state)
{
	(void)state;
	static const struct window window[] = {{0, 124}, {125, 249}};
	struct point p[] = {{REGISTER("Split", TABLE_HOLDING, 120, TYPE_U32)}};
	struct pointset set;
	struct device d;
	const struct model m = model_of(p, 1, &set, &d);
	struct want *w;
	struct unit_rule *r;
	size_t nrule;
	p[0].parts = 2;
	p[0].addr[1] = 130;
	d.rule.window = window;
	d.rule.nwindow = 2;
	assert_int_equal(wants_made(m, NULL, &w, &r, &nrule), 2);
	free(w);
	free(r);
	d.enabled = false;
	assert_int_equal(wants_made(m, NULL, &w, &r, &nrule), 0);
	assert_int_equal(nrule, 0);
	free(w);
	free(r);
}

static void devices_behind_one_id_share_the_stricter_rule(void **state)
{
	(void)state;
	struct point p[] = {{REGISTER("A", TABLE_HOLDING, 1, TYPE_U16)}};
	struct pointset set = {.point = p, .n = 1};
	struct device d[] = {
		{.name = "a",
	         .id = 7,
	         .enabled = true,
	         .set = &set,
	         .rule = {.max_read = 125, .max_hole = 10, .timeout = 5, .has_mask_write = true}},
		{.name = "ab",
	         .id = 7,
	         .enabled = true,
	         .set = &set,
	         .rule = {.max_read = 60, .max_hole = 20, .timeout = 9}},
		{.name = "c", .bus = 1, .id = 7, .enabled = true, .set = &set},
	};
	static const struct bus_conf bus[] = {{.name = "x"}, {.name = "w"}};
	const struct model m = {.device = d, .ndevice = 3, .bus = bus, .nbus = 2};
	struct want *w;
	struct unit_rule *r;
	size_t nrule;
	assert_int_equal(wants_made(m, NULL, &w, &r, &nrule), 1);
	assert_int_equal(nrule, 1);
	assert_int_equal(r->max_read, 60);
	assert_int_equal(r->max_hole, 10);
	assert_int_equal(r->timeout, 9);
	assert_false(r->has_mask_write);
	free(w);
	free(r);
	assert_int_equal(model_find_bus(&m, "w", 1), 1);
	assert_int_equal(model_find_device(&m, "ab", 2), 1);
	assert_int_equal(model_find_device(&m, "ab", 1), 0);
	assert_int_equal(model_find_device(&m, "abc", 3), -1);
	assert_int_equal(model_find_point(&set, "A", 1), 0);
	assert_int_equal(model_find_point(&set, "AB", 2), -1);
	model_destroy(NULL);
}

static void words_are_gathered_as_the_point_lists_them(void **state)
{
	(void)state;
	const struct device d = {.id = 1};
	struct point p = {REGISTER("Split", TABLE_HOLDING, 12, TYPE_U32)};
	const uint16_t words[] = {100, 101, 102, 103};
	const struct span block = {1, TABLE_HOLDING, 10, 4};
	uint16_t out[4];
	p.parts = 2;
	p.addr[1] = 10;
	const struct span s = model_span(&d, &p);
	assert_int_equal(s.addr, 10);
	assert_int_equal(s.count, 3);
	model_gather(&p, &block, words, out);
	assert_int_equal(out[0], 102);
	assert_int_equal(out[1], 100);
	struct point coil = {REGISTER("Coil", TABLE_COIL, 37, TYPE_BOOL)};
	const struct span bits = {1, TABLE_COIL, 20, 40};
	const uint16_t packed[] = {0, 2, 0};
	model_gather(&coil, &bits, packed, out);
	assert_int_equal(out[0], 1);
	coil.addr[0] = 38;
	model_gather(&coil, &bits, packed, out);
	assert_int_equal(out[0], 0);
}

static const char *printed(const struct point *p, struct value v, const char *unit)
{
	static char buf[VALUE_PRINT_MAX];
	const int len = point_print(p, &v, unit, buf, sizeof buf);
	assert_int_equal(len, strlen(buf));
	return buf;
}

static void topics_show_labels_numbers_and_units(void **state)
{
	(void)state;
	static const struct label mode[] = {{0, "off"}, {1, "local"}, {-2, "error"}};
	static const struct label pump[] = {{0, "idle"}, {1, "running"}};
	struct point p = {REGISTER("Mode", TABLE_HOLDING, 0, TYPE_S16), .label = mode, .nlabel = 3};
	assert_string_equal(printed(&p, value_int(1), "V"), "local");
	assert_string_equal(printed(&p, value_real(1), "V"), "local");
	assert_string_equal(printed(&p, value_int(-2), NULL), "error");
	assert_string_equal(printed(&p, value_int(5), NULL), "5");
	p.label = pump;
	p.nlabel = 2;
	assert_string_equal(printed(&p, value_bool(true), NULL), "running");
	p.nlabel = 0;
	assert_string_equal(printed(&p, value_bool(true), "V"), "on");
	p.codec.decimals = 1;
	assert_string_equal(printed(&p, value_int(5), "°C"), "5.0 °C");
	assert_string_equal(printed(&p, value_int(5), ""), "5.0");
	assert_string_equal(printed(&p, value_none(), "V"), "None");
	assert_string_equal(printed(&p, value_real(NAN), "V"), "None");
	p.codec.decimals = -1;
	assert_string_equal(
		printed(&p, (struct value){.kind = VALUE_DECIMAL, .mant = 5, .places = 9}, NULL),
		"0.000000");
	char small[4];
	const struct value v = value_int(1234);
	p.codec.decimals = 0;
	assert_int_equal(point_print(&p, &v, "V", small, sizeof small), 6);
	assert_string_equal(small, "123");
}

static void exponents_and_factors_are_read_from_the_device(void **state)
{
	(void)state;
	struct point p = {REGISTER("Power", TABLE_HOLDING, 0, TYPE_S16)};
	const uint16_t word = 12345;
	struct value v, exponent = value_int(-2), factor = value_real(0.5), none = value_none();
	p.codec.decimals = -1;
	point_decode(&p, &word, &exponent, NULL, NULL, &v);
	assert_string_equal(printed(&p, v, NULL), "123.45");
	exponent = value_int(2);
	point_decode(&p, &word, &exponent, NULL, NULL, &v);
	assert_string_equal(printed(&p, v, NULL), "1234500");
	uint16_t back = 0, mask = 0;
	assert_int_equal(point_encode(&p, &v, &exponent, NULL, &back, &mask), CODEC_OK);
	assert_int_equal(back, word);
	point_decode(&p, &word, &none, NULL, NULL, &v);
	assert_int_equal(v.kind, VALUE_NONE);
	assert_int_equal(point_encode(&p, &factor, &none, NULL, &back, &mask), CODEC_KIND);
	exponent = value_int(32767);
	point_decode(&p, &word, &exponent, NULL, NULL, &v);
	assert_int_equal(v.kind, VALUE_NONE);
	point_decode(&p, &word, NULL, &factor, NULL, &v);
	assert_true(value_number(&v) == 6172.5);
	assert_int_equal(point_encode(&p, &v, NULL, &factor, &back, &mask), CODEC_OK);
	assert_int_equal(back, word);
	point_decode(&p, &word, NULL, &none, NULL, &v);
	assert_int_equal(v.kind, VALUE_NONE);
	factor = value_real(0);
	assert_int_equal(point_encode(&p, &v, NULL, &factor, &back, &mask), CODEC_KIND);
	p.has_valid = true;
	p.valid_max = 12344;
	point_decode(&p, &word, NULL, NULL, NULL, &v);
	assert_int_equal(v.kind, VALUE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(points_of_one_register_are_one_want_with_the_shortest_period),
		cmocka_unit_test(only_what_is_configured_is_polled),
		cmocka_unit_test(values_and_groups_are_never_cut),
		cmocka_unit_test(no_hull_goes_over_a_hole_that_is_not_to_be_read),
		cmocka_unit_test(two_registers_whose_hole_is_refused_are_two_wants),
		cmocka_unit_test(no_hull_crosses_a_window),
		cmocka_unit_test(devices_behind_one_id_share_the_stricter_rule),
		cmocka_unit_test(words_are_gathered_as_the_point_lists_them),
		cmocka_unit_test(topics_show_labels_numbers_and_units),
		cmocka_unit_test(exponents_and_factors_are_read_from_the_device),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
