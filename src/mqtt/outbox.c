// SPDX-License-Identifier: MIT
#include "mqtt/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "mqtt/outbox_priv.h"

#define POST_BYTES (256 * 1024) /* Nak and answers */

/* -- slots ------------------------------------------------------------------------------------- */

/* A value keeps its place, else fast topics starve the rest; a status goes behind what was set
 * before it. */
void slot_mark(struct outbox *o, uint32_t id)
{
	struct slot *s = slot_at(o, id);
	if (s->barred)
		return;
	if (s->listed && s->class_ <= SLOT_ONLINE)
		slot_unlist(o, id);
	if (!s->listed)
		slot_list(o, id);
}

/* The class decides in which list it is. */
static void slot_classify(struct outbox *o, uint32_t id, enum slot_class c)
{
	struct slot *s = slot_at(o, id);
	const bool listed = s->listed && s->class_ != c;
	if (listed)
		slot_unlist(o, id);
	s->class_ = c & 7;
	if (listed)
		slot_list(o, id);
}

/* What is retained on the topic goes first: it would be there for ever. */
static void slot_wipe(struct outbox *o, uint32_t id)
{
	slot_at(o, id)->wipe = 1;
	slot_mark(o, id);
}

slot_t outbox_slot(struct outbox *o, const char *topic, enum slot_class c, uint8_t qos, bool retain)
{
	const size_t n = strlen(topic);
	if (n == 0 || n > UINT16_MAX)
		return 0;
	pthread_mutex_lock(&o->lock);
	uint32_t id = slots_find(&o->slots, topic, n);
	const bool made = !id;
	if (made)
		id = slots_make(&o->slots, topic, n);
	struct slot *s = slot_at(o, id);
	const bool was_retained = s->retain, other_qos = s->qos != (qos & 3);
	slot_classify(o, id, c);
	s->qos = qos & 3;
	s->retain = retain;
	s->gone = 0;
	if (retain)
		s->wipe = 0;
	if (was_retained && !retain)
		slot_wipe(o, id);
	else if (!made && s->set && retain && (!was_retained || other_qos))
		slot_mark(o, id);
	pthread_mutex_unlock(&o->lock);
	return id;
}

void outbox_status(struct outbox *o, slot_t id, enum slot_class c)
{
	pthread_mutex_lock(&o->lock);
	if (id)
		slot_at(o, id)->class_ = c & 7; /* in the same list */
	pthread_mutex_unlock(&o->lock);
}

void outbox_wipe(struct outbox *o, slot_t id)
{
	pthread_mutex_lock(&o->lock);
	if (id && !slot_at(o, id)->retain)
		slot_wipe(o, id);
	pthread_mutex_unlock(&o->lock);
}

void outbox_properties(struct outbox *o, slot_t id, const char *list)
{
	if (!id)
		return;
	pthread_mutex_lock(&o->lock);
	if (slots_set_properties(&o->slots, id, list) && slot_at(o, id)->set)
		slot_mark(o, id);
	pthread_mutex_unlock(&o->lock);
}

static bool slot_differs(const struct slot *s, const char *text)
{
	return !s->set || strcmp(slots_text_of(s), text) != 0;
}

void outbox_set(struct outbox *o, slot_t id, const char *text, bool again)
{
	if (!id)
		return;
	pthread_mutex_lock(&o->lock);
	struct slot *s = slot_at(o, id);
	const bool differs = slot_differs(s, text);
	s->fresh = ++o->clock; /* also when not published: it was read, it is fresh */
	if (differs || again) {
		if (differs)
			slots_text(&o->slots, s, text);
		if (differs && s->class_ < SLOT_VALUE)
			s->barred = 0;
		s->set = 1;
		slot_mark(o, id);
	}
	pthread_mutex_unlock(&o->lock);
}

void slot_forget(struct outbox *o, struct slot *s)
{
	slots_text(&o->slots, s, "");
	s->set = 0;
}

void outbox_outdated(struct outbox *o, slot_t id)
{
	pthread_mutex_lock(&o->lock);
	struct slot *s = id ? slot_at(o, id) : NULL;
	if (s && s->set && !s->gone) {
		s->set = 0; /* the text stays: something is on the topic */
		if (s->listed && !s->wipe)
			slot_unlist(o, id);
	}
	pthread_mutex_unlock(&o->lock);
}

bool outbox_differs(struct outbox *o, slot_t id, const char *text)
{
	if (!id)
		return false;
	pthread_mutex_lock(&o->lock);
	const bool differs = slot_differs(slot_at(o, id), text);
	pthread_mutex_unlock(&o->lock);
	return differs;
}

/* clear: what is retained on the topic is emptied. */
static void slot_end(struct outbox *o, slot_t id, bool clear)
{
	if (!id)
		return;
	pthread_mutex_lock(&o->lock);
	struct slot *s = slot_at(o, id);
	slot_forget(o, s);
	s->gone = 1;
	s->barred = 0;
	s->retain = clear && (s->retain | s->wipe | s->wiping);
	s->wipe = 0;
	s->wiping &= clear;
	if (s->retain) {
		slot_mark(o, id);
	} else {
		if (s->listed)
			slot_unlist(o, id);
		if (!s->flying)
			slots_free(&o->slots, id);
	}
	pthread_mutex_unlock(&o->lock);
}

void outbox_clear(struct outbox *o, slot_t id)
{
	slot_end(o, id, true);
}

void outbox_leave(struct outbox *o, slot_t id)
{
	slot_end(o, id, false);
}

void outbox_copy(char *buf, size_t size, const char *text, size_t n)
{
	if (n >= size)
		n = size - 1;
	memcpy(buf, text, n);
	buf[n] = '\0';
}

void outbox_text(struct outbox *o, slot_t id, char *buf, size_t size)
{
	pthread_mutex_lock(&o->lock);
	const struct slot *s = id ? slot_at(o, id) : NULL;
	outbox_copy(buf, size, s ? slots_text_of(s) : "", s ? s->text_len : 0);
	pthread_mutex_unlock(&o->lock);
}

void outbox_topic(struct outbox *o, slot_t id, char *buf, size_t size)
{
	pthread_mutex_lock(&o->lock);
	const struct slot *s = id && id <= o->slots.n ? slot_at(o, id) : NULL;
	outbox_copy(buf, size, s && s->text ? s->text : "", s ? s->topic_len : 0);
	pthread_mutex_unlock(&o->lock);
}

slot_t outbox_find(struct outbox *o, const char *topic)
{
	pthread_mutex_lock(&o->lock);
	const uint32_t id = slots_find(&o->slots, topic, strlen(topic));
	pthread_mutex_unlock(&o->lock);
	return id;
}

void outbox_again(struct outbox *o, slot_t id)
{
	pthread_mutex_lock(&o->lock);
	if (id && slot_at(o, id)->set)
		slot_mark(o, id);
	pthread_mutex_unlock(&o->lock);
}

/* -- posts ------------------------------------------------------------------------------------- */

/* Drop the oldest of a kind until `size` more bytes fit. False: something was lost. */
static bool post_make_room(struct outbox *o, bool history, size_t size)
{
	bool lost = false;
	const enum lane l = history ? LANE_BULK : LANE_URGENT;
	for (uint32_t id = o->lane[l].head;
	     id && o->posts.bytes[history] + size > o->limit[history];) {
		const uint32_t next = link_at(o, id)->next;
		if (id & POST_BIT) {
			list_remove(o, id);
			posts_free(&o->posts, post_at(o, id));
			o->dropped++;
			lost = true;
		}
		id = next;
	}
	return !lost;
}

bool outbox_post(struct outbox *o, const struct post *p)
{
	struct post_item *i = posts_make(p);
	pthread_mutex_lock(&o->lock);
	bool whole = post_make_room(o, i->history, i->size);
	if (o->posts.bytes[i->history] + i->size > o->limit[i->history]) {
		posts_discard(i); /* larger than all, or the rest is on its way */
		o->dropped++;
		whole = false;
	} else {
		posts_add(&o->posts, i);
		list_append(o, i->at | POST_BIT);
	}
	pthread_mutex_unlock(&o->lock);
	return whole;
}

/* -- life -------------------------------------------------------------------------------------- */

void outbox_kick(struct outbox *o)
{
	pthread_mutex_lock(&o->lock);
	void (*wake)(void *) = outbox_any(o) ? o->wake : NULL;
	void *ctx = o->wake_ctx;
	pthread_mutex_unlock(&o->lock);
	if (wake)
		wake(ctx);
}

void outbox_on_kick(struct outbox *o, void (*wake)(void *ctx), void *ctx)
{
	pthread_mutex_lock(&o->lock);
	o->wake = wake;
	o->wake_ctx = ctx;
	pthread_mutex_unlock(&o->lock);
}

bool outbox_answers(struct outbox *o)
{
	pthread_mutex_lock(&o->lock);
	const bool any = o->posts.bytes[0] > 0;
	pthread_mutex_unlock(&o->lock);
	return any;
}

void outbox_figures(struct outbox *o, struct outbox_figures *out)
{
	pthread_mutex_lock(&o->lock);
	*out = (struct outbox_figures){
		.slots = o->slots.used,
		.dirty = o->ndirty,
		.passing = o->passing,
		.posts = o->posts.n,
		.bytes = o->posts.bytes[0] + o->posts.bytes[1],
		.dropped = o->dropped,
		.memory = o->slots.memory,
	};
	pthread_mutex_unlock(&o->lock);
}

struct outbox *outbox_create(size_t fifo_bytes)
{
	struct outbox *o = mem_alloc(1, sizeof *o);
	pthread_mutex_init(&o->lock, NULL);
	o->limit[0] = POST_BYTES;
	o->limit[1] = fifo_bytes;
	return o;
}

void outbox_resize(struct outbox *o, size_t fifo_bytes)
{
	pthread_mutex_lock(&o->lock);
	o->limit[1] = fifo_bytes;
	pthread_mutex_unlock(&o->lock);
}

void outbox_destroy(struct outbox *o)
{
	if (!o)
		return;
	slots_destroy(&o->slots);
	posts_destroy(&o->posts);
	free(o->take);
	pthread_mutex_destroy(&o->lock);
	free(o);
}
