/*
 * outbox: what is to be published, between main and the publisher thread.
 *
 * One slot per retained topic holds its last text and whether it is dirty; a bounded FIFO holds
 * messages that must all go out (Nak, responses, history). It belongs to no model and survives
 * reloads. Any thread may call; nothing here blocks longer than a copy.
 */
#ifndef MQTT_OUTBOX_H
#define MQTT_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outbox;
typedef uint32_t slot_t; /* 0: none */

enum slot_class { SLOT_STATUS, SLOT_ALERTS, SLOT_VALUE, SLOT_SYS }; /* order of telling after a connect */

struct outbox *outbox_create(size_t fifo_bytes);
void outbox_destroy(struct outbox *o);

/* Find or make the slot of a topic. */
slot_t outbox_slot(struct outbox *o, const char *topic, enum slot_class c, uint8_t qos, bool retain);

/* New text: dirty. The same text again is told again only if `again`. */
void outbox_set(struct outbox *o, slot_t s, const char *text, bool again);

/* The topic no longer exists: an empty retained message, then the slot is free. */
void outbox_clear(struct outbox *o, slot_t s);

/* Last text of a slot ("" if never set). Copies. */
void outbox_text(struct outbox *o, slot_t s, char *buf, size_t size);

struct post {
	const char *topic, *payload;
	uint8_t qos;
	bool retain;
	const void *correlation; /* MQTT 5; NULL: none */
	size_t correlation_len;
};

/* false: full, oldest of its kind dropped and counted. Copies. */
bool outbox_post(struct outbox *o, const struct post *p);

/* Once per turn of main: wakes the publisher if anything is dirty. */
void outbox_kick(struct outbox *o);

#endif
