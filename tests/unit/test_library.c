// SPDX-License-Identifier: MIT
/* The variants of the MQTT library: which is loaded when, and that they can live beside each other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mqtt/openssl.h"
#include "mqtt/paho.h"
#include "mqtt/paho_functions.h"

/* Of handles that never connect the library leaves some bytes; of the sanitizer's interface. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libpaho-mqtt3a\n";
}

static void (*global_init)(MQTTAsync_init_options *);
static unsigned begun;

static void count_begun(MQTTAsync_init_options *o)
{
	begun++;
	global_init(o);
}

bool __real_library_load(bool tls, const char *const *names, size_t n, void *table,
                         const char **why);
bool __wrap_library_load(bool tls, const char *const *names, size_t n, void *table,
                         const char **why);
bool __wrap_library_load(bool tls, const char *const *names, size_t n, void *table,
                         const char **why)
{
	struct paho_functions *f = table;
	const bool good = __real_library_load(tls, names, n, table, why);
	if (good && n == sizeof *f / sizeof(void *)) {
		global_init = f->MQTTAsync_global_init;
		f->MQTTAsync_global_init = count_begun;
	}
	return good;
}

static bool mapped(const char *library)
{
	char line[512];
	bool found = false;
	FILE *f = fopen("/proc/self/maps", "re");
	assert_non_null(f);
	while (!found && fgets(line, sizeof line, f))
		found = strstr(line, library) != NULL;
	fclose(f);
	return found;
}

static MQTTAsync made(const struct paho_functions *f, const char *uri, int *rc)
{
	MQTTAsync_createOptions o = MQTTAsync_createOptions_initializer5;
	MQTTAsync handle = NULL;
	*rc = f->MQTTAsync_createWithOptions(&handle, uri, "test", MQTTCLIENT_PERSISTENCE_NONE,
	                                     NULL, &o);
	return handle;
}

static void use(const struct paho_functions *f, bool tls)
{
	int rc;
	MQTTProperties props = MQTTProperties_initializer;
	MQTTProperty one = {.identifier = MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL};
	one.value.integer4 = 7;
	assert_int_equal(f->MQTTProperties_add(&props, &one), 0);
	assert_true(f->MQTTProperties_hasProperty(&props, one.identifier));
	f->MQTTProperties_free(&props);
	MQTTAsync handle = made(f, "tcp://127.0.0.1:1", &rc);
	assert_int_equal(rc, MQTTASYNC_SUCCESS);
	f->MQTTAsync_destroy(&handle);
	handle = made(f, "ssl://127.0.0.1:1", &rc);
	assert_int_equal(rc == MQTTASYNC_SUCCESS, tls);
	if (handle)
		f->MQTTAsync_destroy(&handle);
}

/* In this order: what is loaded stays. */
static void the_variant_with_tls_is_loaded_only_when_needed(void **state)
{
	struct paho_functions plain = {0}, tls = {0}, later = {0};
	const char *why = NULL;
	(void)state;
	assert_false(mapped("libpaho"));
	assert_true(paho_functions(false, &plain, &why));
	assert_true(mapped("libpaho-mqtt3a.so"));
	assert_false(mapped("libssl") || mapped("libcrypto"));
	use(&plain, false);

	assert_true(paho_functions(true, &tls, &why));
	assert_true(mapped("libssl") && mapped("libcrypto"));
	assert_ptr_not_equal(plain.MQTTAsync_connect, tls.MQTTAsync_connect);
	use(&tls, true);
	use(&plain, false);

	assert_true(
		paho_functions(false, &later, &why)); /* one is enough: no second pair of threads */
	assert_ptr_equal(later.MQTTAsync_connect, tls.MQTTAsync_connect);
	use(&later, true);
}

static void openssl_is_loaded_once(void **state)
{
	const char *why = NULL;
	(void)state;
	assert_true(openssl_load(&why));
	assert_true(openssl_load(&why));
	SSL_CTX *ctx = openssl.SSL_CTX_new(openssl.TLS_client_method());
	assert_non_null(ctx);
	openssl.SSL_CTX_free(ctx);
}

static void a_library_without_a_function_is_refused(void **state)
{
	static const char *const names[] = {"MQTTAsync_connect", "MQTTAsync_fly"};
	void *table[2] = {&table, &table};
	const char *why = NULL;
	(void)state;
	assert_false(library_load(false, names, 2, table, &why));
	assert_non_null(strstr(why, "MQTTAsync_fly"));
	assert_null(table[0]);
}

/* It makes the locks of all handles anew: those of a handle that is in use were lost, and what it
 * sent waited up to a second, or for good. */
static void the_library_begins_once_for_all_handles(void **state)
{
	static const struct mqtt_conf conf = {.host = "127.0.0.1", .port = 1};
	static const struct paho_sink sink;
	const char *why = NULL;
	(void)state;
	begun = 0;
	for (int i = 0; i < 2; i++) {
		struct paho *a = paho_create(&conf, conf.host, "a", 5, NULL, NULL, &sink, &why);
		struct paho *b = paho_create(&conf, conf.host, "b", 4, NULL, NULL, &sink, &why);
		assert_non_null(a);
		assert_non_null(b);
		paho_destroy(a);
		paho_destroy(b);
	}
	assert_int_equal(begun, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_variant_with_tls_is_loaded_only_when_needed),
		cmocka_unit_test(openssl_is_loaded_once),
		cmocka_unit_test(a_library_without_a_function_is_refused),
		cmocka_unit_test(the_library_begins_once_for_all_handles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
