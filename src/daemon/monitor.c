// SPDX-License-Identifier: MIT
#include "daemon/monitor.h"

#include <stdlib.h>
#include <string.h>

#define TAPS 8
#define ROOM 512 /* frames between a bus and us: half a second of a full line at 115200 */
#define FRAMES_PER_TURN 256

struct listener {
	client_t client; /* 0: free */
	uint32_t tag;
	bool has_id;
	int64_t id;
	uint64_t lost, lost_before; /* frames that this client had no room for; said so far */
};

struct monitors {
	struct listener tap[TAPS];
	struct queue *frames; /* NULL: there was no monitor yet */
};

void monitor_create(struct gateway *g)
{
	g->monitors = mem_alloc(1, sizeof *g->monitors);
}

void monitor_destroy(struct gateway *g)
{
	if (g->monitors->frames)
		queue_destroy(g->monitors->frames);
	free(g->monitors);
}

static bool heard(const struct gateway *g, uint32_t tag)
{
	for (size_t i = 0; i < TAPS; i++)
		if (g->monitors->tap[i].client && g->monitors->tap[i].tag == tag)
			return true;
	return false;
}

static void listener_end(struct gateway *g, struct listener *t)
{
	const uint32_t tag = t->tag;
	const struct plant_bus *b = plant_bus_of_tag(g->plant, tag);
	*t = (struct listener){0};
	if (b && !heard(g, tag))
		bus_tap(b->bus, NULL);
}

static struct listener *listener_of(const struct gateway *g, client_t c, uint32_t tag)
{
	for (size_t i = 0; i < TAPS; i++)
		if (g->monitors->tap[i].client == c && (!c || g->monitors->tap[i].tag == tag))
			return &g->monitors->tap[i];
	return NULL;
}

static void answer(struct gateway *g, client_t c, const struct control_request *r)
{
	struct json *j = client_line(g);
	control_begin(j, r->has_id, r->id);
	jw_bool(j, "monitor", r->on);
	control_end(j);
	client_send(g, c, true);
}

/* The queue exists from the first monitor on. False: no file descriptor for it. */
static bool frames_open(struct gateway *g)
{
	struct monitors *m = g->monitors;
	if (m->frames)
		return true;
	m->frames = queue_create(sizeof(struct bus_frame), ROOM);
	if (m->frames)
		client_watch(g, queue_fd(m->frames));
	return m->frames;
}

void monitor_begin(struct gateway *g, client_t c, const struct control_request *r, uint32_t bus)
{
	const struct plant_bus *b = &g->plant->bus[bus];
	struct listener *t = listener_of(g, c, b->tag);
	if (!r->on) {
		if (t)
			listener_end(g, t);
		answer(g, c, r);
		return;
	}
	t = t ? t : listener_of(g, 0, 0);
	if (!t) {
		client_fail(g, c, r, CONTROL_E_LIMIT, "8 monitors are running");
		return;
	}
	if (!frames_open(g)) {
		client_fail(g, c, r, CONTROL_E_LIMIT, "no file descriptor is free");
		return;
	}
	*t = (struct listener){.client = c, .tag = b->tag, .has_id = r->has_id, .id = r->id};
	answer(g, c, r); /* before the first frame */
	if (t->client)
		bus_tap(b->bus, g->monitors->frames);
}

bool monitor_listens(const struct gateway *g, client_t c)
{
	for (size_t i = 0; i < TAPS; i++)
		if (g->monitors->tap[i].client == c)
			return true;
	return false;
}

void monitor_client_gone(struct gateway *g, client_t c)
{
	for (size_t i = 0; i < TAPS; i++)
		if (g->monitors->tap[i].client == c)
			listener_end(g, &g->monitors->tap[i]);
}

void monitor_model_ends(struct gateway *g)
{
	for (size_t i = 0; i < TAPS; i++) {
		struct listener *t = &g->monitors->tap[i];
		if (!t->client)
			continue;
		const struct listener was = *t;
		listener_end(g, t);
		control_put_error(client_line(g), was.has_id, was.id, CONTROL_E_CLOSED,
		                  g->stopping ? "the daemon ends"
		                              : "the configuration was reloaded");
		client_send(g, was.client, false);
	}
}

/* What did not fit is said as soon as there is room. */
static void say_lost(struct gateway *g, struct listener *t)
{
	struct json *j = client_line(g);
	if (t->lost == t->lost_before)
		return;
	control_begin(j, t->has_id, t->id);
	jw_int(j, "lost", (int64_t)(t->lost - t->lost_before));
	control_end(j);
	if (client_offer(g, t->client))
		t->lost_before = t->lost;
}

static int64_t unix_us(us_t at)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * US_S + t.tv_nsec / 1000 - (clock_now() - at);
}

static void give(struct gateway *g, struct listener *t, const struct bus_frame *f)
{
	static const char *const causes[] = {
		[TURN_JOB] = "command", [TURN_READ] = "poll", [TURN_PROBE] = "poll"};
	const struct control_frame c = {
		.unix_us = unix_us(f->at),
		.in = f->in,
		.bytes = f->bytes,
		.n = f->n,
		.cause = f->in      ? NULL
	                 : f->adhoc ? "adhoc"
	                            : causes[f->cause],
		.why = f->why[0] ? f->why : NULL,
	};
	t->lost += f->lost;
	say_lost(g, t);
	if (!t->client)
		return;
	control_put_frame(client_line(g), t->has_id, t->id, &c);
	if (t->lost != t->lost_before || !client_offer(g, t->client))
		t->lost++;
}

void monitor_turn(struct gateway *g)
{
	struct bus_frame f;
	for (size_t n = 0; g->monitors->frames && n < FRAMES_PER_TURN; n++) {
		if (!queue_pop(g->monitors->frames, &f))
			return;
		for (size_t i = 0; i < TAPS; i++)
			if (g->monitors->tap[i].client && g->monitors->tap[i].tag == f.bus)
				give(g, &g->monitors->tap[i], &f);
	}
}
