/* SPDX-License-Identifier: MIT */
/*
 * model_text: a model as a text that differs when anything about it does. What a codec or an
 * expression is, is said by what it makes of some words, so a key that changes nothing anybody
 * could see shows.
 */
#ifndef TESTS_UNIT_MODEL_TEXT_H
#define TESTS_UNIT_MODEL_TEXT_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/model/model.h"

#define TEXT(s) ((s) ? (s) : "-")

static inline struct value some_input(void *ctx, int index)
{
	const unsigned seed = *(const unsigned *)ctx;
	return value_real((double)((index * 37 + 11) % 23) * (seed % 3 + 0.5) - (seed ? 40 : 0));
}

static inline void text_expr(FILE *f, const struct point *p, const struct expr *e)
{
	char text[2 * VALUE_PRINT_MAX];
	for (unsigned seed = 0; e && seed < 3; seed++) {
		const struct value v = expr_eval(e, some_input, &seed);
		point_print(p, &v, NULL, text, sizeof text);
		fprintf(f, " %s", text);
	}
}

/* What commands would put into the registers. */
static inline void text_encoded(FILE *f, const struct point *p)
{
	static const double numbers[] = {0, 1, 2.5, -3, 77.77, 300, 70000};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		uint16_t words[CELLS_MAX] = {0}, mask[CELLS_MAX] = {0};
		const struct value v = value_real(numbers[i]);
		fprintf(f, " %d", codec_encode(&p->codec, &v, words, mask));
		for (unsigned k = 0; k < codec_words(&p->codec); k++)
			fprintf(f, ",%x/%x", words[k], mask[k]);
	}
}

static inline void text_codec(FILE *f, const struct point *p)
{
	static const uint16_t sample[][6] = {
		{0, 0, 0, 0, 0, 0},
		{1, 0, 0, 0, 0, 0},
		{0x5500, 0x5500, 0x5500, 0x5500, 0x5500, 0x5500},
		{0x0055, 0x00AA, 0x0055, 0x00AA, 0x0055, 0x00AA},
		{0x0102, 0x0304, 0x0506, 0x0708, 0x090A, 0x0B0C},
		{0x8001, 0x7FFE, 0x8002, 0x7FFD, 0xFFFE, 0x0110},
		{0x4148, 0x4A4B, 0x4C4D, 0x3132, 0x3334, 0x3536},
		{0x0A0B, 0x0C0D, 0x0009, 0x0807, 0x0605, 0x0403},
		{0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF},
	};
	const struct value three = value_int(1);
	for (size_t i = 0; i < sizeof sample / sizeof *sample; i++) {
		uint16_t words[CELLS_MAX];
		char text[VALUE_TEXT_MAX] = "", print[2 * VALUE_PRINT_MAX];
		struct value v;
		for (size_t k = 0; k < CELLS_MAX; k++)
			words[k] = sample[i][k % 6];
		point_decode(p, words, p->exponent_from < 0 ? NULL : &three,
		             p->factor_from < 0 ? NULL : &three, text, &v);
		point_print(p, &v, NULL, print, sizeof print);
		fprintf(f, " %s", print);
	}
	fprintf(f, " words %u", codec_words(&p->codec));
	for (unsigned i = 0; i < p->codec.nna; i++)
		fprintf(f, " na %" PRIx64, p->codec.na[i]);
	if (p->codec.layout)
		fprintf(f, " utc %d", p->codec.layout->utc);
}

static inline void text_write(FILE *f, const struct write_rule *w)
{
	fprintf(f, " write %d%d%d%d%d %d%d%d%d%d fc%d raw%d,%d @%d %d %d %d %g %g %g", w->only,
	        w->verify, w->persistent, w->repeatable, w->accept_retained, w->has_min, w->has_max,
	        w->has_step, w->safe_on_broker, w->safe_on_no_command, w->function, w->raw_len,
	        w->raw_answer, w->address, w->on, w->off, w->toggle, w->min, w->max, w->step);
	const us_t times[] = {w->settle, w->min_write_interval, w->pulse,     w->rewrite,
	                      w->sync,   w->command_timeout,    w->safe_after};
	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		fprintf(f, " %" PRId64, times[i]);
	fprintf(f, " %s %s %s", TEXT(w->safe_value), TEXT(w->confirm), TEXT(w->group));
	for (unsigned i = 0; i < w->raw_len; i++)
		fprintf(f, " %x", w->raw[i]);
}

static inline void text_point(FILE *f, const struct point *p)
{
	fprintf(f, "  %s %d %d %d %d,%d %d+%d,%d absent %d", p->name, p->source, p->table, p->parts,
	        p->addr[0], p->addr[1], p->part, p->offset[0], p->offset[1], p->absent);
	fprintf(f, " %d %d %d #%d hidden %d", p->exponent_from, p->factor_from, p->count_from,
	        p->repeat_n, p->hidden);
	for (unsigned i = 0; i < p->nlabel; i++)
		fprintf(f, " %" PRId64 "=%s", p->label[i].code, p->label[i].text);
	fprintf(f, " valid %d %g %g counter %g", p->has_valid, p->valid_min, p->valid_max,
	        p->counter ? p->counter->max_rise : -1);
	fprintf(f, " %s|%s|%s|%s|%s", TEXT(p->unit), TEXT(p->description), TEXT(p->class_),
	        TEXT(p->state_class), TEXT(p->icon));
	fprintf(f, " %s %d %d", TEXT(p->title), p->category, p->announced);
	fprintf(f, " %d %d %d %d %s %" PRId64 " %" PRId64, p->rate, p->prio, p->poll, p->barrier,
	        TEXT(p->together), p->period, p->stale);
	fprintf(f, " %d %d %g %" PRId64 " %" PRId64, p->filter.mode, p->filter.percent,
	        (double)p->filter.deadband, p->filter.heartbeat, p->filter.min_interval);
	fprintf(f, " %d %d %d alert %d %d %s", p->retain, p->history, p->qos, p->alert,
	        p->alert_code, TEXT(p->alert_desc));
	if (p->source == SOURCE_REGISTER)
		text_codec(f, p);
	text_expr(f, p, p->expr);
	if (p->write) {
		text_write(f, p->write);
		text_encoded(f, p);
	}
	fputc('\n', f);
}

static inline void text_group(FILE *f, const struct group_rule *g)
{
	const struct point plain = {.exponent_from = -1, .factor_from = -1};
	fprintf(f, "  group %s order", g->name);
	for (size_t i = 0; i < g->norder; i++)
		fprintf(f, " %u", g->order[i]);
	for (size_t i = 0; i < g->nrule; i++) {
		fprintf(f, " rule %s", g->rule_text[i]);
		text_expr(f, &plain, g->rule[i]);
	}
	fputc('\n', f);
}

static inline void text_set(FILE *f, const struct pointset *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		text_point(f, &s->point[i]);
	for (size_t i = 0; i < s->ngroup; i++)
		text_group(f, &s->group[i]);
	for (unsigned i = 0; s->sunspec && i < s->sunspec->nbase; i++)
		fprintf(f, "  base %u\n", s->sunspec->base[i]);
	for (unsigned i = 0; s->sunspec && i < s->sunspec->npart; i++) {
		const struct sunspec_part *p = &s->sunspec->part[i];
		fprintf(f, "  model %s %d %d", p->name, p->nth, p->length);
		for (unsigned k = 0; k < p->nid; k++)
			fprintf(f, " %u", p->id[k]);
		fputc('\n', f);
	}
}

static inline void text_steps(FILE *f, const char *what, const struct setup_step *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(f, "  %s %u %s\n", what, s[i].point, s[i].value);
}

static inline void text_device(FILE *f, const struct device *d)
{
	const struct unit_rule *r = &d->rule;
	fprintf(f, " device %s %s bus %u id %u %d%d%d%d", d->name, TEXT(d->profile), d->bus, d->id,
	        d->enabled, d->commands, d->json, d->shared);
	fprintf(f, " %s|%s|%s|%s %d", TEXT(d->title), TEXT(d->vendor), TEXT(d->model),
	        TEXT(d->sources), d->status);
	fprintf(f, " unit %u %" PRId64 " %u %" PRId64 " %" PRId64 " %u %u %" PRIx64 " %u %d %d",
	        r->unit, r->timeout, r->retries, r->pause, r->pause_after_write, r->max_read,
	        r->max_hole, r->functions, r->read_function, r->has_mask_write, r->loose_echo);
	for (unsigned i = 0; i < r->nwindow; i++)
		fprintf(f, " %u..%u", r->window[i].first, r->window[i].last);
	fprintf(f, " write %u fc%u %" PRIx64, d->max_write, d->write_function, d->functions);
	fprintf(f, " identify %d %d %d", d->identify_point, d->identify_ignore, d->identify_kind);
	for (size_t i = 0; i < d->nidentify; i++)
		fprintf(f, " %s", d->identify_word[i]);
	for (size_t i = 0; i < d->ndevice_id; i++)
		fprintf(f, " %u=%s", d->device_id[i].object, d->device_id[i].pattern);
	fprintf(f, " unlock %d %s %" PRId64 "\n", d->unlock_point, TEXT(d->unlock_value),
	        d->unlock_lasts);
	text_steps(f, "setup", d->setup, d->nsetup);
	text_steps(f, "offline", d->offline, d->noffline);
	text_set(f, d->set);
}

static inline void text_bus(FILE *f, const struct bus_conf *b)
{
	fprintf(f, " bus %s %d %s %s:%u %u %u%c%u direction %d%d", b->name, b->kind, TEXT(b->port),
	        TEXT(b->host), b->tcp_port, b->baud, b->data, b->parity, b->stop, b->direction,
	        b->rts_high);
	fprintf(f,
	        " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %u %d %" PRId64 " %" PRId64 "\n",
	        b->rts_before, b->rts_after, b->silence, b->timeout, b->retries, b->echo,
	        b->connect_delay, b->close_idle);
}

static inline void text_mqtt(FILE *f, const struct mqtt_conf *m)
{
	fprintf(f, "mqtt %s:%u %d v%d %s %s %s %s %s %s %s %d", TEXT(m->host), m->port, m->use_tls,
	        m->version, TEXT(m->client_id), TEXT(m->prefix), TEXT(m->username),
	        TEXT(m->password), TEXT(m->ca), TEXT(m->cert), TEXT(m->key), m->tls_verify);
	fprintf(f, " %" PRId64 " %d%d%d %d %" PRId64 " %d%d %zu %" PRId64 "\n", m->keepalive,
	        m->qos_value, m->qos_status, m->qos_command, m->retain, m->expiry, m->payload_unit,
	        m->properties, m->history_buffer, m->sys_interval);
}

static inline void text_test(FILE *f, const struct profile_test *t)
{
	fprintf(f, " test %s %s %u", TEXT(t->title), TEXT(t->source),
	        t->device + 1000U * t->capture);
	for (size_t i = 0; i < t->nblock; i++) {
		fprintf(f, " %u@%u", t->block[i].table, t->block[i].addr);
		for (unsigned k = 0; k < t->block[i].n; k++)
			fprintf(f, " %x", t->block[i].word[k]);
	}
	for (size_t i = 0; i < t->nexpect; i++)
		fprintf(f, " %s=%s", t->expect[i].point, t->expect[i].text);
	fputc('\n', f);
}

/* The caller's to free. */
static inline char *model_text(const struct model *m, const struct profile_test *t, size_t n)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	if (!f)
		abort();
	fprintf(f, "gateway %s %d %d\n", m->gateway, m->commands_off, m->control);
	text_mqtt(f, &m->mqtt);
	const struct homeassistant_conf *ha = &m->homeassistant;
	fprintf(f, "homeassistant %d %d %u %zu %s\n", ha->on, ha->names_as_written, ha->version,
	        ha->max_bytes, ha->prefix);
	text_mqtt(f, &m->thingsboard);
	for (size_t i = 0; i < m->nbus; i++) {
		text_bus(f, &m->bus[i]);
		fprintf(f, " %s\n", TEXT(m->bus[i].description));
	}
	for (size_t i = 0; i < m->ndevice; i++)
		text_device(f, &m->device[i]);
	for (size_t i = 0; i < m->nparameter; i++) {
		const struct profile_parameter *p = &m->parameter[i];
		fprintf(f, " parameter %s %s %s", p->name, TEXT(p->preset), TEXT(p->description));
		for (size_t k = 0; k < p->nchoice; k++)
			fprintf(f, " %s=%u", p->choice[k].text, p->choice[k].device);
		fputc('\n', f);
	}
	for (size_t i = 0; i < n; i++)
		text_test(f, &t[i]);
	fclose(f);
	return text;
}

#endif
