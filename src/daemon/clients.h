/* SPDX-License-Identifier: MIT */
/*
 * clients: who is connected to the control socket, and the lines that go out to them. Nothing here
 * blocks: what a client does not read waits in its buffer, or the client is closed.
 */
#ifndef DAEMON_CLIENTS_H
#define DAEMON_CLIENTS_H

#include "core/control/answer.h"
#include "daemon/base/plant.h"

#include <sys/socket.h>

#define CLIENTS 4
#define CLIENT_WATCHED UINT32_MAX /* in epoll: what is no client */

/* A client by a number that no other ever has: who has gone is not mistaken for who came. */
typedef uint32_t client_t;

struct client {
	client_t number; /* 0: free */
	int fd;
	struct ucred who;
	char program[CONTROL_AS_SIZE];
	char in[CONTROL_REQUEST_MAX + 1];
	size_t nin;
	char *out; /* OUT_ROOM bytes */
	size_t nout;
	unsigned under_way, lately;
	us_t second; /* `lately` counts from then */
	us_t active;
	uint32_t polled; /* what epoll waits for */
	bool ended;      /* it sends no more, and waits for answers */
	bool gone;       /* its end is still to be passed to those who have something of it */
};

struct control {
	int epoll, listener;       /* -1: no socket */
	us_t paused_until;         /* no descriptor was free: the listener is left alone; 0: not */
	const struct model *model; /* that the socket is there, or not, for */
	struct client client[CLIENTS];
	client_t last;
	struct json line;
};

/* NULL: it has gone. */
struct client *client_of(const struct gateway *g, client_t number);
void client_drop(struct client *c);
/* It sends no more: it is dropped when nothing goes out to it any more. */
void client_ends(struct gateway *g, struct client *c);
/* What waits goes out as far as there is room. False: the client is not there any more. */
bool client_flush(struct gateway *g, struct client *c);

/* The writer of lines. */
struct json *client_line(struct gateway *g);

/* The line in it, finished by control_end(), to this client, if it is still there. done: its
 * request is under way no more. */
void client_send(struct gateway *g, client_t c, bool done);
/* The same, but dropped when the client is slow. False: it was. */
bool client_offer(struct gateway *g, client_t c);
void client_fail(struct gateway *g, client_t c, const struct control_request *r,
                 enum control_error e, const char *words);

/* Main also wakes for this descriptor. */
void client_watch(struct gateway *g, int fd);

/* "uid 1000 pid 4711 (xnetctl scan)" */
const char *client_who(const struct gateway *g, client_t c);
/* "xnetctl scan" */
const char *client_program(const struct gateway *g, client_t c);

#endif
