// SPDX-License-Identifier: MIT
#include "daemon/clients.h"

#include "daemon/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define DRAIN 16
#define OUT_ROOM CONTROL_ANSWER_MAX
#define OFFER_ROOM (OUT_ROOM / 2) /* of that for what is sent unasked */

struct client *client_of(const struct gateway *g, client_t number)
{
	for (size_t i = 0; number && i < CLIENTS; i++)
		if (g->control->client[i].number == number && !g->control->client[i].gone)
			return &g->control->client[i];
	return NULL;
}

/* What it still sends is taken out: else the kernel would drop what it has not read yet. */
void client_drop(struct client *c)
{
	for (int i = 0; i < DRAIN && recv(c->fd, c->in, sizeof c->in, MSG_DONTWAIT) > 0; i++)
		;
	close(c->fd);
	free(c->out);
	c->fd = -1;
	c->out = NULL;
	c->nout = 0;
	c->under_way = 0;
	c->gone = true;
}

const char *client_program(const struct gateway *g, client_t number)
{
	const struct client *c = client_of(g, number);
	return c ? c->program : "?";
}

const char *client_who(const struct gateway *g, client_t number)
{
	static char text[CONTROL_AS_SIZE + 48];
	const struct client *c = client_of(g, number);
	if (!c)
		return "a client that has gone";
	snprintf(text, sizeof text, "uid %u pid %d (%s)", c->who.uid, (int)c->who.pid, c->program);
	return text;
}

/* -- out -------------------------------------------------------------------------- */

/* Its end is always reported. */
static void listen_for(struct gateway *g, struct client *c)
{
	struct epoll_event e = {.events = (c->ended ? 0u : EPOLLIN) | (c->nout ? EPOLLOUT : 0u),
	                        .data.u32 = c->number};
	if (c->polled == e.events)
		return;
	c->polled = e.events;
	epoll_ctl(g->control->epoll, EPOLL_CTL_MOD, c->fd, &e);
}

void client_ends(struct gateway *g, struct client *c)
{
	c->ended = true;
	listen_for(g, c);
	gateway_wake(g, TIMER_CONTROL, g->now);
}

bool client_flush(struct gateway *g, struct client *c)
{
	size_t at = 0;
	while (at < c->nout) {
		const ssize_t n =
			send(c->fd, c->out + at, c->nout - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (n <= 0)
			break;
		at += (size_t)n;
		c->active = g->now;
	}
	c->nout -= at;
	memmove(c->out, c->out + at, c->nout);
	listen_for(g, c);
	if (c->ended && !c->nout)
		gateway_wake(g, TIMER_CONTROL, g->now);
	return true;
}

/* The writer's line behind what waits. False: there is no room. */
static bool append(struct gateway *g, struct client *c, size_t room)
{
	const struct json *j = &g->control->line;
	if (c->nout + j->len + 1 > room)
		return false;
	memcpy(c->out + c->nout, j->text, j->len);
	c->nout += j->len;
	c->out[c->nout++] = '\n';
	return true;
}

struct json *client_line(struct gateway *g)
{
	return &g->control->line;
}

void client_send(struct gateway *g, client_t number, bool done)
{
	struct client *c = client_of(g, number);
	if (!c)
		return;
	if (done && c->under_way)
		c->under_way--;
	c->active = g->now;
	const bool fits = append(g, c, OUT_ROOM);
	if (!fits)
		log_info("control: %s does not read its answers: closed", client_who(g, number));
	if (!fits || !client_flush(g, c))
		client_drop(c);
}

bool client_offer(struct gateway *g, client_t number)
{
	struct client *c = client_of(g, number);
	if (!c || !append(g, c, OFFER_ROOM))
		return false;
	if (!client_flush(g, c))
		client_drop(c);
	return true;
}

void client_fail(struct gateway *g, client_t c, const struct control_request *r,
                 enum control_error e, const char *words)
{
	control_put_error(&g->control->line, r->has_id, r->id, e, words);
	client_send(g, c, true);
}

void client_watch(struct gateway *g, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = CLIENT_WATCHED};
	epoll_ctl(g->control->epoll, EPOLL_CTL_ADD, fd, &e);
}
