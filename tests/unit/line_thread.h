/*
 * line_thread: a pseudo-terminal with devices behind it, in a thread that gives every character its
 * true time on the wire (core/simline). For tests of the bus thread and for the bench of the line.
 */
#ifndef TESTS_UNIT_LINE_THREAD_H
#define TESTS_UNIT_LINE_THREAD_H

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "bus/clock.h"
#include "core/server.h"
#include "core/simline.h"

#define LINE_UNITS 8 /* unit ids 1 to 8 */
#define LINE_CELLS 256

struct line_device {
	bool there;
	struct server server;
	uint16_t holding[LINE_CELLS];
	uint8_t coil[LINE_CELLS];
	unsigned writes;
};

struct line_thread {
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	struct simline *line;
	struct line_device device[LINE_UNITS + 1];
	int master;
	int stop[2];
	char name[64]; /* of the other end */
};

/* Input registers tell their address and unit, so that a value at a wrong place is seen. */
static inline uint16_t line_input(uint8_t unit, unsigned addr)
{
	return (uint16_t)(unit << 12 | (addr & 0xFFF));
}

static uint8_t line_read(void *ctx, uint8_t table, uint16_t addr, uint16_t count, uint16_t *words)
{
	const struct line_device *d = ctx;
	const uint8_t unit = (uint8_t)d->server.status;
	if (table != TABLE_INPUT && addr + count > LINE_CELLS)
		return EXC_ADDRESS;
	for (unsigned i = 0; i < count; i++) {
		if (table == TABLE_INPUT)
			words[i] = line_input(unit, addr + i);
		else if (table == TABLE_HOLDING)
			words[i] = d->holding[addr + i];
		else if (d->coil[addr + i])
			words[i / 16] |= (uint16_t)(1u << i % 16);
	}
	return 0;
}

static uint8_t line_write(void *ctx, uint8_t table, uint16_t addr, uint16_t count, const uint16_t *words)
{
	struct line_device *d = ctx;
	if (addr + count > LINE_CELLS)
		return EXC_ADDRESS;
	d->writes++;
	for (unsigned i = 0; i < count; i++) {
		if (table == TABLE_HOLDING)
			d->holding[addr + i] = words[i];
		else
			d->coil[addr + i] = words[i / 16] >> i % 16 & 1;
	}
	return 0;
}

static size_t line_answer(void *ctx, uint8_t unit, const uint8_t *pdu, size_t len, uint8_t *answer)
{
	struct line_thread *t = ctx;
	if (unit > LINE_UNITS || !t->device[unit].there)
		return 0;
	return server_answer(&t->device[unit].server, pdu, len, answer);
}

/* One turn: what came from the gateway goes on the wire, what has arrived by now goes to it. */
static us_t line_turn(struct line_thread *t)
{
	uint8_t buf[512];
	pthread_mutex_lock(&t->lock);
	const ssize_t n = read(t->master, buf, sizeof(buf));
	if (n > 0)
		simline_write(t->line, buf, (size_t)n, clock_now());
	const size_t back = simline_read(t->line, clock_now(), buf, sizeof(buf));
	if (back && write(t->master, buf, back) < 0)
		abort();
	const us_t next = simline_next(t->line, clock_now());
	pthread_mutex_unlock(&t->lock);
	return next;
}

/* A master whose other end nobody has open yet reads as hung up: then look again a little later. */
static void *line_main(void *arg)
{
	struct line_thread *t = arg;
	clock_sharp();
	for (us_t next = 0;;) {
		struct pollfd f[2] = {{.fd = t->stop[0], .events = POLLIN}, {.fd = t->master, .events = POLLIN}};
		const us_t now = clock_now();
		const us_t left = next == US_NEVER ? US_S : next > now ? next - now : 0;
		const struct timespec wait = clock_timespec(left);
		ppoll(f, 2, &wait, NULL);
		if (f[0].revents)
			return NULL;
		if (f[1].revents & POLLHUP && !(f[1].revents & POLLIN))
			clock_sleep(clock_now() + 2 * US_MS);
		next = line_turn(t);
	}
}

static void line_open_master(struct line_thread *t)
{
	t->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (t->master < 0 || grantpt(t->master) || unlockpt(t->master) ||
	    ptsname_r(t->master, t->name, sizeof(t->name)))
		abort();
	const int other = open(t->name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios raw;
	tcgetattr(other, &raw);
	cfmakeraw(&raw);
	tcsetattr(other, TCSANOW, &raw);
	close(other);
}

static void line_begin(struct line_thread *t)
{
	line_open_master(t);
	if (pipe2(t->stop, O_CLOEXEC) || pthread_create(&t->thread, NULL, line_main, t))
		abort();
}

/* The adapter is pulled out: the port is gone until line_begin(). */
static inline void line_end(struct line_thread *t)
{
	if (write(t->stop[1], "", 1) != 1)
		abort();
	pthread_join(t->thread, NULL);
	close(t->stop[0]);
	close(t->stop[1]);
	close(t->master);
}

static inline void line_start(struct line_thread *t, const struct wire *w, unsigned units)
{
	memset(t, 0, sizeof(*t));
	pthread_mutex_init(&t->lock, NULL);
	t->line = simline_create(w, 1, line_answer, t);
	for (uint8_t u = 1; u <= units; u++) {
		struct line_device *d = &t->device[u];
		d->there = true;
		d->server = (struct server){.ctx = d, .read = line_read, .write = line_write, .status = u};
		simline_turnaround(t->line, u, 2 * US_MS);
	}
	line_begin(t);
}

static inline void line_stop(struct line_thread *t)
{
	line_end(t);
	simline_destroy(t->line);
	pthread_mutex_destroy(&t->lock);
}

#endif
