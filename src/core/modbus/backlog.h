/* SPDX-License-Identifier: MIT */
/*
 * backlog: a gateway to a serial line serves one request at a time. While it waits for a unit that
 * does not answer, the request to the next unit waits in its queue: that one is late for no fault
 * of its own. How long the gateway waits is found out from the answers behind it.
 */
#ifndef CORE_MODBUS_BACKLOG_H
#define CORE_MODBUS_BACKLOG_H

#include "core/modbus/wiretime.h"

/* Of one endpoint. Starts zeroed, then backlog_init(). */
struct backlog {
	us_t asked; /* since when it may be busy with what was not answered; 0: it is not */
	us_t busy;  /* until then at most */
	us_t hold;  /* so long it waits for a silent unit, at most; 0: not known */
	us_t guess; /* while that is not known */
};

void backlog_init(struct backlog *b);

/* So much longer than its own time-out the answer to a request sent now may take, µs. */
us_t backlog_wait(const struct backlog *b, us_t now);

/* A request sent at `sent` was given up; waited: what backlog_wait() had allowed. */
void backlog_unanswered(struct backlog *b, us_t sent, us_t waited);

/* Something answered, so it is busy no more. waited: without what backlog_wait() allowed it would
 * have been late. */
void backlog_answered(struct backlog *b, bool waited, us_t now);

#endif
