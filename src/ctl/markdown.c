// SPDX-License-Identifier: MIT
#include "ctl/markdown.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/model/devid.h"

static const char *const status_word[] = {"", "tested", "captured", "documented", "experimental"};

/* Text in a cell of a table. */
static void cell(const char *text)
{
	for (; text && *text; text++) {
		if (*text == '|' || *text == '<' || *text == '*')
			putchar('\\');
		putchar(*text == '\n' ? ' ' : *text);
	}
}

/* -- the points of all variants -------------------------------------------------------------------
 */

struct rows {
	const struct point **point;
	size_t n;
};

static int row_compare(const void *a, const void *b)
{
	const struct point *const *x = a, *const *y = b;
	const struct where *v = &(*x)->where, *w = &(*y)->where;
	const int file = strcmp(v->file ? v->file : "", w->file ? w->file : "");

	if (file)
		return file;
	if (v->line != w->line)
		return v->line < w->line ? -1 : 1;
	if (v->column != w->column)
		return v->column < w->column ? -1 : 1;
	return (*x)->repeat_n - (*y)->repeat_n;
}

static bool rows_have(const struct rows *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->point[i]->name, name) == 0)
			return true;
	return false;
}

/* As they are in the file; the caller frees r->point. */
static void rows_collect(const struct model *m, struct rows *r)
{
	*r = (struct rows){0};
	for (size_t d = 0; d < m->ndevice; d++) {
		const struct pointset *s = m->device[d].set;
		for (uint32_t i = 0; i < s->n; i++) {
			if (rows_have(r, s->point[i].name))
				continue;
			r->point = mem_grow(r->point, r->n + 1, sizeof(*r->point));
			r->point[r->n++] = &s->point[i];
		}
	}
	if (r->n)
		qsort(r->point, r->n, sizeof(*r->point), row_compare);
}

static bool same_place(const struct point *a, const struct point *b)
{
	return a->where.line == b->where.line && a->where.column == b->where.column &&
	       strcmp(a->where.file, b->where.file) == 0;
}

static bool choice_has(const struct model *m, const struct profile_choice *c, const char *name)
{
	return model_find_point(m->device[c->device].set, name, strlen(name)) >= 0;
}

/* "(model sdm230)": the choices that bring the point, where others do not. */
static void print_condition(const struct model *m, const char *name)
{
	for (size_t i = 0; i < m->nparameter; i++) {
		const struct profile_parameter *p = &m->parameter[i];
		size_t with = 0;
		for (size_t k = 0; k < p->nchoice; k++)
			with += choice_has(m, &p->choice[k], name);
		if (!with || with == p->nchoice)
			continue;
		printf(" (%s", p->name);
		for (size_t k = 0, told = 0; k < p->nchoice; k++)
			if (choice_has(m, &p->choice[k], name))
				printf("%s%s", told++ ? ", " : " ", p->choice[k].text);
		putchar(')');
	}
}

/* -- the cells of a point -------------------------------------------------------------------------
 */

static void print_meaning(const struct point *p)
{
	if (p->alert) {
		printf("%s %" PRId32 ": ", p->alert == ALERT_FAULT ? "fault" : "warning",
		       p->alert_code);
		cell(p->alert_desc);
		return;
	}
	cell(p->unit);
	for (uint16_t i = 0; i < p->nlabel; i++) {
		printf("%s%" PRId64 " ", i ? ", " : "", p->label[i].code);
		cell(p->label[i].text);
	}
}

static void print_write(const struct point *p)
{
	const struct write_rule *w = p->write;

	if (!w)
		return;
	fputs(w->only ? "only" : "yes", stdout);
	if (w->has_min && w->has_max)
		printf(", %.10g to %.10g", w->min, w->max);
	else if (w->has_min)
		printf(", from %.10g", w->min);
	else if (w->has_max)
		printf(", to %.10g", w->max);
	if (w->has_step)
		printf(" by %.10g", w->step);
	if (w->confirm) {
		fputs(", after the word ", stdout);
		cell(w->confirm);
	}
}

static void print_address(const struct point *p, unsigned i)
{
	if (p->part)
		printf("%u", p->offset[i]);
	else
		printf("0x%04X", p->addr[i]);
}

/* In a SunSpec model: its place there. */
static void print_place(const struct model *m, const struct point *first, const struct point *last)
{
	static const char *const table[] = {"coil", "discrete", "holding", "input"};

	if (first->part)
		printf("%s + ", m->device[0].set->sunspec->part[first->part - 1].name);
	else
		printf("%s ", table[first->table]);
	print_address(first, 0);
	if (first->parts == 2) {
		fputs(", ", stdout);
		print_address(first, 1);
	}
	if (last->addr[0] != first->addr[0]) {
		fputs(" … ", stdout);
		print_address(last, 0);
	}
}

static void print_register(const struct model *m, const struct point *first,
                           const struct point *last)
{
	const struct codec *c = &first->codec;

	if (first->source == SOURCE_DEVICE_ID) {
		char object[32];
		printf("function 43/14, %s",
		       devid_object_words(first->addr[0], object, sizeof(object)));
		return;
	}
	if (first->source != SOURCE_REGISTER) {
		fputs("computed", stdout);
		return;
	}
	if (first->write && first->write->raw) {
		fputs("a request of its own", stdout);
		return;
	}
	print_place(m, first, last);
	if (c->byte)
		printf(" %s byte", c->byte == 1 ? "high" : "low");
	if (c->bits == 1)
		printf(" bit %u", c->bit);
	else if (c->bits)
		printf(" bits %u..%d", c->bit, c->bit + c->bits - 1);
}

static void print_row(const struct model *m, const struct point *first, const struct point *last)
{
	static const char *const rate[] = {"fast", "normal", "slow", "once", ""};
	const bool polled = first->source != SOURCE_EXPR && !(first->write && first->write->only);

	printf("| `%s`", first->name);
	if (first != last)
		printf(" … `%s`", last->name);
	print_condition(m, first->name);
	if (first->description) {
		fputs(": ", stdout);
		cell(first->description);
	}
	fputs(" | ", stdout);
	print_meaning(first);
	fputs(" | ", stdout);
	print_write(first);
	printf(" | %s | ", polled ? rate[first->rate] : "");
	print_register(m, first, last);
	puts(" |");
}

static void print_points(const struct model *m)
{
	struct rows r;

	puts("\n| point | unit or values | writable | rate | register |\n|---|---|---|---|---|");
	rows_collect(m, &r);
	for (size_t i = 0, end; i < r.n; i = end) {
		for (end = i + 1; end < r.n && same_place(r.point[i], r.point[end]);)
			end++;
		print_row(m, r.point[i], r.point[end - 1]);
	}
	free(r.point);
}

/* -- the page -------------------------------------------------------------------------------------
 */

static void print_parameters(const struct model *m)
{
	for (size_t i = 0; i < m->nparameter; i++) {
		const struct profile_parameter *p = &m->parameter[i];
		printf("- Parameter `%s`:", p->name);
		for (size_t k = 0; k < p->nchoice; k++)
			printf("%s `%s`", k ? "," : "", p->choice[k].text);
		if (!p->nchoice)
			fputs(" any text", stdout);
		printf("; default `%s`", p->preset);
		if (p->description) {
			fputs(". ", stdout);
			cell(p->description);
		}
		putchar('\n');
	}
}

static void print_sources(const char *text)
{
	while (text && *text) {
		const size_t len = strcspn(text, "\n");
		printf("- Source: %.*s\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static void print_profile(const struct markdown_profile *p)
{
	const struct model *m = p->model;
	const struct device *d = &m->device[0];
	const struct bus_conf *b = &m->bus[d->bus];

	printf("\n## %s\n\n%s.\n\n", p->name, d->title ? d->title : p->name);
	printf("- Vendor: %s\n- Models: %s\n- Status: %s\n- Line as delivered: %" PRIu32
	       " baud, %u%c%u\n",
	       d->vendor ? d->vendor : "", d->model ? d->model : "", status_word[d->status],
	       b->baud, b->data, b->parity, b->stop);
	print_parameters(m);
	print_sources(d->sources);
	print_points(m);
}

void markdown_print(const struct markdown_profile *profile, size_t n)
{
	puts("# Devices that have a profile\n\n"
	     "Made by `xnetctl profiles --markdown` from the files in `devices/`; do not edit it "
	     "here. How to\n"
	     "write one: [profiles.md](profiles.md). Registers are PDU addresses, counted\n"
	     "from 0; rates are classes whose periods you choose.\n\n"
	     "Status: *tested* on the device; *captured*: words that a real device sent, and what "
	     "was read off it,\n"
	     "are among its tests; *documented* by two sources that agree; *experimental*: one "
	     "source, or sources\n"
	     "that differ.\n\n"
	     "| profile | device | vendor | models | status |\n|---|---|---|---|---|");
	for (size_t i = 0; i < n; i++) {
		const struct device *d = &profile[i].model->device[0];
		printf("| [%s](#%s) | ", profile[i].name, profile[i].name);
		cell(d->title);
		fputs(" | ", stdout);
		cell(d->vendor);
		fputs(" | ", stdout);
		cell(d->model);
		printf(" | %s |\n", status_word[d->status]);
	}
	for (size_t i = 0; i < n; i++)
		print_profile(&profile[i]);
}
