/* SPDX-License-Identifier: MIT */
/*
 * remote: what else the running gateway does over its control socket.
 */
#ifndef CTL_REMOTE_H
#define CTL_REMOTE_H

#include <stddef.h>

enum remote_result {
	REMOTE_DONE,
	REMOTE_NONE,   /* it does not run, or has no control socket */
	REMOTE_FAILED, /* why */
};

enum remote_result remote_reload(const char *control, char *why, size_t size);

#endif
