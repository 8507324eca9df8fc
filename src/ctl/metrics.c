// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/look.h"
#include "ctl/verb.h"
#include "view/metrics.h"

#define CLIENTS 8
#define REQUEST_MAX 8192
#define PAUSE US_S /* after a client could not be taken for want of descriptors or memory */
#define PATIENCE (5 * US_S) /* for a client's request, and for it to take the answer */

struct client {
	int fd; /* -1: free */
	us_t until;
	size_t got;
	char request[REQUEST_MAX];
	char *answer; /* NULL: the request is not complete */
	size_t size, sent;
};

struct server {
	struct look *look;
	int fd;
	us_t paused_until; /* the port is left alone until then */
	struct client client[CLIENTS];
};

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static void help(void)
{
	puts("Usage: xnetctl metrics [OPTION]...\n"
	     "Health and values of all gateways below a prefix, as OpenMetrics.\n"
	     "\n"
	     "      --listen ADDR:PORT     serve them to Prometheus at /metrics until "
	     "SIGTERM\n" BROKER_HELP);
}

/* -- one request ------------------------------------------------------------------------------- */

static void answer(struct client *c, const char *status, const char *type, const char *body,
                   size_t len)
{
	FILE *f = open_memstream(&c->answer, &c->size);

	if (!f)
		abort();
	fprintf(f,
	        "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
	        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
	        "Connection: close\r\n\r\n",
	        status, type, len);
	fwrite(body, 1, len, f);
	fclose(f);
}

static void refuse(struct client *c, const char *status)
{
	answer(c, status, "text/plain", status, strlen(status));
}

static void give_metrics(const struct server *s, struct client *c)
{
	const bool open = strcasestr(c->request, "application/openmetrics-text") != NULL;
	char *body = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&body, &len);

	if (!f)
		abort();
	look_full(s->look);
	view_metrics(s->look->view, watch_connected(s->look->watch), watch_now(), open, f);
	fclose(f);
	answer(c, "200 OK",
	       open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
	            : "text/plain; version=0.0.4; charset=utf-8",
	       body, len);
	free(body);
}

static void understand(const struct server *s, struct client *c)
{
	if (memchr(c->request, '\0', c->got))
		refuse(c, "400 Bad Request");
	else if (strncmp(c->request, "GET ", 4) != 0)
		refuse(c, "405 Method Not Allowed");
	else if (strncmp(c->request + 4, "/metrics", 8) == 0 &&
	         strchr(" ?", c->request[12]) != NULL)
		give_metrics(s, c);
	else
		refuse(c, "404 Not Found");
}

/* -- clients ----------------------------------------------------------------------------------- */

static void leave(struct client *c)
{
	close(c->fd);
	free(c->answer);
	*c = (struct client){.fd = -1};
}

static void receive(const struct server *s, struct client *c)
{
	const ssize_t n = read(c->fd, c->request + c->got, sizeof c->request - 1 - c->got);

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			leave(c);
		return;
	}
	c->got += (size_t)n;
	c->request[c->got] = '\0';
	if (strstr(c->request, "\r\n\r\n") || strstr(c->request, "\n\n") ||
	    memchr(c->request, '\0', c->got))
		understand(s, c);
	else if (c->got == sizeof c->request - 1)
		refuse(c, "431 Request Header Fields Too Large");
	if (c->answer)
		c->until = watch_now() + PATIENCE;
}

static void send_on(struct client *c)
{
	const ssize_t n = send(c->fd, c->answer + c->sent, c->size - c->sent, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		leave(c);
		return;
	}
	c->sent += n > 0 ? (size_t)n : 0;
	if (c->sent == c->size)
		leave(c);
}

static void welcome(struct server *s)
{
	const int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		s->paused_until = watch_now() + PAUSE; /* who waits stays readable */
		fprintf(stderr, "xnetctl metrics: no client can connect for a while: %s\n",
		        strerror(errno));
	}
	for (size_t i = 0; fd >= 0 && i < CLIENTS; i++) {
		if (s->client[i].fd >= 0)
			continue;
		s->client[i] = (struct client){.fd = fd, .until = watch_now() + PATIENCE};
		return;
	}
	if (fd >= 0)
		close(fd);
}

static void turn(struct server *s)
{
	const bool paused = watch_now() < s->paused_until;
	struct pollfd p[CLIENTS + 2] = {{.fd = paused ? -1 : s->fd, .events = POLLIN},
	                                {.fd = watch_fd(s->look->watch), .events = POLLIN}};

	for (size_t i = 0; i < CLIENTS; i++) {
		struct client *c = &s->client[i];
		if (c->fd >= 0 && watch_now() > c->until)
			leave(c);
		p[i + 2] = (struct pollfd){.fd = c->fd, .events = c->answer ? POLLOUT : POLLIN};
	}
	if (poll(p, CLIENTS + 2, 1000) < 0)
		return;
	watch_turn(s->look->watch, NULL, NULL);
	for (size_t i = 0; i < CLIENTS; i++) {
		if (s->client[i].fd < 0 || !p[i + 2].revents)
			continue;
		if (s->client[i].answer)
			send_on(&s->client[i]);
		else
			receive(s, &s->client[i]);
	}
	if (p[0].revents)
		welcome(s);
}

/* -- the server -------------------------------------------------------------------------------- */

/* "ADDR:PORT", "[ADDR]:PORT", or a port alone: of this machine only. */
static int open_port(const char *where)
{
	const char *colon = strrchr(where, ':');
	char host[128] = "127.0.0.1";
	struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST,
	                         .ai_socktype = SOCK_STREAM};
	struct addrinfo *a;
	const int yes = 1;

	if (colon)
		snprintf(host, sizeof host, "%.*s", (int)(colon - where), where);
	const size_t n = strlen(host);
	if (n > 1 && host[0] == '[' && host[n - 1] == ']') {
		memmove(host, host + 1, n - 2);
		host[n - 2] = '\0';
	}
	if (getaddrinfo(host, colon ? colon + 1 : where, &hints, &a) != 0) {
		fprintf(stderr, "xnetctl: --listen: %s is not ADDRESS:PORT, like 127.0.0.1:9502\n",
		        where);
		return -1;
	}
	const int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (fd < 0 || bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, CLIENTS) != 0) {
		fprintf(stderr, "xnetctl: --listen %s: %s\n", where, strerror(errno));
		if (fd >= 0)
			close(fd);
		freeaddrinfo(a);
		return -1;
	}
	freeaddrinfo(a);
	return fd;
}

static void serve(struct look *l, int fd)
{
	static struct server s;
	struct sigaction a = {.sa_handler = stop};

	s = (struct server){.look = l, .fd = fd};
	for (size_t i = 0; i < CLIENTS; i++)
		s.client[i].fd = -1;
	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	puts("ready");
	fflush(stdout);
	while (!stopped)
		turn(&s);
	for (size_t i = 0; i < CLIENTS; i++)
		if (s.client[i].fd >= 0)
			leave(&s.client[i]);
}

static int run(const struct broker_options *o, const char *where)
{
	const int fd = where ? open_port(where) : -1;
	struct look l;

	if (where && fd < 0)
		return EXIT_FAILURE;
	/* a server waits for its broker, and reports it in xnet_broker_up */
	const int status = where ? look_open(&l, o) : look_begin(&l, o);
	if (!status && where)
		serve(&l, fd);
	else if (!status)
		view_metrics(l.view, true, watch_now(), true, stdout);
	if (!status)
		look_end(&l);
	if (fd >= 0)
		close(fd);
	return status;
}

int verb_metrics(int argc, char **argv)
{
	static const struct option table[] = {BROKER_LONG_OPTIONS,
	                                      {"listen", required_argument, NULL, 'l'},
	                                      {"help", no_argument, NULL, 'h'},
	                                      {0}};
	struct broker_options o;
	const char *where = NULL;

	broker_options_init(&o);
	for (int c; (c = getopt_long(argc, argv, BROKER_OPTIONS "h", table, NULL)) != -1;) {
		if (c == 'h') {
			help();
			return EXIT_SUCCESS;
		}
		if (c == 'l')
			where = optarg;
		else if (!broker_option(&o, c))
			return usage("metrics");
	}
	return optind < argc ? usage_words("metrics", argc, argv, optind, NULL) : run(&o, where);
}
