// SPDX-License-Identifier: MIT
/* The default client id, and the SHA-256 that it comes from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *machine; /* what /etc/machine-id holds; NULL: there is none */

static FILE *fake_open(const char *path, const char *mode)
{
	assert_string_equal(path, "/etc/machine-id");
	return machine ? fmemopen((void *)machine, strlen(machine), mode) : NULL;
}

#define fopen fake_open
#include "daemon/identity.c"
#undef fopen

static const char *hex(const uint8_t digest[SHA256_BYTES])
{
	static char text[2 * SHA256_BYTES + 1];
	for (size_t i = 0; i < SHA256_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return text;
}

static void test_digest(void **state)
{
	char many[200];
	(void)state;
	memset(many, 'a', sizeof many);
	const struct {
		const char *text;
		size_t n;
		const char *digest;
	} rows[] = {
		{"", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{many, 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
		{many, 56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
		{many, 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
		{many, 200, "c2a908d98f5df987ade41b5fce213067efbcc21ef2240212a41e54b5e7c28ae5"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t digest[SHA256_BYTES];
		sha256(rows[i].text, rows[i].n, digest);
		assert_string_equal(hex(digest), rows[i].digest);
	}
}

/* RFC 4231, test cases 1 and 2 */
static void test_hmac(void **state)
{
	uint8_t key[20], digest[SHA256_BYTES];
	(void)state;
	memset(key, 0x0b, sizeof key);
	sha256_hmac(key, sizeof key, "Hi There", 8, digest);
	assert_string_equal(hex(digest),
	                    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	sha256_hmac("Jefe", 4, "what do ya want for nothing?", 28, digest);
	assert_string_equal(hex(digest),
	                    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

/* As sd_id128_get_machine_app_specific(3) derives it: brokers know the gateway by it. */
static void test_client_id(void **state)
{
	char id[64];
	(void)state;
	machine = "0123456789abcdef0123456789abcdef\n";
	identity_client_id("cellar", id, sizeof id);
	assert_string_equal(id, "xnet-cellar-9ab7db80");
	machine = "0123456789ABCDEF0123456789ABCDEF";
	identity_client_id("cellar", id, sizeof id);
	assert_string_equal(id, "xnet-cellar-9ab7db80");
}

static void test_no_machine_id(void **state)
{
	const char *none[] = {
		NULL,
		"",
		"\n",
		"uninitialized\n",
		"00000000000000000000000000000000\n",
		"0123456789abcdef0123456789abcde\n",
		"0123456789abcdef0123456789abcdef0\n",
		"0123456789abcdefg123456789abcdef\n",
	};
	char host[65] = "", id[128], expected[128];
	(void)state;
	gethostname(host, sizeof host - 1);
	snprintf(expected, sizeof expected, "xnet-cellar-%s", host);
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		machine = none[i] && *none[i] ? none[i] : NULL;
		identity_client_id("cellar", id, sizeof id);
		assert_string_equal(id, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_client_id),
		cmocka_unit_test(test_no_machine_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
