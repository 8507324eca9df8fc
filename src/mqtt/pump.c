// SPDX-License-Identifier: MIT
/* What the publisher hands over from the outbox to the library, and what comes of it. */
#include <stdio.h>
#include <string.h>

#include "mqtt/client_private.h"
#include "mqtt/packet.h"

/* What was refused is tried again, so that all is current soon after the broker's rules changed;
 * later where what followed was refused at once (a quota). Values need no acknowledgement, but one
 * now and then has it, or the refusal would not be noticed. */
#define REFUSED_FIRST (10 * US_S)
#define REFUSED_LAST (600 * US_S)
#define SAMPLE_EVERY (10 * US_S)

/* What was disliked is tried again: soon, as a broker in trouble hangs up whatever comes; each time
 * later, as it may be the message. */
#define PARDON_FIRST (60 * US_S)
#define PARDON_EVERY (3600 * US_S)

bool client_abandoned(struct mqtt_client *c)
{
	pthread_mutex_lock(&c->lock);
	const bool left = c->left_open;
	pthread_mutex_unlock(&c->lock);
	return left;
}

/* -- what cannot be sent ----------------------------------------------------------------------- */

/* Once a topic and connection, as far as the room goes. */
static void report(struct mqtt_client *c, const char *topic, const char *text)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	for (const char *s = topic; *s; s++)
		hash = (hash ^ (unsigned char)*s) * 16777619u;
	for (unsigned i = 0; i < c->nreported; i++) {
		if (c->reported[i] == hash)
			return;
	}
	if (c->nreported == sizeof c->reported / sizeof *c->reported)
		return;
	c->reported[c->nreported++] = hash;
	client_report_topic(c, MQTT_REFUSED, topic, text);
}

/* True: it was, and is not sent. */
static bool too_large(struct mqtt_client *c, const struct outgoing *m, size_t size)
{
	const uint32_t most = c->terms.maximum_packet;
	char text[128];
	if (!most || size <= most)
		return false;
	outbox_sent(c->outbox, m->item);
	pthread_mutex_lock(&c->lock);
	c->refusals++;
	pthread_mutex_unlock(&c->lock);
	snprintf(text, sizeof text,
	         "not published: a packet of %zu bytes, and the broker accepts at most %u", size,
	         (unsigned)most);
	report(c, m->topic, text);
	return true;
}

/* A topic of QoS 0 may be under way more than once. */
static bool seen_before(const uint32_t *id, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (id[k] == id[i])
			return true;
	}
	return false;
}

void pump_lost(struct mqtt_client *c, bool blame, us_t now)
{
	static const char text[] = "not published: the broker ended two connections when it came";
	uint32_t id[PACE_MESSAGES];
	char topic[512];
	pthread_mutex_lock(&c->lock);
	const size_t n = blame ? pace_unproven(&c->pace, now, id) : 0;
	pthread_mutex_unlock(&c->lock);
	for (size_t i = 0; i < n; i++) {
		if (seen_before(id, i) || !outbox_blame(c->outbox, id[i], topic, sizeof topic))
			continue;
		if (!c->pardon_after || now - c->pardoned > 2 * PARDON_EVERY)
			c->pardon_after = PARDON_FIRST;
		c->pardon_at = now + c->pardon_after;
		report(c, topic, text);
	}
}

/* -- how much may be under way ----------------------------------------------------------------- */

/* With the lock held. A message that was under way when a connection ended goes alone: if it ends
 * another one, it was this one. */
static bool alone_over(struct mqtt_client *c, us_t now)
{
	if (c->alone && pace_proven(&c->pace, c->alone_number, now)) {
		outbox_trust(c->outbox, c->alone_id);
		c->alone = 0;
	}
	return !c->alone;
}

/* With the lock held. m NULL: any message at all? */
static bool room(struct mqtt_client *c, const struct outgoing *m, us_t now)
{
	const bool proven = alone_over(c, now) &&
	                    (!m || !m->suspect || pace_clear(&c->pace, now)) &&
	                    pace_room(&c->pace, now);
	const bool fits =
		proven && c->flying < PAHO_FLIGHTS && (!m || !m->qos || c->unacked < c->window);
	c->starved |= !fits;
	c->unproven |= !proven;
	return fits;
}

/* False: nothing may go, or main has gone. asks: a probe is due. */
static bool any_room(struct mqtt_client *c, us_t now, bool *asks)
{
	pthread_mutex_lock(&c->lock);
	const bool fits = !c->left_open && room(c, NULL, now);
	*asks = !c->left_open && pace_asks(&c->pace, c->unproven, now);
	pthread_mutex_unlock(&c->lock);
	return fits;
}

static bool reserve(struct mqtt_client *c, const struct outgoing *m, size_t size, us_t now,
                    struct pace_mark *mark)
{
	const uint32_t id = (uint32_t)(uintptr_t)m->item;
	pthread_mutex_lock(&c->lock);
	const bool fits = room(c, m, now);
	if (fits) {
		c->flying++;
		c->unacked += m->qos > 0;
		*mark = pace_hand(&c->pace, m->once ? 0 : id, size, m->qos > 0, now);
		c->alone = m->suspect;
		c->alone_id = id;
		c->alone_number = mark->number;
	}
	pthread_mutex_unlock(&c->lock);
	return fits;
}

/* With the lock held. */
static struct pace_mark count_question(struct mqtt_client *c, us_t now)
{
	c->flying++;
	return pace_ask(&c->pace, now);
}

/* False: not now. */
static bool send_question(struct mqtt_client *c, const struct pace_mark *mark)
{
	if (paho_mark(c->paho, mark))
		return true;
	pthread_mutex_lock(&c->lock);
	c->flying--;
	pace_unasked(&c->pace);
	pthread_mutex_unlock(&c->lock);
	return false;
}

/* Between messages of QoS 0, which are not acknowledged. */
static void ask(struct mqtt_client *c, us_t now)
{
	struct pace_mark mark;
	pthread_mutex_lock(&c->lock);
	const bool asks = pace_asks(&c->pace, c->unproven, now);
	if (asks)
		mark = count_question(c, now);
	pthread_mutex_unlock(&c->lock);
	if (asks)
		send_question(c, &mark);
}

void pump_last_question(struct mqtt_client *c, us_t now)
{
	struct pace_mark mark;
	pthread_mutex_lock(&c->lock);
	const bool asks = c->leaving && !c->left_open && (!c->flying || c->leave_by) &&
	                  c->proven != c->received;
	if (asks) {
		c->proven = c->received;
		c->probed = now;
		c->answered = false;
		mark = count_question(c, now);
	}
	pthread_mutex_unlock(&c->lock);
	if (!asks || send_question(c, &mark))
		return;
	pthread_mutex_lock(&c->lock);
	c->proven = UINT64_MAX;
	pthread_mutex_unlock(&c->lock);
}

/* Nothing can be taken. If something waits for an answer to an older message of its topic, its
 * answer must wake us. False: such an answer came just now, look again. */
static bool nothing_to_take(struct mqtt_client *c, uint64_t done)
{
	if (!outbox_waiting(c->outbox))
		return true;
	pthread_mutex_lock(&c->lock);
	const bool moved = c->done != done;
	c->blocked = !moved;
	pthread_mutex_unlock(&c->lock);
	return !moved;
}

static uint64_t begin_pumping(struct mqtt_client *c)
{
	pthread_mutex_lock(&c->lock);
	c->starved = c->unproven = c->blocked = false;
	const uint64_t done = c->done;
	pthread_mutex_unlock(&c->lock);
	return done;
}

/* False: no more can be handed over now. */
static bool hand_over(struct mqtt_client *c, struct outgoing *m, us_t now)
{
	const uint32_t expiry =
		m->value && c->protocol == 5 ? (uint32_t)(c->conf.expiry / US_S) : 0;
	struct pace_mark mark;
	if (!m->qos && m->value && c->protocol == 5 && now >= c->sample_at)
		m->qos = 1;
	if (m->qos > c->terms.maximum_qos)
		m->qos = c->terms.maximum_qos;
	size_t size = packet_size(m, c->protocol, expiry);
	if (m->properties && c->terms.maximum_packet && size > c->terms.maximum_packet) {
		m->properties = NULL; /* the value is worth more than its unit */
		size = packet_size(m, c->protocol, expiry);
	}
	if (too_large(c, m, size))
		return true;
	if (!reserve(c, m, size, now, &mark)) {
		outbox_failed(c->outbox, m->item); /* with a newer text, if one comes meanwhile */
		return false;
	}
	if (m->qos)
		c->sample_at = now + SAMPLE_EVERY;
	segments_add(&c->segments, !m->value, now);
	/* if not, it is back in the outbox; the library will report what is wrong */
	return paho_send(c->paho, m, expiry, &mark);
}

/* The broker, or what it forbids, may be another by now. */
static void pardon(struct mqtt_client *c, us_t now)
{
	if (!c->pardon_at || now < c->pardon_at || client_abandoned(c))
		return;
	c->pardon_at = 0;
	c->pardoned = now;
	c->pardon_after = 2 * c->pardon_after < PARDON_EVERY ? 2 * c->pardon_after : PARDON_EVERY;
	outbox_pardon(c->outbox);
}

void pump_refused(struct mqtt_client *c, us_t now)
{
	if (c->refused_at)
		return;
	const bool at_once = c->permitted_at && now - c->permitted_at < REFUSED_FIRST;
	c->refused_after = at_once ? 2 * c->refused_after : REFUSED_FIRST;
	if (c->refused_after > REFUSED_LAST)
		c->refused_after = REFUSED_LAST;
	c->refused_at = now + c->refused_after;
}

static void retry_refused(struct mqtt_client *c, us_t now)
{
	pthread_mutex_lock(&c->lock);
	const bool permitted = c->permitted, left = c->left_open;
	c->permitted = false;
	pthread_mutex_unlock(&c->lock);
	if (left)
		return;
	if (permitted) {
		c->refused_at = 0;
		c->permitted_at = now;
		c->refusal_reported = false;
		outbox_all_dirty(c->outbox);
		client_report(c, MQTT_REFUSED,
		              "the broker accepts what it refused; all is published again");
	} else if (c->refused_at && now >= c->refused_at) {
		c->refused_at = outbox_retry_refused(c->outbox) ? now + c->refused_after : 0;
	}
}

static void hand_over_all(struct mqtt_client *c)
{
	uint64_t done = begin_pumping(c);
	for (bool going = true; going;) {
		struct outgoing m;
		bool asks;
		const us_t now = client_now();
		going = any_room(c, now, &asks);
		if (asks)
			ask(c, now);
		if (!going)
			return;
		if (outbox_take(c->outbox, &m))
			going = hand_over(c, &m, now);
		else if (nothing_to_take(c, done))
			return;
		else
			done = begin_pumping(c);
		if (!going && !client_abandoned(c))
			ask(c, now);
	}
}

void pump(struct mqtt_client *c)
{
	pardon(c, client_now());
	retry_refused(c, client_now());
	hand_over_all(c);
	segments_end(&c->segments);
}

void pump_begin(struct mqtt_client *c, us_t now)
{
	struct segments segments;
	segments_begin(&segments, c->conf.port);
	pthread_mutex_lock(&c->lock);
	c->segments = segments;
	pace_begin(&c->pace);
	c->alone = c->permitted = false;
	c->proven = UINT64_MAX;
	pthread_mutex_unlock(&c->lock);
	c->nreported = 0;
	c->refused_at = 0;
	ask(c, now);
}

us_t pump_due(struct mqtt_client *c)
{
	pthread_mutex_lock(&c->lock);
	const us_t due = c->starved ? pace_wait(&c->pace) : US_NEVER;
	pthread_mutex_unlock(&c->lock);
	return c->refused_at && c->refused_at < due ? c->refused_at : due;
}

bool pump_over(struct mqtt_client *c)
{
	pthread_mutex_lock(&c->lock);
	const unsigned flying = c->flying;
	pthread_mutex_unlock(&c->lock);
	return flying == 0 && !outbox_waiting(c->outbox);
}

/* -- what the library reports, on its threads -----------------------------------------------------
 */

/* Half of the window free again is worth a wake-up; or all, when something waits for an answer. */
static bool worth_waking(const struct mqtt_client *c)
{
	return c->blocked || (c->starved && c->flying <= PAHO_FLIGHTS / 2 &&
	                      c->unacked <= c->window / 2 && pace_worth(&c->pace));
}

void pump_done(void *ctx, const struct paho_done *d)
{
	struct mqtt_client *c = ctx;
	const bool answered = d->ok || d->refused, question = !d->item;
	pthread_mutex_lock(&c->lock);
	if (c->left_open) { /* the outbox may be gone */
		pthread_mutex_unlock(&c->lock);
		return;
	}
	if (answered && (d->qos || question)) {
		pace_proof(&c->pace, &d->mark, question, client_now());
		fresh_life(&c->fresh, client_now());
	}
	if (!question && d->qos && d->ok)
		c->permitted |= outbox_permitted(c->outbox, d->item);
	if (!question && d->refused)
		outbox_refused(c->outbox, d->item);
	else if (!question && d->ok)
		outbox_sent(c->outbox, d->item);
	else if (!question)
		outbox_failed(c->outbox, d->item);
	c->flying--;
	c->unacked -= d->qos > 0;
	c->done++;
	c->acked += answered && d->qos;
	c->answered |= question && answered && d->mark.at >= c->probed;
	if (!question) {
		c->published += d->ok;
		c->refusals += d->refused != NULL;
		if (d->refused && !c->refused)
			c->refused = d->refused;
	}
	if (answered && c->flying == 0)
		segments_acknowledge(&c->segments);
	if (worth_waking(c) || c->ending || c->leaving || c->refused || c->permitted)
		client_wake(c);
	pthread_mutex_unlock(&c->lock);
}
