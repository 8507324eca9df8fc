/* SPDX-License-Identifier: MIT */
/*
 * http: the HTTP server (libmicrohttpd, whose header is in http.c alone), in the caller's
 * thread. Bounded: connections, event streams, sizes of requests; who takes nothing for 30 s is
 * dropped.
 */
#ifndef WEB_HTTP_H
#define WEB_HTTP_H

#include <sys/socket.h>

#include "web/command.h"
#include "web/feed.h"
#include "web/frames.h"
#include "web/guard.h"

#define HTTP_STREAMS 32
#define HTTP_TICK (250 * US_MS) /* a stream gets no more than four updates a second */

struct http;

struct http_site {
	struct view *view;
	struct watch *watch;
	struct commands *commands;
	struct guard *guard;
	struct frames *frames; /* NULL: not shown */
	const char *broker;
	bool write;
};

/* address: to listen at. NULL: errno is set. site lives as long. */
struct http *http_create(const struct sockaddr *address, struct http_site *site);

int http_fd(const struct http *h); /* readable: call http_turn */
us_t http_wait(const struct http *h, us_t most);

/* Serves what is there; streams get what has changed. */
void http_turn(struct http *h);
void http_destroy(struct http *h);

#endif
