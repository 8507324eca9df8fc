/* SPDX-License-Identifier: MIT */
/*
 * command: the life of a write, from payload to its one outcome. Pure: time is a parameter; what is
 * to be done (submit a job, read back, report an outcome) is taken from the table as actions.
 *
 *   received → checked → waiting → acknowledged → verified | differs | refused | failed |
 * superseded …
 *
 * Every command gets exactly one outcome. Last value wins, toggles and pulses excepted. A write
 * whose answer did not come is never blindly repeated: the device is read first.
 *
 * The caller: submits, passes on what the bus reported (job, read, unit, closed), then takes all
 * actions: while (command_take(t, &a)) … and calls command_tick() at command_due().
 */
#ifndef CORE_COMMAND_COMMAND_H
#define CORE_COMMAND_COMMAND_H

#include "core/modbus/instead.h"
#include "core/model/model.h"

#define COMMAND_REASON_MAX 192
#define COMMANDS_PER_DEVICE 32 /* at once; one more is refused `busy` */
#define COMMAND_TIMEOUT (10 * US_S)
#define COMMAND_TIME_SIZE 40 /* of the text of a time, with its NUL */

/* -- checking one value ------------------------------------------------------------ */

/* A payload understood: what the point is to have, and the registers that express it. */
struct command_value {
	struct value v; /* as it will be read back; VALUE_NONE for a toggle or raw action */
	bool toggle;
	bool now;                 /* the moment it is written: see ops.wall */
	bool on;                  /* of a bit: which side (a pulse begins with `on`) */
	uint16_t n;               /* words */
	uint16_t word[CELLS_MAX]; /* as read: for comparing; see codec_encode() */
	uint16_t mask[CELLS_MAX];
	char text[VALUE_TEXT_MAX]; /* behind v */
};

struct command_input {
	const char *text; /* the payload, NUL-terminated */
	const char *now;  /* value of the payload `now`, ISO 8601; NULL: clock not synchronised */
	const struct value *exponent,
		*factor; /* of exponent_from, factor_from; NULL: the point has none */
	bool own;        /* it is configured: needs no confirmation */
};

/* False: reason is a sentence for a person ("above the maximum 75"). Read-only points are refused
 * too; what does not depend on the point (commands: off, retained) is the table's business. */
bool command_check(const struct point *p, const struct command_input *in, struct command_value *out,
                   char *reason, size_t size);

/* -- the table of live commands ------------------------------------------------------ */

enum command_end {
	COMMAND_VERIFIED,     /* read back equal (or held already) */
	COMMAND_ACKNOWLEDGED, /* the device took it; nothing to read back, or overtaken by a newer
	                         one */
	COMMAND_SENT,         /* to all units of a line, of which none answers */
	COMMAND_DIFFERS,      /* taken, but the device reports something else */
	COMMAND_REFUSED,      /* by a check, or by the device (exception) */
	COMMAND_FAILED,       /* no answer, line gone, shutting down … */
	COMMAND_SUPERSEDED,   /* a newer value for the point; no Nak */
	COMMAND_REPEATED,     /* delivered before: the outcome of that delivery counts, no answer */
	COMMAND_EXPIRED,      /* not on the wire in time */
	COMMAND_BUSY,         /* too many at once */
	COMMAND_ENDS
};

/* "verified", "acknowledged" …: for counters and logs. */
const char *command_end_name(enum command_end e);

/* A command ended well: no Nak. */
bool command_end_good(enum command_end e);

/* What became of the device, whatever the sender gets as the reason. */
enum command_effect {
	EFFECT_NONE,    /* surely nothing was written */
	EFFECT_UNKNOWN, /* it was on the wire; no answer reports whether it was carried out */
	EFFECT_DONE,    /* the device acknowledged it, or has the value */
};

enum command_origin {
	COMMAND_FROM_BROKER,
	COMMAND_FROM_GATEWAY, /* setup, safe, rewrite, sync: reported like others, but no client
	                       * sent it
	                       */
	COMMAND_PULSE_END,    /* the `off` of a pulse; made by the table itself */
};

struct command_outcome {
	enum command_end end;
	uint8_t origin;         /* enum command_origin */
	uint8_t effect;         /* enum command_effect */
	uint32_t device, point; /* UINT32_MAX: gone with a reload */
	uint32_t item;          /* which of the request's items */
	void *request;          /* as submitted */
	const char *param;      /* the point's name */
	const char *value; /* as sent; VERIFIED, DIFFERS: as the device has it now; ACKNOWLEDGED: as
	                    * it was written (rounded, its label, without unit) */
	const char *sent_text; /* as sent, always */
	const char *reason;    /* NULL when it ended well, and "" never */
	struct span span;      /* registers written; count 0: none were */
	us_t received, ended;
	us_t sent;              /* on the wire; 0: never */
	bool acknowledged_only; /* publish `value` once, not retained: it can not be read back */
	bool unread;            /* it was written, or may have been, and not read since */
	bool toggle;            /* the point's value does not follow from what was sent */
	bool pulse;             /* began or ended a pulse */
	bool pulse_over;        /* and surely no `off` is due any more: out of the journal */
};

enum command_act {
	COMMAND_SUBMIT, /* give job to bus; command_busy() if it does not take it */
	COMMAND_CANCEL, /* take job `id` back from bus; command_replaced() if it still waited */
	COMMAND_DEMAND, /* read span on bus at `due`, of `device`'s `point` that was written */
	COMMAND_REPORT, /* an outcome */
	COMMAND_STUCK,  /* the end of a pulse failed, and will be tried until it is done: reported
	                 * once (device, point, param, reason) */
};

struct command_action {
	enum command_act act;
	uint32_t bus;
	struct job job;   /* SUBMIT */
	uint64_t id;      /* CANCEL */
	struct span span; /* DEMAND */
	us_t due;
	struct command_outcome outcome; /* REPORT; its texts live until the next call of any kind */
	char text[VALUE_PRINT_MAX];     /* behind outcome.value */
	char reason[COMMAND_REASON_MAX];
	/* SUBMIT: this write begins a pulse (journal it before it is given to the bus), or ends one
	 */
	uint8_t pulse;          /* 0, 1 begins, 2 ends */
	uint32_t device, point; /* SUBMIT: of the first item; DEMAND */
};

struct command_ops {
	/* A point's value as last read; VALUE_NONE: unknown. For exponents, factors and group
	 * rules. */
	struct value (*current)(void *ctx, uint32_t device, uint32_t point);
	bool (*online)(void *ctx, uint32_t device); /* NULL: always */
	void *ctx;
	/* Why nothing may be written to the device at all (it is another one); NULL: it may. NULL:
	 * never. */
	const char *(*forbids)(void *ctx, uint32_t device);
	/* Another device answers there, or the place of its registers is not known: not even the
	 * end of a pulse is written. NULL: never. */
	bool (*mismatch)(void *ctx, uint32_t device);
	/* Value of the payload `now` at this time, ISO 8601. False: the clock is not synchronised.
	 * NULL: never. */
	bool (*wall)(void *ctx, us_t at, char text[COMMAND_TIME_SIZE]);
};

struct command_item {
	uint32_t point;   /* index in the device's set */
	const char *text; /* copied */
};

struct command_request {
	uint32_t device;
	const struct command_item *item; /* no point twice */
	uint32_t n;     /* all are checked before any is written; each gets its own outcome */
	uint8_t origin; /* enum command_origin */
	bool retained;  /* delivered because we subscribed */
	bool duplicate; /* the broker reports it may have been delivered before */
	bool only_if_different; /* read first, write only what differs (setup) */
	us_t expiry;            /* the sender's, from `since`; 0: none */
	us_t since;             /* when its time began; 0: now. What is too late is refused */
	void *request;          /* comes back in each outcome */
};

struct command_table;

/* ops is copied. The model must live until command_adopt() gives another. */
struct command_table *command_create(const struct model *m, const struct command_ops *ops);
void command_destroy(struct command_table *t); /* NULL is fine */

/* A new model after a reload: live commands go on under the same device and point names; those
 * whose point is gone, moved to another bus or changed its registers end `failed`. */
void command_adopt(struct command_table *t, const struct model *m, us_t now);

/* Before command_adopt(): ends the pulses whose point that model has no more, now, and takes back
 * what waits and would be refused there, or write something else. True: some are still under way;
 * adopt when they are done, or when you will not wait longer. */
bool command_leave(struct command_table *t, const struct model *m, us_t now);

/* Has the point the same name, and is it the same register of the same device on the same bus? */
bool command_place_stays(const struct model *old, uint32_t device, uint32_t point,
                         const struct model *m);

/* True: accepted, which of several values means all of them. */
bool command_submit(struct command_table *t, const struct command_request *r, us_t now);

/* The `off` of a pulse that a life before this one began: written as soon as it can be, and tried
 * until it is done. One that is already under way will do. */
void command_pulse_left(struct command_table *t, uint32_t device, uint32_t point, us_t now);

/* What came instead of the response to this job, for the outcome's text. Call it before
 * command_job(); without it nothing came. */
void command_instead(struct command_table *t, uint64_t id, const struct instead *i);

/* What the bus reports. sent 0: never on the wire. A job that is not the table's is ignored. */
void command_job(struct command_table *t, uint64_t id, enum outcome o, uint8_t exception, us_t sent,
                 us_t at, us_t now);
void command_replaced(struct command_table *t, uint64_t id, us_t now);
void command_busy(struct command_table *t, uint64_t id, us_t now);

/* A read of a block, finished at `at`; and one that failed. linked: since when there is the
 * connection it came through, µs (0: a serial line). Call it before command_holds(). */
void command_read(struct command_table *t, uint32_t bus, const struct span *block,
                  const uint16_t *words, us_t linked, us_t at, us_t now);
void command_read_failed(struct command_table *t, uint32_t bus, const struct span *span,
                         enum outcome o, uint8_t exception, us_t at, us_t now);

void command_offline(struct command_table *t, uint32_t device, us_t now);
/* ops.forbids() and ops.mismatch() are true from now on: what waits, and ends of pulses, are taken
 * back. command_offline() and command_adopt() call ops.forbids(), too. */
void command_mismatch(struct command_table *t, uint32_t device, us_t now);
/* Its registers may be elsewhere when it is back: what is not on the wire yet is taken back, and
 * all of its commands fail. Ends of pulses wait until ops.mismatch() is false again. */
void command_moved(struct command_table *t, uint32_t device, us_t now);

/* SIGTERM: nothing new is taken; pulses end now, tried again and again; what is on the wire is read
 * back, what waits fails. And at last, when the buses have ended: whatever is left ends with what
 * is known of it. */
void command_shutdown(struct command_table *t, us_t now);
void command_finish(struct command_table *t, us_t now);

void command_tick(struct command_table *t, us_t now);
us_t command_due(const struct command_table *t); /* US_NEVER: nothing to wait for */

/* While a write of the point is waiting or unverified, or where the read is older than a write that
 * was not read back, a read made at `at` must not be published. */
bool command_holds(const struct command_table *t, uint32_t global_point, us_t at);

/* Such a read was made at `at`; and when the last one was, 0: never. */
void command_held(struct command_table *t, uint32_t global_point, us_t at);
us_t command_held_at(const struct command_table *t, uint32_t global_point);

/* A read that is not held was made at `at`. */
void command_was_read(struct command_table *t, uint32_t global_point, us_t at);

/* Is there anything for which reads matter? Else command_read() to command_was_read() may be left
 * out. */
bool command_watches(const struct command_table *t);

/* Is a command of the point pending? Or one of any point that has some of its bits? */
bool command_pending(const struct command_table *t, uint32_t device, uint32_t point);
bool command_pending_shared(const struct command_table *t, uint32_t device, uint32_t point);

/* Do two points write some of the same bits, of one unit or of all units of its line? A point does
 * so with itself. */
bool command_shares(const struct model *m, uint32_t da, uint32_t pa, uint32_t db, uint32_t pb);

/* The devices whose points may share bits with points of this one, itself too, ascending. Borrowed,
 * until the next command_adopt(). */
const uint32_t *command_near(const struct command_table *t, uint32_t device, size_t *n);

struct command_text {
	uint32_t device, point;
	const char *text;
};

/* The payload that writes what the registers of `older` are commanded to be once `newer` is written
 * over it, if it has some of their bits; else as it was. False: there is none, or it is not known.
 * out: VALUE_PRINT_MAX, not one of the texts. */
bool command_after(const struct command_table *t, const struct command_text *older,
                   const struct command_text *newer, char *out, size_t size);

bool command_take(struct command_table *t, struct command_action *out);

size_t command_alive(const struct command_table *t);

#endif
