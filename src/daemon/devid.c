// SPDX-License-Identifier: MIT
#include "daemon/devid.h"

#include "core/modbus/words.h"
#include "daemon/device.h"

#include <stdio.h>
#include <string.h>

#define SOON (5 * US_S)    /* asked again: it gave no response, or a first wrong one */
#define AGAIN (60 * US_S)  /* it is another one still */
#define WITHIN (10 * US_S) /* a request finds its place on the line, or is given up */
#define FAILED_MOST 3      /* requests without a response: it will not say what it is */

static void ask(struct gateway *g, uint32_t device)
{
	const struct device *d = &g->plant->model->device[device];
	struct device_state *s = &g->plant->device[device];
	uint64_t old;
	struct request q;
	devid_request(&s->devid, d, &q);
	struct job j = {
		.id = DEVID_JOB | ++g->devid_last,
		.guest = true,
		.span = {.unit = d->id},
		.raw_len = q.len,
		.raw_answer = q.answer_len,
		.expires = g->now + WITHIN,
	};
	memcpy(j.raw, q.pdu, q.len);
	s->identify_at = g->now + SOON;
	if (bus_submit(g->plant->bus[d->bus].bus, &j, &old) != SUBMIT_BUSY)
		s->devid_job = j.id;
}

void devid_check(struct gateway *g, uint32_t device)
{
	struct device_state *s = &g->plant->device[device];
	if (s->phase == PHASE_OFFLINE)
		device_go(g, device, PHASE_IDENTIFYING, NULL);
	/* a lent line may have other settings */
	if (s->devid_job || g->now < s->identify_at ||
	    g->plant->bus[g->plant->model->device[device].bus].lent)
		return;
	s->devid = (struct devid){0};
	ask(g, device);
}

void devid_forget(struct device_state *s)
{
	s->devid_job = 0;
	s->devid_failed = 0;
	s->identify_at = 0;
}

static void is_another(struct gateway *g, uint32_t device, const char *text)
{
	struct device_state *s = &g->plant->device[device];
	s->identify_at = g->now + (s->phase == PHASE_STRANGER ? AGAIN : SOON);
	device_strange(g, device, text);
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
	else if (r->outcome == OUT_GARBLED)
		snprintf(words, sizeof words, "no valid response");
	s->devid_failed = 0;
	snprintf(text, sizeof text, "does not report its identity: %s to function 43/14", words);
	is_another(g, device, text);
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
	if (r->outcome == OUT_OK)
		take_answer(g, i, r);
	else if (r->outcome == OUT_REFUSED || r->outcome == OUT_TIMEOUT ||
	         r->outcome == OUT_GARBLED)
		take_failure(g, i, r);
}
