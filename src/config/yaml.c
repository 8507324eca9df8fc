// SPDX-License-Identifier: MIT
#include "config/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define FEW_KEYS 12      /* of a map: looked through one by one */
#define ANCHORS_MAX 1000 /* each alias looks at all of them */

struct anchor {
	char *name;
	const struct node *node; /* NULL: its node is still being built */
};

struct builder {
	yaml_parser_t parser;
	struct arena *arena;
	struct diag *d;
	const char *file;
	const char *text;
	size_t len;
	bool failed;               /* errors, but reading goes on */
	const struct node **stack; /* children of the nodes being built */
	size_t n, room;
	struct anchor *anchor;
	size_t nanchor, anchor_room;
	struct node *nothing;
};

static struct where builder_where(const struct builder *b, yaml_mark_t mark)
{
	return (struct where){b->file, (unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

/* libyaml gives only a byte offset for what its reader refuses. */
static struct where offset_where(const struct builder *b, size_t offset)
{
	struct where w = {b->file, 1, 1};
	for (size_t i = 0; i < offset && i < b->len; i++) {
		w.column++;
		if (b->text[i] == '\n') {
			w.line++;
			w.column = 1;
		}
	}
	return w;
}

/* Most texts that are no YAML lack quotes: unit: %, Relay{n}: in a map of one line, a: b: c. */
static const char *quote_hint(const struct builder *b, size_t at)
{
	const char c = at < b->len ? b->text[at] : '\0';
	size_t line = at < b->len ? at : b->len;
	while (line > 0 && b->text[line - 1] != '\n')
		line--;
	const bool brace =
		memmem(b->text + line, b->len - line < 4096 ? b->len - line : 4096, "{n}", 3);
	if (c && strchr("%@`&*!|>", c))
		return "; a text that begins with this sign needs quotes, like \"%\"";
	if (c && strchr("{}[],", c) && brace)
		return "; a name with {n} needs quotes here: \"Relay{n}\"";
	if (c == ':')
		return "; a text with : in it needs quotes; or is a colon missing behind a name "
		       "before "
		       "it?";
	if (c && strchr("{}[],\"'#", c))
		return "; a text with : { } [ ] , or # in it needs quotes";
	return "";
}

static void syntax_error(struct builder *b)
{
	const yaml_parser_t *p = &b->parser;
	const char *problem = p->problem ? p->problem : "not YAML";
	b->failed = true;
	if (p->error == YAML_READER_ERROR) {
		diag_error(b->d, offset_where(b, p->problem_offset), "%s", problem);
		return;
	}
	const struct where w = builder_where(b, p->problem_mark);
	const size_t at = p->problem_mark.index;
	const char *hint = at < b->len && b->text[at] == '\t' ? " (a tab: indent with blanks)" : "";
	const bool far = p->context && p->context_mark.line != p->problem_mark.line;
	if (!*hint && far && strstr(p->context, "block") && strstr(problem, "expected"))
		hint = "; is it indented as far as its neighbours?";
	if (!*hint)
		hint = far && strstr(p->context, "flow") ? "; is its closing bracket missing?"
		                                         : quote_hint(b, at);
	if (!p->context)
		diag_error(b->d, w, "%s%s", problem, hint);
	else if (p->context_mark.line == p->problem_mark.line)
		diag_error(b->d, w, "%s %s%s", problem, p->context, hint);
	else
		diag_error(b->d, w, "%s %s that begins in line %zu%s", problem, p->context,
		           p->context_mark.line + 1, hint);
}

static bool next_event(struct builder *b, yaml_event_t *e)
{
	if (yaml_parser_parse(&b->parser, e))
		return true;
	syntax_error(b);
	return false;
}

static void builder_error(struct builder *b, struct where w, const char *message)
{
	b->failed = true;
	diag_error(b->d, w, "%s", message);
}

static struct node *node_new(struct builder *b, const yaml_event_t *e, enum node_kind kind)
{
	struct node *n = arena_alloc(b->arena, sizeof *n);
	n->where = builder_where(b, e->start_mark);
	n->kind = (uint8_t)kind;
	n->weight = 1;
	return n;
}

static void push(struct builder *b, const struct node *n)
{
	if (b->n == b->room) {
		b->room = b->room ? 2 * b->room : 64;
		b->stack = mem_grow(b->stack, b->room, sizeof *b->stack);
	}
	b->stack[b->n++] = n;
}

/* Its index, or SIZE_MAX without an anchor. */
static size_t anchor_open(struct builder *b, const yaml_char_t *name, struct where where)
{
	if (!name)
		return SIZE_MAX;
	if (b->nanchor == ANCHORS_MAX) {
		builder_error(b, where, "more than 1000 anchors");
		return SIZE_MAX;
	}
	if (b->nanchor == b->anchor_room) {
		b->anchor_room = b->anchor_room ? 2 * b->anchor_room : 16;
		b->anchor = mem_grow(b->anchor, b->anchor_room, sizeof *b->anchor);
	}
	b->anchor[b->nanchor] = (struct anchor){.name = mem_strdup((const char *)name)};
	return b->nanchor++;
}

static void anchor_close(struct builder *b, size_t i, const struct node *n)
{
	if (i != SIZE_MAX)
		b->anchor[i].node = n;
}

static const struct node *alias(struct builder *b, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.alias.anchor;
	const struct where w = builder_where(b, e->start_mark);
	for (size_t i = b->nanchor; i-- > 0;) {
		if (strcmp(b->anchor[i].name, name) != 0)
			continue;
		if (b->anchor[i].node)
			return b->anchor[i].node;
		b->failed = true;
		diag_error(b->d, w,
		           "alias *%s is inside its own anchor &%s: it would contain itself", name,
		           name);
		return b->nothing;
	}
	b->failed = true;
	diag_error(b->d, w, "alias *%s: there is no anchor &%s above it", name, name);
	return b->nothing;
}

static bool weigh(struct builder *b, struct node *n, const struct node *child)
{
	n->weight += child->weight;
	if (n->weight <= YAML_NODES)
		return true;
	builder_error(b, n->where, "aliases multiply to too many values");
	return false;
}

/* Keys of one map by their text, for duplicates and merges: open addressing. */
struct keyhash {
	const struct node **slot;
	size_t mask;
};

static void keyhash_init(struct keyhash *h, size_t n)
{
	size_t size = 16;
	while (size < 2 * n + 2)
		size *= 2;
	h->slot = mem_alloc(size, sizeof *h->slot);
	h->mask = size - 1;
}

/* The key that is there already, or NULL and it is put in. */
static const struct node *keyhash_add(struct keyhash *h, const struct node *key)
{
	size_t i = key->hash & h->mask;
	for (; h->slot[i]; i = (i + 1) & h->mask)
		if (strcmp(h->slot[i]->text, key->text) == 0)
			return h->slot[i];
	h->slot[i] = key;
	return NULL;
}

static bool is_merge(const struct node *key)
{
	return !key->quoted && strcmp(key->text, "<<") == 0;
}

/* How many pairs a value of `<<` brings; an error if it is no map. */
static size_t merge_size(struct builder *b, const struct node *v)
{
	if (v->kind == NODE_MAP)
		return v->n;
	size_t sum = 0;
	bool good = v->kind == NODE_LIST;
	for (uint32_t i = 0; good && i < v->n; i++) {
		good = v->item[i]->kind == NODE_MAP;
		sum += v->item[i]->n;
	}
	if (!good)
		builder_error(b, v->where, "<<: expects a map or a list of maps");
	return sum;
}

static uint32_t merge_map(const struct node *from, struct keyhash *h, struct pair *pair, uint32_t n)
{
	for (uint32_t i = 0; from->kind == NODE_MAP && i < from->n; i++)
		if (!keyhash_add(h, from->pair[i].key))
			pair[n++] = from->pair[i];
	return n;
}

static uint32_t merge(const struct node *v, struct keyhash *h, struct pair *pair, uint32_t n)
{
	if (v->kind != NODE_LIST)
		return merge_map(v, h, pair, n);
	for (uint32_t i = 0; i < v->n; i++)
		n = merge_map(v->item[i], h, pair, n);
	return n;
}

static void map_index(struct arena *a, struct node *map)
{
	if (map->n < FEW_KEYS)
		return;
	struct name_table *l = arena_alloc(a, sizeof *l);
	for (uint32_t i = 0; i < map->n; i++)
		name_table_add(a, l, map->pair[i].key->text, (int32_t)i);
	map->by_key = l;
}

/* child[0..2n): keys and values in turn. Fills the map: own pairs first, then merged ones. */
static bool map_fill(struct builder *b, struct node *map, const struct node *const *child, size_t n)
{
	size_t room = n;
	for (size_t i = 0; i < n; i++) {
		const struct node *key = child[2 * i], *value = child[2 * i + 1];
		if (!is_merge(key))
			continue;
		room += merge_size(b, value);
	}
	if (room > YAML_NODES) {
		builder_error(b, map->where, "aliases multiply to too many values");
		return false;
	}
	struct pair *pair = arena_array(b->arena, room, sizeof *pair);
	struct keyhash seen;
	keyhash_init(&seen, room);
	map->pair = pair;
	for (size_t i = 0; i < n; i++) {
		char echo[TEXT_ECHO_SIZE];
		const struct node *key = child[2 * i];
		if (key == b->nothing)
			continue;
		const struct node *first = keyhash_add(&seen, key);
		if (first) {
			b->failed = true;
			diag_error(b->d, key->where, "key %s is given twice, first in line %u",
			           text_echo(key->text, echo), first->where.line);
		} else if (!is_merge(key)) {
			pair[map->n++] = (struct pair){key, child[2 * i + 1]};
		}
	}
	const uint32_t own = map->n;
	for (size_t i = 0; i < n; i++)
		if (is_merge(child[2 * i]))
			map->n = merge(child[2 * i + 1], &seen, pair, map->n);
	free(seen.slot);
	map_index(b->arena, map);
	for (uint32_t i = own; i < map->n; i++)
		if (!weigh(b, map, pair[i].value))
			return false;
	return true;
}

/* A tag would set a type; here the key defines it. */
static void tag_check(struct builder *b, const yaml_event_t *e, const yaml_char_t *tag)
{
	if (tag)
		builder_error(b, builder_where(b, e->start_mark),
		              "tags like !!int are not supported");
}

static const struct node *build(struct builder *b, yaml_event_t *e, unsigned depth);

/* The children of a list or map, pushed; false on a fault that ends reading. */
static bool build_children(struct builder *b, struct node *parent, yaml_event_type_t end,
                           unsigned depth)
{
	const size_t first = b->n;
	for (;;) {
		yaml_event_t e;
		if (!next_event(b, &e))
			return false;
		if (e.type == end) {
			yaml_event_delete(&e);
			return true;
		}
		const bool is_key = parent->kind == NODE_MAP && (b->n - first) % 2 == 0;
		const struct node *child = build(b, &e, depth);
		yaml_event_delete(&e);
		if (!child)
			return false;
		if (is_key && child->kind != NODE_SCALAR) {
			builder_error(b, child->where, "a key must be a single word or number");
			child = b->nothing;
		}
		push(b, child);
		if (!weigh(b, parent, child))
			return false;
	}
}

static const struct node *build_collection(struct builder *b, const yaml_event_t *e, unsigned depth)
{
	const bool map = e->type == YAML_MAPPING_START_EVENT;
	tag_check(b, e, map ? e->data.mapping_start.tag : e->data.sequence_start.tag);
	struct node *n = node_new(b, e, map ? NODE_MAP : NODE_LIST);
	if (depth >= YAML_DEPTH) {
		builder_error(b, n->where, "nested too deep");
		return NULL;
	}
	const size_t anchor = anchor_open(
		b, map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor, n->where);
	const size_t first = b->n;
	if (!build_children(b, n, map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT,
	                    depth + 1))
		return NULL;
	const size_t count = b->n - first;
	if (map) {
		if (!map_fill(b, n, count ? b->stack + first : NULL, count / 2))
			return NULL;
	} else {
		const struct node **item = arena_array(b->arena, count, sizeof *item);
		if (count)
			memcpy(item, b->stack + first, count * sizeof *item);
		n->item = item;
		n->n = (uint32_t)count;
	}
	b->n = first;
	node_hash(n);
	anchor_close(b, anchor, n);
	return n;
}

static const struct node *build_scalar(struct builder *b, const yaml_event_t *e)
{
	struct node *n = node_new(b, e, NODE_SCALAR);
	const char *text = (const char *)e->data.scalar.value;
	const size_t len = e->data.scalar.length;
	if (memchr(text, '\0', len))
		builder_error(b, n->where, "a text may not contain a NUL character");
	tag_check(b, e, e->data.scalar.tag);
	n->text = arena_strndup(b->arena, text, len);
	node_hash(n);
	n->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	anchor_close(b, anchor_open(b, e->data.scalar.anchor, n->where), n);
	return n;
}

/* NULL: a fault that ends reading, reported already. Depth is bounded, so is the recursion. */
static const struct node *build(struct builder *b, yaml_event_t *e, unsigned depth)
{
	switch (e->type) {
	case YAML_ALIAS_EVENT:
		return alias(b, e);
	case YAML_SCALAR_EVENT:
		return build_scalar(b, e);
	default:
		return build_collection(b, e, depth);
	}
}

/* Stream start, at most one document, stream end. */
static void build_stream(struct builder *b, const struct node **root)
{
	unsigned documents = 0;
	for (bool end = false; !end;) {
		yaml_event_t e;
		if (!next_event(b, &e))
			return;
		end = e.type == YAML_STREAM_END_EVENT;
		if (e.type == YAML_DOCUMENT_START_EVENT && ++documents > 1) {
			builder_error(b, builder_where(b, e.start_mark),
			              "a second document begins here: one file, one document");
			end = true;
		} else if (e.type == YAML_SCALAR_EVENT || e.type == YAML_SEQUENCE_START_EVENT ||
		           e.type == YAML_MAPPING_START_EVENT || e.type == YAML_ALIAS_EVENT) {
			*root = build(b, &e, 0);
			end = !*root;
		}
		yaml_event_delete(&e);
	}
}

bool yaml_parse(struct arena *a, const char *name, const char *text, size_t len, struct diag *d,
                const struct node **root)
{
	struct builder b = {.arena = a, .d = d, .file = name, .text = text, .len = len};
	*root = NULL;
	if (len > YAML_FILE_MAX) {
		diag_error(d, (struct where){name, 0, 0}, "larger than %d MiB",
		           YAML_FILE_MAX >> 20);
		return false;
	}
	if (!yaml_parser_initialize(&b.parser))
		abort(); /* only without memory */
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, len);
	b.nothing = arena_alloc(a, sizeof *b.nothing);
	b.nothing->where = (struct where){name, WHERE_TOLD, 1};
	b.nothing->text = "";
	b.nothing->weight = 1;
	build_stream(&b, root);
	for (size_t i = 0; i < b.nanchor; i++)
		free(b.anchor[i].name);
	free(b.anchor);
	free(b.stack);
	yaml_parser_delete(&b.parser);
	if (*root && node_is_null(*root))
		*root = NULL;
	return !b.failed;
}
