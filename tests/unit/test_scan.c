// SPDX-License-Identifier: MIT
/*
 * The whole verb scan in virtual time: a serial line with units of any kind in place of the port,
 * so that how long it takes, and what is asked, does not depend on the machine.
 */
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bus/clock.h"
#include "core/base/arena.h"
#include "core/modbus/frame.h"
#include "ctl/lasting.h"
#include "ctl/remote.h"
#include "ctl/talk.h"
#include "ctl/verb.h"
#include "rng.h"

#define LATE_MOST 32

struct unit {
	uint32_t baud; /* 0: there is none */
	char parity;   /* 0: it does not mind */
	us_t turnaround;
	uint8_t exception; /* to everything */
	bool ignores;      /* functions that it does not have, in place of exception 1 */
	bool input_only;   /* has nothing but input registers */
	unsigned asked;    /* at its settings */
	us_t found;        /* when its first response was received */
};

/* A response that nobody waited for. */
struct late {
	us_t begin, end;
	uint8_t unit;
	bool spoilt;
};

static struct {
	us_t now;
	struct wireline head;
	struct wire wire;
	struct unit unit[256];
	struct late late[LATE_MOST];
	size_t nlate;
	uint8_t stray[LATE_MOST];
	us_t stray_at[LATE_MOST];
	size_t nstray;
	unsigned requests, collisions;
	bool wrote;
} rig;

us_t clock_now(void)
{
	return rig.now;
}

void clock_sleep(us_t until)
{
	rig.now = until > rig.now ? until : rig.now;
}

struct timespec clock_timespec(us_t t)
{
	return (struct timespec){.tv_sec = t / US_S};
}

struct timespec clock_deadline(us_t until)
{
	return clock_timespec(until);
}

void clock_sharp(void)
{
}

struct wireline *remote_open(const struct bus_conf *conf, const char *control, char *why,
                             size_t size)
{
	(void)conf, (void)control, (void)why, (void)size;
	return NULL;
}

enum remote_result remote_reload(const char *control, char *why, size_t size)
{
	(void)control, (void)why, (void)size;
	return REMOTE_DONE;
}

bool talk_denied(const char *control)
{
	(void)control;
	return false;
}

bool port_lasting(const char *port, char *buf, size_t size)
{
	(void)port, (void)buf, (void)size;
	return false;
}

/* -- the line ---------------------------------------------------------------------------------- */

static size_t unit_answer(const struct unit *u, const struct request *r, uint8_t *pdu)
{
	const uint8_t fc = r->pdu[0];
	const bool has = u->input_only ? fc == FC_READ_INPUT : fc == FC_READ_HOLDING;

	if (!has && u->ignores)
		return 0;
	pdu[0] = (uint8_t)(fc | 0x80);
	pdu[1] = !has ? 1 : 2;
	if (u->exception)
		pdu[1] = u->exception;
	if (u->exception || !has || r->pdu[1] || r->pdu[2] || r->pdu[3] || r->pdu[4] != 1)
		return 2;
	memcpy(pdu, (const uint8_t[]){fc, 2, 0, 1}, 4);
	return 4;
}

/* What of the late ones has come by now; true: some of it was spoilt. */
static bool late_pass(void)
{
	bool spoilt = false;

	for (size_t i = 0; i < rig.nlate;) {
		struct late *l = &rig.late[i];
		if (l->end > rig.now) {
			i++;
			continue;
		}
		spoilt = spoilt || l->spoilt;
		if (!l->spoilt) {
			struct unit *u = &rig.unit[l->unit];
			u->found = u->found ? u->found : l->end;
			rig.stray_at[rig.nstray] = l->end;
			rig.stray[rig.nstray++] = l->unit;
		}
		*l = rig.late[--rig.nlate];
	}
	return spoilt;
}

/* Two at once: both are lost. */
static bool collides(us_t begin, us_t end)
{
	bool any = false;

	for (size_t i = 0; i < rig.nlate; i++)
		if (rig.late[i].begin < end && rig.late[i].end > begin)
			any = rig.late[i].spoilt = true;
	rig.collisions += any;
	return any;
}

static void wire_ask(struct wireline *l, const struct request *r, us_t timeout, bool once,
                     struct reply *out)
{
	struct unit *u = &rig.unit[r->unit];
	const bool here = u->baud == l->conf.baud && (!u->parity || u->parity == l->conf.parity);
	const us_t begin = rig.now + rig.wire.silence;
	const us_t sent = begin + wire_chars(&rig.wire, r->len + 3u), first = sent + u->turnaround;

	(void)once;
	rig.requests++;
	rig.wrote = rig.wrote || pdu_is_write(r->pdu[0]);
	u->asked += here;
	const bool unheard = collides(begin, sent);
	rig.now = sent;
	const size_t n = here && !unheard ? unit_answer(u, r, out->pdu) : 0;
	const us_t end = first + wire_chars(&rig.wire, (unsigned)n + 3);
	*out = (struct reply){.outcome = OUT_TIMEOUT, .len = (uint16_t)n};
	rig.now = n && first <= sent + timeout ? end : sent + timeout;
	if (n && rig.now < end) {
		assert_true(rig.nlate < LATE_MOST);
		rig.late[rig.nlate++] = (struct late){.begin = first, .end = end, .unit = r->unit};
	} else if (n) {
		uint8_t pdu[PDU_MAX];
		unit_answer(u, r, pdu);
		memcpy(out->pdu, pdu, n);
		out->exception = pdu[0] & 0x80 ? pdu[1] : 0;
		out->outcome = collides(first, end) ? OUT_TIMEOUT
		               : pdu[0] & 0x80      ? OUT_REFUSED
		                                    : OUT_OK;
		out->turnaround = u->turnaround;
		out->noise = out->outcome == OUT_TIMEOUT;
		if (!out->noise && !u->found)
			u->found = rig.now;
	}
	for (size_t i = 0; i < rig.nlate; i++) /* it waits for silence */
		if (rig.late[i].begin <= rig.now && rig.late[i].end > rig.now)
			rig.now = rig.late[i].end;
	out->noise = late_pass() || out->noise;
}

static bool wire_set(struct wireline *l, const struct setting *s)
{
	l->conf.baud = s->baud;
	l->conf.data = s->data;
	l->conf.parity = s->parity;
	l->conf.stop = s->stop;
	wire_init(&rig.wire, s->baud, s->data, s->parity, s->stop, 0);
	return true;
}

static bool wire_listen(struct wireline *l, us_t until, seen_take *take, void *ctx)
{
	(void)l;
	rig.now = until;
	late_pass();
	for (size_t i = 0; i < rig.nstray; i++) {
		uint8_t bytes[7] = {rig.stray[i], FC_READ_HOLDING, 2, 0, 1};
		const uint16_t crc = crc16(bytes, 5);
		bytes[5] = (uint8_t)crc;
		bytes[6] = (uint8_t)(crc >> 8);
		const struct seen seen = {
			.at = rig.stray_at[i], .way = '?', .bytes = bytes, .n = 7, .why = ""};
		take(ctx, &seen);
	}
	rig.nstray = 0;
	return true;
}

static size_t wire_late(struct wireline *l, uint8_t *unit, size_t room)
{
	const size_t n = rig.nstray < room ? rig.nstray : room;

	(void)l;
	memcpy(unit, rig.stray, n);
	rig.nstray = 0;
	return n;
}

static void wire_close(struct wireline *l)
{
	(void)l;
}

struct wireline *own_open(const struct bus_conf *conf, char *why, size_t size)
{
	static const struct wireline_ops ops = {.close = wire_close,
	                                        .set = wire_set,
	                                        .ask = wire_ask,
	                                        .listen = wire_listen,
	                                        .late = wire_late};

	(void)why, (void)size;
	rig.head = (struct wireline){.ops = &ops, .conf = *conf};
	wire_init(&rig.wire, conf->baud, conf->data, conf->parity, conf->stop, 0);
	return &rig.head;
}

/* -- the verb ---------------------------------------------------------------------------------- */

static struct unit *unit_at(uint8_t id, uint32_t baud, char parity, us_t turnaround)
{
	rig.unit[id] = (struct unit){.baud = baud, .parity = parity, .turnaround = turnaround};
	return &rig.unit[id];
}

static void rig_begin(void)
{
	memset(&rig, 0, sizeof(rig));
	rig.now = 1000 * US_S;
}

/* Returns how long it took, µs. profiles: all those of the project are known. */
static us_t scan(const char *option, bool profiles)
{
	const char *source = profiles ? getenv("srcdir") : "/dev/null";
	char devices[512];
	char text[96] = "";
	char *argv[8] = {NULL};
	const int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
	const us_t begun = rig.now;
	int words = 0;

	snprintf(devices, sizeof(devices), "-P%s/devices", source ? source : ".");
	snprintf(text, sizeof(text), "scan --control=off %s /dev/none", option);
	for (char *save, *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[words++] = w;
	argv[words++] = devices;
	optind = 0;
	fflush(stdout);
	assert_non_null(freopen("/dev/null", "w", stdout));
	assert_non_null(
		freopen(getenv("SCAN_LOG") ? getenv("SCAN_LOG") : "/dev/null", "a", stderr));
	verb_scan(words, argv);
	fflush(stdout);
	fflush(stderr);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	return rig.now - begun;
}

static unsigned found_by(us_t at, us_t *last)
{
	unsigned n = 0;

	*last = 0;
	for (size_t i = 0; i < 256; i++) {
		n += rig.unit[i].found && rig.unit[i].found <= at;
		*last = rig.unit[i].found > *last ? rig.unit[i].found : *last;
	}
	return n;
}

static void a_silent_line_is_gone_through_in_15_s(void **state)
{
	(void)state;
	rig_begin();
	const us_t took = scan("--lines=9600", true);
	printf("247 ids at 9600, nobody there: %.1f s\n", (double)took / US_S);
	assert_true(took <= 15 * US_S);
	assert_false(rig.wrote);
}

/* The yardstick's line: 12 units of 3 settings, one slow, one that refuses everything. */
static void twelve_units(unsigned seed, bool ignores)
{
	static const us_t turnaround[] = {2 * US_MS, 5 * US_MS, 20 * US_MS};
	static const uint32_t baud[] = {9600, 19200, 115200};

	rig_begin();
	rng = seed;
	for (unsigned n = 0; n < 12;) {
		const uint8_t id = (uint8_t)(1 + below(247));
		if (rig.unit[id].baud)
			continue;
		struct unit *u = unit_at(id, baud[n % 3], 0, turnaround[below(3)]);
		u->turnaround = n == 0 ? 400 * US_MS : u->turnaround;
		u->exception = n == 1;
		u->ignores = ignores && n > 1;
		n++;
	}
}

static void twelve_units_are_found_and_named_in_time(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 6; seed++) {
		us_t last;
		twelve_units(seed, seed % 2);
		const us_t begun = rig.now, took = scan("", true);
		assert_int_equal(found_by(rig.now, &last), 12);
		printf("12 units of 3 settings: found after %.1f s, named after %.1f s\n",
		       (double)(last - begun) / US_S, (double)took / US_S);
		assert_true(last - begun <= 45 * US_S);
		assert_true(took <= 60 * US_S);
		assert_false(rig.wrote);
	}
}

/* However slow it is, and whether its response meets a later request or not. */
static void a_slow_unit_is_found_among_quick_ones(void **state)
{
	(void)state;
	for (us_t turnaround = 25 * US_MS; turnaround < 1050 * US_MS; turnaround += 7 * US_MS) {
		us_t last;
		rig_begin();
		unit_at(99, 9600, 'N', 3 * US_MS);
		unit_at(100, 9600, 'N', turnaround);
		unit_at(103, 9600, 'N', 12 * US_MS);
		const us_t took = scan("--lines=9600", false);
		if (found_by(rig.now, &last) != 3 || took > 30 * US_S)
			fail_msg("%d ms: %u of 3 found, %.1f s", (int)(turnaround / US_MS),
			         found_by(rig.now, &last), (double)took / US_S);
	}
}

static void a_unit_is_not_probed_in_vain(void **state)
{
	(void)state;
	rig_begin();
	struct unit *refuses = unit_at(1, 9600, 'N', 3 * US_MS);
	struct unit *ignores = unit_at(2, 9600, 'N', 3 * US_MS);
	refuses->exception = 1;
	ignores->ignores = true;
	scan("--lines=9600 --ids=1-2", true);
	assert_int_equal(refuses->asked, 4); /* found, 43, 17, and one read more */
	assert_true(ignores->asked <= 12);   /* functions 43 and 17 once each */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_silent_line_is_gone_through_in_15_s),
		cmocka_unit_test(a_slow_unit_is_found_among_quick_ones),
		cmocka_unit_test(a_unit_is_not_probed_in_vain),
		cmocka_unit_test(twelve_units_are_found_and_named_in_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
