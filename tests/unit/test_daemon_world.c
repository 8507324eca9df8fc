// SPDX-License-Identifier: MIT
/*
 * The daemon beside a device, a broker and somebody who commands, all of which come and go at
 * random, and reloads. Registers grow with the time, commanded values with each command, so that a
 * value says when it was true.
 */
#include "daemon_rig.h"
#include "rng.h"

#include <time.h>

#define SEEDS 30
#define STEPS 250
#define TICK (100 * US_MS) /* what the registers count */
#define COMMANDS 64
#define WALL INT64_C(1790000000000)

enum { CLOCK, BAND, RARE, LEVEL, WAIT, BLIND, SUM, ASKED, POINTS };

static const struct topic {
	const char *name;
	uint16_t addr, count;
	bool written;
} place[POINTS] = {
	[CLOCK] = {"Clock", 0, 2, false}, [BAND] = {"Band", 2, 2, false},
	[RARE] = {"Rare", 4, 2, false},   [LEVEL] = {"Level", 10, 2, true},
	[WAIT] = {"Wait", 12, 1, true},   [BLIND] = {"Blind", 13, 1, true},
	[SUM] = {"Sum", 0, 0, false},     [ASKED] = {"Asked", 6, 2, false},
};

static const char *const profile[] = {
	"points:\n"
	"  Clock: {holding: 0, type: u32, history: true}\n"
	"  Band: {holding: 2, type: u32, deadband: 40}\n"
	"  Rare: {holding: 4, type: u32, min_interval: 7s}\n"
	"  Asked: {holding: 6, type: u32, poll: on-demand}\n"
	"  Level: {holding: 10, type: u32, write: true}\n"
	"  Wait: {holding: 12, write: {min_write_interval: 3s}}\n"
	"  Blind: {holding: 13, write: true, verify: false}\n"
	"  Sum: {expr: Clock + 0, decimals: 0}\n",
	"points:\n"
	"  Sum: {expr: Clock + 0, decimals: 0, min_interval: 2s}\n"
	"  Blind: {holding: 13, write: true, verify: false, heartbeat: 5s}\n"
	"  Wait: {holding: 12, every: 7s, write: {min_write_interval: 3s}}\n"
	"  Level: {holding: 10, type: u32, every: 2s, write: true}\n"
	"  Asked: {holding: 6, type: u32, poll: on-demand}\n"
	"  Rare: {holding: 4, type: u32, min_interval: 3s, deadband: 10}\n"
	"  Band: {holding: 2, type: u32, deadband: 40, heartbeat: off}\n"
	"  Clock: {holding: 0, type: u32, history: true, min_interval: 1s}\n",
};

static const char *const devices[] = {
	"devices:\n  pump: {bus: line, id: 1, every: 1s, profile: own}\n",
	"devices:\n  other: {bus: line, id: 2, every: 1s, profile: own}\n"
	"  pump: {bus: line, id: 1, every: 1s, profile: own, json: true}\n",
};

static struct {
	uint32_t seed;
	uint16_t reg[16];
	us_t frozen; /* 0: time goes on */
	us_t read;   /* when the device responded last */
	bool silent, port, broker;
	unsigned silences;
	uint32_t shown[POINTS]; /* the last number on the topic */
	bool none[POINTS];
	uint32_t commanded[POINTS];
	struct {
		int point;
		uint32_t value;
		unsigned answers;
	} command[COMMANDS];
	unsigned ncommand;
} w;

static uint32_t count_of(us_t at)
{
	return (uint32_t)(at / TICK);
}

/* -- what is published ------------------------------------------------------------------------- */

static void wrong(const char *what, const char *line)
{
	fail_msg("seed %u, at %d ms: %s: %s", w.seed, (int)(rig.now / US_MS), what, line);
}

static bool under_way(int point, uint32_t value)
{
	for (unsigned i = 0; i < w.ncommand; i++)
		if (w.command[i].point == point && !w.command[i].answers &&
		    w.command[i].value > value)
			return true;
	return false;
}

static void take_value(int point, const char *text, const char *line)
{
	char *end;
	const uint32_t v = (uint32_t)strtoul(text, &end, 10);
	if (strcmp(text, "None") == 0) {
		w.none[point] = true;
		return;
	}
	if (*end)
		wrong("no number", line);
	/* what is acknowledged only is published in passing, and then again what was read last */
	if (v < w.shown[point] && point != BLIND)
		wrong("older than before", line);
	if (!place[point].written && v > count_of(w.read))
		wrong("not read", line);
	if (place[point].written && v > w.shown[point] && under_way(point, v))
		wrong("a newer command is under way", line);
	w.shown[point] = v;
	w.none[point] = false;
}

static void take_history(const char *text, const char *line)
{
	struct tm t = {0};
	unsigned ms, v;
	if (strstr(text, "null"))
		return;
	if (sscanf(text, "{\"ts\":\"%d-%d-%dT%d:%d:%d.%uZ\",\"v\":%u}", &t.tm_year, &t.tm_mon,
	           &t.tm_mday, &t.tm_hour, &t.tm_min, &t.tm_sec, &ms, &v) != 8)
		wrong("no history", line);
	t.tm_year -= 1900;
	t.tm_mon--;
	const int64_t at = (int64_t)timegm(&t) * 1000 + ms - WALL;
	if (!w.frozen && v != count_of(at * US_MS))
		wrong("of another time", line);
}

static void take_line(const char *line)
{
	char topic[64];
	unsigned n;
	const char *text = strchr(line, ' ') + 1;
	snprintf(topic, sizeof topic, "%.*s", (int)(text - line) - 1, line);
	if (sscanf(line, "answer/%u {", &n) == 1)
		w.command[n].answers++;
	else if (strcmp(topic, "xnet/hist/pump/Clock") == 0)
		take_history(text, line);
	for (int i = 0; i < POINTS; i++)
		if (strncmp(topic, "pump/", 5) == 0 && strcmp(topic + 5, place[i].name) == 0)
			take_value(i, text, line);
}

static void take_all(void)
{
	static char all[RIG_SAID];
	if (!w.broker)
		return;
	strcpy(all, rig_said());
	for (char *line = strtok(all, "\n"); line; line = strtok(NULL, "\n"))
		if (strncmp(line, "answer/", 7) == 0) /* their place among the rest is not known */
			take_line(line);
	strcpy(all, rig.said);
	for (char *line = strtok(all, "\n"); line; line = strtok(NULL, "\n"))
		if (strncmp(line, "answer/", 7) != 0)
			take_line(line);
}

/* -- the device -------------------------------------------------------------------------------- */

static uint16_t reg(uint16_t addr)
{
	const uint32_t t = count_of(w.frozen ? w.frozen : rig.now);
	return addr >= 10 ? w.reg[addr - 10] : (uint16_t)(addr % 2 ? t : t >> 16);
}

static void device_read(uint16_t from, uint16_t to)
{
	struct report r = {.kind = w.silent ? REPORT_FAILED : REPORT_READ,
	                   .outcome = w.silent ? OUT_TIMEOUT : OUT_OK,
	                   .span = {1, TABLE_HOLDING, from, (uint16_t)(to - from)}};
	for (uint16_t i = from; i < to; i++)
		r.word[i - from] = reg(i);
	w.read = w.silent ? w.read : rig.now;
	rig_report(r);
	w.silences = w.silent ? w.silences + 1 : 0;
	if (w.silences == 3)
		rig_unit(1, false);
}

static void device_reads(void)
{
	static const uint16_t border[] = {0, 2, 4, 6, 8};
	const unsigned a = below(4), b = a + 1 + below(4 - a);
	switch (below(4)) {
	case 0:
		device_read(10, 12);
		break;
	case 1:
		device_read(10, 14);
		break;
	case 2:
		device_read(12, 14);
		break;
	default:
		device_read(border[a], border[b]);
	}
}

static enum outcome device_write(const struct job *j)
{
	static const enum outcome bad[] = {OUT_TIMEOUT, OUT_REFUSED, OUT_GARBLED, OUT_TIMEOUT};
	const enum outcome o = w.silent ? OUT_TIMEOUT : below(4) == 0 ? bad[below(4)] : OUT_OK;
	if (o == OUT_OK || (o != OUT_REFUSED && !w.silent && below(2)))
		memcpy(&w.reg[j->span.addr - 10], j->value, j->span.count * sizeof *j->value);
	return o;
}

static void job_end(size_t i, enum outcome o, us_t sent)
{
	struct bus *b = rig_bus();
	const struct job j = b->job[i];
	memmove(&b->job[i], &b->job[i + 1], (--b->njob - i) * sizeof j);
	rig_report((struct report){.kind = REPORT_JOB,
	                           .outcome = (uint8_t)o,
	                           .exception = o == OUT_REFUSED ? (uint8_t)(1 + below(6)) : 0,
	                           .id = j.id,
	                           .sent = sent,
	                           .span = j.span});
}

static void device_jobs(void)
{
	struct bus *b = rig_bus();
	for (size_t i = 0; i < b->njob; i++) {
		const struct job *j = &b->job[i];
		bool behind = false;
		for (size_t k = 0; k < i; k++)
			behind |= j->key && b->job[k].key == j->key;
		if (j->expires <= rig.now) {
			job_end(i, OUT_EXPIRED, 0);
			return;
		}
		if (behind || j->not_before > rig.now)
			continue;
		const us_t sent = rig.now;
		const enum outcome o = w.port ? device_write(j) : OUT_LINK;
		rig.now += 10 * US_MS;
		job_end(i, o, w.port ? sent : 0);
		return;
	}
}

/* -- somebody ---------------------------------------------------------------------------------- */

static void somebody_commands(void)
{
	static const int written[] = {LEVEL, WAIT, BLIND};
	const int point = written[below(3)];
	char topic[48], text[16], answer[16];
	if (w.ncommand == COMMANDS || !w.broker || rig_bus()->njob > RIG_JOBS - 4)
		return;
	const uint32_t value = w.commanded[point] += 1 + below(3);
	w.command[w.ncommand].point = point;
	w.command[w.ncommand].value = value;
	w.command[w.ncommand].answers = 0;
	snprintf(topic, sizeof topic, "xnet/cmd/pump/%s", place[point].name);
	snprintf(text, sizeof text, "%u", value);
	snprintf(answer, sizeof answer, "answer/%u", w.ncommand++);
	rig_event((struct mqtt_event){.kind = MQTT_MESSAGE,
	                              .topic = mem_strdup(topic),
	                              .payload = mem_strdup(text),
	                              .len = strlen(text),
	                              .response_topic = mem_strdup(answer),
	                              .protocol = 5,
	                              .since = rig.now});
}

static void somebody_asks(void)
{
	static const char *const topic[] = {"xnet/sub/pump", "xnet/unsub/pump",
	                                    "xnet/get/pump/Asked"};
	if (w.broker)
		rig_command(topic[below(3)], "[\"Asked\"]");
}

static void broker_turns(void)
{
	w.broker = !w.broker;
	rig_broker(w.broker);
}

static void port_turns(void)
{
	w.port = !w.port;
	rig_port(w.port);
}

static void reloads(void)
{
	rig_write_profile(profile[below(2)]);
	rig_reload(devices[below(2)]);
}

static void world_step(void)
{
	const unsigned what = below(100);
	if (what < 50 && w.port)
		device_reads();
	else if (what < 70)
		device_jobs();
	else if (what < 80)
		somebody_commands();
	else if (what < 84)
		somebody_asks();
	else if (what < 88)
		w.silent = below(3) == 0;
	else if (what < 91)
		broker_turns();
	else if (what < 94)
		port_turns();
	else if (what < 96)
		reloads();
	else
		rig_pass((us_t)below(8000) * US_MS);
	take_all();
	rig_pass((us_t)below(400) * US_MS);
	take_all();
}

/* All is well again, and time stands still for the registers: each topic must say what they hold.
 */
static void world_settles(void)
{
	w.silent = false;
	if (!w.broker)
		broker_turns();
	if (!w.port)
		port_turns();
	w.frozen = rig.now;
	for (int i = 0; i < 90; i++) {
		device_read(0, 8);
		device_read(10, 14);
		for (int k = 0; k < 4; k++)
			device_jobs();
		rig_pass(US_S);
		take_all();
	}
}

static void judge(void)
{
	char line[80];
	for (unsigned i = 0; i < w.ncommand; i++) {
		snprintf(line, sizeof line, "%s %u: %u answers", place[w.command[i].point].name,
		         w.command[i].value, w.command[i].answers);
		if (w.command[i].answers != 1)
			wrong("not one answer", line);
	}
	for (int i = 0; i < POINTS; i++) {
		const struct topic *p = &place[i];
		const uint32_t is = i == SUM ? count_of(w.frozen)
		                    : p->count == 1
		                            ? reg(p->addr)
		                            : (uint32_t)reg(p->addr) << 16 | reg(p->addr + 1);
		const uint32_t band = i == BAND ? 40 : i == RARE ? 10 : 0;
		snprintf(line, sizeof line, "%s is %u, published %u", p->name, is, w.shown[i]);
		if (i != ASKED && (w.none[i] || w.shown[i] + band < is))
			wrong("not up to date", line);
	}
}

static void a_value_is_never_older_than_one_before(void **state)
{
	const char *env = getenv("WORLD_SEEDS");
	const uint32_t last = env ? (uint32_t)atoi(env) : SEEDS;
	for (uint32_t seed = 1; seed <= last; seed++) {
		memset(&w, 0, sizeof w);
		w.seed = rng = seed;
		w.port = w.broker = true;
		rig_begin(devices[0], profile[0]);
		take_all();
		for (int i = 0; i < STEPS; i++)
			world_step();
		world_settles();
		judge();
		if (seed < last)
			rig_end(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(a_value_is_never_older_than_one_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
