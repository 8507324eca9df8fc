// SPDX-License-Identifier: MIT
#include "ctl/lint.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TESTS_LEAST 3

static void lint_unit(const struct point *p, const struct lint_lists *lists, struct diag *diag)
{
	if (lists->has_units && p->unit && !wordlist_has(&lists->units, p->unit))
		diag_error(diag, p->where, "%s: unit '%s' is not in units.txt", p->name, p->unit);
}

/* A name of the vocabulary, or one that explains why it is another. Alerts have their desc, helpers
 * without a topic are not checked, and a repetition is reported once. */
static void lint_vocabulary(const struct point *p, const struct wordlist *names, struct diag *diag)
{
	char *pattern = wordlist_pattern(p->name);
	bool only_case = false;
	const bool known = wordlist_has(names, pattern);
	const char *meant = known ? NULL : wordlist_slip(names, pattern, &only_case);

	free(pattern);
	if (known || p->repeat_n > 1 ||
	    ((p->alert || p->filter.mode == PUBLISH_NEVER) && !only_case))
		return;
	if (meant && (only_case || !p->description))
		diag_error(diag, p->where, "%s: did you mean '%s' of the vocabulary?", p->name,
		           meant);
	else if (!p->description)
		diag_warn(diag, p->where,
		          "%s: not in the vocabulary (names.txt), and no description explains it",
		          p->name);
}

/* CamelCase: what is measured, then the quantity. */
static void lint_name(const struct point *p, const struct lint_lists *lists, struct diag *diag)
{
	if (!isupper((unsigned char)p->name[0]) || strchr(p->name, '_'))
		diag_error(diag, p->where, "%s: names are CamelCase", p->name);
	else if (lists->has_names)
		lint_vocabulary(p, &lists->names, diag);
}

static bool is_numeric(const struct point *p)
{
	switch (p->codec.type) {
	case TYPE_BOOL:
	case TYPE_STRING:
	case TYPE_BYTES:
	case TYPE_DATETIME:
	case TYPE_ARRAY:
		return false;
	default:
		return !p->nlabel;
	}
}

static void lint_write(const struct point *p, struct diag *diag)
{
	const struct write_rule *w = p->write;

	if (!w || w->raw || !is_numeric(p) || (w->on >= 0 && w->only))
		return;
	if (!w->has_min || !w->has_max)
		diag_error(diag, p->where, "%s: a number that can be written has min and max",
		           p->name);
}

static void lint_alert(const struct point *p, struct diag *diag)
{
	if (p->alert && strcmp(p->alert_desc, p->name) == 0)
		diag_error(diag, p->where, "%s: the alert has no desc", p->name);
}

static void lint_point(const struct device *d, const struct point *p, struct diag *diag)
{
	const struct span s = model_span(d, p);

	if (p->source != SOURCE_REGISTER || (p->write && p->write->raw))
		return;
	if (p->write && p->write->only)
		return;
	if (p->rate == RATE_NONE)
		diag_error(diag, p->where, "%s: use rate: in a profile, not every:", p->name);
	if (p->parts == 1 && !table_is_bits(p->table) && d->rule.max_read &&
	    s.count > d->rule.max_read)
		diag_error(diag, p->where, "%s: %u registers, but max_read is %u", p->name, s.count,
		           d->rule.max_read);
}

/* Topics that differ only by case, and alerts that cannot be distinguished. */
static void lint_pair(const struct point *a, const struct point *b, struct diag *diag)
{
	if (strcasecmp(a->name, b->name) == 0)
		diag_error(diag, b->where, "%s: the topic of '%s' differs only by case", b->name,
		           a->name);
	if (a->alert && a->alert == b->alert && a->alert_code == b->alert_code)
		diag_error(diag, b->where, "%s: code %" PRId32 " is that of '%s', too", b->name,
		           b->alert_code, a->name);
}

static void lint_points(const struct device *d, const struct lint_lists *lists, struct diag *diag)
{
	const struct point *point = d->set->point;

	for (uint32_t i = 0; i < d->set->n; i++) {
		lint_name(&point[i], lists, diag);
		lint_unit(&point[i], lists, diag);
		lint_write(&point[i], diag);
		lint_alert(&point[i], diag);
		lint_point(d, &point[i], diag);
		for (uint32_t k = 0; k < i; k++)
			lint_pair(&point[k], &point[i], diag);
	}
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

static size_t lines(const char *text)
{
	size_t n = text && text[0] ? 1 : 0;
	for (; n && *text; text++)
		n += *text == '\n';
	return n;
}

/* The status is a promise about the sources and the tests: it claims no more and no less than they.
 */
static void lint_status(const struct device *d, const struct profile_test *tests, size_t ntest,
                        struct diag *diag)
{
	bool capture = false;
	for (size_t i = 0; i < ntest; i++)
		capture = capture || tests[i].capture;
	if (d->status == STATUS_CAPTURED && !capture)
		diag_error(diag, d->where, "status: captured, but no test has 'capture: true'");
	else if (d->status > STATUS_CAPTURED && capture)
		diag_error(diag, d->where, "a test is a capture: status is 'captured'");
	else if (d->status == STATUS_DOCUMENTED && lines(d->sources) < 2)
		diag_error(
			diag, d->where,
			"status: documented, but 'sources' names one; two that agree are required");
}

static void lint_test(const struct profile_test *t, struct diag *diag)
{
	if (!t->source || !t->source[0])
		diag_error(diag, t->where, "the test lacks the source of its words");
	if (t->nblock == 0)
		diag_error(diag, t->where, "the test has no raw words");
	if (t->nexpect == 0)
		diag_error(diag, t->where, "the test expects nothing");
}

void lint_profile(const struct model *m, const struct profile_test *tests, size_t ntest,
                  const struct lint_lists *lists, struct diag *diag)
{
	lint_head(&m->device[0], diag);
	lint_status(&m->device[0], tests, ntest, diag);
	if (ntest < TESTS_LEAST)
		diag_error(diag, m->device[0].where,
		           "%zu tests; at least %d snapshots are required", ntest, TESTS_LEAST);
	for (size_t i = 0; i < ntest; i++)
		lint_test(&tests[i], diag);
	for (size_t i = 0; i < m->ndevice; i++)
		lint_points(&m->device[i], lists, diag);
}
