// SPDX-License-Identifier: MIT
#include "core/modbus/mbap.h"

#include <string.h>

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

size_t mbap_build(uint8_t *out, uint16_t transaction, uint8_t unit, const uint8_t *pdu, size_t len)
{
	put16(out, transaction);
	put16(out + 2, 0);
	put16(out + 4, len + 1);
	out[6] = unit;
	memcpy(out + MBAP_HEADER, pdu, len);
	return MBAP_HEADER + len;
}

int mbap_parse(const uint8_t *bytes, size_t n, struct mbap *out)
{
	if (n >= 4 && be16(bytes + 2) != 0)
		return -1;
	if (n < 6)
		return 0;
	const size_t length = be16(bytes + 4); /* unit and PDU */
	if (length < 2 || length > 1 + PDU_MAX)
		return -1;
	if (n < 6 + length)
		return 0;
	*out = (struct mbap){
		.transaction = be16(bytes),
		.unit = bytes[6],
		.len = (uint8_t)(length - 1),
		.pdu = bytes + MBAP_HEADER,
	};
	return (int)(6 + length);
}

size_t mbap_size(const uint8_t *bytes, size_t n)
{
	return n < 6 ? 0 : 6u + be16(bytes + 4);
}
