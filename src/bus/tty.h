/* SPDX-License-Identifier: MIT */
/*
 * tty: what the system provides about a serial port, and the settings libmodbus has no call for.
 * Linux: tty_ioctl(4), Documentation/driver-api/serial/serial-rs485.rst.
 */
#ifndef BUS_TTY_H
#define BUS_TTY_H

#include <linux/serial.h>
#include <sys/types.h>

#include "core/model/model.h"

struct tty_facts {
	bool mini_uart; /* Raspberry Pi: no parity, clocked by the core */
	bool console;   /* the kernel writes its messages here */
	bool login;     /* a login (serial-getty) runs on it */
	bool pseudo;    /* what is behind it may outlive who has it open */
	bool timed;     /* write() starts a real UART: an answer cannot come earlier than the wire
	                   allows */
	us_t latency;   /* how far apart the adapter may deliver the bytes of one frame */
};

/* root: "" or a directory that holds proc/ and sys/ (tests). */
void tty_facts(const char *root, dev_t dev, struct tty_facts *out);

/* Speed the driver really set; 0 when it cannot be read. */
uint32_t tty_speed(int fd);

/* Another rate and format; what else is set stays. False: errno. */
bool tty_tune(int fd, uint32_t baud, uint8_t data, char parity, uint8_t stop);

/* Ask the adapter to deliver each byte at once. What cannot be had is left alone. */
void tty_low_latency(const char *root, int fd, dev_t dev);

/* What the driver holds of RS-485. False: it has no such mode. */
bool tty_rs485_get(int fd, struct serial_rs485 *out);
void tty_rs485_restore(int fd, const struct serial_rs485 *found);

/* Kernel RS-485 on, with polarity and delays of conf (whole ms, rounded up), or off. False: the
 * driver cannot do that, and may have taken something else. */
bool tty_rs485_set(int fd, bool on, const struct bus_conf *conf);

bool tty_has_rts(int fd);

#endif
