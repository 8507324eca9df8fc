// SPDX-License-Identifier: MIT
#include "mqtt/leaves.h"

#include <string.h>

#include "core/modbus/instead.h"

static const char *const bus_leaves[] = {
	"state",    "port",        "line",        "load/planned", "load/1min",
	"requests", "responses",   "timeouts",    "crc_errors",   "garbled",
	"late",     "exceptions",  "retries",     "missed",       "reopened",
	"adhoc",    "description", "errors/1min", "errors/15min", NULL,
};

static const char *const device_leaves[] = {
	"state",    "since",    "last_seen",   "last_error", "quality",
	"response", "requests", "timeouts",    "crc_errors", "exceptions",
	"invalid",  "stale",    "unsupported", "info",       NULL,
};

static const char *const link_leaves[] = {
	"broker",    "connected", "protocol", "reconnects", "last_error",
	"published", "received",  "queued",   "dropped",    NULL,
};

static const char *const *const leaves[] = {
	[LEAF_BUS] = bus_leaves,
	[LEAF_DEVICE] = device_leaves,
	[LEAF_LINK] = link_leaves,
};

const char *leaf_name(enum leaf_of of, size_t i)
{
	size_t own = 0;
	while (leaves[of][own])
		own++;
	if (i < own)
		return leaves[of][i];
	/* and what came instead of an answer, which bus and device count by kind */
	for (int k = 0; of != LEAF_LINK && k < INSTEAD_KINDS; k++)
		if (instead_topic((enum instead_kind)k) && i-- == own)
			return instead_topic((enum instead_kind)k);
	return NULL;
}

size_t leaf_count(enum leaf_of of)
{
	size_t n = 0;
	while (leaf_name(of, n))
		n++;
	return n;
}

bool leaf_known(enum leaf_of of, const char *name)
{
	for (size_t i = 0; leaves[of][i]; i++)
		if (strcmp(leaves[of][i], name) == 0)
			return true;
	for (int k = 0; of != LEAF_LINK && k < INSTEAD_KINDS; k++) {
		const char *topic = instead_topic((enum instead_kind)k);
		if (topic && strcmp(topic, name) == 0)
			return true;
	}
	return false;
}
