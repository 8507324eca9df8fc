// SPDX-License-Identifier: MIT
#include "core/model/devid.h"

#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/modbus/words.h"

#define CODE_ONE 4 /* read device id code: one object */
#define HEAD 7     /* function, MEI type, code, conformity, more follows, next object, count */

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

/* -- objects ---------------------------------------------------------------------- */

static const char *const names[] = {"vendor",       "product", "revision",   "url",
                                    "product_name", "model",   "application"};

#define NAMES (sizeof(names) / sizeof(names[0]))

int devid_object(const char *name)
{
	for (size_t i = 0; i < NAMES; i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -1;
}

/* `before`, then the object's name, or `number` and its number. */
static char *object_text(const char *before, const char *number, unsigned object, char *buf,
                         size_t size)
{
	if (object < NAMES)
		snprintf(buf, size, "%s%s", before, names[object]);
	else
		snprintf(buf, size, "%s%s%u", before, number, object);
	return buf;
}

char *devid_place(unsigned object, char *buf, size_t size)
{
	return object_text("device_id ", "", object, buf, size);
}

char *devid_object_words(unsigned object, char *buf, size_t size)
{
	return object_text("", "object ", object, buf, size);
}

/* Basic, regular or extended: the least category with all objects up to this one. */
static uint8_t code_of(unsigned most)
{
	return most <= 2 ? 1 : most < 0x80 ? 2 : 3;
}

/* Is it a whole answer to 43/14? */
static bool is_answer(const uint8_t *pdu, size_t len)
{
	return len >= HEAD && pdu[0] == FC_DEVICE_ID && pdu_answer_size(pdu, len) == len;
}

/* What follows is requested from *next on: always onward, so that it ends. False: nothing more. */
static bool more_follows(const uint8_t *pdu, uint8_t *next, uint8_t *asked)
{
	if (pdu[4] != 0xFF || pdu[5] <= *next || ++*asked >= DEVID_REQUESTS)
		return false;
	*next = pdu[5];
	return true;
}

/* -- is it the device? ------------------------------------------------------------- */

void devid_request(const struct devid *s, const struct device *d, struct request *r)
{
	unsigned most = 0;

	for (size_t i = 0; i < d->ndevice_id; i++)
		most = d->device_id[i].object > most ? d->device_id[i].object : most;
	pdu_device_id(r, d->id, code_of(most), s->next);
}

/* False: it differs from the rules. */
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
			         devid_object_words(o->id, name, sizeof(name)), shown,
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
		         devid_object_words(d->device_id[i].object, name, sizeof(name)),
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

	if (!is_answer(pdu, len))
		return missing(s, d, buf, size);
	for (unsigned i = 0; i < pdu[6] && object_next(pdu, len, &at, &o); i++)
		if (!object_check(s, d, &o, buf, size))
			return DEVID_OTHER;
	if (missing(s, d, buf, size) == DEVID_SAME || !more_follows(pdu, &s->next, &s->asked))
		return missing(s, d, buf, size);
	return DEVID_MORE;
}

/* -- points ------------------------------------------------------------------------- */

static bool is_known(const struct devid_read *s, unsigned object)
{
	return s->known[object / 8] >> object % 8 & 1;
}

static void note_known(struct devid_read *s, unsigned object)
{
	s->known[object / 8] |= (uint8_t)(1u << object % 8);
}

/* Of the objects that points want and that are not known the first, or the last one; -1: none. */
static int wanted(const struct devid_read *s, const struct device *d, bool last)
{
	int found = -1;

	for (uint32_t i = 0; i < d->set->n; i++) {
		const struct point *p = &d->set->point[i];
		if (devid_point(p) && !is_known(s, p->addr[0]) &&
		    (found < 0 || (p->addr[0] > found) == last))
			found = p->addr[0];
	}
	return found;
}

void devid_read_begin(struct devid_read *s, const struct device *d)
{
	*s = (struct devid_read){0};
	s->code = code_of((unsigned)wanted(s, d, true));
}

bool devid_read_next(struct devid_read *s, const struct device *d, struct request *r)
{
	const int first = s->failed < DEVID_FAILED_MAX ? wanted(s, d, false) : -1;

	if (first < 0)
		return false;
	if (s->code == CODE_ONE)
		s->next = (uint8_t)first;
	return pdu_device_id(r, d->id, s->code, s->next);
}

/* The stream below, then one by one. */
static void step_down(struct devid_read *s)
{
	s->code = s->code > 1 ? s->code - 1 : CODE_ONE;
	s->next = s->asked = 0;
}

void devid_read_take(struct devid_read *s, const uint8_t *pdu, size_t len, devid_take_text *take,
                     void *ctx)
{
	char text[VALUE_TEXT_MAX];
	struct value v;
	struct object o;
	size_t at = HEAD;

	if (!is_answer(pdu, len)) {
		devid_read_failed(s, 0);
		return;
	}
	s->failed = 0;
	for (unsigned i = 0; i < pdu[6] && object_next(pdu, len, &at, &o); i++) {
		if (is_known(s, o.id))
			continue;
		note_known(s, o.id);
		codec_text((const unsigned char *)o.text, o.len, text, &v);
		take(ctx, o.id, &v);
	}
	if (s->code == CODE_ONE)
		note_known(s, s->next); /* it has answered with others */
	else if (!more_follows(pdu, &s->next, &s->asked))
		s->code = CODE_ONE;
}

void devid_read_failed(struct devid_read *s, uint8_t exception)
{
	s->exception = exception;
	if (!exception || exception > EXC_VALUE)
		s->failed++; /* it may be there another time */
	else if (s->code == CODE_ONE && exception == EXC_FUNCTION)
		s->failed = DEVID_FAILED_MAX; /* nor has it the others */
	if (s->code == CODE_ONE && exception && exception <= EXC_VALUE)
		note_known(s, s->next);
	else if (s->code != CODE_ONE)
		step_down(s);
}

char *devid_read_why(const struct devid_read *s, char *buf, size_t size)
{
	char words[96] = "no valid response";

	if (s->exception)
		exception_words(s->exception, words, sizeof(words));
	if (s->failed || s->exception)
		snprintf(buf, size, "%s, to function 43/14", words);
	else
		snprintf(buf, size, "the device does not report it (function 43/14)");
	return buf;
}

/* -- for people --------------------------------------------------------------------- */

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
