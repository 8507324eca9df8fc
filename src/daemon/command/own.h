/* SPDX-License-Identifier: MIT */
/*
 * own: the table of all commands, and what the gateway itself writes: setup, keep-alive, clock,
 * safe value. What is put into it here is carried out by commands_act().
 */
#ifndef DAEMON_COMMAND_OWN_H
#define DAEMON_COMMAND_OWN_H

#include "core/command/command.h"
#include "daemon/base/plant.h"

/* g->table, which all files may use by the functions of core/command. */
void own_create(struct gateway *g);
void own_destroy(struct gateway *g);

/* The gateway's own write: checked and ended like others. The text is copied. The caller calls
 * commands_act() afterwards. */
void own_write(struct gateway *g, uint32_t device, uint32_t point, const char *text,
               bool only_if_different);

#endif
