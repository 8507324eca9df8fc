// SPDX-License-Identifier: MIT
#include "ctl/lasting.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BY_ID "/dev/serial/by-id"

bool port_lasting(const char *port, char *buf, size_t size)
{
	char link[PATH_MAX], target[PATH_MAX], real[PATH_MAX];
	bool found = false;
	DIR *d = realpath(port, real) ? opendir(BY_ID) : NULL;

	for (const struct dirent *e; d && !found && (e = readdir(d));) {
		snprintf(link, sizeof(link), BY_ID "/%.255s", e->d_name);
		found = e->d_name[0] != '.' && realpath(link, target) && strcmp(target, real) == 0;
	}
	if (d)
		closedir(d);
	if (found)
		snprintf(buf, size, "%s", link);
	return found;
}
