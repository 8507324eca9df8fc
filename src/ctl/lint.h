/*
 * lint: what a profile must have to be shipped, beyond being readable.
 */
#ifndef CTL_LINT_H
#define CTL_LINT_H

#include "core/model.h"

/* Known units, one a line; '#' begins a comment. */
struct units {
	char **unit;
	size_t n;
};

/* From units.txt beside the profile, else beside the installed profiles. False: neither is there.
 */
bool units_read(struct units *u, const char *profile_path);
void units_free(struct units *u);

/* Adds an error for everything that is missing or odd. units NULL: they are not looked at. */
void lint_profile(const struct device *d, const struct profile_test *tests, size_t ntest,
                  const struct units *units, struct diag *diag);

#endif
