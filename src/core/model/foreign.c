// SPDX-License-Identifier: MIT
#include "core/model/foreign.h"

static us_t later(us_t a, us_t b)
{
	return a > b ? a : b;
}

static us_t sooner(us_t a, us_t b)
{
	return a < b ? a : b;
}

bool foreign_seen(struct foreign *f, us_t now, bool sure)
{
	const bool first = sure && !f->seen;
	const us_t soonest = sure ? now : now + FOREIGN_AGAIN;
	const us_t when = f->published ? later(soonest, f->published + FOREIGN_AGAIN) : soonest;
	f->due = f->due ? sooner(f->due, when) : when;
	if (sure) {
		f->seen = now;
		f->owed = true;
	}
	return first;
}

enum foreign_part foreign_take(struct foreign *f, us_t now)
{
	if (!f->due || now < f->due)
		return FOREIGN_NOTHING;
	f->published = now;
	f->due = f->owed && now < f->values ? f->values : 0;
	if (!f->owed || f->due)
		return FOREIGN_STATUS;
	f->owed = false;
	f->gap = !f->gap || now - f->values > FOREIGN_STANDS ? FOREIGN_AGAIN
	                                                     : sooner(f->gap * 2, FOREIGN_GAP_MAX);
	f->values = now + f->gap;
	return FOREIGN_ALL;
}

bool foreign_over(struct foreign *f, us_t now)
{
	if (!f->seen || now - f->seen < FOREIGN_STANDS)
		return false;
	f->seen = 0;
	return true;
}

us_t foreign_next(const struct foreign *f)
{
	const us_t over = f->seen ? f->seen + FOREIGN_STANDS : US_NEVER;
	return f->due ? sooner(f->due, over) : over;
}
