// SPDX-License-Identifier: MIT
/* Look-ups of names that hang: whom they hold up. The system's look-up is a scripted one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "bus/clock.h"
#include "bus/lookup.h"

#define LIMIT (20 * US_S)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool released; /* names that hang go on */
static unsigned hanging, most, done;

/* "192…" is literal; "hang" hangs until it is released; "none" is unknown. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hint,
                struct addrinfo **list)
{
	(void)service;
	if (hint->ai_flags & AI_NUMERICHOST && strncmp(host, "192", 3) != 0)
		return EAI_NONAME;
	pthread_mutex_lock(&lock);
	hanging++;
	if (hanging > most)
		most = hanging;
	pthread_cond_broadcast(&changed);
	while (strncmp(host, "hang", 4) == 0 && !released)
		pthread_cond_wait(&changed, &lock);
	hanging--;
	pthread_mutex_unlock(&lock);
	if (strcmp(host, "none") == 0)
		return EAI_NONAME;
	*list = calloc(1, sizeof(**list));
	return *list ? 0 : EAI_MEMORY;
}

void freeaddrinfo(struct addrinfo *list)
{
	free(list);
}

static void count(void *ctx)
{
	(void)ctx;
	pthread_mutex_lock(&lock);
	done++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

/* So many look-ups hang, or are done. */
static void await(const unsigned *what, unsigned n)
{
	const us_t limit = clock_now() + LIMIT;
	pthread_mutex_lock(&lock);
	while (*what < n) {
		const struct timespec t = clock_timespec(US_MS);
		pthread_mutex_unlock(&lock);
		assert_true(clock_now() < limit);
		nanosleep(&t, NULL);
		pthread_mutex_lock(&lock);
	}
	pthread_mutex_unlock(&lock);
}

static void release(void)
{
	pthread_mutex_lock(&lock);
	released = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static int begin(void **state)
{
	(void)state;
	released = false;
	hanging = most = done = 0;
	return 0;
}

static int took(struct lookup *l)
{
	int error;
	us_t time;
	struct addrinfo *list;
	assert_true(lookup_take(l, &error, &list, &time));
	assert_int_equal(error != 0, list == NULL);
	free(list);
	return error;
}

static void a_literal_address_is_there_at_once(void **state)
{
	(void)state;
	assert_int_equal(took(lookup_begin("192.0.2.1", 502, 0, count, NULL)), 0);
	assert_int_equal(done, 0);
}

static void without_a_thread_it_waits(void **state)
{
	(void)state;
	assert_int_equal(took(lookup_begin("meter", 502, 0, NULL, NULL)), 0);
	assert_int_equal(took(lookup_begin("none", 502, 0, NULL, NULL)), EAI_NONAME);
}

static void a_name_that_hangs_holds_up_no_other(void **state)
{
	(void)state;
	int error;
	us_t time;
	struct addrinfo *list;
	struct lookup *hung = lookup_begin("hang", 502, 0, count, NULL);
	await(&hanging, 1);
	struct lookup *good = lookup_begin("meter", 502, 0, count, NULL);
	struct lookup *bad = lookup_begin("none", 502, 0, count, NULL);
	await(&done, 2);
	assert_int_equal(took(good), 0);
	assert_int_equal(took(bad), EAI_NONAME);
	assert_false(lookup_take(hung, &error, &list, &time));
	release();
	await(&done, 3);
	assert_int_equal(took(hung), 0);
}

/* Those that were slow the last time go one after the other. */
static void names_known_to_be_slow_leave_helpers_to_others(void **state)
{
	(void)state;
	struct lookup *hung[2 * LOOKUP_HELPERS];
	for (unsigned i = 0; i < 2 * LOOKUP_HELPERS; i++)
		hung[i] = lookup_begin("hang", 502, 5 * US_S, count, NULL);
	await(&hanging, 1);
	struct lookup *good = lookup_begin("meter", 502, 0, count, NULL);
	await(&done, 1);
	assert_int_equal(took(good), 0);
	release();
	await(&done, 1 + 2 * LOOKUP_HELPERS);
	assert_true(most <= 2);
	for (unsigned i = 0; i < 2 * LOOKUP_HELPERS; i++)
		assert_int_equal(took(hung[i]), 0);
}

static void what_is_dropped_is_not_reported(void **state)
{
	(void)state;
	struct lookup *l[3 * LOOKUP_HELPERS];
	for (unsigned i = 0; i < 3 * LOOKUP_HELPERS; i++)
		l[i] = lookup_begin("hang", 502, 0, count, NULL);
	await(&hanging, LOOKUP_HELPERS); /* the others wait */
	for (unsigned i = 1; i < 3 * LOOKUP_HELPERS; i++)
		lookup_drop(l[i]);
	lookup_drop(NULL);
	release();
	await(&done, 1);
	assert_int_equal(took(l[0]), 0);
	assert_int_equal(most, LOOKUP_HELPERS);
	assert_int_equal(done, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_literal_address_is_there_at_once, begin),
		cmocka_unit_test_setup(without_a_thread_it_waits, begin),
		cmocka_unit_test_setup(a_name_that_hangs_holds_up_no_other, begin),
		cmocka_unit_test_setup(names_known_to_be_slow_leave_helpers_to_others, begin),
		cmocka_unit_test_setup(what_is_dropped_is_not_reported, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
