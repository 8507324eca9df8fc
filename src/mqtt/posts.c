// SPDX-License-Identifier: MIT
#include "mqtt/posts.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"

struct post_item *posts_make(const struct post *p)
{
	const size_t topic = strlen(p->topic), len = strlen(p->payload);
	const size_t n = p->correlation ? p->correlation_len : 0;
	const size_t answer = p->response_topic ? strlen(p->response_topic) + 1 : 0;
	const size_t more = properties_size(p->properties);
	const size_t size = sizeof(struct post_item) + topic + len + 2 + n + answer + more;
	struct post_item *i = mem_alloc(1, size);
	i->size = size;
	i->history = p->history;
	i->retain = p->retain;
	i->qos = p->qos;
	i->payload_at = topic + 1;
	i->len = len;
	i->correlation = p->correlation != NULL;
	i->correlation_at = topic + len + 2;
	i->correlation_len = n;
	i->response = answer != 0;
	i->response_at = i->correlation_at + n;
	i->response_len = answer;
	i->properties_at = i->response_at + answer;
	i->properties_len = more;
	if (p->nafter) {
		i->after = mem_alloc(p->nafter, sizeof *i->after);
		memcpy(i->after, p->after, p->nafter * sizeof *i->after);
		i->nafter = p->nafter;
		i->size += p->nafter * sizeof *i->after;
	}
	memcpy(i->data, p->topic, topic);
	memcpy(i->data + i->payload_at, p->payload, len);
	if (n)
		memcpy(i->data + i->correlation_at, p->correlation, n);
	if (answer)
		memcpy(i->data + i->response_at, p->response_topic, answer);
	if (more)
		memcpy(i->data + i->properties_at, p->properties, more);
	return i;
}

static void grow(struct posts *t)
{
	const uint32_t old = t->room ? t->room : 1; /* number 0 is never given */
	t->room = old * 2;
	t->item = mem_grow(t->item, t->room, sizeof(struct post_item *));
	t->next_free = mem_grow(t->next_free, t->room, sizeof *t->next_free);
	for (uint32_t at = t->room; at > old; at--) {
		t->item[at - 1] = NULL;
		t->next_free[at - 1] = t->free_;
		t->free_ = at - 1;
	}
}

void posts_discard(struct post_item *i)
{
	if (i)
		free(i->after);
	free(i);
}

void posts_add(struct posts *t, struct post_item *i)
{
	if (!t->free_)
		grow(t);
	i->at = t->free_;
	t->free_ = t->next_free[i->at];
	t->item[i->at] = i;
	t->n++;
	t->bytes[i->history] += i->size;
}

void posts_free(struct posts *t, struct post_item *i)
{
	t->bytes[i->history] -= i->size;
	t->n--;
	t->item[i->at] = NULL;
	t->next_free[i->at] = t->free_;
	t->free_ = i->at;
	posts_discard(i);
}

void posts_destroy(struct posts *t)
{
	for (uint32_t at = 1; at < t->room; at++)
		posts_discard(t->item[at]);
	free(t->item);
	free(t->next_free);
}
