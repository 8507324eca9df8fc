// SPDX-License-Identifier: MIT
/* The tests of a profile: raw words and the values they must give. */
#include "config/load.h"
#include "config/scalar.h"

struct testing {
	struct load *l;
	const struct pointset *set;
	const struct profile *profile;
	struct profile_test t;
};

static void block_read(struct testing *x, uint8_t table, const struct pair *pair)
{
	struct diag *d = x->l->d;
	const struct node *v = pair->value;
	int64_t addr;
	const struct node *key = pair->key;
	uint16_t part, offset;
	if (sunspec_named(x->profile, key)) {
		if (!sunspec_offset(x->l, x->profile, key, 0, &part, &offset))
			return;
		addr = x->set->sunspec->part[part - 1].is.at + offset;
	} else if (x->profile->address_base == BASE_MODICON) {
		if (!scalar_address(d, "test", key, BASE_MODICON, table, &addr))
			return;
	} else if (!number_parse(pair->key->text, &addr) || addr < x->profile->address_base ||
	           addr > 65536) {
		char echo[TEXT_ECHO_SIZE];
		diag_error(d, pair->key->where, "%s is not an address, decimal or 0x",
		           text_echo(pair->key->text, echo));
		return;
	}
	if (v->kind != NODE_LIST || v->n == 0 || v->n > 65535) {
		diag_error(d, v->where, "expects a list of raw words");
		return;
	}
	uint16_t *word = arena_array(x->l->arena, v->n, sizeof *word);
	for (uint32_t i = 0; i < v->n; i++) {
		int64_t raw = 0;
		scalar_int(d, "raw word", v->item[i], 0, table_is_bits(table) ? 1 : 65535, &raw);
		word[i] = (uint16_t)raw;
	}
	x->t.block[x->t.nblock].table = table;
	if (!sunspec_named(x->profile, key) && x->profile->address_base != BASE_MODICON)
		addr -= x->profile->address_base;
	x->t.block[x->t.nblock].addr = (uint16_t)addr;
	x->t.block[x->t.nblock].n = (uint16_t)v->n;
	x->t.block[x->t.nblock++].word = word;
}

static void set_block(struct load *l, const struct hit *h, void *object)
{
	struct testing *x = object;
	const struct node *v = h->value;
	if (v->kind != NODE_MAP) {
		diag_error(l->d, v->where,
		           "%s: expects first addresses and raw words, like {0x10: [1, 2]}",
		           h->key->name);
		return;
	}
	for (uint32_t i = 0; i < v->n; i++)
		block_read(x, (uint8_t)h->key->min, &v->pair[i]);
}

static void set_expect(struct load *l, const struct hit *h, void *object)
{
	struct testing *x = object;
	const struct node *v = h->value;
	if (v->kind != NODE_MAP) {
		diag_error(l->d, v->where, "expect: expects points and their texts");
		return;
	}
	x->t.expect = arena_array(l->arena, v->n, sizeof *x->t.expect);
	for (uint32_t i = 0; i < v->n; i++) {
		const int k = pointset_index(l, x->set, "expect", v->pair[i].key);
		const char *text = scalar_text(l->d, v->pair[i].key->text, v->pair[i].value);
		if (k < 0 || !text)
			continue;
		x->t.expect[x->t.nexpect].point = x->set->point[k].name;
		x->t.expect[x->t.nexpect].text = arena_strdup(l->arena, text);
		x->t.expect[x->t.nexpect++].where = v->pair[i].key->where;
	}
}

#define TEST(field) KEY_AT(struct testing, t.field)
#define TABLE(which)                                                                               \
	.type = KEY_OTHER, .set = set_block, .min = (which), .form = "{first address: [words]}"

static const struct key test_keys[] = {
	{"title", KEY_TEXT, KEY_REQUIRED, TEST(title), .doc = "What is tested, in a few words."},
	{"source", KEY_TEXT, KEY_REQUIRED, TEST(source), .doc = "Source of the register words."},
	{"capture", KEY_BOOL, TEST(capture), .preset = "false",
         .doc = "The words were captured from a real device, and the values read by a person or "
                "another program."},
	{"parameters", .type = KEY_OTHER, .form = "{name: value}", .preset = "their defaults",
         .doc = "Parameters, as a device would set them."},
	{"coil", TABLE(TABLE_COIL), .doc = "Words of coils."},
	{"discrete", TABLE(TABLE_DISCRETE), .doc = "Words of discrete inputs."},
	{"holding", TABLE(TABLE_HOLDING), .doc = "Words of holding registers."},
	{"input", TABLE(TABLE_INPUT), .doc = "Words of input registers."},
	{"expect", .type = KEY_OTHER, .flags = KEY_REQUIRED, .set = set_expect,
         .form = "{point: text}", .doc = "Texts that must be published."},
};

const struct keyset keyset_test = {
	.name = "profile.tests", .key = test_keys, .n = COUNT(test_keys)};

void test_read(struct load *l, const struct profile *p, const struct pointset *set,
               const struct node *n, struct profile_test *out)
{
	struct testing x = {.l = l, .profile = p, .set = set};
	size_t blocks = 0;
	for (uint32_t i = 0; n->kind == NODE_MAP && i < n->n; i++)
		blocks += n->pair[i].value->kind == NODE_MAP ? n->pair[i].value->n : 0;
	x.t.where = n->where;
	x.t.block = arena_array(l->arena, blocks, sizeof *x.t.block);
	keys_read(l, &keyset_test, n, n->where, &x);
	x.t.device = out->device;
	*out = x.t;
}
