// SPDX-License-Identifier: MIT
#include "daemon/devices/devid.h"

#include "core/modbus/words.h"
#include "daemon/base/log.h"
#include "daemon/devices/device.h"
#include "daemon/devices/gets.h"
#include "daemon/devices/readings.h"

#include <stdio.h>
#include <string.h>

#define SOON (5 * US_S)    /* read again: it gave no response, or a first wrong one */
#define AGAIN (60 * US_S)  /* it is another one still */
#define WITHIN (10 * US_S) /* a request finds its place on the line, or is given up */
#define FAILED_MOST 3      /* requests without a response: it will not identify itself */

static void submit(struct gateway *g, uint32_t device, const struct request *q)
{
	const struct device *d = &g->plant->model->device[device];
	struct device_state *s = &g->plant->device[device];
	const struct plant_bus *b = &g->plant->bus[d->bus];
	uint64_t old;
	struct job j = {
		.id = DEVID_JOB | ++g->devid_last,
		.adhoc = true,
		.span = {.unit = d->id},
		.raw_len = q->len,
		.raw_answer = q->answer_len,
		.expires = g->now + WITHIN,
	};
	memcpy(j.raw, q->pdu, q->len);
	s->identify_at = g->now + SOON;
	if (!b->holder &&
	    bus_submit(b->bus, &j, &old) != SUBMIT_BUSY) /* it may have other settings */
		s->devid_job = j.id;
}

static bool may_ask(const struct gateway *g, uint32_t device)
{
	const struct device_state *s = &g->plant->device[device];
	return !s->devid_job && g->now >= s->identify_at &&
	       !g->plant->bus[g->plant->model->device[device].bus].holder;
}

static void ask(struct gateway *g, uint32_t device)
{
	struct request q;
	devid_request(&g->plant->device[device].devid, &g->plant->model->device[device], &q);
	submit(g, device, &q);
}

void devid_check(struct gateway *g, uint32_t device)
{
	struct device_state *s = &g->plant->device[device];
	if (s->phase == PHASE_OFFLINE)
		device_go(g, device, PHASE_IDENTIFYING, NULL);
	if (!may_ask(g, device))
		return;
	s->devid = (struct devid){0};
	ask(g, device);
}

void devid_forget(struct device_state *s)
{
	s->devid_job = 0;
	s->devid_failed = 0;
	s->identify_at = 0;
	s->texts_due = false;
}

static void is_another(struct gateway *g, uint32_t device, const char *text)
{
	struct device_state *s = &g->plant->device[device];
	s->identify_at = g->now + (s->phase == PHASE_MISMATCH ? AGAIN : SOON);
	device_mismatch(g, device, text);
}

static void take_answer(struct gateway *g, uint32_t device, const struct report *r)
{
	struct device_state *s = &g->plant->device[device];
	char text[DEVID_WORDS_MAX];
	s->devid_failed = 0;
	switch (devid_take(&s->devid, &g->plant->model->device[device], r->answer, r->answer_len,
	                   text, sizeof text)) {
	case DEVID_SAME:
		device_go(g, device, PHASE_ONLINE, NULL);
		break;
	case DEVID_MORE:
		ask(g, device);
		break;
	case DEVID_OTHER:
	case DEVID_MISSING:
		is_another(g, device, text);
		break;
	}
}

/* It has not the function, or nothing good comes. */
static void take_failure(struct gateway *g, uint32_t device, const struct report *r)
{
	struct device_state *s = &g->plant->device[device];
	const bool refused = r->outcome == OUT_REFUSED && r->exception <= EXC_VALUE;
	char text[DEVID_WORDS_MAX], words[96] = "no response";
	if (!refused && ++s->devid_failed < FAILED_MOST)
		return;
	if (r->outcome == OUT_REFUSED)
		exception_words(r->exception, words, sizeof words);
	else if (r->outcome != OUT_TIMEOUT)
		snprintf(words, sizeof words, "no valid response");
	s->devid_failed = 0;
	snprintf(text, sizeof text, "does not report its identity: %s to function 43/14", words);
	is_another(g, device, text);
}

/* -- points ---------------------------------------------------------------------------- */

static void text_missing(struct gateway *g, uint32_t point)
{
	struct reading *r = &g->plant->reading[point];
	char why[WORDS_MAX];
	devid_read_why(&g->plant->device[r->device].texts, why, sizeof why);
	if (!r->refused)
		log_warn("device %s: point %s is not read until the device comes online again: %s",
		         plant_device(g->plant, point)->name, plant_point(g->plant, point)->name,
		         why);
	if (r->quality != QUALITY_NONE) /* what was read before may be of another device */
		reading_none(g, point, QUALITY_NONE);
	r->refused = true;
	gets_text(g, point, why);
}

/* The next request; when there is none, what has not come is not to be had. */
static void texts_go_on(struct gateway *g, uint32_t device)
{
	const struct device *d = &g->plant->model->device[device];
	struct device_state *s = &g->plant->device[device];
	struct request q;
	if (devid_read_next(&s->texts, d, &q)) {
		submit(g, device, &q);
		return;
	}
	s->texts_due = false;
	for (uint32_t i = 0; i < d->set->n; i++)
		if (devid_point(&d->set->point[i]) && !g->plant->reading[d->point0 + i].known)
			text_missing(g, d->point0 + i);
}

void devid_texts(struct gateway *g, uint32_t device)
{
	if (g->plant->device[device].texts_due && may_ask(g, device))
		texts_go_on(g, device);
}

void devid_read(struct gateway *g, uint32_t device)
{
	const struct device *d = &g->plant->model->device[device];
	struct device_state *s = &g->plant->device[device];
	if (s->texts_due || s->phase != PHASE_ONLINE)
		return;
	for (uint32_t i = 0; i < d->set->n; i++) {
		if (!devid_point(&d->set->point[i]))
			continue;
		g->plant->reading[d->point0 + i].known = false;
		s->texts_due = true;
	}
	devid_read_begin(&s->texts, d);
	s->identify_at = 0;
	devid_texts(g, device);
}

struct taking {
	struct gateway *g;
	uint32_t device;
	us_t at;
};

static void take_text(void *ctx, uint8_t object, const struct value *v)
{
	const struct taking *t = ctx;
	struct plant *p = t->g->plant;
	const struct device *d = &p->model->device[t->device];
	plant_touch(p, t->device);
	if (t->at > p->device[t->device].newest)
		p->device[t->device].newest = t->at;
	for (uint32_t i = 0; i < d->set->n; i++) {
		struct reading *r = &p->reading[d->point0 + i];
		if (!devid_point(&d->set->point[i]) || d->set->point[i].addr[0] != object)
			continue;
		r->known = true;
		r->refused = false;
		reading_settle(t->g, d->point0 + i, *v, t->at);
		gets_text(t->g, d->point0 + i, NULL);
	}
}

static void texts_report(struct gateway *g, uint32_t device, const struct report *r)
{
	struct device_state *s = &g->plant->device[device];
	struct taking t = {g, device, r->at};
	if (r->outcome == OUT_OK)
		devid_read_take(&s->texts, r->answer, r->answer_len, take_text, &t);
	else
		devid_read_failed(&s->texts, r->outcome == OUT_REFUSED ? r->exception : 0);
	if (!s->texts.failed || s->texts.failed >= DEVID_FAILED_MAX)
		texts_go_on(g, device); /* else it is read again when it is time */
}

void devid_report(struct gateway *g, const struct report *r)
{
	const struct plant *p = g->plant;
	uint32_t i = 0;
	while (i < p->model->ndevice && p->device[i].devid_job != r->id)
		i++;
	if (i == p->model->ndevice)
		return; /* it went offline, or the configuration is another one */
	p->device[i].devid_job = 0;
	/* a peer whose answer ends the connection would end it again and again */
	const bool failed = r->outcome == OUT_REFUSED || r->outcome == OUT_TIMEOUT ||
	                    r->outcome == OUT_GARBLED || (r->outcome == OUT_LINK && r->sent);
	if (r->outcome != OUT_OK && !failed)
		return; /* it was not asked */
	if (p->device[i].phase == PHASE_ONLINE)
		texts_report(g, i, r);
	else if (failed)
		take_failure(g, i, r);
	else
		take_answer(g, i, r);
}
