// SPDX-License-Identifier: MIT
/* Thousands of filters in few packets, and how the broker answers each of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mqtt/paho_inside.h"

#define FILTERS 20
#define PACKETS 32

static struct {
	struct paho p;
	size_t npacket, nunsubscribed;
	size_t size[PACKETS]; /* filters of each packet */
	MQTTAsync_responseOptions response[PACKETS];
	char refused[256];
	int result;
	const char *filter[FILTERS];
	char text[FILTERS][8];
} rig;

static int subscribe_many(MQTTAsync handle, int count, char *const *topic, const int *qos,
                          MQTTAsync_responseOptions *r)
{
	(void)handle;
	size_t first = 0;
	for (size_t i = 0; i < rig.npacket; i++)
		first += rig.size[i];
	for (int i = 0; i < count; i++) {
		assert_string_equal(topic[i], rig.filter[(first + (size_t)i) % FILTERS]);
		assert_int_equal(qos[i], 1);
		if (count > 1)
			assert_int_equal(r->subscribeOptionsList[i].noLocal, 1);
	}
	if (count > 1)
		assert_int_equal(r->subscribeOptionsCount, count);
	rig.size[rig.npacket] = (size_t)count;
	rig.response[rig.npacket++] = *r;
	return rig.result;
}

static int unsubscribe_many(MQTTAsync handle, int count, char *const *topic,
                            MQTTAsync_responseOptions *r)
{
	(void)handle, (void)topic, (void)r;
	rig.npacket++;
	rig.nunsubscribed += (size_t)count;
	return MQTTASYNC_SUCCESS;
}

static void not_subscribed(void *ctx, const char *filter, const char *why)
{
	(void)ctx;
	assert_true(why[0] != '\0');
	snprintf(rig.refused + strlen(rig.refused), sizeof rig.refused - strlen(rig.refused), "%s ",
	         filter);
}

static void begin(uint8_t protocol)
{
	memset(&rig, 0, sizeof rig);
	rig.p.protocol = protocol;
	rig.p.sink.not_subscribed = not_subscribed;
	rig.p.lib.MQTTAsync_subscribeMany = subscribe_many;
	rig.p.lib.MQTTAsync_unsubscribeMany = unsubscribe_many;
	pthread_mutex_init(&rig.p.lock, NULL);
	for (size_t i = 0; i < FILTERS; i++) {
		snprintf(rig.text[i], sizeof rig.text[i], "f%zu", i);
		rig.filter[i] = rig.text[i];
	}
}

/* The broker's answer to a packet: these codes. */
static void answer(size_t packet, int n, enum MQTTReasonCodes *code)
{
	MQTTAsync_successData5 d = {.reasonCode = code[0]};
	d.alt.sub.reasonCodeCount = n;
	d.alt.sub.reasonCodes = n > 1 ? code : NULL;
	rig.response[packet].onSuccess5(rig.response[packet].context, &d);
}

static void many_filters_go_in_few_packets(void **state)
{
	(void)state;
	enum MQTTReasonCodes good[8] = {1, 1, 1, 1, 1, 1, 1, 1}, one[8] = {1, 1, 0x87},
			     lone = MQTTREASONCODE_NOT_AUTHORIZED;
	begin(5);
	paho_subscribe(&rig.p, rig.filter, FILTERS, 1);
	assert_int_equal(rig.npacket, 3);
	assert_int_equal(rig.size[0], 8);
	assert_int_equal(rig.size[2], 4);
	assert_int_equal(paho_subscribing(&rig.p), 3);
	answer(0, 8, good);
	answer(1, 8, one);
	answer(1, 8, good); /* once more, against all rules */
	assert_int_equal(paho_subscribing(&rig.p), 1);
	assert_string_equal(rig.refused, "f10 ");
	answer(2, 1, &lone); /* fewer than were asked for */
	assert_string_equal(rig.refused, "f10 f16 ");
	assert_int_equal(paho_subscribing(&rig.p), 0);
	struct subscription *const all = rig.p.subscriptions;
	paho_subscribe(&rig.p, rig.filter, 12, 1);
	assert_ptr_equal(rig.p.subscriptions, all); /* what was answered serves again */
	assert_int_equal(paho_subscribing(&rig.p), 2);
	answer(3, 100, good); /* what is not there is not looked at */
}

static void a_filter_alone_is_refused(void **state)
{
	(void)state;
	MQTTAsync_failureData5 d = {.reasonCode = MQTTREASONCODE_NOT_AUTHORIZED};
	begin(5);
	paho_subscribe(&rig.p, rig.filter, 1, 1);
	assert_int_equal(rig.response[0].subscribeOptions.noLocal, 1);
	rig.response[0].onFailure5(rig.response[0].context, &d);
	assert_string_equal(rig.refused, "f0 ");
	assert_int_equal(paho_subscribing(&rig.p), 0);
	rig.result = MQTTASYNC_DISCONNECTED;
	paho_subscribe(&rig.p, rig.filter + 1, FILTERS - 1, 1);
	assert_int_equal(paho_subscribing(&rig.p), 0);
}

static void an_old_broker_gets_one_each(void **state)
{
	(void)state;
	MQTTAsync_successData d = {.alt.qos = 0x80};
	begin(4);
	paho_subscribe(&rig.p, rig.filter, FILTERS, 1);
	assert_int_equal(rig.npacket, FILTERS);
	rig.response[3].onSuccess(rig.response[3].context, &d);
	assert_string_equal(rig.refused, "f3 ");
	assert_int_equal(paho_subscribing(&rig.p), FILTERS - 1);
	rig.npacket = 0;
	paho_unsubscribe(&rig.p, rig.filter, FILTERS);
	assert_int_equal(rig.npacket, 3);
	assert_int_equal(rig.nunsubscribed, FILTERS);
}

static int end(void **state)
{
	(void)state;
	for (struct subscription *s = rig.p.subscriptions, *next; s; s = next) {
		next = s->next;
		free(s);
	}
	pthread_mutex_destroy(&rig.p.lock);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(many_filters_go_in_few_packets, end),
		cmocka_unit_test_teardown(a_filter_alone_is_refused, end),
		cmocka_unit_test_teardown(an_old_broker_gets_one_each, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
