/* SPDX-License-Identifier: MIT */
/*
 * checkup: what xnetd --check finds wrong beyond the configuration's own words: the load, file
 * descriptors, the files for TLS, ports that cannot be used, files that the service may not read.
 */
#ifndef DAEMON_BASE_CHECKUP_H
#define DAEMON_BASE_CHECKUP_H

#include "config/bundle.h"

void checkup(const struct model *m, struct diag *d);

/* An error for each file that this user may not read. For root, in a process without threads; if
 * there is no such user nothing is looked at. */
void checkup_readable(const char *user, const struct bundle *b, struct diag *d);

#endif
