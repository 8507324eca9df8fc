// SPDX-License-Identifier: MIT
/* Devices that are recognised by Read Device Identification, function 43/14. */
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
	assert_true(j.guest);
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
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_STRANGER);
	identification(NULL, "PM5110 ", 1, 0);
	assert_non_null(strstr(rig_said(), "meter/status online"));
	assert_non_null(strstr(rig.said, "house/Alerts {\"faults\":[],\"warnings\":[]}"));
	assert_non_null(strstr(rig.said, "meter/Watts 12.5"));
	rig_read(0, 126);
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
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_STRANGER);
}

static void an_identification_that_is_refused_or_does_not_come_is_none(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), BY_ID);
	rig_said();
	rig_unit(1, true);
	identification_fails(OUT_REFUSED, EXC_FUNCTION);
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_STRANGER);
	assert_non_null(strstr(rig_said(), "does not report its identity: exception 1, "));
	rig_unit(1, false);
	rig_unit(1, true);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(rig.g.plant->device[0].phase, PHASE_IDENTIFYING);
		identification_fails(i == 1 ? OUT_GARBLED : OUT_TIMEOUT, 0);
		rig_pass(5 * US_S);
		rig_read(0, 123);
	}
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_STRANGER);
	assert_non_null(strstr(rig_said(), "no response to function 43/14"));
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
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_STRANGER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(a_device_may_be_recognised_by_its_identification),
		RIG_TEST(an_identification_that_is_refused_or_does_not_come_is_none),
		RIG_TEST(an_identification_without_end_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
