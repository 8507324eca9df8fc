/*
 * keep: writes that nobody sends: keep-alive (`rewrite`), clocks (`sync`) and safe values (`safe`).
 */
#ifndef DAEMON_KEEP_H
#define DAEMON_KEEP_H

#include "core/command/command.h"
#include "daemon/plant.h"

void keep_model_begins(struct gateway *g);
void keep_model_ends(struct gateway *g);
void keep_destroy(struct gateway *g);

/* A command of a known device ended. */
void keep_ended(struct gateway *g, const struct command_outcome *o);

void keep_device_online(struct gateway *g, uint32_t device);
void keep_broker(struct gateway *g, bool up);
void keep_tick(struct gateway *g);

/* SIGTERM: safe values go out. */
void keep_stop(struct gateway *g);

#endif
