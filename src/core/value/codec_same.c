// SPDX-License-Identifier: MIT
#include <string.h>

#include "core/value/codec.h"

static bool same_decimal(const struct decimal *a, const struct decimal *b)
{
	return a->mant == b->mant && a->places == b->places;
}

static bool same_layout(const struct layout *a, const struct layout *b)
{
	return a == b || (a && b && a->n == b->n && a->bytes == b->bytes && a->utc == b->utc &&
	                  memcmp(a->part, b->part, a->n) == 0);
}

bool codec_same(const struct codec *x, const struct codec *y)
{
	return x->type == y->type && x->of == y->of && x->array == y->array &&
	       x->order == y->order && x->length == y->length && x->byte == y->byte &&
	       x->bit == y->bit && x->bits == y->bits && x->words == y->words && x->on == y->on &&
	       x->off == y->off && same_decimal(&x->scale, &y->scale) &&
	       same_decimal(&x->offset, &y->offset) && same_layout(x->layout, y->layout);
}
