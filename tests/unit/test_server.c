// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/sim/server.h"

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

/* Registers below 1000 exist; 500 fails; bits the same. */
struct image {
	uint16_t reg[1000];
	bool bit[1000];
};

static uint8_t read_image(void *ctx, uint8_t table, uint16_t addr, uint16_t count, uint16_t *words)
{
	const struct image *m = ctx;
	if (addr + count > 1000)
		return EXC_ADDRESS;
	if (addr == 500)
		return EXC_FAILURE;
	for (unsigned i = 0; i < count; i++)
		if (!table_is_bits(table))
			words[i] = m->reg[addr + i];
		else if (m->bit[addr + i])
			words[i / 16] |= (uint16_t)(1 << i % 16);
	return 0;
}

static uint8_t write_image(void *ctx, uint8_t table, uint16_t addr, uint16_t count,
                           const uint16_t *words)
{
	struct image *m = ctx;
	if (addr + count > 1000)
		return EXC_ADDRESS;
	for (unsigned i = 0; i < count; i++)
		if (table_is_bits(table))
			m->bit[addr + i] = words[i / 16] >> i % 16 & 1;
		else
			m->reg[addr + i] = words[i];
	return 0;
}

static struct image image;
static const struct server server = {
	.ctx = &image,
	.read = read_image,
	.write = write_image,
	.id = "meter",
	.status = 0x6D,
	.object = {"Vendor", "Code", "1.2", NULL, "Name"},
};

static void gives(const uint8_t *pdu, size_t len, const uint8_t *want, size_t n)
{
	uint8_t answer[PDU_MAX];
	assert_int_equal(server_answer(&server, pdu, len, answer), n);
	assert_memory_equal(answer, want, n);
	struct request r;
	uint8_t exception;
	if (n && pdu[0] < 0x80 && pdu_raw(&r, 1, pdu, len, 0))
		assert_true(pdu_answers(&r, answer, n, &exception));
}

static void every_function_does_its_work(void **state)
{
	(void)state;
	gives(BYTES(16, 0, 1, 0, 2, 4, 0, 10, 1, 2), BYTES(16, 0, 1, 0, 2));
	gives(BYTES(3, 0, 1, 0, 2), BYTES(3, 4, 0, 10, 1, 2));
	gives(BYTES(4, 0, 1, 0, 2), BYTES(4, 4, 0, 10, 1, 2));
	gives(BYTES(6, 0, 3, 0x12, 0x34), BYTES(6, 0, 3, 0x12, 0x34));
	gives(BYTES(22, 0, 3, 0xFF, 0, 0, 0x56), BYTES(22, 0, 3, 0xFF, 0, 0, 0x56));
	assert_int_equal(image.reg[3], 0x1256);
	gives(BYTES(23, 0, 3, 0, 2, 0, 4, 0, 1, 2, 7, 8), BYTES(23, 4, 0x12, 0x56, 7, 8));
	gives(BYTES(5, 0, 9, 0xFF, 0), BYTES(5, 0, 9, 0xFF, 0));
	gives(BYTES(15, 0, 10, 0, 9, 2, 0x55, 1), BYTES(15, 0, 10, 0, 9));
	gives(BYTES(1, 0, 9, 0, 10), BYTES(1, 2, 0xAB, 2));
	gives(BYTES(2, 0, 9, 0, 1), BYTES(2, 1, 1));
	gives(BYTES(7), BYTES(7, 0x6D));
	gives(BYTES(8, 0, 0, 1, 2, 3), BYTES(8, 0, 0, 1, 2, 3));
	gives(BYTES(8, 0, 11, 0, 0), BYTES(8, 0, 11, 0, 0));
	gives(BYTES(8, 0, 4, 0, 0), NULL, 0);
	gives(BYTES(17), BYTES(17, 6, 'm', 'e', 't', 'e', 'r', 0xFF));
	gives(BYTES(43, 14, 1, 0), BYTES(43, 14, 1, 0x82, 0, 0, 3, 0, 6, 'V', 'e', 'n', 'd', 'o',
	                                 'r', 1, 4, 'C', 'o', 'd', 'e', 2, 3, '1', '.', '2'));
	gives(BYTES(43, 14, 2, 4), BYTES(43, 14, 2, 0x82, 0, 0, 1, 4, 4, 'N', 'a', 'm', 'e'));
	gives(BYTES(43, 14, 4, 2), BYTES(43, 14, 4, 0x82, 0, 0, 1, 2, 3, '1', '.', '2'));
}

static void exceptions_are_the_right_ones(void **state)
{
	(void)state;
	gives(BYTES(0x41, 1), BYTES(0xC1, 1));
	gives(BYTES(24, 0, 0), BYTES(0x98, 1));
	gives(BYTES(43, 13, 0, 0), BYTES(0xAB, 1));
	gives(BYTES(3, 0, 1, 0, 0), BYTES(0x83, 3));
	gives(BYTES(3, 0, 1, 0, 126), BYTES(0x83, 3));
	gives(BYTES(3, 0, 1), BYTES(0x83, 3));
	gives(BYTES(3, 0xFF, 0xFF, 0, 2), BYTES(0x83, 2));
	gives(BYTES(3, 3, 0xE8, 0, 1), BYTES(0x83, 2));
	gives(BYTES(4, 1, 0xF4, 0, 1), BYTES(0x84, 4));
	gives(BYTES(1, 0, 0, 7, 0xD1), BYTES(0x81, 3));
	gives(BYTES(5, 0, 0, 1, 0), BYTES(0x85, 3));
	gives(BYTES(16, 0, 1, 0, 2, 2, 0, 10), BYTES(0x90, 3));
	gives(BYTES(15, 0, 1, 0, 9, 1, 0), BYTES(0x8F, 3));
	gives(BYTES(6, 4, 0, 0, 0), BYTES(0x86, 2));
	gives(BYTES(22, 4, 0, 0, 0, 0, 0), BYTES(0x96, 2));
	gives(BYTES(43, 14, 4, 3), BYTES(0xAB, 2));
	gives(BYTES(43, 14, 5, 0), BYTES(0xAB, 3));
	gives(BYTES(8, 0, 9, 0, 0), BYTES(0x88, 1));
	gives(BYTES(0x83, 2), NULL, 0);
	gives(NULL, 0, NULL, 0);
}

static void any_bytes_get_an_answer_that_fits(void **state)
{
	(void)state;
	uint8_t pdu[PDU_MAX], answer[PDU_MAX];
	srand(7);
	for (int i = 0; i < 200000; i++) {
		const size_t len = (size_t)rand() % 20;
		for (size_t k = 0; k < len; k++)
			pdu[k] = (uint8_t)(rand() % (k == 1 || k == 3 ? 5 : 256));
		if (len)
			pdu[0] %= 45;
		assert_in_range(server_answer(&server, pdu, len, answer), 0, PDU_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_function_does_its_work),
		cmocka_unit_test(exceptions_are_the_right_ones),
		cmocka_unit_test(any_bytes_get_an_answer_that_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
