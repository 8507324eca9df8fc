// SPDX-License-Identifier: MIT
/*
 * remote: a line that the running gateway has: requests go through its control socket, one JSON
 * object a line (doc/control.md).
 */
#include "ctl/remote.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/clock.h"
#include "core/base/arena.h"
#include "ctl/cut.h"
#include "ctl/stop.h"
#include "ctl/talk.h"
#include "ctl/wording.h"

#define LATE_MAX 16
#define LIMIT_TRIES 40 /* it takes 50 requests a second */
#define LIMIT_REST (100 * US_MS)
#define PIECES (30 * US_MS) /* a frame may come in pieces so far apart */

struct remote {
	struct wireline head;
	struct talk *talk;
	char bus[80];
	struct setting own; /* of the line when it is not held */
	bool monitored, held;
	uint8_t asked; /* unit of the request under way */
	uint8_t late[LATE_MAX];
	size_t nlate;
	seen_take *take; /* of a listening under way */
	void *ctx;
	bool ended; /* take wants no more */
	struct cut cut;
};

static struct remote *remote_of(struct wireline *l)
{
	return (struct remote *)l;
}

static void remote_close(struct wireline *l)
{
	struct remote *r = remote_of(l);

	talk_close(r->talk);
	free(r);
}

/* False, with the reason. */
static bool fail(struct remote *r)
{
	snprintf(r->head.why, sizeof(r->head.why), "%s", r->talk->why);
	return false;
}

/* A frame, or bytes that are none. */
static bool take_bytes(void *ctx, const uint8_t *bytes, size_t n, bool frame, us_t at)
{
	struct remote *r = ctx;
	const struct seen s = {
		.at = at, .wall_us = 0, .way = 'i', .bytes = bytes, .n = n, .why = ""};

	if (frame && bytes[0] != r->asked && r->nlate < LATE_MAX)
		r->late[r->nlate++] = bytes[0];
	if (r->take && !r->ended)
		r->ended = !r->take(r->ctx, &s);
	return true;
}

/* The line is polled again, with its own settings: what is asked now would not be what was meant.
 */
static void take_back(struct remote *r, const char *word)
{
	if (!word || !r->held)
		return;
	r->held = false;
	r->head.gone = true;
	snprintf(r->head.why, sizeof(r->head.why), "xnetd has taken its line back (%.40s)",
	         wording_clean(word));
}

/* A line of the monitor. While the line is held, what was not requested comes as the port gives it,
 * in pieces. */
static void take_seen(void *ctx, const struct jread *t)
{
	struct remote *r = ctx;
	uint8_t bytes[2 * ADU_RTU_MAX];
	struct seen s;

	if (!talk_seen(t, bytes, sizeof(bytes), &s)) {
		take_back(r, talk_text(t, "released"));
		return;
	}
	if (r->held && s.way == 'i')
		cut_feed(&r->cut, bytes, s.n, s.at, take_bytes, r);
	else if (r->take && !r->ended)
		r->ended = !r->take(r->ctx, &s);
}

/* -- what a verb wants -------------------------------------------------------------- */

static bool hold(struct remote *r, const struct setting *s, unsigned seconds)
{
	struct json j = {0};
	char format[8];

	talk_begin(r->talk, &j, "hold");
	jw_string(&j, "bus", r->bus);
	if (s && s->baud) {
		snprintf(format, sizeof(format), "%u%c%u", s->data, s->parity, s->stop);
		jw_int(&j, "baud", s->baud);
		jw_string(&j, "format", format);
	}
	if (seconds)
		jw_int(&j, "for", seconds);
	return talk_simple(r->talk, &j);
}

static bool monitor(struct remote *r)
{
	struct json j = {0};

	if (r->monitored)
		return true;
	talk_begin(r->talk, &j, "monitor");
	jw_string(&j, "bus", r->bus);
	r->monitored = talk_simple(r->talk, &j);
	return r->monitored;
}

static void note_setting(struct remote *r, const struct setting *s)
{
	r->head.conf.baud = s->baud;
	r->head.conf.data = s->data;
	r->head.conf.parity = s->parity;
	r->head.conf.stop = s->stop;
}

static bool release(struct remote *r)
{
	struct json j = {0};

	r->held = false;
	talk_begin(r->talk, &j, "release");
	jw_string(&j, "bus", r->bus);
	return talk_simple(r->talk, &j) || fail(r);
}

static bool remote_hold(struct wireline *l, unsigned seconds)
{
	struct remote *r = remote_of(l);

	if (!seconds)
		return release(r);
	r->held = hold(r, NULL, seconds) && monitor(r);
	if (r->held)
		note_setting(r, &r->own);
	return r->held || fail(r);
}

static bool remote_set_line(struct wireline *l, const struct setting *s)
{
	struct remote *r = remote_of(l);

	if (l->gone)
		return false;
	if (!r->held)
		talk_gone(r->talk,
		          "polls this line with its own settings: leave out --baud and --format");
	if (!r->held || !hold(r, s, 0))
		return fail(r);
	note_setting(r, s);
	return true;
}

/* err: to an outcome. */
static void take_error(struct remote *r, const struct jread *t, struct reply *out)
{
	static const char *const spoilt[] = {"corrupted", "short", "wrong_length", "other_count"};
	const char *err = talk_text(t, "err"), *came = talk_text(t, "came");
	int64_t n;

	snprintf(out->why, sizeof(out->why), "%.170s", wording_clean(talk_text(t, "words") ?: err));
	out->outcome = OUT_CLOSED;
	if (strcmp(err, "refused") == 0 && talk_int(t, "exception", &n)) {
		out->outcome = OUT_REFUSED;
		out->exception = (uint8_t)n;
		out->turnaround = talk_ms(t, "turnaround_ms");
		out->why[0] = '\0'; /* ours explains the code */
	} else if (strcmp(err, "link") == 0) {
		out->outcome = OUT_LINK;
	} else if (strcmp(err, "timeout") == 0) {
		out->outcome = OUT_TIMEOUT;
		out->noise = came && strcmp(came, "noise") == 0;
		for (size_t i = 0; came && i < sizeof(spoilt) / sizeof(spoilt[0]); i++)
			if (strcmp(came, spoilt[i]) == 0)
				out->outcome = OUT_GARBLED;
		out->noise = out->noise || out->outcome == OUT_GARBLED;
		if (came && strcmp(came, "other_unit") == 0 && talk_int(t, "is", &n) &&
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
	const char *err = talk_text(t, "err");

	return err && strcmp(err, "limit") == 0;
}

static void ask_pdu(struct remote *r, const struct request *q, us_t timeout, struct json *j)
{
	char hex[2 * PDU_MAX + 1];

	for (size_t i = 0; i < q->len; i++)
		snprintf(hex + 2 * i, 3, "%02x", q->pdu[i]);
	talk_begin(r->talk, j, "pdu");
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
	for (unsigned i = 0; i < LIMIT_TRIES && !l->gone; i++) {
		ask_pdu(r, q, timeout, &j);
		if (!talk_call(r->talk, &j, &t)) {
			fail(r);
			goto out;
		}
		if (!limited(&t))
			break;
		jread_free(&t);
		clock_sleep(clock_now() + LIMIT_REST);
	}
	if (talk_text(&t, "paused"))
		fprintf(stderr,
		        "xnetctl: the keep-alive of %.130s is paused until its next command\n",
		        wording_clean(talk_text(&t, "paused")));
	if (l->gone) {
		out->outcome = OUT_LINK;
	} else if (talk_text(&t, "err")) {
		take_error(r, &t, out);
	} else {
		out->outcome = OUT_OK;
		out->turnaround = talk_ms(&t, "turnaround_ms");
		out->len = (uint16_t)talk_hex(talk_text(&t, "hex"), out->pdu, sizeof(out->pdu));
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
	r->talk->listening = true;
	while (good && open && !r->ended && !stop_asked() && clock_now() < until) {
		const us_t next = clock_now() + PIECES;
		if (talk_next(r->talk, next < until ? next : until, &t, &open))
			take_seen(r, &t);
		jread_free(&t);
		if (r->held)
			cut_feed(&r->cut, NULL, 0, clock_now(), take_bytes, r);
	}
	r->talk->listening = false;
	r->take = NULL;
	return (good && open) || fail(r);
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
	talk_begin(r->talk, &j, "set");
	jw_string(&j, "point", name);
	jw_string(&j, "value", value);
	if (talk_call(r->talk, &j, &t)) {
		const char *end = talk_text(&t, "outcome"), *is = talk_text(&t, "value");
		for (int e = 0; end && e < COMMAND_ENDS; e++)
			if (strcmp(command_end_name((enum command_end)e), end) == 0)
				out->end = (enum command_end)e;
		if (talk_failed(r->talk, &t) && !end)
			out->end = COMMAND_REFUSED;
		snprintf(out->value, sizeof(out->value), "%s", is ? is : "");
		out->sent = true;
		out->took = clock_now() - begun;
	}
	if (!command_end_good(out->end))
		snprintf(out->reason, sizeof(out->reason), "%.190s", r->talk->why);
	jread_free(&t);
	jw_free(&j);
}

/* -- opening ------------------------------------------------------------------------ */

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
	int64_t from = 0, before;
	bool found = false;

	do {
		jread_free(&t);
		before = from;
		talk_begin(r->talk, &j, "buses");
		if (from)
			jw_int(&j, "from", from);
		if (!talk_call(r->talk, &j, &t))
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
	} while (!found && talk_int(&t, "next", &from) && from > before);
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
	struct talk *k = talk_open(control, why, size);

	if (!k)
		return NULL;
	struct remote *r = mem_alloc(1, sizeof(*r));
	r->talk = k;
	k->monitor = take_seen;
	k->ctx = r;
	r->head.ops = &ops;
	r->head.conf = *conf;
	r->cut.split = PIECES / 2;
	if (!find_bus(r, conf)) {
		remote_close(&r->head);
		return NULL;
	}
	r->own = line_setting(&r->head.conf);
	snprintf(r->head.via, sizeof(r->head.via), "via xnetd, bus %.70s", r->bus);
	return &r->head;
}

enum remote_result remote_reload(const char *control, char *why, size_t size)
{
	struct talk *k = talk_open(control, why, size);
	struct json j = {0};

	if (!k)
		return why[0] ? REMOTE_FAILED : REMOTE_NONE;
	talk_begin(k, &j, "reload");
	const bool good = talk_simple(k, &j);
	if (!good)
		snprintf(why, size, "%s", k->why);
	talk_close(k);
	return good ? REMOTE_DONE : REMOTE_FAILED;
}
