// SPDX-License-Identifier: MIT
/* The outbox as the publisher sees it: what goes next, and what became of it. */
#include "mqtt/outbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "mqtt/outbox_priv.h"

/* -- hand-over to the publisher ---------------------------------------------------------------- */

/* Item pointers are ids, so that a stale one can do no harm. */
static void *item_of(uint32_t id)
{
	return (void *)(uintptr_t)id;
}

static char *take_room(struct outbox *o, size_t n)
{
	if (n > o->take_room) {
		o->take = mem_grow(o->take, n, 1);
		o->take_room = n;
	}
	return o->take;
}

static void take_slot(struct outbox *o, uint32_t id, struct outgoing *out)
{
	struct slot *s = slot_at(o, id);
	const char *properties = s->gone || s->wipe ? NULL : slots_properties(&o->slots, id);
	const size_t n = s->topic_len + s->text_len + 2u, more = properties_size(properties);
	assert(!s->flying); /* two under way could arrive in the wrong order */
	char *copy = memcpy(take_room(o, n + more), s->text, n);
	if (properties)
		memcpy(copy + n, properties, more);
	copy[strcspn(copy, "\n")] = '\0';
	*out = (struct outgoing){
		.topic = copy,
		.payload = copy + s->topic_len + 1,
		.len = s->text_len,
		.qos = id == o->asks && !s->qos ? 1 : s->qos,
		.retain = s->retain,
		.value = s->class_ == SLOT_VALUE && !s->gone,
		.suspect = s->suspect,
		.properties = more ? copy + n : NULL,
		.item = item_of(id),
	};
	if (s->wipe) {
		out->len = 0;
		copy[s->topic_len + 1] = '\0';
		out->retain = true;
		out->value = false;
	}
	if (!s->wipe || !s->set) /* else its text follows */
		slot_unlist(o, id);
	if (id == o->asks)
		o->asks = 0;
	s->wiping = s->wipe;
	s->wipe = 0;
	s->flying = 1;
}

static void take_post(struct outbox *o, uint32_t id, struct outgoing *out)
{
	struct post_item *i = post_at(o, id);
	const size_t n = i->properties_at + i->properties_len;
	char *copy = memcpy(take_room(o, n), i->data, n);
	*out = (struct outgoing){
		.topic = copy,
		.payload = copy + i->payload_at,
		.len = i->len,
		.qos = i->qos,
		.retain = i->retain,
		.correlation = i->correlation ? copy + i->correlation_at : NULL,
		.correlation_len = i->correlation_len,
		.response_topic = i->response ? copy + i->response_at : NULL,
		.properties = i->properties_len ? copy + i->properties_at : NULL,
		.once = i->qos == 0,
		.suspect = i->suspect,
		.item = item_of(id),
	};
	list_remove(o, id);
	i->taken = ++o->taken;
	i->flying = true;
}

bool outbox_take(struct outbox *o, struct outgoing *out)
{
	pthread_mutex_lock(&o->lock);
	const uint32_t id = list_next(o);
	if (id) {
		const enum lane l = lane_of(o, id);
		if (id & POST_BIT)
			take_post(o, id, out);
		else
			take_slot(o, id, out);
		list_gone(o, l, strlen(out->topic) + out->len);
	}
	pthread_mutex_unlock(&o->lock);
	return id != 0;
}

bool outbox_waiting(struct outbox *o)
{
	pthread_mutex_lock(&o->lock);
	const bool waiting = outbox_any(o);
	pthread_mutex_unlock(&o->lock);
	return waiting;
}

void outbox_sent(struct outbox *o, void *item)
{
	const uint32_t id = (uint32_t)(uintptr_t)item;
	pthread_mutex_lock(&o->lock);
	if (id & POST_BIT) {
		posts_free(&o->posts, post_at(o, id));
	} else {
		struct slot *s = slot_at(o, id);
		s->flying = s->wiping = 0;
		if (s->gone && !s->listed)
			slots_free(&o->slots, id);
		else if (s->class_ == SLOT_PASSING && !s->listed)
			slot_forget(o, s);
	}
	pthread_mutex_unlock(&o->lock);
}

void outbox_refused(struct outbox *o, void *item)
{
	const uint32_t id = (uint32_t)(uintptr_t)item;
	outbox_sent(o, item);
	pthread_mutex_lock(&o->lock);
	struct slot *s = id & POST_BIT ? NULL : slot_at(o, id);
	if (s && s->text && s->set && !s->gone)
		s->refused = 1;
	pthread_mutex_unlock(&o->lock);
}

bool outbox_retry_refused(struct outbox *o)
{
	bool found = false;
	pthread_mutex_lock(&o->lock);
	for (uint32_t i = 0; i < o->slots.n && !found; i++) {
		o->retried = o->retried % o->slots.n + 1;
		const struct slot *s = slot_at(o, o->retried);
		found = s->text && s->refused && s->set;
	}
	if (found) {
		o->asks = o->retried;
		slot_mark(o, o->asks);
	}
	pthread_mutex_unlock(&o->lock);
	return found;
}

bool outbox_permitted(struct outbox *o, void *item)
{
	const uint32_t id = (uint32_t)(uintptr_t)item;
	pthread_mutex_lock(&o->lock);
	struct slot *s = id & POST_BIT ? NULL : slot_at(o, id);
	const bool was = s && s->refused;
	if (was)
		s->refused = 0;
	pthread_mutex_unlock(&o->lock);
	return was;
}

static void item_failed(struct outbox *o, uint32_t id)
{
	if (id & POST_BIT) {
		post_at(o, id)->flying = false;
		list_redo(o, id);
		return;
	}
	struct slot *s = slot_at(o, id);
	s->flying = 0;
	s->wipe |= s->wiping && !s->retain;
	s->wiping = 0;
	if (s->gone && !s->retain && !s->listed) {
		slots_free(&o->slots, id);
	} else if (!s->listed && (s->set || s->gone || s->wipe)) {
		list_redo(o, id);
		s->listed = 1;
		o->ndirty++;
	}
}

void outbox_failed(struct outbox *o, void *item)
{
	pthread_mutex_lock(&o->lock);
	item_failed(o, (uint32_t)(uintptr_t)item);
	pthread_mutex_unlock(&o->lock);
}

static bool post_blame(struct outbox *o, struct post_item *i, char *topic, size_t size)
{
	if (!i->suspect || i->flying) {
		i->suspect = true;
		return false;
	}
	outbox_copy(topic, size, i->data, i->payload_at - 1);
	list_remove(o, i->at | POST_BIT);
	posts_free(&o->posts, i);
	return true;
}

static bool slot_blame(struct outbox *o, uint32_t id, char *topic, size_t size)
{
	struct slot *s = slot_at(o, id);
	if (!s->suspect || s->flying) {
		s->suspect = 1;
		return false;
	}
	outbox_copy(topic, size, s->text, s->topic_len);
	if (s->listed)
		slot_unlist(o, id);
	s->barred = 1;
	if (s->gone)
		slots_free(&o->slots, id);
	return true;
}

static struct post_item *post_if(const struct outbox *o, uint32_t id)
{
	const uint32_t at = id & ~POST_BIT;
	return id & POST_BIT && at < o->posts.room ? o->posts.item[at] : NULL;
}

static struct slot *slot_if(const struct outbox *o, uint32_t id)
{
	return id && id <= o->slots.n && slot_at(o, id)->text ? slot_at(o, id) : NULL;
}

bool outbox_blame(struct outbox *o, uint32_t id, char *topic, size_t size)
{
	bool dropped = false;
	pthread_mutex_lock(&o->lock);
	if (post_if(o, id))
		dropped = post_blame(o, post_if(o, id), topic, size);
	else if (slot_if(o, id))
		dropped = slot_blame(o, id, topic, size);
	o->dropped += dropped;
	pthread_mutex_unlock(&o->lock);
	return dropped;
}

void outbox_trust(struct outbox *o, uint32_t id)
{
	pthread_mutex_lock(&o->lock);
	if (post_if(o, id))
		post_if(o, id)->suspect = false;
	else if (slot_if(o, id))
		slot_if(o, id)->suspect = 0;
	pthread_mutex_unlock(&o->lock);
}

void outbox_pardon(struct outbox *o)
{
	pthread_mutex_lock(&o->lock);
	for (uint32_t id = 1; id <= o->slots.n; id++) {
		struct slot *s = slot_at(o, id);
		if (!s->text || !s->barred)
			continue;
		s->barred = 0;
		if (s->set)
			slot_mark(o, id);
	}
	pthread_mutex_unlock(&o->lock);
}

/* The post on its way that was taken first; 0: none. */
static uint32_t first_flying(const struct outbox *o)
{
	uint32_t first = 0;
	for (uint32_t at = 1; at < o->posts.room; at++) {
		const struct post_item *i = o->posts.item[at];
		if (i && i->flying &&
		    (!first || i->taken - o->posts.item[first]->taken > INT32_MAX))
			first = at;
	}
	return first;
}

void outbox_abandoned(struct outbox *o)
{
	pthread_mutex_lock(&o->lock);
	for (uint32_t at; (at = first_flying(o));)
		item_failed(o, at | POST_BIT);
	for (uint32_t id = 1; id <= o->slots.n; id++)
		if (slot_at(o, id)->text && slot_at(o, id)->flying)
			item_failed(o, id);
	pthread_mutex_unlock(&o->lock);
}
