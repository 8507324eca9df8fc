/* SPDX-License-Identifier: MIT */
/*
 * pointset: the points of a device, from its layers. names.c finds which there are, point.c reads
 * each, pointset.c binds them to each other.
 */
#ifndef CONFIG_POINTSET_H
#define CONFIG_POINTSET_H

#include "config/load.h"

#define POINTS_MAX 4096 /* of one device */

struct recipes {
	struct recipe *recipe;
	size_t n, room;
	struct name_table by_name;
};

/* All points that the layers name, base profile first, each with the maps that define something of
 * it. */
void names_collect(struct load *l, const struct layers *layers, struct recipes *all);

/* The value of `if`; false after an error. */
bool condition_true(struct load *l, const struct node *n, const struct parameter *parameter,
                    size_t nparameter);

/* Of a point with several places the one whose `if` is true; NULL: none is, or an error. */
const struct node *alternative_pick(struct load *l, const char *name, const struct node *list,
                                    const struct parameter *parameter, size_t nparameter);

/* Is the text in this list? */
bool choice_known(const struct node *choices, const char *text);

/* -- a set being made: pointset.c, and group.c for the groups -- */
struct making {
	struct load *l;
	const struct layers *layers;
	struct recipes recipes;
	struct draft *draft;
	struct name_table by_name;   /* drafts */
	struct name_table by_absent; /* … and those left out by `if` */
	int32_t **needs;     /* of each draft what it is computed from, ascending, then -1 */
	bool *wanted, *kept; /* published; or at least needed by one that is */
	const char **absent; /* names left out by `if` */
	size_t nabsent;
	int32_t *index; /* of the draft in the finished set; -1: left out */
	size_t n;
};

/* "; did you mean ...", of the points' names; or "". */
const char *making_hint(const struct making *m, const char *name, char *buf, size_t size);
/* The draft a key names; -1: none (no name, or unknown and reported). */
int32_t making_reference(const struct making *m, const char *key, const struct reference *r);
/* NULL after an error, reported at the text's place. */
const struct expr *making_expr(const struct making *m, struct arena *a, const char *key,
                               const struct reference *text, expr_lookup lookup, void *ctx);
/* Left out by `if`? */
bool making_absent(const struct making *m, const char *name, size_t len);
/* For expr_compile: indexes of the finished set; ctx is the making. */
int making_lookup(void *ctx, const char *name, size_t len);

/* What else is known of a set that was made. Scratch memory. */
struct pointset_origin {
	struct recipes all; /* also those left out */
	bool *broken;       /* by point */
};

const struct pointset *pointset_make(struct load *l, const struct layers *layers,
                                     struct pointset_origin *from);

/* -- selection.c -- */
/* Marks those that only and omit leave as wanted. */
void drafts_select(struct making *m);
/* Marks what they and the device need as kept, hidden; references are bound. */
void drafts_keep(struct making *m);

/* -- group.c -- */
extern const struct keyset keyset_group;
void groups_finish(struct making *m, struct pointset *s);

#endif
