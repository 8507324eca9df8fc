/* SPDX-License-Identifier: MIT */
/*
 * report: what the buses report, turned into readings, states of devices and ports, and ends of
 * writes.
 */
#ifndef DAEMON_REPORT_H
#define DAEMON_REPORT_H

#include "daemon/base/plant.h"

/* Takes reports from the queue, a bounded number per turn. */
void reports_take(struct gateway *g);

#endif
