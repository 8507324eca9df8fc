/* SPDX-License-Identifier: MIT */
/*
 * expr: arithmetic over points of one device: + - * / % comparison ?: && || ! min max abs round
 * floor. Compiled once to a small program, no loops. A missing input makes the result missing.
 */
#ifndef CORE_VALUE_EXPR_H
#define CORE_VALUE_EXPR_H

#include "core/base/arena.h"
#include "core/value/value.h"

struct expr;

/* Name to index; -1 unknown. */
typedef int (*expr_lookup)(void *ctx, const char *name, size_t len);

/* NULL on error: *column (from 1) and a message with what to do. Lives in the arena. */
struct expr *expr_compile(struct arena *a, const char *text, expr_lookup lookup, void *ctx,
                          unsigned *column, char *message, size_t size);

/* inputs[i] is the value of index i; VALUE_NONE, text or a division by zero make the result none.
 */
struct value expr_eval(const struct expr *e, struct value (*input)(void *ctx, int index),
                       void *ctx);

/* The next index it uses, ascending, each once; -1: no more. *at is 0 at first. For knowing what to
 * recompute. */
int expr_next(const struct expr *e, size_t *at);

/* Do both compute the same out of the same indexes? Both NULL: yes. */
bool expr_same(const struct expr *a, const struct expr *b);

#endif
