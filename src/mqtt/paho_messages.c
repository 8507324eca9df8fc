// SPDX-License-Identifier: MIT
/* What goes over a connection: messages, subscriptions, and probes. */
#include "mqtt/paho_inside.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "mqtt/reason.h"

#define QUESTION "xnet-gateway/are-you-there" /* a topic that has no subscribers */

/* -- properties of MQTT 5 ---------------------------------------------------------------------- */

void paho_property_int(struct paho *p, MQTTProperties *props, enum MQTTPropertyCodes id,
                       unsigned value)
{
	MQTTProperty one = {.identifier = id};
	one.value.integer4 = value;
	p->lib.MQTTProperties_add(props, &one);
}

static void paho_property_data(struct paho *p, MQTTProperties *props, enum MQTTPropertyCodes id,
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

/* One to be filled. */
static struct subscription *begin_subscription(struct paho *p)
{
	pthread_mutex_lock(&p->lock);
	struct subscription *s = p->idle;
	if (s)
		p->idle = s->idle;
	p->subscribing++;
	pthread_mutex_unlock(&p->lock);
	if (!s) {
		s = mem_alloc(1, sizeof *s);
		s->paho = p;
		s->next = p->subscriptions;
		p->subscriptions = s;
	}
	s->waits = true;
	return s;
}

static void answered(struct subscription *s)
{
	struct paho *p = s->paho;
	pthread_mutex_lock(&p->lock);
	if (s->waits) {
		s->waits = false;
		s->idle = p->idle;
		p->idle = s;
		p->subscribing--;
	}
	pthread_mutex_unlock(&p->lock);
}

unsigned paho_subscribing(struct paho *p)
{
	pthread_mutex_lock(&p->lock);
	const unsigned n = p->subscribing;
	pthread_mutex_unlock(&p->lock);
	return n;
}

/* Before answered(): then it is another's. */
static void judge(const struct subscription *s, size_t i, int code)
{
	if (code >= MQTTREASONCODE_UNSPECIFIED_ERROR)
		s->paho->sink.not_subscribed(s->paho->sink.ctx, s->filter[i], reason_text(code));
}

static void on_subscribed(void *ctx, MQTTAsync_successData *r)
{
	if (r)
		judge(ctx, 0, r->alt.qos);
	answered(ctx);
}

static void on_subscribed5(void *ctx, MQTTAsync_successData5 *r)
{
	const struct subscription *s = ctx;
	const int n = r ? r->alt.sub.reasonCodeCount : 0;
	if (r && n <= 1)
		judge(s, 0, (int)r->reasonCode);
	for (int i = 0; n > 1 && i < n && (size_t)i < s->n; i++)
		judge(s, (size_t)i, (int)r->alt.sub.reasonCodes[i]);
	answered(ctx);
}

static void on_not_subscribed(void *ctx, MQTTAsync_failureData *r)
{
	if (r)
		judge(ctx, 0, r->code);
	answered(ctx);
}

static void on_not_subscribed5(void *ctx, MQTTAsync_failureData5 *r)
{
	if (r)
		judge(ctx, 0, (int)r->reasonCode);
	answered(ctx);
}

static void subscribe_some(struct paho *p, const char *const *filter, size_t n, uint8_t qos)
{
	MQTTAsync_responseOptions r = MQTTAsync_responseOptions_initializer;
	MQTTSubscribe_options options[PAHO_FILTERS];
	int each[PAHO_FILTERS];
	struct subscription *s = begin_subscription(p);
	s->n = n;
	for (size_t i = 0; i < n; i++) {
		s->filter[i] = filter[i];
		each[i] = qos;
		options[i] = (MQTTSubscribe_options)MQTTSubscribe_options_initializer;
		options[i].noLocal = 1; /* what we publish ourselves we know */
	}
	r.context = s;
	if (p->protocol == 5) {
		r.onSuccess5 = on_subscribed5;
		r.onFailure5 = on_not_subscribed5;
		r.subscribeOptions = options[0]; /* of one; the list is of several */
		r.subscribeOptionsCount = n > 1 ? (int)n : 0;
		r.subscribeOptionsList = options;
	} else {
		r.onSuccess = on_subscribed;
		r.onFailure = on_not_subscribed;
	}
	if (p->lib.MQTTAsync_subscribeMany(p->handle, (int)n, (char *const *)filter, each, &r) !=
	    MQTTASYNC_SUCCESS)
		answered(s);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Thousands at each connect: the library's time for a packet grows with those before it. Of MQTT
 * 3.1.1 one each, since the library does not report how many answers of several a broker has given.
 */
void paho_subscribe(struct paho *p, const char *const *filter, size_t n, uint8_t qos)
{
	const size_t most = p->protocol == 5 ? PAHO_FILTERS : 1;
	for (size_t i = 0; i < n; i += most)
		subscribe_some(p, filter + i, least(most, n - i), qos);
}

void paho_unsubscribe(struct paho *p, const char *const *filter, size_t n)
{
	for (size_t i = 0; i < n; i += PAHO_FILTERS) {
		MQTTAsync_responseOptions r = MQTTAsync_responseOptions_initializer;
		p->lib.MQTTAsync_unsubscribeMany(p->handle, (int)least(PAHO_FILTERS, n - i),
		                                 (char *const *)(filter + i), &r);
	}
}

/* -- probes --------------------------------------------------------------------------------- */

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
