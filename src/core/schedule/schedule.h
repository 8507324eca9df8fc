/* SPDX-License-Identifier: MIT */
/*
 * schedule: what one bus does next, or until when it sleeps. Owns the wants, the units and the jobs
 * of one bus. Pure: time is a parameter, no I/O; heap only in create, adopt and growth of tables.
 *
 * Points are due on a fixed grid (k × period); the largest age/period among the due goes first;
 * commands go before polls and never starve them; silent units together cost at most 5 % of the
 * line, ad-hoc requests at most 20 %. Blocks are planned by cost at the moment of reading
 * (core/schedule/plan.h).
 */
#ifndef CORE_SCHEDULE_SCHEDULE_H
#define CORE_SCHEDULE_SCHEDULE_H

#include "core/base/span.h"
#include "core/modbus/exchange.h"
#include "core/modbus/wiretime.h"

enum want_class { CLASS_HIGH, CLASS_NORMAL, CLASS_LOW };

#define PERIOD_FASTEST ((us_t)0) /* as the line allows */
#define PERIOD_ONCE US_NEVER     /* once at each coming online */

/* Registers to be read. Never cut. Need not be sorted or merged: the planner does it. */
struct want {
	uint8_t unit, table;
	uint16_t addr, len; /* cells */
	uint8_t prio;       /* enum want_class */
	bool barrier;       /* always alone in its request */
	us_t period;        /* µs, PERIOD_FASTEST or PERIOD_ONCE */
};

/* For qsort: by unit, table, address and length. */
int want_order(const void *a, const void *b);

struct window {
	uint16_t first, last; /* no read crosses a border */
};

/* What a unit forces on us; from profile and configuration. */
struct unit_rule {
	uint8_t unit;
	us_t timeout;    /* configured upper bound */
	uint8_t retries; /* of reads, at once */
	us_t pause;      /* after an answer before the next request to this unit */
	us_t pause_after_write;
	uint16_t max_read;     /* registers, 1..125; bits use 16 × this, at most 2000 */
	uint16_t max_hole;     /* cells never requested between two wants; UINT16_MAX: by cost */
	uint64_t functions;    /* bit n: function n works; 0: not known */
	uint8_t read_function; /* 0: by table; else 3 or 4 for both register tables */
	bool has_mask_write;   /* FC 22 works */
	bool loose_echo;       /* answers FC 6 with another address or value */
	uint8_t nwindow;
	const struct window
		*window; /* owned by the model that the rules came with; copied by adopt */
};

/* A job: one write, done once. The bus tries it once; what a time-out means is decided by who
 * asked. */
struct job {
	uint64_t id;      /* the asker's; comes back in the report */
	uint32_t key;     /* jobs with one key replace each other while waiting; 0: never */
	struct span span; /* what is written */
	uint8_t fc; /* 5, 6, 15, 16; 22: masked write (merged by reading first if the unit has no
	             * FC 22); 0: raw request */
	uint8_t merge_fc; /* of a fc 22 that is merged by reading: 6 or 16; 0: 6 for one register,
	                     else 16; 22: not merged, the device has it at this address */
	bool only_if_different; /* read first, write only what differs (persistent registers) */
	struct span held; /* what is read for that, where it is not `span` (count 0: it is) … */
	uint16_t same[CELLS_MAX];      /* … and what must be there for nothing to be written */
	uint16_t same_mask[CELLS_MAX]; /* its bits that count */
	bool replaceable;              /* false: toggles and pulses */
	us_t not_before;               /* 0: at once */
	us_t expires;                  /* not on the wire by then: OUT_EXPIRED */
	uint16_t value[CELLS_MAX];     /* words, or packed bits; fc 5: the raw word (0xFF00 …) */
	uint16_t mask[CELLS_MAX]; /* fc 22: bits to write; registers with mask 0 are kept as read */
	uint8_t raw[PDU_MAX];     /* fc 0: PDU, with its length and the answer's */
	uint8_t raw_len;
	uint16_t raw_answer;
	bool adhoc;   /* of the control socket, fc 0: goes when nothing else needs the line */
	us_t timeout; /* of an ad-hoc request: so long its answer is waited for; 0: as its unit has
	                 it */
};

/* Is it written by the device's own function 22, and not by reading, merging and writing? */
bool job_by_mask(const struct job *j, const struct unit_rule *rule);

enum submitted { SUBMIT_ACCEPTED, SUBMIT_REPLACED, SUBMIT_BUSY };

enum turn_kind { TURN_SLEEP, TURN_JOB, TURN_READ, TURN_PROBE };

struct turn {
	enum turn_kind kind;
	us_t until;            /* TURN_SLEEP: call again then (or when a job comes) */
	struct span span;      /* TURN_READ, TURN_PROBE */
	const struct job *job; /* TURN_JOB; valid until schedule_done() */
	us_t timeout;          /* in use for this turn; who sends it may raise it */
	us_t configured;       /* the unit's upper bound */
	struct peer *peer;     /* for the exchange */
	const struct unit_rule *rule;
	bool second; /* see struct exchange; the same */
	uint16_t value_addr, value_count;
};

/* What the bus must report after a turn. */
struct effects {
	bool online, offline; /* the unit came or went with this turn */
	bool aside; /* the device does not give this span, again and again: set aside, as … */
	struct span aside_span;
	enum outcome aside_for;  /* … it ended so the last time: refused, no answer, garbled */
	uint8_t aside_exception; /* by this exception, also of a gateway's; 0: by none */
};

/* What ad-hoc requests have used. */
struct adhoc_figures {
	uint32_t requests; /* carried out, however they ended */
	us_t busy;         /* line time */
};

struct unit_figures {
	uint32_t requests, responses, timeouts, crc_errors, exceptions;
	uint32_t instead[INSTEAD_KINDS]; /* what came instead of answers */
	uint32_t missed;                 /* grid points passed over by overload */
	bool online;
};

struct schedule;

/* index/of: this bus among how many, shifts the grid's phase. Copies the wire. NULL never. */
struct schedule *schedule_create(const struct wire *w, unsigned index, unsigned of, us_t now);
void schedule_destroy(struct schedule *s);

/* New wants and rules replace the old ones; what is learned (turnaround, bars, online, cuts, set
 * aside) and the phase stay with (unit, table, addr). Arrays are copied. */
void schedule_adopt(struct schedule *s, const struct want *w, size_t nw, const struct unit_rule *r,
                    size_t nr, us_t now);

/* A job. SUBMIT_REPLACED: *old gets the id of the one that will never be sent. BUSY: table full.
 * Ad-hoc requests have a table of their own. */
enum submitted schedule_submit(struct schedule *s, const struct job *j, us_t now, uint64_t *old);

/* While a line is held its wants and probes pause: commands and demands go on, and ad-hoc requests
 * go at once if nothing of these is due before they would be over, every 2 s nevertheless. To be
 * called when the line gets other settings, too: ad-hoc requests that wait were meant for the ones
 * before and expire now. */
void schedule_hold(struct schedule *s, bool held, us_t now);
struct adhoc_figures schedule_adhoc(const struct schedule *s);

/* Jobs that expired without being sent: returns false when there is none (more), else its id. */
bool schedule_expired(struct schedule *s, us_t now, uint64_t *id);

/* Does a job wait, of ad-hoc requests apart? */
bool schedule_has_job(const struct schedule *s);

/* Take a waiting job back (all: id 0, one per call). False: none such (perhaps on the wire). */
bool schedule_cancel(struct schedule *s, uint64_t id, uint64_t *cancelled);

/* Read these cells once, at `due`, before ordinary polls (read-back after a write, xnet/get). */
bool schedule_demand(struct schedule *s, const struct span *span, us_t due);

/* True: there is nothing to do until then if nothing new comes, and schedule_next() would say so.
 */
bool schedule_idle(struct schedule *s, us_t now, us_t until);

/* What now? */
void schedule_next(struct schedule *s, us_t now, struct turn *out);

/* The turn's end. turnaround as measured (0: none, and so OUT_REFUSED was not given by the device;
 * with OUT_TIMEOUT: the unit answered a proof, so it is there);
 * took: the line time it cost, µs. May be called with the port lost meanwhile. */
void schedule_done(struct schedule *s, const struct turn *t, enum outcome o, uint8_t exception,
                   us_t turnaround, us_t took, us_t now, struct effects *e);

/* To be counted: what came instead of an answer of this unit. */
void schedule_instead(struct schedule *s, uint8_t unit, enum instead_kind kind);

/* A gateway is busy with a silent unit for so long, µs (0: not known): that is what probes cost. */
void schedule_gateway(struct schedule *s, us_t hold);

/* The port went away (all units offline at once) or came back (nothing in step, probe all). */
void schedule_port_lost(struct schedule *s, us_t now);
void schedule_port_back(struct schedule *s, us_t now);

/* Another device is behind this unit id: discards what was learned of its registers. */
void schedule_forget(struct schedule *s, uint8_t unit, us_t now);

/* Of the turn just done: requests and mishaps besides the one its outcome counts for, as a retry
 * that mended it. */
void schedule_count(struct schedule *s, uint8_t unit, const struct unit_figures *more);
bool schedule_unit(const struct schedule *s, uint8_t unit, struct unit_figures *out);

/* Per cent of the wire's time the wants need, also above 100; see load.h. Wants with
 * PERIOD_FASTEST are left out. turnaround: assumed for every unit, µs. */
double schedule_load(const struct wire *w, const struct want *wants, size_t n,
                     const struct unit_rule *r, size_t nr, us_t turnaround);

#endif
