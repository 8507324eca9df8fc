// SPDX-License-Identifier: MIT
#include "bus/worker.h"

#include "core/modbus/words.h"

#include <stdio.h>
#include <string.h>

/* -- one exchange --------------------------------------------------------------- */

static bool transact_send(struct bus *b, us_t now)
{
	struct exchange *x = &b->run->exchange;
	const enum port_sent sent = port_send(&b->port, x->send);
	if (sent != PORT_UNSENT) /* also of a part: who knows what the other side makes of it */
		exchange_sent(x, now, clock_now());
	if (sent != PORT_UNSENT && atomic_load_explicit(&b->tap, memory_order_relaxed))
		tap_out(b, x->send, now);
	return sent == PORT_SENT;
}

/* Takes what is there. at_once: the exchange wants to know if there is nothing, too. */
static bool transact_receive(struct bus *b, bool at_once)
{
	uint8_t buf[ADU_RTU_MAX];
	struct exchange *x = &b->run->exchange;
	const unsigned answers = x->answers;
	b->looked = hub_waits(b);
	const int n = port_take(&b->port, buf, sizeof(buf));
	const us_t now = clock_now();
	bool on = n >= 0;
	if (n > 0 && atomic_load_explicit(&b->tap, memory_order_relaxed))
		tap_in(b, buf, (size_t)n, now);
	if (n > 0 || (on && at_once))
		exchange_input(x, buf, (size_t)n, now);
	else if (!on && exchange_waits(x))
		on = exchange_ended(x, now);
	if (x->answers != answers) {
		b->port.answers++;
		b->answered_at = now;
	}
	return on;
}

/* What came unasked through a connection with ids was seen by port_alive(). */
static bool transact_drain(struct bus *b, us_t now)
{
	if (!b->port.ops->ids)
		return transact_receive(b, true);
	exchange_input(&b->run->exchange, b->port.rx, 0, now);
	return true;
}

/* What the port dropped is no answer of this exchange, but may be why there is none. */
static void transact_instead(struct bus *b, bool failed)
{
	struct instead *i = &b->run->exchange.instead;
	const struct port *p = &b->port;
	if (p->stray != b->stray)
		instead_note(i, &(struct instead){.kind = INSTEAD_TRANSACTION,
		                                  .is = p->stray_id,
		                                  .should = p->transaction});
	if (p->late != b->late && p->late_unit == b->run->request.unit)
		instead_note(i, &(struct instead){.kind = INSTEAD_LATE,
		                                  .after = p->late_after,
		                                  .timeout = b->run->exchange.configured});
	if (failed && p->nrx && p->ops->ids)
		instead_note(i, &(struct instead){.kind = INSTEAD_SHORT,
		                                  .is = p->nrx,
		                                  .should = (uint16_t)mbap_size(p->rx, p->nrx)});
	i->tcp = p->ops->ids;
	b->stray = p->stray;
	b->late = p->late;
	/* a late one may be why an earlier exchange failed */
	b->instead = failed || i->kind == INSTEAD_LATE ? *i : (struct instead){0};
	if (b->adhoc)
		return;
	pthread_mutex_lock(&b->lock);
	b->shown.instead[i->kind]++;
	schedule_instead(b->schedule, b->turn.span.unit, (enum instead_kind)i->kind);
	pthread_mutex_unlock(&b->lock);
}

static void transact_seen(struct bus *b)
{
	const struct exchange *x = &b->run->exchange;
	char text[112];
	const char *why = text;
	if (x->outcome == OUT_OK)
		why = NULL;
	else if (x->outcome == OUT_REFUSED)
		exception_words(x->exception, text, sizeof(text));
	else
		instead_text(&x->instead, text, sizeof(text));
	if (x->outcome != OUT_OK || tap_open(b))
		tap_end(b, why, clock_now());
	b->asked = false;
}

static void transact_begin(struct bus *b)
{
	b->exchanges = turn_next(b->run, clock_now()) == TURN_EXCHANGE;
	b->port.zero = b->exchanges && b->run->zero;
}

/* The exchange is over; is another one wanted? */
static void transact_end(struct bus *b, bool linked)
{
	const struct exchange *x = &b->run->exchange;
	if (atomic_load_explicit(&b->tap, memory_order_relaxed))
		transact_seen(b);
	transact_instead(b, !linked || (x->outcome != OUT_OK && x->outcome != OUT_REFUSED));
	turn_exchanged(b->run, linked, clock_now());
	transact_begin(b);
}

/* The link is gone, and with it what waits for an answer. If nothing does, the exchange goes on
 * through a new one. */
static enum carried transact_broke(struct bus *b)
{
	if (!exchange_waits(&b->run->exchange))
		return CARRIED_UNLINK;
	link_ended(b);
	transact_end(b, false);
	return CARRIED_ON;
}

void turn_unlinked(struct bus *b)
{
	transact_end(b, false);
}

enum carried turn_carry(struct bus *b)
{
	const us_t now = clock_now();
	us_t until = 0;
	bool linked = true;
	if (!b->exchanges)
		return CARRIED_OVER;
	switch (exchange_next(&b->run->exchange, now, &until)) {
	case EX_SLEEP:
		worker_wait(b, until, WAIT_TIME);
		return CARRIED_WAITS;
	case EX_READ:
		linked = transact_drain(b, now);
		break;
	case EX_SEND:
	case EX_PROVE:
		linked = link_holds(b) && transact_send(b, now);
		break;
	case EX_POLL:
		if (!b->port.ready && now < until) {
			worker_wait(b, until, WAIT_INPUT);
			return CARRIED_WAITS;
		}
		linked = transact_receive(b, now >= until);
		break;
	case EX_DONE:
		transact_end(b, true);
		break;
	}
	return linked ? CARRIED_ON : transact_broke(b);
}

/* -- a turn ----------------------------------------------------------------------- */

static uint32_t beyond(uint32_t now, uint32_t before, bool one)
{
	const uint32_t n = now - before;
	return n - (n && one);
}

/* What the line saw in this turn, but for what its outcome covers. */
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
	const struct turn_run *run = b->run;
	const enum outcome o = run->outcome;
	if (b->adhoc)
		b->line.count = b->before; /* proves nothing about the configured devices */
	const struct unit_figures more = turn_more(b, o);
	pthread_mutex_lock(&b->lock);
	schedule_gateway(b->schedule, b->backlog.hold);
	schedule_done(b->schedule, &b->turn, o == OUT_SAME ? OUT_OK : o, run->exception,
	              run->turnaround, now - begun, now, e);
	if (!b->adhoc)
		schedule_count(b->schedule, run->span.unit, &more);
	b->shown.line = b->line.count;
	b->shown.line.late += b->port.late;
	b->shown.retries = b->retries;
	b->shown.busy += now - begun;
	pthread_mutex_unlock(&b->lock);
}

static void report_unit(struct bus *b, uint8_t unit, bool online)
{
	struct report r = {.online = online, .span.unit = unit};
	worker_report(b, REPORT_UNIT, &r);
}

static void report_effects(struct bus *b, const struct effects *e, uint8_t unit)
{
	if (e->offline)
		report_unit(b, unit, false);
	if (e->aside) {
		struct report r = {
			.span = e->aside_span,
			.outcome = (uint8_t)e->aside_for,
			.exception = e->aside_exception,
		};
		worker_report(b, REPORT_ASIDE, &r);
	}
}

/* What came of it, as the main thread gets it. */
static void turn_report(struct bus *b, bool job, us_t now)
{
	const struct turn_run *run = b->run;
	const bool good = run->outcome == OUT_OK;
	struct report r = {
		.span = run->span,
		.id = run->job,
		.outcome = (uint8_t)run->outcome,
		.exception = run->exception,
		.at = now,
		.sent = run->sent,
		.linked = b->linked_at,
		.turnaround = run->turnaround,
		.instead = b->instead,
	};
	if (good && !job)
		memcpy(r.word, run->word, sizeof(r.word));
	if (good && run->raw && run->exchange.answer) {
		r.answer_len = run->exchange.answer_len;
		memcpy(r.answer, run->exchange.answer, r.answer_len);
	}
	worker_report(b, job ? REPORT_JOB : good ? REPORT_READ : REPORT_FAILED, &r);
}

void turn_start(struct bus *b, bool linked)
{
	const struct port_ops *ops = b->port.ops;
	b->begun_at = clock_now();
	b->instead = (struct instead){0};
	b->adhoc = b->turn.kind == TURN_JOB && b->turn.job->adhoc;
	b->before = b->line.count;
	b->exchanges = false;
	b->run = hub_lend(b);
	turn_begin(b->run, &b->turn, &b->rule, &ops->way, &b->line,
	           ops->connects ? &b->backlog : NULL);
	if (linked)
		transact_begin(b);
}

enum outcome turn_finish(struct bus *b)
{
	const bool job = b->turn.kind == TURN_JOB;
	struct turn_run *run = b->run;
	struct effects e = {0};
	b->retries += run->retries;
	const us_t now = clock_now();
	turn_done(b, b->begun_at, now, &e);

	if (run->turnaround > 0)
		link_proven(b);
	if (e.online)
		report_unit(b, run->span.unit, true);
	turn_report(b, job, now);
	report_effects(b, &e, run->span.unit);
	return run->outcome;
}

void turn_over(struct bus *b)
{
	hub_take_back(b, b->run);
	b->run = NULL;
}
