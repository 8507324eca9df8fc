// SPDX-License-Identifier: MIT
/*
 * What xnetctl monitor makes of bytes: frames cut out of a stream (ctl/cut.h), transactions in
 * words (ctl/traffic.h), and a capture and back (ctl/pcapng.h). Time is virtual.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/cut.h"
#include "ctl/pcapng.h"
#include "ctl/place.h"

#define MS US_MS

struct got {
	size_t n;
	struct {
		size_t len;
		bool frame;
	} piece[16];
};

static bool take_piece(void *ctx, const uint8_t *bytes, size_t n, bool frame, us_t at)
{
	struct got *g = ctx;

	(void)bytes;
	(void)at;
	assert_true(g->n < 16);
	g->piece[g->n].len = n;
	g->piece[g->n++].frame = frame;
	return true;
}

static size_t make(uint8_t *out, uint8_t unit, const uint8_t *pdu, size_t n)
{
	return pdu_frame(unit, pdu, n, out);
}

static const uint8_t ask[] = {4, 0, 0, 0, 2}, say[] = {4, 4, 0x43, 0x66, 0x80, 0};

static void test_frames_are_cut_wherever_the_adapter_tears_them(void **state)
{
	uint8_t bytes[64];
	(void)state;
	size_t n = make(bytes, 2, ask, sizeof(ask));
	const size_t first = n;
	n += make(bytes + n, 2, say, sizeof(say));
	for (size_t tear = 0; tear <= n; tear++) {
		struct cut c = {.split = 5 * MS};
		struct got g = {0};
		assert_true(cut_feed(&c, bytes, tear, 10 * MS, take_piece, &g));
		assert_true(cut_feed(&c, bytes + tear, n - tear, 12 * MS, take_piece, &g));
		assert_int_equal(g.n, 2);
		assert_int_equal(g.piece[0].len, first);
		assert_int_equal(g.piece[1].len, n - first);
		assert_true(g.piece[0].frame && g.piece[1].frame);
	}
}

/* A frame whose last byte is 00 is right without it, too: eight of nine bytes are a request. */
static size_t make_ambiguous(uint8_t *out)
{
	uint8_t pdu[] = {4, 4, 0, 0, 0, 0};
	size_t n = 0;

	for (unsigned v = 0; v < 65536; v++) {
		pdu[4] = (uint8_t)(v >> 8);
		pdu[5] = (uint8_t)v;
		n = make(out, 2, pdu, sizeof(pdu));
		if (out[n - 1] == 0)
			break;
	}
	assert_int_equal(out[n - 1], 0);
	return n;
}

static void test_a_response_that_ends_with_00_is_no_request(void **state)
{
	uint8_t bytes[64];
	(void)state;
	size_t n = make(bytes, 2, ask, sizeof(ask));
	const size_t first = n;
	n += make_ambiguous(bytes + n);
	for (size_t tear = 0; tear <= n; tear++) {
		struct cut c = {.split = 5 * MS};
		struct got g = {0};
		assert_true(cut_feed(&c, bytes, tear, 10 * MS, take_piece, &g));
		assert_true(cut_feed(&c, bytes + tear, n - tear, 12 * MS, take_piece, &g));
		assert_int_equal(g.n, 2);
		assert_int_equal(g.piece[0].len, first);
		assert_int_equal(g.piece[1].len, n - first);
	}
}

static void test_noise_ends_by_silence_and_hides_no_frame(void **state)
{
	uint8_t bytes[64] = {0x00, 0xFF};
	struct cut c = {.split = 5 * MS};
	struct got g = {0};

	(void)state;
	const size_t n = 2 + make(bytes + 2, 2, ask, sizeof(ask));
	cut_feed(&c, bytes, n, 10 * MS, take_piece, &g);
	assert_int_equal(g.n, 2); /* the noise before it, and the frame */
	assert_false(g.piece[0].frame);
	assert_true(g.piece[1].frame);
	cut_feed(&c, bytes, 2, 20 * MS, take_piece, &g);
	assert_int_equal(g.n, 2);
	cut_feed(&c, NULL, 0, 24 * MS, take_piece, &g);
	assert_int_equal(g.n, 2); /* more may come */
	cut_feed(&c, NULL, 0, 26 * MS, take_piece, &g);
	assert_int_equal(g.n, 3);
}

static void test_a_line_that_babbles_is_handed_on(void **state)
{
	uint8_t bytes[CUT_ROOM + 10];
	struct cut c = {.split = 5 * MS};
	struct got g = {0};

	(void)state;
	memset(bytes, 0x55, sizeof(bytes));
	cut_feed(&c, bytes, sizeof(bytes), 10 * MS, take_piece, &g);
	assert_int_equal(g.n, 1);
	assert_false(g.piece[0].frame);
}

struct said {
	size_t n;
	struct transaction t[16];
	FILE *capture;
};

static void take_transaction(void *ctx, const struct transaction *t)
{
	struct said *s = ctx;

	assert_true(s->n < 16);
	s->t[s->n++] = *t;
}

static void take_note(void *ctx, const struct frame_note *n)
{
	struct said *s = ctx;

	if (s->capture)
		assert_true(pcapng_frame(s->capture, n));
}

static const struct bus_conf conf = {.baud = 9600, .data = 8, .parity = 'N', .stop = 1};

static void begin(struct traffic *t, struct said *s)
{
	*t = (struct traffic){.report = take_transaction, .note = take_note, .ctx = s};
	traffic_init(t, &conf);
}

static void see(struct traffic *t, char way, uint8_t unit, const uint8_t *pdu, size_t n, us_t at)
{
	uint8_t bytes[ADU_RTU_MAX];
	struct seen s = {
		.at = at, .way = way, .bytes = bytes, .n = make(bytes, unit, pdu, n), .why = ""};

	s.wall_us = at - wire_chars(&t->wire, (unsigned)s.n);
	traffic_take(t, &s);
}

static void test_a_response_belongs_to_its_request_and_a_late_one_to_none(void **state)
{
	static const uint8_t refuse[] = {0x84, 2}, write[] = {6, 0, 5, 0, 9};
	struct said s = {0};
	struct traffic t;

	(void)state;
	begin(&t, &s);
	see(&t, '?', 2, ask, sizeof(ask), 100 * MS);
	see(&t, '?', 2, say, sizeof(say), 120 * MS);
	see(&t, '?', 2, ask, sizeof(ask), 200 * MS);
	see(&t, '?', 2, refuse, sizeof(refuse), 220 * MS);
	see(&t, '?', 3, write, sizeof(write), 300 * MS); /* its response is the same */
	see(&t, '?', 3, write, sizeof(write), 320 * MS);
	see(&t, '?', 9, ask, sizeof(ask), 400 * MS); /* nobody */
	see(&t, '?', 2, ask, sizeof(ask), 900 * MS);
	see(&t, '?', 9, say, sizeof(say), 920 * MS); /* too late */
	see(&t, '?', 2, say, sizeof(say), 940 * MS);
	traffic_end(&t);
	assert_int_equal(s.n, 6);
	const enum traffic_kind kinds[] = {TRAFFIC_OK,     TRAFFIC_EXCEPTION, TRAFFIC_OK,
	                                   TRAFFIC_SILENT, TRAFFIC_STRAY,     TRAFFIC_OK};
	for (size_t i = 0; i < s.n; i++)
		assert_int_equal(s.t[i].kind, kinds[i]);
	assert_string_equal(s.t[0].what, "input 0 +2  ");
	/* 9 characters of 10 bits at 9600: the response began so long before its end */
	assert_in_range(s.t[0].took, 10 * MS, 11 * MS);
}

static void test_through_the_gateway_a_request_that_came_in_is_another_clients(void **state)
{
	struct said s = {0};
	struct traffic t;

	(void)state;
	begin(&t, &s);
	t.gateway = true;
	see(&t, 'o', 2, ask, sizeof(ask), 100 * MS);
	see(&t, 'i', 2, say, sizeof(say), 120 * MS);
	see(&t, 'i', 3, ask, sizeof(ask), 200 * MS);
	traffic_end(&t);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.t[1].kind, TRAFFIC_CLIENT);
	assert_string_equal(s.t[1].outcome, "ANOTHER CLIENT");
}

/* The gateway gives the time at which a frame begins; when its line arrives here says nothing. */
static void test_times_are_of_the_line_and_not_of_the_way_to_us(void **state)
{
	uint8_t bytes[2][64];
	struct said s = {0};
	struct traffic t;
	const size_t n = make(bytes[0], 2, ask, sizeof(ask)),
		     m = make(bytes[1], 2, say, sizeof(say));

	(void)state;
	begin(&t, &s);
	t.gateway = true;
	for (unsigned i = 0; i < 2; i++) {
		const us_t at = (100 + 50 * i) * MS, asked = at + wire_chars(&t.wire, (unsigned)n);
		traffic_take(&t, &(struct seen){.at = MS,
		                                .wall_us = at,
		                                .way = 'o',
		                                .bytes = bytes[0],
		                                .n = n,
		                                .why = ""});
		traffic_take(&t, &(struct seen){.at = 2 * MS,
		                                .wall_us = asked + 5 * MS,
		                                .way = 'i',
		                                .bytes = bytes[1],
		                                .n = m,
		                                .why = ""});
	}
	assert_int_equal(s.n, 2);
	assert_int_equal(s.t[0].took, 5 * MS);
	assert_int_equal(s.t[1].took, 5 * MS);
	/* 8 and 9 characters, 5 ms between them: the next begins after 27.3 ms */
	assert_in_range((int)(s.t[1].gap * 10), 260, 263);
}

static void test_the_rest_of_a_frame_at_the_beginning_is_no_noise(void **state)
{
	struct said s = {0};
	struct traffic t;
	const struct seen rest = {.at = 20 * MS,
	                          .wall_us = 20 * MS,
	                          .way = 'i',
	                          .bytes = say,
	                          .n = sizeof(say),
	                          .why = ""};

	(void)state;
	begin(&t, &s);
	traffic_take(&t, &rest);
	assert_int_equal(s.n, 0);
	traffic_take(&t, &rest); /* but all of it may be at another baud rate */
	assert_int_equal(s.n, 1);
	assert_int_equal(s.t[0].kind, TRAFFIC_STRAY);
}

static void test_a_late_response_that_ends_with_00_is_no_other_client(void **state)
{
	uint8_t bytes[64];
	struct said s = {0};
	struct traffic t;
	const size_t n = make_ambiguous(bytes);

	(void)state;
	begin(&t, &s);
	t.gateway = true;
	see(&t, 'o', 2, ask, sizeof(ask), 100 * MS);
	traffic_take(&t,
	             &(struct seen){.at = 120 * MS, .way = 'i', .bytes = bytes, .n = n, .why = ""});
	see(&t, 'o', 3, ask, sizeof(ask), 200 * MS);
	traffic_take(&t,
	             &(struct seen){.at = 220 * MS, .way = 'i', .bytes = bytes, .n = n, .why = ""});
	traffic_end(&t);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.t[0].kind, TRAFFIC_OK);
	assert_int_equal(t.count[TRAFFIC_STRAY], 1);
	assert_int_equal(t.count[TRAFFIC_CLIENT], 0);
}

static void test_several_frames_at_once_are_taken_apart(void **state)
{
	uint8_t bytes[64];
	struct said s = {0};
	struct traffic t;

	(void)state;
	begin(&t, &s);
	size_t n = make(bytes, 2, ask, sizeof(ask));
	n += make(bytes + n, 2, say, sizeof(say));
	traffic_take(&t, &(struct seen){.at = MS, .way = '?', .bytes = bytes, .n = n, .why = ""});
	assert_int_equal(s.n, 1);
	assert_int_equal(s.t[0].kind, TRAFFIC_OK);
}

static void head(void *ctx, const char *name, const char *description)
{
	(void)ctx;
	assert_string_equal(name, "rs485");
	assert_string_equal(description, "/dev/ttyUSB0 9600 8N1");
}

static bool again(void *ctx, const struct seen *s)
{
	traffic_take(ctx, s);
	return true;
}

static void test_a_replayed_capture_prints_the_same(void **state)
{
	static const uint8_t noise[] = {1, 2, 3};
	struct said s = {.capture = tmpfile()}, back = {0};
	struct traffic t;
	char why[128];

	(void)state;
	assert_non_null(s.capture);
	assert_true(pcapng_begin(s.capture, "rs485", "/dev/ttyUSB0 9600 8N1"));
	begin(&t, &s);
	see(&t, '?', 2, ask, sizeof(ask), 100 * MS);
	see(&t, '?', 2, say, sizeof(say), 120 * MS);
	traffic_take(&t, &(struct seen){.at = 200 * MS,
	                                .wall_us = 200 * MS,
	                                .way = '?',
	                                .bytes = noise,
	                                .n = sizeof(noise),
	                                .why = ""});
	see(&t, '?', 9, ask, sizeof(ask), 400 * MS);
	traffic_end(&t);
	rewind(s.capture);
	begin(&t, &back);
	assert_true(pcapng_read(s.capture, head, again, &t, why, sizeof(why)));
	traffic_end(&t);
	assert_int_equal(back.n, s.n);
	for (size_t i = 0; i < s.n; i++) {
		assert_int_equal(back.t[i].kind, s.t[i].kind);
		assert_int_equal(back.t[i].wall_us, s.t[i].wall_us);
		assert_int_equal(back.t[i].took, s.t[i].took);
		assert_int_equal((int)back.t[i].gap, (int)s.t[i].gap);
		assert_string_equal(back.t[i].what, s.t[i].what);
	}
	fclose(s.capture);
}

/* Each block of a capture is cut to each length that its head may state. */
static void test_a_capture_with_a_short_block_is_refused(void **state)
{
	uint8_t bytes[512];
	char why[200];
	(void)state;
	FILE *f = fmemopen(bytes, sizeof(bytes), "w");
	assert_non_null(f);
	assert_true(pcapng_begin(f, "line", "/dev/ttyUSB0 9600 8N1"));
	const size_t whole = (size_t)ftell(f);
	fclose(f);
	uint32_t section, interface;
	memcpy(&section, bytes + 4, 4);
	memcpy(&interface, bytes + section + 4, 4);
	assert_int_equal(section + interface, whole);
	for (uint32_t total = 12; total < 20; total += 4) {
		struct traffic t = {0};
		struct said back = {0};
		uint8_t *cut = malloc(section + total);
		assert_non_null(cut);
		memcpy(cut, bytes, section + total);
		memcpy(cut + section + 4, &total, 4);
		f = fmemopen(cut, section + total, "r");
		begin(&t, &back);
		assert_false(pcapng_read(f, head, again, &t, why, sizeof(why)));
		fclose(f);
		free(cut);
	}
}

static void test_registers_are_understood_as_people_write_them(void **state)
{
	static const struct {
		const char *text;
		uint8_t table;
		uint16_t addr;
	} good[] = {
		{"input:0x3100", TABLE_INPUT, 0x3100},
		{"holding:5", TABLE_HOLDING, 5},
		{"coil:0", TABLE_COIL, 0},
		{"discrete:65535", TABLE_DISCRETE, 65535},
		{"40001", TABLE_HOLDING, 0},
		{"30010", TABLE_INPUT, 9},
		{"400001", TABLE_HOLDING, 0},
		{"465536", TABLE_HOLDING, 65535},
		{"4x1", TABLE_HOLDING, 0},
		{"3x0001", TABLE_INPUT, 0},
		{"10001", TABLE_DISCRETE, 0},
		{"00001", TABLE_COIL, 0},
	};
	static const char *const bad[] = {"5",        "holding:", "holding:65536", "40000",
	                                  "input:-1", "",         "holding",       "4x",
	                                  "465537",   "input:1x"};
	char why[200];
	struct place p;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(place_parse(good[i].text, &p, why, sizeof(why)));
		assert_int_equal(p.table, good[i].table);
		assert_int_equal(p.addr, good[i].addr);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		assert_false(place_parse(bad[i], &p, why, sizeof(why)));
		assert_true(strlen(why) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames_are_cut_wherever_the_adapter_tears_them),
		cmocka_unit_test(test_a_response_that_ends_with_00_is_no_request),
		cmocka_unit_test(test_noise_ends_by_silence_and_hides_no_frame),
		cmocka_unit_test(test_a_line_that_babbles_is_handed_on),
		cmocka_unit_test(test_a_response_belongs_to_its_request_and_a_late_one_to_none),
		cmocka_unit_test(
			test_through_the_gateway_a_request_that_came_in_is_another_clients),
		cmocka_unit_test(test_the_rest_of_a_frame_at_the_beginning_is_no_noise),
		cmocka_unit_test(test_times_are_of_the_line_and_not_of_the_way_to_us),
		cmocka_unit_test(test_a_late_response_that_ends_with_00_is_no_other_client),
		cmocka_unit_test(test_several_frames_at_once_are_taken_apart),
		cmocka_unit_test(test_a_replayed_capture_prints_the_same),
		cmocka_unit_test(test_a_capture_with_a_short_block_is_refused),
		cmocka_unit_test(test_registers_are_understood_as_people_write_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
