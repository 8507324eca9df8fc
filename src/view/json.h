/* SPDX-License-Identifier: MIT */
/*
 * json: the view as JSON, for --json and for the web page. Everything is a text as it was
 * published, but what cannot be anything else.
 */
#ifndef VIEW_JSON_H
#define VIEW_JSON_H

#include "core/base/json.h"
#include "view/view.h"

/* Members of an open object: name, status, version …; buses; alerts; without its devices. */
void view_json_gateway(const struct view *v, const struct view_gateway *g, struct json *j);

/* One device as an object of an array; with its points, if `points`: how a point is (unit, labels
 * …) too. */
void view_json_device(const struct view *v, const struct view_device *d, us_t now, bool points,
                      struct json *j);

/* One line of the log, as an object of an array. */
void view_json_entry(const struct view_entry *e, struct json *j);

#endif
