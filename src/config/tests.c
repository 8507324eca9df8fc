/* The tests of a profile: raw words and the values they must give. */
#include <inttypes.h>
#include <string.h>

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
	if (!number_parse(pair->key->text, &addr) || addr < x->profile->address_base ||
	    addr > 65536) {
		diag_error(d, pair->key->where, "\"%s\" is not an address, decimal or 0x",
		           pair->key->text);
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
	x->t.block[x->t.nblock].addr = (uint16_t)(addr - x->profile->address_base);
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
	{"source", KEY_TEXT, KEY_REQUIRED, TEST(source), .doc = "Where the words come from."},
	{"parameters", .type = KEY_OTHER, .form = "{name: value}", .preset = "their defaults",
         .doc = "Parameters as a device would set them."},
	{"coil", TABLE(TABLE_COIL), .doc = "Coils."},
	{"discrete", TABLE(TABLE_DISCRETE), .doc = "Discrete inputs."},
	{"holding", TABLE(TABLE_HOLDING), .doc = "Holding registers."},
	{"input", TABLE(TABLE_INPUT), .doc = "Input registers."},
	{"expect", .type = KEY_OTHER, .flags = KEY_REQUIRED, .set = set_expect,
         .form = "{point: text}", .doc = "What must stand on the topics."},
};

const struct keyset keyset_test = {
	.name = "profile.tests", .key = test_keys, .n = COUNT(test_keys)};

static void test_read(struct testing *x, const struct node *n)
{
	size_t blocks = 0;
	for (uint32_t i = 0; n->kind == NODE_MAP && i < n->n; i++)
		blocks += n->pair[i].value->kind == NODE_MAP ? n->pair[i].value->n : 0;
	x->t.where = n->where;
	x->t.block = arena_array(x->l->arena, blocks, sizeof *x->t.block);
	keys_read(x->l, &keyset_test, n, n->where, x);
}

/* A map {parameters: ...} as the device of a test would be written. */
static const struct node *parameters_node(struct load *l, const struct node *test)
{
	const struct pair *found = node_find(test, "parameters");
	if (!found)
		return NULL;
	struct pair *pair = arena_alloc(l->scratch, sizeof *pair);
	struct node *map = arena_alloc(l->scratch, sizeof *map);
	*pair = *found;
	*map = (struct node){.where = found->key->where,
	                     .kind = NODE_MAP,
	                     .weight = found->value->weight + 1,
	                     .n = 1,
	                     .pair = pair};
	return map;
}

/* The index of the profile's device with these parameters; NULL: with their defaults. */
static uint32_t device_with(struct load *l, const struct profile *p, struct device *device,
                            const struct node *parameters)
{
	struct layers layers = {.where = p->where};
	struct device d = {.where = p->where, .name = "profile", .id = 1};
	if (parameters)
		layers.device[layers.ndevice++] = parameters;
	layers.own = layers.ndevice;
	layers_profile(&layers, p);
	device_make(l, &layers, &d);
	for (uint32_t i = 0; i < l->m->ndevice; i++)
		if (device[i].set == d.set)
			return i;
	const uint32_t n = (uint32_t)l->m->ndevice++;
	if (n)
		d.name = arena_printf(l->arena, "profile%u", n + 1);
	d.id = d.rule.unit = (uint8_t)(n + 1);
	d.point0 = (uint32_t)l->m->npoint;
	l->m->npoint += d.set->n;
	device[n] = d;
	return n;
}

void profile_device(struct load *l, const struct profile *p, struct profile_test **tests,
                    size_t *ntest)
{
	const struct node *list = p->tests;
	if (list && list->kind != NODE_LIST)
		diag_error(l->d, list->where, "tests: expects a list");
	const uint32_t n = list && list->kind == NODE_LIST ? list->n : 0;
	struct device *device = arena_array(l->arena, n + 1, sizeof *device);
	struct profile_test *test = arena_array(l->arena, n, sizeof *test);
	l->buses.n = 1; /* the one bus, without a place of its own */
	l->bus->conf = (struct bus_conf){.name = "profile",
	                                 .where = p->where,
	                                 .kind = BUS_SERIAL,
	                                 .port = "/dev/null",
	                                 .baud = 9600,
	                                 .data = 8,
	                                 .parity = 'N',
	                                 .stop = 1,
	                                 .timeout = 500 * US_MS,
	                                 .retries = 1};
	device_with(l, p, device, NULL);
	for (uint32_t i = 0; i < n; i++) {
		struct testing x = {.l = l, .profile = p};
		const struct node *parameters = parameters_node(l, list->item[i]);
		x.t.device = parameters ? device_with(l, p, device, parameters) : 0;
		x.set = device[x.t.device].set;
		test_read(&x, list->item[i]);
		test[i] = x.t;
	}
	bus_use(l, 0, p, "profile", p->where);
	buses_finish(l);
	l->m->device = device;
	*tests = test;
	*ntest = n;
	check_model(l);
}
