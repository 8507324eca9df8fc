// SPDX-License-Identifier: MIT
/* A point's value as it is published. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/json.h"
#include "core/model/model.h"

#define EXPONENT_DECIMALS 6

/* The integer a value is; labels belong to integers only. */
static bool value_code(const struct value *v, int64_t *out)
{
	const double r = value_number(v);
	if (!(fabs(r) < 9223372036854775808.0) || r != trunc(r))
		return false;
	if (v->kind != VALUE_REAL && v->places == 0) {
		*out = (int64_t)(v->neg ? 0 - v->mant : v->mant);
		return v->mant <= INT64_MAX;
	}
	*out = (int64_t)r;
	return true;
}

const struct label *point_label(const struct point *p, const struct value *v)
{
	int64_t code;
	if (!p->nlabel || v->kind == VALUE_TEXT || v->kind == VALUE_NONE || !value_code(v, &code))
		return NULL;
	for (unsigned i = 0; i < p->nlabel; i++)
		if (p->label[i].code == code)
			return &p->label[i];
	return NULL;
}

bool point_alerts(const struct point *p)
{
	return p->alert != ALERT_NONE && !p->hidden;
}

int point_print(const struct point *p, const struct value *v, const char *unit, char *buf,
                size_t size)
{
	const struct label *label = point_label(p, v);
	if (label)
		return snprintf(buf, size, "%s", label->text);
	int decimals = (int)p->codec.decimals; /* NOLINT(bugprone-signed-char-misuse): a number */
	if (decimals < 0 && v->kind == VALUE_DECIMAL) /* the exponent's own */
		decimals = v->places < EXPONENT_DECIMALS ? v->places : EXPONENT_DECIMALS;
	const int len = value_print(v, decimals, buf, size);
	const bool number =
		v->kind == VALUE_DECIMAL || (v->kind == VALUE_REAL && isfinite(v->real));
	if (!unit || !*unit || !number)
		return len;
	const size_t at = (size_t)len < size ? (size_t)len : size;
	return len + snprintf(buf + at, size - at, " %s", unit);
}

/* Texts that look like numbers stay texts where the point's type requires it. */
void point_json(struct json *j, const struct point *p, const char *name, const char *text)
{
	const bool list = p->source == SOURCE_REGISTER && p->codec.type == TYPE_ARRAY;
	if (!text)
		jw_null(j, name);
	else if (list && text[0] == '[')
		jw_raw(j, name, text);
	else if (point_is_words(p) && strcmp(text, "None") != 0)
		jw_string(j, name, text);
	else
		jw_value(j, name, text);
}
