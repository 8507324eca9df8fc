// SPDX-License-Identifier: MIT
#include "core/modbus/exchange_inside.h"

#define EXCEPTION_LEN 2u /* function and code */
#define AROUND 3u        /* unit and CRC */

/* What came instead of the answer to x->send: for people, decides nothing. */

static void note(struct exchange *x, enum instead_kind kind, size_t is, size_t should)
{
	instead_note(&x->instead, &(struct instead){.kind = (uint8_t)kind,
	                                            .is = (uint16_t)is,
	                                            .should = (uint16_t)should});
}

bool exchange_foreign(const struct exchange *x, const struct frame *f)
{
	return !x->line->ids && frame_is_request(f);
}

bool exchange_late(struct exchange *x, const struct signature *s, us_t at)
{
	for (int i = 0; x->peer && i < PEER_BARS; i++) {
		const struct bar *b = &x->peer->bar[i];
		if (b->until != US_NEVER || !b->at || !signature_same(&b->sig, s))
			continue;
		if (x->peer->miscounts)
			return false; /* as always: it only happens to fit an earlier request */
		x->line->tardy[x->req->unit / 8] |= (uint8_t)(1 << x->req->unit % 8);
		instead_note(&x->instead, &(struct instead){.kind = INSTEAD_LATE,
		                                            .after = at - b->at,
		                                            .timeout = x->configured});
		return true;
	}
	return false;
}

static bool counted(uint8_t fc)
{
	return fc >= FC_READ_COILS && fc <= FC_READ_INPUT;
}

/* While earlier requests are unanswered it may be an answer to one that is forgotten. */
static void miscounted(struct exchange *x, const struct frame *f)
{
	bool due = false;

	for (int i = 0; i < PEER_BARS; i++)
		due |= x->peer->bar[i].until == US_NEVER;
	x->peer->miscounts |= !due;
	note(x, INSTEAD_COUNT, f->pdu[1], x->send->answer_len - 2u);
}

void exchange_instead_frame(struct exchange *x, const struct frame *f, us_t now)
{
	const struct signature s = frame_signature(f);
	const struct request *q = x->send;
	const uint8_t fc = f->pdu[0];

	if (exchange_foreign(x, f) || (f->unit == q->unit && exchange_late(x, &s, now)))
		return;
	if (x->state != ST_RECEIVE)
		return; /* of an older request, to whatever unit */
	if (f->unit != q->unit && x->line->tardy[f->unit / 8] >> f->unit % 8 & 1)
		return; /* that one is late again: proves nothing about this unit */
	if (f->unit != q->unit)
		note(x, INSTEAD_UNIT, f->unit, q->unit);
	else if ((fc & 0x7F) != q->pdu[0])
		note(x, INSTEAD_FUNCTION, fc & 0x7F, q->pdu[0]);
	else if ((fc & 0x80) && f->pdu_len == EXCEPTION_LEN && f->pdu[1] == 0)
		note(x, INSTEAD_FUNCTION, fc, q->pdu[0]); /* there is no exception 0 */
	else if ((fc & 0x80) && f->pdu_len == EXCEPTION_LEN)
		return;
	else if (fc & 0x80)
		note(x, INSTEAD_LENGTH, f->pdu_len, EXCEPTION_LEN);
	else if (pdu_is_write(fc))
		note(x, INSTEAD_VALUE, 0, 0);
	else if (counted(fc) && f->pdu_len >= 2 && f->pdu[1] + 2u != f->pdu_len)
		note(x, INSTEAD_LENGTH, f->pdu_len - 2, f->pdu[1]);
	else if (counted(fc) && f->pdu_len >= 2)
		miscounted(x, f);
	else
		note(x, INSTEAD_LENGTH, f->pdu_len, q->answer_len);
}

void exchange_instead_spoilt(struct exchange *x, size_t got, size_t need)
{
	if (x->line->ids && need) /* whole, with a CRC of our own: only its length is wrong */
		note(x, INSTEAD_LENGTH, got - AROUND, need - AROUND);
	else
		note(x, need && got < need ? INSTEAD_SHORT : INSTEAD_CORRUPTED, got, need);
}

void exchange_instead_nothing(struct exchange *x)
{
	if (x->exception)
		note(x, INSTEAD_PATH, x->exception, 0);
	else if (x->noise)
		note(x, INSTEAD_NOISE, x->noise, 0);
	else if (x->echoed)
		note(x, INSTEAD_ECHO, 0, 0);
}
