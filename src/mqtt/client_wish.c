// SPDX-License-Identifier: MIT
/* The subscriptions that main set, and those in effect. */
#include "mqtt/client_private.h"

#include <stdlib.h>
#include <string.h>

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **take_wish(struct mqtt_client *c, size_t *n)
{
	pthread_mutex_lock(&c->lock);
	char **copy = mem_alloc(c->nwish, sizeof *copy);
	for (size_t i = 0; i < c->nwish; i++)
		copy[i] = mem_strdup(c->wish[i]);
	*n = c->nwish;
	c->have_qos = c->wish_qos;
	pthread_mutex_unlock(&c->lock);
	qsort(copy, *n, sizeof *copy, by_text);
	return copy;
}

static void retire(struct mqtt_client *c, char *filter)
{
	c->old = mem_grow(c->old, c->nold + 1, sizeof *c->old);
	c->old[c->nold++] = filter;
}

/* Filters that are subscribed or unsubscribed at once; the texts are not owned. */
struct filters {
	const char **filter;
	size_t n;
};

static void add(struct filters *f, const char *filter)
{
	f->filter[f->n++] = filter;
}

/* Merge the wish into what we have: what is in both stays, with the old string. The library keeps
 * the address of a filter's text until it is answered, so an old text is retired, not freed; and a
 * subscription that stays is not repeated, or the broker would send all its retained messages anew.
 */
void client_subscribe_wish(struct mqtt_client *c)
{
	size_t n, h = 0;
	const uint8_t qos = c->have_qos;
	char **wish = take_wish(c, &n);
	struct filters come = {mem_alloc(n, sizeof *come.filter), 0};
	struct filters go = {mem_alloc(c->nhave, sizeof *go.filter), 0};
	for (size_t w = 0; w < n || h < c->nhave;) {
		const int order = w == n ? -1 : h == c->nhave ? 1 : strcmp(c->have[h], wish[w]);
		if (order < 0) {
			add(&go, c->have[h]);
			retire(c, c->have[h++]);
		} else if (order > 0) {
			add(&come, wish[w++]);
		} else {
			free(wish[w]);
			wish[w] = c->have[h++];
			if (qos != c->have_qos) /* the broker replaces the old one */
				add(&come, wish[w]);
			w++;
		}
	}
	if (c->state == CLIENT_UP && !c->leave_by) {
		paho_unsubscribe(c->paho, go.filter, go.n);
		paho_subscribe(c->paho, come.filter, come.n, c->have_qos);
	}
	free(come.filter);
	free(go.filter);
	free(c->have);
	c->have = wish;
	c->nhave = n;
	pthread_mutex_lock(&c->lock);
	c->leaving = n == 0 || c->leave_by;
	c->proven = UINT64_MAX;
	pthread_mutex_unlock(&c->lock);
}
