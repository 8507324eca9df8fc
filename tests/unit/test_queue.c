// SPDX-License-Identifier: MIT
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bus/queue.h"

#define PUSHERS 4
#define ITEMS 5000

struct item {
	uint32_t pusher, number;
};

static bool readable(const struct queue *q)
{
	struct pollfd f = {.fd = queue_fd(q), .events = POLLIN};
	return poll(&f, 1, 0) == 1;
}

static void items_come_out_in_the_order_they_went_in(void **state)
{
	(void)state;
	struct queue *q = queue_create(sizeof(struct item), 3);
	uint32_t in = 0, out = 0;
	for (int round = 0; round < 100; round++) {
		struct item i = {0, in};
		while (queue_try_push(q, &i))
			i.number = ++in;
		assert_int_equal(queue_used(q), 3);
		for (int k = 0; k < 1 + round % 3; k++) {
			assert_true(queue_pop(q, &i));
			assert_int_equal(i.number, out++);
		}
	}
	queue_destroy(q);
}

static void the_descriptor_is_readable_exactly_while_there_is_something(void **state)
{
	(void)state;
	struct queue *q = queue_create(sizeof(int), 2);
	int i = 1;
	assert_false(readable(q));
	for (int round = 0; round < 3; round++) {
		assert_true(queue_try_push(q, &i));
		assert_true(readable(q));
		assert_true(queue_try_push(q, &i));
		assert_true(queue_pop(q, &i));
		assert_true(readable(q));
		assert_true(queue_pop(q, &i));
		assert_false(readable(q));
		assert_false(queue_pop(q, &i));
	}
	queue_destroy(q);
}

static void nothing_enters_a_closed_queue_and_what_is_in_it_can_be_taken(void **state)
{
	(void)state;
	struct queue *q = queue_create(sizeof(int), 2);
	int i = 7;
	assert_true(queue_try_push(q, &i));
	assert_false(queue_closed(q));
	queue_close(q);
	assert_true(queue_closed(q));
	assert_false(queue_try_push(q, &i));
	i = 0;
	assert_true(queue_pop(q, &i));
	assert_int_equal(i, 7);
	queue_destroy(q);
	queue_destroy(NULL);
}

struct pusher {
	struct queue *q;
	uint32_t number;
};

static size_t weight_of(const void *item)
{
	return ((const struct item *)item)->number;
}

static void items_that_weigh_much_are_fewer(void **state)
{
	(void)state;
	struct queue *q = queue_create(sizeof(struct item), 100);
	queue_weigh(q, 1000, weight_of);
	struct item i = {0, 5000};
	assert_true(queue_try_push(q, &i)); /* one alone always fits */
	i.number = 0;
	assert_false(queue_try_push(q, &i));
	assert_true(queue_pop(q, &i));
	unsigned n = 0;
	for (i.number = 300; queue_try_push(q, &i); n++)
		;
	assert_int_equal(n, 3);
	i.number = 100;
	assert_true(queue_try_push(q, &i));
	i.number = 1;
	assert_false(queue_try_push(q, &i));
	while (queue_pop(q, &i))
		;
	i.number = 0;
	for (n = 0; queue_try_push(q, &i); n++)
		;
	assert_int_equal(n, 100);
	queue_destroy(q);
}

static void *push_all(void *arg)
{
	struct pusher *p = arg;
	for (uint32_t n = 0; n < ITEMS; n++) {
		const struct item i = {p->number, n};
		while (!queue_try_push(p->q, &i))
			sched_yield(); /* full: the reader takes them */
	}
	return NULL;
}

static void many_threads_push_through_a_small_queue_and_none_is_lost(void **state)
{
	(void)state;
	struct queue *q = queue_create(sizeof(struct item), 2);
	struct pusher p[PUSHERS];
	pthread_t thread[PUSHERS];
	uint32_t next[PUSHERS] = {0};
	for (uint32_t i = 0; i < PUSHERS; i++) {
		p[i] = (struct pusher){.q = q, .number = i};
		assert_int_equal(pthread_create(&thread[i], NULL, push_all, &p[i]), 0);
	}
	for (uint32_t got = 0; got < PUSHERS * ITEMS;) {
		struct pollfd f = {.fd = queue_fd(q), .events = POLLIN};
		assert_int_equal(poll(&f, 1, 20000), 1);
		for (struct item i; queue_pop(q, &i); got++)
			assert_int_equal(i.number, next[i.pusher]++);
	}
	for (int i = 0; i < PUSHERS; i++)
		pthread_join(thread[i], NULL);
	assert_false(readable(q));
	queue_destroy(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_come_out_in_the_order_they_went_in),
		cmocka_unit_test(the_descriptor_is_readable_exactly_while_there_is_something),
		cmocka_unit_test(nothing_enters_a_closed_queue_and_what_is_in_it_can_be_taken),
		cmocka_unit_test(items_that_weigh_much_are_fewer),
		cmocka_unit_test(many_threads_push_through_a_small_queue_and_none_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
