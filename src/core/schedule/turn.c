// SPDX-License-Identifier: MIT
#include "core/schedule/turn.h"

#include <assert.h>
#include <string.h>

#define BROADCAST_TURNAROUND                                                                       \
	(100 * US_MS)   /* "MODBUS over Serial Line V1.02", 2.4.1: 100 to 200 ms */
#define HELD_FRESH US_S /* so long after its time-out a read still proves what the device holds */
#define HELD_AGAIN 2

enum stage { STAGE_READ, STAGE_COMPARE, STAGE_MERGE, STAGE_WRITE, STAGE_ENDED };

/* -- one exchange --------------------------------------------------------------- */

/* The answer lay there while the process or the machine stood still: meanwhile somebody else may
 * have changed what the write would put back. */
static us_t job_fresh_until(const struct turn_run *r)
{
	return r->held_at ? r->held_at + r->turn->configured + HELD_FRESH : US_NEVER;
}

/* The write at hand may go out until then. 0: without end. */
static us_t job_not_after(const struct turn_run *r)
{
	const us_t fresh = job_fresh_until(r), expires = r->turn->job->expires;
	if (fresh == US_NEVER || (expires && expires < fresh))
		return expires;
	return fresh;
}

/* r->request to the turn's unit. */
static void transact(struct turn_run *r, us_t timeout, us_t now)
{
	struct exchange *x = &r->exchange;
	struct turn *t = r->turn;
	const us_t patience = r->way->patience;
	r->zero = r->way->zero_answers && r->request.unit == 0;
	if (r->zero)
		r->request.unit = UINT8_MAX;
	else if (r->request.unit == 0)
		timeout = BROADCAST_TURNAROUND;
	if (timeout < patience)
		timeout = t->configured < patience ? t->configured : patience;
	if (t->kind != TURN_JOB)
		t->timeout = timeout; /* what is learned from its passing */
	/* The endpoint may be a gateway that serves one request at a time. */
	const us_t queued = r->backlog ? backlog_wait(r->backlog, now) : 0;
	exchange_begin(x, r->line, t->peer, &r->request, timeout + queued, t->configured);
	x->queued = queued;
	x->second = t->second;
	if (t->kind != TURN_JOB) {
		x->value_addr = t->value_addr;
		x->value_count = t->value_count;
	}
	/* the line may not be free for a while, or the unit in doubt */
	x->not_after = r->stage == STAGE_WRITE ? job_not_after(r) : 0;
	x->pause = r->rule->pause;
	x->functions = r->rule->functions;
}

static void backlog_learn(const struct turn_run *r, bool linked, us_t now)
{
	const struct exchange *x = &r->exchange;
	if (!r->backlog || (linked && r->request.unit == 0))
		return;
	if (x->answers)
		backlog_answered(r->backlog, x->queued && x->turnaround >= x->timeout - x->queued,
		                 now);
	if (!linked ? exchange_waits(x) : x->outcome == OUT_TIMEOUT && !x->exception)
		backlog_unanswered(r->backlog, x->tx_start, x->answers ? 0 : x->queued);
}

static bool gateway_spoke(const struct exchange *x)
{
	return x->exception == EXC_GATEWAY_PATH || x->exception == EXC_GATEWAY_TARGET;
}

static enum outcome transacted(struct turn_run *r, bool linked, us_t now)
{
	const struct exchange *x = &r->exchange;
	const struct turn *t = r->turn;
	backlog_learn(r, linked, now);
	r->sent = x->sent;
	r->exception = linked ? x->exception : 0;
	if (linked) {
		/* also of a proof: then the unit is there, whatever became of the request */
		r->turnaround = x->answers && !gateway_spoke(x) ? x->turnaround : 0;
		return x->outcome;
	}
	if (exchange_waits(x)) { /* its answer may still come, through the next connection */
		const struct signature s = pdu_signature(x->send);
		peer_unanswered(t->peer, &s, now, t->configured);
		peer_unsure(t->peer, now, t->configured);
	}
	return OUT_LINK;
}

/* -- reads ------------------------------------------------------------------------ */

/* Some devices answer for both register tables with one function. */
static uint8_t read_table(const struct unit_rule *r, uint8_t table)
{
	if (table_is_bits(table) || !r->read_function)
		return table;
	return r->read_function == FC_READ_HOLDING ? TABLE_HOLDING : TABLE_INPUT;
}

static bool build_read(struct turn_run *r, const struct span *s)
{
	return pdu_read(&r->request, s->unit, read_table(r->rule, s->table), s->addr, s->count);
}

/* Unless the answer to it could be mistaken for one that may still come: then the scheduler asks
 * for something else, where the exchange would have to prove the unit in step first. */
static bool read_again(const struct turn_run *r, us_t now)
{
	const struct signature s = pdu_signature(&r->request);
	return !peer_barred(r->turn->peer, &s, now);
}

/* The unit wants a while after its answer. */
static void unit_rest(const struct turn_run *r, us_t now)
{
	const us_t rested = now + r->rule->pause;
	if (r->turn->peer->ready_at < rested)
		r->turn->peer->ready_at = rested;
}

/* A corrupted answer is requested again at once; a missing one is the scheduler's affair. */
static bool read_retried(struct turn_run *r, enum outcome o, us_t now)
{
	if (o != OUT_GARBLED || r->retried >= r->rule->retries || !read_again(r, now))
		return false;
	r->retried++;
	r->retries++;
	unit_rest(r, now);
	return true;
}

static void take_cells(const struct turn_run *r, uint16_t *words)
{
	pdu_cells(&r->request, r->exchange.answer, r->exchange.answer_len, words);
}

/* -- jobs ------------------------------------------------------------------------- */

static bool build_write(struct request *r, uint8_t fc, const struct span *s, const uint16_t *value)
{
	switch (fc) {
	case FC_WRITE_COIL:
		return pdu_write_coil(r, s->unit, s->addr, value[0]);
	case FC_WRITE_REGISTER:
		return s->count == 1 && pdu_write_register(r, s->unit, s->addr, value[0]);
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

/* The same value as a read would give it. */
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

static bool build_job(struct turn_run *r, const struct job *j)
{
	struct request *q = &r->request;
	if (j->fc == 0)
		return pdu_raw(q, j->span.unit, j->raw, j->raw_len, j->raw_answer);
	if (j->fc != FC_MASK_WRITE)
		return build_write(q, j->fc, &j->span, r->word);
	if (job_by_mask(j, r->rule))
		return pdu_mask_write(q, j->span.unit, j->span.addr, (uint16_t)~j->mask[0],
		                      j->value[0] & j->mask[0]);
	const uint8_t by_size = j->span.count == 1 ? FC_WRITE_REGISTER : FC_WRITE_REGISTERS;
	return build_write(q, j->merge_fc ? j->merge_fc : by_size, &j->span, r->word);
}

static bool job_merged(const struct turn_run *r)
{
	const struct job *j = r->turn->job;
	return j->fc == FC_MASK_WRITE && !job_by_mask(j, r->rule) && !mask_is_full(j);
}

static bool job_compared(const struct job *j)
{
	const bool readable = j->fc != 0 && j->span.unit != 0;
	return j->only_if_different && readable;
}

/* It answers, but not with what it holds. Busy is no such answer, nor is a gateway's on the way. */
static bool job_unknown(const struct turn_run *r, enum outcome o)
{
	const uint8_t e = r->exception;
	return o == OUT_REFUSED && r->turnaround > 0 && e != EXC_ACKNOWLEDGE && e != EXC_BUSY &&
	       e != EXC_GATEWAY_PATH && e != EXC_GATEWAY_TARGET;
}

/* Does the device hold the value already, where it is read? What cannot be known is written. */
static enum outcome job_compare(const struct turn_run *r, enum outcome o)
{
	const struct job *j = r->turn->job;
	uint16_t held[CELLS_MAX] = {0};
	unsigned differ = 0;
	if (o != OUT_OK)
		return job_unknown(r, o) ? OUT_OK : o;
	take_cells(r, held);
	const bool bits = table_is_bits(j->held.table);
	const unsigned words = bits ? (j->held.count + 15u) / 16 : j->held.count;
	for (unsigned i = 0; i < words; i++)
		differ |= (held[i] ^ j->same[i]) & j->same_mask[i];
	return differ ? OUT_OK : OUT_SAME;
}

/* What the device holds, as far as the job needs to know it, with the job's bits put in. */
static enum outcome job_merge(struct turn_run *r, enum outcome o)
{
	const struct job *j = r->turn->job;
	uint16_t held[CELLS_MAX] = {0};
	if (o != OUT_OK)
		return !job_merged(r) && job_unknown(r, o) ? OUT_OK : o;
	take_cells(r, held);
	if (j->fc == FC_MASK_WRITE)
		for (unsigned i = 0; i < j->span.count; i++)
			r->word[i] =
				(uint16_t)((held[i] & ~j->mask[i]) | (r->word[i] & j->mask[i]));
	return j->only_if_different && !j->held.count && job_same(j, r->word, held) ? OUT_SAME
	                                                                            : OUT_OK;
}

/* The reads that the write depends on come first. */
static void job_prepare(struct turn_run *r)
{
	const struct job *j = r->turn->job;
	const bool compared = job_compared(j);
	memcpy(r->word, j->value, sizeof(j->value));
	r->held_at = 0;
	r->retried = 0;
	if (compared && j->held.count)
		r->stage = STAGE_COMPARE;
	else
		r->stage = compared || job_merged(r) ? STAGE_MERGE : STAGE_WRITE;
}

/* Is it only what was read that is too old? Then it is read again; false: often enough. */
static bool job_renew(struct turn_run *r, us_t now)
{
	const us_t expires = r->turn->job->expires;
	if (r->again == HELD_AGAIN || !r->held_at || (expires && now >= expires))
		return false;
	r->again++;
	job_prepare(r);
	return true;
}

/* -- a turn ----------------------------------------------------------------------- */

static void turn_end(struct turn_run *r, enum outcome o)
{
	r->outcome = o;
	r->stage = STAGE_ENDED;
}

/* What the stage at hand has brought. */
static void turn_go_on(struct turn_run *r, enum outcome o, us_t now)
{
	if (r->stage == STAGE_COMPARE || r->stage == STAGE_MERGE) {
		r->sent = 0; /* nothing was written yet */
		unit_rest(r, now);
	}
	switch ((enum stage)r->stage) {
	case STAGE_READ:
		if (o == OUT_OK)
			take_cells(r, r->word);
		break;
	case STAGE_COMPARE:
		o = job_compare(r, o);
		if (o != OUT_OK)
			break;
		r->stage = job_merged(r) ? STAGE_MERGE : STAGE_WRITE;
		r->retried = 0;
		return;
	case STAGE_MERGE:
		o = job_merge(r, o);
		if (o != OUT_OK)
			break;
		r->stage = STAGE_WRITE;
		return;
	case STAGE_WRITE:
		if (o == OUT_EXPIRED && job_renew(r, now))
			return;
		break;
	case STAGE_ENDED:
		break;
	}
	turn_end(r, o);
}

static const struct span *read_span(const struct turn_run *r)
{
	if (r->stage == STAGE_READ)
		return &r->turn->span;
	return r->stage == STAGE_COMPARE ? &r->turn->job->held : &r->turn->job->span;
}

static bool build(struct turn_run *r)
{
	if (r->stage != STAGE_WRITE)
		return build_read(r, read_span(r));
	if (!build_job(r, r->turn->job))
		return false;
	r->request.loose = r->rule->loose_echo;
	return true;
}

void turn_begin(struct turn_run *r, struct turn *t, const struct unit_rule *rule,
                const struct turn_way *way, struct line *line, struct backlog *backlog)
{
	r->turn = t;
	r->rule = rule;
	r->way = way;
	r->line = line;
	r->backlog = backlog;
	r->span = t->span;
	r->job = 0;
	r->raw = false;
	r->retried = r->again = 0;
	r->held_at = 0;
	r->zero = false;
	r->outcome = OUT_LINK;
	r->exception = 0;
	r->turnaround = r->sent = 0;
	r->retries = 0;
	r->stage = STAGE_READ;
	if (t->kind != TURN_JOB)
		return;
	r->span = t->job->span;
	r->job = t->job->id;
	r->raw = t->job->fc == 0;
	job_prepare(r);
}

enum turn_act turn_next(struct turn_run *r, us_t now)
{
	const struct turn *t = r->turn;
	while (r->stage != STAGE_ENDED) {
		if (r->stage == STAGE_WRITE && now > job_fresh_until(r)) {
			turn_go_on(r, OUT_EXPIRED, now); /* who would undo what others have set? */
			continue;
		}
		if (build(r)) {
			transact(r, r->stage == STAGE_READ || r->raw ? t->timeout : t->configured,
			         now);
			return TURN_EXCHANGE;
		}
		r->exception = EXC_VALUE; /* as a device would say: such a request cannot be */
		turn_go_on(r, OUT_REFUSED, now);
	}
	return TURN_ENDED;
}

void turn_exchanged(struct turn_run *r, bool linked, us_t now)
{
	assert(r->stage != STAGE_ENDED);
	const enum outcome o = transacted(r, linked, now);
	if (r->stage != STAGE_WRITE && read_retried(r, o, now))
		return;
	if (r->stage == STAGE_COMPARE || r->stage == STAGE_MERGE)
		r->held_at = r->exchange.tx_end;
	turn_go_on(r, o, now);
}
