// SPDX-License-Identifier: MIT
/*
 * What it costs the bus thread that somebody looks on: the tap in front of an empty queue, which is
 * read each time (a wake-up for each frame, the worst case), and the question whether there is one.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bus/queue.h"
#include "bus/worker.h"
#include "row.h"

#define ROUNDS 20000
#define CHECKS 20000000

static double now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* ns a frame: the median, so that what else the machine does is not counted. */
static double on(struct bus *b, const struct request *r, const uint8_t *answer, size_t n)
{
	static double took[ROUNDS];
	struct bus_frame f;
	for (size_t i = 0; i < ROUNDS; i++) {
		const double from = now_ns();
		tap_out(b, r, 1);
		tap_in(b, answer, n, 2);
		tap_end(b, NULL, 3);
		took[i] = (now_ns() - from) / 2;
		while (queue_pop(atomic_load(&b->tap), &f))
			;
	}
	qsort(took, ROUNDS, sizeof took[0], by_value);
	return took[ROUNDS / 2];
}

static double off(struct bus *b, const struct request *r)
{
	const double from = now_ns();
	for (size_t i = 0; i < CHECKS; i++)
		if (atomic_load_explicit(&b->tap, memory_order_relaxed))
			tap_out(b, r, 1);
	return (now_ns() - from) / CHECKS;
}

int main(void)
{
	struct bus *b = calloc(1, sizeof *b);
	uint8_t answer[ADU_RTU_MAX];
	struct request r;
	if (!b)
		return 1;
	memset(answer, 0x55, sizeof answer);
	pdu_read(&r, 1, TABLE_HOLDING, 0, 100);
	const double idle = off(b, &r);
	struct queue *q = queue_create(sizeof(struct bus_frame), 512);
	atomic_store(&b->tap, q);
	bench_most("monitor on: the bus thread, of 100 registers, ns a frame",
	           on(b, &r, answer, 205), 2000);
	bench_most("monitor off: the bus thread, ns a frame", 2 * idle, 20);
	queue_destroy(q);
	free(b);
	return 0;
}
