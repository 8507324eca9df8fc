/* SPDX-License-Identifier: MIT */
/*
 * config: devices.yaml and profiles to a model. All errors of all files in one run, each with its
 * file:line:column.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "core/model/model.h"

struct config_paths {
	const char *file;        /* devices.yaml */
	const char *profiles[4]; /* searched in order, NULL-terminated */
};

/* NULL if anything is wrong (d then has errors); d may hold warnings also on success. The caller
 * owns the model: model_destroy(). Reads files; may be called from a short-lived thread. */
struct model *config_load(const struct config_paths *paths, struct diag *d);

/* The same; the text of all files is noted in an empty bundle (see bundle.h), or comes from one
 * that was stored: then the files, and paths, are not looked at. */
struct bundle;
struct model *config_load_bundle(const struct config_paths *paths, struct diag *d,
                                 struct bundle *bundle);

/* One profile alone, as the single device `profile` on a bus of its own, with its tests. NULL on
 * error. */
struct model *config_load_profile(const char *path, struct diag *d, struct profile_test **tests,
                                  size_t *ntest);

/* The key reference, from the field tables: one line a key (name, type, default, sentence). */
void config_print_keys(void (*line)(void *ctx, const char *text), void *ctx);

/* The same tables as a JSON schema (draft 7) of devices.yaml or of a profile, for editors. It has
 * what the loader's tables have, not the checks between keys. malloc'ed. */
char *config_schema(bool profile);

#endif
