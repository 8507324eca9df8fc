// SPDX-License-Identifier: MIT
#include "mqtt/ha_docs.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "mqtt/ha_entity.h"

#define PACKET_HEAD 16    /* bytes of a PUBLISH beside its topic and its text, at most */
#define EARLIER_MAX 16384 /* entities of an earlier life, which may be forged */

static void wake(struct ha *h, us_t due)
{
	h->due = due < h->due ? due : h->due;
}

void ha_due(struct ha *h, struct doc *d, us_t due, bool force)
{
	if (d->sent && due < d->sent + HA_APART)
		due = d->sent + HA_APART;
	d->due = d->due < due ? d->due : due;
	d->force |= force;
	wake(h, d->due);
}

void ha_all_due(struct ha *h, us_t due, bool force)
{
	for (size_t i = 0; i < h->ndoc; i++)
		ha_due(h, &h->doc[i], due, force);
}

/* -- what is to be forgotten ------------------------------------------------------------------- */

static void gone_add(struct doc *d, const char *key, uint8_t platform, unsigned part)
{
	d->gone = mem_grow(d->gone, d->ngone + 1, sizeof *d->gone);
	d->gone[d->ngone++] = (struct gone){mem_strdup(key), platform, part};
}

static void gone_drop(struct doc *d)
{
	for (size_t i = 0; i < d->ngone; i++)
		free(d->gone[i].key);
	free(d->gone);
	d->gone = NULL;
	d->ngone = 0;
}

static void doc_free(struct doc *d)
{
	gone_drop(d);
	free(d->published);
	free(d->hash);
}

static void docs_free(struct doc *d, size_t n)
{
	for (size_t i = 0; i < n; i++)
		doc_free(&d[i]);
	free(d);
}

void ha_docs_parts(struct doc *d, unsigned parts)
{
	if (parts > d->parts) {
		d->hash = mem_grow(d->hash, parts, sizeof *d->hash);
		for (unsigned i = d->parts; i < parts; i++)
			d->hash[i] = 0;
	}
	d->parts = parts;
}

/* -- sending ----------------------------------------------------------------------------------- */

void ha_clear_topic(struct ha *h, const char *topic)
{
	slot_t s = outbox_find(h->outbox, topic);
	if (!s)
		s = outbox_slot(h->outbox, topic, SLOT_PASSING, 1, true);
	outbox_clear(h->outbox, s);
}

static void part_clear(struct ha *h, const struct model *m, size_t doc, unsigned part)
{
	char topic[HA_TOPIC_SIZE];
	ha_topic(m, ha_device_of(doc), part, topic);
	ha_clear_topic(h, topic);
}

static void part_send(struct ha *h, size_t doc, unsigned part)
{
	char topic[HA_TOPIC_SIZE];
	ha_topic(h->model, ha_device_of(doc), part, topic);
	outbox_set(h->outbox, outbox_slot(h->outbox, topic, SLOT_PASSING, 1, true), h->json.text,
	           true);
	h->doc[doc].sent = h->clock->now;
}

static uint64_t hash_of(const struct json *j)
{
	uint64_t hash = 14695981039346656037U;
	for (size_t i = 0; i < j->len; i++)
		hash = (hash ^ (unsigned char)j->text[i]) * 1099511628211U;
	return hash | 1;
}

/* Bytes of a document: as configured, and no more than the broker takes in one packet. */
static size_t most(const struct ha *h, size_t doc)
{
	const size_t wanted = h->model->homeassistant.max_bytes;
	char topic[HA_TOPIC_SIZE];
	if (!h->packet_most)
		return wanted;
	ha_topic(h->model, ha_device_of(doc), HA_PARTS_MAX, topic);
	const size_t head = PACKET_HEAD + strlen(topic);
	const size_t packet = h->packet_most > head ? h->packet_most - head : 1;
	return packet < wanted ? packet : wanted;
}

/* Which entry goes into which part, as what. Leaves the text of the last part in h->json. Returns
 * the number of parts. */
static unsigned divide(struct ha *h, size_t doc, uint16_t *published)
{
	const int32_t device = ha_device_of(doc);
	const uint32_t n = ha_entries(h->model, device);
	char key[HA_KEY_SIZE];
	unsigned part = 0;
	bool any = false;
	for (uint32_t next = 0; next < n;) {
		uint32_t i = next;
		part++;
		next = ha_document(h->model, device, next, most(h, doc), &h->json);
		for (; i < next; i++) {
			const uint8_t platform = ha_entry(h->model, device, i, key);
			published[i] = platform ? (uint16_t)(part << HA_PART_SHIFT | platform) : 0;
			any |= platform != HA_NONE;
		}
	}
	return any ? part : 0;
}

/* Entities that are no more, or in another part, or of another kind. */
static void compare(struct ha *h, size_t doc, const uint16_t *now)
{
	struct doc *d = &h->doc[doc];
	char key[HA_KEY_SIZE];
	for (uint32_t i = 0; i < ha_entries(h->model, ha_device_of(doc)); i++) {
		if (!d->published[i] || d->published[i] == now[i])
			continue;
		ha_entry(h->model, ha_device_of(doc), i, key);
		gone_add(d, key, d->published[i] & ((1 << HA_PART_SHIFT) - 1),
		         d->published[i] >> HA_PART_SHIFT);
		d->published[i] = 0;
	}
}

static bool part_lost(const struct doc *d, unsigned part)
{
	for (size_t i = 0; i < d->ngone; i++)
		if (d->gone[i].part == part)
			return true;
	return false;
}

/* First what is gone, each with its platform only: left out at once, it would stay. What is new
 * waits: it may be what another part has to forget first. */
static void send_gone(struct ha *h, size_t doc, unsigned parts)
{
	struct doc *d = &h->doc[doc];
	const int32_t device = ha_device_of(doc);
	for (unsigned part = 1; part <= d->parts; part++) {
		if (part > parts) {
			part_clear(h, h->model, doc, part);
			d->sent = h->clock->now;
			continue;
		}
		if (!part_lost(d, part))
			continue;
		ha_document_begin(h->model, device, &h->json);
		for (uint32_t i = 0; i < ha_entries(h->model, device); i++)
			if (d->published[i] >> HA_PART_SHIFT == part)
				ha_document_put(h->model, device, i, &h->json);
		for (size_t i = 0; i < d->ngone; i++)
			if (d->gone[i].part == part)
				ha_document_remove(d->gone[i].key, d->gone[i].platform, &h->json);
		ha_document_end(&h->json);
		part_send(h, doc, part);
		d->hash[part - 1] = 0;
	}
	if (d->parts > parts)
		d->parts = parts;
	gone_drop(d);
	ha_due(h, d, h->clock->now + HA_APART, d->force);
}

static void send_all(struct ha *h, size_t doc, unsigned parts)
{
	struct doc *d = &h->doc[doc];
	uint32_t next = 0;
	ha_docs_parts(d, parts);
	for (unsigned part = 1; part <= parts; part++) {
		if (parts > 1) /* else it is still there */
			next = ha_document(h->model, ha_device_of(doc), next, most(h, doc),
			                   &h->json);
		const uint64_t hash = hash_of(&h->json);
		if (d->force || d->hash[part - 1] != hash)
			part_send(h, doc, part);
		d->hash[part - 1] = hash;
	}
	d->force = false;
}

/* Has the broker taken what was sent last? A newer text would replace it, and with it what is to be
 * forgotten. */
static bool is_sent(struct ha *h, size_t doc)
{
	char topic[HA_TOPIC_SIZE], text[2];
	for (unsigned part = 1; part <= h->doc[doc].parts; part++) {
		ha_topic(h->model, ha_device_of(doc), part, topic);
		const slot_t s = outbox_find(h->outbox, topic);
		text[0] = '\0';
		if (s)
			outbox_text(h->outbox, s, text, sizeof text);
		if (text[0])
			return false;
	}
	return true;
}

/* Returns the bytes it made. */
size_t ha_act(struct ha *h, size_t doc)
{
	struct doc *d = &h->doc[doc];
	const int32_t device = ha_device_of(doc);
	d->due = US_NEVER;
	if (device >= 0 && !model_bound(&h->model->device[device]))
		return 0; /* which points it has is not known */
	if (!is_sent(h, doc)) {
		ha_due(h, d, h->clock->now + HA_APART, d->force);
		return 0;
	}
	const uint32_t n = ha_entries(h->model, device);
	uint16_t *published = mem_alloc(n, sizeof *published);
	const unsigned parts = divide(h, doc, published);
	compare(h, doc, published);
	if (d->ngone) {
		send_gone(h, doc, parts);
	} else {
		memcpy(d->published, published, n * sizeof *published);
		send_all(h, doc, parts);
	}
	free(published);
	return h->json.len * (parts ? parts : 1);
}

/* -- what is carried over ---------------------------------------------------------------------- */

void ha_clear(struct ha *h, const struct model *m, const struct doc *d, size_t doc)
{
	for (unsigned part = 1; part <= d->parts; part++)
		part_clear(h, m, doc, part);
}

/* The same device in the new model: what was announced of it, by the names of its points. */
static void doc_carry(const struct model *old, size_t from, struct doc *a, const struct model *m,
                      size_t to, struct doc *b)
{
	char key[HA_KEY_SIZE];
	uint32_t near = 0;
	for (uint32_t i = 0; i < ha_entries(old, ha_device_of(from)); i++) {
		if (!a->published[i])
			continue;
		ha_entry(old, ha_device_of(from), i, key);
		const uint32_t entry = ha_entry_find(m, ha_device_of(to), key, near);
		if (entry == UINT32_MAX) {
			gone_add(a, key, a->published[i] & ((1 << HA_PART_SHIFT) - 1),
			         a->published[i] >> HA_PART_SHIFT);
			continue;
		}
		near = entry + 1;
		b->published[entry] = a->published[i];
	}
	b->hash = a->hash;
	b->parts = a->parts;
	b->gone = a->gone;
	b->ngone = a->ngone;
	b->sent = a->sent;
	b->force = a->force;
	a->hash = NULL;
	a->gone = NULL;
	a->ngone = 0;
}

static int64_t doc_find(const struct model *old, size_t doc, const struct model *m)
{
	if (ha_device_of(doc) == HA_GATEWAY)
		return 0;
	const char *name = old->device[ha_device_of(doc)].name;
	return model_find_device(m, name, strlen(name)) + 1;
}

/* Topics of the same names? */
bool ha_same_place(const struct model *a, const struct model *b)
{
	return strcmp(a->gateway, b->gateway) == 0 &&
	       strcmp(a->homeassistant.prefix, b->homeassistant.prefix) == 0;
}

/* Of a device that is as it was the whole document. */
static void docs_move(struct ha *h, const struct model *m, const int32_t *same, struct doc *next)
{
	for (size_t i = 0; i < m->ndevice; i++) {
		if (same[i] < 0)
			continue;
		struct doc *a = &h->doc[same[i] + 1], *b = &next[i + 1];
		free(b->published);
		*b = *a;
		b->due = US_NEVER;
		*a = (struct doc){0};
	}
}

static void docs_carry(struct ha *h, const struct model *m, struct doc *next)
{
	const struct model *old = h->model;
	for (size_t i = 0; i < h->ndoc; i++) {
		if (!h->doc[i].published)
			continue; /* moved */
		const int64_t to = ha_same_place(old, m) ? doc_find(old, i, m) : -1;
		if (to > 0 || (to == 0 && i == 0))
			doc_carry(old, i, &h->doc[i], m, (size_t)to, &next[to]);
		else
			ha_clear(h, old, &h->doc[i], i);
	}
	docs_free(h->doc, h->ndoc);
}

void ha_docs_adopt(struct ha *h, const struct model *m, const int32_t *same)
{
	const size_t n = 1 + m->ndevice;
	struct doc *next = mem_alloc(n, sizeof *next);
	for (size_t i = 0; i < n; i++) {
		next[i].published =
			mem_alloc(ha_entries(m, ha_device_of(i)), sizeof *next[i].published);
		next[i].due = US_NEVER;
	}
	if (h->model && same)
		docs_move(h, m, same, next);
	if (h->model)
		docs_carry(h, m, next);
	h->doc = next;
	h->ndoc = n;
}

void ha_docs_free(struct ha *h)
{
	docs_free(h->doc, h->ndoc);
}

void ha_docs_earlier(struct ha *h, size_t doc, const char *key, const char *platform_name,
                     unsigned part, uint32_t *near)
{
	struct doc *d = &h->doc[doc];
	const uint8_t platform = ha_platform_of(platform_name);
	const uint32_t entry = ha_entry_find(h->model, ha_device_of(doc), key, *near);
	if (!platform)
		return;
	if (entry == UINT32_MAX) {
		if (d->ngone < EARLIER_MAX)
			gone_add(d, key, platform, part);
		return;
	}
	*near = entry + 1;
	if (!d->published[entry])
		d->published[entry] = (uint16_t)(part << HA_PART_SHIFT | platform);
}
