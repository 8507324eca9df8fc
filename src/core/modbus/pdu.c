// SPDX-License-Identifier: MIT
#include "core/modbus/pdu.h"

#include <string.h>

#include "core/modbus/wiretime.h"

#define MEI_DEVICE_ID 14 /* specification 6.21 */

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Function, two words, and the answer's length: how seven of the requests begin. */
static bool begin(struct request *r, uint8_t unit, uint8_t fc, uint16_t a, uint16_t b,
                  unsigned answer)
{
	r->unit = unit;
	r->loose = false;
	r->pdu[0] = fc;
	put16(r->pdu + 1, a);
	put16(r->pdu + 3, b);
	r->len = 5;
	r->answer_len = (uint16_t)answer;
	return true;
}

/* A span that leaves no address space and no limit. */
static bool fits(uint16_t addr, uint16_t count, unsigned max)
{
	return count >= 1 && count <= max && (uint32_t)addr + count <= 0x10000;
}

bool pdu_read(struct request *r, uint8_t unit, uint8_t table, uint16_t addr, uint16_t count)
{
	static const uint8_t function[] = {
		[TABLE_COIL] = FC_READ_COILS,
		[TABLE_DISCRETE] = FC_READ_DISCRETE,
		[TABLE_HOLDING] = FC_READ_HOLDING,
		[TABLE_INPUT] = FC_READ_INPUT,
	};

	if (table > TABLE_INPUT ||
	    !fits(addr, count, table_is_bits(table) ? READ_BITS_MAX : READ_REGISTERS_MAX))
		return false;
	return begin(r, unit, function[table], addr, count, pdu_read_answer_len(table, count));
}

bool pdu_write_coil(struct request *r, uint8_t unit, uint16_t addr, uint16_t raw)
{
	return begin(r, unit, FC_WRITE_COIL, addr, raw, 5);
}

bool pdu_write_register(struct request *r, uint8_t unit, uint16_t addr, uint16_t value)
{
	return begin(r, unit, FC_WRITE_REGISTER, addr, value, 5);
}

bool pdu_write_coils(struct request *r, uint8_t unit, uint16_t addr, uint16_t count,
                     const uint16_t *packed)
{
	if (!fits(addr, count, WRITE_BITS_MAX))
		return false;
	const unsigned bytes = (count + 7u) / 8;
	begin(r, unit, FC_WRITE_COILS, addr, count, 5);
	r->pdu[5] = (uint8_t)bytes;
	for (unsigned i = 0; i < bytes; i++)
		r->pdu[6 + i] = (uint8_t)(packed[i / 2] >> 8 * (i % 2));
	if (count % 8) /* specification 6.11: unused bits are zero */
		r->pdu[5 + bytes] &= (uint8_t)((1u << count % 8) - 1);
	r->len = (uint8_t)(6 + bytes);
	return true;
}

bool pdu_write_registers(struct request *r, uint8_t unit, uint16_t addr, uint16_t count,
                         const uint16_t *words)
{
	if (!fits(addr, count, WRITE_REGISTERS_MAX))
		return false;
	begin(r, unit, FC_WRITE_REGISTERS, addr, count, 5);
	r->pdu[5] = (uint8_t)(2 * count);
	for (unsigned i = 0; i < count; i++)
		put16(r->pdu + 6 + 2 * i, words[i]);
	r->len = (uint8_t)(6 + 2 * count);
	return true;
}

bool pdu_mask_write(struct request *r, uint8_t unit, uint16_t addr, uint16_t and_mask,
                    uint16_t or_mask)
{
	begin(r, unit, FC_MASK_WRITE, addr, and_mask, 7);
	put16(r->pdu + 5, or_mask);
	r->len = 7;
	return true;
}

bool pdu_read_write(struct request *r, uint8_t unit, uint16_t raddr, uint16_t rcount,
                    uint16_t waddr, uint16_t wcount, const uint16_t *words)
{
	if (!fits(raddr, rcount, READ_REGISTERS_MAX) || !fits(waddr, wcount, 121)) /* 6.17 */
		return false;
	begin(r, unit, FC_READ_WRITE, raddr, rcount, pdu_read_answer_len(TABLE_HOLDING, rcount));
	put16(r->pdu + 5, waddr);
	put16(r->pdu + 7, wcount);
	r->pdu[9] = (uint8_t)(2 * wcount);
	for (unsigned i = 0; i < wcount; i++)
		put16(r->pdu + 10 + 2 * i, words[i]);
	r->len = (uint8_t)(10 + 2 * wcount);
	return true;
}

bool pdu_device_id(struct request *r, uint8_t unit, uint8_t code, uint8_t object)
{
	if (code < 1 || code > 4)
		return false;
	*r = (struct request){
		.unit = unit, .len = 4, .pdu = {FC_DEVICE_ID, MEI_DEVICE_ID, code, object}};
	return true;
}

bool pdu_raw(struct request *r, uint8_t unit, const uint8_t *pdu, size_t len, uint16_t answer_len)
{
	if (len < 1 || len > PDU_MAX || answer_len > PDU_MAX || pdu[0] == 0 || pdu[0] >= 0x80)
		return false;
	const uint16_t known = pdu_answer_len(pdu, len);
	r->unit = unit;
	r->loose = false;
	r->len = (uint8_t)len;
	r->answer_len = known ? known : answer_len;
	memcpy(r->pdu, pdu, len);
	return true;
}

bool pdu_is_write(uint8_t fc)
{
	return fc == FC_WRITE_COIL || fc == FC_WRITE_REGISTER || fc == FC_WRITE_COILS ||
	       fc == FC_WRITE_REGISTERS || fc == FC_MASK_WRITE || fc == FC_READ_WRITE;
}

size_t pdu_request_size(const uint8_t *pdu, size_t len)
{
	if (len < 1)
		return 0;
	switch (pdu[0]) {
	case FC_READ_COILS ... FC_WRITE_REGISTER:
	case FC_DIAGNOSTICS:
		return 5;
	case FC_READ_EXCEPTION_STATUS:
	case FC_REPORT_SERVER_ID:
		return 1;
	case FC_WRITE_COILS:
	case FC_WRITE_REGISTERS:
		return len < 6 ? 0 : 6u + pdu[5];
	case FC_MASK_WRITE:
		return 7;
	case FC_READ_WRITE:
		return len < 10 ? 0 : 10u + pdu[9];
	case FC_DEVICE_ID:
		return len < 2 || pdu[1] != MEI_DEVICE_ID ? 0 : 4;
	default:
		return 0;
	}
}

/* 43/14: six bytes, then `count` objects of id, length, bytes. */
static size_t device_id_size(const uint8_t *pdu, size_t len)
{
	size_t at = 7;

	if (len < 7 || pdu[1] != MEI_DEVICE_ID)
		return 0;
	for (unsigned i = 0; i < pdu[6]; i++) {
		if (at + 2 > len)
			return 0;
		at += 2u + pdu[at + 1];
	}
	return at;
}

size_t pdu_answer_size(const uint8_t *pdu, size_t len)
{
	if (len < 1)
		return 0;
	if (pdu[0] & 0x80)
		return 2;
	switch (pdu[0]) {
	case FC_READ_COILS ... FC_READ_INPUT:
	case FC_READ_WRITE:
	case FC_REPORT_SERVER_ID:
		return len < 2 ? 0 : 2u + pdu[1];
	case FC_WRITE_COIL:
	case FC_WRITE_REGISTER:
	case FC_WRITE_COILS:
	case FC_WRITE_REGISTERS:
	case FC_DIAGNOSTICS:
		return 5;
	case FC_READ_EXCEPTION_STATUS:
		return 2;
	case FC_MASK_WRITE:
		return 7;
	case FC_DEVICE_ID:
		return device_id_size(pdu, len);
	default:
		return 0;
	}
}

/* Has this request of a function of the specification the length of its function? */
static bool well_formed(const uint8_t *pdu, size_t len)
{
	return pdu_request_size(pdu, len) == len || (pdu[0] == FC_DIAGNOSTICS && len >= 5);
}

uint16_t pdu_answer_len(const uint8_t *pdu, size_t len)
{
	if (len < 1 || !well_formed(pdu, len))
		return 0;
	switch (pdu[0]) {
	case FC_READ_COILS:
	case FC_READ_DISCRETE:
		return (uint16_t)pdu_read_answer_len(TABLE_COIL,
		                                     get16(pdu + 3) % (READ_BITS_MAX + 1));
	case FC_READ_HOLDING:
	case FC_READ_INPUT:
	case FC_READ_WRITE:
		return (uint16_t)pdu_read_answer_len(TABLE_HOLDING,
		                                     get16(pdu + 3) % (READ_REGISTERS_MAX + 1));
	case FC_DIAGNOSTICS:
		return (uint16_t)len;
	case FC_REPORT_SERVER_ID:
	case FC_DEVICE_ID:
		return 0;
	default:
		return (uint16_t)pdu_answer_size(pdu, len);
	}
}

struct signature pdu_signature(const struct request *r)
{
	struct signature s = {.fc = r->pdu[0], .answer_len = (uint8_t)r->answer_len};

	if (!well_formed(r->pdu, r->len) || (r->loose && s.fc == FC_WRITE_REGISTER))
		return s; /* any answer to it fits any other of its kind */
	switch (r->pdu[0]) {
	case FC_WRITE_COIL:
	case FC_WRITE_REGISTER:
	case FC_WRITE_COILS:
	case FC_WRITE_REGISTERS:
	case FC_DIAGNOSTICS:
		s.addr = get16(r->pdu + 1);
		s.value = get16(r->pdu + 3);
		break;
	case FC_MASK_WRITE:
		s.addr = get16(r->pdu + 1);
		s.value = get16(r->pdu + 3) ^ get16(r->pdu + 5);
		break;
	case FC_DEVICE_ID: /* the answer repeats the code, not the object it began with */
		s.value = r->pdu[2];
		break;
	}
	if (s.fc == FC_DIAGNOSTICS && s.addr != 0)
		s.value = 0; /* only sub-function 0 is sure to repeat its data */
	return s;
}

bool signature_same(const struct signature *a, const struct signature *b)
{
	return a->fc == b->fc && a->addr == b->addr && a->value == b->value &&
	       (a->answer_len == b->answer_len || !a->answer_len || !b->answer_len);
}

/* Sub-functions whose answer repeats the whole request (specification 6.8.1). */
static bool diagnostics_echoes(uint16_t sub)
{
	return sub == 0 || sub == 1 || sub == 3 || sub == 10 || sub == 20;
}

/* The parts of an answer, right in length, that must repeat the request. */
static bool echoes(const struct request *r, const uint8_t *pdu, size_t len)
{
	const uint8_t *q = r->pdu;

	switch (q[0]) {
	case FC_READ_COILS ... FC_READ_INPUT:
	case FC_READ_WRITE:
		return pdu[1] == len - 2;
	case FC_WRITE_REGISTER:
		return r->loose || !memcmp(pdu, q, 5);
	case FC_WRITE_COIL:
	case FC_WRITE_COILS:
	case FC_WRITE_REGISTERS:
		return !memcmp(pdu, q, 5);
	case FC_MASK_WRITE:
		return !memcmp(pdu, q, 7);
	case FC_DIAGNOSTICS:
		return !memcmp(pdu, q, diagnostics_echoes(get16(q + 1)) ? len : 3);
	case FC_REPORT_SERVER_ID:
		return pdu_answer_size(pdu, len) == len;
	case FC_DEVICE_ID:
		return pdu_answer_size(pdu, len) == len && pdu[2] == q[2];
	default:
		return true;
	}
}

bool pdu_answers(const struct request *r, const uint8_t *pdu, size_t len, uint8_t *exception)
{
	*exception = 0;
	if (len < 1 || len > PDU_MAX)
		return false;
	if (pdu[0] == (r->pdu[0] | 0x80)) {
		if (len != 2 || pdu[1] == 0)
			return false;
		*exception = pdu[1];
		return true;
	}
	if (pdu[0] != r->pdu[0] || (r->answer_len && len != r->answer_len))
		return false;
	return !well_formed(r->pdu, r->len) || echoes(r, pdu, len);
}

void pdu_cells(const struct request *r, const uint8_t *pdu, size_t len, uint16_t *words)
{
	const unsigned count = get16(r->pdu + 3);
	const bool bits = r->pdu[0] == FC_READ_COILS || r->pdu[0] == FC_READ_DISCRETE;
	const unsigned n = bits ? (count + 15) / 16 : count;

	for (unsigned i = 0; i < n && i < CELLS_MAX; i++) {
		const uint8_t first = 2 + 2 * i < len ? pdu[2 + 2 * i] : 0;
		const uint8_t second = 3 + 2 * i < len ? pdu[3 + 2 * i] : 0;
		words[i] = (uint16_t)(bits ? second << 8 | first : first << 8 | second);
	}
	if (bits && count % 16 && n <= CELLS_MAX)
		words[n - 1] &= (uint16_t)((1u << count % 16) - 1);
}

uint16_t crc16(const uint8_t *bytes, size_t n)
{
	/* Half a byte at a time of the reflected polynomial 0xA001. */
	static const uint16_t half[16] = {
		0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
		0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400,
	};
	uint16_t crc = 0xFFFF;

	while (n--) {
		crc ^= *bytes++;
		crc = crc >> 4 ^ half[crc & 15];
		crc = crc >> 4 ^ half[crc & 15];
	}
	return crc;
}

size_t pdu_frame(uint8_t unit, const uint8_t *pdu, size_t len, uint8_t *frame)
{
	frame[0] = unit;
	memcpy(frame + 1, pdu, len);
	const uint16_t crc = crc16(frame, len + 1);
	frame[len + 1] = (uint8_t)crc;
	frame[len + 2] = (uint8_t)(crc >> 8);
	return len + 3;
}
