// SPDX-License-Identifier: MIT
/* The default client id. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include <cmocka.h>

static int answer; /* what the library answers */
static bool there, unloaded;

static int fake_derive(sd_id128_t app, sd_id128_t *id)
{
	assert_int_equal(app.bytes[0], 0x7d);
	*id = (sd_id128_t){.bytes = {0x9a, 0xb7, 0xdb, 0x80, 0x11}};
	return answer;
}

static void *fake_open(const char *name, int flags)
{
	(void)flags;
	assert_string_equal(name, "libsystemd.so.0");
	unloaded = false;
	return there ? &there : NULL;
}

static void *fake_symbol(void *library, const char *name)
{
	int (*function)(sd_id128_t, sd_id128_t *) = fake_derive;
	void *p;
	assert_ptr_equal(library, &there);
	assert_string_equal(name, "sd_id128_get_machine_app_specific");
	memcpy(&p, &function, sizeof p);
	return p;
}

static int fake_close(void *library)
{
	assert_ptr_equal(library, &there);
	unloaded = true;
	return 0;
}

#define dlopen fake_open
#define dlsym fake_symbol
#define dlclose fake_close
#include "daemon/base/identity.c"
#undef dlopen
#undef dlsym
#undef dlclose

static void it_comes_from_the_machines_id(void **state)
{
	char id[64];
	(void)state;
	there = true;
	answer = 0;
	identity_client_id("xnet", "cellar", id, sizeof id);
	assert_string_equal(id, "xnet-cellar-9ab7db80");
	identity_client_id("site7/trial", "cellar", id, sizeof id); /* beside the one above */
	assert_string_equal(id, "site7-trial-cellar-9ab7db80");
	assert_true(unloaded);
}

static void without_one_it_is_the_hosts_name(void **state)
{
	char host[65] = "", id[128], expected[128];
	(void)state;
	gethostname(host, sizeof host - 1);
	snprintf(expected, sizeof expected, "xnet-cellar-%s", host);
	there = true;
	answer = -2; /* -ENOENT */
	identity_client_id("xnet", "cellar", id, sizeof id);
	assert_string_equal(id, expected);
	assert_true(unloaded);
	there = false; /* no such library */
	identity_client_id("xnet", "cellar", id, sizeof id);
	assert_string_equal(id, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_comes_from_the_machines_id),
		cmocka_unit_test(without_one_it_is_the_hosts_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
