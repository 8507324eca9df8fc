// SPDX-License-Identifier: MIT
/*
 * The scheduler, the turn and the exchange, explored: every order of up to three faults on the
 * first requests of a life, breadth first, states met before left out (by a hash over what both
 * machines know, on a grid of 10 ms). In each state three things must hold:
 *
 * - no wrong value: what was read was said by the device in this very exchange;
 * - no double write: a command reaches the device once at most, and is reported as it was; one that
 *   sets bits puts back what was read in its own turn;
 * - progress: from here on without faults each want that can be read is read again within a
 *   bounded number of requests and a bounded time. doc/line.md states the bounds.
 *
 * EXPLORE_DEPTH (requests that may be struck, default below) and EXPLORE_FAULTS go deeper.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/arena.h"
#include "explore_world.h"

#define DEPTH_MAX 24

/* -- states ----------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, int64_t v)
{
	h = (h ^ (uint64_t)v) * 0x9E3779B97F4A7C15u;
	return h ^ h >> 29;
}

/* A time, from now on, on the grid; what is long over is all the same. */
static uint64_t mix_time(uint64_t h, us_t t, us_t now)
{
	if (t == US_NEVER || t == NEVER_READ)
		return mix(h, t);
	const us_t far = 100 * US_S;
	const us_t d = t - now < -far ? -far : t - now > far ? far : t - now;
	return mix(h, (d + far) / GRID);
}

static uint64_t mix_peer(uint64_t h, const struct peer *p, us_t now)
{
	for (int i = 0; i < PEER_BARS; i++) {
		const struct bar *b = &p->bar[i];
		if (b->until <= now)
			continue;
		h = mix(h,
		        (uint64_t)b->sig.fc << 24 | (uint64_t)b->sig.answer_len << 16 | b->normal);
		h = mix_time(h, b->until, now);
	}
	h = mix(h, p->full | p->unsure << 1 | p->doubt << 2 | p->deaf << 3 | p->doublings << 11);
	h = mix_time(h, us_max(p->ready_at, now), now);
	return mix_time(h, us_max(p->mute_until, now), now);
}

static uint64_t mix_unit(uint64_t h, const struct schedule *s, const struct unit *u, us_t now)
{
	h = mix_peer(h, &u->peer, now);
	h = mix(h, u->state | u->fails << 2 | u->pass << 10 | u->suspect << 11 |
	                   u->reported_offline << 12 | u->searching << 13 | u->no_longer << 14);
	h = mix_time(h, us_max(u->wait_until, now), now);
	h = mix(h, u->loss | u->nloss << 16);
	h = mix(h, u->most[0] | (int64_t)u->good[0] << 16 | (int64_t)u->nlearnt << 32);
	for (size_t i = u->first; i < u->first + u->n; i++) {
		const struct node *n = &s->node[i];
		h = mix_time(h, n->due, now);
		h = mix_time(h, n->base, now);
		h = mix(h, n->strikes | n->unwell << 8 | (u->good_at > n->failed_at) << 16);
		h = mix(h, n->group | n->refused << 8 | n->aside << 16 | n->passed << 17 |
		                   n->doubted << 18 | (n->last == NEVER_READ) << 19);
	}
	return h;
}

static uint64_t state_of(const struct world *w)
{
	uint64_t h = mix(1, w->scene->ids | w->writes << 1 | w->executed << 4);
	h = mix(h, w->schedule->changes | w->schedule->failed << 4 | w->schedule->again.count << 5);
	for (size_t i = 0; i < w->schedule->nunit; i++)
		h = mix_unit(h, w->schedule, w->schedule->unit[i], w->now);
	for (size_t i = 0; i < w->nwaiting; i++) {
		h = mix_time(h, w->waiting[i].at, w->now);
		h = mix(h, w->waiting[i].bytes[1] << 8 | w->waiting[i].n);
	}
	for (size_t i = 0; i < w->nheld; i++)
		h = mix(h, w->held[i].bytes[1] << 8 | w->held[i].n);
	return mix_time(mix(h, (int64_t)w->schedule->njob), us_max(w->line.last_end, w->now),
	                w->now);
}

/* The states met: open addressing, grown by doubling. */
static struct {
	uint64_t *slot;
	size_t n, room;
} met;

static bool met_before(uint64_t h)
{
	if (2 * (met.n + 1) > met.room) {
		uint64_t *old = met.slot;
		const size_t room = met.room;
		met.room = room ? 2 * room : 4096;
		met.slot = mem_alloc(met.room, sizeof *met.slot);
		met.n = 0;
		for (size_t i = 0; i < room; i++)
			if (old[i])
				met_before(old[i]);
		free(old);
	}
	h = h ? h : 1;
	size_t i = h & (met.room - 1);
	for (; met.slot[i]; i = (i + 1) & (met.room - 1))
		if (met.slot[i] == h)
			return true;
	met.slot[i] = h;
	met.n++;
	return false;
}

/* -- the search ------------------------------------------------------------------- */

struct path {
	uint8_t fault[DEPTH_MAX];
	uint8_t faults;
};

struct worst {
	unsigned requests;
	us_t time;
};

static bool readable(const struct scene *s, const struct want *w)
{
	const struct device *d = &s->device[w->unit - 1];
	return !d->bad || d->bad < w->addr || d->bad >= w->addr + w->len;
}

/* Put off for a while, or set aside: then a time is the bound, however much is asked meanwhile. */
static bool waits(const struct world *w, const struct want *want)
{
	for (size_t i = 0; i < w->schedule->n; i++) {
		const struct node *n = &w->schedule->node[i];
		if (n->want.unit == want->unit && n->want.addr == want->addr)
			return n->due > w->now;
	}
	return false;
}

/* One turn; adds to the requests that the unread wants' units got while these were due. */
static bool progress_turn(struct world *w, unsigned from, unsigned *asked)
{
	const struct scene *s = w->scene;
	unsigned before[UNITS];
	bool counts[WANTS_MAX], all = true;
	memcpy(before, w->asked, sizeof before);
	for (size_t i = 0; i < s->n; i++)
		counts[i] =
			w->read_at[i] <= from && readable(s, &s->want[i]) && !waits(w, &s->want[i]);
	turn_once(w);
	for (size_t i = 0; i < s->n; i++) {
		const unsigned u = s->want[i].unit - 1;
		asked[i] += counts[i] ? w->asked[u] - before[u] : 0;
		all &= w->read_at[i] > from || !readable(s, &s->want[i]);
	}
	return all;
}

/* From here on nothing is spoilt: each want is read again, soon. */
static bool progress(struct world *w, struct worst *worst)
{
	const struct scene *s = w->scene;
	const unsigned from = w->requests;
	const us_t start = w->now;
	unsigned asked[WANTS_MAX] = {0};
	bool all = false;
	while (!all && w->now - start <= s->time)
		all = progress_turn(w, from, asked);
	for (size_t i = 0; i < s->n; i++) {
		all &= asked[i] <= s->requests;
		if (asked[i] > worst->requests)
			worst->requests = asked[i];
	}
	worst->time = us_max(worst->time, w->now - start);
	return all;
}

/* Runs the path; false: it ends in a state that was met before. */
static bool explore_path(const struct scene *s, const struct path *p, unsigned depth,
                         struct worst *worst)
{
	static struct world w;
	const bool again = trace;
	world_begin(&w, s, p->fault, depth);
	const us_t end = w.now + 60 * US_S;
	while (w.requests < depth && w.now < end)
		turn_once(&w);
	if (trace && trace--)
		print_message("%9.3f s: from here on nothing is spoilt\n",
		              (double)(w.now % (1000 * US_S)) / 1e6);
	/* a turn that sent more than was chosen yet is no state of its own */
	const bool fresh = again || w.requests > depth || !met_before(state_of(&w));
	if (fresh && !progress(&w, worst) && !w.wrong)
		w.wrong = "not read again in time";
	schedule_destroy(w.schedule);
	if (w.wrong && again)
		fail_msg("%s: %s", s->name, w.wrong);
	trace = w.wrong ? TRACE_LINES : 0;
	return trace ? explore_path(s, p, depth, worst) : fresh;
}

static unsigned wish(const char *name, unsigned standard)
{
	const char *text = getenv(name);
	return text ? (unsigned)strtoul(text, NULL, 10) : standard;
}

static void explore(const struct scene *s)
{
	const unsigned most = wish("EXPLORE_FAULTS", 3);
	const unsigned wished = s->depth ? s->depth : wish("EXPLORE_DEPTH", 7);
	const unsigned depth = wished < DEPTH_MAX ? wished : DEPTH_MAX;
	struct path *now = mem_alloc(1, sizeof *now), *next = NULL;
	size_t n = 1, paths = 0;
	struct worst worst = {0};
	trace = 0;
	met.n = 0;
	free(met.slot);
	met.slot = NULL;
	met.room = 0;
	for (unsigned d = 0; d < depth; d++) {
		size_t m = 0;
		next = mem_alloc(n * FAULTS, sizeof *next);
		for (size_t i = 0; i < n; i++)
			for (uint8_t f = 0; f < FAULTS && (!f || now[i].faults < most); f++) {
				struct path p = now[i];
				p.fault[d] = f;
				p.faults = (uint8_t)(p.faults + (f != F_NONE));
				paths++;
				if (explore_path(s, &p, d + 1, &worst))
					next[m++] = p;
			}
		free(now);
		now = next;
		n = m;
	}
	free(now);
	print_message("%s: %zu paths, %zu states; read again within %u requests, %u ms\n", s->name,
	              paths, met.n, worst.requests, (unsigned)(worst.time / US_MS));
}

/* -- the scenes ------------------------------------------------------------------- */

#define ALL_FUNCTIONS (1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 6 | 1u << 8)
#define HOLDING(id, at, count)                                                                     \
	{                                                                                          \
		.unit = id, .table = TABLE_HOLDING, .addr = at, .len = count, .prio = CLASS_NORMAL \
	}
#define INPUT(id, at, count)                                                                       \
	{                                                                                          \
		.unit = id, .table = TABLE_INPUT, .addr = at, .len = count, .prio = CLASS_NORMAL   \
	}
#define EVERYWHERE                                                                                 \
	{                                                                                          \
		{                                                                                  \
			0, 200                                                                     \
		}                                                                                  \
	}
#define WITH_HOLES                                                                                 \
	{                                                                                          \
		{0, 19}, {24, 29},                                                                 \
		{                                                                                  \
			36, 49                                                                     \
		}                                                                                  \
	}

static void a_good_unit(void **state)
{
	(void)state;
	static const struct scene scene = {
		.name = "good unit",
		.device = {{.functions = ALL_FUNCTIONS, .range = EVERYWHERE},
	                   {.functions = ALL_FUNCTIONS, .range = EVERYWHERE}},
		.want = {HOLDING(1, 0, 5), HOLDING(1, 100, 5), HOLDING(2, 0, 5)},
		.n = 3,
		.requests = 15,
		.time = 15 * US_S,
	};
	explore(&scene);
}

/* Its command reads a register, puts bits in and writes it back. */
static void a_command_that_sets_bits(void **state)
{
	(void)state;
	struct scene scene = {
		.name = "bits are set",
		.device = {{.functions = ALL_FUNCTIONS, .range = EVERYWHERE},
	                   {.functions = ALL_FUNCTIONS, .range = EVERYWHERE}},
		.want = {HOLDING(1, 100, 1), HOLDING(2, 0, 5)},
		.n = 2,
		.merge = true,
		.requests = 15,
		.time = 15 * US_S,
	};
	explore(&scene);
	scene.name = "bits are set, each second";
	scene.period = US_S;
	explore(&scene);
}

/* A predecessor was killed, and its answer comes before the first one to us: of the length of our
 * read, of the proof before it, of neither, a refusal, or two of them. */
static void what_a_predecessor_left_behind(void **state)
{
	(void)state;
	static const struct old left[][2] = {
		{{5, 0}},
		{{1, 0}},
		{{2, 0}},
		{{0, EXC_ADDRESS}},
		{{5, 0}, {5, 0}},
		{{5, 0}, {1, 0}},
		{{0, EXC_BUSY}, {1, 0}},
	};
	struct scene scene = {
		.name = "a predecessor's answer",
		.device = {{.functions = ALL_FUNCTIONS, .range = EVERYWHERE},
	                   {.functions = ALL_FUNCTIONS, .range = EVERYWHERE}},
		.want = {HOLDING(1, 0, 5), HOLDING(1, 100, 5), HOLDING(2, 0, 5)},
		.n = 3,
		.requests = 15,
		.time = 15 * US_S,
		.depth = 4,
	};
	struct scene holes = {
		.name = "a predecessor's answer, holes",
		.device = {{.functions = 1u << FC_READ_HOLDING, .range = WITH_HOLES},
	                   {.functions = ALL_FUNCTIONS, .range = EVERYWHERE}},
		.want = {HOLDING(1, 0, 20), HOLDING(1, 24, 5), HOLDING(1, 36, 14)},
		.n = 3,
		.requests = 45,
		.time = 15 * US_S,
		.depth = 4,
	};
	for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
		memcpy(scene.old, left[i], sizeof scene.old);
		memcpy(holes.old, left[i], sizeof holes.old);
		explore(&scene);
		explore(&holes);
	}
}

/* What once was never read again: reads over holes are refused, and so is every other function. */
static void a_unit_that_refuses_holes_and_other_functions(void **state)
{
	(void)state;
	static const struct scene scene = {
		.name = "refuses holes and functions",
		.device = {{.functions = 1u << FC_READ_INPUT, .range = WITH_HOLES},
	                   {.functions = ALL_FUNCTIONS, .range = EVERYWHERE}},
		.want = {INPUT(1, 0, 20), INPUT(1, 24, 6), INPUT(1, 36, 14)},
		.n = 3,
		.requests = 45,
		.time = 15 * US_S,
	};
	explore(&scene);
}

static void a_unit_that_refuses_holes_and_is_mute_to_other_functions(void **state)
{
	(void)state;
	static const struct scene scene = {
		.name = "refuses holes, mute",
		.device = {{.functions = 1u << FC_READ_INPUT, .mute = true, .range = WITH_HOLES},
	                   {.functions = ALL_FUNCTIONS, .range = EVERYWHERE}},
		.want = {INPUT(1, 0, 20), INPUT(1, 24, 6), INPUT(1, 36, 14)},
		.n = 3,
		.requests = 45,
		.time = 15 * US_S,
	};
	explore(&scene);
}

static void the_same_polled_each_second(void **state)
{
	(void)state;
	static const struct scene scene = {
		.name = "refuses holes, each second",
		.device = {{.functions = 1u << FC_READ_INPUT, .range = WITH_HOLES},
	                   {.functions = ALL_FUNCTIONS, .range = EVERYWHERE}},
		.want = {INPUT(1, 0, 20), INPUT(1, 24, 6), INPUT(1, 36, 14)},
		.n = 3,
		.period = US_S,
		.requests = 45,
		.time = 15 * US_S,
	};
	explore(&scene);
}

static void the_same_on_modbus_tcp(void **state)
{
	(void)state;
	static const struct scene scene = {
		.name = "refuses holes, Modbus TCP",
		.device = {{.functions = 1u << FC_READ_INPUT, .range = WITH_HOLES},
	                   {.functions = ALL_FUNCTIONS, .range = EVERYWHERE}},
		.want = {INPUT(1, 0, 20), INPUT(1, 24, 6), INPUT(1, 36, 14)},
		.n = 3,
		.ids = true,
		.requests = 45,
		.time = 15 * US_S,
	};
	explore(&scene);
}

/* Two registers each, which the device gives wholly or not at all, and nothing between. */
static void a_unit_with_numbers_between_refused_holes(void **state)
{
	(void)state;
	static const uint32_t functions[] = {ALL_FUNCTIONS, 1u << FC_READ_HOLDING};
	struct scene scene = {
		.name = "numbers between holes",
		.device = {{.range = {{10, 11}, {14, 15}, {18, 19}, {22, 23}}},
	                   {.functions = ALL_FUNCTIONS, .range = EVERYWHERE}},
		.want = {HOLDING(1, 10, 2), HOLDING(1, 14, 2), HOLDING(1, 18, 2),
	                 HOLDING(1, 22, 2)},
		.n = 4,
		.requests = 45,
		.time = 15 * US_S,
	};
	for (size_t i = 0; i < 4; i++) {
		scene.device[0].functions = functions[i % 2];
		scene.period = i < 2 ? PERIOD_FASTEST : US_S;
		explore(&scene);
	}
}

/* A register that the device has and cannot give must not take its neighbours with it. */
static void a_unit_with_one_register_that_it_does_not_give(void **state)
{
	(void)state;
	static const uint8_t codes[] = {0, EXC_FAILURE, EXC_BUSY, EXC_GATEWAY_TARGET};
	struct scene scene = {
		.name = "one bad register",
		.device = {{.functions = ALL_FUNCTIONS, .range = EVERYWHERE, .bad = 12},
	                   {.functions = ALL_FUNCTIONS, .range = EVERYWHERE}},
		.want = {HOLDING(1, 10, 2), HOLDING(1, 12, 1), HOLDING(1, 13, 3), HOLDING(2, 0, 5)},
		.n = 4,
		.period = US_S,
		.requests = 45,
		.time = 40 * US_S,
	};
	for (size_t i = 0; i < sizeof codes; i++) {
		scene.device[0].code = codes[i];
		explore(&scene);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_unit),
		cmocka_unit_test(a_command_that_sets_bits),
		cmocka_unit_test(what_a_predecessor_left_behind),
		cmocka_unit_test(a_unit_that_refuses_holes_and_other_functions),
		cmocka_unit_test(a_unit_that_refuses_holes_and_is_mute_to_other_functions),
		cmocka_unit_test(the_same_polled_each_second),
		cmocka_unit_test(the_same_on_modbus_tcp),
		cmocka_unit_test(a_unit_with_numbers_between_refused_holes),
		cmocka_unit_test(a_unit_with_one_register_that_it_does_not_give),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
