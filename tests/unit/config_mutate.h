/* SPDX-License-Identifier: MIT */
/*
 * config_mutate: a configuration written again with some of its nodes changed. The tree is the
 * loader's own; the changes are made while it is written, in YAML's flow style.
 */
#ifndef TESTS_UNIT_CONFIG_MUTATE_H
#define TESTS_UNIT_CONFIG_MUTATE_H

#include <stdio.h>
#include <string.h>

#include "config/yaml.h"

enum edit_kind {
	EDIT_REPLACE, /* the node by `text` */
	EDIT_RENAME,  /* the key of this value */
	EDIT_ADD,     /* `text` behind the children of a map or list */
	EDIT_DELETE,  /* the item, or the pair with this value */
	EDIT_TWICE,   /* the item, or the pair with this value */
	EDIT_OTHER,   /* the node `other` in its place */
};

struct edit {
	const struct node *at;
	enum edit_kind kind;
	const char *text;
	const struct node *other;
};

struct edits {
	struct edit edit[8];
	unsigned n;
};

#define WRITE_DEPTH 12 /* nodes that take each other's places could go on for ever */

static inline const struct edit *edit_of(const struct edits *e, const struct node *n,
                                         enum edit_kind kind)
{
	for (unsigned i = 0; i < e->n; i++)
		if (e->edit[i].at == n && e->edit[i].kind == kind)
			return &e->edit[i];
	return NULL;
}

static inline void write_scalar(FILE *f, const char *s, bool quoted)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				    "_.+-/~";
	if (!quoted && (!*s || (strspn(s, plain) == strlen(s) && strcmp(s, "-") != 0))) {
		fputs(*s ? s : "~", f);
		return;
	}
	fputc('"', f);
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7F)
			fprintf(f, "\\x%02x", (unsigned char)*s);
		else
			fprintf(f, strchr("\"\\", *s) ? "\\%c" : "%c", *s);
	}
	fputc('"', f);
}

static inline void write_node(FILE *f, const struct node *n, const struct edits *e, unsigned depth);

static inline void write_child(FILE *f, const struct node *map, uint32_t i, const struct edits *e,
                               unsigned depth)
{
	const struct node *v = map->kind == NODE_MAP ? map->pair[i].value : map->item[i];
	const unsigned times = edit_of(e, v, EDIT_DELETE) ? 0 : edit_of(e, v, EDIT_TWICE) ? 2 : 1;
	for (unsigned k = 0; k < times; k++) {
		if (map->kind == NODE_MAP) {
			const struct edit *name = edit_of(e, v, EDIT_RENAME);
			write_scalar(f, name ? name->text : map->pair[i].key->text,
			             map->pair[i].key->quoted);
			fputs(": ", f);
		}
		write_node(f, v, e, depth);
		fputs(",\n", f);
	}
}

static inline void write_node(FILE *f, const struct node *n, const struct edits *e, unsigned depth)
{
	const struct edit *replace = edit_of(e, n, EDIT_REPLACE),
			  *other = edit_of(e, n, EDIT_OTHER), *add;
	if (replace || depth > WRITE_DEPTH) {
		fputs(replace ? replace->text : "~", f);
		return;
	}
	n = other ? other->other : n;
	add = edit_of(e, n, EDIT_ADD);
	if (n->kind == NODE_SCALAR) {
		write_scalar(f, n->text, n->quoted);
		return;
	}
	fputc(n->kind == NODE_MAP ? '{' : '[', f);
	for (uint32_t i = 0; i < n->n; i++)
		write_child(f, n, i, e, depth + 1);
	fprintf(f, "%s%c", add ? add->text : "", n->kind == NODE_MAP ? '}' : ']');
}

/* The nodes below and with it, keys left out. Gives how many there are; at most `room` are stored.
 */
static inline size_t list_nodes(const struct node *n, const struct node **out, size_t k,
                                size_t room)
{
	if (k < room)
		out[k] = n;
	k++;
	for (uint32_t i = 0; n->kind != NODE_SCALAR && i < n->n; i++)
		k = list_nodes(n->kind == NODE_MAP ? n->pair[i].value : n->item[i], out, k, room);
	return k;
}

#endif
