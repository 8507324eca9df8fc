// SPDX-License-Identifier: MIT
#include "core/model/devclass.h"

#include <string.h>

#include "core/model/devclass_table.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Home Assistant takes these for the second. */
static const char *const same_unit[][2] = {
	{"VAr", "var"},
	{"kVAr", "kvar"},
	{"mVAr", "mvar"},
	{"VArh", "varh"},
	{"kVArh", "kvarh"},
	{"\u00b5S/cm", "\u03bcS/cm"},
	{"\u00b5V", "\u03bcV"},
	{"\u00b5A", "\u03bcA"},
	{"\u00b5g", "\u03bcg"},
	{"\u00b5s", "\u03bcs"},
	{"\u00b5g/m\u00b3", "\u03bcg/m\u00b3"},
};

static const char *unit_of(const char *unit)
{
	if (!unit)
		return "";
	for (size_t i = 0; i < COUNT(same_unit); i++)
		if (strcmp(unit, same_unit[i][0]) == 0)
			return same_unit[i][1];
	return unit;
}

static const char *digits(const char *s, unsigned most, uint32_t *out)
{
	*out = 0;
	for (unsigned i = 0; i < most && *s >= '0' && *s <= '9'; i++)
		*out = *out * 10 + (uint32_t)(*s++ - '0');
	return s;
}

uint32_t devclass_version(const char *text)
{
	uint32_t year, month;
	const char *s = digits(text, 4, &year);
	if (*s != '.' || *digits(s + 1, 2, &month) || month < 1 || month > 12)
		return 0;
	const uint32_t version = year * 100 + month;
	return version < DEVCLASS_OLDEST ? 0 : version;
}

const struct devclass *devclass_find(const char *name)
{
	for (size_t i = 0; name && i < COUNT(table); i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

bool devclass_of(const char *platform, const char *name)
{
	static const struct {
		const char *platform;
		const char *name[29];
	} row[] = {
		{"binary_sensor",
	         {"battery",
	          "battery_charging",
	          "carbon_monoxide",
	          "cold",
	          "connectivity",
	          "door",
	          "garage_door",
	          "gas",
	          "heat",
	          "light",
	          "lock",
	          "moisture",
	          "motion",
	          "moving",
	          "occupancy",
	          "opening",
	          "plug",
	          "power",
	          "presence",
	          "problem",
	          "running",
	          "safety",
	          "smoke",
	          "sound",
	          "tamper",
	          "update",
	          "vibration",
	          "window"}},
		{"switch", {"outlet", "switch"}},
		{"button", {"identify", "restart", "update"}},
	};
	for (size_t i = 0; name && i < COUNT(row); i++) {
		if (strcmp(row[i].platform, platform) != 0)
			continue;
		for (size_t k = 0; row[i].name[k]; k++)
			if (strcmp(row[i].name[k], name) == 0)
				return true;
	}
	return false;
}

static const struct {
	uint8_t state;
	const char *name;
} states[] = {
	{STATE_MEASUREMENT, "measurement"},
	{STATE_MEASUREMENT_ANGLE, "measurement_angle"},
	{STATE_TOTAL, "total"},
	{STATE_TOTAL_INCREASING, "total_increasing"},
};

uint8_t devclass_state(const char *name)
{
	for (size_t i = 0; name && i < COUNT(states); i++)
		if (strcmp(states[i].name, name) == 0)
			return states[i].state;
	return 0;
}

const char *devclass_state_name(uint8_t state)
{
	for (size_t i = 0; i < COUNT(states); i++)
		if (states[i].state == state)
			return states[i].name;
	return NULL;
}

bool devclass_fits(const struct devclass *c, const char *unit, uint32_t version)
{
	unit = unit_of(unit);
	if (version < c->since)
		return false;
	if (c->kind != DEVCLASS_UNITS)
		return (c->kind == DEVCLASS_TEXT) == !*unit;
	for (const struct unit_since *u = c->units; u->unit; u++)
		if (strcmp(u->unit, unit) == 0)
			return version >= u->since;
	return false;
}

/* -- the unit that was meant ------------------------------------------------------------------- */

/* As people write them. */
static const char *const written[][2] = {
	{"C", "°C"},         {"degC", "°C"}, {"\u2103", "°C"},  {"F", "°F"},
	{"Volt", "V"},       {"volts", "V"}, {"Amp", "A"},      {"amps", "A"},
	{"ampere", "A"},     {"Watt", "W"},  {"watts", "W"},    {"l/m", "L/min"},
	{"lpm", "L/min"},    {"sec", "s"},   {"seconds", "s"},  {"minutes", "min"},
	{"hours", "h"},      {"hrs", "h"},   {"days", "d"},     {"lux", "lx"},
	{"percent", "%"},    {"m^3", "m³"},  {"m^3/h", "m³/h"}, {"W/m^2", "W/m²"},
	{"Wh/\u33a1", "Wh"}, {"cbm", "m³"},  {"kbar", "bar"},   {"deg", "°"},
};

/* The next letter, without what is easily written otherwise. */
static unsigned fold(const char **s)
{
	static const char *const two[][2] = {
		{"\u00b5", "u"}, {"\u03bc", "u"}, {"³", "3"}, {"²", "2"}};
	for (size_t i = 0; i < COUNT(two); i++) {
		const size_t n = strlen(two[i][0]);
		if (strncmp(*s, two[i][0], n) == 0) {
			*s += n;
			return (unsigned char)two[i][1][0];
		}
	}
	const unsigned c = (unsigned char)*(*s)++;
	return c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c;
}

static bool same_folded(const char *a, const char *b)
{
	while (*a && *b)
		if (fold(&a) != fold(&b))
			return false;
	return !*a && !*b;
}

static const char *class_unit(const struct devclass *c, const char *unit)
{
	for (const struct unit_since *u = c->units; u->unit; u++)
		if (same_folded(u->unit, unit))
			return u->unit;
	return NULL;
}

const char *devclass_near(const struct devclass *c, const char *unit)
{
	const char *found = NULL;
	size_t longest = 0;
	if (c->kind != DEVCLASS_UNITS || !unit || !*unit)
		return NULL;
	for (size_t i = 0; i < COUNT(written) && !found; i++)
		if (same_folded(written[i][0], unit))
			found = class_unit(c, written[i][1]);
	if (!found)
		found = class_unit(c, unit);
	if (found)
		return found;
	for (const struct unit_since *u = c->units; u->unit; u++) { /* kWp: kW and an ending */
		const size_t n = strlen(u->unit);
		if (n > longest && strlen(unit) <= n + 2 && strncmp(u->unit, unit, n) == 0) {
			found = u->unit;
			longest = n;
		}
	}
	return found;
}

/* -- what needs no telling --------------------------------------------------------------------- */

/* Does the name hold one of these words ("Rating|Limit")? */
static bool says(const char *name, const char *words)
{
	while (*words) {
		const size_t n = strcspn(words, "|");
		for (const char *s = name; *s; s++)
			if (strncmp(s, words, n) == 0)
				return true;
		words += n + (words[n] == '|');
	}
	return false;
}

#define FIXED "Rating|Rated|Limit|Nominal|Thresh|Yesterday|LastDay|LastMonth|LastYear|Ratio"
#define STORED "Remain|Stored|Capacity|Available"

/* In order: the first row whose unit and words fit. */
static const struct {
	const char *units; /* separated by blanks, one before and behind */
	const char *words; /* of the name; NULL: whatever it is */
	const char *class_;
} guess[] = {
	{" V mV kV ", NULL, "voltage"},
	{" A mA ", NULL, "current"},
	{" W kW MW mW ", NULL, "power"},
	{" VA kVA ", NULL, "apparent_power"},
	{" var kvar VAr kVAr ", NULL, "reactive_power"},
	{" Hz kHz ", NULL, "frequency"},
	{" °C °F ", NULL, "temperature"},
	{" Wh kWh MWh GWh ", STORED, "energy_storage"},
	{" Wh kWh MWh GWh ", NULL, "energy"},
	{" varh kvarh VArh kVArh ", NULL, "reactive_energy"},
	{" lx ", NULL, "illuminance"},
	{" hPa mbar ", NULL, "atmospheric_pressure"},
	{" bar Pa kPa psi ", NULL, "pressure"},
	{" W/m² ", NULL, "irradiance"},
	{" \u00b5S/cm \u03bcS/cm mS/cm ", NULL, "conductivity"},
	{" L/min L/h L/s m³/h m³/s ", NULL, "volume_flow_rate"},
	{" m/s km/h ", "Wind", "wind_speed"},
	{" m/s km/h ", NULL, "speed"},
	{" g/m³ mg/m³ ", "Humid", "absolute_humidity"},
	{" \u00b5g/m³ \u03bcg/m³ ", "Pm10", "pm10"},
	{" \u00b5g/m³ \u03bcg/m³ ", "Pm25|Pm2_5", "pm25"},
	{" ppm ", "Co2", "carbon_dioxide"},
	{" dB dBA ", "Sound|Noise", "sound_pressure"},
	{" dBm ", NULL, "signal_strength"},
	{" % ", "Humid", "humidity"},
	{" % ", "Moisture", "moisture"},
	{" % ", "PowerFactor", "power_factor"},
	{" % ", "MinStateOfCharge|MaxStateOfCharge|StopStateOfCharge", NULL},
	{" % ", "StateOfCharge", "battery"},
	{"", "PowerFactor", "power_factor"},
	{" mm ", "Rain|Precip", "precipitation"},
	{" ° ", "WindDirection", "wind_direction"},
	{" kg g ", NULL, "weight"},
	{" m³ L ", "Gas", "gas"},
	{" m³ L ", "Water", "water"},
	{" m³ L ", STORED, "volume_storage"},
	{" d h min s ms ", NULL, "duration"},
};

static bool has_unit(const char *list, const char *unit)
{
	const size_t n = strlen(unit);
	if (!n || !*list)
		return !n && !*list;
	for (const char *s = list; (s = strstr(s, unit)); s += n)
		if (s[-1] == ' ' && s[n] == ' ')
			return true;
	return false;
}

static uint8_t guess_state(const struct devclass *c, const char *name, bool counter, bool negative)
{
	const bool rises = counter || says(name, "RunTime");
	if (says(name, FIXED))
		return 0;
	if (!c)
		return counter ? STATE_TOTAL_INCREASING : STATE_MEASUREMENT;
	if (c->states & STATE_TOTAL_INCREASING && !(c->states & STATE_MEASUREMENT))
		return negative && !counter ? STATE_TOTAL : STATE_TOTAL_INCREASING;
	if (strcmp(c->name, "duration") == 0 || strcmp(c->name, "precipitation") == 0)
		return rises ? STATE_TOTAL_INCREASING : 0;
	if (c->states & STATE_TOTAL_INCREASING && counter)
		return STATE_TOTAL_INCREASING;
	return c->states & STATE_MEASUREMENT ? STATE_MEASUREMENT : c->states;
}

const struct devclass *devclass_guess(const char *unit, const char *name, bool counter,
                                      bool negative, uint8_t *state)
{
	const struct devclass *c = NULL;
	unit = unit ? unit : "";
	for (size_t i = 0; i < COUNT(guess); i++) {
		if (!has_unit(guess[i].units, unit) ||
		    (guess[i].words && !says(name, guess[i].words)))
			continue;
		c = devclass_find(guess[i].class_);
		break;
	}
	/* a number without unit may be anything: a version, an address */
	*state = c || *unit || counter ? guess_state(c, name, counter, negative) : 0;
	return c;
}
