/* SPDX-License-Identifier: MIT */
/*
 * lint: what a profile must have to be shipped, beyond being readable.
 */
#ifndef CTL_LINT_H
#define CTL_LINT_H

#include "core/model/model.h"
#include "ctl/wordlist.h"

struct lint_lists {
	struct wordlist units, names; /* names: patterns */
	bool has_units, has_names;    /* false: not looked at */
};

/* Adds an error for everything that is missing or odd in a profile loaded alone, a warning for what
 * may have a reason. */
void lint_profile(const struct model *m, const struct profile_test *tests, size_t ntest,
                  const struct lint_lists *lists, struct diag *diag);

#endif
