/* SPDX-License-Identifier: MIT */
/*
 * What the files of the view share, and no other file needs.
 */
#ifndef VIEW_INSIDE_H
#define VIEW_INSIDE_H

#include "view/view.h"

/* NULL: too many, or a name that no point can have. */
struct view_point *view_make_point(struct view *v, struct view_device *d, const char *name,
                                   size_t len);

/* describe.c: messages that are JSON. Anything that is not as topics.md defines is passed over. */
bool view_take_info(struct view *v, struct view_device *d, struct view_claim *c,
                    const struct view_message *m);
bool view_take_alerts(struct view *v, struct view_device *d, const struct view_message *m);
bool view_take_nak(struct view *v, struct view_device *d, const struct view_message *m);

void view_device_undescribe(struct view_device *d);
void view_point_undescribe(struct view_point *p);
void view_alerts_free(struct view_device *d);

/* "2026-11-21T10:00:00.000Z" as ms since 1970; 0: it is none. */
int64_t view_time(const char *text);

#endif
