/* SPDX-License-Identifier: MIT */
/*
 * bus_rig: a bus and the main thread's side of its queues, for the tests of the bus. Every test has
 * a limit of 20 s for each thing it waits for; nothing is asserted about how fast it comes. Tests
 * link with --wrap=peer_timeout.
 */
#ifndef TESTS_UNIT_BUS_RIG_H
#define TESTS_UNIT_BUS_RIG_H

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "bus/bus.h"

#define RIG_LIMIT (20 * US_S)
#define RIG_TRIES 20 /* of what one thread alone may spoil by being late: it comes right once */
#define RIG_TAG 77u

struct rig {
	struct queue *reports;
	struct bus *bus;
	struct report report; /* the last one taken */
	unsigned of_kind[REPORT_ENDED + 1];
	bool (*right)(void *ctx, const struct span *s,
	              const uint16_t *words); /* NULL: not looked at */
	void *ctx;
	unsigned wrong;    /* reads with wrong values */
	uint64_t replaced; /* the job whose place the last one took; 0: none */
};

/* Not the shorter timeout that is learnt from a device that answers at once: the thread that plays
 * it may be late. */
us_t __wrap_peer_timeout(const struct peer *p, us_t configured);

us_t __wrap_peer_timeout(const struct peer *p, us_t configured)
{
	(void)p;
	return configured;
}

static inline void rig_begin(struct rig *r, const struct bus_conf *conf)
{
	memset(r, 0, sizeof(*r));
	r->reports = queue_create(sizeof(struct report), 64);
	r->bus = bus_create(conf, RIG_TAG, 0, 1, r->reports);
}

/* Any next report. */
static inline bool rig_take(struct rig *r, us_t limit)
{
	while (!queue_pop(r->reports, &r->report)) {
		const us_t left = limit - clock_now();
		struct pollfd f = {.fd = queue_fd(r->reports), .events = POLLIN};
		if (left <= 0)
			return false;
		poll(&f, 1, (int)(left / US_MS) + 1);
	}
	r->of_kind[r->report.kind]++;
	if (r->report.kind == REPORT_READ && r->right &&
	    !r->right(r->ctx, &r->report.span, r->report.word))
		r->wrong++;
	return true;
}

/* The next report of this kind; others are counted and passed over. */
static inline bool rig_await(struct rig *r, enum report_kind kind)
{
	const us_t limit = clock_now() + RIG_LIMIT;
	while (rig_take(r, limit))
		if (r->report.kind == kind)
			return true;
	return false;
}

static inline bool rig_await_read(struct rig *r, uint8_t unit)
{
	const us_t limit = clock_now() + RIG_LIMIT;
	while (rig_take(r, limit))
		if (r->report.kind == REPORT_READ && r->report.span.unit == unit)
			return true;
	return false;
}

static inline bool rig_await_job(struct rig *r, uint64_t id)
{
	const us_t limit = clock_now() + RIG_LIMIT;
	while (rig_take(r, limit))
		if (r->report.kind == REPORT_JOB && r->report.id == id)
			return true;
	return false;
}

static inline bool rig_await_port(struct rig *r, bool online)
{
	const us_t limit = clock_now() + RIG_LIMIT;
	while (rig_take(r, limit))
		if (r->report.kind == REPORT_PORT && r->report.online == online)
			return true;
	return false;
}

static inline bool rig_await_unit(struct rig *r, uint8_t unit, bool online)
{
	const us_t limit = clock_now() + RIG_LIMIT;
	while (rig_take(r, limit))
		if (r->report.kind == REPORT_UNIT && r->report.span.unit == unit &&
		    r->report.online == online)
			return true;
	return false;
}

/* Closes it as the daemon does: takes its reports until it says it has ended. */
static inline bool rig_end(struct rig *r)
{
	bus_close(r->bus);
	const bool ended = rig_await(r, REPORT_ENDED);
	bus_destroy(r->bus);
	queue_destroy(r->reports);
	return ended;
}

static inline bool rig_job_submit(struct rig *r, const struct job *j)
{
	r->replaced = 0;
	return bus_submit(r->bus, j, &r->replaced) != SUBMIT_BUSY;
}

static inline struct want rig_want(uint8_t unit, uint8_t table, uint16_t addr, uint16_t len,
                                   us_t period)
{
	return (struct want){.unit = unit,
	                     .table = table,
	                     .addr = addr,
	                     .len = len,
	                     .period = period,
	                     .prio = CLASS_NORMAL};
}

/* A time-out so long that a busy machine does not run into it. */
static inline struct unit_rule rig_rule(uint8_t unit)
{
	return (struct unit_rule){.unit = unit,
	                          .timeout = 5 * US_S,
	                          .retries = 1,
	                          .max_read = 125,
	                          .max_hole = UINT16_MAX};
}

static inline struct job rig_job(uint64_t id, uint8_t unit, uint16_t addr, uint16_t value)
{
	return (struct job){
		.id = id,
		.span = {.unit = unit, .table = TABLE_HOLDING, .addr = addr, .count = 1},
		.fc = FC_WRITE_REGISTER,
		.value = {value},
	};
}

#endif
