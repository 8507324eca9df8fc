// SPDX-License-Identifier: MIT
#include "core/base/diag.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/text.h"

#define WORD_MAX 64
#define TEXT_MAX 704 /* with a name and a place less than 1024: diag_print need not cut */
#define FILE_MAX 256

void diag_init(struct diag *d)
{
	memset(d, 0, sizeof *d);
}

void diag_free(struct diag *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->message[i].text);
	free(d->message);
	for (size_t i = 0; i < d->nfile; i++)
		free(d->file[i]);
	free(d->file);
	diag_init(d);
}

/* A name that lives as long as the messages: a model that is refused takes its own along. */
static const char *diag_file(struct diag *d, const char *name)
{
	if (!name)
		return NULL;
	char file[FILE_MAX];
	text_clean(name, strlen(name), file, sizeof file);
	for (size_t i = 0; i < d->nfile; i++)
		if (strcmp(d->file[i], file) == 0)
			return d->file[i];
	d->file = mem_grow(d->file, d->nfile + 1, sizeof *d->file);
	return d->file[d->nfile++] = mem_strdup(file);
}

__attribute__((format(printf, 4, 0))) static void
diag_add(struct diag *d, enum diag_level level, struct where w, const char *fmt, va_list ap)
{
	if (w.line == WHERE_TOLD)
		return;
	if (level == DIAG_ERROR)
		d->errors++;
	if (d->n == DIAG_MAX) {
		d->left_out++;
		return;
	}
	char raw[TEXT_MAX + 8], text[TEXT_MAX]; /* so that a cut shows */
	vsnprintf(raw, sizeof raw, fmt, ap);
	text_clean(raw, strlen(raw), text, sizeof text);
	w.file = diag_file(d, w.file);
	if (d->n == d->room) {
		d->room = d->room ? 2 * d->room : 16;
		d->message = mem_grow(d->message, d->room, sizeof *d->message);
	}
	d->message[d->n] = (struct diag_message){
		.level = level,
		.where = w,
		.text = mem_strdup(text),
		.order = (unsigned)d->n,
	};
	d->n++;
}

void diag_error(struct diag *d, struct where w, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	diag_add(d, DIAG_ERROR, w, fmt, ap);
	va_end(ap);
}

static int where_compare(const struct where *a, const struct where *b)
{
	if (!a->file || !b->file)
		return (a->file != NULL) - (b->file != NULL);
	const int file = strcmp(a->file, b->file);
	if (file)
		return file;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return (a->column > b->column) - (a->column < b->column);
}

void diag_error_once(struct diag *d, struct where w, const char *fmt, ...)
{
	va_list ap;
	if (w.line == WHERE_TOLD)
		return;
	for (size_t i = 0; i < d->n; i++)
		if (d->message[i].form == fmt && where_compare(&d->message[i].where, &w) == 0)
			return;
	const size_t n = d->n;
	va_start(ap, fmt);
	diag_add(d, DIAG_ERROR, w, fmt, ap);
	va_end(ap);
	if (d->n > n)
		d->message[n].form = fmt;
}

void diag_warn(struct diag *d, struct where w, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	diag_add(d, DIAG_WARNING, w, fmt, ap);
	va_end(ap);
}

static int message_compare(const void *pa, const void *pb)
{
	const struct diag_message *a = pa, *b = pb;
	const int where = where_compare(&a->where, &b->where);
	if (where)
		return where;
	return (a->order > b->order) - (a->order < b->order);
}

/* Equal messages at one place need not be neighbours: look at all of that place. */
static bool message_reported(const struct diag *d, size_t n, const struct diag_message *m)
{
	while (n-- > 0 && where_compare(&d->message[n].where, &m->where) == 0)
		if (d->message[n].level == m->level && strcmp(d->message[n].text, m->text) == 0)
			return true;
	return false;
}

void diag_sort(struct diag *d)
{
	if (d->left_out) {
		struct diag_message *last = &d->message[d->n - 1];
		char text[64];
		snprintf(text, sizeof text, "%zu more messages are left out", d->left_out + 1);
		free(last->text);
		*last = (struct diag_message){.level = d->errors ? DIAG_ERROR : DIAG_WARNING,
		                              .text = mem_strdup(text),
		                              .order = last->order};
		d->left_out = 0;
	}
	if (d->n)
		qsort(d->message, d->n, sizeof *d->message, message_compare);
	size_t n = 0;
	d->errors = 0;
	for (size_t i = 0; i < d->n; i++) {
		if (message_reported(d, n, &d->message[i])) {
			free(d->message[i].text);
			continue;
		}
		d->message[n++] = d->message[i];
		d->errors += d->message[n - 1].level == DIAG_ERROR;
	}
	d->n = n;
}

int diag_print(const struct diag_message *m, char *buf, size_t size)
{
	const char *kind = m->level == DIAG_WARNING ? "warning: " : "";
	if (!m->where.file)
		return snprintf(buf, size, "%s%s", kind, m->text);
	if (!m->where.line)
		return snprintf(buf, size, "%s: %s%s", m->where.file, kind, m->text);
	return snprintf(buf, size, "%s:%u:%u: %s%s", m->where.file, m->where.line, m->where.column,
	                kind, m->text);
}

static int fold(char c)
{
	return c == '-' ? '_' : tolower((unsigned char)c);
}

/* Edit distance with neighbours exchanged as one step (optimal string alignment). Cutting this into
 * three rows would save nothing: words are short. */
static unsigned word_distance(const char *a, size_t na, const char *b, size_t nb)
{
	static_assert(WORD_MAX < 256, "distances are bytes");
	unsigned char d[WORD_MAX + 1][WORD_MAX + 1];
	for (size_t i = 0; i <= na; i++)
		d[i][0] = (unsigned char)i;
	for (size_t j = 0; j <= nb; j++)
		d[0][j] = (unsigned char)j;
	for (size_t i = 1; i <= na; i++) {
		for (size_t j = 1; j <= nb; j++) {
			const unsigned cost = fold(a[i - 1]) != fold(b[j - 1]);
			unsigned best = d[i - 1][j - 1] + cost;
			if (d[i - 1][j] + 1U < best)
				best = d[i - 1][j] + 1U;
			if (d[i][j - 1] + 1U < best)
				best = d[i][j - 1] + 1U;
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
			    fold(a[i - 2]) == fold(b[j - 1]) && d[i - 2][j - 2] + 1U < best)
				best = d[i - 2][j - 2] + 1U;
			d[i][j] = (unsigned char)best;
		}
	}
	return d[na][nb];
}

const char *diag_nearest(const char *word, const char *const *known, size_t n)
{
	const size_t len = strlen(word);
	if (len == 0 || len > WORD_MAX)
		return NULL;
	const char *nearest = NULL;
	unsigned least = 1 + (unsigned)len / 6; /* further away is another word, not a slip */
	for (size_t i = 0; i < n; i++) {
		const size_t klen = strlen(known[i]);
		if (klen == 0 || klen > WORD_MAX || klen > len + least || len > klen + least)
			continue; /* so many letters too many are as many steps */
		const unsigned distance = word_distance(word, len, known[i], klen);
		if (distance <= least && distance < klen && (!nearest || distance < least)) {
			nearest = known[i];
			least = distance;
		}
	}
	return nearest;
}
