// SPDX-License-Identifier: MIT
/* Several numbers or bits of one kind as a JSON list. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/value/codec_kinds.h"

struct codec codec_element(const struct codec *c)
{
	struct codec e = *c;
	if (c->type == TYPE_ARRAY) {
		e.type = c->of;
		e.array = 0;
	}
	return e;
}

void array_to_text(const struct codec *c, const uint16_t *words, char *text, struct value *out)
{
	const struct codec e = codec_element(c);
	const unsigned n = codec_words(&e);
	char shown[VALUE_PRINT_MAX];
	size_t at = 0;
	bool any = false;
	for (unsigned i = 0; i < c->array; i++) {
		struct value v;
		codec_decode(&e, words + (size_t)i * n, NULL, &v);
		if (v.kind == VALUE_BOOL)
			snprintf(shown, sizeof shown, "%d", v.mant != 0);
		else
			value_print(&v, e.decimals, shown, sizeof shown);
		any |= v.kind != VALUE_NONE;
		at += (size_t)snprintf(text + at, VALUE_TEXT_MAX - at, "%c%s", i ? ',' : '[',
		                       v.kind == VALUE_NONE ? "null" : shown);
		if (at + 2 > VALUE_TEXT_MAX)
			return; /* floats of 40 digits: no value, rather than half a list */
	}
	memcpy(text + at, "]", 2);
	if (any)
		*out = (struct value){.kind = VALUE_TEXT, .text = text};
}

static const char *blanks(const char *s)
{
	return s + strspn(s, " \t\r\n");
}

/* A number, or a word for a bit. */
static const char *item(const char *s, struct value *v)
{
	static const struct {
		const char *word;
		bool on;
	} words[] = {{"true", true}, {"false", false}, {"on", true}, {"off", false}};
	const char *end;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		const size_t len = strlen(words[i].word);
		const char *s2 = *s == '"' ? s + 1 : s;
		if (strncasecmp(s2, words[i].word, len) != 0)
			continue;
		if (s2 != s && s2[len] != '"')
			return NULL;
		*v = value_bool(words[i].on);
		return s2 + len + (s2 != s);
	}
	return value_parse_number(s, &end, v) ? end : NULL;
}

const char *codec_array_next(const char *list, bool first, struct value *v)
{
	list = blanks(list);
	if (*list != (first ? '[' : ','))
		return NULL;
	list = item(blanks(list + 1), v);
	return list ? blanks(list) : NULL;
}

enum codec_fault array_from_text(const struct codec *c, const char *text, uint16_t *words,
                                 uint16_t *mask)
{
	const struct codec e = codec_element(c);
	const unsigned n = codec_words(&e);
	uint16_t new[CELLS_MAX], owned[CELLS_MAX] = {0};
	memcpy(new, words, (size_t)c->array * n * sizeof *new);
	for (unsigned i = 0; i < c->array; i++) {
		struct value v;
		text = codec_array_next(text, i == 0, &v);
		if (!text)
			return CODEC_FORM;
		if (e.type != TYPE_BOOL && v.kind == VALUE_BOOL)
			return CODEC_KIND; /* "on" is no number, as in a command to one */
		if (e.type == TYPE_BOOL && value_number(&v) != 0 && value_number(&v) != 1)
			return CODEC_RANGE;
		const enum codec_fault fault =
			codec_encode(&e, &v, new + (size_t)i *n, owned + (size_t)i * n);
		if (fault)
			return fault;
	}
	if (text[0] != ']' || *blanks(text + 1))
		return CODEC_FORM;
	memcpy(words, new, (size_t)c->array * n * sizeof *new);
	memcpy(mask, owned, (size_t)c->array * n * sizeof *new);
	return CODEC_OK;
}
