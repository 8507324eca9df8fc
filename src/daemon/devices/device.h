/* SPDX-License-Identifier: MIT */
/*
 * device: when a device counts as online.
 */
#ifndef DAEMON_DEVICES_DEVICE_H
#define DAEMON_DEVICES_DEVICE_H

#include "daemon/base/plant.h"

/* The device goes into this phase, if it was not; what follows from that is done by phases_take().
 * trouble: for the log, when it goes offline (NULL: the log has reported it of the whole bus). */
void device_go(struct gateway *g, uint32_t device, enum device_phase phase, const char *trouble);

/* It answers, but is not the device that is meant. text: why, "has no SunSpec models". */
void device_mismatch(struct gateway *g, uint32_t device, const char *text);

/* A unit gave an answer: its devices are online, as far as they are what they should be. */
void device_answered(struct gateway *g, struct plant_bus *b, uint8_t unit);

/* Must it be identified before it counts as online? */
bool device_must_identify(const struct device *d);

/* Why nothing may be written to it: it is another one, or may be. NULL: it may. */
const char *device_forbids(const struct plant *p, uint32_t device);

/* The device's last failed request in words, "none" if there was none; asked: with the request.
 * Returns buf. */
char *device_error_text(const struct device_state *s, bool asked, char *buf, size_t size);

/* "online", "online: wrong profile? …", "offline: no answer", "offline: identifies as SDM630",
 * "disabled" */
void device_state_text(const struct plant *p, uint32_t device, char *buf, size_t size);

#endif
