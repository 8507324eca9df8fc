// SPDX-License-Identifier: MIT
#include "web/http.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "web/page.h"

#define CONNECTIONS 64
#define PER_ADDRESS 48
#define IDLE 10                    /* s */
#define REQUEST_MEMORY (16u << 10) /* of a connection: its request line and headers */
#define BLOCK (16u << 10)
#define HEARTBEAT (5 * US_S)

struct stream {
	struct http *http;
	struct MHD_Connection *connection;
	bool suspended;
	uint64_t rev; /* has all of the view up to it */
	bool begun, connected;
	struct json json; /* what is being sent … */
	size_t sent;      /* … and how much of it is */
	us_t at;          /* when it was made */
};

struct http {
	struct MHD_Daemon *daemon;
	struct http_site *site;
	struct stream *stream[HTTP_STREAMS];
	struct { /* the last change that was sent: the same for all pages that are as far */
		uint64_t since, rev;
		bool connected;
		struct json json;
	} change;
	us_t ticked;
};

struct line_request {
	char body[COMMAND_BODY + 1];
	size_t len; /* above COMMAND_BODY: too long */
};

/* -- answers ----------------------------------------------------------------------------------- */

static void headers(struct MHD_Response *r, const char *type)
{
	static const char *const row[][2] = {
		{"Content-Security-Policy",
	         "default-src 'self'; base-uri 'none'; form-action 'none'; "
	         "frame-ancestors 'none'"},
		{"X-Content-Type-Options", "nosniff"},
		{"X-Frame-Options", "DENY"},
		{"Referrer-Policy", "no-referrer"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Cache-Control", "no-store"},
	};
	MHD_add_response_header(r, "Content-Type", type);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		MHD_add_response_header(r, row[i][0], row[i][1]);
}

static enum MHD_Result give(struct MHD_Connection *c, unsigned status, const char *type,
                            const char *data, size_t len)
{
	struct MHD_Response *r =
		MHD_create_response_from_buffer(len, (void *)data, MHD_RESPMEM_MUST_COPY);

	if (!r)
		return MHD_NO;
	headers(r, type);
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(r, "WWW-Authenticate",
		                        "Basic realm=\"xnet\", charset=\"UTF-8\"");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "GET, HEAD, POST");
	const enum MHD_Result result = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result say(struct MHD_Connection *c, unsigned status, const char *text)
{
	return give(c, status, "text/plain; charset=utf-8", text, strlen(text));
}

static uint64_t make_feed(const struct http *h, uint64_t since, struct json *j)
{
	const struct http_site *s = h->site;
	const struct feed_head head = {
		.connected = watch_connected(s->watch),
		.broker = s->broker,
		.trouble = watch_trouble(s->watch),
		.token = s->write ? s->guard->token : NULL,
		.frames = s->frames != NULL,
	};
	return feed(s->view, &head, since, watch_now(), j);
}

/* -- event streams ----------------------------------------------------------------------------- */

/* Is there something to say? */
static bool due(const struct stream *s, us_t now)
{
	const struct http_site *site = s->http->site;

	if (s->json.len || !s->begun)
		return true;
	if (now - s->at < HTTP_TICK - 20 * US_MS)
		return false;
	return s->rev != site->view->rev || s->connected != watch_connected(site->watch) ||
	       now - s->at >= HEARTBEAT;
}

/* What changed since the page was last sent something; made once for all pages. */
static const struct json *change_since(struct http *h, uint64_t since, bool connected)
{
	if (h->change.since != since || h->change.rev != h->site->view->rev ||
	    h->change.connected != connected) {
		jw_reset(&h->change.json);
		h->change.rev = make_feed(h, since, &h->change.json);
		h->change.since = since;
		h->change.connected = connected;
	}
	return &h->change.json;
}

/* One event; a comment if there is nothing, so that a peer that is gone is found. */
static void make_event(struct stream *s)
{
	const struct http_site *site = s->http->site;
	const bool connected = watch_connected(site->watch);
	struct json whole = {0};
	const struct json *body = &whole;
	const bool beat = s->begun && s->rev == site->view->rev && s->connected == connected;

	jw_reset(&s->json);
	s->at = watch_now();
	s->sent = 0;
	if (!beat && s->begun)
		body = change_since(s->http, s->rev, connected);
	else if (!beat)
		make_feed(s->http, 0, &whole);
	s->rev = site->view->rev;
	s->begun = true;
	s->connected = connected;
	/* JSON has no line breaks in it */
	const size_t len = body->len + 16;
	s->json.text = mem_grow(s->json.text, len, 1);
	s->json.room = len;
	s->json.len = (size_t)snprintf(s->json.text, len, beat ? ":%s\n\n" : "data: %s\n\n",
	                               beat ? "" : body->text);
	jw_free(&whole);
}

static ssize_t read_stream(void *ctx, uint64_t pos, char *buf, size_t max)
{
	struct stream *s = ctx;

	(void)pos;
	if (!s->json.len) {
		if (!due(s, watch_now())) {
			s->suspended = true;
			MHD_suspend_connection(s->connection);
			return 0;
		}
		make_event(s);
	}
	const size_t left = s->json.len - s->sent, n = left < max ? left : max;
	memcpy(buf, s->json.text + s->sent, n);
	s->sent += n;
	if (s->sent == s->json.len)
		jw_free(&s->json);
	return (ssize_t)n;
}

static void free_stream(void *ctx)
{
	struct stream *s = ctx;

	for (size_t i = 0; i < HTTP_STREAMS; i++)
		if (s->http->stream[i] == s)
			s->http->stream[i] = NULL;
	jw_free(&s->json);
	free(s);
}

static enum MHD_Result give_events(struct http *h, struct MHD_Connection *c)
{
	size_t at = 0;

	while (at < HTTP_STREAMS && h->stream[at])
		at++;
	if (at == HTTP_STREAMS)
		return say(c, MHD_HTTP_SERVICE_UNAVAILABLE, "too many pages are open");
	struct stream *s = mem_alloc(1, sizeof *s);
	*s = (struct stream){.http = h, .connection = c};
	struct MHD_Response *r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK,
	                                                           read_stream, s, free_stream);
	if (!r) {
		free(s);
		return MHD_NO;
	}
	h->stream[at] = s;
	headers(r, "text/event-stream; charset=utf-8");
	const enum MHD_Result result = MHD_queue_response(c, MHD_HTTP_OK, r);
	MHD_destroy_response(r);
	return result;
}

static void wake(struct http *h, bool all)
{
	const us_t now = watch_now();

	for (size_t i = 0; i < HTTP_STREAMS; i++) {
		struct stream *s = h->stream[i];
		if (!s || !s->suspended || !(all || due(s, now)))
			continue;
		s->suspended = false;
		MHD_resume_connection(s->connection);
	}
}

/* -- requests ---------------------------------------------------------------------------------- */

static const char *header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

/* 0: it may be answered. */
static unsigned forbidden(const struct http *h, struct MHD_Connection *c)
{
	struct guard *g = h->site->guard;

	if (!guard_host(g, header(c, "Host")) ||
	    !guard_origin(header(c, "Origin"), header(c, "Host")))
		return MHD_HTTP_FORBIDDEN;
	switch (guard_login(g, header(c, "Authorization"), watch_now() / US_S)) {
	case LOGIN_GOOD:
		return 0;
	case LOGIN_WRONG:
		return MHD_HTTP_UNAUTHORIZED;
	case LOGIN_LATER:
		break;
	}
	return MHD_HTTP_TOO_MANY_REQUESTS;
}

static enum MHD_Result give_model(const struct http *h, struct MHD_Connection *c)
{
	struct json j = {0};

	make_feed(h, 0, &j);
	const enum MHD_Result r = give(c, MHD_HTTP_OK, "application/json", j.text, j.len);
	jw_free(&j);
	return r;
}

static enum MHD_Result give_frames(const struct http *h, struct MHD_Connection *c)
{
	const char *gateway = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "gateway");
	const char *bus = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "bus");
	struct json j = {0};

	if (!h->site->frames)
		return say(c, MHD_HTTP_FORBIDDEN, "frames are not shown here (--frames)");
	if (!gateway || !bus)
		return say(c, MHD_HTTP_BAD_REQUEST, "which gateway and bus?");
	jw_open(&j, NULL, '{');
	frames_put(h->site->frames, gateway, bus, &j);
	jw_close(&j, '}');
	const enum MHD_Result r = give(c, MHD_HTTP_OK, "application/json", j.text, j.len);
	jw_free(&j);
	return r;
}

static enum MHD_Result get(struct http *h, struct MHD_Connection *c, const char *url, bool head)
{
	const struct page_file *f = page_find(url);

	if (f)
		return give(c, MHD_HTTP_OK, f->type, f->data, f->len);
	if (strcmp(url, "/api/model") == 0)
		return give_model(h, c);
	if (strcmp(url, "/api/frames") == 0)
		return give_frames(h, c);
	if (strcmp(url, "/api/events") == 0 && !head)
		return give_events(h, c);
	return say(c, MHD_HTTP_NOT_FOUND, "not found");
}

static enum MHD_Result post(const struct http *h, struct MHD_Connection *c, const char *url,
                            const struct line_request *r)
{
	const char *type = header(c, "Content-Type");
	char text[256];

	if (strcmp(url, "/api/cmd") != 0)
		return say(c, MHD_HTTP_NOT_FOUND, "not found");
	if (!h->site->write)
		return say(c, MHD_HTTP_FORBIDDEN, "nothing may be written here (--write)");
	if (!guard_token(h->site->guard, header(c, "X-Xnet-Token")))
		return say(c, MHD_HTTP_FORBIDDEN, "load the page again");
	if (!type || strncmp(type, "application/json", 16) != 0)
		return say(c, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "JSON, please");
	if (r->len > COMMAND_BODY)
		return say(c, 413, "too long"); /* the library has changed its name for it */
	const unsigned status = commands_take(h->site->commands, h->site->watch, r->body, r->len,
	                                      text, sizeof text);
	return say(c, status, text);
}

static void collect(struct line_request *r, const char *data, size_t n)
{
	if (r->len + n > COMMAND_BODY) {
		r->len = COMMAND_BODY + 1;
		return;
	}
	memcpy(r->body + r->len, data, n);
	r->len += n;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *n, void **state)
{
	struct http *h = ctx;
	struct line_request *r = *state;

	(void)version;
	if (!r) {
		*state = mem_alloc(1, sizeof *r);
		return MHD_YES;
	}
	if (*n) {
		collect(r, data, *n);
		*n = 0;
		return MHD_YES;
	}
	const unsigned no = forbidden(h, c);
	if (no)
		return say(c, no,
		           no == MHD_HTTP_FORBIDDEN
		                   ? "this name or origin is not allowed (xnet-web --host NAME)"
		                   : "user name and password are required");
	if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
		return get(h, c, url, *method == 'H');
	if (strcmp(method, "POST") == 0)
		return post(h, c, url, r);
	return say(c, MHD_HTTP_METHOD_NOT_ALLOWED, "no");
}

static void on_end(void *ctx, struct MHD_Connection *c, void **state,
                   enum MHD_RequestTerminationCode code)
{
	(void)ctx;
	(void)c;
	(void)code;
	free(*state);
	*state = NULL;
}

/* -- life -------------------------------------------------------------------------------------- */

struct http *http_create(const struct sockaddr *address, struct http_site *site)
{
	struct http *h = mem_alloc(1, sizeof *h);
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;

	if (address->sa_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	h->site = site;
	h->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, h, MHD_OPTION_SOCK_ADDR,
	                             address, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
	                             MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)PER_ADDRESS,
	                             MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE,
	                             MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MEMORY,
	                             MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u,
	                             MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_END);
	if (h->daemon)
		return h;
	free(h);
	return NULL;
}

int http_fd(const struct http *h)
{
	return MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

us_t http_wait(const struct http *h, us_t most)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(h->daemon, &ms) != MHD_YES || ms >= (unsigned long long)(most / US_MS))
		return most;
	return (us_t)ms * US_MS;
}

void http_turn(struct http *h)
{
	const us_t now = watch_now();

	if (now - h->ticked >= HTTP_TICK / 2) {
		h->ticked = now;
		wake(h, false);
	}
	MHD_run(h->daemon);
}

void http_destroy(struct http *h)
{
	if (!h)
		return;
	wake(h, true);
	MHD_stop_daemon(h->daemon);
	jw_free(&h->change.json);
	free(h);
}
