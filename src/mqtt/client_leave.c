// SPDX-License-Identifier: MIT
/* A broker is left for the first of the list: not with a command that would be answered there. */
#include "mqtt/client_private.h"

#define LEAVE_MOST (5 * US_S) /* meanwhile no command comes in */

/* Its commands are under way, or their outcomes wait to be published. */
bool client_held(struct mqtt_client *c)
{
	pthread_mutex_lock(&c->lock);
	const bool held = c->held;
	pthread_mutex_unlock(&c->lock);
	return held || outbox_answers(c->outbox);
}

void client_leave(struct mqtt_client *c, us_t now)
{
	c->leave_by = now + LEAVE_MOST;
	paho_unsubscribe(c->paho, (const char *const *)c->have, c->nhave);
	pthread_mutex_lock(&c->lock);
	c->leaving = true;
	c->proven = UINT64_MAX;
	pthread_mutex_unlock(&c->lock);
}

bool client_may_part(struct mqtt_client *c, us_t now)
{
	pthread_mutex_lock(&c->lock);
	const bool all = c->proven == c->received && c->answered && c->taken == c->received;
	pthread_mutex_unlock(&c->lock);
	return now >= c->leave_by || (all && !client_held(c));
}

void client_left(struct mqtt_client *c)
{
	if (!c->leave_by)
		return;
	c->leave_by = 0;
	pthread_mutex_lock(&c->lock);
	c->leaving = c->nhave == 0;
	pthread_mutex_unlock(&c->lock);
}
