/* SPDX-License-Identifier: MIT */
/*
 * slots: the table of retained topics and their last texts, found by topic. The outbox's own: no
 * lock. Small, because there may be tens of thousands: 32 bytes and the two texts in one piece.
 */
#ifndef MQTT_SLOTS_H
#define MQTT_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct link {
	uint32_t prev, next; /* ids in the outbox's list; 0: none */
};

struct slot {
	struct link link;
	uint32_t chain; /* next slot of the same hash, or next free slot */
	uint32_t fresh; /* when it was set last, in sets */
	uint32_t text_len;
	uint16_t topic_len;
	uint16_t class_ : 3, qos : 2, retain : 1;
	uint16_t listed : 1, flying : 1;  /* in the list of the dirty; on its way */
	uint16_t set : 1, gone : 1;       /* has a text to publish; to be freed when published */
	uint16_t wipe : 1, wiping : 1;    /* an empty retained message goes first; is on its way */
	uint16_t suspect : 1, barred : 1; /* see outbox_blame(); not sent any more */
	uint16_t refused : 1;             /* see outbox_refused() */
	char *text;                       /* topic NUL text NUL; NULL: free slot */
};

struct slots {
	struct slot **block;     /* slots are made by the block, so that they never move */
	uint32_t n, free_, used; /* ids 1 to n exist */
	uint32_t *hash, hash_size;
	char **properties; /* by id - 1; NULL as long as no slot has any */
	uint32_t nproperties;
	size_t memory; /* bytes of all this */
};

struct slot *slots_at(const struct slots *t, uint32_t id);
uint32_t slots_find(const struct slots *t, const char *topic, size_t n); /* 0: none */
uint32_t slots_make(struct slots *t, const char *topic, size_t n);       /* must not exist */
void slots_free(struct slots *t, uint32_t id);
void slots_text(struct slots *t, struct slot *s, const char *text);
const char *slots_text_of(const struct slot *s);
/* User properties as struct outgoing has them, copied; NULL: none. True: they are others now. */
bool slots_set_properties(struct slots *t, uint32_t id, const char *list);
const char *slots_properties(const struct slots *t, uint32_t id); /* NULL: none */
void slots_destroy(struct slots *t);

/* What is to be published after a connect, in the order of publishing: by class, in a class as they
 * were made, values the last set first. t: room for all slots; clock: sets so far. How many. */
struct pending {
	uint32_t id, age;
	uint8_t class_;
};

size_t slots_pending(const struct slots *s, uint32_t clock, struct pending *t);

#endif
