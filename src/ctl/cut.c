// SPDX-License-Identifier: MIT
#include "ctl/cut.h"

#include <string.h>

static void shift(struct cut *c, size_t n)
{
	c->n -= n;
	memmove(c->buf, c->buf + n, c->n);
}

/* Hands over what is complete. whole: silence followed, nothing is waited for. */
static bool drain(struct cut *c, bool whole, cut_take *take, void *ctx)
{
	struct frame f;

	while (c->n && frame_find(c->buf, c->n, c->n, NULL, whole, &f)) {
		if (!whole && f.at + f.len == c->n && frame_open(&f))
			return true;
		if (f.at && !take(ctx, c->buf, f.at, false, c->last))
			return false;
		if (!take(ctx, c->buf + f.at, f.len, true, c->last))
			return false;
		shift(c, f.at + f.len);
	}
	if (!whole || !c->n)
		return true;
	const size_t n = c->n;
	c->n = 0;
	return take(ctx, c->buf, n, false, c->last);
}

bool cut_feed(struct cut *c, const uint8_t *bytes, size_t n, us_t now, cut_take *take, void *ctx)
{
	if (c->n && now - c->last > c->split && !drain(c, true, take, ctx))
		return false;
	while (n) {
		const size_t some = n < sizeof(c->buf) - c->n ? n : sizeof(c->buf) - c->n;
		memcpy(c->buf + c->n, bytes, some);
		c->n += some;
		c->last = now;
		bytes += some;
		n -= some;
		if (!drain(c, c->n == sizeof(c->buf), take, ctx))
			return false;
	}
	return true;
}
