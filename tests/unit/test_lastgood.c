// SPDX-License-Identifier: MIT
/* The last good configuration: kept, found again, and what may be wrong with it. */
#include "daemon_rig.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "daemon/base/checkup.h"
#include "daemon/base/lastgood.h"

#define MAIN                                                                                       \
	"gateway: house\nmqtt: {broker: mqtt://h}\nbuses:\n  line: {port: /dev/none}\n"            \
	"include: [more/*.yaml, one.yaml]\n"
#define DEVICE(name, id) "devices:\n  " name ": {bus: line, id: " id ", profile: own}\n"
#define OWN                                                                                        \
	"title: Own\nvendor: N\nmodels: [P]\nsources: [x]\nstatus: experimental\n"                 \
	"points: {Watts: {holding: 0}}\n"

static char dir[32];
static const char *const names[] = {"devices.yaml", "one.yaml",  "more/a.yaml",   "more/b.yaml",
                                    "own.yaml",     "last-good", "last-good.new", NULL};

static const char *at(const char *name)
{
	static char path[2][64];
	static unsigned turn;
	char *p = path[turn++ % 2];
	snprintf(p, sizeof path[0], "%s/%s", dir, name);
	return p;
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static struct config_paths paths(void)
{
	static char file[64];
	snprintf(file, sizeof file, "%s/devices.yaml", dir);
	return (struct config_paths){.file = file, .profiles = {dir}};
}

static int begin(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/lastgood.XXXXXX");
	assert_non_null(mkdtemp(dir));
	mkdir(at("more"), 0700);
	setenv("STATE_DIRECTORY", dir, 1);
	put("devices.yaml", MAIN);
	put("one.yaml", DEVICE("one", "1"));
	put("more/a.yaml", DEVICE("a", "2"));
	put("more/b.yaml", DEVICE("b", "3"));
	put("own.yaml", OWN);
	return 0;
}

static int end(void **state)
{
	(void)state;
	unsetenv("STATE_DIRECTORY");
	for (size_t i = 0; names[i]; i++)
		unlink(at(names[i]));
	rmdir(at("more"));
	return rmdir(dir);
}

/* Load the files, which must be good, and keep them. hash: what $SYS/config/hash says. */
static struct lastgood keep(char hash[17])
{
	const struct config_paths p = paths();
	struct lastgood out;
	struct diag d;
	diag_init(&d);
	struct bundle *b = bundle_create(&p);
	struct model *m = config_load_bundle(&p, &d, b);
	assert_non_null(m);
	snprintf(hash, 17, "%s", m->hash);
	lastgood_keep(b, &out);
	bundle_destroy(b);
	model_destroy(m);
	diag_free(&d);
	return out;
}

/* Its hash and devices as "a b one", or why there is none. */
static const char *found(char hash[17])
{
	static char text[LASTGOOD_TEXT + 64];
	struct lastgood out;
	struct diag d;
	diag_init(&d);
	struct model *m = lastgood_load(paths().file, &d, &out);
	diag_free(&d);
	*text = *hash = '\0';
	if (!m)
		return strcpy(text, out.why);
	snprintf(hash, 17, "%s", m->hash);
	for (size_t i = 0; i < m->ndevice; i++)
		sprintf(text + strlen(text), "%s%s", i ? " " : "", m->device[i].name);
	model_destroy(m);
	return text;
}

static void what_was_accepted_is_found_when_every_file_is_gone(void **state)
{
	(void)state;
	char kept[17], now[17];
	const struct lastgood out = keep(kept);
	assert_string_equal(out.why, "");
	assert_true(out.saved > 0);
	for (size_t i = 0; i < 5; i++)
		unlink(at(names[i]));
	assert_string_equal(found(now), "a b one");
	assert_string_equal(now, kept);
}

static void files_that_came_since_are_no_part_of_it(void **state)
{
	(void)state;
	char hash[17];
	keep(hash);
	put("own.yaml", "points: {Watts: [}\n");
	put("more/a.yaml", DEVICE("other", "2"));
	unlink(at("more/b.yaml"));
	assert_int_equal(symlink("a.yaml", at("more/b.yaml")), 0);
	assert_string_equal(found(hash), "a b one");
}

static void only_what_changed_is_written(void **state)
{
	(void)state;
	char hash[17];
	struct stat first, second;
	const struct lastgood one = keep(hash);
	stat(at("last-good"), &first);
	assert_int_equal(first.st_mode & 0777, 0600);
	assert_int_equal(keep(hash).saved, one.saved);
	stat(at("last-good"), &second);
	assert_int_equal(first.st_ino, second.st_ino);
	put("one.yaml", DEVICE("two", "1"));
	keep(hash);
	assert_string_equal(found(hash), "a b two");
}

static void a_password_is_no_part_of_it(void **state)
{
	(void)state;
	char hash[17], bytes[4096];
	put("own.yaml.secret", "hunter22\n");
	put("devices.yaml", "gateway: house\nmqtt: {broker: mqtt://h, username: u, password_file: "
	                    "own.yaml.secret}\nbuses:\n  line: {port: /dev/none}\n"
	                    "include: one.yaml\n");
	keep(hash);
	FILE *f = fopen(at("last-good"), "r");
	const size_t n = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	assert_non_null(memmem(bytes, n, "own.yaml.secret", 15));
	assert_null(memmem(bytes, n, "hunter22", 8));
	assert_string_equal(found(hash), "one");
	unlink(at("own.yaml.secret"));
}

static void a_damaged_copy_is_not_used_and_is_replaced(void **state)
{
	(void)state;
	char hash[17];
	keep(hash);
	struct stat st;
	stat(at("last-good"), &st);
	FILE *f = fopen(at("last-good"), "r+");
	for (long at_byte = 0; at_byte < st.st_size; at_byte += 7) {
		fseek(f, at_byte, SEEK_SET);
		const int c = fgetc(f);
		fseek(f, at_byte, SEEK_SET);
		fputc(c ^ 1, f);
		fflush(f);
		if (strcmp(found(hash), "a b one") == 0) /* the version, the time: nothing of it */
			assert_true(at_byte < 80);
		else
			assert_string_equal(found(hash), "it is damaged");
		fseek(f, at_byte, SEEK_SET);
		fputc(c, f);
		fflush(f);
	}
	fclose(f);
	for (off_t n = st.st_size - 1; n >= 0; n -= 11) {
		assert_int_equal(truncate(at("last-good"), n), 0);
		assert_string_equal(found(hash), "it is damaged");
	}
	assert_string_equal(keep(hash).why, "");
	assert_string_equal(found(hash), "a b one");
}

static void stored_bytes_of_any_length_are_taken_or_not(void **state)
{
	(void)state;
	const struct config_paths p = paths();
	struct bundle *b = bundle_create(&p);
	bundle_add(b, "name\nwith a line end", "c 1 1\n", 6);
	size_t n;
	const char *bytes = bundle_bytes(b, &n);
	size_t good = 0;
	for (size_t i = 0; i <= n; i++) {
		char *copy = malloc(i + 1); /* for the address sanitizer */
		memcpy(copy, bytes, i);
		struct bundle *again = bundle_unpack(copy, i);
		free(copy);
		good += again != NULL;
		bundle_destroy(again);
	}
	assert_int_equal(good, 3); /* after each entry: two of the head and the file */
	struct bundle *again = bundle_unpack(bytes, n);
	size_t len;
	assert_memory_equal(bundle_find(again, "name\nwith a line end", &len), "c 1 1\n", 6);
	assert_int_equal(len, 6);
	bundle_destroy(again);
	assert_null(bundle_unpack("f 99999999999999999999 1\n", 25));
	bundle_destroy(b);
}

static void a_full_disk_leaves_the_one_before(void **state)
{
	(void)state;
	char hash[17];
	const int64_t saved = keep(hash).saved;
	put("one.yaml", DEVICE("two", "1"));
	struct rlimit was;
	getrlimit(RLIMIT_FSIZE, &was);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){200, was.rlim_max});
	const struct lastgood out = keep(hash);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_non_null(strstr(out.why, "File too large"));
	assert_int_equal(out.saved, saved);
	assert_int_not_equal(access(at("last-good.new"), F_OK), 0);
	assert_string_equal(found(hash), "a b one");
}

static void one_of_another_file_or_without_devices_is_none(void **state)
{
	(void)state;
	char hash[17];
	assert_string_equal(found(hash), "no configuration was ever accepted");
	keep(hash);
	struct lastgood out;
	struct diag d;
	diag_init(&d);
	assert_null(lastgood_load("/etc/other.yaml", &d, &out));
	diag_free(&d);
	assert_non_null(strstr(out.why, "it is that of /tmp/lastgood."));
	put("devices.yaml", "gateway: house\nmqtt: {broker: mqtt://h}\n");
	keep(hash);
	assert_string_equal(found(hash), "it has no devices");
}

/* -- xnetd --check, which knows the files by the same list ------------------------------------- */

static void what_the_services_user_cannot_read_is_reported(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	const struct config_paths p = paths();
	struct diag d;
	put("more/b.yaml.secret", "hunter22\n");
	put("devices.yaml", "gateway: house\nmqtt: {broker: mqtt://h, username: u, password_file: "
	                    "more/b.yaml.secret}\nbuses:\n  line: {port: /dev/none}\n"
	                    "include: [one.yaml, more/a.yaml]\n");
	chmod(dir, 0755);
	chmod(at("more"), 0755);
	for (size_t i = 0; i < 5; i++)
		chmod(at(names[i]), 0644);
	chmod(at("more/b.yaml.secret"), 0600);
	diag_init(&d);
	struct bundle *b = bundle_create(&p);
	model_destroy(config_load_bundle(&p, &d, b));
	checkup_readable("there-is-no-such-user", b, &d);
	assert_int_equal(d.errors, 0);
	checkup_readable("nobody", b, &d);
	assert_int_equal(d.errors, 1);
	assert_string_equal(d.message[d.n - 1].where.file, at("more/b.yaml.secret"));
	assert_non_null(strstr(d.message[d.n - 1].text, "user nobody, cannot read this file"));
	chmod(at("more"), 0700);
	checkup_readable("nobody", b, &d);
	assert_int_equal(d.errors, 3);
	bundle_destroy(b);
	diag_free(&d);
	unlink(at("more/b.yaml.secret"));
}

/* -- what the daemon says of it ---------------------------------------------------------------- */

#define ONE "devices:\n  meter: {bus: line, id: 1, every: 1s, profile: own}\n"

static void its_use_is_an_alert_until_a_reload_succeeds(void **state)
{
	(void)state;
	rig_begin(ONE, "points: {Watts: {holding: 0}}\n");
	rig.mqtt = "broker: mqtt://h, client_id: c, sys_interval: 10s";
	rig_reload(ONE);
	rig_said();
	const struct loop_start start = {.kept = {.saved = 1764000000000},
	                                 .refused = "devices.yaml:3:1: x"};
	loop_started(&rig.g, &start);
	rig_turn();
	const char *said = rig_said();
	assert_non_null(strstr(said, "house/Alerts {\"faults\":[],\"warnings\":[{\"code\":11,"));
	assert_non_null(strstr(said, "config/rejected devices.yaml:3:1: x"));
	assert_non_null(strstr(said, "config/source last good configuration of "
	                             "2025-11-24T16:00:00.000Z"));
	rig_reload("devices: {meter: {bus: nowhere}}\n");
	said = rig_said();
	assert_non_null(strstr(said, "\"code\":6,"));
	assert_non_null(strstr(said, "\"code\":11,"));
	assert_null(strstr(said, "config/source"));
	rig_reload(ONE);
	said = rig_said();
	assert_non_null(strstr(said, "house/Alerts {\"faults\":[],\"warnings\":[]}"));
	assert_non_null(strstr(said, "config/rejected no"));
	assert_non_null(strstr(said, "config/source file"));
}

int main(void)
{
#define DISK_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		DISK_TEST(what_was_accepted_is_found_when_every_file_is_gone),
		DISK_TEST(files_that_came_since_are_no_part_of_it),
		DISK_TEST(only_what_changed_is_written),
		DISK_TEST(a_password_is_no_part_of_it),
		DISK_TEST(a_damaged_copy_is_not_used_and_is_replaced),
		DISK_TEST(stored_bytes_of_any_length_are_taken_or_not),
		DISK_TEST(a_full_disk_leaves_the_one_before),
		DISK_TEST(one_of_another_file_or_without_devices_is_none),
		DISK_TEST(what_the_services_user_cannot_read_is_reported),
		RIG_TEST(its_use_is_an_alert_until_a_reload_succeeds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
