/* SPDX-License-Identifier: MIT */
/*
 * grid: rows of texts as columns on a terminal of any width: columns that do not fit are left out,
 * the least important first, and the last one that is there is cut. Knows what the terminal can
 * show: UTF-8 or not, colours or not.
 */
#ifndef CTL_GRID_H
#define CTL_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define GRID_COLUMNS 10

struct screen {
	size_t width; /* columns; 0: no limit (a pipe) */
	size_t height;
	bool utf8, colour, terminal;
	FILE *out; /* standard output, if the caller does not set another one */
};

/* How standard output is. Sets the locale of character types. */
void screen_look(struct screen *s);

enum tone { TONE_PLAIN, TONE_GOOD, TONE_BAD, TONE_WARN, TONE_DIM, TONE_HEAD };

/* One line of text to standard output, cut to the width. */
void screen_line(const struct screen *s, enum tone tone, const char *text);

struct column {
	const char *title;
	bool right;    /* numbers */
	unsigned rank; /* higher: left out earlier; 0: never */
};

struct grid;

/* column: lives as long as the table. */
struct grid *grid_create(const struct column *column, size_t n);

/* One text a column, copied; NULL is "-". tone: of column tone_at alone. */
void grid_row(struct grid *t, const char *const *cell, enum tone tone, size_t tone_at);

/* most: so many rows at most, and "… N more" (0: all). */
void grid_print(const struct grid *t, const struct screen *s, size_t most);
void grid_destroy(struct grid *t);

/* "0.9 s", "41 s", "3 min", "2 h 5 min", "3 d 4 h"; "-" below 0. µs. */
const char *span_text(long long us, char buf[24]);

#endif
