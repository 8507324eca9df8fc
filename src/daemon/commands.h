/*
 * commands: from what the broker delivers to a write on a bus and its one outcome. What a write may
 * do is decided by core/command.h; here it is connected to events, buses and readings.
 */
#ifndef DAEMON_COMMANDS_H
#define DAEMON_COMMANDS_H

#include "daemon/plant.h"

struct commands;

void commands_create(struct gateway *g);
void commands_destroy(struct gateway *g);

/* A write, read, subscription that the broker delivered. */
void commands_event(struct gateway *g, const struct north_event *e);

/* Refuse what cannot be done at all: counted, told, logged. */
void commands_refuse(struct gateway *g, const struct north_event *e);

/* A bus reports about a job, and that it was replaced by a newer one. */
void commands_report(struct gateway *g, const struct report *r);

/* Registers were read back: is somebody waiting for them? Called before the readings take them. */
void commands_read(struct gateway *g, uint32_t point, const struct span *block, const uint16_t *words,
		   us_t at);

/* The read of a span failed. */
void commands_read_failed(struct gateway *g, const struct report *r);

/* The broker came or went: safe values may depend on it. */
void commands_broker(struct gateway *g, bool up);

/* For `setup`, and for what a device must be told again. */
void commands_device_online(struct gateway *g, uint32_t device);

/* Around a reload: what refers to points is put on the new model's, or ends. */
void commands_model_ends(struct gateway *g);
void commands_model_begins(struct gateway *g);

/* Something may be due: expiry, keep-alive, pulse's end. */
void commands_tick(struct gateway *g);

/* SIGTERM: everything that waits is answered. */
void commands_stop(struct gateway *g);

#endif
