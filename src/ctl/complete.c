// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/verb.h"

/*
 * Words for the shell's completion, made from each verb's --help: its options, and by
 * the words in capitals what belongs behind them. Nothing of it is listed a second time here.
 */

#define HELP_MAX 16384
#define OPTIONS_MAX 64

struct help_option {
	char name[32];  /* --config */
	char brief[4];  /* -c, or "" */
	char value[32]; /* FILE, or "" */
};

struct help {
	struct help_option option[OPTIONS_MAX];
	size_t n;
	char places[256]; /* the first line behind the verb: "[OPTION]... [FILE]" */
};

/* In a process of its own, with its standard output in text. */
static void help_read(int (*run)(int, char **), char *verb, char *text)
{
	int ends[2];
	size_t n = 0;

	if (pipe(ends) < 0)
		return;
	const pid_t child = fork();
	if (child == 0) {
		char option[] = "--help", *words[] = {verb, option, NULL};
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		run(2, words);
		fflush(stdout);
		_exit(0);
	}
	close(ends[1]);
	for (ssize_t got;
	     n < HELP_MAX - 1 && (got = read(ends[0], text + n, HELP_MAX - 1 - n)) > 0;)
		n += (size_t)got;
	text[n] = '\0';
	close(ends[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
}

static size_t word_length(const char *s)
{
	return strcspn(s, " ,=|[]\n");
}

/* "  -c, --config FILE    the configuration"; at: the first "-". */
static void option_parse(struct help *h, const char *at)
{
	struct help_option o = {0};

	if (at[1] != '-' && isalnum((unsigned char)at[1])) {
		snprintf(o.brief, sizeof(o.brief), "%.2s", at);
		at += 2 + strspn(at + 2, ", ");
	}
	if (strncmp(at, "--", 2) == 0 && islower((unsigned char)at[2])) {
		const size_t len = word_length(at);
		snprintf(o.name, sizeof(o.name), "%.*s", (int)len, at);
		at += len;
	} else if (o.brief[0]) {
		at--;
	}
	if ((*at == ' ' || *at == '=') && (isupper((unsigned char)at[1])))
		snprintf(o.value, sizeof(o.value), "%.*s", (int)word_length(at + 1), at + 1);
	if ((o.name[0] || o.brief[0]) && h->n < OPTIONS_MAX)
		h->option[h->n++] = o;
}

static void help_parse(struct help *h, const char *verb, const char *text)
{
	static const char usage_is[] = "Usage: xnetctl ";

	for (const char *line = text; *line;) {
		const size_t len = strcspn(line, "\n"), indent = strspn(line, " ");
		if (strncmp(line, usage_is, sizeof(usage_is) - 1) == 0) {
			const char *rest = line + sizeof(usage_is) - 1 + strlen(verb);
			snprintf(h->places, sizeof(h->places), "%.*s",
			         (int)(len - (size_t)(rest - line)), rest);
			for (const char *o = h->places; (o = strstr(o, "[-")); o++)
				option_parse(h, o + 1);
		} else if (indent && line[indent] == '-') {
			option_parse(h, line + indent);
		}
		line += len + (line[len] == '\n');
	}
}

/* -- what belongs in the place of a word in capitals -------------------------- */

static void print_buses(const struct model *m)
{
	for (size_t i = 0; m && i < m->nbus; i++)
		puts(m->bus[i].name);
}

static void print_devices(const struct model *m)
{
	for (size_t i = 0; m && i < m->ndevice; i++)
		puts(m->device[i].name);
}

static void print_points(const struct model *m)
{
	for (size_t i = 0; m && i < m->ndevice; i++)
		for (uint32_t k = 0; k < m->device[i].set->n; k++)
			printf("%s.%s\n", m->device[i].name, m->device[i].set->point[k].name);
}

static void print_profiles(const struct config_paths *p)
{
	for (size_t i = 0; i < sizeof(p->profiles) / sizeof(p->profiles[0]) && p->profiles[i];
	     i++) {
		char pattern[512];
		glob_t found = {0};

		snprintf(pattern, sizeof(pattern), "%s/*.yaml", p->profiles[i]);
		if (glob(pattern, 0, NULL, &found) == 0)
			for (size_t k = 0; k < found.gl_pathc; k++) {
				const char *base = strrchr(found.gl_pathv[k], '/') + 1;
				printf("%.*s\n", (int)(strlen(base) - strlen(".yaml")), base);
			}
		globfree(&found);
	}
}

enum kind {
	KIND_NONE,
	KIND_FILES,
	KIND_DIRECTORIES,
	KIND_BUSES,
	KIND_DEVICES,
	KIND_POINTS,
	KIND_PROFILES,
	KIND_PORTS,
	KIND_TARGETS,
};

/* By the word in capitals, the option before it, or the verb. */
static const struct {
	const char *word;
	enum kind kind;
} kinds[] = {
	{"FILE", KIND_FILES},          {"PATH", KIND_FILES},        {"DIR", KIND_DIRECTORIES},
	{"BUS", KIND_BUSES},           {"--bus", KIND_BUSES},       {"DEVICE", KIND_DEVICES},
	{"DEV", KIND_DEVICES},         {"--device", KIND_DEVICES},  {"POINT", KIND_POINTS},
	{"DEVICE.POINT", KIND_POINTS}, {"points", KIND_POINTS},     {"PROFILE", KIND_PROFILES},
	{"--profile", KIND_PROFILES},  {"profiles", KIND_PROFILES}, {"--port", KIND_PORTS},
	{"TARGET", KIND_TARGETS},
};

static enum kind kind_of(const char *word)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].word, word) == 0)
			return kinds[i].kind;
	return KIND_NONE;
}

static void print_kind(enum kind kind, const struct config_paths *paths)
{
	struct model *m = kind >= KIND_BUSES && kind != KIND_PROFILES && kind != KIND_PORTS
	                          ? files_load(paths, true)
	                          : NULL;

	if (kind == KIND_FILES)
		puts("<files>");
	if (kind == KIND_DIRECTORIES)
		puts("<directories>");
	if (kind == KIND_BUSES || kind == KIND_TARGETS)
		print_buses(m);
	if (kind == KIND_DEVICES || kind == KIND_POINTS || kind == KIND_TARGETS)
		print_devices(m);
	if (kind == KIND_POINTS || kind == KIND_TARGETS)
		print_points(m);
	if (kind == KIND_PORTS || kind == KIND_TARGETS)
		ports_print_names();
	if (kind == KIND_PROFILES)
		print_profiles(paths);
	model_destroy(m);
}

/* -- the verb ------------------------------------------------------------------ */

/* Where the words before look for the configuration and profiles. */
static void words_paths(int n, char **word, struct config_paths *paths)
{
	files_init(paths);
	for (int i = 0; i + 1 < n; i++) {
		const bool equals = strcmp(word[i + 1], "=") == 0 && i + 2 < n;
		optarg = word[i + 1 + equals];
		if (strcmp(word[i], "-c") == 0 || strcmp(word[i], "--config") == 0)
			files_option(paths, 'c');
		if (strcmp(word[i], "-P") == 0 || strcmp(word[i], "--profiles") == 0)
			files_option(paths, 'P');
	}
}

/* The option whose value comes next; NULL: none. */
static const struct help_option *awaited(const struct help *h, int n, char **word)
{
	const char *last = n > 1 ? word[n - 1] : "";
	if (strcmp(last, "=") == 0 && n > 2)
		last = word[n - 2];
	for (size_t i = 0; *last && i < h->n; i++)
		if (h->option[i].value[0] &&
		    (strcmp(h->option[i].name, last) == 0 || strcmp(h->option[i].brief, last) == 0))
			return &h->option[i];
	return NULL;
}

static void print_places(const struct help *h, const char *verb, const struct config_paths *paths)
{
	char word[32];

	for (const char *p = h->places; *p; p++) {
		const size_t len = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
		if (!len)
			continue;
		snprintf(word, sizeof(word), "%.*s", (int)len, p);
		p += len - 1;
		if (strcmp(word, "NAME") == 0)
			snprintf(word, sizeof(word), "%s", verb);
		print_kind(kind_of(word), paths);
	}
}

int verb_complete(int argc, char **argv)
{
	struct help h = {0};
	struct config_paths paths;
	static char text[HELP_MAX];

	argv++;
	argc--;
	if (argc == 0) {
		for (size_t i = 0; verb_name(i); i++)
			puts(verb_name(i));
		puts("--help\n--version");
		return EXIT_SUCCESS;
	}
	int (*run)(int, char **) = verb_find(argv[0]);
	if (!run || run == verb_complete)
		return EXIT_SUCCESS;
	help_read(run, argv[0], text);
	help_parse(&h, argv[0], text);
	words_paths(argc, argv, &paths);
	const struct help_option *o = awaited(&h, argc, argv);
	if (o) {
		const enum kind kind = kind_of(o->value);
		print_kind(kind != KIND_NONE ? kind : kind_of(o->name), &paths);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; i < h.n; i++)
		puts(h.option[i].name[0] ? h.option[i].name : h.option[i].brief);
	puts("--help");
	print_places(&h, argv[0], &paths);
	return EXIT_SUCCESS;
}
