// SPDX-License-Identifier: MIT
#include "bus/port.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "bus/clock.h"

#define CONNECT_TIMEOUT (3 * US_S)
#define STREAM_LATENCY                                                                             \
	(300 * US_MS) /* a network may tear a frame apart by this much: a lost segment is repeated \
	               * after 200 ms at the earliest */
#define STREAM_PATIENCE STREAM_LATENCY
#define SILENCE_LIMIT 3
#define SLICE (100 * US_MS) /* between two looks at *stop */
#define FRAMES_MOST 16      /* taken in one go, from a peer that sends without end */

char *port_name(const struct bus_conf *conf, char *buf, size_t size)
{
	if (conf->kind == BUS_SERIAL)
		snprintf(buf, size, "%s", conf->port);
	else if (strchr(conf->host, ':'))
		snprintf(buf, size, "[%s]:%u", conf->host, conf->tcp_port);
	else
		snprintf(buf, size, "%s:%u", conf->host, conf->tcp_port);
	return buf;
}

static void port_gone(struct port *p, const char *how)
{
	char name[160];
	snprintf(p->why, sizeof(p->why), "%s %s", port_name(p->conf, name, sizeof(name)), how);
}

/* Bytes of earlier requests that still wait; of ttys and sockets alike (SIOCOUTQ is TIOCOUTQ). */
static int port_unsent(const struct port *p)
{
	int n = 0;
	return ioctl(p->fd, TIOCOUTQ, &n) == 0 ? n : 0;
}

/* Waits until `until`, or one of a poll()'s reasons. */
static void port_poll(struct pollfd *f, us_t until)
{
	const us_t now = clock_now();
	const struct timespec left = clock_timespec(until > now ? until - now : 0);
	ppoll(f, 1, &left, NULL);
}

/* -- serial ---------------------------------------------------------------- */

static enum port_opening serial_port_open(struct port *p, us_t now, us_t *until)
{
	(void)now, (void)until;
	if (!serial_open(&p->serial, p->conf, p->why, sizeof(p->why)))
		return PORT_FAILED;
	p->fd = p->serial.fd;
	return PORT_OPENED;
}

static void serial_port_close(struct port *p)
{
	tcflush(p->fd, TCIOFLUSH); /* a tty that stood still must not go on with old requests */
	serial_close(&p->serial);
}

static enum port_sent serial_port_send(struct port *p, const struct request *r)
{
	const int n = rtu_send(p->serial.rtu, r);
	if (n == r->len + 3)
		return PORT_SENT;
	return n <= 0 ? PORT_UNSENT : PORT_PARTLY;
}

static bool hung_up(const struct port *p)
{
	struct pollfd f = {.fd = p->fd};
	return poll(&f, 1, 0) > 0;
}

/* A tty without bytes reads as 0 bytes, and so does one that was hung up: poll() distinguishes
 * them. */
static int stream_take(struct port *p, uint8_t *buf, size_t room)
{
	const ssize_t n = read(p->fd, buf, room);
	if (n < (ssize_t)room)
		p->ready = false;
	if (n > 0)
		return (int)n;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	return p->ops->connects || hung_up(p) ? -1 : 0;
}

/* -- sockets --------------------------------------------------------------- */

static enum port_opening socket_open(struct port *p, us_t now, us_t *until)
{
	const struct bus_conf *c = p->conf;
	if (p->fd < 0) {
		if (!p->opening)
			tcp_begin(&p->tcp, c->host, c->tcp_port, p->done, p->ctx);
		p->fd = tcp_step(&p->tcp, c->host, c->tcp_port, CONNECT_TIMEOUT, now, p->why,
		                 sizeof(p->why));
		p->opening = p->fd == TCP_OPENING;
		p->fd = p->fd < 0 ? -1 : p->fd;
		p->ready_at = now + c->connect_delay;
	}
	if (p->opening)
		*until = p->tcp.until;
	else if (p->fd >= 0)
		*until = p->ready_at;
	else
		return PORT_FAILED;
	return p->opening || now < p->ready_at ? PORT_OPENING : PORT_OPENED;
}

/* What the peer has not got, or not answered, by now it must not get or carry out later, beside the
 * next connection. */
static void socket_close(struct port *p)
{
	const struct linger reset = {.l_onoff = 1};
	if (port_unsent(p) > 0 || p->requests != p->answers)
		setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(p->fd);
}

static enum port_sent socket_write(struct port *p, const uint8_t *bytes, size_t n)
{
	const ssize_t sent = send(p->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent == (ssize_t)n)
		return PORT_SENT;
	return sent <= 0 ? PORT_UNSENT : PORT_PARTLY;
}

static enum port_sent rtu_tcp_send(struct port *p, const struct request *r)
{
	uint8_t frame[ADU_RTU_MAX];
	return socket_write(p, frame, pdu_frame(r->unit, r->pdu, r->len, frame));
}

static enum port_sent mbap_send(struct port *p, const struct request *r)
{
	uint8_t frame[MBAP_MAX];
	const uint8_t unit = p->zero ? 0 : r->unit;
	const uint16_t id = (uint16_t)(p->transaction + 1);
	p->asked[id % PORT_ASKED] =
		(struct port_asked){.at = clock_now(), .id = id, .unit = r->unit};
	return socket_write(p, frame, mbap_build(frame, ++p->transaction, unit, r->pdu, r->len));
}

static struct port_asked *mbap_asked(struct port *p, uint16_t id)
{
	struct port_asked *a = &p->asked[id % PORT_ASKED];
	return a->at && a->id == id ? a : NULL;
}

/* An answer that is awaited no more, or never was. */
static void mbap_stray(struct port *p, uint16_t id)
{
	struct port_asked *a = mbap_asked(p, id);
	if (!a) {
		p->stray++;
		p->stray_id = id;
		return;
	}
	p->late++;
	if (a->answered)
		return;
	p->late_after = clock_now() - a->at;
	p->late_unit = a->unit;
	a->answered = true;
}

/* Takes one frame off the head of rx. Its length when it belongs to the transaction under way (buf
 * NULL: there is none), 0 when there is none yet, -1 when the peer does not speak Modbus TCP. */
static int mbap_take(struct port *p, uint8_t *buf)
{
	struct mbap f;
	int size;
	while ((size = mbap_parse(p->rx, p->nrx, &f)) > 0) {
		const bool ours = buf && f.transaction == p->transaction;
		const uint8_t unit = p->zero && f.unit == 0 ? UINT8_MAX : f.unit;
		const size_t n = ours ? pdu_frame(unit, f.pdu, f.len, buf) : 0;
		p->nrx -= (uint16_t)size;
		memmove(p->rx, p->rx + size, p->nrx);
		if (!ours) {
			mbap_stray(p, f.transaction);
			continue;
		}
		mbap_asked(p, f.transaction)->answered = true;
		return (int)n;
	}
	return size;
}

/* How many bytes came; 0: none; -1: the link is gone. */
static int mbap_receive(struct port *p)
{
	const size_t room = sizeof(p->rx) - p->nrx;
	const ssize_t n = recv(p->fd, p->rx + p->nrx, room, MSG_DONTWAIT);
	p->ready = n == (ssize_t)room;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	p->nrx += (uint16_t)n;
	return (int)n;
}

/* Nothing is awaited. What is there may be answers that are late, in part too, and nothing else. */
static bool mbap_settled(struct port *p)
{
	int n = 1;
	for (int i = 0; i < FRAMES_MOST && n > 0; i++) {
		errno = 0;
		n = mbap_receive(p);
		p->broken = n < 0 && errno;
		if (n < 0 || mbap_take(p, NULL) < 0)
			return false;
	}
	p->ready = n > 0;
	if (!p->nrx || p->ready)
		return true;
	const struct port_asked *a =
		p->nrx > 1 ? mbap_asked(p, (uint16_t)(p->rx[0] << 8 | p->rx[1])) : NULL;
	return a && !a->answered;
}

static int mbap_get(struct port *p, uint8_t *buf, size_t room)
{
	if (room < ADU_RTU_MAX)
		return 0;
	for (int i = 0; i < FRAMES_MOST; i++) {
		const int size = mbap_take(p, buf);
		if (size < 0)
			port_gone(p, "does not speak Modbus TCP");
		if (size > 0)
			p->ready |= p->nrx > 0;
		if (size)
			return size;
		if (i > 0 && !p->ready)
			return 0;
		if (mbap_receive(p) < 0)
			return -1;
	}
	p->ready = true;
	return 0;
}

/* -- one face -------------------------------------------------------------- */

static const struct port_ops ops_of[] = {
	[BUS_SERIAL] =
		{
			.open = serial_port_open,
			.close = serial_port_close,
			.send = serial_port_send,
			.take = stream_take,
			.gone = "is gone",
			.wire = true,
			.tunes = true,
			.rest_most = US_S,
		},
	[BUS_TCP] =
		{
			.open = socket_open,
			.close = socket_close,
			.send = mbap_send,
			.take = mbap_get,
			.settled = mbap_settled,
			.gone = "closed the connection",
			.connects = true,
			.ids = true,
			.way = {.patience = STREAM_PATIENCE, .zero_answers = true},
			.rest_most = 60 * US_S,
			.silence_limit = SILENCE_LIMIT,
		},
	[BUS_RTU_TCP] =
		{
			.open = socket_open,
			.close = socket_close,
			.send = rtu_tcp_send,
			.take = stream_take,
			.gone = "closed the connection",
			.connects = true,
			.wire = true,
			.way = {.patience = STREAM_PATIENCE},
			.latency = STREAM_LATENCY,
			.rest_most = 60 * US_S,
			.silence_limit = SILENCE_LIMIT,
		},
};

void port_init(struct port *p, const struct bus_conf *conf, const atomic_bool *stop)
{
	*p = (struct port){
		.conf = conf,
		.stop = stop,
		.ops = &ops_of[conf->kind],
		.fd = -1,
		.transaction = (uint16_t)clock_now(), /* an id that never changes is none of ours */
		.serial = {.fd = -1, .lock = -1},
		.tcp = {.fd = -1},
	};
}

/* -- ports of this process that are open ----------------------------------- */

static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct port *open_ports;

static bool same_port(const struct bus_conf *a, const struct bus_conf *b)
{
	struct stat x, y;
	if ((a->kind == BUS_SERIAL) != (b->kind == BUS_SERIAL))
		return false;
	if (a->kind != BUS_SERIAL)
		return a->tcp_port == b->tcp_port && strcmp(a->host, b->host) == 0;
	return strcmp(a->port, b->port) == 0 ||
	       (stat(a->port, &x) == 0 && stat(b->port, &y) == 0 && x.st_rdev == y.st_rdev);
}

/* Does a bus have it that was asked to end? */
static bool port_ending(const struct port *p)
{
	bool ending = false;
	pthread_mutex_lock(&open_lock);
	for (const struct port *o = open_ports; o && !ending; o = o->next_open)
		ending = o->stop && atomic_load(o->stop) && same_port(o->conf, p->conf);
	pthread_mutex_unlock(&open_lock);
	return ending;
}

/* Two names of one serial port. */
static void port_own(struct port *p)
{
	pthread_mutex_lock(&open_lock);
	for (const struct port *o = open_ports; o; o = o->next_open)
		if (p->conf->kind == BUS_SERIAL && o != p && same_port(o->conf, p->conf))
			snprintf(p->why, sizeof(p->why), "%s is in use by bus %s", p->conf->port,
			         o->conf->name ? o->conf->name : "");
	pthread_mutex_unlock(&open_lock);
}

static void port_enlist(struct port *p)
{
	pthread_mutex_lock(&open_lock);
	p->next_open = open_ports;
	open_ports = p;
	pthread_mutex_unlock(&open_lock);
}

static void port_delist(struct port *p)
{
	pthread_mutex_lock(&open_lock);
	struct port **at = &open_ports;
	while (*at && *at != p)
		at = &(*at)->next_open;
	if (*at)
		*at = p->next_open;
	pthread_mutex_unlock(&open_lock);
}

void port_begin(struct port *p)
{
	port_close(p);
	p->why[0] = 0;
	p->broken = false;
	p->requests = p->answers = 0;
	p->waits = port_ending(p);
}

enum port_opening port_step(struct port *p, us_t now, us_t *until)
{
	const enum port_opening o = p->waits ? PORT_FAILED : p->ops->open(p, now, until);
	if (o == PORT_OPENED)
		port_enlist(p);
	else if (o == PORT_FAILED)
		port_own(p);
	return o;
}

int port_waits_on(const struct port *p)
{
	return p->fd >= 0 ? p->fd : p->tcp.fd;
}

bool port_open(struct port *p)
{
	enum port_opening o;
	us_t until = 0;
	port_begin(p);
	while ((o = port_step(p, clock_now(), &until)) == PORT_OPENING) {
		if (atomic_load(p->stop)) {
			port_close(p);
			snprintf(p->why, sizeof(p->why), "stopped");
			return false;
		}
		const us_t now = clock_now(), slice = now + SLICE;
		struct pollfd f = {.fd = p->fd < 0 ? p->tcp.fd : -1, .events = POLLOUT};
		port_poll(&f, until < slice ? until : slice);
	}
	return o == PORT_OPENED;
}

void port_close(struct port *p)
{
	if (p->fd >= 0) {
		p->ops->close(p);
		port_delist(p);
	}
	if (p->opening)
		tcp_abandon(&p->tcp);
	p->opening = false;
	p->ready = p->ended = false;
	p->fd = -1;
	p->nrx = 0;
	memset(p->asked, 0, sizeof(p->asked));
}

void port_describe(const struct port *p, struct line *l)
{
	const struct port_ops *ops = p->ops;
	const us_t latency = ops->latency > p->serial.latency ? ops->latency : p->serial.latency;
	l->echo |= p->conf->echo;
	l->timed = p->serial.timed;
	l->ids = ops->ids;
	if (l->latency < latency) /* longer pauses may have been learned */
		l->latency = latency;
}

static bool port_linked(struct port *p)
{
	struct pollfd f = {.fd = p->fd, .events = POLLRDHUP};
	if (p->ops->settled)
		return p->ops->settled(p);
	const bool linked = poll(&f, 1, 0) == 0;
	p->broken = f.revents & POLLERR;
	return linked;
}

bool port_alive(struct port *p)
{
	if (p->fd >= 0 && port_linked(p))
		return true;
	port_gone(p, p->ops->gone);
	return false;
}

/* The last request was answered, so it is out. */
static bool port_answered(struct port *p)
{
	const struct port_asked *a = mbap_asked(p, p->transaction);
	return p->ops->ids && a && a->answered;
}

enum port_sent port_send(struct port *p, const struct request *r)
{
	if (!port_answered(p) &&
	    port_unsent(p) > 0) { /* this one would be late, and the earlier ones later still */
		port_gone(p, "accepts no more data");
		return PORT_UNSENT;
	}
	const enum port_sent sent = p->ops->send(p, r);
	p->requests += r->unit != 0 || p->zero;
	if (sent != PORT_SENT)
		port_gone(p, p->ops->gone);
	return sent;
}

int port_take(struct port *p, uint8_t *buf, size_t room)
{
	p->why[0] = 0;
	const int n = p->ops->take(p, buf, room);
	if (n < 0 && !p->why[0])
		port_gone(p, p->ops->gone);
	return n;
}

int port_read(struct port *p, uint8_t *buf, size_t room, us_t until)
{
	struct pollfd f = {.fd = p->fd, .events = POLLIN};
	int n;
	if (!until && p->ops->ids)
		return 0; /* what came unasked was seen by port_alive() */
	while ((n = port_take(p, buf, room)) == 0 && clock_now() < until)
		port_poll(&f, until);
	return n;
}
