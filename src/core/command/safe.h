/* SPDX-License-Identifier: MIT */
/*
 * safe: when the safe value of one point is in force, and when it is to be written. Pure: time is a
 * parameter; what is written, and to what, is the caller's business.
 *
 * In force: nothing controlled it for `after` (since the start at the earliest), or the gateway
 * ends. Lifted: by a command for the point that came later and may have been carried out, and by
 * nothing else; so an acknowledged command is never overwritten by a safe value older than it.
 *
 * | event                   | WATCH           | DUE               | WRITING         | TAKEN     |
 * |-------------------------|-----------------|-------------------|-----------------|-----------|
 * | no control for `after`  | DUE, write: now | -                 | -               | -         |
 * | its write's time        | -               | WRITING           | -               | -         |
 * | its write was taken     | -               | -                 | TAKEN           | -         |
 * | its write was not taken | -               | -                 | DUE, in 10 s    | -         |
 * | device online           | -               | write: now        | -               | DUE, now  |
 * | command accepted        | time begins     | time begins       | time begins     | the same  |
 * | newer command done      | -               | WATCH             | WATCH           | WATCH     |
 * | ... or perhaps done     | -               | WATCH             | WATCH           | WATCH     |
 * | ... or surely not       | -               | -                 | -               | -         |
 * | older command ends      | -               | -                 | -               | -         |
 * | broker away             | time begins     | -                 | -               | -         |
 * | broker back             | time ends       | -                 | -               | -         |
 * | reload: another value   | -               | write: now        | DUE, now        | DUE, now  |
 * | reload: same value      | -               | -                 | DUE, now        | -         |
 * | reload: no such rule    | NONE            | NONE              | NONE            | NONE      |
 * | the gateway ends        | WRITING         | WRITING           | WRITING         | -         |
 */
#ifndef CORE_COMMAND_SAFE_H
#define CORE_COMMAND_SAFE_H

#include "core/command/command.h"

#define SAFE_AGAIN (10 * US_S) /* one that was not taken is written again after this */

enum safe_state {
	SAFE_NONE,  /* the point has no such rule */
	SAFE_WATCH, /* not in force */
	SAFE_DUE,   /* in force, to be written at `write_at`, by and by when the device is there */
	SAFE_WRITING, /* in force, its write is under way */
	SAFE_TAKEN,   /* in force, and the device has it */
};

struct safe_rule {
	us_t after; /* 0: no rule */
	bool on_broker, on_no_command;
};

struct safe {
	struct safe_rule rule;
	uint8_t state; /* enum safe_state */
	bool broker_up;
	us_t alone;     /* the broker is away since then */
	us_t commanded; /* the last command was accepted then */
	us_t since;     /* in force since then */
	us_t write_at;  /* DUE */
};

enum safe_act {
	SAFE_REST,
	SAFE_BEGINS, /* it is in force from now: to be reported, and written at once */
	SAFE_WRITE,  /* to be written (again) */
};

/* A rule begins: at the start, or with a reload. */
void safe_begin(struct safe *s, const struct safe_rule *r, bool broker_up, us_t now);

/* A reload. same: the value is the same as before. True: it was in force, and its rule is gone. */
bool safe_adopt(struct safe *s, const struct safe_rule *r, bool same, us_t now);

void safe_broker(struct safe *s, bool up, us_t now);

/* A command for the point was accepted; and it ended. True: the safe value is lifted. */
void safe_accepted(struct safe *s, us_t now);
bool safe_ended(struct safe *s, us_t received, enum command_effect effect, us_t now);

/* Its own write ended. */
void safe_written(struct safe *s, bool taken, us_t now);

void safe_online(struct safe *s, us_t now);

/* Call it at safe_due(). pending: a command of the point is under way, which is not to be
 * overtaken; one that was accepted before the value comes into force is. */
enum safe_act safe_tick(struct safe *s, bool online, bool pending, us_t now);

/* The gateway ends: what is to be done. */
enum safe_act safe_stop(struct safe *s, us_t now);

/* US_NEVER: nothing but an event can change anything. */
us_t safe_due(const struct safe *s, bool online);

bool safe_in_force(const struct safe *s);

/* Why: "the broker is away" or "no command came"; when it begins. */
const char *safe_why(const struct safe *s);

#endif
