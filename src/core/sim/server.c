// SPDX-License-Identifier: MIT
#include "core/sim/server.h"

#include <string.h>

struct call {
	const struct server *s;
	const uint8_t *pdu;
	size_t len;
	uint8_t *answer;
	size_t n; /* of answer */
};

static uint16_t word(const struct call *c, size_t at)
{
	return (uint16_t)(c->pdu[at] << 8 | c->pdu[at + 1]);
}

static void put(struct call *c, const void *bytes, size_t n)
{
	memcpy(c->answer + c->n, bytes, n);
	c->n += n;
}

static void put_byte(struct call *c, unsigned b)
{
	c->answer[c->n++] = (uint8_t)b;
}

/* The checks of the specification's state diagrams, in their order: count (3), then addresses (2).
 */
static uint8_t check_span(uint16_t addr, uint16_t count, unsigned max)
{
	if (count < 1 || count > max)
		return EXC_VALUE;
	return (uint32_t)addr + count > 0x10000 ? EXC_ADDRESS : 0;
}

static uint8_t put_registers(struct call *c, uint8_t table, uint16_t addr, uint16_t count)
{
	uint16_t words[CELLS_MAX] = {0};
	const uint8_t e = c->s->read(c->s->ctx, table, addr, count, words);

	put_byte(c, 2u * count);
	for (unsigned i = 0; i < count; i++) {
		put_byte(c, words[i] >> 8);
		put_byte(c, words[i] & 0xFF);
	}
	return e;
}

static uint8_t read_registers(struct call *c)
{
	const uint8_t table = c->pdu[0] == FC_READ_HOLDING ? TABLE_HOLDING : TABLE_INPUT;
	const uint8_t e = check_span(word(c, 1), word(c, 3), READ_REGISTERS_MAX);

	return e ? e : put_registers(c, table, word(c, 1), word(c, 3));
}

static uint8_t read_bits(struct call *c)
{
	const uint8_t table = c->pdu[0] == FC_READ_COILS ? TABLE_COIL : TABLE_DISCRETE;
	const uint16_t count = word(c, 3);
	uint16_t packed[CELLS_MAX] = {0};
	uint8_t e = check_span(word(c, 1), count, READ_BITS_MAX);

	if (!e)
		e = c->s->read(c->s->ctx, table, word(c, 1), count, packed);
	if (e)
		return e;
	if (count % 16)
		packed[count / 16] &= (uint16_t)((1u << count % 16) - 1);
	put_byte(c, (count + 7u) / 8);
	for (unsigned i = 0; i < (count + 7u) / 8; i++)
		put_byte(c, packed[i / 2] >> 8 * (i % 2) & 0xFF);
	return 0;
}

static uint8_t write_coil(struct call *c)
{
	const uint16_t raw = word(c, 3), bit = raw != 0;

	if (raw != 0 && raw != 0xFF00)
		return EXC_VALUE;
	put(c, c->pdu + 1, 4);
	return c->s->write(c->s->ctx, TABLE_COIL, word(c, 1), 1, &bit);
}

static uint8_t write_register(struct call *c)
{
	const uint16_t value = word(c, 3);

	put(c, c->pdu + 1, 4);
	return c->s->write(c->s->ctx, TABLE_HOLDING, word(c, 1), 1, &value);
}

static uint8_t write_coils(struct call *c)
{
	const uint16_t count = word(c, 3);
	uint16_t packed[CELLS_MAX] = {0};
	const uint8_t e = check_span(word(c, 1), count, WRITE_BITS_MAX);

	if (e == EXC_VALUE || c->pdu[5] != (count + 7u) / 8)
		return EXC_VALUE;
	if (e)
		return e;
	for (unsigned i = 0; i < c->pdu[5]; i++)
		packed[i / 2] |= (uint16_t)(c->pdu[6 + i] << 8 * (i % 2));
	put(c, c->pdu + 1, 4);
	return c->s->write(c->s->ctx, TABLE_COIL, word(c, 1), count, packed);
}

static uint8_t put_into_registers(struct call *c, size_t at, unsigned max)
{
	const uint16_t addr = word(c, at), count = word(c, at + 2);
	uint16_t words[CELLS_MAX];
	const uint8_t e = check_span(addr, count, max);

	if (e == EXC_VALUE || c->pdu[at + 4] != 2 * count)
		return EXC_VALUE;
	if (e)
		return e;
	for (unsigned i = 0; i < count; i++)
		words[i] = word(c, at + 5 + 2 * i);
	return c->s->write(c->s->ctx, TABLE_HOLDING, addr, count, words);
}

static uint8_t write_registers(struct call *c)
{
	put(c, c->pdu + 1, 4);
	return put_into_registers(c, 1, WRITE_REGISTERS_MAX);
}

static uint8_t mask_write(struct call *c)
{
	uint16_t value = 0;

	if (c->s->no_mask_write)
		return EXC_FUNCTION;
	const uint8_t e = c->s->read(c->s->ctx, TABLE_HOLDING, word(c, 1), 1, &value);
	if (e)
		return e;
	/* specification 6.16 */
	value = (uint16_t)((value & word(c, 3)) | (word(c, 5) & ~word(c, 3)));
	put(c, c->pdu + 1, 6);
	return c->s->write(c->s->ctx, TABLE_HOLDING, word(c, 1), 1, &value);
}

static uint8_t read_write(struct call *c)
{
	uint8_t e = c->s->no_read_write ? EXC_FUNCTION : 0;

	if (!e)
		e = check_span(word(c, 1), word(c, 3), READ_REGISTERS_MAX);
	if (!e)
		e = put_into_registers(c, 5, 121); /* the write comes first, 6.17 */
	return e ? e : put_registers(c, TABLE_HOLDING, word(c, 1), word(c, 3));
}

static uint8_t read_status(struct call *c)
{
	put_byte(c, c->s->status);
	return 0;
}

/* Sub-functions that a device without counters can serve: echo, restart, clear, counters of zero.
 */
static uint8_t diagnostics(struct call *c)
{
	const uint16_t sub = word(c, 1);

	if (sub == 4) { /* force listen only: no answer comes */
		c->n = 0;
		return 0;
	}
	if (sub == 0) {
		put(c, c->pdu + 1, c->len - 1);
		return 0;
	}
	if (c->len != 5 || (sub != 1 && word(c, 3) != 0))
		return EXC_VALUE;
	if (sub != 1 && sub != 2 && sub != 10 && (sub < 11 || sub > 18))
		return EXC_FUNCTION;
	put(c, c->pdu + 1, 4);
	return 0;
}

static uint8_t report_id(struct call *c)
{
	const size_t n = c->s->id ? strnlen(c->s->id, PDU_MAX - 3) : 0;

	if (!c->s->id)
		return EXC_FUNCTION;
	put_byte(c, (unsigned)n + 1);
	put(c, c->s->id, n);
	put_byte(c, 0xFF); /* run indicator */
	return 0;
}

/* Last object of each code's category: 1 basic, 2 regular, 3 all (specification 6.21). */
static uint8_t device_id(struct call *c)
{
	const struct server *s = c->s;
	const uint8_t code = c->pdu[2];
	const unsigned last = code == 1 ? 3 : code == 2 ? 0x80 : SERVER_OBJECTS;
	unsigned at = c->pdu[3];

	if (!s->object[0] && !s->object[1] && !s->object[2])
		return EXC_FUNCTION;
	if (code < 1 || code > 4)
		return EXC_VALUE;
	if (code == 4 && (at >= SERVER_OBJECTS || !s->object[at]))
		return EXC_ADDRESS;
	if (at >= last) /* 6.21: an unknown object: from the beginning */
		at = 0;
	put(c, c->pdu + 1, 2);
	put_byte(c, 0x82); /* conformity: regular, stream and single */
	put(c, "\0\0\0", 3);
	for (unsigned i = at; i < (code == 4 ? at + 1 : last); i++) {
		const size_t n = s->object[i] ? strnlen(s->object[i], PDU_MAX - 9) : 0;
		if (!s->object[i])
			continue;
		if (c->n + 2 + n > PDU_MAX) { /* more follows, from here */
			c->answer[4] = 0xFF;
			c->answer[5] = (uint8_t)i;
			break;
		}
		put_byte(c, i);
		put_byte(c, (unsigned)n);
		put(c, s->object[i], n);
		c->answer[6]++;
	}
	return 0;
}

static uint8_t (*const serve[FC_DEVICE_ID + 1])(struct call *) = {
	[FC_READ_COILS] = read_bits,
	[FC_READ_DISCRETE] = read_bits,
	[FC_READ_HOLDING] = read_registers,
	[FC_READ_INPUT] = read_registers,
	[FC_WRITE_COIL] = write_coil,
	[FC_WRITE_REGISTER] = write_register,
	[FC_READ_EXCEPTION_STATUS] = read_status,
	[FC_DIAGNOSTICS] = diagnostics,
	[FC_WRITE_COILS] = write_coils,
	[FC_WRITE_REGISTERS] = write_registers,
	[FC_REPORT_SERVER_ID] = report_id,
	[FC_MASK_WRITE] = mask_write,
	[FC_READ_WRITE] = read_write,
	[FC_DEVICE_ID] = device_id,
};

size_t server_answer(const struct server *s, const uint8_t *pdu, size_t len, uint8_t *answer)
{
	struct call c = {.s = s, .pdu = pdu, .len = len, .answer = answer};
	uint8_t e;

	if (len < 1 || len > PDU_MAX || pdu[0] & 0x80)
		return 0;
	put_byte(&c, pdu[0]);
	if (pdu[0] > FC_DEVICE_ID || !serve[pdu[0]] ||
	    (pdu[0] == FC_DEVICE_ID && len > 1 && pdu[1] != 14))
		e = EXC_FUNCTION;
	else if (pdu_request_size(pdu, len) != len && (pdu[0] != FC_DIAGNOSTICS || len < 5))
		e = EXC_VALUE;
	else
		e = serve[pdu[0]](&c);
	if (!e)
		return c.n;
	answer[0] = pdu[0] | 0x80;
	answer[1] = e;
	return 2;
}
