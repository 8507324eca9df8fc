/* SPDX-License-Identifier: MIT */
/*
 * pty: the pseudo-terminal of a simulated line, behind a symbolic link of a given name.
 */
#ifndef SIM_PTY_H
#define SIM_PTY_H

#include <stdbool.h>

struct sim_pty {
	int fd;        /* our end */
	char name[64]; /* of the other end */
	const char *link;
};

/* False: reported on standard error. A stale link of that name is replaced, anything else is left
 * alone. */
bool sim_pty_open(struct sim_pty *p, const char *link);
void sim_pty_close(struct sim_pty *p); /* the link goes too, if it is still ours */

/* Is the other end open with this speed? Speeds that termios has no name for count as right. */
bool sim_pty_speed_is(const struct sim_pty *p, unsigned baud);

#endif
