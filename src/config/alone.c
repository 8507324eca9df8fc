// SPDX-License-Identifier: MIT
/* A profile loaded alone: one device for each of its variants, and its tests. */
#include <string.h>

#include "config/load.h"

#define VARIANTS_MAX 120 /* devices by choices; each needs an id on the one bus */

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
	node_hash(map);
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

/* The texts of {parameters: {name: choice}}, as a device would be written. */
static const struct node *choice_node(struct load *l, const char *name, const struct node *choice)
{
	struct node *key = arena_alloc(l->scratch, sizeof *key);
	struct node *heading = arena_alloc(l->scratch, sizeof *heading);
	struct node *map = arena_array(l->scratch, 2, sizeof *map);
	struct pair *pair = arena_array(l->scratch, 2, sizeof *pair);
	*key = (struct node){
		.where = choice->where, .kind = NODE_SCALAR, .weight = 1, .text = name};
	*heading = *key;
	heading->text = "parameters";
	node_hash(key);
	node_hash(heading);
	pair[0] = (struct pair){heading, &map[1]};
	pair[1] = (struct pair){key, choice};
	for (unsigned i = 0; i < 2; i++)
		map[i] = (struct node){.where = choice->where,
		                       .kind = NODE_MAP,
		                       .weight = i ? 3 : 5, /* keys count, too */
		                       .n = 1,
		                       .pair = &pair[i]};
	node_hash(&map[1]);
	node_hash(&map[0]);
	return map;
}

static size_t choices_count(const struct parameter *parameter, size_t n)
{
	size_t all = 0;
	for (size_t i = 0; i < n; i++)
		all += parameter[i].choices ? parameter[i].choices->n : 0;
	return all;
}

static struct profile_choice choice_make(struct load *l, const struct profile *p,
                                         struct device *device, const struct parameter *parameter,
                                         const struct node *n)
{
	struct profile_choice c = {.text = arena_strdup(l->arena, n->text)};
	if (!parameter->value || strcmp(parameter->value, n->text) != 0)
		c.device = device_with(l, p, device, choice_node(l, parameter->name, n));
	return c;
}

/* A device for each choice, made alone: the points of every variant are checked and can be shown.
 */
static void variants_make(struct load *l, const struct profile *p, const struct parameter *from,
                          size_t n, struct device *device)
{
	struct profile_parameter *out = arena_array(l->arena, n, sizeof *out);
	for (size_t i = 0; i < n; i++) {
		const struct node *list = from[i].choices;
		struct profile_choice *choice =
			arena_array(l->arena, list ? list->n : 0, sizeof *choice);
		out[i] = (struct profile_parameter){.name = arena_strdup(l->arena, from[i].name),
		                                    .preset = arena_strdup(l->arena, from[i].value),
		                                    .description = from[i].description,
		                                    .choice = choice};
		for (uint32_t k = 0; list && k < list->n && l->m->ndevice < VARIANTS_MAX; k++)
			if (list->item[k]->kind == NODE_SCALAR) /* else reported already */
				choice[out[i].nchoice++] =
					choice_make(l, p, device, &from[i], list->item[k]);
	}
	l->m->parameter = out;
	l->m->nparameter = n;
}

void profile_device(struct load *l, const struct profile *p, struct profile_test **tests,
                    size_t *ntest)
{
	const struct node *list = p->tests;
	if (list && list->kind != NODE_LIST)
		diag_error(l->d, list->where, "tests: expects a list");
	const uint32_t n = list && list->kind == NODE_LIST ? list->n : 0;
	const struct parameter *parameter;
	const size_t nparameter = profile_parameters(l, p, NULL, 0, &parameter);
	struct device *device =
		arena_array(l->arena, n + 1 + choices_count(parameter, nparameter), sizeof *device);
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
	variants_make(l, p, parameter, nparameter, device);
	for (uint32_t i = 0; i < n; i++) {
		const struct node *parameters = parameters_node(l, list->item[i]);
		test[i].device = parameters ? device_with(l, p, device, parameters) : 0;
		test_read(l, p, device[test[i].device].set, list->item[i], &test[i]);
	}
	bus_use(l, 0, p, "profile", p->where);
	l->m->device = device;
	buses_finish(l);
	*tests = test;
	*ntest = n;
	check_model(l);
}
