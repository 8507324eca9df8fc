/* SPDX-License-Identifier: MIT */
/*
 * ha_document: a device as Home Assistant's MQTT discovery has it ("device discovery", from
 * 2024.11): one JSON document with all its entities, on <prefix>/device/<node>/<id>/config. Pure.
 * A document has entries: the points of a device, or the facts of the gateway.
 */
#ifndef MQTT_HA_DOCUMENT_H
#define MQTT_HA_DOCUMENT_H

#include "core/base/json.h"
#include "core/model/model.h"

#define HA_GATEWAY (-1) /* in place of a device */
#define HA_TOPIC_SIZE 768
#define HA_ID_SIZE (4 * NAME_MAX_LEN + 16)
#define HA_KEY_SIZE (NAME_MAX_LEN + 16)
#define HA_ORIGIN "xnet-gateway"

/* "xnet_<gateway>" and "xnet_<gateway>_<device>". - and _ in a name become -- and -_, so that two
 * gateways and their devices never have the same one. */
void ha_node(const struct model *m, char buf[HA_ID_SIZE]);

/* part: from 1; further ones have _2, _3 … behind their id. */
void ha_topic(const struct model *m, int32_t device, unsigned part, char buf[HA_TOPIC_SIZE]);

/* Whose document is it: the last but one level of a topic below our node, len bytes. False: none
 * that this model has, but perhaps one that another had: then *ours is whether it has the form.
 */
bool ha_topic_device(const struct model *m, const char *id, size_t len, int32_t *device,
                     unsigned *part, bool *ours);

/* How many entries there may be; most are announced, some are not (enum ha_platform HA_NONE). */
uint32_t ha_entries(const struct model *m, int32_t device);
uint8_t ha_entry(const struct model *m, int32_t device, uint32_t entry, char key[HA_KEY_SIZE]);
/* The entry of a key, UINT32_MAX: none. near: where it probably is. */
uint32_t ha_entry_find(const struct model *m, int32_t device, const char *key, uint32_t near);

/* A document: begin, any number of entries, end. put gives false for one that is not announced. */
void ha_document_begin(const struct model *m, int32_t device, struct json *j);
bool ha_document_put(const struct model *m, int32_t device, uint32_t entry, struct json *j);
/* An entity that is no more; its platform is what it had. */
void ha_document_remove(const char *key, uint8_t platform, struct json *j);
void ha_document_end(struct json *j);

/* Begin, entries from `first` on as far as `most` bytes go (one at least), end. Returns the entry
 * behind them, ha_entries() at the end. */
uint32_t ha_document(const struct model *m, int32_t device, uint32_t first, size_t most,
                     struct json *j);

#endif
