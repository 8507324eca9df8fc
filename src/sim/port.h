/* SPDX-License-Identifier: MIT */
/*
 * port: the outside of the simulated line: a pseudo-terminal or a TCP socket where the gateway
 * comes in, a control socket or standard input for commands, one poll() loop. What answers is
 * core/sim/units.
 */
#ifndef SIM_PORT_H
#define SIM_PORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/model/model.h"

struct sim_conf {
	const struct model *model;
	uint32_t bus; /* its index */
	const char
		*link; /* symbolic link to the pseudo-terminal; NULL: none, the name is printed */
	int tcp_port;  /* serve Modbus TCP on 127.0.0.1: its port, 0 for any free one; -1: no TCP */
	const char *control; /* UNIX socket for commands; NULL: none */
	bool stdin_commands; /* commands on standard input, which ends the line when it ends */
	FILE *write_log;     /* one line of JSON for every write request; NULL: none */
	uint64_t seed;
	us_t turnaround; /* of every device */
};

/* Runs until SIGINT, SIGTERM or the end of standard input. Prints "ready: NAME" when the line can
 * be opened. Returns an exit status; what is wrong is reported on standard error. */
int sim_run(const struct sim_conf *c);

#endif
