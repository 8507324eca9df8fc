// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/arena.h"

static void memory_is_zeroed_aligned_and_apart(void **state)
{
	(void)state;
	struct arena *a = arena_create();
	unsigned char *last = NULL;
	for (size_t size = 1; size < 5000; size += 37) {
		unsigned char *p = arena_alloc(a, size);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		assert_ptr_not_equal(p, last);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xA5, size);
		last = p;
	}
	arena_destroy(a);
}

static void large_pieces_do_not_waste_the_open_chunk(void **state)
{
	(void)state;
	struct arena *a = arena_create();
	char *first = arena_strdup(a, "one");
	char *large = arena_alloc(a, 100000);
	memset(large, 1, 100000);
	char *second = arena_strdup(a, "two");
	assert_ptr_equal(second, first + 16);
	assert_string_equal(first, "one");
	assert_string_equal(arena_printf(a, "%s-%d", second, 7), "two-7");
	assert_null(arena_strdup(a, NULL));
	assert_true(arena_used(a) > 100000);
	arena_destroy(a);
	arena_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
		cmocka_unit_test(large_pieces_do_not_waste_the_open_chunk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
