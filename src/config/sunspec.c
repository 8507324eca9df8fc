// SPDX-License-Identifier: MIT
/* The models of a SunSpec profile, and addresses within a model. */
#include <inttypes.h>
#include <string.h>

#include "config/load.h"
#include "config/scalar.h"

#define BASES_MAX 8
#define IDS_MAX 16
#define NTH_MAX 16

/* -- one model -- */

static void set_ids(struct load *l, const struct hit *h, void *object)
{
	struct sunspec_part *p = object;
	const struct node *v = h->value;
	const struct node *const *item = v->kind == NODE_LIST ? v->item : &v;
	const uint32_t n = v->kind == NODE_LIST ? v->n : 1;
	if (n == 0 || n > IDS_MAX) {
		diag_error(l->d, v->where, "id: expects 1 to %d model ids", IDS_MAX);
		return;
	}
	uint16_t *id = arena_array(l->arena, n, sizeof *id);
	for (uint32_t i = 0; i < n; i++) {
		int64_t one = 0;
		scalar_int(l->d, "id", item[i], 1, SUNSPEC_END - 1, &one);
		id[i] = (uint16_t)one;
	}
	p->id = id;
	p->nid = (uint16_t)n;
}

static const struct key model_keys[] = {
	{"id", .type = KEY_OTHER, .flags = KEY_REQUIRED, .set = set_ids,
         .form = "1 to 65534, or list of them",
         .doc = "Id of the model, or a list of alternatives."},
	{"length", KEY_INT, KEY_REQUIRED, KEY_AT(struct sunspec_part, length), .min = 1,
         .max = UINT16_MAX,
         .doc = "Number of registers after id and length; used without a device, in tests and "
                "simulations."},
	{"nth", KEY_INT, KEY_AT(struct sunspec_part, nth), .min = 1, .max = NTH_MAX, .preset = "1",
         .doc = "Which occurrence, if the chain has several with this id."},
};

const struct keyset keyset_sunspec_model = {
	.name = "profile.sunspec.models", .key = model_keys, .n = COUNT(model_keys)};

/* -- the chain -- */

static void set_bases(struct load *l, const struct hit *h, void *object)
{
	struct sunspec *s = object;
	const struct node *v = h->value;
	const struct node *const *item = v->kind == NODE_LIST ? v->item : &v;
	const uint32_t n = v->kind == NODE_LIST ? v->n : 1;
	if (n == 0 || n > BASES_MAX) {
		diag_error(l->d, v->where, "base: expects 1 to %d addresses", BASES_MAX);
		return;
	}
	uint16_t *base = arena_array(l->arena, n, sizeof *base);
	for (uint32_t i = 0; i < n; i++) {
		int64_t one = 0;
		scalar_int(l->d, "base", item[i], 0, UINT16_MAX - 3, &one);
		base[i] = (uint16_t)one;
	}
	s->base = base;
	s->nbase = (uint16_t)n;
}

/* A letter, then letters, digits and _: it must not be taken for a number. */
static bool name_good(const char *s)
{
	return *s && !strchr("0123456789_", *s) &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
	               strlen(s);
}

static void set_models(struct load *l, const struct hit *h, void *object)
{
	struct sunspec *s = object;
	const struct node *v = h->value;
	if (v->kind != NODE_MAP || v->n == 0 || v->n > SUNSPEC_MODELS_MAX) {
		diag_error(l->d, v->where,
		           "models: expects 1 to %d names and what they are, like "
		           "{common: {id: 1, length: 66}}",
		           SUNSPEC_MODELS_MAX);
		return;
	}
	s->part = arena_array(l->arena, v->n, sizeof *s->part);
	for (uint32_t i = 0; i < v->n; i++) {
		const struct pair *pair = &v->pair[i];
		struct sunspec_part *p = &s->part[s->npart++];
		*p = (struct sunspec_part){.name = arena_strdup(l->arena, pair->key->text),
		                           .nth = 1};
		char echo[TEXT_ECHO_SIZE];
		if (!name_good(pair->key->text))
			diag_error(l->d, pair->key->where,
			           "models: %s is not a name: a letter, then letters, digits "
			           "and _",
			           text_echo(pair->key->text, echo));
		keys_read(l, &keyset_sunspec_model, pair->value, pair->key->where, p);
	}
}

static const uint16_t usual_bases[] = {40000, 50000, 0};

static const struct key sunspec_keys[] = {
	{"base", .type = KEY_OTHER, .set = set_bases, .form = "PDU address, or list of them",
         .preset = "[40000, 50000, 0]", .doc = "Addresses where the marker \"SunS\" may be."},
	{"models", .type = KEY_OTHER, .flags = KEY_REQUIRED, .set = set_models,
         .form = "{name: {id: 103, length: 50}}",
         .doc = "The models that points refer to, as in holding: name+14."},
};

const struct keyset keyset_sunspec = {
	.name = "profile.sunspec", .key = sunspec_keys, .n = COUNT(sunspec_keys)};

void sunspec_load(struct load *l, struct profile *p, const struct node *n)
{
	struct sunspec *s = arena_alloc(l->arena, sizeof *s);
	const size_t errors = l->d->errors;
	struct sunspec_chain chain;
	s->base = usual_bases;
	s->nbase = COUNT(usual_bases);
	keys_read(l, &keyset_sunspec, n, n->where, s);
	p->sunspec = s;
	p->sunspec_broken = true;
	if (l->d->errors > errors)
		return;
	p->sunspec_broken = !sunspec_layout(s, &chain);
	if (p->sunspec_broken)
		diag_error(l->d, n->where,
		           "sunspec: the models do not fit between %u and address 65535",
		           s->base[0]);
}

/* -- addresses -- */

bool sunspec_named(const struct profile *p, const struct node *n)
{
	return p && p->sunspec && n->kind == NODE_SCALAR && *n->text &&
	       name_good((char[]){*n->text, '\0'});
}

static const struct sunspec_part *part_find(struct load *l, const struct sunspec *s,
                                            const struct node *n, size_t len)
{
	char hint[96];
	const char *names[SUNSPEC_MODELS_MAX];
	for (uint16_t i = 0; i < s->npart; i++) {
		names[i] = s->part[i].name;
		if (strncmp(names[i], n->text, len) == 0 && !names[i][len])
			return &s->part[i];
	}
	const char *name = arena_strndup(l->scratch, n->text, len);
	diag_error(l->d, n->where, "the profile has no SunSpec model \"%s\"%s", name,
	           scalar_hint(name, names, s->npart, hint, sizeof hint));
	return NULL;
}

bool sunspec_offset(struct load *l, const struct profile *p, const struct node *n, int64_t shift,
                    uint16_t *part, uint16_t *offset)
{
	const struct sunspec *s = p->sunspec;
	const size_t len = strcspn(n->text, "+ ");
	const char *rest = n->text + len + strspn(n->text + len, " ");
	int64_t v = 0;
	const struct sunspec_part *of = part_find(l, s, n, len);
	if (!of || !of->nid || !of->length)
		return false; /* unknown, or with a mistake of its own: reported */
	if (*rest && (*rest++ != '+' || !number_parse(rest + strspn(rest, " "), &v) || v < 0)) {
		diag_error(l->d, n->where, "\"%s\" is not a place in a model, like %s+14", n->text,
		           of->name);
		return false;
	}
	v += shift;
	if (v < 0 || v >= (int64_t)of->length + SUNSPEC_HEAD) {
		diag_error(l->d, n->where, "the model %s has the registers 0 to %u, not %" PRId64,
		           of->name, of->length + SUNSPEC_HEAD - 1U, v);
		return false;
	}
	*part = (uint16_t)(of - s->part + 1);
	*offset = (uint16_t)v;
	return true;
}

/* -- the set's own -- */

struct sunspec *sunspec_make(struct load *l, const struct profile *p, struct point *point,
                             uint32_t n)
{
	if (!p || !p->sunspec)
		return NULL;
	struct sunspec *s = arena_alloc(l->arena, sizeof *s);
	*s = *p->sunspec;
	s->part = arena_array(l->arena, s->npart, sizeof *s->part);
	if (s->npart)
		memcpy(s->part, p->sunspec->part, s->npart * sizeof *s->part);
	s->point = point;
	s->npoint = n;
	return s;
}
