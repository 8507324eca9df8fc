// SPDX-License-Identifier: MIT
#include "config.h"

#include "mqtt/ha_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define END_BYTES 2 /* "}}" */

/* -- names and topics -------------------------------------------------------------------------- */

size_t ha_escape(const char *name, char *buf, size_t at, size_t size)
{
	for (; *name && at + 3 < size; name++) {
		if (*name == '-' || *name == '_')
			buf[at++] = '-';
		buf[at++] = *name;
	}
	buf[at] = '\0';
	return at;
}

void ha_node(const struct model *m, char buf[HA_ID_SIZE])
{
	const size_t at = (size_t)snprintf(buf, HA_ID_SIZE, "xnet_");
	ha_escape(m->gateway, buf, at, HA_ID_SIZE);
}

static void ha_id(const struct model *m, int32_t device, char buf[HA_ID_SIZE])
{
	ha_node(m, buf);
	if (device == HA_GATEWAY)
		return;
	size_t at = strlen(buf);
	buf[at++] = '_';
	ha_escape(m->device[device].name, buf, at, HA_ID_SIZE);
}

void ha_topic(const struct model *m, int32_t device, unsigned part, char buf[HA_TOPIC_SIZE])
{
	char node[HA_ID_SIZE], id[HA_ID_SIZE], more[16] = "";
	ha_node(m, node);
	ha_id(m, device, id);
	if (part > 1)
		snprintf(more, sizeof more, "%s_%u", device == HA_GATEWAY ? "_" : "", part);
	snprintf(buf, HA_TOPIC_SIZE, "%s/device/%s/%s%s/config", m->homeassistant.prefix, node, id,
	         more);
}

/* The name that was escaped, up to a bare _ or the end; NULL: not of that form. */
static const char *unescape(const char *s, const char *end, char *name, size_t size)
{
	size_t n = 0;
	for (; s < end && *s != '_'; s++) {
		if (*s == '-' && (++s == end || (*s != '-' && *s != '_')))
			return NULL;
		if (n + 1 == size)
			return NULL;
		name[n++] = *s;
	}
	name[n] = '\0';
	return s;
}

bool ha_topic_device(const struct model *m, const char *id, size_t len, int32_t *device,
                     unsigned *part, bool *ours)
{
	char node[HA_ID_SIZE], name[NAME_MAX_LEN + 1] = "", digits[8] = "";
	const char *end = id + len;
	ha_node(m, node);
	const size_t n = strlen(node);
	*part = 1;
	*device = HA_GATEWAY;
	*ours = len >= n && memcmp(id, node, n) == 0 && (len == n || id[n] == '_');
	if (!*ours || len == n)
		return *ours;
	const char *s = unescape(id + n + 1, end, name, sizeof name);
	if (s && s < end) {
		snprintf(digits, sizeof digits, "%.*s", (int)(end - s - 1 < 7 ? end - s - 1 : 7),
		         s + 1);
		*part = (unsigned)strtoul(digits, NULL, 10);
		*ours = *part > 1 && strspn(digits, "0123456789") == (size_t)(end - s - 1);
	}
	*ours = *ours && s;
	if (*ours && name[0])
		*device = model_find_device(m, name, strlen(name));
	return *ours && (!name[0] || *device >= 0);
}

/* -- entries ----------------------------------------------------------------------------------- */

enum { DEVICE_ALERTS, DEVICE_ENTRIES };

static bool has_alerts(const struct device *d)
{
	for (uint32_t i = 0; i < d->set->n; i++)
		if (d->set->point[i].alert != ALERT_NONE)
			return true;
	return false;
}

uint32_t ha_entries(const struct model *m, int32_t device)
{
	return device == HA_GATEWAY ? ha_gateway_entries(m)
	                            : DEVICE_ENTRIES + m->device[device].set->n;
}

uint8_t ha_entry(const struct model *m, int32_t device, uint32_t entry, char key[HA_KEY_SIZE])
{
	struct ha_entity e;
	if (device == HA_GATEWAY)
		return ha_gateway_entry(m, entry, key);
	const struct device *d = &m->device[device];
	if (entry == DEVICE_ALERTS) {
		snprintf(key, HA_KEY_SIZE, "Alerts");
		return has_alerts(d) ? HA_BINARY_SENSOR : HA_NONE;
	}
	const struct point *p = &d->set->point[entry - DEVICE_ENTRIES];
	snprintf(key, HA_KEY_SIZE, "%s", p->name);
	ha_entity_make(d, p, m->homeassistant.version, &e);
	return e.platform;
}

uint32_t ha_entry_find(const struct model *m, int32_t device, const char *key, uint32_t near)
{
	char found[HA_KEY_SIZE];
	const uint32_t n = ha_entries(m, device);
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t entry = (near + i) % n;
		if (device != HA_GATEWAY && entry >= DEVICE_ENTRIES) {
			if (strcmp(m->device[device].set->point[entry - DEVICE_ENTRIES].name,
			           key) == 0)
				return entry;
			continue;
		}
		ha_entry(m, device, entry, found);
		if (strcmp(found, key) == 0)
			return entry;
	}
	return UINT32_MAX;
}

/* -- a document -------------------------------------------------------------------------------- */

static void put_device(const struct model *m, int32_t device, struct json *j)
{
	char id[HA_ID_SIZE], node[HA_ID_SIZE];
	const struct device *d = device == HA_GATEWAY ? NULL : &m->device[device];
	ha_id(m, device, id);
	ha_node(m, node);
	jw_open(j, "dev", '{');
	jw_open(j, "ids", '[');
	jw_string(j, NULL, id);
	jw_close(j, ']');
	jw_string(j, "name", d ? d->name : m->gateway);
	const char *vendor = d ? d->vendor : "xnet";
	const char *model = !d ? HA_ORIGIN : d->title ? d->title : d->model;
	if (vendor)
		jw_string(j, "mf", vendor);
	if (model)
		jw_string(j, "mdl", model);
	if (d)
		jw_string(j, "via_device", node);
	else
		jw_string(j, "sw", PACKAGE_VERSION);
	jw_close(j, '}');
}

/* There only while the gateway and the device are. */
static void put_availability(const struct model *m, const struct device *d, struct json *j)
{
	const char *const name[] = {m->gateway, d->name};
	jw_open(j, "avty", '[');
	for (size_t i = 0; i < 2; i++) {
		jw_open(j, NULL, '{');
		ha_printed(j, "t", "%s/sts/%s/status", m->mqtt.prefix, name[i]);
		jw_close(j, '}');
	}
	jw_close(j, ']');
	jw_string(j, "avty_mode", "all");
}

void ha_document_begin(const struct model *m, int32_t device, struct json *j)
{
	jw_reset(j);
	jw_open(j, NULL, '{');
	put_device(m, device, j);
	jw_open(j, "o", '{');
	jw_string(j, "name", HA_ORIGIN);
	jw_string(j, "sw", PACKAGE_VERSION);
	jw_close(j, '}');
	if (device != HA_GATEWAY)
		put_availability(m, &m->device[device], j);
	jw_open(j, "cmps", '{');
}

bool ha_document_put(const struct model *m, int32_t device, uint32_t entry, struct json *j)
{
	if (device == HA_GATEWAY)
		return ha_gateway_put(m, entry, j);
	const struct device *d = &m->device[device];
	if (entry >= DEVICE_ENTRIES)
		return ha_put_point(m, d, &d->set->point[entry - DEVICE_ENTRIES], j);
	if (!has_alerts(d))
		return false;
	ha_put_alerts(m, d->name, d->name, j);
	jw_close(j, '}');
	return true;
}

void ha_document_remove(const char *key, uint8_t platform, struct json *j)
{
	jw_open(j, key, '{');
	jw_string(j, "p", ha_platform_name[platform]);
	jw_close(j, '}');
}

void ha_document_end(struct json *j)
{
	jw_close(j, '}');
	jw_close(j, '}');
}

uint32_t ha_document(const struct model *m, int32_t device, uint32_t first, size_t most,
                     struct json *j)
{
	const uint32_t n = ha_entries(m, device);
	unsigned put = 0;
	ha_document_begin(m, device, j);
	while (first < n) {
		const size_t len = j->len;
		const bool comma = j->comma;
		const bool is = ha_document_put(m, device, first, j);
		if (is && put && j->len + END_BYTES > most) {
			j->len = len; /* it begins the next one */
			j->comma = comma;
			j->text[len] = '\0';
			break;
		}
		put += is;
		first++;
	}
	ha_document_end(j);
	return first;
}
