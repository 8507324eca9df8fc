/* SPDX-License-Identifier: MIT */
/*
 * response: how fast a device answers: counts by time, from which percentiles are read.
 */
#ifndef DAEMON_BASE_RESPONSE_H
#define DAEMON_BASE_RESPONSE_H

#include "core/base/span.h"

#define RESPONSE_STEPS 40 /* from half a millisecond to 4 s, each a quarter wider than the last */

struct response {
	uint16_t count[RESPONSE_STEPS];
	uint16_t total;
};

/* Old answers weigh less and less: when the counts are full, all are halved. */
void response_add(struct response *r, us_t turnaround);

/* Half of the answers / nearly all, ms: "5.82/9.09". */
void response_text(const struct response *r, char *buf, size_t size);

#endif
