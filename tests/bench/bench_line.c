/*
 * bench_line: how near the bus thread comes to what the wire allows. Four units with three blocks of
 * float and u16 input registers each, as fast as possible, over a pseudo-terminal behind which every
 * character takes its true time. Prints scan time / the wire's limit (core/wiretime), requests made /
 * least possible, and how many requests began before the silent interval was over (must be 0).
 *
 * Usage: bench_line [SECONDS for each line]
 */
#include <stdio.h>

#include "../unit/line_thread.h"
#include "bus/bus.h"

#define UNITS 4
#define TURNAROUND (5 * US_MS)

static const struct {
	uint16_t addr;
	uint8_t points, len; /* so many points of so many registers, one behind the other */
} block[] = {{0, 6, 2}, {300, 4, 1}, {600, 3, 2}};

#define BLOCKS (sizeof(block) / sizeof(block[0]))

struct run {
	uint32_t baud;
	us_t slow; /* turnaround of unit 1 */
};

struct tally {
	unsigned reads, wrong, failed;
	us_t first, last; /* ends of the first read counted and of the last */
};

static us_t limit(const struct wire *w, us_t slow)
{
	us_t t = 0;
	for (unsigned u = 1; u <= UNITS; u++)
		for (size_t i = 0; i < BLOCKS; i++)
			t += wire_read(w, TABLE_INPUT, block[i].points * block[i].len, u == 1 ? slow : TURNAROUND);
	return t;
}

static struct bus *start(const struct run *r, const char *port, struct queue *reports)
{
	const struct bus_conf c = {.name = "bench", .kind = BUS_SERIAL, .port = port, .baud = r->baud, .data = 8,
				   .stop = 1, .parity = 'N', .timeout = US_S, .retries = 1};
	struct bus *b = bus_create(&c, 0, 0, 1, reports);
	struct want w[64];
	struct unit_rule rule[UNITS];
	size_t n = 0;
	for (uint8_t u = 1; u <= UNITS; u++) {
		rule[u - 1] = (struct unit_rule){.unit = u, .timeout = US_S, .retries = 1, .max_read = READ_REGISTERS_MAX,
						 .max_hole = UINT16_MAX};
		for (size_t i = 0; i < BLOCKS; i++)
			for (uint16_t p = 0; p < block[i].points; p++)
				w[n++] = (struct want){.unit = u, .table = TABLE_INPUT, .len = block[i].len,
						       .addr = (uint16_t)(block[i].addr + p * block[i].len),
						       .period = PERIOD_FASTEST, .prio = CLASS_NORMAL};
	}
	bus_adopt(b, w, n, rule, UNITS);
	return b;
}

static void count(struct tally *t, const struct report *r)
{
	t->failed += r->kind == REPORT_FAILED;
	if (r->kind != REPORT_READ)
		return;
	for (unsigned i = 0; i < r->span.count; i++)
		t->wrong += r->word[i] != line_input(r->span.unit, r->span.addr + i);
	if (t->reads++ == 0)
		t->first = r->at;
	t->last = r->at;
}

static struct tally collect(struct queue *reports, us_t until, bool keep)
{
	struct tally t = {0};
	struct report r;
	for (us_t now = clock_now(); now < until; now = clock_now()) {
		struct pollfd p = {.fd = queue_fd(reports), .events = POLLIN};
		const struct timespec wait = clock_timespec(until - now);
		ppoll(&p, 1, &wait, NULL);
		while (queue_pop(reports, &r))
			if (keep)
				count(&t, &r);
	}
	return t;
}

static uint32_t early_requests(struct line_thread *line, uint32_t *requests)
{
	pthread_mutex_lock(&line->lock);
	const struct simline_counters c = simline_count(line->line);
	pthread_mutex_unlock(&line->lock);
	*requests = c.requests;
	return c.early;
}

static bool bench(const struct run *r, us_t seconds)
{
	struct line_thread line;
	struct wire w;
	uint32_t before, after;
	wire_init(&w, r->baud, 8, 'N', 1, 0);
	line_start(&line, &w, UNITS);
	for (uint8_t u = 1; u <= UNITS; u++)
		simline_turnaround(line.line, u, u == 1 ? r->slow : TURNAROUND);
	struct queue *reports = queue_create(sizeof(struct report), 64);
	struct bus *b = start(r, line.name, reports);
	collect(reports, clock_now() + 3 * US_S, false); /* the turnarounds are learnt */
	early_requests(&line, &before);
	const struct tally t = collect(reports, clock_now() + seconds, true);
	const uint32_t early = early_requests(&line, &after);
	bus_close(b);
	queue_close(reports);
	bus_destroy(b);
	queue_destroy(reports);
	line_stop(&line);

	const double scan = t.reads > 1 ? (double)(t.last - t.first) / (t.reads - 1) * UNITS * BLOCKS : 0;
	printf("%6u baud, one unit at %2d ms: scan %7.2f ms, limit %7.2f ms, ratio %.4f; "
	       "requests/reads %.3f; early %u, failed %u, wrong %u\n", r->baud, (int)(r->slow / US_MS),
	       scan / 1000, (double)limit(&w, r->slow) / 1000, scan / (double)limit(&w, r->slow),
	       t.reads ? (double)(after - before) / t.reads : 0, early, t.failed, t.wrong);
	return !early && !t.wrong;
}

int main(int argc, char **argv)
{
	static const struct run run[] = {
		{9600, TURNAROUND}, {19200, TURNAROUND}, {115200, TURNAROUND}, {9600, 40 * US_MS}, {115200, 40 * US_MS},
	};
	const int seconds = argc > 1 ? atoi(argv[1]) : 6;
	bool good = true;
	for (size_t i = 0; i < sizeof(run) / sizeof(run[0]); i++)
		good = bench(&run[i], seconds * US_S) && good;
	return !good;
}
