// SPDX-License-Identifier: MIT
#include "core/modbus/exchange_inside.h"

#include <string.h>

#define SPLIT_LEAST (10 * US_MS)
#define MARGIN_MOST ((us_t)200) /* looking for the end of an answer: not a hair too early */
#define EARLY_MOST 3 /* early answers that must be ours: then the timing is not to be trusted */

us_t exchange_split(const struct line *l)
{
	us_t t = wire_chars(&l->wire, 7) / 2;

	if (t < SPLIT_LEAST)
		t = SPLIT_LEAST;
	return t < l->latency ? l->latency : t;
}

bool exchange_proving(const struct exchange *x)
{
	return x->send == &x->proof;
}

void exchange_done(struct exchange *x, enum outcome o)
{
	x->outcome = o;
	x->state = ST_DONE;
	if (x->peer)
		x->peer->last = x->sig;
}

void exchange_shift(struct exchange *x, size_t n, us_t now)
{
	memmove(x->buf, x->buf + n, x->n - n);
	x->n = (uint16_t)(x->n - n);
	x->stale = x->stale > n ? (uint16_t)(x->stale - n) : 0;
	x->first = x->n ? now : 0;
	x->first_n = x->n;
}

void exchange_stray(struct line *l, uint8_t unit, const struct signature *s, bool asked, us_t now,
                    us_t until)
{
	l->stray[l->stray_at] = (struct stray){unit, asked, *s, now, until};
	l->stray_at = (uint8_t)((l->stray_at + 1) % LINE_STRAYS);
}

/* A frame that is not our answer: its duplicate or its answer may still come. */
static void note_stray(struct exchange *x, const struct frame *f, us_t now)
{
	const struct signature s = frame_signature(f);
	const bool asked = exchange_foreign(x, f);
	/* the answer to another client may come however late */
	const us_t until = asked ? US_NEVER : now + 2 * x->configured;

	exchange_instead_frame(x, f, now);
	if (asked || f->unit != x->req->unit)
		x->line->count.foreign++;
	else
		x->line->count.late++;
	if (f->unit != x->req->unit) {
		exchange_stray(x->line, f->unit, &s, asked, now, until);
		return;
	}
	if (x->peer && asked)
		peer_asked(x->peer, &s, now, until);
	else if (x->peer)
		peer_stray(x->peer, &s, now, until);
	x->strayed = true;
}

/* Of what only the unit id came, the rest begins with the function; noise seldom does. */
static bool rest_fits(const struct exchange *x)
{
	const struct request *q = x->send;

	return x->n == x->line->missing &&
	       (x->line->missing != q->answer_len + 2u || x->buf[0] == q->pdu[0]);
}

/* The rest of an answer that was taken for cut: this adapter, network or device makes longer
 * pauses. */
static void learn_split(struct exchange *x)
{
	struct line *l = x->line;
	const us_t longer = 2 * exchange_split(l);

	if (x->n && rest_fits(x) && longer > l->latency)
		l->latency = longer < x->configured ? longer : x->configured;
	l->missing = 0;
}

/* It may come in front of the answer to the next request. */
static void look_for_rest(struct exchange *x)
{
	size_t at, need;

	if (x->line->missing && rest_fits(x) && !frame_begun(x->buf, x->n, x->send, &at, &need))
		learn_split(x);
}

void exchange_take_drained(struct exchange *x, us_t now)
{
	struct frame f;

	while (frame_find(x->buf, x->n, x->n, NULL, true, &f)) {
		if (exchange_duplicate_take(x->line, f.pdu - 1, f.len))
			x->line->count.late++;
		else
			note_stray(x, &f, now);
		exchange_shift(x, f.at + f.len, now);
	}
	if (x->n && exchange_duplicate_take(x->line, x->buf, x->n)) {
		x->line->count.late++;
		exchange_shift(x, x->n, now);
	}
	if (x->n) {
		x->line->count.late++;
		x->strayed = x->strayed || x->n > FRAME_GLITCH;
	}
	learn_split(x);
	exchange_shift(x, x->n, now);
}

/* An early answer that can only be to this request: the port's timing is not what we think. */
static void early_answer(struct exchange *x, us_t now)
{
	struct line *l = x->line;
	const struct signature s = pdu_signature(x->send);

	if (signature_same(&s, &x->peer->last) || peer_barred(x->peer, &s, now))
		return;
	if (++l->early >= EARLY_MOST) {
		l->timed = false;
		l->early = 0;
	}
}

/* Our own request, received back. Requests that answers repeat (5, 6, 22, 8) need to know the line.
 */
static bool is_echo(struct exchange *x, const struct frame *f)
{
	struct line *l = x->line;

	if (x->echoed || !frame_is(f, x->send) || (!l->echo && !frame_is_request(f)))
		return false;
	if (!l->echo && x->first > x->tx_late + exchange_split(l))
		return false; /* another client sends the same request */
	if (!l->echo)
		l->echo = l->echo_found = true;
	x->echoed = true;
	l->count.echoes++;
	return true;
}

/* One whole frame within the buffer. Returns true when it ended the sending at hand. */
static bool take_frame(struct exchange *x, const struct frame *f, us_t now)
{
	const bool early = f->at < x->stale;
	uint8_t exception;

	x->noise = (uint16_t)(x->noise + f->at);
	if (is_echo(x, f)) {
		exchange_shift(x, f->at + f->len, now);
		return false;
	}
	if (f->unit == x->send->unit && pdu_answers(x->send, f->pdu, f->pdu_len, &exception)) {
		if (!early && exchange_answered(x, f, exception, now))
			return true;
		if (early && !exception)
			early_answer(x, now);
	}
	note_stray(x, f, now);
	/* Another client on this line: no answer is ours for sure, but let them pass. */
	x->client = x->client || exchange_foreign(x, f);
	exchange_shift(x, f->at + f->len, now);
	return false;
}

/* Take all frames there are. */
static void take_frames(struct exchange *x, bool whole, us_t now)
{
	struct frame f;

	while (x->state == ST_RECEIVE && frame_find(x->buf, x->n, FRAME_GLITCH, x->send, whole, &f))
		if (take_frame(x, &f, now))
			return;
}

us_t exchange_deadline(const struct exchange *x)
{
	const us_t last =
		x->end + wire_chars(&x->line->wire, ADU_RTU_MAX) + exchange_split(x->line);
	us_t t = x->begin;

	if (x->n)
		t = x->last_rx + exchange_split(x->line);
	return t < last ? t : last;
}

/* Unit, function and byte count of the awaited answer are there: more than noise would give. */
static bool surely_begun(const struct exchange *x, size_t at, size_t need)
{
	const size_t got = x->n - at;

	return got > 2 && need > 5 && pdu_answer_size(x->buf + at + 1, got - 1) + 3 == need;
}

/* An answer has begun at `at` and comes to nothing. */
static void spoilt(struct exchange *x, size_t at, size_t need, us_t now)
{
	const size_t got = x->n - at;

	if (need && got == need)
		x->line->count.crc_errors++;
	else
		x->line->count.garbled++;
	x->line->missing = got < need ? (uint16_t)(need - got) : 0;
	exchange_instead_spoilt(x, got, need);
	if (!surely_begun(x, at, need))
		x->noise = NOISE_DOUBT; /* the answer may still come */
	exchange_fail(x, OUT_GARBLED, now);
}

/* All bytes of the answer are there, by its own word too, and the CRC is wrong: no need to wait. */
static void give_up_spoilt(struct exchange *x, us_t now)
{
	size_t at, need;

	if ((x->line->echo && !x->echoed) || !frame_begun(x->buf, x->n, x->send, &at, &need) ||
	    at < x->stale)
		return;
	if (x->n - at >= need && surely_begun(x, at, need))
		spoilt(x, at, need, now);
}

/* The unit id of the awaited answer, and then a pause: too little to be sure, but its rest is known
 * when it comes. */
static size_t rest_of_head(const struct exchange *x)
{
	const struct request *q = x->send;

	return x->n == 1 && q->answer_len && x->buf[0] == q->unit ? q->answer_len + 2u : 0;
}

/* The line has fallen silent, or the time is over. */
static void quiet(struct exchange *x, us_t now)
{
	size_t at, need;

	take_frames(x, true, now);
	if (x->state != ST_RECEIVE)
		return;
	if (x->n) {
		if (frame_begun(x->buf, x->n, x->send, &at, &need) && at >= x->stale) {
			spoilt(x, at, need, now);
			return;
		}
		learn_split(x);
		x->line->missing = (uint16_t)rest_of_head(x);
		x->noise = (uint16_t)(x->noise + x->n);
		exchange_shift(x, x->n, now);
	}
	if (now >= x->begin) /* noise does not end the wait */
		exchange_fail(x, OUT_TIMEOUT, now);
}

/* When the answer now coming in can be complete. */
static void plan_wake(struct exchange *x, us_t now)
{
	const struct wire *w = &x->line->wire;
	us_t margin = w->char_ns / 1000;
	size_t at = 0, need = x->send->answer_len ? x->send->answer_len + 3u : 0;

	if (!w->char_ns)
		return;
	if (margin > MARGIN_MOST)
		margin = MARGIN_MOST;
	if (x->line->echo && !x->echoed)
		need = x->send->len + 3u;
	else if (x->n > 1 && !frame_begun(x->buf, x->n, x->send, &at, &need))
		return;
	if (need + at > x->n)
		x->wake = now + wire_chars(w, (unsigned)(need + at - x->n)) + margin;
}

void exchange_append(struct exchange *x, const uint8_t *bytes, size_t n, us_t now)
{
	const size_t room = sizeof x->buf - x->n;

	if (!x->n) {
		x->first = now;
		x->first_n = (uint16_t)n;
	}
	if (n > room) { /* a line that babbles: nothing in it can be distinguished any more */
		x->noise = (uint16_t)(x->noise + x->n);
		x->n = x->stale = 0;
		x->strayed = true;
		if (n > sizeof x->buf) {
			bytes += n - sizeof x->buf;
			n = sizeof x->buf;
		}
	}
	memcpy(x->buf + x->n, bytes, n);
	x->n = (uint16_t)(x->n + n);
	x->last_rx = x->line->last_end = now;
}

void exchange_receive(struct exchange *x, const uint8_t *bytes, size_t n, us_t now)
{
	const struct wire *w = &x->line->wire;
	const unsigned sent = x->send->len + 3u;

	x->wake = 0;
	if (n) {
		exchange_append(x, bytes, n, now);
		if (x->line->timed && now < x->tx_start + wire_chars(w, sent) * 97 / 100)
			x->stale = x->n;
		look_for_rest(x);
		take_frames(x, false, now);
		if (x->state == ST_RECEIVE && x->n)
			give_up_spoilt(x, now);
		if (x->state == ST_RECEIVE && x->n)
			plan_wake(x, now);
	}
	if (x->state == ST_RECEIVE && now >= exchange_deadline(x))
		quiet(x, now);
}

bool exchange_waits(const struct exchange *x)
{
	return x->state == ST_RECEIVE || x->state == ST_REST || x->state == ST_REST_READ;
}

bool exchange_ended(struct exchange *x, us_t now)
{
	if (x->state != ST_RECEIVE)
		return false;
	take_frames(x, true, now);
	return x->state != ST_RECEIVE;
}
