// SPDX-License-Identifier: MIT
#include "mqtt/north.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/topic.h"
#include "mqtt/xnet.h"

#define ROWS 1

/* Of a request; mosquitto 2.0.11 ends the connection at 201 levels. */
#define ANSWER_TOPIC_MAX 512
#define ANSWER_LEVELS_MAX 32
#define ANSWER_CORRELATION_MAX 1024

/* One row a northbound. */
static const struct north_ops *const row[ROWS] = {
	&xnet_north,
};

struct north {
	struct outbox *outbox;
	void *self[ROWS];
	const char **filter; /* of all rows */
	struct json json;    /* kept for its memory */
};

struct north_request {
	char *topic;
	void *correlation;
	size_t correlation_len;
	size_t expected, reported;
	bool failed;
	struct north_slots after; /* values that its outcomes are about */
	struct json answer;
};

/* Calls one function of every row that has it. */
#define EACH(n, op, ...)                                                                           \
	do {                                                                                       \
		for (size_t i_ = 0; i_ < ROWS; i_++) {                                             \
			if (row[i_]->op)                                                           \
				row[i_]->op((n)->self[i_], ##__VA_ARGS__);                         \
		}                                                                                  \
	} while (0)

struct north *north_create(struct outbox *o)
{
	struct north *n = mem_alloc(1, sizeof *n);
	n->outbox = o;
	for (size_t i = 0; i < ROWS; i++)
		n->self[i] = row[i]->create(o);
	return n;
}

void north_destroy(struct north *n)
{
	if (!n)
		return;
	EACH(n, destroy);
	free(n->filter);
	jw_free(&n->json);
	free(n);
}

void north_adopt(struct north *n, const struct model *m)
{
	EACH(n, adopt, m);
}

const char *north_will_topic(struct north *n)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (row[i]->will)
			return row[i]->will(n->self[i]);
	}
	return NULL;
}

const char *north_will_text(struct north *n)
{
	(void)n;
	return "offline";
}

size_t north_filters(struct north *n, const char *const **filters)
{
	size_t total = 0;
	for (size_t i = 0; i < ROWS; i++) {
		const char *const *part = NULL;
		const size_t count = row[i]->filters ? row[i]->filters(n->self[i], &part) : 0;
		n->filter = mem_grow(n->filter, total + count, sizeof *n->filter);
		for (size_t k = 0; k < count; k++)
			n->filter[total + k] = part[k];
		total += count;
	}
	*filters = n->filter;
	return total;
}

/* -- publishing -------------------------------------------------------------------------------- */

void north_status(struct north *n, int32_t device, bool online)
{
	EACH(n, status, device, online);
}

void north_value(struct north *n, uint32_t device, uint32_t point, const char *text, bool again)
{
	EACH(n, value, device, point, text, again);
}

bool north_differs(struct north *n, uint32_t device, uint32_t point, const char *text)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (row[i]->differs && row[i]->differs(n->self[i], device, point, text))
			return true;
	}
	return false;
}

void north_none(struct north *n, uint32_t device, uint32_t point)
{
	north_value(n, device, point, "None", false);
}

void north_gone(struct north *n, uint32_t device, uint32_t point)
{
	EACH(n, gone, device, point);
}

void north_passing(struct north *n, uint32_t device, uint32_t point, const char *text)
{
	EACH(n, passing, device, point, text);
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
	EACH(n, alerts, device, n->json.text);
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
		len = topic_utf8_next(text + at, n - at);
		if (!len)
			len = 1; /* no character: the JSON writer replaces it */
		if (at + len > most)
			break;
	}
	memcpy(cut, text, at);
	memcpy(cut + at, more, sizeof more);
	jw_string(j, name, cut);
}

/* -- hearing ----------------------------------------------------------------------------------- */

static unsigned levels_of(const char *topic)
{
	unsigned n = 1;
	for (const char *s = topic; *s; s++)
		n += *s == '/';
	return n;
}

/* A stranger names the topic and we write to it, with our rights: MQTT 5, 4.10, leaves it to us. A
 * broker may end the connection for a name that it let pass in the request. NULL: fine. */
static const char *answer_fault(struct north *n, const struct mqtt_event *e)
{
	const char *topic = e->response_topic;
	if (strlen(topic) > ANSWER_TOPIC_MAX)
		return "response topic: longer than 512 bytes";
	if (levels_of(topic) > ANSWER_LEVELS_MAX)
		return "response topic: more than 32 levels";
	if (!topic_valid(topic))
		return "response topic: not a topic name";
	if (topic[0] == '$')
		return "response topic: begins with $";
	if (e->correlation && e->correlation_len > ANSWER_CORRELATION_MAX)
		return "correlation data: longer than 1024 bytes";
	for (size_t i = 0; i < ROWS; i++) {
		if (row[i]->owns && row[i]->owns(n->self[i], topic))
			return "response topic: one of the gateway's own or a command";
	}
	return NULL;
}

/* Carried out without its answer, a request would have no outcome that its sender can see. */
static void refuse_unanswerable(const struct mqtt_event *e, struct north_event *out,
                                const char *fault)
{
	if (out->kind == NORTH_REFUSED)
		return; /* its Nak says why already */
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

static struct north_request *request_make(const struct mqtt_event *e, size_t expected)
{
	struct north_request *r = mem_alloc(1, sizeof *r);
	r->topic = mem_strdup(e->response_topic);
	r->expected = expected;
	if (e->correlation) {
		r->correlation_len = e->correlation_len;
		r->correlation = mem_alloc(e->correlation_len, 1);
		memcpy(r->correlation, e->correlation, e->correlation_len);
	}
	return r;
}

static void request_free(struct north_request *r)
{
	jw_free(&r->answer);
	free(r->after.slot);
	free(r->correlation);
	free(r->topic);
	free(r);
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
	for (size_t i = 0; i < ROWS; i++) {
		if (row[i]->event && row[i]->event(n->self[i], e, out))
			break;
	}
	if (e->response_topic && !e->retained && out->kind != NORTH_NONE &&
	    out->kind != NORTH_FOREIGN) {
		const char *fault = answer_fault(n, e);
		if (fault)
			refuse_unanswerable(e, out, fault);
		else
			out->request = request_make(e, out->nitem ? out->nitem : 1);
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

static void answer_part(struct north_request *r, const struct north_outcome *o)
{
	jw_bool(&r->answer, "ok", !o->reason);
	north_echo(&r->answer, "param", o->param, NORTH_ECHO_PARAM);
	north_echo(&r->answer, "value", o->value, NORTH_ECHO_VALUE);
	if (o->reason)
		jw_string(&r->answer, "reason", o->reason);
}

/* {"ok":…,"param":…} for one; {"results":[{…},…],"ok":…} for several. */
static void request_reported(struct north *n, struct north_request *r,
                             const struct north_outcome *o)
{
	const bool several = r->expected > 1;
	if (r->reported++ == 0) {
		jw_open(&r->answer, NULL, '{');
		if (several)
			jw_open(&r->answer, "results", '[');
	}
	if (several)
		jw_open(&r->answer, NULL, '{');
	answer_part(r, o);
	if (several)
		jw_close(&r->answer, '}');
	r->failed |= o->reason != NULL;
	EACH(n, values_of, o, &r->after);
	if (r->reported < r->expected)
		return;
	if (several) {
		jw_close(&r->answer, ']');
		jw_bool(&r->answer, "ok", !r->failed);
	}
	jw_close(&r->answer, '}');
	outbox_post(n->outbox, &(struct post){
				       .topic = r->topic,
				       .payload = r->answer.text,
				       .qos = 1,
				       .correlation = r->correlation,
				       .correlation_len = r->correlation_len,
				       .after = r->after.slot,
				       .nafter = r->after.n,
			       });
	request_free(r);
}

void north_outcome(struct north *n, const struct north_outcome *o)
{
	if (o->reason && !o->quiet)
		EACH(n, outcome, o);
	if (o->request)
		request_reported(n, o->request, o);
}

/* -- an earlier life --------------------------------------------------------------------------- */

void north_connected(struct north *n)
{
	EACH(n, connected);
}

bool north_unsettled(const struct north *n)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (row[i]->unsettled && row[i]->unsettled(n->self[i]))
			return true;
	}
	return false;
}

bool north_settle(struct north *n)
{
	bool settled = true;
	for (size_t i = 0; i < ROWS; i++)
		settled &= !row[i]->settle || row[i]->settle(n->self[i]);
	return settled;
}
