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

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(what_was_read_before_a_write_is_not_published_behind_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
