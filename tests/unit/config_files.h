/* SPDX-License-Identifier: MIT */
/* config_files: a map of tests/configs loaded, and what was said about it. */
#ifndef TESTS_UNIT_CONFIG_FILES_H
#define TESTS_UNIT_CONFIG_FILES_H

#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"

/* All files are named as seen from tests/configs, so that the expected messages hold everywhere. */
static const char *const profiles[] = {"profiles", "profiles-bad"};

static inline struct model *load(const char *file, struct diag *d)
{
	const struct config_paths paths = {.file = file, .profiles = {profiles[0], profiles[1]}};
	diag_init(d);
	return config_load(&paths, d);
}

/* The caller's to free. */
static inline char *messages(const struct diag *d)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	for (size_t i = 0; i < d->n; i++) {
		char line[2048];
		diag_print(&d->message[i], line, sizeof line);
		fprintf(f, "%s\n", line);
	}
	fclose(f);
	return text;
}

#endif
