/* SPDX-License-Identifier: MIT */
/*
 * descriptors: does the process get as many file descriptors as the buses of a model need? Without
 * them ports stay closed, or the broker is not reached.
 */
#ifndef DAEMON_BASE_DESCRIPTORS_H
#define DAEMON_BASE_DESCRIPTORS_H

#include <stddef.h>

#include "core/model/model.h"

/* As many as the process may have at once. A service manager may forbid it: then its limit stays.
 */
void descriptors_raise(void);

/* True: the model needs more than `limit`. buf: by how much, and what to do. */
bool descriptors_beyond(const struct model *m, unsigned long limit, char *buf, size_t size);

/* The same with the limit to which the process may raise its own. */
bool descriptors_lack(const struct model *m, char *buf, size_t size);

#endif
