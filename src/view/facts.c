// SPDX-License-Identifier: MIT
#include "view/facts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/text.h"

#define TEXT_MAX 512
#define NAME_MAX 64 /* bytes; no gateway has longer ones */

static struct fact *find(const struct facts *f, const char *name, size_t len)
{
	for (size_t i = 0; i < f->n; i++)
		if (strncmp(f->fact[i].name, name, len) == 0 && f->fact[i].name[len] == '\0')
			return &f->fact[i];
	return NULL;
}

static void drop(struct facts *f, struct fact *one)
{
	free(one->name);
	free(one->text);
	*one = f->fact[--f->n];
}

static char *copy(const char *text, size_t len)
{
	char *s = mem_alloc(len + 1, 1);
	memcpy(s, text, len);
	return s;
}

bool facts_set(struct facts *f, const char *name, size_t name_len, const char *text, size_t len)
{
	char clean[TEXT_MAX];
	struct fact *one = find(f, name, name_len);

	if (len == 0) {
		if (one)
			drop(f, one);
		return one != NULL;
	}
	text_clean(text, len, clean, sizeof clean);
	if (one && strcmp(one->text, clean) == 0)
		return false;
	if (!one) {
		if (f->n == FACTS_MAX || name_len > NAME_MAX)
			return false;
		f->fact = mem_grow(f->fact, f->n + 1, sizeof *f->fact);
		one = &f->fact[f->n++];
		*one = (struct fact){.name = copy(name, name_len)};
	}
	free(one->text);
	one->text = mem_strdup(clean);
	return true;
}

void facts_free(struct facts *f)
{
	while (f->n)
		drop(f, &f->fact[f->n - 1]);
	free(f->fact);
	*f = (struct facts){0};
}

const char *facts_get(const struct facts *f, const char *name)
{
	const struct fact *one = find(f, name, strlen(name));
	return one ? one->text : NULL;
}

const char *facts_text(const struct facts *f, const char *name, const char *otherwise)
{
	const char *text = facts_get(f, name);
	return text ? text : otherwise;
}

bool facts_number(const struct facts *f, const char *name, double *out)
{
	const char *text = facts_get(f, name);
	char *end;

	if (!text || !*text)
		return false;
	*out = strtod(text, &end);
	return *end == '\0' && isfinite(*out);
}
