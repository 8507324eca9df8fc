#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/verb.h"

static void help(void)
{
	puts("Usage: xnetctl profiles [OPTION]... [NAME]\n"
	     "List the device profiles, or show the points of one.\n"
	     "\n"
	     "  -P, --profiles DIR   where device profiles are; may be given up to three times");
}

static struct model *load(const char *path)
{
	struct profile_test *tests;
	size_t ntest;
	struct diag d;

	diag_init(&d);
	struct model *m = config_load_profile(path, &d, &tests, &ntest);
	if (!m)
		files_tell(&d);
	diag_free(&d);
	return m;
}

static int is_profile(const struct dirent *e)
{
	const size_t n = strlen(e->d_name);

	return n > 5 && e->d_name[0] != '.' && strcmp(e->d_name + n - 5, ".yaml") == 0;
}

/* False: one of them cannot be read. */
static bool list(const char *dir)
{
	static const char *const status[] = {"", "tested", "documented", "experimental"};
	struct dirent **entry;
	bool good = true;
	const int n = scandir(dir, &entry, is_profile, alphasort);

	for (int i = 0; i < n; i++) {
		char path[4096];
		snprintf(path, sizeof(path), "%s/%s", dir, entry[i]->d_name);
		struct model *m = load(path);
		const size_t len = strlen(entry[i]->d_name) - 5;
		if (m)
			printf("%-24.*s %-13s %s\n", (int)len, entry[i]->d_name,
			       status[m->device[0].status],
			       m->device[0].title ? m->device[0].title : "");
		good = good && m;
		model_destroy(m);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	return good;
}

static const char *access_of(const struct point *p)
{
	if (!p->write)
		return "r";
	return p->write->only ? "w" : "rw";
}

static void print_point(const struct point *p)
{
	static const char *const table[] = {"coil", "discrete", "holding", "input"};
	static const char *const rate[] = {"fast", "normal", "slow", "once", ""};
	char place[32] = "computed";

	if (p->source == SOURCE_REGISTER)
		snprintf(place, sizeof(place), "%s 0x%04X", table[p->table], p->addr[0]);
	printf("  %-36s %-16s %-3s %-7s %s", p->name, place, access_of(p), rate[p->rate],
	       p->unit ? p->unit : "");
	for (uint16_t i = 0; i < p->nlabel; i++)
		printf("%s%s", i ? ", " : " ", p->label[i].text);
	if (p->alert)
		printf("%s %d: %s", p->alert == ALERT_FAULT ? "fault" : "warning",
		       (int)p->alert_code, p->alert_desc ? p->alert_desc : "");
	putchar('\n');
}

static void show_device(const struct device *d, const struct bus_conf *b)
{
	printf("%s\nvendor   %s\nmodels   %s\nline     %u %u%c%u\nsources  %s\npoints\n",
	       d->title ? d->title : d->name, d->vendor ? d->vendor : "", d->model ? d->model : "",
	       (unsigned)b->baud, b->data, b->parity, b->stop, d->sources ? d->sources : "");
	for (uint32_t i = 0; i < d->set->n; i++)
		print_point(&d->set->point[i]);
}

static int show(const struct config_paths *paths, const char *name)
{
	char path[4096];

	for (size_t i = 0; paths->profiles[i]; i++) {
		snprintf(path, sizeof(path), "%s/%s.yaml", paths->profiles[i], name);
		if (access(path, R_OK) != 0)
			continue;
		struct model *m = load(path);
		if (!m)
			return EXIT_CONFIG;
		show_device(&m->device[0], &m->bus[m->device[0].bus]);
		model_destroy(m);
		return EXIT_SUCCESS;
	}
	fprintf(stderr, "xnetctl profiles: no profile '%s'\n", name);
	return EXIT_FAILURE;
}

int verb_profiles(int argc, char **argv)
{
	static const struct option table[] = {
		FILES_LONG_OPTIONS, {"help", no_argument, NULL, 'h'}, {0}};
	struct config_paths paths;
	bool good = true;

	files_init(&paths);
	for (int c; (c = getopt_long(argc, argv, "P:h", table, NULL)) != -1;) {
		if (c == 'h') {
			help();
			return EXIT_SUCCESS;
		}
		if (!files_option(&paths, c))
			return usage("profiles");
	}
	if (optind + 1 < argc)
		return usage("profiles");
	if (optind < argc)
		return show(&paths, argv[optind]);
	for (size_t i = 0; paths.profiles[i]; i++)
		good = list(paths.profiles[i]) && good;
	return good ? EXIT_SUCCESS : EXIT_CONFIG;
}
