// SPDX-License-Identifier: MIT
#include "core/control/answer.h"

#include "core/modbus/words.h"

#include <stdio.h>
#include <string.h>

void control_begin(struct json *j, bool has_id, int64_t id)
{
	jw_reset(j);
	jw_open(j, NULL, '{');
	if (has_id)
		jw_int(j, "id", id);
}

void control_greeting(struct json *j, const char *version, const char *gateway, const char *mode)
{
	control_begin(j, false, 0);
	jw_int(j, "xnet", CONTROL_PROTOCOL);
	jw_string(j, "version", version);
	jw_string(j, "gateway", gateway);
	jw_string(j, "control", mode);
}

void control_end(struct json *j)
{
	jw_close(j, '}');
}

void control_put_error(struct json *j, bool has_id, int64_t id, enum control_error e,
                       const char *words)
{
	control_begin(j, has_id, id);
	jw_string(j, "err", control_error_name(e));
	jw_string(j, "words", words);
	control_end(j);
}

static void control_put_hex(struct json *j, const char *name, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * 512 + 1];
	const size_t shown = n < 512 ? n : 512;
	for (size_t i = 0; i < shown; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	jw_text(j, name, text, 2 * shown);
}

static void put_ms(struct json *j, const char *name, us_t t)
{
	const us_t tenths = t / (US_MS / 10);

	if (t > 0)
		jw_real(j, name, (double)tenths / 10);
}

static void put_values(struct json *j, const struct control_request *r,
                       const struct control_result *o)
{
	struct request q;
	uint16_t words[CELLS_MAX] = {0};
	const bool bits = table_is_bits(r->table);
	pdu_read(&q, r->unit, r->table, r->addr, r->count);
	pdu_cells(&q, o->answer, o->answer_len, words);
	jw_open(j, "values", '[');
	for (unsigned i = 0; i < r->count; i++)
		jw_int(j, NULL, bits ? words[i / 16] >> i % 16 & 1 : words[i]);
	jw_close(j, ']');
}

static void put_good(struct json *j, const struct control_request *r,
                     const struct control_result *o)
{
	if (r->verb == CONTROL_READ && o->answer)
		put_values(j, r, o);
	if (r->verb == CONTROL_PDU && o->answer)
		control_put_hex(j, "hex", o->answer, o->answer_len);
}

static const struct {
	enum outcome outcome;
	enum control_error error;
	const char *words; /* NULL: what came instead */
} failures[] = {
	{OUT_TIMEOUT, CONTROL_E_TIMEOUT, NULL},
	{OUT_GARBLED, CONTROL_E_TIMEOUT, NULL},
	{OUT_DROPPED, CONTROL_E_TIMEOUT, "another client is on the line"},
	{OUT_LINK, CONTROL_E_LINK, "the port or connection is down"},
	{OUT_EXPIRED, CONTROL_E_BUSY,
         "the line had no room for it in time, or was held or released: nothing was sent"},
	{OUT_CLOSED, CONTROL_E_CLOSED, "the bus ends"},
};

static void put_came(struct json *j, const struct instead *i)
{
	const char *topic = instead_topic((enum instead_kind)i->kind);
	const char *name = topic ? strrchr(topic, '/') : NULL;
	if (!name)
		return;
	jw_string(j, "came", name + 1);
	if (i->kind == INSTEAD_LATE)
		jw_int(j, "late_ms", i->after / US_MS);
	else if (i->is || i->should)
		jw_int(j, "is", i->is);
	if (i->should)
		jw_int(j, "should", i->should);
}

static void put_bad(struct json *j, const struct control_result *o)
{
	char text[160];
	size_t k = 0;
	if (o->exception) {
		jw_string(j, "err", control_error_name(CONTROL_E_REFUSED));
		jw_int(j, "exception", o->exception);
		jw_string(j, "words", exception_words(o->exception, text, sizeof text));
		return;
	}
	while (k + 1 < sizeof failures / sizeof *failures && failures[k].outcome != o->outcome)
		k++;
	const bool nothing = o->outcome == OUT_TIMEOUT && !o->instead.kind;
	jw_string(j, "err", control_error_name(failures[k].error));
	put_came(j, &o->instead);
	if (nothing && o->timeout)
		snprintf(text, sizeof text, "no response within %d ms", (int)(o->timeout / US_MS));
	else if (failures[k].words)
		snprintf(text, sizeof text, "%s", failures[k].words);
	else if (o->outcome == OUT_GARBLED && !o->instead.kind)
		snprintf(text, sizeof text, "response corrupted");
	else
		instead_text(&o->instead, text, sizeof text);
	jw_string(j, "words", text);
}

void control_put_result(struct json *j, const struct control_request *r,
                        const struct control_result *o)
{
	control_begin(j, r->has_id, r->id);
	if (o->outcome == OUT_OK || o->outcome == OUT_SAME)
		put_good(j, r, o);
	else
		put_bad(j, o);
	if (o->paused)
		jw_string(j, "paused", o->paused);
	put_ms(j, "turnaround_ms", o->turnaround);
	put_ms(j, "took_ms", o->took);
	control_end(j);
}

void control_put_frame(struct json *j, bool has_id, int64_t id, const struct control_frame *f)
{
	control_begin(j, has_id, id);
	jw_int(j, "t", f->unix_us);
	jw_string(j, "dir", f->in ? "in" : "out");
	control_put_hex(j, "hex", f->bytes, f->n);
	if (f->cause)
		jw_string(j, "for", f->cause);
	if (f->why)
		jw_string(j, "why", f->why);
	control_end(j);
}

/* -- whose is it? ------------------------------------------------------------------ */

static bool touch(const struct span *a, const struct span *b)
{
	return a->table == b->table && a->addr < b->addr + b->count && b->addr < a->addr + a->count;
}

/* Where it is written: where it is read, if nothing else is said. */
static struct span written_at(const struct device *d, const struct point *p)
{
	struct span s = model_span(d, p);
	if (p->write && p->write->address >= 0)
		s.addr = (uint16_t)p->write->address;
	if (p->write && p->write->address >= 0)
		s.table = table_is_bits(s.table) ? TABLE_COIL : TABLE_HOLDING;
	return s;
}

static bool has_some(const struct device *d, const struct point *p, const struct span *s)
{
	if (p->source != SOURCE_REGISTER || p->absent || !model_bound(d))
		return false;
	const struct span read = model_span(d, p), written = written_at(d, p);
	return touch(s, &read) || touch(s, &written);
}

static const struct point *owner_in(const struct device *d, const struct span *s)
{
	for (uint32_t i = 0; i < d->set->n; i++)
		if (has_some(d, &d->set->point[i], s))
			return &d->set->point[i];
	return NULL;
}

static bool to_all(const struct bus_conf *b, uint8_t unit)
{
	return unit == 0 || (b->kind == BUS_TCP && unit == UINT8_MAX);
}

static bool answers(const struct model *m, uint32_t bus, const struct span *s,
                    const struct device *d)
{
	return d->bus == bus && s->count &&
	       (d->id == s->unit || to_all(&m->bus[bus], s->unit) || to_all(&m->bus[bus], d->id));
}

bool control_touches(const struct model *m, uint32_t bus, const struct span *s, uint32_t device,
                     uint32_t point)
{
	const struct device *d = &m->device[device];
	return answers(m, bus, s, d) && has_some(d, &d->set->point[point], s);
}

bool control_owner(const struct model *m, uint32_t bus, const struct span *s, char *buf,
                   size_t size)
{
	for (size_t i = 0; i < m->ndevice; i++) {
		const struct device *d = &m->device[i];
		const struct point *p = answers(m, bus, s, d) ? owner_in(d, s) : NULL;
		if (!p)
			continue;
		snprintf(buf, size, "%s.%s", d->name, p->name);
		return true;
	}
	return false;
}
