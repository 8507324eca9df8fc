/* SPDX-License-Identifier: MIT */
/*
 * keep: writes without a command: keep-alive (`rewrite`), clocks (`sync`) and safe values (`safe`;
 * when they are in force is decided by core/command/safe.h).
 */
#ifndef DAEMON_COMMAND_KEEP_H
#define DAEMON_COMMAND_KEEP_H

#include "core/command/command.h"
#include "daemon/base/plant.h"

void keep_create(struct gateway *g);
void keep_destroy(struct gateway *g);

/* old: the model before; NULL at the start. What is in force, or repeated, goes on where it is the
 * same register of the same device. */
void keep_model_begins(struct gateway *g, const struct model *old);
void keep_model_ends(struct gateway *g);

/* A command for the point was accepted. One for a point that has some of the same bits, of
 * this or of all units, counts as well, here and below. */
void keep_accepted(struct gateway *g, uint32_t device, uint32_t point);

/* Does it, or what shares registers with it, have the value that was commanded, or its safe value?
 * Then `setup` leaves it alone. */
bool keep_rules(const struct gateway *g, uint32_t device, uint32_t point);

/* A command of a known device ended. */
void keep_ended(struct gateway *g, const struct command_outcome *o);

/* Something else than a command wrote its registers: a keep-alive would undo that, and pauses until
 * the next command. False: none was going on. */
bool keep_pause(struct gateway *g, uint32_t device, uint32_t point, const char *why);

/* After these the caller calls commands_act(). */
void keep_device_online(struct gateway *g, uint32_t device);
void keep_broker(struct gateway *g, bool up);
void keep_tick(struct gateway *g);

/* SIGTERM: safe values go out. */
void keep_stop(struct gateway *g);

#endif
