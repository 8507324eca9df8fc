/* SPDX-License-Identifier: MIT */
/*
 * frames: the last transactions on the buses of the gateway that runs on this machine, in words, as
 * `xnetctl monitor` shows them. They come through its control socket (doc/control.md), which is
 * connected only while a page is open. A thread of its own waits for the daemon, so that the pages
 * never do.
 */
#ifndef WEB_FRAMES_H
#define WEB_FRAMES_H

#include "config/config.h"
#include "core/base/json.h"

#define FRAMES_BUSES                                                                               \
	4 /* watched at a time; one more takes the place of the one requested longest ago */
#define FRAMES_KEPT 20 /* of each */

struct frames;

/* control: path of the control socket. paths: of the gateway's configuration, for the names of
 * points; may be unreadable. Both must live as long. NULL: errno is set. */
struct frames *frames_create(const char *control, const struct config_paths *paths);
void frames_destroy(struct frames *f); /* NULL is fine */

/* Writes the members `frames`, oldest first, and `trouble` ("" if there is none), and keeps
 * watching this bus for 10 s more. At the first call there are no frames yet. */
void frames_put(struct frames *f, const char *gateway, const char *bus, struct json *j);

#endif
