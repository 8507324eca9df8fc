// SPDX-License-Identifier: MIT
/* A table with a head: one register a line, as people keep them. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/keys.h"
#include "config/scalar.h"
#include "ctl/convert.h"

#define COLUMNS_MAX 64

enum column {
	NAME,
	ADDRESS,
	TABLE,
	TYPE,
	SCALE,
	OFFSET,
	UNIT,
	ORDER,
	ACCESS,
	ID,
	EVERY,
	DESCRIPTION,
	LENGTH,
	COLUMNS,
	OTHER
};

/* What people call them. */
static const char *const heads[][2] = {{"name", "0"},
                                       {"point", "0"},
                                       {"parameter", "0"},
                                       {"signal", "0"},
                                       {"tag", "0"},
                                       {"address", "1"},
                                       {"addr", "1"},
                                       {"offset address", "1"},
                                       {"register address", "1"},
                                       {"table", "2"},
                                       {"register", "2"},
                                       {"register type", "2"},
                                       {"register_type", "2"},
                                       {"function", "2"},
                                       {"fc", "2"},
                                       {"area", "2"},
                                       {"type", "3"},
                                       {"data type", "3"},
                                       {"data_type", "3"},
                                       {"datatype", "3"},
                                       {"format", "3"},
                                       {"scale", "4"},
                                       {"factor", "4"},
                                       {"multiplier", "4"},
                                       {"gain", "4"},
                                       {"offset", "5"},
                                       {"unit", "6"},
                                       {"units", "6"},
                                       {"order", "7"},
                                       {"byte order", "7"},
                                       {"byte_order", "7"},
                                       {"word order", "7"},
                                       {"access", "8"},
                                       {"rw", "8"},
                                       {"r/w", "8"},
                                       {"id", "9"},
                                       {"unit id", "9"},
                                       {"unit_id", "9"},
                                       {"slave", "9"},
                                       {"slave_id", "9"},
                                       {"every", "10"},
                                       {"period", "10"},
                                       {"interval", "10"},
                                       {"description", "11"},
                                       {"comment", "11"},
                                       {"length", "12"},
                                       {"count", "12"},
                                       {"registers", "12"},
                                       {NULL, NULL}};

static const char *const tables[][2] = {{"coil", "coil"},
                                        {"coils", "coil"},
                                        {"0x", "coil"},
                                        {"1", "coil"},
                                        {"fc1", "coil"},
                                        {"discrete", "discrete"},
                                        {"discrete input", "discrete"},
                                        {"1x", "discrete"},
                                        {"2", "discrete"},
                                        {"fc2", "discrete"},
                                        {"holding", "holding"},
                                        {"holding register", "holding"},
                                        {"4x", "holding"},
                                        {"3", "holding"},
                                        {"fc3", "holding"},
                                        {"03", "holding"},
                                        {"input", "input"},
                                        {"input register", "input"},
                                        {"3x", "input"},
                                        {"4", "input"},
                                        {"fc4", "input"},
                                        {"04", "input"},
                                        {NULL, NULL}};

static const char *const types[][2] = {
	{"u16", "u16"},    {"uint16", "u16"},    {"word", "u16"},    {"s16", "s16"},
	{"i16", "s16"},    {"int16", "s16"},     {"u32", "u32"},     {"uint32", "u32"},
	{"dword", "u32"},  {"s32", "s32"},       {"i32", "s32"},     {"int32", "s32"},
	{"u64", "u64"},    {"uint64", "u64"},    {"s64", "s64"},     {"int64", "s64"},
	{"f32", "f32"},    {"float", "f32"},     {"float32", "f32"}, {"f64", "f64"},
	{"double", "f64"}, {"string", "string"}, {"bool", "bool"},   {"bit", "bool"},
	{NULL, NULL}};

static const char *const orders[][2] = {{"ABCD", ""},
                                        {"big", ""},
                                        {"CDAB", "little"},
                                        {"little", "little"},
                                        {"BADC", "big-swapped"},
                                        {"big-swapped", "big-swapped"},
                                        {"DCBA", "little-swapped"},
                                        {"little-swapped", "little-swapped"},
                                        {NULL, NULL}};

struct sheet {
	struct draft *d;
	const char *file;
	unsigned line;
	char separator;
	enum column column[COLUMNS_MAX];
	size_t n;
	size_t bus;
};

static struct where at(const struct sheet *t)
{
	return (struct where){t->file, t->line, 1};
}

/* One field off the line, without quotes and blanks around; *p moves behind it. */
static char *field(struct sheet *t, const char **p)
{
	char *out = arena_alloc(t->d->arena, strcspn(*p, "\r\n") + 1);
	size_t n = 0;
	bool quoted = false;

	while (**p == ' ')
		++*p;
	for (; **p && !strchr("\r\n", **p) && (quoted || **p != t->separator); ++*p) {
		if (**p == '"' && quoted && (*p)[1] == '"')
			out[n++] = *++*p;
		else if (**p == '"')
			quoted = !quoted;
		else
			out[n++] = **p;
	}
	while (n && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	if (**p == t->separator)
		++*p;
	return out;
}

static bool at_end(const char *p)
{
	return !*p || *p == '\n' || *p == '\r';
}

static bool head(struct sheet *t, const char *line)
{
	bool named = false, placed = false;

	for (const char *p = line; !at_end(p) && t->n < COLUMNS_MAX; t->n++) {
		const char *text = field(t, &p), *word = draft_word(heads, text);
		t->column[t->n] = word ? (enum column)strtol(word, NULL, 10) : OTHER;
		named = named || t->column[t->n] == NAME;
		placed = placed || t->column[t->n] == ADDRESS;
		if (!word && *text)
			diag_warn(&t->d->d, at(t), "column \"%.40s\" is not converted", text);
	}
	if (!named || !placed)
		diag_error(&t->d->d, at(t),
		           "the first line names the columns, among them name and address");
	return named && placed;
}

static const char *used(const char *text)
{
	return text && *text ? text : NULL;
}

static bool row_place(struct sheet *t, const char *const *cell, const char **table, long *address)
{
	const char *said = NULL;

	if (!cell[ADDRESS] || !draft_modicon(cell[ADDRESS], &said, address)) {
		diag_warn(&t->d->d, at(t), "not converted: address \"%.40s\"",
		          cell[ADDRESS] ? cell[ADDRESS] : "");
		return false;
	}
	*table = used(cell[TABLE]) ? draft_word(tables, cell[TABLE]) : said ? said : "holding";
	if (!*table)
		diag_warn(&t->d->d, at(t), "not converted: register \"%.40s\"", cell[TABLE]);
	/* 32080 among holding registers is no number of documentation: it is the address */
	int64_t n;
	if (*table && said && strcmp(said, *table) != 0) {
		if (strlen(cell[ADDRESS]) == 5 && number_parse(cell[ADDRESS], &n) &&
		    *cell[ADDRESS] != '0') {
			*address = (long)n;
		} else {
			diag_warn(&t->d->d, at(t),
			          "not converted: address \"%.40s\" is one of %s, not of %s",
			          cell[ADDRESS], said, *table);
			return false;
		}
	}
	return *table != NULL;
}

/* With a decimal comma, where that separates no fields. */
static bool number_of(struct sheet *t, const char **cell)
{
	char *text = arena_strdup(t->d->arena, *cell), *comma = strchr(text, ','), *end;

	if (comma && t->separator != ',')
		*comma = '.';
	(void)strtod(text, &end);
	*cell = text;
	return *text && !*end;
}

static void row(struct sheet *t, const char **cell)
{
	static const enum column factor[] = {SCALE, OFFSET};
	struct draft *d = t->d;
	const char *table, *type = used(cell[TYPE]) ? draft_word(types, cell[TYPE]) : "u16";
	long address;
	int64_t id = d->default_id, length = 1;

	if (!row_place(t, cell, &table, &address))
		return;
	const char *order = used(cell[ORDER]) ? draft_word(orders, cell[ORDER]) : "";
	if (!order) {
		diag_warn(&d->d, at(t), "not converted: order \"%.40s\"", cell[ORDER]);
		return;
	}
	for (size_t i = 0; i < COUNT(factor); i++)
		if (used(cell[factor[i]]) && !number_of(t, &cell[factor[i]])) {
			diag_warn(&d->d, at(t), "not converted: \"%.40s\" is no number",
			          cell[factor[i]]);
			return;
		}
	if (!type) {
		diag_warn(&d->d, at(t), "not converted: type \"%.40s\"", cell[TYPE]);
		return;
	}
	if (used(cell[ID]) && (!number_parse(cell[ID], &id) || id < 0 || id > 255)) {
		diag_warn(&d->d, at(t), "not converted: unit id \"%.40s\"", cell[ID]);
		return;
	}
	struct draft_point *p =
		draft_point(d, draft_device_of(d, t->bus, (long)id, NULL), cell[NAME]);
	const bool bit = strcmp(table, "coil") == 0 || strcmp(table, "discrete") == 0;
	p->table = table;
	p->address = address;
	p->type = bit ? NULL : type;
	if (strcmp(type, "string") == 0 && number_parse(cell[LENGTH] ? cell[LENGTH] : "", &length))
		p->length = (int)length;
	p->order = *order ? order : NULL;
	p->scale = bit ? NULL : used(cell[SCALE]);
	p->offset = bit ? NULL : used(cell[OFFSET]);
	p->unit = used(cell[UNIT]);
	p->every = used(cell[EVERY]);
	p->write = cell[ACCESS] && strpbrk(cell[ACCESS], "wW") &&
	           (strcmp(table, "coil") == 0 || strcmp(table, "holding") == 0);
	p->write_only = p->write && strcasecmp(cell[ACCESS], "wo") == 0;
	if (used(cell[DESCRIPTION]))
		p->description = cell[DESCRIPTION];
}

/* The separator that the head has most of. */
static char separator_of(const char *line)
{
	static const char candidates[] = ",;\t";
	size_t best = 0;
	char found = ',';

	for (const char *c = candidates; *c; c++) {
		size_t n = 0;
		for (const char *p = line; !at_end(p); p++)
			n += *p == *c;
		if (n > best) {
			best = n;
			found = *c;
		}
	}
	return found;
}

void convert_csv(struct draft *d, const char *file, const char *text)
{
	struct sheet t = {.d = d, .file = file, .line = 1};

	if (strncmp(text, "\xEF\xBB\xBF", 3) == 0)
		text += 3;
	t.separator = separator_of(text);
	t.bus = draft_bus(d, "rs485");
	if (!head(&t, text))
		return;
	for (const char *p = strchr(text, '\n'); p && *p; p = strchr(p, '\n')) {
		const char *cell[COLUMNS] = {NULL};
		p++;
		t.line++;
		if (at_end(p) || *p == '#')
			continue;
		const char *q = p;
		for (size_t i = 0; i < t.n && !at_end(q); i++) {
			const char *value = field(&t, &q);
			if (t.column[i] < COLUMNS)
				cell[t.column[i]] = value;
		}
		if (used(cell[NAME]) || used(cell[ADDRESS]))
			row(&t, cell);
	}
}
