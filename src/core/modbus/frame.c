// SPDX-License-Identifier: MIT
#include "core/modbus/frame.h"

#include <string.h>

#define AROUND 3 /* unit and CRC */

static bool answers_function(const uint8_t *bytes, const struct request *own)
{
	return bytes[0] == own->unit && (bytes[1] & 0x7F) == own->pdu[0];
}

/* The lengths a frame that begins here can have, the surest first. Returns how many. */
static size_t lengths(const uint8_t *bytes, size_t n, const struct request *own, bool whole,
                      size_t *len)
{
	const size_t request = pdu_request_size(bytes + 1, n - 1) + AROUND;
	const size_t answer = pdu_answer_size(bytes + 1, n - 1) + AROUND;
	size_t k = 0;

	if (own && answers_function(bytes, own) && !(bytes[1] & 0x80) && own->answer_len)
		len[k++] = own->answer_len + AROUND;
	if (own && bytes[0] == own->unit && bytes[1] == own->pdu[0])
		len[k++] = own->len + AROUND;
	/* a frame whose CRC ends with 00 has a right CRC without that byte, too */
	len[k++] = request > answer ? request : answer;
	len[k++] = request > answer ? answer : request;
	if (whole)
		len[k++] = n;
	return k;
}

static bool frame_at(const uint8_t *bytes, size_t n, const struct request *own, bool whole,
                     struct frame *f)
{
	size_t len[5];
	const size_t k = lengths(bytes, n, own, whole, len);

	for (size_t i = 0; i < k; i++) {
		if (len[i] < FRAME_MIN || len[i] > n || len[i] > ADU_RTU_MAX ||
		    crc16(bytes, len[i]))
			continue;
		f->len = len[i];
		f->unit = bytes[0];
		f->pdu = bytes + 1;
		f->pdu_len = len[i] - AROUND;
		return true;
	}
	return false;
}

bool frame_open(const struct frame *f)
{
	const size_t longer = f->pdu_len + 1;

	return pdu_request_size(f->pdu, f->pdu_len) == longer ||
	       pdu_answer_size(f->pdu, f->pdu_len) == longer;
}

bool frame_find(const uint8_t *bytes, size_t n, size_t glitch, const struct request *own,
                bool whole, struct frame *f)
{
	for (size_t at = 0; at <= glitch && at + FRAME_MIN <= n; at++) {
		f->at = at;
		if (frame_at(bytes + at, n - at, own, whole, f))
			return true;
	}
	return false;
}

/* Registers come in pairs of bytes: an odd count can not be an answer. */
static bool odd_registers(const uint8_t *pdu)
{
	return (pdu[0] == FC_READ_HOLDING || pdu[0] == FC_READ_INPUT || pdu[0] == FC_READ_WRITE) &&
	       pdu[1] % 2;
}

bool frame_is_request(const struct frame *f)
{
	return pdu_request_size(f->pdu, f->pdu_len) == f->pdu_len &&
	       (pdu_answer_size(f->pdu, f->pdu_len) != f->pdu_len || odd_registers(f->pdu));
}

bool frame_is(const struct frame *f, const struct request *r)
{
	return f->unit == r->unit && f->pdu_len == r->len && !memcmp(f->pdu, r->pdu, r->len);
}

static struct signature answer_signature(const uint8_t *pdu, size_t len)
{
	struct signature s = {.fc = pdu[0], .answer_len = (uint8_t)len};

	switch (pdu[0]) {
	case FC_WRITE_COIL:
	case FC_WRITE_REGISTER:
	case FC_WRITE_COILS:
	case FC_WRITE_REGISTERS:
	case FC_DIAGNOSTICS:
		if (len < 5)
			break;
		s.addr = (uint16_t)(pdu[1] << 8 | pdu[2]);
		if (s.fc != FC_DIAGNOSTICS || s.addr == 0)
			s.value = (uint16_t)(pdu[3] << 8 | pdu[4]);
		break;
	case FC_MASK_WRITE:
		if (len < 7)
			break;
		s.addr = (uint16_t)(pdu[1] << 8 | pdu[2]);
		s.value = (uint16_t)((pdu[3] ^ pdu[5]) << 8 | (pdu[4] ^ pdu[6]));
		break;
	case FC_REPORT_SERVER_ID:
		s.answer_len = 0;
		break;
	case FC_DEVICE_ID:
		s.answer_len = 0;
		s.value = len > 2 ? pdu[2] : 0;
		break;
	}
	return s;
}

struct signature frame_signature(const struct frame *f)
{
	struct request r;

	if (frame_is_request(f) && pdu_raw(&r, f->unit, f->pdu, f->pdu_len, 0))
		return pdu_signature(&r);
	return answer_signature(f->pdu, f->pdu_len);
}

bool frame_begun(const uint8_t *bytes, size_t n, const struct request *own, size_t *at,
                 size_t *need)
{
	for (*at = 0; *at <= FRAME_GLITCH && *at + 1 < n; ++*at) {
		const uint8_t *b = bytes + *at;
		if (!answers_function(b, own))
			continue;
		if (b[1] & 0x80)
			*need = 2 + AROUND;
		else if (own->answer_len)
			*need = own->answer_len + AROUND;
		else
			*need = 0;
		return true;
	}
	return false;
}
