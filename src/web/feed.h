/* SPDX-License-Identifier: MIT */
/*
 * feed: what the page is given, as JSON: all of the view, or what changed since a revision. Pure.
 */
#ifndef WEB_FEED_H
#define WEB_FEED_H

#include "core/base/json.h"
#include "view/view.h"

struct feed_head {
	bool connected;
	const char *broker, *trouble;
	const char *token; /* NULL: nothing may be written */
	bool frames;       /* the page may request them */
};

/* since 0, or from before view_clear: all of it, with "full". Gives the revision it is up to. */
uint64_t feed(const struct view *v, const struct feed_head *h, uint64_t since, us_t now,
              struct json *j);

#endif
