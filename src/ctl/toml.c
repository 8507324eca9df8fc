// SPDX-License-Identifier: MIT
/* TOML to nodes: tables, arrays of tables, inline tables, strings, numbers. Dates stay texts. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/convert.h"

#define DEPTH_MAX 32

struct toml {
	struct arena *a;
	struct diag *d;
	const char *file, *p, *line_start;
	unsigned line, depth;
	bool bad;
};

static struct where here(const struct toml *t)
{
	return (struct where){t->file, t->line, (unsigned)(t->p - t->line_start) + 1};
}

static void wrong(struct toml *t, const char *text)
{
	if (!t->bad)
		diag_error(t->d, here(t), "not TOML: %s", text);
	t->bad = true;
}

static void next_line(struct toml *t)
{
	t->p++;
	t->line++;
	t->line_start = t->p;
}

/* Blanks, and with `lines` also line ends and comments. */
static void skip(struct toml *t, bool lines)
{
	for (;;) {
		if (*t->p == ' ' || *t->p == '\t' || *t->p == '\r')
			t->p++;
		else if (lines && *t->p == '#')
			t->p += strcspn(t->p, "\n");
		else if (lines && *t->p == '\n')
			next_line(t);
		else
			return;
	}
}

static struct node *make(struct toml *t, enum node_kind kind)
{
	struct node *n = arena_alloc(t->a, sizeof(*n));

	n->where = here(t);
	n->kind = (uint8_t)kind;
	n->weight = 1;
	return n;
}

/* Doubled when full, so that n appends cost n. */
static void *append(struct toml *t, const void *old, uint32_t n, size_t size)
{
	if (n & (n - 1))
		return (void *)old;
	void *more = arena_array(t->a, n ? 2 * (size_t)n : 1, size);
	if (n)
		memcpy(more, old, n * size);
	return more;
}

static void list_add(struct toml *t, struct node *list, const struct node *item)
{
	const struct node **all = append(t, list->item, list->n, sizeof(*all));

	all[list->n++] = item;
	list->item = all;
}

static void map_add(struct toml *t, struct node *map, const struct node *key,
                    const struct node *value)
{
	struct pair *all = append(t, map->pair, map->n, sizeof(*all));

	all[map->n++] = (struct pair){key, value};
	map->pair = all;
}

static char escaped(char c)
{
	static const char from[] = "nrtbf0", to[] = "\n\r\t\b\f";
	const char *k = strchr(from, c);

	return k && *k && *k != '0' ? to[k - from] : c;
}

static struct node *string(struct toml *t)
{
	const char quote = *t->p++;
	struct node *n = make(t, NODE_SCALAR);
	const size_t most = strcspn(t->p, "\n") + 1;
	char *out = arena_alloc(t->a, most + 1);
	size_t len = 0;

	n->quoted = true;
	n->text = out;
	while (*t->p && *t->p != '\n' && *t->p != quote) {
		if (*t->p == '\\' && quote == '"' && t->p[1] && t->p[1] != '\n') {
			out[len++] = escaped(t->p[1]);
			t->p += 2;
		} else {
			out[len++] = *t->p++;
		}
	}
	if (*t->p != quote)
		wrong(t, "a text has no end on its line");
	else
		t->p++;
	return n;
}

static struct node *bare(struct toml *t)
{
	struct node *n = make(t, NODE_SCALAR);
	const size_t len = strcspn(t->p, " \t\r\n,]}#=");

	n->text = arena_strndup(t->a, t->p, len);
	if (len == 0)
		wrong(t, "a value is missing");
	t->p += len;
	return n;
}

static struct node *value(struct toml *t);

static const struct node *key(struct toml *t)
{
	if (*t->p == '"' || *t->p == '\'')
		return string(t);
	struct node *n = make(t, NODE_SCALAR);
	size_t len = 0;
	while (isalnum((unsigned char)t->p[len]) || t->p[len] == '_' || t->p[len] == '-')
		len++;
	n->text = arena_strndup(t->a, t->p, len);
	if (len == 0)
		wrong(t, "a key is missing");
	t->p += len;
	return n;
}

static void assign(struct toml *t, struct node *map)
{
	const struct node *k = key(t);

	skip(t, false);
	if (!t->bad && *t->p != '=')
		wrong(t, "= is missing");
	if (t->bad)
		return;
	t->p++;
	skip(t, false);
	map_add(t, map, k, value(t));
}

/* [a, b] or {a = 1, b = 2}. */
static struct node *collection(struct toml *t, char close, enum node_kind kind)
{
	struct node *n = make(t, kind);

	t->p++;
	if (++t->depth > DEPTH_MAX)
		wrong(t, "too deep");
	for (skip(t, true); !t->bad && *t->p != close; skip(t, true)) {
		if (kind == NODE_LIST)
			list_add(t, n, value(t));
		else
			assign(t, n);
		skip(t, true);
		if (*t->p == ',')
			t->p++;
		else if (*t->p != close)
			wrong(t, "a list or an inline table has no end");
	}
	t->depth--;
	if (!t->bad)
		t->p++;
	return n;
}

static struct node *value(struct toml *t)
{
	switch (*t->p) {
	case '[':
		return collection(t, ']', NODE_LIST);
	case '{':
		return collection(t, '}', NODE_MAP);
	case '"':
	case '\'':
		return string(t);
	default:
		return bare(t);
	}
}

/* The map behind a word of a heading; of an array of tables its last one.
 * NULL: something else is there. */
static struct node *step(struct toml *t, struct node *map, const struct node *word, bool array,
                         bool last)
{
	const struct pair *old = node_find(map, word->text);
	struct node *child;

	if (old && old->value->kind == NODE_LIST && !(last && array)) {
		const struct node *in = old->value->n ? old->value->item[old->value->n - 1] : NULL;
		return in && in->kind == NODE_MAP ? (struct node *)in : NULL;
	}
	if (old && old->value->kind == NODE_MAP && !(last && array))
		return (struct node *)old->value;
	if (old && !(old->value->kind == NODE_LIST && array && last))
		return NULL;
	child = make(t, NODE_MAP);
	if (!(last && array)) {
		map_add(t, map, word, child);
		return child;
	}
	struct node *list = old ? (struct node *)old->value : make(t, NODE_LIST);
	list_add(t, list, child);
	if (!old)
		map_add(t, map, word, list);
	return child;
}

/* [a.b] or [[a.b]]; p is at the first bracket. */
static struct node *heading(struct toml *t, struct node *root)
{
	const bool array = t->p[1] == '[';
	struct node *map = root;

	t->p += array ? 2 : 1;
	while (map && !t->bad) {
		skip(t, false);
		const struct node *word = key(t);
		skip(t, false);
		const bool last = *t->p != '.';
		map = step(t, map, word, array, last);
		if (!last) {
			t->p++;
			continue;
		}
		if (strncmp(t->p, array ? "]]" : "]", array ? 2 : 1) != 0)
			wrong(t, "a heading has no end");
		t->p += array ? 2 : 1;
		break;
	}
	if (!map)
		wrong(t, "a heading names something that is no table");
	return map;
}

const struct node *toml_parse(struct arena *a, const char *file, const char *text, struct diag *d)
{
	struct toml t = {.a = a, .d = d, .file = file, .p = text, .line_start = text, .line = 1};
	struct node *root = make(&t, NODE_MAP), *map = root;

	for (skip(&t, true); *t.p && !t.bad; skip(&t, true)) {
		if (*t.p == '[')
			map = heading(&t, root);
		else
			assign(&t, map);
		skip(&t, false);
		if (!t.bad && *t.p && *t.p != '\n' && *t.p != '#')
			wrong(&t, "unexpected text behind the value");
	}
	return t.bad ? NULL : root;
}
