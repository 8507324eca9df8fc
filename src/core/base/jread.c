// SPDX-License-Identifier: MIT
#include "core/base/jread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/json.h"
#include "core/base/text.h"

struct source {
	struct jread *r;
	const char *text;
	size_t at, len;
	char *memory; /* the next free byte */
	unsigned depth;
};

static bool fault(struct source *s, const char *what)
{
	snprintf(s->r->error, sizeof s->r->error, "column %zu: %s", s->at + 1, what);
	return false;
}

static int peek(const struct source *s)
{
	return s->at < s->len ? (unsigned char)s->text[s->at] : -1;
}

static void blanks(struct source *s)
{
	while (s->at < s->len && strchr(" \t\r\n", s->text[s->at]) && s->text[s->at])
		s->at++;
}

static bool take(struct source *s, char c)
{
	if (peek(s) != c)
		return false;
	s->at++;
	return true;
}

static uint32_t node_add(struct jread *r, const char *name)
{
	if (r->n == r->room) {
		r->room = r->room ? 2 * r->room : 16;
		r->node = mem_grow(r->node, r->room, sizeof *r->node);
	}
	r->node[r->n] = (struct jread_node){.name = name, .end = (uint32_t)r->n + 1};
	return (uint32_t)r->n++;
}

/* -- strings ---------------------------------------------------------------------- */

static bool hex4(struct source *s, uint32_t *code)
{
	*code = 0;
	for (int i = 0; i < 4; i++, s->at++) {
		static const char digits[] = "0123456789abcdef";
		const int c = peek(s);
		const char *d =
			c > 0 ? strchr(digits, c | (c >= 'A' && c <= 'F' ? 0x20 : 0)) : NULL;
		if (!d || !*d)
			return fault(s, "four hexadecimal digits expected behind \\u");
		*code = *code << 4 | (uint32_t)(d - digits);
	}
	return true;
}

static void put_utf8(struct source *s, uint32_t c)
{
	static const uint8_t first[] = {0, 0, 0xC0, 0xE0, 0xF0};
	const int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	if (n == 1) {
		*s->memory++ = (char)c;
		return;
	}
	*s->memory++ = (char)(first[n] | c >> 6 * (n - 1));
	for (int i = n - 2; i >= 0; i--)
		*s->memory++ = (char)(0x80 | (c >> 6 * i & 0x3F));
}

static bool code_point(struct source *s)
{
	uint32_t c, low;
	if (!hex4(s, &c))
		return false;
	if (c >= 0xD800 && c < 0xDC00) {
		if (!take(s, '\\') || !take(s, 'u') || !hex4(s, &low))
			return fault(s, "half a surrogate pair");
		if (low < 0xDC00 || low > 0xDFFF)
			return fault(s, "half a surrogate pair");
		c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
	} else if (c >= 0xDC00 && c < 0xE000) {
		return fault(s, "half a surrogate pair");
	}
	if (c == 0)
		return fault(s, "NUL in a string");
	put_utf8(s, c);
	return true;
}

static bool escape(struct source *s)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const int c = peek(s);
	const char *found = c > 0 ? strchr(from, c) : NULL;
	if (c == 'u') {
		s->at++;
		return code_point(s);
	}
	if (!found)
		return fault(s, "no such escape");
	s->at++;
	*s->memory++ = to[found - from];
	return true;
}

/* NULL: error is set. */
static const char *string(struct source *s)
{
	char *text = s->memory;
	if (!take(s, '"')) {
		fault(s, "a string in double quotes expected");
		return NULL;
	}
	while (!take(s, '"')) {
		const int c = peek(s);
		if (c < 0x20) {
			fault(s, c < 0 ? "the string has no end" : "control character in a string");
			return NULL;
		}
		if (take(s, '\\')) {
			if (!escape(s))
				return NULL;
			continue;
		}
		*s->memory++ = (char)c;
		s->at++;
	}
	*s->memory++ = '\0';
	return text;
}

/* -- values ----------------------------------------------------------------------- */

static bool value(struct source *s, const char *name);

static bool has_member(const struct jread *r, uint32_t object, const char *name)
{
	return jread_member(r, &r->node[object], name) != NULL;
}

/* Behind the opening bracket. */
static bool members(struct source *s, uint32_t self, char close)
{
	struct jread *r = s->r;
	blanks(s);
	if (take(s, close))
		return true;
	for (;;) {
		const char *name = NULL;
		blanks(s);
		if (close == '}') {
			name = string(s);
			if (!name)
				return false;
			r->node[self].end = (uint32_t)r->n;
			if (has_member(r, self, name))
				return fault(s, "the same name twice");
			blanks(s);
			if (!take(s, ':'))
				return fault(s, "':' expected");
		}
		if (!value(s, name))
			return false;
		blanks(s);
		if (take(s, close))
			return true;
		if (!take(s, ','))
			return fault(s,
			             close == '}' ? "',' or '}' expected" : "',' or ']' expected");
	}
}

static bool container(struct source *s, const char *name, enum jread_kind kind, char close)
{
	struct jread *r = s->r;
	const uint32_t self = node_add(r, name);
	r->node[self].kind = (uint8_t)kind;
	s->at++;
	if (++s->depth > JREAD_DEPTH)
		return fault(s, "too many levels");
	const bool good = members(s, self, close);
	s->depth--;
	r->node[self].end = (uint32_t)r->n;
	return good;
}

static bool number(struct source *s, const char *name)
{
	const size_t n = strspn(s->text + s->at, "+-.0123456789eE");
	char *text = s->memory;
	memcpy(text, s->text + s->at, n);
	text[n] = '\0';
	if (!jw_is_number(text))
		return fault(s, "a value expected");
	s->memory += n + 1;
	s->at += n;
	const uint32_t self = node_add(s->r, name);
	s->r->node[self].kind = JREAD_NUMBER;
	s->r->node[self].text = text;
	return true;
}

static bool word(struct source *s, const char *name, const char *is, enum jread_kind kind)
{
	const size_t n = strlen(is);
	if (s->len - s->at < n || memcmp(s->text + s->at, is, n) != 0)
		return fault(s, "a value expected");
	s->at += n;
	const uint32_t self = node_add(s->r, name);
	s->r->node[self].kind = (uint8_t)kind;
	return true;
}

static bool value(struct source *s, const char *name)
{
	blanks(s);
	switch (peek(s)) {
	case '{':
		return container(s, name, JREAD_OBJECT, '}');
	case '[':
		return container(s, name, JREAD_LIST, ']');
	case 't':
		return word(s, name, "true", JREAD_TRUE);
	case 'f':
		return word(s, name, "false", JREAD_FALSE);
	case 'n':
		return word(s, name, "null", JREAD_NULL);
	case '"': {
		const char *text = string(s);
		if (!text)
			return false;
		const uint32_t self = node_add(s->r, name);
		s->r->node[self].kind = JREAD_TEXT;
		s->r->node[self].text = text;
		return true;
	}
	default:
		return number(s, name);
	}
}

bool jread_parse(struct jread *r, const char *text, size_t len)
{
	/* the value of a text is never longer than its source with the quotes; a number's NUL
	 * has the place of what ends it */
	char *copy = mem_alloc(len + 1, 1);
	memcpy(copy, text, len);
	*r = (struct jread){.memory = mem_alloc(len + 2, 1)};
	struct source s = {.r = r, .text = copy, .len = len, .memory = r->memory};
	bool good = text_utf8(text, len) || fault(&s, "not UTF-8");
	good = good && value(&s, NULL);
	blanks(&s);
	if (good && s.at < len)
		good = fault(&s, "something follows");
	free(copy);
	if (!good)
		r->n = 0;
	return good;
}

void jread_free(struct jread *r)
{
	free(r->node);
	free(r->memory);
	r->node = NULL;
	r->memory = NULL;
	r->n = r->room = 0;
}

const struct jread_node *jread_next(const struct jread *r, const struct jread_node *in,
                                    const struct jread_node *before)
{
	if (!in || in->kind < JREAD_LIST)
		return NULL;
	const size_t at = before ? before->end : (size_t)(in - r->node) + 1;
	return at < in->end ? &r->node[at] : NULL;
}

const struct jread_node *jread_member(const struct jread *r, const struct jread_node *object,
                                      const char *name)
{
	const struct jread_node *m = NULL;
	if (!object || object->kind != JREAD_OBJECT)
		return NULL;
	while ((m = jread_next(r, object, m)))
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

bool jread_int(const struct jread_node *n, int64_t min, int64_t max, int64_t *out)
{
	char *end;
	if (!n || n->kind != JREAD_NUMBER)
		return false;
	const long long i = strtoll(n->text, &end, 10); /* the largest, if it is too large */
	if (*end || i == INT64_MAX || i == INT64_MIN || i < min || i > max)
		return false;
	*out = i;
	return true;
}

const char *jread_text(const struct jread_node *n)
{
	return n && n->kind == JREAD_TEXT ? n->text : NULL;
}
