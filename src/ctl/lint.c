#include "ctl/lint.h"

#include <ctype.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TESTS_LEAST 3

static FILE *units_open(const char *profile_path)
{
	char *copy = mem_strdup(profile_path), path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/units.txt", dirname(copy));
	free(copy);
	f = fopen(path, "re");
	if (!f)
		f = fopen(PROFILE_DIR "/units.txt", "re");
	return f;
}

bool units_read(struct units *u, const char *profile_path)
{
	FILE *f = units_open(profile_path);
	char line[256];

	*u = (struct units){0};
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "#\n")] = '\0';
		if (!line[0])
			continue;
		u->unit = mem_grow(u->unit, u->n + 1, sizeof(*u->unit));
		u->unit[u->n++] = mem_strdup(line);
	}
	if (f)
		fclose(f);
	return f != NULL;
}

void units_free(struct units *u)
{
	for (size_t i = 0; i < u->n; i++)
		free(u->unit[i]);
	free(u->unit);
}

static void lint_unit(const struct point *p, const struct units *u, struct diag *diag)
{
	if (!u || !p->unit)
		return;
	for (size_t i = 0; i < u->n; i++)
		if (strcmp(u->unit[i], p->unit) == 0)
			return;
	diag_error(diag, p->where, "%s: unit '%s' is not in units.txt", p->name, p->unit);
}

/* CamelCase: what is measured, then the quantity. */
static void lint_name(const struct point *p, struct diag *diag)
{
	if (!isupper((unsigned char)p->name[0]) || strchr(p->name, '_'))
		diag_error(diag, p->where, "%s: names are CamelCase", p->name);
}

static void lint_point(const struct device *d, const struct point *p, struct diag *diag)
{
	const struct span s = model_span(d, p);

	if (p->source != SOURCE_REGISTER)
		return;
	if (p->write && p->write->only)
		return;
	if (p->rate == RATE_NONE)
		diag_error(diag, p->where, "%s: profiles say rate, not every", p->name);
	if (p->parts == 1 && !table_is_bits(p->table) && d->rule.max_read &&
	    s.count > d->rule.max_read)
		diag_error(diag, p->where, "%s: %u registers, but max_read is %u", p->name, s.count,
		           d->rule.max_read);
}

static void lint_head(const struct device *d, struct diag *diag)
{
	const struct {
		const char *key, *value;
	} row[] = {
		{"title", d->title},
		{"vendor", d->vendor},
		{"models", d->model},
		{"sources", d->sources},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (!row[i].value || !row[i].value[0])
			diag_error(diag, d->where, "the head lacks '%s'", row[i].key);
	if (d->status == STATUS_NONE)
		diag_error(diag, d->where, "the head lacks 'status'");
}

void lint_profile(const struct device *d, const struct profile_test *tests, size_t ntest,
                  const struct units *units, struct diag *diag)
{
	lint_head(d, diag);
	if (ntest < TESTS_LEAST)
		diag_error(diag, d->where, "%zu tests; at least %d snapshots are wanted", ntest,
		           TESTS_LEAST);
	for (size_t i = 0; i < ntest; i++) {
		if (!tests[i].source || !tests[i].source[0])
			diag_error(diag, tests[i].where,
			           "the test does not say where its words come from");
		if (tests[i].nexpect == 0)
			diag_error(diag, tests[i].where, "the test expects nothing");
	}
	for (uint32_t i = 0; i < d->set->n; i++) {
		lint_name(&d->set->point[i], diag);
		lint_unit(&d->set->point[i], units, diag);
		lint_point(d, &d->set->point[i], diag);
	}
}
