// SPDX-License-Identifier: MIT
#include "mqtt/client_private.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mqtt/reach.h"

#define PARTING (300 * US_MS)
#define HEAD_START (200 * US_MS) /* of the first client: the broker's */
#define TURN_LIMIT (2 * US_S)
#define TURN_LOOK (20 * US_MS)

/* What the other threads left for the publisher, taken at the start of a turn. */
struct news {
	bool up, down, wish, ending, parted;
	const char *refused;
	enum retry_failure failure;
	char why[192];
	us_t end_by;
};

/* Clients of this process that are connecting. The library takes seconds for two at a time, where
 * each alone takes milliseconds. */
static atomic_uint connecting, clients;

static void set_state(struct mqtt_client *c, enum client_state s)
{
	pthread_mutex_lock(&c->lock);
	if (c->state == CLIENT_CONNECTING && s != CLIENT_CONNECTING)
		atomic_fetch_sub(&connecting, 1);
	else if (c->state != CLIENT_CONNECTING && s == CLIENT_CONNECTING)
		atomic_fetch_add(&connecting, 1);
	c->state = s;
	pthread_mutex_unlock(&c->lock);
}

/* One after the other, but none waits long for a broker that does not answer. */
static bool awaits_turn(struct mqtt_client *c, us_t now)
{
	if (atomic_load(&connecting) == 0 || (c->turn_at && now >= c->turn_at)) {
		c->turn_at = 0;
		return false;
	}
	if (!c->turn_at)
		c->turn_at = now + TURN_LIMIT;
	c->retry_at = now + TURN_LOOK;
	return true;
}

/* -- connecting -------------------------------------------------------------------------------- */

/* A handle serves one connection: after the first the library sees the next one come about up to a
 * second late (its threads poll so, but not when they are new), and some failures leave it
 * confused. */
static void drop_handle(struct mqtt_client *c)
{
	struct paho *p = c->paho;
	c->paho = NULL;
	paho_destroy(p); /* lands what was on its way */
	client_left(c);
	pthread_mutex_lock(&c->lock);
	c->news_up = c->news_down = false; /* of the handle that is gone */
	pthread_mutex_unlock(&c->lock);
}

static void note_error(struct mqtt_client *c, const char *why, bool was_up, bool id_conflict)
{
	pthread_mutex_lock(&c->lock);
	snprintf(c->last_error, sizeof c->last_error, "%s", why);
	pthread_mutex_unlock(&c->lock);
	if (!was_up && strcmp(c->reason, why) == 0)
		return;
	snprintf(c->reason, sizeof c->reason, "%s", why);
	client_report_down(c, why, id_conflict);
}

/* The broker whose turn it is. Each has a memory of its own: of its version, of its refusals. */
static void use_broker(struct mqtt_client *c, size_t before)
{
	const size_t at = c->failover.at;
	if (c->conf.nbroker < 2 || at == before)
		return;
	c->retries[before] = c->retry;
	c->retry = c->retries[at];
	pthread_mutex_lock(&c->lock);
	mqtt_use(&c->conf, at); /* main reads it for mqtt/broker */
	pthread_mutex_unlock(&c->lock);
	c->explained_at = c->closes = 0;
	c->tls_port = false;
}

static void went_down(struct mqtt_client *c, enum retry_failure f, const char *why, us_t now)
{
	char text[192];
	const bool was_up = c->state == CLIENT_UP;
	set_state(c, CLIENT_IDLE);
	if (was_up) {
		pthread_mutex_lock(&c->lock);
		c->doubt_since = fresh_doubt(&c->fresh, now);
		pthread_mutex_unlock(&c->lock);
	}
	drop_handle(c);
	snprintf(text, sizeof text, "%s", why);
	if (f == RETRY_UNCLEAR)
		f = client_explain(c, text, sizeof text, now);
	us_t delay = retry_down(&c->retry, f, was_up, now);
	const size_t before = c->failover.at;
	/* who shares a client id with another is no better off at the next one */
	const us_t life = f == RETRY_TAKEN ? US_NEVER : now - c->retry.up_since;
	if (delay && (was_up ? failover_lost(&c->failover, life) : failover_down(&c->failover)))
		delay = 0;
	c->retry_at = delay ? client_now() + retry_jitter(delay, (unsigned)rand_r(&c->seed)) : now;
	const bool id_conflict = was_up && retry_id_conflict(&c->retry, f);
	if (id_conflict && f != RETRY_TAKEN)
		snprintf(text, sizeof text,
		         "%.70s, repeatedly: does another client use the client id %.60s?", why,
		         c->client_id);
	note_error(c, text, was_up, id_conflict);
	use_broker(c, before);
}

/* The look-up may have taken long: then main may have given us up. */
static bool resolve(struct mqtt_client *c, char address[REACH_ADDRESS], us_t now)
{
	char why[192];
	if (!reach_resolve(c->conf.host, address, why, sizeof why)) {
		went_down(c, RETRY_NETWORK, why, now);
		return false;
	}
	pthread_mutex_lock(&c->lock);
	const bool ends = c->ending || c->left_open;
	c->trying_since = client_now();
	pthread_mutex_unlock(&c->lock);
	if (ends)
		set_state(c, CLIENT_IDLE);
	return !ends;
}

static void begin(struct mqtt_client *c, us_t now)
{
	struct paho_sink sink;
	char why[192] = "", address[REACH_ADDRESS];
	const char *reason = "";
	client_sink(c, &sink);
	set_state(c, CLIENT_CONNECTING);
	pthread_mutex_lock(&c->lock);
	c->protocol = c->retry.protocol;
	pthread_mutex_unlock(&c->lock);
	if (!resolve(c, address, now))
		return;
	c->paho = paho_create(&c->conf, address, c->client_id, c->protocol, c->will_topic,
	                      c->will_text, &sink, &reason);
	if (!c->paho)
		went_down(c, RETRY_REFUSED, reason, now);
	else if (!paho_connect(c->paho, c->retry.plain_will, c->retry.passing_will, why,
	                       sizeof why))
		went_down(c, RETRY_REFUSED, why, now);
}

/* -- connected ----------------------------------------------------------------------------------
 */

/* The answer bounds the age of what follows it. */
static void ask(struct mqtt_client *c, us_t now)
{
	pthread_mutex_lock(&c->lock);
	fresh_ask(&c->fresh, now);
	pthread_mutex_unlock(&c->lock);
	paho_ask(c->paho);
}

static void came_up(struct mqtt_client *c, us_t now)
{
	pthread_mutex_lock(&c->lock);
	const unsigned granted = c->terms.receive_maximum;
	c->window = c->protocol == 5 ? granted ? granted : PAHO_FLIGHTS_V5 : PAHO_FLIGHTS;
	if (c->window > PAHO_FLIGHTS)
		c->window = PAHO_FLIGHTS;
	if (c->retry.plain)
		c->terms.maximum_qos = 0;
	c->connects++;
	pthread_mutex_unlock(&c->lock);
	set_state(c, CLIENT_UP);
	retry_up(&c->retry, now);
	failover_up(&c->failover, now);
	c->reason[0] = '\0';
	c->refusal_reported = false;
	c->moved_at = c->acked_at = c->looked_at = c->subscribed_at = now;
	outbox_all_dirty(c->outbox);
	pump_begin(c, now);
	if (!c->doubt_since)
		ask(c, now); /* before subscribing: what is retained comes behind the answer */
	/* before it, too: the library's thread may report what is retained at once, and main
	 * forgets with MQTT_UP what the connection before has brought */
	client_report(c, MQTT_UP, "");
	paho_subscribe(c->paho, (const char *const *)c->have, c->nhave, c->have_qos);
}

/* -- the end ----------------------------------------------------------------------------------- */

/* DISCONNECT suppresses the Last Will and takes 3 s while anything is unacknowledged; so only when
 * nothing waits. Else the connection stays open, and the process's end lets the Last Will speak.
 * True: ended. */
static bool end(struct mqtt_client *c, const struct news *n, us_t now)
{
	if (c->state == CLIENT_UP && pump_over(c) && paho_disconnect(c->paho, 100)) {
		set_state(c, CLIENT_PARTING);
		c->retry_at = now + PARTING;
		return false;
	}
	if (c->state == CLIENT_PARTING && !n->parted && now < c->retry_at)
		return false;
	if (c->state == CLIENT_UP && now < n->end_by)
		return false;
	if (c->state != CLIENT_UP && c->state != CLIENT_CONNECTING) {
		drop_handle(c);
		return true;
	}
	pthread_mutex_lock(&c->lock);
	c->left_open = true; /* destroying would send DISCONNECT, or wait for a name look-up */
	pthread_mutex_unlock(&c->lock);
	return true;
}

/* -- back to the first broker ------------------------------------------------------------------ */

/* A broker that is left must not keep us online: it gets the Last Will's message, behind all that
 * was handed over. */
static void part(struct mqtt_client *c)
{
	const struct pace_mark none = {0};
	const struct outgoing will = {.topic = c->will_topic,
	                              .payload = c->will_text,
	                              .len = c->will_text ? strlen(c->will_text) : 0,
	                              .retain = c->conf.retain};
	pthread_mutex_lock(&c->lock);
	c->parted = false;
	c->flying += c->will_topic != NULL; /* pump_done() takes it off again */
	pthread_mutex_unlock(&c->lock);
	if (c->will_topic && !paho_send(c->paho, &will, 0, &none)) {
		pthread_mutex_lock(&c->lock);
		c->flying--;
		pthread_mutex_unlock(&c->lock);
	}
	paho_disconnect(c->paho, 100);
	set_state(c, CLIENT_PARTING);
}

static void leave_for_first(struct mqtt_client *c, us_t now)
{
	const size_t before = c->failover.at;
	part(c);
	c->retry_at = now + PARTING;
	c->returns = true;
	c->left = before;
}

static void look_for_first(struct mqtt_client *c, us_t now)
{
	if (c->ending)
		return;
	if (c->leave_by) {
		if (client_may_part(c, now))
			leave_for_first(c, now);
		return;
	}
	if (c->failover.look_at > now || !failover_look(&c->failover, client_held(c), now))
		return;
	const int fd = reach_connect(c->conf.broker[0].host, c->conf.broker[0].port);
	if (fd < 0)
		return;
	close(fd);
	client_leave(c, now);
}

/* It has what it had to get, or has had the time. */
static void left_for_first(struct mqtt_client *c, us_t now)
{
	c->returns = false;
	set_state(c, CLIENT_IDLE);
	drop_handle(c);
	pump_lost(c, false, now);
	failover_return(&c->failover);
	use_broker(c, c->left);
	c->retry_at = now;
	note_error(c, "returning to the first broker of the list", true, false);
}

/* -- the thread -------------------------------------------------------------------------------- */

static us_t sooner(us_t a, us_t b)
{
	return a < b ? a : b;
}

/* Nothing is answered any more, though the library noticed nothing. */
static void guard(struct mqtt_client *c, us_t now)
{
	if (c->state == CLIENT_UP && client_unacked(c, now)) {
		went_down(c, RETRY_UNACKED,
		          "the broker acknowledges no message of QoS 1: the next connection uses "
		          "QoS 0",
		          now);
		return;
	}
	pthread_mutex_lock(&c->lock);
	const uint64_t done = c->done;
	const bool idle = c->flying == 0;
	const bool silent = fresh_silent(&c->fresh, now);
	pthread_mutex_unlock(&c->lock);
	if (done != c->done_seen || idle)
		c->moved_at = now;
	c->done_seen = done;
	const us_t since = c->state == CLIENT_UP ? c->moved_at : c->trying_since;
	if (c->state == CLIENT_CONNECTING && client_ignored(c, now)) {
		went_down(c, RETRY_IGNORED, "the broker does not answer to MQTT 5", now);
		return;
	}
	if ((c->state == CLIENT_UP && silent) ||
	    ((c->state == CLIENT_UP || c->state == CLIENT_CONNECTING) &&
	     now - since >= CLIENT_STUCK))
		went_down(c, RETRY_NETWORK, "the broker does not respond", now);
}

/* When the next probe is due; sends it if it is now. */
static us_t questions(struct mqtt_client *c, us_t now)
{
	pthread_mutex_lock(&c->lock);
	const bool asks = !c->ending && fresh_asks(&c->fresh, now);
	pthread_mutex_unlock(&c->lock);
	if (asks)
		ask(c, now);
	pthread_mutex_lock(&c->lock);
	const us_t due = fresh_due(&c->fresh);
	pthread_mutex_unlock(&c->lock);
	return due;
}

/* The library reports that the connection is over, or the attempt. */
static void ended(struct mqtt_client *c, enum retry_failure f, const char *why, us_t now)
{
	const bool was_up = c->state == CLIENT_UP;
	went_down(c, f, why, now);
	if (was_up)
		pump_lost(c, f != RETRY_PARTED && f != RETRY_TAKEN, now);
}

static us_t step(struct mqtt_client *c, const struct news *n, us_t now)
{
	if (n->wish)
		client_subscribe_wish(c);
	if (c->returns && (n->parted || n->ending || now >= c->retry_at))
		left_for_first(c, now);
	if (n->down && c->state != CLIENT_PARTING)
		ended(c, n->failure, n->why, now);
	else if (n->up && c->state == CLIENT_CONNECTING)
		came_up(c, now);
	if (n->refused)
		pump_refused(c, now);
	if (n->refused && !c->refusal_reported) {
		char text[192];
		snprintf(text, sizeof text,
		         "the broker refuses publications: %s; xnetctl acl prints its list",
		         n->refused);
		client_report(c, MQTT_REFUSED, text);
		c->refusal_reported = true;
	}
	if (c->state == CLIENT_IDLE && now >= c->retry_at && !n->ending && !awaits_turn(c, now))
		begin(c, now);
	guard(c, now);
	if (c->state == CLIENT_UP)
		client_watch_subscriptions(c, now);
	if (c->state == CLIENT_UP)
		look_for_first(c, now);
	const us_t question = c->state == CLIENT_UP ? questions(c, now) : US_NEVER;
	if (c->state == CLIENT_UP) {
		pump(c);
		pump_last_question(c, now);
	}
	switch (c->state) {
	case CLIENT_IDLE:
		return c->retry_at;
	case CLIENT_CONNECTING:
		return c->trying_since +
		       sooner(CLIENT_STUCK, retry_patience(&c->retry, c->conf.use_tls));
	case CLIENT_UP:
		return sooner(sooner(question, pump_due(c)),
		              n->ending ? n->end_by
		              : c->leave_by
		                      ? c->leave_by
		                      : failover_due(&c->failover, now >= c->failover.look_at));
	default:
		return c->retry_at;
	}
}

static void take_news(struct mqtt_client *c, struct news *n)
{
	*n = (struct news){
		.up = c->news_up,
		.down = c->news_down,
		.wish = c->new_wish,
		.ending = c->ending,
		.parted = c->parted,
		.refused = c->refused,
		.failure = c->failure,
		.end_by = c->end_by,
	};
	memcpy(n->why, c->why, sizeof n->why);
	c->news_up = c->news_down = c->new_wish = c->woken = false;
	c->refused = NULL;
}

static void wait_until(struct mqtt_client *c, us_t until)
{
	const struct timespec t = client_deadline(until == US_NEVER ? 0 : until);
	while (!c->woken) {
		if (until == US_NEVER)
			pthread_cond_wait(&c->cond, &c->lock);
		else if (pthread_cond_timedwait(&c->cond, &c->lock, &t) != 0)
			return;
	}
}

static void turn_until_ended(struct mqtt_client *c)
{
	struct news n;
	for (;;) {
		pthread_mutex_lock(&c->lock);
		take_news(c, &n);
		const bool left = c->left_open;
		pthread_mutex_unlock(&c->lock);
		if (left)
			return;
		const us_t until = step(c, &n, client_now());
		if (n.ending && !client_abandoned(c) && end(c, &n, client_now()))
			return;
		pthread_mutex_lock(&c->lock);
		wait_until(c, n.ending && c->state == CLIENT_PARTING ? c->retry_at : until);
		pthread_mutex_unlock(&c->lock);
	}
}

/* Main has gone on; the outbox is not ours any more. It counts as connecting: the next client waits
 * for its turn, or the library, which ends its threads with its last handle, could stall it for
 * tens of seconds. */
static void end_late(struct mqtt_client *c)
{
	const us_t until = client_now() + PARTING;
	if (c->state == CLIENT_UP) {
		paho_unsubscribe(c->paho, (const char *const *)c->have, c->nhave);
		part(c);
		pthread_mutex_lock(&c->lock);
		while (!c->parted && client_now() < until) {
			wait_until(c, until);
			c->woken = false;
		}
		pthread_mutex_unlock(&c->lock);
	}
	set_state(c, CLIENT_IDLE);
	drop_handle(c);
	atomic_fetch_sub(&connecting, 1);
	client_release(c);
}

void *publisher_run(void *ctx)
{
	struct mqtt_client *c = ctx;
	sigset_t all;
	sigfillset(&all); /* the library's threads inherit it */
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	retry_begin(&c->retry, c->conf.version, client_now());
	for (size_t i = 0; i < MQTT_BROKERS_MAX; i++)
		c->retries[i] = c->retry;
	failover_begin(&c->failover, c->conf.nbroker, c->conf.keepalive);
	if (atomic_fetch_add(&clients, 1) > 0)
		c->retry_at = client_now() + HEAD_START;
	turn_until_ended(c);
	atomic_fetch_sub(&clients, 1);
	pthread_mutex_lock(&c->lock);
	const bool late = c->left_open && c->lives_on;
	if (late)
		atomic_fetch_add(&connecting, 1);
	c->ended = true;
	pthread_cond_signal(&c->cond_ended);
	pthread_mutex_unlock(&c->lock);
	if (late)
		end_late(c);
	else if (c->state == CLIENT_CONNECTING) /* left to the library */
		atomic_fetch_sub(&connecting, 1);
	return NULL;
}
