/* SPDX-License-Identifier: MIT */
/*
 * private: what the files of the scheduler share. No other file includes it.
 *
 * schedule.c  life, units, the port's coming and going, demands
 * adopt.c     new wants and rules; what is learned stays
 * digest.c    what matters of many nodes at once, kept between turns
 * pick.c      what is next, or until when nothing is
 * kept.c      the plan of what is due, kept while that stays the same
 * block.c     which cells to read for it, so that the answer cannot be mistaken
 * jobs.c      the table of commands
 * adhoc.c     requests that go when nothing else needs the line
 * done.c      what a turn's end means
 * patience.c  how long the answer to a read is waited for
 * refused.c   the search for what a device refuses
 * failed.c    what gets no good answer while the device answers: to be searched in the same way
 */
#ifndef CORE_SCHEDULE_PRIVATE_H
#define CORE_SCHEDULE_PRIVATE_H

#include <assert.h>
#include <stddef.h>

#include "core/schedule/plan.h"
#include "core/schedule/schedule.h"

#define LEARNT_MAX 32     /* forbidden spans kept per unit; the oldest is discarded first */
#define DEMANDS_MAX 32768 /* a `get` of all points of a full line */
#define JOBS_PER_UNIT 32
#define JOBS_MAX 256
#define PERIOD_OF_ONCE (10 * US_S) /* its urgency among the others */
#define FIRST_URGENCY 8 /* of what was never read: also an overloaded line gets to it soon */
#define ASK_AGAIN US_S  /* a unit that did not answer, until it is offline */
#define OFFLINE_REQUESTS 3
#define OFFLINE_TIME (3 * US_S)
#define SILENT_SHARE 20      /* silent units together cost at most 1/20 of the line */
#define SILENT_SHARE_ALONE 2 /* if no unit answers: more frequent probes harm none */
#define LOSS_ALL 16384
#define NEVER_READ (INT64_MIN / 4)
#define ADHOC_MAX 128
#define PAGE_NODES 64
#define SCRATCH_MOST 4096 /* nodes */
#define DIGEST_LANES 6

enum rank { RANK_HIGH, RANK_NORMAL, RANK_LOW, RANK_FASTEST, RANKS };

/* One want, or one demand, and its state. Small: there is one for each point, and each read
 * goes through those of its unit. */
struct node {
	struct want want;
	us_t due;  /* also of what is aside: its next try */
	us_t base; /* age is counted from here: the grid point before, or the last read if late */
	us_t last; /* last good read, or NEVER_READ */
	us_t failed_at; /* the last of `strikes`; 0: none */
	/* ms; see patience.c */
	uint16_t vain;     /* so long its answer was last waited for in vain; 0: it came */
	uint16_t patience; /* so long it is waited for next; 0: as for its unit */
	uint16_t least;  /* never less: its answer has come later than a time-out; 0: not learned */
	uint16_t steps;  /* its grid points are origin + steps × pitch + k × period */
	uint8_t group;   /* while a failing register is searched only equals share a read; 0: no
	                    suspicion */
	uint8_t refused; /* times refused alone */
	uint8_t asides;
	uint8_t unwell;  /* exceptions in a row that are not about addresses */
	uint8_t strikes; /* failures in a row, between which the unit answered something else */
	bool aside : 1;
	bool doubted : 1; /* it was part of a refused block */
	bool passed : 1;  /* another was read in its place, as its answer could be mistaken */
};

struct learnt {
	struct cut cut;
	us_t born; /* when it was cut on suspicion; 0: proven */
};

/* What matters of a page of nodes, or of all of a unit. */
struct digest {
	us_t wake; /* when the next of those becomes due that were not, when it was made */
	us_t pull; /* when the first may be read along with others */
	uint32_t first[DIGEST_LANES]; /* of the due ones of each rank and period the first to go */
	uint8_t n;
	bool many;  /* there are more ranks and periods: each node is to be looked at */
	bool walls; /* there are nodes that other reads must not touch */
	bool stale; /* a node has changed since */
};

struct kept;

enum unit_state {
	UNIT_NEW, /* not answered since start or the port's return: polled, not yet trusted */
	UNIT_UP,
	UNIT_DOWN, /* silent: probed by the token bucket */
};

struct unit {
	struct unit_rule rule;
	struct window *window; /* what rule.window points to; owned */
	struct peer peer;
	/* of all units this is looked at for each read */
	enum unit_state state; /* see unit_becomes() */
	bool pass;             /* another unit goes first, once */
	bool suspect;          /* everyone else who is due goes first */
	us_t wait_until;       /* read again not before */
	size_t first, n;       /* its nodes; */
	size_t npatient;       /* so many of them have a time-out of their own */
	struct digest all;
	struct digest *page; /* of PAGE_NODES each */
	size_t npage;
	struct kept *plan[4]; /* of each table; NULL: to be planned */
	us_t turn; /* turnaround as reported, smoothed; for those whose peer measures none */
	us_t first_fail, failed_at, failed_cost;
	us_t probed;
	us_t busy_wait, busy_sum;
	uint8_t fails; /* requests in a row without a good answer */
	us_t good_at;  /* last answer of a unit that is well */
	uint16_t loss; /* of what was read well the last time so much fails now: of LOSS_ALL … */
	uint8_t nloss; /* … as the mean of so many reads, the recent ones */
	uint8_t next_group;
	uint8_t jobs; /* waiting */
	bool reported_offline;
	bool free_probe;
	bool searching;    /* a failing register: wants or holes are suspected */
	bool no_longer;    /* it fails reads of cells that no want has */
	bool kept;         /* adopt: still has wants, a rule or jobs */
	uint16_t most[2];  /* cells (registers, bits) a read may have, as learned; 0: not learned */
	uint16_t good[2];  /* longest good read */
	struct span split; /* the last block without holes that had to be halved */
	struct learnt *learnt;
	size_t nlearnt;
	struct unit_figures count;
};

/* Jobs of the control socket: a lowest class of their own. */
struct adhoc {
	struct job **job; /* waiting, in the order of submission */
	size_t n, room;
	us_t credit, credit_at; /* µs of line time they may use; below 0: they have used more */
	us_t went_at;           /* when the last one went */
	us_t since;             /* when the first that waits now could have gone; 0: none waits */
	struct adhoc_figures count;
};

struct schedule {
	struct wire wire;
	us_t origin, pitch; /* of the grid; see struct node */
	unsigned index, of;
	bool phased;       /* origin is set */
	bool lost;         /* no port */
	struct node *node; /* by unit, table, address, length */
	size_t n;
	struct node *demand;
	size_t ndemand, demand_room;
	struct unit **unit;
	size_t nunit, ndown; /* so many of them are silent */
	uint8_t slot[256];   /* unit id → index in unit[]; nunit and above: none */
	struct job **job;    /* waiting, in the order of submission */
	size_t njob, job_room;
	struct job *current; /* given out by schedule_next() */
	struct adhoc adhoc;
	us_t command_at;    /* the last command ended */
	bool held;          /* wants and probes pause */
	us_t turn_at;       /* when it was */
	uint8_t turn_group; /* what the block's wants have in common */
	bool varied;        /* the turn reads other cells than the plan has */
	uint8_t debt;       /* turns polls are owed by commands and demands */
	bool last_was_demand;
	uint8_t demand_waits; /* commands that went before a demand that was due */
	uint8_t skips;
	uint8_t changes;   /* so many turns in a row were answered and not answered in turns */
	bool failed;       /* the last one was not */
	struct span again; /* to be read at once, whatever is due (count 0: none) */
	uint64_t turns, rank_turn[RANKS];
	uint64_t looked; /* nodes and pages that choosing and planning have looked at */
	bool passing;    /* some unit's `pass` is set */
	us_t hold; /* a request to a silent unit keeps a gateway busy for so long; 0: not known */
	us_t credit, credit_at; /* µs of line time for silent units */
	/* scratch for the planner, there from scratch_begin() to scratch_end(): list as large as it
	 * can get, of what is in nodes; see node_in() */
	const struct want **list;
	struct cut *cut;
	size_t scratch, cut_room;
};

static_assert(offsetof(struct node, want) == 0, "a node is found by its want");
static_assert(sizeof(struct node) == 64, "there is one for each point");

static inline struct node *node_in(const struct schedule *s, size_t i)
{
	return (struct node *)(uintptr_t)s->list[i];
}

static inline us_t us_max(us_t a, us_t b)
{
	return a > b ? a : b;
}

static inline us_t us_min(us_t a, us_t b)
{
	return a < b ? a : b;
}

static inline enum rank node_rank(const struct node *n)
{
	return n->want.period == PERIOD_FASTEST ? RANK_FASTEST : (enum rank)n->want.prio;
}

static inline us_t node_period(const struct node *n)
{
	return n->want.period == PERIOD_ONCE ? PERIOD_OF_ONCE : n->want.period;
}

/* So long before it is due it is read along with others. */
static inline us_t node_slack(const struct node *n)
{
	if (n->aside || n->want.period == PERIOD_ONCE)
		return 0;
	return n->want.period / 20;
}

static inline bool node_inside(const struct node *n, const struct span *s)
{
	return n->want.table == s->table && n->want.addr >= s->addr &&
	       (uint32_t)n->want.addr + n->want.len <= (uint32_t)s->addr + s->count;
}

static inline size_t table_kind(uint8_t table)
{
	return table_is_bits(table) ? 1 : 0;
}

/* What its pause adds to another request: nothing where others are served meanwhile. */
static inline us_t unit_dead_time(const struct schedule *s, const struct unit *u)
{
	return s->nunit == 1 ? u->rule.pause : 0;
}

/* schedule.c */
struct unit *unit_find(const struct schedule *s, uint8_t id);    /* NULL: unknown */
struct unit *unit_get(struct schedule *s, uint8_t id, us_t now); /* made if unknown */
void unit_becomes(struct schedule *s, struct unit *u, enum unit_state state);
void unit_destroy(struct unit *u);
us_t unit_turnaround(const struct unit *u);
us_t unit_ready_at(const struct unit *u);
void unit_due_now(struct schedule *s, struct unit *u, us_t now);
/* Around what uses `list`, with room for all of a unit, and `cut`: between turns the many buses of
 * a thread have none. */
void scratch_begin(struct schedule *s, const struct unit *u);
void scratch_end(struct schedule *s);
us_t grid_next(const struct schedule *s, const struct node *n,
               us_t now); /* its first point after now */
void demands_drop(struct schedule *s, uint8_t unit);

/* digest.c */
const struct digest *unit_digest(struct schedule *s, struct unit *u, us_t now);
void unit_pages(struct unit *u); /* its nodes are others now */
/* To be called when something of them has changed that goes into digests and plans: everything but
 * counts of failures. nodes_changed() leaves the plan: see kept_was_read(). */
void unit_changed(struct unit *u);
void nodes_changed(struct unit *u, size_t first, size_t last);
/* for (i = nodes_from(…); nodes_within(…, i, span); i++): all that begin in the span. */
size_t nodes_from(const struct schedule *s, const struct unit *u, const struct span *span);
static inline bool nodes_within(const struct schedule *s, const struct unit *u, size_t i,
                                const struct span *span)
{
	return i < u->first + u->n && s->node[i].want.table == span->table &&
	       s->node[i].want.addr < (uint32_t)span->addr + span->count;
}

/* kept.c */
/* From s->list, n nodes of one table and no group, as planned with these limits. */
void kept_make(struct schedule *s, struct unit *u, const struct plan_limits *l, size_t n,
               us_t until);
/* False: n's read is to be planned. */
bool kept_read(struct schedule *s, struct unit *u, const struct node *n, us_t turnaround, us_t now,
               struct span *out);
/* With all nodes in it, the first and the last being these; the first of them is due again at … */
void kept_was_read(struct unit *u, const struct span *span, size_t first, size_t last, us_t again);
void kept_drop(struct unit *u, uint8_t table);

/* block.c */
bool span_barred(const struct unit *u, const struct span *span, us_t now);
bool read_block(struct schedule *s, struct unit *u, struct node *n, us_t now, struct span *out);
bool probe_block(struct schedule *s, struct unit *u, us_t now, struct span *out);

/* patience.c */
us_t patience_of(const struct schedule *s, const struct unit *u, const struct span *span);
void patience_failed(struct schedule *s, struct unit *u, const struct turn *t);
void patience_answered(struct unit *u, struct node *n, us_t turnaround); /* it was in vain before */
bool patience_own(const struct node *n); /* it has a time-out of its own */

/* jobs.c */
struct job *jobs_take(struct schedule *s,
                      us_t now); /* the oldest that may go; the caller owns it */
us_t jobs_wake(const struct schedule *s,
               us_t now); /* when that may change; US_NEVER: not by time */
unsigned job_exchanges(const struct schedule *s, const struct job *j);

/* adhoc.c  */
enum submitted adhoc_submit(struct schedule *s, const struct job *j);
struct job *adhoc_remove(struct schedule *s, size_t i); /* the caller owns it */
/* The one that may go now; the caller owns it. polls: a read is due; until: when the next is. */
struct job *adhoc_take(struct schedule *s, bool polls, us_t until, us_t now);
us_t adhoc_wake(const struct schedule *s, us_t until, us_t now);
void adhoc_done(struct schedule *s, us_t took);
void adhoc_destroy(struct schedule *s);

/* refused.c */
void refused_by_unit(struct schedule *s, struct unit *u, const struct span *span, uint8_t code,
                     us_t now, struct effects *e);
size_t members_of(struct schedule *s, const struct unit *u, const struct span *span);
bool members_suspected(const struct schedule *s, size_t n);
bool length_refused(struct unit *u, const struct span *span);
void block_split(struct schedule *s, struct unit *u, size_t n, const struct span *span, us_t now);
void want_refused(const struct schedule *s, struct unit *u, struct node *n, unsigned enough,
                  us_t now, struct effects *e);
void demands_failed(struct schedule *s, struct unit *u, const struct span *span, unsigned enough);
void nodes_put_off(struct schedule *s, struct unit *u, const struct span *span, us_t now);
void refused_look_again(struct schedule *s, struct unit *u, us_t now);
void refused_search_ends(struct schedule *s, struct unit *u);
void learnt_disproved(struct unit *u, const struct span *span);

/* failed.c */
void loss_learn(struct schedule *s, struct unit *u, const struct span *span, bool failed);
void block_failed(struct schedule *s, struct unit *u, const struct span *span, us_t took, us_t now,
                  struct effects *e);
bool block_known_bad(struct schedule *s, const struct unit *u, const struct span *span);
bool block_suspected(struct schedule *s, const struct unit *u, const struct span *span);
struct node *sample_of(struct schedule *s, const struct unit *u, struct node *n);
us_t silent_share(const struct schedule *s, const struct unit *but);

#endif
