// SPDX-License-Identifier: MIT
#include "bus/worker.h"

#include <stdio.h>
#include <string.h>

#include "core/base/arena.h"

static void give(struct bus *b, struct bus_frame *f)
{
	struct queue *q = atomic_load(&b->tap);
	f->bus = b->tag;
	f->lost = b->unseen;
	f->adhoc = b->adhoc;
	f->cause = (uint8_t)b->turn.kind;
	if (!q || queue_try_push(q, f))
		b->unseen = 0;
	else
		b->unseen++;
}

/* Of 650 bytes, which only a bus with a monitor needs. */
static struct bus_frame *seen(struct bus *b)
{
	if (!b->seen)
		b->seen = mem_alloc(1, sizeof(*b->seen));
	return b->seen;
}

bool tap_open(const struct bus *b)
{
	return b->seen && b->seen->n;
}

void tap_end(struct bus *b, const char *why, us_t at)
{
	struct bus_frame *f = seen(b);
	if (!f->n)
		f->at = at;
	f->in = true;
	snprintf(f->why, sizeof(f->why), "%s", why ? why : "");
	give(b, f);
	f->n = 0;
}

void tap_out(struct bus *b, const struct request *r, us_t at)
{
	struct bus_frame f = {.at = at};
	if (tap_open(b)) /* within an exchange: the answer to its proof */
		tap_end(b, b->asked ? NULL : "not requested", at);
	b->asked = true;
	f.n = (uint16_t)pdu_frame(r->unit, r->pdu, r->len, f.bytes);
	give(b, &f);
}

void tap_in(struct bus *b, const uint8_t *bytes, size_t n, us_t at)
{
	struct bus_frame *f = seen(b);
	if (!f->n)
		f->at = at;
	if (n > sizeof(f->bytes) - f->n)
		n = sizeof(f->bytes) - f->n;
	memcpy(f->bytes + f->n, bytes, n);
	f->n = (uint16_t)(f->n + n);
}
