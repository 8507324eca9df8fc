/* SPDX-License-Identifier: MIT */
/*
 * serial: opens a serial port for one bus alone and sets it up for RS-485, or gives in a sentence
 * why it cannot. Owns two descriptors: the lock and libmodbus' port.
 */
#ifndef BUS_SERIAL_H
#define BUS_SERIAL_H

#include "bus/rtu.h"
#include "bus/tty.h"

struct serial {
	struct rtu *rtu; /* NULL: closed */
	int fd;          /* of rtu; -1: closed */
	int lock;        /* holds the flock; -1: closed */
	bool timed;      /* see struct line */
	us_t latency;
	bool switched;             /* the driver's RS-485 mode is not as it was found */
	struct serial_rs485 found; /* it is restored when closed */
};

/* False: why gets a sentence ("/dev/ttyUSB0 is not there"). True: why is left alone, or gets what
 * to know of the port. Never blocks. */
bool serial_open(struct serial *s, const struct bus_conf *conf, char *why, size_t size);
void serial_close(struct serial *s);

/* Is something known against this port, without opening it (which would raise its lines, and
 * disturb who has it)? False: why gets the reason; also when it is not there. */
bool serial_usable(const struct bus_conf *conf, char *why, size_t size);
/* The same, but for whether it is there, and who may open it. */
bool serial_fit(const struct bus_conf *conf, char *why, size_t size);

/* Can this hardware do that, instead of something else in silence? False: why gets the reason. */
bool serial_able(const struct bus_conf *conf, const struct tty_facts *f, char *why, size_t size);

#endif
