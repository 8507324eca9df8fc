// SPDX-License-Identifier: MIT
/*
 * One line beside the yardsticks: a bus on a pseudo-terminal with a simulated line of true wire
 * time behind it. Limits are computed by wiretime. The simulator ignores and counts requests that
 * start before the silent interval is over.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../unit/bus_rig.h"
#include "../unit/line_pty.h"
#include "row.h"

#define UNITS 4
#define BLOCKS 3
#define TURNAROUND (5 * US_MS)
#define COMMANDS 200

/* Each block: floats, then single registers; far enough apart to be read alone. */
static const struct {
	uint16_t addr, floats, singles;
} block[BLOCKS] = {{0, 8, 0}, {300, 6, 6}, {600, 0, 20}};

struct bench {
	struct line_pty line;
	struct rig rig;
	uint32_t baud;
	us_t turnaround[UNITS + 1];
	us_t last[UNITS + 1][BLOCKS], gap[UNITS + 1][BLOCKS];
	uint32_t reads[UNITS + 1][BLOCKS][24]; /* of each register */
};

static unsigned block_len(int k)
{
	return 2u * block[k].floats + block[k].singles;
}

static size_t make_wants(struct want *w, unsigned units, us_t period)
{
	size_t n = 0;
	for (uint8_t unit = 1; unit <= units; unit++)
		for (int k = 0; k < BLOCKS; k++) {
			uint16_t addr = block[k].addr;
			for (int i = 0; i < block[k].floats; i++, addr = (uint16_t)(addr + 2))
				w[n++] = rig_want(unit, TABLE_INPUT, addr, 2, period);
			for (int i = 0; i < block[k].singles; i++, addr++)
				w[n++] = rig_want(unit, TABLE_INPUT, addr, 1, period);
		}
	return n;
}

static bool right(void *ctx, const struct span *s, const uint16_t *words)
{
	return line_pty_right(ctx, s, words);
}

static void begin_at(struct bench *b, uint32_t baud, unsigned slow_unit, us_t period)
{
	struct want want[UNITS * 100];
	struct unit_rule rule[UNITS];
	memset(b, 0, sizeof(*b));
	b->baud = baud;
	line_pty_begin(&b->line, baud, TURNAROUND);
	for (uint8_t unit = 1; unit <= UNITS; unit++) {
		b->turnaround[unit] = unit == slow_unit ? 40 * US_MS : TURNAROUND;
		simline_turnaround(b->line.line, unit, b->turnaround[unit]);
		rule[unit - 1] = rig_rule(unit);
		rule[unit - 1].timeout = 500 * US_MS;
	}
	const struct bus_conf conf = {
		.name = "bench",
		.kind = BUS_SERIAL,
		.port = b->line.path,
		.baud = baud,
		.data = 8,
		.stop = 1,
		.parity = 'N',
		.timeout = 500 * US_MS,
	};
	rig_begin(&b->rig, &conf);
	b->rig.right = right;
	b->rig.ctx = &b->line;
	bus_adopt(b->rig.bus, want, make_wants(want, UNITS, period), rule, UNITS);
}

static void begin(struct bench *b, uint32_t baud, unsigned slow_unit)
{
	begin_at(b, baud, slow_unit, PERIOD_FASTEST);
}

static struct simline_counters count(struct bench *b)
{
	pthread_mutex_lock(&b->line.lock);
	const struct simline_counters c = simline_count(b->line.line);
	pthread_mutex_unlock(&b->line.lock);
	return c;
}

static unsigned early, wrong; /* over all parts */

static void end(struct bench *b)
{
	rig_end(&b->rig);
	const struct simline_counters c = count(b);
	printf("    started early %u (0), collisions %u (0), wrong values %u (0)\n", c.early,
	       c.collisions, b->rig.wrong);
	early += c.early + c.collisions;
	wrong += b->rig.wrong;
	line_pty_end(&b->line);
}

/* The least time in which every block of every unit but `without` can be read once. */
static us_t limit_of(const struct bench *b, unsigned without)
{
	us_t sum = 0;
	for (unsigned unit = 1; unit <= UNITS; unit++)
		for (int k = 0; k < BLOCKS && unit != without; k++)
			sum += wire_read(&b->line.wire, TABLE_INPUT, block_len(k),
			                 b->turnaround[unit]);
	return sum;
}

static void take_read(struct bench *b, const struct report *r)
{
	for (int k = 0; k < BLOCKS; k++) {
		for (unsigned i = 0; i < block_len(k); i++)
			b->reads[r->span.unit][k][i] +=
				r->span.addr <= block[k].addr + i &&
				block[k].addr + i < (unsigned)r->span.addr + r->span.count;
		if (r->span.addr > block[k].addr ||
		    r->span.addr + r->span.count < block[k].addr + block_len(k))
			continue;
		const us_t gap = b->last[r->span.unit][k] ? r->at - b->last[r->span.unit][k] : 0;
		b->last[r->span.unit][k] = r->at;
		if (gap > b->gap[r->span.unit][k])
			b->gap[r->span.unit][k] = gap;
	}
}

/* Takes reports for so long. Returns the time from the first to the last read of unit 1, block 0
 * (whole rounds of it), and how many rounds. */
static double run(struct bench *b, us_t time, unsigned *rounds)
{
	const us_t until = clock_now() + time;
	us_t first = 0, last = 0;
	*rounds = 0;
	memset(b->last, 0, sizeof(b->last));
	memset(b->gap, 0, sizeof(b->gap));
	memset(b->reads, 0, sizeof(b->reads));
	while (rig_take(&b->rig, until)) {
		const struct report *r = &b->rig.report;
		if (r->kind != REPORT_READ)
			continue;
		take_read(b, r);
		if (r->span.unit != 1 || r->span.addr > block[0].addr)
			continue;
		*rounds += first != 0;
		first = first ? first : r->at;
		last = r->at;
	}
	return (double)(last - first);
}

static us_t worst_gap(const struct bench *b, unsigned without)
{
	us_t worst = 0;
	for (unsigned unit = 1; unit <= UNITS; unit++)
		for (int k = 0; k < BLOCKS && unit != without; k++)
			if (b->gap[unit][k] > worst)
				worst = b->gap[unit][k];
	return worst;
}

/* Blocks read whole, be it in pieces. */
static uint32_t blocks_read(const struct bench *b)
{
	uint32_t sum = 0;
	for (unsigned unit = 1; unit <= UNITS; unit++)
		for (int k = 0; k < BLOCKS; k++) {
			uint32_t least = UINT32_MAX;
			for (unsigned i = 0; i < block_len(k); i++)
				least = b->reads[unit][k][i] < least ? b->reads[unit][k][i] : least;
			sum += least;
		}
	return sum;
}

static double scan(struct bench *b, us_t time)
{
	unsigned rounds;
	const double took = run(b, time, &rounds);
	return rounds ? took / rounds : 0;
}

static void settle(struct bench *b)
{
	unsigned rounds;
	run(b, 2 * US_S, &rounds);
}

static void bench_scan(uint32_t baud, unsigned slow, double yardstick, us_t time)
{
	struct bench b;
	struct rusage before, after;
	begin(&b, baud, slow);
	settle(&b);
	getrusage(RUSAGE_SELF, &before);
	const double took = scan(&b, time), limit = (double)limit_of(&b, 0), ratio = took / limit;
	getrusage(RUSAGE_SELF, &after);
	char what[80];
	printf("%6u%s: scan %.1f ms, limit %.1f ms, worst gap / scan %.3f, %u reads failed\n", baud,
	       slow ? ", one unit at 40 ms" : "", took / 1e3, limit / 1e3,
	       (double)worst_gap(&b, 0) / took, b.rig.of_kind[REPORT_FAILED]);
	snprintf(what, sizeof(what), "line %u%s: scan / the wire's limit", baud,
	         slow ? ", a unit at 40 ms" : "");
	bench_most(what, ratio, yardstick);
	end(&b);
}

/* Far below the line's load: each block once a period, in one request each. */
static void bench_relaxed(void)
{
	struct bench b;
	unsigned rounds;
	const us_t period = 2 * US_S;
	begin_at(&b, 9600, 0, period);
	settle(&b);
	settle(&b);
	const uint32_t before = count(&b).requests;
	const unsigned failed = b.rig.of_kind[REPORT_FAILED];
	run(&b, 10 * period, &rounds);
	printf("  9600, every 2 s: %u reads failed\n", b.rig.of_kind[REPORT_FAILED] - failed);
	bench_most("line 9600: relaxed, requests / least possible",
	           (double)(count(&b).requests - before) / (10 * UNITS * BLOCKS), 1.01);
	bench_most("line 9600: relaxed, worst gap / period",
	           (double)worst_gap(&b, 0) / (double)period, 1.05);
	end(&b);
}

static void bench_silent(void)
{
	struct bench b;
	begin(&b, 9600, 0);
	settle(&b);
	const double all = scan(&b, 8 * US_S);
	line_pty_silence(&b.line, UNITS, true);
	rig_await_unit(&b.rig, UNITS, false);
	const double rest = scan(&b, 12 * US_S);
	const us_t gap = worst_gap(&b, UNITS);
	bench_most("line 9600: one of four silent, the others' scan / before", rest / all, 0.85);
	bench_most("line 9600: one of four silent, worst gap, ms", (double)gap / 1e3,
	           all / 1e3 + 500);
	line_pty_silence(&b.line, UNITS, false);
	const us_t back = clock_now();
	rig_await_unit(&b.rig, UNITS, true);
	bench_most("line 9600: it is back after, s", (double)(clock_now() - back) / 1e6, 2);
	end(&b);
}

static void bench_spoilt(void)
{
	struct bench b;
	begin(&b, 9600, 0);
	settle(&b);
	const us_t time = 20 * US_S;
	unsigned rounds;
	run(&b, time, &rounds);
	const uint32_t clean = blocks_read(&b);
	pthread_mutex_lock(&b.line.lock);
	b.line.spoilt[SIM_BAD_CRC] = 40;
	b.line.spoilt[SIM_CUT] = 30;
	b.line.spoilt[SIM_NOISE_BEFORE] = b.line.spoilt[SIM_NOISE_INSIDE] =
		b.line.spoilt[SIM_NOISE_AFTER] = 10;
	b.line.spoilt[SIM_LOST] = 20;
	pthread_mutex_unlock(&b.line.lock);
	run(&b, time, &rounds);
	const double ratio = (double)blocks_read(&b) / clean;
	printf("  9600, 4 %% CRC, 3 %% cut, 3 %% noise, 2 %% lost: %u faults\n", count(&b).faults);
	bench_least("line 9600: spoilt, reads / clean", ratio, 0.85);
	end(&b);
}

static int by_size(const void *a, const void *b)
{
	const us_t x = *(const us_t *)a, y = *(const us_t *)b;
	return x < y ? -1 : x > y;
}

/* When the line was free for the command at the earliest: behind the exchange that was under way
 * when it came, and the silence after it. `last`: the end of the read before. */
static us_t await_free(struct bench *b, uint64_t id, us_t came, us_t last)
{
	while (rig_take(&b->rig, clock_now() + RIG_LIMIT)) {
		if (b->rig.report.kind == REPORT_JOB && b->rig.report.id == id)
			break;
		if (b->rig.report.kind == REPORT_READ)
			last = b->rig.report.at;
	}
	const us_t free_at = last + b->line.wire.silence;
	return free_at > came ? free_at : came;
}

static us_t last_read(const struct bench *b)
{
	us_t last = 0;
	for (unsigned unit = 1; unit <= UNITS; unit++)
		for (int k = 0; k < BLOCKS; k++)
			last = b->last[unit][k] > last ? b->last[unit][k] : last;
	return last;
}

static void bench_commands(uint32_t baud)
{
	struct bench b;
	us_t late[COMMANDS], least[COMMANDS], over[COMMANDS];
	double phase = 0;
	begin(&b, baud, 0);
	settle(&b);
	const double exchange = (double)limit_of(&b, 0) / (UNITS * BLOCKS);
	const us_t longest =
		wire_read(&b.line.wire, TABLE_INPUT, block_len(BLOCKS - 1), TURNAROUND);
	for (unsigned i = 0; i < COMMANDS; i++) {
		unsigned rounds;
		/* evenly over the phases of an exchange: two hundred drawn ones are a few per cent
		 * off */
		phase += 0.6180339887498949;
		phase -= phase >= 1;
		run(&b, (us_t)((2 + 4 * phase) * exchange), &rounds);
		const struct job j = rig_job(i + 1, (uint8_t)(1 + i % UNITS), 100, (uint16_t)i);
		const us_t at = clock_now();
		rig_job_submit(&b.rig, &j);
		const us_t free_at = await_free(&b, i + 1, at, last_read(&b));
		late[i] = b.rig.report.sent - at;
		least[i] = free_at - at;
		over[i] = b.rig.report.sent - free_at;
	}
	qsort(late, COMMANDS, sizeof(late[0]), by_size);
	qsort(least, COMMANDS, sizeof(least[0]), by_size);
	qsort(over, COMMANDS, sizeof(over[0]), by_size);
	if (getenv("BENCH_MORE"))
		for (unsigned i = 0; i < COMMANDS; i += 10)
			printf("    %.3f", (double)late[i] / exchange);
	const double median = (double)late[COMMANDS / 2] / exchange;
	const double p99 = (double)late[COMMANDS * 99 / 100] / (double)longest;
	char what[80];
	printf("%6u: command -> first bit, in exchanges (%.1f ms, longest %.1f)\n", baud,
	       exchange / 1e3, (double)longest / 1e3);
	snprintf(what, sizeof(what), "line %u: command -> first bit, median, exchanges", baud);
	bench_most(what, median, 0.5);
	snprintf(what, sizeof(what), "line %u: command -> first bit, p99, longest exchanges", baud);
	bench_most(what, p99, 1);
	printf("    until the exchange under way and its silence are over: median %.3f, longest "
	       "%.3f; "
	       "ours on top: median "
	       "%d us, 90 %% %d us, 99 %% %d us\n",
	       (double)least[COMMANDS / 2] / exchange,
	       (double)least[COMMANDS - 1] / (double)longest, (int)over[COMMANDS / 2],
	       (int)over[COMMANDS * 9 / 10], (int)over[COMMANDS * 99 / 100]);
	end(&b);
}

static void bench_slider(uint32_t baud)
{
	struct bench b;
	begin(&b, baud, 0);
	settle(&b);
	const double exchange = (double)limit_of(&b, 0) / (UNITS * BLOCKS);
	const us_t start = clock_now();
	us_t last = 0;
	for (unsigned i = 1; i <= 50; i++) {
		clock_sleep(start + (us_t)i * 2 * US_MS);
		struct job j = rig_job(i, 1, 100, (uint16_t)i);
		j.key = 9;
		j.replaceable = true;
		rig_job_submit(&b.rig, &j);
		last = clock_now();
	}
	const unsigned before = b.rig.of_kind[REPORT_READ];
	rig_await_job(&b.rig, 50);
	const us_t sent = b.rig.report.sent;
	const unsigned reads = b.rig.of_kind[REPORT_READ] - before;
	const double after = (double)(sent - last) / exchange;
	char what[80];
	printf("%6u: 50 slider steps in 100 ms: %u reads meanwhile\n", baud, reads);
	snprintf(what, sizeof(what), "line %u: slider, the latest after, exchanges", baud);
	bench_most(what, after, 2);
	snprintf(what, sizeof(what), "line %u: slider, writes of 50", baud);
	bench_most(what, (double)line_pty_writes(&b.line), 6);
	end(&b);
}

static double cpu(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void bench_unplugged(void)
{
	struct bench b;
	unsigned rounds;
	begin(&b, 9600, 0);
	settle(&b);
	line_pty_unplug(&b.line);
	rig_await_port(&b.rig, false);
	const double before = cpu();
	run(&b, 10 * US_S, &rounds);
	const double spent = cpu() - before;
	const us_t plugged = clock_now();
	line_pty_plug(&b.line);
	rig_await_unit(&b.rig, 1, true);
	pthread_mutex_lock(&b.line.lock);
	const us_t request = b.line.request_at;
	pthread_mutex_unlock(&b.line.lock);
	const double after = (double)(request - plugged) / 1e6;
	printf("  9600, adapter gone 10 s: CPU %.2f ms\n", spent * 1e3);
	bench_most("line 9600: adapter back -> first request, s", after, 0.5);
	end(&b);
}

int main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : "";
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!*only || !strcmp(only, "scan")) {
		bench_scan(9600, 0, 1.02, 12 * US_S);
		bench_scan(19200, 0, 1.05, 8 * US_S);
		bench_scan(115200, 0, 1.05, 6 * US_S);
		bench_scan(9600, 2, 1.02, 12 * US_S);
	}
	if (!*only || !strcmp(only, "relaxed"))
		bench_relaxed();
	if (!*only || !strcmp(only, "silent"))
		bench_silent();
	if (!*only || !strcmp(only, "spoilt"))
		bench_spoilt();
	if (!*only || !strcmp(only, "commands")) {
		bench_commands(9600);
		bench_commands(115200);
	}
	if (!*only || !strcmp(only, "slider")) {
		bench_slider(9600);
		bench_slider(115200);
	}
	if (!*only || !strcmp(only, "unplugged"))
		bench_unplugged();
	bench_most("line: requests before the silence was over", early, 0);
	bench_most("line: wrong values", wrong, 0);
	return 0;
}
