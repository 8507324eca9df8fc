// SPDX-License-Identifier: MIT
/* The lists of what is dirty, and the order in which it goes. */
#include <stdlib.h>

#include "core/base/arena.h"
#include "mqtt/outbox_priv.h"

/* What is urgent waits for so many values set before it; it overtakes a larger heap. */
#define HEAP 32

/* While more urgent things wait, a lane gets a quarter of what they do. */
#define SHARE 4
#define OWED_LEAST 1024 /* bytes; less is not worth a change of the order */
#define OWED_MOST 65536

static bool is_passing(const struct outbox *o, uint32_t id)
{
	return !(id & POST_BIT) && slot_at(o, id)->class_ == SLOT_PASSING;
}

static void insert_after(struct outbox *o, uint32_t after, uint32_t id)
{
	struct lane_list *lane = &o->lane[lane_of(o, id)];
	struct link *l = link_at(o, id);
	const uint32_t next = after ? link_at(o, after)->next : lane->head;
	l->prev = after;
	l->next = next;
	if (after)
		link_at(o, after)->next = id;
	else
		lane->head = id;
	if (next)
		link_at(o, next)->prev = id;
	else
		lane->tail = id;
	o->values_in += lane == &o->lane[LANE_VALUES];
	o->passing += is_passing(o, id);
}

void list_append(struct outbox *o, uint32_t id)
{
	const struct lane_list *lane = &o->lane[lane_of(o, id)];
	if (lane == &o->lane[LANE_URGENT] && !lane->head)
		o->behind = o->values_in;
	insert_after(o, lane->tail, id);
	if (id & POST_BIT)
		post_at(o, id)->behind = o->values_in;
}

void list_redo(struct outbox *o, uint32_t id)
{
	struct lane_list *lane = &o->lane[lane_of(o, id)];
	insert_after(o, lane->redo, id);
	lane->redo = id;
	if (lane == &o->lane[LANE_VALUES]) {
		if ((int32_t)(o->redone - o->values_out) < 0)
			o->redone = o->values_out;
		o->redone++;
	}
	if (id & POST_BIT)
		post_at(o, id)->behind = o->redone;
}

void list_remove(struct outbox *o, uint32_t id)
{
	struct lane_list *lane = &o->lane[lane_of(o, id)];
	const struct link *l = link_at(o, id);
	if (lane->redo == id)
		lane->redo = l->prev;
	if (l->prev)
		link_at(o, l->prev)->next = l->next;
	else
		lane->head = l->next;
	if (l->next)
		link_at(o, l->next)->prev = l->prev;
	else
		lane->tail = l->prev;
	o->values_out += lane == &o->lane[LANE_VALUES];
	o->passing -= is_passing(o, id);
}

void slot_list(struct outbox *o, uint32_t id)
{
	list_append(o, id);
	slot_at(o, id)->listed = 1;
	o->ndirty++;
}

void slot_unlist(struct outbox *o, uint32_t id)
{
	list_remove(o, id);
	slot_at(o, id)->listed = 0;
	o->ndirty--;
}

/* -- what goes next ---------------------------------------------------------------------------- */

/* One of a post's own values that waits; 0: none. Those before it have just been found gone: looked
 * at anew for each that goes, thousands would cost their square. */
static uint32_t own_value(const struct outbox *o, struct post_item *i)
{
	for (size_t k = 0; k < i->nafter; k++) {
		const uint32_t id = i->after[i->next];
		if (id <= o->slots.n && slot_at(o, id)->text && slot_at(o, id)->listed)
			return id;
		i->next = (i->next + 1) % i->nafter;
	}
	return 0;
}

/* Does something wait for the values that were listed up to then? */
static bool behind_few(const struct outbox *o, uint32_t values)
{
	const int32_t n = (int32_t)(values - o->values_out);
	return n > 0 && n <= HEAP && o->lane[LANE_VALUES].head;
}

/* What a lane can give, 0: nothing. A topic that is on its way is passed by; a post does not pass
 * what was set before it. */
static uint32_t lane_next(const struct outbox *o, enum lane l)
{
	bool passed_by = false;
	if (l == LANE_URGENT && behind_few(o, o->behind))
		return 0;
	for (uint32_t id = o->lane[l].head; id; id = link_at(o, id)->next) {
		if (!(id & POST_BIT)) {
			if (!slot_at(o, id)->flying)
				return id;
			passed_by = true;
			continue;
		}
		if (l == LANE_BULK)
			return id;
		struct post_item *i = post_at(o, id);
		if (passed_by || behind_few(o, i->behind))
			return 0;
		const uint32_t first = own_value(o, i);
		if (!first)
			return id;
		return slot_at(o, first)->flying ? 0 : first;
	}
	return 0;
}

uint32_t list_next(struct outbox *o)
{
	for (int l = LANE_BULK; l > LANE_URGENT; l--) {
		const uint32_t id = o->lane[l].owed >= OWED_LEAST ? lane_next(o, l) : 0;
		if (id)
			return id;
	}
	for (int l = LANE_URGENT; l < LANES; l++) {
		const uint32_t id = lane_next(o, l);
		if (id)
			return id;
	}
	return 0;
}

void list_gone(struct outbox *o, enum lane l, size_t bytes)
{
	struct lane_list *lane = &o->lane[l];
	lane->owed -= (int64_t)bytes;
	if (lane->owed < -OWED_MOST)
		lane->owed = -OWED_MOST;
	for (int k = l + 1; k < LANES; k++) {
		struct lane_list *less = &o->lane[k];
		less->owed = less->head ? less->owed + (int64_t)bytes / SHARE : 0;
		if (less->owed > OWED_MOST)
			less->owed = OWED_MOST;
	}
}

/* -- everything again -------------------------------------------------------------------------- */

/* Cut the posts out of a list, chained by next; gives the first. */
static uint32_t keep_posts(struct outbox *o, enum lane l)
{
	uint32_t first = 0, last = 0;
	for (uint32_t id = o->lane[l].head, next; id; id = next) {
		next = link_at(o, id)->next;
		if (!(id & POST_BIT)) {
			slot_unlist(o, id);
			continue;
		}
		list_remove(o, id);
		link_at(o, id)->next = 0;
		if (last)
			link_at(o, last)->next = id;
		else
			first = id;
		last = id;
	}
	o->lane[l].owed = 0;
	return first;
}

static void append_all(struct outbox *o, uint32_t first)
{
	for (uint32_t id = first, next; id; id = next) {
		next = link_at(o, id)->next;
		list_append(o, id);
	}
}

void outbox_all_dirty(struct outbox *o)
{
	uint32_t posts[LANES];
	pthread_mutex_lock(&o->lock);
	struct pending *t = mem_alloc(o->slots.used, sizeof *t);
	const size_t n = slots_pending(&o->slots, o->clock, t);
	for (int l = 0; l < LANES; l++)
		posts[l] = keep_posts(o, l);
	append_all(o, posts[LANE_BULK]); /* what happened meanwhile before what is so now */
	for (size_t i = 0; i < n; i++) {
		slot_at(o, t[i].id)->refused = 0;
		slot_list(o, t[i].id);
	}
	append_all(o, posts[LANE_URGENT]);
	pthread_mutex_unlock(&o->lock);
	free(t);
}

void outbox_statuses_first(struct outbox *o)
{
	uint32_t after = 0;
	pthread_mutex_lock(&o->lock);
	for (uint32_t id = o->lane[LANE_URGENT].head, next; id; id = next) {
		next = link_at(o, id)->next;
		if (id & POST_BIT || slot_at(o, id)->class_ > SLOT_ONLINE)
			continue;
		list_remove(o, id);
		insert_after(o, after, id);
		after = id;
	}
	o->behind = o->values_out;
	pthread_mutex_unlock(&o->lock);
}
