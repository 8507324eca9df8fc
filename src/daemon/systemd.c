// SPDX-License-Identifier: MIT
#include "daemon/systemd.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>
#include <time.h>

void systemd_ready(const char *status)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void systemd_status(const char *status)
{
	sd_notifyf(0, "STATUS=%s", status);
}

void systemd_reloading(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	const int64_t now = (int64_t)t.tv_sec * US_S + t.tv_nsec / 1000;
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, now);
}

void systemd_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

us_t systemd_watchdog_period(void)
{
	uint64_t usec = 0;
	if (sd_watchdog_enabled(0, &usec) <= 0 || usec == 0)
		return US_NEVER;
	return (us_t)(usec / 2);
}

void systemd_watchdog(void)
{
	sd_notify(0, "WATCHDOG=1");
}
