// SPDX-License-Identifier: MIT
/* The key tables as a JSON schema, for editors that complete and check while one types. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/load.h"
#include "config/pointset.h"
#include "core/base/json.h"

/* Which table a key's value follows. `map`: a map by names, each of them so. */
static const struct link {
	const struct keyset *set;
	const char *key;
	const struct keyset *value;
	bool map;
} links[] = {
	{&keyset_root, "mqtt", &keyset_mqtt, false},
	{&keyset_root, "buses", &keyset_bus, true},
	{&keyset_root, "devices", &keyset_device, true},
	{&keyset_root, "defaults", &keyset_defaults, false},
	{&keyset_root, "thingsboard", &keyset_thingsboard, false},
	{&keyset_thingsboard, "tls", &keyset_thingsboard_tls, false},
	{&keyset_mqtt, "tls", &keyset_tls, false},
	{&keyset_mqtt, "qos", &keyset_qos, false},
	{&keyset_defaults, "rates", &keyset_rates, false},
	{&keyset_device, "rates", &keyset_rates, false},
	{&keyset_device, "points", &keyset_point, true},
	{&keyset_device, "unlock", &keyset_unlock, false},
	{&keyset_profile, "points", &keyset_point, true},
	{&keyset_profile, "line", &keyset_line, false},
	{&keyset_profile, "identify", &keyset_identify, false},
	{&keyset_profile, "device", &keyset_device, false},
	{&keyset_profile, "parameters", &keyset_parameter, true},
	{&keyset_profile, "groups", &keyset_group, true},
	{&keyset_profile, "sunspec", &keyset_sunspec, false},
	{&keyset_sunspec, "models", &keyset_sunspec_model, true},
};

static const struct link *link_of(const struct keyset *set, const char *key)
{
	for (size_t i = 0; i < COUNT(links); i++)
		if (links[i].set == set && strcmp(links[i].key, key) == 0)
			return &links[i];
	return NULL;
}

/* "top level" holds a blank, which a reference must not. */
static const char *name_of(const struct keyset *set)
{
	return set == &keyset_root ? "devices.yaml" : set->name;
}

static void reference(struct json *j, const struct keyset *set)
{
	char path[80];

	snprintf(path, sizeof path, "#/definitions/%s", name_of(set));
	jw_string(j, "$ref", path);
}

static void types_put(struct json *j, const char *const *type)
{
	jw_open(j, "type", '[');
	for (size_t i = 0; type[i]; i++)
		jw_string(j, NULL, type[i]);
	jw_close(j, ']');
}

static void link_put(struct json *j, const struct link *link)
{
	static const char *const map[] = {"object", "null", NULL};

	if (!link->map) {
		/* "allOf": beside a $ref nothing else would count in draft 7 */
		jw_open(j, "allOf", '[');
		jw_open(j, NULL, '{');
		reference(j, link->value);
		jw_close(j, '}');
		jw_close(j, ']');
		return;
	}
	types_put(j, map);
	jw_open(j, "additionalProperties", '{');
	reference(j, link->value);
	jw_close(j, '}');
}

static void words_put(struct json *j, const char *const *word)
{
	for (size_t i = 0; word[i]; i++) {
		jw_string(j, NULL, word[i]);
		if (jw_is_number(word[i])) /* YAML may give it as a number */
			jw_int(j, NULL, strtoll(word[i], NULL, 10));
	}
}

/* YAML 1.1 and 1.2 differ in what on, off, yes and no are; as text they are right in both. */
static void bool_put(struct json *j)
{
	static const char *const word[] = {"on", "off", "yes", "no", NULL};

	jw_open(j, "enum", '[');
	jw_bool(j, NULL, true);
	jw_bool(j, NULL, false);
	words_put(j, word);
	jw_close(j, ']');
}

/* `off` may come as false, see bool_put. */
static void choice_put(struct json *j, const char *const *choice)
{
	jw_open(j, "enum", '[');
	words_put(j, choice);
	for (size_t i = 0; choice[i]; i++)
		if (strcmp(choice[i], "off") == 0)
			jw_bool(j, NULL, false);
	jw_close(j, ']');
}

static void value_put(struct json *j, const struct key *k)
{
	static const char *const scalar[] = {"string", "number", "boolean", NULL};
	static const char *const whole[] = {"integer", "string", NULL}; /* 0x10 stays text */
	static const char *const number[] = {"number", "string", NULL};

	switch (k->type) {
	case KEY_BOOL:
		bool_put(j);
		break;
	case KEY_INT:
		types_put(j, k->flags & (KEY_OFF | KEY_AUTO) ? scalar : whole);
		jw_int(j, "minimum", k->min);
		jw_int(j, "maximum", k->max);
		break;
	case KEY_REAL:
	case KEY_DECIMAL:
		types_put(j, number);
		break;
	case KEY_DURATION:
	case KEY_SIZE:
	case KEY_TEXT:
		types_put(j, scalar);
		break;
	case KEY_CHOICE:
		choice_put(j, k->choice);
		break;
	default: /* KEY_OTHER: its form in words is in the description */
		break;
	}
}

static void key_put(struct json *j, const struct keyset *set, const struct key *k)
{
	const struct link *link = link_of(set, k->name);
	char form[256], text[768];

	jw_open(j, k->name, '{');
	key_form(k, form, sizeof form);
	snprintf(text, sizeof text, "%s (%s)%s%s", k->doc ? k->doc : "", form,
	         k->preset ? " Default: " : "", k->preset ? k->preset : "");
	jw_string(j, "description", text);
	if (link)
		link_put(j, link);
	else
		value_put(j, k);
	jw_close(j, '}');
}

static bool has_key(const struct keyset *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->key[i].name, name) == 0)
			return true;
	return false;
}

/* An empty map may be left out (null); a point may also be a list of places. */
static void definition_put(struct json *j, const struct keyset *set)
{
	static const char *const map[] = {"object", "null", NULL};
	static const char *const point[] = {"object", "null", "array", NULL};

	jw_open(j, name_of(set), '{');
	types_put(j, set == &keyset_point ? point : map);
	jw_bool(j, "additionalProperties", false);
	jw_open(j, "properties", '{');
	for (size_t i = 0; i < set->n; i++)
		key_put(j, set, &set->key[i]);
	for (size_t a = 0; a < COUNT(set->also) && set->also[a]; a++)
		for (size_t i = 0; i < set->also[a]->n; i++) {
			const struct key *k = &set->also[a]->key[i];
			if ((k->flags & set->also_flags[a]) && !has_key(set, k->name))
				key_put(j, set->also[a], k);
		}
	jw_close(j, '}');
	jw_close(j, '}');
}

char *config_schema(bool profile)
{
	const struct keyset *top = profile ? &keyset_profile : &keyset_root;
	struct json j = {0};

	jw_open(&j, NULL, '{');
	jw_string(&j, "$schema", "http://json-schema.org/draft-07/schema#");
	jw_string(&j, "title",
	          profile ? "A device profile of xnet-gateway" : "devices.yaml of xnet-gateway");
	jw_open(&j, "allOf", '[');
	jw_open(&j, NULL, '{');
	reference(&j, top);
	jw_close(&j, '}');
	jw_close(&j, ']');
	jw_open(&j, "definitions", '{');
	for (size_t i = 0; keysets[i]; i++)
		definition_put(&j, keysets[i]);
	jw_close(&j, '}');
	jw_close(&j, '}');
	return j.text;
}
