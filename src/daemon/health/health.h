/* SPDX-License-Identifier: MIT */
/*
 * health: the gateway's own state: the $SYS tree, states of buses in words, the status line.
 */
#ifndef DAEMON_HEALTH_HEALTH_H
#define DAEMON_HEALTH_HEALTH_H

#include "daemon/base/lastgood.h"
#include "daemon/base/plant.h"

struct health;

void health_create(struct gateway *g);
void health_destroy(struct gateway *g);

/* A model begins: what stays as long as it runs. old: the one before, what is gone of it is
 * cleared; NULL: none. */
void health_model(struct gateway *g, const struct model *old);

/* The broker is there: what it cannot have kept is published again; the devices' infos one at a
 * time. */
void health_connected(struct gateway *g);
void health_devices(struct gateway *g);
void health_infos(struct gateway *g);

/* Everything that moves; requests the next round. */
void health_publish(struct gateway *g);

/* A reload happened: refused with this reason (NULL: taken). */
void health_reloaded(struct gateway *g, const char *rejected);

/* What is kept as the last good configuration, and whether it had to be used, since the file was
 * refused with this reason (NULL: the file is in use). */
void health_last_good(struct gateway *g, const struct lastgood *kept, const char *refused);

/* We go, or leave this broker: what is there of m's buses and devices must not look current. */
void health_stopped(struct gateway *g, const struct model *m);

/* "2 buses up, 12/13 devices online, broker connected" */
void health_status_line(struct gateway *g, char *buf, size_t size);

/* For the files of this job: one topic of the tree. */
void health_sys(struct gateway *g, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void health_sys_time(struct gateway *g, const char *path, int64_t unix_ms);
bool health_on(const struct gateway *g); /* is the tree published at all? */

#endif
