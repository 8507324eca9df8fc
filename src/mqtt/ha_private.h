/* SPDX-License-Identifier: MIT */
/* ha_private: the parts of a document, for ha_document.c, ha_put.c and ha_gateway.c. */
#ifndef MQTT_HA_PRIVATE_H
#define MQTT_HA_PRIVATE_H

#include "mqtt/ha_document.h"
#include "mqtt/ha_entity.h"

/* Appends the name as it is in an id. Returns the length of buf. */
size_t ha_escape(const char *name, char *buf, size_t at, size_t size);

/* What every entity begins with; the caller closes it. owner: the device's name, "" for the
 * gateway. */
void ha_open_entity(const struct model *m, const char *key, uint8_t platform, const char *owner,
                    const char *name, struct json *j);
void ha_printed(struct json *j, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void ha_put_category(struct json *j, uint8_t category);

/* False: it is not announced. */
bool ha_put_point(const struct model *m, const struct device *d, const struct point *p,
                  struct json *j);

/* Left open. name: whose Alerts. */
void ha_put_alerts(const struct model *m, const char *owner, const char *name, struct json *j);

uint32_t ha_gateway_entries(const struct model *m);
uint8_t ha_gateway_entry(const struct model *m, uint32_t entry, char key[HA_KEY_SIZE]);
bool ha_gateway_put(const struct model *m, uint32_t entry, struct json *j);

#endif
