// SPDX-License-Identifier: MIT
#include "config/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/bundle.h"
#include "config/load.h"
#include "config/pointset.h"

static void load_begin(struct load *l, const struct config_paths *paths, struct diag *d)
{
	*l = (struct load){.arena = arena_create(),
	                   .scratch = arena_create(),
	                   .d = d,
	                   .paths = paths,
	                   .hash = 14695981039346656037U,
	                   .n = NO_NUMBER};
	l->m = arena_alloc(l->arena, sizeof *l->m);
	l->m->arena = l->arena;
}

/* The model, or NULL after errors; the scratch arena ends here. */
static struct model *load_end(struct load *l, size_t errors_before)
{
	diag_sort(l->d);
	arena_destroy(l->scratch);
	if (l->d->errors > errors_before) {
		arena_destroy(l->arena);
		return NULL;
	}
	snprintf(l->m->hash, sizeof l->m->hash, "%016" PRIx64, l->hash);
	return l->m;
}

struct model *config_load_bundle(const struct config_paths *paths, struct diag *d,
                                 struct bundle *bundle)
{
	struct load l;
	const size_t errors = d->errors;
	struct config_paths of_bundle;
	if (bundle && bundle_stored(bundle)) {
		bundle_paths(bundle, &of_bundle);
		paths = &of_bundle;
	}
	load_begin(&l, paths, d);
	l.bundle = bundle;
	l.m->file = arena_strdup(l.arena, paths->file);
	source_load(&l, paths->file);
	gateway_load(&l);
	mqtt_load(&l);
	homeassistant_load(&l);
	thingsboard_load(&l);
	defaults_check(&l);
	buses_load(&l);
	devices_load(&l);
	buses_finish(&l);
	check_model(&l);
	homeassistant_check(&l);
	return load_end(&l, errors);
}

struct model *config_load(const struct config_paths *paths, struct diag *d)
{
	return config_load_bundle(paths, d, NULL);
}

struct model *config_load_profile(const char *path, struct diag *d, struct profile_test **tests,
                                  size_t *ntest)
{
	struct load l;
	const size_t errors = d->errors;
	const char *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
	const struct config_paths paths = {.file = path, .profiles = {dir, PROFILE_DIR}};
	load_begin(&l, &paths, d);
	l.m->file = arena_strdup(l.arena, path);
	l.m->gateway = "gateway";
	mqtt_load(&l);
	homeassistant_load(&l);
	l.bus = arena_alloc(l.scratch, sizeof *l.bus);
	const char *base = slash ? slash + 1 : path;
	const size_t len = strlen(base),
		     cut = len > 5 && strcmp(base + len - 5, ".yaml") == 0 ? 5 : 0;
	const struct profile *p = profile_read(&l, path, arena_strndup(l.scratch, base, len - cut));
	*ntest = 0;
	*tests = NULL;
	if (p->root)
		profile_device(&l, p, tests, ntest);
	free(dir);
	return load_end(&l, errors);
}
