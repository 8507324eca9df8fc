// SPDX-License-Identifier: MIT
#include "bus/holder.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "core/base/text.h"

struct search {
	const char *root;
	struct stat port;
	pid_t self;
	struct holder *out;
	size_t n, max;
};

static void name_of(const char *root, struct holder *h)
{
	char path[512], line[32];
	snprintf(path, sizeof(path), "%s/proc/%d/comm", root, (int)h->pid);
	FILE *f = fopen(path, "re");
	if (f && fgets(line, sizeof(line), f))
		text_clean(line, strcspn(line, "\n"), h->name, sizeof(h->name));
	if (f)
		fclose(f);
}

static void found(struct search *s, long pid)
{
	if (pid <= 0 || pid == s->self)
		return;
	for (size_t i = 0; i < s->n && i < s->max; i++)
		if (s->out[i].pid == pid)
			return;
	if (s->n < s->max) {
		s->out[s->n] = (struct holder){.pid = (pid_t)pid};
		name_of(s->root, &s->out[s->n]);
	}
	s->n++;
}

/* A line is "1: FLOCK  ADVISORY  WRITE 1234 00:05:321 0 EOF": process, file system, inode. */
static void by_lock(struct search *s)
{
	char path[512], line[256], file[64];
	snprintf(path, sizeof(path), "%s/proc/locks", s->root);
	FILE *f = fopen(path, "re");
	if (!f)
		return;
	snprintf(file, sizeof(file), " %02x:%02x:%llu ", major(s->port.st_dev),
	         minor(s->port.st_dev), (unsigned long long)s->port.st_ino);
	while (fgets(line, sizeof(line), f)) {
		char *at = strstr(line, file);
		if (!at)
			continue;
		while (at > line && at[-1] != ' ')
			at--;
		found(s, strtol(at, NULL, 10));
	}
	fclose(f);
}

static bool has_open(const struct search *s, const char *pid)
{
	char path[512];
	struct stat st;
	snprintf(path, sizeof(path), "%s/proc/%.20s/fd", s->root, pid);
	DIR *d = opendir(path);
	bool open = false;
	for (const struct dirent *e; d && !open && (e = readdir(d));)
		open = e->d_name[0] != '.' && fstatat(dirfd(d), e->d_name, &st, 0) == 0 &&
		       S_ISCHR(st.st_mode) && st.st_rdev == s->port.st_rdev;
	if (d)
		closedir(d);
	return open;
}

static void by_open_file(struct search *s)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/proc", s->root);
	DIR *d = opendir(path);
	for (const struct dirent *e; d && (e = readdir(d));) {
		char *end;
		const long pid = strtol(e->d_name, &end, 10);
		if (*end == '\0' && pid != s->self && has_open(s, e->d_name))
			found(s, pid);
	}
	if (d)
		closedir(d);
}

static void by_lock_file(struct search *s, const char *port)
{
	char path[PATH_MAX + 32], line[32];
	const char *slash = strrchr(port, '/');
	snprintf(path, sizeof(path), "%s/run/lock/LCK..%s", s->root, slash ? slash + 1 : port);
	FILE *f = fopen(path, "re");
	if (f && fgets(line, sizeof(line), f))
		found(s, strtol(line, NULL, 10));
	if (f)
		fclose(f);
}

size_t holder_list(const char *root, const char *path, pid_t self, struct holder *out, size_t max)
{
	char real[PATH_MAX];
	struct search s = {.root = root, .self = self, .out = out, .max = max};
	if (!realpath(path, real) || stat(real, &s.port) < 0 || !S_ISCHR(s.port.st_mode))
		return 0;
	by_lock(&s);
	by_open_file(&s);
	by_lock_file(&s, real);
	return s.n;
}
