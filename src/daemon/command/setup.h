/* SPDX-License-Identifier: MIT */
/*
 * setup: what a profile or configuration wants to be in a device: read and, where it differs,
 * written each time the device comes online, one step after the other.
 */
#ifndef DAEMON_COMMAND_SETUP_H
#define DAEMON_COMMAND_SETUP_H

#include "core/command/command.h"
#include "daemon/base/plant.h"

void setup_create(struct gateway *g);
void setup_destroy(struct gateway *g);

/* Around a reload: what is under way begins anew with the new model's steps. */
void setup_model_ends(struct gateway *g);
void setup_model_begins(struct gateway *g);

/* After these the caller calls commands_act(). */
void setup_device_online(struct gateway *g, uint32_t device);
void setup_device_offline(struct gateway *g, uint32_t device);

/* A command of a known device ended. */
void setup_ended(struct gateway *g, const struct command_outcome *o);

void setup_tick(struct gateway *g);

#endif
