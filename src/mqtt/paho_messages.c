// SPDX-License-Identifier: MIT
/* What goes over a connection: messages, subscriptions, and questions. */
#include "mqtt/paho_inside.h"

#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "mqtt/reason.h"

#define QUESTION "xnet-gateway/are-you-there" /* a topic that nobody subscribes to */

/* -- properties of MQTT 5 ---------------------------------------------------------------------- */

void paho_property_int(struct paho *p, MQTTProperties *props, enum MQTTPropertyCodes id,
                       unsigned value)
{
	MQTTProperty one = {.identifier = id};
	one.value.integer4 = value;
	p->lib.MQTTProperties_add(props, &one);
}

void paho_property_data(struct paho *p, MQTTProperties *props, enum MQTTPropertyCodes id,
                        const void *data, size_t n)
{
	MQTTProperty one = {.identifier = id};
	one.value.data.data = (char *)data; /* copied by the library */
	one.value.data.len = (int)n;
	p->lib.MQTTProperties_add(props, &one);
}

static void user_properties(struct paho *p, MQTTProperties *props, const char *list)
{
	for (const char *s = list; s && *s;) {
		MQTTProperty one = {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY};
		one.value.data.data = (char *)s; /* copied by the library, both */
		one.value.data.len = (int)strlen(s);
		s += one.value.data.len + 1;
		one.value.value.data = (char *)s;
		one.value.value.len = (int)strlen(s);
		s += one.value.value.len + 1;
		p->lib.MQTTProperties_add(props, &one);
	}
}

/* -- messages out ------------------------------------------------------------------------------ */

static void on_sent(void *ctx, MQTTAsync_successData *r)
{
	(void)r;
	flight_land(ctx, true, NULL);
}

static void on_not_sent(void *ctx, MQTTAsync_failureData *r)
{
	(void)r;
	flight_land(ctx, false, NULL);
}

static void on_sent5(void *ctx, MQTTAsync_successData5 *r)
{
	const char *refused = r && r->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR
	                              ? reason_text((int)r->reasonCode)
	                              : NULL;
	flight_land(ctx, !refused, refused);
}

static void on_not_sent5(void *ctx, MQTTAsync_failureData5 *r)
{
	const char *refused = r && r->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR
	                              ? reason_text((int)r->reasonCode)
	                              : NULL;
	flight_land(ctx, false, refused);
}

bool paho_send(struct paho *p, const struct outgoing *m, uint32_t expiry,
               const struct pace_mark *mark)
{
	struct flight *f = flights_take(&p->flights, m->item, m->qos, mark);
	if (!f)
		return false;
	MQTTAsync_responseOptions r = MQTTAsync_responseOptions_initializer;
	MQTTAsync_message out = MQTTAsync_message_initializer;
	out.payload = (void *)m->payload;
	out.payloadlen = (int)m->len;
	out.qos = m->qos;
	out.retained = m->retain && p->terms.retain;
	r.context = f;
	if (p->protocol == 5) {
		r.onSuccess5 = on_sent5;
		r.onFailure5 = on_not_sent5;
		if (expiry)
			paho_property_int(p, &out.properties,
			                  MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, expiry);
		if (m->correlation)
			paho_property_data(p, &out.properties, MQTTPROPERTY_CODE_CORRELATION_DATA,
			                   m->correlation, m->correlation_len);
		if (m->response_topic)
			paho_property_data(p, &out.properties, MQTTPROPERTY_CODE_RESPONSE_TOPIC,
			                   m->response_topic, strlen(m->response_topic));
		user_properties(p, &out.properties, m->properties);
	} else {
		r.onSuccess = on_sent;
		r.onFailure = on_not_sent;
	}
	const int rc = p->lib.MQTTAsync_sendMessage(p->handle, m->topic, &out, &r);
	p->lib.MQTTProperties_free(&out.properties);
	if (rc == MQTTASYNC_BAD_UTF8_STRING)
		flight_land(f, false, "the topic is not valid UTF-8");
	else if (rc != MQTTASYNC_SUCCESS)
		flight_land(f, false, NULL);
	return rc == MQTTASYNC_SUCCESS;
}

/* -- messages in ------------------------------------------------------------------------------- */

static char *copy_bytes(const void *data, size_t n)
{
	char *copy = mem_alloc(n + 1, 1);
	if (n)
		memcpy(copy, data, n);
	return copy;
}

static void learn_properties(struct paho *p, struct mqtt_event *e, MQTTProperties *props)
{
	const MQTTProperty *one =
		p->lib.MQTTProperties_getProperty(props, MQTTPROPERTY_CODE_RESPONSE_TOPIC);
	if (one)
		e->response_topic = copy_bytes(one->value.data.data, (size_t)one->value.data.len);
	one = p->lib.MQTTProperties_getProperty(props, MQTTPROPERTY_CODE_CORRELATION_DATA);
	if (one) {
		e->correlation = copy_bytes(one->value.data.data, (size_t)one->value.data.len);
		e->correlation_len = (size_t)one->value.data.len;
	}
	one = p->lib.MQTTProperties_getProperty(props, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL);
	if (one)
		e->expiry = one->value.integer4 ? one->value.integer4 : 1; /* 0 would mean none */
}

int paho_on_message(void *ctx, char *topic, int topic_len, MQTTAsync_message *m)
{
	struct paho *p = ctx;
	const size_t len = (size_t)m->payloadlen;
	const uint8_t qos = (uint8_t)m->qos;
	struct mqtt_event e = {
		.kind = MQTT_MESSAGE,
		.retained = m->retained != 0,
		.dup = m->dup != 0,
		.protocol = p->protocol,
		.topic = copy_bytes(topic, topic_len ? (size_t)topic_len : strlen(topic)),
		.len = len,
		.payload = copy_bytes(m->payload, len <= MQTT_PAYLOAD_MAX ? len : 0),
	};
	if (p->protocol == 5)
		learn_properties(p, &e, &m->properties);
	p->lib.MQTTAsync_freeMessage(&m);
	p->lib.MQTTAsync_free(topic);
	p->sink.message(p->sink.ctx, &e, qos);
	return 1;
}

/* -- subscriptions ----------------------------------------------------------------------------- */

static int by_filter(const void *a, const void *b)
{
	const uintptr_t x = (uintptr_t)((const struct subscription *)a)->filter;
	const uintptr_t y = (uintptr_t)((const struct subscription *)b)->filter;
	return x < y ? -1 : x > y;
}

static struct subscription *find_subscription(struct paho *p, const char *filter)
{
	struct subscription key = {.filter = filter};
	void *found = tfind(&key, &p->subscriptions, by_filter);
	if (found)
		return *(struct subscription **)found;
	struct subscription *s = mem_alloc(1, sizeof *s);
	*s = (struct subscription){.paho = p, .filter = filter};
	tsearch(s, &p->subscriptions, by_filter);
	return s;
}

static void not_subscribed(struct subscription *s, int code)
{
	s->paho->sink.not_subscribed(s->paho->sink.ctx, s->filter, reason_text(code));
}

static void count(struct paho *p, int more)
{
	pthread_mutex_lock(&p->lock);
	p->subscribing += (unsigned)more;
	pthread_mutex_unlock(&p->lock);
}

unsigned paho_subscribing(struct paho *p)
{
	pthread_mutex_lock(&p->lock);
	const unsigned n = p->subscribing;
	pthread_mutex_unlock(&p->lock);
	return n;
}

static void answered(void *ctx)
{
	count(((struct subscription *)ctx)->paho, -1);
}

static void on_subscribed(void *ctx, MQTTAsync_successData *r)
{
	answered(ctx);
	if (r && r->alt.qos >= 0x80)
		not_subscribed(ctx, r->alt.qos);
}

static void on_subscribed5(void *ctx, MQTTAsync_successData5 *r)
{
	answered(ctx);
	if (r && r->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR)
		not_subscribed(ctx, (int)r->reasonCode);
}

static void on_not_subscribed(void *ctx, MQTTAsync_failureData *r)
{
	answered(ctx);
	if (r && r->code >= 0x80)
		not_subscribed(ctx, r->code);
}

static void on_not_subscribed5(void *ctx, MQTTAsync_failureData5 *r)
{
	answered(ctx);
	if (r && r->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR)
		not_subscribed(ctx, (int)r->reasonCode);
}

void paho_subscribe(struct paho *p, const char *filter, uint8_t qos)
{
	MQTTAsync_responseOptions r = MQTTAsync_responseOptions_initializer;
	r.context = find_subscription(p, filter);
	if (p->protocol == 5) {
		r.onSuccess5 = on_subscribed5;
		r.onFailure5 = on_not_subscribed5;
		r.subscribeOptions.noLocal = 1; /* what we publish ourselves we know */
	} else {
		r.onSuccess = on_subscribed;
		r.onFailure = on_not_subscribed;
	}
	count(p, 1);
	if (p->lib.MQTTAsync_subscribe(p->handle, filter, qos, &r) != MQTTASYNC_SUCCESS)
		count(p, -1);
}

void paho_unsubscribe(struct paho *p, const char *filter)
{
	MQTTAsync_responseOptions r = MQTTAsync_responseOptions_initializer;
	p->lib.MQTTAsync_unsubscribe(p->handle, filter, &r);
}

/* -- questions --------------------------------------------------------------------------------- */

static void on_answer(void *ctx, MQTTAsync_successData *r)
{
	struct paho *p = ctx;
	(void)r;
	p->sink.answer(p->sink.ctx);
}

static void on_answer5(void *ctx, MQTTAsync_successData5 *r)
{
	struct paho *p = ctx;
	(void)r;
	p->sink.answer(p->sink.ctx);
}

/* A refusal is an answer; that the connection is lost is none. */
static void on_no_answer5(void *ctx, MQTTAsync_failureData5 *r)
{
	struct paho *p = ctx;
	if (r && r->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR)
		p->sink.answer(p->sink.ctx);
}

/* What was never subscribed is unsubscribed: "MQTT Version 3.1.1", 3.10.4: it is answered even so.
 * The library keeps the answers to its own pings to itself. */
void paho_ask(struct paho *p)
{
	MQTTAsync_responseOptions r = MQTTAsync_responseOptions_initializer;
	r.context = p;
	if (p->protocol == 5) {
		r.onSuccess5 = on_answer5;
		r.onFailure5 = on_no_answer5;
	} else {
		r.onSuccess = on_answer;
	}
	p->lib.MQTTAsync_unsubscribe(p->handle, QUESTION, &r);
}

bool paho_mark(struct paho *p, const struct pace_mark *mark)
{
	struct flight *f = flights_take(&p->flights, NULL, 0, mark);
	if (!f)
		return false;
	MQTTAsync_responseOptions r = MQTTAsync_responseOptions_initializer;
	r.context = f;
	if (p->protocol == 5) {
		r.onSuccess5 = on_sent5;
		r.onFailure5 = on_not_sent5;
	} else {
		r.onSuccess = on_sent;
		r.onFailure = on_not_sent;
	}
	if (p->lib.MQTTAsync_unsubscribe(p->handle, QUESTION, &r) != MQTTASYNC_SUCCESS)
		flight_land(f, false, NULL);
	return true;
}
