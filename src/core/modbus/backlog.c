// SPDX-License-Identifier: MIT
#include "core/modbus/backlog.h"

#define GUESS (6 * US_S)
#define HOLD_MOST (15 * US_S)

void backlog_init(struct backlog *b)
{
	*b = (struct backlog){.guess = GUESS};
}

us_t backlog_wait(const struct backlog *b, us_t now)
{
	return b->asked && b->busy > now ? b->busy - now : 0;
}

/* Not known and waited for in vain: perhaps there is no unit at all, so less the next time. */
void backlog_unanswered(struct backlog *b, us_t sent, us_t waited)
{
	if (waited && !b->hold)
		b->guess /= 2;
	const us_t span = b->hold ? b->hold + b->hold / 4 : b->guess;
	if (!b->asked)
		b->asked = sent;
	/* they queue up, but what is only guessed is not added up */
	b->busy = (b->hold && b->busy > sent ? b->busy : sent) + span;
	if (b->busy > sent + HOLD_MOST)
		b->busy = sent + HOLD_MOST;
}

/* It was not busy for longer than that; only an answer that had to wait shows that it was for so
 * long. What comes at once may as well be the end of an outage. */
void backlog_answered(struct backlog *b, bool waited, us_t now)
{
	const us_t took = b->asked ? now - b->asked : 0;
	if (took > 0 && took <= HOLD_MOST) {
		if (b->hold && took <= b->hold)
			b->hold -= (b->hold - took) / 8; /* often it is not for so long */
		else if (waited || (!b->hold && took < b->guess))
			b->hold = took;
	}
	b->asked = b->busy = 0;
}
