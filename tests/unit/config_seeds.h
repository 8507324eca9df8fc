/* SPDX-License-Identifier: MIT */
/*
 * config_seeds: all good configurations and profiles of the tests and the shipped profiles, each as
 * a tree that can be written again with changes and loaded.
 */
#ifndef TESTS_UNIT_CONFIG_SEEDS_H
#define TESTS_UNIT_CONFIG_SEEDS_H

#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/load.h"
#include "config_files.h"
#include "config_mutate.h"
#include "model_text.h"

#define NODES_MAX 40000

struct seed {
	char *path;
	bool profile;
	struct arena *arena;
	const struct node *root;
	char *text; /* of its model, unchanged */
	const struct node **node;
	size_t n;
};

static struct {
	char dir[64], map[80], profile[80];
	char here[PATH_MAX], shipped[PATH_MAX];
	struct seed seed[256];
	size_t n;
} all;

/* -- loading what was written -- */

static void write_file(const char *path, const struct node *root, const struct edits *e)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	write_node(f, root, e, 0);
	assert_int_equal(fclose(f), 0);
}

struct loaded {
	struct diag d;
	char *text; /* NULL: refused */
};

static struct loaded load_it(const struct seed *s, const struct edits *e)
{
	const struct config_paths paths = {.file = all.map, .profiles = {all.here, all.shipped}};
	struct loaded o = {0};
	struct profile_test *tests = NULL;
	size_t n = 0;
	diag_init(&o.d);
	write_file(s->profile ? all.profile : all.map, s->root, e);
	struct model *m = s->profile ? config_load_profile(all.profile, &o.d, &tests, &n)
	                             : config_load(&paths, &o.d);
	o.text = m ? model_text(m, tests, n) : NULL;
	model_destroy(m);
	return o;
}

static void loaded_free(struct loaded *o)
{
	diag_free(&o->d);
	free(o->text);
}

static char *file_text(const char *path)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size), *f = fopen(path, "r");
	for (int c; (c = getc(f)) != EOF;)
		putc(c, out);
	fclose(f);
	fclose(out);
	return text;
}

static void seed_add(const char *path, bool profile)
{
	const struct edits none = {.n = 0};
	struct seed *s = &all.seed[all.n++];
	struct diag d;
	char *text = file_text(path);
	assert_true(all.n <= COUNT(all.seed));
	diag_init(&d);
	*s = (struct seed){.path = strdup(path), .profile = profile, .arena = arena_create()};
	assert_true(yaml_parse(s->arena, s->path, text, strlen(text), &d, &s->root));
	free(text);
	diag_free(&d);
	if (!s->root) { /* an empty file */
		all.n--;
		arena_destroy(s->arena);
		free(s->path);
		return;
	}
	s->node = calloc(NODES_MAX, sizeof *s->node);
	s->n = list_nodes(s->root, s->node, 0, NODES_MAX);
	assert_true(s->n <= NODES_MAX);
	struct loaded o = load_it(s, &none);
	if (!o.text || o.d.n > (profile ? 0 : 1)) {
		char *said = messages(&o.d);
		fail_msg("%s, written again, gives\n%s", path, said);
	}
	s->text = o.text;
	diag_free(&o.d);
}

static void seeds_add(const char *pattern, bool profile)
{
	glob_t found;
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		seed_add(found.gl_pathv[i], profile);
	globfree(&found);
}

/* Is there a message that was not there before, or another model? */
static inline bool noticed(const struct seed *s, const struct edits *e)
{
	struct loaded o = load_it(s, e);
	const bool yes =
		!o.text || o.d.n > 1 || (s->profile && o.d.n) || strcmp(o.text, s->text) != 0;
	if (!o.text && !o.d.errors)
		fail_msg("%s: refused without a message", s->path);
	loaded_free(&o);
	return yes;
}

/* A file that is named by a seed as seen from itself. */
static void link_files(const char *pattern)
{
	glob_t found;
	char real[PATH_MAX], to[PATH_MAX];
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *name = strrchr(found.gl_pathv[i], '/') + 1;
		snprintf(to, sizeof to, "%s/%s", all.dir, name);
		assert_non_null(realpath(found.gl_pathv[i], real));
		assert_int_equal(symlink(real, to), 0);
	}
	globfree(&found);
}

/* From tests/configs. */
static int seeds_setup(void **state)
{
	(void)state;
	strcpy(all.dir, "/tmp/xnet-seeds-XXXXXX");
	if (!mkdtemp(all.dir) || !realpath("profiles", all.here) ||
	    !realpath("../../devices", all.shipped))
		return -1;
	snprintf(all.map, sizeof all.map, "%s/devices.yaml", all.dir);
	snprintf(all.profile, sizeof all.profile, "%s/mutant.yaml", all.dir);
	link_files("good/site");
	link_files("good/mqtt.password");
	link_files("profiles/*.yaml");
	link_files("../../devices/*.yaml");
	seeds_add("good/*.yaml", false);
	seeds_add("profiles/*.yaml", true);
	seeds_add("../../devices/*.yaml", true);
	return 0;
}

static int seeds_teardown(void **state)
{
	(void)state;
	char pattern[80];
	glob_t found;
	snprintf(pattern, sizeof pattern, "%s/*", all.dir);
	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			unlink(found.gl_pathv[i]);
	globfree(&found);
	rmdir(all.dir);
	for (size_t i = 0; i < all.n; i++) {
		arena_destroy(all.seed[i].arena);
		free(all.seed[i].path);
		free(all.seed[i].text);
		free(all.seed[i].node);
	}
	return 0;
}

#endif
