/* SPDX-License-Identifier: MIT */
/*
 * holder: which program has a serial port, as far as the system lets us know: by its lock
 * (/proc/locks shows that to every user), by its open files (of the same user, or to root), by a
 * lock file of the old kind (/run/lock/LCK..ttyUSB0).
 */
#ifndef BUS_HOLDER_H
#define BUS_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct holder {
	pid_t pid;
	char name[32]; /* of the program; "": not known */
};

/* Up to max others that have the port at `path` open or locked; how many there are. `self` is left
 * out (0: nobody). root: "" or a directory that holds proc/ and run/ (tests). */
size_t holder_list(const char *root, const char *path, pid_t self, struct holder *out, size_t max);

#endif
