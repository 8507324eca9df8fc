// SPDX-License-Identifier: MIT
#include "config.h"

#include "daemon/base/lastgood.h"

#include "daemon/base/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file: one line "xnetd-last-good 1 <hash of the rest> <saved> <version>", then the bundle. */
#define TAG "xnetd-last-good 1 "
#define HEAD_MAX 128
#define NAME "last-good"

struct stored {
	char *bytes; /* all of the file; free() */
	size_t n, body;
	int64_t saved;
};

/* systemd lists several with ':'; the first is ours. */
static bool state_path(const char *name, char *buf, size_t size)
{
	const char *dir = getenv("STATE_DIRECTORY");
	return dir && *dir &&
	       snprintf(buf, size, "%.*s/%s", (int)strcspn(dir, ":"), dir, name) < (int)size;
}

static uint64_t hash_of(const char *bytes, size_t n)
{
	uint64_t h = 14695981039346656037U;
	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)bytes[i]) * 1099511628211U;
	return h;
}

static bool read_whole(int fd, char *bytes, size_t n)
{
	for (size_t done = 0; done < n;) {
		const ssize_t r = read(fd, bytes + done, n - done);
		if (r <= 0 && (r == 0 || errno != EINTR))
			return false;
		done += r > 0 ? (size_t)r : 0;
	}
	return true;
}

static bool head_good(struct stored *s)
{
	const size_t tag = sizeof TAG - 1;
	char *end;
	if (s->n < tag || memcmp(s->bytes, TAG, tag) != 0)
		return false;
	const uint64_t hash = strtoull(s->bytes + tag, &end, 16); /* the file ends in a NUL */
	s->saved = strtoll(end, &end, 10);
	end = strchr(end, '\n');
	if (!end || s->saved <= 0)
		return false;
	s->body = (size_t)(end - s->bytes) + 1;
	return hash == hash_of(s->bytes + s->body, s->n - s->body);
}

/* NULL, or why it cannot be had. */
static const char *stored_read(const char *path, struct stored *s)
{
	struct stat st;
	*s = (struct stored){0};
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT ? "no configuration was ever accepted" : strerror(errno);
	const char *why = "it is damaged";
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= BUNDLE_MAX + HEAD_MAX) {
		s->n = (size_t)st.st_size;
		s->bytes = mem_alloc(s->n + 1, 1);
		if (read_whole(fd, s->bytes, s->n) && head_good(s))
			why = NULL;
	}
	close(fd);
	if (why) {
		free(s->bytes);
		s->bytes = NULL;
	}
	return why;
}

static bool write_whole(int fd, const char *bytes, size_t n)
{
	for (size_t done = 0; done < n;) {
		const ssize_t r = write(fd, bytes + done, n - done);
		if (r < 0 && errno != EINTR)
			return false;
		done += r > 0 ? (size_t)r : 0;
	}
	return true;
}

/* The new name of a file is on the disk only with its directory. */
static void sync_directory(const char *path)
{
	char dir[512];
	snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path, '/') - path), path);
	const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

/* In a file of its own first: a full disk, or a power cut, leaves the one before as it is. */
static bool replace(const char *path, int64_t saved, const char *body, size_t n)
{
	char fresh[512], head[HEAD_MAX];
	if (!state_path(NAME ".new", fresh, sizeof fresh))
		return false;
	const int len = snprintf(head, sizeof head, TAG "%016" PRIx64 " %" PRId64 " %.31s\n",
	                         hash_of(body, n), saved, PACKAGE_VERSION);
	unlink(fresh); /* left by a power cut, or not ours */
	const int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	bool good =
		write_whole(fd, head, (size_t)len) && write_whole(fd, body, n) && fsync(fd) == 0;
	int why = errno;
	if (close(fd) < 0 && good) {
		good = false;
		why = errno;
	}
	if (good && rename(fresh, path) == 0) {
		sync_directory(path);
		return true;
	}
	why = good ? errno : why;
	unlink(fresh);
	errno = why;
	return false;
}

void lastgood_keep(const struct bundle *b, struct lastgood *out)
{
	char path[512];
	struct stored s;
	size_t n;
	const char *body = bundle_bytes(b, &n);
	*out = (struct lastgood){0};
	if (!state_path(NAME, path, sizeof path))
		return;
	stored_read(path, &s);
	out->saved = s.bytes ? s.saved : 0;
	const bool same =
		s.bytes && body && s.n - s.body == n && memcmp(s.bytes + s.body, body, n) == 0;
	free(s.bytes);
	if (same)
		return;
	const int64_t now = gateway_wall();
	if (!body)
		snprintf(out->why, sizeof out->why, "it is larger than %u MiB", BUNDLE_MAX >> 20);
	else if (replace(path, now, body, n))
		out->saved = now;
	else
		snprintf(out->why, sizeof out->why, "%.200s: %s", path, strerror(errno));
}

static struct model *load_stored(const struct stored *s, const char *file, struct diag *d,
                                 struct lastgood *out)
{
	struct bundle *b = bundle_unpack(s->bytes + s->body, s->n - s->body);
	struct config_paths paths = {0};
	struct model *m = NULL;
	if (b)
		bundle_paths(b, &paths);
	if (!b)
		snprintf(out->why, sizeof out->why, "it is damaged");
	else if (strcmp(paths.file, file) != 0)
		snprintf(out->why, sizeof out->why, "it is that of %.200s", paths.file);
	else if (!(m = config_load_bundle(&paths, d, b)))
		snprintf(out->why, sizeof out->why, "it is refused by this version, too");
	bundle_destroy(b);
	if (!m || m->ndevice)
		return m;
	snprintf(out->why, sizeof out->why, "it has no devices");
	model_destroy(m);
	return NULL;
}

struct model *lastgood_load(const char *file, struct diag *d, struct lastgood *out)
{
	char path[512];
	struct stored s;
	*out = (struct lastgood){0};
	if (!state_path(NAME, path, sizeof path)) {
		snprintf(out->why, sizeof out->why, "there is no state directory");
		return NULL;
	}
	const char *why = stored_read(path, &s);
	if (why) {
		snprintf(out->why, sizeof out->why, "%s", why);
		return NULL;
	}
	out->saved = s.saved;
	struct model *m = load_stored(&s, file, d, out);
	free(s.bytes);
	return m;
}
