// SPDX-License-Identifier: MIT
#include "core/modbus/exchange.h"

#include <assert.h>
#include <string.h>

#include "core/modbus/exchange_inside.h"

#define GIVE_UP (1 * US_S)  /* a line that is never silent */
#define SILENT_END_CHARS 32 /* added to the time-out where only silence ends the answer */

void line_init(struct line *l, const struct wire *w, us_t now)
{
	/* The nonce: not the one a predecessor used last. */
	*l = (struct line){.wire = *w, .last_end = now, .nonce = (uint16_t)now};
}

void line_reopened(struct line *l, us_t now)
{
	const struct line was = *l;
	line_init(l, &was.wire, now);
	l->count = was.count;
	l->latency = was.latency;
	/* A line that echoes would give back the first request as its own answer. */
	l->echo = l->echo_found = was.echo_found;
}

void exchange_begin(struct exchange *x, struct line *l, struct peer *p, const struct request *r,
                    us_t timeout, us_t configured)
{
	memset(x, 0, offsetof(struct exchange, buf));
	x->line = l;
	x->peer = p;
	x->req = x->send = r;
	x->timeout = timeout;
	x->configured = configured;
	x->sig = pdu_signature(r);
	x->outcome = OUT_TIMEOUT;
	x->exception = 0;
	x->instead = (struct instead){0};
	x->turnaround = 0;
	x->answer = NULL;
	x->answer_len = 0;
}

static bool broadcast(const struct exchange *x)
{
	return x->req->unit == 0;
}

static bool plain_read(const struct request *r)
{
	return r->pdu[0] >= FC_READ_COILS && r->pdu[0] <= FC_READ_INPUT;
}

/* What was seen of this unit while others were talked to. */
static void take_line_strays(struct exchange *x, us_t now)
{
	for (int i = 0; i < LINE_STRAYS; i++) {
		struct stray *s = &x->line->stray[i];
		if (s->until <= now || s->unit != x->req->unit)
			continue;
		if (s->asked) {
			peer_asked(x->peer, &s->sig, now, s->until);
		} else {
			exchange_late(x, &s->sig, s->at);
			peer_stray(x->peer, &s->sig, now, s->until);
		}
		s->until = 0;
	}
}

static bool function_unused(const struct peer *p, uint8_t fc, us_t now)
{
	for (int i = 0; i < PEER_BARS; i++)
		if (p->bar[i].until > now && (p->bar[i].sig.fc & 0x7F) == fc)
			return false;
	return true;
}

/* Answers that may still come and would fit. */
static unsigned count_alike(const struct peer *p, const struct signature *s, us_t now)
{
	unsigned n = 0;

	for (int i = 0; i < PEER_BARS; i++)
		n += p->bar[i].until > now && signature_same(&p->bar[i].sig, s);
	return n;
}

static bool knows(const struct exchange *x, uint8_t function)
{
	return !x->functions || (x->functions >> function & 1);
}

/* A request whose answer, or refusal, fits no request still unanswered: one value by a function
 * that is not among them, else diagnostics with a number never used before. To a unit that knows
 * neither, one value, more often than such answers may be due. */
static void make_proof(struct exchange *x, us_t now)
{
	static const uint8_t tables[] = {TABLE_HOLDING, TABLE_INPUT, TABLE_COIL, TABLE_DISCRETE};
	static const uint8_t functions[] = {FC_READ_HOLDING, FC_READ_INPUT, FC_READ_COILS,
	                                    FC_READ_DISCRETE};
	const struct peer *p = x->peer;
	const bool bits = x->req->pdu[0] <= FC_READ_DISCRETE || x->req->pdu[0] == FC_WRITE_COIL ||
	                  x->req->pdu[0] == FC_WRITE_COILS;
	const bool has_addr = plain_read(x->req) || pdu_is_write(x->req->pdu[0]);
	const uint16_t addr = (uint16_t)(has_addr ? x->req->pdu[1] << 8 | x->req->pdu[2] : 0);
	const uint16_t nonce = ++x->line->nonce;

	x->send = &x->proof;
	for (unsigned i = 0; i < 4 && !p->full; i++) {
		const unsigned k = (i + p->deaf + (bits ? 2 : 0)) % 5;
		if (k < 4 && knows(x, functions[k]) && function_unused(p, functions[k], now)) {
			pdu_read(&x->proof, x->req->unit, tables[k], addr, 1);
			return;
		}
		if (k == 4 && knows(x, FC_DIAGNOSTICS))
			break;
	}
	for (unsigned i = 0; i < 4 && !knows(x, FC_DIAGNOSTICS); i++) {
		if (!knows(x, functions[i]))
			continue;
		pdu_read(&x->proof, x->req->unit, tables[i], addr, 1);
		const struct signature s = pdu_signature(&x->proof);
		x->proofs = (uint8_t)(count_alike(p, &s, now) + (p->full ? PEER_BARS : p->unsure));
		return;
	}
	pdu_raw(&x->proof, x->req->unit,
	        (const uint8_t[]){FC_DIAGNOSTICS, 0, 0, (uint8_t)(nonce >> 8), (uint8_t)nonce}, 5,
	        5);
}

static bool proof_of(struct exchange *x, uint16_t addr, uint16_t count, us_t now)
{
	static const uint8_t table[] = {[FC_READ_COILS] = TABLE_COIL,
	                                [FC_READ_DISCRETE] = TABLE_DISCRETE,
	                                [FC_READ_HOLDING] = TABLE_HOLDING,
	                                [FC_READ_INPUT] = TABLE_INPUT};

	if (!pdu_read(&x->proof, x->req->unit, table[x->req->pdu[0]], addr, count))
		return false;
	const struct signature s = pdu_signature(&x->proof);
	return !signature_same(&s, &x->sig) && !count_alike(x->peer, &s, now);
}

/* At the start an answer to a request of before may be due. Units answer in order, so behind
 * the first answer to a shorter read nothing older can come; if that was the older one itself, what
 * is left over is the answer to this proof, which has another length than that to the request.
 * False: there is no shorter read. */
static bool prove_briefly(struct exchange *x, us_t now)
{
	const uint8_t *pdu = x->req->pdu;
	const uint16_t addr = (uint16_t)(pdu[1] << 8 | pdu[2]);
	const uint16_t count = (uint16_t)(pdu[3] << 8 | pdu[4]);
	const unsigned step = pdu[0] <= FC_READ_DISCRETE ? 8 : 1; /* bits come by the byte */
	bool found = x->value_count && proof_of(x, x->value_addr, x->value_count, now);

	for (unsigned n = 1; n < count && n <= PEER_BARS * step + 1 && !found; n += step)
		found = proof_of(x, addr, (uint16_t)n, now);
	if (!found)
		return false;
	x->send = &x->proof;
	x->briefly = true;
	x->proofs_over = 1;
	return true;
}

/* The rule: to a unit with unanswered requests goes only what can not be mistaken. If the request
 * itself can be, prove the unit in step first: by another request or, for reads at the start and
 * where the unit answers no other function, by the same request once more than answers may be due.
 */
static void decide(struct exchange *x, us_t now)
{
	struct peer *p = x->peer;

	x->begun = true;
	if (broadcast(x))
		return;
	take_line_strays(x, now);
	const unsigned alike = count_alike(p, &x->sig, now);
	const bool barred = alike > 0;
	if (!barred && !p->doubt && !p->full && !p->unsure)
		return;
	x->strict = true;
	x->strayed = false;
	const bool read = plain_read(x->req);
	const bool start = !barred && !p->doubt && !p->full;
	if (read && start && !(p->deaf % 2) && prove_briefly(x, now))
		return;
	if (read && (start || p->deaf % 2))
		x->repeat = x->left = (uint8_t)(alike + (p->full || p->unsure));
	else
		make_proof(x, now);
}

static void drain(struct exchange *x, const uint8_t *bytes, size_t n, us_t now)
{
	if (n) {
		exchange_append(x, bytes, n, now);
		if (!x->noisy)
			x->noisy = now;
		x->state = ST_WAIT;
		return;
	}
	if (x->n)
		exchange_take_drained(x, now);
	x->noisy = 0;
	const struct duplicate *t = &x->line->duplicate;
	if (exchange_duplicate_missed(x->line))
		exchange_stray(x->line, t->unit, &t->sig, false, now, now + 2 * x->configured);
	if (!x->begun)
		decide(x, now);
	x->state = ST_SEND;
}

static void rest_over(struct exchange *x, size_t n, us_t now)
{
	struct line *l = x->line;

	if (l->last_end < x->tx_late)
		l->last_end = x->tx_late;
	if (n && !l->echo)
		l->last_end = now;
	exchange_done(x, OUT_OK);
}

void exchange_input(struct exchange *x, const uint8_t *bytes, size_t n, us_t now)
{
	switch (x->state) {
	case ST_DRAIN:
		drain(x, bytes, n, now);
		break;
	case ST_RECEIVE:
		exchange_receive(x, bytes, n, now);
		break;
	case ST_REST_READ:
		rest_over(x, n, now);
		break;
	}
}

void exchange_sent(struct exchange *x, us_t before, us_t now)
{
	assert(before <= now && x->send);
	const struct wire *w = &x->line->wire;
	const us_t took = wire_chars(w, x->send->len + 3u);
	const unsigned answer = x->send->answer_len ? x->send->answer_len + 3u : SILENT_END_CHARS;

	x->line->count.requests++;
	if (x->peer)
		x->peer->asked_at = before;
	x->tx_start = before;
	x->tx_end = before + took;
	x->tx_late = now + took;
	x->end = x->tx_late + x->timeout + wire_chars(w, answer);
	/* Not every port reports the first byte when it comes: some gather a burst, some the whole
	 * answer. */
	const bool whole = !x->line->burst || x->line->burst > answer;
	x->begin = x->tx_late + x->timeout + wire_chars(w, whole ? answer : x->line->burst);
	x->n = x->stale = x->noise = 0;
	x->first = x->wake = 0;
	x->echoed = x->client = false;
	/* What came before this was sent can no longer be taken for its answer, if every byte is
	 * reported. */
	if (x->peer && !x->peer->full && !x->proven)
		x->strayed = false;
	if (!exchange_proving(x))
		x->sent = before;
	x->state = broadcast(x) ? ST_REST : ST_RECEIVE;
	if (x->line->echo && !broadcast(x))
		x->wake = x->tx_end;
}

static enum exchange_act wait_for_line(struct exchange *x, us_t now, us_t *until)
{
	us_t t = x->line->last_end + x->line->wire.silence;

	if (x->strict && (!x->proven || x->briefly)) /* a second one may follow a silence behind */
		t += x->line->wire.silence;
	if (exchange_duplicate_due(x->line))
		t += x->line->wire.silence;
	if (x->n && t < x->line->last_end + exchange_split(x->line))
		t = x->line->last_end + exchange_split(x->line); /* of stray bytes more may come */
	if (x->peer && t < x->peer->ready_at)
		t = x->peer->ready_at;
	if (x->noisy && now - x->noisy > GIVE_UP + x->configured) {
		exchange_done(x, OUT_DROPPED);
		return EX_DONE;
	}
	if (now < t) {
		*until = t;
		return EX_SLEEP;
	}
	x->state = ST_DRAIN;
	return EX_READ;
}

enum exchange_act exchange_next(struct exchange *x, us_t now, us_t *until)
{
	*until = now;
	switch (x->state) {
	case ST_WAIT:
		return wait_for_line(x, now, until);
	case ST_SEND:
		if (exchange_proving(x))
			return EX_PROVE;
		if (x->not_after && now >= x->not_after) {
			exchange_done(x, OUT_EXPIRED);
			return EX_DONE;
		}
		return EX_SEND;
	case ST_RECEIVE:
		*until = x->wake ? x->wake : exchange_deadline(x);
		if (!x->wake)
			return EX_POLL;
		return now < x->wake ? EX_SLEEP : EX_READ;
	case ST_REST:
		*until = x->tx_late + x->timeout;
		if (now < *until)
			return EX_SLEEP;
		x->state = ST_REST_READ;
		return EX_READ;
	case ST_DRAIN:
	case ST_REST_READ:
		return EX_READ;
	default:
		return EX_DONE;
	}
}
