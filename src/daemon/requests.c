// SPDX-License-Identifier: MIT
#include "daemon/requests.h"

#include "core/command/command.h"
#include "core/modbus/words.h"
#include "daemon/base/log.h"
#include "daemon/command/keep.h"
#include "daemon/devices/device.h"
#include "daemon/phases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WITHIN (10 * US_S)        /* a request finds its place on the line, or is busy */
#define HOLDS 16                  /* held, or held lately */
#define OFFLINE_AFTER (10 * US_S) /* so long statuses stay as they were */
#define REST_MOST (10 * US_S)     /* after a hold the line is not held again for so long */

struct line_request {
	uint64_t job;
	client_t client;
	struct control_request r; /* without its tree */
	struct bus *bus;
	us_t begun, timeout;
	char who[96], place[64]; /* for the journal; "": it only reads */
};

struct hold {
	uint32_t tag; /* of the bus */
	client_t client;
	bool held; /* else it is over, and the line not held again before `until` */
	bool offline;
	us_t since, until;
	bool has_id;
	int64_t id;
	struct bus *bus;
	char who[96];
};

struct requests {
	struct line_request **request;
	size_t n;
	uint64_t last;
	struct hold hold[HOLDS];
};

void requests_create(struct gateway *g)
{
	g->requests = mem_alloc(1, sizeof *g->requests);
}

void requests_destroy(struct gateway *g)
{
	struct requests *s = g->requests;
	for (size_t i = 0; i < s->n; i++)
		free(s->request[i]);
	free(s->request);
	free(s);
}

static struct hold *hold_of(const struct gateway *g, uint32_t tag)
{
	for (size_t i = 0; i < HOLDS; i++) {
		struct hold *h = &g->requests->hold[i];
		if (h->until && h->tag == tag)
			return h;
	}
	return NULL;
}

/* -- requests --------------------------------------------------------------------- */

static void place_text(const struct control_request *r, char *buf, size_t size)
{
	const struct span s = control_pdu_cells(r->unit, r->pdu, r->len);
	if (s.count == 0)
		snprintf(buf, size, "function %u", r->pdu[0]);
	else
		cells_words(&s, buf, size);
}

/* At most as long as a poll of this unit may take: so long what must not wait may have to. */
static us_t timeout_of(const struct gateway *g, const struct control_request *r, uint32_t bus)
{
	us_t most = g->model->bus[bus].timeout;
	for (size_t i = 0; i < g->model->ndevice; i++) {
		const struct device *d = &g->model->device[i];
		if (d->bus == bus && d->id == r->unit && d->rule.timeout > most)
			most = d->rule.timeout;
	}
	return r->timeout && r->timeout < most ? r->timeout : most;
}

static struct line_request *line_request_add(struct gateway *g, client_t c,
                                             const struct control_request *r, uint32_t bus)
{
	const struct plant_bus *b = &g->plant->bus[bus];
	struct requests *s = g->requests;
	struct line_request *t = mem_alloc(1, sizeof *t);
	*t = (struct line_request){
		.job = ADHOC_JOB | ++s->last, .client = c, .r = *r, .bus = b->bus};
	t->r.tree = (struct jread){0};
	t->r.bus = t->r.device = t->r.point = t->r.level = NULL;
	t->begun = g->now;
	t->timeout = timeout_of(g, r, bus);
	if (!control_pdu_reads(r->pdu, r->len)) {
		snprintf(t->who, sizeof t->who, "%s", client_who(g, c));
		place_text(r, t->place, sizeof t->place);
	}
	s->request = mem_grow(s->request, s->n + 1, sizeof *s->request);
	s->request[s->n++] = t;
	return t;
}

static void line_request_end(struct gateway *g, size_t i)
{
	struct requests *s = g->requests;
	free(s->request[i]);
	s->request[i] = s->request[--s->n];
}

void requests_submit(struct gateway *g, client_t c, const struct control_request *r, uint32_t bus)
{
	const struct plant_bus *b = &g->plant->bus[bus];
	const struct hold *h = hold_of(g, b->tag);
	uint64_t old;
	if (g->stopping) {
		client_fail(g, c, r, CONTROL_E_CLOSED, "the daemon ends");
		return;
	}
	if (h && h->held && h->client != c) {
		client_fail(g, c, r, CONTROL_E_BUSY, "the line is held by another client");
		return;
	}
	if (!b->up && b->trouble) {
		client_fail(g, c, r, CONTROL_E_LINK, b->trouble);
		return;
	}
	const struct line_request *t = line_request_add(g, c, r, bus);
	struct job j = {
		.id = t->job,
		.adhoc = true,
		.timeout = t->timeout,
		.span = {.unit = r->unit},
		.raw_len = r->len,
		.raw_answer = pdu_answer_len(r->pdu, r->len),
		.expires = g->now + WITHIN,
	};
	memcpy(j.raw, r->pdu, r->len);
	if (bus_submit(b->bus, &j, &old) == SUBMIT_BUSY) {
		line_request_end(g, g->requests->n - 1);
		client_fail(g, c, r, CONTROL_E_BUSY, "too many requests wait for this line");
	}
}

static void audit(const struct line_request *t, const struct control_result *o, const char *bus)
{
	char end[96];
	if (!t->place[0])
		return;
	if (o->outcome == OUT_OK)
		snprintf(end, sizeof end, o->answer_len ? "acknowledged" : "sent to all units");
	else if (o->exception)
		exception_words(o->exception, end, sizeof end);
	else if (o->outcome == OUT_TIMEOUT || o->outcome == OUT_GARBLED)
		snprintf(end, sizeof end, "no good response; not known whether it was carried out");
	else if (o->outcome == OUT_LINK)
		snprintf(end, sizeof end, "port or connection lost");
	else
		snprintf(end, sizeof end, "nothing written");
	log_info("control: %s: %s unit %u of bus %s, %s%s: %s", t->who,
	         control_verb_name(t->r.verb), t->r.unit, bus, t->place, t->r.over ? " (over)" : "",
	         end);
}

static const char *name_of(const struct gateway *g, const struct bus *b)
{
	for (size_t i = 0; i < g->model->nbus; i++)
		if (g->plant->bus[i].bus == b)
			return g->model->bus[i].name;
	return "?";
}

/* Was it written, or perhaps? */
static bool wrote(const struct line_request *t, const struct report *r)
{
	const bool not_done = r->outcome == OUT_REFUSED &&
	                      (r->exception <= EXC_VALUE || r->exception == EXC_BUSY ||
	                       r->exception == EXC_NEGATIVE_ACKNOWLEDGE);
	return t->place[0] && r->sent && !not_done;
}

/* What was written must not be undone by a keep-alive of the same registers. Gives the first of
 * those that pause now, as "device.point"; false: none did. */
static bool pause_kept(struct gateway *g, const struct line_request *t, char *buf, size_t size)
{
	const struct span s = control_pdu_cells(t->r.unit, t->r.pdu, t->r.len);
	bool any = false;
	for (uint32_t i = 0; i < g->model->ndevice; i++) {
		const struct device *d = &g->model->device[i];
		for (uint32_t k = 0; g->plant->bus[d->bus].bus == t->bus && k < d->set->n; k++) {
			const struct write_rule *w = d->set->point[k].write;
			if (!w || !w->rewrite || !control_touches(g->model, d->bus, &s, i, k) ||
			    !keep_pause(g, i, k, "a client of the control socket wrote it"))
				continue;
			if (!any)
				snprintf(buf, size, "%s.%s", d->name, d->set->point[k].name);
			any = true;
		}
	}
	return any;
}

static const struct control_result never = {.outcome = OUT_CLOSED};

void requests_report(struct gateway *g, const struct report *r)
{
	struct requests *s = g->requests;
	size_t i = 0;
	while (i < s->n && s->request[i]->job != r->id)
		i++;
	if (i == s->n)
		return;
	const struct line_request *t = s->request[i];
	char paused[2 * NAME_MAX_LEN + 2];
	const struct control_result o = {
		.paused = wrote(t, r) && pause_kept(g, t, paused, sizeof paused) ? paused : NULL,
		.outcome = (enum outcome)r->outcome,
		.exception = r->exception,
		.answer = r->answer_len ? r->answer : NULL,
		.answer_len = r->answer_len,
		.instead = r->instead,
		.turnaround = r->turnaround,
		.took = r->sent ? r->at - r->sent : 0,
		.timeout = t->timeout,
	};
	audit(t, &o, name_of(g, t->bus));
	control_put_result(client_line(g), &t->r, &o);
	const client_t c = t->client;
	line_request_end(g, i);
	client_send(g, c, true);
}

/* -- held lines ------------------------------------------------------------------- */

static struct plant_bus *bus_held(const struct gateway *g, const struct hold *h)
{
	return plant_bus_of_tag(g->plant, h->tag);
}

static void set_holder(struct plant_bus *b, const char *program)
{
	free(b->holder);
	b->holder = program ? mem_strdup(program) : NULL;
	b->held_offline = false;
}

/* word NULL: who holds it knows. */
static void hold_end(struct gateway *g, struct hold *h, const char *word)
{
	struct plant_bus *b = bus_held(g, h);
	const us_t lasted = g->now - h->since;
	if (!h->held)
		return;
	bus_hold(h->bus, false, NULL);
	if (b) {
		set_holder(b, NULL);
		b->answered = g->now; /* none was polled: silence begins now */
	}
	log_info("control: %s: bus %s is released after %.1f s%s%s", h->who,
	         b ? b->conf->name : "?", (double)lasted / (double)US_S, word ? ": " : "",
	         word ? word : "");
	h->held = false;
	h->until = g->now + (lasted < REST_MOST ? lasted : REST_MOST);
	gateway_wake(g, TIMER_HEALTH, g->now);
	if (!word)
		return;
	struct json *j = client_line(g);
	control_begin(j, h->has_id, h->id);
	jw_string(j, "released", word);
	control_end(j);
	client_send(g, h->client, false);
}

static struct hold *hold_free(struct gateway *g)
{
	for (size_t i = 0; i < HOLDS; i++) {
		struct hold *h = &g->requests->hold[i];
		if (!h->until || (!h->held && h->until <= g->now))
			return h;
	}
	return NULL;
}

static void answer_hold(struct gateway *g, client_t c, const struct control_request *r,
                        const struct hold *h)
{
	struct json *j = client_line(g);
	control_begin(j, r->has_id, r->id);
	jw_bool(j, "held", true);
	jw_int(j, "for", (h->until - g->now + US_S - 1) / US_S);
	control_end(j);
	client_send(g, c, true);
}

static void hold_begin(struct gateway *g, client_t c, const struct control_request *r,
                       struct plant_bus *b, struct hold *h)
{
	*h = (struct hold){
		.tag = b->tag, .client = c, .held = true, .since = g->now, .bus = b->bus};
	h->until = g->now + (r->lasts ? r->lasts : CONTROL_HOLD_MAX * US_S);
	h->has_id = r->has_id;
	h->id = r->id;
	snprintf(h->who, sizeof h->who, "%s", client_who(g, c));
	set_holder(b, client_program(g, c));
	log_info("control: %s: bus %s is held for %d s at most: its polling pauses", h->who,
	         b->conf->name, (int)((h->until - g->now) / US_S));
	gateway_wake(g, TIMER_HEALTH, g->now);
	gateway_wake(g, TIMER_CONTROL, g->now + OFFLINE_AFTER);
	gateway_wake(g, TIMER_CONTROL, h->until);
}

static const char *hold_fault(const struct gateway *g, client_t c, const struct control_request *r,
                              const struct plant_bus *b, const struct hold *h)
{
	static char words[96];
	if (g->stopping)
		return "the daemon ends";
	if (h && h->held && h->client != c)
		return "the line is held by another client";
	if (h && !h->held && h->until > g->now) {
		snprintf(words, sizeof words, "the line was held just now; again in %d s",
		         (int)((h->until - g->now + US_S - 1) / US_S));
		return words;
	}
	if (!b->up)
		return b->trouble ? b->trouble : "the port is not open";
	(void)r;
	return NULL;
}

void requests_hold(struct gateway *g, client_t c, const struct control_request *r, uint32_t bus)
{
	struct plant_bus *b = &g->plant->bus[bus];
	struct hold *h = hold_of(g, b->tag);
	const char *fault = hold_fault(g, c, r, b, h);
	struct bus_tune tune = {b->conf->baud, b->conf->data, b->conf->stop, b->conf->parity};
	if (fault) {
		client_fail(g, c, r, CONTROL_E_BUSY, fault);
		return;
	}
	if (r->baud)
		tune.baud = r->baud;
	if (r->data)
		tune = (struct bus_tune){tune.baud, r->data, r->stop, r->parity};
	if ((r->baud || r->data) && b->conf->kind != BUS_SERIAL) {
		client_fail(g, c, r, CONTROL_E_ARGS, "baud and format are of serial lines");
		return;
	}
	h = h ? h : hold_free(g);
	if (!h) {
		client_fail(g, c, r, CONTROL_E_BUSY, "too many lines are held");
		return;
	}
	bus_hold(b->bus, true, r->baud || r->data ? &tune : NULL);
	if (!h->held)
		hold_begin(g, c, r, b, h);
	answer_hold(g, c, r, h);
}

void requests_release(struct gateway *g, client_t c, const struct control_request *r, uint32_t bus)
{
	struct hold *h = hold_of(g, g->plant->bus[bus].tag);
	if (!h || !h->held || h->client != c) {
		client_fail(g, c, r, CONTROL_E_BUSY, "this client does not hold the line");
		return;
	}
	hold_end(g, h, NULL);
	struct json *j = client_line(g);
	control_begin(j, r->has_id, r->id);
	jw_bool(j, "released", true);
	control_end(j);
	client_send(g, c, true);
}

bool requests_holds(const struct gateway *g, client_t c)
{
	for (size_t i = 0; i < HOLDS; i++)
		if (g->requests->hold[i].held && g->requests->hold[i].client == c)
			return true;
	return false;
}

void requests_client_gone(struct gateway *g, client_t c)
{
	struct requests *s = g->requests;
	for (size_t i = 0; i < HOLDS; i++)
		if (s->hold[i].held && s->hold[i].client == c)
			hold_end(g, &s->hold[i], "its client has gone");
	/* what is on the wire already has its line in the journal later */
	for (size_t i = s->n; i-- > 0;) {
		const struct line_request *t = s->request[i];
		if (t->client != c || !bus_cancel(t->bus, t->job))
			continue;
		audit(t, &never, name_of(g, t->bus));
		line_request_end(g, i);
	}
}

/* What still waits was permitted by a configuration that ends. */
static void requests_close(struct gateway *g, const char *words)
{
	struct requests *s = g->requests;
	for (size_t i = s->n; i-- > 0;) {
		const struct line_request *t = s->request[i];
		if (!bus_cancel(t->bus, t->job))
			continue; /* on the wire: its report is still to come */
		audit(t, &never, name_of(g, t->bus));
		control_put_error(client_line(g), t->r.has_id, t->r.id, CONTROL_E_CLOSED, words);
		client_send(g, t->client, true);
		line_request_end(g, i);
	}
}

void requests_model_ends(struct gateway *g)
{
	requests_close(g, g->stopping ? "the daemon ends" : "the configuration was reloaded");
	for (size_t i = 0; i < HOLDS; i++)
		if (g->requests->hold[i].held)
			hold_end(g, &g->requests->hold[i], g->stopping ? "closed" : "reload");
}

/* Has something of it to be written again and again, or in time? It stays online: else nothing
 * would keep it alive while its line is held. */
static bool kept(const struct gateway *g, uint32_t device)
{
	const struct device *d = &g->model->device[device];
	for (uint32_t i = 0; i < d->set->n; i++) {
		const struct write_rule *w = d->set->point[i].write;
		if ((w && (w->safe_after || w->rewrite || w->pulse || w->sync)) ||
		    command_pending(g->table, device, i))
			return true;
	}
	return false;
}

static void go_offline(struct gateway *g, struct plant_bus *b)
{
	char text[96];
	snprintf(text, sizeof text, "its line is held by %s", b->holder);
	b->held_offline = true;
	for (uint32_t d = 0; d < g->model->ndevice; d++)
		if (&g->plant->bus[g->model->device[d].bus] == b &&
		    !g->model->device[d].broadcast && !kept(g, d))
			device_go(g, d, PHASE_OFFLINE, text);
	phases_take(g);
}

void requests_tick(struct gateway *g)
{
	for (size_t i = 0; i < HOLDS; i++) {
		struct hold *h = &g->requests->hold[i];
		struct plant_bus *b = h->held ? bus_held(g, h) : NULL;
		if (!h->held)
			continue;
		if (!b || g->now >= h->until) {
			hold_end(g, h, "time");
			continue;
		}
		if (!b->up) {
			hold_end(g, h, "port");
			continue;
		}
		if (!b->held_offline && g->now >= h->since + OFFLINE_AFTER)
			go_offline(g, b);
		gateway_wake(g, TIMER_CONTROL,
		             b->held_offline ? h->until : h->since + OFFLINE_AFTER);
	}
}
