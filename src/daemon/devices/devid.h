/* SPDX-License-Identifier: MIT */
/*
 * devid: identifies devices by Read Device Identification (function 43/14), where their
 * profile requires it, and for the texts of points with device_id, with requests of the lowest
 * class on the line.
 */
#ifndef DAEMON_DEVICES_DEVID_H
#define DAEMON_DEVICES_DEVID_H

#include "daemon/base/plant.h"

#define DEVID_JOB ((uint64_t)1 << 62) /* ids of its jobs have this bit, and no others */

/* The device answers, and is not online: it is read, if it is time and no request is on its way.
 */
void devid_check(struct gateway *g, uint32_t device);

/* Its points with device_id are to be read: now if it is online, else when it comes. */
void devid_read(struct gateway *g, uint32_t device);

/* It is online and has answered: the next request for these points, if it is time. */
void devid_texts(struct gateway *g, uint32_t device);

/* A request of it has ended: the device goes online, or is another one, or is read again. */
void devid_report(struct gateway *g, const struct report *r);

/* It went offline: its earlier and late responses do not count. */
void devid_forget(struct device_state *s);

#endif
