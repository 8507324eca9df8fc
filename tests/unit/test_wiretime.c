// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/modbus/pdu.h"
#include "core/modbus/wiretime.h"

static void a_character_has_ten_or_eleven_bits(void **state)
{
	(void)state;
	struct wire w;
	wire_init(&w, 9600, 8, 'N', 1, 0);
	assert_int_equal(w.char_ns, 1041667);
	assert_int_equal(wire_chars(&w, 8), 8334);
	wire_init(&w, 9600, 8, 'E', 1, 0);
	assert_int_equal(w.char_ns, 1145834);
	wire_init(&w, 9600, 8, 'N', 2, 0);
	assert_int_equal(w.char_ns, 1145834);
	assert_int_equal(w.overhead, 3);
}

static void silence_is_three_and_a_half_characters_up_to_19200_baud(void **state)
{
	(void)state;
	struct wire w;
	wire_init(&w, 9600, 8, 'N', 1, 0);
	assert_int_equal(w.silence, 3646);
	wire_init(&w, 19200, 8, 'E', 1, 0);
	assert_int_equal(w.silence, 2006);
	wire_init(&w, 38400, 8, 'E', 1, 0);
	assert_int_equal(w.silence, 1750);
	wire_init(&w, 115200, 8, 'N', 1, 0);
	assert_int_equal(w.silence, 1750);
	wire_init(&w, 115200, 8, 'N', 1, 5000);
	assert_int_equal(w.silence, 5000);
}

static void a_read_is_request_turnaround_answer_and_silence(void **state)
{
	(void)state;
	struct wire w;
	wire_init(&w, 9600, 8, 'N', 1, 0);
	const us_t wire = wire_chars(&w, 8) + wire_chars(&w, 25);
	assert_int_equal(wire_read(&w, TABLE_HOLDING, 10, 5000), wire + 5000 + w.silence);
	assert_int_equal(wire_read(&w, TABLE_HOLDING, 10, 0), wire + 2 * w.silence);
	assert_int_equal(wire_read(&w, TABLE_COIL, 9, 5000),
	                 wire_chars(&w, 8) + wire_chars(&w, 7) + 5000 + w.silence);
	assert_int_equal(wire_exchange(&w, 5, 22, 5000), wire_read(&w, TABLE_INPUT, 10, 5000));
}

static void without_a_wire_nothing_takes_time(void **state)
{
	(void)state;
	struct wire w;
	wire_init(&w, 0, 8, 'N', 1, 0);
	assert_int_equal(wire_chars(&w, 256), 0);
	assert_int_equal(wire_read(&w, TABLE_HOLDING, 125, 0), 0);
	assert_int_equal(wire_read(&w, TABLE_HOLDING, 125, 700), 700);
	assert_int_equal(w.overhead, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_character_has_ten_or_eleven_bits),
		cmocka_unit_test(silence_is_three_and_a_half_characters_up_to_19200_baud),
		cmocka_unit_test(a_read_is_request_turnaround_answer_and_silence),
		cmocka_unit_test(without_a_wire_nothing_takes_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
