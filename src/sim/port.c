// SPDX-License-Identifier: MIT
#include "sim/port.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/sim/line.h"
#include "core/sim/units.h"
#include "sim/pty.h"
#include "sim/tcp.h"

#define CONTROLS 4
#define LINE_MAX_LEN 512
#define REPLY_MAX 32768 /* the counts of 255 units */
#define HUNG_UP_LOOK (10 * US_MS)
#define PIECE                                                                                      \
	(2 * US_MS) /* an answer's bytes are handed on in pieces, its first and last in time */

/* Where commands come from and replies go to. */
struct control {
	int in, out;
	size_t n;
	char line[LINE_MAX_LEN];
};

struct sim {
	const struct sim_conf *conf;
	struct simunits *units;
	struct sim_pty pty;
	int port; /* where frames come and go: the pseudo-terminal, or a client of RTU over TCP */
	int rtu_port; /* listens for that client; -1: none */
	struct wire wire;
	struct simline *line;
	us_t handed_on;
	bool hung_up;
	struct sim_tcp *tcp;
	int signals, listener;
	struct stat socket; /* the control socket as we made it */
	struct control control[CONTROLS];
	size_t ncontrol;
	bool end, report_writes;
};

static us_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (us_t)t.tv_sec * US_S + t.tv_nsec / 1000;
}

/* -- the line -------------------------------------------------------------------- */

static size_t answer(void *ctx, uint8_t unit, const uint8_t *pdu, size_t len, uint8_t *out)
{
	struct sim *s = ctx;

	return simunits_answer(s->units, unit, pdu, len, monotonic(), time(NULL), out);
}

/* A frame from the client, whole: it writes one with one call. */
static void take_frame(struct sim *s, const uint8_t *bytes, size_t n, us_t now)
{
	const struct sim_turn t = simunits_turn(s->units, bytes[0]);
	/* no unit can answer before it has seen the end of the request */
	const us_t turnaround = t.turnaround > s->wire.silence ? t.turnaround : s->wire.silence;

	simline_turnaround(s->line, bytes[0], turnaround);
	simline_fault(s->line, bytes[0], t.fault, t.fault != SIM_NONE, t.delay);
	simline_write(s->line, bytes, n, now);
}

/* RTU over TCP: as such converters do, one client at a time, the newest. */
static void take_client(struct sim *s)
{
	const int fd = s->rtu_port >= 0 ? sim_tcp_accept(s->rtu_port) : -1;

	if (fd < 0)
		return;
	if (s->port >= 0)
		close(s->port);
	s->port = fd;
}

/* No client: poll() would not wait. */
static void hang_up(struct sim *s)
{
	s->hung_up = true;
	if (s->rtu_port >= 0 && s->port >= 0) {
		close(s->port);
		s->port = -1;
	}
}

static void line_read(struct sim *s, us_t now)
{
	uint8_t bytes[2 * ADU_RTU_MAX];
	const ssize_t n = s->port < 0 ? 0 : read(s->port, bytes, sizeof(bytes));

	s->hung_up = false;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		hang_up(s);
	else if (n > 0 && (s->rtu_port >= 0 || sim_pty_speed_is(&s->pty, s->wire.baud)))
		take_frame(s, bytes, (size_t)n, now);
}

static void line_step(struct sim *s)
{
	uint8_t out[ADU_RTU_MAX];
	size_t n;

	take_client(s);
	line_read(s, monotonic());
	while ((n = simline_read(s->line, monotonic(), out, sizeof(out))) > 0) {
		s->handed_on = monotonic();
		if (!s->hung_up && write(s->port, out, n) < 0 && errno != EAGAIN)
			hang_up(s);
	}
}

static us_t line_next(struct sim *s)
{
	const us_t next = simline_next(s->line, monotonic()), end = simline_end(s->line);
	const us_t piece = s->handed_on + PIECE;

	if (end == US_NEVER || next >= piece)
		return next;
	return end < piece ? end : piece;
}

/* -- commands -------------------------------------------------------------------- */

/* Never waits for who does not read: a pipe that poll() calls writable takes PIPE_BUF. False: it
 * was not taken. */
static bool put(int fd, const char *text, size_t n)
{
	while (n) {
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		const size_t piece = n < PIPE_BUF ? n : PIPE_BUF;
		const ssize_t done =
			poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) ? write(fd, text, piece) : -1;
		if (done < 0)
			return false;
		text += done;
		n -= (size_t)done;
	}
	return true;
}

static void log_write(void *ctx, const char *json)
{
	struct sim *s = ctx;

	if (s->report_writes)
		s->report_writes =
			put(STDOUT_FILENO, json, strlen(json)) && put(STDOUT_FILENO, "\n", 1);
	if (s->conf->write_log) {
		fprintf(s->conf->write_log, "%s\n", json);
		fflush(s->conf->write_log);
	}
}

/* False: its sender does not read the replies. */
static bool command(struct sim *s, struct control *c, char *line)
{
	char reply[REPLY_MAX] = "ok";

	if (strcmp(line, "log") == 0)
		s->report_writes = true;
	else
		simunits_command(s->units, line, s->line ? simline_count(s->line).early : 0, reply,
		                 sizeof(reply) - 1);
	const size_t n = strlen(reply);
	reply[n] = '\n';
	return put(c->out, reply, n + 1);
}

/* False: the end. */
static bool control_read(struct sim *s, struct control *c)
{
	const ssize_t n = read(c->in, c->line + c->n, sizeof(c->line) - 1 - c->n);
	char *end;

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	c->n += (size_t)n;
	c->line[c->n] = '\0';
	while ((end = strchr(c->line, '\n'))) {
		*end = '\0';
		if (c->line[0] && !command(s, c, c->line)) {
			fprintf(stderr,
			        "xnetctl: a client does not read its replies: connection closed\n");
			return false;
		}
		c->n -= (size_t)(end + 1 - c->line);
		memmove(c->line, end + 1, c->n + 1);
	}
	return c->n < sizeof(c->line) - 1;
}

static void control_accept(struct sim *s)
{
	const int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (s->ncontrol == CONTROLS) {
		close(fd);
		return;
	}
	s->control[s->ncontrol++] = (struct control){.in = fd, .out = fd};
}

static void control_step(struct sim *s, size_t i)
{
	struct control *c = &s->control[i];

	if (control_read(s, c))
		return;
	if (c->in == STDIN_FILENO)
		s->end = true;
	else
		close(c->in);
	*c = s->control[--s->ncontrol];
}

/* Takes the place of a socket that is served no more, and of nothing else. */
static bool control_clear(int fd, const struct sockaddr_un *a)
{
	struct stat st;

	if (lstat(a->sun_path, &st) != 0)
		return errno == ENOENT;
	errno = EEXIST;
	if (!S_ISSOCK(st.st_mode))
		return false;
	if (connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0) {
		errno = EADDRINUSE;
		return false;
	}
	return errno == ECONNREFUSED && unlink(a->sun_path) == 0;
}

/* For its owner only, whatever the umask. */
static bool control_bind(struct sim *s, int fd, const struct sockaddr_un *a)
{
	const mode_t mask = umask(077);
	const bool good = bind(fd, (const struct sockaddr *)a, sizeof(*a)) == 0;
	const int problem = errno;

	umask(mask);
	errno = problem;
	return good && lstat(a->sun_path, &s->socket) == 0 && listen(fd, CONTROLS) == 0;
}

static int control_listen(struct sim *s, const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	/* non-blocking: a full backlog of another's socket is waited for otherwise */
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	errno = ENAMETOOLONG;
	if (strlen(path) < sizeof(a.sun_path)) {
		memcpy(a.sun_path, path, strlen(path));
		if (fd >= 0 && control_clear(fd, &a) && control_bind(s, fd, &a))
			return fd;
	}
	fprintf(stderr, "xnetctl: %s: %s\n", path,
	        errno == EEXIST ? "exists and is not a socket" : strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The path may be another process's by now. */
static void control_unlink(const struct sim *s, const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && st.st_dev == s->socket.st_dev && st.st_ino == s->socket.st_ino)
		unlink(path);
}

/* -- the loop -------------------------------------------------------------------- */

static us_t step(struct sim *s, us_t now)
{
	us_t next;

	if (s->tcp)
		return sim_tcp_step(s->tcp, s->units, now, time(NULL));
	line_step(s);
	next = line_next(s);
	return s->hung_up && next > now + HUNG_UP_LOOK ? now + HUNG_UP_LOOK : next;
}

static size_t wait_list(const struct sim *s, struct pollfd *fd)
{
	size_t n = 0;

	fd[n++] = (struct pollfd){.fd = s->signals, .events = POLLIN};
	fd[n++] = (struct pollfd){.fd = s->listener, .events = POLLIN};
	for (size_t i = 0; i < CONTROLS; i++)
		fd[n++] = (struct pollfd){.fd = i < s->ncontrol ? s->control[i].in : -1,
		                          .events = POLLIN};
	if (s->tcp)
		n += sim_tcp_poll(s->tcp, fd + n);
	else if (!s->hung_up)
		fd[n++] = (struct pollfd){.fd = s->port, .events = POLLIN};
	return n;
}

static void loop(struct sim *s)
{
	struct pollfd fd[2 + CONTROLS + SIM_TCP_FDS];

	while (!s->end) {
		const us_t next = step(s, monotonic()), now = monotonic(),
			   wait = next > now ? next - now : 0;
		const struct timespec limit = {.tv_sec = (time_t)(wait / US_S),
		                               .tv_nsec = (long)(wait % US_S) * 1000};
		const size_t n = wait_list(s, fd);

		if (ppoll(fd, n, next == US_NEVER ? NULL : &limit, NULL) <= 0)
			continue;
		s->end = fd[0].revents != 0;
		if (fd[1].revents)
			control_accept(s);
		for (size_t i = CONTROLS; i-- > 0;)
			if (fd[2 + i].revents && i < s->ncontrol)
				control_step(s, i);
	}
}

static int catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool open_tcp(struct sim *s, bool rtu)
{
	int port = s->conf->tcp_port;

	if (rtu)
		s->rtu_port = sim_tcp_listen(&port);
	else
		s->tcp = sim_tcp_open(&port);
	if (!s->tcp && s->rtu_port < 0)
		return false;
	printf("ready: 127.0.0.1:%d\n", port);
	return true;
}

static bool open_line(struct sim *s)
{
	const struct sim_conf *c = s->conf;
	const struct bus_conf *b = &c->model->bus[c->bus];
	const bool modbus_tcp = c->tcp_port >= 0 && b->kind != BUS_RTU_TCP;

	if (!modbus_tcp) {
		wire_init(&s->wire, b->baud, b->data, b->parity, b->stop, b->silence);
		s->line = simline_create(&s->wire, c->seed, answer, s);
	}
	if (c->tcp_port >= 0)
		return open_tcp(s, !modbus_tcp);
	if (!sim_pty_open(&s->pty, c->link))
		return false;
	s->port = s->pty.fd;
	printf("ready: %s\n", c->link ? c->link : s->pty.name);
	return true;
}

int sim_run(const struct sim_conf *c)
{
	struct sim s = {.conf = c, .pty = {.fd = -1}, .port = -1, .rtu_port = -1, .listener = -1};
	int status = EXIT_FAILURE;

	prctl(PR_SET_TIMERSLACK, 1000UL); /* ns: the wire's time is our product */
	s.signals = catch_signals();
	s.units = simunits_create(c->model, c->bus, c->seed, c->turnaround, monotonic());
	simunits_on_write(s.units, log_write, &s);
	if (c->stdin_commands)
		s.control[s.ncontrol++] =
			(struct control){.in = STDIN_FILENO, .out = STDOUT_FILENO};
	if (c->control && (s.listener = control_listen(&s, c->control)) < 0)
		goto out;
	if (!open_line(&s))
		goto out;
	fflush(stdout);
	loop(&s);
	status = EXIT_SUCCESS;
out:
	if (s.rtu_port >= 0) {
		hang_up(&s);
		close(s.rtu_port);
	}
	sim_pty_close(&s.pty);
	sim_tcp_close(s.tcp);
	while (s.ncontrol)
		if (s.control[--s.ncontrol].in != STDIN_FILENO)
			close(s.control[s.ncontrol].in);
	if (c->control && s.listener >= 0) {
		control_unlink(&s, c->control);
		close(s.listener);
	}
	close(s.signals);
	simline_destroy(s.line);
	simunits_destroy(s.units);
	return status;
}
