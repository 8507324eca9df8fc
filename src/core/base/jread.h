/* SPDX-License-Identifier: MIT */
/*
 * jread: reads JSON text (RFC 8259) into a tree, strictly: the whole text, valid UTF-8, no name
 * twice in an object, no NUL in a string, at most JREAD_DEPTH levels. Pure. For short texts: the
 * lines of the control socket. What is published goes out through json.h.
 */
#ifndef CORE_BASE_JREAD_H
#define CORE_BASE_JREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JREAD_DEPTH 8

enum jread_kind {
	JREAD_NULL,
	JREAD_FALSE,
	JREAD_TRUE,
	JREAD_NUMBER, /* text: as written */
	JREAD_TEXT,   /* text: without escapes */
	JREAD_LIST,
	JREAD_OBJECT,
};

struct jread_node {
	uint8_t kind;     /* enum jread_kind */
	uint32_t end;     /* index behind it and all that is in it */
	const char *name; /* of a member of an object; else NULL */
	const char *text; /* NUL-terminated; NULL unless number or text */
};

struct jread {
	struct jread_node *node; /* node[0] is the whole; in the order of the text */
	size_t n, room;
	char *memory; /* of names and texts */
	char error[80];
};

/* False: error gets what is wrong and at which column, and the tree is empty. jread_free() either
 * way. */
bool jread_parse(struct jread *r, const char *text, size_t len);
void jread_free(struct jread *r); /* zeroed memory is fine */

/* A member of an object; NULL: it has none of this name, or is no object. */
const struct jread_node *jread_member(const struct jread *r, const struct jread_node *object,
                                      const char *name);

/* What is in a list or an object, one after the other; NULL: no more. before NULL: the first. */
const struct jread_node *jread_next(const struct jread *r, const struct jread_node *in,
                                    const struct jread_node *before);

/* An integer from min to max, written as one ("1", not "1.0" or "1e3"). NULL is no integer. */
bool jread_int(const struct jread_node *n, int64_t min, int64_t max, int64_t *out);

/* The text of a string; NULL: it is none. */
const char *jread_text(const struct jread_node *n);

#endif
