/* SPDX-License-Identifier: MIT */
/*
 * private: what the files of the command table share. No other file includes it.
 */
#ifndef CORE_COMMAND_PRIVATE_H
#define CORE_COMMAND_PRIVATE_H

#include "core/base/due.h"
#include "core/command/command.h"
#include "core/modbus/words.h"

/* For a read-back to come; not counted while the process is suspended. */
#define READ_BACK_WITHIN (10 * US_S)
#define SILENT_BUS (60 * US_S) /* a job that expired this long ago and was never reported */

enum state {
	STATE_DRAFT,     /* not in the table yet */
	STATE_WAITING,   /* its job is with the bus */
	STATE_PARKED,    /* until an older write of the point is done (min_write_interval) */
	STATE_RETRYING,  /* to be sent again at `due` */
	STATE_VERIFYING, /* acknowledged; to be read back */
	STATE_UNSURE,    /* no answer came: to be read before anything else is done */
};

/* In which lists a record is, each in order of arrival. */
enum list_kind {
	LIST_LANE,   /* of one point */
	LIST_NEAR,   /* of points that may share registers */
	LIST_PARKED, /* STATE_PARKED */
	LIST_KINDS
};

struct record;

struct link {
	struct record *next, *prev;
};

struct list {
	struct record *first, *last;
};

struct record {
	struct link link[LIST_KINDS];
	struct due_node wake; /* when time does something to it */
	struct due_node turn; /* its place in command_tick() */
	bool parked;          /* it is in LIST_PARKED */
	uint8_t state;        /* enum state */
	uint8_t origin;       /* enum command_origin */
	uint8_t tries;        /* writes repeated after a time-out */
	uint8_t demands;      /* reads that failed */
	uint8_t refusals;     /* "busy" answers */
	uint8_t effect;       /* enum command_effect, as far as it is known now */
	bool only_if_different;
	bool alone;       /* its job holds no other record */
	bool replaceable; /* and a newer one takes its job's place on the bus */
	bool recalled;    /* its job, at its expiry */
	bool leaves;      /* its job was taken back: a reload would not write it */
	bool overtaken;   /* a newer one may replace it on the bus */
	bool covered;     /* by one of another point, which writes all that it writes */
	bool ends_later;  /* the `off` of this pulse has a record of its own */
	bool stuck;       /* an `off` that failed, which was reported */
	bool moved;       /* the device went, its registers may be elsewhere when it is back */
	uint8_t verdict;  /* of a draft that is refused: enum command_end */
	uint32_t device, point; /* UINT32_MAX: gone with a reload */
	uint32_t lane;
	uint32_t item;
	void *request;
	char *param; /* the point's name, NUL, the payload: one piece of memory */
	const char *text;
	uint64_t job;
	uint64_t set;    /* the first job that it shared with others; 0: none */
	uint64_t serial; /* order of arrival */
	struct span written;
	us_t received, expires; /* expires 0: never */
	us_t sent;              /* last time on the wire; 0: never */
	us_t not_before;        /* of the end of a pulse */
	us_t pulse;             /* it begins one of this length; 0: none */
	us_t job_from;          /* before this its job is surely not on the wire */
	us_t after;             /* it was written by then: only reads that ended behind it count */
	bool read;              /* it was, since it was written last */
	us_t due;               /* RETRYING: again; else: give up */
	struct command_value value;
	struct value before;    /* of a toggle: what was read before it; NONE: not known */
	struct instead instead; /* what came instead of the response to its last job */
	/* of a draft that is refused; "" good. UNSURE: the device's exception; "": `instead` */
	char reason[COMMAND_REASON_MAX];
};

#define PAYLOADS_KEPT 8
#define UNREAD_KEPT 4 /* values that a point may have */

/* All writes of one point; stays when they are done. */
struct lane {
	uint32_t device, point; /* UINT32_MAX: gone */
	uint32_t home;          /* its device, also when the point is gone */
	uint32_t key;           /* of its jobs: newer ones replace older ones on the bus */
	uint32_t alive;
	us_t last_sent; /* 0: never */
	us_t held;      /* the last read that a command kept from being published; 0: none */
	us_t written;   /* not read back: what was read before this is not what it has; 0: it was
	                   read since */
	struct value unread[UNREAD_KEPT]; /* that was written, or may have been; NONE: not known */
	uint8_t nunread;
	struct {
		uint64_t hash;
		us_t at;            /* it came then; 0: none */
	} before[2][PAYLOADS_KEPT]; /* the last payloads, to know them when delivered again: those
	                               accepted, those refused; each a ring */
	uint8_t nbefore[2];
	struct list list;
	uint8_t shares; /* has another point some of its bits? Found out when it is needed */
};

enum { SHARES_UNKNOWN, SHARES_NOT, SHARES };

struct device_state {
	uint32_t alive, overtaken;
	us_t unlocked; /* 0: never */
};

struct act_node {
	struct command_action a;
	char *param; /* owned; behind outcome.param and outcome.sent_text */
	bool has_value, has_reason;
};

/* A device's place on the line. */
struct seat {
	uint32_t bus;
	uint8_t unit;
	uint32_t device;
};

/* Devices that may share registers: those of one unit id, or all of a line with a broadcast. */
struct near {
	size_t from, n; /* in near_device */
	struct list list;
};

struct command_table {
	const struct model *model;
	struct command_ops ops;
	struct record **record; /* in order of arrival; for the few that look at all of them */
	size_t n, room;
	struct lane *lane;
	size_t nlane, lane_room;
	uint32_t *lane_of; /* by global point; 0: none yet, else lane + 1 */
	struct device_state *device;
	struct seat *seat; /* of all devices, by bus and unit id */
	struct near *near;
	uint32_t *near_of,
		*near_device; /* by device; those of one `near` side by side, ascending */
	struct list parked;
	struct due wake, turn;
	us_t tick;             /* command_tick(): its time, */
	uint64_t ticking;      /* and the one whose turn it is; 0: it does not run */
	struct act_node **act; /* a ring */
	size_t act_first, nact, act_room;
	char *given;    /* what the last taken action's texts are in */
	size_t nunread; /* lanes with `written` */
	uint64_t next_id, next_serial;
	bool closing;
};

#define GONE UINT32_MAX /* device and point of what a reload removed */

/* table.c */
/* Places for the model's points and devices; what was there before is the caller's. */
void table_fit(struct command_table *t, const struct model *m);
#define COMMAND_MOVED "the device is gone, or another one responds there"
#define COMMAND_CHANGED "changed by a reload of the configuration"
const struct device *record_device(const struct command_table *t, const struct record *r);
const struct point *record_point(const struct command_table *t, const struct record *r);
struct record *record_create(const struct command_table *t, uint32_t device, uint32_t point,
                             const char *text);
void record_insert(struct command_table *t, struct record *r, us_t now);
/* Its payload is understood: r->value. */
void record_understood(const struct command_table *t, struct record *r);
uint32_t lane_get(struct command_table *t, uint32_t device, uint32_t point);
bool record_once_only(const struct command_table *t,
                      const struct record *r); /* another would switch again */
bool record_pulses(const struct record *r);    /* begins or ends a pulse */
/* ops.wall, or NULL; text: COMMAND_TIME_SIZE. */
const char *record_wall(const struct command_table *t, us_t at, char *text);
bool record_newer(const struct record *r); /* a later one of its lane is pending */
void act_demand(struct command_table *t, const struct record *r, us_t due);
void act_cancel(struct command_table *t, const struct record *r);
void act_stuck(struct command_table *t, const struct record *r, const char *why);
struct act_node *act_new(struct command_table *t, enum command_act act);
void act_put(struct command_table *t, struct act_node *n);

/* index.c */
/* For the table's model, with no record in it. */
void index_fit(struct command_table *t);
void index_free(struct command_table *t);
void index_add(struct command_table *t, struct record *r);
void index_near(struct command_table *t, struct record *r); /* after index_fit() */
void index_remove(struct command_table *t, struct record *r);
/* Its state, due, expires or recalled is another one. */
void record_waits(struct command_table *t, struct record *r);
struct list records_of_lane(const struct command_table *t, uint32_t lane);
/* Of all devices that may share registers with this one, itself too. */
struct list records_near(const struct command_table *t, uint32_t device);
/* These may have others in them: of points near. */
struct list records_of_unit(const struct command_table *t, uint32_t bus, uint8_t unit);
struct list records_of_job(const struct command_table *t, uint64_t id);
/* A new one for a write of the lane, and of others near. */
uint64_t job_id(struct command_table *t, uint32_t lane);

/* Reports the outcome and frees the record. value NULL: as sent. reason NULL: none. */
void record_end(struct command_table *t, struct record *r, enum command_end end, const char *value,
                const char *reason, us_t now);

/* When the point's write rule permits the next write; 0: at once. */
us_t record_earliest(const struct command_table *t, const struct record *r);

/* job.c: the write of a value, and the writes of several records as few jobs. */
void job_build(const struct device *d, const struct point *p, const struct command_value *v,
               struct job *j);
void records_launch(struct command_table *t, struct record **r, size_t n, us_t now);
void record_launch(struct command_table *t, struct record *r, us_t now);

/* rules.c */
/* Do the rules of the group of r[which] hold when r[0..n), of one device, is carried out? */
bool group_rules_hold(const struct command_table *t, struct record *const *r, size_t n,
                      size_t which, char *reason, size_t size);
/* It ends, was written or may have been, and was not read since. */
void lane_unread(struct command_table *t, const struct record *r);

/* group.c */
const struct group_rule *group_find(const struct pointset *set, const char *name);
/* The group's registers as one block, all kept; false: they are no neighbours or too many. */
/* Is q written in one block with p, as members of one group? */
bool group_holds(const struct point *q, const struct point *p);
bool group_job(const struct device *d, const struct point *p, struct job *j);
/* Are its members read where they are written? */
bool group_in_place(const struct device *d, const struct point *p);
size_t group_rank(const struct device *d, uint32_t point);
/* Of two configurations: do the same rules hold of the same values, and does the same go along? */
bool group_stays(const struct device *da, const struct point *a, const struct device *db,
                 const struct point *b);

/* submit.c: a newer one takes its place, or will when the bus reports it. */
void record_overtake(struct command_table *t, struct record *r, us_t now);
/* Is nothing of what this job writes wanted any more? */
bool job_overtaken(const struct command_table *t, uint64_t job);

/* cover.c: the last value wins also where it is another point that has the register. What the newer
 * one writes wholly is not written after it. */
void records_cover(struct command_table *t, const struct record *newer, us_t now);
/* Of another point that has some of its bits: is an older write not done, so that this one must
 * wait? And is there a newer one, which will change what would be read back? */
bool record_behind(const struct command_table *t, const struct record *r);
bool record_before(const struct command_table *t, const struct record *r);
/* What is being read back would not be found any more: it was acknowledged. */
void records_unread(struct command_table *t, const struct record *newer, us_t now);

/* pulse.c: `off` and `on` are records of one lane. */
#define BUSY_AGAIN (250 * US_MS)
#define PULSE_AGAIN (5 * US_S) /* the end of a pulse is tried until it is done */
/* `off` follows, whatever became of `on`, as soon as `on` was on the wire. */
void pulse_end(struct command_table *t, struct record *on, us_t sent, us_t now);
/* It is not waited for any longer. */
void pulse_hurry(struct command_table *t, struct record *off, us_t now);
/* It failed, or could not be given to the bus: again, by and by or soon. */
void pulse_again(struct command_table *t, struct record *off, const char *why, us_t now);
void pulse_soon(struct command_table *t, struct record *off, us_t now);
/* `on` can be read back no more. */
void pulse_off_sent(struct command_table *t, const struct record *off, us_t now);
/* An `off` that must not be written, because another device is there; and take one back. */
bool pulse_barred(const struct command_table *t, const struct record *r);
void pulse_recall(struct command_table *t, struct record *off, us_t now);

/* reload.c */
bool address_stays(const struct device *da, const struct point *pa, const struct device *db,
                   const struct point *pb);

/* time.c */
void device_bar(struct command_table *t, uint32_t device, us_t now);

/* state.c */
/* The oldest write that is parked in this lane goes on, if nothing before it is undone. */
void lane_wake(struct command_table *t, uint32_t lane, us_t now);
/* The oldest parked write with nothing before it in its lane to wait for; NULL: none. */
struct record *parked_next(const struct command_table *t);
#define SHUTTING_DOWN "shutting down"
/* "no response" only if nothing came to its last job. buf: WORDS_MAX. Returns buf. */
char *record_instead(const struct record *r, char *buf);
/* The outcome's text of one that was sent, where no more is known. Ends with the record. */
const char *record_not_known(struct record *r);
/* The end of one that was sent, and was not answered before a newer one came. */
void record_supersede(struct command_table *t, struct record *r, us_t now);
void record_retry(struct command_table *t, struct record *r, us_t due);
/* It could not be read back: an end, but for the end of a pulse. */
void record_unread(struct command_table *t, struct record *r, const char *why, us_t now);
struct command_input record_input(const struct command_table *t, uint32_t device,
                                  const struct point *p, const char *text, struct value *exponent,
                                  struct value *factor);

#endif
