// SPDX-License-Identifier: MIT
#include "core/model/devid.h"

#include <stdio.h>
#include <string.h>

#include "core/base/text.h"

#define HEAD 7 /* function, MEI type, code, conformity, more follows, next object, count */

struct object {
	uint8_t id, len;
	const char *text;
};

/* The object at *at, which then is behind it. False: none is whole there. */
static bool object_next(const uint8_t *pdu, size_t len, size_t *at, struct object *o)
{
	if (*at + 2 > len || *at + 2 + pdu[*at + 1] > len)
		return false;
	*o = (struct object){pdu[*at], pdu[*at + 1], (const char *)pdu + *at + 2};
	*at += 2u + o->len;
	return true;
}

/* `*` is any characters; nothing else is special. */
static bool like(const char *pattern, const char *text)
{
	const char *star = NULL, *from = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++from;
		} else {
			return false;
		}
	}
	return pattern[strspn(pattern, "*")] == '\0';
}

/* Basic, regular, or all: the least that has what the rules name. */
static uint8_t code_of(const struct device *d)
{
	uint8_t most = 0;

	for (size_t i = 0; i < d->ndevice_id; i++)
		most = d->device_id[i].object > most ? d->device_id[i].object : most;
	return most <= 2 ? 1 : most < 0x80 ? 2 : 3;
}

static const char *object_name(uint8_t object, char *buf, size_t size)
{
	static const char *const names[] = {"vendor", "product", "revision"};

	if (object < sizeof(names) / sizeof(names[0]))
		return names[object];
	snprintf(buf, size, "object %u", object);
	return buf;
}

void devid_request(const struct devid *s, const struct device *d, struct request *r)
{
	pdu_device_id(r, d->id, code_of(d), s->next);
}

/* False: it says something else than the rules want. */
static bool object_check(struct devid *s, const struct device *d, const struct object *o, char *buf,
                         size_t size)
{
	char text[3 * 256], name[16];
	size_t n = o->len;

	while (n && (o->text[n - 1] == ' ' || o->text[n - 1] == '\0'))
		n--; /* as some fill their fields */
	text_clean(o->text, n, text, sizeof(text));
	for (size_t i = 0; i < d->ndevice_id; i++) {
		if (d->device_id[i].object != o->id)
			continue;
		if (!like(d->device_id[i].pattern, text)) {
			char shown[100];
			text_clean(text, strlen(text), shown, sizeof(shown));
			snprintf(buf, size, "identifies as %s \"%s\" instead of \"%s\"",
			         object_name(o->id, name, sizeof(name)), shown,
			         d->device_id[i].pattern);
			return false;
		}
		s->found |= (uint8_t)(1u << i);
	}
	return true;
}

static enum devid_verdict missing(const struct devid *s, const struct device *d, char *buf,
                                  size_t size)
{
	char name[16];

	for (size_t i = 0; i < d->ndevice_id; i++) {
		if (s->found >> i & 1)
			continue;
		snprintf(buf, size, "does not report its %s (function 43/14); expected \"%s\"",
		         object_name(d->device_id[i].object, name, sizeof(name)),
		         d->device_id[i].pattern);
		return DEVID_MISSING;
	}
	return DEVID_SAME;
}

enum devid_verdict devid_take(struct devid *s, const struct device *d, const uint8_t *pdu,
                              size_t len, char *buf, size_t size)
{
	struct object o;
	size_t at = HEAD;

	if (len < HEAD || pdu[0] != FC_DEVICE_ID || pdu_answer_size(pdu, len) != len)
		return missing(s, d, buf, size);
	for (unsigned i = 0; i < pdu[6] && object_next(pdu, len, &at, &o); i++)
		if (!object_check(s, d, &o, buf, size))
			return DEVID_OTHER;
	/* always onward, so that it ends */
	if (missing(s, d, buf, size) == DEVID_SAME || pdu[4] != 0xFF || pdu[5] <= s->next ||
	    ++s->asked >= DEVID_REQUESTS)
		return missing(s, d, buf, size);
	s->next = pdu[5];
	return DEVID_MORE;
}

bool devid_text(const uint8_t *pdu, size_t len, char *buf, size_t size)
{
	char raw[3 * 256] = "";
	size_t at = HEAD, n = 0;
	struct object o;

	for (unsigned i = 0; len >= HEAD && i < pdu[6] && object_next(pdu, len, &at, &o); i++) {
		if (n + o.len + 2 > sizeof(raw))
			break;
		if (o.id > 2 || !o.len)
			continue;
		if (n)
			raw[n++] = ' ';
		memcpy(raw + n, o.text, o.len);
		n += o.len;
	}
	text_clean(raw, n, buf, size);
	return n > 0;
}
