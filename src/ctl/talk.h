/* SPDX-License-Identifier: MIT */
/*
 * talk: a conversation with the running gateway over its control socket: one JSON object a line,
 * each request with an id (doc/control.md).
 */
#ifndef CTL_TALK_H
#define CTL_TALK_H

#include "core/base/jread.h"
#include "core/base/json.h"
#include "core/base/span.h"
#include "ctl/line.h"

#define TALK_LINE_MAX 65536

struct talk {
	int fd;
	int64_t id;                                        /* of the last request */
	char gateway[80];                                  /* the name of the gateway */
	char why[256];                                     /* the last failure, a sentence */
	bool listening;                                    /* Ctrl-C ends the waiting */
	void (*monitor)(void *ctx, const struct jread *t); /* lines of a monitor, or that a hold
	                                                    * has ended; NULL: dropped */
	void *ctx;
	size_t n; /* in buf */
	char buf[TALK_LINE_MAX + 1];
};

/* Connects, and takes the greeting. NULL with why "": the gateway does not run, or without socket.
 */
struct talk *talk_open(const char *control, char *why, size_t size);
void talk_close(struct talk *k); /* NULL is fine */

/* Is it there, but this user may not use it? */
bool talk_denied(const char *control);

/* Begins a request in j, which is to be completed with its arguments. */
void talk_begin(struct talk *k, struct json *j, const char *verb);

/* Sends it, and does not wait: its response is one of the next lines. False: k->why. */
bool talk_send(struct talk *k, struct json *j);

/* Sends it, and gives the response to it; the caller frees tree either way. False: k->why. */
bool talk_call(struct talk *k, struct json *j, struct jread *tree);

/* A request that only succeeds or fails; frees j. */
bool talk_simple(struct talk *k, struct json *j);

/* Is the response an error? Then k->why. */
bool talk_failed(struct talk *k, const struct jread *t);

/* Always false, with k->why "xnetd HOW". */
bool talk_gone(struct talk *k, const char *how);

/* The next whole line into tree; false: none by `until` (*open stays true), or the end. */
bool talk_next(struct talk *k, us_t until, struct jread *tree, bool *open);

/* Members of a line: a text or NULL, an integer, milliseconds as µs (0: not there). */
const char *talk_text(const struct jread *t, const char *name);
bool talk_int(const struct jread *t, const char *name, int64_t *out);
us_t talk_ms(const struct jread *t, const char *name);

/* A line of a monitor; its bytes go to bytes. False: it is another line. */
bool talk_seen(const struct jread *t, uint8_t *bytes, size_t room, struct seen *out);

/* Bytes written in hexadecimal digits; hex may be NULL. Returns how many. */
size_t talk_hex(const char *hex, uint8_t *out, size_t room);

#endif
