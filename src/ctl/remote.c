// SPDX-License-Identifier: MIT
#include "ctl/remote.h"

#include "ctl/line.h"

struct wireline *remote_open(const struct bus_conf *conf, const char *name, const char *control,
                             char *why, size_t size)
{
	(void)conf;
	(void)name;
	(void)control;
	(void)size;
	why[0] = '\0';
	return NULL;
}

enum remote_result remote_reload(const char *control, char *why, size_t size)
{
	(void)control;
	(void)why;
	(void)size;
	return REMOTE_NONE;
}
