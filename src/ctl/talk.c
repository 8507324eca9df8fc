// SPDX-License-Identifier: MIT
#include "ctl/talk.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bus/clock.h"
#include "core/base/arena.h"
#include "ctl/stop.h"
#include "ctl/wording.h"

#define PROTOCOL 1
#define ANSWER_LIMIT (20 * US_S) /* the gateway gives a request up after 10 s */
#define SLICE (100 * US_MS)

bool talk_gone(struct talk *k, const char *how)
{
	snprintf(k->why, sizeof(k->why), "xnetd %s", how);
	return false;
}

bool talk_send(struct talk *k, struct json *j)
{
	size_t done = 0;

	jw_close(j, '}');
	j->text[j->len] = '\n'; /* in place of the NUL: one piece */
	while (done <= j->len) {
		const ssize_t n = send(k->fd, j->text + done, j->len + 1 - done, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	j->text[j->len] = '\0';
	return done > j->len || talk_gone(k, "has closed the control socket");
}

/* A line that is in buf already; one that is no JSON is dropped. */
static bool take_line(struct talk *k, struct jread *tree)
{
	char *end;

	while ((end = memchr(k->buf, '\n', k->n))) {
		const size_t len = (size_t)(end - k->buf);
		const bool good = jread_parse(tree, k->buf, len);
		k->n -= len + 1;
		memmove(k->buf, end + 1, k->n);
		if (good)
			return true;
		jread_free(tree);
	}
	return false;
}

/* False: the end. */
static bool receive(struct talk *k)
{
	const size_t room = TALK_LINE_MAX - k->n;
	const ssize_t n = room ? read(k->fd, k->buf + k->n, room) : 0;

	if (n <= 0 && !(n < 0 && errno == EINTR))
		return talk_gone(k, "has closed the control socket");
	k->n += n > 0 ? (size_t)n : 0;
	return true;
}

bool talk_next(struct talk *k, us_t until, struct jread *tree, bool *open)
{
	*open = true;
	while (!take_line(k, tree)) {
		const us_t now = clock_now();
		const us_t left = until > now ? until - now : 0;
		struct pollfd f = {.fd = k->fd, .events = POLLIN};
		const int ms = left ? (int)((left < SLICE ? left : SLICE) / US_MS) + 1 : 0;
		if (poll(&f, 1, ms) <= 0) {
			if (left == 0 || (k->listening && stop_asked()))
				return false;
			continue;
		}
		*open = receive(k);
		if (!*open)
			return false;
	}
	return true;
}

const char *talk_text(const struct jread *t, const char *name)
{
	return jread_text(jread_member(t, &t->node[0], name));
}

bool talk_int(const struct jread *t, const char *name, int64_t *out)
{
	return jread_int(jread_member(t, &t->node[0], name), 0, INT64_MAX, out);
}

us_t talk_ms(const struct jread *t, const char *name)
{
	const struct jread_node *n = jread_member(t, &t->node[0], name);

	return n && n->kind == JREAD_NUMBER ? (us_t)(strtod(n->text, NULL) * 1e3 + 0.5) : 0;
}

size_t talk_hex(const char *hex, uint8_t *out, size_t room)
{
	size_t n = 0;
	unsigned b;

	for (; hex && hex[0] && hex[1] && n < room; hex += 2) {
		char two[3] = {hex[0], hex[1], 0}, *end;
		b = (unsigned)strtoul(two, &end, 16);
		if (*end)
			break;
		out[n++] = (uint8_t)b;
	}
	return n;
}

bool talk_seen(const struct jread *t, uint8_t *bytes, size_t room, struct seen *out)
{
	const char *dir = talk_text(t, "dir"), *why = talk_text(t, "why");
	int64_t wall = 0;

	if (!dir)
		return false;
	talk_int(t, "t", &wall);
	*out = (struct seen){.at = clock_now(),
	                     .wall_us = wall,
	                     .way = dir[0],
	                     .bytes = bytes,
	                     .n = talk_hex(talk_text(t, "hex"), bytes, room),
	                     .why = why ? why : ""};
	return true;
}

bool talk_call(struct talk *k, struct json *j, struct jread *tree)
{
	const us_t until = clock_now() + ANSWER_LIMIT;
	const int64_t mine = k->id;
	bool open;
	int64_t id;

	*tree = (struct jread){0};
	if (!talk_send(k, j))
		return false;
	while (talk_next(k, until, tree, &open)) {
		const bool unasked =
			jread_member(tree, &tree->node[0], "dir") || talk_text(tree, "released");
		if (unasked && k->monitor)
			k->monitor(k->ctx, tree);
		else if (talk_int(tree, "id", &id) && id == mine)
			return true;
		jread_free(tree);
	}
	return open ? talk_gone(k, "does not respond on the control socket") : false;
}

void talk_begin(struct talk *k, struct json *j, const char *verb)
{
	jw_reset(j);
	jw_open(j, NULL, '{');
	jw_int(j, "id", ++k->id);
	jw_string(j, "verb", verb);
	jw_string(j, "as", program_invocation_short_name);
}

bool talk_failed(struct talk *k, const struct jread *t)
{
	const char *words = talk_text(t, "words"), *err = talk_text(t, "err");

	if (!err)
		return false;
	snprintf(k->why, sizeof(k->why), "xnetd: %s", wording_clean(words ? words : err));
	return true;
}

bool talk_simple(struct talk *k, struct json *j)
{
	struct jread t;
	const bool good = talk_call(k, j, &t) && !talk_failed(k, &t);

	jread_free(&t);
	jw_free(j);
	return good;
}

/* -- opening ------------------------------------------------------------------------ */

static int dial(const char *control, int *error)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*error = ENAMETOOLONG;
	if (fd >= 0 && strlen(control) < sizeof(a.sun_path)) {
		strcpy(a.sun_path, control);
		if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
			return fd;
		*error = errno;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

bool talk_denied(const char *control)
{
	int error;
	const int fd = dial(control, &error);

	if (fd >= 0)
		close(fd);
	return fd < 0 && (error == EACCES || error == EPERM);
}

void talk_close(struct talk *k)
{
	if (!k)
		return;
	close(k->fd);
	free(k);
}

struct talk *talk_open(const char *control, char *why, size_t size)
{
	struct jread t = {0};
	int64_t protocol = 0;
	bool open;
	int error;
	const int fd = dial(control, &error);

	why[0] = '\0';
	if (fd < 0)
		return NULL;
	struct talk *k = mem_alloc(1, sizeof(*k));
	k->fd = fd;
	if (!talk_next(k, clock_now() + 2 * US_S, &t, &open))
		snprintf(why, size, "%s: xnetd does not respond", control);
	else if (talk_failed(k, &t))
		snprintf(why, size, "%.250s", k->why);
	else if (!talk_int(&t, "xnet", &protocol) || protocol != PROTOCOL)
		snprintf(
			why, size,
			"%s: xnetd and xnetctl are of different versions: install the same of both",
			control);
	const char *gateway = why[0] ? NULL : talk_text(&t, "gateway");
	snprintf(k->gateway, sizeof(k->gateway), "%s", gateway ? wording_clean(gateway) : "");
	jread_free(&t);
	if (!why[0])
		return k;
	talk_close(k);
	return NULL;
}
