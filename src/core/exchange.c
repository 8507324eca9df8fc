#include "core/exchange.h"

#include <string.h>

#include "core/frame.h"

#define SPLIT_LEAST (10 * US_MS)  /* the pieces of one frame may come so far apart */
#define SPLIT_MOST (50 * US_MS)
#define MARGIN_MOST ((us_t)200)   /* looking for the end of an answer: not a hair too early */
#define NOISE_DOUBT 8             /* so much noise may have been somebody's request */
#define EARLY_MOST 3              /* early answers that must be ours: then the timing is not to be trusted */
#define GIVE_UP (1 * US_S)        /* a line that is never silent */
#define SILENT_END_CHARS 32       /* added to the time-out where only silence ends the answer */

enum state { ST_WAIT, ST_DRAIN, ST_SEND, ST_RECEIVE, ST_REST, ST_REST_READ, ST_DONE };

void line_init(struct line *l, const struct wire *w, us_t now)
{
	*l = (struct line){ .wire = *w, .last_end = now };
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
	x->turnaround = 0;
	x->answer = NULL;
	x->answer_len = 0;
}

static us_t split(const struct line *l)
{
	us_t t = wire_chars(&l->wire, 7) / 2;

	if (t < SPLIT_LEAST)
		t = SPLIT_LEAST;
	return t < l->latency ? l->latency : t;
}

static bool proving(const struct exchange *x)
{
	return x->send == &x->proof;
}

static bool broadcast(const struct exchange *x)
{
	return x->req->unit == 0;
}

static bool plain_read(const struct request *r)
{
	return r->pdu[0] >= FC_READ_COILS && r->pdu[0] <= FC_READ_INPUT;
}

static void done(struct exchange *x, enum outcome o)
{
	x->outcome = o;
	x->state = ST_DONE;
	if (x->peer)
		x->peer->last = x->sig;
}

/* Throw away the first n bytes of the buffer. */
static void shift(struct exchange *x, size_t n, us_t now)
{
	memmove(x->buf, x->buf + n, x->n - n);
	x->n = (uint16_t)(x->n - n);
	x->stale = x->stale > n ? (uint16_t)(x->stale - n) : 0;
	x->first = x->n ? now : 0;
	x->first_n = x->n;
}

/* -- what strays mean --------------------------------------------------------------------------- */

static void line_stray(struct line *l, uint8_t unit, const struct signature *s, us_t until)
{
	l->stray[l->stray_at] = (struct stray){ unit, *s, until };
	l->stray_at = (uint8_t)((l->stray_at + 1) % LINE_STRAYS);
}

/* What was seen of this unit while others were talked to. */
static void take_line_strays(struct exchange *x, us_t now)
{
	for (int i = 0; i < LINE_STRAYS; i++) {
		struct stray *s = &x->line->stray[i];
		if (s->until <= now || s->unit != x->req->unit)
			continue;
		peer_stray(x->peer, &s->sig, now, s->until);
		s->until = 0;
	}
}

/* A frame that is not our answer: its twin or its answer may still come. */
static void note_stray(struct exchange *x, const struct frame *f, us_t now)
{
	const struct signature s = frame_signature(f);
	const us_t until = now + 2 * x->configured;

	if (frame_is_request(f) || f->unit != x->req->unit)
		x->line->count.foreign++;
	else
		x->line->count.late++;
	if (f->unit != x->req->unit) {
		line_stray(x->line, f->unit, &s, until);
		return;
	}
	if (x->peer)
		peer_stray(x->peer, &s, now, until);
	x->strayed = true;
}

/* Bytes that came while nothing was awaited. */
static void take_drained(struct exchange *x, us_t now)
{
	struct frame f;

	while (frame_find(x->buf, x->n, x->n, NULL, true, &f)) {
		note_stray(x, &f, now);
		shift(x, f.at + f.len, now);
	}
	if (x->n) {
		x->line->count.late++;
		x->strayed = x->strayed || x->n > FRAME_GLITCH;
	}
	if (x->n > FRAME_GLITCH && x->line->cut) {
		/* The rest of an answer taken for cut: this adapter or device makes longer pauses. */
		const us_t longer = 2 * split(x->line);
		x->line->latency = longer < SPLIT_MOST ? longer : SPLIT_MOST;
	}
	shift(x, x->n, now);
}

/* -- how to send -------------------------------------------------------------------------------- */

static bool function_unused(const struct peer *p, uint8_t fc, us_t now)
{
	const struct signature s = { .fc = fc };

	for (int i = 0; i < PEER_BARS; i++)
		if (p->bar[i].until > now && (p->bar[i].sig.fc & 0x7F) == s.fc)
			return false;
	return true;
}

/* A request whose answer, or refusal, fits no request still unanswered: one value by a function that is
 * not among them, else diagnostics with a number never used before. */
static void make_proof(struct exchange *x, us_t now)
{
	static const uint8_t tables[] = { TABLE_HOLDING, TABLE_INPUT, TABLE_COIL, TABLE_DISCRETE };
	static const uint8_t functions[] = { FC_READ_HOLDING, FC_READ_INPUT, FC_READ_COILS, FC_READ_DISCRETE };
	const struct peer *p = x->peer;
	const bool bits = x->req->pdu[0] <= FC_READ_DISCRETE || x->req->pdu[0] == FC_WRITE_COIL ||
			  x->req->pdu[0] == FC_WRITE_COILS;
	const bool has_addr = plain_read(x->req) || pdu_is_write(x->req->pdu[0]);
	const uint16_t addr = has_addr ? (uint16_t)(x->req->pdu[1] << 8 | x->req->pdu[2]) : 0;
	const uint16_t nonce = ++x->line->nonce;

	x->send = &x->proof;
	for (unsigned i = 0; i < 4 && !p->full; i++) {
		const unsigned k = (i + p->deaf + (bits ? 2 : 0)) % 5;
		if (k < 4 && function_unused(p, functions[k], now)) {
			pdu_read(&x->proof, x->req->unit, tables[k], addr, 1);
			return;
		}
		if (k == 4)
			break;
	}
	pdu_raw(&x->proof, x->req->unit, (const uint8_t[]){ FC_DIAGNOSTICS, 0, 0, (uint8_t)(nonce >> 8),
		(uint8_t)nonce }, 5, 5);
}

/* The rule: to a unit with unanswered requests goes only what can not be mistaken. If the request
 * itself can be, prove the unit in step first: by another request or, for reads at the start and where
 * the unit answers no other function, by the same request twice. */
static void decide(struct exchange *x, us_t now)
{
	struct peer *p = x->peer;

	x->begun = true;
	if (broadcast(x))
		return;
	take_line_strays(x, now);
	struct peer aside = *p;
	aside.mute_until = 0;
	const bool barred = peer_barred(&aside, &x->sig, now);
	if (!barred && !p->doubt && !p->full && !p->unsure)
		return;
	x->strict = true;
	x->strayed = false;
	if (plain_read(x->req) && ((!barred && !p->doubt) || p->deaf % 2))
		x->repeat = true;
	else
		make_proof(x, now);
}

/* -- endings ------------------------------------------------------------------------------------ */

static void fail(struct exchange *x, enum outcome o, us_t now)
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
	if (o == OUT_TIMEOUT)
		l->count.timeouts++;
	if (proving(x) && o == OUT_TIMEOUT)
		p->deaf++;
	else if (x->strict && !proving(x) && o == OUT_TIMEOUT && p->deaf % 2)
		p->deaf++;
	if (x->doubted)
		p->doubt = true;
	/* An answer that began and was spoilt is an answer, unless it was an older request's. */
	if (o == OUT_GARBLED && !peer_outstanding(p) && !x->strict && x->noise < NOISE_DOUBT)
		peer_stray(p, &s, now, now + x->configured);
	else
		peer_unanswered(p, &s, now, x->configured);
	if (o != OUT_TIMEOUT && p->doublings)
		p->doublings--;
	done(x, o);
}

/* The frame that ends the exchange. */
static void succeed(struct exchange *x, const struct frame *f, us_t now)
{
	struct peer *p = x->peer;
	const bool unproven = x->strict && !x->proven && (p->unsure || p->full);

	/* After the same request twice one answer of its kind may be left over. */
	peer_in_step(p, now, x->configured);
	if (unproven)
		peer_unanswered(p, &x->sig, now, x->configured);
	p->doublings = 0;
	if (x->n > f->at + f->len) { /* a doubled answer */
		peer_stray(p, &x->sig, now, now + 2 * x->configured);
		x->line->count.late++;
	}
	x->answer = f->pdu;
	x->answer_len = (uint16_t)f->pdu_len;
	x->line->early = 0;
	if (!x->exception) {
		done(x, OUT_OK);
		return;
	}
	x->line->count.exceptions++;
	done(x, OUT_REFUSED);
}

/* The proof or the first of two answers has come: send on. */
static void send_on(struct exchange *x, const struct frame *f, us_t now)
{
	if (proving(x)) {
		peer_in_step(x->peer, now, x->configured);
		x->peer->deaf = 0;
		x->proven = true;
		x->send = x->req;
	}
	x->repeat = false;
	x->strayed = false;
	shift(x, f->at + f->len, now);
	x->state = ST_WAIT;
}

/* Is the exception worth believing? The proof's function is unused by others. */
static bool trusted(const struct exchange *x, us_t now)
{
	struct peer p = *x->peer;
	const struct signature s = pdu_signature(x->send);

	if (x->proven)
		return true;
	if (proving(x) || x->strict)
		p.unsure = false;
	if (proving(x))
		p.full = false;
	return peer_trusts(&p, &s, true, now);
}

static bool gateway_exception(uint8_t e)
{
	return e == 0x0A || e == 0x0B; /* the gateway speaks, not the unit (specification, section 7) */
}

/* A right answer to what was sent. False: not to be believed, treat it as a stray. */
static bool answered(struct exchange *x, const struct frame *f, uint8_t exception, us_t now)
{
	struct line *l = x->line;

	if (exception && !trusted(x, now)) {
		x->doubted = true;
		return false;
	}
	if (exception && gateway_exception(exception)) {
		x->exception = exception;
		fail(x, OUT_TIMEOUT, now);
		return true;
	}
	l->count.responses++;
	l->cut = false;
	if (l->echo_found && !x->echoed)
		l->echo = l->echo_found = false;
	if (x->noise >= NOISE_DOUBT || (x->strict && x->strayed && !proving(x) && !x->repeat)) {
		l->count.garbled++;
		fail(x, OUT_GARBLED, now);
		return true;
	}
	x->turnaround = x->first - wire_chars(&l->wire, x->first_n) - x->tx_end;
	if (x->turnaround < 1)
		x->turnaround = 1;
	peer_turned(x->peer, x->turnaround);
	if (proving(x) || x->repeat) {
		send_on(x, f, now);
		return true;
	}
	x->exception = exception;
	succeed(x, f, now);
	return true;
}

/* -- receiving ---------------------------------------------------------------------------------- */

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

/* Our own request, heard again. Requests that answers repeat (5, 6, 22, 8) need to know the line. */
static bool is_echo(struct exchange *x, const struct frame *f)
{
	struct line *l = x->line;

	if (x->echoed || !frame_is(f, x->send) || (!l->echo && !frame_is_request(f)))
		return false;
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
		shift(x, f->at + f->len, now);
		return false;
	}
	if (f->unit == x->send->unit && pdu_answers(x->send, f->pdu, f->pdu_len, &exception)) {
		if (!early && answered(x, f, exception, now))
			return true;
		if (early && !exception)
			early_answer(x, now);
	}
	note_stray(x, f, now);
	if (frame_is_request(f)) { /* another client is on this line */
		fail(x, OUT_DROPPED, now);
		return true;
	}
	shift(x, f->at + f->len, now);
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

static us_t deadline(const struct exchange *x)
{
	const us_t last = x->end + wire_chars(&x->line->wire, ADU_RTU_MAX) + split(x->line);
	us_t t = x->end;

	if (x->n)
		t = x->last_rx + split(x->line);
	return t < last ? t : last;
}

/* The line has fallen silent, or the time is over. */
static void quiet(struct exchange *x, us_t now)
{
	struct line *l = x->line;
	size_t at, need;

	take_frames(x, true, now);
	if (x->state != ST_RECEIVE)
		return;
	if (x->n) {
		if (frame_begun(x->buf, x->n, x->send, &at, &need) && at >= x->stale) {
			if (need && x->n - at == need)
				l->count.crc_errors++;
			else
				l->count.garbled++;
			l->cut = !need || x->n - at < need;
			fail(x, OUT_GARBLED, now);
			return;
		}
		x->noise = (uint16_t)(x->noise + x->n);
		shift(x, x->n, now);
	}
	if (now < x->end)
		return; /* noise does not end the wait */
	fail(x, OUT_TIMEOUT, now);
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

static void append(struct exchange *x, const uint8_t *bytes, size_t n, us_t now)
{
	const size_t room = sizeof x->buf - x->n;

	if (!x->n) {
		x->first = now;
		x->first_n = (uint16_t)n;
	}
	if (n > room) { /* a line that babbles: nothing in it can be told apart any more */
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

static void receive(struct exchange *x, const uint8_t *bytes, size_t n, us_t now)
{
	const struct wire *w = &x->line->wire;
	const unsigned sent = x->send->len + 3u;

	x->wake = 0;
	if (n) {
		append(x, bytes, n, now);
		if (x->line->timed && now < x->tx_start + wire_chars(w, sent) * 97 / 100)
			x->stale = x->n;
		take_frames(x, false, now);
		if (x->state == ST_RECEIVE && x->n)
			plan_wake(x, now);
	}
	if (x->state == ST_RECEIVE && now >= deadline(x))
		quiet(x, now);
}

/* -- the machine -------------------------------------------------------------------------------- */

static void drain(struct exchange *x, const uint8_t *bytes, size_t n, us_t now)
{
	if (n) {
		append(x, bytes, n, now);
		if (!x->noisy)
			x->noisy = now;
		x->state = ST_WAIT;
		return;
	}
	if (x->n)
		take_drained(x, now);
	x->noisy = 0;
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
	done(x, OUT_OK);
}

void exchange_input(struct exchange *x, const uint8_t *bytes, size_t n, us_t now)
{
	switch (x->state) {
	case ST_DRAIN:
		drain(x, bytes, n, now);
		break;
	case ST_RECEIVE:
		receive(x, bytes, n, now);
		break;
	case ST_REST_READ:
		rest_over(x, n, now);
		break;
	}
}

void exchange_sent(struct exchange *x, us_t before, us_t now)
{
	const struct wire *w = &x->line->wire;
	const us_t took = wire_chars(w, x->send->len + 3u);
	const unsigned answer = x->send->answer_len ? x->send->answer_len + 3u : SILENT_END_CHARS;

	x->line->count.requests++;
	x->tx_start = before;
	x->tx_end = before + took;
	x->tx_late = now + took;
	x->end = x->tx_late + x->timeout + wire_chars(w, answer);
	x->n = x->stale = x->noise = 0;
	x->first = x->wake = 0;
	x->echoed = false;
	x->line->cut = false;
	/* What came before this was sent can no longer be taken for its answer, if all is told. */
	if (x->peer && !x->peer->full && !x->proven)
		x->strayed = false;
	if (!proving(x))
		x->sent = before;
	x->state = broadcast(x) ? ST_REST : ST_RECEIVE;
	if (x->line->echo && !broadcast(x))
		x->wake = x->tx_end;
}

static enum exchange_act wait_for_line(struct exchange *x, us_t now, us_t *until)
{
	us_t t = x->line->last_end + x->line->wire.silence;

	if (x->strict && !x->proven)
		t += x->line->wire.silence; /* a second answer may follow one silence behind the first */
	if (x->n && t < x->line->last_end + split(x->line))
		t = x->line->last_end + split(x->line); /* of stray bytes more may come */
	if (x->peer && t < x->peer->ready_at)
		t = x->peer->ready_at;
	if (x->noisy && now - x->noisy > GIVE_UP + x->configured) {
		done(x, OUT_DROPPED);
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
		return EX_SEND;
	case ST_RECEIVE:
		*until = x->wake ? x->wake : deadline(x);
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
