// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/verb.h"

#define NOT_FOUND 127 /* as a shell */

/* Where this program is installed or was built; then wherever the shell would look. */
int verb_web(int argc, char **argv)
{
	static const char *const place[] = {"", "../sbin/"};
	char own[4096], path[4200];
	const ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
	char name[] = "xnet-web";

	(void)argc;
	argv[0] = name;
	own[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(own, '/');
	for (size_t i = 0; slash && i < sizeof place / sizeof *place; i++) {
		slash[1] = '\0';
		snprintf(path, sizeof path, "%s%s%s", own, place[i], name);
		execv(path, argv);
	}
	execvp(name, argv);
	fprintf(stderr, "xnetctl: xnet-web: %s: install the package xnet-web\n", strerror(errno));
	return NOT_FOUND;
}
