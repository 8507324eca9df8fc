/* SPDX-License-Identifier: MIT */
/*
 * json_parse: JSON that comes from outside, strictly: whole text, no key twice, valid UTF-8. The
 * only file that uses the JSON library.
 */
#ifndef MQTT_JSON_PARSE_H
#define MQTT_JSON_PARSE_H

#include <stdbool.h>
#include <stddef.h>

struct json_member {
	char *name, *text;
	const char *fault; /* the value is none that most points take (null, a list …); else NULL */
	bool list;         /* and text is that list */
};

struct json_members {
	struct json_member *member;
	size_t n;
	bool null; /* json_parse_names: it was null */
};

/* {"name": value, …}: each value as a text: numbers as short as they read back equal, true, false,
 * strings as they are. False: error gets what is wrong and at which column. */
bool json_parse_object(const char *text, size_t len, struct json_members *out, char *error,
                       size_t size);

/* ["name", …] or null: names only. */
bool json_parse_names(const char *text, size_t len, struct json_members *out, char *error,
                      size_t size);

/* {"list": [{"key": "name"}, …]}: the names; other members are not looked at. */
bool json_parse_list_of(const char *text, size_t len, const char *list, const char *key,
                        struct json_members *out);

/* Of a document for Home Assistant as we make them: {"dev": {"ids": [id]}, "o": {"name": origin},
 * "cmps": {name: {"p": text}}}. False: it is none; then there is nothing to free. */
struct json_announced {
	char origin[64], id[320];
	struct json_members entities;
};

bool json_parse_announced(const char *text, size_t len, struct json_announced *out);

void json_members_free(struct json_members *m);

/* -- a document of any shape ------------------------------------------------------------------- */

struct json_t; /* the library's value; owned by the document */

/* NULL: not JSON. json_doc_free frees all of it; NULL is fine. */
struct json_t *json_doc(const char *text, size_t len);
void json_doc_free(struct json_t *root);

/* Each takes NULL and values of another kind: NULL, 0 or false then. */
const struct json_t *json_doc_get(const struct json_t *object, const char *name);
const struct json_t *json_doc_at(const struct json_t *list, size_t i);
size_t json_doc_size(const struct json_t *list);
const char *json_doc_text(const struct json_t *value, size_t *len);
bool json_doc_number(const struct json_t *value, double *out);
bool json_doc_true(const struct json_t *value);

#endif
