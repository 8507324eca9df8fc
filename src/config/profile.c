// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/load.h"
#include "config/pointset.h"
#include "config/scalar.h"

/* -- the head -- */

static void set_node(struct load *l, const struct hit *h, void *object)
{
	const struct node *v = h->value;
	if (!node_is_null(v) && v->kind != h->key->min)
		diag_error(l->d, v->where, "%s: expects %s%s", h->key->name,
		           *h->key->form == '{' ? "" : "a ", h->key->form);
	else if (!node_is_null(v))
		*(const struct node **)(void *)((char *)object + h->key->offset) = v;
}

/* One text or a list of them, joined: models by ", ", sources one a line. */
static void set_texts(struct load *l, const struct hit *h, void *object)
{
	const char **out = (const char **)(void *)((char *)object + h->key->offset);
	const char *between = strcmp(h->key->name, "sources") == 0 ? "\n" : ", ";
	const struct node *v = h->value;
	if (v->kind != NODE_LIST) {
		const char *text = scalar_text(l->d, h->key->name, v);
		*out = text ? load_text(l, text) : NULL;
		return;
	}
	char *all = NULL;
	for (uint32_t i = 0; i < v->n; i++) {
		const char *text = scalar_text(l->d, h->key->name, v->item[i]);
		if (text)
			all = all ? arena_printf(l->scratch, "%s%s%s", all, between, text)
			          : arena_strdup(l->scratch, text);
	}
	*out = arena_strdup(l->arena, all);
}

static void set_line_baud(struct load *l, const struct hit *h, void *object)
{
	baud_check(l, "baud", h->value, &((struct profile *)object)->baud);
}

static void set_line_format(struct load *l, const struct hit *h, void *object)
{
	if (format_check(l, "format", h->value))
		((struct profile *)object)->format = arena_strdup(l->scratch, h->value->text);
}

static const struct key line_keys[] = {
	{"baud", .type = KEY_OTHER, .set = set_line_baud, .form = "number",
         .doc = "Factory baud rate."},
	{"format", .type = KEY_OTHER, .set = set_line_format, .form = "like 8N1",
         .doc = "Factory format."},
};

const struct keyset keyset_line = {.name = "profile.line", .key = line_keys, .n = COUNT(line_keys)};

static void set_line(struct load *l, const struct hit *h, void *object)
{
	((struct profile *)object)->line_where = h->name->where;
	keys_read(l, &keyset_line, h->value, h->value->where, object);
}

static void set_address_base(struct load *l, const struct hit *h, void *object)
{
	struct profile *p = object;
	if (!has_addresses(p->root) && !node_get(p->root, "windows") &&
	    !node_get(p->root, "tests") && !node_get(p->root, "device"))
		diag_error(l->d, h->value->where, "address_base: there are no addresses here");
	else
		scalar_base(l->d, h->value, &p->address_base);
}

static void set_extends(struct load *l, const struct hit *h, void *object)
{
	struct profile *p = object;
	p->extends = scalar_text(l->d, "extends", h->value);
	p->extends_where = h->value->where;
}

static void set_sunspec(struct load *l, const struct hit *h, void *object)
{
	sunspec_load(l, object, h->value);
}

static const char *const status_words[] = {"unknown",    "tested",       "captured",
                                           "documented", "experimental", NULL};

#define PROFILE(field) KEY_AT(struct profile, field)
#define NODE(field, what, text)                                                                    \
	PROFILE(field), .type = KEY_OTHER, .set = set_node, .min = (what), .form = (text)

static const struct key profile_keys[] = {
	{"title", KEY_TEXT, PROFILE(title), .doc = "Short name of the device."},
	{"vendor", KEY_TEXT, PROFILE(vendor), .doc = "Manufacturer."},
	{"models", KEY_OTHER, PROFILE(models), .set = set_texts, .form = "text, or list of texts",
         .doc = "Models the profile covers."},
	{"sources", KEY_OTHER, PROFILE(sources), .set = set_texts, .form = "text, or list of texts",
         .doc = "Documents the profile is based on."},
	{"status", KEY_CHOICE, PROFILE(status), .choice = status_words, .preset = "unknown",
         .doc = "tested: on the device; captured: real register words are in the tests; "
                "documented: two sources agree; or experimental."},
	{"line", .type = KEY_OTHER, .set = set_line, .form = "{baud: 9600, format: 8N1}",
         .doc = "Factory line settings; used where the bus sets none."},
	{"identify", NODE(identify, NODE_MAP, "{point: Model, equals: text}"),
         .doc = "Point, or function 43/14 (device_id), that identifies the device; checked each "
                "time it "
                "comes online."},
	{"parameters", NODE(parameters, NODE_MAP, "map of parameters"),
         .doc = "Parameters that a device may set, for use in `if`."},
	{"extends", .type = KEY_OTHER, .set = set_extends, .form = "profile",
         .doc = "Profile that this one extends or changes."},
	{"omit", NODE(omit, NODE_LIST, "list of points"),
         .doc = "Points of the extended profile to leave out; wildcards are allowed."},
	{"device", NODE(device, NODE_MAP, "map of a device's keys"),
         .doc = "Settings the device needs; may also be given at the top level."},
	{"address_base", .type = KEY_OTHER, .set = set_address_base, .form = "0, 1 or modicon",
         .preset = "0",
         .doc = "Number of the first register as this file counts addresses; modicon: they are "
                "like 40001 or 4x0001."},
	{"repeat", NODE(repeat, NODE_MAP, "{n: 1..8, stride: 1}"),
         .doc = "Default repeat for points with {n}."},
	{"sunspec", .type = KEY_OTHER, .set = set_sunspec,
         .form = "{base: [40000, 50000, 0], models: {...}}",
         .doc = "SunSpec device: its models are discovered each time it comes online."},
	{"groups", NODE(groups, NODE_MAP, "map of groups"),
         .doc = "How the points of each `group` are written."},
	{"points", NODE(points, NODE_MAP, "map of points"), .doc = "The points, by name."},
	{"tests", NODE(tests, NODE_LIST, "list of tests"),
         .doc = "Raw register words and the values they must give."},
};

const struct keyset keyset_profile = {
	.name = "profile",
	.key = profile_keys,
	.n = COUNT(profile_keys),
	.also = {&keyset_device, &keyset_point},
	.also_flags = {KEY_FORCE | KEY_PROFILE, KEY_INHERIT},
};

/* -- finding and reading ------------------------------------------------------------------------
 */

/* Keys of a device in the profile: known ones only. Their values are read with each device. */
static const struct keyset keyset_profile_device = {
	.name = "profile.device",
	.key = NULL,
	.n = 0,
	.also = {&keyset_device, &keyset_point},
	.also_flags = {KEY_FORCE | KEY_PROFILE, KEY_INHERIT},
};

static unsigned profile_depth(const struct profile *p)
{
	unsigned n = 0;
	for (; p; p = p->base)
		n++;
	return n;
}

static void profile_extend(struct load *l, struct profile *p)
{
	if (p->repeat && !p->points)
		diag_error(l->d, p->repeat->where, "repeat: the profile has no points of its own");
	if (p->omit && !p->extends)
		diag_error(l->d, p->omit->where, "omit: the profile extends none");
	if (!p->extends)
		return;
	p->base = profile_find(l, p->extends, p->extends_where);
	if (!p->base)
		return;
	if (profile_depth(p) > EXTENDS_MAX) {
		diag_error(l->d, p->extends_where, "extends: more than %d profiles in a row",
		           EXTENDS_MAX);
		p->base = NULL;
		return;
	}
	const struct profile *b = p->base;
	p->title = p->title ? p->title : b->title;
	p->vendor = p->vendor ? p->vendor : b->vendor;
	p->models = p->models ? p->models : b->models;
	p->sources = p->sources ? p->sources : b->sources;
	p->status = p->status ? p->status : b->status;
	p->baud = p->baud ? p->baud : b->baud;
	p->format = p->format ? p->format : b->format;
	p->identify = p->identify ? p->identify : b->identify;
	if (p->sunspec)
		return;
	p->sunspec = b->sunspec;
	p->sunspec_broken = b->sunspec_broken;
}

const struct profile *profile_read(struct load *l, const char *path, const char *name)
{
	struct profile *p = arena_alloc(l->scratch, sizeof *p);
	struct hits none;
	p->name = arena_strdup(l->arena, name);
	p->next = l->profile;
	l->profile = p;
	p->loading = true;
	p->root = source_read(l, path, (struct where){NULL, 0, 0});
	if (p->root) {
		p->where = p->root->where;
		keys_read(l, &keyset_profile, p->root, p->where, p);
		memset(&none, 0, sizeof none);
		keys_collect(l, &keyset_profile_device, p->device, 0, 0, &none);
		profile_extend(l, p);
	}
	p->loading = false;
	return p;
}

/* The name without .yaml, or the only one that has the word in it, as in "sdm120". */
static const char *profile_part(struct load *l, const char *name, const char *const *names,
                                size_t n)
{
	const size_t len = strlen(name);
	const char *found = NULL;
	if (len > 5 && strcmp(name + len - 5, ".yaml") == 0)
		name = arena_strndup(l->scratch, name, len - 5);
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(names[i], name) == 0)
			return names[i];
		if (*name && strcasestr(names[i], name)) {
			if (found)
				return NULL;
			found = names[i];
		}
	}
	return found;
}

/* Names of all profiles in the search path would need the directories read: only for the hint. */
static void profile_unknown(struct load *l, const char *name, struct where where)
{
	char hint[96];
	size_t n = 0;
	const char **names = l->d->n > HINTED_MAX ? NULL : source_profiles(l, &n);
	const char *part = profile_part(l, name, names, n);
	diag_error(l->d, where, "profile: there is no profile \"%s\"%s", name,
	           scalar_hint(part ? part : name, names, n, hint, sizeof hint));
}

const struct profile *profile_find(struct load *l, const char *name, struct where where)
{
	for (const struct profile *p = l->profile; p; p = p->next) {
		if (strcmp(p->name, name) != 0)
			continue;
		if (!p->loading)
			return p->root ? p : NULL;
		diag_error(l->d, where, "extends: \"%s\" extends itself", name);
		return NULL;
	}
	for (size_t i = 0;
	     i < COUNT(l->paths->profiles) && l->paths->profiles[i] && !strchr(name, '/'); i++) {
		const char *path =
			arena_printf(l->scratch, "%s/%s.yaml", l->paths->profiles[i], name);
		if (!source_exists(l, path))
			continue;
		const struct profile *p = profile_read(l, path, name);
		return p->root ? p : NULL;
	}
	profile_unknown(l, name, where);
	return NULL;
}

/* -- parameters ---------------------------------------------------------------------------------
 */

static void set_preset(struct load *l, const struct hit *h, void *object)
{
	((struct parameter *)object)->value = scalar_text(l->d, "default", h->value);
}

static void set_choices(struct load *l, const struct hit *h, void *object)
{
	struct parameter *p = object;
	if (h->value->kind != NODE_LIST || h->value->n == 0) {
		diag_error(l->d, h->value->where, "%s: expects a list of words", h->key->name);
		return;
	}
	for (uint32_t i = 0; i < h->value->n; i++)
		scalar_text(l->d, h->key->name, h->value->item[i]);
	p->choices = h->value;
}

static void set_choices_old(struct load *l, const struct hit *h, void *object)
{
	diag_warn(l->d, h->name->where, "choices: is now called one_of; rename this key");
	set_choices(l, h, object);
}

static const struct key parameter_keys[] = {
	{"default", .type = KEY_OTHER, .flags = KEY_REQUIRED, .set = set_preset, .form = "text",
         .doc = "Value if a device sets none."},
	{"one_of", .type = KEY_OTHER, .set = set_choices, .form = "list of texts",
         .preset = "any text", .doc = "The values a device may choose from."},
	{"choices", .type = KEY_OTHER, .flags = KEY_HIDDEN, .set = set_choices_old,
         .form = "list of texts", .doc = "The old name of one_of."},
	{"stride", KEY_INT, KEY_AT(struct parameter, stride), .min = -65535, .max = 65535,
         .preset = "0",
         .doc = "Added to all addresses in the profile for each next value of one_of."},
	{"description", KEY_TEXT, KEY_AT(struct parameter, description),
         .doc = "Description for people."},
};

const struct keyset keyset_parameter = {
	.name = "profile.parameters",
	.key = parameter_keys,
	.n = COUNT(parameter_keys),
};

/* Where in the list, from 0; -1: nowhere. */
static int64_t choice_index(const struct node *choices, const char *text)
{
	for (uint32_t i = 0; i < choices->n; i++)
		if (choices->item[i]->kind == NODE_SCALAR &&
		    strcmp(choices->item[i]->text, text) == 0)
			return i;
	return -1;
}

bool choice_known(const struct node *choices, const char *text)
{
	return choice_index(choices, text) >= 0;
}

static void parameter_check(struct load *l, const struct parameter *p, const struct node *n)
{
	char list[256] = "";
	size_t len = 0;
	if (!p->choices || !p->value || choice_known(p->choices, p->value))
		return;
	for (uint32_t i = 0; i < p->choices->n && len < sizeof list; i++)
		len += (size_t)snprintf(
			list + len, sizeof list - len, "%s%s", i ? ", " : "",
			p->choices->item[i]->kind == NODE_SCALAR ? p->choices->item[i]->text : "?");
	diag_error(l->d, n->where, "%s: \"%s\" is not one of %s", p->name, p->value, list);
}

static void stride_check(struct load *l, const struct parameter *p, const struct node *n)
{
	if (p->stride && !p->choices)
		diag_error(l->d, node_find(n, "stride")->key->where,
		           "stride: needs one_of, the values in the order of their registers");
}

int64_t parameters_block(const struct parameter *parameter, size_t n)
{
	int64_t block = 0;
	for (size_t i = 0; i < n; i++) {
		const struct parameter *p = &parameter[i];
		const int64_t at = p->choices ? choice_index(p->choices, p->value) : 0;
		block += at > 0 ? at * p->stride : 0; /* -1: reported */
	}
	return block;
}

/* What the device sets must be known to its profile. */
static void parameters_own(struct load *l, const struct node *own, struct parameter *parameter,
                           size_t n)
{
	char hint[96], echo[TEXT_ECHO_SIZE];
	const char **names = arena_array(l->scratch, n, sizeof *names);
	if (own->kind != NODE_MAP) {
		diag_error(l->d, own->where, "parameters: expects names and values");
		return;
	}
	for (size_t i = 0; i < n; i++)
		names[i] = parameter[i].name;
	for (uint32_t k = 0; k < own->n; k++) {
		const struct pair *pair = &own->pair[k];
		size_t i = 0;
		while (i < n && strcmp(names[i], pair->key->text) != 0)
			i++;
		if (i == n) {
			diag_error(l->d, pair->key->where,
			           "parameters: the profile has no parameter %s%s",
			           text_echo(pair->key->text, echo),
			           scalar_hint(pair->key->text, names, n, hint, sizeof hint));
			continue;
		}
		const char *value = scalar_text(l->d, pair->key->text, pair->value);
		parameter[i].value = value ? value : parameter[i].value;
		parameter_check(l, &parameter[i], pair->value);
	}
}

size_t profile_parameters(struct load *l, const struct profile *p, const struct node *const *own,
                          unsigned nown, const struct parameter **out)
{
	size_t n = 0, room = 0;
	for (const struct profile *q = p; q; q = q->base)
		room += q->parameters && q->parameters->kind == NODE_MAP ? q->parameters->n : 0;
	struct parameter *parameter = arena_array(l->scratch, room, sizeof *parameter);
	for (const struct profile *q = p; q; q = q->base) {
		for (uint32_t i = 0;
		     q->parameters && q->parameters->kind == NODE_MAP && i < q->parameters->n;
		     i++) {
			const struct pair *pair = &q->parameters->pair[i];
			size_t known = 0;
			while (known < n && strcmp(parameter[known].name, pair->key->text) != 0)
				known++;
			if (known < n)
				continue; /* the more specific profile's counts */
			parameter[n] = (struct parameter){.name = pair->key->text};
			keys_read(l, &keyset_parameter, pair->value, pair->key->where,
			          &parameter[n]);
			parameter_check(l, &parameter[n], pair->value);
			stride_check(l, &parameter[n], pair->value);
			if (!parameter[n].value)
				parameter[n].value = "";
			n++;
		}
	}
	for (unsigned i = nown; i-- > 0;) {
		const struct node *node = node_get(own[i], "parameters");
		if (node)
			parameters_own(l, node, parameter, n);
	}
	*out = parameter;
	return n;
}
