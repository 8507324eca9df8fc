// SPDX-License-Identifier: MIT
#include "mqtt/north.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/text.h"
#include "mqtt/request.h"

#define OWN_FIFO (256u << 10) /* of an outbox of its own, before the daemon sets its size */

/* What there is of one row. */
struct seat {
	void *self;         /* NULL: switched off */
	struct outbox *own; /* of its own connection; NULL: it shares link 0's */
};

struct north {
	struct outbox *outbox;
	bool up;              /* link 0 was connected once */
	uint32_t packet_most; /* … and its broker reported so */
	struct north_clock clock;
	struct seat seat[NORTH_LINKS];
	const char **filter; /* of one link */
	struct json json;    /* kept for its memory */
};

/* Calls one function of every northbound that has it. */
#define EACH(n, op, ...)                                                                           \
	do {                                                                                       \
		for (unsigned i_ = 0; i_ < north_rows; i_++) {                                     \
			if ((n)->seat[i_].self && north_row[i_]->op)                               \
				north_row[i_]->op((n)->seat[i_].self, ##__VA_ARGS__);              \
		}                                                                                  \
	} while (0)

/* -- who is there ------------------------------------------------------------------------------ */

static unsigned link_of(unsigned row)
{
	return north_row[row]->connection ? row : 0;
}

static bool enabled(unsigned row, const struct model *m)
{
	return !north_row[row]->enabled || north_row[row]->enabled(m);
}

static void begin(struct north *n, unsigned row)
{
	struct seat *s = &n->seat[row];
	if (north_row[row]->connection)
		s->own = outbox_create(OWN_FIFO);
	s->self = north_row[row]->create(s->own ? s->own : n->outbox, &n->clock);
}

static void end(struct seat *s, const struct north_ops *op)
{
	op->destroy(s->self);
	outbox_destroy(s->own);
	*s = (struct seat){0};
}

struct north *north_create(struct outbox *o)
{
	struct north *n = mem_alloc(1, sizeof *n);
	n->outbox = o;
	return n;
}

void north_destroy(struct north *n)
{
	if (!n)
		return;
	for (unsigned i = 0; i < north_rows; i++) {
		if (n->seat[i].self)
			end(&n->seat[i], north_row[i]);
	}
	free(n->filter);
	jw_free(&n->json);
	free(n);
}

void north_adopt(struct north *n, const struct model *m, const int32_t *same)
{
	bool late[NORTH_LINKS] = {false}; /* came when its connection was up already */
	for (unsigned i = 0; i < north_rows; i++) {
		struct seat *s = &n->seat[i];
		if (s->self && !enabled(i, m)) {
			if (north_row[i]->retire)
				north_row[i]->retire(s->self);
			end(s, north_row[i]);
		} else if (!s->self && enabled(i, m)) {
			begin(n, i);
			late[i] = n->up && !n->seat[i].own && north_row[i]->connected;
		}
	}
	EACH(n, adopt, m, same);
	for (unsigned i = 0; i < north_rows; i++) {
		if (late[i])
			north_row[i]->connected(n->seat[i].self, n->packet_most);
	}
}

void north_clock(struct north *n, us_t now, int64_t unix_ms)
{
	n->clock = (struct north_clock){now, unix_ms};
}

us_t north_turn(struct north *n)
{
	us_t next = US_NEVER;
	for (unsigned i = 0; i < north_rows; i++) {
		if (!n->seat[i].self || !north_row[i]->turn)
			continue;
		const us_t due = north_row[i]->turn(n->seat[i].self);
		next = due < next ? due : next;
	}
	return next;
}

void north_kick(struct north *n)
{
	outbox_kick(n->outbox);
	for (unsigned i = 0; i < north_rows; i++) {
		if (n->seat[i].own)
			outbox_kick(n->seat[i].own);
	}
}

/* -- connections ------------------------------------------------------------------------------- */

const struct mqtt_conf *north_connection(unsigned link, const struct model *m)
{
	if (link == 0)
		return &m->mqtt;
	if (link >= north_rows || link_of(link) != link || !enabled(link, m))
		return NULL;
	return north_row[link]->connection(m);
}

void north_link(struct north *n, unsigned link, struct north_link *out)
{
	*out = (struct north_link){
		.name = link ? north_row[link]->name : "broker",
		.outbox = link ? n->seat[link].own : n->outbox,
	};
	for (unsigned i = 0; i < north_rows; i++) {
		const struct north_ops *op = north_row[i];
		void *self = n->seat[i].self;
		const char *const *part = NULL;
		if (!self || link_of(i) != link)
			continue;
		if (op->will && !out->will_topic)
			op->will(self, &out->will_topic, &out->will_text);
		const size_t count = op->filters ? op->filters(self, &part) : 0;
		n->filter = mem_grow(n->filter, out->nfilter + count, sizeof *n->filter);
		for (size_t k = 0; k < count; k++)
			n->filter[out->nfilter + k] = part[k];
		out->nfilter += count;
	}
	out->filter = n->filter;
}

/* -- publishing -------------------------------------------------------------------------------- */

void north_status(struct north *n, int32_t device, bool online)
{
	EACH(n, status, device, online);
}

static struct north_value timed(const struct north *n, const struct north_value *v)
{
	struct north_value t = *v;
	if (!t.unix_ms)
		t.unix_ms = n->clock.unix_ms;
	return t;
}

void north_value(struct north *n, const struct north_value *v)
{
	const struct north_value t = timed(n, v);
	EACH(n, value, &t);
}

bool north_differs(struct north *n, uint32_t device, uint32_t point, const char *text)
{
	for (unsigned i = 0; i < north_rows; i++) {
		if (n->seat[i].self && north_row[i]->differs &&
		    north_row[i]->differs(n->seat[i].self, device, point, text))
			return true;
	}
	return false;
}

void north_none(struct north *n, uint32_t device, uint32_t point)
{
	const struct value none = value_none();
	const struct north_value v = {device, point, "None", &none, n->clock.unix_ms, false};
	EACH(n, value, &v);
}

void north_gone(struct north *n, uint32_t device, uint32_t point)
{
	EACH(n, gone, device, point);
}

void north_outdated(struct north *n, uint32_t device, uint32_t point)
{
	EACH(n, outdated, device, point);
}

void north_passing(struct north *n, const struct north_value *v)
{
	const struct north_value t = timed(n, v);
	EACH(n, passing, &t);
}

void north_history(struct north *n, uint32_t device, uint32_t point, const char *text,
                   int64_t unix_ms)
{
	EACH(n, history, device, point, text, unix_ms);
}

void north_snapshot(struct north *n, uint32_t device, int64_t unix_ms,
                    const char *(*text)(void *ctx, uint32_t point), void *ctx)
{
	EACH(n, snapshot, device, unix_ms, text, ctx);
}

void north_alerts(struct north *n, int32_t device, const struct alerts *a)
{
	jw_reset(&n->json);
	alerts_json(a, &n->json);
	EACH(n, alerts, device, a, n->json.text);
}

void north_again(struct north *n, int32_t device, bool all)
{
	EACH(n, again, device, all);
}

void north_sys(struct north *n, const char *path, const char *text)
{
	EACH(n, sys, path, text, false);
}

void north_sys_passing(struct north *n, const char *path, const char *text)
{
	EACH(n, sys, path, text, true);
}

void north_echo(struct json *j, const char *name, const char *text, size_t most)
{
	static const char more[] = "\xE2\x80\xA6";
	char cut[NORTH_ECHO_VALUE + sizeof more];
	const size_t n = text ? strlen(text) : 0;
	size_t at = 0;
	if (n <= most) {
		jw_text(j, name, text ? text : "", n);
		return;
	}
	for (size_t len; at < most; at += len) {
		len = text_utf8_next(text + at, n - at);
		if (!len)
			len = 1; /* no character: the JSON writer replaces it */
		if (at + len > most)
			break;
	}
	memcpy(cut, text, at);
	memcpy(cut + at, more, sizeof more);
	jw_string(j, name, cut);
}

int north_point(const struct device *d, const char *name)
{
	const int p = model_find_point(d->set, name, strlen(name));
	return p >= 0 && north_names(&d->set->point[p]) ? p : -1;
}

bool north_takes_list(const struct device *d, const struct north_item *item)
{
	return item->point != NORTH_ALL && d->set->point[item->point].source == SOURCE_REGISTER &&
	       d->set->point[item->point].codec.type == TYPE_ARRAY;
}

/* -- messages ---------------------------------------------------------------------------------- */

/* A client names the topic and we write to it, with our rights: MQTT 5, 4.10, leaves it to us. A
 * broker may end the connection for a name that it let pass in the request. NULL: fine. */
static const char *answer_fault(struct north *n, const struct mqtt_event *e)
{
	const char *fault = request_fault(e);
	for (unsigned i = 0; i < north_rows && !fault; i++) {
		if (n->seat[i].self && north_row[i]->owns &&
		    north_row[i]->owns(n->seat[i].self, e->response_topic))
			fault = "response topic: one of the gateway's own or a command";
	}
	return fault;
}

/* Carried out without its answer, a request would have no outcome that its sender can see. */
static void refuse_unanswerable(const struct mqtt_event *e, struct north_event *out,
                                const char *fault)
{
	if (out->kind == NORTH_REFUSED)
		return; /* its Nak has the reason already */
	out->refused = (struct north_outcome){
		.device = out->device,
		.param = out->nitem == 1 ? out->item[0].param : "",
		.value = e->payload,
		.reason = fault,
	};
	snprintf(out->reason, sizeof out->reason, "%s", fault);
	out->kind = NORTH_REFUSED;
	out->nitem = 0;
}

static void make_request(struct north *n, unsigned row, const struct mqtt_event *e,
                         struct north_event *out)
{
	const size_t expected = out->nitem ? out->nitem : 1;
	if (out->reply) {
		out->request = request_create(e, row, out->reply, expected);
		return;
	}
	if (link_of(row) != 0 || !e->response_topic || e->retained || out->kind == NORTH_NONE ||
	    out->kind == NORTH_FOREIGN)
		return;
	const char *fault = answer_fault(n, e);
	if (fault)
		refuse_unanswerable(e, out, fault);
	else
		out->request = request_create(e, REQUEST_MQTT5, NULL, expected);
}

void north_event(struct north *n, const struct mqtt_event *e, struct north_event *out)
{
	*out = (struct north_event){.kind = NORTH_NONE, .device = NORTH_GATEWAY};
	if (e->kind != MQTT_MESSAGE)
		return;
	out->retained = e->retained;
	out->dup = e->dup;
	out->expiry = e->expiry;
	out->since = e->since;
	for (unsigned i = 0; i < north_rows; i++) {
		const struct seat *s = &n->seat[i];
		if (!s->self || link_of(i) != e->link || !north_row[i]->event ||
		    !north_row[i]->event(s->self, e, out))
			continue;
		make_request(n, i, e, out);
		break;
	}
	out->refused.request = out->request;
	if (out->kind == NORTH_REFUSED)
		out->refused.reason = out->reason;
}

void north_event_free(struct north_event *e)
{
	arena_destroy(e->memory);
	e->memory = NULL;
	e->item = NULL;
	e->nitem = 0;
}

static void answer(struct north *n, struct north_request *r)
{
	const unsigned row = request_row(r);
	if (row == REQUEST_MQTT5)
		request_post(r, n->outbox);
	else
		request_answer(r, north_row[row], n->seat[row].self);
	request_free(r);
}

struct north_request *north_local(void (*done)(void *ctx, const struct north_outcome *o), void *ctx)
{
	return request_local(done, ctx);
}

void north_outcome(struct north *n, const struct north_outcome *o)
{
	if (o->request && request_done(o->request, o))
		return;
	const bool own = o->request && request_row(o->request) != REQUEST_MQTT5;
	if (o->reason && !o->quiet && !own)
		EACH(n, outcome, o); /* else who asked gets the reason with its answer */
	if (!o->request)
		return;
	if (!own)
		EACH(n, values_of, o, request_after(o->request));
	const bool last = request_add(o->request, o);
	if (last && o->answered && !own)
		request_free(o->request);
	else if (last)
		answer(n, o->request);
}

/* -- an earlier life --------------------------------------------------------------------------- */

void north_connected(struct north *n, unsigned link, uint32_t packet_most)
{
	n->up |= link == 0;
	if (link == 0)
		n->packet_most = packet_most;
	for (unsigned i = 0; i < north_rows; i++) {
		if (n->seat[i].self && link_of(i) == link && north_row[i]->connected)
			north_row[i]->connected(n->seat[i].self, packet_most);
	}
}

bool north_unsettled(const struct north *n)
{
	for (unsigned i = 0; i < north_rows; i++) {
		if (n->seat[i].self && north_row[i]->unsettled &&
		    north_row[i]->unsettled(n->seat[i].self))
			return true;
	}
	return false;
}

bool north_settle(struct north *n)
{
	bool settled = true;
	for (unsigned i = 0; i < north_rows; i++) {
		if (n->seat[i].self && north_row[i]->settle)
			settled &= north_row[i]->settle(n->seat[i].self);
	}
	return settled;
}
