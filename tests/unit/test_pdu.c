// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/modbus/pdu.h"

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static void request_is(const struct request *r, const uint8_t *bytes, size_t n, unsigned answer)
{
	assert_int_equal(r->len, n);
	assert_memory_equal(r->pdu, bytes, n);
	assert_int_equal(r->answer_len, answer);
}

static bool answers(const struct request *r, const uint8_t *bytes, size_t n)
{
	uint8_t exception = 99;
	const bool yes = pdu_answers(r, bytes, n, &exception);
	assert_int_equal(exception, 0);
	return yes;
}

static void crc_is_that_of_the_specification(void **state)
{
	(void)state;
	assert_int_equal(crc16(BYTES(0x02, 0x07)), 0x1241); /* serial line, 6.2.2: sent 41 12 */
	assert_int_equal(crc16((const uint8_t *)"123456789", 9), 0x4B37);
	assert_int_equal(crc16(NULL, 0), 0xFFFF);
	uint8_t frame[ADU_RTU_MAX];
	assert_int_equal(pdu_frame(1, BYTES(3, 0, 0, 0, 10), frame), 8);
	assert_memory_equal(frame, ((const uint8_t[]){1, 3, 0, 0, 0, 10, 0xC5, 0xCD}), 8);
	assert_int_equal(crc16(frame, 8), 0);
}

static void requests_are_those_of_the_specification(void **state)
{
	(void)state;
	struct request r;
	assert_true(pdu_read(&r, 1, TABLE_COIL, 0x13, 0x13));
	request_is(&r, BYTES(1, 0, 0x13, 0, 0x13), 5);
	assert_true(pdu_read(&r, 1, TABLE_DISCRETE, 0xC4, 0x16));
	request_is(&r, BYTES(2, 0, 0xC4, 0, 0x16), 5);
	assert_true(pdu_read(&r, 1, TABLE_HOLDING, 0x6B, 3));
	request_is(&r, BYTES(3, 0, 0x6B, 0, 3), 8);
	assert_true(pdu_read(&r, 1, TABLE_INPUT, 8, 1));
	request_is(&r, BYTES(4, 0, 8, 0, 1), 4);
	assert_true(pdu_write_coil(&r, 1, 0xAC, 0xFF00));
	request_is(&r, BYTES(5, 0, 0xAC, 0xFF, 0), 5);
	assert_true(pdu_write_register(&r, 1, 1, 3));
	request_is(&r, BYTES(6, 0, 1, 0, 3), 5);
	assert_true(pdu_write_coils(&r, 1, 0x13, 10, (const uint16_t[]){0xFDCD}));
	request_is(&r, BYTES(15, 0, 0x13, 0, 10, 2, 0xCD, 1), 5);
	assert_true(pdu_write_registers(&r, 1, 1, 2, (const uint16_t[]){0x0A, 0x102}));
	request_is(&r, BYTES(16, 0, 1, 0, 2, 4, 0, 10, 1, 2), 5);
	assert_true(pdu_mask_write(&r, 1, 4, 0xF2, 0x25));
	request_is(&r, BYTES(22, 0, 4, 0, 0xF2, 0, 0x25), 7);
	assert_true(pdu_read_write(&r, 1, 3, 6, 0xE, 3, (const uint16_t[]){255, 255, 255}));
	request_is(&r, BYTES(23, 0, 3, 0, 6, 0, 0xE, 0, 3, 6, 0, 255, 0, 255, 0, 255), 14);
	assert_true(pdu_device_id(&r, 1, 1, 0));
	request_is(&r, BYTES(43, 14, 1, 0), 0);
	assert_true(pdu_raw(&r, 1, BYTES(8, 0, 0, 0xA5, 0x37), 0));
	request_is(&r, BYTES(8, 0, 0, 0xA5, 0x37), 5);
	assert_true(pdu_raw(&r, 1, BYTES(17), 0));
	request_is(&r, BYTES(17), 0);
	assert_true(pdu_raw(&r, 1, BYTES(7), 0));
	request_is(&r, BYTES(7), 2);
	assert_true(pdu_raw(&r, 1, BYTES(0x41, 1, 2), 9));
	request_is(&r, BYTES(0x41, 1, 2), 9);
	assert_true(pdu_raw(&r, 1, BYTES(3, 0, 0, 0, 2), 0));
	assert_int_equal(r.answer_len, 6);
}

static void limits_are_those_of_the_specification(void **state)
{
	(void)state;
	static const uint16_t words[CELLS_MAX];
	struct request r;
	assert_true(pdu_read(&r, 1, TABLE_COIL, 0, 2000));
	assert_int_equal(r.answer_len, 252);
	assert_false(pdu_read(&r, 1, TABLE_COIL, 0, 2001));
	assert_false(pdu_read(&r, 1, TABLE_DISCRETE, 0, 0));
	assert_true(pdu_read(&r, 1, TABLE_HOLDING, 65411, 125));
	assert_int_equal(r.answer_len, 252);
	assert_false(pdu_read(&r, 1, TABLE_HOLDING, 65412, 125));
	assert_false(pdu_read(&r, 1, TABLE_INPUT, 0, 126));
	assert_false(pdu_read(&r, 1, TABLE_INPUT + 1, 0, 1));
	assert_true(pdu_write_coils(&r, 1, 0, 1968, words));
	assert_int_equal(r.len, 252);
	assert_false(pdu_write_coils(&r, 1, 0, 1969, words));
	assert_true(pdu_write_registers(&r, 1, 0, 123, words));
	assert_int_equal(r.len, 252);
	assert_false(pdu_write_registers(&r, 1, 0, 124, words));
	assert_false(pdu_write_registers(&r, 1, 65535, 2, words));
	assert_true(pdu_read_write(&r, 1, 0, 125, 0, 121, words));
	assert_int_equal(r.len, 252);
	assert_false(pdu_read_write(&r, 1, 0, 126, 0, 121, words));
	assert_false(pdu_read_write(&r, 1, 0, 125, 0, 122, words));
	assert_false(pdu_device_id(&r, 1, 0, 0));
	assert_false(pdu_device_id(&r, 1, 5, 0));
	assert_false(pdu_raw(&r, 1, BYTES(0x80), 0));
	assert_false(pdu_raw(&r, 1, BYTES(0), 0));
	assert_false(pdu_raw(&r, 1, NULL, 0, 0));
	static const uint8_t large[254] = {0x41};
	assert_true(pdu_raw(&r, 1, large, 253, 253));
	assert_false(pdu_raw(&r, 1, large, 254, 0));
	assert_false(pdu_raw(&r, 1, large, 5, 254));
}

static void read_answers_need_length_and_byte_count(void **state)
{
	(void)state;
	struct request r;
	pdu_read(&r, 1, TABLE_HOLDING, 0x6B, 3);
	assert_true(answers(&r, BYTES(3, 6, 2, 0x2B, 0, 0, 0, 0x64)));
	assert_false(answers(&r, BYTES(4, 6, 2, 0x2B, 0, 0, 0, 0x64)));
	assert_false(answers(&r, BYTES(3, 5, 2, 0x2B, 0, 0, 0, 0x64)));
	assert_false(answers(&r, BYTES(3, 6, 2, 0x2B, 0, 0, 0)));
	assert_false(answers(&r, BYTES(3, 7, 2, 0x2B, 0, 0, 0, 0x64, 1)));
	assert_false(answers(&r, BYTES(3, 8, 2, 0x2B, 0, 0, 0, 0x64, 0, 0)));
	assert_false(answers(&r, NULL, 0));
	pdu_read(&r, 1, TABLE_COIL, 0x13, 0x13);
	assert_true(answers(&r, BYTES(1, 3, 0xCD, 0x6B, 5)));
	assert_false(answers(&r, BYTES(2, 3, 0xCD, 0x6B, 5)));
	assert_false(answers(&r, BYTES(1, 2, 0xCD, 0x6B)));
	pdu_read_write(&r, 1, 3, 1, 0xE, 1, (const uint16_t[]){255});
	assert_true(answers(&r, BYTES(23, 2, 0, 0xFE)));
	assert_false(answers(&r, BYTES(23, 1, 0, 0xFE)));
	pdu_raw(&r, 1, BYTES(7), 0);
	assert_true(answers(&r, BYTES(7, 0x6D)));
	assert_false(answers(&r, BYTES(7, 0x6D, 0)));
}

static void write_answers_repeat_the_request(void **state)
{
	(void)state;
	struct request r;
	pdu_write_coil(&r, 1, 0xAC, 0xFF00);
	assert_true(answers(&r, BYTES(5, 0, 0xAC, 0xFF, 0)));
	assert_false(answers(&r, BYTES(5, 0, 0xAC, 0, 0)));
	pdu_write_register(&r, 1, 1, 3);
	assert_true(answers(&r, BYTES(6, 0, 1, 0, 3)));
	assert_false(answers(&r, BYTES(6, 0, 2, 0, 3)));
	assert_false(answers(&r, BYTES(6, 0, 1, 0, 4)));
	assert_false(answers(&r, BYTES(6, 0, 1, 0)));
	pdu_write_coils(&r, 1, 0x13, 10, (const uint16_t[]){0x1CD});
	assert_true(answers(&r, BYTES(15, 0, 0x13, 0, 10)));
	assert_false(answers(&r, BYTES(15, 0, 0x13, 0, 9)));
	pdu_write_registers(&r, 1, 1, 1, (const uint16_t[]){5});
	assert_true(answers(&r, BYTES(16, 0, 1, 0, 1)));
	assert_false(answers(&r, BYTES(16, 0, 1, 0, 1, 2, 0, 5))); /* our own echo */
	pdu_mask_write(&r, 1, 4, 0xF2, 0x25);
	assert_true(answers(&r, BYTES(22, 0, 4, 0, 0xF2, 0, 0x25)));
	assert_false(answers(&r, BYTES(22, 0, 4, 0, 0xF2, 0, 0x24)));
}

static void a_loose_echo_may_be_of_another_register(void **state)
{
	(void)state;
	struct request r, other;
	pdu_write_register(&r, 1, 1, 3);
	pdu_write_register(&other, 1, 9, 4);
	struct signature a = pdu_signature(&r), b = pdu_signature(&other);
	assert_false(r.loose);
	assert_false(signature_same(&a, &b));
	r.loose = other.loose = true;
	assert_true(answers(&r, BYTES(6, 0, 1, 0, 3)));
	assert_true(answers(&r, BYTES(6, 0, 2, 0, 4)));
	assert_false(answers(&r, BYTES(6, 0, 1, 0)));
	assert_false(answers(&r, BYTES(16, 0, 1, 0, 3)));
	a = pdu_signature(&r);
	b = pdu_signature(&other);
	assert_true(signature_same(&a, &b)); /* late, it could be taken for the other's */
	pdu_write_registers(&r, 1, 1, 1, (const uint16_t[]){5});
	r.loose = true;
	assert_false(answers(&r, BYTES(16, 0, 2, 0, 1)));
}

static void diagnostics_and_identification_are_checked_by_their_inside(void **state)
{
	(void)state;
	struct request r;
	pdu_raw(&r, 1, BYTES(8, 0, 0, 0xA5, 0x37), 0);
	assert_true(answers(&r, BYTES(8, 0, 0, 0xA5, 0x37)));
	assert_false(answers(&r, BYTES(8, 0, 0, 0xA5, 0x38)));
	pdu_raw(&r, 1, BYTES(8, 0, 0x0B, 0, 0), 0);
	assert_true(answers(&r, BYTES(8, 0, 0x0B, 0x12, 0x34)));
	assert_false(answers(&r, BYTES(8, 0, 0x0C, 0x12, 0x34)));
	pdu_device_id(&r, 1, 1, 0);
	assert_true(answers(&r, BYTES(43, 14, 1, 1, 0, 0, 2, 0, 2, 'a', 'b', 1, 1, 'c')));
	assert_false(answers(&r, BYTES(43, 14, 2, 1, 0, 0, 2, 0, 2, 'a', 'b', 1, 1, 'c')));
	assert_false(answers(&r, BYTES(43, 14, 1, 1, 0, 0, 2, 0, 2, 'a', 'b', 1, 1)));
	assert_false(answers(&r, BYTES(43, 14, 1, 1, 0, 0, 2, 0, 2, 'a', 'b')));
	assert_false(answers(&r, BYTES(43, 13, 1, 1, 0, 0, 0)));
	assert_false(answers(&r, BYTES(43)));
	pdu_raw(&r, 1, BYTES(17), 0);
	assert_true(answers(&r, BYTES(17, 3, 'x', 'y', 0xFF)));
	assert_false(answers(&r, BYTES(17, 3, 'x', 'y', 0xFF, 0)));
	assert_false(answers(&r, BYTES(17)));
	pdu_raw(&r, 1, BYTES(0x41, 1), 3);
	assert_true(answers(&r, BYTES(0x41, 9, 9)));
	assert_false(answers(&r, BYTES(0x41, 9, 9, 9)));
	pdu_raw(&r, 1, BYTES(0x41, 1), 0);
	assert_true(answers(&r, BYTES(0x41, 9, 9, 9)));
}

static void exceptions_belong_to_their_function(void **state)
{
	(void)state;
	static const uint8_t functions[] = {1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 22, 23, 43, 0x41};
	for (size_t i = 0; i < sizeof functions; i++) {
		struct request r = {.unit = 1, .len = 5, .pdu = {functions[i]}};
		for (unsigned code = 1; code < 256; code++) {
			const uint8_t pdu[] = {functions[i] | 0x80, (uint8_t)code, 0};
			uint8_t exception;
			assert_true(pdu_answers(&r, pdu, 2, &exception));
			assert_int_equal(exception, code);
			assert_false(pdu_answers(&r, pdu, 3, &exception));
			assert_false(pdu_answers(&r, pdu, 1, &exception));
		}
		const uint8_t other[] = {(functions[i] ^ 1) | 0x80, 2},
			      none[] = {functions[i] | 0x80, 0};
		assert_false(answers(&r, other, 2));
		assert_false(answers(&r, none, 2));
	}
}

static void cells_of_registers_are_big_endian(void **state)
{
	(void)state;
	struct request r;
	uint16_t words[CELLS_MAX] = {0};
	pdu_read(&r, 1, TABLE_HOLDING, 0x6B, 3);
	pdu_cells(&r, BYTES(3, 6, 2, 0x2B, 0, 0, 0, 0x64), words);
	assert_int_equal(words[0], 555);
	assert_int_equal(words[1], 0);
	assert_int_equal(words[2], 100);
}

static void bits_are_packed_first_lowest_and_padding_is_cleared(void **state)
{
	(void)state;
	struct request r;
	uint16_t words[CELLS_MAX];
	memset(words, 0xFF, sizeof words);
	pdu_read(&r, 1, TABLE_COIL, 0x13, 19);
	pdu_cells(&r, BYTES(1, 3, 0xCD, 0x6B, 0xFD), words);
	assert_int_equal(words[0], 0x6BCD);
	assert_int_equal(words[1], 5);
	assert_int_equal(words[2], 0xFFFF);
	pdu_read(&r, 1, TABLE_COIL, 0, 2000);
	uint8_t answer[252] = {1, 250};
	answer[251] = 0x80;
	pdu_cells(&r, answer, sizeof answer, words);
	assert_int_equal(words[124], 0x8000);
	assert_int_equal(words[125], 0xFFFF);
}

static struct signature read_signature(uint8_t table, uint16_t addr, uint16_t count)
{
	struct request r;
	assert_true(pdu_read(&r, 1, table, addr, count));
	return pdu_signature(&r);
}

static struct signature raw_signature(const uint8_t *pdu, size_t len, uint16_t answer)
{
	struct request r;
	assert_true(pdu_raw(&r, 1, pdu, len, answer));
	return pdu_signature(&r);
}

static bool same(struct signature a, struct signature b)
{
	assert_int_equal(signature_same(&a, &b), signature_same(&b, &a));
	return signature_same(&a, &b);
}

static void signatures_are_equal_when_answers_can_be_confused(void **state)
{
	(void)state;
	assert_true(
		same(read_signature(TABLE_HOLDING, 0, 5), read_signature(TABLE_HOLDING, 99, 5)));
	assert_false(
		same(read_signature(TABLE_HOLDING, 0, 5), read_signature(TABLE_HOLDING, 0, 6)));
	assert_false(same(read_signature(TABLE_HOLDING, 0, 5), read_signature(TABLE_INPUT, 0, 5)));
	assert_true(same(read_signature(TABLE_COIL, 0, 1), read_signature(TABLE_COIL, 0, 8)));
	assert_false(same(read_signature(TABLE_COIL, 0, 8), read_signature(TABLE_COIL, 0, 9)));
	assert_false(same(raw_signature(BYTES(6, 0, 1, 0, 2), 0),
	                  raw_signature(BYTES(6, 0, 1, 0, 3), 0)));
	assert_false(same(raw_signature(BYTES(6, 0, 1, 0, 2), 0),
	                  raw_signature(BYTES(6, 0, 2, 0, 2), 0)));
	assert_true(same(raw_signature(BYTES(16, 0, 1, 0, 1, 2, 0, 5), 0),
	                 raw_signature(BYTES(16, 0, 1, 0, 1, 2, 0, 9), 0)));
	assert_true(
		same(raw_signature(BYTES(43, 14, 1, 0), 0), raw_signature(BYTES(43, 14, 1, 2), 0)));
	assert_false(
		same(raw_signature(BYTES(43, 14, 1, 0), 0), raw_signature(BYTES(43, 14, 2, 0), 0)));
	assert_true(same(raw_signature(BYTES(0x41, 1), 7), raw_signature(BYTES(0x41, 2), 0)));
	assert_false(same(raw_signature(BYTES(0x41, 1), 7), raw_signature(BYTES(0x41, 2), 8)));
}

static void frames_tell_their_size(void **state)
{
	(void)state;
	assert_int_equal(pdu_request_size(BYTES(3, 0)), 5);
	assert_int_equal(pdu_request_size(BYTES(16, 0, 1, 0, 2, 4)), 10);
	assert_int_equal(pdu_request_size(BYTES(16, 0, 1, 0, 2)), 0);
	assert_int_equal(pdu_request_size(BYTES(23, 0, 3, 0, 6, 0, 0xE, 0, 3, 6)), 16);
	assert_int_equal(pdu_request_size(BYTES(0x41)), 0);
	assert_int_equal(pdu_answer_size(BYTES(3, 6)), 8);
	assert_int_equal(pdu_answer_size(BYTES(3)), 0);
	assert_int_equal(pdu_answer_size(BYTES(0x83, 2)), 2);
	assert_int_equal(pdu_answer_size(BYTES(43, 14, 1, 1, 0, 0, 2, 0, 2, 'a', 'b', 1, 1)), 14);
	assert_int_equal(pdu_answer_size(BYTES(43, 14, 1, 1, 0, 0, 2, 0, 2, 'a', 'b')), 0);
	assert_int_equal(pdu_answer_size(NULL, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc_is_that_of_the_specification),
		cmocka_unit_test(requests_are_those_of_the_specification),
		cmocka_unit_test(limits_are_those_of_the_specification),
		cmocka_unit_test(read_answers_need_length_and_byte_count),
		cmocka_unit_test(write_answers_repeat_the_request),
		cmocka_unit_test(a_loose_echo_may_be_of_another_register),
		cmocka_unit_test(diagnostics_and_identification_are_checked_by_their_inside),
		cmocka_unit_test(exceptions_belong_to_their_function),
		cmocka_unit_test(cells_of_registers_are_big_endian),
		cmocka_unit_test(bits_are_packed_first_lowest_and_padding_is_cleared),
		cmocka_unit_test(signatures_are_equal_when_answers_can_be_confused),
		cmocka_unit_test(frames_tell_their_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
