/* SPDX-License-Identifier: MIT */
/*
 * mbap: the frame of Modbus TCP around a PDU: transaction, protocol, length, unit.
 * Specification: "MODBUS Messaging on TCP/IP Implementation Guide V1.0b", 3.1.3.
 */
#ifndef CORE_MODBUS_MBAP_H
#define CORE_MODBUS_MBAP_H

#include "core/modbus/pdu.h"

#define MBAP_HEADER 7 /* bytes before the PDU, the unit included */
#define MBAP_MAX (MBAP_HEADER + PDU_MAX)

struct mbap {
	uint16_t transaction;
	uint8_t unit;
	uint8_t len;        /* of pdu, 1..PDU_MAX */
	const uint8_t *pdu; /* inside the bytes given to mbap_parse() */
};

/* Writes the frame to out (room for MBAP_MAX) and returns its size. len: 1..PDU_MAX. */
size_t mbap_build(uint8_t *out, uint16_t transaction, uint8_t unit, const uint8_t *pdu, size_t len);

/* The frame at the head of n bytes. Returns its size, 0 when more bytes are needed, -1 when this is
 * no Modbus TCP (protocol not 0, impossible length): the stream cannot be trusted any more. */
int mbap_parse(const uint8_t *bytes, size_t n, struct mbap *out);

/* The whole size of the frame that begins there, by its own word; 0: not known yet. */
size_t mbap_size(const uint8_t *bytes, size_t n);

#endif
