// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>

#include <cmocka.h>

#include "mqtt/outbox.h"

/* Takes everything as if sent at once; gives "topic=payload topic=payload". */
static const char *drain(struct outbox *o)
{
	static char text[4096];
	struct outgoing m;
	size_t n = 0;
	text[0] = '\0';
	while (outbox_take(o, &m)) {
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s=%s", n ? " " : "", m.topic,
		                      m.payload);
		outbox_sent(o, m.item);
	}
	return text;
}

static bool post(struct outbox *o, const char *topic, const char *payload)
{
	return outbox_post(o, &(struct post){.topic = topic, .payload = payload, .qos = 1});
}

static slot_t value(struct outbox *o, const char *topic)
{
	return outbox_slot(o, topic, SLOT_VALUE, 0, true);
}

static void a_topic_has_one_slot_and_keeps_its_text(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	const slot_t a = value(o, "a"), b = value(o, "b");
	char text[8];
	assert_int_not_equal(a, 0);
	assert_int_not_equal(a, b);
	assert_int_equal(value(o, "a"), a);
	outbox_text(o, a, text, sizeof text);
	assert_string_equal(text, "");
	assert_true(outbox_differs(o, a, ""));
	outbox_set(o, a, "12.5", false);
	outbox_text(o, a, text, sizeof text);
	assert_string_equal(text, "12.5");
	outbox_text(o, a, text, 3);
	assert_string_equal(text, "12");
	assert_false(outbox_differs(o, a, "12.5"));
	assert_true(outbox_differs(o, a, "12.50"));
	assert_string_equal(drain(o), "a=12.5");
	outbox_set(o, 0, "x", true); /* none: ignored */
	assert_int_equal(outbox_slot(o, "", SLOT_VALUE, 0, true), 0);
	outbox_destroy(o);
	outbox_destroy(NULL);
}

static void slots_with_keys_share_a_topic(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	const slot_t a = outbox_slot(o, "t\na", SLOT_STATUS, 1, false),
		     b = outbox_slot(o, "t\nb", SLOT_STATUS, 1, false);
	assert_int_not_equal(a, b);
	assert_int_equal(outbox_slot(o, "t\na", SLOT_STATUS, 1, false), a);
	outbox_set(o, a, "1", false);
	outbox_set(o, b, "2", false);
	assert_string_equal(drain(o), "t=1 t=2");
	outbox_all_dirty(o);
	outbox_leave(o, a);
	assert_string_equal(drain(o), "t=2");
	outbox_destroy(o);
}

static void the_same_text_is_published_again_only_if_requested(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	const slot_t a = value(o, "a");
	outbox_set(o, a, "1", false);
	assert_string_equal(drain(o), "a=1");
	outbox_set(o, a, "1", false);
	assert_string_equal(drain(o), "");
	outbox_set(o, a, "1", true);
	assert_string_equal(drain(o), "a=1");
	outbox_destroy(o);
}

/* Neither waiting nor on its way nor after a connect. */
static void an_outdated_text_is_not_sent(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	struct outgoing m;
	const slot_t a = value(o, "a"), b = value(o, "b");
	outbox_set(o, a, "1", false);
	outbox_set(o, b, "2", false);
	outbox_outdated(o, a);
	assert_string_equal(drain(o), "b=2");
	outbox_set(o, a, "1", false); /* it is so again */
	assert_true(outbox_take(o, &m));
	outbox_outdated(o, a);
	outbox_failed(o, m.item);
	assert_string_equal(drain(o), "");
	outbox_again(o, a);
	outbox_all_dirty(o);
	assert_string_equal(drain(o), "b=2");
	outbox_outdated(o, 0);
	outbox_clear(o, a); /* the broker has it */
	assert_string_equal(drain(o), "a=");
	outbox_destroy(o);
}

static void an_overwritten_value_keeps_its_place(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	const slot_t a = value(o, "a"), b = value(o, "b");
	outbox_set(o, a, "1", false);
	outbox_set(o, b, "1", false);
	outbox_set(o, a, "2", false);
	assert_string_equal(drain(o), "a=2 b=1");
	outbox_destroy(o);
}

static void an_overwritten_status_moves_to_the_end(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	const slot_t s = outbox_slot(o, "s", SLOT_STATUS, 1, true), a = value(o, "a");
	outbox_set(o, s, "online", false);
	outbox_set(o, a, "1", false);
	outbox_set(o, s, "offline", false);
	assert_string_equal(drain(o), "a=1 s=offline");
	outbox_destroy(o);
}

static void a_value_set_before_a_nak_goes_before_it(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	const slot_t a = value(o, "a");
	struct outgoing m;
	outbox_set(o, a, "1", false);
	post(o, "nak", "x");
	assert_string_equal(drain(o), "a=1 nak=x");
	/* also when an older text of the topic is still on its way */
	outbox_set(o, a, "2", false);
	assert_true(outbox_take(o, &m));
	outbox_set(o, a, "3", false);
	post(o, "nak", "y");
	struct outgoing none;
	assert_false(outbox_take(o, &none));
	outbox_sent(o, m.item);
	assert_string_equal(drain(o), "a=3 nak=y");
	outbox_destroy(o);
}

static void a_topic_on_its_way_is_not_overtaken_and_others_go_on(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	const slot_t a = value(o, "a"), b = value(o, "b");
	struct outgoing m;
	outbox_set(o, a, "1", false);
	assert_true(outbox_take(o, &m));
	outbox_set(o, a, "2", false);
	outbox_set(o, b, "1", false);
	assert_string_equal(m.payload, "1");
	assert_string_equal(drain(o), "b=1");
	outbox_sent(o, m.item);
	assert_string_equal(drain(o), "a=2");
	outbox_destroy(o);
}

static void what_failed_goes_first_again_in_its_order(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	const slot_t a = value(o, "a"), b = value(o, "b"), c = value(o, "c");
	struct outgoing m[3], none;
	outbox_set(o, a, "1", false);
	outbox_set(o, b, "1", false);
	post(o, "nak", "x");
	for (int i = 0; i < 3; i++)
		assert_true(outbox_take(o, &m[i]));
	assert_false(outbox_take(o, &none));
	outbox_set(o, c, "1", false);
	outbox_set(o, b, "2", false); /* newer than the failed one: keeps its own place */
	for (int i = 0; i < 3; i++)
		outbox_failed(o, m[i].item);
	assert_string_equal(drain(o), "a=1 nak=x c=1 b=2");
	outbox_destroy(o);
}

static void after_a_connect_all_is_published_in_the_order_of_classes(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	const slot_t sys = outbox_slot(o, "sys", SLOT_SYS, 0, true);
	const slot_t old = value(o, "old"), fresh = value(o, "fresh"), never = value(o, "never");
	const slot_t alerts = outbox_slot(o, "alerts", SLOT_ALERTS, 1, true);
	const slot_t gw = outbox_slot(o, "gw", SLOT_GATEWAY, 1, true);
	const slot_t dev = outbox_slot(o, "dev", SLOT_STATUS, 1, true);
	const slot_t off = outbox_slot(o, "off", SLOT_STATUS, 1, true);
	(void)never;
	outbox_status(o, dev, SLOT_ONLINE);
	outbox_set(o, off, "offline", false);
	outbox_set(o, gw, "online", false);
	outbox_set(o, sys, "1", false);
	outbox_set(o, fresh, "1", false);
	outbox_set(o, old, "1", false);
	outbox_set(o, fresh, "1", false); /* read again, unchanged */
	outbox_set(o, alerts, "{}", false);
	outbox_set(o, dev, "online", false);
	drain(o);
	post(o, "nak", "x");
	outbox_set(o, old, "2", false);
	outbox_set(o, fresh, "1", false);
	outbox_all_dirty(o);
	assert_string_equal(drain(o),
	                    "off=offline gw=online dev=online alerts={} fresh=1 old=2 nak=x sys=1");
	assert_string_equal(drain(o), "");
	outbox_status(o, dev, SLOT_STATUS); /* it was online when the broker went */
	outbox_set(o, dev, "offline", false);
	outbox_all_dirty(o);
	assert_non_null(strstr(drain(o), "dev=offline off=offline gw=online alerts"));
	outbox_destroy(o);
}

static void set_many(struct outbox *o, const char *prefix, int n)
{
	char topic[32];
	for (int i = 0; i < n; i++) {
		snprintf(topic, sizeof topic, "%s%d", prefix, i);
		outbox_set(o, value(o, topic), "1", true);
	}
}

/* The number of messages until this topic comes, itself counted; all are sent. */
static int until(struct outbox *o, const char *topic)
{
	struct outgoing m;
	for (int n = 1; outbox_take(o, &m); n++) {
		const bool found = strcmp(m.topic, topic) == 0;
		outbox_sent(o, m.item);
		if (found)
			return n;
	}
	return -1;
}

static void a_heap_of_values_is_overtaken(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	const slot_t s = outbox_slot(o, "s", SLOT_STATUS, 1, true);
	const slot_t a = outbox_slot(o, "alerts", SLOT_ALERTS, 1, true);
	set_many(o, "v", 1000);
	outbox_set(o, s, "offline", false);
	post(o, "nak", "1");
	outbox_set(o, a, "{}", false);
	post(o, "nak2", "1");
	assert_int_equal(until(o, "s"), 1);
	assert_int_equal(until(o, "nak"), 1);
	assert_int_equal(until(o, "alerts"), 1);
	assert_int_equal(until(o, "nak2"), 1);
	/* also after a connect, and when the connection is lost while they are on their way */
	post(o, "nak", "2");
	outbox_all_dirty(o);
	assert_int_equal(until(o, "s"), 1);
	assert_int_equal(until(o, "alerts"), 1);
	struct outgoing m;
	assert_true(outbox_take(o, &m));
	assert_string_equal(m.topic, "nak");
	outbox_failed(o, m.item);
	outbox_all_dirty(o);
	assert_int_equal(until(o, "nak"), 3);
	outbox_destroy(o);
}

static void a_post_waits_for_its_own_values(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	struct outgoing m, none;
	set_many(o, "v", 1000);
	const slot_t after[] = {value(o, "v700"), value(o, "v500"), value(o, "unset")};
	const struct post p = {
		.topic = "nak", .payload = "x", .qos = 1, .after = after, .nafter = 3};
	outbox_post(o, &p);
	assert_true(outbox_take(o, &m));
	assert_string_equal(m.topic, "v700");
	outbox_sent(o, m.item);
	assert_true(outbox_take(o, &m));
	assert_string_equal(m.topic, "v500");
	outbox_set(o, value(o, "v500"), "2", false); /* a newer one, while that is on its way */
	assert_true(outbox_take(o, &none));
	assert_string_equal(none.topic, "v0");
	outbox_sent(o, none.item);
	outbox_sent(o, m.item);
	assert_int_equal(until(o, "v500"), 1);
	assert_int_equal(until(o, "nak"), 1);
	outbox_destroy(o);
}

/* Whichever of them is set again meanwhile, or comes back from a lost connection. */
static void a_post_goes_when_none_of_its_values_waits(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	struct outgoing m;
	set_many(o, "v", 1000);
	const slot_t after[] = {value(o, "v700"), value(o, "v500"), value(o, "v600")};
	const struct post p = {
		.topic = "nak", .payload = "x", .qos = 1, .after = after, .nafter = 3};
	outbox_post(o, &p);
	assert_int_equal(until(o, "v700"), 1);
	assert_int_equal(until(o, "v500"), 1);
	outbox_set(o, value(o, "v700"), "2", false);
	assert_true(outbox_take(o, &m));
	assert_string_equal(m.topic, "v600");
	outbox_failed(o, m.item);
	assert_true(outbox_take(o, &m));
	assert_true(m.topic[1] == '6' || m.topic[1] == '7');
	outbox_sent(o, m.item);
	assert_true(outbox_take(o, &m));
	assert_true(m.topic[1] == '6' || m.topic[1] == '7');
	outbox_sent(o, m.item);
	assert_int_equal(until(o, "nak"), 1);
	outbox_destroy(o);
}

static void nothing_is_starved_by_what_goes_before_it(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1 << 20);
	unsigned naks = 0, values = 0, history = 0;
	struct outgoing m;
	for (int i = 0; i < 2000; i++) { /* all of the same size, and more all the time */
		post(o, "nnnn", "xx");
		set_many(o, "vvv", 1);
		set_many(o, "ww", 10);
		outbox_post(o, &(struct post){.topic = "hhhh", .payload = "xx", .history = true});
		assert_true(outbox_take(o, &m));
		naks += m.topic[0] == 'n';
		values += m.topic[0] == 'v' || m.topic[0] == 'w';
		history += m.topic[0] == 'h';
		outbox_sent(o, m.item);
	}
	assert_true(naks > 1000);
	assert_in_range(values, 100, 500);
	assert_in_range(history, 100, 500);
	outbox_destroy(o);
}

static uint32_t item_id(const struct outgoing *m)
{
	return (uint32_t)(uintptr_t)m->item;
}

/* Was under way when the connection ended; QoS 0 was written, so it counts as sent. */
static bool ends_connection(struct outbox *o, const char *topic, bool suspect)
{
	struct outgoing m;
	char dropped[32] = "";
	assert_true(outbox_take(o, &m));
	assert_string_equal(m.topic, topic);
	assert_int_equal(m.suspect, suspect);
	if (m.qos)
		outbox_failed(o, m.item);
	else
		outbox_sent(o, m.item);
	const bool gone = outbox_blame(o, item_id(&m), dropped, sizeof dropped);
	if (gone)
		assert_string_equal(dropped, topic);
	outbox_all_dirty(o);
	return gone;
}

static void what_ended_two_connections_is_not_sent_again(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	struct outbox_figures f;
	post(o, "nak", "x");
	assert_false(ends_connection(o, "nak", false));
	assert_true(ends_connection(o, "nak", true));
	assert_string_equal(drain(o), "");
	/* a topic: not with another text either, until it is pardoned */
	outbox_set(o, value(o, "a"), "1", false);
	assert_false(ends_connection(o, "a", false));
	assert_true(ends_connection(o, "a", true));
	outbox_set(o, value(o, "a"), "2", false);
	outbox_all_dirty(o);
	assert_string_equal(drain(o), "");
	outbox_pardon(o);
	assert_true(ends_connection(o, "a", true));
	assert_string_equal(drain(o), "");
	/* but it can be cleared */
	outbox_clear(o, value(o, "a"));
	assert_string_equal(drain(o), "a=");
	/* a status: until it changes */
	const slot_t s = outbox_slot(o, "s", SLOT_STATUS, 1, true);
	outbox_set(o, s, "online", false);
	assert_false(ends_connection(o, "s", false));
	assert_true(ends_connection(o, "s", true));
	outbox_set(o, s, "online", true);
	assert_string_equal(drain(o), "");
	outbox_set(o, s, "offline", false);
	assert_string_equal(drain(o), "s=offline");
	outbox_figures(o, &f);
	assert_int_equal(f.dropped, 4);
	outbox_destroy(o);
}

static void what_was_innocent_is_trusted_again(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	struct outgoing m;
	outbox_set(o, value(o, "a"), "1", false);
	assert_false(ends_connection(o, "a", false));
	assert_true(outbox_take(o, &m));
	assert_true(m.suspect);
	outbox_sent(o, m.item);
	outbox_trust(o, item_id(&m));
	outbox_set(o, value(o, "a"), "2", false);
	assert_false(ends_connection(o, "a", false));
	/* numbers that mean nothing any more do no harm */
	char topic[32];
	assert_false(outbox_blame(o, 0, topic, sizeof topic));
	assert_false(outbox_blame(o, 99999, topic, sizeof topic));
	assert_false(outbox_blame(o, 0x80000007u, topic, sizeof topic));
	outbox_trust(o, 0x80000007u);
	outbox_destroy(o);
}

static void a_passing_text_is_kept_until_it_is_sent(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	struct outgoing m;
	char text[16];
	const slot_t info = outbox_slot(o, "info", SLOT_PASSING, 0, true);
	outbox_set(o, info, "long", false);
	assert_true(outbox_take(o, &m));
	outbox_failed(o, m.item);
	outbox_all_dirty(o); /* the broker was away: nobody else has it */
	assert_string_equal(drain(o), "info=long");
	outbox_text(o, info, text, sizeof text);
	assert_string_equal(text, "");
	outbox_all_dirty(o);
	assert_string_equal(drain(o), "");
	outbox_set(o, info, "long", false); /* whoever told it tells it again */
	assert_string_equal(drain(o), "info=long");
	outbox_clear(o, info);
	assert_string_equal(drain(o), "info=");
	assert_int_equal(outbox_find(o, "info"), 0);
	outbox_destroy(o);
}

static void a_passing_text_that_changes_on_its_way_is_published_again(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	struct outgoing m;
	const slot_t info = outbox_slot(o, "info", SLOT_PASSING, 0, true);
	outbox_set(o, info, "1", false);
	assert_true(outbox_take(o, &m));
	outbox_set(o, info, "2", false);
	outbox_sent(o, m.item);
	assert_string_equal(drain(o), "info=2");
	outbox_destroy(o);
}

static void a_cleared_topic_is_emptied_and_its_slot_is_free(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	struct outbox_figures f;
	slot_t a = value(o, "a");
	outbox_set(o, a, "1", false);
	drain(o);
	outbox_clear(o, a);
	outbox_all_dirty(o); /* the broker was away: still to be told */
	outbox_figures(o, &f);
	assert_int_equal(f.slots, 1);
	assert_string_equal(drain(o), "a=");
	outbox_figures(o, &f);
	assert_int_equal(f.slots, 0);
	/* made again before it was told */
	a = value(o, "a");
	outbox_set(o, a, "1", false);
	outbox_clear(o, a);
	assert_int_equal(value(o, "a"), a);
	assert_string_equal(drain(o), "a=");
	outbox_set(o, a, "2", false);
	assert_string_equal(drain(o), "a=2");
	/* nothing retained: nothing to tell */
	const slot_t n = outbox_slot(o, "n", SLOT_VALUE, 0, false);
	outbox_set(o, n, "1", false);
	outbox_clear(o, n);
	assert_string_equal(drain(o), "");
	outbox_figures(o, &f);
	assert_int_equal(f.slots, 1);
	outbox_destroy(o);
}

/* As drain(), with the flag of each: "topic=payload!" is retained. */
static const char *drain_flags(struct outbox *o)
{
	static char text[512];
	struct outgoing m;
	size_t n = 0;
	text[0] = '\0';
	while (outbox_take(o, &m)) {
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s=%.*s%s", n ? " " : "",
		                      m.topic, (int)m.len, m.payload, m.retain ? "!" : "");
		outbox_sent(o, m.item);
	}
	return text;
}

static void what_is_not_retained_any_more_is_cleared_first(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	struct outgoing m;
	const slot_t a = value(o, "a");
	outbox_set(o, a, "1", false);
	assert_string_equal(drain_flags(o), "a=1!");
	assert_int_equal(outbox_slot(o, "a", SLOT_VALUE, 0, false), a);
	assert_true(outbox_take(o, &m));
	outbox_failed(o, m.item); /* not yet */
	outbox_all_dirty(o);
	assert_string_equal(drain_flags(o), "a=! a=1");
	outbox_set(o, a, "2", false);
	assert_string_equal(drain_flags(o), "a=2");
	assert_int_equal(value(o, "a"), a); /* and back */
	assert_string_equal(drain_flags(o), "a=2!");
	const slot_t b = outbox_slot(o, "b", SLOT_VALUE, 0, false); /* of an earlier life */
	outbox_wipe(o, b);
	outbox_wipe(o, a); /* it is retained */
	assert_string_equal(drain_flags(o), "b=!");
	outbox_wipe(o, b);
	assert_true(outbox_take(o, &m));
	outbox_clear(o, b); /* while that is on its way */
	outbox_failed(o, m.item);
	assert_string_equal(drain_flags(o), "b=!");
	outbox_destroy(o);
}

static void what_an_abandoned_connection_had_goes_again_in_its_order(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	struct outgoing m;
	const slot_t a = value(o, "a");
	outbox_set(o, a, "1", false);
	post(o, "n", "1");
	post(o, "n", "2");
	for (int i = 0; i < 3; i++)
		assert_true(outbox_take(o, &m));
	post(o, "n", "3");
	outbox_set(o, a, "2", false);
	outbox_abandoned(o);
	assert_string_equal(drain(o), "n=1 n=2 n=3 a=2");
	struct outbox_figures f;
	outbox_figures(o, &f);
	assert_int_equal(f.posts, 0);
	outbox_destroy(o);
}

static void a_full_queue_loses_the_oldest_of_its_kind_and_counts(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(400);
	struct outbox_figures f;
	char text[8];
	unsigned refused = 0;
	post(o, "nak", "kept");
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof text, "%02d", i); /* all of one size */
		refused += !outbox_post(
			o, &(struct post){.topic = "h", .payload = text, .history = true});
	}
	outbox_figures(o, &f);
	assert_true(f.bytes < 600);
	assert_int_equal(f.dropped, refused);
	assert_int_equal(f.posts + f.dropped, 101);
	const char *left = drain(o);
	assert_ptr_equal(strstr(left, "nak=kept"), left);
	assert_string_equal(left + strlen(left) - 4, "h=99");
	/* what is larger than all is refused, what stands there stays */
	char large[500];
	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	assert_false(
		outbox_post(o, &(struct post){.topic = "h", .payload = large, .history = true}));
	assert_string_equal(drain(o), "");
	outbox_destroy(o);
}

static void a_reload_may_give_history_another_bound(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(150);
	const struct post p = {.topic = "h", .payload = "1", .qos = 1, .history = true};
	assert_true(outbox_post(o, &p));
	assert_false(outbox_post(o, &p));
	outbox_resize(o, 10000);
	for (int i = 0; i < 10; i++)
		assert_true(outbox_post(o, &p));
	outbox_destroy(o);
}

static void a_post_carries_its_correlation_data(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	struct outgoing m;
	outbox_post(o, &(struct post){.topic = "t",
	                              .payload = "p",
	                              .correlation = "\0\1\2",
	                              .correlation_len = 3});
	assert_true(outbox_take(o, &m));
	assert_int_equal(m.correlation_len, 3);
	assert_memory_equal(m.correlation, "\0\1\2", 3);
	assert_int_equal(m.len, 1);
	outbox_sent(o, m.item);
	outbox_destroy(o);
}

static void user_properties_are_copied_and_tell_when_they_change(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(1000);
	struct outbox_figures before, after;
	struct outgoing m;
	char list[] = "unit\0V\0class\0voltage\0";
	outbox_figures(o, &before);
	const slot_t a = value(o, "a"), b = value(o, "b");
	outbox_properties(o, 0, list);
	outbox_properties(o, a, list);
	assert_string_equal(drain(o), ""); /* no text yet */
	outbox_set(o, a, "1", false);
	outbox_set(o, b, "1", false);
	outbox_properties(o, a, list);
	memset(list, 'x', sizeof list - 1); /* the model they are of ends */
	assert_true(outbox_take(o, &m));
	assert_string_equal(m.topic, "a");
	assert_int_equal(properties_size(m.properties), 22);
	assert_memory_equal(m.properties, "unit\0V\0class\0voltage\0", 22);
	outbox_sent(o, m.item);
	assert_true(outbox_take(o, &m));
	assert_null(m.properties);
	outbox_sent(o, m.item);
	outbox_properties(o, a, "unit\0V\0class\0voltage\0");
	assert_string_equal(drain(o), "");
	outbox_properties(o, a, "unit\0mV\0");
	assert_string_equal(drain(o), "a=1");
	outbox_properties(o, a, NULL);
	assert_true(outbox_take(o, &m));
	assert_null(m.properties);
	outbox_sent(o, m.item);
	outbox_properties(o, a, "unit\0V\0");
	outbox_clear(o, a);
	assert_true(outbox_take(o, &m)); /* what empties a topic has none */
	assert_int_equal(m.len, 0);
	assert_null(m.properties);
	outbox_sent(o, m.item);
	outbox_clear(o, b);
	assert_string_equal(drain(o), "b=");
	const slot_t c = value(o, "c"); /* in the place of one that had some */
	outbox_set(o, c, "1", false);
	assert_true(outbox_take(o, &m));
	assert_null(m.properties);
	outbox_sent(o, m.item);
	outbox_post(o, &(struct post){.topic = "p", .payload = "1", .properties = "unit\0V\0"});
	assert_true(outbox_take(o, &m));
	assert_memory_equal(m.properties, "unit\0V\0", 8);
	outbox_sent(o, m.item);
	outbox_figures(o, &after);
	assert_int_equal(after.slots, before.slots + 1);
	outbox_properties(o, c, "unit\0V\0"); /* freed with it */
	outbox_destroy(o);
}

static void a_slot_costs_little_memory(void **state)
{
	(void)state;
	struct outbox *o = outbox_create(0);
	struct outbox_figures f;
	const unsigned n = 10000;
	size_t texts = 0;
	for (unsigned i = 0; i < n; i++) {
		char topic[64], text[16];
		texts += (size_t)snprintf(topic, sizeof topic, "xnet/sts/meter%u/ImportEnergy%u",
		                          i / 40, i % 40);
		texts += (size_t)snprintf(text, sizeof text, "%u.5", i);
		outbox_set(o, value(o, topic), text, false);
	}
	outbox_figures(o, &f);
	const size_t each = (f.memory - texts) / n;
	if (each > 56)
		fail_msg("%zu bytes a slot beside its texts", each);
	outbox_destroy(o);
}

/* -- a random life against a plain model --------------------------------------------------------
 */

#define TOPICS 40

static void random_runs_end_with_the_last_texts_published(void **state)
{
	(void)state;
	const unsigned seed = 4711;
	print_message("seed %u\n", seed);
	srand(seed);
	struct outbox *o = outbox_create(1000);
	char want[TOPICS][16] = {""}, told[TOPICS][16] = {""};
	struct outgoing flying[8];
	char flying_topic[8], flying_text[8][16];
	unsigned nflying = 0;
	for (int step = 0; step < 200000; step++) {
		const int t = rand() % TOPICS;
		char topic[16];
		snprintf(topic, sizeof topic, "t%d", t);
		switch (rand() % 6) {
		case 0:
		case 1:
			snprintf(want[t], sizeof want[t], "%d", rand() % 1000);
			outbox_set(o, value(o, topic), want[t], rand() % 2);
			break;
		case 2:
			if (want[t][0] == '\0')
				break;
			outbox_clear(o, value(o, topic));
			want[t][0] = '\0';
			break;
		case 3:
			if (nflying == 8 || !outbox_take(o, &flying[nflying]))
				break;
			flying_topic[nflying] = (char)atoi(flying[nflying].topic + 1);
			snprintf(flying_text[nflying], 16, "%s", flying[nflying].payload);
			nflying++;
			break;
		case 4:
			if (!nflying)
				break;
			if (rand() % 3) {
				snprintf(told[(int)flying_topic[0]], 16, "%s", flying_text[0]);
				outbox_sent(o, flying[0].item);
			} else {
				outbox_failed(o, flying[0].item);
			}
			nflying--;
			memmove(flying, flying + 1, nflying * sizeof *flying);
			memmove(flying_topic, flying_topic + 1, nflying);
			memmove(flying_text, flying_text + 1, nflying * sizeof *flying_text);
			break;
		default:
			if (rand() % 100 == 0)
				outbox_all_dirty(o);
		}
	}
	for (unsigned i = 0; i < nflying; i++)
		outbox_failed(o, flying[i].item);
	struct outgoing m;
	while (outbox_take(o, &m)) {
		snprintf(told[atoi(m.topic + 1)], 16, "%s", m.payload);
		outbox_sent(o, m.item);
	}
	for (int t = 0; t < TOPICS; t++)
		assert_string_equal(told[t], want[t]);
	outbox_destroy(o);
}

/* -- two threads ------------------------------------------------------------------------------- */

struct shared {
	struct outbox *o;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool woken, ended;
	unsigned kicks, taken;
	char last[50][16];
};

static void wake(void *ctx)
{
	struct shared *s = ctx;
	pthread_mutex_lock(&s->lock);
	s->woken = true;
	s->kicks++;
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->lock);
}

static void *publisher(void *ctx)
{
	struct shared *s = ctx;
	bool ended = false;
	while (!ended) {
		struct outgoing m;
		pthread_mutex_lock(&s->lock);
		while (!s->woken && !s->ended)
			pthread_cond_wait(&s->cond, &s->lock);
		s->woken = false;
		ended = s->ended;
		pthread_mutex_unlock(&s->lock);
		while (outbox_take(s->o, &m)) {
			snprintf(s->last[atoi(m.topic)], 16, "%s", m.payload);
			if (s->taken++ % 7 == 0)
				outbox_failed(s->o, m.item);
			else
				outbox_sent(s->o, m.item);
		}
	}
	return NULL;
}

static void a_writer_and_a_publisher_agree_at_the_end(void **state)
{
	(void)state;
	struct shared s = {.o = outbox_create(1000),
	                   .lock = PTHREAD_MUTEX_INITIALIZER,
	                   .cond = PTHREAD_COND_INITIALIZER};
	pthread_t thread;
	outbox_on_kick(s.o, wake, &s);
	outbox_kick(s.o); /* nothing dirty: nobody is woken */
	assert_int_equal(s.kicks, 0);
	pthread_create(&thread, NULL, publisher, &s);
	for (int turn = 0; turn < 2000; turn++) {
		for (int t = 0; t < 50; t++) {
			char topic[16], text[16];
			snprintf(topic, sizeof topic, "%d", t);
			snprintf(text, sizeof text, "%d", turn * t);
			outbox_set(s.o, value(s.o, topic), text, true);
		}
		outbox_kick(s.o);
	}
	pthread_mutex_lock(&s.lock);
	s.ended = true;
	pthread_cond_signal(&s.cond);
	pthread_mutex_unlock(&s.lock);
	pthread_join(thread, NULL);
	for (int t = 0; t < 50; t++)
		assert_int_equal(atoi(s.last[t]), 1999 * t);
	assert_true(s.kicks >= 1 && s.kicks <= 2000);
	outbox_destroy(s.o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_topic_has_one_slot_and_keeps_its_text),
		cmocka_unit_test(slots_with_keys_share_a_topic),
		cmocka_unit_test(the_same_text_is_published_again_only_if_requested),
		cmocka_unit_test(an_outdated_text_is_not_sent),
		cmocka_unit_test(an_overwritten_value_keeps_its_place),
		cmocka_unit_test(an_overwritten_status_moves_to_the_end),
		cmocka_unit_test(a_value_set_before_a_nak_goes_before_it),
		cmocka_unit_test(a_topic_on_its_way_is_not_overtaken_and_others_go_on),
		cmocka_unit_test(what_failed_goes_first_again_in_its_order),
		cmocka_unit_test(after_a_connect_all_is_published_in_the_order_of_classes),
		cmocka_unit_test(a_heap_of_values_is_overtaken),
		cmocka_unit_test(what_ended_two_connections_is_not_sent_again),
		cmocka_unit_test(what_was_innocent_is_trusted_again),
		cmocka_unit_test(a_post_waits_for_its_own_values),
		cmocka_unit_test(a_post_goes_when_none_of_its_values_waits),
		cmocka_unit_test(nothing_is_starved_by_what_goes_before_it),
		cmocka_unit_test(a_passing_text_is_kept_until_it_is_sent),
		cmocka_unit_test(a_passing_text_that_changes_on_its_way_is_published_again),
		cmocka_unit_test(a_cleared_topic_is_emptied_and_its_slot_is_free),
		cmocka_unit_test(what_is_not_retained_any_more_is_cleared_first),
		cmocka_unit_test(what_an_abandoned_connection_had_goes_again_in_its_order),
		cmocka_unit_test(a_full_queue_loses_the_oldest_of_its_kind_and_counts),
		cmocka_unit_test(a_reload_may_give_history_another_bound),
		cmocka_unit_test(a_post_carries_its_correlation_data),
		cmocka_unit_test(user_properties_are_copied_and_tell_when_they_change),
		cmocka_unit_test(a_slot_costs_little_memory),
		cmocka_unit_test(random_runs_end_with_the_last_texts_published),
		cmocka_unit_test(a_writer_and_a_publisher_agree_at_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
