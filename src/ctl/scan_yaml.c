// SPDX-License-Identifier: MIT
/*
 * scan_yaml: what was found as a configuration: to paste, or put into the file. Only lines are
 * added to it; comments, order and everything else stay as they are. The new file is checked as a
 * whole before it takes the place of the old one.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/lasting.h"
#include "ctl/remote.h"
#include "ctl/scan.h"
#include "ctl/stop.h"
#include "ctl/wording.h"

#define NAME_SIZE 80

static bool taken(const struct scan *s, size_t upto, const char *name);

/* The part of the profile's name behind the maker's, unless it is in use. */
static void device_name(const struct scan *s, size_t i, char *buf)
{
	const struct found *f = &s->found[i];
	const char *base = f->profile ? strchr(f->profile, '-') : NULL;

	base = base ? base + 1 : f->profile ? f->profile : "unit";
	snprintf(buf, NAME_SIZE, f->profile ? "%.60s" : "%.60s%u", base, f->unit);
	if (taken(s, i, buf))
		snprintf(buf, NAME_SIZE, "%.60s-%u", base, f->unit);
}

static bool taken(const struct scan *s, size_t upto, const char *name)
{
	char other[NAME_SIZE];

	if (s->target.model && model_find_device(s->target.model, name, strlen(name)) >= 0)
		return true;
	for (size_t i = 0; i < upto; i++) {
		device_name(s, i, other);
		if (strcmp(other, name) == 0)
			return true;
	}
	return false;
}

/* The first setting that something was found at; on one bus there can be only one. */
static const struct setting *bus_setting(const struct scan *s)
{
	return s->nfound ? &s->found[0].setting : &s->now;
}

static bool configured(const struct scan *s, const struct found *f)
{
	return target_device(&s->target, f->unit) != NULL;
}

static void bus_line(const struct scan *s, char *buf, size_t size)
{
	const struct bus_conf *c = &s->target.conf;
	const struct setting *at = bus_setting(s);
	char lasting[PATH_MAX];

	if (c->kind == BUS_TCP) {
		snprintf(buf, size, "tcp: \"%s:%u\"", c->host, c->tcp_port);
		return;
	}
	if (c->kind == BUS_RTU_TCP)
		snprintf(buf, size, "rtu_tcp: \"%s:%u\", baud: %u", c->host, c->tcp_port,
		         (unsigned)at->baud);
	else
		snprintf(buf, size, "port: %s, baud: %u",
		         port_lasting(c->port, lasting, sizeof(lasting)) ? lasting : c->port,
		         (unsigned)at->baud);
	const size_t n = strlen(buf); /* the format too: profiles may differ */
	snprintf(buf + n, size - n, ", format: %u%c%u", at->data, at->parity, at->stop);
}

static const char *bus_name(const struct scan *s)
{
	const char *base = s->target.conf.kind == BUS_SERIAL ? "rs485" : "net";
	static char name[16];

	if (s->target.known)
		return s->target.known->name;
	for (unsigned n = 1; n < 100; n++) {
		bool used = false;
		snprintf(name, sizeof(name), n == 1 ? "%s" : "%s-%u", base, n);
		for (size_t i = 0; s->target.model && i < s->target.model->nbus; i++)
			used = used || strcmp(s->target.model->bus[i].name, name) == 0;
		if (!used)
			break;
	}
	return name;
}

static void device_line(const struct scan *s, size_t i, char *buf, size_t size)
{
	const struct found *f = &s->found[i];
	char name[NAME_SIZE];

	device_name(s, i, name);
	if (f->profile)
		snprintf(buf, size, "%s: {profile: %s, bus: %s, id: %u}", name, f->profile,
		         bus_name(s), f->unit);
	else
		snprintf(buf, size, "# id %u: xnetctl probe %s --id %u", f->unit, s->target.name,
		         f->unit);
}

static bool fits(const struct scan *s, const struct found *f)
{
	return !f->corrupted && setting_same(&f->setting, bus_setting(s)) && !configured(s, f);
}

bool scan_news(const struct scan *s)
{
	bool any = false;

	for (size_t i = 0; i < s->nfound; i++)
		any = any || !configured(s, &s->found[i]);
	return any;
}

void scan_yaml(const struct scan *s, FILE *out)
{
	char line[PATH_MAX + 64];

	if (!s->target.known) {
		bus_line(s, line, sizeof(line));
		fprintf(out, "buses:\n  %s: {%s}\n", bus_name(s), line);
	}
	fputs("devices:\n", out);
	for (size_t i = 0; i < s->nfound; i++)
		if (fits(s, &s->found[i])) {
			device_line(s, i, line, sizeof(line));
			fprintf(out, "  %s\n", line);
		}
}

/* -- into the file ------------------------------------------------------------------ */

struct text {
	char **line; /* without its end */
	bool *added;
	size_t n;
};

static void text_insert(struct text *t, size_t at, const char *line, bool added)
{
	t->line = mem_grow(t->line, t->n + 1, sizeof(*t->line));
	t->added = mem_grow(t->added, t->n + 1, sizeof(*t->added));
	memmove(t->line + at + 1, t->line + at, (t->n - at) * sizeof(*t->line));
	memmove(t->added + at + 1, t->added + at, (t->n - at) * sizeof(*t->added));
	t->line[at] = mem_strdup(line);
	t->added[at] = added;
	t->n++;
}

static void text_free(struct text *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->line[i]);
	free(t->line);
	free(t->added);
}

/* A file that is not there is empty. */
static bool text_read(struct text *t, const char *path)
{
	char *line = NULL;
	size_t room = 0;
	FILE *f = fopen(path, "re");

	*t = (struct text){0};
	if (!f)
		return errno == ENOENT;
	for (ssize_t n; (n = getline(&line, &room, f)) >= 0;) {
		if (n && line[n - 1] == '\n')
			line[n - 1] = '\0';
		text_insert(t, t->n, line, false);
	}
	free(line);
	const bool good = !ferror(f);
	fclose(f);
	return good;
}

static bool blank(const char *line)
{
	line += strspn(line, " \t\r");
	return *line == '\0' || *line == '#';
}

/* The line of a top-level key. *block: its members are on lines of their own. */
static bool find_key(const struct text *t, const char *key, size_t *at, bool *block)
{
	const size_t len = strlen(key);

	for (*at = 0; *at < t->n; ++*at) {
		const char *line = t->line[*at];
		if (strncmp(line, key, len) != 0 || line[len] != ':')
			continue;
		*block = blank(line + len + 1);
		return true;
	}
	return false;
}

/* Behind the last member of the block at `at`; *indent: that of its members. */
static size_t block_end(const struct text *t, size_t at, int *indent)
{
	size_t end = at + 1;

	*indent = 2;
	for (size_t i = at + 1; i < t->n; i++) {
		const char *line = t->line[i];
		if (blank(line))
			continue;
		if (line[0] != ' ')
			break;
		if (end == at + 1)
			*indent = (int)strspn(line, " ");
		end = i + 1;
	}
	return end;
}

/* False: the block is written in one line, {…}: only a person should change that. */
static bool put_member(struct text *t, const char *key, const char *member)
{
	char line[PATH_MAX + 128];
	size_t at;
	bool block;
	int indent;

	if (!find_key(t, key, &at, &block)) {
		if (t->n && !blank(t->line[t->n - 1]))
			text_insert(t, t->n, "", true);
		snprintf(line, sizeof(line), "%s:", key);
		text_insert(t, t->n, line, true);
		at = t->n - 1;
		block = true;
	}
	if (!block)
		return false;
	at = block_end(t, at, &indent);
	snprintf(line, sizeof(line), "%*s%s", indent, "", member);
	text_insert(t, at, line, true);
	return true;
}

static bool put_all(const struct scan *s, struct text *t, size_t *devices)
{
	char line[PATH_MAX + 64], member[PATH_MAX + 128];

	*devices = 0;
	if (t->n == 0)
		text_insert(t, 0, "mqtt: {broker: mqtt://localhost}", true);
	if (!s->target.known) {
		bus_line(s, line, sizeof(line));
		snprintf(member, sizeof(member), "%s: {%s}", bus_name(s), line);
		if (!put_member(t, "buses", member))
			return false;
	}
	for (size_t i = 0; i < s->nfound; i++) {
		if (!fits(s, &s->found[i]) || !s->found[i].profile)
			continue;
		device_line(s, i, line, sizeof(line));
		if (!put_member(t, "devices", line))
			return false;
		++*devices;
	}
	return true;
}

static void show_diff(const struct text *t, const char *path)
{
	fprintf(stderr, "--- %s\n+++ %s\n", path, path);
	for (size_t i = 0; i < t->n; i++) {
		const bool near = (i + 1 < t->n && t->added[i + 1]) || (i && t->added[i - 1]);
		if (t->added[i])
			fprintf(stderr, "+%s\n", t->line[i]);
		else if (near)
			fprintf(stderr, " %s\n", wording_clean(t->line[i]));
	}
}

/* On the disk before it gets its name. Empty: why is errno's. */
static bool write_file(const struct text *t, const char *path, const char *like)
{
	struct stat st;
	const bool had = stat(like, &st) == 0;
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	                    had ? st.st_mode & 0777 : 0644);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (!f)
		return false;
	/* the owner as before, where that is possible: the gateway must be able to read it */
	bool good = !had || fchown(fd, st.st_uid, st.st_gid) == 0 ||
	            (st.st_uid == geteuid() && st.st_gid == getegid());
	good = good && (!had || fchmod(fd, st.st_mode & 07777) == 0);
	for (size_t i = 0; i < t->n && good; i++)
		good = fprintf(f, "%s\n", t->line[i]) >= 0;
	good = good && fflush(f) == 0 && fsync(fd) == 0;
	const int why = errno;
	fclose(f);
	errno = why;
	return good;
}

static bool unchanged(const struct text *t, const char *path)
{
	struct text now;
	size_t k = 0;
	bool same = text_read(&now, path);

	for (size_t i = 0; i < t->n && same; i++) {
		if (t->added[i])
			continue;
		same = k < now.n && strcmp(now.line[k], t->line[i]) == 0;
		k++;
	}
	same = same && k == now.n;
	text_free(&now);
	return same;
}

static bool good_configuration(const struct scan *s, const char *path)
{
	struct config_paths paths = s->options.paths;

	paths.file = path;
	struct model *m = files_load(&paths, false);
	model_destroy(m);
	return m != NULL;
}

static void sync_directory(const char *path)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", path);
	char *slash = strrchr(dir, '/');
	snprintf(slash ? slash + 1 : dir, 2, "%s", slash ? "" : ".");
	const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

static int replace(const struct scan *s, const struct text *t, const char *path)
{
	char fresh[PATH_MAX + 16];

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	unlink(fresh);
	if (!write_file(t, fresh, path)) {
		fprintf(stderr, "xnetctl scan: %s: %s%s\n", fresh, strerror(errno),
		        errno == EACCES || errno == EPERM ? ": use sudo" : "");
		unlink(fresh);
		return EXIT_FAILURE;
	}
	const bool good = good_configuration(s, fresh);
	if (!good || !unchanged(t, path)) {
		fprintf(stderr, "xnetctl scan: %s is left as it was: %s\n", path,
		        good ? "it was changed meanwhile; run this again"
		             : "with these lines it would not be valid");
		unlink(fresh);
		return good ? EXIT_FAILURE : EXIT_CONFIG;
	}
	if (rename(fresh, path) < 0) {
		fprintf(stderr, "xnetctl scan: %s: %s\n", path, strerror(errno));
		unlink(fresh);
		return EXIT_FAILURE;
	}
	sync_directory(path);
	return EXIT_SUCCESS;
}

/* The gateway reads it; if it does not run, it will when it starts. */
static int reload(const struct scan *s, const char *path)
{
	char why[256];

	fprintf(stderr, "%s: written.\n", path);
	switch (s->options.control ? remote_reload(s->options.control, why, sizeof(why))
	                           : REMOTE_NONE) {
	case REMOTE_DONE:
		fprintf(stderr, "xnetd uses it now: mosquitto_sub -v -t 'xnet/#'\n");
		return EXIT_SUCCESS;
	case REMOTE_FAILED:
		fprintf(stderr, "xnetctl scan: xnetd keeps the old configuration: %s\n", why);
		return EXIT_FAILURE;
	default:
		fprintf(stderr, "To use it: sudo systemctl reload-or-restart xnet-gateway\n");
		return EXIT_SUCCESS;
	}
}

int scan_put(const struct scan *s)
{
	char path[PATH_MAX];
	struct text t;
	size_t devices;
	int status = EXIT_SUCCESS;

	if (!realpath(s->options.paths.file, path))
		snprintf(path, sizeof(path), "%s", s->options.paths.file);
	if (!text_read(&t, path)) {
		fprintf(stderr, "xnetctl scan: %s: %s\n", path, strerror(errno));
		text_free(&t);
		return EXIT_FAILURE;
	}
	if (!put_all(s, &t, &devices)) {
		fprintf(stderr,
		        "xnetctl scan: %s has its buses or devices in one line: paste the "
		        "above yourself\n",
		        path);
		status = EXIT_FAILURE;
	} else if (devices == 0) {
		fputs(stop_asked()
		              ? "Nothing to add: interrupted before it was known what they are.\n"
		              : "Nothing to add: no new device whose profile is known.\n",
		      stderr);
	} else {
		show_diff(&t, path);
		/* after Ctrl-C not all was found: it is asked in any case */
		const bool cut_short = stop_asked();
		if ((s->yes && !cut_short) || screen_confirm("Write this?")) {
			status = replace(s, &t, path);
			if (status == EXIT_SUCCESS)
				status = reload(s, path);
		} else {
			fprintf(stderr, "%s is left as it was (%s)\n", path,
			        cut_short ? "interrupted" : "--yes writes without asking");
			status = stop_status(EXIT_FAILURE);
		}
	}
	text_free(&t);
	return status;
}
