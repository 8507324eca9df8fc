// SPDX-License-Identifier: MIT
#include <string.h>

#include "core/modbus/exchange_inside.h"

/* Some devices, and repeaters before them, send each answer twice. Of one that has done so twice in
 * a row the second copy is awaited before anything else is sent; then its like is not barred. When
 * it does not come, it is, as it may come later; and nothing is expected any more. */

static bool bit(const uint8_t *bits, uint8_t unit)
{
	return bits[unit / 8] >> unit % 8 & 1;
}

static void bit_set(uint8_t *bits, uint8_t unit, bool on)
{
	const uint8_t mask = (uint8_t)(1 << unit % 8);
	bits[unit / 8] = (uint8_t)(on ? bits[unit / 8] | mask : bits[unit / 8] & ~mask);
}

static bool seen(struct line *l)
{
	const uint8_t unit = l->twin.unit;
	const bool known = bit(l->twins, unit);
	bit_set(l->twins, unit, bit(l->twin_once, unit));
	bit_set(l->twin_once, unit, true);
	l->twin.open = false;
	return known;
}

bool exchange_twin_begin(struct line *l, const struct frame *f, const uint8_t *rest, size_t n)
{
	const uint8_t *frame = f->pdu - 1;
	struct twin *t = &l->twin;
	*t = (struct twin){
		.open = true,
		.unit = f->unit,
		.sig = frame_signature(f),
		.len = (uint16_t)f->len,
	};
	memcpy(t->crc, frame + f->len - sizeof t->crc, sizeof t->crc);
	if (n > f->len || (n && memcmp(frame, rest, n) != 0)) {
		t->open = false;
		return false;
	}
	if (n == f->len)
		return seen(l);
	t->got = (uint16_t)n;
	return n == 0 || bit(l->twins, f->unit);
}

bool exchange_twin_take(struct line *l, const uint8_t *bytes, size_t n)
{
	const struct twin *t = &l->twin;
	if (!t->open || n + t->got != t->len || n < sizeof t->crc ||
	    memcmp(bytes + n - sizeof t->crc, t->crc, sizeof t->crc) != 0)
		return false;
	return seen(l);
}

bool exchange_twin_missed(struct line *l)
{
	const uint8_t unit = l->twin.unit;
	if (!l->twin.open)
		return false;
	const bool known = bit(l->twins, unit);
	l->twin.open = false;
	bit_set(l->twins, unit, false);
	bit_set(l->twin_once, unit, false);
	return known;
}

bool exchange_twin_due(const struct line *l)
{
	return l->twin.open && bit(l->twins, l->twin.unit);
}
