// SPDX-License-Identifier: MIT
/*
 * own: a line whose port the verb opens itself, locked as the gateway locks it. Frames, silence and
 * what a response may be are the gateway's own code (bus/port.h, core/modbus/exchange.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "bus/clock.h"
#include "bus/port.h"
#include "core/base/arena.h"
#include "ctl/cut.h"
#include "ctl/line.h"
#include "ctl/stop.h"

#define SLICE (100 * US_MS)           /* between two looks at Ctrl-C */
#define STREAM_PATIENCE (300 * US_MS) /* a network repeats a lost segment after 200 ms */
#define BROADCAST_TURNAROUND (100 * US_MS)

struct own {
	struct wireline head;
	struct port port;
	struct line line;
	struct exchange exchange;
	struct request request;
	uint32_t port_late;
	uint8_t stray_at; /* of line.stray, looked at so far */
	struct peer peer[256];
};

static struct own *own_of(struct wireline *l)
{
	return (struct own *)l;
}

static void own_close(struct wireline *l)
{
	struct own *o = own_of(l);

	if (o->port.fd >= 0)
		port_close(&o->port);
	free(o);
}

static void own_begin(struct own *o)
{
	const struct bus_conf *c = &o->head.conf;
	const us_t now = clock_now();
	struct wire w;

	wire_init(&w, c->baud, c->data, c->parity, c->stop, c->silence);
	line_init(&o->line, &w, now);
	o->line.echo = c->echo;
	port_describe(&o->port, &o->line);
	o->stray_at = o->line.stray_at;
	for (size_t i = 0; i < 256; i++) {
		o->peer[i] = (struct peer){0};
		peer_init(&o->peer[i], now);
		peer_unsure(&o->peer[i], now, c->timeout);
	}
}

/* The reason, with who has the port and what to do next. */
static void own_explain(const struct own *o, char *why, size_t size)
{
	const struct bus_conf *c = &o->head.conf;

	if (c->kind != BUS_SERIAL)
		snprintf(why, size, "%s", o->port.why);
	else if (strstr(o->port.why, "permission denied"))
		snprintf(why, size,
		         "%s: permission denied: use sudo, or join group dialout (sudo adduser "
		         "$USER dialout) and log in again",
		         c->port);
	else
		snprintf(why, size, "%s", o->port.why);
}

static bool own_set(struct wireline *l, const struct setting *s)
{
	struct own *o = own_of(l);

	if (o->port.fd >= 0)
		port_close(&o->port);
	l->conf.baud = s->baud;
	l->conf.data = s->data;
	l->conf.parity = s->parity;
	l->conf.stop = s->stop;
	if (!port_open(&o->port)) {
		own_explain(o, l->why, sizeof(l->why));
		return false;
	}
	own_begin(o);
	return true;
}

/* -- one request ----------------------------------------------------------------- */

static bool own_send(struct own *o, us_t now)
{
	if (o->head.conf.kind != BUS_SERIAL && !port_alive(&o->port))
		return false;
	const enum port_sent sent = port_send(&o->port, o->exchange.send);
	if (sent != PORT_UNSENT)
		exchange_sent(&o->exchange, now, clock_now());
	return sent == PORT_SENT;
}

static bool own_receive(struct own *o, us_t until)
{
	uint8_t buf[ADU_RTU_MAX];
	const int n = port_read(&o->port, buf, sizeof(buf), until);

	if (n >= 0)
		exchange_input(&o->exchange, buf, (size_t)n, clock_now());
	return n >= 0 ||
	       (exchange_waits(&o->exchange) && exchange_ended(&o->exchange, clock_now()));
}

/* A peer may close a connection that was not used for a while: nothing is lost with it. */
static bool own_relink(struct own *o)
{
	if (o->head.conf.kind == BUS_SERIAL || exchange_waits(&o->exchange))
		return false;
	port_close(&o->port);
	return port_open(&o->port);
}

static bool own_drive(struct own *o)
{
	unsigned links = 0;

	for (;;) {
		us_t until = 0;
		bool good = true;
		const us_t now = clock_now();
		switch (exchange_next(&o->exchange, now, &until)) {
		case EX_SLEEP:
			clock_sleep(until);
			break;
		case EX_READ:
			good = own_receive(o, 0);
			break;
		case EX_SEND:
		case EX_PROVE:
			good = own_send(o, now);
			break;
		case EX_POLL:
			good = own_receive(o, until);
			break;
		case EX_DONE:
			return true;
		}
		if (!good && (links++ || !own_relink(o)))
			return false;
	}
}

static unsigned odd_bytes(const struct line_counters *c)
{
	return c->crc_errors + c->garbled + c->late + c->collisions;
}

static void own_take(struct own *o, struct reply *out)
{
	const struct exchange *x = &o->exchange;

	out->outcome = (uint8_t)x->outcome;
	out->exception = x->exception;
	out->instead = x->instead;
	out->turnaround = x->answers ? x->turnaround : 0;
	if (x->outcome != OUT_OK && x->outcome != OUT_REFUSED)
		return;
	if (x->answer) {
		out->len = x->answer_len;
		memcpy(out->pdu, x->answer, x->answer_len);
	}
}

/* What the exchange does not see of Modbus TCP: frames that were left out. */
static void own_instead(struct own *o, struct reply *out)
{
	const struct port *p = &o->port;

	if (p->late != o->port_late && p->late_unit == o->request.unit)
		instead_note(&out->instead, &(struct instead){.kind = INSTEAD_LATE,
		                                              .after = p->late_after,
		                                              .timeout = o->exchange.configured});
	o->port_late = p->late;
	out->instead.tcp = o->head.conf.kind == BUS_TCP;
}

static void own_ask(struct wireline *l, const struct request *r, us_t timeout, bool once,
                    struct reply *out)
{
	struct own *o = own_of(l);
	const bool serial = l->conf.kind == BUS_SERIAL;

	o->request = *r;
	o->port.zero = l->conf.kind == BUS_TCP && r->unit == 0;
	if (o->port.zero)
		o->request.unit = UINT8_MAX;
	else if (r->unit == 0)
		timeout = BROADCAST_TURNAROUND;
	if (!serial && timeout < STREAM_PATIENCE)
		timeout = STREAM_PATIENCE;
	struct peer *p = &o->peer[o->request.unit];
	if (once) {
		*p = (struct peer){0};
		peer_init(p, clock_now());
	}
	const struct line_counters before = o->line.count;
	exchange_begin(&o->exchange, &o->line, p, &o->request, timeout, timeout);
	if (!own_drive(o)) {
		snprintf(l->why, sizeof(l->why), "%s", o->port.why);
		return;
	}
	own_take(o, out);
	own_instead(o, out);
	out->noise = out->outcome == OUT_GARBLED || o->exchange.noise ||
	             odd_bytes(&o->line.count) != odd_bytes(&before);
}

static size_t own_late(struct wireline *l, uint8_t *unit, size_t room)
{
	struct own *o = own_of(l);
	size_t n = 0;

	for (; o->stray_at != o->line.stray_at;
	     o->stray_at = (uint8_t)((o->stray_at + 1) % LINE_STRAYS)) {
		const struct stray *s = &o->line.stray[o->stray_at];
		if (!s->asked && n < room)
			unit[n++] = s->unit;
	}
	return n;
}

/* -- listening -------------------------------------------------------------------- */

struct listening {
	const struct wire *wire;
	seen_take *take;
	void *ctx;
};

static bool own_seen(void *ctx, const uint8_t *bytes, size_t n, bool frame, us_t at)
{
	const struct listening *t = ctx;
	struct timespec now;

	(void)frame;
	clock_gettime(CLOCK_REALTIME, &now);
	const int64_t wall = now.tv_sec * US_S + now.tv_nsec / 1000;
	const struct seen s = {.at = at,
	                       .wall_us =
	                               wall - (clock_now() - at) - wire_chars(t->wire, (unsigned)n),
	                       .way = '?',
	                       .bytes = bytes,
	                       .n = n,
	                       .why = ""};
	return t->take(t->ctx, &s);
}

static bool own_listen(struct wireline *l, us_t until, seen_take *take, void *ctx)
{
	struct own *o = own_of(l);
	struct listening t = {&o->line.wire, take, ctx};
	struct cut *c = mem_alloc(1, sizeof(*c));
	const us_t chars = wire_chars(&o->line.wire, 7) / 2;
	bool on = true, good = true;
	uint8_t buf[ADU_RTU_MAX];

	c->split = (chars > 5 * US_MS ? chars : 5 * US_MS) + o->line.latency;
	while (on && good && !stop_asked()) {
		const us_t now = clock_now(), next = now + (c->n ? c->split : SLICE);
		if (now >= until && !c->n)
			break;
		const int n =
			port_read(&o->port, buf, sizeof(buf), next < until ? next : until + 1);
		good = n >= 0;
		if (n > 0)
			o->line.last_end = clock_now();
		on = cut_feed(c, buf, n > 0 ? (size_t)n : 0, clock_now(), own_seen, &t);
	}
	if (!good)
		snprintf(l->why, sizeof(l->why), "%s", o->port.why);
	free(c);
	return good;
}

struct wireline *own_open(const struct bus_conf *conf, char *why, size_t size)
{
	static const struct wireline_ops ops = {.close = own_close,
	                                        .set = own_set,
	                                        .ask = own_ask,
	                                        .listen = own_listen,
	                                        .late = own_late};
	struct own *o = mem_alloc(1, sizeof(*o));

	o->head = (struct wireline){.ops = &ops, .conf = *conf};
	port_init(&o->port, &o->head.conf, stop_flag());
	if (!port_open(&o->port)) {
		own_explain(o, why, size);
		free(o);
		return NULL;
	}
	own_begin(o);
	return &o->head;
}
