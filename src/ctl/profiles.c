// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/diag.h"
#include "core/model/devid.h"
#include "ctl/catalogue.h"
#include "ctl/verb.h"
#include "ctl/wording.h"

static void help(void)
{
	puts("Usage: xnetctl profiles [OPTION]... [NAME | WORD...]\n"
	     "List the device profiles, or those with all these words in their name, title, vendor "
	     "or\n"
	     "models; with the NAME of one show its points.\n"
	     "\n"
	     "  -P, --profiles DIR   where device profiles are; may be given up to three times\n"
	     "      --markdown       print all of them in full, as one page");
}

static void list(const struct markdown_profile *p)
{
	static const char *const status[] = {"", "tested", "captured", "documented",
	                                     "experimental"};
	const struct device *d = &p->model->device[0];

	printf("%-24s %-13s %s\n", p->name, status[d->status], d->title ? d->title : "");
}

/* Whether each word is somewhere in what names the device. */
static bool matches(const struct markdown_profile *p, char **word, int n)
{
	const struct device *d = &p->model->device[0];
	const char *const text[] = {p->name, d->title, d->vendor, d->model};

	for (int i = 0; i < n; i++) {
		bool found = false;
		for (size_t k = 0; k < sizeof(text) / sizeof(text[0]); k++)
			found = found || (text[k] && strcasestr(text[k], word[i]));
		if (!found)
			return false;
	}
	return true;
}

static void none(const struct catalogue *all, const char *word)
{
	const char **names = mem_alloc(all->n + 1, sizeof(*names));

	for (size_t i = 0; i < all->n; i++)
		names[i] = all->profile[i].name;
	const char *near = diag_nearest(word, names, all->n);
	fprintf(stderr, "xnetctl profiles: no profile '%s'", wording_clean(word));
	if (near)
		fprintf(stderr, ": did you mean '%s'?", near);
	fputs("\n'xnetctl profiles' lists all. A device without one lists its points in "
	      "devices.yaml "
	      "itself, or gets a profile: doc/profiles.md.\n",
	      stderr);
	free(names);
}

static int search(const struct config_paths *paths, char **word, int n)
{
	struct catalogue all;
	bool any = false;

	catalogue_load(&all, paths, true);
	for (size_t i = 0; i < all.n; i++) {
		if (!matches(&all.profile[i], word, n))
			continue;
		list(&all.profile[i]);
		any = true;
	}
	if (!any)
		none(&all, word[0]);
	catalogue_free(&all);
	return any ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int show_all(const struct config_paths *paths, bool markdown)
{
	struct catalogue all;
	const bool good = catalogue_load(&all, paths, false);

	if (markdown)
		markdown_print(all.profile, all.n);
	for (size_t i = 0; i < all.n && !markdown; i++)
		list(&all.profile[i]);
	catalogue_free(&all);
	return good ? EXIT_SUCCESS : EXIT_CONFIG;
}

static const char *access_of(const struct point *p)
{
	if (!p->write)
		return "r";
	return p->write->only ? "w" : "rw";
}

static void print_point(const struct sunspec *s, const struct point *p)
{
	static const char *const table[] = {"coil", "discrete", "holding", "input"};
	static const char *const rate[] = {"fast", "normal", "slow", "once", ""};
	char place[96] = "computed";

	if (p->part)
		snprintf(place, sizeof(place), "%s + %u", s->part[p->part - 1].name, p->offset[0]);
	else if (p->source == SOURCE_REGISTER)
		snprintf(place, sizeof(place), "%s 0x%04X", table[p->table], p->addr[0]);
	else if (p->source == SOURCE_DEVICE_ID)
		devid_place(p->addr[0], place, sizeof(place));
	printf("  %-36s %-16s %-3s %-7s %s", p->name, place, access_of(p), rate[p->rate],
	       p->unit ? p->unit : "");
	for (uint16_t i = 0; i < p->nlabel; i++)
		printf("%s%s", i ? ", " : " ", p->label[i].text);
	if (p->alert)
		printf("%s %d: %s", p->alert == ALERT_FAULT ? "fault" : "warning",
		       (int)p->alert_code, p->alert_desc ? p->alert_desc : "");
	putchar('\n');
}

/* A text of several lines, each below the first. */
static void print_lines(const char *title, const char *text)
{
	do {
		const size_t n = strcspn(text, "\n");
		printf("%-8s %.*s\n", title, (int)n, text);
		text += n + (text[n] == '\n');
		title = "";
	} while (*text);
}

static void show_device(const struct device *d, const struct bus_conf *b)
{
	printf("%s\nvendor   %s\nmodels   %s\nline     %u %u%c%u\n", d->title ? d->title : d->name,
	       d->vendor ? d->vendor : "", d->model ? d->model : "", (unsigned)b->baud, b->data,
	       b->parity, b->stop);
	print_lines("sources", d->sources ? d->sources : "");
	puts("points");
	for (uint32_t i = 0; i < d->set->n; i++)
		print_point(d->set->sunspec, &d->set->point[i]);
}

/* One profile, or what has this word. */
static int show(const struct config_paths *paths, char **name)
{
	char path[4096];

	for (size_t i = 0; paths->profiles[i]; i++) {
		snprintf(path, sizeof(path), "%s/%s.yaml", paths->profiles[i], *name);
		if (access(path, R_OK) != 0)
			continue;
		struct model *m = files_profile(path, false);
		if (!m)
			return EXIT_CONFIG;
		show_device(&m->device[0], &m->bus[m->device[0].bus]);
		model_destroy(m);
		return EXIT_SUCCESS;
	}
	return search(paths, name, 1);
}

int verb_profiles(int argc, char **argv)
{
	static const struct option table[] = {FILES_LONG_OPTIONS,
	                                      {"markdown", no_argument, NULL, 'm'},
	                                      {"help", no_argument, NULL, 'h'},
	                                      {0}};
	struct config_paths paths;
	bool markdown = false;

	files_init(&paths);
	for (int c; (c = getopt_long(argc, argv, "P:h", table, NULL)) != -1;) {
		if (c == 'h') {
			help();
			return EXIT_SUCCESS;
		}
		if (c == 'm') {
			markdown = true;
			continue;
		}
		if (!files_option(&paths, c))
			return usage("profiles");
	}
	if (markdown && optind < argc)
		return usage_words("profiles", argc, argv, optind, NULL);
	if (optind + 1 < argc)
		return search(&paths, argv + optind, argc - optind);
	return optind < argc ? show(&paths, argv + optind) : show_all(&paths, markdown);
}
