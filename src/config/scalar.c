// SPDX-License-Identifier: MIT
#include "config/scalar.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/alias.h"
#define POWER_MAX 18

static const char *const kind_name[] = {
	[NODE_SCALAR] = "a word",
	[NODE_LIST] = "a list",
	[NODE_MAP] = "a map",
};

/* Digits with a leading zero, or digits with colons: numbers to some YAML programs, texts to
 * others. */
static bool is_trap(const char *s)
{
	if (*s == '-' || *s == '+')
		s++;
	if (!isdigit((unsigned char)*s))
		return false;
	const bool zero = s[0] == '0' && isdigit((unsigned char)s[1]);
	bool colon = false;
	for (; *s; s++) {
		if (*s == ':' && isdigit((unsigned char)s[1]))
			colon = true;
		else if (!isdigit((unsigned char)*s))
			return false;
	}
	return zero || colon;
}

/* A scalar that is there and is no trap. `what` names what is expected: "a number". */
static bool scalar_ready(struct diag *d, const char *key, const struct node *n, const char *what)
{
	if (n->kind != NODE_SCALAR) {
		diag_error(d, n->where, "%s: expects %s, not %s", key, what, kind_name[n->kind]);
		return false;
	}
	if (node_is_null(n)) {
		diag_error(d, n->where, "%s: has no value; it expects %s", key, what);
		return false;
	}
	if (!n->quoted && is_trap(n->text)) {
		diag_error(d, n->where,
		           "%s: %s can be read as an octal or base 60 number; quote it if it is a "
		           "text, else "
		           "write the number in decimal",
		           key, n->text);
		return false;
	}
	return true;
}

static bool number_ready(struct diag *d, const char *key, const struct node *n, const char *what)
{
	if (!scalar_ready(d, key, n, what))
		return false;
	const size_t comma = strcspn(n->text, ",");
	if (comma && isdigit((unsigned char)n->text[comma - 1]) &&
	    isdigit((unsigned char)n->text[comma + (n->text[comma] != 0)])) {
		diag_error(d, n->where, "%s: %s: a decimal number has a point, %.*s.%s", key,
		           n->text, (int)comma, n->text, n->text + comma + 1);
		return false;
	}
	if (!n->quoted)
		return true;
	diag_error(d, n->where, "%s: expects %s, \"%s\" is a text: remove the quotes", key, what,
	           n->text);
	return false;
}

static bool wrong(struct diag *d, const char *key, const struct node *n, const char *what)
{
	diag_error(d, n->where, "%s: \"%s\" is not %s", key, n->text, what);
	return false;
}

bool scalar_bool(struct diag *d, const char *key, const struct node *n, bool *out)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {{"true", true},   {"yes", true}, {"on", true},
	             {"false", false}, {"no", false}, {"off", false}};
	if (!scalar_ready(d, key, n, "true or false"))
		return false;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!n->quoted && strcmp(words[i].word, n->text) == 0) {
			*out = words[i].value;
			return true;
		}
	}
	return wrong(d, key, n, "true or false");
}

/* Digits of `base` up to the end as 64 bits. */
static bool digits_parse(const char *s, int base, uint64_t *out)
{
	if (!isxdigit((unsigned char)*s))
		return false;
	char *end;
	errno = 0;
	*out = strtoull(s, &end, base);
	return errno == 0 && *end == '\0';
}

static bool magnitude_parse(const char *s, uint64_t *out)
{
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		return digits_parse(s + 2, 16, out);
	if (s[0] == '0' && s[1])
		return false;
	return isdigit((unsigned char)*s) && digits_parse(s, 10, out);
}

bool number_parse(const char *text, int64_t *out)
{
	const bool neg = *text == '-';
	uint64_t u;
	if (!magnitude_parse(text + neg, &u) || u > (uint64_t)INT64_MAX)
		return false;
	*out = neg ? -(int64_t)u : (int64_t)u;
	return true;
}

static bool in_range(struct diag *d, const char *key, const struct node *n, int64_t v, int64_t min,
                     int64_t max)
{
	if (v >= min && v <= max)
		return true;
	diag_error(d, n->where, "%s: %s is out of range, %" PRId64 " to %" PRId64, key, n->text,
	           min, max);
	return false;
}

bool scalar_int(struct diag *d, const char *key, const struct node *n, int64_t min, int64_t max,
                int64_t *out)
{
	if (!number_ready(d, key, n, "a number"))
		return false;
	int64_t v;
	if (!number_parse(n->text, &v))
		return wrong(d, key, n, "a whole number, decimal or 0x");
	if (!in_range(d, key, n, v, min, max))
		return false;
	*out = v;
	return true;
}

/* "40001", "400001" or "4x0001": the digit and the rest, which counts from 1. */
static bool modicon_parse(const char *text, char *digit, int64_t *number)
{
	const size_t len = strlen(text);
	const bool x = len > 2 && (text[1] == 'x' || text[1] == 'X');
	const char *rest = text + (x ? 2 : 1);

	if (len < 5 || len > 7 || strspn(rest, "0123456789") != strlen(rest))
		return false;
	*digit = text[0];
	*number = strtol(rest, NULL, 10);
	return strchr("0134", text[0]) && *number >= 1 && *number <= 65536;
}

static bool modicon_address(struct diag *d, const char *key, const struct node *n, int table,
                            int64_t *out)
{
	static const struct {
		char digit;
		const char *what;
	} of[] = {[TABLE_COIL] = {'0', "a coil"},
	          [TABLE_DISCRETE] = {'1', "a discrete input"},
	          [TABLE_HOLDING] = {'4', "a holding register"},
	          [TABLE_INPUT] = {'3', "an input register"}};
	char digit;

	/* 00001 is a number here, whatever YAML thinks of it */
	const bool parsed = n->kind == NODE_SCALAR && modicon_parse(n->text, &digit, out);
	if (!parsed && !number_ready(d, key, n, "a number"))
		return false;
	if (!parsed) {
		diag_error(d, n->where,
		           "%s: with address_base: modicon an address is like %c0001 or %cx0001",
		           key, of[table < 0 ? TABLE_HOLDING : table].digit,
		           of[table < 0 ? TABLE_HOLDING : table].digit);
		return false;
	}
	--*out;
	if (table < 0 ? digit == '0' || digit == '4' : digit == of[table].digit)
		return true;
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		if (of[i].digit == digit)
			diag_error(d, n->where, "%s: %s is %s", key, n->text, of[i].what);
	return false;
}

bool scalar_address(struct diag *d, const char *key, const struct node *n, uint8_t base, int table,
                    int64_t *out)
{
	if (base == BASE_MODICON)
		return modicon_address(d, key, n, table, out);
	if (!scalar_int(d, key, n, base, 65535 + base, out))
		return false;
	*out -= base;
	return true;
}

bool scalar_base(struct diag *d, const struct node *n, uint8_t *out)
{
	static const char *const words[] = {"0", "1", "modicon", NULL};
	const int i = scalar_choice(d, "address_base", n, words);

	if (i >= 0)
		*out = (uint8_t)i;
	return i >= 0;
}

bool scalar_raw(struct diag *d, const char *key, const struct node *n, uint64_t *out)
{
	if (!number_ready(d, key, n, "a raw number"))
		return false;
	const bool neg = *n->text == '-';
	uint64_t u;
	if (!magnitude_parse(n->text + neg, &u) || (neg && u > (uint64_t)INT64_MAX + 1))
		return wrong(d, key, n, "a whole number, decimal or 0x");
	*out = neg ? 0 - u : u;
	return true;
}

/* "1e-05" as programs write small numbers: mantissa and power of ten, exactly. */
static bool power_parse(const char *text, struct decimal *out)
{
	char mantissa[32], *end;
	const size_t len = strcspn(text, "eE");
	if (text[len] == '\0' || len >= sizeof mantissa)
		return false;
	memcpy(mantissa, text, len);
	mantissa[len] = '\0';
	const char *digits = text + len + 1 + strspn(text + len + 1, "+-");
	const long power = strtol(text + len + 1, &end, 10);
	if (digits > text + len + 2 || !isdigit((unsigned char)*digits) || *end ||
	    labs(power) > POWER_MAX || !decimal_parse(mantissa, out))
		return false;
	if (out->mant == 0)
		return true;
	const struct decimal plain = *out;
	return decimal_shift(&plain, (int)power, out);
}

bool scalar_decimal(struct diag *d, const char *key, const struct node *n, struct decimal *out)
{
	if (!number_ready(d, key, n, "a number"))
		return false;
	return decimal_parse(n->text, out) || power_parse(n->text, out) ||
	       wrong(d, key, n, "a decimal number like 0.01");
}

bool scalar_real(struct diag *d, const char *key, const struct node *n, double *out)
{
	struct decimal dec;
	int64_t i;
	if (n->kind == NODE_SCALAR && !n->quoted && number_parse(n->text, &i)) {
		*out = (double)i;
		return true;
	}
	if (!scalar_decimal(d, key, n, &dec))
		return false;
	*out = decimal_real(&dec);
	return true;
}

static const struct unit {
	const char *name;
	int64_t factor;
} time_units[] =
	{
		{"us", 1},         {"ms", 1000},      {"s", 1000000},     {"m", 60000000},
		{"min", 60000000}, {"h", 3600000000}, {"d", 86400000000},
},
  byte_units[] = {
	  {"B", 1}, {"kB", 1000}, {"KiB", 1024}, {"MB", 1000000}, {"MiB", 1 << 20},
};

/* "1.5" with a unit behind it, exactly. False: not of that form or too large. */
static bool united_parse(const char *s, const struct unit *unit, size_t nunit, int64_t *out)
{
	const size_t len = strspn(s, "0123456789.");
	char number[24];
	struct decimal dec;
	if (len == 0 || len >= sizeof number)
		return false;
	memcpy(number, s, len);
	number[len] = '\0';
	if (!decimal_parse(number, &dec))
		return false;
	for (size_t i = 0; i < nunit; i++) {
		if (strcmp(s + len, unit[i].name) != 0)
			continue;
		int64_t v;
		if (__builtin_mul_overflow(dec.mant, unit[i].factor, &v))
			return false;
		for (unsigned p = 0; p < dec.places; p++)
			v /= 10;
		*out = v;
		return true;
	}
	return false;
}

void duration_print(us_t t, char *buf, size_t size)
{
	static const struct unit print[] = {{"d", 86400000000}, {"h", 3600000000}, {"m", 60000000},
	                                    {"s", 1000000},     {"ms", 1000},      {"us", 1}};
	for (size_t i = 0; i < sizeof print / sizeof *print; i++) {
		if (t % print[i].factor == 0 || i + 1 == sizeof print / sizeof *print) {
			if (t == 0)
				i = 3;
			snprintf(buf, size, "%" PRId64 "%s", t / print[i].factor, print[i].name);
			return;
		}
	}
}

/* The number with the units it may have meant. */
static void say_no_unit(struct diag *d, const char *key, const struct node *n, int64_t v, us_t min,
                        us_t max)
{
	const bool s = v <= max / US_S, ms = v >= min / US_MS;
	diag_error(d, n->where, "%s: %s has no unit; add us, ms, s, m, h or d, like %s%s%s%s%s",
	           key, n->text, n->text, s ? "s" : "ms", s && ms ? " or " : "",
	           s && ms ? n->text : "", s && ms ? "ms" : "");
}

bool scalar_duration(struct diag *d, const char *key, const struct node *n, us_t min, us_t max,
                     us_t *out)
{
	int64_t v;
	if (!number_ready(d, key, n, "a duration like 500ms or 10s"))
		return false;
	if (strcmp(n->text, "0") == 0) {
		v = 0;
	} else if (number_parse(n->text, &v)) {
		say_no_unit(d, key, n, v, min, max);
		return false;
	} else if (!united_parse(n->text, time_units, sizeof time_units / sizeof *time_units, &v)) {
		return wrong(d, key, n, "a duration like 500ms, 10s, 5m, 1h or 1d");
	}
	if (v < min || v > max) {
		char low[32], high[32];
		duration_print(min, low, sizeof low);
		duration_print(max, high, sizeof high);
		diag_error(d, n->where, "%s: %s is out of range, %s to %s", key, n->text, low,
		           high);
		return false;
	}
	*out = v;
	return true;
}

bool scalar_size(struct diag *d, const char *key, const struct node *n, int64_t min, int64_t max,
                 int64_t *out)
{
	int64_t v;
	if (!number_ready(d, key, n, "a size like 64KiB or 1MiB"))
		return false;
	if (!number_parse(n->text, &v) &&
	    !united_parse(n->text, byte_units, sizeof byte_units / sizeof *byte_units, &v))
		return wrong(d, key, n, "a size like 4096, 64KiB or 1MiB");
	if (!in_range(d, key, n, v, min, max))
		return false;
	*out = v;
	return true;
}

bool scalar_range(struct diag *d, const char *key, const struct node *n, int64_t min, int64_t max,
                  int64_t *first, int64_t *last)
{
	if (!number_ready(d, key, n, "a range like 1..8"))
		return false;
	const char *dots = strstr(n->text, "..");
	if (!dots) {
		if (!scalar_int(d, key, n, min, max, first))
			return false;
		*last = *first;
		return true;
	}
	char number[24];
	const size_t len = (size_t)(dots - n->text);
	if (len < sizeof number) {
		memcpy(number, n->text, len);
		number[len] = '\0';
	}
	if (len >= sizeof number || !number_parse(number, first) || !number_parse(dots + 2, last))
		return wrong(d, key, n, "a range like 1..8");
	if (!in_range(d, key, n, *first, min, max) || !in_range(d, key, n, *last, min, max))
		return false;
	if (*first <= *last)
		return true;
	diag_error(d, n->where, "%s: the range %s goes down", key, n->text);
	return false;
}

const char *scalar_text(struct diag *d, const char *key, const struct node *n)
{
	return scalar_ready(d, key, n, "a text") ? n->text : NULL;
}

const char *scalar_hint(const char *word, const char *const *known, size_t n, char *buf,
                        size_t size)
{
	const char *near = diag_nearest(word, known, n);
	if (!near)
		return "";
	snprintf(buf, size, "; did you mean \"%s\"?", near);
	return buf;
}

int scalar_choice(struct diag *d, const char *key, const struct node *n, const char *const *words)
{
	if (!scalar_ready(d, key, n, "a word"))
		return -1;
	char list[256], hint[96];
	size_t count = 0, len = 0;
	list[0] = '\0';
	for (; words[count]; count++) {
		if (strcmp(words[count], n->text) == 0)
			return (int)count;
		if (len < sizeof list)
			len += (size_t)snprintf(list + len, sizeof list - len, "%s%s",
			                        count ? ", " : "", words[count]);
	}
	const char *advice = alias_advice(key, n->text);
	if (advice)
		snprintf(hint, sizeof hint, "; here it is %s", advice);
	diag_error(d, n->where, "%s: \"%s\" is not one of %s%s", key, n->text, list,
	           advice ? hint : scalar_hint(n->text, words, count, hint, sizeof hint));
	return -1;
}

/* A name or an address. One of digits and dots alone is an address, or mistyped. */
static bool host_good(const char *host, size_t len, bool bracket)
{
	struct in_addr four;
	char text[64];
	if (bracket)
		return true;
	if (strcspn(host, ",;@?#\"'\\") < len)
		return false;
	if (strspn(host, "0123456789.") < len)
		return true;
	if (len >= sizeof text)
		return false;
	memcpy(text, host, len);
	text[len] = '\0';
	return inet_pton(AF_INET, text, &four) == 1;
}

bool host_port_parse(const char *text, const char **host, size_t *len, int64_t *port,
                     bool *has_port)
{
	const bool bracket = *text == '[';
	const char *end = bracket ? strchr(text, ']') : text + strcspn(text, ":/ ");
	if (!end)
		return false;
	*host = text + bracket;
	*len = (size_t)(end - *host);
	end += bracket;
	*has_port = *end == ':';
	if (*has_port && (!number_parse(end + 1, port) || *port < 1 || *port > 65535))
		return false;
	return *len > 0 && (*has_port || !*end) && host_good(*host, *len, bracket);
}
