// SPDX-License-Identifier: MIT
/* A line of the control socket from anybody: what it asks for is within its limits, and each answer
 * to it is one line of JSON that our own reader takes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/control/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_a_line(const struct json *j)
{
	struct jread r;
	if (memchr(j->text, '\n', j->len) || !jread_parse(&r, j->text, j->len))
		abort();
	jread_free(&r);
}

static void answers(const struct control_request *r)
{
	struct json j = {0};
	const uint8_t pdu[PDU_MAX] = {r->pdu[0], 250};
	for (int o = OUT_OK; o <= OUT_SAME; o++)
		for (int k = INSTEAD_NOTHING; k < INSTEAD_KINDS; k++) {
			const struct control_result result = {
				.outcome = (enum outcome)o,
				.exception = (uint8_t)(o == OUT_REFUSED ? k : 0),
				.answer = o == OUT_OK ? pdu : NULL,
				.answer_len = sizeof pdu,
				.instead = {.kind = (uint8_t)k, .is = 1, .should = 2},
				.timeout = r->timeout,
			};
			control_put_result(&j, r, &result);
			is_a_line(&j);
		}
	jw_free(&j);
}

static void within_limits(const struct control_request *r)
{
	if (r->verb >= CONTROL_VERBS || r->len > PDU_MAX || r->lasts > CONTROL_HOLD_MAX * US_S)
		abort();
	if (strlen(r->as) >= sizeof r->as || strlen(r->value) >= sizeof r->value)
		abort();
	const bool sends =
		r->verb == CONTROL_READ || r->verb == CONTROL_WRITE || r->verb == CONTROL_PDU;
	if (sends != (r->len > 0))
		abort();
	if (r->verb == CONTROL_READ && !control_pdu_reads(r->pdu, r->len))
		abort();
	if (r->verb == CONTROL_WRITE && (control_pdu_reads(r->pdu, r->len) ||
	                                 !control_pdu_cells(r->unit, r->pdu, r->len).count))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_request r;
	struct json j = {0};
	char words[160];
	const enum control_error e =
		control_parse(&r, (const char *)data, size, words, sizeof words);
	if (e == CONTROL_GOOD) {
		within_limits(&r);
		answers(&r);
	} else {
		if (!control_error_name(e) || !words[0])
			abort();
		control_put_error(&j, r.has_id, r.id, e, words);
		is_a_line(&j);
	}
	jw_free(&j);
	control_request_free(&r);
	return 0;
}
