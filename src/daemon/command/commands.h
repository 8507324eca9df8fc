/* SPDX-License-Identifier: MIT */
/*
 * commands: from what the broker delivers to a write on a bus and its one outcome. What a write may
 * do is decided by core/command; here it is connected to events, buses and
 * readings, and its outcomes to all who wait for one.
 */
#ifndef DAEMON_COMMAND_COMMANDS_H
#define DAEMON_COMMAND_COMMANDS_H

#include "core/command/command.h"
#include "daemon/base/plant.h"

struct commands;

struct command_figures {
	/* of commands that came from the broker: all that were received and live no more have ended
	 */
	uint64_t received;
	uint64_t ended[COMMAND_ENDS]; /* by enum command_end */
	char last[256];               /* point, value, outcome */
};

void commands_create(struct gateway *g);
void commands_destroy(struct gateway *g);

/* A write that the broker delivered. */
void commands_event(struct gateway *g, const struct north_event *e);

/* Refuse what cannot be done at all: counted, reported, logged. */
void commands_refuse(struct gateway *g, const struct north_event *e);

/* A bus reports the end of a job. */
void commands_report(struct gateway *g, const struct report *r);

/* A block could not be read: does a command wait for it? */
void commands_read_failed(struct gateway *g, uint32_t bus, const struct report *r);

/* Carries out the actions that the table has made since: jobs, reads, outcomes. After
 * the readings, so that a value goes before its Nak. */
void commands_act(struct gateway *g);

/* A device came online (setup, clock), or went. */
void commands_device_online(struct gateway *g, uint32_t device);
void commands_device_offline(struct gateway *g, uint32_t device);
/* It has been identified as another one. */
void commands_device_mismatch(struct gateway *g, uint32_t device);
/* Its registers may be elsewhere when it is back: all of its commands fail. */
void commands_device_moved(struct gateway *g, uint32_t device);

/* Before a reload: pulses whose point goes with it are ended. True: it must wait for them. */
bool commands_hold_reload(struct gateway *g, const struct model *next);

/* Around a reload: what refers to points is put on the new model's, or ends. */
void commands_model_ends(struct gateway *g);
void commands_model_begins(struct gateway *g, const struct model *old);

/* Something may be due: expiry, keep-alive, pulse's end. */
void commands_tick(struct gateway *g);

/* SIGTERM: nothing new is taken, safe values and pulses' ends go out; and at last, when the buses
 * have ended, whatever still waits is answered. */
void commands_stop(struct gateway *g);
void commands_finish(struct gateway *g);

/* Are outcomes of commands pending? */
bool commands_wait(const struct gateway *g);

void commands_figures(const struct gateway *g, struct command_figures *out);

#endif
