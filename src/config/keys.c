// SPDX-License-Identifier: MIT
#include "config/keys.h"

#include <stdio.h>
#include <string.h>

#include "config/alias.h"
#include "config/load.h"
#include "config/scalar.h"

#define ADVISED_MAX 256 /* keys of a map: each unknown one looks at all of them */

static const struct key *keyset_find(const struct keyset *set, const char *name, uint16_t only)
{
	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->key[i].name, name) == 0)
			return !only || (set->key[i].flags & only) ? &set->key[i] : NULL;
	return NULL;
}

static bool keyset_knows(const struct keyset *set, const char *name)
{
	if (keyset_find(set, name, 0))
		return true;
	for (size_t i = 0; i < 3 && set->also[i]; i++)
		if (keyset_find(set->also[i], name, set->also_flags[i]))
			return true;
	return false;
}

/* Names that may be in this map; free: and do not yet. */
static size_t names_list(const struct keyset *set, uint16_t only, const struct node *map, bool free,
                         const char **names, size_t n)
{
	for (size_t i = 0; i < set->n; i++)
		if ((!only || (set->key[i].flags & only)) &&
		    !(free && node_find(map, set->key[i].name)))
			names[n++] = set->key[i].name;
	return n;
}

/* The name that was meant, if only letters are wrong, one that is not there yet before others;
 * NULL.
 */
static const char *key_nearest(const struct keyset *set, const struct node *map, const char *word)
{
	const char *names[4 * KEYSET_MAX], *near = NULL;
	if (map && map->n > ADVISED_MAX)
		return NULL;
	for (int free = 1; !near && free >= 0; free--) {
		size_t n = names_list(set, 0, map, free, names, 0);
		for (size_t i = 0; i < COUNT(set->also) && set->also[i]; i++)
			n = names_list(set->also[i], set->also_flags[i], map, free, names, n);
		near = diag_nearest(word, names, n);
	}
	return near;
}

/* Advice on what to write instead, or "". */
static const char *key_advice(const struct keyset *set, const struct node *map, const char *word,
                              char *buf, size_t size)
{
	const char *advice = alias_advice(set->name, word);
	const char *elsewhere = advice ? NULL : keyset_with(set, word);
	const char *near = elsewhere ? NULL : key_nearest(set, map, word);
	if (advice)
		snprintf(buf, size, "; here it is %s", advice);
	else if (elsewhere)
		snprintf(buf, size, "; it is a key of %s", elsewhere);
	else if (near)
		snprintf(buf, size, "; did you mean \"%s\"?", near);
	else
		snprintf(buf, size, "; devices.yaml(5) lists the keys");
	return buf;
}

bool keys_meant(const struct keyset *set, const struct node *map, const char *key)
{
	for (uint32_t i = 0; map && map->kind == NODE_MAP && i < map->n; i++) {
		const char *word = map->pair[i].key->text;
		const char *near = NULL;
		if (keyset_knows(set, word))
			continue;
		if (!alias_advice(set->name, word) && !keyset_with(set, word))
			near = key_nearest(set, map, word);
		if (alias_means(set->name, word, key) || (near && strcmp(near, key) == 0))
			return true;
	}
	return false;
}

/* {scale: 0,1} is read as a scale of 0 and a key 1 without a value. */
static bool is_comma(const struct node *map, uint32_t i)
{
	const struct pair *p = &map->pair[i];
	return i > 0 && node_is_null(p->value) && !p->key->quoted && *p->key->text &&
	       strspn(p->key->text, "0123456789") == strlen(p->key->text) &&
	       map->pair[i - 1].value->kind == NODE_SCALAR;
}

/* {bus:b} is one key without a value. */
static bool is_stuck(const struct keyset *set, const struct pair *p)
{
	const size_t n = strcspn(p->key->text, ":");
	if (!node_is_null(p->value) || p->key->quoted || !p->key->text[n])
		return false;
	for (size_t i = 0; i < set->n; i++)
		if (strlen(set->key[i].name) == n && memcmp(set->key[i].name, p->key->text, n) == 0)
			return true;
	return false;
}

/* A device or a bus that is not indented looks like a key of the file. NULL: it is something else.
 */
static const char *not_indented(const struct keyset *set, const struct node *value)
{
	static const struct {
		const char *key, *hint;
	} sign[] = {
		{"profile", "; a device? indent it below devices:"},
		{"points", "; a device? indent it below devices:"},
		{"bus", "; a device? indent it below devices:"},
		{"port", "; a bus? indent it below buses:"},
		{"tcp", "; a bus? indent it below buses:"},
		{"rtu_tcp", "; a bus? indent it below buses:"},
	};

	if (set != &keyset_root || value->kind != NODE_MAP)
		return NULL;
	for (size_t i = 0; i < COUNT(sign); i++)
		if (node_find(value, sign[i].key))
			return sign[i].hint;
	return NULL;
}

static void unknown_key(struct load *l, const struct keyset *set, const struct node *map,
                        uint32_t i)
{
	char advice[160], echo[TEXT_ECHO_SIZE];
	const struct node *key = map->pair[i].key;
	const char *hint = not_indented(set, map->pair[i].value);
	if (strncmp(key->text, "\xC2\xA0", 2) == 0)
		hint = "; the blank before it is a no-break space, as web pages have it: type a "
		       "blank";
	if (is_comma(map, i))
		diag_error(l->d, map->pair[i - 1].value->where,
		           "%s: %s,%s: a decimal number has a point, %s.%s",
		           map->pair[i - 1].key->text, map->pair[i - 1].value->text, key->text,
		           map->pair[i - 1].value->text, key->text);
	else if (is_stuck(set, &map->pair[i]))
		diag_error(l->d, key->where, "%s: a blank is missing behind the colon", set->name);
	else
		diag_error(l->d, key->where, "%s: unknown key %s%s", set->name,
		           text_echo(key->text, echo),
		           hint ? hint : key_advice(set, map, key->text, advice, sizeof advice));
}

void keys_collect(struct load *l, const struct keyset *set, const struct node *map, unsigned layer,
                  uint16_t only, struct hits *hits)
{
	if (!map || node_is_null(map))
		return;
	if (map->kind != NODE_MAP) {
		if (!only)
			diag_error(l->d, map->where, "%s: expects keys and values%s", set->name,
			           map->kind == NODE_SCALAR && strchr(map->text, ':')
			                   ? "; a blank is missing behind the colon"
			                   : "");
		return;
	}
	for (size_t i = 0; i < set->n; i++)
		if ((set->key[i].flags & KEY_REQUIRED) && keys_meant(set, map, set->key[i].name))
			hits->meant[i] = true;
	for (uint32_t i = 0; i < map->n; i++) {
		const struct node *name = map->pair[i].key;
		const struct key *key = keyset_find(set, name->text, only);
		if (!key) {
			if (!only && !keyset_knows(set, name->text))
				unknown_key(l, set, map, i);
			continue;
		}
		if (i + 1 < map->n && is_comma(map, i + 1))
			continue; /* its value is what is before the comma */
		struct hit *h = &hits->hit[key - set->key];
		if (!h->value)
			*h = (struct hit){key, name, map->pair[i].value, layer};
	}
}

static void store_int(const struct key *k, void *object, int64_t v)
{
	char *at = (char *)object + k->offset;
	switch (k->size) {
	case 1:
		*(uint8_t *)at = (uint8_t)v;
		break;
	case 2:
		*(uint16_t *)(void *)at = (uint16_t)v;
		break;
	case 4:
		*(uint32_t *)(void *)at = (uint32_t)v;
		break;
	default:
		*(uint64_t *)(void *)at = (uint64_t)v;
	}
}

/* `off`, `auto`, `fastest` where the row allows the word. */
static bool is_zero_word(const struct key *k, const struct node *n)
{
	static const struct {
		uint16_t flag;
		const char *word;
	} words[] = {{KEY_OFF, "off"}, {KEY_AUTO, "auto"}, {KEY_FASTEST, "fastest"}};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if ((k->flags & words[i].flag) && n->kind == NODE_SCALAR &&
		    strcmp(n->text, words[i].word) == 0)
			return true;
	return false;
}

static void apply_number(struct load *l, const struct hit *h, void *object)
{
	const struct key *k = h->key;
	int64_t v = 0;
	bool good = true;
	if (k->type == KEY_CHOICE) {
		v = scalar_choice(l->d, k->name, h->value, k->choice);
		good = v >= 0;
	} else if (!is_zero_word(k, h->value)) {
		good = k->type == KEY_INT ? scalar_int(l->d, k->name, h->value, k->min, k->max, &v)
		       : k->type == KEY_SIZE
		               ? scalar_size(l->d, k->name, h->value, k->min, k->max, &v)
		               : scalar_duration(l->d, k->name, h->value, k->min, k->max, &v);
	}
	if (good)
		store_int(k, object, v);
}

static void apply_hit(struct load *l, const struct hit *h, void *object)
{
	const struct key *k = h->key;
	void *at = (char *)object + k->offset;
	const char *text;
	switch (k->type) {
	case KEY_BOOL:
		scalar_bool(l->d, k->name, h->value, at);
		break;
	case KEY_REAL:
		scalar_real(l->d, k->name, h->value, at);
		break;
	case KEY_DECIMAL:
		scalar_decimal(l->d, k->name, h->value, at);
		break;
	case KEY_TEXT:
		text = scalar_text(l->d, k->name, h->value);
		if (text)
			*(const char **)at = load_text(l, text);
		break;
	case KEY_OTHER:
		if (k->set) /* else it is read by who knows all layers */
			k->set(l, h, object);
		break;
	default:
		apply_number(l, h, object);
	}
}

void keys_apply(struct load *l, const struct keyset *set, const struct hits *hits,
                struct where where, void *object)
{
	for (size_t i = 0; i < set->n; i++) {
		if (hits->hit[i].value)
			apply_hit(l, &hits->hit[i], object);
		else if ((set->key[i].flags & KEY_REQUIRED) && !hits->meant[i])
			diag_error(l->d, where, "%s: key \"%s\" is missing", set->name,
			           set->key[i].name);
	}
}

void keys_read(struct load *l, const struct keyset *set, const struct node *map, struct where where,
               void *object)
{
	struct hits hits;
	memset(&hits, 0, sizeof hits);
	keys_collect(l, set, map, 0, 0, &hits);
	if (!map || map->kind == NODE_MAP || node_is_null(map))
		keys_apply(l, set, &hits, where, object);
}

const struct hit *keys_hit(const struct keyset *set, const struct hits *hits, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->key[i].name, name) == 0)
			return hits->hit[i].value ? &hits->hit[i] : NULL;
	return NULL;
}
