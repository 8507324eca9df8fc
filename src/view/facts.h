/* SPDX-License-Identifier: MIT */
/*
 * facts: a short list of texts by name, as the health topics of a gateway, a bus or a device. Pure.
 */
#ifndef VIEW_FACTS_H
#define VIEW_FACTS_H

#include <stdbool.h>
#include <stddef.h>

#define FACTS_MAX 96 /* more are not taken */

struct fact {
	char *name, *text;
};

struct facts {
	struct fact *fact;
	size_t n;
};

/* text[0..len): copied, cleaned; empty: it is gone. False: nothing changed, or there is no room. */
bool facts_set(struct facts *f, const char *name, size_t name_len, const char *text, size_t len);
void facts_free(struct facts *f);

const char *facts_get(const struct facts *f, const char *name); /* NULL: not there */
const char *facts_text(const struct facts *f, const char *name, const char *otherwise);

/* Its number; false: it is none. */
bool facts_number(const struct facts *f, const char *name, double *out);

#endif
