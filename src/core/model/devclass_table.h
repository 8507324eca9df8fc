/* SPDX-License-Identifier: MIT */
/*
 * devclass_table: the device classes of Home Assistant's sensors, their units and state classes,
 * and the version each came in (202506: 2025.6; 0: before 2024.11). Facts of home-assistant/core
 * 2026.9 as listed by SukramJ/go-ha-catalog; the versions are estimated from the history of
 * home-assistant/developers.home-assistant. tests/homeassistant/rules.json holds the same facts,
 * and a test compares them. Number has the same classes but those of text. Only devclass.c
 * includes this.
 */
static const struct unit_since absolute_humidity_units[] = {{"g/m³", 0}, {"mg/m³", 0}, {NULL, 0}};
static const struct unit_since apparent_power_units[] = {
	{"mVA", 202509}, {"VA", 0}, {"kVA", 202510}, {NULL, 0}};
static const struct unit_since aqi_units[] = {{"", 0}, {NULL, 0}};
static const struct unit_since area_units[] = {{"m²", 0},  {"cm²", 0}, {"km²", 0}, {"mm²", 0},
                                               {"in²", 0}, {"ft²", 0}, {"yd²", 0}, {"mi²", 0},
                                               {"ac", 0},  {"ha", 0},  {NULL, 0}};
static const struct unit_since atmospheric_pressure_units[] = {
	{"Pa", 0},   {"hPa", 0},  {"kPa", 0},  {"mPa", 0},        {"bar", 0}, {"cbar", 0},
	{"mbar", 0}, {"mmHg", 0}, {"inHg", 0}, {"inH₂O", 202510}, {"psi", 0}, {NULL, 0}};
static const struct unit_since battery_units[] = {{"%", 0}, {NULL, 0}};
static const struct unit_since blood_glucose_concentration_units[] = {
	{"mg/dL", 0}, {"mmol/L", 0}, {NULL, 0}};
static const struct unit_since carbon_dioxide_units[] = {{"ppm", 0}, {NULL, 0}};
static const struct unit_since carbon_monoxide_units[] = {
	{"ppb", 202602}, {"ppm", 0}, {"μg/m³", 202511}, {"mg/m³", 202510}, {NULL, 0}};
static const struct unit_since conductivity_units[] = {
	{"S/cm", 0}, {"mS/cm", 0}, {"μS/cm", 0}, {NULL, 0}};
static const struct unit_since current_units[] = {{"A", 0}, {"mA", 0}, {"μA", 202605}, {NULL, 0}};
static const struct unit_since data_rate_units[] = {
	{"bit/s", 0}, {"kbit/s", 0}, {"Mbit/s", 0}, {"Gbit/s", 0}, {"B/s", 0},   {"kB/s", 0},
	{"MB/s", 0},  {"GB/s", 0},   {"KiB/s", 0},  {"MiB/s", 0},  {"GiB/s", 0}, {NULL, 0}};
static const struct unit_since data_size_units[] = {
	{"bit", 0}, {"kbit", 0}, {"Mbit", 0}, {"Gbit", 0}, {"B", 0},   {"kB", 0},
	{"MB", 0},  {"GB", 0},   {"TB", 0},   {"PB", 0},   {"EB", 0},  {"ZB", 0},
	{"YB", 0},  {"KiB", 0},  {"MiB", 0},  {"GiB", 0},  {"TiB", 0}, {"PiB", 0},
	{"EiB", 0}, {"ZiB", 0},  {"YiB", 0},  {NULL, 0}};
static const struct unit_since distance_units[] = {{"km", 0}, {"m", 0},   {"cm", 0}, {"mm", 0},
                                                   {"mi", 0}, {"nmi", 0}, {"yd", 0}, {"in", 0},
                                                   {"ft", 0}, {NULL, 0}};
static const struct unit_since duration_units[] = {{"d", 0},  {"h", 0},       {"min", 0}, {"s", 0},
                                                   {"ms", 0}, {"μs", 202504}, {NULL, 0}};
static const struct unit_since energy_units[] = {
	{"J", 0},   {"kJ", 0},   {"MJ", 0},   {"GJ", 0},       {"mWh", 202501},
	{"Wh", 0},  {"kWh", 0},  {"MWh", 0},  {"GWh", 202412}, {"TWh", 202412},
	{"cal", 0}, {"kcal", 0}, {"Mcal", 0}, {"Gcal", 0},     {NULL, 0}};
static const struct unit_since energy_distance_units[] = {
	{"kWh/100km", 0}, {"Wh/km", 202506}, {"mi/kWh", 0}, {"km/kWh", 0}, {NULL, 0}};
static const struct unit_since frequency_units[] = {{"mHz", 202605}, {"Hz", 0},  {"kHz", 0},
                                                    {"MHz", 0},      {"GHz", 0}, {NULL, 0}};
static const struct unit_since gas_units[] = {{"L", 202506}, {"m³", 0},       {"ft³", 0},
                                              {"CCF", 0},    {"MCF", 202510}, {NULL, 0}};
static const struct unit_since illuminance_units[] = {{"lx", 0}, {NULL, 0}};
static const struct unit_since irradiance_units[] = {{"W/m²", 0}, {"BTU/(h⋅ft²)", 0}, {NULL, 0}};
static const struct unit_since nitrogen_dioxide_units[] = {
	{"ppb", 202602}, {"ppm", 202603}, {"μg/m³", 0}, {NULL, 0}};
static const struct unit_since nitrogen_monoxide_units[] = {
	{"ppb", 202602}, {"μg/m³", 0}, {NULL, 0}};
static const struct unit_since nitrous_oxide_units[] = {{"μg/m³", 0}, {NULL, 0}};
static const struct unit_since power_units[] = {{"mW", 202501}, {"W", 0},       {"kW", 0},
                                                {"MW", 202412}, {"GW", 202412}, {"TW", 202412},
                                                {NULL, 0}};
static const struct unit_since power_factor_units[] = {{"%", 0}, {"", 0}, {NULL, 0}};
static const struct unit_since precipitation_units[] = {{"mm", 0}, {"cm", 0}, {"in", 0}, {NULL, 0}};
static const struct unit_since precipitation_intensity_units[] = {
	{"mm/h", 0}, {"mm/d", 0}, {"in/h", 0}, {"in/d", 0}, {NULL, 0}};
static const struct unit_since pressure_units[] = {
	{"Pa", 0},   {"hPa", 0},  {"kPa", 0},  {"mPa", 202511}, {"bar", 0}, {"cbar", 0},
	{"mbar", 0}, {"mmHg", 0}, {"inHg", 0}, {"inH₂O", 0},    {"psi", 0}, {NULL, 0}};
static const struct unit_since radon_units[] = {{"Bq/m³", 0}, {"pCi/L", 0}, {NULL, 0}};
static const struct unit_since reactive_energy_units[] = {{"varh", 0}, {"kvarh", 0}, {NULL, 0}};
static const struct unit_since reactive_power_units[] = {
	{"mvar", 202509}, {"var", 0}, {"kvar", 202505}, {NULL, 0}};
static const struct unit_since signal_strength_units[] = {{"dB", 0}, {"dBm", 0}, {NULL, 0}};
static const struct unit_since sound_pressure_units[] = {{"dB", 0}, {"dBA", 0}, {NULL, 0}};
static const struct unit_since speed_units[] = {
	{"m/s", 0},  {"m/min", 0}, {"km/h", 0}, {"mph", 0},      {"kn", 0},
	{"ft/s", 0}, {"in/s", 0},  {"mm/s", 0}, {"Beaufort", 0}, {"mm/h", 0},
	{"mm/d", 0}, {"in/h", 0},  {"in/d", 0}, {NULL, 0}};
static const struct unit_since temperature_units[] = {{"°C", 0}, {"°F", 0}, {"K", 0}, {NULL, 0}};
static const struct unit_since volatile_organic_compounds_units[] = {
	{"μg/m³", 0}, {"mg/m³", 202506}, {NULL, 0}};
static const struct unit_since volatile_organic_compounds_parts_units[] = {
	{"ppm", 0}, {"ppb", 0}, {NULL, 0}};
static const struct unit_since voltage_units[] = {{"V", 0},       {"mV", 0},      {"μV", 202412},
                                                  {"kV", 202502}, {"MV", 202502}, {NULL, 0}};
static const struct unit_since volume_units[] = {{"L", 0},       {"mL", 0},       {"gal", 0},
                                                 {"fl. oz.", 0}, {"m³", 0},       {"ft³", 0},
                                                 {"CCF", 0},     {"MCF", 202510}, {NULL, 0}};
static const struct unit_since volume_flow_rate_units[] = {
	{"m³/h", 0},       {"m³/min", 202509}, {"m³/s", 202505}, {"ft³/min", 0},
	{"L/h", 202505},   {"L/min", 0},       {"L/s", 202505},  {"gal/d", 202601},
	{"gal/h", 202511}, {"gal/min", 0},     {"mL/s", 202412}, {NULL, 0}};
static const struct unit_since water_units[] = {{"L", 0},   {"gal", 0},      {"m³", 0}, {"ft³", 0},
                                                {"CCF", 0}, {"MCF", 202510}, {NULL, 0}};
static const struct unit_since weight_units[] = {{"kg", 0}, {"g", 0},  {"mg", 0}, {"μg", 0},
                                                 {"oz", 0}, {"lb", 0}, {"st", 0}, {NULL, 0}};
static const struct unit_since wind_direction_units[] = {{"°", 0}, {NULL, 0}};
static const struct unit_since wind_speed_units[] = {
	{"m/s", 0},  {"m/min", 0}, {"km/h", 0}, {"mph", 0},      {"kn", 0},
	{"ft/s", 0}, {"in/s", 0},  {"mm/s", 0}, {"Beaufort", 0}, {NULL, 0}};

static const struct devclass table[] = {
	{"absolute_humidity", 202508, STATE_MEASUREMENT, DEVCLASS_UNITS, absolute_humidity_units},
	{"apparent_power", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, apparent_power_units},
	{"aqi", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, aqi_units},
	{"area", 202502, STATE_ANY, DEVCLASS_UNITS, area_units},
	{"atmospheric_pressure", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, atmospheric_pressure_units},
	{"battery", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, battery_units},
	{"blood_glucose_concentration", 202412, STATE_MEASUREMENT, DEVCLASS_UNITS,
         blood_glucose_concentration_units},
	{"carbon_dioxide", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, carbon_dioxide_units},
	{"carbon_monoxide", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, carbon_monoxide_units},
	{"conductivity", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, conductivity_units},
	{"current", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, current_units},
	{"data_rate", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, data_rate_units},
	{"data_size", 0, STATE_ANY, DEVCLASS_UNITS, data_size_units},
	{"date", 0, 0, DEVCLASS_TEXT, NULL},
	{"distance", 0, STATE_ANY, DEVCLASS_UNITS, distance_units},
	{"duration", 0, STATE_ANY, DEVCLASS_UNITS, duration_units},
	{"energy", 0, STATE_TOTALS, DEVCLASS_UNITS, energy_units},
	{"energy_distance", 202503, STATE_MEASUREMENT, DEVCLASS_UNITS, energy_distance_units},
	{"energy_storage", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, energy_units},
	{"enum", 0, 0, DEVCLASS_TEXT, NULL},
	{"frequency", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, frequency_units},
	{"gas", 0, STATE_TOTALS, DEVCLASS_UNITS, gas_units},
	{"humidity", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, battery_units},
	{"illuminance", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, illuminance_units},
	{"irradiance", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, irradiance_units},
	{"moisture", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, battery_units},
	{"monetary", 0, STATE_TOTAL, DEVCLASS_ANY_UNIT, NULL},
	{"nitrogen_dioxide", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, nitrogen_dioxide_units},
	{"nitrogen_monoxide", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, nitrogen_monoxide_units},
	{"nitrous_oxide", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, nitrous_oxide_units},
	{"ozone", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, nitrogen_dioxide_units},
	{"ph", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, aqi_units},
	{"pm1", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, nitrous_oxide_units},
	{"pm10", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, nitrous_oxide_units},
	{"pm25", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, nitrous_oxide_units},
	{"pm4", 202510, STATE_MEASUREMENT, DEVCLASS_UNITS, nitrous_oxide_units},
	{"power", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, power_units},
	{"power_factor", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, power_factor_units},
	{"precipitation", 0, STATE_ANY, DEVCLASS_UNITS, precipitation_units},
	{"precipitation_intensity", 0, STATE_MEASUREMENT, DEVCLASS_UNITS,
         precipitation_intensity_units},
	{"pressure", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, pressure_units},
	{"radon", 202608, STATE_MEASUREMENT, DEVCLASS_UNITS, radon_units},
	{"reactive_energy", 202506, STATE_TOTALS, DEVCLASS_UNITS, reactive_energy_units},
	{"reactive_power", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, reactive_power_units},
	{"signal_strength", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, signal_strength_units},
	{"sound_pressure", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, sound_pressure_units},
	{"speed", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, speed_units},
	{"sulphur_dioxide", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, nitrogen_monoxide_units},
	{"temperature", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, temperature_units},
	{"temperature_delta", 202511, STATE_MEASUREMENT, DEVCLASS_UNITS, temperature_units},
	{"timestamp", 0, 0, DEVCLASS_TEXT, NULL},
	{"uptime", 202605, 0, DEVCLASS_TEXT, NULL},
	{"volatile_organic_compounds", 0, STATE_MEASUREMENT, DEVCLASS_UNITS,
         volatile_organic_compounds_units},
	{"volatile_organic_compounds_parts", 0, STATE_MEASUREMENT, DEVCLASS_UNITS,
         volatile_organic_compounds_parts_units},
	{"voltage", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, voltage_units},
	{"volume", 0, STATE_TOTALS, DEVCLASS_UNITS, volume_units},
	{"volume_flow_rate", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, volume_flow_rate_units},
	{"volume_storage", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, volume_units},
	{"water", 0, STATE_TOTALS, DEVCLASS_UNITS, water_units},
	{"weight", 0, STATE_MEASUREMENT | STATE_TOTALS, DEVCLASS_UNITS, weight_units},
	{"wind_direction", 202503, STATE_MEASUREMENT_ANGLE, DEVCLASS_UNITS, wind_direction_units},
	{"wind_speed", 0, STATE_MEASUREMENT, DEVCLASS_UNITS, wind_speed_units},
};
