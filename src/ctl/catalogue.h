/* SPDX-License-Identifier: MIT */
/*
 * catalogue: all device profiles, loaded.
 */
#ifndef CTL_CATALOGUE_H
#define CTL_CATALOGUE_H

#include "ctl/line.h"
#include "ctl/markdown.h"
#include "ctl/verb.h"

struct catalogue {
	struct markdown_profile *profile; /* sorted by name within each directory */
	size_t n;
};

/* False: one of them cannot be read (its errors are on standard error, unless quiet). */
bool catalogue_load(struct catalogue *c, const struct config_paths *paths, bool quiet);
void catalogue_free(struct catalogue *c);

/* The settings of the profiles, the most frequent first. What differs only in stop bits is one.
 * Returns how many. */
size_t catalogue_settings(const struct catalogue *c, struct setting *s, size_t room);

#endif
