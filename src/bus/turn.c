// SPDX-License-Identifier: MIT
#include "bus/worker.h"

#include <string.h>

#define BROADCAST_TURNAROUND                                                                       \
	(100 * US_MS) /* "MODBUS over Serial Line V1.02", 2.4.1: 100 to 200 ms */
#define STREAM_PATIENCE                                                                            \
	(300 * US_MS) /* Linux repeats a lost TCP segment after 200 ms at the earliest */

#define HELD_FRESH US_S /* so long after its time-out a read still says what the device holds */
#define HELD_AGAIN 2

/* -- one exchange --------------------------------------------------------------- */

static bool transact_send(struct bus *b, us_t now)
{
	/* A proof that the unit is in step is a request of the exchange's own. */
	const bool own = b->exchange.send != &b->request;
	const enum port_sent sent = port_send(&b->port, b->exchange.send);
	if (sent != PORT_UNSENT && !own)
		b->sent = now;
	if (sent != PORT_UNSENT) /* also of a part: who knows what the other side makes of it */
		exchange_sent(&b->exchange, now, clock_now());
	return sent == PORT_SENT;
}

static bool transact_receive(struct bus *b, us_t until)
{
	uint8_t buf[ADU_RTU_MAX];
	struct exchange *x = &b->exchange;
	const unsigned answers = x->answers;
	const int n = port_read(&b->port, buf, sizeof(buf), until);
	const us_t now = clock_now();
	bool on = n >= 0;
	if (on)
		exchange_input(x, buf, (size_t)n, now);
	else if (exchange_waits(x))
		on = exchange_ended(x, now);
	if (x->answers != answers) {
		b->port.answers++;
		b->answered_at = now;
	}
	return on;
}

/* One thing the machine wants. False: the link is gone. */
static bool transact_step(struct bus *b, enum exchange_act act, us_t now, us_t until)
{
	switch (act) {
	case EX_SLEEP:
		clock_sleep(until);
		return true;
	case EX_READ:
		return transact_receive(b, 0);
	case EX_SEND:
	case EX_PROVE:
		return worker_linked(b) && transact_send(b, now);
	case EX_POLL:
		return transact_receive(b, until);
	case EX_DONE:
		break;
	}
	return true;
}

/* Does what the machine says until it is done. False: the link is gone, and with it what waits for
 * an answer. If nothing does, the exchange goes on through a new one. */
static bool transact_drive(struct bus *b)
{
	for (;;) {
		us_t until = 0;
		const us_t now = clock_now();
		const enum exchange_act act = exchange_next(&b->exchange, now, &until);
		if (act == EX_DONE)
			return true;
		if (transact_step(b, act, now, until))
			continue;
		if (exchange_waits(&b->exchange)) {
			worker_link_ended(b);
			return false;
		}
		if (!worker_relink(b))
			return false;
	}
}

/* The endpoint may be a gateway that serves one request at a time. */
static us_t transact_queued(const struct bus *b)
{
	return b->conf.kind == BUS_SERIAL ? 0 : backlog_wait(&b->backlog, clock_now());
}

static void transact_queue(struct bus *b, bool linked)
{
	const struct exchange *x = &b->exchange;
	if (b->conf.kind == BUS_SERIAL || (linked && b->request.unit == 0))
		return;
	if (x->answers)
		backlog_answered(&b->backlog, clock_now());
	if (!linked ? exchange_waits(x) : x->outcome == OUT_TIMEOUT && !x->exception)
		backlog_unanswered(&b->backlog, x->tx_start, x->answers ? 0 : x->queued);
}

/* What the port dropped is no answer of this exchange, but may be why there is none. */
static void transact_instead(struct bus *b, bool failed)
{
	struct instead *i = &b->exchange.instead;
	const struct port *p = &b->port;
	if (p->strange != b->strange)
		instead_note(i, &(struct instead){.kind = INSTEAD_TRANSACTION,
		                                  .is = p->strange_id,
		                                  .should = p->transaction});
	if (p->late != b->late && p->late_unit == b->request.unit)
		instead_note(i, &(struct instead){.kind = INSTEAD_LATE,
		                                  .after = p->late_after,
		                                  .timeout = b->exchange.configured});
	if (failed && p->nrx && b->conf.kind == BUS_TCP)
		instead_note(i, &(struct instead){.kind = INSTEAD_SHORT,
		                                  .is = p->nrx,
		                                  .should = (uint16_t)mbap_size(p->rx, p->nrx)});
	i->tcp = b->conf.kind == BUS_TCP;
	b->strange = p->strange;
	b->late = p->late;
	/* a late one may be why an earlier exchange failed */
	b->instead = failed || i->kind == INSTEAD_LATE ? *i : (struct instead){0};
	pthread_mutex_lock(&b->lock);
	b->shown.instead[i->kind]++;
	schedule_instead(b->schedule, b->turn.span.unit, (enum instead_kind)i->kind);
	pthread_mutex_unlock(&b->lock);
}

static bool gateway_spoke(const struct exchange *x)
{
	return x->exception == EXC_GATEWAY_PATH || x->exception == EXC_GATEWAY_TARGET;
}

/* b->request to the turn's unit. */
static enum outcome transact(struct bus *b, us_t timeout)
{
	struct exchange *x = &b->exchange;
	struct turn *t = &b->turn;
	/* On Modbus TCP unit 0 is the device itself and answers. */
	b->port.zero = b->conf.kind == BUS_TCP && b->request.unit == 0;
	if (b->port.zero)
		b->request.unit = UINT8_MAX;
	else if (b->request.unit == 0)
		timeout = BROADCAST_TURNAROUND;
	if (b->conf.kind != BUS_SERIAL && timeout < STREAM_PATIENCE)
		timeout = t->configured < STREAM_PATIENCE ? t->configured : STREAM_PATIENCE;
	if (t->kind != TURN_JOB)
		t->timeout = timeout; /* what is learnt from its passing */
	b->sent = 0;
	const us_t queued = transact_queued(b);
	exchange_begin(x, &b->line, t->peer, &b->request, timeout + queued, t->configured);
	x->queued = queued;
	x->second = t->second;
	x->not_after = b->not_after;
	x->pause = b->rule.pause;
	x->functions = b->rule.functions;
	const bool linked = transact_drive(b);
	transact_queue(b, linked);
	transact_instead(b, !linked || (x->outcome != OUT_OK && x->outcome != OUT_REFUSED));
	if (!linked) {
		x->exception = 0;
		if (exchange_waits(
			    x)) { /* its answer may still come, through the next connection */
			const struct signature sig = pdu_signature(x->send);
			peer_unanswered(t->peer, &sig, clock_now(), t->configured);
			peer_unsure(t->peer, clock_now(), t->configured);
		}
		return OUT_LINK;
	}
	/* also of a proof: then the unit is there, whatever became of the request */
	b->turnaround = x->answers && !gateway_spoke(x) ? x->turnaround : 0;
	return x->outcome;
}

/* -- reads ------------------------------------------------------------------------ */

/* Some devices answer for both register tables with one function. */
static uint8_t read_table(const struct unit_rule *r, uint8_t table)
{
	if (table_is_bits(table) || !r->read_function)
		return table;
	return r->read_function == FC_READ_HOLDING ? TABLE_HOLDING : TABLE_INPUT;
}

/* Unless the answer to it could be mistaken for one that may still come: then the scheduler asks
 * for something else, where the exchange would have to prove the unit in step first. */
static bool read_again(struct bus *b)
{
	const struct signature s = pdu_signature(&b->request);
	return !peer_barred(b->turn.peer, &s, clock_now());
}

/* The unit wants a while after its answer. */
static void turn_rest(struct bus *b)
{
	const us_t rested = clock_now() + b->rule.pause;
	if (b->turn.peer->ready_at < rested)
		b->turn.peer->ready_at = rested;
}

/* A corrupted answer is asked for again at once; a missing one is the scheduler's affair. */
static enum outcome read_cells(struct bus *b, const struct span *s, us_t timeout, uint16_t *words)
{
	if (!pdu_read(&b->request, s->unit, read_table(&b->rule, s->table), s->addr, s->count)) {
		b->exchange.exception =
			EXC_VALUE; /* as a device would say: such a request cannot be */
		return OUT_REFUSED;
	}
	enum outcome o = transact(b, timeout);
	for (unsigned i = 0; i < b->rule.retries && o == OUT_GARBLED && read_again(b); i++) {
		b->retries++;
		turn_rest(b);
		o = transact(b, timeout);
	}
	if (o == OUT_OK)
		pdu_cells(&b->request, b->exchange.answer, b->exchange.answer_len, words);
	return o;
}

/* -- jobs ------------------------------------------------------------------------- */

static bool build_write(struct request *r, uint8_t fc, const struct span *s, const uint16_t *value)
{
	switch (fc) {
	case FC_WRITE_COIL:
		return pdu_write_coil(r, s->unit, s->addr, value[0]);
	case FC_WRITE_REGISTER:
		return pdu_write_register(r, s->unit, s->addr, value[0]);
	case FC_WRITE_COILS:
		return pdu_write_coils(r, s->unit, s->addr, s->count, value);
	case FC_WRITE_REGISTERS:
		return pdu_write_registers(r, s->unit, s->addr, s->count, value);
	case FC_READ_WRITE: /* what it gives back is what was written, if all is well */
		return pdu_read_write(r, s->unit, s->addr, s->count, s->addr, s->count, value);
	default:
		return false;
	}
}

/* The same value as read_cells() would give it. */
static bool job_same(const struct job *j, const uint16_t *value, const uint16_t *held)
{
	if (j->fc == FC_WRITE_COIL)
		return value[0] == ((held[0] & 1) ? 0xFF00 : 0);
	if (!table_is_bits(j->span.table))
		return memcmp(value, held, j->span.count * sizeof(*value)) == 0;
	const unsigned whole = j->span.count / 16, rest = j->span.count % 16;
	const uint16_t mask = (uint16_t)((1u << rest) - 1);
	return memcmp(value, held, whole * sizeof(*value)) == 0 &&
	       (!rest || ((value[whole] ^ held[whole]) & mask) == 0);
}

static bool mask_is_full(const struct job *j)
{
	for (unsigned i = 0; i < j->span.count; i++)
		if (j->mask[i] != UINT16_MAX)
			return false;
	return true;
}

static bool build_job(struct request *r, const struct job *j, bool by_mask, const uint16_t *value)
{
	if (j->fc == 0)
		return pdu_raw(r, j->span.unit, j->raw, j->raw_len, j->raw_answer);
	if (j->fc != FC_MASK_WRITE)
		return build_write(r, j->fc, &j->span, value);
	if (by_mask)
		return pdu_mask_write(r, j->span.unit, j->span.addr, (uint16_t)~j->mask[0],
		                      j->value[0] & j->mask[0]);
	const uint8_t by_size = j->span.count == 1 ? FC_WRITE_REGISTER : FC_WRITE_REGISTERS;
	return build_write(r, j->merge_fc ? j->merge_fc : by_size, &j->span, value);
}

/* A read before the write; the unit gets its rest after it. */
static enum outcome job_read(struct bus *b, const struct span *s, uint16_t *held)
{
	const enum outcome o = read_cells(b, s, b->turn.configured, held);
	b->sent = 0; /* nothing was written yet */
	turn_rest(b);
	return o;
}

/* It answers, but not with what it holds. Busy is no such answer, nor is a gateway's on the way. */
static bool job_unknown(const struct bus *b, enum outcome o)
{
	const uint8_t e = b->exchange.exception;
	return o == OUT_REFUSED && b->turnaround > 0 && e != 5 && e != 6 && e != 10 && e != 11;
}

/* Does the device hold the value already, where it is read? What cannot be known is written. */
static enum outcome job_compare(struct bus *b, const struct job *j)
{
	uint16_t held[CELLS_MAX] = {0};
	unsigned differ = 0;
	const enum outcome o = job_read(b, &j->held, held);
	const bool bits = table_is_bits(j->held.table);
	const unsigned words = bits ? (j->held.count + 15u) / 16 : j->held.count;
	for (unsigned i = 0; i < words; i++)
		differ |= (held[i] ^ j->same[i]) & j->same_mask[i];
	if (o == OUT_OK && !differ)
		return OUT_SAME;
	return job_unknown(b, o) ? OUT_OK : o;
}

/* What the device holds, as far as the job needs to know it, with the job's bits put in. */
static enum outcome job_merge(struct bus *b, const struct job *j, bool merged, uint16_t *value)
{
	uint16_t held[CELLS_MAX] = {0};
	const enum outcome o = job_read(b, &j->span, held);
	if (!merged && job_unknown(b, o))
		return OUT_OK;
	if (o != OUT_OK)
		return o;
	if (j->fc == FC_MASK_WRITE)
		for (unsigned i = 0; i < j->span.count; i++)
			value[i] = (uint16_t)((held[i] & ~j->mask[i]) | (value[i] & j->mask[i]));
	return j->only_if_different && !j->held.count && job_same(j, value, held) ? OUT_SAME
	                                                                          : OUT_OK;
}

/* The reads that the write depends on. OUT_OK: value is to be written. */
static enum outcome job_prepare(struct bus *b, const struct job *j, bool by_mask, uint16_t *value)
{
	const bool merged = j->fc == FC_MASK_WRITE && !by_mask && !mask_is_full(j);
	const bool readable = j->fc != 0 && j->span.unit != 0;
	const bool compared = j->only_if_different && readable;
	enum outcome o = OUT_OK;
	memcpy(value, j->value, sizeof(j->value));
	b->exchange.tx_end = clock_now(); /* nothing may be to be read */
	if (compared && j->held.count)
		o = job_compare(b, j);
	if (o == OUT_OK && (merged || (compared && !j->held.count)))
		o = job_merge(b, j, merged, value);
	return o;
}

/* The answer lay there while the process or the machine stood still: meanwhile somebody else may
 * have changed what the write would put back. */
static bool job_outdated(const struct bus *b)
{
	return clock_now() - b->exchange.tx_end > b->turn.configured + HELD_FRESH;
}

static enum outcome job_run(struct bus *b, const struct job *j)
{
	uint16_t value[CELLS_MAX];
	const bool by_mask = job_by_mask(j, &b->rule);
	enum outcome o = job_prepare(b, j, by_mask, value);
	for (unsigned i = 0; i < HELD_AGAIN && o == OUT_OK && job_outdated(b); i++)
		o = job_prepare(b, j, by_mask, value);
	if (o != OUT_OK)
		return o;
	if (!build_job(&b->request, j, by_mask, value)) {
		b->exchange.exception =
			EXC_VALUE; /* as a device would say: such a request cannot be */
		return OUT_REFUSED;
	}
	b->request.loose = b->rule.loose_echo;
	b->not_after = j->expires; /* the line may not be free for a while, or the unit in doubt */
	o = transact(b, b->turn.configured);
	b->not_after = 0;
	return o;
}

/* -- a turn ----------------------------------------------------------------------- */

static uint32_t beyond(uint32_t now, uint32_t before, bool one)
{
	const uint32_t n = now - before;
	return n - (n && one);
}

/* What the line saw in this turn, but for what its outcome stands for. */
static struct unit_figures turn_more(const struct bus *b, enum outcome o)
{
	const struct line_counters *n = &b->line.count, *was = &b->shown.line;
	const bool answered = o == OUT_OK || o == OUT_REFUSED || o == OUT_SAME;
	return (struct unit_figures){
		.requests = beyond(n->requests, was->requests, true),
		.responses = beyond(n->responses, was->responses, answered),
		.timeouts = beyond(n->timeouts, was->timeouts, o == OUT_TIMEOUT),
		.crc_errors = beyond(n->crc_errors + n->garbled, was->crc_errors + was->garbled,
	                             o == OUT_GARBLED),
	};
}

static void turn_done(struct bus *b, enum outcome o, us_t begun, us_t now, struct effects *e)
{
	const struct turn *t = &b->turn;
	const struct unit_figures more = turn_more(b, o);
	const uint8_t unit = t->kind == TURN_JOB ? t->job->span.unit : t->span.unit;
	pthread_mutex_lock(&b->lock);
	schedule_gateway(b->schedule, b->backlog.hold);
	schedule_done(b->schedule, &b->turn, o == OUT_SAME ? OUT_OK : o, b->exchange.exception,
	              b->turnaround, now - begun, now, e);
	schedule_count(b->schedule, unit, &more);
	b->shown.line = b->line.count;
	b->shown.line.late += b->port.late;
	b->shown.retries = b->retries;
	b->shown.busy += now - begun;
	pthread_mutex_unlock(&b->lock);
}

static void report_unit(struct bus *b, uint8_t unit, bool online)
{
	b->report = (struct report){.online = online, .span.unit = unit};
	worker_report(b, REPORT_UNIT);
}

static void report_effects(struct bus *b, const struct effects *e, uint8_t unit)
{
	if (e->offline)
		report_unit(b, unit, false);
	if (e->aside) {
		b->report = (struct report){
			.span = e->aside_span,
			.outcome = (uint8_t)e->aside_for,
			.exception = e->aside_exception,
		};
		worker_report(b, REPORT_ASIDE);
	}
}

static void take_answer(const struct bus *b, struct report *r)
{
	r->answer_len = b->exchange.answer_len;
	memcpy(r->answer, b->exchange.answer, r->answer_len);
}

enum outcome turn_run(struct bus *b, bool linked)
{
	const us_t begun = clock_now();
	const struct job *j = b->turn.kind == TURN_JOB ? b->turn.job : NULL;
	struct report r = {.span = j ? j->span : b->turn.span, .id = j ? j->id : 0};
	struct effects e = {0};
	enum outcome o = OUT_LINK;
	const bool raw = j && j->fc == 0; /* the job is gone after schedule_done() */
	b->sent = 0;
	b->turnaround = 0;
	b->exchange.exception = 0;
	b->instead = (struct instead){0};
	if (linked && j)
		o = job_run(b, j);
	else if (linked)
		o = read_cells(b, &r.span, b->turn.timeout, r.word);
	const us_t now = clock_now();
	turn_done(b, o, begun, now, &e);

	if (b->turnaround > 0)
		worker_proven(b);
	if (e.online)
		report_unit(b, r.span.unit, true);
	if (raw && o == OUT_OK && b->exchange.answer)
		take_answer(b, &r);
	r.outcome = (uint8_t)o;
	r.exception = b->exchange.exception;
	r.at = now;
	r.sent = b->sent;
	r.turnaround = b->turnaround;
	r.instead = b->instead;
	b->report = r;
	worker_report(b, j ? REPORT_JOB : o == OUT_OK ? REPORT_READ : REPORT_FAILED);
	report_effects(b, &e, r.span.unit);
	return o;
}
