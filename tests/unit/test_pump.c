// SPDX-License-Identifier: MIT
/* What the publisher hands over and what comes of it, in virtual time: no library, no broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mqtt/client_private.h"

#define SENT_MAX 128
#define NOT_AUTHORISED "not authorised"

static us_t now;
static struct {
	char topic[32];
	struct paho_done done;
} sent[SENT_MAX];
static unsigned nsent;
static char reported[192];
static unsigned nmarked, nunsubscribed;
static bool marks; /* probes go out */
static struct pace_mark marked;

us_t client_now(void)
{
	return now;
}

void client_wake(struct mqtt_client *c)
{
	c->woken = true;
}

void client_report(struct mqtt_client *c, enum mqtt_event_kind kind, const char *text)
{
	(void)c, (void)kind;
	snprintf(reported, sizeof reported, "%s", text);
}

void client_report_topic(struct mqtt_client *c, enum mqtt_event_kind kind, const char *topic,
                         const char *text)
{
	(void)topic;
	client_report(c, kind, text);
}

bool paho_send(struct paho *p, const struct outgoing *m, uint32_t expiry,
               const struct pace_mark *mark)
{
	(void)p, (void)expiry;
	assert_true(nsent < SENT_MAX);
	snprintf(sent[nsent].topic, sizeof sent->topic, "%s", m->topic);
	sent[nsent++].done = (struct paho_done){.item = m->item, .qos = m->qos, .mark = *mark};
	return true;
}

bool paho_mark(struct paho *p, const struct pace_mark *mark)
{
	(void)p;
	nmarked += marks;
	marked = *mark;
	return marks;
}

void paho_unsubscribe(struct paho *p, const char *const *filters, size_t n)
{
	(void)p, (void)filters;
	nunsubscribed += (unsigned)n;
}

struct rig {
	struct mqtt_client client;
	slot_t alerts, slow, other;
};

static void begin(struct rig *r, uint8_t protocol)
{
	*r = (struct rig){.client = {.protocol = protocol,
	                             .window = 20,
	                             .terms = {.maximum_qos = 2},
	                             .outbox = outbox_create(1000)}};
	struct outbox *o = r->client.outbox;
	pthread_mutex_init(&r->client.lock, NULL);
	now = 1000 * US_S;
	nsent = 0;
	reported[0] = '\0';
	r->alerts = outbox_slot(o, "alerts", SLOT_STATUS, 1, true);
	r->slow = outbox_slot(o, "slow", SLOT_VALUE, 0, true);
	r->other = outbox_slot(o, "other", SLOT_VALUE, 0, true);
	pump_begin(&r->client, now);
}

static void end(struct rig *r)
{
	pthread_mutex_destroy(&r->client.lock);
	outbox_destroy(r->client.outbox);
}

/* One turn of the publisher, and what the broker says to all of it: gives the topics, those that
 * ask for an acknowledgement with a '!'. denied: what begins with this is refused. */
static const char *turn(struct rig *r, const char *denied)
{
	static char text[512];
	size_t n = 0;
	text[0] = '\0';
	pump(&r->client);
	const unsigned count = nsent;
	nsent = 0;
	for (unsigned i = 0; i < count; i++) {
		struct paho_done *d = &sent[i].done;
		const bool no =
			denied && d->qos && strncmp(sent[i].topic, denied, strlen(denied)) == 0;
		d->ok = !no;
		d->refused = no ? NOT_AUTHORISED : NULL;
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s%s", n ? " " : "",
		                      sent[i].topic, d->qos ? "!" : "");
		pump_done(&r->client, d);
	}
	if (r->client.refused) {
		r->client.refused = NULL;
		pump_refused(&r->client, now);
	}
	return text;
}

static void set(struct rig *r, slot_t s, const char *text)
{
	outbox_set(r->client.outbox, s, text, false);
}

static void all_is_published_again_when_the_broker_permits_it_again(void **state)
{
	(void)state;
	struct rig r;
	begin(&r, 5);
	set(&r, r.alerts, "none");
	set(&r, r.slow, "1");
	assert_string_equal(turn(&r, NULL), "alerts! slow");
	set(&r, r.alerts, "fault");
	set(&r, r.slow, "2");
	assert_string_equal(turn(&r, ""), "alerts! slow"); /* the value is lost without a word */
	assert_string_equal(turn(&r, ""), "");
	assert_true(pump_due(&r.client) <= now + 10 * US_S);
	for (int i = 0; i < 3; i++) {
		now += 10 * US_S;
		assert_string_equal(turn(&r, ""), "alerts!");
	}
	now += 10 * US_S;
	assert_string_equal(turn(&r, NULL), "alerts!");
	assert_string_equal(turn(&r, NULL), "alerts! slow");
	assert_non_null(strstr(reported, "published again"));
	assert_true(pump_due(&r.client) == US_NEVER);
	now += 3600 * US_S;
	assert_string_equal(turn(&r, NULL), "");
	end(&r);
}

/* Where only values are refused, nobody would know: one each ten seconds asks. */
static void a_value_now_and_then_asks(void **state)
{
	(void)state;
	struct rig r;
	char text[16];
	begin(&r, 5);
	unsigned asked = 0;
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof text, "%d", i);
		set(&r, r.slow, text);
		asked += strchr(turn(&r, ""), '!') != NULL;
		now += US_S;
	}
	assert_in_range(asked, 10, 20);
	set(&r, r.other, "1");
	turn(&r, "slow");
	now += 10 * US_S;
	assert_string_equal(turn(&r, NULL), "slow!");
	assert_string_equal(turn(&r, NULL), "other slow");
	end(&r);
}

static void what_is_never_permitted_costs_one_message_at_a_time(void **state)
{
	(void)state;
	struct rig r;
	begin(&r, 5);
	set(&r, r.alerts, "1");
	set(&r, r.slow, "1");
	turn(&r, "alerts");
	unsigned n = 0;
	for (int i = 0; i < 3600; i++, now += US_S) {
		const char *t = turn(&r, "alerts");
		assert_true(!*t || strcmp(t, "alerts!") == 0);
		n += *t != '\0';
	}
	assert_in_range(n, 350, 361);
	end(&r);
}

/* A broker that accepts one and refuses the next is not flooded. */
static void a_quota_is_not_pressed(void **state)
{
	(void)state;
	struct rig r;
	begin(&r, 5);
	set(&r, r.alerts, "1");
	set(&r, r.slow, "1");
	unsigned n = 0;
	turn(&r, "");
	for (int i = 0; i < 3600; i++, now += US_S) {
		const char *t = turn(&r, strchr(turn(&r, NULL), '!') ? "" : NULL);
		n += *t != '\0';
	}
	assert_in_range(n, 2, 20);
	end(&r);
}

/* The last probe is answered, if it is a new one. */
static void answered(struct rig *r, unsigned count)
{
	pump_last_question(&r->client, now);
	assert_int_equal(nmarked, count);
	now += 10 * US_MS;
	pump_done(&r->client, &(struct paho_done){.ok = true, .mark = marked});
}

/* A command that comes while the gateway leaves for the first broker of the list would be answered
 * there, where nobody waits for it. */
static void a_broker_is_left_when_no_command_can_come_any_more(void **state)
{
	(void)state;
	struct rig r;
	char text[] = "xnet/cmd/#", *filter[] = {text};
	begin(&r, 5);
	marks = true;
	nmarked = nunsubscribed = 0;
	r.client.have = filter;
	r.client.nhave = 1;
	client_leave(&r.client, now);
	assert_int_equal(nunsubscribed, 1);
	assert_false(client_may_part(&r.client, now));
	pump_last_question(&r.client, now);
	assert_false(client_may_part(&r.client, now));
	r.client.received++; /* on its way when nothing was subscribed any more */
	answered(&r, 2);
	assert_false(client_may_part(&r.client, now)); /* main has not looked at it */
	r.client.taken = r.client.received;
	r.client.held = true;
	assert_false(client_may_part(&r.client, now)); /* it is under way */
	r.client.held = false;
	assert_true(client_may_part(&r.client, now));
	client_left(&r.client);
	assert_false(r.client.leaving);
	/* not for ever */
	client_leave(&r.client, now);
	r.client.held = true;
	now += 5 * US_S;
	assert_true(client_may_part(&r.client, now));
	marks = false;
	end(&r);
}

/* It would wait for the library's locks with every message that is on its way out. */
static void no_probe_goes_while_the_library_has_all_that_it_may_have(void **state)
{
	(void)state;
	struct rig r;
	begin(&r, 4);
	for (unsigned i = 0; i < 100; i++) {
		char topic[8];
		snprintf(topic, sizeof topic, "t%u", i);
		set(&r, outbox_slot(r.client.outbox, topic, SLOT_VALUE, 0, true), "1");
	}
	marks = true;
	nmarked = 0;
	pump(&r.client);
	assert_int_equal(nsent, PAHO_FLIGHTS);
	assert_int_equal(nmarked, 0);
	marks = false;
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broker_is_left_when_no_command_can_come_any_more),
		cmocka_unit_test(all_is_published_again_when_the_broker_permits_it_again),
		cmocka_unit_test(a_value_now_and_then_asks),
		cmocka_unit_test(what_is_never_permitted_costs_one_message_at_a_time),
		cmocka_unit_test(a_quota_is_not_pressed),
		cmocka_unit_test(no_probe_goes_while_the_library_has_all_that_it_may_have),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
