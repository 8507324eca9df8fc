// SPDX-License-Identifier: MIT
/* Nodes that were read: what is in them. */
#include <string.h>

#include "config/yaml.h"

const struct pair *node_find(const struct node *map, const char *key)
{
	if (!map || map->kind != NODE_MAP)
		return NULL;
	if (map->by_key) {
		const int32_t i = name_table_find(map->by_key, key, strlen(key));
		return i < 0 ? NULL : &map->pair[i];
	}
	for (uint32_t i = 0; i < map->n; i++)
		if (strcmp(map->pair[i].key->text, key) == 0)
			return &map->pair[i];
	return NULL;
}

const struct node *node_get(const struct node *map, const char *key)
{
	const struct pair *p = node_find(map, key);
	return p ? p->value : NULL;
}

bool node_is_null(const struct node *n)
{
	return n->kind == NODE_SCALAR && !n->quoted &&
	       (!*n->text || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0);
}

bool node_is_text(const struct node *n, const char *text)
{
	return n && n->kind == NODE_SCALAR && strcmp(n->text, text) == 0;
}

bool node_same(const struct node *a, const struct node *b)
{
	if (a == b)
		return true;
	if (!a || !b || a->kind != b->kind || a->n != b->n || a->weight != b->weight)
		return false;
	if (a->kind == NODE_SCALAR)
		return a->quoted == b->quoted && strcmp(a->text, b->text) == 0;
	for (uint32_t i = 0; i < a->n; i++) {
		if (a->kind == NODE_LIST && !node_same(a->item[i], b->item[i]))
			return false;
		if (a->kind == NODE_MAP && (!node_same(a->pair[i].key, b->pair[i].key) ||
		                            !node_same(a->pair[i].value, b->pair[i].value)))
			return false;
	}
	return true;
}

#define HASH_FIRST 2166136261U /* FNV-1a */
#define HASH_PRIME 16777619U

void node_hash(struct node *n)
{
	uint32_t hash = HASH_FIRST + n->kind;
	for (const char *c = n->kind == NODE_SCALAR ? n->text : ""; *c; c++)
		hash = (hash ^ (uint8_t)*c) * HASH_PRIME;
	for (uint32_t i = 0; n->kind == NODE_LIST && i < n->n; i++)
		hash = (hash ^ n->item[i]->hash) * HASH_PRIME;
	for (uint32_t i = 0; n->kind == NODE_MAP && i < n->n; i++) {
		hash = (hash ^ n->pair[i].key->hash) * HASH_PRIME;
		hash = (hash ^ n->pair[i].value->hash) * HASH_PRIME;
	}
	n->hash = hash;
}
