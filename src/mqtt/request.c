// SPDX-License-Identifier: MIT
#include "mqtt/request.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/topic.h"

/* Of an MQTT 5 request; mosquitto 2.0.11 ends the connection at 201 levels. */
#define ANSWER_TOPIC_MAX 512
#define ANSWER_LEVELS_MAX 32
#define ANSWER_CORRELATION_MAX 1024

struct north_request {
	unsigned row;
	void *reply;
	char *topic;
	void *correlation;
	size_t correlation_len;
	size_t expected, known;
	bool failed;
	struct north_slots after;
	struct json answer;
	void (*done)(void *ctx, const struct north_outcome *o); /* of a local one */
	void *ctx;
};

static unsigned levels_of(const char *topic)
{
	unsigned n = 1;
	for (const char *s = topic; *s; s++)
		n += *s == '/';
	return n;
}

const char *request_fault(const struct mqtt_event *e)
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
	return NULL;
}

struct north_request *request_create(const struct mqtt_event *e, unsigned row, void *reply,
                                     size_t expected)
{
	struct north_request *r = mem_alloc(1, sizeof *r);
	r->row = row;
	r->reply = reply;
	r->expected = expected;
	if (row != REQUEST_MQTT5)
		return r;
	r->topic = mem_strdup(e->response_topic);
	if (e->correlation) {
		r->correlation_len = e->correlation_len;
		r->correlation = mem_alloc(e->correlation_len, 1);
		memcpy(r->correlation, e->correlation, e->correlation_len);
	}
	return r;
}

struct north_request *request_local(void (*done)(void *ctx, const struct north_outcome *o),
                                    void *ctx)
{
	struct north_request *r = mem_alloc(1, sizeof *r);
	r->row = REQUEST_MQTT5;
	r->done = done;
	r->ctx = ctx;
	return r;
}

bool request_done(struct north_request *r, const struct north_outcome *o)
{
	if (!r->done)
		return false;
	r->done(r->ctx, o);
	request_free(r);
	return true;
}

unsigned request_row(const struct north_request *r)
{
	return r->row;
}

struct north_slots *request_after(struct north_request *r)
{
	return &r->after;
}

void request_free(struct north_request *r)
{
	jw_free(&r->answer);
	free(r->after.slot);
	free(r->correlation);
	free(r->topic);
	free(r);
}

static void add_part(struct north_request *r, const struct north_outcome *o)
{
	jw_bool(&r->answer, "ok", !o->reason);
	north_echo(&r->answer, "param", o->param, NORTH_ECHO_PARAM);
	north_echo(&r->answer, "value", o->value, NORTH_ECHO_VALUE);
	if (o->reason)
		jw_string(&r->answer, "reason", o->reason);
	else if (o->end && strcmp(o->end, "sent") == 0)
		jw_bool(&r->answer, "confirmed", false); /* to all units: none answers */
}

/* {"ok":…,"param":…} for one; {"results":[{…},…],"ok":…} for several. */
bool request_add(struct north_request *r, const struct north_outcome *o)
{
	const bool several = r->expected > 1;
	if (r->known++ == 0) {
		jw_open(&r->answer, NULL, '{');
		if (several)
			jw_open(&r->answer, "results", '[');
	}
	if (several)
		jw_open(&r->answer, NULL, '{');
	add_part(r, o);
	if (several)
		jw_close(&r->answer, '}');
	r->failed |= o->reason != NULL;
	if (r->known < r->expected)
		return false;
	if (several) {
		jw_close(&r->answer, ']');
		jw_bool(&r->answer, "ok", !r->failed);
	}
	jw_close(&r->answer, '}');
	return true;
}

void request_post(const struct north_request *r, struct outbox *o)
{
	outbox_post(o, &(struct post){
			       .topic = r->topic,
			       .payload = r->answer.text,
			       .qos = 1,
			       .correlation = r->correlation,
			       .correlation_len = r->correlation_len,
			       .after = r->after.slot,
			       .nafter = r->after.n,
		       });
}

void request_answer(const struct north_request *r, const struct north_ops *op, void *self)
{
	op->answer(self, r->reply, r->answer.text);
}
