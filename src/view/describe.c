// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/text.h"
#include "mqtt/json_parse.h"
#include "view/inside.h"

/* A cleaned copy of a text member; NULL: there is none. */
static char *text_of(const struct json_t *object, const char *name)
{
	char clean[VIEW_TEXT];
	size_t len;
	const char *text = json_doc_text(json_doc_get(object, name), &len);

	if (!text || !len)
		return NULL;
	text_clean(text, len, clean, sizeof clean);
	return mem_strdup(clean);
}

static bool number_of(const struct json_t *object, const char *name, double *out)
{
	return json_doc_number(json_doc_get(object, name), out);
}

/* -- info -------------------------------------------------------------------------------------- */

void view_point_undescribe(struct view_point *p)
{
	for (size_t i = 0; i < p->nlabel; i++)
		free(p->label[i]);
	free(p->label);
	free(p->unit);
	free(p->description);
	free(p->type);
	free(p->confirm);
	*p = (struct view_point){.name = p->name, .text = p->text, .at = p->at, .rev = p->rev};
}

void view_device_undescribe(struct view_device *d)
{
	char **field[] = {&d->title, &d->vendor, &d->model, &d->profile, &d->bus};

	for (size_t i = 0; i < sizeof field / sizeof *field; i++) {
		free(*field[i]);
		*field[i] = NULL;
	}
	d->unit = -1;
	for (size_t i = 0; i < d->npoint; i++)
		view_point_undescribe(&d->point[i]);
}

static void take_labels(struct view_point *p, const struct json_t *list)
{
	const size_t n = json_doc_size(list) < VIEW_LABELS ? json_doc_size(list) : VIEW_LABELS;
	char clean[VIEW_TEXT];

	p->label = n ? mem_alloc(n, sizeof *p->label) : NULL;
	for (size_t i = 0; i < n; i++) {
		size_t len;
		const char *text = json_doc_text(json_doc_at(list, i), &len);
		if (!text)
			continue;
		text_clean(text, len, clean, sizeof clean);
		p->label[p->nlabel++] = mem_strdup(clean);
	}
}

static void take_point(struct view *v, struct view_device *d, const struct json_t *one)
{
	size_t len;
	const char *name = json_doc_text(json_doc_get(one, "name"), &len);
	struct view_point *p = name ? view_make_point(v, d, name, len) : NULL;

	if (!p) {
		v->ignored++;
		return;
	}
	view_point_undescribe(p);
	p->described = true;
	p->type = text_of(one, "type");
	p->unit = text_of(one, "unit");
	p->description = text_of(one, "description");
	p->confirm = text_of(one, "confirm");
	p->writable = json_doc_true(json_doc_get(one, "writable"));
	p->has_min = number_of(one, "min", &p->min);
	p->has_max = number_of(one, "max", &p->max);
	p->has_step = number_of(one, "step", &p->step);
	take_labels(p, json_doc_get(one, "labels"));
}

bool view_take_info(struct view *v, struct view_device *d, struct view_claim *c,
                    const struct view_message *m)
{
	struct json_t *doc = m->len ? json_doc(m->payload, m->len) : NULL;
	const struct json_t *points = json_doc_get(doc, "points");
	double unit;

	/* what is said last counts; an `info` that goes takes only the claim with it */
	facts_set(&c->facts, "info", 4, "yes", doc ? 3 : 0);
	d->rev = d->described_rev = ++v->rev;
	if (!doc)
		return true;
	view_device_undescribe(d);
	d->title = text_of(doc, "title");
	d->vendor = text_of(doc, "vendor");
	d->model = text_of(doc, "model");
	d->profile = text_of(doc, "profile");
	d->bus = text_of(doc, "bus");
	if (number_of(doc, "id", &unit) && unit >= 0 && unit <= 255)
		d->unit = (int)unit;
	for (size_t i = 0; i < json_doc_size(points); i++)
		take_point(v, d, json_doc_at(points, i));
	json_doc_free(doc);
	return true;
}

/* -- Alerts ------------------------------------------------------------------------------------ */

static void free_alerts(struct view_alert *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].desc);
		free(list[i].source);
		free(list[i].since);
	}
	free(list);
}

void view_alerts_free(struct view_device *d)
{
	free_alerts(d->alert, d->nalert);
	d->alert = NULL;
	d->nalert = 0;
}

static bool same(const struct view_alert *a, const struct view_alert *b)
{
	return a->fault == b->fault && a->code == b->code && strcmp(a->desc, b->desc) == 0 &&
	       strcmp(a->source ? a->source : "", b->source ? b->source : "") == 0;
}

static bool among(const struct view_alert *a, const struct view_alert *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (same(a, &list[i]))
			return true;
	return false;
}

static void read_list(struct view_device *d, const struct json_t *list, bool fault)
{
	for (size_t i = 0; i < json_doc_size(list) && d->nalert < VIEW_ALERTS; i++) {
		const struct json_t *one = json_doc_at(list, i);
		struct view_alert *a = &d->alert[d->nalert];
		double code = 0;
		number_of(one, "code", &code);
		*a = (struct view_alert){
			.fault = fault,
			.code = code > -1e9 && code < 1e9 ? (int32_t)code : 0,
			.desc = text_of(one, "desc"),
			.source = text_of(one, "source"),
			.since = text_of(one, "since"),
		};
		if (!a->desc)
			a->desc = mem_strdup("(no text)");
		d->nalert++;
	}
}

static void log_alert(struct view *v, const struct view_device *d, const struct view_alert *a,
                      bool over, int64_t wall)
{
	char text[VIEW_TEXT * 2 + 64];

	snprintf(text, sizeof text, "%s %d%s: %s%s%s", a->fault ? "fault" : "warning", (int)a->code,
	         over ? " is over" : "", a->source ? a->source : "", a->source ? ": " : "",
	         a->desc);
	view_log(v, VIEW_ALERT, !over, d->name, text, wall);
}

bool view_take_alerts(struct view *v, struct view_device *d, const struct view_message *m)
{
	struct json_t *doc = m->len ? json_doc(m->payload, m->len) : NULL;
	struct view_alert *was = d->alert;
	const size_t nwas = d->nalert;

	if (m->len && !doc) {
		v->ignored++;
		return false;
	}
	d->alert = mem_alloc(VIEW_ALERTS, sizeof *d->alert);
	d->nalert = 0;
	read_list(d, json_doc_get(doc, "faults"), true);
	read_list(d, json_doc_get(doc, "warnings"), false);
	json_doc_free(doc);
	for (size_t i = 0; i < d->nalert; i++)
		if (!among(&d->alert[i], was, nwas))
			log_alert(v, d, &d->alert[i], false, m->wall);
	for (size_t i = 0; i < nwas; i++)
		if (!among(&was[i], d->alert, d->nalert))
			log_alert(v, d, &was[i], true, m->wall);
	free_alerts(was, nwas);
	if (d->nalert == 0)
		view_alerts_free(d);
	d->rev = ++v->rev;
	return true;
}

/* -- Nak --------------------------------------------------------------------------------------- */

bool view_take_nak(struct view *v, struct view_device *d, const struct view_message *m)
{
	struct json_t *doc = m->retained || !m->len ? NULL : json_doc(m->payload, m->len);
	char text[VIEW_TEXT * 3 + 8];

	if (!doc)
		return false;
	char *device = text_of(doc, "device"), *param = text_of(doc, "param"),
	     *value = text_of(doc, "value"), *reason = text_of(doc, "reason");
	json_doc_free(doc);
	snprintf(text, sizeof text, "%s %s: %s", param ? param : "?", value ? value : "",
	         reason ? reason : "refused");
	view_log(v, VIEW_NAK, true, device ? device : d->name, text, m->wall);
	free(device);
	free(param);
	free(value);
	free(reason);
	return true;
}
