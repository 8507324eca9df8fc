/*
 * bus_reports: waits for what a bus reports, and keeps what passes by.
 */
#ifndef TESTS_UNIT_BUS_REPORTS_H
#define TESTS_UNIT_BUS_REPORTS_H

#include <poll.h>

#include "bus/bus.h"

#define WAIT_MS 20000 /* a limit, not an expectation */

static inline bool next_report(struct queue *q, struct report *r)
{
	struct pollfd p = {.fd = queue_fd(q), .events = POLLIN};
	return poll(&p, 1, WAIT_MS) == 1 && queue_pop(q, r);
}

/* The next report of this kind; the others are given to `seen` (NULL: thrown away). */
static inline struct report await(struct queue *q, enum report_kind kind, void (*seen)(const struct report *))
{
	struct report r;
	for (;;) {
		if (!next_report(q, &r))
			fail_msg("no report of kind %d came", (int)kind);
		if (r.kind == kind)
			return r;
		if (seen)
			seen(&r);
	}
}

static inline struct report await_job(struct queue *q, uint64_t id)
{
	struct report r;
	do
		r = await(q, REPORT_JOB, NULL);
	while (r.id != id);
	return r;
}

static inline struct report await_unit(struct queue *q, uint8_t unit, bool online)
{
	struct report r;
	do
		r = await(q, REPORT_UNIT, NULL);
	while (r.span.unit != unit || r.online != online);
	return r;
}

static inline struct report await_port(struct queue *q, bool online)
{
	struct report r;
	do
		r = await(q, REPORT_PORT, NULL);
	while (r.online != online);
	return r;
}

#endif
