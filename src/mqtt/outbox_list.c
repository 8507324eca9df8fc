/* The list of what is dirty, and its order. */
#include <stdlib.h>

#include "core/base/arena.h"
#include "mqtt/outbox_priv.h"

void list_insert_after(struct outbox *o, uint32_t after, uint32_t id)
{
	struct link *l = link_at(o, id);
	const uint32_t next = after ? link_at(o, after)->next : o->head;
	l->prev = after;
	l->next = next;
	if (after)
		link_at(o, after)->next = id;
	else
		o->head = id;
	if (next)
		link_at(o, next)->prev = id;
	else
		o->tail = id;
}

void list_remove(struct outbox *o, uint32_t id)
{
	const struct link *l = link_at(o, id);
	if (o->redo == id)
		o->redo = l->prev;
	if (l->prev)
		link_at(o, l->prev)->next = l->next;
	else
		o->head = l->next;
	if (l->next)
		link_at(o, l->next)->prev = l->prev;
	else
		o->tail = l->prev;
}

void slot_list(struct outbox *o, uint32_t id, uint32_t after)
{
	list_insert_after(o, after, id);
	slot_at(o, id)->listed = 1;
	o->ndirty++;
}

void slot_unlist(struct outbox *o, uint32_t id)
{
	list_remove(o, id);
	slot_at(o, id)->listed = 0;
	o->ndirty--;
}

/* Cut the posts out of the list, chained by next; gives the first. */
static uint32_t list_keep_posts(struct outbox *o)
{
	uint32_t first = 0, last = 0;
	for (uint32_t id = o->head, next; id; id = next) {
		next = link_at(o, id)->next;
		if (!(id & POST_BIT)) {
			slot_at(o, id)->listed = 0;
			continue;
		}
		link_at(o, id)->next = 0;
		if (last)
			link_at(o, last)->next = id;
		else
			first = id;
		last = id;
	}
	o->head = o->tail = o->redo = 0;
	o->ndirty = 0;
	return first;
}

static void list_add_posts(struct outbox *o, uint32_t first)
{
	for (uint32_t id = first, next; id; id = next) {
		next = link_at(o, id)->next;
		list_insert_after(o, o->tail, id);
	}
}

void outbox_all_dirty(struct outbox *o)
{
	pthread_mutex_lock(&o->lock);
	struct telling *t = mem_alloc(o->slots.used, sizeof *t);
	const size_t n = slots_telling(&o->slots, o->clock, t);
	uint32_t posts = list_keep_posts(o);
	for (size_t i = 0; i < n; i++) {
		if (t[i].class_ > SLOT_VALUE && posts) {
			list_add_posts(o, posts);
			posts = 0;
		}
		slot_list(o, t[i].id, o->tail);
	}
	list_add_posts(o, posts);
	pthread_mutex_unlock(&o->lock);
	free(t);
}

void outbox_statuses_first(struct outbox *o)
{
	uint32_t after = 0;
	pthread_mutex_lock(&o->lock);
	for (uint32_t id = o->head, next; id; id = next) {
		next = link_at(o, id)->next;
		if (id & POST_BIT || slot_at(o, id)->class_ > SLOT_GATEWAY)
			continue;
		slot_unlist(o, id);
		slot_list(o, id, after);
		after = id;
	}
	pthread_mutex_unlock(&o->lock);
}
