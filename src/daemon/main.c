// SPDX-License-Identifier: MIT
#include "config.h"

#include "daemon/base/checkup.h"
#include "daemon/base/descriptors.h"
#include "daemon/loop.h"
#include "daemon/options.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SERVICE_USER "xnetd"
#define LARGE 65536 /* bytes */

static void print_line(void *ctx, const char *text)
{
	(void)ctx;
	puts(text);
}

/* All that is wrong goes to standard error, as a compiler reports it; the journal also gets the
 * priority. */
static void print_diag(const struct diag *d)
{
	const bool journal = log_to_journal();
	for (size_t i = 0; i < d->n; i++) {
		char text[1024];
		diag_print(&d->message[i], text, sizeof text);
		if (journal)
			fprintf(stderr, "<%d>",
			        d->message[i].level == DIAG_ERROR ? LEVEL_ERROR : LEVEL_WARN);
		fprintf(stderr, "%s\n", text);
	}
}

static struct model *load(const struct options *o, struct bundle *b)
{
	struct diag d;
	diag_init(&d);
	struct model *m = config_load_bundle(&o->paths, &d, b);
	diag_sort(&d);
	print_diag(&d);
	diag_free(&d);
	return m;
}

static void first_error(const struct diag *d, char *buf, size_t size)
{
	snprintf(buf, size, "the configuration has errors");
	for (size_t i = 0; i < d->n; i++)
		if (d->message[i].level == DIAG_ERROR) {
			diag_print(&d->message[i], buf, size);
			return;
		}
}

/* The file's model, which is kept; or, when it has errors, the one kept last. NULL: neither. */
static struct model *load_or_last_good(const struct options *o, struct loop_start *start)
{
	static char refused[1024];
	struct bundle *b = bundle_create(&o->paths);
	struct diag d;
	diag_init(&d);
	struct model *m = config_load_bundle(&o->paths, &d, b);
	diag_sort(&d);
	print_diag(&d);
	if (m)
		lastgood_keep(b, &start->kept);
	bundle_destroy(b);
	first_error(&d, refused, sizeof refused);
	diag_free(&d);
	if (m || o->strict)
		return m;
	diag_init(&d);
	m = lastgood_load(o->paths.file, &d, &start->kept);
	if (m)
		start->refused = refused;
	else
		log_warn("no last good configuration to start with: %s", start->kept.why);
	if (!m) {
		diag_sort(&d);
		print_diag(&d);
	}
	diag_free(&d);
	return m;
}

static int check(const struct options *o)
{
	char size[MODEL_SIZE_TEXT];
	struct bundle *b = bundle_create(&o->paths);
	struct model *m = load(o, b);
	bool good = m != NULL;
	if (m) {
		struct diag d;
		diag_init(&d);
		checkup(m, &d);
		/* the service's own configuration, as seen by root, who may read everything */
		if (geteuid() == 0 && strcmp(o->paths.file, CONFIG_DIR "/devices.yaml") == 0)
			checkup_readable(SERVICE_USER, b, &d);
		print_diag(&d);
		good = d.errors == 0;
		diag_free(&d);
	}
	bundle_destroy(b);
	if (!good) {
		model_destroy(m);
		return EXIT_CONFIG;
	}
	printf("%s: %s: good\n", m->file, model_size_text(m, size));
	model_destroy(m);
	return EXIT_SUCCESS;
}

/* Before the first thread: threads inherit the mask, and only main reads signals (by signalfd). */
static void tame_process(void)
{
	/* the broker's password is in memory: no core of it, and no process of the same user may
	 * look */
	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	descriptors_raise();
	/* one arena for all threads: each would take its own, and bus threads hardly allocate */
	mallopt(M_ARENA_MAX, 1);
	/* a large piece is mapped: only what is touched of it costs, and it goes back at once */
	mallopt(M_MMAP_THRESHOLD, LARGE);
	signal(SIGPIPE, SIG_IGN);
	sigset_t all;
	loop_signals(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	/* the MQTT library would send its TCP connections through a web proxy */
	static const char *const proxies[] = {"http_proxy", "https_proxy", "HTTP_PROXY",
	                                      "HTTPS_PROXY"};
	for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++)
		unsetenv(proxies[i]);
	tzset();
}

static int run(const struct options *o)
{
	log_open(o->level);
	tame_process();
	struct loop_start start = {.control = o->control};
	struct model *m = load_or_last_good(o, &start);
	if (!m)
		return EXIT_CONFIG;
	return loop_run(m, &o->paths, &start);
}

int main(int argc, char **argv)
{
	struct options o;
	options_parse(&o, argc, argv);
	switch (o.task) {
	case TASK_RUN:
		return run(&o);
	case TASK_CHECK:
		return check(&o);
	case TASK_KEYS:
		config_print_keys(print_line, NULL);
		return EXIT_SUCCESS;
	case TASK_VERSION:
		puts("xnetd " PACKAGE_VERSION);
		return EXIT_SUCCESS;
	case TASK_HELP:
		options_help();
		return EXIT_SUCCESS;
	case TASK_USAGE:
		break;
	}
	return EXIT_USAGE;
}
