/* SPDX-License-Identifier: MIT */
/*
 * confirm: the second read that a counter needs before its first value, a fall or a jump of it is
 * accepted: is it one, and who requests it where the polls would bring it late or never?
 */
#ifndef DAEMON_DEVICES_CONFIRM_H
#define DAEMON_DEVICES_CONFIRM_H

#include "daemon/base/plant.h"

/* The counter's value x of registers read at `at` (of a computed one: the newest of them). False:
 * held back. */
bool confirm_pass(struct gateway *g, uint32_t point, double x, us_t at);

/* Is a value of it held back? */
bool confirm_awaited(const struct plant *p, uint32_t point);

/* In each sweep: has what holds a value back read again, if no poll does so soon. */
void confirm_ask(struct gateway *g, uint32_t point);

#endif
