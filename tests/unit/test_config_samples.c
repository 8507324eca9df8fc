// SPDX-License-Identifier: MIT
/* Every YAML sample in the documents, as a reader would copy it. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/keys.h"
#include "config/yaml.h"

static unsigned maps, profiles, others;

static void no_message(const char *document, unsigned line, struct diag *d)
{
	char text[2048];
	if (!d->errors)
		return;
	diag_print(&d->message[0], text, sizeof text);
	fail_msg("%s, the sample above line %u: %s", document, line, text);
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* What begins with `title` is a profile, what names buses and devices is a map; of anything else
 * only the form can be checked. */
static void sample_check(const char *document, unsigned line, const char *text)
{
	char path[] = "/tmp/xnet-sample-XXXXXX";
	const int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	const struct config_paths paths = {.file = path, .profiles = {"devices"}};
	struct profile_test *tests;
	struct model *m = NULL;
	struct diag d;
	size_t n;
	diag_init(&d);
	if (begins(text, "title:") && ++profiles) {
		m = config_load_profile(path, &d, &tests, &n);
	} else if (strstr(text, "buses:") && ++maps) {
		m = config_load(&paths, &d);
	} else {
		const struct node *root;
		struct arena *a = arena_create();
		others++;
		yaml_parse(a, document, text, strlen(text), &d, &root);
		arena_destroy(a);
	}
	unlink(path);
	no_message(document, line, &d);
	model_destroy(m);
	diag_free(&d);
}

struct reading {
	const char *document;
	char sample[65536];
	unsigned line;
	bool inside;
};

static void sample_end(struct reading *r)
{
	if (*r->sample)
		sample_check(r->document, r->line, r->sample);
	r->sample[0] = '\0';
}

/* A block that goes on with points or tests belongs to the profile before it. */
static void sample_line(struct reading *r, const char *line, bool first)
{
	const bool more =
		begins(r->sample, "title:") && (begins(line, "points:") || begins(line, "tests:"));
	if (first && !more)
		sample_end(r);
	assert_true(strlen(r->sample) + strlen(line) < sizeof r->sample);
	strcat(r->sample, line);
}

static void document_check(const char *path, const char *open, const char *close)
{
	static struct reading r;
	char line[1024];
	bool first = false;
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	r = (struct reading){.document = path};
	while (fgets(line, sizeof line, f)) {
		r.line++;
		if (!r.inside && begins(line, open)) {
			r.inside = first = true;
		} else if (r.inside && begins(line, close)) {
			r.inside = false;
		} else if (r.inside) {
			sample_line(&r, line, first);
			first = false;
		}
	}
	fclose(f);
	sample_end(&r);
}

static void every_sample_in_the_documents_loads(void **state)
{
	(void)state;
	glob_t found;
	assert_int_equal(glob("doc/*.md", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		document_check(found.gl_pathv[i], "```yaml", "```");
	globfree(&found);
	document_check("README.md", "```yaml", "```");
	document_check("man/devices.yaml.5", ".Bd -literal", ".Ed");
	assert_true(maps >= 1);
	assert_true(profiles >= 2);
	assert_true(others >= 1);
}

static void the_shipped_map_loads_and_has_no_device(void **state)
{
	(void)state;
	const struct config_paths paths = {.file = "etc/devices.yaml", .profiles = {"devices"}};
	struct diag d;
	diag_init(&d);
	struct model *m = config_load(&paths, &d);
	no_message(paths.file, 1, &d);
	assert_int_equal(d.n, 0);
	assert_int_equal(m->ndevice, 0);
	model_destroy(m);
	diag_free(&d);
}

/* With its comment signs taken away, as a user would begin. */
static void the_shipped_map_loads_when_its_examples_are_made_real(void **state)
{
	(void)state;
	static char text[65536];
	char line[1024];
	FILE *f = fopen("etc/devices.yaml", "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		char *s = line;
		if (begins(line, "  # ")) {
			line[2] = line[3] = ' ';
			memmove(line + 2, line + 4, strlen(line + 4) + 1);
			if (!strchr(line, ':'))
				continue; /* prose */
		} else if (*line == '#') {
			continue;
		}
		if (!strstr(s, "password_file") && !strstr(s, "lists its points itself"))
			strcat(text, s);
	}
	fclose(f);
	maps = 0;
	sample_check("etc/devices.yaml", 1, text);
	assert_int_equal(maps, 1);
	assert_non_null(strstr(text, "\n  scc1:"));
}

/* The newcomer's first edit: one comment sign goes, with or without the blank behind it. */
static void the_shipped_map_survives_the_first_edit(void **state)
{
	(void)state;
	static const struct {
		const char *script;
		size_t buses, devices;
	} rows[] = {
		{"s/^  # rs485/  rs485/", 1, 0},
		{"s/^  # rs485/   rs485/", 1, 0},
		{"s/^  # plant/  plant/", 1, 0},
		{"s/^  # \\(rs485\\|plant\\)/  \\1/", 2, 0},
		{"s/^  # \\(rs485\\|scc1\\)/  \\1/", 1, 1},
		{"s/^  # \\(rs485\\|scc1\\|meter1\\|relay1\\)/   \\1/", 1, 3},
		{"s/^  # rs485/  rs485/; /^  # boiler/,$ s/^  # /  /; s/plant/rs485/", 1, 1},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char path[] = "/tmp/xnet-sample-XXXXXX", command[256];
		const struct config_paths paths = {.file = path, .profiles = {"devices"}};
		struct diag d;
		close(mkstemp(path));
		snprintf(command, sizeof command, "sed '%s' etc/devices.yaml > %s", rows[i].script,
		         path);
		assert_int_equal(system(command), 0);
		diag_init(&d);
		struct model *m = config_load(&paths, &d);
		unlink(path);
		no_message(rows[i].script, 0, &d);
		assert_int_equal(d.n, 0);
		assert_int_equal(m->nbus, rows[i].buses);
		assert_int_equal(m->ndevice, rows[i].devices);
		model_destroy(m);
		diag_free(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sample_in_the_documents_loads),
		cmocka_unit_test(the_shipped_map_loads_and_has_no_device),
		cmocka_unit_test(the_shipped_map_survives_the_first_edit),
		cmocka_unit_test(the_shipped_map_loads_when_its_examples_are_made_real),
	};
	const char *srcdir = getenv("srcdir");
	if (chdir(srcdir ? srcdir : ".") != 0)
		return 99;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
