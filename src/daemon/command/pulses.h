/* SPDX-License-Identifier: MIT */
/*
 * pulses: what is switched on and must be switched off again, journalled below the runtime
 * directory before it is written, so that an end is not lost with a crash.
 */
#ifndef DAEMON_COMMAND_PULSES_H
#define DAEMON_COMMAND_PULSES_H

#include "core/command/command.h"
#include "daemon/base/plant.h"

/* A job is about to be given to its bus: one that begins a pulse is journalled first. */
void pulses_submit(struct gateway *g, const struct command_action *a);

/* A command ended: the end of a pulse that is surely done leaves the journal. */
void pulses_ended(struct gateway *g, const struct command_outcome *o);

/* The end of a pulse failed, and is tried on: an alert until it is done. */
void pulses_stuck(struct gateway *g, const struct command_outcome *o);

/* At the start and after a reload: what a predecessor left on, or lost its point with a reload and
 * has one again, is set apart; it is switched off when its device has come online, and so is the
 * one that is meant. What has no point now is reported by an alert. */
void pulses_model_begins(struct gateway *g);
void pulses_device_online(struct gateway *g, uint32_t device);

#endif
