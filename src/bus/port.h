/* SPDX-License-Identifier: MIT */
/*
 * port: what a bus sends through: a serial port, Modbus TCP, or RTU over TCP, behind one face.
 *
 * All three take a request and give the answer as an RTU frame (unit, PDU, CRC), so that one
 * exchange machine (core/modbus/exchange.h) guards them all: a transaction id proves nothing about
 * the serial line behind a gateway. Modbus TCP gives only whole frames of the transaction under
 * way; answers to earlier ones are known by their ids, however late they come.
 */
#ifndef BUS_PORT_H
#define BUS_PORT_H

#include <stdatomic.h>

#include "bus/serial.h"
#include "bus/tcp.h"
#include "core/modbus/exchange.h"
#include "core/modbus/mbap.h"
#include "core/schedule/turn.h"

enum port_sent {
	PORT_SENT,
	PORT_UNSENT, /* the link is gone, nothing went out */
	PORT_PARTLY, /* the link is gone, something may have gone out */
};

enum port_opening {
	PORT_FAILED, /* why gets the reason, or it waits */
	PORT_OPENED,
	PORT_OPENING, /* later */
};

struct port;

/* A kind of transport: what it does, and how it differs in what others do. */
struct port_ops {
	enum port_opening (*open)(struct port *p, us_t now, us_t *until);
	void (*close)(struct port *p);
	enum port_sent (*send)(struct port *p, const struct request *r);
	int (*take)(struct port *p, uint8_t *buf, size_t room);
	bool (*settled)(struct port *p); /* NULL: whatever comes unasked is the exchange's affair */
	const char *gone;                /* reported behind the name when the link breaks */
	/* A connection, not a line of its own: it may end and be made anew without a loss, proves
	 * nothing until something answers through it, and may lead to a gateway with a queue. */
	bool connects;
	bool ids;   /* each answer names its request */
	bool tunes; /* baud and format can be changed while it is open */
	bool wire;  /* frames take the time of a serial line */
	struct turn_way way;
	us_t latency;   /* bytes of one frame may come apart by this much, at least */
	us_t rest_most; /* it rests no longer, and the watchdog sees it step */
	/* How many turns in a row may go without an answer before the connection is made anew. A
	 * late answer is no reason to: on Modbus TCP its id distinguishes it, and the exchange does
	 * so anyway. 0: no limit. */
	unsigned silence_limit;
};

#define PORT_ASKED 8

/* A transaction of this connection. */
struct port_asked {
	us_t at; /* when it was sent; 0: none */
	uint16_t id;
	uint8_t unit;
	bool answered;
};

struct port {
	const struct bus_conf *conf; /* the bus's; outlives the port */
	const atomic_bool *stop;     /* true: its bus is to end */
	const struct port_ops *ops;
	int fd; /* -1: closed */
	struct serial serial;
	struct tcp_opening tcp;
	bool opening;            /* tcp is on its way */
	us_t ready_at;           /* connected, but nothing is sent before */
	void (*done)(void *ctx); /* a look-up has ended; NULL: it is waited for in place */
	void *ctx;
	bool ready; /* there may be something to read: set by who waits for it, cleared when all is
	             * taken */
	bool ended; /* the peer sends no more: set by who waits for it */
	uint16_t transaction, nrx;
	bool zero;       /* the request's unit is 0 and shown as 255: on TCP it answers */
	bool broken;     /* the link ended without a farewell (probes unanswered, reset) */
	uint32_t late;   /* answers of transactions that were given up, and doubled ones */
	us_t late_after; /* the last one came so long after its request */
	uint32_t stray;  /* answers of transactions that there never were */
	uint16_t stray_id;
	uint8_t late_unit;
	struct port_asked asked[PORT_ASKED];
	uint32_t requests, answers; /* through this connection; without broadcasts */
	uint8_t rx[MBAP_MAX];
	char why[176]; /* the last failure, a sentence */
	bool waits;    /* not opened: a bus that ends has it still; try again soon */
	struct port *next_open;
};

void port_init(struct port *p, const struct bus_conf *conf, const atomic_bool *stop);

/* "/dev/ttyUSB0", "192.168.1.50:502". Returns buf. */
char *port_name(const struct bus_conf *conf, char *buf, size_t size);

/* Opens it in steps that never wait. PORT_FAILED: why gets the reason, or it waits: a reload gave
 * the bus other settings, and the one before has not let go of the port (or of the only connection
 * of a TCP server) yet. PORT_OPENING: call again when port_waits_on() is writable, or at *until, or
 * after done(). */
void port_begin(struct port *p);
enum port_opening port_step(struct port *p, us_t now, us_t *until);
int port_waits_on(const struct port *p); /* -1: on nothing that can be polled */
/* The same in one go, which blocks on a connection; gives up soon when *stop becomes true. */
bool port_open(struct port *p);
void port_close(struct port *p);

/* Tells the line what is known of the port. */
void port_describe(const struct port *p, struct line *l);

/* Is the link still there, and (Modbus TCP) nothing in it but late answers? These are taken out. */
bool port_alive(struct port *p);

enum port_sent port_send(struct port *p, const struct request *r);

/* Bytes that are there: how many; 0: none; -1: link gone. Of a peer that sends without end it takes
 * a part and leaves p->ready set. Never waits. */
int port_take(struct port *p, uint8_t *buf, size_t room);
/* The same, but waits for them until `until` (0: takes what is there). */
int port_read(struct port *p, uint8_t *buf, size_t room, us_t until);

#endif
