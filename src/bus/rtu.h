/* SPDX-License-Identifier: MIT */
/*
 * rtu: libmodbus' part of a serial line: opens and configures the port, and sends. Receiving is
 * ours (core/modbus/exchange.h), because libmodbus wakes once per character, keeps no silence and
 * takes a late answer for the next one. The only file that uses libmodbus.
 */
#ifndef BUS_RTU_H
#define BUS_RTU_H

#include "core/model/model.h"

struct rtu;

/* NULL: errno is set. The descriptor is non-blocking. */
struct rtu *rtu_open(const struct bus_conf *conf);
void rtu_close(struct rtu *r); /* NULL is fine */
int rtu_fd(struct rtu *r);

/* RTS is switched around each rtu_send(): `high` while sending, `pause` before and after it. False:
 * errno. The release is late by as much as the scheduler of the kernel is: a last resort. */
bool rtu_drive_rts(struct rtu *r, bool high, us_t pause);

/* How many bytes of the frame went out (all of them, normally); -1: none, errno. */
int rtu_send(struct rtu *r, const struct request *request);

#endif
