// SPDX-License-Identifier: MIT
#include "ctl/grid.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/text.h"

#define GAP 2
#define LAST_LEAST 12 /* the last column is not cut below */

struct row {
	char *cell[GRID_COLUMNS];
	enum tone tone;
	size_t tone_at;
};

struct grid {
	const struct column *column;
	size_t n;
	struct row *row;
	size_t nrow;
};

static size_t number_of(const char *variable)
{
	const char *text = getenv(variable);
	const long n = text ? strtol(text, NULL, 10) : 0;
	return n > 0 && n < 10000 ? (size_t)n : 0;
}

void screen_look(struct screen *s)
{
	struct winsize w = {0};

	setlocale(LC_CTYPE, "");
	*s = (struct screen){.terminal = isatty(STDOUT_FILENO), .out = stdout};
	s->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	s->width = number_of("COLUMNS");
	s->height = number_of("LINES");
	if (s->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col) {
		s->width = w.ws_col;
		s->height = w.ws_row;
	}
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");
	s->colour = s->terminal && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

/* -- text -------------------------------------------------------------------------------------- */

/* Characters that can be seen; each is taken as one column. */
static size_t length(const char *text)
{
	size_t n = 0;

	for (size_t left = strlen(text); left; n++) {
		enum text_kind kind;
		const size_t k = text_next(text, left, &kind);
		text += k;
		left -= k;
	}
	return n;
}

/* Prints at most `most` columns of it; what is cut ends with a mark. Gives how many. */
static size_t print_cut(const struct screen *s, const char *text, size_t most)
{
	const size_t all = length(text), n = all > most ? most : all;

	for (size_t i = 0; i < n; i++) {
		enum text_kind kind;
		const size_t k = text_next(text, strlen(text), &kind);
		if (i + 1 == n && n < all)
			fputs(s->utf8 ? "…" : "~", s->out);
		else if (kind != TEXT_PLAIN || (k > 1 && !s->utf8))
			putc('?', s->out);
		else
			fwrite(text, 1, k, s->out);
		text += k;
	}
	return n;
}

static void begin(const struct screen *s, enum tone tone)
{
	static const char *const code[] = {
		[TONE_GOOD] = "32", [TONE_BAD] = "1;31", [TONE_WARN] = "33",
		[TONE_DIM] = "2",   [TONE_HEAD] = "1",
	};
	if (s->colour && tone != TONE_PLAIN)
		fprintf(s->out, "\033[%sm", code[tone]);
}

static void end(const struct screen *s, enum tone tone)
{
	if (s->colour && tone != TONE_PLAIN)
		fputs("\033[0m", s->out);
}

void screen_line(const struct screen *s, enum tone tone, const char *text)
{
	begin(s, tone);
	print_cut(s, text, s->width ? s->width : (size_t)-1);
	end(s, tone);
	putc('\n', s->out);
}

const char *span_text(long long us, char buf[24])
{
	const long long s = us / 1000000;

	if (us < 0)
		snprintf(buf, 24, "-");
	else if (s < 10)
		snprintf(buf, 24, "%.1f s", (double)us / 1e6);
	else if (s < 120)
		snprintf(buf, 24, "%lld s", s);
	else if (s < 3600)
		snprintf(buf, 24, "%lld min", s / 60);
	else if (s < 86400)
		snprintf(buf, 24, "%lld h %lld min", s / 3600, s / 60 % 60);
	else
		snprintf(buf, 24, "%lld d %lld h", s / 86400 % 100000, s / 3600 % 24);
	return buf;
}

/* -- rows -------------------------------------------------------------------------------------- */

struct grid *grid_create(const struct column *column, size_t n)
{
	struct grid *t = mem_alloc(1, sizeof *t);

	t->column = column;
	t->n = n < GRID_COLUMNS ? n : GRID_COLUMNS;
	return t;
}

void grid_row(struct grid *t, const char *const *cell, enum tone tone, size_t tone_at)
{
	t->row = mem_grow(t->row, t->nrow + 1, sizeof *t->row);
	struct row *r = &t->row[t->nrow++];

	*r = (struct row){.tone = tone, .tone_at = tone_at};
	for (size_t i = 0; i < t->n; i++)
		r->cell[i] = mem_strdup(cell[i] && *cell[i] ? cell[i] : "-");
}

void grid_destroy(struct grid *t)
{
	for (size_t i = 0; t && i < t->nrow; i++)
		for (size_t k = 0; k < t->n; k++)
			free(t->row[i].cell[k]);
	if (t)
		free(t->row);
	free(t);
}

static void measure(const struct grid *t, size_t *width)
{
	for (size_t k = 0; k < t->n; k++) {
		width[k] = length(t->column[k].title);
		for (size_t i = 0; i < t->nrow; i++) {
			const size_t n = length(t->row[i].cell[k]);
			width[k] = n > width[k] ? n : width[k];
		}
	}
}

/* A column without contents is left out, too; a width of 0 means that. */
static void fit(const struct grid *t, size_t *width, size_t room)
{
	for (;;) {
		size_t sum = 0, last = 0, worst = t->n;
		for (size_t k = 0; k < t->n; k++) {
			sum += width[k] ? width[k] + GAP : 0;
			last = width[k] ? k : last;
			if (width[k] && t->column[k].rank &&
			    (worst == t->n || t->column[k].rank > t->column[worst].rank))
				worst = k;
		}
		if (!room || sum <= room + GAP)
			return;
		const size_t over = sum - room - GAP;
		if (width[last] >= over + LAST_LEAST && !t->column[last].right) {
			width[last] -= over;
			return;
		}
		if (worst == t->n)
			return;
		width[worst] = 0;
	}
}

static bool is_blank(const struct grid *t, size_t k)
{
	for (size_t i = 0; i < t->nrow; i++)
		if (strcmp(t->row[i].cell[k], "-") != 0)
			return false;
	return t->column[k].rank > 0;
}

static void print_row(const struct grid *t, const struct screen *s, const size_t *width,
                      const char *const *cell, enum tone tone, size_t tone_at)
{
	size_t pad = 0, used = 0;

	for (size_t k = 0; k < t->n; k++) {
		if (!width[k])
			continue;
		const size_t n = length(cell[k]) < width[k] ? length(cell[k]) : width[k];
		if (t->column[k].right)
			pad += width[k] - n;
		size_t most = n;
		if (s->width && used + pad + most > s->width)
			most = used + pad < s->width ? s->width - used - pad : 0;
		if (!most)
			break;
		fprintf(s->out, "%*s", (int)pad, "");
		const enum tone own = k == tone_at || tone_at == GRID_COLUMNS ? tone : TONE_PLAIN;
		begin(s, own);
		print_cut(s, cell[k], most);
		end(s, own);
		used += pad + most;
		pad = GAP + (t->column[k].right ? 0 : width[k] - n);
	}
	putc('\n', s->out);
}

void grid_print(const struct grid *t, const struct screen *s, size_t most)
{
	size_t width[GRID_COLUMNS];
	const char *title[GRID_COLUMNS];
	const size_t n = most && t->nrow > most ? most : t->nrow;

	if (!t->nrow)
		return;
	measure(t, width);
	for (size_t k = 0; k < t->n; k++) {
		title[k] = t->column[k].title;
		if (is_blank(t, k))
			width[k] = 0;
	}
	fit(t, width, s->width);
	print_row(t, s, width, title, TONE_DIM, GRID_COLUMNS);
	for (size_t i = 0; i < n; i++)
		print_row(t, s, width, (const char *const *)t->row[i].cell, t->row[i].tone,
		          t->row[i].tone_at);
	if (n < t->nrow)
		fprintf(s->out, "and %zu more\n", t->nrow - n);
}
