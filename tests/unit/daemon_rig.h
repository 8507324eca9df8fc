/* SPDX-License-Identifier: MIT */
/*
 * daemon_rig: the whole daemon in virtual time, but for its threads. The buses are stubs that note
 * what is asked of them, the reports are the test's own; the broker takes what the outbox gives.
 */
#ifndef TESTS_UNIT_DAEMON_RIG_H
#define TESTS_UNIT_DAEMON_RIG_H

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bus/bus.h"
#include "daemon/base/log.h"
#include "daemon/base/plant.h"
#include "daemon/broker.h"
#include "daemon/events.h"
#include "daemon/loop.h"
#include "daemon/reload.h"

#define RIG_JOBS 16
#define RIG_SAID 8192

struct bus {
	uint32_t tag;
	size_t nwant, nadopt, ndemand;
	struct job job[RIG_JOBS]; /* given to the bus, oldest first */
	size_t njob;
	bool held;
	struct bus_tune tune;
	struct queue *frames;
};

static struct {
	us_t now;
	char dir[32], file[48], profile[48];
	struct gateway g;
	char said[RIG_SAID], journal[RIG_SAID], read[RIG_SAID];
	const char *line, *mqtt; /* other settings of the bus, of the broker; NULL: the usual */
	const char *top;         /* keys at the top level; NULL: none */
	const char *thingsboard; /* NULL: no such section */
	bool held;               /* what was asked of the broker is not answered yet */
	unsigned connects;       /* how often the MQTT client was made */
	struct {                 /* that of a northbound with a connection of its own */
		unsigned connects, ends;
		struct outbox *outbox;
		char host[32], client_id[64], will[64], filter[64];
	} own;
	enum clock_state clock; /* the gateway's own */
	const char *note;       /* what is to be known of the bus's port; NULL: nothing */
} rig;

/* -- in place of the clock, the journal, the bus and the MQTT client ----------------------------
 */

__attribute__((format(printf, 1, 0))) static inline void rig_log(const char *fmt, va_list ap)
{
	char line[1024];
	vsnprintf(line, sizeof line, fmt, ap);
	size_t n = strlen(rig.journal);
	if (n + strlen(line) + 2 > sizeof rig.journal)
		n = 0; /* nobody reads it: what is old goes */
	snprintf(rig.journal + n, sizeof rig.journal - n, "%s\n", line);
}

#define RIG_LOG(name)                                                                              \
	void name(const char *fmt, ...)                                                            \
	{                                                                                          \
		va_list ap;                                                                        \
		va_start(ap, fmt);                                                                 \
		rig_log(fmt, ap);                                                                  \
		va_end(ap);                                                                        \
	}

RIG_LOG(log_error)
RIG_LOG(log_warn)
RIG_LOG(log_info)

void log_debug(const char *fmt, ...)
{
	(void)fmt;
}

void log_suppressed(void)
{
}

bool log_to_journal(void)
{
	return false;
}

void log_open(enum log_level level)
{
	(void)level;
}

void log_set_level(enum log_level level)
{
	(void)level;
}

bool log_parse_level(const char *word, enum log_level *out)
{
	(void)word, (void)out;
	return false;
}

/* What was logged since the last call, a line each. */
static inline const char *rig_journal(void)
{
	strcpy(rig.read, rig.journal);
	rig.journal[0] = '\0';
	return rig.read;
}

us_t clock_now(void)
{
	return rig.now;
}

/* Some day in 2026. */
int64_t gateway_wall(void)
{
	return INT64_C(1790000000000) + rig.now / US_MS;
}

enum clock_state gateway_clock(void)
{
	return rig.clock;
}

void clock_sleep(us_t until)
{
	(void)until;
}

struct bus *bus_create(const struct bus_conf *conf, uint32_t tag, unsigned index, unsigned of,
                       struct queue *reports)
{
	(void)conf, (void)index, (void)of, (void)reports;
	struct bus *b = mem_alloc(1, sizeof *b);
	b->tag = tag;
	return b;
}

void bus_adopt(struct bus *b, const struct want *w, size_t nw, const struct unit_rule *r, size_t nr)
{
	(void)w, (void)r, (void)nr;
	b->nwant = nw;
	b->nadopt++;
}

enum submitted bus_submit(struct bus *b, const struct job *j, uint64_t *old)
{
	(void)old;
	assert_true(b->njob < RIG_JOBS);
	b->job[b->njob++] = *j;
	return SUBMIT_ACCEPTED;
}

bool bus_demand(struct bus *b, const struct span *s, us_t due)
{
	(void)s, (void)due;
	b->ndemand++;
	return true;
}

bool bus_cancel(struct bus *b, uint64_t id)
{
	(void)b, (void)id;
	return false;
}

void bus_forget(struct bus *b, uint8_t unit)
{
	(void)b, (void)unit;
}

void bus_hold(struct bus *b, bool held, const struct bus_tune *t)
{
	b->held = held;
	b->tune = t ? *t : (struct bus_tune){0};
}

void bus_tap(struct bus *b, struct queue *frames)
{
	b->frames = frames;
}

void bus_figures(struct bus *b, struct bus_figures *out)
{
	(void)b;
	*out = (struct bus_figures){.stepped = rig.now, .step_limit = US_S, .up = true};
	snprintf(out->note, sizeof out->note, "%s", rig.note ? rig.note : "");
}

bool bus_unit_figures(struct bus *b, uint8_t unit, struct unit_figures *out)
{
	(void)b, (void)unit, (void)out;
	return false;
}

void bus_close(struct bus *b)
{
	const struct report r = {.kind = REPORT_ENDED, .bus = b->tag};
	assert_true(queue_try_push(rig.g.reports, &r));
}

void bus_destroy(struct bus *b)
{
	free(b);
}

void mqtt_event_free(struct mqtt_event *e)
{
	free(e->topic);
	free(e->payload);
	free(e->response_topic);
	e->response_topic = NULL;
}

size_t mqtt_event_weight(const void *event)
{
	(void)event;
	return 0;
}

/* A client is its source of events. */
static inline bool rig_is_own(struct mqtt_client *c)
{
	return (void *)c != events_source(&rig.g, 0);
}

struct mqtt_client *mqtt_create(const struct mqtt_conf *conf, const char *client_id,
                                struct outbox *o, const char *will_topic, const char *will_text,
                                void (*push)(void *ctx, struct mqtt_event *e), void *ctx)
{
	(void)will_text, (void)push;
	if (!rig_is_own(ctx)) {
		rig.connects++;
		return ctx;
	}
	rig.own.connects++;
	rig.own.outbox = o;
	snprintf(rig.own.host, sizeof rig.own.host, "%s", conf->host);
	snprintf(rig.own.client_id, sizeof rig.own.client_id, "%s", client_id);
	snprintf(rig.own.will, sizeof rig.own.will, "%s", will_topic ? will_topic : "none");
	return ctx;
}

void mqtt_subscribe(struct mqtt_client *c, const char *const *filters, size_t n, uint8_t qos)
{
	(void)qos;
	if (rig_is_own(c))
		snprintf(rig.own.filter, sizeof rig.own.filter, "%s", n ? filters[0] : "");
}

void mqtt_hold(struct mqtt_client *c, bool held, uint64_t taken)
{
	(void)c, (void)taken;
	rig.held = held;
}

void mqtt_shortest(struct mqtt_client *c, int64_t shortest)
{
	(void)c, (void)shortest;
}

void mqtt_figures(struct mqtt_client *c, struct mqtt_figures *out)
{
	(void)c;
	*out = (struct mqtt_figures){.connected = rig.g.link[0].connected};
}

bool mqtt_idle(struct mqtt_client *c)
{
	(void)c;
	return true;
}

void mqtt_destroy(struct mqtt_client *c, int64_t limit)
{
	(void)limit;
	rig.own.ends += c && rig_is_own(c);
}

void mqtt_leave(struct mqtt_client *c, int64_t limit)
{
	mqtt_destroy(c, limit);
}

/* -- the rig ----------------------------------------------------------------------------------- */

static inline void rig_write(const char *text)
{
	FILE *f = fopen(rig.file, "w");
	assert_non_null(f);
	if (rig.thingsboard)
		fprintf(f, "thingsboard: {%s}\n", rig.thingsboard);
	fprintf(f, "gateway: house\n%smqtt: {%s}\nbuses:\n  line: {%s}\n%s", rig.top ? rig.top : "",
	        rig.mqtt ? rig.mqtt : "broker: mqtt://h, client_id: c, sys_interval: 0",
	        rig.line ? rig.line : "port: /dev/none", text);
	fclose(f);
}

static inline void rig_write_profile(const char *text)
{
	FILE *f = fopen(rig.profile, "w");
	assert_non_null(f);
	fprintf(f,
	        "title: Own\nvendor: Nobody\nmodels: [P1]\nsources: [made up]\n"
	        "status: experimental\n%s",
	        text);
	fclose(f);
}

static inline struct bus *rig_bus(void)
{
	return rig.g.plant->bus[0].bus;
}

static inline void rig_turn(void)
{
	loop_turn(&rig.g);
}

/* Every timer at its time, as the loop would. */
static inline void rig_pass(us_t time)
{
	const us_t end = rig.now + time;
	for (us_t next = rig.now; next <= end;) {
		rig.now = next > rig.now ? next : rig.now;
		rig_turn();
		next = US_NEVER;
		for (size_t i = 0; i < TIMERS; i++)
			next = rig.g.due[i] < next ? rig.g.due[i] : next;
	}
	rig.now = end;
	rig_turn();
}

static inline void rig_report(struct report r)
{
	r.bus = rig_bus()->tag;
	r.at = r.at ? r.at : rig.now;
	if (r.kind == REPORT_READ && !r.sent)
		r.sent = r.at;
	assert_true(queue_try_push(rig.g.reports, &r));
	rig_turn();
}

static inline void rig_port(bool up)
{
	rig_report((struct report){.kind = REPORT_PORT, .online = up});
}

/* The unit came, or answers no more. */
static inline void rig_unit(uint8_t unit, bool online)
{
	rig_report((struct report){.kind = REPORT_UNIT, .online = online, .span = {.unit = unit}});
}

/* A read of holding registers of unit 1 failed. */
static inline void rig_failed(uint16_t addr, uint16_t n, enum outcome outcome, uint8_t exception,
                              struct instead instead)
{
	rig_report((struct report){.kind = REPORT_FAILED,
	                           .outcome = (uint8_t)outcome,
	                           .exception = exception,
	                           .instead = instead,
	                           .span = {1, TABLE_HOLDING, addr, n}});
}

/* The devices d0 … of the profile `own`: all on the line (a_bus 0), or so many a TCP bus, and one
 * `d` on the line. To be freed. */
static inline char *rig_devices(unsigned n, unsigned a_bus)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	for (unsigned i = 0; a_bus && i <= n / a_bus; i++)
		fprintf(f, "  b%u: {tcp: h%u}\n", i, i);
	fputs("devices:\n", f);
	if (a_bus)
		fputs("  d: {bus: line, id: 1, profile: own}\n", f);
	for (unsigned i = 0; i < n; i++)
		if (a_bus)
			fprintf(f, "  d%u: {bus: b%u, id: %u, profile: own}\n", i, i / a_bus,
			        i % a_bus + 1);
		else
			fprintf(f, "  d%u: {bus: line, id: %u, profile: own}\n", i, i + 1);
	fclose(f);
	return text;
}

/* One holding register of unit 1 was read. */
static inline void rig_read(uint16_t addr, uint16_t word)
{
	rig_report((struct report){.kind = REPORT_READ,
	                           .outcome = OUT_OK,
	                           .span = {1, TABLE_HOLDING, addr, 1},
	                           .word = {word}});
}

/* The oldest job of the bus, which is now on the wire and answered; it must write this. */
static inline void rig_job(uint16_t addr, uint16_t word, enum outcome outcome)
{
	struct bus *b = rig_bus();
	assert_int_equal(b->njob, 1);
	const struct job j = b->job[0];
	b->njob = 0;
	assert_int_equal(j.span.addr, addr);
	assert_int_equal(j.value[0], word);
	rig_report((struct report){.kind = REPORT_JOB,
	                           .outcome = (uint8_t)outcome,
	                           .exception = outcome == OUT_REFUSED ? EXC_ADDRESS : 0,
	                           .id = j.id,
	                           .sent = rig.now});
}

static inline void rig_event(struct mqtt_event e)
{
	events_push(events_source(&rig.g, e.link), &e);
	rig_turn();
}

static inline void rig_broker(bool up)
{
	rig_event((struct mqtt_event){.kind = up ? MQTT_UP : MQTT_DOWN, .protocol = 5});
}

static inline void rig_command(const char *topic, const char *payload)
{
	rig_event((struct mqtt_event){.kind = MQTT_MESSAGE,
	                              .topic = mem_strdup(topic),
	                              .payload = mem_strdup(payload),
	                              .len = strlen(payload),
	                              .since = rig.now});
}

/* What was published since the last call: "topic payload", a line each, without "xnet/sts/". */
static inline const char *rig_said_on(struct outbox *o)
{
	static const char sts[] = "xnet/sts/";
	struct outgoing m;
	size_t n = 0;
	rig.said[0] = '\0';
	while (outbox_take(o, &m)) {
		const bool ours = strncmp(m.topic, sts, sizeof sts - 1) == 0;
		n += (size_t)snprintf(rig.said + n, sizeof rig.said - n, "%s%s %s", n ? "\n" : "",
		                      m.topic + (ours ? sizeof sts - 1 : 0), m.payload);
		assert_true(n < sizeof rig.said);
		outbox_sent(o, m.item);
	}
	return rig.said;
}

static inline const char *rig_said(void)
{
	return rig_said_on(rig.g.outbox);
}

/* The devices: section is the test's, and points: of the profile `own`, with what else it has. */
static inline void rig_begin(const char *devices, const char *profile)
{
	memset(&rig, 0, sizeof rig);
	rig.now = 1000 * US_S;
	strcpy(rig.dir, "/tmp/daemon_rig.XXXXXX");
	assert_non_null(mkdtemp(rig.dir));
	snprintf(rig.file, sizeof rig.file, "%s/devices.yaml", rig.dir);
	snprintf(rig.profile, sizeof rig.profile, "%s/own.yaml", rig.dir);
	rig_write(devices);
	rig_write_profile(profile);
	rig.g.paths = (struct config_paths){.file = rig.file, .profiles = {rig.dir}};
	rig.g.now = rig.now;
	struct diag d;
	diag_init(&d);
	rig.g.model = config_load(&rig.g.paths, &d);
	for (size_t i = 0; i < d.n; i++)
		fprintf(stderr, "%s\n", d.message[i].text);
	assert_non_null(rig.g.model);
	diag_free(&d);
	loop_create(&rig.g);
	rig_port(true);
	rig_broker(true);
}

/* A new configuration, as after SIGHUP. */
static inline void rig_reload(const char *devices)
{
	rig_write(devices);
	reload_begin(&rig.g, NULL, false);
	struct pollfd p = {.fd = reload_fd(&rig.g), .events = POLLIN};
	assert_int_equal(poll(&p, 1, 20000), 1);
	rig_turn();
}

static inline int rig_end(void **state)
{
	(void)state;
	broker_destroy(&rig.g, 0);
	loop_destroy(&rig.g);
	unlink(rig.file);
	unlink(rig.profile);
	return rmdir(rig.dir);
}

#define RIG_TEST(f) cmocka_unit_test_teardown(f, rig_end)

#endif
