/* SPDX-License-Identifier: MIT */
/*
 * ha_docs: the documents of all devices and what of them has been announced, for ha.c. Documents
 * are made when they are sent and not kept: of each only a hash and which entities it had.
 */
#ifndef MQTT_HA_DOCS_H
#define MQTT_HA_DOCS_H

#include "mqtt/ha_document.h"
#include "mqtt/north.h"

#define HA_APART (1500 * US_MS) /* two of one device in a second, and one may be lost there */
#define HA_PARTS_MAX 0xFFF
#define HA_PART_SHIFT 4 /* of published: the platform is below it */

/* An entity to be removed. */
struct gone {
	char *key;
	uint8_t platform;
	unsigned part;
};

/* One device's documents; [0] is the gateway. */
struct doc {
	uint16_t *published; /* by entry: part and platform as announced; 0: not */
	uint64_t *hash;      /* by part: of the text as last sent; 0: none of this life */
	unsigned parts;
	struct gone *gone;
	size_t ngone;
	us_t due;  /* US_NEVER: nothing to do */
	us_t sent; /* 0: not by this life */
	bool force;
};

struct ha {
	struct outbox *outbox;
	const struct north_clock *clock;
	const struct model *model;
	struct doc *doc;
	size_t ndoc;
	us_t due;     /* of the next document; what is due before is looked for */
	bool up;      /* it was connected once */
	bool settled; /* what an earlier life announced is known */
	bool loose;   /* something is not retained, so Home Assistant does not find it */
	us_t quiet, quiet_last;
	us_t loose_due;
	size_t clears;
	uint32_t packet_most; /* bytes of a packet that the broker takes; 0: not given */
	uint32_t random;
	struct json json;
	char birth[HA_TOPIC_SIZE], mine[HA_TOPIC_SIZE];
	const char *filter[3];
};

/* A document is to be looked at; it is sent if it differs from what was sent last, or by force. */
void ha_due(struct ha *h, struct doc *d, us_t due, bool force);
void ha_all_due(struct ha *h, us_t due, bool force);

/* What is due of a document is published. First what is gone, if anything is; then the rest,
 * HA_APART later. Returns about how many bytes it made. */
size_t ha_act(struct ha *h, size_t doc);

/* All of it is to be removed, with the topics it had in model m. */
void ha_clear(struct ha *h, const struct model *m, const struct doc *d, size_t doc);
void ha_clear_topic(struct ha *h, const char *topic);

/* The documents of a new model, which replace the others: what was announced is carried over, and
 * what belongs to no device any more is cleared. h->model is still the old one, or NULL. */
void ha_docs_adopt(struct ha *h, const struct model *m, const int32_t *same);
void ha_docs_free(struct ha *h);

/* An entity that is in a retained document. near: where it may be looked for, moved on. */
void ha_docs_earlier(struct ha *h, size_t doc, const char *key, const char *platform, unsigned part,
                     uint32_t *near);
void ha_docs_parts(struct doc *d, unsigned parts);

/* The device of h->doc[doc]; HA_GATEWAY for the first. */
static inline int32_t ha_device_of(size_t doc)
{
	return (int32_t)doc - 1;
}

/* Same gateway, prefix: the topics of the documents are the same. */
bool ha_same_place(const struct model *a, const struct model *b);

#endif
