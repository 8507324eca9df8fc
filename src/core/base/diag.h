/* SPDX-License-Identifier: MIT */
/*
 * diag: messages about the configuration, each with its place. Collected, sorted, reported all at
 * once.
 */
#ifndef CORE_BASE_DIAG_H
#define CORE_BASE_DIAG_H

#include <stdbool.h>
#include <stddef.h>

#define WHERE_TOLD                                                                                 \
	0xFFFFFFFFU /* a line: what is there was reported to be wrong, report no more of it */

struct where {
	const char *file;      /* NULL: no place */
	unsigned line, column; /* from 1 */
};

enum diag_level { DIAG_ERROR, DIAG_WARNING };

struct diag_message {
	enum diag_level level;
	struct where where;
	char *text;
	const char *form; /* what diag_error_once() was given; NULL: it was not */
	unsigned order;   /* as found, for a stable sort */
};

#define DIAG_MAX 1000 /* who has more mistakes has another kind of file */

struct diag {
	struct diag_message *message;
	size_t n, room;
	size_t errors;
	size_t left_out; /* more than DIAG_MAX */
	char **file;     /* copies of the names in the places: messages outlive what was read */
	size_t nfile;
};

void diag_init(struct diag *d);
void diag_free(struct diag *d);
void diag_error(struct diag *d, struct where w, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same, but only the first of this form at this place: what holds for each device of a range,
 * is said of its first. fmt must be a literal. */
void diag_error_once(struct diag *d, struct where w, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void diag_warn(struct diag *d, struct where w, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Either of them: the caller decides how bad it is. */
typedef void diag_say(struct diag *d, struct where w, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Sort by file, line, column; equal messages at one place become one. First, without a place,
 * stands how many were left out, if any. */
void diag_sort(struct diag *d);

/* "file:line:column: message" or "file:line:column: warning: message"; returns the length as
 * snprintf. */
int diag_print(const struct diag_message *m, char *buf, size_t size);

/* The known word nearest to `word`, or NULL if none is near: for "did you mean". */
const char *diag_nearest(const char *word, const char *const *known, size_t n);

#endif
