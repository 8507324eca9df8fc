/* SPDX-License-Identifier: MIT */
/*
 * span: where registers are. The words every room shares: time, tables, spans.
 *
 * Addresses are PDU addresses as they travel on the wire, 0-based ("MODBUS Application Protocol
 * Specification V1.1b3", section 4.4). A "cell" is one register (16 bit) or one bit of a bit table.
 */
#ifndef CORE_BASE_SPAN_H
#define CORE_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Monotonic time in microseconds. Never wall clock. */
typedef int64_t us_t;

#define US_MS ((us_t)1000)
#define US_S ((us_t)1000000)
#define US_NEVER INT64_MAX

enum table { TABLE_COIL, TABLE_DISCRETE, TABLE_HOLDING, TABLE_INPUT };

/* Limits of one request (specification 6.1 to 6.4, 6.11, 6.12). */
#define READ_REGISTERS_MAX 125
#define READ_BITS_MAX 2000
#define WRITE_REGISTERS_MAX 123
#define WRITE_BITS_MAX 1968
/* Words in a report or a job; bits are packed 16 to a word, first in bit 0. */
#define CELLS_MAX 128

struct span {
	uint8_t unit;   /* unit id */
	uint8_t table;  /* enum table */
	uint16_t addr;  /* first cell */
	uint16_t count; /* cells: registers or bits */
};

/* True for coils and discrete inputs. */
static inline bool table_is_bits(uint8_t table)
{
	return table == TABLE_COIL || table == TABLE_DISCRETE;
}

/* How a request ended. */
enum outcome {
	OUT_OK,
	OUT_REFUSED, /* exception answer; its code is beside it */
	OUT_TIMEOUT, /* nothing that answers came in time; the request is "outstanding" */
	OUT_GARBLED, /* an answer began and was corrupted (CRC, cut, too long) */
	OUT_DROPPED, /* a foreign request was seen on the line: two masters */
	OUT_LINK,    /* the port or connection is gone */
	OUT_EXPIRED, /* a job: not on the wire in time, never sent */
	OUT_CLOSED,  /* a job: the bus was closed before it was sent */
	OUT_SAME, /* a job with `only_if_different`: the device held the value, nothing written */
};

#endif
