// SPDX-License-Identifier: MIT
/* What ThingsBoard requests of a device: {"device":…,"data":{"id":…,"method":…,"params":…}}. */
#include "mqtt/thingsboard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/jread.h"
#include "core/base/json.h"

#define RPC "v1/gateway/rpc"
#define RPC_MAX 4096 /* bytes */
#define ID_MAX ((int64_t)1 << 53)

/* The shortest time after which the server gives an RPC up: then it must not be carried out. */
#define RPC_EXPIRY 5

struct reply {
	char *device; /* NULL: no answer is possible */
	int64_t id;
};

/* One RPC on its way to becoming an event. */
struct rpc {
	struct tb *t;
	struct north_event *out;
	struct jread r;
	const char *device, *method;
	const struct jread_node *params; /* NULL: none */
	int64_t id;
};

static void refuse(struct rpc *c, const char *param, const char *reason)
{
	struct north_event *out = c->out;
	snprintf(out->reason, sizeof out->reason, "%s", reason);
	out->kind = NORTH_REFUSED;
	out->nitem = 0;
	out->refused = (struct north_outcome){
		.device = out->device,
		.param = arena_strdup(out->memory, param),
		.value = "",
		.reason = out->reason,
	};
}

/* -- what it wants ----------------------------------------------------------------------------- */

/* NULL: not only numbers, true and false. */
static const char *list_text(const struct rpc *c, const struct jread_node *list)
{
	struct json j = {0};
	const struct jread_node *n = NULL;
	jw_open(&j, NULL, '[');
	while ((n = jread_next(&c->r, list, n)) &&
	       (n->kind == JREAD_NUMBER || n->kind == JREAD_TRUE || n->kind == JREAD_FALSE))
		jw_raw(&j, NULL,
		       n->kind == JREAD_NUMBER ? n->text
		       : n->kind == JREAD_TRUE ? "true"
		                               : "false");
	jw_close(&j, ']');
	const char *text = n ? NULL : arena_strdup(c->out->memory, j.text);
	jw_free(&j);
	return text;
}

static void set_item(struct rpc *c, const char *name, const struct jread_node *value)
{
	static const char *const word[] = {
		[JREAD_TRUE] = "true", [JREAD_FALSE] = "false", [JREAD_OBJECT] = NULL};
	struct arena *a = c->out->memory;
	struct north_item *item = &c->out->item[c->out->nitem++];
	const int p = north_point(&c->t->model->device[c->out->device], name);
	const char *text = !value ? NULL : value->text ? value->text : word[value->kind];
	*item = (struct north_item){
		.device = (uint32_t)c->out->device,
		.point = p < 0 ? NORTH_ALL : (uint32_t)p,
		.param = arena_strdup(a, name),
		.text = text ? arena_strdup(a, text) : "",
	};
	if (value && value->kind == JREAD_LIST &&
	    north_takes_list(&c->t->model->device[c->out->device], item) &&
	    (text = list_text(c, value)))
		item->text = text;
	if (p < 0)
		item->fault = "no such point";
	else if (c->out->kind == NORTH_COMMAND && !text)
		item->fault = "the value must be a number, a text, true or false";
}

static void room_for(struct rpc *c, enum north_kind kind, size_t n)
{
	c->out->kind = (uint8_t)kind;
	c->out->item = arena_array(c->out->memory, n, sizeof *c->out->item);
}

/* "set", {"point": value, …}: all or none. */
static void set_points(struct rpc *c)
{
	const struct jread_node *n = NULL;
	if (!c->params || c->params->kind != JREAD_OBJECT || !jread_next(&c->r, c->params, NULL)) {
		refuse(c, "set", "params must be an object: {\"point\": value, ...}");
		return;
	}
	room_for(c, NORTH_COMMAND, c->params->end);
	while ((n = jread_next(&c->r, c->params, n)))
		set_item(c, n->name, n);
}

/* "get", "point" or ["point", …]: they are read now. */
static void get_points(struct rpc *c)
{
	static const char words[] = "params must be a point's name, or a list of them";
	const struct jread_node *n = NULL;
	if (!c->params || (c->params->kind != JREAD_TEXT && c->params->kind != JREAD_LIST)) {
		refuse(c, "get", words);
		return;
	}
	room_for(c, NORTH_GET, c->params->end + 1);
	if (c->params->kind == JREAD_TEXT)
		set_item(c, c->params->text, NULL);
	else
		while ((n = jread_next(&c->r, c->params, n)) && jread_text(n))
			set_item(c, n->text, NULL);
	if (n || c->out->nitem == 0)
		refuse(c, "get", words);
}

/* May it be a command that the server kept while the device or we were away? */
static bool may_be_old(const struct rpc *c)
{
	const struct tb *t = c->t;
	const us_t since = t->device[c->out->device].since, up = t->up_at;
	return t->clock->now - (since > up ? since : up) < TB_QUEUED;
}

static void ask(struct rpc *c)
{
	if (strcmp(c->method, "get") == 0) {
		get_points(c);
		return;
	}
	if (strcmp(c->method, "set") == 0) {
		set_points(c);
	} else {
		room_for(c, NORTH_COMMAND, 1);
		set_item(c, c->method, c->params);
	}
	if (c->out->kind == NORTH_COMMAND && may_be_old(c))
		refuse(c, c->method,
		       "the server may have kept it while the device was not connected: send it "
		       "again");
}

/* -- who is asked ------------------------------------------------------------------------------ */

static int device_of(const struct tb *t, const char *name)
{
	for (size_t i = 0; i < t->ndevice; i++) {
		if (strcmp(t->device[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

/* False: no RPC; error gets the reason, "" if it is a response, perhaps our own. */
static bool parse(struct rpc *c, const struct mqtt_event *e, char *error, size_t size)
{
	error[0] = '\0';
	if (e->len > RPC_MAX) {
		snprintf(error, size, "longer than %d bytes", RPC_MAX);
		return false;
	}
	if (!jread_parse(&c->r, e->payload, e->len)) {
		snprintf(error, size, "%s", c->r.error);
		return false;
	}
	const struct jread_node *root = c->r.node;
	const struct jread_node *data = jread_member(&c->r, root, "data");
	const struct jread_node *device = jread_member(&c->r, root, "device");
	const struct jread_node *method = data ? jread_member(&c->r, data, "method") : NULL;
	const struct jread_node *id = data ? jread_member(&c->r, data, "id") : NULL;
	if (jread_member(&c->r, root, "id"))
		return false;
	snprintf(error, size,
	         "not {\"device\": text, \"data\": {\"id\": number, \"method\": text}}");
	c->device = device ? jread_text(device) : NULL;
	c->method = method ? jread_text(method) : NULL;
	c->params = data ? jread_member(&c->r, data, "params") : NULL;
	return c->device && *c->device && c->method && id && jread_int(id, -ID_MAX, ID_MAX, &c->id);
}

static struct reply *reply_create(const struct rpc *c, bool known)
{
	struct reply *r = mem_alloc(1, sizeof *r);
	r->device = known ? mem_strdup(c->device) : NULL;
	r->id = c->id;
	return r;
}

bool tb_event(void *self, const struct mqtt_event *e, struct north_event *out)
{
	struct rpc c = {.t = self, .out = out};
	char error[160];
	if (strcmp(e->topic, RPC) != 0)
		return false;
	out->memory = arena_create();
	const bool known = parse(&c, e, error, sizeof error);
	if (known || error[0])
		out->reply = reply_create(&c, known);
	if (!known && error[0])
		refuse(&c, "rpc", error);
	out->expiry = RPC_EXPIRY;
	out->device = known ? device_of(c.t, c.device) : NORTH_GATEWAY;
	if (known && out->device < 0)
		refuse(&c, c.method, "no such device");
	else if (known && e->retained)
		refuse(&c, c.method, "retained messages are refused");
	else if (known)
		ask(&c);
	jread_free(&c.r);
	return true;
}

/* {"device":…,"id":…,"data":{"ok":…}} */
void tb_answer(void *self, void *reply, const char *json)
{
	struct tb *t = self;
	struct reply *r = reply;
	if (t && r->device) {
		jw_reset(&t->json);
		jw_open(&t->json, NULL, '{');
		jw_string(&t->json, "device", r->device);
		jw_int(&t->json, "id", r->id);
		char *text = mem_alloc(t->json.len + strlen(json) + sizeof ",\"data\":}", 1);
		sprintf(text, "%.*s,\"data\":%s}", (int)t->json.len, t->json.text, json);
		outbox_post(t->outbox, &(struct post){.topic = RPC, .payload = text, .qos = 1});
		free(text);
	}
	free(r->device);
	free(r);
}
