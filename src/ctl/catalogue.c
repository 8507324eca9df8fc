// SPDX-License-Identifier: MIT
#include "ctl/catalogue.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static int is_profile(const struct dirent *e)
{
	const size_t n = strlen(e->d_name);

	return n > 5 && e->d_name[0] != '.' && strcmp(e->d_name + n - 5, ".yaml") == 0;
}

static bool collect(struct catalogue *c, const char *dir, bool quiet)
{
	struct dirent **entry;
	bool good = true;
	const int n = scandir(dir, &entry, is_profile, alphasort);

	for (int i = 0; i < n; i++) {
		char path[4096];
		snprintf(path, sizeof(path), "%s/%s", dir, entry[i]->d_name);
		struct model *m = files_profile(path, quiet);
		char *name = mem_strdup(entry[i]->d_name);
		name[strlen(name) - strlen(".yaml")] = '\0';
		c->profile = mem_grow(c->profile, c->n + 1, sizeof(*c->profile));
		c->profile[c->n] = (struct markdown_profile){name, m};
		c->n += m != NULL;
		if (!m)
			free(name);
		good = good && m;
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	return good;
}

bool catalogue_load(struct catalogue *c, const struct config_paths *paths, bool quiet)
{
	bool good = true;

	*c = (struct catalogue){0};
	for (size_t i = 0; paths->profiles[i]; i++)
		good = collect(c, paths->profiles[i], quiet) && good;
	return good;
}

void catalogue_free(struct catalogue *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free((char *)c->profile[i].name);
		model_destroy((struct model *)c->profile[i].model);
	}
	free(c->profile);
	*c = (struct catalogue){0};
}

struct row {
	struct setting setting;
	unsigned count, order;
};

static int by_count(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

size_t catalogue_settings(const struct catalogue *c, struct setting *s, size_t room)
{
	struct row row[64];
	size_t n = 0, k;

	for (size_t i = 0; i < c->n; i++) {
		const struct bus_conf *b = &c->profile[i].model->bus[0];
		if (b->kind == BUS_TCP || !b->baud)
			continue;
		for (k = 0; k < n; k++)
			if (row[k].setting.baud == b->baud && row[k].setting.parity == b->parity)
				break;
		if (k == n && n == sizeof(row) / sizeof(row[0]))
			continue;
		if (k == n)
			row[n++] = (struct row){line_setting(b), 0, (unsigned)k};
		row[k].count++;
		if (b->stop == 1)
			row[k].setting = line_setting(b);
	}
	if (n)
		qsort(row, n, sizeof(row[0]), by_count);
	for (k = 0; k < n && k < room; k++)
		s[k] = row[k].setting;
	return k;
}
