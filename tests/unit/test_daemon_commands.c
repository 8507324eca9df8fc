// SPDX-License-Identifier: MIT
/* What is published while a command is under way. */
#include "daemon_rig.h"

#define DEVICE "devices:\n  pump: {bus: line, id: 1, every: 1s, profile: own}\n"

/* A read that ended before the write reports what was; it may be reported behind it. */
static void what_was_read_before_a_write_is_not_published_behind_it(void **state)
{
	(void)state;
	rig_begin(DEVICE, "points:\n  Level: {holding: 3, write: true}\n");
	rig_read(3, 10);
	rig_command("xnet/cmd/pump/Level", "20");
	const us_t before = rig.now;
	rig_pass(100 * US_MS);
	rig_job(3, 20, OUT_OK);
	rig_said();
	rig_report((struct report){.kind = REPORT_READ,
	                           .outcome = OUT_OK,
	                           .at = before,
	                           .span = {1, TABLE_HOLDING, 3, 1},
	                           .word = {9}});
	assert_null(strstr(rig_said(), "Level"));
	rig_pass(100 * US_MS);
	rig_read(3, 20);
	assert_non_null(strstr(rig_said(), "pump/Level 20"));
}

#define STEPS                                                                                      \
	"setup: [{Mode: 1}, {Level: 40}]\npoints:\n"                                               \
	"  Mode: {holding: 2, write: true, verify: false}\n"                                       \
	"  Level: {holding: 3, write: true, verify: false}\n"

/* Somebody's newer value is not undone by a step that comes after it, also not behind a reload. */
static void what_is_commanded_during_the_setup_stays(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		rig_begin(DEVICE, STEPS);
		rig_unit(1, true);
		if (i == 1) { /* the step itself fails first */
			rig_job(2, 1, OUT_OK);
			rig_job(3, 40, OUT_REFUSED);
		} else {
			rig_job(2, 1, OUT_REFUSED);
		}
		rig_command("xnet/cmd/pump/Level", "20");
		rig_job(3, 20, OUT_OK);
		if (i == 2)
			rig_reload(DEVICE);
		rig_pass(10 * US_S);
		if (i != 1)
			rig_job(2, 1, OUT_OK);
		rig_pass(600 * US_S);
		assert_int_equal(rig_bus()->njob, 0);
		if (i == 3) { /* when it comes again, it has forgotten perhaps */
			rig_unit(1, false);
			rig_unit(1, true);
			rig_job(2, 1, OUT_OK);
			rig_job(3, 40, OUT_OK);
			return;
		}
		rig_end(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(what_was_read_before_a_write_is_not_published_behind_it),
		RIG_TEST(what_is_commanded_during_the_setup_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
