// SPDX-License-Identifier: MIT
#include "core/model/alerts.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/model/model.h"

struct entry {
	uint8_t kind;
	int32_t code;
	char *desc, *source;
	int64_t since;
};

struct alerts {
	struct entry *entry; /* sorted by kind, code, source */
	size_t n, room;
};

struct alerts *alerts_create(void)
{
	return mem_alloc(1, sizeof(struct alerts));
}

static int order(const struct entry *e, uint8_t kind, int32_t code, const char *source)
{
	if (e->kind != kind)
		return e->kind < kind ? -1 : 1;
	if (e->code != code)
		return e->code < code ? -1 : 1;
	if (!e->source || !source)
		return (e->source != NULL) - (source != NULL);
	return strcmp(e->source, source);
}

/* Where it is, or where it belongs. */
static size_t find(const struct alerts *a, uint8_t kind, int32_t code, const char *source,
                   bool *there)
{
	size_t low = 0, high = a->n;
	*there = false;
	while (low < high && !*there) {
		const size_t mid = (low + high) / 2;
		const int o = order(&a->entry[mid], kind, code, source);
		*there = o == 0;
		if (o < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return *there ? high : low;
}

bool alerts_raise(struct alerts *a, const struct alert *alert)
{
	bool there;
	const char *desc = alert->desc ? alert->desc : "";
	const size_t i = find(a, alert->kind, alert->code, alert->source, &there);
	if (there) {
		if (strcmp(a->entry[i].desc, desc) == 0)
			return false;
		free(a->entry[i].desc);
		a->entry[i].desc = mem_strdup(desc);
		return true;
	}
	if (a->n == a->room) {
		a->room = a->room ? a->room * 2 : 4;
		a->entry = mem_grow(a->entry, a->room, sizeof *a->entry);
	}
	memmove(&a->entry[i + 1], &a->entry[i], (a->n - i) * sizeof *a->entry);
	a->entry[i] = (struct entry){
		.kind = alert->kind,
		.code = alert->code,
		.since = alert->since,
		.desc = mem_strdup(desc),
		.source = alert->source ? mem_strdup(alert->source) : NULL,
	};
	a->n++;
	return true;
}

static void drop(struct alerts *a, size_t i)
{
	free(a->entry[i].desc);
	free(a->entry[i].source);
	a->n--;
	memmove(&a->entry[i], &a->entry[i + 1], (a->n - i) * sizeof *a->entry);
}

bool alerts_clear(struct alerts *a, uint8_t kind, int32_t code, const char *source)
{
	bool there;
	const size_t i = find(a, kind, code, source, &there);
	if (there)
		drop(a, i);
	return there;
}

bool alerts_clear_source(struct alerts *a, const char *source)
{
	const size_t before = a->n;
	for (size_t i = a->n; i > 0; i--) {
		const char *have = a->entry[i - 1].source;
		if (!source || (have && strcmp(have, source) == 0))
			drop(a, i - 1);
	}
	return a->n != before;
}

size_t alerts_count(const struct alerts *a)
{
	return a->n;
}

void alerts_destroy(struct alerts *a)
{
	if (!a)
		return;
	alerts_clear_source(a, NULL);
	free(a->entry);
	free(a);
}

static void list(const struct alerts *a, struct json *out, const char *name, uint8_t kind)
{
	jw_open(out, name, '[');
	for (size_t i = 0; i < a->n; i++) {
		const struct entry *e = &a->entry[i];
		if (e->kind != kind)
			continue;
		jw_open(out, NULL, '{');
		jw_int(out, "code", e->code);
		jw_string(out, "desc", e->desc);
		if (e->source && e->since) {
			jw_string(out, "source", e->source);
			jw_time(out, "since", e->since);
		}
		jw_close(out, '}');
	}
	jw_close(out, ']');
}

void alerts_json(const struct alerts *a, struct json *out)
{
	jw_open(out, NULL, '{');
	list(a, out, "faults", ALERT_FAULT);
	list(a, out, "warnings", ALERT_WARNING);
	jw_close(out, '}');
}
