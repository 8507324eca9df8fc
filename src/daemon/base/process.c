// SPDX-License-Identifier: MIT
#include "daemon/base/process.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The firmware's word on power and heat; bits as `vcgencmd get_throttled` prints them. */
#define THROTTLED "/sys/devices/platform/soc/soc:firmware/get_throttled"

static const struct {
	unsigned bit;
	const char *text;
} throttles[] = {
	{0, "under-voltage now"},         {1, "clock capped now"},      {2, "throttled now"},
	{16, "under-voltage since boot"}, {18, "throttled since boot"},
};

static bool first_line(const char *path, char *buf, int size)
{
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	const bool got = fgets(buf, size, f) != NULL;
	fclose(f);
	return got;
}

static uint64_t resident(void)
{
	char line[128];
	if (!first_line("/proc/self/statm", line, sizeof line))
		return 0;
	const char *second = strchr(line, ' ');
	return second ? strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static void look_throttled(char *buf, size_t size)
{
	char line[32], *end;
	buf[0] = '\0';
	if (!first_line(THROTTLED, line, sizeof line))
		return;
	const unsigned long bits = strtoul(line, &end, 16);
	if (end == line)
		return;
	snprintf(buf, size, "no");
	for (size_t i = sizeof throttles / sizeof *throttles; i-- > 0;)
		if (bits & 1ul << throttles[i].bit)
			snprintf(buf, size, "%s", throttles[i].text);
}

void process_look(struct process *p)
{
	struct rusage u;
	p->rss = resident();
	getrusage(RUSAGE_SELF, &u);
	p->cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	         (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
	look_throttled(p->throttled, sizeof p->throttled);
}
