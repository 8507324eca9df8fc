// SPDX-License-Identifier: MIT
#include "mqtt/flights.h"

_Static_assert(FLIGHTS < UINT8_MAX, "numbers of flights are bytes");

void flights_begin(struct flights *t, const struct paho_sink *sink)
{
	t->sink = sink;
	t->free_ = 0;
	for (unsigned i = 0; i < FLIGHTS; i++)
		t->flight[i] = (struct flight){.of = t, .next = (uint8_t)(i + 1)};
	pthread_mutex_init(&t->lock, NULL);
}

struct flight *flights_take(struct flights *t, void *item, uint8_t qos,
                            const struct pace_mark *mark)
{
	struct flight *f = NULL;
	pthread_mutex_lock(&t->lock);
	if (t->free_ < FLIGHTS) {
		f = &t->flight[t->free_];
		t->free_ = f->next;
		f->item = item;
		f->qos = qos;
		f->mark = *mark;
		f->used = true;
	}
	pthread_mutex_unlock(&t->lock);
	return f;
}

void flight_land(struct flight *f, bool ok, const char *refused)
{
	struct flights *t = f->of;
	pthread_mutex_lock(&t->lock);
	const bool used = f->used;
	const struct paho_done d = {f->item, f->qos, ok, refused, f->mark};
	if (used) {
		f->used = false;
		f->next = t->free_;
		t->free_ = (uint8_t)(f - t->flight);
	}
	pthread_mutex_unlock(&t->lock);
	if (used)
		t->sink->done(t->sink->ctx, &d);
}

void flights_end(struct flights *t)
{
	for (unsigned i = 0; i < FLIGHTS; i++)
		flight_land(&t->flight[i], false, NULL);
	pthread_mutex_destroy(&t->lock);
}
