// SPDX-License-Identifier: MIT
#include "core/schedule/private.h"

#include <stdlib.h>

#include "core/base/arena.h"

#define SIMULATED_MAX (600 * US_S) /* longer periods are added by their share */
#define TURNS_MAX 20000
#define SATURATED 0.97

struct run {
	const struct wire *wire;
	us_t turnaround;
	us_t now, start, busy;
	unsigned turns;
	bool instant; /* reads take no time: what is needed, however much that is */
};

static us_t gcd(us_t a, us_t b)
{
	while (b) {
		const us_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/* After so long the pattern repeats. */
static us_t periods_lcm(const struct want *want, size_t n)
{
	us_t lcm = US_S;
	for (size_t i = 0; i < n; i++) {
		const us_t period = want[i].period;
		if (period != PERIOD_ONCE)
			lcm = us_min(SIMULATED_MAX, lcm / gcd(lcm, period) * period);
	}
	return lcm;
}

/* Virtual time up to `end`, or until there were turns enough. */
static void run_until(struct run *r, struct schedule *s, us_t end)
{
	while (r->now < end && r->turns < TURNS_MAX) {
		struct turn t;
		struct effects e;
		schedule_next(s, r->now, &t);
		if (t.kind == TURN_SLEEP) {
			r->now = us_min(t.until, end);
			continue;
		}
		const us_t took =
			us_max(1, wire_read(r->wire, t.span.table, t.span.count, r->turnaround));
		r->busy += took;
		r->turns++;
		r->now += r->instant ? 0 : took;
		schedule_done(s, &t, OUT_OK, 0, r->turnaround, took, r->now, &e);
	}
}

/* The share of the wire's time the wants need, or use if the line is too slow for them. */
static double run_share(const struct wire *w, const struct want *want, size_t n,
                        const struct unit_rule *r, size_t nr, us_t turnaround, bool instant)
{
	struct run run = {.wire = w, .turnaround = turnaround, .instant = instant};
	struct schedule *s = schedule_create(w, 0, 1, 0);
	const us_t lcm = periods_lcm(want, n);
	schedule_adopt(s, want, n, r, nr, 0);
	run_until(&run, s, lcm); /* the first scan and what is read once are not the rule */
	run.start = run.now;
	run.busy = 0;
	run.turns = 0;
	run_until(&run, s, run.start + lcm);
	schedule_destroy(s);
	return run.now > run.start ? (double)run.busy / (double)(run.now - run.start) : 0;
}

double schedule_load(const struct wire *w, const struct want *wants, size_t n,
                     const struct unit_rule *r, size_t nr, us_t turnaround)
{
	struct want *want = mem_alloc(n, sizeof *want);
	size_t kept = 0;
	double rare = 0;
	for (size_t i = 0; i < n; i++) {
		const us_t period = wants[i].period;
		if (period == PERIOD_FASTEST)
			continue;
		if (period > SIMULATED_MAX && period != PERIOD_ONCE)
			rare += (double)wire_read(w, wants[i].table, wants[i].len, turnaround) /
			        (double)period;
		else
			want[kept++] = wants[i];
	}
	double share = run_share(w, want, kept, r, nr, turnaround, false);
	if (share > SATURATED)
		share = run_share(w, want, kept, r, nr, turnaround, true);
	free(want);
	return 100 * (share + rare);
}
