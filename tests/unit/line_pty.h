/* SPDX-License-Identifier: MIT */
/*
 * line_pty: the simulated line (core/sim/line.h) behind a pseudo-terminal, fed by a thread in real
 * time, for the tests and benches of the bus. The gateway opens `path`, a symbolic link, so that
 * the adapter can be unplugged and come back under another name.
 *
 * Registers hold line_pty_value() until they are written. Writes are kept in a log.
 */
#ifndef TESTS_UNIT_LINE_PTY_H
#define TESTS_UNIT_LINE_PTY_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#include "bus/clock.h"
#include "core/sim/line.h"
#include "core/sim/server.h"

#define LINE_PTY_REGISTERS 4096
#define LINE_PTY_LOG 1024
#define LINE_PTY_CHUNK 3 /* characters handed over at once, fewer than a silence has ... */
#define LINE_PTY_PAUSE                                                                             \
	((us_t)1500) /* ... or as many as come in this time, a little less than the shortest       \
	                silence */

#define LINE_PTY_HOLE 0xF000 /* from here on nothing can be read */

struct line_pty_write {
	uint8_t unit, fc;
	uint16_t addr, value;
	us_t at; /* the end of the request on the wire, as the feeder saw it */
};

struct line_pty {
	char directory[64], path[96];
	struct wire wire;
	pthread_mutex_t lock;
	pthread_t feeder;
	struct simline *line;
	int master, wake;
	bool stop;
	bool whole;                           /* hand over answers in one piece */
	bool silent[256];                     /* this unit does not answer */
	unsigned spoilt[SIM_FAULTS];          /* so many of a thousand requests get this fault */
	unsigned at;                          /* spreads them evenly: no luck */
	uint16_t (*held)[LINE_PTY_REGISTERS]; /* [unit][addr]: holding registers as written, xor
	                                         value */
	struct line_pty_write log[LINE_PTY_LOG];
	size_t nlog;
	uint32_t reads;
	uint8_t unit;    /* of the request at hand */
	uint8_t last_fc; /* of the last request */
	us_t request_at; /* the first request after the port was plugged in; 0: none yet */
};

static inline uint16_t line_pty_value(uint8_t unit, uint8_t table, uint16_t addr)
{
	uint32_t h = (uint32_t)unit << 24 ^ (uint32_t)table << 20 ^ addr;
	h = (h ^ h >> 16) * 0x45d9f3bu;
	h = (h ^ h >> 16) * 0x45d9f3bu;
	return (uint16_t)(h ^ h >> 16);
}

/* One bit of the coils; register value elsewhere. */
static inline uint16_t line_pty_cell(const struct line_pty *p, uint8_t unit, uint8_t table,
                                     uint16_t addr)
{
	uint16_t v = line_pty_value(unit, table, addr);
	if (table == TABLE_HOLDING)
		v ^= p->held[unit][addr % LINE_PTY_REGISTERS];
	return table_is_bits(table) ? v & 1 : v;
}

static inline uint8_t line_pty_on_read(void *ctx, uint8_t table, uint16_t addr, uint16_t count,
                                       uint16_t *words)
{
	struct line_pty *p = ctx;
	p->reads++;
	if (addr >= LINE_PTY_HOLE)
		return EXC_ADDRESS;
	if (table_is_bits(table))
		memset(words, 0, (count + 15u) / 16 * sizeof(*words));
	for (uint16_t i = 0; i < count; i++) {
		const uint16_t v = line_pty_cell(p, p->unit, table, (uint16_t)(addr + i));
		if (table_is_bits(table))
			words[i / 16] |= (uint16_t)(v << i % 16);
		else
			words[i] = v;
	}
	return 0;
}

static inline uint8_t line_pty_on_write(void *ctx, uint8_t table, uint16_t addr, uint16_t count,
                                        const uint16_t *words)
{
	struct line_pty *p = ctx;
	for (uint16_t i = 0; i < count && table == TABLE_HOLDING; i++)
		p->held[p->unit][(addr + i) % LINE_PTY_REGISTERS] =
			words[i] ^ line_pty_value(p->unit, table, (uint16_t)(addr + i));
	if (p->nlog < LINE_PTY_LOG)
		p->log[p->nlog++] = (struct line_pty_write){
			.unit = p->unit,
			.fc = p->last_fc,
			.addr = addr,
			.value = words[0],
			.at = clock_now(),
		};
	return 0;
}

static inline size_t line_pty_answer(void *ctx, uint8_t unit, const uint8_t *pdu, size_t len,
                                     uint8_t *answer)
{
	struct line_pty *p = ctx;
	const struct server server = {
		.ctx = p,
		.read = line_pty_on_read,
		.write = line_pty_on_write,
		.object = {"xnet", "line_pty", "1"},
		.id = "a device",
		.status = 0x5A,
	};
	if (p->silent[unit])
		return 0;
	p->unit = unit;
	p->last_fc = pdu[0];
	return server_answer(&server, pdu, len, answer);
}

static inline void line_pty_spoil(struct line_pty *p, uint8_t unit)
{
	unsigned at = p->at = (p->at + 617) % 1000;
	for (int f = 0; f < SIM_FAULTS; f++) {
		if (at < p->spoilt[f]) {
			simline_fault(p->line, unit, (enum sim_fault)f, 1, 0);
			return;
		}
		at -= p->spoilt[f];
	}
}

/* With the lock held: moves what is due, and says when there is more. */
static inline us_t line_pty_step(struct line_pty *p)
{
	uint8_t buf[512];
	const us_t now = clock_now();
	const ssize_t got = p->master >= 0 ? read(p->master, buf, sizeof(buf)) : 0;
	if (got > 0) {
		if (!p->request_at)
			p->request_at = now;
		line_pty_spoil(p, buf[0]);
		simline_write(p->line, buf, (size_t)got, now);
	}
	const us_t begun = simline_next(p->line, now), over = simline_end(p->line);
	if (p->whole && over != US_NEVER && over > now)
		return begun > now ? begun : over;
	const size_t n = simline_read(p->line, now, buf, sizeof(buf));
	if (n && p->master >= 0 && write(p->master, buf, n) < 0) {
		/* Nobody has it open: the bytes are lost, as on a real line. */
	}
	const us_t next = simline_next(p->line, now), end = simline_end(p->line);
	const us_t few = wire_chars(&p->wire, LINE_PTY_CHUNK);
	const us_t chunk = now + (few > LINE_PTY_PAUSE ? few : LINE_PTY_PAUSE);
	/* In the midst of a frame not every character is worth a wake-up. */
	return n && next < chunk && end != US_NEVER ? (end < chunk ? end : chunk) : next;
}

static inline void *line_pty_main(void *arg)
{
	struct line_pty *p = arg;
	clock_sharp();
	for (;;) {
		pthread_mutex_lock(&p->lock);
		const bool stop = p->stop;
		const int master = p->master;
		const us_t next = stop ? 0 : line_pty_step(p);
		pthread_mutex_unlock(&p->lock);
		if (stop)
			return NULL;
		const us_t now = clock_now();
		const us_t most = now + US_S;
		const us_t until = next < most ? next : most;
		const struct timespec t = clock_timespec(until > now ? until - now : 0);
		struct pollfd f[] = {{.fd = p->wake, .events = POLLIN},
		                     {.fd = master, .events = POLLIN}};
		const int n = ppoll(f, 2, &t, NULL);
		uint64_t count;
		if (n > 0 && f[0].revents && read(p->wake, &count, sizeof(count)) < 0)
			abort();
		/* A master nobody has open says POLLHUP all the time. */
		if (n > 0 && !f[0].revents && f[1].revents & POLLHUP)
			clock_sleep(clock_now() + US_MS);
	}
}

static inline void line_pty_nudge(struct line_pty *p)
{
	const uint64_t one = 1;
	if (write(p->wake, &one, sizeof(one)) < 0)
		abort();
}

static inline void line_pty_plug(struct line_pty *p)
{
	char name[64];
	const int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0 || ptsname_r(fd, name, sizeof(name)) != 0)
		abort();
	struct termios t;
	if (tcgetattr(fd, &t) < 0)
		abort();
	cfmakeraw(&t);
	tcsetattr(fd, TCSANOW, &t);
	pthread_mutex_lock(&p->lock);
	p->master = fd;
	p->request_at = 0;
	pthread_mutex_unlock(&p->lock);
	line_pty_nudge(p);
	if (symlink(name, p->path) < 0)
		abort();
}

static inline void line_pty_unplug(struct line_pty *p)
{
	unlink(p->path);
	pthread_mutex_lock(&p->lock);
	close(p->master);
	p->master = -1;
	pthread_mutex_unlock(&p->lock);
	line_pty_nudge(p);
}

static inline void line_pty_begin(struct line_pty *p, uint32_t baud, us_t turnaround)
{
	memset(p, 0, sizeof(*p));
	snprintf(p->directory, sizeof(p->directory), "/tmp/line_pty.XXXXXX");
	if (!mkdtemp(p->directory))
		abort();
	snprintf(p->path, sizeof(p->path), "%s/port", p->directory);
	wire_init(&p->wire, baud, 8, 'N', 1, 0);
	p->held = calloc(256, sizeof(*p->held));
	p->line = simline_create(&p->wire, 1, line_pty_answer, p);
	for (int unit = 1; unit < 256; unit++)
		simline_turnaround(p->line, (uint8_t)unit, turnaround);
	pthread_mutex_init(&p->lock, NULL);
	p->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	p->master = -1;
	line_pty_plug(p);
	if (pthread_create(&p->feeder, NULL, line_pty_main, p))
		abort();
}

static inline void line_pty_end(struct line_pty *p)
{
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_mutex_unlock(&p->lock);
	line_pty_nudge(p);
	pthread_join(p->feeder, NULL);
	if (p->master >= 0)
		close(p->master);
	close(p->wake);
	unlink(p->path);
	rmdir(p->directory);
	simline_destroy(p->line);
	pthread_mutex_destroy(&p->lock);
	free(p->held);
}

/* A machine so busy that the feeder rests within an answer tears it apart; not so from here on. */
static inline void line_pty_whole(struct line_pty *p)
{
	pthread_mutex_lock(&p->lock);
	p->whole = true;
	pthread_mutex_unlock(&p->lock);
}

static inline void line_pty_silence(struct line_pty *p, uint8_t unit, bool silent)
{
	pthread_mutex_lock(&p->lock);
	p->silent[unit] = silent;
	pthread_mutex_unlock(&p->lock);
}

static inline size_t line_pty_writes(struct line_pty *p)
{
	pthread_mutex_lock(&p->lock);
	const size_t n = p->nlog;
	pthread_mutex_unlock(&p->lock);
	return n;
}

/* Are these the words of that span (holding registers: as they are now)? */
static inline bool line_pty_right(struct line_pty *p, const struct span *s, const uint16_t *words)
{
	bool right = true;
	pthread_mutex_lock(&p->lock);
	for (uint16_t i = 0; i < s->count && right; i++) {
		const uint16_t v = line_pty_cell(p, s->unit, s->table, (uint16_t)(s->addr + i));
		right = table_is_bits(s->table) ? (words[i / 16] >> i % 16 & 1) == v
		                                : words[i] == v;
	}
	pthread_mutex_unlock(&p->lock);
	return right;
}

#endif
