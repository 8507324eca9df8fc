// SPDX-License-Identifier: MIT
#include "core/modbus/exchange_inside.h"

#define ECHO_MISSING 4

void exchange_fail(struct exchange *x, enum outcome o, us_t now)
{
	struct peer *p = x->peer;
	struct line *l = x->line;
	const struct signature s = pdu_signature(x->send);

	if (l->last_end < x->tx_late)
		l->last_end = x->tx_late;
	if (o == OUT_TIMEOUT && l->echo && !x->echoed && x->noise) {
		l->count.collisions++; /* our own words came back as something else */
		o = OUT_DROPPED;
	}
	if (x->client)
		o = OUT_DROPPED;
	if (o == OUT_TIMEOUT)
		exchange_instead_nothing(x);
	l->count.timeouts += o == OUT_TIMEOUT;
	if (exchange_proving(x) && o == OUT_TIMEOUT)
		p->deaf = (uint8_t)(p->deaf + !x->briefly);
	else if (x->strict && !exchange_proving(x) && o == OUT_TIMEOUT && p->deaf % 2)
		p->deaf++;
	if (x->doubted)
		p->doubt = true;
	/* An answer that began and was corrupted is an answer, unless it was an older request's. */
	if (o != OUT_GARBLED || x->strict || x->noise >= NOISE_DOUBT ||
	    !peer_trusts(p, &s, true, now))
		peer_unanswered(p, &s, now, x->configured);
	for (; x->disbelieved > 0; x->disbelieved--) /* each was sent for again */
		peer_unanswered(p, &s, now, x->configured);
	if (o != OUT_TIMEOUT && p->doublings)
		p->doublings--;
	exchange_done(x, o);
}

/* The frame that ends the exchange. */
static void succeed(struct exchange *x, const struct frame *f, us_t now)
{
	struct peer *p = x->peer;

	/* After the same request n + 1 times n answers of its kind may be left over. */
	peer_in_step(p, now, x->configured);
	for (; x->left > 0; x->left--)
		if (x->exception || x->briefly) /* a refusal was among them */
			peer_unanswered(p, &x->sig, now, x->configured);
		else
			peer_left_over(p, &x->sig, now, x->configured);
	p->doublings = 0;
	const size_t end = f->at + f->len;
	if (!exchange_duplicate_begin(x->line, f, x->buf + end,
	                              x->n - end)) { /* a doubled answer */
		peer_stray(p, &x->sig, now, now + 2 * x->configured);
		x->line->count.late++;
	}
	x->answer = f->pdu;
	x->answer_len = (uint16_t)f->pdu_len;
	x->line->early = 0;
	if (!x->exception) {
		p->miscounts = false;
		exchange_done(x, OUT_OK);
		return;
	}
	x->line->count.exceptions++;
	if (x->disbelieved && !x->proven)
		p->deaf++; /* that was dear: a proof may be received the next time */
	exchange_done(x, OUT_REFUSED);
}

/* The proof or the first of two answers has come: send on. */
static void send_on(struct exchange *x, const struct frame *f, us_t now)
{
	const struct signature s = pdu_signature(x->send);
	if (exchange_proving(x) && x->doubted) {
		x->doubted = false;
	} else if (exchange_proving(x) && x->proofs) {
		x->proofs--;
		x->proofs_over++;
	} else if (exchange_proving(x)) {
		peer_in_step(x->peer, now, x->configured);
		for (; x->proofs_over > 0; x->proofs_over--)
			peer_left_over(x->peer, &s, now, x->configured);
		x->peer->deaf = 0;
		x->disbelieved = 0;
		x->proven = true;
		x->send = x->req;
	} else if (x->doubted) {
		x->doubted = false;
	} else {
		x->repeat--;
	}
	x->strayed = false;
	exchange_duplicate_begin(x->line, f, NULL, 0);
	if (x->peer->ready_at < now + x->pause)
		x->peer->ready_at = now + x->pause;
	exchange_shift(x, f->at + f->len, now);
	x->state = ST_WAIT;
}

/* To a unit that answers no proof the request itself goes as often as older refusals may be due. */
static bool may_repeat(const struct exchange *x)
{
	const uint8_t fc = x->req->pdu[0];
	return x->strict && x->peer->deaf % 2 && fc >= FC_READ_COILS && fc <= FC_READ_INPUT;
}

/* Is the exception worth believing? The proof's function is unused by others. */
static bool trusted(const struct exchange *x, us_t now)
{
	struct peer p = *x->peer;
	const struct signature s = pdu_signature(x->send);

	if (x->proven || x->line->ids)
		return true;
	if (exchange_proving(x) || x->strict)
		p.unsure = false;
	/* So many are to come for older ones, one more is for one of this exchange. Of what
	 * overflowed it is not known whether such were among it. */
	if (exchange_proving(x) || may_repeat(x))
		return x->disbelieved >= peer_refusals_due(&p, &s, now) + (p.full ? PEER_BARS : 0);
	return peer_trusts(&p, &s, true, now);
}

static bool gateway_exception(uint8_t e)
{
	return e == EXC_GATEWAY_PATH || e == EXC_GATEWAY_TARGET; /* the gateway speaks, not the unit
	                                                            (specification, section 7) */
}

/* Where the first answer to a brief proof was an older one, its own refusal is still to come: once
 * more. Then what is left over is one to the same request. */
static bool may_be_the_proofs(const struct exchange *x)
{
	return x->briefly && !exchange_proving(x) && !x->left && !x->line->ids;
}

/* Did the answer come behind our own words? One alone without them may have been corrupted. */
static void echo_judged(const struct exchange *x)
{
	struct line *l = x->line;

	if (x->echoed)
		l->unechoed = 0;
	else if (l->echo_found && ++l->unechoed >= ECHO_MISSING)
		l->echo = l->echo_found = false;
}

/* An exception that may be an older request's. False: a stray. */
static bool disbelieve(struct exchange *x, const struct frame *f, us_t now)
{
	x->doubted = true;
	if (!exchange_proving(x) && !may_repeat(x))
		return false;
	x->answers++;
	x->disbelieved++; /* once more */
	x->left = (uint8_t)(x->left + !exchange_proving(x));
	send_on(x, f, now);
	return true;
}

/* The frame fits the request at hand; is it the answer to it? Doubts are gathered while the answer
 * is awaited and judged here in one place: an exception that an earlier request may have caused
 * too, a second client seen on the line, noise in front, refusals and values mixed. In doubt the
 * answer is thrown away and the unit proven in step first; nothing that could be an earlier answer
 * is ever published. The response time is learned only from answers that are accepted. */
bool exchange_answered(struct exchange *x, const struct frame *f, uint8_t exception, us_t now)
{
	struct line *l = x->line;

	if (gateway_exception(exception)) {
		x->answers++;
		x->exception = exception;
		exchange_fail(x, OUT_TIMEOUT,
		              now); /* whichever request it was for: it only ends the wait */
		return true;
	}
	if (exception && !trusted(x, now))
		return disbelieve(x, f, now);
	if (exception && may_repeat(x))
		x->repeat = 0;
	else if (exception && may_be_the_proofs(x))
		x->repeat = x->left = 1;
	if (x->client) {
		exchange_fail(x, OUT_DROPPED, now);
		return true;
	}
	l->count.responses++;
	x->answers++;
	l->missing = 0;
	echo_judged(x);
	/* refusals, then none: not all of them were for the same request */
	const bool mixed = !exception && x->disbelieved && !exchange_proving(x) && !x->proven;
	if (x->noise >= NOISE_DOUBT || mixed ||
	    (x->strict && x->strayed && !exchange_proving(x) && !x->repeat)) {
		l->count.garbled++;
		exchange_fail(x, OUT_GARBLED, now);
		return true;
	}
	x->turnaround = x->first - wire_chars(&l->wire, x->first_n) - x->tx_end;
	if (x->queued && x->turnaround > x->timeout - x->queued) /* the rest is not the unit's */
		x->turnaround = x->timeout - x->queued;
	if (x->turnaround < 1)
		x->turnaround = 1;
	if (l->burst < x->first_n)
		l->burst = x->first_n;
	peer_turned(x->peer, x->turnaround);
	if (exchange_proving(x) || x->repeat) {
		send_on(x, f, now);
		return true;
	}
	x->exception = exception;
	succeed(x, f, now);
	return true;
}
