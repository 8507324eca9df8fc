// SPDX-License-Identifier: MIT
/* What the client reports of a connection, and in which order: its publisher thread is real, the
 * library below it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <pthread.h>

#include "core/base/arena.h"
#include "mqtt/paho.h"

#define LIMIT_S 20
#define EVENTS_MAX 16

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static struct {
	struct paho_sink sink;
	bool connecting;
	uint8_t event[EVENTS_MAX]; /* enum mqtt_event_kind */
	unsigned nevent;
} rig;

/* -- in place of the library ------------------------------------------------------------------- */

struct paho *paho_create(const struct mqtt_conf *conf, const char *address, const char *client_id,
                         uint8_t protocol, const char *will_topic, const char *will_text,
                         const struct paho_sink *sink, const char **why)
{
	(void)conf, (void)address, (void)client_id, (void)protocol, (void)will_topic;
	(void)will_text, (void)why;
	rig.sink = *sink;
	return (struct paho *)&rig;
}

void paho_destroy(struct paho *p)
{
	(void)p;
}

bool paho_connect(struct paho *p, bool plain, bool passing, char *why, size_t size)
{
	(void)p, (void)plain, (void)passing, (void)why, (void)size;
	pthread_mutex_lock(&lock);
	rig.connecting = true;
	pthread_cond_signal(&change);
	pthread_mutex_unlock(&lock);
	return true;
}

bool paho_send(struct paho *p, const struct outgoing *m, uint32_t expiry,
               const struct pace_mark *mark)
{
	(void)p, (void)m, (void)expiry, (void)mark;
	return true;
}

bool paho_mark(struct paho *p, const struct pace_mark *mark)
{
	(void)p, (void)mark;
	return true;
}

/* A broker at its fastest: what is retained is there before the call returns. */
void paho_subscribe(struct paho *p, const char *const *filter, size_t n, uint8_t qos)
{
	(void)p, (void)n;
	struct mqtt_event e = {.kind = MQTT_MESSAGE, .retained = true};
	e.topic = mem_strdup(filter[0]);
	e.payload = mem_strdup("1");
	e.len = 1;
	rig.sink.message(rig.sink.ctx, &e, qos);
}

unsigned paho_subscribing(struct paho *p)
{
	(void)p;
	return 0;
}

void paho_unsubscribe(struct paho *p, const char *const *filter, size_t n)
{
	(void)p, (void)filter, (void)n;
}

void paho_ask(struct paho *p)
{
	(void)p;
}

bool paho_disconnect(struct paho *p, int timeout_ms)
{
	(void)p, (void)timeout_ms;
	rig.sink.disconnected(rig.sink.ctx);
	return true;
}

/* -- the client's user ------------------------------------------------------------------------- */

static void push(void *ctx, struct mqtt_event *e)
{
	(void)ctx;
	pthread_mutex_lock(&lock);
	if (rig.nevent < EVENTS_MAX)
		rig.event[rig.nevent++] = e->kind;
	pthread_cond_signal(&change);
	pthread_mutex_unlock(&lock);
	mqtt_event_free(e);
}

static bool is_connecting(void)
{
	return rig.connecting;
}

static bool are_two(void)
{
	return rig.nevent >= 2;
}

static void wait_for(bool (*there)(void))
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LIMIT_S;
	pthread_mutex_lock(&lock);
	while (!there())
		assert_int_equal(pthread_cond_timedwait(&change, &lock, &until), 0);
	pthread_mutex_unlock(&lock);
}

/* Whatever is retained belongs to the connection that was reported before it: north_connected()
 * forgets what an earlier one has brought, such as which devices other gateways have. */
static void a_connection_is_reported_before_what_is_retained(void **state)
{
	(void)state;
	static const char *const filters[] = {"xnet/$SYS/+/device/+/info"};
	const struct mqtt_conf conf = {.host = "127.0.0.1", .port = 1, .prefix = "xnet"};
	const struct paho_terms terms = {.maximum_qos = 2, .retain = true};
	struct outbox *o = outbox_create(1000);
	struct mqtt_client *c = mqtt_create(&conf, "me", o, NULL, NULL, push, NULL);
	mqtt_subscribe(c, filters, 1, 1);
	wait_for(is_connecting);
	rig.sink.up(rig.sink.ctx, &terms);
	wait_for(are_two);
	assert_int_equal(rig.event[0], MQTT_UP);
	assert_int_equal(rig.event[1], MQTT_MESSAGE);
	mqtt_destroy(c, US_S);
	outbox_destroy(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_is_reported_before_what_is_retained),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
