// SPDX-License-Identifier: MIT
/* Brokers that leave something unanswered for ever, though they are there. */
#include <unistd.h>

#include "mqtt/client_private.h"
#include "mqtt/reach.h"

#define NEAR (100 * US_MS)
#define STOOD (5 * US_S) /* so rarely the publisher looks only after it stood still */

/* Some brokers do not answer a CONNECT of a version that they do not know: it can be detected by a
 * timeout only. Only where the port is near; over a slow link an answer takes its time. */
bool client_ignored(struct mqtt_client *c, us_t now)
{
	if (now - c->trying_since < retry_patience(&c->retry, c->conf.use_tls))
		return false;
	const us_t before = client_now();
	const int fd = reach_connect(c->conf.host, c->conf.port);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && client_now() - before < NEAR)
		return true;
	c->retry.patient = true; /* this attempt has the library's time */
	return false;
}

/* With the lock held. So long an acknowledgement may take. */
static us_t patience(const struct mqtt_client *c)
{
	const us_t t = c->terms.keepalive * 3 / 2;
	return t < CLIENT_STUCK ? t : CLIENT_STUCK;
}

bool client_unacked(struct mqtt_client *c, us_t now)
{
	pthread_mutex_lock(&c->lock);
	const uint64_t acked = c->acked;
	const bool waits = c->unacked > 0;
	const us_t limit = patience(c);
	pthread_mutex_unlock(&c->lock);
	if (acked != c->acked_seen || !waits)
		c->acked_at = now;
	else if (now - c->looked_at > STOOD) /* we did, not the broker */
		c->acked_at += now - c->looked_at;
	c->acked_seen = acked;
	c->looked_at = now;
	return now - c->acked_at >= limit;
}

void client_watch_subscriptions(struct mqtt_client *c, us_t now)
{
	if (paho_subscribing(c->paho) == 0)
		c->subscribed_at = now;
	pthread_mutex_lock(&c->lock);
	const us_t limit = patience(c);
	pthread_mutex_unlock(&c->lock);
	if (c->subscribed_at == US_NEVER || now - c->subscribed_at < limit)
		return;
	client_report(c, MQTT_REFUSED,
	              "the broker does not acknowledge subscriptions: commands may not arrive");
	c->subscribed_at = US_NEVER;
}
