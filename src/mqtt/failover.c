// SPDX-License-Identifier: MIT
#include "mqtt/failover.h"

#define LOOK_LATEST (1800 * US_S) /* it can be reached, and refuses us: not tried all the time */

void failover_begin(struct failover *f, size_t n, us_t look)
{
	*f = (struct failover){
		.n = n ? n : 1, .look_at = US_NEVER, .look_first = look, .look_after = look};
}

bool failover_down(struct failover *f, bool was_up)
{
	f->look_at = US_NEVER;
	if (was_up || f->n == 1)
		return false;
	f->at = (f->at + 1) % f->n;
	return f->at != 0;
}

void failover_up(struct failover *f, us_t now)
{
	f->look_at = f->at ? now + f->look_after : US_NEVER;
	if (!f->at)
		f->look_after = f->look_first;
}

bool failover_look(struct failover *f, us_t now)
{
	if (now < f->look_at)
		return false;
	f->look_at = now + f->look_after;
	return true;
}

void failover_return(struct failover *f)
{
	f->at = 0;
	f->look_after = f->look_after * 2 < LOOK_LATEST ? f->look_after * 2 : LOOK_LATEST;
}
