// SPDX-License-Identifier: MIT
#include "mqtt/json_parse.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/json.h"

static json_t *load(const char *text, size_t len, char *error, size_t size)
{
	json_error_t e;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (root)
		return root;
	if (json_error_code(&e) == json_error_numeric_overflow)
		snprintf(error, size,
		         "a number is too large; send it as text, in quotes (column %d)", e.column);
	else
		snprintf(error, size, "not JSON: %s (column %d)", e.text, e.column);
	return NULL;
}

static struct json_member *add(struct json_members *m, const char *name)
{
	m->member = mem_grow(m->member, m->n + 1, sizeof *m->member);
	struct json_member *one = &m->member[m->n++];
	*one = (struct json_member){.name = mem_strdup(name)};
	return one;
}

void json_members_free(struct json_members *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->member[i].name);
		free(m->member[i].text);
	}
	free(m->member);
	*m = (struct json_members){0};
}

/* As the sender wrote it, as nearly as is known: the fewest digits that read back equal. */
static char *real_text(double r)
{
	char text[48];
	const bool plain = r == 0 || (fabs(r) >= 1e-5 && fabs(r) < 1e15);
	for (int digits = plain ? 0 : 1; digits <= 20; digits++) {
		snprintf(text, sizeof text, plain ? "%.*f" : "%.*g", digits, r);
		if (strtod(text, NULL) == r)
			break;
	}
	return mem_strdup(text);
}

/* A list whose numbers are as their sender wrote them, too. */
static char *list_text(const json_t *list)
{
	struct json j = {0};
	size_t i;
	json_t *value;
	jw_open(&j, NULL, '[');
	json_array_foreach(list, i, value)
	{
		char *text = json_is_real(value)
		                     ? real_text(json_real_value(value))
		                     : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		jw_raw(&j, NULL, text ? text : "null");
		free(text);
	}
	jw_close(&j, ']');
	return j.text;
}

static void value_text(const json_t *value, struct json_member *m)
{
	char text[32];
	switch (json_typeof(value)) {
	case JSON_STRING:
		m->text = mem_strdup(json_string_value(value));
		break;
	case JSON_INTEGER:
		snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		m->text = mem_strdup(text);
		break;
	case JSON_REAL:
		m->text = real_text(json_real_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		m->text = mem_strdup(json_is_true(value) ? "true" : "false");
		break;
	case JSON_NULL:
		m->text = mem_strdup("null");
		m->fault = "null is not a value";
		break;
	default:
		m->text = json_is_array(value) ? list_text(value) : mem_strdup("");
		m->list = json_is_array(value);
		m->fault = "must be a number, a text, true or false";
	}
}

bool json_parse_object(const char *text, size_t len, struct json_members *out, char *error,
                       size_t size)
{
	*out = (struct json_members){0};
	json_t *root = load(text, len, error, size);
	const bool good = json_is_object(root);
	const char *name;
	json_t *value;
	if (root && !good)
		snprintf(error, size, "must be an object: {\"point\": value, …}");
	json_object_foreach(root, name, value)
	{
		value_text(value, add(out, name));
	}
	json_decref(root);
	return good;
}

bool json_parse_names(const char *text, size_t len, struct json_members *out, char *error,
                      size_t size)
{
	*out = (struct json_members){0};
	json_t *root = load(text, len, error, size);
	bool good = json_is_array(root) || json_is_null(root);
	size_t i;
	json_t *value, *seen = json_object();
	out->null = json_is_null(root);
	json_array_foreach(root, i, value)
	{
		good = good && json_is_string(value);
		if (!good || json_object_get(seen, json_string_value(value)))
			continue;
		add(out, json_string_value(value));
		json_object_set_new(seen, json_string_value(value), json_true());
	}
	json_decref(seen);
	if (root && !good)
		snprintf(error, size, "must be a list of points: [\"point\", …]");
	json_decref(root);
	if (!good)
		json_members_free(out);
	return good;
}

bool json_parse_list_of(const char *text, size_t len, const char *list, const char *key,
                        struct json_members *out)
{
	char error[64];
	*out = (struct json_members){0};
	json_t *root = load(text, len, error, sizeof error);
	const json_t *array = json_object_get(root, list);
	const bool good = json_is_array(array);
	size_t i;
	json_t *value;
	json_array_foreach(array, i, value)
	{
		const char *name = json_string_value(json_object_get(value, key));
		if (name)
			add(out, name);
	}
	json_decref(root);
	return good;
}

json_t *json_doc(const char *text, size_t len)
{
	json_error_t e;
	return json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
}

void json_doc_free(json_t *root)
{
	json_decref(root);
}

const json_t *json_doc_get(const json_t *object, const char *name)
{
	return json_object_get(object, name);
}

const json_t *json_doc_at(const json_t *list, size_t i)
{
	return json_array_get(list, i);
}

size_t json_doc_size(const json_t *list)
{
	return json_array_size(list);
}

const char *json_doc_text(const json_t *value, size_t *len)
{
	*len = json_string_length(value);
	return json_string_value(value);
}

bool json_doc_number(const json_t *value, double *out)
{
	*out = json_number_value(value);
	return json_is_number(value);
}

bool json_doc_true(const json_t *value)
{
	return json_is_true(value);
}

bool json_parse_announced(const char *text, size_t len, struct json_announced *out)
{
	char error[64];
	const char *name;
	json_t *one;
	*out = (struct json_announced){0};
	json_t *root = load(text, len, error, sizeof error);
	const char *origin = json_string_value(json_object_get(json_object_get(root, "o"), "name"));
	const json_t *ids = json_object_get(json_object_get(root, "dev"), "ids");
	const char *id = json_string_value(json_array_get(ids, 0));
	json_t *entities = json_object_get(root, "cmps");
	const bool good = origin && id && json_is_object(entities);
	snprintf(out->origin, sizeof out->origin, "%s", good ? origin : "");
	snprintf(out->id, sizeof out->id, "%s", good ? id : "");
	if (good)
		json_object_foreach(entities, name, one)
		{
			const char *platform = json_string_value(json_object_get(one, "p"));
			add(&out->entities, name)->text = mem_strdup(platform ? platform : "");
		}
	json_decref(root);
	return good;
}
