// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/schedule/plan.h"
#include "rng.h"

#define SMALL 7 /* wants of a map whose partitions are all tried: 877 */
#define LARGE 300
#define SEED 20261121u

static struct wire wire_of(uint32_t baud)
{
	struct wire w;
	wire_init(&w, baud, 8, 'N', 1, 0);
	return w;
}

static const struct plan_limits plain = {
	.max_read = 125, .max_hole = UINT16_MAX, .turnaround = 5 * US_MS};

static struct want holding(uint16_t addr, uint16_t len)
{
	return (struct want){
		.unit = 1, .table = TABLE_HOLDING, .addr = addr, .len = len, .period = US_S};
}

/* -- what the examples say ---------------------------------------------------- */

static size_t cover(const struct wire *w, const struct plan_limits *l, const struct want *want,
                    size_t n, struct span *block)
{
	const struct want *p[LARGE];
	for (size_t i = 0; i < n; i++)
		p[i] = &want[i];
	return plan_cover(w, l, p, n, block);
}

static void a_hole_of_ten_registers_is_bridged_at_9600_and_one_of_twelve_is_not(void **state)
{
	(void)state;
	const struct wire w = wire_of(9600);
	/* a request more costs 13 characters, a silence and the turnaround: 22.2 ms, 10.6 registers
	 */
	const struct want near[] = {holding(0, 2), holding(12, 2)};
	const struct want far[] = {holding(0, 2), holding(14, 2)};
	struct span block[2];
	assert_int_equal(cover(&w, &plain, near, 2, block), 1);
	assert_int_equal(block[0].count, 14);
	assert_int_equal(cover(&w, &plain, far, 2, block), 2);
}

static void of_a_slow_device_more_is_read_at_once(void **state)
{
	(void)state;
	const struct wire w = wire_of(9600);
	struct plan_limits l = plain;
	l.turnaround = 40 * US_MS;
	const struct want want[] = {holding(0, 2), holding(28, 2)};
	struct span block[2];
	assert_int_equal(cover(&w, &l, want, 2, block), 1);
}

static void no_exchange_takes_longer_than_a_command_may_wait(void **state)
{
	(void)state;
	const struct wire w = wire_of(1200);
	struct want want[60];
	for (uint16_t i = 0; i < 60; i++)
		want[i] = holding(i, 1);
	struct span block[60];
	const size_t n = cover(&w, &plain, want, 60, block);
	for (size_t i = 0; i < n; i++)
		assert_true(wire_read(&w, TABLE_HOLDING, block[i].count, 0) <= PLAN_EXCHANGE_MAX);
	assert_true(n > 1);
}

static void a_tcp_device_gets_as_few_requests_as_its_limits_allow(void **state)
{
	(void)state;
	const struct wire w = wire_of(0);
	const struct want want[] = {holding(0, 1), holding(60, 1), holding(120, 10),
	                            holding(129, 4)};
	struct plan_limits l = plain;
	l.turnaround = 0;
	struct span block[4];
	assert_int_equal(cover(&w, &l, want, 4, block), 2);
	assert_int_equal(block[0].count + block[1].count, 61 + 13);
}

static void a_want_over_a_limit_gets_a_block_alone(void **state)
{
	(void)state;
	const struct wire w = wire_of(9600);
	struct plan_limits l = plain;
	l.max_read = 4;
	const struct want want[] = {holding(0, 2), holding(2, 8), holding(10, 2)};
	struct span block[3];
	assert_int_equal(cover(&w, &l, want, 3, block), 3);
	assert_int_equal(block[1].count, 8);
}

static void bits_are_counted_sixteen_to_a_register_and_2000_at_most(void **state)
{
	(void)state;
	const struct wire w = wire_of(115200);
	struct want want[2] = {holding(0, 1), holding(1999, 1)};
	want[0].table = want[1].table = TABLE_COIL;
	struct span block[2];
	assert_int_equal(wire_read(&w, TABLE_COIL, 2000, 0) <= PLAN_EXCHANGE_MAX, 1);
	struct plan_limits l = plain;
	l.turnaround = 100 * US_MS;
	assert_int_equal(cover(&w, &l, want, 2, block), 1);
	assert_int_equal(block[0].count, 2000);
	want[1].addr = 2000;
	assert_int_equal(cover(&w, &l, want, 2, block), 2);
	l.max_read = 10;
	want[1].addr = 159;
	assert_int_equal(cover(&w, &l, want, 2, block), 1);
	want[1].addr = 160;
	assert_int_equal(cover(&w, &l, want, 2, block), 2);
}

static void nothing_due_is_nothing_to_read(void **state)
{
	(void)state;
	const struct wire w = wire_of(9600);
	struct span block[1];
	assert_int_equal(plan_cover(&w, &plain, NULL, 0, block), 0);
}

/* -- properties over random maps --------------------------------------------- */

struct map {
	struct wire wire;
	struct plan_limits limits;
	struct window window[3];
	struct cut cut[3];
	struct want want[LARGE];
	const struct want *sorted[LARGE];
	size_t n;
};

static int by_address(const void *a, const void *b)
{
	const struct want *x = *(const struct want *const *)a, *y = *(const struct want *const *)b;
	return x->addr != y->addr ? x->addr - y->addr : x->len - y->len;
}

static void map_random(struct map *m, size_t most)
{
	static const uint32_t bauds[] = {0, 1200, 9600, 19200, 115200};
	static const uint16_t holes[] = {0, 3, 20, UINT16_MAX, UINT16_MAX};
	memset(m, 0, sizeof *m);
	m->wire = wire_of(bauds[below(5)]);
	const uint8_t table = (uint8_t)below(4);
	const unsigned room = table_is_bits(table) ? 10 + below(6000) : 10 + below(400);
	m->limits = (struct plan_limits){
		.max_read = (uint16_t)(below(2) ? 125 : 1 + below(125)),
		.max_hole = holes[below(5)],
		.turnaround = below(4) ? below(60000) : 0,
		.window = m->window,
		.cut = m->cut,
	};
	uint16_t at = 0;
	while (m->limits.nwindow < 3 && below(3) == 0) {
		struct window *w = &m->window[m->limits.nwindow++];
		w->first = (uint16_t)(at + below(room / 3));
		w->last = (uint16_t)(w->first + below(room / 3));
		at = (uint16_t)(w->last + 1);
	}
	while (m->limits.ncut < 3 && below(2) == 0)
		m->cut[m->limits.ncut++] = (struct cut){
			.table = below(5) ? table : (uint8_t)below(4),
			.addr = (uint16_t)below(room),
			.len = (uint16_t)(1 + below(3)),
		};
	m->n = 1 + below((unsigned)most);
	for (size_t i = 0; i < m->n; i++) {
		m->want[i] = (struct want){
			.unit = 1,
			.table = table,
			.addr = (uint16_t)below(room),
			.len = (uint16_t)(1 + below(below(8) ? 4 : 40)),
			.barrier = below(12) == 0,
		};
		m->sorted[i] = &m->want[i];
	}
	qsort(m->sorted, m->n, sizeof m->sorted[0], by_address);
}

/* The rules once more, cell by cell, in the simplest words. */

static bool wanted_in(const struct map *m, const uint8_t *member, unsigned cell)
{
	for (size_t i = 0; i < m->n; i++)
		if (member[i] && cell >= m->sorted[i]->addr &&
		    cell < (unsigned)m->sorted[i]->addr + m->sorted[i]->len)
			return true;
	return false;
}

static bool cell_is_cut(const struct map *m, unsigned cell)
{
	for (size_t i = 0; i < m->limits.ncut; i++)
		if (m->cut[i].table == m->want[0].table && cell >= m->cut[i].addr &&
		    cell < (unsigned)m->cut[i].addr + m->cut[i].len)
			return true;
	return false;
}

static int window_of(const struct map *m, unsigned cell)
{
	for (int i = 0; i < m->limits.nwindow; i++)
		if (cell >= m->window[i].first && cell <= m->window[i].last)
			return i;
	return -1;
}

/* May one read be all of [addr, end), a group of these members? (Judged without "alone".) */
static bool span_allowed(const struct map *m, const uint8_t *member, unsigned addr, unsigned end)
{
	const uint8_t table = m->want[0].table;
	unsigned most = table_is_bits(table) ? 16u * m->limits.max_read : m->limits.max_read;
	if (most > (table_is_bits(table) ? 2000u : 125u))
		most = table_is_bits(table) ? 2000 : 125;
	if (end - addr > most)
		return false;
	if (end - addr > 1 && wire_read(&m->wire, table, end - addr, 0) > PLAN_EXCHANGE_MAX)
		return false;
	unsigned hole = 0;
	for (unsigned cell = addr; cell < end; cell++) {
		if (cell_is_cut(m, cell) || window_of(m, cell) != window_of(m, addr))
			return false;
		hole = wanted_in(m, member, cell) ? 0 : hole + 1;
		if (hole > m->limits.max_hole)
			return false;
	}
	return true;
}

static bool alone(const struct map *m, size_t i)
{
	uint8_t member[LARGE] = {0};
	member[i] = 1;
	return m->sorted[i]->barrier ||
	       !span_allowed(m, member, m->sorted[i]->addr,
	                     (unsigned)m->sorted[i]->addr + m->sorted[i]->len);
}

/* The wire time of one group, or -1 if it may not be one read. */
static us_t group_cost(const struct map *m, const uint8_t *member, const bool *is_alone)
{
	unsigned addr = UINT16_MAX, end = 0;
	size_t count = 0, first = m->n, last = 0;
	for (size_t i = 0; i < m->n; i++) {
		if (!member[i])
			continue;
		const unsigned e = (unsigned)m->sorted[i]->addr + m->sorted[i]->len;
		addr = m->sorted[i]->addr < addr ? m->sorted[i]->addr : addr;
		end = e > end ? e : end;
		first = i < first ? i : first;
		last = i;
		count++;
	}
	if (count == 0)
		return 0;
	for (size_t i = first; i <= last && count > 1; i++)
		if (is_alone[i])
			return -1;
	if (count > 1 && !span_allowed(m, member, addr, end))
		return -1;
	return wire_read(&m->wire, m->want[0].table, end - addr, m->limits.turnaround);
}

/* Best of all partitions of the wants, want i onwards: group[i] is where it goes. */
static us_t brute(const struct map *m, const bool *is_alone, uint8_t *group, size_t i,
                  uint8_t groups)
{
	if (i == m->n) {
		us_t sum = 0;
		for (uint8_t g = 0; g < groups; g++) {
			uint8_t member[SMALL];
			for (size_t k = 0; k < m->n; k++)
				member[k] = group[k] == g;
			const us_t cost = group_cost(m, member, is_alone);
			if (cost < 0)
				return US_NEVER;
			sum += cost;
		}
		return sum;
	}
	us_t best = US_NEVER;
	for (uint8_t g = 0; g <= groups; g++) {
		group[i] = g;
		const us_t sum =
			brute(m, is_alone, group, i + 1, g == groups ? groups + 1 : groups);
		best = sum < best ? sum : best;
	}
	return best;
}

static us_t plan_cost(const struct map *m, const struct span *block, size_t n)
{
	us_t sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += wire_read(&m->wire, block[i].table, block[i].count, m->limits.turnaround);
	return sum;
}

static void small_plans_cost_what_the_best_of_all_partitions_costs(void **state)
{
	(void)state;
	rng = SEED;
	for (int round = 0; round < 3000; round++) {
		const uint32_t seed = rng;
		struct map m;
		map_random(&m, SMALL);
		bool is_alone[SMALL];
		for (size_t i = 0; i < m.n; i++)
			is_alone[i] = alone(&m, i);
		struct span block[SMALL];
		uint8_t group[SMALL];
		const size_t n = plan_cover(&m.wire, &m.limits, m.sorted, m.n, block);
		const us_t best = brute(&m, is_alone, group, 0, 0);
		/* times are rounded up to 1 us a read */
		if (plan_cost(&m, block, n) < best || plan_cost(&m, block, n) > best + (us_t)n)
			fail_msg("seed %u: plan %lld µs, best %lld µs", seed,
			         (long long)plan_cost(&m, block, n), (long long)best);
	}
}

/* Every want inside exactly the one block that is its own; blocks are allowed and cover nothing
 * else. */
static const char *fault(const struct map *m, const struct span *block, size_t n)
{
	size_t owner[LARGE];
	for (size_t i = 0; i < m->n; i++) {
		const struct span b = plan_block(&m->wire, &m->limits, m->sorted, m->n, i);
		if (b.addr > m->sorted[i]->addr ||
		    (unsigned)b.addr + b.count < (unsigned)m->sorted[i]->addr + m->sorted[i]->len)
			return "a want is cut";
		/* wants and blocks come in one order; one that must be alone does not share the
		 * last block */
		owner[i] = i == 0 ? 0 : owner[i - 1] + (alone(m, i) || alone(m, i - 1));
		for (; owner[i] < n; owner[i]++)
			if (block[owner[i]].addr == b.addr && block[owner[i]].count == b.count)
				break;
		if (owner[i] == n)
			return "plan_block and plan_cover differ";
	}
	for (size_t k = 0; k < n; k++) {
		uint8_t member[LARGE] = {0};
		size_t members = 0;
		for (size_t i = 0; i < m->n; i++) {
			member[i] = owner[i] == k;
			members += owner[i] == k;
		}
		if (k > 0 && block[k].addr < block[k - 1].addr)
			return "blocks out of order";
		if (block[k].unit != 1 || block[k].table != m->want[0].table)
			return "another unit or table";
		if (!wanted_in(m, member, block[k].addr) ||
		    !wanted_in(m, member, (unsigned)block[k].addr + block[k].count - 1))
			return "a block longer than its wants";
		if (members > 1 && !span_allowed(m, member, block[k].addr,
		                                 (unsigned)block[k].addr + block[k].count))
			return "a limit or a forbidden address";
	}
	return NULL;
}

static void
plans_of_random_maps_keep_every_rule_and_never_cost_more_than_one_read_each(void **state)
{
	(void)state;
	rng = SEED;
	for (int round = 0; round < 1500; round++) {
		const uint32_t seed = rng;
		struct map m;
		map_random(&m, round % 10 ? 40 : LARGE);
		struct span block[LARGE];
		const size_t n = plan_cover(&m.wire, &m.limits, m.sorted, m.n, block);
		const char *why = fault(&m, block, n);
		if (why)
			fail_msg("seed %u: %s", seed, why);
		us_t naive = 0;
		for (size_t i = 0; i < m.n; i++)
			naive += wire_read(&m.wire, m.want[0].table, m.sorted[i]->len,
			                   m.limits.turnaround);
		if (plan_cost(&m, block, n) > naive)
			fail_msg("seed %u: dearer than one read a want", seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_hole_of_ten_registers_is_bridged_at_9600_and_one_of_twelve_is_not),
		cmocka_unit_test(of_a_slow_device_more_is_read_at_once),
		cmocka_unit_test(no_exchange_takes_longer_than_a_command_may_wait),
		cmocka_unit_test(a_tcp_device_gets_as_few_requests_as_its_limits_allow),
		cmocka_unit_test(a_want_over_a_limit_gets_a_block_alone),
		cmocka_unit_test(bits_are_counted_sixteen_to_a_register_and_2000_at_most),
		cmocka_unit_test(nothing_due_is_nothing_to_read),
		cmocka_unit_test(small_plans_cost_what_the_best_of_all_partitions_costs),
		cmocka_unit_test(
			plans_of_random_maps_keep_every_rule_and_never_cost_more_than_one_read_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
