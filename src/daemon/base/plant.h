/* SPDX-License-Identifier: MIT */
/*
 * plant: what runs for one model: its buses, the state of each device, the reading of each point.
 * Owns the bus threads. Indexes are the model's: bus, device, and point counted over all devices.
 */
#ifndef DAEMON_BASE_PLANT_H
#define DAEMON_BASE_PLANT_H

#include "bus/bus.h"
#include "core/model/devid.h"
#include "daemon/base/gateway.h"
#include "daemon/base/response.h"

/* Words kept in the reading itself; longer points have memory of their own. */
#define RAW_INLINE 4

enum quality {
	QUALITY_NEVER, /* not read yet */
	QUALITY_GOOD,
	QUALITY_NONE, /* read; the device reports "not available", or out of `valid` */
	QUALITY_STALE,
};

/* Of a number in two registers that are read apart. */
enum part_seen {
	PART_HIGH = 1,  /* the more significant word was read before */
	PART_LOW = 2,   /* the other one, after that */
	PART_ASKED = 4, /* once, to have the first value soon */
};

/* What is known of one point. Many thousands of these: keep it small. */
struct reading {
	us_t at;            /* last good read, monotonic; 0: never */
	struct value value; /* a text is malloc'ed and owned */
	struct filter filter;
	union {
		uint16_t word[RAW_INLINE];
		uint16_t *words; /* malloc'ed, for longer points */
		us_t begun; /* of an expression: a round of its inputs began then and is not over; 0
		             */
	};
	uint32_t device;
	uint16_t asked;        /* requests for an on-demand point */
	uint8_t quality : 3;   /* enum quality */
	bool known : 1;        /* the raw words are valid */
	bool refused : 1;      /* the device refuses its registers again and again … */
	bool denied : 1;       /* … as not there */
	bool implausible : 1;  /* read outside `valid`, and no pattern of a sleeping device */
	bool publish_next : 1; /* requested: the next read is published even if unchanged */
	bool undecoded : 1;    /* its scale is in another point: decoded at the turn's end */
	bool overwritten : 1;  /* its point was written, and not read since */
	bool rounded : 1;      /* read in this round of the device's fastest rate */
	uint8_t parts : 3; /* of one read in two requests: enum part_seen; in word[2], word[3] */
};

enum device_phase {
	PHASE_DISABLED,
	PHASE_OFFLINE,
	PHASE_IDENTIFYING, /* answers, but is not identified yet */
	PHASE_MISMATCH,    /* is another device than configured */
	PHASE_ONLINE,
};

struct device_state {
	uint8_t phase; /* enum device_phase */
	bool touched;  /* a reading changed or was renewed in this turn */
	bool looked;   /* plant_look() was called, readings_turn() is still to come */
	bool derives;  /* has points that depend on others */
	bool alerting; /* has points that are alerts */
	bool alerts_changed;
	bool repeated;             /* a point of the fastest rate was read twice in this round */
	uint32_t alerts_read;      /* of so many points those that are alerts were read */
	int32_t next_on_unit;      /* next device behind the same unit id; -1: none */
	us_t since;                /* in this phase */
	us_t walk_from, walk_over; /* of a SunSpec device: what was read before is of another */
	us_t seen;                 /* last answer; 0: never */
	us_t own_from;             /* older reads: before it was away, or of another one */
	us_t round;                /* the fastest period of its points */
	us_t newest;               /* newest read, for the snapshot's time */
	struct alerts *alerts;     /* NULL: none of its points is one */
	char *identifies;          /* as what, if it is a mismatch; malloc'ed */
	us_t identify_at;          /* identified again, not before */
	struct devid devid;        /* function 43/14: how far that is … */
	uint64_t devid_job;        /* … its request on its way; 0: none … */
	uint8_t devid_failed;      /* … and so often there was no response */
	bool same;                 /* it is, and goes on, as it was before the last reload */
	bool texts_due;            /* its points with device_id are to be read, since it came … */
	struct devid_read texts;   /* … and so far that is */
	uint8_t error, exception;  /* the last failed request: enum outcome; OUT_OK: none yet */
	bool error_wrote;          /* it was a write */
	struct span error_span;    /* of these registers */
	us_t error_at;
	struct instead instead; /* what came instead of its answer */
	us_t failed_since;      /* read in vain since then and never reached; 0: it was */
	bool unreached;         /* that was logged */
	bool late;              /* that its answers come too late was logged */
	us_t late_at;           /* when the last such came; 0: never */
	uint32_t invalid;       /* reads out of `valid` */
	bool doubtful;          /* some points are denied or implausible */
	bool suspected;         /* its profile is probably wrong; see suspect.h */
	uint8_t denied_by;      /* the last exception by which a point was denied */
	us_t doubt_since;       /* it looks so since then; 0: it does not */
	struct foreign foreign;
	struct response response;
};

/* A device has gone from one phase into another: phases_take() is still to come. */
struct phase_change {
	uint32_t device;
	uint8_t was, is; /* enum device_phase */
};

/* Where a register point of one bus is; sorted by key. */
struct place {
	uint32_t key; /* PLACE_KEY */
	uint16_t len; /* cells, from its lowest to its highest */
	uint32_t point;
};

#define PLACE_KEY(unit, table, addr) ((uint32_t)(unit) << 18 | (uint32_t)(table) << 16 | (addr))

struct plant_bus {
	const struct bus_conf *conf;
	struct bus
		*bus; /* owned, and valid until plant_destroy(), also when its thread has ended */
	uint32_t tag;
	bool up; /* the port is open */
	bool reported_down;
	bool rewant;     /* plant_rewant_soon() was called, plant_turn() is still to come */
	bool has_wants;  /* those of the plant before, which are this one's */
	us_t since;      /* up or down */
	us_t answered;   /* last answer of any device */
	struct failure { /* the last read to which something came that is no answer … */
		uint8_t outcome;
		struct instead instead;
		struct span span;
	} invalid;
	us_t invalid_at;   /* … and when; 0: never */
	us_t silent_since; /* none of its devices answers; 0: some do */
	char *holder;      /* the program that holds the line; malloc'ed, NULL: none */
	bool held_offline; /* so long that its devices have gone offline */
	char *trouble;     /* why the port is down; malloc'ed, NULL: unknown */
	struct place *place;
	size_t nplace;
	int32_t *unit_first; /* see plant_first_of() */
	unsigned nunit;
	size_t ndevice;
};

/* The first device behind a unit id; -1: none. */
static inline int32_t plant_first_of(const struct plant_bus *b, unsigned unit)
{
	return unit < b->nunit ? b->unit_first[unit] : -1;
}

/* What is known of a point that counts; few do. */
struct point_counter {
	uint32_t point;
	struct counter counter;
};

struct plant {
	struct model *model;
	struct plant_bus *bus;
	struct device_state *device;
	struct reading *reading;
	struct point_counter *counter; /* by point */
	size_t ncounter;
	uint8_t *how; /* per point, for model_wants(): polled though it is on demand; read in two */
	uint32_t *rewant; /* buses of which plant_rewant_soon() was called */
	size_t nrewant;
	uint32_t *look; /* devices of which plant_look() was called */
	size_t nlook;
	struct phase_change *change;
	size_t nchange;
	/* over all models */
	int32_t *tag_bus;        /* bus index by tag; -1: gone with a reload */
	struct bus **tag_thread; /* by tag; owned where tag_bus is -1; NULL: destroyed */
	uint32_t ntag;
	size_t ending; /* buses that are being ended */
};

/* All of a model except its threads. It borrows the model. Any thread: a reload builds it beside
 * the one that runs. */
struct plant *plant_build(struct model *m);
void plant_release(struct plant *p);

/* Its time begins: nothing is known of its devices since `now`. Before anything is carried over. */
void plant_begin(struct plant *p, us_t now);

/* From now on it is g->plant, and its model g->model. Buses that it has not got from the one before
 * are started, all but those that have them get its wants. */
void plant_run(struct gateway *g, struct plant *p);

/* The addresses of a SunSpec device are not known: its models are looked for from the
 * start, and what was read before `now` does not count for them. */
void plant_unbind(struct plant *p, uint32_t device, us_t now);

/* The thread ends; REPORT_ENDED follows. */
void plant_end_bus(struct plant *p, const struct plant_bus *b);

/* The first place of the bus whose key is not less; nplace: there is none. */
size_t plant_place_from(const struct plant_bus *b, uint32_t key);
/* Finds the registers of each point of this unit anew: after addresses of its devices have changed.
 */
void plant_index(struct plant *p, uint32_t bus, uint8_t unit);
/* Is it read in two requests, by its addresses or as the device wants it so? */
bool plant_apart(const struct plant *p, uint32_t point);

/* Its expressions, alerts and snapshot are looked at when the turn ends: something that they
 * depend on has changed. All others are not. */
void plant_look(struct plant *p, uint32_t device);
/* A reading of it changed or was renewed. */
void plant_touch(struct plant *p, uint32_t device);

/* The fastest period of the device's points: after some came or went. */
void plant_round(struct plant *p, uint32_t device);

/* New wants to this bus at the end of the turn: its on-demand points have changed, or addresses.
 * Each looks at all points of the bus, so many changes of a turn are made at once. */
void plant_rewant_soon(struct plant *p, uint32_t bus);
void plant_turn(struct gateway *g);

/* Tell all buses to end; each sends REPORT_ENDED. They can still be queried and given jobs, which
 * they refuse. */
void plant_close(struct gateway *g);

/* The report that a bus has ended. */
void plant_ended(struct gateway *g, uint32_t tag);

/* Frees, when all buses have ended. */
void plant_destroy(struct gateway *g);

/* The point is read at `due`, in as many requests as it takes. */
void plant_demand(const struct plant *p, uint32_t point, us_t due);

/* NULL: a bus that went with a reload. */
struct plant_bus *plant_bus_of_tag(struct plant *p, uint32_t tag);

static inline const struct device *plant_device(const struct plant *p, uint32_t point)
{
	return &p->model->device[p->reading[point].device];
}

static inline const struct point *plant_point(const struct plant *p, uint32_t point)
{
	const struct device *d = plant_device(p, point);
	return &d->set->point[point - d->point0];
}

/* Does its value need another point's: a scale, the count of its repetition? */
static inline bool point_derives(const struct point *p)
{
	return p->exponent_from >= 0 || p->factor_from >= 0 || p->count_from >= 0;
}

/* NULL: the point is no counter. */
struct counter *plant_counter(const struct plant *p, uint32_t point);

/* How many words are kept of a point (0: none, it has no register). */
unsigned plant_raw_words(const struct point *p);

/* Do all bus threads run? false: `*which` has not stepped within its limit. */
bool plant_alive(struct plant *p, us_t now, const char **which);

#endif
