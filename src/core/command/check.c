// SPDX-License-Identifier: MIT
#include "core/command/command.h"

#include "core/base/text.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LIMIT_SLACK 1e-9  /* of a step: what doubles may lose */
#define HALF_SLACK 1e-3   /* of a limit: what f16 may lose */
#define SINGLE_SLACK 1e-6 /* f32 */

struct answer {
	char *reason;
	size_t size;
};

static bool refuse(const struct answer *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static bool refuse(const struct answer *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(a->reason, a->size, fmt, ap);
	va_end(ap);
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The payload without blanks around it; false: longer than any value. */
static bool trim(const char *text, char *out, size_t size)
{
	while (is_blank(*text))
		text++;
	size_t len = strlen(text);
	while (len && is_blank(text[len - 1]))
		len--;
	if (len >= size)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

/* -- labels ------------------------------------------------------------------------- */

static bool refuse_label(const struct point *p, const struct answer *a)
{
	size_t used = (size_t)snprintf(a->reason, a->size, "no such label; one of: ");
	for (unsigned i = 0; i < p->nlabel && used < a->size; i++)
		used += (size_t)snprintf(a->reason + used, a->size - used, "%s%s", i ? ", " : "",
		                         p->label[i].text);
	if (used >= a->size && a->size > 4)
		strcpy(a->reason + a->size - 4, "...");
	return false;
}

/* Exactly, else ignoring case if only one is meant. */
static const struct label *label_find(const struct point *p, const char *text)
{
	const struct label *found = NULL;
	unsigned n = 0;
	for (unsigned i = 0; i < p->nlabel; i++) {
		if (strcmp(p->label[i].text, text) == 0)
			return &p->label[i];
		if (strcasecmp(p->label[i].text, text) == 0) {
			found = &p->label[i];
			n++;
		}
	}
	return n == 1 ? found : NULL;
}

static bool bit_word(const char *text, bool *on)
{
	static const struct {
		const char *word;
		bool on;
	} row[] = {
		{"on", true},   {"true", true},   {"1", true},
		{"off", false}, {"false", false}, {"0", false},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		if (strcasecmp(row[i].word, text) == 0) {
			*on = row[i].on;
			return true;
		}
	}
	return false;
}

/* -- numbers ------------------------------------------------------------------------- */

/* slack: a part of the limit that a floating point register may lose of it. */
static bool check_limits(const struct write_rule *w, double number, double slack,
                         const char *rounds, const struct answer *a)
{
	if (w->has_min && number < w->min - slack * fabs(w->min))
		return refuse(a, "%sbelow the minimum %.15g", rounds, w->min);
	if (w->has_max && number > w->max + slack * fabs(w->max))
		return refuse(a, "%sabove the maximum %.15g", rounds, w->max);
	return true;
}

static bool check_step(const struct write_rule *w, double number, const struct answer *a)
{
	if (!w->has_step || w->step <= 0)
		return true;
	const double from = w->has_min ? w->min : 0, steps = (number - from) / w->step;
	const double lost = 4 * DBL_EPSILON * (fabs(number) + fabs(from)) / w->step;
	if (fabs(steps - round(steps)) <= LIMIT_SLACK + lost)
		return true;
	if (w->has_min)
		return refuse(a, "not %.15g plus a multiple of the step %.15g", w->min, w->step);
	return refuse(a, "not a multiple of the step %.15g", w->step);
}

static bool parse_number(const struct point *p, const char *text, struct value *v,
                         const struct answer *a)
{
	const char *end;
	if (!value_parse_number(text, &end, v))
		return refuse(a, "not a number");
	if (!*end || (p->unit && strcmp(end, p->unit) == 0))
		return true;
	if (p->unit && *p->unit)
		return refuse(a, "not a number in %s", p->unit);
	return refuse(a, "not a number");
}

/* A label, the word of a bit, or a number, to a value. */
static bool parse_value(const struct point *p, const char *text, struct value *v,
                        const struct answer *a)
{
	const struct label *label = label_find(p, text);
	const bool bit = p->codec.type == TYPE_BOOL;
	bool on;
	if (label) {
		*v = bit ? value_bool(label->code != 0) : value_int(label->code);
		return true;
	}
	if (bit && !p->nlabel && bit_word(text, &on)) {
		*v = value_bool(on);
		return true;
	}
	if (!parse_number(p, text, v, a)) {
		if (p->nlabel)
			return refuse_label(p, a);
		return bit ? refuse(a, "must be on or off") : false;
	}
	if (bit) {
		const double number = value_number(v);
		if (number != 0 && number != 1)
			return p->nlabel ? refuse_label(p, a) : refuse(a, "must be on or off");
		*v = value_bool(number != 0);
	}
	/* a code; one without a label only where the profile gives a range */
	if (p->nlabel && !point_label(p, v) && !p->write->has_min && !p->write->has_max)
		return refuse_label(p, a);
	return true;
}

static bool refuse_fault(const struct point *p, enum codec_fault fault, const struct answer *a)
{
	const unsigned bytes = codec_words(&p->codec) * (p->codec.byte ? 1 : 2);
	switch (fault) {
	case CODEC_RANGE:
		return refuse(a, "does not fit the register");
	case CODEC_LONG:
		return refuse(a, "longer than %u %s", bytes,
		              p->codec.type == TYPE_BYTES ? "bytes" : "characters");
	case CODEC_DATE:
		return refuse(a, "not a time this clock can hold; write it as 2026-11-21T10:00:00");
	case CODEC_FORM:
		if (p->codec.type == TYPE_ARRAY)
			return refuse(a, "not a list of %u values, like [1,0,...]", p->codec.array);
		return refuse(a, "not %u hexadecimal digits", 2 * bytes);
	default:
		return refuse(a, "not a number");
	}
}

/* -- the whole ------------------------------------------------------------------------- */

static bool is_text(const struct point *p)
{
	return p->codec.type >= TYPE_STRING;
}

/* What was read for a scale that is in another register must be known. */
static bool check_scale(const struct point *p, const struct command_input *in,
                        const struct answer *a)
{
	const struct value *needed[] = {p->exponent_from >= 0 ? in->exponent : NULL,
	                                p->factor_from >= 0 ? in->factor : NULL};
	for (int i = 0; i < 2; i++)
		if (needed[i] && needed[i]->kind == VALUE_NONE)
			return refuse(a, "its scale has not been read yet");
	return true;
}

static bool check_writable(const struct point *p, const struct answer *a)
{
	if (!p->write || p->source != SOURCE_REGISTER)
		return refuse(a, "read-only");
	if (p->parts == 2 && (codec_words(&p->codec) != 2 ||
	                      (p->addr[0] + 1 != p->addr[1] && p->addr[1] + 1 != p->addr[0])))
		return refuse(a, "read-only: its two registers cannot be written together");
	return true;
}

/* What follows the word that confirms a dangerous action; NULL: it is not there. */
static const char *confirmed(const struct write_rule *w, const struct command_input *in)
{
	const char *text = in->text;
	if (!w->confirm)
		return text;
	while (is_blank(*text))
		text++;
	const size_t len = strlen(w->confirm);
	if (strncmp(text, w->confirm, len) == 0 && is_blank(text[len]))
		return text + len + 1;
	return in->own ? text : NULL;
}

static bool check_special(const struct point *p, const char *text, struct command_value *out)
{
	bool on = false;
	if (p->write->toggle >= 0 && strcasecmp(text, "toggle") == 0 && !label_find(p, text)) {
		out->toggle = true;
		return true;
	}
	if (!p->write->raw)
		return false;
	return (bit_word(text, &on) && on) || label_find(p, text);
}

static bool check_text(const struct point *p, const char *text, bool now,
                       const struct command_input *in, struct value *v, const struct answer *a)
{
	if (now) {
		if (!in->now)
			return refuse(a, "the gateway's clock is not synchronised; write the time "
			                 "itself, as 2026-11-21T10:00:00");
		text = in->now;
	}
	if (p->codec.type == TYPE_STRING && !text_plain(text, strlen(text)))
		return refuse(a, "contains control characters or invalid UTF-8");
	*v = (struct value){.kind = VALUE_TEXT, .text = text};
	return true;
}

/* The registers, and the value as it will be read from them. */
static bool check_encode(const struct point *p, const struct value *v,
                         const struct command_input *in, struct command_value *out,
                         const struct answer *a)
{
	const enum codec_fault fault =
		point_encode(p, v, in->exponent, in->factor, out->word, out->mask);
	if (fault)
		return refuse_fault(p, fault, a);
	out->n = (uint16_t)codec_words(&p->codec);
	point_decode(p, out->word, in->exponent, in->factor, out->text, &out->v);
	if (out->v.kind == VALUE_NONE)
		return refuse(a, "outside the valid range");
	out->on = out->v.kind == VALUE_BOOL && out->v.mant;
	return true;
}

/* Each element keeps the limits. */
static bool check_elements(const struct point *p, const char *text, const struct answer *a)
{
	struct value v;
	for (unsigned i = 0; i < p->codec.array; i++) {
		text = codec_array_next(text, i == 0, &v);
		if (!text)
			return true; /* no such list: said later */
		if (!check_limits(p->write, value_number(&v), 0, "", a) ||
		    !check_step(p->write, value_number(&v), a))
			return false;
	}
	return true;
}

bool command_check(const struct point *p, const struct command_input *in, struct command_value *out,
                   char *reason, size_t size)
{
	const struct answer a = {reason, size};
	char text[VALUE_TEXT_MAX];
	struct value v;
	memset(out, 0, sizeof *out);
	if (!check_writable(p, &a))
		return false;
	const char *payload = confirmed(p->write, in);
	if (!payload)
		return refuse(&a, "confirmation required: write '%s' before the value",
		              p->write->confirm);
	if (!trim(payload, text, sizeof text))
		return refuse(&a, "too long");
	if (!*text)
		return refuse(&a, "empty");
	if (check_special(p, text, out))
		return true;
	if (p->write->raw)
		return refuse(&a, "an action: send 'on'");
	if (!check_scale(p, in, &a))
		return false;
	out->now = p->codec.type == TYPE_DATETIME && strcasecmp(text, "now") == 0;
	if (is_text(p))
		return check_text(p, text, out->now, in, &v, &a) && check_elements(p, text, &a) &&
		       check_encode(p, &v, in, out, &a) &&
		       (p->codec.type != TYPE_ARRAY || check_elements(p, out->text, &a));
	if (!parse_value(p, text, &v, &a))
		return false;
	const double slack = p->codec.type == TYPE_F16   ? HALF_SLACK
	                     : p->codec.type == TYPE_F32 ? SINGLE_SLACK
	                                                 : LIMIT_SLACK;
	return check_limits(p->write, value_number(&v), 0, "", &a) &&
	       check_step(p->write, value_number(&v), &a) && check_encode(p, &v, in, out, &a) &&
	       check_limits(p->write, value_number(&out->v), slack,
	                    "the nearest the register can hold is ", &a);
}
