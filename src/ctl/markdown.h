/* SPDX-License-Identifier: MIT */
/*
 * markdown: profiles as a page for people, doc/devices.md.
 */
#ifndef CTL_MARKDOWN_H
#define CTL_MARKDOWN_H

#include "core/model/model.h"

struct markdown_profile {
	const char *name;
	const struct model *model; /* of config_load_profile() */
};

/* To standard output: a table of all, then each with its points. */
void markdown_print(const struct markdown_profile *profile, size_t n);

#endif
