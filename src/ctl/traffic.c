// SPDX-License-Identifier: MIT
#include "ctl/traffic.h"

#include <stdio.h>
#include <string.h>

#include "ctl/wording.h"

#define PATIENCE (10 * US_S) /* a response that comes later belongs to nothing */
#define NAMES 1              /* points that are named; of the others how many */

void traffic_init(struct traffic *t, const struct bus_conf *conf)
{
	wire_init(&t->wire, conf->baud, conf->data, conf->parity, conf->stop, conf->silence);
}

/* -- words ---------------------------------------------------------------------------- */

static const struct device *device_of(const struct traffic *t, uint8_t unit)
{
	for (size_t i = 0; t->model && i < t->model->ndevice; i++)
		if (t->model->device[i].bus == t->bus && t->model->device[i].id == unit)
			return &t->model->device[i];
	return NULL;
}

/* Where a request reads or writes; false: nowhere. */
static bool place_of(const struct request *r, struct span *s)
{
	static const struct {
		uint8_t fc, table;
		bool one;
	} row[] = {
		{FC_READ_COILS, TABLE_COIL, false},      {FC_READ_DISCRETE, TABLE_DISCRETE, false},
		{FC_READ_HOLDING, TABLE_HOLDING, false}, {FC_READ_INPUT, TABLE_INPUT, false},
		{FC_WRITE_COIL, TABLE_COIL, true},       {FC_WRITE_REGISTER, TABLE_HOLDING, true},
		{FC_WRITE_COILS, TABLE_COIL, false},     {FC_WRITE_REGISTERS, TABLE_HOLDING, false},
		{FC_MASK_WRITE, TABLE_HOLDING, true},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		if (row[i].fc != r->pdu[0] || r->len < 5)
			continue;
		const uint16_t count = (uint16_t)(r->pdu[3] << 8 | r->pdu[4]);
		*s = (struct span){r->unit, row[i].table, (uint16_t)(r->pdu[1] << 8 | r->pdu[2]),
		                   row[i].one ? 1 : count};
		return true;
	}
	return false;
}

/* The points in there; the first one, if it is the only one that is whole. */
static const struct point *points_in(const struct traffic *t, const struct span *s, char *names,
                                     size_t size)
{
	const struct device *d = device_of(t, s->unit);
	const struct point *first = NULL;
	unsigned n = 0;

	names[0] = '\0';
	for (uint32_t i = 0; d && model_bound(d) && i < d->set->n; i++) {
		const struct point *p = &d->set->point[i];
		const struct span at = model_span(d, p);
		if (p->source != SOURCE_REGISTER || p->absent || p->table != s->table ||
		    at.addr < s->addr || at.addr + at.count > s->addr + s->count)
			continue;
		first = first ? first : p;
		n++;
	}
	if (n)
		snprintf(names, size, n > NAMES ? "%.40s ..+%u" : "%.40s", first->name, n - 1);
	else if (d)
		snprintf(names, size, "%.40s", d->name);
	return n == 1 ? first : NULL;
}

static void say_request(const struct traffic *t, const struct request *r, char *buf, size_t size)
{
	struct span s;
	char names[64];

	if (place_of(r, &s)) {
		points_in(t, &s, names, sizeof(names));
		snprintf(buf, size, s.addr > 255 ? "%s 0x%04X +%u  %s" : "%s %u +%u  %s",
		         wording_table[s.table], s.addr, s.count, names);
		return;
	}
	if (r->pdu[0] == FC_DIAGNOSTICS)
		snprintf(buf, size, "diagnostics");
	else if (r->pdu[0] == FC_DEVICE_ID)
		snprintf(buf, size, "device identification");
	else if (r->pdu[0] == FC_REPORT_SERVER_ID)
		snprintf(buf, size, "server id");
	else
		snprintf(buf, size, "function %u, %u bytes", r->pdu[0], r->len);
}

/* The value, where it is one point's. */
static void say_value(const struct traffic *t, const struct request *r, const struct frame *f,
                      char *buf, size_t size)
{
	uint16_t words[CELLS_MAX] = {0}, gathered[CELLS_MAX];
	char names[64], text[VALUE_TEXT_MAX], shown[VALUE_PRINT_MAX];
	struct span s;
	struct value v;

	buf[0] = '\0';
	if (r->pdu[0] > FC_READ_INPUT || !place_of(r, &s))
		return;
	const struct point *p = points_in(t, &s, names, sizeof(names));
	if (!p || p->exponent_from >= 0 || p->factor_from >= 0)
		return;
	pdu_cells(r, f->pdu, f->pdu_len, words);
	model_gather(p, &s, words, gathered);
	point_decode(p, gathered, NULL, NULL, text, &v);
	point_print(p, &v, NULL, shown, sizeof(shown));
	snprintf(buf, size, " %.60s%s%s", shown, p->unit ? " " : "", p->unit ? p->unit : "");
}

static void say_bytes(const struct seen *s, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < s->n && n + 8 < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%02X", i ? " " : "", s->bytes[i]);
	if (n + 8 >= size)
		snprintf(buf + n, size - n, " ..");
}

/* -- state ---------------------------------------------------------------------------- */

static void finish(struct traffic *t, struct transaction *x)
{
	t->count[x->kind]++;
	if (t->report)
		t->report(t->ctx, x);
}

void traffic_end(struct traffic *t)
{
	if (!t->pending)
		return;
	t->pending = false;
	t->now.kind = TRAFFIC_SILENT;
	snprintf(t->now.outcome, sizeof(t->now.outcome), "no response");
	finish(t, &t->now);
}

static void note(struct traffic *t, const struct seen *s, bool frame, bool request,
                 const char *words)
{
	const struct frame_note n = {s, frame, request, t->transaction, words};

	if (t->note)
		t->note(t->ctx, &n);
}

static int64_t end_of(const struct traffic *t, const struct seen *s)
{
	return s->wall_us + wire_chars(&t->wire, (unsigned)s->n);
}

/* Characters of silence before the frame. */
static double gap_before(const struct traffic *t, const struct seen *s)
{
	if (!t->wire.char_ns || !t->last_us || s->wall_us < t->last_us)
		return -1;
	return (double)(s->wall_us - t->last_us) * 1e3 / t->wire.char_ns;
}

static void take_request(struct traffic *t, const struct seen *s, const struct frame *f)
{
	const bool client = t->gateway && s->way == 'i';

	traffic_end(t);
	t->transaction++;
	pdu_raw(&t->request, f->unit, f->pdu, f->pdu_len, pdu_answer_len(f->pdu, f->pdu_len));
	t->now = (struct transaction){
		.wall_us = s->wall_us, .gap = gap_before(t, s), .unit = f->unit, .fc = f->pdu[0]};
	t->asked_at = s->at;
	t->asked_us = end_of(t, s);
	say_request(t, &t->request, t->now.what, sizeof(t->now.what));
	note(t, s, true, true, client ? "another client" : t->now.what);
	t->pending = f->unit != 0 && !client;
	if (t->pending)
		return;
	t->now.kind = client ? TRAFFIC_CLIENT : TRAFFIC_OK;
	snprintf(t->now.outcome, sizeof(t->now.outcome),
	         client ? "ANOTHER CLIENT" : "to all units");
	finish(t, &t->now);
}

static void take_response(struct traffic *t, const struct seen *s, const struct frame *f,
                          uint8_t exception)
{
	struct transaction *x = &t->now;
	char value[96];

	t->pending = false;
	x->took = s->wall_us - t->asked_us;
	x->took = x->took < 0 ? 0 : x->took;
	x->kind = exception ? TRAFFIC_EXCEPTION : TRAFFIC_OK;
	say_value(t, &t->request, f, value, sizeof(value));
	if (s->why[0])
		snprintf(x->outcome, sizeof(x->outcome), "%.150s", wording_clean(s->why));
	else if (exception)
		wording_exception(exception, x->outcome, sizeof(x->outcome));
	else
		snprintf(x->outcome, sizeof(x->outcome), "ok%s", value);
	note(t, s, true, false, x->outcome);
	finish(t, x);
}

/* A frame that answers nothing, or bytes that are no frame. */
static void take_odd(struct traffic *t, const struct seen *s, const struct frame *f)
{
	struct transaction x = {.kind = TRAFFIC_STRAY,
	                        .wall_us = s->wall_us,
	                        .gap = gap_before(t, s),
	                        .unit = f ? f->unit : -1,
	                        .fc = f ? f->pdu[0] & 0x7F : -1};
	const bool head = t->pending && s->n > 1 && s->bytes[0] == t->request.unit &&
	                  (s->bytes[1] & 0x7F) == t->request.pdu[0];

	/* its request went out before we looked, or it had begun */
	if (!t->transaction && (f || !t->last_us))
		return;
	if (head && !f) { /* it began as the response that is awaited */
		const size_t need = t->request.answer_len + 3U;
		t->pending = false;
		t->now.kind = TRAFFIC_CORRUPTED;
		if (s->why[0])
			snprintf(t->now.outcome, sizeof(t->now.outcome), "%.150s",
			         wording_clean(s->why));
		else if (s->n == need)
			snprintf(t->now.outcome, sizeof(t->now.outcome),
			         "CRC wrong, %zu of %zu bytes: noise, or another baud rate near %u",
			         s->n, need, (unsigned)t->wire.baud);
		else
			snprintf(t->now.outcome, sizeof(t->now.outcome),
			         "incomplete or wrong, %zu of %zu bytes", s->n, need);
		note(t, s, false, false, t->now.outcome);
		finish(t, &t->now);
		return;
	}
	say_bytes(s, x.what, 40);
	if (s->why[0])
		snprintf(x.outcome, sizeof(x.outcome), "%.150s", wording_clean(s->why));
	else
		snprintf(x.outcome, sizeof(x.outcome),
		         f ? "response that belongs to no request"
		           : "no frame: noise, or another baud rate or format");
	/* not the answer to the last request: a transaction of its own */
	const struct frame_note stray = {s, f != NULL, false, 0, x.outcome};
	if (t->note)
		t->note(t->ctx, &stray);
	finish(t, &x);
}

/* "no response", as the gateway reports it without bytes. */
static void take_nothing(struct traffic *t, const struct seen *s)
{
	if (!t->pending)
		return;
	t->pending = false;
	t->now.kind = TRAFFIC_SILENT;
	snprintf(t->now.outcome, sizeof(t->now.outcome), "%.150s",
	         s->why[0] ? wording_clean(s->why) : "no response");
	finish(t, &t->now);
}

static void take_one(struct traffic *t, const struct seen *s)
{
	struct frame f;
	uint8_t exception = 0;

	if (s->n == 0) {
		take_nothing(t, s);
		return;
	}
	const bool frame = frame_find(s->bytes, s->n, 0, NULL, true, &f) && f.len == s->n;
	const bool fresh = t->pending && s->at - t->asked_at < PATIENCE && s->way != 'o';
	if (frame && fresh && f.unit == t->request.unit &&
	    pdu_answers(&t->request, f.pdu, f.pdu_len, &exception))
		take_response(t, s, &f, exception);
	else if (frame && (s->way == 'o' || frame_is_request(&f) ||
	                   (s->way == '?' && pdu_request_size(f.pdu, f.pdu_len) == f.pdu_len)))
		take_request(t, s, &f);
	else
		take_odd(t, s, frame ? &f : NULL);
	t->last_us = end_of(t, s);
	t->busy += wire_chars(&t->wire, (unsigned)s->n);
}

/* An adapter may deliver several frames at once. */
void traffic_take(struct traffic *t, const struct seen *s)
{
	struct seen one = *s;
	struct frame f;

	if (!t->begun)
		t->begun = s->at;
	while (frame_find(one.bytes, one.n, 0, NULL, false, &f) && f.len < one.n) {
		const size_t rest = one.n - f.len;
		one.n = f.len;
		take_one(t, &one);
		one.bytes += f.len;
		one.wall_us += wire_chars(&t->wire, (unsigned)f.len);
		one.n = rest;
	}
	take_one(t, &one);
}
