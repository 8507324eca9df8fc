/* SPDX-License-Identifier: MIT */
/*
 * line: a verb's access to a line: sends a PDU, listens, sets baud and format. The verbs do not
 * know who owns the port: the running gateway (remote.c, over its control socket) or they
 * themselves (own.c, locked against everybody else).
 */
#ifndef CTL_LINE_H
#define CTL_LINE_H

#include "core/modbus/exchange.h"
#include "core/model/model.h"

#define CONTROL_PATH "/run/xnet/ctl"

/* What became of a request. */
struct reply {
	uint8_t outcome;   /* enum outcome */
	uint8_t exception; /* of OUT_REFUSED */
	bool noise;        /* bytes were received that are no frame */
	struct instead instead;
	us_t turnaround; /* end of the request to the first byte of its response; 0: unknown */
	us_t took;       /* from the call to its end */
	uint16_t len;    /* of pdu: the response's */
	uint8_t pdu[PDU_MAX];
	char why[176]; /* what went wrong, with what to do next; "" when all is well */
};

/* Baud and format. */
struct setting {
	uint32_t baud;
	uint8_t data, stop;
	char parity;
};

/* Something that was seen on the line. */
struct seen {
	us_t at;              /* monotonic, end of the frame */
	int64_t wall_us;      /* its begin, µs since 1970 */
	char way;             /* 'o' sent by the gateway or by us, 'i' received, '?' not known */
	const uint8_t *bytes; /* a frame with unit and CRC, or what is none */
	size_t n;
	const char *why; /* what the gateway reports of it; "" */
};

/* Returns false to end the listening. */
typedef bool seen_take(void *ctx, const struct seen *s);

struct wireline;

struct wireline_ops {
	void (*close)(struct wireline *l);
	bool (*set)(struct wireline *l, const struct setting *s);
	bool (*hold)(struct wireline *l, unsigned seconds);
	void (*ask)(struct wireline *l, const struct request *r, us_t timeout, bool once,
	            struct reply *out);
	bool (*listen)(struct wireline *l, us_t until, seen_take *take, void *ctx);
	size_t (*late)(struct wireline *l, uint8_t *unit, size_t room);
};

/* The head of both kinds. */
struct wireline {
	const struct wireline_ops *ops;
	struct bus_conf conf; /* as it is set now; strings are the caller's */
	bool over;     /* writes go out although a point of the configuration has the register */
	bool gone;     /* no request is possible any more (why) */
	char via[96];  /* "via xnetd, bus rs485"; "": the port is our own */
	char why[256]; /* the last failure, a sentence */
};

/* Opens the line. control: path of the gateway's socket; NULL: not by way of the gateway. NULL: why
 * has the reason and what to do. */
struct wireline *line_open(const struct bus_conf *conf, const char *control, char *why,
                           size_t size);
void line_close(struct wireline *l); /* NULL is fine */

/* False: l->why. */
bool line_set(struct wireline *l, const struct setting *s);

/* The gateway's polling pauses until the line is closed, at most so long; 0: it goes on now.
 * Nothing to do on a port of our own. False: l->why. */
bool line_hold(struct wireline *l, unsigned seconds);

/* One request and its response. timeout: to the response's first byte, µs. once: sent once and
 * never proven by further requests; right for a scan, where any answer will do. Otherwise a
 * response is never one to an earlier request. */
void line_ask(struct wireline *l, const struct request *r, us_t timeout, bool once,
              struct reply *out);

/* Units that have answered, since the last call, when they were no longer awaited. Returns how
 * many. */
size_t line_late(struct wireline *l, uint8_t *unit, size_t room);

/* Sends nothing; gives everything that is on the line to take. False: the line is gone (l->why). */
bool line_listen(struct wireline *l, us_t until, seen_take *take, void *ctx);

struct setting line_setting(const struct bus_conf *c);
/* "9600 8N1"; "tcp" where there is no baud rate. Returns buf. */
char *setting_text(const struct setting *s, char *buf, size_t size);
bool setting_same(const struct setting *a, const struct setting *b);

/* own.c, remote.c. remote: NULL with why "" means that the gateway does not run, or not on this
 * line. */
struct wireline *own_open(const struct bus_conf *conf, char *why, size_t size);
struct wireline *remote_open(const struct bus_conf *conf, const char *control, char *why,
                             size_t size);

#endif
