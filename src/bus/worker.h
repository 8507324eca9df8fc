/* SPDX-License-Identifier: MIT */
/*
 * worker: the inside of a bus, shared by bus.c (what other threads call), worker.c (the thread's
 * loop, the port's coming and going) and turn.c (reads and jobs on the line).
 */
#ifndef BUS_WORKER_H
#define BUS_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "bus/bus.h"
#include "bus/port.h"
#include "core/schedule/turn.h"

/* New wants and rules on their way to the thread, with copies of the rules' windows. */
struct adoption {
	struct want *want;
	struct unit_rule *rule;
	struct window *window;
	size_t nwant, nrule;
};

struct bus {
	pthread_t thread;
	struct bus_conf conf; /* strings are copies */
	uint32_t tag;
	struct queue *reports;
	atomic_bool closing;

	/* Shared: under the lock, which is never held across a call that can wait. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct schedule *schedule;
	struct adoption *adoption; /* NULL: none waiting */
	bool stirred;              /* something came since the last sleep */
	bool job_came;             /* while the port is closed: try it now */
	bool ended;                /* nobody reports any more */
	struct bus_tune tune;      /* of a lent line; baud 0: its own */
	bool lent;
	struct bus_figures shown;

	_Atomic(struct queue *) tap; /* NULL: nobody looks on */

	/* The thread's own. */
	struct bus_frame seen; /* what came in since the last frame out */
	bool asked;            /* within an exchange that has sent something */
	uint32_t unseen;       /* frames that found no room with who looks on */
	struct bus_tune tuned; /* as the port is set; baud 0: as configured */
	struct port port;
	struct line line;
	struct turn turn;
	struct unit_rule rule; /* of the turn's unit; no windows */
	struct turn_run run;   /* how it is carried out */
	struct report report;
	bool opened;      /* once at least */
	bool up;          /* in use; a closed port may be opened by the next turn */
	bool reported;    /* `up`, as reported: an endpoint that only accepts is not reported */
	unsigned fails;   /* connections in a row that brought no answer */
	unsigned silent;  /* turns in a row without an answer */
	us_t open_at;     /* not opened again before */
	us_t used_at;     /* when the line was used last */
	us_t answered_at; /* when something answered last */
	uint32_t span;    /* answers of the last connection that the peer ended right behind one */
	struct backlog backlog;      /* of the endpoint; not used on a serial line */
	unsigned spans;              /* so many such in a row had as many */
	struct instead instead;      /* of the turn's last exchange */
	bool guest;                  /* the turn is a guest's, … */
	struct line_counters before; /* … and what it changes here is undone */
	uint32_t late, strange;      /* of the port, as looked at last */
	uint32_t retries;
};

void adoption_destroy(struct adoption *a);

/* worker.c: the thread. worker_report sends b->report with its header filled in. */
void *worker_main(void *bus);
void worker_report(struct bus *b, enum report_kind kind);
/* Something answered: the port is reported up, if it is not yet. Uses b->report. */
void worker_proven(struct bus *b);

/* Before something is sent: is the connection still good for it, as far as can be known? */
bool worker_linked(struct bus *b);
/* A connection that brought answers has ended, and nothing was lost with it: a new one. */
bool worker_relink(struct bus *b);
/* The peer has ended the connection. */
void worker_link_ended(struct bus *b);

/* tap.c: what goes out and comes in, for those who look on. */
void tap_out(struct bus *b, const struct request *r, us_t at);
void tap_in(struct bus *b, const uint8_t *bytes, size_t n, us_t at);
/* The frame that came in is over; why NULL: nothing is wrong with it. */
void tap_end(struct bus *b, const char *why, us_t at);

/* turn.c: carries out b->turn (linked: the port is open), hands it to the scheduler, reports.
 * OUT_LINK: the port is gone. */
enum outcome turn_run(struct bus *b, bool linked);

#endif
