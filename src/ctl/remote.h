/* SPDX-License-Identifier: MIT */
/*
 * remote: what else the running gateway does over its control socket (doc/control.md).
 */
#ifndef CTL_REMOTE_H
#define CTL_REMOTE_H

#include <stddef.h>

#include "ctl/line.h"
#include "ctl/perform.h"

enum remote_result {
	REMOTE_DONE,
	REMOTE_NONE,   /* it does not run, or has no control socket */
	REMOTE_FAILED, /* why */
};

enum remote_result remote_reload(const char *control, char *why, size_t size);

/* A command, as over MQTT. l is one of remote_open(). */
void remote_set(struct wireline *l, const char *device, const char *point, const char *value,
                struct performed *out);

#endif
