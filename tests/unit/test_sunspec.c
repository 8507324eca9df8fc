// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/model/model.h"

/* -- a device with registers ------------------------------------------------------- */

#define NOTHING 0x10000u /* refused */

static uint32_t memory[65536];

static void empty(void)
{
	for (size_t i = 0; i < 65536; i++)
		memory[i] = NOTHING;
}

static uint16_t put(uint16_t at, const uint16_t *word, size_t n)
{
	for (size_t i = 0; i < n; i++)
		memory[at++] = word[i];
	return at;
}

static uint16_t mark(uint16_t at)
{
	return put(at, (uint16_t[]){0x5375, 0x6E53}, 2);
}

static uint16_t model(uint16_t at, uint16_t id, uint16_t length)
{
	at = put(at, (uint16_t[]){id, length}, 2);
	for (uint16_t i = 0; i < length; i++)
		memory[at++] = 7;
	return at;
}

static void end(uint16_t at)
{
	put(at, (uint16_t[]){0xFFFF, 0}, 2);
}

static const uint16_t bases[] = {40000, 50000, 0};

/* Gives how many reads it took. */
static unsigned walk(struct sunspec *s)
{
	unsigned reads = 0;
	sunspec_begin(s);
	for (; sunspec_walks(s); reads++) {
		const uint32_t at = s->walk.next;
		assert_true(at + 1 < 65536);
		assert_true(reads <= SUNSPEC_MODELS_MAX + s->nbase + 1u);
		if (memory[at] == NOTHING || memory[at + 1] == NOTHING)
			sunspec_refused(s);
		else
			sunspec_take(s,
			             (uint16_t[]){(uint16_t)memory[at], (uint16_t)memory[at + 1]});
	}
	return reads;
}

static struct sunspec device(void)
{
	return (struct sunspec){.base = bases, .nbase = 3};
}

static void assert_found(const struct sunspec *s, size_t i, uint16_t id, uint16_t at,
                         uint16_t length)
{
	assert_true(i < s->walk.chain.n);
	assert_int_equal(s->walk.chain.found[i].id, id);
	assert_int_equal(s->walk.chain.found[i].at, at);
	assert_int_equal(s->walk.chain.found[i].length, length);
}

/* -- the walk ---------------------------------------------------------------------- */

static void the_mark_is_looked_for_at_each_base(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct sunspec s = device();
		empty();
		end(model(mark(bases[i]), 1, 66));
		assert_int_equal(walk(&s), i + 3);
		assert_int_equal(s.walk.state, SUNSPEC_FOUND);
		assert_int_equal(s.walk.chain.base, bases[i]);
		assert_int_equal(s.walk.chain.n, 1);
		assert_found(&s, 0, 1, (uint16_t)(bases[i] + 2), 66);
	}
}

static void other_words_at_a_base_are_no_mark(void **state)
{
	(void)state;
	struct sunspec s = device();
	empty();
	put(40000, (uint16_t[]){0x5375, 0x6E54}, 2);
	put(50000, (uint16_t[]){0x6E53, 0x5375}, 2);
	put(0, (uint16_t[]){0, 0}, 2);
	assert_int_equal(walk(&s), 3);
	assert_int_equal(s.walk.state, SUNSPEC_NONE);
	empty();
	assert_int_equal(walk(&s), 3);
	assert_int_equal(s.walk.state, SUNSPEC_NONE);
}

static void unknown_models_are_passed_over(void **state)
{
	(void)state;
	struct sunspec s = device();
	empty();
	end(model(model(model(mark(40000), 1, 65), 64001, 3), 103, 50));
	walk(&s);
	assert_int_equal(s.walk.chain.n, 3);
	assert_found(&s, 0, 1, 40002, 65);
	assert_found(&s, 1, 64001, 40069, 3);
	assert_found(&s, 2, 103, 40074, 50);
}

static void a_model_without_registers_is_passed_over(void **state)
{
	(void)state;
	struct sunspec s = device();
	empty();
	end(model(model(model(mark(40000), 1, 66), 122, 0), 103, 50));
	walk(&s);
	assert_int_equal(s.walk.chain.n, 3);
	assert_found(&s, 2, 103, 40072, 50);
}

static void a_chain_without_end_is_what_was_found(void **state)
{
	(void)state;
	struct sunspec s = device();
	empty();
	model(model(mark(40000), 1, 66), 103, 50); /* and then it refuses */
	walk(&s);
	assert_int_equal(s.walk.state, SUNSPEC_FOUND);
	assert_int_equal(s.walk.chain.n, 2);
	for (uint32_t i = 40122; i < 65536; i++)
		memory[i] = 0; /* or has zeros */
	walk(&s);
	assert_int_equal(s.walk.state, SUNSPEC_FOUND);
	assert_int_equal(s.walk.chain.n, 2);
}

static void a_chain_that_breaks_off_at_once_is_none(void **state)
{
	(void)state;
	struct sunspec s = device();
	empty();
	mark(40000);
	walk(&s);
	assert_int_equal(s.walk.state, SUNSPEC_NONE);
	end(40002);
	walk(&s);
	assert_int_equal(s.walk.state, SUNSPEC_NONE);
}

static void a_length_beyond_all_registers_ends_it(void **state)
{
	(void)state;
	struct sunspec s = device();
	empty();
	const uint16_t at = model(mark(40000), 1, 66);
	put(at, (uint16_t[]){103, 65535}, 2);
	walk(&s);
	assert_int_equal(s.walk.state, SUNSPEC_FOUND);
	assert_int_equal(s.walk.chain.n, 1);
	put(at, (uint16_t[]){103, (uint16_t)(65536 - at - 2)}, 2); /* just fits */
	walk(&s);
	assert_int_equal(s.walk.chain.n, 2);
	put(at, (uint16_t[]){103, (uint16_t)(65536 - at - 3)}, 2); /* no head fits behind it */
	walk(&s);
	assert_int_equal(s.walk.chain.n, 2);
	put(at, (uint16_t[]){103, (uint16_t)(65536 - at - 1)}, 2);
	walk(&s);
	assert_int_equal(s.walk.chain.n, 1);
}

static void a_base_at_the_end_of_all_registers_is_none(void **state)
{
	(void)state;
	static const uint16_t last[] = {65535, 65534};
	struct sunspec s = {.base = last, .nbase = 2};
	empty();
	mark(65534);
	walk(&s);
	assert_int_equal(s.walk.state, SUNSPEC_NONE);
}

static uint64_t seed;

static uint32_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 16);
}

/* Registers of a device that means no good: the walk ends, and reads nothing outside. */
static void any_chain_ends(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		const uint64_t first = seed = 88172645463325252u + round;
		struct sunspec s = device();
		empty();
		uint32_t at = bases[draw() % 3];
		mark((uint16_t)at);
		for (at += 2; at + 2 <= 65536 && draw() % 40;) {
			const uint32_t length = draw() % 8 ? draw() % 200 : draw() % 65536;
			memory[at] = draw() % 20 ? draw() % 1000 : draw() % 65536;
			memory[at + 1] = draw() % 30 ? length : 0;
			at += 2 + memory[at + 1];
		}
		walk(&s);
		const struct sunspec_chain *c = &s.walk.chain;
		if (s.walk.state != SUNSPEC_FOUND && s.walk.state != SUNSPEC_NONE)
			printf("seed %llu\n", (unsigned long long)first);
		assert_true(s.walk.state == SUNSPEC_FOUND || s.walk.state == SUNSPEC_NONE);
		for (uint16_t i = 0; i < c->n; i++) {
			const uint32_t next = c->found[i].at + 2u + c->found[i].length;
			assert_true(next <= 65536);
			assert_true(i + 1 == c->n || c->found[i + 1].at == next);
		}
	}
}

static void thousands_of_models_are_no_chain_to_follow(void **state)
{
	(void)state;
	struct sunspec s = device();
	empty();
	uint16_t at = mark(40000);
	for (unsigned i = 0; i < 1000; i++)
		at = model(at, 9, 0);
	walk(&s);
	assert_int_equal(s.walk.chain.n, SUNSPEC_MODELS_MAX);
}

/* -- the binding ------------------------------------------------------------------- */

static const uint16_t common_ids[] = {1}, inverter_ids[] = {101, 102, 103}, mppt_ids[] = {160};

struct rig {
	struct point point[8];
	struct sunspec_part part[4];
	struct sunspec s;
	struct pointset set;
	struct device d;
};

#define POINT(name_, part_, offset_)                                                               \
	.name = name_, .table = TABLE_HOLDING, .parts = 1, .part = part_, .offset = {offset_},     \
	.codec = {.type = TYPE_U16}, .exponent_from = -1, .factor_from = -1, .count_from = -1,     \
	.period = US_S

static void rig_make(struct rig *r)
{
	*r = (struct rig){
		.point = {{POINT("Fixed", 0, 0), .addr = {5}},
	                  {POINT("Address", 1, 66)},
	                  {POINT("Watts", 2, 14)},
	                  {POINT("WattsExponent", 2, 15)},
	                  {POINT("Volts3", 3, 50)},
	                  {POINT("VoltsExponent", 3, 3)},
	                  {POINT("Second", 4, 14)},
	                  {POINT("Far", 3, 130)}},
		.part = {{.name = "common", .id = common_ids, .nid = 1, .nth = 1, .length = 66},
	                 {.name = "inverter", .id = inverter_ids, .nid = 3, .nth = 1, .length = 50},
	                 {.name = "mppt", .id = mppt_ids, .nid = 1, .nth = 1, .length = 148},
	                 {.name = "inverter2",
	                  .id = inverter_ids,
	                  .nid = 3,
	                  .nth = 2,
	                  .length = 50}},
	};
	r->point[2].exponent_from = 3;
	r->point[4].exponent_from = 5;
	r->s = (struct sunspec){.base = bases,
	                        .nbase = 3,
	                        .part = r->part,
	                        .npart = 4,
	                        .point = r->point,
	                        .npoint = 8};
	r->set = (struct pointset){.point = r->point, .n = 8, .sunspec = &r->s};
	r->d = (struct device){.name = "dev",
	                       .id = 7,
	                       .enabled = true,
	                       .set = &r->set,
	                       .rule = {.unit = 7, .max_read = 125, .max_hole = UINT16_MAX}};
}

static unsigned bind_walked(struct rig *r)
{
	walk(&r->s);
	assert_int_equal(r->s.walk.state, SUNSPEC_FOUND);
	return sunspec_bind(&r->d, &r->s.walk.chain);
}

static void the_usual_layout_has_the_models_in_their_order(void **state)
{
	(void)state;
	struct rig r;
	struct sunspec_chain c;
	rig_make(&r);
	assert_true(sunspec_layout(&r.s, &c));
	assert_int_equal(sunspec_bind(&r.d, &c), 4);
	assert_int_equal(r.point[0].addr[0], 5);
	assert_int_equal(r.point[1].addr[0], 40068);
	assert_int_equal(r.point[2].addr[0], 40084);
	assert_int_equal(r.point[4].addr[0], 40172);
	r.part[2].length = 26000;
	assert_false(sunspec_layout(&r.s, &c));
}

static void points_are_where_their_models_were_found(void **state)
{
	(void)state;
	struct rig r;
	rig_make(&r);
	empty();
	end(model(model(model(mark(50000), 160, 148), 102, 50), 1, 66));
	assert_int_equal(bind_walked(&r), 3);
	assert_int_equal(r.point[4].addr[0], 50052);
	assert_int_equal(r.point[2].addr[0], 50152 + 14);
	assert_int_equal(r.point[1].addr[0], 50204 + 66);
	assert_true(r.point[6].absent); /* there is no second inverter */
	assert_false(r.point[0].absent);
}

static void a_point_behind_its_models_end_is_absent(void **state)
{
	(void)state;
	struct rig r;
	for (uint16_t length = 64; length <= 66; length++) {
		rig_make(&r);
		empty();
		end(model(mark(40000), 1, length));
		bind_walked(&r);
		assert_int_equal(r.point[1].absent, length < 65);
	}
}

static void what_needs_an_absent_point_is_absent(void **state)
{
	(void)state;
	struct rig r;
	rig_make(&r);
	empty();
	end(model(mark(40000), 101, 13)); /* ends between the watts and their exponent */
	bind_walked(&r);
	assert_true(r.point[3].absent);
	assert_true(r.point[2].absent);
	end(model(mark(40000), 101, 12));
	bind_walked(&r);
	assert_true(r.point[2].absent);
	end(model(mark(40000), 101, 14));
	bind_walked(&r);
	assert_false(r.point[2].absent);
}

static void the_second_of_equal_models_is_found(void **state)
{
	(void)state;
	struct rig r;
	rig_make(&r);
	empty();
	end(model(model(model(mark(40000), 101, 50), 1, 66), 103, 50));
	bind_walked(&r);
	assert_int_equal(r.point[2].addr[0], 40016);
	assert_int_equal(r.point[6].addr[0], 40002 + 52 + 68 + 14);
}

static bool wants_cover(const struct want *w, size_t n, uint16_t addr, uint16_t len)
{
	for (size_t i = 0; i < n; i++)
		if (w[i].addr == addr && w[i].len == len)
			return true;
	return false;
}

static size_t wants_of(const struct rig *r, struct want *out)
{
	struct model m = {.device = &r->d, .ndevice = 1, .npoint = 8, .nbus = 1};
	struct arena *a = arena_create();
	struct unit_rule *rule;
	struct want *w;
	size_t nrule;
	model_index(&m, a);
	const size_t n = model_wants(&m, 0, NULL, &w, &rule, &nrule);
	arena_destroy(a);
	memcpy(out, w, n * sizeof *w);
	free(w);
	free(rule);
	return n;
}

static void models_are_read_with_their_heads(void **state)
{
	(void)state;
	struct rig r;
	struct want w[8];
	rig_make(&r);
	empty();
	end(model(model(model(mark(50000), 160, 148), 102, 50), 1, 66));
	bind_walked(&r);
	const size_t n = wants_of(&r, w);
	assert_int_equal(n, 4);
	assert_true(wants_cover(w, n, 5, 1));
	assert_true(wants_cover(w, n, 50002, 51));
	assert_true(wants_cover(w, n, 50152, 16));
	assert_true(wants_cover(w, n, 50204, 67));
	assert_true(r.point[7].absent); /* not within one read of its model's head */
}

static void an_unbound_device_wants_what_the_walk_reads_next(void **state)
{
	(void)state;
	struct rig r;
	struct want w[8];
	rig_make(&r);
	sunspec_begin(&r.s);
	assert_int_equal(wants_of(&r, w), 1);
	assert_true(wants_cover(w, 1, 40000, 2));
	sunspec_take(&r.s, (uint16_t[]){0x5375, 0x6E53});
	assert_int_equal(wants_of(&r, w), 1);
	assert_true(wants_cover(w, 1, 40002, 2));
}

static void a_head_that_changed_is_seen(void **state)
{
	(void)state;
	const struct sunspec_part p = {.is = {103, 40070, 50}};
	assert_true(sunspec_holds(&p, (uint16_t[]){103, 50}));
	assert_false(sunspec_holds(&p, (uint16_t[]){103, 52}));
	assert_false(sunspec_holds(&p, (uint16_t[]){101, 50}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mark_is_looked_for_at_each_base),
		cmocka_unit_test(other_words_at_a_base_are_no_mark),
		cmocka_unit_test(unknown_models_are_passed_over),
		cmocka_unit_test(a_model_without_registers_is_passed_over),
		cmocka_unit_test(a_chain_without_end_is_what_was_found),
		cmocka_unit_test(a_chain_that_breaks_off_at_once_is_none),
		cmocka_unit_test(a_length_beyond_all_registers_ends_it),
		cmocka_unit_test(a_base_at_the_end_of_all_registers_is_none),
		cmocka_unit_test(any_chain_ends),
		cmocka_unit_test(thousands_of_models_are_no_chain_to_follow),
		cmocka_unit_test(the_usual_layout_has_the_models_in_their_order),
		cmocka_unit_test(points_are_where_their_models_were_found),
		cmocka_unit_test(a_point_behind_its_models_end_is_absent),
		cmocka_unit_test(what_needs_an_absent_point_is_absent),
		cmocka_unit_test(the_second_of_equal_models_is_found),
		cmocka_unit_test(models_are_read_with_their_heads),
		cmocka_unit_test(an_unbound_device_wants_what_the_walk_reads_next),
		cmocka_unit_test(a_head_that_changed_is_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
