// SPDX-License-Identifier: MIT
#include "mqtt/failover.h"

#define LOOK_LATEST (1800 * US_S) /* it can be reached, and refuses us: not tried all the time */
#define BRIEF_LIVES 2
#define HELD_MOST (60 * US_S)

void failover_begin(struct failover *f, size_t n, us_t look)
{
	*f = (struct failover){
		.n = n ? n : 1, .look_at = US_NEVER, .look_first = look, .look_after = look};
}

bool failover_down(struct failover *f)
{
	f->look_at = US_NEVER;
	f->brief = 0;
	f->at = (f->at + 1) % f->n;
	return f->at != 0;
}

bool failover_lost(struct failover *f, us_t life)
{
	f->look_at = US_NEVER;
	if (life >= f->look_first) {
		f->brief = 0;
		if (!f->at)
			f->look_after = f->look_first;
		return false;
	}
	return ++f->brief >= BRIEF_LIVES && failover_down(f);
}

void failover_up(struct failover *f, us_t now)
{
	f->look_at = f->at ? now + f->look_after : US_NEVER;
}

us_t failover_due(const struct failover *f, bool held)
{
	return held && f->look_at != US_NEVER ? f->look_at + HELD_MOST : f->look_at;
}

bool failover_look(struct failover *f, bool held, us_t now)
{
	if (now < failover_due(f, held))
		return false;
	f->look_at = now + f->look_after;
	return true;
}

void failover_return(struct failover *f)
{
	f->at = 0;
	f->look_after = f->look_after * 2 < LOOK_LATEST ? f->look_after * 2 : LOOK_LATEST;
}
