// SPDX-License-Identifier: MIT
/*
 * What a turn decides, in virtual time: when a read is asked for again, what a job compares, merges
 * and writes, and when it does not. One unit with registers answers as the test has it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/schedule/turn.h"

#define UNIT 3
#define REGISTERS 64
#define ANSWER_TIME (5 * US_MS)
#define CONFIGURED (200 * US_MS)
#define REQUESTS 16

/* What befalls a request. */
enum act {
	ANSWER,
	SPOIL,    /* answered, with a wrong checksum */
	SILENT,   /* not even heard */
	MUTE,     /* done, and not answered */
	BREAK,    /* the connection ends behind it */
	EXCEPTION /* and its code */
};

struct bench {
	us_t now;
	struct line line;
	struct peer peer;
	struct backlog backlog;
	struct unit_rule rule;
	struct turn_way way;
	struct job job;
	struct turn turn;
	struct turn_run run;
	uint16_t reg[REGISTERS];
	int act[REQUESTS]; /* of each request; ANSWER behind the last */
	us_t stall;        /* the process stands still for so long, once an answer is there */
	unsigned stalls;   /* so often; 0: each time */
	unsigned n;        /* requests sent */
	uint8_t unit[REQUESTS], pdu[REQUESTS][PDU_MAX];
	us_t sent[REQUESTS];
	size_t pending;
	uint8_t frame[ADU_RTU_MAX];
	uint16_t foreign; /* somebody else sets register 0 to this while the process stands still */
};

static void begin(struct bench *b, const int *act, size_t n)
{
	struct wire wire;
	memset(b, 0, sizeof *b);
	b->now = 1000 * US_S;
	wire_init(&wire, 0, 8, 'N', 1, 0);
	line_init(&b->line, &wire, b->now - US_S);
	peer_init(&b->peer, b->now);
	backlog_init(&b->backlog);
	b->rule = (struct unit_rule){
		.unit = UNIT, .timeout = CONFIGURED, .retries = 2, .pause = 30 * US_MS};
	b->turn = (struct turn){
		.peer = &b->peer,
		.rule = &b->rule,
		.timeout = 100 * US_MS,
		.configured = CONFIGURED,
	};
	for (unsigned i = 0; i < REGISTERS; i++)
		b->reg[i] = (uint16_t)(0x1000 + i);
	assert_true(n <= REQUESTS);
	for (size_t i = 0; i < n; i++)
		b->act[i] = act[i];
}

/* The device. */
static size_t answer(struct bench *b, const uint8_t *pdu, uint8_t *out)
{
	const uint16_t addr = (uint16_t)(pdu[1] << 8 | pdu[2]);
	const uint16_t count = (uint16_t)(pdu[3] << 8 | pdu[4]);
	memcpy(out, pdu, 7);
	switch (pdu[0]) {
	case FC_READ_HOLDING:
	case FC_READ_INPUT:
		out[1] = (uint8_t)(2 * count);
		for (unsigned i = 0; i < count; i++) {
			out[2 + 2 * i] = (uint8_t)(b->reg[addr + i] >> 8);
			out[3 + 2 * i] = (uint8_t)b->reg[addr + i];
		}
		return 2u + 2u * count;
	case FC_READ_COILS:
		out[1] = (uint8_t)((count + 7) / 8);
		for (unsigned i = 0; i < out[1]; i++)
			out[2 + i] = (uint8_t)(b->reg[i / 2] >> 8 * (i % 2));
		return 2u + out[1];
	case FC_WRITE_REGISTER:
		b->reg[addr] = count;
		return 5;
	case FC_WRITE_REGISTERS:
		for (unsigned i = 0; i < count; i++)
			b->reg[addr + i] = (uint16_t)(pdu[6 + 2 * i] << 8 | pdu[7 + 2 * i]);
		return 5;
	case FC_MASK_WRITE:
		b->reg[addr] =
			(uint16_t)((b->reg[addr] & count) | ((pdu[5] << 8 | pdu[6]) & ~count));
		return 7;
	default:
		return 5; /* coils are not kept */
	}
}

/* False: the connection breaks. */
static bool send_request(struct bench *b, const struct request *q)
{
	uint8_t pdu[PDU_MAX];
	assert_true(b->n < REQUESTS);
	const int act = b->act[b->n];
	b->unit[b->n] = q->unit;
	b->sent[b->n] = b->now;
	memcpy(b->pdu[b->n++], q->pdu, q->len);
	exchange_sent(&b->run.exchange, b->now, b->now);
	b->pending = 0;
	if (act == SILENT || act == BREAK)
		return act != BREAK;
	size_t n = act < EXCEPTION ? answer(b, q->pdu, pdu) : 2;
	if (act >= EXCEPTION) {
		pdu[0] = q->pdu[0] | 0x80;
		pdu[1] = (uint8_t)(act - EXCEPTION);
	}
	if (act == MUTE)
		return true;
	b->pending = pdu_frame(q->unit, pdu, n, b->frame);
	b->frame[b->pending - 1] ^= act == SPOIL ? 0x55 : 0;
	return true;
}

static void await_answer(struct bench *b, us_t until)
{
	struct exchange *x = &b->run.exchange;
	const us_t at = b->now + ANSWER_TIME;
	if (!b->pending || at > until) {
		b->now = until > b->now ? until : b->now;
		exchange_input(x, NULL, 0, b->now);
		return;
	}
	const size_t n = b->pending;
	b->pending = 0;
	b->now = at;
	exchange_input(x, b->frame, n, b->now);
	b->now += b->stall;
	if (b->stall && b->foreign)
		b->reg[0] = b->foreign;
	b->stall = b->stalls && !--b->stalls ? 0 : b->stall;
}

/* False: the connection has ended. */
static bool drive(struct bench *b)
{
	struct exchange *x = &b->run.exchange;
	for (unsigned steps = 0;; steps++) {
		us_t until;
		assert_true(steps < 1000);
		switch (exchange_next(x, b->now, &until)) {
		case EX_SLEEP:
			b->now = until > b->now ? until : b->now;
			break;
		case EX_READ:
			exchange_input(x, NULL, 0, b->now);
			break;
		case EX_SEND:
		case EX_PROVE:
			if (!send_request(b, x->send))
				return false;
			break;
		case EX_POLL:
			await_answer(b, until);
			break;
		case EX_DONE:
			return true;
		}
	}
}

static enum outcome carry_out(struct bench *b)
{
	turn_begin(&b->run, &b->turn, &b->rule, &b->way, &b->line, &b->backlog);
	while (turn_next(&b->run, b->now) == TURN_EXCHANGE) {
		const bool linked = drive(b);
		turn_exchanged(&b->run, linked, b->now);
	}
	assert_int_equal(turn_next(&b->run, b->now), TURN_ENDED);
	return b->run.outcome;
}

static enum outcome read_span(struct bench *b, uint8_t table, uint16_t addr, uint16_t count)
{
	b->turn.kind = TURN_READ;
	b->turn.span = (struct span){b->rule.unit, table, addr, count};
	return carry_out(b);
}

static enum outcome write_job(struct bench *b, const struct job *j)
{
	b->job = *j;
	b->turn.kind = TURN_JOB;
	b->turn.job = &b->job;
	b->turn.span = j->span;
	return carry_out(b);
}

static struct job job_at(uint16_t addr, uint16_t count, uint8_t fc)
{
	return (struct job){.id = 7, .span = {UNIT, TABLE_HOLDING, addr, count}, .fc = fc};
}

/* The function codes of what was sent, as digits: "3 6" */
static const char *functions(const struct bench *b)
{
	static char text[4 * REQUESTS + 1];
	size_t n = 0;
	text[0] = 0;
	for (unsigned i = 0; i < b->n; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%u", i ? " " : "",
		                      b->pdu[i][0]);
	return text;
}

#define BEGIN(b, ...)                                                                              \
	do {                                                                                       \
		static const int script[] = {__VA_ARGS__};                                         \
		begin(b, script, sizeof script / sizeof script[0]);                                \
	} while (0)

/* -- reads ------------------------------------------------------------------------ */

static void a_read_brings_its_cells(void **state)
{
	(void)state;
	struct bench b;
	BEGIN(&b, ANSWER);
	assert_int_equal(read_span(&b, TABLE_HOLDING, 4, 2), OUT_OK);
	assert_int_equal(b.run.word[0], 0x1004);
	assert_int_equal(b.run.word[1], 0x1005);
	assert_int_equal(b.run.sent, b.sent[0]);
	assert_true(b.run.turnaround > 0);
	assert_string_equal(functions(&b), "3");
}

/* As often as the rule allows, each time after the unit's rest; then it is the scheduler's. */
static void only_a_corrupted_answer_is_read_again(void **state)
{
	(void)state;
	static const struct {
		int act[4];
		unsigned retries, requests;
		enum outcome o;
	} row[] = {
		{{SPOIL, ANSWER}, 2, 2, OUT_OK},
		{{SPOIL, SPOIL, ANSWER}, 2, 3, OUT_OK},
		{{SPOIL, SPOIL, SPOIL, ANSWER}, 2, 3, OUT_GARBLED},
		{{SPOIL, ANSWER}, 0, 1, OUT_GARBLED},
		{{SILENT, ANSWER}, 2, 1, OUT_TIMEOUT},
		{{SPOIL, SILENT, ANSWER}, 2, 2, OUT_TIMEOUT},
		{{EXCEPTION + EXC_ADDRESS, ANSWER}, 2, 1, OUT_REFUSED},
		{{BREAK, ANSWER}, 2, 1, OUT_LINK},
	};
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		struct bench b;
		begin(&b, row[i].act, 4);
		b.rule.retries = (uint8_t)row[i].retries;
		assert_int_equal(read_span(&b, TABLE_HOLDING, 0, 4), row[i].o);
		assert_int_equal(b.n, row[i].requests);
		assert_int_equal(b.run.retries, row[i].requests - 1);
		assert_int_equal(b.run.sent, b.sent[b.n - 1]);
		for (unsigned k = 1; k < b.n; k++)
			assert_true(b.sent[k] >= b.sent[k - 1] + ANSWER_TIME + b.rule.pause);
	}
}

/* Its answer could be mistaken for one that may still come. */
static void what_is_barred_is_not_requested_again(void **state)
{
	(void)state;
	struct bench b;
	struct request q;
	BEGIN(&b, SPOIL, SPOIL, SPOIL);
	assert_true(pdu_read(&q, UNIT, TABLE_HOLDING, 0, 4));
	const struct signature s = pdu_signature(&q);
	peer_stray(&b.peer, &s, b.now, b.now + US_S);
	read_span(&b, TABLE_HOLDING, 0, 4);
	assert_int_equal(b.run.retries, 0);
}

static void a_link_that_breaks_leaves_an_answer_due(void **state)
{
	(void)state;
	struct bench b;
	BEGIN(&b, BREAK);
	assert_int_equal(read_span(&b, TABLE_HOLDING, 0, 4), OUT_LINK);
	assert_int_equal(b.run.exception, 0);
	assert_int_equal(b.run.turnaround, 0);
	assert_true(peer_outstanding(&b.peer));
	assert_true(b.peer.unsure);
}

static void a_read_that_cannot_be_is_refused_without_a_request(void **state)
{
	(void)state;
	struct bench b;
	BEGIN(&b, ANSWER);
	assert_int_equal(read_span(&b, TABLE_HOLDING, 0xFFF0, 100), OUT_REFUSED);
	assert_int_equal(b.run.exception, EXC_VALUE);
	assert_int_equal(b.run.turnaround, 0);
	assert_int_equal(b.n, 0);
}

static void both_tables_may_be_read_by_one_function(void **state)
{
	(void)state;
	struct bench b;
	BEGIN(&b, ANSWER);
	b.rule.read_function = FC_READ_INPUT;
	assert_int_equal(read_span(&b, TABLE_HOLDING, 1, 1), OUT_OK);
	assert_string_equal(functions(&b), "4");
}

/* Behind a network no answer is late before a lost segment can have been repeated, and behind a
 * gateway that is busy with another unit not before it can be done with that. */
static void the_transport_and_the_gateway_lengthen_the_wait(void **state)
{
	(void)state;
	struct bench b;
	us_t begun;

	BEGIN(&b, SILENT);
	begun = b.now;
	read_span(&b, TABLE_HOLDING, 0, 1);
	assert_int_equal(b.turn.timeout, 100 * US_MS);
	assert_in_range(b.now - begun, 100 * US_MS, 120 * US_MS);

	BEGIN(&b, SILENT);
	b.way.patience = 150 * US_MS;
	read_span(&b, TABLE_HOLDING, 0, 1);
	assert_int_equal(b.turn.timeout, 150 * US_MS);

	BEGIN(&b, SILENT);
	b.way.patience = US_S;
	read_span(&b, TABLE_HOLDING, 0, 1);
	assert_int_equal(b.turn.timeout, CONFIGURED);

	BEGIN(&b, SILENT, ANSWER);
	read_span(&b, TABLE_HOLDING, 0, 1);
	const us_t queued = backlog_wait(&b.backlog, b.now);
	assert_true(queued > US_S);
	read_span(&b, TABLE_HOLDING, 4, 2);
	assert_int_equal(b.run.exchange.queued, queued);
	assert_int_equal(b.turn.timeout, 100 * US_MS); /* the rest is not the unit's */
	assert_int_equal(backlog_wait(&b.backlog, b.now), 0);
}

/* Also when it is asked for again: 255 is another unit. */
static void unit_0_of_modbus_tcp_answers(void **state)
{
	(void)state;
	struct bench b;
	BEGIN(&b, SPOIL, ANSWER);
	b.rule.unit = 0;
	b.rule.pause = 0;
	b.way.zero_answers = true;
	assert_int_equal(read_span(&b, TABLE_HOLDING, 2, 1), OUT_OK);
	assert_int_equal(b.run.word[0], 0x1002);
	assert_int_equal(b.n, 2);
	assert_int_equal(b.unit[1], 255);
	assert_true(b.run.zero);
}

static void a_gateways_exception_is_no_word_of_the_unit(void **state)
{
	(void)state;
	struct bench b;
	BEGIN(&b, EXCEPTION + EXC_GATEWAY_TARGET);
	assert_int_equal(read_span(&b, TABLE_HOLDING, 0, 1), OUT_TIMEOUT);
	assert_int_equal(b.run.exception, EXC_GATEWAY_TARGET);
	assert_int_equal(b.run.turnaround, 0);
}

/* -- writes ----------------------------------------------------------------------- */

static void a_write_is_sent_once_whatever_becomes_of_it(void **state)
{
	(void)state;
	static const struct {
		int act;
		enum outcome o;
		uint16_t held;
	} row[] = {
		{ANSWER, OUT_OK, 4711},
		{SPOIL, OUT_GARBLED, 4711},
		{SILENT, OUT_TIMEOUT, 0x1005},
		{MUTE, OUT_TIMEOUT, 4711},
		{BREAK, OUT_LINK, 0x1005},
		{EXCEPTION + EXC_VALUE, OUT_REFUSED, 0x1005},
		{EXCEPTION + EXC_BUSY, OUT_REFUSED, 0x1005},
	};
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		struct bench b;
		begin(&b, &row[i].act, 1);
		struct job j = job_at(5, 1, FC_WRITE_REGISTER);
		j.value[0] = 4711;
		assert_int_equal(write_job(&b, &j), row[i].o);
		assert_string_equal(functions(&b), "6");
		assert_int_equal(b.reg[5], row[i].held);
		assert_int_equal(b.run.sent, b.sent[0]);
		assert_int_equal(b.run.job, 7);
	}
}

static void an_expired_write_is_not_sent(void **state)
{
	(void)state;
	struct bench b;
	BEGIN(&b, ANSWER);
	struct job j = job_at(5, 1, FC_WRITE_REGISTER);
	j.expires = b.now + 10 * US_MS;
	b.peer.ready_at = b.now + 20 * US_MS; /* the unit rests until then */
	assert_int_equal(write_job(&b, &j), OUT_EXPIRED);
	assert_int_equal(b.n, 0);
	assert_int_equal(b.run.sent, 0);
}

/* The read before it takes its time, too. */
static void a_write_that_expires_behind_its_read_is_not_sent(void **state)
{
	(void)state;
	struct bench b;
	BEGIN(&b, ANSWER, ANSWER);
	struct job j = job_at(5, 1, FC_MASK_WRITE);
	j.mask[0] = 0x00FF;
	j.expires = b.now + 10 * US_MS; /* read by then, but the unit rests */
	assert_int_equal(write_job(&b, &j), OUT_EXPIRED);
	assert_string_equal(functions(&b), "3");
	assert_int_equal(b.run.sent, 0);
	assert_int_equal(b.reg[5], 0x1005);
}

static void bits_are_put_into_what_was_just_read(void **state)
{
	(void)state;
	static const struct {
		uint16_t count;
		uint8_t merge_fc;
		bool has_mask, full;
		const char *sent;
	} row[] = {
		{1, 0, false, false, "3 6"},
		{1, FC_WRITE_REGISTERS, false, false, "3 16"},
		{2, 0, false, false, "3 16"},
		{1, 0, true, false, "22"},
		{1, FC_MASK_WRITE, false, false, "22"},
		{1, 0, false, true, "6"},
		{2, 0, true, false, "3 16"},
	};
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		struct bench b;
		BEGIN(&b, ANSWER);
		struct job j = job_at(8, row[i].count, FC_MASK_WRITE);
		j.merge_fc = row[i].merge_fc;
		b.rule.has_mask_write = row[i].has_mask;
		j.mask[0] = row[i].full ? 0xFFFF : 0x00F0;
		j.value[0] = 0xABCD; /* bits that are not in the mask must not get out */
		assert_int_equal(write_job(&b, &j), OUT_OK);
		assert_string_equal(functions(&b), row[i].sent);
		assert_int_equal(b.reg[8], row[i].full ? 0xABCD : 0x10C8);
		assert_int_equal(b.reg[9], 0x1009);
		assert_int_equal(b.run.sent, b.sent[b.n - 1]);
	}
}

/* Half of a number is another number. */
static void several_registers_are_not_written_as_one(void **state)
{
	(void)state;
	struct bench b;
	BEGIN(&b, ANSWER);
	struct job j = job_at(8, 2, FC_MASK_WRITE);
	j.merge_fc = FC_WRITE_REGISTER;
	j.mask[0] = 0x00F0;
	assert_int_equal(write_job(&b, &j), OUT_REFUSED);
	assert_string_equal(functions(&b), "3");
	assert_int_equal(b.run.sent, 0);
	j.fc = FC_WRITE_REGISTER;
	assert_int_equal(write_job(&b, &j), OUT_REFUSED);
	assert_int_equal(b.reg[8], 0x1008);
}

/* What the write would put back is not known. */
static void nothing_is_written_when_the_read_before_a_merge_fails(void **state)
{
	(void)state;
	static const struct {
		int act[4];
		unsigned requests;
		enum outcome o;
	} row[] = {
		{{SILENT}, 1, OUT_TIMEOUT},
		{{EXCEPTION + EXC_ADDRESS}, 1, OUT_REFUSED},
		{{EXCEPTION + EXC_BUSY}, 1, OUT_REFUSED},
		{{EXCEPTION + EXC_GATEWAY_PATH}, 1, OUT_TIMEOUT},
		{{SPOIL, SPOIL, SPOIL}, 3, OUT_GARBLED},
		{{BREAK}, 1, OUT_LINK},
	};
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		struct bench b;
		begin(&b, row[i].act, 4);
		struct job j = job_at(5, 1, FC_MASK_WRITE);
		j.mask[0] = 1;
		assert_int_equal(write_job(&b, &j), row[i].o);
		assert_int_equal(b.n, row[i].requests);
		assert_int_equal(b.run.sent, 0);
		assert_int_equal(b.reg[5], 0x1005);
	}
}

static void the_read_before_a_merge_is_read_again_when_corrupted(void **state)
{
	(void)state;
	struct bench b;
	BEGIN(&b, SPOIL, ANSWER, ANSWER);
	struct job j = job_at(5, 1, FC_MASK_WRITE);
	j.mask[0] = 1;
	assert_int_equal(write_job(&b, &j), OUT_OK);
	assert_string_equal(functions(&b), "3 3 6");
	assert_int_equal(b.run.retries, 1);
}

/* Only if it differs: a persistent register wears out. What cannot be known is written. */
static void what_the_device_holds_already_is_not_written(void **state)
{
	(void)state;
	static const struct {
		int act[2];
		uint16_t value;
		const char *sent;
		enum outcome o;
	} row[] = {
		{{ANSWER}, 0x1005, "3", OUT_SAME},
		{{ANSWER}, 0x1006, "3 6", OUT_OK},
		{{EXCEPTION + EXC_ADDRESS}, 0x1005, "3 6", OUT_OK}, /* write-only */
		{{EXCEPTION + EXC_FUNCTION}, 0x1005, "3 6", OUT_OK},
		{{EXCEPTION + EXC_BUSY}, 0x1005, "3", OUT_REFUSED},
		{{EXCEPTION + EXC_ACKNOWLEDGE}, 0x1005, "3", OUT_REFUSED},
		{{EXCEPTION + EXC_GATEWAY_TARGET}, 0x1005, "3", OUT_TIMEOUT},
		{{SILENT}, 0x1006, "3", OUT_TIMEOUT},
	};
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		struct bench b;
		begin(&b, row[i].act, 2);
		struct job j = job_at(5, 1, FC_WRITE_REGISTER);
		j.only_if_different = true;
		j.value[0] = row[i].value;
		assert_int_equal(write_job(&b, &j), row[i].o);
		assert_string_equal(functions(&b), row[i].sent);
		assert_int_equal(b.run.sent, b.n > 1 ? b.sent[1] : 0);
	}
}

static void coils_are_compared_bit_by_bit(void **state)
{
	(void)state;
	struct bench b;
	BEGIN(&b, ANSWER);
	b.reg[0] = 0x0305;
	struct job j = {.id = 7,
	                .span = {UNIT, TABLE_COIL, 0, 10},
	                .fc = FC_WRITE_COILS,
	                .only_if_different = true,
	                .value = {0xFF05 & 0x03FF}};
	assert_int_equal(write_job(&b, &j), OUT_SAME); /* what lies behind the tenth is no part */
	BEGIN(&b, ANSWER);
	b.reg[0] = 0x0205;
	assert_int_equal(write_job(&b, &j), OUT_OK);
	assert_string_equal(functions(&b), "1 15");
}

/* Where the value is read at another place than it is written. */
static void a_value_is_compared_where_it_is_read(void **state)
{
	(void)state;
	for (unsigned same = 0; same < 2; same++) {
		struct bench b;
		BEGIN(&b, ANSWER);
		struct job j = job_at(5, 1, FC_MASK_WRITE);
		j.only_if_different = true;
		j.mask[0] = 0x000F;
		j.value[0] = 0x0001;
		j.held = (struct span){UNIT, TABLE_INPUT, 20, 1};
		j.same[0] = same ? 0xFF14 : 0xFF15;
		j.same_mask[0] = 0x00FF; /* the others do not count */
		assert_int_equal(write_job(&b, &j), same ? OUT_SAME : OUT_OK);
		assert_string_equal(functions(&b), same ? "4" : "4 3 6");
		assert_int_equal(b.reg[5], same ? 0x1005 : 0x1001);
	}
}

/* The machine stood still between the read and the write: what was read is read again, so that
 * what somebody else has set meanwhile is not put back. */
static void what_was_read_too_long_ago_is_read_again(void **state)
{
	(void)state;
	struct bench b;
	BEGIN(&b, ANSWER);
	b.stall = CONFIGURED + 2 * US_S;
	b.foreign = 0x7700;
	struct job j = job_at(0, 1, FC_MASK_WRITE);
	j.mask[0] = 0x000F;
	j.value[0] = 0x0005;
	b.stalls = 2;
	assert_int_equal(write_job(&b, &j), OUT_OK);
	assert_string_equal(functions(&b), "3 3 3 6");
	assert_int_equal(b.reg[0], 0x7705);
}

/* And if it stands still each time, nothing is written. */
static void what_was_always_read_too_long_ago_is_not_written(void **state)
{
	(void)state;
	for (unsigned compared = 0; compared < 2; compared++) {
		struct bench b;
		BEGIN(&b, ANSWER);
		b.stall = CONFIGURED + 2 * US_S;
		struct job j = job_at(0, 1, compared ? FC_WRITE_REGISTER : FC_MASK_WRITE);
		j.only_if_different = compared;
		j.mask[0] = 0x000F;
		j.value[0] = 0x0005;
		assert_int_equal(write_job(&b, &j), OUT_EXPIRED);
		assert_string_equal(functions(&b), "3 3 3");
		assert_int_equal(b.run.sent, 0);
		assert_int_equal(b.reg[0], 0x1000);
	}
}

static void a_raw_request_keeps_its_answer(void **state)
{
	(void)state;
	struct bench b;
	BEGIN(&b, ANSWER);
	struct job j = job_at(0, 0, 0);
	memcpy(j.raw, (const uint8_t[]){FC_READ_HOLDING, 0, 3, 0, 1}, 5);
	j.raw_len = 5;
	j.raw_answer = 4;
	j.only_if_different = true; /* means nothing here */
	assert_int_equal(write_job(&b, &j), OUT_OK);
	assert_true(b.run.raw);
	assert_int_equal(b.run.exchange.answer_len, 4);
	assert_memory_equal(b.run.exchange.answer, ((const uint8_t[]){3, 2, 0x10, 0x03}), 4);
}

static void a_write_that_cannot_be_is_refused_without_a_request(void **state)
{
	(void)state;
	struct bench b;
	BEGIN(&b, ANSWER);
	const struct job j = job_at(0, 124, FC_WRITE_REGISTERS);
	assert_int_equal(write_job(&b, &j), OUT_REFUSED);
	assert_int_equal(b.run.exception, EXC_VALUE);
	assert_int_equal(b.n, 0);
}

/* Nobody answers; all have a while to do it. */
static void a_broadcast_ends_without_an_answer(void **state)
{
	(void)state;
	struct bench b;
	BEGIN(&b, SILENT);
	struct job j = job_at(5, 1, FC_WRITE_REGISTER);
	j.span.unit = 0;
	j.only_if_different = true; /* there is nothing to compare with */
	const us_t begun = b.now;
	assert_int_equal(write_job(&b, &j), OUT_OK);
	assert_string_equal(functions(&b), "6");
	assert_int_equal(b.now - begun, 100 * US_MS);
}

static void a_turn_that_gets_no_exchange_has_lost_its_link(void **state)
{
	(void)state;
	struct bench b;
	BEGIN(&b, ANSWER);
	b.turn.kind = TURN_READ;
	turn_begin(&b.run, &b.turn, &b.rule, &b.way, &b.line, NULL);
	assert_int_equal(b.run.outcome, OUT_LINK);
	assert_int_equal(b.run.sent, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_brings_its_cells),
		cmocka_unit_test(only_a_corrupted_answer_is_read_again),
		cmocka_unit_test(what_is_barred_is_not_requested_again),
		cmocka_unit_test(a_link_that_breaks_leaves_an_answer_due),
		cmocka_unit_test(a_read_that_cannot_be_is_refused_without_a_request),
		cmocka_unit_test(both_tables_may_be_read_by_one_function),
		cmocka_unit_test(the_transport_and_the_gateway_lengthen_the_wait),
		cmocka_unit_test(unit_0_of_modbus_tcp_answers),
		cmocka_unit_test(a_gateways_exception_is_no_word_of_the_unit),
		cmocka_unit_test(a_write_is_sent_once_whatever_becomes_of_it),
		cmocka_unit_test(an_expired_write_is_not_sent),
		cmocka_unit_test(a_write_that_expires_behind_its_read_is_not_sent),
		cmocka_unit_test(bits_are_put_into_what_was_just_read),
		cmocka_unit_test(several_registers_are_not_written_as_one),
		cmocka_unit_test(nothing_is_written_when_the_read_before_a_merge_fails),
		cmocka_unit_test(the_read_before_a_merge_is_read_again_when_corrupted),
		cmocka_unit_test(what_the_device_holds_already_is_not_written),
		cmocka_unit_test(coils_are_compared_bit_by_bit),
		cmocka_unit_test(a_value_is_compared_where_it_is_read),
		cmocka_unit_test(what_was_read_too_long_ago_is_read_again),
		cmocka_unit_test(what_was_always_read_too_long_ago_is_not_written),
		cmocka_unit_test(a_raw_request_keeps_its_answer),
		cmocka_unit_test(a_write_that_cannot_be_is_refused_without_a_request),
		cmocka_unit_test(a_broadcast_ends_without_an_answer),
		cmocka_unit_test(a_turn_that_gets_no_exchange_has_lost_its_link),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
