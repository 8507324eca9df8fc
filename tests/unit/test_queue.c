#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>

#include "bus/queue.h"

static bool readable(struct queue *q, int wait_ms)
{
	struct pollfd p = {.fd = queue_fd(q), .events = POLLIN};
	return poll(&p, 1, wait_ms) == 1;
}

static void items_come_out_in_order_and_the_descriptor_tells_when(void **state)
{
	(void)state;
	struct queue *q = queue_create(sizeof(int), 5);
	int out = -1;
	assert_false(readable(q, 0));
	assert_false(queue_pop(q, &out));
	for (int round = 0; round < 20; round++) { /* the ring turns over */
		for (int i = 0; i < 3; i++)
			assert_true(queue_try_push(q, &(int){10 * round + i}));
		assert_int_equal(queue_used(q), 3);
		for (int i = 0; i < 3; i++) {
			assert_true(readable(q, 0));
			assert_true(queue_pop(q, &out));
			assert_int_equal(out, 10 * round + i);
		}
		assert_false(queue_pop(q, &out));
		assert_false(readable(q, 0));
	}
	queue_destroy(q);
	queue_destroy(NULL);
}

static void a_full_queue_takes_no_more_and_a_closed_one_nothing(void **state)
{
	(void)state;
	struct queue *q = queue_create(sizeof(int), 2);
	int out = 0;
	assert_true(queue_try_push(q, &(int){1}));
	assert_true(queue_try_push(q, &(int){2}));
	assert_false(queue_try_push(q, &(int){3}));
	assert_true(queue_pop(q, &out));
	assert_true(queue_push(q, &(int){4}));
	queue_close(q);
	assert_false(queue_push(q, &(int){5}));
	assert_true(queue_pop(q, &out));
	assert_false(queue_try_push(q, &(int){6}));
	assert_int_equal(out, 2);
	assert_true(queue_pop(q, &out)); /* what was in it still comes out */
	assert_int_equal(out, 4);
	assert_false(queue_pop(q, &out));
	queue_destroy(q);
}

static void *push_two(void *arg)
{
	struct queue *q = arg;
	static bool kept[2];
	kept[0] = queue_push(q, &(int){7});
	kept[1] = queue_push(q, &(int){8}); /* waits: nobody takes */
	return kept;
}

static void closing_frees_those_who_wait(void **state)
{
	(void)state;
	struct queue *q = queue_create(sizeof(int), 1);
	pthread_t t;
	void *kept;
	pthread_create(&t, NULL, push_two, q);
	assert_true(readable(q, 10000));
	queue_close(q);
	pthread_join(t, &kept);
	assert_true(((bool *)kept)[0]);
	assert_false(((bool *)kept)[1]);
	queue_destroy(q);
}

#define PUSHERS 4
#define EACH 5000

struct item {
	unsigned pusher, number, check;
};

struct pusher {
	struct queue *q;
	unsigned which;
};

static void *push_many(void *arg)
{
	const struct pusher *p = arg;
	for (unsigned i = 0; i < EACH; i++)
		queue_push(p->q, &(struct item){p->which, i, p->which ^ i});
	return NULL;
}

static void nothing_is_lost_or_mixed_between_threads(void **state)
{
	(void)state;
	struct queue *q = queue_create(sizeof(struct item), 8);
	pthread_t t[PUSHERS];
	struct pusher p[PUSHERS];
	unsigned next[PUSHERS] = {0}, taken = 0;
	struct item item;
	for (unsigned i = 0; i < PUSHERS; i++) {
		p[i] = (struct pusher){q, i};
		pthread_create(&t[i], NULL, push_many, &p[i]);
	}
	while (taken < PUSHERS * EACH) {
		assert_true(readable(q, 10000));
		while (queue_pop(q, &item)) {
			assert_int_equal(item.check, item.pusher ^ item.number);
			assert_int_equal(item.number, next[item.pusher]++);
			taken++;
		}
	}
	for (unsigned i = 0; i < PUSHERS; i++)
		pthread_join(t[i], NULL);
	assert_false(queue_pop(q, &item));
	assert_false(readable(q, 0));
	queue_destroy(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_come_out_in_order_and_the_descriptor_tells_when),
		cmocka_unit_test(a_full_queue_takes_no_more_and_a_closed_one_nothing),
		cmocka_unit_test(closing_frees_those_who_wait),
		cmocka_unit_test(nothing_is_lost_or_mixed_between_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
