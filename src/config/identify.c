// SPDX-License-Identifier: MIT
/* identify: how a profile recognises its device. */
#include <string.h>

#include "config/load.h"
#include "config/pointset.h"
#include "config/scalar.h"
#include "core/base/text.h"
#include "core/model/devid.h"

struct identity {
	const struct pointset *set;
	struct device *device;
	unsigned n; /* of equals, starts, one_of */
	bool by_point, by_id;
};

static void set_identity_point(struct load *l, const struct hit *h, void *object)
{
	struct identity *x = object;
	x->by_point = true;
	const int i = pointset_index(l, x->set, "identify", h->value);
	if (i >= 0 && x->set->point[i].source == SOURCE_DEVICE_ID)
		diag_error(l->d, h->value->where,
		           "identify: \"%s\" is an object of the device's identification; write "
		           "device_id: {object: text} instead of point",
		           x->set->point[i].name);
	else
		x->device->identify_point = i;
}

static void set_words(struct load *l, const struct hit *h, void *object)
{
	struct identity *x = object;
	const struct node *v = h->value;
	const struct node *const *item = v->kind == NODE_LIST ? v->item : &v;
	const uint32_t n = v->kind == NODE_LIST ? v->n : 1;
	const char **words = arena_array(l->arena, n, sizeof *words);
	x->n++;
	x->device->identify_kind = (uint8_t)h->key->min;
	for (uint32_t i = 0; i < n; i++) {
		const char *text = scalar_text(l->d, h->key->name, item[i]);
		words[i] = arena_strdup(l->arena, text ? text : "");
	}
	x->device->identify_word = words;
	x->device->nidentify = n;
	x->device->identify_text = n ? words[0] : NULL;
}

int device_id_object(struct load *l, const struct node *n)
{
	int64_t v;
	const char *text = scalar_text(l->d, "device_id", n);
	const int named = text ? devid_object(text) : -1;
	if (!text || named >= 0)
		return named;
	if (text[0] < '0' || text[0] > '9') {
		char echo[TEXT_ECHO_SIZE];
		diag_error(l->d, n->where, "device_id: %s is not one of " DEVICE_ID_OBJECTS,
		           text_echo(text, echo));
		return -1;
	}
	return scalar_int(l->d, "device_id", n, 0, 255, &v) ? (int)v : -1;
}

static void add_object(struct load *l, const struct pair *pair, struct device *d,
                       struct device_id_rule *rule)
{
	const int object = device_id_object(l, pair->key);
	const char *text = scalar_text(l->d, "device_id", pair->value);
	if (object < 0 || !text)
		return;
	if (!*text || strlen(text) > DEVICE_ID_TEXT_MAX) {
		diag_error(l->d, pair->value->where, "device_id: expects 1 to %d characters",
		           DEVICE_ID_TEXT_MAX);
		return;
	}
	for (size_t i = 0; i < d->ndevice_id; i++)
		if (rule[i].object == object) {
			diag_error(l->d, pair->key->where, "device_id: object %d is given twice",
			           object);
			return;
		}
	rule[d->ndevice_id++] = (struct device_id_rule){.object = (uint8_t)object,
	                                                .pattern = arena_strdup(l->arena, text)};
}

static void set_device_id(struct load *l, const struct hit *h, void *object)
{
	struct identity *x = object;
	struct device *d = x->device;
	const struct node *v = h->value;
	x->by_id = true;
	if (v->kind != NODE_MAP || v->n == 0 || v->n > DEVICE_ID_RULES) {
		diag_error(l->d, v->where, "device_id: expects %s, 1 to %d of them", h->key->form,
		           DEVICE_ID_RULES);
		return;
	}
	struct device_id_rule *rule = arena_array(l->arena, v->n, sizeof *rule);
	for (uint32_t i = 0; i < v->n; i++)
		add_object(l, &v->pair[i], d, rule);
	d->device_id = rule;
}

static const struct key identify_keys[] = {
	{"point", .type = KEY_OTHER, .set = set_identity_point, .form = "point",
         .doc = "Point whose text is compared."},
	{"equals", .type = KEY_OTHER, .set = set_words, .min = IDENTIFY_EQUALS, .form = "text",
         .doc = "The text must be this."},
	{"starts", .type = KEY_OTHER, .set = set_words, .min = IDENTIFY_STARTS,
         .form = "text, or list of texts",
         .doc = "The text must start with this, or one of these."},
	{"one_of", .type = KEY_OTHER, .set = set_words, .min = IDENTIFY_ONE_OF,
         .form = "list of texts", .doc = "The text must be one of these."},
	{"device_id", .type = KEY_OTHER, .set = set_device_id,
         .form = "{vendor: text, product: text, revision: text, 0 to 255: text}",
         .doc = "Instead of a point: texts that the device must return to Read Device "
                "Identification (function 43/14), by object, as device_id of a point names it; * "
                "in a text is any characters."},
};

const struct keyset keyset_identify = {
	.name = "profile.identify",
	.key = identify_keys,
	.n = COUNT(identify_keys),
};

void identify_read(struct load *l, const struct layers *layers, struct device *d)
{
	static const char *const words[] = {"check", "ignore", NULL};
	const struct node *v = NULL;
	for (unsigned i = 0; i < layers->own && !v; i++)
		v = node_get(layers->device[i], "identify");
	d->identify_ignore = v && scalar_choice(l->d, "identify", v, words) == 1;
	const struct node *rule = layers->profile ? layers->profile->identify : NULL;
	if (!rule)
		return;
	struct identity x = {.set = d->set, .device = d};
	keys_read(l, &keyset_identify, rule, rule->where, &x);
	if (x.by_id && (x.by_point || x.n))
		diag_error(l->d, rule->where, "identify: expects either device_id or a point");
	else if (!x.by_id && !x.by_point)
		diag_error(l->d, rule->where, "profile.identify: key \"point\" is missing");
	if (!x.by_id && x.n != 1)
		diag_error(l->d, rule->where, "identify: expects one of equals, starts and one_of");
}
