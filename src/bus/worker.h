/* SPDX-License-Identifier: MIT */
/*
 * worker: the inside of a bus, shared by bus.c (what other threads call), worker.c (what it does
 * next), link.c (the port's coming and going), turn.c (reads and jobs on the line) and hub.c (the
 * thread that drives it). None of it waits: worker_go() does what can be done and returns until
 * when it rests.
 */
#ifndef BUS_WORKER_H
#define BUS_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "bus/bus.h"
#include "bus/hub.h"
#include "bus/port.h"
#include "core/schedule/turn.h"

/* New wants and rules on their way to the bus, with copies of the rules' windows. */
struct adoption {
	struct want *want;
	struct unit_rule *rule;
	struct window *window;
	size_t nwant, nrule;
};

enum bus_state {
	BUS_CHOOSES, /* what to do next */
	BUS_OPENS,   /* its port */
	BUS_TURNS,   /* a turn is carried out */
	BUS_ENDED,
};

/* What the port is opened for. */
enum bus_opens { OPENS_BUS, OPENS_TURN, OPENS_EXCHANGE };

/* What the turn at hand goes through. */
enum bus_link { LINK_NONE, LINK_UNTUNED, LINK_THERE };

/* What ends a rest early, on port_waits_on(). */
enum bus_wait { WAIT_TIME, WAIT_LINK, WAIT_INPUT, WAIT_OUTPUT };

enum bus_permit { PERMIT_NONE, PERMIT_AWAITED, PERMIT_GIVEN };

/* What bus_figures() gives of it; texts only where there is one, as there may be many buses. */
struct bus_shown {
	struct line_counters line;
	uint32_t retries, reopened, instead[INSTEAD_KINDS];
	us_t busy, stepped, step_limit;
	bool up;
	char *trouble, *note; /* NULL: none */
};

struct bus {
	struct bus_conf conf; /* strings are copies */
	uint32_t tag;
	struct queue *reports;
	atomic_bool closing;

	/* Shared: under the lock, which is never held across a call that can wait. */
	pthread_mutex_t lock;
	struct schedule *schedule;
	struct adoption *adoption; /* NULL: none waiting */
	bool stirred;              /* something came since the last rest */
	bool resting;              /* the hub is to be stirred then */
	bool job_came;             /* while the port is closed: try it now */
	bool ended;                /* nothing is reported any more */
	struct bus_tune tune;      /* of a held line; baud 0: its own */
	bool held;
	struct bus_shown shown;

	_Atomic(struct queue *) tap; /* NULL: no monitor */

	/* The hub's; the first ones are shared under its lock. */
	struct hub *hub;
	struct bus *next_stirred, *next_waiting;
	bool is_stirred, gone;
	enum bus_permit permit;
	size_t place;     /* in its heap */
	unsigned watched; /* the socket it knows, see struct tcp_opening */
	unsigned looked;  /* hub_waits() when the port was last read from */

	/* The thread's own. */
	enum bus_state state;
	enum bus_opens opens;
	enum bus_link link;
	bool begun;            /* port_begin() was called for it */
	enum bus_wait wait;    /* rests until then, … */
	us_t due;              /* … or, at the latest, until then */
	struct report *unsent; /* found no room in the queue */
	size_t nunsent;
	us_t begun_at;          /* the turn */
	bool exchanges;         /* the turn is not over */
	struct bus_tune wanted; /* for the turn; baud 0: its own */
	struct bus_frame *seen; /* what came in since the last frame out; NULL: no monitor yet */
	bool asked;             /* within an exchange that has sent something */
	uint32_t unseen;        /* frames that found no room with who looks on */
	struct bus_tune tuned;  /* as the port is set; baud 0: as configured */
	struct port port;
	struct line line;
	struct turn turn;
	struct unit_rule rule; /* of the turn's unit; no windows */
	struct turn_run *run;  /* how it is carried out, from turn_start() to turn_over(): large */
	bool opened;           /* once at least */
	bool up;               /* in use; a closed port may be opened by the next turn */
	bool reported;    /* `up`, as reported: an endpoint that only accepts is not reported */
	unsigned fails;   /* connections in a row that brought no answer */
	unsigned silent;  /* turns in a row without an answer */
	us_t open_at;     /* not opened again before */
	us_t used_at;     /* when the line was used last */
	us_t answered_at; /* when something answered last */
	us_t linked_at;   /* since when there is this connection; 0: a serial line */
	us_t write_at; /* a write that was not answered went through it then; 0: none, or something
	                  has since */
	uint32_t span; /* answers of the last connection that the peer ended right behind one */
	struct backlog backlog;      /* of the endpoint; not used on a serial line */
	unsigned spans;              /* so many such in a row had as many */
	struct instead instead;      /* of the turn's last exchange */
	bool adhoc;                  /* the turn is an ad-hoc request's, … */
	struct line_counters before; /* … and what it changes here is undone */
	uint32_t late, stray;        /* of the port, as looked at last */
	uint32_t retries;
};

void adoption_destroy(struct adoption *a);

/* worker.c. Does what can be done now, then see b->wait and b->due. */
void worker_go(struct bus *b);
/* Nothing follows any more, not even reports. */
bool worker_over(const struct bus *b);
/* It rests until then, at the latest. */
void worker_wait(struct bus *b, us_t until, enum bus_wait wait);
/* Sends it, with its header filled in. While the queue is full the bus does nothing else. */
void worker_report(struct bus *b, enum report_kind kind, struct report *r);
/* No job that waits is carried out: so they have ended. */
void worker_drop_jobs(struct bus *b, enum outcome o);

/* link.c: the port comes and goes. */
/* One step of opening it: false with port.why, or later. Waits for the hub's permit first. */
enum port_opening link_step(struct bus *b, us_t now, us_t *until);
void link_opened(struct bus *b, bool open); /* … has ended so */
us_t link_open_at(struct bus *b);       /* the closed port may be opened; for a command sooner */
bool link_is_down(const struct bus *b); /* several connects in a row have failed */
/* Reported once, and again when the reason changes. Waiting commands do not wait for its return. */
void link_down(struct bus *b);
void link_lost(struct bus *b);   /* a connection that broke is tried again first */
void link_proven(struct bus *b); /* something answered: it is reported up */
/* Is the link still there? See port_alive(). */
bool link_alive(struct bus *b);
/* Before something is sent: is the connection still good for it, as far as can be known? */
bool link_holds(struct bus *b);
void link_ended(struct bus *b); /* by the peer */
/* The line's own settings (baud 0), or those it was held with when the ad-hoc request was chosen.
 * False: the port is not set so. */
bool link_tune(struct bus *b, struct bus_tune want);
void link_judge(struct bus *b, enum outcome o); /* what the turn's outcome means for it */

/* tap.c: what goes out and comes in, for those who look on. */
void tap_out(struct bus *b, const struct request *r, us_t at);
void tap_in(struct bus *b, const uint8_t *bytes, size_t n, us_t at);
/* Is there something of a frame that is not over? */
bool tap_open(const struct bus *b);
/* The frame that came in is over; why NULL: nothing is wrong with it. */
void tap_end(struct bus *b, const char *why, us_t at);

enum carried {
	CARRIED_ON,     /* call again */
	CARRIED_WAITS,  /* after worker_wait() */
	CARRIED_OVER,   /* then turn_finish() */
	CARRIED_UNLINK, /* the link is gone, and nothing is lost with it: a new one and on, or
	                 * turn_unlinked() */
};

/* turn.c: carries out b->turn (linked: the port is open) a step at a time. */
void turn_start(struct bus *b, bool linked);
enum carried turn_carry(struct bus *b);
void turn_unlinked(struct bus *b);
/* Hands it to the scheduler, reports. OUT_LINK: the port is gone. */
enum outcome turn_finish(struct bus *b);
/* After what else is to be known of it. */
void turn_over(struct bus *b);

#endif
