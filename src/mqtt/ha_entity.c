// SPDX-License-Identifier: MIT
#include "mqtt/ha_entity.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define STEP_LEAST 0.001 /* a smaller one is refused */
#define STEP_DIGITS 3
#define LIMIT_UNKNOWN 1e9 /* of floating point registers without limits */

const char *const ha_platform_name[HA_PLATFORMS] = {
	[HA_NONE] = "",         [HA_SENSOR] = "sensor", [HA_BINARY_SENSOR] = "binary_sensor",
	[HA_SWITCH] = "switch", [HA_NUMBER] = "number", [HA_SELECT] = "select",
	[HA_BUTTON] = "button", [HA_TEXT] = "text",
};

uint8_t ha_platform_of(const char *name)
{
	for (uint8_t i = 1; name && i < HA_PLATFORMS; i++)
		if (strcmp(ha_platform_name[i], name) == 0)
			return i;
	return HA_NONE;
}

/* -- which kind -------------------------------------------------------------------------------- */

static bool is_bit(const struct point *p)
{
	return p->source == SOURCE_REGISTER && p->codec.type == TYPE_BOOL;
}

static bool is_text(const struct point *p)
{
	return p->source != SOURCE_EXPR && p->codec.type >= TYPE_STRING;
}

static const char *label_of(const struct point *p, bool one)
{
	for (uint16_t i = 0; i < p->nlabel; i++)
		if ((p->label[i].code != 0) == one)
			return p->label[i].text;
	return NULL;
}

/* Words that a switch can stand for. */
static bool is_switched(const char *on, const char *off)
{
	static const char *const pair[][2] = {
		{"on", "off"},           {"yes", "no"},         {"true", "false"},
		{"enabled", "disabled"}, {"enable", "disable"}, {"active", "inactive"},
	};
	for (size_t i = 0; i < COUNT(pair); i++)
		if (strcasecmp(on, pair[i][0]) == 0 && strcasecmp(off, pair[i][1]) == 0)
			return true;
	return false;
}

/* Two states; the words are on and off, in whichever order the codes are. named: by a class, the
 * words may be any. */
static bool two_states(const struct point *p, bool named, struct ha_entity *e)
{
	if (!p->nlabel && is_bit(p)) {
		e->on = "on";
		e->off = "off";
		return true;
	}
	const char *one = label_of(p, true), *zero = label_of(p, false);
	if (p->nlabel != 2 || !one || !zero || strcmp(one, zero) == 0)
		return false;
	const bool turned = is_switched(zero, one);
	if (!named && !turned && !is_switched(one, zero))
		return false;
	e->on = turned ? zero : one;
	e->off = turned ? one : zero;
	return true;
}

static bool looks_like_number(const char *text)
{
	char *end = NULL;
	if (!text)
		return false;
	(void)strtod(text, &end);
	return end != text && !*end;
}

/* Can the register hold a code that has no label? */
static bool has_strange_codes(const struct point *p)
{
	const unsigned bits = p->codec.bits;
	return p->nlabel && !is_bit(p) && !(bits && bits < 16 && p->nlabel >> bits);
}

static uint8_t words_filter(const struct point *p)
{
	if (!has_strange_codes(p))
		return HA_FILTER_NONE;
	for (uint16_t i = 0; i < p->nlabel; i++)
		if (looks_like_number(p->label[i].text))
			return HA_FILTER_LISTED;
	return HA_FILTER_NUMBERS;
}

/* A few words beside a number, like {255: No Limit} of a limit in per cent. */
static bool is_number(const struct point *p)
{
	const struct write_rule *w = p->write;
	if (is_bit(p) || is_text(p))
		return false;
	if (!p->nlabel || (p->unit && *p->unit))
		return true;
	return w && !w->only && w->has_min && w->has_max &&
	       (w->max - w->min) / (w->has_step && w->step > 0 ? w->step : 1) + 1 > 2 * p->nlabel;
}

/* Something that is done, not a state: raw requests, pulses, what can only be switched on. */
static const char *button_payload(const struct point *p)
{
	const struct write_rule *w = p->write;
	const char *word = label_of(p, true);
	if (w->raw || (is_bit(p) && (w->pulse || (w->only && w->on >= 0 && w->off < 0))))
		return is_bit(p) && word ? word : "on";
	return w->only && p->nlabel == 1 ? p->label[0].text : NULL;
}

/* A clock with date and time of day, and so with its zone. */
static bool is_clock(const struct point *p)
{
	const struct layout *y = p->codec.layout;
	bool day = false, hour = false;
	if (!is_text(p) || p->codec.type != TYPE_DATETIME || !y)
		return false;
	for (uint8_t i = 0; i < y->n; i++) {
		const uint8_t part = y->part[i];
		day |= part == PART_DAY || part == PART_EPOCH;
		hour |= part == PART_HOUR || part == PART_HHMM || part == PART_EPOCH;
	}
	return day && hour;
}

/* -- numbers ----------------------------------------------------------------------------------- */

static bool is_signed(const struct point *p)
{
	switch (p->codec.type) {
	case TYPE_U8:
	case TYPE_U16:
	case TYPE_U32:
	case TYPE_U64:
	case TYPE_BCD16:
	case TYPE_BCD32:
	case TYPE_MOD10K:
		return p->source != SOURCE_REGISTER || p->codec.scale.mant < 0 ||
		       p->codec.offset.mant < 0;
	default:
		return true;
	}
}

/* Of the register: what it can hold at all. */
static void register_limits(const struct point *p, double *min, double *max)
{
	const struct codec *c = &p->codec;
	const unsigned bits = c->bits                                    ? c->bits
	                      : c->type == TYPE_U8 || c->type == TYPE_S8 ? 8
	                                                                 : 16 * codec_words(c);
	const double scale = c->scale.mant ? decimal_real(&c->scale) : 1;
	const double offset = decimal_real(&c->offset), high = pow(2, bits);
	const bool real = c->type == TYPE_F16 || c->type == TYPE_F32 || c->type == TYPE_F64;
	if (real || p->exponent_from >= 0 || p->factor_from >= 0 || bits > 32) {
		*min = -LIMIT_UNKNOWN;
		*max = LIMIT_UNKNOWN;
		return;
	}
	const bool sign = c->type == TYPE_S8 || c->type == TYPE_S16 || c->type == TYPE_S32 ||
	                  c->type == TYPE_SIGNMAG;
	const double a = (sign ? -high / 2 : 0) * scale + offset;
	const double b = (sign ? high / 2 - 1 : high - 1) * scale + offset;
	*min = a < b ? a : b;
	*max = a < b ? b : a;
}

static void set_limits(const struct point *p, struct ha_entity *e)
{
	const struct write_rule *w = p->write;
	register_limits(p, &e->min, &e->max);
	if (w->has_min)
		e->min = w->min;
	if (w->has_max)
		e->max = w->max;
	const int digits = p->codec.decimals < 0 || p->codec.decimals > STEP_DIGITS
	                           ? STEP_DIGITS
	                           : p->codec.decimals;
	e->step = w->has_step && w->step >= STEP_LEAST ? w->step : pow(10, -digits);
	e->filter = p->nlabel ? HA_FILTER_WORDS : e->has_state ? HA_FILTER_RANGE : HA_FILTER_NONE;
}

static bool is_none(const char *text)
{
	return strcmp(text, "none") == 0;
}

/* What is configured, else what unit and name leave no doubt of; and no more of it than
 * that version of Home Assistant accepts. */
static void set_class(const struct point *p, uint32_t version, struct ha_entity *e)
{
	uint8_t state = 0;
	const struct devclass *c =
		devclass_guess(p->unit, p->name, p->counter != NULL, is_signed(p), &state);
	e->unit = p->unit && *p->unit ? p->unit : NULL;
	if (p->class_) {
		c = is_none(p->class_) ? NULL : devclass_find(p->class_);
		state = 0;
	}
	if (p->state_class)
		state = is_none(p->state_class) ? 0 : devclass_state(p->state_class);
	if (c && (c->kind == DEVCLASS_TEXT || !devclass_fits(c, p->unit, version)))
		c = NULL;
	e->class_ = c ? c->name : NULL;
	if (state == STATE_MEASUREMENT_ANGLE && (!e->unit || strcmp(e->unit, "°") != 0))
		state = 0;
	if (state == STATE_MEASUREMENT_ANGLE && version < 202503)
		state = STATE_MEASUREMENT;
	e->state = c && !(c->states & state) ? 0 : state;
}

/* -- the kinds --------------------------------------------------------------------------------- */

static void make_sensor(const struct point *p, uint32_t version, struct ha_entity *e)
{
	const bool named = p->class_ && devclass_of("binary_sensor", p->class_);
	e->platform = HA_SENSOR;
	if (is_clock(p)) {
		e->class_ = "timestamp";
	} else if (two_states(p, named, e)) {
		e->platform = HA_BINARY_SENSOR;
		e->class_ = named ? p->class_ : NULL;
		e->filter = words_filter(p);
	} else if (is_number(p)) {
		e->number = true;
		e->filter = p->nlabel ? HA_FILTER_WORDS : HA_FILTER_NONE;
		set_class(p, version, e);
	}
}

static void make_control(const struct point *p, uint32_t version, struct ha_entity *e)
{
	const bool named = p->class_ && devclass_of("switch", p->class_);
	if (is_text(p)) {
		e->platform = HA_TEXT;
		e->filter = HA_FILTER_TEXT;
	} else if (two_states(p, false, e)) {
		e->platform = HA_SWITCH;
		e->class_ = named ? p->class_ : NULL;
		e->filter = words_filter(p);
	} else if (is_number(p)) {
		e->platform = HA_NUMBER;
		e->number = true;
		set_class(p, version, e);
		e->state = 0;
		set_limits(p, e);
	} else {
		e->platform = HA_SELECT;
		e->filter = p->nlabel ? words_filter(p) : HA_FILTER_NONE;
	}
}

/* -- where it is shown, and whether at once ---------------------------------------------------- */

/* Does one of the words begin a word of the name? "Min" does in BattVoltsMin, not in Minutes. */
static bool has_word(const char *name, const char *words)
{
	while (*words) {
		const size_t n = strcspn(words, "|");
		for (const char *s = name; *s; s++)
			if (strncmp(s, words, n) == 0 && !islower((unsigned char)s[n]))
				return true;
		words += n + (words[n] == '|');
	}
	return false;
}

#define SECONDARY                                                                                  \
	"Thd|Demand|Max|Min|Average|Reactive|Apparent|Factor|Angle|Neutral|Rating|Ratio|Limit|"    \
	"Raw|Exponent|Nominal|Resettable|Net|Bus|Cell|Month|Year|Yesterday|Exporting|Importing"

/* One of several phases, strings or channels: a meter's phases are what it is for, those of an
 * inverter are not; of a string the power is enough. */
static bool is_detail(const struct point *p)
{
	const char *line = strstr(p->name, "Line");
	if (line && (line != p->name || strstr(line + 1, "Line")))
		return true;
	if (strncmp(p->name, "Pv", 2) == 0 && isdigit((unsigned char)p->name[2]))
		return !strstr(p->name, "Power");
	return (line || p->repeat_n) && p->rate != RATE_FAST;
}

/* What it counted today Home Assistant can tell itself from the whole. */
static bool is_part_of_whole(const struct device *d, const struct point *p)
{
	const char *today = strstr(p->name, "Today");
	char whole[NAME_MAX_LEN + 1];
	if (!today || today[5])
		return false;
	const int n = snprintf(whole, sizeof whole, "%.*sLife", (int)(today - p->name), p->name);
	return model_find_point(d->set, whole, (size_t)n) >= 0;
}

static bool class_is_secondary(const char *class_)
{
	static const char *const row[] = {"apparent_power", "reactive_power", "reactive_energy",
	                                  "power_factor", "duration"};
	for (size_t i = 0; class_ && i < COUNT(row); i++)
		if (strcmp(row[i], class_) == 0)
			return true;
	return false;
}

static bool worth_showing(const struct device *d, const struct point *p, const struct ha_entity *e)
{
	const bool energy = e->class_ && strcmp(e->class_, "energy") == 0;
	if (p->poll == POLL_ON_DEMAND || p->alert || p->rate == RATE_ONCE ||
	    has_word(p->name, SECONDARY) || class_is_secondary(e->class_) || is_part_of_whole(d, p))
		return false;
	if (e->platform == HA_SENSOR && (is_text(p) || (e->number && !e->unit && !e->class_)))
		return false;
	return (p->rate != RATE_SLOW || energy) && (!is_detail(p) || !e->number);
}

/* Settings kept in the device's memory are for those who look for them. */
static bool control_worth_showing(const struct point *p)
{
	return !p->write->confirm && !p->write->persistent && p->rate != RATE_SLOW &&
	       p->poll != POLL_ON_DEMAND && !p->alert;
}

static uint8_t category_of(const struct point *p, const struct ha_entity *e)
{
	if (p->category != CATEGORY_AUTO)
		return p->category == CATEGORY_CONFIG && e->platform <= HA_BINARY_SENSOR
		               ? CATEGORY_DIAGNOSTIC
		               : p->category;
	if (e->platform == HA_NUMBER || e->platform == HA_SELECT || e->platform == HA_TEXT)
		return CATEGORY_CONFIG;
	if (e->platform > HA_BINARY_SENSOR)
		return p->write->persistent || p->write->confirm ? CATEGORY_CONFIG : CATEGORY_NONE;
	const bool code = e->platform == HA_SENSOR &&
	                  (is_text(p) || (e->number && !e->unit && !e->class_ && !e->state));
	return p->alert || code || p->rate == RATE_ONCE ? CATEGORY_DIAGNOSTIC : CATEGORY_NONE;
}

/* Points that are listed by hand are to be shown. */
static bool enabled_of(const struct device *d, const struct point *p, const struct ha_entity *e)
{
	if (p->announced != ANNOUNCED_AUTO)
		return p->announced == ANNOUNCED_ENABLED;
	if (p->write && p->write->confirm)
		return false;
	if (!d->profile)
		return p->poll != POLL_ON_DEMAND;
	return e->platform > HA_BINARY_SENSOR ? control_worth_showing(p) : worth_showing(d, p, e);
}

void ha_entity_make(const struct device *d, const struct point *p, uint32_t version,
                    struct ha_entity *out)
{
	const struct write_rule *w = d->commands && p->source == SOURCE_REGISTER ? p->write : NULL;
	*out = (struct ha_entity){.platform = HA_NONE};
	out->has_state = p->filter.mode != PUBLISH_NEVER && !(p->write && p->write->only);
	if (p->hidden || p->absent || (!out->has_state && !w))
		return;
	if (w && button_payload(p)) {
		out->platform = HA_BUTTON;
		out->on = button_payload(p);
		out->class_ = p->class_ && devclass_of("button", p->class_) ? p->class_ : NULL;
	} else if (w && !is_clock(p)) {
		make_control(p, version, out);
	} else if (out->has_state) {
		make_sensor(p, version, out);
	}
	if (out->platform == HA_SELECT && !p->nlabel)
		out->platform = HA_NONE;
	out->category = category_of(p, out);
	out->enabled = enabled_of(d, p, out);
}

/* -- names ------------------------------------------------------------------------------------- */

/* As they are written; the rest begins with a capital. */
static const char *const written[] = {"PV",   "AC", "DC",  "CO2", "PM10",
                                      "PM25", "ID", "BMS", "THD", "UV"};

static size_t word_length(const char *s)
{
	size_t n = 1;
	if (isdigit((unsigned char)*s)) {
		while (isdigit((unsigned char)s[n]))
			n++;
		return n;
	}
	if (isupper((unsigned char)s[0]) && isupper((unsigned char)s[1])) {
		while (isupper((unsigned char)s[n]) && !islower((unsigned char)s[n + 1]))
			n++;
		return n;
	}
	while (islower((unsigned char)s[n]))
		n++;
	if (n == 1) /* L1, T2 */
		while (isdigit((unsigned char)s[n]))
			n++;
	return n;
}

static const char *known_word(const char *s, size_t *n)
{
	for (size_t i = 0; i < COUNT(written); i++) {
		const size_t len = strlen(written[i]);
		if (strncasecmp(s, written[i], len) == 0 && isupper((unsigned char)*s) &&
		    !islower((unsigned char)s[len]) &&
		    !(isdigit((unsigned char)written[i][len - 1]) &&
		      isdigit((unsigned char)s[len]))) {
			*n = len;
			return written[i];
		}
	}
	return NULL;
}

void ha_words(const char *name, char buf[HA_NAME_SIZE])
{
	size_t at = 0, n = 0;
	for (const char *s = name; *s && at + 2 < HA_NAME_SIZE; s += n) {
		n = 1;
		if (*s == '_' || *s == '-')
			continue;
		const char *known = known_word(s, &n);
		if (!known)
			n = word_length(s);
		if (at)
			buf[at++] = ' ';
		for (size_t i = 0; i < n && at + 1 < HA_NAME_SIZE; i++)
			buf[at++] = known ? known[i] : s[i];
		if (!known)
			buf[at - (n < at ? n : at)] =
				(char)toupper((unsigned char)buf[at - (n < at ? n : at)]);
	}
	buf[at] = '\0';
}

void ha_slug(const char *text, char *buf, size_t size)
{
	size_t at = 0;
	for (; *text && at + 1 < size; text++) {
		if (isalnum((unsigned char)*text))
			buf[at++] = (char)tolower((unsigned char)*text);
		else if (at && buf[at - 1] != '_')
			buf[at++] = '_';
	}
	while (at && buf[at - 1] == '_')
		at--;
	buf[at] = '\0';
}
