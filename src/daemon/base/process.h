/* SPDX-License-Identifier: MIT */
/*
 * process: the system's figures of this process and of its host.
 */
#ifndef DAEMON_BASE_PROCESS_H
#define DAEMON_BASE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct process {
	uint64_t rss;       /* bytes resident */
	double cpu;         /* seconds used */
	char throttled[64]; /* Raspberry Pi: "no", "under-voltage now" …; "": not known */
};

void process_look(struct process *p);

#endif
