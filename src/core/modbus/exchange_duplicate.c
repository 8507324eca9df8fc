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
	const uint8_t unit = l->duplicate.unit;
	const bool known = bit(l->duplicates, unit);
	bit_set(l->duplicates, unit, bit(l->duplicate_once, unit));
	bit_set(l->duplicate_once, unit, true);
	l->duplicate.open = false;
	return known;
}

bool exchange_duplicate_begin(struct line *l, const struct frame *f, const uint8_t *rest, size_t n)
{
	const uint8_t *frame = f->pdu - 1;
	struct duplicate *t = &l->duplicate;
	*t = (struct duplicate){
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
	return n == 0 || bit(l->duplicates, f->unit);
}

bool exchange_duplicate_take(struct line *l, const uint8_t *bytes, size_t n)
{
	const struct duplicate *t = &l->duplicate;
	if (!t->open || n + t->got != t->len || n < sizeof t->crc ||
	    memcmp(bytes + n - sizeof t->crc, t->crc, sizeof t->crc) != 0)
		return false;
	return seen(l);
}

bool exchange_duplicate_missed(struct line *l)
{
	const uint8_t unit = l->duplicate.unit;
	if (!l->duplicate.open)
		return false;
	const bool known = bit(l->duplicates, unit);
	l->duplicate.open = false;
	bit_set(l->duplicates, unit, false);
	bit_set(l->duplicate_once, unit, false);
	return known;
}

bool exchange_duplicate_due(const struct line *l)
{
	return l->duplicate.open && bit(l->duplicates, l->duplicate.unit);
}
