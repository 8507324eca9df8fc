/* SPDX-License-Identifier: MIT */
/*
 * bus: a serial line or TCP endpoint. It deals with registers and times, never with points, values,
 * topics or configuration. Jobs go in, reports come out. A serial line has a thread, all TCP
 * endpoints have one together (see hub.h).
 */
#ifndef BUS_BUS_H
#define BUS_BUS_H

#include "bus/clock.h"
#include "bus/queue.h"
#include "core/model/model.h"
#include "core/schedule/schedule.h"

struct bus;

enum report_kind {
	REPORT_READ,   /* span and words, read at `at` */
	REPORT_FAILED, /* a read failed: span, outcome, exception */
	REPORT_JOB,    /* job `id` ended: outcome, exception; `sent` is when it went on the wire (0:
	                * never); of a raw job the answer's PDU: answer_len bytes */
	REPORT_UNIT,   /* span.unit came (online) or went */
	REPORT_ASIDE,  /* span is not given by the device again and again: set aside; outcome,
	                  exception */
	REPORT_PORT,  /* the port came (online) or went; text is the reason; with online: remarks on
	                 it, or "" */
	REPORT_ENDED, /* its last word */
};

struct report {
	uint8_t kind, outcome, exception;
	bool online;
	uint16_t answer_len;
	uint32_t bus; /* tag given at creation */
	uint64_t id;
	us_t at, sent;
	us_t linked; /* since when there is the connection it came through, µs; 0: a serial line */
	struct instead instead; /* what came instead of the answer, or late to an earlier request */
	us_t turnaround;        /* of a read: end of the request to the first byte of its answer; 0:
	                           unknown */
	struct span span;
	union {
		uint16_t word[CELLS_MAX];
		uint8_t answer[2 * CELLS_MAX];
		char text[2 * CELLS_MAX];
	};
};

/* Settings of a held line; baud 0: as configured. */
struct bus_tune {
	uint32_t baud;
	uint8_t data, stop;
	char parity;
};

static inline bool bus_tune_same(const struct bus_tune *a, const struct bus_tune *b)
{
	return a->baud == b->baud && a->data == b->data && a->stop == b->stop &&
	       a->parity == b->parity;
}

/* What went over a line, for those who look on. */
struct bus_frame {
	us_t at;       /* its first byte */
	uint32_t bus;  /* tag */
	uint32_t lost; /* as many before it found no room in the queue */
	bool in, adhoc;
	uint8_t cause; /* of what went out: enum turn_kind */
	uint16_t n;
	uint8_t bytes[2 * ADU_RTU_MAX];
	char why[112]; /* what is wrong with it; "": nothing */
};

struct bus_figures {
	struct adhoc_figures adhoc;
	struct line_counters line;
	uint32_t retries, missed, reopened;
	uint32_t instead[INSTEAD_KINDS]; /* what came instead of answers */
	us_t busy;                       /* line time used since start, µs */
	us_t stepped;                    /* monotonic time of the last step, for the watchdog */
	us_t step_limit;                 /* the longest a step may take now */
	bool up;
	char port[160];     /* "/dev/ttyUSB0" */
	char line_text[24]; /* "9600 8N1" or "tcp" */
	char trouble[176];  /* why it is down; "" when up */
	char note[176];     /* what to know of the port while it is up, or "" */
};

/* It begins. conf is copied. Reports are pushed to `reports`; while it is full this bus does
 * nothing else. index/of: this bus among how many, for the grid's phase. */
struct bus *bus_create(const struct bus_conf *conf, uint32_t tag, unsigned index, unsigned of,
                       struct queue *reports);

/* All of these may be called from any thread and never block. New wants take effect between two
 * exchanges; arrays and windows are copied. */
void bus_adopt(struct bus *b, const struct want *w, size_t nw, const struct unit_rule *r,
               size_t nr);
/* SUBMIT_REPLACED: *old is the job whose place it took; that is never sent and no report will come.
 * SUBMIT_BUSY: the table is full. */
enum submitted bus_submit(struct bus *b, const struct job *j, uint64_t *old);
bool bus_demand(struct bus *b, const struct span *s, us_t due);
bool bus_cancel(struct bus *b, uint64_t id); /* true: taken back, no report will come */
/* Another device is behind this unit id: what was learned of its registers is forgotten. */
void bus_forget(struct bus *b, uint8_t unit);
/* A held line polls nothing; ad-hoc requests go at once, with these settings (NULL: its own), all
 * else with the line's own. An ad-hoc request ends OUT_LINK if the port cannot have them, and
 * OUT_EXPIRED if it still waits when this changes. */
void bus_hold(struct bus *b, bool held, const struct bus_tune *t);
/* Frames (struct bus_frame) go there from now on, as far as there is room; NULL: no more. The queue
 * lives until the thread has ended. */
void bus_tap(struct bus *b, struct queue *frames);
void bus_figures(struct bus *b, struct bus_figures *out);
bool bus_unit_figures(struct bus *b, uint8_t unit, struct unit_figures *out);

/* Ask it to end: finishes the exchange under way, reports waiting jobs OUT_CLOSED, then
 * REPORT_ENDED. */
void bus_close(struct bus *b);
/* Closes it and waits until it has ended; NULL is fine. An exchange may hold it for its time-out:
 * who must not wait waits for REPORT_ENDED first. Its reports have been taken, or their queue is
 * closed. */
void bus_destroy(struct bus *b);

#endif
