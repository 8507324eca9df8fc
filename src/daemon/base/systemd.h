/* SPDX-License-Identifier: MIT */
/*
 * systemd: what the service manager gets to know (sd_notify(3)). Without one, all of it does
 * nothing.
 */
#ifndef DAEMON_BASE_SYSTEMD_H
#define DAEMON_BASE_SYSTEMD_H

#include "core/base/span.h"

/* status: one line that `systemctl status` shows. */
void systemd_ready(const char *status);
void systemd_status(const char *status);

/* systemd_ready() must follow. */
void systemd_reloading(void);
void systemd_stopping(void);

/* How often the watchdog wants to be fed, µs (half of WatchdogSec); US_NEVER: not at all. */
us_t systemd_watchdog_period(void);
void systemd_watchdog(void);

#endif
