// SPDX-License-Identifier: MIT
#include "config.h"

#include "daemon/control.h"

#include "core/base/text.h"
#include "daemon/base/log.h"
#include "daemon/control_verbs.h"
#include "daemon/monitor.h"
#include "daemon/requests.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNDER_WAY 32
#define PER_SECOND 50
#define FLOOD 200 /* requests in one second: the client is sent away */
#define IDLE (600 * US_S)
#define MODE 0660
#define PAUSE US_S /* after a client could not be taken for want of descriptors or memory */

/* Its name as far as the daemon may see it; the client can give a better one. */
static void program_of(struct client *c)
{
	char path[40], name[32] = "";
	snprintf(path, sizeof path, "/proc/%d/comm", (int)c->who.pid);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd < 0 ? 0 : read(fd, name, sizeof name - 1);
	if (fd >= 0)
		close(fd);
	name[n > 0 ? strcspn(name, "\n") : 0] = '\0';
	text_clean(name, strlen(name), c->program, sizeof c->program);
	if (!c->program[0])
		snprintf(c->program, sizeof c->program, "a program");
}

/* -- in --------------------------------------------------------------------------- */

static bool too_many(struct gateway *g, struct client *c)
{
	if (g->now - c->second >= US_S) {
		c->second = g->now;
		c->lately = 0;
	}
	return ++c->lately > PER_SECOND;
}

/* False: the client has been sent away. */
static bool take_line(struct gateway *g, struct client *c, const char *line, size_t len)
{
	struct control_request r;
	char words[160];
	const client_t number = c->number;
	if (len && line[len - 1] == '\r')
		len--;
	if (len == 0)
		return true;
	const bool flood = too_many(g, c);
	enum control_error e = control_parse(&r, line, len, words, sizeof words);
	if (r.as[0])
		snprintf(c->program, sizeof c->program, "%s", r.as);
	c->active = g->now;
	c->under_way++;
	if (flood)
		client_fail(g, number, &r, CONTROL_E_LIMIT, "more than 50 requests a second");
	else if (c->under_way > UNDER_WAY)
		client_fail(g, number, &r, CONTROL_E_LIMIT, "32 requests are under way");
	else if (e)
		client_fail(g, number, &r, e, words);
	else
		verb_begin(g, number, &r);
	control_request_free(&r);
	c = client_of(g, number);
	if (c && c->lately > FLOOD)
		client_drop(c);
	return client_of(g, number) != NULL;
}

static void take_lines(struct gateway *g, struct client *c)
{
	const client_t number = c->number;
	size_t at = 0;
	for (char *end; (end = memchr(c->in + at, '\n', c->nin - at));
	     at = (size_t)(end - c->in) + 1)
		if (!take_line(g, c, c->in + at, (size_t)(end - c->in) - at))
			return;
	c->nin -= at;
	memmove(c->in, c->in + at, c->nin);
	if (c->nin < sizeof c->in)
		return;
	control_put_error(&g->control->line, false, 0, CONTROL_E_LIMIT,
	                  "a request has at most 4096 bytes");
	client_send(g, number, false);
	c = client_of(g, number);
	if (c)
		client_drop(c);
}

/* It sends no more, but may still read: its last line counts without a line feed, too. */
static void take_end(struct gateway *g, struct client *c)
{
	const client_t number = c->number;
	if (c->nin && !take_line(g, c, c->in, c->nin))
		return;
	c = client_of(g, number);
	c->nin = 0;
	client_ends(g, c);
}

static void take_bytes(struct gateway *g, struct client *c)
{
	const ssize_t n = recv(c->fd, c->in + c->nin, sizeof c->in - c->nin, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || c->ended) {
		client_drop(c);
	} else if (n == 0) {
		take_end(g, c);
	} else {
		c->nin += (size_t)n;
		take_lines(g, c);
	}
}

/* -- they come and go ------------------------------------------------------------- */

static void greet(struct gateway *g, struct client *c)
{
	struct json *j = &g->control->line;
	control_greeting(j, PACKAGE_VERSION, g->model->gateway,
	                 g->model->control == CONTROL_READ_ONLY ? "read" : "on");
	control_end(j);
	client_send(g, c->number, false);
}

static void send_away(struct gateway *g, int fd)
{
	struct json *j = &g->control->line;
	control_greeting(j, PACKAGE_VERSION, g->model->gateway, "on");
	jw_string(j, "err", control_error_name(CONTROL_E_LIMIT));
	jw_string(j, "words", "4 clients are connected");
	control_end(j);
	if (send(fd, j->text, j->len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)j->len)
		(void)!send(fd, "\n", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static void listen_again(struct gateway *g)
{
	struct control *x = g->control;
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = 0};
	x->paused_until = 0;
	if (x->listener >= 0)
		epoll_ctl(x->epoll, EPOLL_CTL_ADD, x->listener, &e);
}

/* A client that waits to be accepted stays readable: without a pause the loop would turn for
 * nothing. */
static void pause_listener(struct gateway *g)
{
	struct control *x = g->control;
	log_warn("control: no client can connect for a while: %s", strerror(errno));
	epoll_ctl(x->epoll, EPOLL_CTL_DEL, x->listener, NULL);
	x->paused_until = g->now + PAUSE;
	gateway_wake(g, TIMER_CONTROL, x->paused_until);
}

static void come(struct gateway *g)
{
	struct control *x = g->control;
	struct client *c = NULL;
	const int fd = accept4(x->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			pause_listener(g);
		return;
	}
	for (size_t i = 0; i < CLIENTS && !c; i++)
		if (!x->client[i].number)
			c = &x->client[i];
	if (!c) {
		send_away(g, fd);
		return;
	}
	*c = (struct client){.number = ++x->last, .fd = fd, .polled = EPOLLIN, .active = g->now};
	socklen_t size = sizeof c->who;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c->who, &size) < 0)
		c->who = (struct ucred){.uid = (uid_t)-1};
	program_of(c);
	c->out = mem_alloc(CONTROL_ANSWER_MAX, 1);
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = c->number};
	epoll_ctl(x->epoll, EPOLL_CTL_ADD, fd, &e);
	gateway_wake(g, TIMER_CONTROL, g->now + IDLE);
	greet(g, c);
}

void control_tick(struct gateway *g)
{
	const us_t paused = g->control->paused_until;
	if (paused && g->now >= paused)
		listen_again(g);
	else if (paused)
		gateway_wake(g, TIMER_CONTROL, paused);
	for (size_t i = 0; i < CLIENTS; i++) {
		struct client *c = &g->control->client[i];
		if (!c->number || c->gone)
			continue;
		const bool waits = c->under_way || requests_holds(g, c->number) ||
		                   (monitor_listens(g, c->number) && !c->nout);
		if (waits)
			c->active = g->now;
		if (g->now - c->active >= IDLE || (c->ended && !waits && !c->nout))
			client_drop(c);
		else
			gateway_wake(g, TIMER_CONTROL, c->active + IDLE);
	}
	requests_tick(g);
}

bool control_waits(const struct gateway *g)
{
	for (size_t i = 0; i < CLIENTS; i++)
		if (g->control->client[i].under_way)
			return true;
	return false;
}

int control_fd(const struct gateway *g)
{
	return g->control->epoll;
}

/* -- the socket ------------------------------------------------------------------- */

/* What a daemon that was killed left there is removed; one that runs keeps its socket. */
static bool bind_to(int fd, const struct sockaddr_un *a)
{
	const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const bool lives =
		probe >= 0 &&
		(connect(probe, (const struct sockaddr *)a, sizeof *a) == 0 || errno == EAGAIN);
	struct stat s;
	if (probe >= 0)
		close(probe);
	if (lives) {
		errno = EADDRINUSE;
		return false;
	}
	if (lstat(a->sun_path, &s) == 0 && S_ISSOCK(s.st_mode))
		unlink(a->sun_path);
	const mode_t before = umask(0777 & ~MODE);
	const bool bound = bind(fd, (const struct sockaddr *)a, sizeof *a) == 0;
	const int why = errno;
	umask(before);
	errno = why;
	return bound;
}

static void open_socket(struct gateway *g)
{
	struct control *x = g->control;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	if (strlen(g->control_path) >= sizeof a.sun_path) {
		log_warn("control: %s: the path is too long for a socket", g->control_path);
		return;
	}
	strcpy(a.sun_path, g->control_path);
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || !bind_to(fd, &a) || listen(fd, CLIENTS) < 0) {
		const bool no_dir = errno == ENOENT || errno == EACCES;
		(no_dir ? log_info : log_warn)("control: no socket at %s: %s; xnetctl cannot reach "
		                               "this daemon",
		                               g->control_path,
		                               errno == EADDRINUSE
		                                       ? "another xnetd runs (the service?) and "
		                                         "has it"
		                                       : strerror(errno));
		if (fd >= 0)
			close(fd);
		return;
	}
	x->listener = fd;
	listen_again(g);
}

static void close_socket(struct gateway *g, const char *words)
{
	struct control *x = g->control;
	if (x->listener < 0)
		return;
	unlink(g->control_path);
	close(x->listener);
	x->listener = -1;
	x->paused_until = 0;
	for (size_t i = 0; i < CLIENTS; i++) {
		struct client *c = &x->client[i];
		if (!c->number || c->gone)
			continue;
		control_put_error(&x->line, false, 0, CONTROL_E_CLOSED, words);
		client_send(g, c->number, false);
		if (!c->gone)
			client_drop(c);
	}
}

static void follow_model(struct gateway *g)
{
	const bool wanted = g->control_path && g->model->control != CONTROL_OFF && !g->stopping;
	g->control->model = g->model;
	if (wanted && g->control->listener < 0)
		open_socket(g);
	else if (!wanted)
		close_socket(g, "control: off");
}

/* Those who have gone leave what they had. */
static void reap(struct gateway *g)
{
	for (size_t i = 0; i < CLIENTS; i++) {
		struct client *c = &g->control->client[i];
		if (!c->gone)
			continue;
		monitor_client_gone(g, c->number);
		requests_client_gone(g, c->number);
		*c = (struct client){.fd = -1};
	}
}

void control_turn(struct gateway *g)
{
	struct epoll_event e[2 * CLIENTS];
	const int n = g->control->epoll < 0
	                      ? 0
	                      : epoll_wait(g->control->epoll, e, sizeof e / sizeof *e, 0);
	for (int i = 0; i < n; i++) {
		struct client *c = client_of(g, e[i].data.u32);
		if (e[i].data.u32 == 0) {
			come(g);
			continue;
		}
		if (c && (e[i].events & EPOLLOUT) && !client_flush(g, c)) {
			client_drop(c);
			continue;
		}
		if (c && (e[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
			take_bytes(g, c);
	}
	if (g->model != g->control->model)
		follow_model(g);
	monitor_turn(g);
	reap(g);
}

void control_create(struct gateway *g)
{
	struct control *x = mem_alloc(1, sizeof *x);
	g->control = x;
	x->listener = -1;
	x->epoll = epoll_create1(EPOLL_CLOEXEC);
	requests_create(g);
	monitor_create(g);
	follow_model(g);
}

void control_destroy(struct gateway *g)
{
	requests_destroy(g);
	monitor_destroy(g);
	if (g->control->epoll >= 0)
		close(g->control->epoll);
	jw_free(&g->control->line);
	free(g->control);
	g->control = NULL;
}

void control_stop(struct gateway *g)
{
	requests_model_ends(g);
	monitor_model_ends(g);
	close_socket(g, "the daemon ends");
	reap(g);
}
