// SPDX-License-Identifier: MIT
#include "ctl/verb.h"
#include "ctl/wording.h"

#define DIRECTORIES (sizeof(((struct config_paths *)0)->profiles) / sizeof(char *) - 1)

static const char own_profiles[] = CONFIG_DIR "/profiles";

void files_init(struct config_paths *p)
{
	*p = (struct config_paths){.file = CONFIG_DIR "/devices.yaml",
	                           .profiles = {own_profiles, PROFILE_DIR}};
}

/* The first directory given replaces the defaults. */
static bool add_profiles(struct config_paths *p, const char *dir)
{
	size_t n = 0;

	if (p->profiles[0] == own_profiles)
		p->profiles[0] = p->profiles[1] = NULL;
	while (p->profiles[n])
		n++;
	if (n == DIRECTORIES) {
		fprintf(stderr, "xnetctl: --profiles: at most %zu directories\n", DIRECTORIES);
		return false;
	}
	p->profiles[n] = dir;
	return true;
}

bool files_option(struct config_paths *p, int c)
{
	switch (c) {
	case 'c':
		p->file = optarg;
		return true;
	case 'P':
		return add_profiles(p, optarg);
	default:
		return false;
	}
}

void files_report(struct diag *d)
{
	char text[1024];

	diag_sort(d);
	for (size_t i = 0; i < d->n; i++) {
		diag_print(&d->message[i], text, sizeof(text));
		fprintf(stderr, "%s\n", text);
	}
}

struct model *files_load(const struct config_paths *p, bool quiet)
{
	struct diag d;

	diag_init(&d);
	struct model *m = config_load(p, &d);
	if (!quiet)
		files_report(&d);
	diag_free(&d);
	return m;
}

struct model *files_profile(const char *path, bool quiet)
{
	struct profile_test *tests;
	size_t ntest;
	struct diag d;

	diag_init(&d);
	struct model *m = config_load_profile(path, &d, &tests, &ntest);
	if (!m && !quiet)
		files_report(&d);
	diag_free(&d);
	return m;
}

int usage(const char *verb)
{
	fprintf(stderr, "Try 'xnetctl %s --help'.\n", verb);
	return EXIT_USAGE;
}

int usage_words(const char *verb, int argc, char **argv, int most, const char *missing)
{
	if (most < argc)
		fprintf(stderr, "xnetctl %s: '%s' is one argument too many\n", verb,
		        wording_clean(argv[most]));
	else
		fprintf(stderr, "xnetctl %s: %s\n", verb, missing);
	return usage(verb);
}
