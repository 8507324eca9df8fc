/*
 * commands: from what the broker delivers to a write on a bus and its one outcome. What a write may
 * do is decided by core/command.h; here it is connected to events, buses and readings.
 */
#ifndef DAEMON_COMMANDS_H
#define DAEMON_COMMANDS_H

#include "core/command/command.h"
#include "daemon/plant.h"

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

/* A write, read, subscription that the broker delivered. */
void commands_event(struct gateway *g, const struct north_event *e);

/* Refuse what cannot be done at all: counted, told, logged. */
void commands_refuse(struct gateway *g, const struct north_event *e);

/* The gateway's own write (setup, keep-alive, clock, safe value): checked and told like others.
 * Texts are copied. */
void commands_own(struct gateway *g, uint32_t device, uint32_t point, const char *text,
                  bool only_if_different);

/* Is a command of the point alive? The gateway's own writes then stand back: it is newer. */
bool commands_pending(const struct gateway *g, uint32_t device, uint32_t point);

/* The `off` of a pulse that an earlier run of the gateway began. */
void commands_pulse_left(struct gateway *g, uint32_t device, uint32_t point);

/* A bus reports the end of a job. */
void commands_report(struct gateway *g, const struct report *r);

/* Is any command alive? Else reads need no look at commands_holds(). */
bool commands_live(const struct gateway *g);

/* Must a read of this point, made at `at`, not be told? (point: of all) */
bool commands_holds(const struct gateway *g, uint32_t point, us_t at);

/* A block was read, or could not be: is somebody waiting for it? Before the readings take it.
 * Outcomes that follow are told by commands_act(), after the readings, so that a value goes before
 * its Nak. */
void commands_read(struct gateway *g, uint32_t bus, const struct report *r);
void commands_read_failed(struct gateway *g, uint32_t bus, const struct report *r);
void commands_act(struct gateway *g);

/* The broker came or went: safe values may depend on it. */
void commands_broker(struct gateway *g, bool up);

/* A device came online (setup, clock), or went. */
void commands_device_online(struct gateway *g, uint32_t device);
void commands_device_offline(struct gateway *g, uint32_t device);
/* It has said that it is another one. */
void commands_device_strange(struct gateway *g, uint32_t device);
/* Its registers may be elsewhere when it is back: all of its commands fail. */
void commands_device_moved(struct gateway *g, uint32_t device);

/* Before a reload: pulses whose point goes with it are ended. True: it must wait for them. */
bool commands_hold_reload(struct gateway *g, const struct model *next);

/* Around a reload: what refers to points is put on the new model's, or ends. */
void commands_model_ends(struct gateway *g);
void commands_model_begins(struct gateway *g);

/* Something may be due: expiry, keep-alive, pulse's end. */
void commands_tick(struct gateway *g);

/* SIGTERM: nothing new is taken, safe values and pulses' ends go out; and at last, when the buses
 * have ended, whatever still waits is answered. */
void commands_stop(struct gateway *g);
void commands_finish(struct gateway *g);

void commands_figures(const struct gateway *g, struct command_figures *out);

#endif
