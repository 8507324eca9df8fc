// SPDX-License-Identifier: MIT
#include "bus/worker.h"

#include "core/modbus/words.h"

#include <stdio.h>
#include <string.h>

/* -- one exchange --------------------------------------------------------------- */

static bool transact_send(struct bus *b, us_t now)
{
	struct exchange *x = &b->run.exchange;
	const enum port_sent sent = port_send(&b->port, x->send);
	if (sent != PORT_UNSENT) /* also of a part: who knows what the other side makes of it */
		exchange_sent(x, now, clock_now());
	if (sent != PORT_UNSENT && atomic_load_explicit(&b->tap, memory_order_relaxed))
		tap_out(b, x->send, now);
	return sent == PORT_SENT;
}

static bool transact_receive(struct bus *b, us_t until)
{
	uint8_t buf[ADU_RTU_MAX];
	struct exchange *x = &b->run.exchange;
	const unsigned answers = x->answers;
	const int n = port_read(&b->port, buf, sizeof(buf), until);
	const us_t now = clock_now();
	bool on = n >= 0;
	if (n > 0 && atomic_load_explicit(&b->tap, memory_order_relaxed))
		tap_in(b, buf, (size_t)n, now);
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
		const enum exchange_act act = exchange_next(&b->run.exchange, now, &until);
		if (act == EX_DONE)
			return true;
		if (transact_step(b, act, now, until))
			continue;
		if (exchange_waits(&b->run.exchange)) {
			worker_link_ended(b);
			return false;
		}
		if (!worker_relink(b))
			return false;
	}
}

/* What the port dropped is no answer of this exchange, but may be why there is none. */
static void transact_instead(struct bus *b, bool failed)
{
	struct instead *i = &b->run.exchange.instead;
	const struct port *p = &b->port;
	if (p->strange != b->strange)
		instead_note(i, &(struct instead){.kind = INSTEAD_TRANSACTION,
		                                  .is = p->strange_id,
		                                  .should = p->transaction});
	if (p->late != b->late && p->late_unit == b->run.request.unit)
		instead_note(i, &(struct instead){.kind = INSTEAD_LATE,
		                                  .after = p->late_after,
		                                  .timeout = b->run.exchange.configured});
	if (failed && p->nrx && p->ops->ids)
		instead_note(i, &(struct instead){.kind = INSTEAD_SHORT,
		                                  .is = p->nrx,
		                                  .should = (uint16_t)mbap_size(p->rx, p->nrx)});
	i->tcp = p->ops->ids;
	b->strange = p->strange;
	b->late = p->late;
	/* a late one may be why an earlier exchange failed */
	b->instead = failed || i->kind == INSTEAD_LATE ? *i : (struct instead){0};
	if (b->guest)
		return;
	pthread_mutex_lock(&b->lock);
	b->shown.instead[i->kind]++;
	schedule_instead(b->schedule, b->turn.span.unit, (enum instead_kind)i->kind);
	pthread_mutex_unlock(&b->lock);
}

static void transact_seen(struct bus *b)
{
	const struct exchange *x = &b->run.exchange;
	char text[112];
	const char *why = text;
	if (x->outcome == OUT_OK)
		why = NULL;
	else if (x->outcome == OUT_REFUSED)
		exception_words(x->exception, text, sizeof(text));
	else
		instead_text(&x->instead, text, sizeof(text));
	if (x->outcome != OUT_OK || b->seen.n)
		tap_end(b, why, clock_now());
	b->asked = false;
}

/* The exchange that the turn wants. False: the link is gone. */
static bool transact(struct bus *b)
{
	const struct exchange *x = &b->run.exchange;
	b->port.zero = b->run.zero;
	const bool linked = transact_drive(b);
	if (atomic_load_explicit(&b->tap, memory_order_relaxed))
		transact_seen(b);
	transact_instead(b, !linked || (x->outcome != OUT_OK && x->outcome != OUT_REFUSED));
	return linked;
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

static void turn_done(struct bus *b, us_t begun, us_t now, struct effects *e)
{
	const struct turn_run *run = &b->run;
	const enum outcome o = run->outcome;
	if (b->guest)
		b->line.count = b->before; /* says nothing of the configured devices */
	const struct unit_figures more = turn_more(b, o);
	pthread_mutex_lock(&b->lock);
	schedule_gateway(b->schedule, b->backlog.hold);
	schedule_done(b->schedule, &b->turn, o == OUT_SAME ? OUT_OK : o, run->exception,
	              run->turnaround, now - begun, now, e);
	if (!b->guest)
		schedule_count(b->schedule, run->span.unit, &more);
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

/* What came of it, as the main thread gets it. */
static void turn_report(struct bus *b, bool job, us_t now)
{
	const struct turn_run *run = &b->run;
	struct report *r = &b->report;
	*r = (struct report){
		.span = run->span,
		.id = run->job,
		.outcome = (uint8_t)run->outcome,
		.exception = run->exception,
		.at = now,
		.sent = run->sent,
		.turnaround = run->turnaround,
		.instead = b->instead,
	};
	if (run->outcome == OUT_OK && !job)
		memcpy(r->word, run->word, sizeof(r->word));
	if (run->outcome == OUT_OK && run->raw && run->exchange.answer) {
		r->answer_len = run->exchange.answer_len;
		memcpy(r->answer, run->exchange.answer, r->answer_len);
	}
	worker_report(b, job ? REPORT_JOB : run->outcome == OUT_OK ? REPORT_READ : REPORT_FAILED);
}

enum outcome turn_run(struct bus *b, bool linked)
{
	const us_t begun = clock_now();
	const struct port_ops *ops = b->port.ops;
	const bool job = b->turn.kind == TURN_JOB;
	struct turn_run *run = &b->run;
	struct effects e = {0};
	b->instead = (struct instead){0};
	b->guest = job && b->turn.job->guest;
	b->before = b->line.count;
	turn_begin(run, &b->turn, &b->rule, &ops->way, &b->line,
	           ops->connects ? &b->backlog : NULL);
	while (linked && turn_next(run, clock_now()) == TURN_EXCHANGE) {
		const bool there = transact(b);
		turn_exchanged(run, there, clock_now());
	}
	b->retries += run->retries;
	const us_t now = clock_now();
	turn_done(b, begun, now, &e);

	if (run->turnaround > 0)
		worker_proven(b);
	if (e.online)
		report_unit(b, run->span.unit, true);
	turn_report(b, job, now);
	report_effects(b, &e, run->span.unit);
	return run->outcome;
}
