// SPDX-License-Identifier: MIT
/*
 * remote: a line that the running gateway has: requests go through its control socket, one JSON
 * object a line (doc/control.md).
 */
#include "ctl/remote.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bus/clock.h"
#include "core/base/jread.h"
#include "core/base/json.h"
#include "core/modbus/frame.h"
#include "ctl/says.h"
#include "ctl/stop.h"

#define PROTOCOL 1
#define LINE_MAX_SIZE 65536
#define ANSWER_LIMIT (20 * US_S) /* the gateway gives a request up after 10 s */
#define LATE_MAX 16
#define LIMIT_TRIES 40 /* it takes 50 requests a second */
#define SLICE (100 * US_MS)

struct remote {
	struct wireline head;
	int fd;
	int64_t id;
	char bus[80];
	bool monitored, held;
	uint8_t asked; /* unit of the request under way */
	uint8_t late[LATE_MAX];
	size_t nlate;
	seen_take *take; /* of a listening under way */
	void *ctx;
	bool ended; /* take wants no more */
	size_t n;   /* in buf */
	char buf[LINE_MAX_SIZE + 1];
};

static struct remote *remote_of(struct wireline *l)
{
	return (struct remote *)l;
}

static void remote_close(struct wireline *l)
{
	struct remote *r = remote_of(l);

	if (r->fd >= 0)
		close(r->fd);
	free(r);
}

/* -- lines ------------------------------------------------------------------------- */

static bool gone(struct remote *r, const char *how)
{
	snprintf(r->head.why, sizeof(r->head.why), "xnetd %s", how);
	return false;
}

static bool send_line(struct remote *r, struct json *j)
{
	size_t done = 0;

	jw_close(j, '}');
	while (done <= j->len) { /* with a line feed in place of the NUL */
		const bool last = done == j->len;
		const ssize_t n = send(r->fd, last ? "\n" : j->text + done,
		                       last ? 1 : j->len - done, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return gone(r, "has closed the control socket");
		done += (size_t)n;
	}
	return true;
}

/* The next whole line into tree; false: none by `until` (*open stays true), or the end. */
static bool next_line(struct remote *r, us_t until, struct jread *tree, bool *open)
{
	*open = true;
	for (;;) {
		char *end = memchr(r->buf, '\n', r->n);
		if (end) {
			const size_t len = (size_t)(end - r->buf);
			const bool good = jread_parse(tree, r->buf, len);
			r->n -= len + 1;
			memmove(r->buf, end + 1, r->n);
			if (good)
				return true;
			jread_free(tree);
			continue;
		}
		const us_t now = clock_now();
		const us_t left = until > now ? until - now : 0;
		struct pollfd f = {.fd = r->fd, .events = POLLIN};
		if (left == 0 && poll(&f, 1, 0) <= 0)
			return false;
		if (poll(&f, 1, (int)((left < SLICE ? left : SLICE) / US_MS) + (left > 0)) <= 0) {
			if (r->take && stop_asked())
				return false;
			continue;
		}
		const ssize_t n =
			r->n < LINE_MAX_SIZE ? read(r->fd, r->buf + r->n, LINE_MAX_SIZE - r->n) : 0;
		if (n <= 0 && !(n < 0 && errno == EINTR)) {
			*open = false;
			return gone(r, "has closed the control socket");
		}
		r->n += n > 0 ? (size_t)n : 0;
	}
}

static const char *text_of(const struct jread *t, const char *name)
{
	return jread_text(jread_member(t, &t->node[0], name));
}

static bool int_of(const struct jread *t, const char *name, int64_t *out)
{
	return jread_int(jread_member(t, &t->node[0], name), 0, INT64_MAX, out);
}

/* "turnaround_ms" and the like, µs; 0: not there */
static us_t ms_of(const struct jread *t, const char *name)
{
	const struct jread_node *n = jread_member(t, &t->node[0], name);

	return n && n->kind == JREAD_NUMBER ? (us_t)(strtod(n->text, NULL) * 1e3 + 0.5) : 0;
}

static size_t hex_bytes(const char *hex, uint8_t *out, size_t room)
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

/* A line of the monitor. */
static void take_seen(struct remote *r, const struct jread *t)
{
	uint8_t bytes[2 * ADU_RTU_MAX];
	const char *dir = text_of(t, "dir"), *why = text_of(t, "why");
	struct frame f;
	int64_t wall = 0;

	if (!dir)
		return;
	int_of(t, "t", &wall);
	const struct seen s = {.at = clock_now(),
	                       .wall_us = wall,
	                       .way = dir[0],
	                       .bytes = bytes,
	                       .n = hex_bytes(text_of(t, "hex"), bytes, sizeof(bytes)),
	                       .why = why ? why : ""};
	if (r->take && !r->ended)
		r->ended = !r->take(r->ctx, &s);
	if (s.way == 'i' && r->nlate < LATE_MAX && frame_find(bytes, s.n, 0, NULL, true, &f) &&
	    f.unit != r->asked)
		r->late[r->nlate++] = f.unit;
}

/* Sends what j holds (jw_open'ed, with its id), and gives the response to it. */
static bool call(struct remote *r, struct json *j, struct jread *tree)
{
	const us_t until = clock_now() + ANSWER_LIMIT;
	const int64_t mine = r->id;
	bool open;
	int64_t id;

	*tree = (struct jread){0};
	if (!send_line(r, j))
		return false;
	while (next_line(r, until, tree, &open)) {
		const bool monitor = jread_member(tree, &tree->node[0], "dir") != NULL;
		if (monitor)
			take_seen(r, tree);
		else if (int_of(tree, "id", &id) && id == mine)
			return true;
		jread_free(tree);
	}
	return open ? gone(r, "does not respond on the control socket") : false;
}

static void begin(struct remote *r, struct json *j, const char *verb)
{
	jw_reset(j);
	jw_open(j, NULL, '{');
	jw_int(j, "id", ++r->id);
	jw_string(j, "verb", verb);
	jw_string(j, "as", "xnetctl");
}

static bool failed(struct remote *r, const struct jread *t)
{
	const char *words = text_of(t, "words"), *err = text_of(t, "err");

	if (!err)
		return false;
	snprintf(r->head.why, sizeof(r->head.why), "xnetd: %s", says_clean(words ? words : err));
	return true;
}

/* A request that only succeeds or fails. */
static bool simple(struct remote *r, struct json *j)
{
	struct jread t;
	const bool good = call(r, j, &t) && !failed(r, &t);

	jread_free(&t);
	jw_free(j);
	return good;
}

/* -- what a verb wants -------------------------------------------------------------- */

static bool hold(struct remote *r, const struct setting *s, unsigned seconds)
{
	struct json j = {0};
	char format[8];

	begin(r, &j, "hold");
	jw_string(&j, "bus", r->bus);
	if (s && s->baud) {
		snprintf(format, sizeof(format), "%u%c%u", s->data, s->parity, s->stop);
		jw_int(&j, "baud", s->baud);
		jw_string(&j, "format", format);
	}
	if (seconds)
		jw_int(&j, "for", seconds);
	return simple(r, &j);
}

static bool monitor(struct remote *r)
{
	struct json j = {0};

	if (r->monitored)
		return true;
	begin(r, &j, "monitor");
	jw_string(&j, "bus", r->bus);
	r->monitored = simple(r, &j);
	return r->monitored;
}

static bool remote_hold(struct wireline *l, unsigned seconds)
{
	struct remote *r = remote_of(l);

	r->held = hold(r, NULL, seconds) && monitor(r);
	return r->held;
}

static bool remote_set_line(struct wireline *l, const struct setting *s)
{
	struct remote *r = remote_of(l);

	if (!r->held)
		return gone(r,
		            "polls this line with its own settings: leave out --baud and --format");
	if (!hold(r, s, 0))
		return false;
	l->conf.baud = s->baud;
	l->conf.data = s->data;
	l->conf.parity = s->parity;
	l->conf.stop = s->stop;
	return true;
}

/* err: to an outcome. */
static void take_error(struct remote *r, const struct jread *t, struct reply *out)
{
	static const char *const spoilt[] = {"corrupted", "short", "wrong_length", "other_count"};
	const char *err = text_of(t, "err"), *came = text_of(t, "came");
	int64_t n;

	snprintf(out->why, sizeof(out->why), "%.170s", says_clean(text_of(t, "words") ?: err));
	out->outcome = OUT_CLOSED;
	if (strcmp(err, "refused") == 0 && int_of(t, "exception", &n)) {
		out->outcome = OUT_REFUSED;
		out->exception = (uint8_t)n;
		out->turnaround = ms_of(t, "turnaround_ms");
		out->why[0] = '\0'; /* ours says more of the code */
	} else if (strcmp(err, "link") == 0) {
		out->outcome = OUT_LINK;
	} else if (strcmp(err, "timeout") == 0) {
		out->outcome = OUT_TIMEOUT;
		out->noise = came && strcmp(came, "noise") == 0;
		for (size_t i = 0; came && i < sizeof(spoilt) / sizeof(spoilt[0]); i++)
			if (strcmp(came, spoilt[i]) == 0)
				out->outcome = OUT_GARBLED;
		out->noise = out->noise || out->outcome == OUT_GARBLED;
		if (came && strcmp(came, "other_unit") == 0 && int_of(t, "is", &n) &&
		    r->nlate < LATE_MAX)
			r->late[r->nlate++] = (uint8_t)n;
		if (!came)
			out->why[0] = '\0';
	}
	if (out->outcome == OUT_LINK)
		snprintf(r->head.why, sizeof(r->head.why), "%s", out->why);
}

static bool limited(const struct jread *t)
{
	const char *err = text_of(t, "err");

	return err && strcmp(err, "limit") == 0;
}

static void ask_pdu(struct remote *r, const struct request *q, us_t timeout, struct json *j)
{
	char hex[2 * PDU_MAX + 1];

	for (size_t i = 0; i < q->len; i++)
		snprintf(hex + 2 * i, 3, "%02x", q->pdu[i]);
	begin(r, j, "pdu");
	jw_string(j, "bus", r->bus);
	jw_int(j, "unit", q->unit);
	jw_string(j, "hex", hex);
	jw_int(j, "timeout_ms", (timeout + US_MS - 1) / US_MS);
	if (r->head.over)
		jw_bool(j, "over", true);
}

static void remote_ask(struct wireline *l, const struct request *q, us_t timeout, bool once,
                       struct reply *out)
{
	struct remote *r = remote_of(l);
	struct json j = {0};
	struct jread t = {0};

	(void)once;
	r->asked = q->unit;
	for (unsigned i = 0; i < LIMIT_TRIES; i++) {
		ask_pdu(r, q, timeout, &j);
		if (!call(r, &j, &t))
			goto out;
		if (!limited(&t))
			break;
		jread_free(&t);
		clock_sleep(clock_now() + SLICE);
	}
	if (text_of(&t, "err")) {
		take_error(r, &t, out);
	} else {
		out->outcome = OUT_OK;
		out->turnaround = ms_of(&t, "turnaround_ms");
		out->len = (uint16_t)hex_bytes(text_of(&t, "hex"), out->pdu, sizeof(out->pdu));
		/* what is not the answer to what was asked is not taken for it */
		if (q->unit && !pdu_answers(q, out->pdu, out->len, &out->exception))
			out->outcome = OUT_GARBLED;
	}
out:
	jread_free(&t);
	jw_free(&j);
}

static bool remote_listen(struct wireline *l, us_t until, seen_take *take, void *ctx)
{
	struct remote *r = remote_of(l);
	struct jread t = {0};
	bool open = true;

	r->take = take;
	r->ctx = ctx;
	r->ended = false;
	bool good = monitor(r);
	while (good && !r->ended && !stop_asked() && next_line(r, until, &t, &open)) {
		take_seen(r, &t);
		jread_free(&t);
	}
	r->take = NULL;
	return good && open;
}

static size_t remote_late(struct wireline *l, uint8_t *unit, size_t room)
{
	struct remote *r = remote_of(l);
	const size_t n = r->nlate < room ? r->nlate : room;

	memcpy(unit, r->late, n);
	r->nlate = 0;
	return n;
}

void remote_set(struct wireline *l, const char *device, const char *point, const char *value,
                struct performed *out)
{
	struct remote *r = remote_of(l);
	struct json j = {0};
	struct jread t;
	char name[200];
	const us_t begun = clock_now();

	*out = (struct performed){.end = COMMAND_FAILED};
	snprintf(name, sizeof(name), "%s.%s", device, point);
	begin(r, &j, "set");
	jw_string(&j, "point", name);
	jw_string(&j, "value", value);
	if (call(r, &j, &t)) {
		const char *end = text_of(&t, "outcome"), *is = text_of(&t, "value");
		for (int e = 0; end && e < COMMAND_ENDS; e++)
			if (strcmp(command_end_name((enum command_end)e), end) == 0)
				out->end = (enum command_end)e;
		if (failed(r, &t) && !end)
			out->end = COMMAND_REFUSED;
		snprintf(out->value, sizeof(out->value), "%s", is ? is : "");
		out->sent = true;
		out->took = clock_now() - begun;
	}
	if (!command_end_good(out->end))
		snprintf(out->reason, sizeof(out->reason), "%.190s", r->head.why);
	jread_free(&t);
	jw_free(&j);
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

bool remote_denied(const char *control)
{
	int error;
	const int fd = dial(control, &error);

	if (fd >= 0)
		close(fd);
	return fd < 0 && (error == EACCES || error == EPERM);
}

/* NULL, why "": there is none. */
static struct remote *connected(const char *control, char *why, size_t size)
{
	struct jread t = {0};
	int64_t protocol = 0;
	bool open;
	int error;
	const int fd = dial(control, &error);

	why[0] = '\0';
	if (fd < 0)
		return NULL;
	struct remote *r = mem_alloc(1, sizeof(*r));
	r->fd = fd;
	if (!next_line(r, clock_now() + 2 * US_S, &t, &open))
		snprintf(why, size, "%s: xnetd does not respond", control);
	else if (failed(r, &t))
		snprintf(why, size, "%.250s", r->head.why);
	else if (!int_of(&t, "xnet", &protocol) || protocol != PROTOCOL)
		snprintf(
			why, size,
			"%s: xnetd and xnetctl are of different versions: install the same of both",
			control);
	jread_free(&t);
	if (!why[0])
		return r;
	remote_close(&r->head);
	return NULL;
}

static bool same_port(const char *a, const char *b)
{
	char x[PATH_MAX], y[PATH_MAX];

	if (!a || !b)
		return false;
	return strcmp(a, b) == 0 || (realpath(a, x) && realpath(b, y) && strcmp(x, y) == 0);
}

/* One entry of `buses`. */
static bool is_bus(const struct jread *t, const struct jread_node *b, const struct bus_conf *conf)
{
	const char *port = jread_text(jread_member(t, b, "port"));
	char name[200];

	if (conf->kind == BUS_SERIAL)
		return same_port(port, conf->port);
	snprintf(name, sizeof(name), strchr(conf->host, ':') ? "[%s]:%u" : "%s:%u", conf->host,
	         conf->tcp_port);
	return port && strcmp(port, name) == 0;
}

/* The settings that the line has now. */
static void take_settings(struct remote *r, const struct jread *t, const struct jread_node *b)
{
	const char *format = jread_text(jread_member(t, b, "format"));
	int64_t baud;

	if (r->head.conf.kind == BUS_TCP || !format || strlen(format) != 3 ||
	    !jread_int(jread_member(t, b, "baud"), 1, UINT32_MAX, &baud))
		return;
	r->head.conf.baud = (uint32_t)baud;
	r->head.conf.data = (uint8_t)(format[0] - '0');
	r->head.conf.parity = format[1];
	r->head.conf.stop = (uint8_t)(format[2] - '0');
}

static bool find_bus(struct remote *r, const struct bus_conf *conf)
{
	struct json j = {0};
	struct jread t = {0};
	int64_t from = 0;
	bool found = false;

	do {
		jread_free(&t);
		begin(r, &j, "buses");
		if (from)
			jw_int(&j, "from", from);
		if (!call(r, &j, &t))
			break;
		const struct jread_node *list = jread_member(&t, &t.node[0], "buses"), *b = NULL;
		while (list && !found && (b = jread_next(&t, list, b))) {
			const char *name = jread_text(jread_member(&t, b, "name"));
			found = name && is_bus(&t, b, conf);
			if (!found)
				continue;
			snprintf(r->bus, sizeof(r->bus), "%s", name);
			take_settings(r, &t, b);
		}
	} while (!found && int_of(&t, "next", &from) && from > 0);
	jread_free(&t);
	jw_free(&j);
	return found;
}

struct wireline *remote_open(const struct bus_conf *conf, const char *control, char *why,
                             size_t size)
{
	static const struct wireline_ops ops = {.close = remote_close,
	                                        .set = remote_set_line,
	                                        .hold = remote_hold,
	                                        .ask = remote_ask,
	                                        .listen = remote_listen,
	                                        .late = remote_late};
	struct remote *r = connected(control, why, size);

	if (!r)
		return NULL;
	r->head.ops = &ops;
	r->head.conf = *conf;
	if (!find_bus(r, conf)) {
		remote_close(&r->head);
		return NULL;
	}
	snprintf(r->head.via, sizeof(r->head.via), "via xnetd, bus %.70s", r->bus);
	return &r->head;
}

enum remote_result remote_reload(const char *control, char *why, size_t size)
{
	struct remote *r = connected(control, why, size);
	struct json j = {0};

	if (!r)
		return why[0] ? REMOTE_FAILED : REMOTE_NONE;
	begin(r, &j, "reload");
	const bool good = simple(r, &j);
	if (!good)
		snprintf(why, size, "%s", r->head.why);
	remote_close(&r->head);
	return good ? REMOTE_DONE : REMOTE_FAILED;
}
