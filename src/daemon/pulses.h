/*
 * pulses: what is switched on and must be switched off again, journalled below the runtime
 * directory before it is written, so that an end is not forgotten with a crash.
 */
#ifndef DAEMON_PULSES_H
#define DAEMON_PULSES_H

#include "core/command/command.h"
#include "daemon/plant.h"

/* A job is about to be given to its bus: one that begins a pulse is journalled first. */
void pulses_submit(struct gateway *g, const struct command_action *a);

/* A command ended: the end of a pulse that is surely done leaves the journal. */
void pulses_ended(struct gateway *g, const struct command_outcome *o);

/* At start, once: what a predecessor left on is set apart; it is switched off when its device has
 * come online, and so is the one that is meant. */
void pulses_left_over(struct gateway *g);
void pulses_device_online(struct gateway *g, uint32_t device);

#endif
