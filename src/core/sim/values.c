// SPDX-License-Identifier: MIT
#include "core/sim/values.h"

#include <stdio.h>
#include <string.h>

#define HOUR (3600.0)
#define DAY_START (11 * HOUR) /* so that a demo sees the sun */
#define POWER_FACTOR 0.97
#define REACTIVE 0.2431 /* √(1 − 0.97²) */

/* splitmix64: the same numbers from the same seed on every machine. */
static uint64_t hash(uint64_t x)
{
	x += 0x9E3779B97F4A7C15u;
	x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
	x = (x ^ x >> 27) * 0x94D049BB133111EBu;
	return x ^ x >> 31;
}

static uint64_t hash_text(uint64_t seed, const char *text)
{
	for (; *text; text++)
		seed = hash(seed ^ (uint8_t)*text);
	return seed;
}

/* −1 to 1 at lattice point n. */
static double jump(uint64_t seed, int64_t n)
{
	return (double)(hash(seed ^ (uint64_t)n * 0xD1342543DE82EF95u) >> 11) /
	               (double)(1ull << 52) -
	       1;
}

/* −1 to 1, wandering with `period` seconds between its turning points. */
static double wander(uint64_t seed, double seconds, double period)
{
	const double at = seconds / period;
	const int64_t n = (int64_t)at;
	const double x = at - (double)n, s = x * x * (3 - 2 * x);

	return jump(seed, n) * (1 - s) + jump(seed, n + 1) * s;
}

static double elapsed(const struct simvalues *v)
{
	return (double)(v->now - v->start) / 1e6;
}

/* 0 to 1: the sun between six and eighteen, a parabola. */
static double sun(const struct simvalues *v)
{
	const double second = DAY_START + elapsed(v);
	const double hour = (second - 86400 * (double)(int64_t)(second / 86400)) / HOUR;
	const double x = (hour - 6) / 12;

	return x > 0 && x < 1 ? 4 * x * (1 - x) : 0;
}

/* Watts of a subject now; positive: the usual direction. */
static double watts(const struct simvalues *v, enum sim_subject s)
{
	const double t = elapsed(v);
	const uint64_t seed = hash(v->seed + s);
	double w = 0;

	switch (s) {
	case SUBJECT_SOLAR: /* clouds take up to a third */
		return 520 * sun(v) *
		       (0.83 + 0.15 * wander(seed, t, 20) + 0.02 * wander(seed + 1, t, 2));
	case SUBJECT_CHARGER:
		return 0.96 * watts(v, SUBJECT_SOLAR);
	case SUBJECT_LOAD: /* a lamp or two */
		return 60 + 25 * (wander(seed, t, 30) > 0.2) + 2 * wander(seed + 1, t, 2);
	case SUBJECT_BATTERY:
		return watts(v, SUBJECT_CHARGER) - watts(v, SUBJECT_LOAD);
	default: /* a house: refrigerator, kettle, and what runs always */
		w = 310 + 15 * wander(seed, t, 3) + 90 * (wander(seed + 1, t, 40) > 0);
		return w + 1850 * (wander(seed + 2, t, 25) > 0.75);
	}
}

static double volts(const struct simvalues *v, enum sim_subject s)
{
	static const double nominal[SUBJECTS] = {230, 36, 13.2, 13.2, 13.2};
	const double t = elapsed(v);
	const uint64_t seed = hash(v->seed + 100 + s);
	const uint64_t battery = hash(v->seed + 100 + SUBJECT_BATTERY);

	if (s == SUBJECT_MAINS)
		return nominal[s] + 1.5 * wander(seed, t, 30) + 0.3 * wander(seed + 1, t, 2);
	if (s == SUBJECT_SOLAR)
		return sun(v) > 0 ? nominal[s] + 1.2 * wander(seed, t, 15) +
		                            0.2 * wander(seed + 1, t, 2)
		                  : 0.5;
	return nominal[s] + watts(v, SUBJECT_BATTERY) / 600 + 0.02 * wander(battery, t, 5);
}

static enum sim_subject subject(const char *name)
{
	static const struct {
		const char *start;
		enum sim_subject subject;
	} row[] = {
		{"Pv", SUBJECT_SOLAR},        {"Gen", SUBJECT_SOLAR},
		{"Chg", SUBJECT_CHARGER},     {"Load", SUBJECT_LOAD},
		{"Batt", SUBJECT_BATTERY},    {"Cell", SUBJECT_BATTERY},
		{"Charger", SUBJECT_CHARGER}, {"Custom", SUBJECT_BATTERY},
		{"System", SUBJECT_BATTERY},  {"OverV", SUBJECT_BATTERY},
		{"LowV", SUBJECT_BATTERY},    {"Day", SUBJECT_BATTERY},
		{"Night", SUBJECT_BATTERY},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (strncmp(name, row[i].start, strlen(row[i].start)) == 0)
			return row[i].subject;
	return SUBJECT_MAINS;
}

static double energy(const struct simvalues *v, const struct point *p)
{
	const enum sim_subject s = subject(p->name);
	const double since = v->imported[s] - (double)(hash(v->seed + s) % 3000 + 500);
	double e = v->imported[s];

	if (strstr(p->name, "Today"))
		e = 1.2 + since;
	else if (strstr(p->name, "Month"))
		e = 31.4 + since;
	else if (strstr(p->name, "Year"))
		e = 312.7 + since;
	else if (strstr(p->name, "Export"))
		e = v->exported[s];
	else if (strstr(p->name, "Total"))
		e += v->exported[s];
	return strstr(p->unit, "var") ? REACTIVE * e : e;
}

static double power(const struct simvalues *v, const struct point *p)
{
	const double w = watts(v, subject(p->name));

	if (strstr(p->name, "Export"))
		return 0;
	if (strcmp(p->unit, "VA") == 0)
		return w / POWER_FACTOR;
	return strcmp(p->unit, "var") == 0 ? REACTIVE * w / POWER_FACTOR : w;
}

static double thousandth(double x, const char *unit)
{
	return unit[0] == 'k' ? x / 1000 : x;
}

static double of_volts(const struct simvalues *v, const struct point *p)
{
	return volts(v, subject(p->name));
}

static double of_amperes(const struct simvalues *v, const struct point *p)
{
	const enum sim_subject s = subject(p->name);
	const double va = s == SUBJECT_MAINS ? watts(v, s) / POWER_FACTOR : watts(v, s);

	return va / volts(v, s);
}

static double of_power(const struct simvalues *v, const struct point *p)
{
	return thousandth(power(v, p), p->unit);
}

static double of_energy(const struct simvalues *v, const struct point *p)
{
	return p->unit[0] == 'k' ? energy(v, p) : 1000 * energy(v, p);
}

static double of_degrees(const struct simvalues *v, const struct point *p)
{
	const uint64_t seed = hash_text(v->seed, p->name);

	return 24 + 4 * jump(seed, 0) + 1.5 * wander(seed, elapsed(v), 120) +
	       0.05 * wander(seed + 1, elapsed(v), 5);
}

static double of_per_cent(const struct simvalues *v, const struct point *p)
{
	const uint64_t seed = hash_text(v->seed, p->name);

	return 70 + 10 * jump(seed, 0) + 5 * wander(seed, elapsed(v), 300);
}

static double of_hertz(const struct simvalues *v, const struct point *p)
{
	(void)p;
	return 50 + 0.03 * wander(hash(v->seed + 200), elapsed(v), 4);
}

static double of_nothing(const struct simvalues *v, const struct point *p)
{
	const uint64_t seed = hash_text(v->seed, p->name);

	if (strstr(p->name, "PowerFactor"))
		return POWER_FACTOR;
	if (strcmp(p->name, "UnitId") == 0)
		return v->device->id;
	if (strcmp(p->name, "SwVersion") == 0)
		return 2;
	if (strstr(p->name, "PerStepWhole")) /* full scale: more than any volts and amperes here */
		return 180;
	if (strstr(p->name, "SerialNumber"))
		return (double)(10000000 + seed % 9000000);
	return (double)(1 + seed % 20);
}

static const struct {
	const char *unit;
	double (*of)(const struct simvalues *v, const struct point *p);
} quantity[] = {
	{"V", of_volts},    {"A", of_amperes},  {"W", of_power},     {"kW", of_power},
	{"VA", of_power},   {"kVA", of_power},  {"var", of_power},   {"kvar", of_power},
	{"Wh", of_energy},  {"kWh", of_energy}, {"varh", of_energy}, {"kvarh", of_energy},
	{"°C", of_degrees}, {"%", of_per_cent}, {"Hz", of_hertz},
};

static double number(const struct simvalues *v, const struct point *p)
{
	for (size_t i = 0; p->unit && i < sizeof(quantity) / sizeof(quantity[0]); i++)
		if (strcmp(p->unit, quantity[i].unit) == 0)
			return quantity[i].of(v, p);
	return of_nothing(v, p);
}

/* What the moving value never passes, upwards or downwards. */
static double bound(const struct point *p, double x)
{
	const bool is_max = strstr(p->name, "Max") != NULL, is_min = strstr(p->name, "Min") != NULL;
	const char *unit = p->unit ? p->unit : "";

	if (strcmp(unit, "°C") == 0)
		return x + (is_max ? 6 : 0) - (is_min ? 6 : 0);
	if (is_max && strcmp(unit, "V") == 0)
		x *= 1.06;
	else if (is_max && strcmp(unit, "%") == 0)
		x *= 1.1;
	else if (is_max) /* a house's kettle is eight times its refrigerator */
		x *= subject(p->name) == SUBJECT_MAINS ? 8 : 2;
	return is_min ? 0.9 * x : x;
}

/* Settings and ratings are constant, on a value the point allows. */
static double standing(const struct simvalues *v, const struct point *p)
{
	const struct write_rule *w = p->write;
	struct simvalues first = *v;
	double x;

	first.now = first.start;
	x = number(&first, p);
	if (!w)
		x = bound(p, x);
	if (w && w->has_min && w->has_max && (x < w->min || x > w->max))
		x = w->min + (w->max - w->min) / 2;
	if (w && w->has_step && w->step > 0 && w->has_min)
		x = w->min + w->step * (double)(int64_t)((x - w->min) / w->step);
	return x;
}

static bool stands(const struct point *p)
{
	return p->write || p->rate == RATE_ONCE || strstr(p->name, "Max") ||
	       strstr(p->name, "Min") || strncmp(p->name, "System", 6) == 0;
}

/* The state a person likes to see; else the first label, which is the quiet one. */
static int64_t state(const struct simvalues *v, const struct point *p)
{
	static const char *const lively[] = {"Running", "Bulk", "MPPT", "Manual", "User"};

	if (p->alert)
		return 0;
	for (uint16_t i = 0; i < p->nlabel; i++)
		for (size_t k = 0; k < sizeof(lively) / sizeof(lively[0]); k++)
			if (strcmp(p->label[i].text, lively[k]) == 0)
				return p->label[i].code;
	if (strstr(p->name, "Enable"))
		return 1;
	if (strncmp(p->name, "Input", 5) == 0 && !p->nlabel)
		return wander(hash_text(v->seed, p->name), elapsed(v), 10) > 0;
	return p->nlabel ? p->label[0].code : 0;
}

static void say(const struct simvalues *v, const struct point *p, char *text)
{
	const unsigned long n = (unsigned long)(hash_text(v->seed, v->device->name) % 1000000);
	const size_t room = (size_t)2 * p->codec.length + 1;

	if (strstr(p->name, "Serial"))
		snprintf(text, VALUE_TEXT_MAX, "SIM%06lu", n);
	else if (strcmp(p->name, "Manufacturer") == 0 && v->device->vendor)
		snprintf(text, VALUE_TEXT_MAX, "%s", v->device->vendor);
	else if (strcmp(p->name, "Model") == 0 && v->device->model)
		snprintf(text, VALUE_TEXT_MAX, "%s", v->device->model);
	else
		snprintf(text, VALUE_TEXT_MAX, "SIM %s", p->name);
	if (room < VALUE_TEXT_MAX)
		text[room - 1] = '\0';
}

/* RFC 3339 from seconds since 1970 (days to civil date after Howard Hinnant's public domain note).
 */
static void say_time(int64_t epoch, char *text)
{
	const int64_t day = epoch / 86400 + 719468, era = day / 146097;
	const int64_t doe = day - era * 146097;
	const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	const int month = (int)(mp < 10 ? mp + 3 : mp - 9), second = (int)(epoch % 86400);

	snprintf(text, VALUE_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02dZ",
	         (int)(yoe + era * 400 + (month <= 2)), month, (int)(doy - (153 * mp + 2) / 5 + 1),
	         second / 3600, second / 60 % 60, second % 60);
}

void simvalues_init(struct simvalues *v, const struct device *d, uint64_t seed, us_t now)
{
	*v = (struct simvalues){
		.device = d, .seed = hash_text(hash(seed), d->name), .start = now, .now = now};
	for (unsigned s = 0; s < SUBJECTS; s++) {
		v->imported[s] = (double)(hash(v->seed + s) % 3000 + 500);
		v->exported[s] = (double)(hash(v->seed + 50 + s) % 300);
	}
}

void simvalues_step(struct simvalues *v, us_t now, int64_t epoch)
{
	const double hours = (double)(now - v->now) / 3.6e9;

	if (now > v->now)
		v->now = now;
	v->epoch = epoch;
	for (unsigned s = 0; s < SUBJECTS && hours > 0; s++) {
		const double kwh = watts(v, s) * hours / 1000;
		if (kwh > 0)
			v->imported[s] += kwh;
		else
			v->exported[s] -= kwh;
	}
}

/* 1,2,3 … or 0,1,0,1 … */
static void say_list(const struct codec *c, char *text)
{
	size_t at = 0;
	for (unsigned i = 0; i < c->array; i++)
		at += (size_t)snprintf(text + at, VALUE_TEXT_MAX - at, "%c%u", i ? ',' : '[',
		                       c->of == TYPE_BOOL ? i % 2 : i + 1);
	snprintf(text + at, VALUE_TEXT_MAX - at, "]");
}

void simvalues_point(const struct simvalues *v, const struct point *p, char *text,
                     struct value *out)
{
	switch (p->codec.type) {
	case TYPE_STRING:
	case TYPE_BYTES:
		say(v, p, text);
		*out = (struct value){.kind = VALUE_TEXT, .text = text};
		return;
	case TYPE_DATETIME:
		say_time(v->epoch, text);
		*out = (struct value){.kind = VALUE_TEXT, .text = text};
		return;
	case TYPE_ARRAY:
		say_list(&p->codec, text);
		*out = (struct value){.kind = VALUE_TEXT, .text = text};
		return;
	case TYPE_BOOL:
		*out = value_bool(state(v, p) != 0);
		return;
	default:
		break;
	}
	if (p->nlabel || p->alert || p->codec.bits) {
		*out = value_int(state(v, p));
		return;
	}
	const double x = stands(p) ? standing(v, p) : number(v, p);
	const bool good = !p->has_valid || (x >= p->valid_min && x <= p->valid_max);
	*out = value_real(good ? x : p->valid_min + (p->valid_max - p->valid_min) / 2);
}
