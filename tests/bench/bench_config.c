// SPDX-License-Identifier: MIT
/* What it costs to load a big map: 60 profiles, 250 devices of 40 points each. Printed, never
 * judged; the goal is 150 ms and 30 MB. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"

#define PROFILES 60
#define DEVICES 250
#define POINTS 40
#define PER_BUS 25
#define SOURCES_MAX 256

struct source {
	char path[512];
	char *only; /* the first POINTS of its points, as a list */
};

struct bench {
	char devices[256]; /* the profiles there are */
	char dir[64];      /* the copies and the map */
	struct source source[SOURCES_MAX];
	size_t n;
};

static double milliseconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Resident memory at its peak, MB. */
static double peak(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_maxrss / 1024;
}

static char *names_of(const struct pointset *s)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	for (uint32_t i = 0; i < POINTS; i++)
		fprintf(f, "%s%s", i ? ", " : "", s->point[i].name);
	fclose(f);
	return text;
}

/* Noted, if it has enough points. */
static void source_try(struct bench *b, const char *path)
{
	struct profile_test *tests;
	struct diag d;
	size_t ntest;
	diag_init(&d);
	struct model *m = config_load_profile(path, &d, &tests, &ntest);
	if (m && m->device[0].set->n >= POINTS && b->n < SOURCES_MAX) {
		snprintf(b->source[b->n].path, sizeof b->source[b->n].path, "%s", path);
		b->source[b->n++].only = names_of(m->device[0].set);
	}
	model_destroy(m);
	diag_free(&d);
}

static void sources_find(struct bench *b)
{
	struct dirent **entry;
	const int n = scandir(b->devices, &entry, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char path[512];
		snprintf(path, sizeof path, "%s/%.200s", b->devices, entry[i]->d_name);
		if (strstr(path, ".yaml"))
			source_try(b, path);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
}

/* How many point sets the devices share. */
static size_t sets_of(const struct model *m)
{
	size_t n = 0;
	for (size_t i = 0; i < m->ndevice; i++) {
		bool known = false;
		for (size_t k = 0; k < i; k++)
			known |= m->device[k].set == m->device[i].set;
		n += !known;
	}
	return n;
}

static bool copy(const char *from, const char *to)
{
	char text[4096];
	FILE *in = fopen(from, "re"), *out = fopen(to, "we");
	for (size_t n; in && out && (n = fread(text, 1, sizeof text, in)) > 0;)
		fwrite(text, 1, n, out);
	const bool good = in && out;
	if (in)
		fclose(in);
	return out && fclose(out) == 0 && good;
}

static bool files_write(const struct bench *b)
{
	char path[128];
	bool good = true;
	for (size_t i = 0; i < PROFILES; i++) {
		snprintf(path, sizeof path, "%s/copy%zu.yaml", b->dir, i);
		good = copy(b->source[i % b->n].path, path) && good;
	}
	snprintf(path, sizeof path, "%s/devices.yaml", b->dir);
	FILE *f = fopen(path, "we");
	if (!f || !good)
		return false;
	fputs("gateway: bench\nmqtt: {broker: mqtt://localhost}\nbuses:\n", f);
	for (int i = 0; i < DEVICES / PER_BUS; i++)
		fprintf(f, "  bus%d: {port: /dev/ttyUSB%d, baud: 9600, format: 8N1}\n", i, i);
	fputs("devices:\n", f);
	for (size_t i = 0; i < DEVICES; i++)
		fprintf(f, "  dev%zu: {profile: copy%zu, bus: bus%zu, id: %zu, only: [%s]}\n", i,
		        i % PROFILES, i / PER_BUS, i % PER_BUS + 1,
		        b->source[i % PROFILES % b->n].only);
	return fclose(f) == 0;
}

/* In a process of its own, as xnetd --check would. */
static int load(const struct bench *b)
{
	char map[128], text[512];
	struct diag d;
	snprintf(map, sizeof map, "%s/devices.yaml", b->dir);
	const struct config_paths paths = {.file = map, .profiles = {b->dir, b->devices}};
	diag_init(&d);
	const double before = peak(), from = milliseconds();
	struct model *m = config_load(&paths, &d);
	const double took = milliseconds() - from;
	for (size_t i = 0; !m && i < d.n && i < 10; i++) {
		diag_print(&d.message[i], text, sizeof text);
		fprintf(stderr, "%s\n", text);
	}
	if (!m)
		return EXIT_FAILURE;
	const double size = (double)arena_used(m->arena);
	const size_t sets = sets_of(m);
	printf("config %d profiles, %zu devices, %zu points: %.0f ms, %.1f MB at the peak (%.1f "
	       "before)\n",
	       PROFILES, m->ndevice, m->npoint, took, peak(), before);
	printf("       the model: %.0f kB, %.0f bytes a point; %zu point sets, %.0f bytes a point "
	       "of one\n",
	       size / 1024, size / (double)m->npoint, sets, size / (double)sets / (double)POINTS);
	fflush(stdout);
	model_destroy(m);
	diag_free(&d);
	return EXIT_SUCCESS;
}

static void files_remove(const struct bench *b)
{
	char path[128];
	for (size_t i = 0; i < PROFILES; i++) {
		snprintf(path, sizeof path, "%s/copy%zu.yaml", b->dir, i);
		unlink(path);
	}
	snprintf(path, sizeof path, "%s/devices.yaml", b->dir);
	unlink(path);
	rmdir(b->dir);
}

int main(int argc, char **argv)
{
	struct bench b = {.dir = "/tmp/xnet-bench-XXXXXX"};
	const char *srcdir = getenv("srcdir");
	int status = 0;
	if (argc > 1 && strcmp(argv[1], "--load") == 0) {
		snprintf(b.dir, sizeof b.dir, "%s", argv[2]);
		snprintf(b.devices, sizeof b.devices, "%s", argv[3]);
		return load(&b);
	}
	snprintf(b.devices, sizeof b.devices, "%.200s/devices", srcdir ? srcdir : ".");
	sources_find(&b);
	if (b.n == 0 || !mkdtemp(b.dir)) {
		fprintf(stderr, "no profiles in %s, or no room\n", b.devices);
		return EXIT_FAILURE;
	}
	const bool written = files_write(&b);
	fflush(stdout);
	const pid_t pid = written ? fork() : -1;
	if (pid == 0) {
		execl("/proc/self/exe", argv[0], "--load", b.dir, b.devices, (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	files_remove(&b);
	for (size_t i = 0; i < b.n; i++)
		free(b.source[i].only);
	return pid > 0 && status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
