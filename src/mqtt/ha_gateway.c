// SPDX-License-Identifier: MIT
/* The gateway as a device of Home Assistant: is it there, how are its lines, reload. */
#include "mqtt/ha_private.h"

#include <stdio.h>

#define UPTIME_SINCE 202605

/* Of the gateway; then so many of each bus. */
enum { GATEWAY_STATUS, GATEWAY_ALERTS, GATEWAY_UPTIME, GATEWAY_RELOAD, GATEWAY_ENTRIES };

static const struct {
	const char *key, *path, *name, *unit;
} bus_entry[] = {
	{"load", "load/1min", "Load", "%"},
	{"errors", "errors/1min", "Errors", "%"},
	{"state", "state", "State", NULL},
};

#define BUS_ENTRIES (sizeof bus_entry / sizeof *bus_entry)

uint32_t ha_gateway_entries(const struct model *m)
{
	return GATEWAY_ENTRIES + (uint32_t)(m->nbus * BUS_ENTRIES);
}

uint8_t ha_gateway_entry(const struct model *m, uint32_t entry, char key[HA_KEY_SIZE])
{
	static const struct {
		const char *key;
		uint8_t platform;
	} row[GATEWAY_ENTRIES] = {
		[GATEWAY_STATUS] = {"status", HA_BINARY_SENSOR},
		[GATEWAY_ALERTS] = {"Alerts", HA_BINARY_SENSOR},
		[GATEWAY_UPTIME] = {"uptime", HA_SENSOR},
		[GATEWAY_RELOAD] = {"reload", HA_BUTTON},
	};
	if (entry < GATEWAY_ENTRIES) {
		snprintf(key, HA_KEY_SIZE, "%s", row[entry].key);
		return entry == GATEWAY_UPTIME && !m->mqtt.sys_interval ? HA_NONE
		                                                        : row[entry].platform;
	}
	entry -= GATEWAY_ENTRIES;
	snprintf(key, HA_KEY_SIZE, "bus_%s_%s", m->bus[entry / BUS_ENTRIES].name,
	         bus_entry[entry % BUS_ENTRIES].key);
	return m->mqtt.sys_interval ? HA_SENSOR : HA_NONE;
}

static void put_gateway(const struct model *m, uint32_t entry, const char *key, struct json *j)
{
	const char *prefix = m->mqtt.prefix, *name = m->gateway;
	switch (entry) {
	case GATEWAY_STATUS:
		ha_open_entity(m, key, HA_BINARY_SENSOR, "", "Status", j);
		ha_printed(j, "stat_t", "%s/sts/%s/status", prefix, name);
		jw_string(j, "pl_on", "online");
		jw_string(j, "pl_off", "offline");
		jw_string(j, "dev_cla", "connectivity");
		break;
	case GATEWAY_ALERTS:
		ha_put_alerts(m, "", name, j);
		return;
	case GATEWAY_UPTIME:
		ha_open_entity(m, key, HA_SENSOR, "", "Uptime", j);
		ha_printed(j, "stat_t", "%s/$SYS/%s/started", prefix, name);
		jw_string(j, "dev_cla",
		          m->homeassistant.version >= UPTIME_SINCE ? "uptime" : "timestamp");
		break;
	case GATEWAY_RELOAD:
		ha_open_entity(m, key, HA_BUTTON, "", "Reload", j);
		ha_printed(j, "cmd_t", "%s/cmd/%s/reload", prefix, name);
		jw_int(j, "qos", 1);
		ha_put_category(j, CATEGORY_CONFIG);
		return;
	default:
		break;
	}
	ha_put_category(j, CATEGORY_DIAGNOSTIC);
}

static void put_bus(const struct model *m, uint32_t entry, const char *key, struct json *j)
{
	const char *bus = m->bus[entry / BUS_ENTRIES].name;
	const unsigned i = entry % BUS_ENTRIES;
	char name[NAME_MAX_LEN + 24];
	snprintf(name, sizeof name, "%s %s", bus, bus_entry[i].name);
	ha_open_entity(m, key, HA_SENSOR, "", name, j);
	ha_printed(j, "stat_t", "%s/$SYS/%s/bus/%s/%s", m->mqtt.prefix, m->gateway, bus,
	           bus_entry[i].path);
	if (bus_entry[i].unit) {
		jw_string(j, "unit_of_meas", bus_entry[i].unit);
		jw_string(j, "stat_cla", "measurement");
	}
	ha_put_category(j, CATEGORY_DIAGNOSTIC);
}

/* Its status shows whether it is there, so only the others depend on that. */
bool ha_gateway_put(const struct model *m, uint32_t entry, struct json *j)
{
	char key[HA_KEY_SIZE];
	if (ha_gateway_entry(m, entry, key) == HA_NONE)
		return false;
	if (entry < GATEWAY_ENTRIES)
		put_gateway(m, entry, key, j);
	else
		put_bus(m, entry - GATEWAY_ENTRIES, key, j);
	if (entry != GATEWAY_STATUS)
		ha_printed(j, "avty_t", "%s/sts/%s/status", m->mqtt.prefix, m->gateway);
	jw_close(j, '}');
	return true;
}
