/* SPDX-License-Identifier: MIT */
/*
 * readings: from raw words to what is on a topic: decode, scale, counter guard, valid range,
 * filter, publish. And what depends on it: expressions, alerts, snapshots.
 */
#ifndef DAEMON_DEVICES_READINGS_H
#define DAEMON_DEVICES_READINGS_H

#include "daemon/base/plant.h"

/* Words of a block that covers this point, read at `at`. Unchanged words cost a comparison. */
void reading_take(struct gateway *g, uint32_t point, const struct span *block,
                  const uint16_t *words, us_t at);

/* A good read's value: accepted, or not, and published. v's text lives only now. */
void reading_settle(struct gateway *g, uint32_t point, struct value v, us_t at);

/* As if it had never been read; an alert it raised ends. */
void reading_reset(struct plant *p, uint32_t point);

/* Its words as read; n: plant_raw_words(). */
uint16_t *reading_raw(struct reading *r, unsigned n);

/* The point has no value any more: published as None. q: why. */
void reading_none(struct gateway *g, uint32_t point, enum quality q);

/* Forget the raw words, so that the next read is decoded and compared with what was published. */
void reading_forget(struct reading *r);

/* Its point was written, and not read since: what is known of it is of before. */
void reading_overwritten(struct reading *r);

/* The text that the topic holds, or should hold. */
void reading_text(const struct plant *p, uint32_t point, char *buf, size_t size);

/* Publish the point's value now even if unchanged (read-back, xnet/get). */
void reading_publish_again(struct gateway *g, uint32_t point);

/* Raise or clear the point's alert by its value, if it has one. */
void reading_alert(struct plant *p, uint32_t point);

/* A device has come online: publish all that is known of it. */
void readings_publish_device(struct gateway *g, uint32_t device);

/* It is gone: its values are judged anew when it is back. */
void readings_forget_device(struct plant *p, uint32_t device);

/* The configured values of a device that went offline. */
void readings_publish_offline(struct gateway *g, uint32_t device);

/* After the start and after a reload: publish what a topic does not hold yet. What was never
 * requested has no value; of a device that is offline, what is configured for that. changed: only
 * of devices that are not as they were before the reload, since their topics are. */
void readings_publish_current(struct gateway *g, bool changed);

/* The turn's end: expressions, alerts and snapshots of the devices that were read. */
void readings_turn(struct gateway *g);

#endif
