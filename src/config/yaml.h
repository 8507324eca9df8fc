/* SPDX-License-Identifier: MIT */
/*
 * yaml: YAML text to our own nodes, each with its place. They never change and live in an arena.
 *
 * Nothing is resolved: a scalar is a text and whether it was quoted (config/scalar.h interprets
 * what a number is). Aliases are shared pointers, `<<` is merged already (own keys win, places stay
 * those of the original). What a walk led by key tables may rely on: no circles, at most YAML_DEPTH
 * deep, and at most YAML_NODES nodes even when every alias is followed.
 */
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/diag.h"
#include "core/base/name_table.h"
#include "core/base/text.h"

#define YAML_DEPTH 32
#define YAML_NODES 2000000
#define YAML_FILE_MAX (4 << 20) /* bytes of one file */

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node;

struct pair {
	const struct node *key; /* a scalar */
	const struct node *value;
};

struct node {
	struct where where;
	uint8_t kind;    /* enum node_kind */
	bool quoted;     /* a scalar in quotes or a block: surely a text */
	uint32_t weight; /* nodes below and with it, aliases followed */
	uint32_t hash;   /* the same for all that are node_same() */
	uint32_t n;      /* items or pairs */
	union {
		const char *text;               /* NODE_SCALAR */
		const struct node *const *item; /* NODE_LIST */
		struct {                        /* NODE_MAP */
			const struct pair *pair;
			const struct name_table *by_key; /* NULL: too few to need it */
		};
	};
};

/* Parse. All of it lives in the arena; `name` is kept by pointer for the places. *root is NULL for
 * an empty file. False: errors were added to d (*root is then what could be read of it, or NULL).
 */
bool yaml_parse(struct arena *a, const char *name, const char *text, size_t len, struct diag *d,
                const struct node **root);

/* The pair of a key, NULL if there is none (or the node is no map, or NULL). */
const struct pair *node_find(const struct node *map, const char *key);
const struct node *node_get(const struct node *map, const char *key);

/* Nothing is there: an empty plain scalar, `~` or `null`. */
bool node_is_null(const struct node *n);

/* A scalar with this text? NULL is none. */
bool node_is_text(const struct node *n, const char *text);

/* The same content, at whatever place. Both NULL is the same. */
bool node_same(const struct node *a, const struct node *b);

/* Sets its hash, out of what is in it: for who makes nodes, from the innermost outwards. */
void node_hash(struct node *n);

#endif
