// SPDX-License-Identifier: MIT
#include "mqtt/xnet.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/base/topic.h"
#include "mqtt/json_parse.h"

/* One message on its way to becoming an event. */
struct incoming {
	struct xnet *x;
	const struct mqtt_event *e;
	struct north_event *out;
	struct topic_levels t; /* class, name, … */
	struct arena *memory;  /* of out's texts */
	size_t room;           /* of out's items */
	unsigned hints;        /* words looked for among those that are near */
};

#define ITEMS_MAX 10000 /* of one message, over all its devices */
#define TAME_MAX 200    /* bytes of a topic that is shown in a command line */
#define PATTERN_MAX 256 /* bytes of a device level with wildcards */
#define HINTS_MAX 8     /* "did you mean" costs a look at each name there is */

static void refuse(struct incoming *h, const char *param, const char *reason)
{
	struct north_event *out = h->out;
	snprintf(out->reason, sizeof out->reason, "%s", reason);
	out->kind = NORTH_REFUSED;
	out->nitem = 0;
	out->refused = (struct north_outcome){
		.device = out->device,
		.param = param,
		.reason = out->reason,
		.value = h->e->len <= XNET_PAYLOAD_MAX ? h->e->payload : "",
	};
}

static const char *level_from(struct incoming *h, unsigned i)
{
	return i < h->t.n ? arena_strdup(h->memory, h->t.at[i]) : "";
}

/* What no command may be, whatever its value. True: refused. */
static bool refuse_payload(struct incoming *h, const char *param)
{
	const struct mqtt_event *e = h->e;
	if (e->len > XNET_PAYLOAD_MAX)
		refuse(h, param,
		       arena_printf(h->memory, "payload longer than %d bytes", XNET_PAYLOAD_MAX));
	else if (!text_utf8(e->payload, e->len))
		refuse(h, param, "payload is not UTF-8 text");
	else
		return false;
	return true;
}

/* A line for a shell only of a topic that no shell reads otherwise: others name it. */
static bool topic_is_tame(const char *topic)
{
	const size_t n = strlen(topic);
	return n <= TAME_MAX &&
	       strspn(topic, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-/") ==
	               n;
}

static void refuse_retained(struct incoming *h, const char *param)
{
	static const char what[] = "retained messages are refused; clear it";
	if (topic_is_tame(h->e->topic))
		refuse(h, param,
		       arena_printf(h->memory, "%s: mosquitto_pub -r -n -t '%s'", what,
		                    h->e->topic));
	else
		refuse(h, param,
		       arena_printf(h->memory, "%s with an empty retained message on its topic",
		                    what));
}

/* -- items ------------------------------------------------------------------------------------- */

/* The arena frees nothing: so the room doubles, else n items would take n * n. */
static struct north_item *add_items(struct incoming *h, size_t n)
{
	struct north_event *out = h->out;
	if (out->nitem + n > h->room) {
		h->room = 2 * (out->nitem + n);
		struct north_item *all = arena_array(h->memory, h->room, sizeof *all);
		if (out->nitem)
			memcpy(all, out->item, out->nitem * sizeof *all);
		out->item = all;
	}
	out->nitem += n;
	return out->item + out->nitem - n;
}

static const char *no_such_point(struct incoming *h, const struct device *d, const char *name)
{
	if (h->hints++ >= HINTS_MAX)
		return "no such point";
	const char **known = mem_alloc(d->set->n, sizeof *known);
	size_t n = 0;
	for (uint32_t i = 0; i < d->set->n; i++) {
		if (!d->set->point[i].hidden)
			known[n++] = d->set->point[i].name;
	}
	const char *nearest = diag_nearest(name, known, n);
	free(known);
	return nearest ? arena_printf(h->memory, "no such point; did you mean %s?", nearest)
	               : "no such point";
}

static void set_item(struct incoming *h, struct north_item *item, uint32_t device,
                     const char *param, const char *text)
{
	const struct device *d = &h->x->model->device[device];
	const int p = north_point(d, param);
	*item = (struct north_item){.device = device,
	                            .point = p < 0 ? NORTH_ALL : (uint32_t)p,
	                            .text = text,
	                            .param = param};
	if (p < 0)
		item->fault = no_such_point(h, d, param);
}

static bool retained_accepted(const struct incoming *h)
{
	for (size_t i = 0; i < h->out->nitem; i++) {
		const struct north_item *item = &h->out->item[i];
		const struct device *d = &h->x->model->device[item->device];
		const struct point *p =
			item->point == NORTH_ALL ? NULL : &d->set->point[item->point];
		if (!p || !p->write || !p->write->accept_retained)
			return false;
	}
	return true;
}

/* -- cmd --------------------------------------------------------------------------------------- */

static void command_object(struct incoming *h, uint32_t device)
{
	struct json_members m;
	char error[256];
	if (!json_parse_object(h->e->payload, h->e->len, &m, error, sizeof error)) {
		refuse(h, "", error);
		return;
	}
	if (m.n == 0) {
		refuse(h, "", "names no point");
		return;
	}
	struct north_item *item = add_items(h, m.n);
	for (size_t i = 0; i < m.n; i++) {
		set_item(h, &item[i], device, arena_strdup(h->memory, m.member[i].name),
		         arena_strdup(h->memory, m.member[i].text));
		if (m.member[i].fault && !item[i].fault &&
		    !(m.member[i].list && north_takes_list(&h->x->model->device[device], &item[i])))
			item[i].fault = m.member[i].fault;
	}
	json_members_free(&m);
	h->out->kind = NORTH_COMMAND;
}

static void command(struct incoming *h, uint32_t device)
{
	const char *param = level_from(h, 2);
	if (h->e->len == 0 || refuse_payload(h, param))
		return;
	if (h->t.n == 2) {
		command_object(h, device);
	} else {
		set_item(h, add_items(h, 1), device, param, h->e->payload);
		h->out->kind = NORTH_COMMAND;
	}
	if (h->out->kind == NORTH_COMMAND && h->e->retained && !retained_accepted(h))
		refuse_retained(h, param);
}

static void gateway_verb(struct incoming *h)
{
	static const char *const levels[] = {"error", "warn", "info", "debug"};
	const char *verb = level_from(h, 2);
	if (h->e->retained) {
		if (h->e->len)
			refuse_retained(h, verb);
	} else if (topic_is(&h->t, 2, "reload") && h->t.n == 3) {
		h->out->kind = NORTH_RELOAD;
	} else if (topic_is(&h->t, 2, "log") && h->t.n == 3) {
		if (h->e->len == 0 || refuse_payload(h, verb))
			return;
		h->out->text = h->e->payload;
		for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
			if (strcmp(levels[i], h->e->payload) == 0)
				h->out->kind = NORTH_LOG;
		}
		if (h->out->kind != NORTH_LOG)
			refuse(h, verb, "must be error, warn, info or debug");
	} else if (h->e->len) {
		refuse(h, verb, "no such command; there are reload and log");
	}
}

static int device_of(const struct incoming *h)
{
	return h->t.n > 1 ? model_find_device(h->x->model, h->t.at[1], h->t.len[1]) : -1;
}

static void on_cmd(struct incoming *h)
{
	if (topic_is(&h->t, 1, h->x->gateway)) {
		gateway_verb(h);
		return;
	}
	const int device = device_of(h);
	if (device < 0)
		return; /* another gateway's */
	h->out->device = device;
	command(h, (uint32_t)device);
}

/* -- get, sub, unsub --------------------------------------------------------------------------- */

static void on_get(struct incoming *h)
{
	const int device = device_of(h);
	const char *param = level_from(h, 2);
	if (device < 0)
		return;
	h->out->device = device;
	if (h->e->retained) {
		if (h->e->len)
			refuse_retained(h, param);
		return;
	}
	struct north_item *item = add_items(h, 1);
	if (h->t.n == 2)
		*item = (struct north_item){
			.device = (uint32_t)device, .point = NORTH_ALL, .param = ""};
	else
		set_item(h, item, (uint32_t)device, param, NULL);
	h->out->kind = NORTH_GET;
}

/* A name of a list, and its place in it. */
struct asked {
	const char *name;
	size_t at;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct asked *)a)->name, ((const struct asked *)b)->name);
}

/* The points of a device that a sorted list names, in the list's first order. where: scratch. */
static void subscribe_points(struct incoming *h, uint32_t device, const struct asked *sorted,
                             size_t n, int32_t *where)
{
	const struct pointset *set = h->x->model->device[device].set;
	for (size_t i = 0; i < n; i++)
		where[i] = -1;
	for (uint32_t i = 0; i < set->n; i++) {
		const struct asked key = {.name = set->point[i].name};
		const struct asked *found = north_names(&set->point[i])
		                                    ? bsearch(&key, sorted, n, sizeof key, by_name)
		                                    : NULL;
		if (found)
			where[found->at] = (int32_t)i;
	}
	for (size_t i = 0; i < n && h->out->nitem <= ITEMS_MAX; i++) {
		if (where[i] >= 0)
			*add_items(h, 1) = (struct north_item){.device = device,
			                                       .point = (uint32_t)where[i],
			                                       .param = set->point[where[i]].name};
	}
}

/* What it has not is a fault only of a device that is named itself. */
static void subscribe_named(struct incoming *h, uint32_t device, const struct json_members *m)
{
	for (size_t i = 0; i < m->n; i++)
		set_item(h, add_items(h, 1), device, arena_strdup(h->memory, m->member[i].name),
		         NULL);
}

static bool first_match(struct incoming *h, const char *pattern)
{
	const struct model *m = h->x->model;
	h->out->device = model_find_device(m, pattern, strlen(pattern));
	for (size_t i = 0; i < m->ndevice && h->out->device < 0; i++) {
		if (fnmatch(pattern, m->device[i].name, 0) == 0)
			h->out->device = (int32_t)i;
	}
	return h->out->device >= 0;
}

static void subscribe_all(struct incoming *h, const char *pattern, const struct json_members *m)
{
	const struct model *model = h->x->model;
	const int named = model_find_device(model, pattern, strlen(pattern));
	struct asked *sorted = mem_alloc(m->n, sizeof *sorted);
	int32_t *where = mem_alloc(m->n, sizeof *where);
	for (size_t i = 0; i < m->n; i++)
		sorted[i] = (struct asked){m->member[i].name, i};
	qsort(sorted, m->n, sizeof *sorted, by_name);
	for (uint32_t i = 0; i < model->ndevice; i++) {
		if (named < 0 ? fnmatch(pattern, model->device[i].name, 0) != 0
		              : (uint32_t)named != i)
			continue;
		if (m->null)
			*add_items(h, 1) =
				(struct north_item){.device = i, .point = NORTH_ALL, .param = ""};
		else if (named < 0)
			subscribe_points(h, i, sorted, m->n, where);
		else
			subscribe_named(h, i, m);
	}
	free(sorted);
	free(where);
}

static void on_subscription(struct incoming *h, enum north_kind kind)
{
	struct json_members m;
	char error[256];
	const char *pattern = level_from(h, 1);
	if (h->t.n != 2 || h->e->len == 0 || h->t.len[1] > PATTERN_MAX || !first_match(h, pattern))
		return; /* no device of ours */
	if (h->e->retained) {
		refuse_retained(h, "");
		return;
	}
	if (refuse_payload(h, ""))
		return;
	if (!json_parse_names(h->e->payload, h->e->len, &m, error, sizeof error)) {
		refuse(h, "", error);
		return;
	}
	h->out->kind = (uint8_t)kind;
	if (m.null && kind == NORTH_SUB)
		refuse(h, "", "must be a list of points: [\"point\", …]");
	else
		subscribe_all(h, pattern, &m);
	if (h->out->kind == kind && h->out->nitem == 0)
		refuse(h, "", m.n ? "no such point" : "names no point");
	if (h->out->nitem > ITEMS_MAX)
		refuse(h, "",
		       arena_printf(h->memory, "more than %d points; name fewer at a time",
		                    ITEMS_MAX));
	json_members_free(&m);
}

static void on_sub(struct incoming *h)
{
	on_subscription(h, NORTH_SUB);
}

static void on_unsub(struct incoming *h)
{
	on_subscription(h, NORTH_UNSUB);
}

/* -- our own topics, published by others ------------------------------------------------------- */

/* What was retained when we subscribed is of an earlier life, and published right after a connect
 * anyway. */
static void on_status(struct incoming *h)
{
	struct xnet *x = h->x;
	const bool gateway = topic_is(&h->t, 1, x->gateway);
	const int device = gateway ? NORTH_GATEWAY : device_of(h);
	if (h->e->retained || h->t.n != 3 || !topic_is(&h->t, 2, "status") ||
	    (!gateway && device < 0))
		return;
	if (h->e->len == 0 && !x->model->mqtt.retain)
		return; /* we have cleared what was retained there */
	const slot_t s = gateway ? x->gateway_status : x->device[device].status;
	if (!outbox_differs(x->outbox, s, h->e->payload))
		return;
	h->out->kind = NORTH_FOREIGN;
	h->out->device = device;
	h->out->text = h->e->payload;
}

static void on_sys(struct incoming *h)
{
	const struct mqtt_event *e = h->e;
	if (h->t.n != 5)
		return;
	if (!topic_is(&h->t, 1, h->x->gateway))
		xnet_elsewhere_set(h->x, e, &h->t);
	else if (e->retained && e->len && e->len <= MQTT_PAYLOAD_MAX)
		xnet_before(h->x, e, &h->t);
}

static const struct {
	const char *class_;
	void (*take)(struct incoming *h);
} class_row[] = {
	{"cmd", on_cmd},     {"get", on_get},    {"sub", on_sub},
	{"unsub", on_unsub}, {"sts", on_status}, {"$SYS", on_sys},
};

bool xnet_event(struct xnet *x, const struct mqtt_event *e, struct north_event *out)
{
	struct incoming h = {.x = x, .e = e, .out = out};
	if (!text_utf8(e->topic, strlen(e->topic)) || !topic_split(e->topic, x->prefix, &h.t))
		return false;
	for (size_t i = 0; i < sizeof class_row / sizeof *class_row; i++) {
		if (!topic_is(&h.t, 0, class_row[i].class_))
			continue;
		out->memory = h.memory = arena_create();
		class_row[i].take(&h);
		return true;
	}
	return false;
}
