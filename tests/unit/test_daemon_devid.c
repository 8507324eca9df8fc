// SPDX-License-Identifier: MIT
/* Read Device Identification, function 43/14: devices that are recognised by it, texts of points.
 */
#include "daemon_rig.h"

#define DEVICE(keys) "devices:\n  meter: {bus: line, id: 1, every: 1s, profile: own" keys "}\n"
#define POINTS                                                                                     \
	"points:\n"                                                                                \
	"  Watts: {holding: 0, scale: 0.1, stale: 5s}\n"                                           \
	"  Kind: {holding: 1}\n"
#define BY_ID "identify: {device_id: {vendor: 'Schneider*', product: 'PM5*'}}\n" POINTS

/* The device's answer to the one request 43/14 that waits: vendor and product, the latter to come
 * with the next request if `more`. NULL: the object is not there. */
static void identification(const char *vendor, const char *product, uint8_t from, uint8_t more)
{
	struct bus *b = rig_bus();
	struct report r = {.kind = REPORT_JOB, .outcome = OUT_OK, .answer_len = 7};
	const char *text[] = {vendor, product};
	assert_int_equal(b->njob, 1);
	const struct job j = b->job[0];
	b->njob = 0;
	assert_true(j.adhoc);
	assert_int_equal(j.raw_len, 4);
	assert_memory_equal(j.raw, ((uint8_t[]){FC_DEVICE_ID, 14, 1, from}), 4);
	r.id = j.id;
	memcpy(r.answer, (uint8_t[]){FC_DEVICE_ID, 14, 1, 1, more ? 0xFF : 0, more, 0}, 7);
	for (uint8_t i = 0; i < 2; i++) {
		const size_t n = text[i] ? strlen(text[i]) : 0;
		if (!text[i])
			continue;
		r.answer[6]++;
		r.answer[r.answer_len] = i;
		r.answer[r.answer_len + 1] = (uint8_t)n;
		memcpy(r.answer + r.answer_len + 2, text[i], n);
		r.answer_len = (uint16_t)(r.answer_len + 2 + n);
	}
	rig_report(r);
}

static void identification_fails(enum outcome outcome, uint8_t exception)
{
	assert_int_equal(rig_bus()->njob, 1);
	rig_bus()->njob = 0;
	rig_report((struct report){.kind = REPORT_JOB,
	                           .outcome = (uint8_t)outcome,
	                           .exception = exception,
	                           .sent = outcome == OUT_EXPIRED ? 0 : rig.now,
	                           .id = rig_bus()->job[0].id});
}

static void a_device_may_be_recognised_by_its_identification(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), BY_ID);
	rig_said();
	rig_unit(1, true);
	rig_read(0, 123);
	assert_string_equal(rig_said(), "");
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_IDENTIFYING);
	identification("Eastron", NULL, 0, 1);
	assert_non_null(strstr(rig_said(), "identifies as vendor \\\"Eastron\\\" instead of "
	                                   "\\\"Schneider*\\\""));
	assert_null(strstr(rig.said, "meter/"));
	rig_read(0, 124);
	assert_int_equal(rig_bus()->njob, 0); /* not before 5 s */
	rig_pass(5 * US_S);
	rig_read(0, 125);
	identification("Schneider Electric", NULL, 0, 1);
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_MISMATCH);
	identification(NULL, "PM5110 ", 1, 0);
	assert_non_null(strstr(rig_said(), "meter/status online"));
	assert_non_null(strstr(rig.said, "house/Alerts {\"faults\":[],\"warnings\":[]}"));
	assert_null(strstr(rig.said, "meter/Watts")); /* who knows whose that was */
	rig_read(0, 126);
	assert_string_equal(rig_said(), "meter/Watts 12.6");
	assert_int_equal(rig_bus()->njob, 0); /* once while it is online */
	rig_unit(1, false);
	rig_said();
	rig_unit(1, true);
	assert_string_equal(rig_said(), "");
	identification("Schneider Electric", "PM5110", 0, 0);
	assert_non_null(strstr(rig_said(), "meter/status online"));
	/* a reload that asks for the same keeps it online, another one does not */
	rig_reload(DEVICE(", json: true"));
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_ONLINE);
	rig_write_profile(
		"identify: {device_id: {vendor: 'Schneider*', product: 'PM8*'}}\n" POINTS);
	rig_reload(DEVICE(""));
	assert_int_not_equal(rig.g.plant->device[0].phase, PHASE_ONLINE);
	rig_read(0, 127);
	identification("Schneider Electric", "PM5110", 0, 0);
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_MISMATCH);
}

static void an_identification_that_is_refused_or_does_not_come_is_none(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), BY_ID);
	rig_said();
	rig_unit(1, true);
	identification_fails(OUT_REFUSED, EXC_FUNCTION);
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_MISMATCH);
	assert_non_null(strstr(rig_said(), "does not report its identity: exception 1, "));
	rig_unit(1, false);
	rig_unit(1, true);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(rig.g.plant->device[0].phase, PHASE_IDENTIFYING);
		identification_fails(i == 1 ? OUT_GARBLED : i ? OUT_LINK : OUT_TIMEOUT, 0);
		rig_pass(5 * US_S);
		rig_read(0, 123);
	}
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_MISMATCH);
	assert_non_null(strstr(rig_said(), "no valid response to function 43/14"));
	assert_null(strstr(rig.said, "meter/Watts 12.3"));
	/* late, after it went away: of nobody any more */
	rig_bus()->njob = 0;
	const uint64_t job = rig.g.plant->device[0].devid_job;
	rig_unit(1, false);
	rig_unit(1, true);
	struct report r = {.kind = REPORT_JOB, .outcome = OUT_OK, .answer_len = 0, .id = job};
	rig_report(r);
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_IDENTIFYING);
	rig_bus()->njob = 0;
	rig_reload(DEVICE(", identify: ignore"));
	rig_unit(1, true);
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_ONLINE);
	assert_int_equal(rig_bus()->njob, 0);
}

/* More and more follows, or the same again: it ends. */
static void an_identification_without_end_ends(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), BY_ID);
	rig_unit(1, true);
	identification("Schneider Electric", NULL, 0, 1);
	identification("Schneider Electric", NULL, 1, 1);
	assert_int_equal(rig_bus()->njob, 0);
	assert_non_null(strstr(rig_said(), "does not report its product (function 43/14)"));
	rig_unit(1, false);
	rig_unit(1, true);
	for (uint8_t i = 0; i < 8; i++)
		identification("Schneider Electric", NULL, i, i + 1);
	assert_int_equal(rig_bus()->njob, 0);
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_MISMATCH);
}

/* -- points ---------------------------------------------------------------------------- */

#define TEXTS                                                                                      \
	"points:\n"                                                                                \
	"  Watts: {holding: 0, stale: 5s}\n"                                                       \
	"  Maker: {device_id: vendor}\n"                                                           \
	"  Type: {device_id: model, history: true}\n"                                              \
	"  Serial: {device_id: 0x80}\n"

static void must_be_asked(uint8_t code, uint8_t object)
{
	const struct bus *b = rig_bus();
	assert_int_equal(b->njob, 1);
	assert_true(b->job[0].adhoc);
	assert_int_equal(b->job[0].span.unit, 1);
	assert_int_equal(b->job[0].raw_len, 4);
	assert_memory_equal(b->job[0].raw, ((uint8_t[]){FC_DEVICE_ID, 14, code, object}), 4);
}

/* The answer to the request that waits, which must be this one: objects as "0=Acme 5=X1". */
static void texts_come(uint8_t code, uint8_t object, const char *objects, uint8_t more)
{
	struct report r = {.kind = REPORT_JOB, .outcome = OUT_OK, .answer_len = 7};
	must_be_asked(code, object);
	r.id = rig_bus()->job[0].id;
	rig_bus()->njob = 0;
	memcpy(r.answer, (uint8_t[]){FC_DEVICE_ID, 14, code, 0x83, more ? 0xFF : 0, more, 0}, 7);
	for (const char *p = objects; *p; p += strcspn(p, " "), p += *p == ' ') {
		char *text;
		r.answer[r.answer_len] = (uint8_t)strtoul(p, &text, 10);
		const size_t n = strcspn(++text, " ");
		r.answer[r.answer_len + 1] = (uint8_t)n;
		memcpy(r.answer + r.answer_len + 2, text, n);
		r.answer_len = (uint16_t)(r.answer_len + 2 + n);
		r.answer[6]++;
	}
	rig_report(r);
}

static void texts_fail(uint8_t code, uint8_t object, enum outcome outcome, uint8_t exception)
{
	must_be_asked(code, object);
	identification_fails(outcome, exception);
}

static void texts_are_read_once_while_a_device_is_online(void **state)
{
	(void)state;
	rig_begin(DEVICE(", json: true"), TEXTS);
	rig_unit(1, true);
	texts_come(3, 0, "0=Acme", 5); /* in several parts */
	texts_come(3, 5, "5=X1 128=007", 0);
	rig_read(0, 5);
	assert_non_null(strstr(rig_said(), "meter/Maker Acme\n"));
	assert_non_null(strstr(rig.said, "meter/Type X1\n"));
	assert_non_null(strstr(rig.said, "meter/Serial 007\n"));
	assert_non_null(strstr(rig.said, "\"Serial\":\"007\"")); /* a text, also in JSON */
	rig_pass(600 * US_S);
	rig_read(0, 6);
	assert_null(strstr(rig_said(), "meter/Maker"));
	assert_int_equal(rig_bus()->njob, 0);
	/* another device of the kind, as it comes back */
	rig_unit(1, false);
	rig_unit(1, true);
	texts_come(3, 0, "0=Acme 5=X2 128=008", 0);
	assert_non_null(strstr(rig_said(), "meter/Type X2"));
	assert_non_null(strstr(rig.said, "meter/Serial 008"));
	assert_non_null(strstr(rig_journal(), "Type changed, so it may have been replaced"));
	/* on request */
	rig_command("xnet/get/meter/Serial", "");
	texts_come(3, 0, "128=008", 0);
	texts_fail(4, 0, OUT_REFUSED, EXC_ADDRESS);
	texts_fail(4, 5, OUT_REFUSED, EXC_ADDRESS);
	assert_non_null(strstr(rig_said(), "meter/Serial 008"));
	assert_non_null(strstr(rig.said, "meter/Type None"));
	assert_null(strstr(rig.said, "Nak"));
}

#define SLOW                                                                                       \
	"points:\n  Watts: {holding: 0}\n  Total: {holding: 1, every: 10m}\n"                      \
	"  Twice: {expr: Total * 2}\n  Maker: {device_id: 0}\n"

/* It may have been replaced: what was not read since is in no document of now. */
static void json_has_nothing_from_before_an_outage(void **state)
{
	(void)state;
	rig_begin(DEVICE(", json: true"), SLOW);
	rig_unit(1, true);
	texts_come(1, 0, "0=Acme", 0);
	rig_read(1, 20);
	rig_read(0, 5);
	assert_non_null(strstr(rig_said(), "\"Watts\":5,\"Total\":20,\"Twice\":40.000,"
	                                   "\"Maker\":\"Acme\"}"));
	rig_pass(30 * US_S);
	rig_unit(1, false);
	rig_pass(30 * US_S);
	rig_unit(1, true);
	rig_said();
	rig_read(0, 6);
	assert_non_null(strstr(rig_said(), "\"Watts\":6,\"Total\":null,\"Twice\":null,"
	                                   "\"Maker\":null}"));
	texts_come(1, 0, "0=Other", 0);
	rig_pass(US_S);
	rig_read(1, 3);
	rig_read(0, 7);
	assert_non_null(strstr(rig_said(), "\"Watts\":7,\"Total\":3,\"Twice\":6.000,"
	                                   "\"Maker\":\"Other\"}"));
	/* a reload is no outage */
	rig_reload(DEVICE(", json: true, heartbeat: 70s"));
	rig_pass(US_S);
	rig_read(0, 8);
	assert_non_null(strstr(rig_said(), "\"Watts\":8,\"Total\":3,\"Twice\":6.000,"
	                                   "\"Maker\":\"Other\"}"));
}

/* By exceptions down from the category that has all to single objects, and then it is enough. */
static void a_device_without_function_43_is_online_all_the_same(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), TEXTS);
	rig_unit(1, true);
	rig_said();
	texts_fail(3, 0, OUT_REFUSED, EXC_FUNCTION);
	texts_fail(2, 0, OUT_REFUSED, EXC_FUNCTION);
	texts_fail(1, 0, OUT_REFUSED, EXC_FUNCTION);
	texts_fail(4, 0, OUT_REFUSED, EXC_FUNCTION);
	assert_int_equal(rig_bus()->njob, 0);
	rig_read(0, 5);
	assert_non_null(strstr(rig_said(), "meter/Maker None"));
	assert_non_null(strstr(rig.said, "meter/Watts 5"));
	assert_null(strstr(rig.said, "offline"));
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_ONLINE);
	assert_non_null(strstr(rig_journal(), "point Serial is not read until the device comes "
	                                      "online again: exception 1, illegal function, to "
	                                      "function 43/14"));
	rig_pass(60 * US_S);
	rig_read(0, 6);
	assert_int_equal(rig_bus()->njob, 0);
	rig_said();
	rig_command("xnet/get/meter/Serial", "");
	for (uint8_t code = 3; code; code--)
		texts_fail(code, 0, OUT_REFUSED, EXC_FUNCTION);
	texts_fail(4, 0, OUT_REFUSED, EXC_FUNCTION);
	assert_non_null(strstr(rig_said(), "Nak"));
	assert_non_null(
		strstr(rig.said, "Serial: exception 1, illegal function, to function 43/14"));
	rig_command("xnet/get/meter", ""); /* nor does it spoil a request for the rest */
	assert_int_equal(rig_bus()->njob, 0);
	rig_read(0, 7);
	assert_null(strstr(rig_said(), "Nak"));
}

static void what_the_stream_lacks_is_read_one_by_one(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), TEXTS);
	rig_unit(1, true);
	texts_fail(3, 0, OUT_REFUSED, EXC_VALUE);
	texts_come(2, 0, "0=Acme 1=P", 0);
	texts_come(4, 5, "5=X1", 0);
	texts_come(4, 128, "128=S1", 0);
	assert_int_equal(rig_bus()->njob, 0);
	assert_non_null(strstr(rig_said(), "meter/Type X1"));
	assert_non_null(strstr(rig.said, "meter/Serial S1"));
	/* more that leads nowhere, and single answers with other objects: it ends */
	rig_unit(1, false);
	rig_unit(1, true);
	texts_come(3, 0, "0=Acme", 4);
	texts_come(3, 4, "1=P", 4);
	texts_come(4, 5, "1=P", 9);
	texts_come(4, 128, "", 0);
	assert_int_equal(rig_bus()->njob, 0);
	assert_non_null(strstr(rig_said(), "meter/Type None"));
	assert_non_null(strstr(rig.said, "meter/Serial None"));
	assert_null(strstr(rig.said, "offline\nmeter/Maker"));
}

static void texts_without_a_response_are_given_up(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), TEXTS);
	rig_unit(1, true);
	texts_fail(3, 0, OUT_TIMEOUT, 0);
	rig_read(0, 5);
	assert_int_equal(rig_bus()->njob, 0);
	rig_pass(5 * US_S);
	rig_read(0, 5);
	texts_fail(2, 0, OUT_LINK,
	           0); /* an answer that ends the connection, as one that is too long */
	rig_pass(5 * US_S);
	rig_read(0, 5);
	must_be_asked(1, 0);
	identification_fails(OUT_EXPIRED, 0); /* it was not sent */
	rig_pass(5 * US_S);
	rig_said();
	rig_read(0, 5);
	texts_fail(1, 0, OUT_REFUSED, EXC_BUSY);
	assert_non_null(strstr(rig_said(), "meter/Serial None"));
	rig_pass(60 * US_S);
	rig_read(0, 5);
	assert_int_equal(rig_bus()->njob, 0);
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_ONLINE);
	/* an answer that comes when the device has gone counts for nothing */
	rig_unit(1, false);
	rig_unit(1, true);
	const struct report late = {.kind = REPORT_JOB, .id = rig_bus()->job[0].id};
	rig_unit(1, false);
	rig_report(late);
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_OFFLINE);
	rig_bus()->njob = 0;
}

static void a_reload_reads_texts_that_are_new(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), TEXTS);
	rig_unit(1, true);
	texts_come(3, 0, "0=Acme 5=X1 128=S1", 0);
	rig_said();
	rig_reload(DEVICE(", timeout: 2s"));
	assert_int_equal(rig_bus()->njob, 0);
	assert_null(strstr(rig_said(), "None"));
	rig_write_profile(TEXTS "  Web: {device_id: url}\n");
	rig_reload(DEVICE(""));
	texts_come(3, 0, "0=Acme 3=a.b 5=X1 128=S1", 0);
	assert_non_null(strstr(rig_said(), "meter/Web a.b"));
	assert_null(strstr(rig.said, "meter/Maker"));
	/* in the midst of reading */
	rig_unit(1, false);
	rig_unit(1, true);
	must_be_asked(3, 0);
	rig_bus()->njob = 0;
	rig_reload(DEVICE(", timeout: 3s"));
	must_be_asked(3, 0);
	rig_bus()->njob = 0;
	/* another object under the old name */
	rig_write_profile("points:\n  Watts: {holding: 0}\n  Maker: {device_id: 1}\n");
	rig_reload(DEVICE(""));
	rig_said();
	texts_come(1, 0, "0=Acme 1=P9", 0);
	assert_non_null(strstr(rig_said(), "meter/Maker P9"));
}

static void texts_wait_for_a_line_that_is_held(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), TEXTS);
	rig_unit(1, true);
	texts_fail(3, 0, OUT_TIMEOUT, 0);
	rig.g.plant->bus[0].holder = mem_strdup("me");
	rig_pass(5 * US_S);
	rig_read(0, 5);
	assert_int_equal(rig_bus()->njob, 0);
	free(rig.g.plant->bus[0].holder);
	rig.g.plant->bus[0].holder = NULL;
	rig_read(0, 5);
	must_be_asked(2, 0);
	rig_bus()->njob = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(texts_are_read_once_while_a_device_is_online),
		RIG_TEST(json_has_nothing_from_before_an_outage),
		RIG_TEST(a_device_without_function_43_is_online_all_the_same),
		RIG_TEST(what_the_stream_lacks_is_read_one_by_one),
		RIG_TEST(texts_without_a_response_are_given_up),
		RIG_TEST(a_reload_reads_texts_that_are_new),
		RIG_TEST(texts_wait_for_a_line_that_is_held),
		RIG_TEST(a_device_may_be_recognised_by_its_identification),
		RIG_TEST(an_identification_that_is_refused_or_does_not_come_is_none),
		RIG_TEST(an_identification_without_end_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
