/* SPDX-License-Identifier: MIT */
/*
 * alerts: the set of active faults and warnings of one device, or of the gateway, and its JSON.
 * An alert is known by kind, code and source.
 */
#ifndef CORE_MODEL_ALERTS_H
#define CORE_MODEL_ALERTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/json.h"

struct alert {
	uint8_t kind; /* ALERT_FAULT or ALERT_WARNING of core/model/model.h */
	int32_t code;
	const char *desc;   /* copied */
	const char *source; /* bus, device, file or point; copied; may be NULL */
	int64_t since; /* wall clock, ms since 1970; 0: neither it nor the source is published */
};

struct alerts;

struct alerts *alerts_create(void);
void alerts_destroy(struct alerts *a); /* NULL is fine */

/* True: the set changed (new, or another desc). An alert that was in the set keeps its `since`. */
bool alerts_raise(struct alerts *a, const struct alert *alert);
bool alerts_clear(struct alerts *a, uint8_t kind, int32_t code, const char *source);

/* All of one source (NULL: all there are). True: the set changed. */
bool alerts_clear_source(struct alerts *a, const char *source);

size_t alerts_count(const struct alerts *a);

/* {"faults":[{"code":1,"desc":"…"}],"warnings":[…]}, by code, then source. */
void alerts_json(const struct alerts *a, struct json *out);

#endif
