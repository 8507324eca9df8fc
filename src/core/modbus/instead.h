/* SPDX-License-Identifier: MIT */
/*
 * instead: what came instead of the answer. "No answer" is reported only when nothing came; all
 * else leads to a setting or a cable. The words are the same in the journal, $SYS and Nak.
 */
#ifndef CORE_MODBUS_INSTEAD_H
#define CORE_MODBUS_INSTEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/modbus/wiretime.h"

/* In the order of what they explain: a later one replaces an earlier one. */
enum instead_kind {
	INSTEAD_NOTHING,
	INSTEAD_ECHO,        /* our own request, and nothing else */
	INSTEAD_NOISE,       /* is: bytes of no frame */
	INSTEAD_UNIT,        /* is, should: unit ids */
	INSTEAD_TRANSACTION, /* is, should: transaction ids of Modbus TCP */
	INSTEAD_FUNCTION,    /* is, should: function codes */
	INSTEAD_CORRUPTED,   /* is: bytes, as many as should be; the checksum is wrong */
	INSTEAD_SHORT,       /* is, should: bytes of the frame; should is 0 where it is not known */
	INSTEAD_LENGTH,      /* is: bytes; should: by the function or its own byte count */
	INSTEAD_COUNT,       /* is, should: the byte count */
	INSTEAD_VALUE,       /* the answer to a write repeats another address or value */
	INSTEAD_LATE,        /* after: so long after its request; timeout: as configured */
	INSTEAD_PATH,        /* is: exception 10 or 11 of a gateway on the way */
	INSTEAD_KINDS
};

struct instead {
	uint8_t kind;
	bool tcp; /* Modbus TCP: neither baud rate nor wires can be the cause */
	uint16_t is, should;
	us_t after, timeout;
};

/* Keeps the one that explains more. */
void instead_note(struct instead *i, const struct instead *other);

/* "answer of unit id 9 instead of 3: check id". Returns buf. NOTHING: "no answer". */
char *instead_text(const struct instead *i, char *buf, size_t size);

/* The counter's topic: "other_unit"; NULL: counted elsewhere. */
const char *instead_topic(enum instead_kind kind);

#endif
