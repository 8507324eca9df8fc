// SPDX-License-Identifier: MIT
/*
 * Each key of the tables beside each set of keys in the good configurations: it changes the model,
 * or there is a message. One of its sample values may be what holds without it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/pointset.h"
#include "config/scalar.h"
#include "config_seeds.h"

/* Which table the map below a key has. */
static const struct child {
	const struct keyset *set;
	const char *key;
	const struct keyset *below;
	bool many; /* a map of names, or a list, of them */
} children[] = {
	{&keyset_root, "mqtt", &keyset_mqtt, false},
	{&keyset_root, "homeassistant", &keyset_homeassistant, false},
	{&keyset_root, "buses", &keyset_bus, true},
	{&keyset_root, "defaults", &keyset_defaults, false},
	{&keyset_root, "devices", &keyset_device, true},
	{&keyset_root, "thingsboard", &keyset_thingsboard, false},
	{&keyset_thingsboard, "tls", &keyset_thingsboard_tls, false},
	{&keyset_mqtt, "tls", &keyset_tls, false},
	{&keyset_mqtt, "qos", &keyset_qos, false},
	{&keyset_bus, "direction", &keyset_direction, true},
	{&keyset_device, "rates", &keyset_rates, false},
	{&keyset_device, "unlock", &keyset_unlock, false},
	{&keyset_device, "points", &keyset_point, true},
	{&keyset_point, "valid", &keyset_valid, false},
	{&keyset_point, "counter", &keyset_counter, false},
	{&keyset_point, "repeat", &keyset_repeat, false},
	{&keyset_point, "write", &keyset_write, false},
	{&keyset_point, "safe", &keyset_safe, false},
	{&keyset_write, "safe", &keyset_safe, false},
	{&keyset_profile, "rates", &keyset_rates, false},
	{&keyset_profile, "unlock", &keyset_unlock, false},
	{&keyset_profile, "line", &keyset_line, false},
	{&keyset_profile, "identify", &keyset_identify, false},
	{&keyset_profile, "parameters", &keyset_parameter, true},
	{&keyset_profile, "repeat", &keyset_repeat, false},
	{&keyset_profile, "sunspec", &keyset_sunspec, false},
	{&keyset_profile, "groups", &keyset_group, true},
	{&keyset_profile, "points", &keyset_point, true},
	{&keyset_profile, "tests", &keyset_test, true},
	{&keyset_sunspec, "models", &keyset_sunspec_model, true},
};

/* Values of keys that no type describes; two of each, so that one may be the preset. */
static const struct {
	const char *key, *value[3];
} samples[] = {
	{"address", {"7", "9"}},
	{"address_base", {"0", "1", "modicon"}},
	{"base", {"40000", "[7, 9]"}},
	{"baud", {"9600", "1200"}},
	{"bit", {"1", "2"}},
	{"bits", {"1..2", "0..3"}},
	{"broker", {"mqtt://a", "mqtts://b"}},
	{"bus", {"zz9", "zz8"}},
	{"ca", {"mqtt.password", "zz9"}},
	{"cert", {"mqtt.password", "zz9"}},
	{"commands", {"off", "on"}},
	{"control", {"off", "read"}},
	{"choices", {"[zz8, zz9]", "[a]"}},
	{"coil", {"7", "{9: [1]}"}},
	{"count_from", {"zz9", "zz8"}},
	{"counter", {"true", "{max_rise: 1/h}"}},
	{"deadband", {"3", "5%"}},
	{"decimals", {"5", "7"}},
	{"default", {"zz8", "zz9"}},
	{"defaults", {"{heartbeat: 5s}", "{rates: {fast: 5s}}"}},
	{"device", {"{timeout: 3s}", "{json: true}"}},
	{"devices", {"{zz8: {}}", "{zz9: {id: 1}}"}},
	{"direction", {"auto", "kernel"}},
	{"discrete", {"7", "{9: [1]}"}},
	{"equals", {"zz8", "zz9"}},
	{"every", {"3s", "5s"}},
	{"expect", {"{zz9: 1}", "{}"}},
	{"exponent_from", {"zz9", "zz8"}},
	{"expr", {"1 + 1", "zz9"}},
	{"device_id", {"{vendor: A}", "{4: 'B*'}"}},
	{"extends", {"zz9", "lamps"}},
	{"factor_from", {"zz9", "zz8"}},
	{"format", {"8N1", "7E2"}},
	{"function", {"fc6", "fc16"}},
	{"functions", {"[fc3, fc16]", "[fc4]"}},
	{"gateway", {"zz8", "zz9"}},
	{"groups", {"{zz9: {order: [zz9]}}", "{zz8: {}}"}},
	{"holding", {"7", "{9: [1]}"}},
	{"homeassistant", {"true", "{names: points}"}},
	{"id", {"77", "99"}},
	{"identify", {"ignore", "check"}},
	{"if", {"a == b", "zz9 != b"}},
	{"include", {"zz8.yaml", "zz9.yaml"}},
	{"input", {"7", "{9: [1]}"}},
	{"key", {"mqtt.password", "zz9"}},
	{"lasts", {"3s", "5s"}},
	{"layout", {"[hour, min]", "[epoch]"}},
	{"line", {"{baud: 1200}", "{format: 7E2}"}},
	{"max", {"7", "9"}},
	{"max_rise", {"3/h", "5/h"}},
	{"min", {"3", "5"}},
	{"min_version", {"2025.6", "2026.9"}},
	{"models", {"zz9", "{zz9: {id: 1, length: 9}}"}},
	{"mqtt", {"{prefix: zz9}", "{retain: false}"}},
	{"n", {"1..2", "1..3"}},
	{"na", {"3", "0x8000"}},
	{"offline", {"{zz9: None}", "{zz8: 1}"}},
	{"omit", {"[zz8]", "['*']"}},
	{"one_of", {"[zz8]", "[zz9, zz8]"}},
	{"only", {"[zz8]", "['*9']"}},
	{"order", {"[zz9]", "[zz8]"}},
	{"parameters", {"{zz9: {default: a}}", "{zz8: 1}"}},
	{"parameter", {"{zz9: 1}", "{zz8: 1}"}},
	{"password_file", {"mqtt.password", "zz9"}},
	{"point", {"zz8", "zz9"}},
	{"points", {"{Zz9: {holding: 999}}", "{Zz8: {coil: 999}}"}},
	{"port", {"/dev/a", "/dev/b"}},
	{"prefix", {"zz8", "zz9"}},
	{"profile", {"zz9", "lamps"}},
	{"qos", {"{value: 1}", "{value: 2}"}},
	{"rates", {"{fast: 33s, normal: 34s, slow: 35s}", "{fast: 43s, normal: 44s, slow: 45s}"}},
	{"raw", {"[0x42]", "[3, 4]"}},
	{"read_function", {"fc3", "fc4"}},
	{"repeat", {"{n: 1..2}", "{n: 1..3}"}},
	{"rtu_tcp", {"a:1", "b:2"}},
	{"rules", {"[zz9 > 1]", "[zz8 > 1]"}},
	{"safe", {"{value: 1}", "{value: 0, after: 5s}"}},
	{"setup", {"[{zz9: 1}]", "[{zz8: 1}]"}},
	{"sources", {"zz8", "[zz9]"}},
	{"starts", {"zz8", "[zz9]"}},
	{"step", {"3", "5"}},
	{"sunspec", {"{models: {zz9: {id: 1, length: 9}}}", "{models: {zz8: {id: 2, length: 9}}}"}},
	{"tcp", {"a:1", "b:2"}},
	{"thingsboard", {"{broker: 'mqtt://zz9', token_file: mqtt.password}", "{}"}},
	{"token_file", {"mqtt.password", "zz9"}},
	{"tests", {"[{title: a, source: b, expect: {zz9: 1}}]", "[zz9]"}},
	{"title", {"zz8", "zz9"}},
	{"tls", {"{verify: false}", "{ca: zz9}"}},
	{"unlock", {"{point: zz9, value: 1}", "{point: zz8, value: 1}"}},
	{"valid", {"{max: 3}", "{max: 5}"}},
	{"value", {"zz8", "zz9"}},
	{"values", {"{0: zz8, 1: zz9}", "{0: zz7}"}},
	{"version", {"5", "3.1.1"}},
	{"when", {"broker", "no_command"}},
	{"windows", {"[0..99]", "[0..65535]"}},
	{"write", {"true", "only"}},
	{"write_function", {"fc6", "fc16"}},
	{"buses", {"{zz9: {port: /dev/a}}", "{zz8: {tcp: a}}"}},
};

static unsigned tried, silent;

/* Several of their words may say the same of a point. */
static bool synonyms(const struct key *k)
{
	return strcmp(k->name, "type") == 0 || strcmp(k->name, "byte") == 0;
}

/* At most one of the values may change nothing: it is the preset. */
static void plant(const struct seed *s, const struct node *map, const struct key *k,
                  const char *const *value)
{
	unsigned unnoticed = 0;
	char last[160] = "";
	for (; *value; value++) {
		char text[160];
		snprintf(text, sizeof text, "%s: %s", k->name, *value);
		const struct edits e = {.n = 1, .edit = {{map, EDIT_ADD, text, NULL}}};
		tried++;
		if (!noticed(s, &e) && unnoticed++ && !synonyms(k))
			print_error("%s:%u:%u: %s and %s: no message and no effect\n", s->path,
			            map->where.line, map->where.column, last, text);
		snprintf(last, sizeof last, "%s", text);
	}
	silent += unnoticed > 1 && !synonyms(k);
}

static void plant_number(const struct seed *s, const struct node *map, const struct key *k)
{
	char text[2][32];
	const int64_t v[] = {k->min > 7   ? k->min
	                     : k->max < 7 ? k->max
	                                  : 7,
	                     k->min > 3   ? k->min + k->min
	                     : k->max < 3 ? k->min
	                                  : 3};
	for (int i = 0; i < 2; i++)
		if (k->type == KEY_DURATION)
			duration_print(v[i] < k->min || v[i] == 7 ? k->min + 3 : v[i], text[i],
			               sizeof text[i]);
		else
			snprintf(text[i], sizeof text[i], "%lld", (long long)v[i]);
	plant(s, map, k, (const char *const[]){text[0], text[1], NULL});
}

static void plant_key(const struct seed *s, const struct node *map, const struct key *k)
{
	static const char *const bools[] = {"true", "false", NULL}, *texts[] = {"zz8", "zz9", NULL},
				 *reals[] = {"0.5", "3.25", NULL};
	/* which codes have no label, the samples need not find */
	const bool labels = strcmp(k->name, "decimals") == 0 && node_find(map, "values");
	if (node_find(map, k->name) || labels)
		return;
	switch (k->type) {
	case KEY_BOOL:
		plant(s, map, k, bools);
		return;
	case KEY_TEXT:
		plant(s, map, k, texts);
		return;
	case KEY_REAL:
	case KEY_DECIMAL:
		plant(s, map, k, reals);
		return;
	case KEY_CHOICE:
		plant(s, map, k, k->choice);
		return;
	case KEY_OTHER:
		for (size_t i = 0; i < COUNT(samples); i++)
			if (strcmp(samples[i].key, k->name) == 0) {
				plant(s, map, k, samples[i].value);
				return;
			}
		fail_msg("give samples of %s", k->name);
		return;
	default:
		plant_number(s, map, k);
	}
}

/* What may stand here for others to inherit is not asked: they may have it already. */
static void plant_all(const struct seed *s, const struct node *map, const struct keyset *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (!(set->key[i].flags & KEY_INHERIT) || set == &keyset_point)
			plant_key(s, map, &set->key[i]);
}

static void walk(const struct seed *s, const struct node *n, const struct keyset *set)
{
	for (uint32_t i = 0; n->kind == NODE_LIST && i < n->n; i++)
		walk(s, n->item[i], set);
	if (n->kind != NODE_MAP)
		return;
	plant_all(s, n, set);
	for (size_t c = 0; c < COUNT(children); c++) {
		const struct node *below =
			children[c].set == set ? node_get(n, children[c].key) : NULL;
		if (below && (!children[c].many || below->kind == NODE_LIST))
			walk(s, below, children[c].below);
		for (uint32_t i = 0;
		     below && children[c].many && below->kind == NODE_MAP && i < below->n; i++)
			walk(s, below->pair[i].value, children[c].below);
	}
}

static void each_key_has_an_effect_or_a_message(void **state)
{
	(void)state;
	for (size_t i = 0; i < all.n; i++) {
		const struct seed *s = &all.seed[i];
		if (strncmp(s->path, "../../", 6) != 0 || getenv("XNET_MUTATE_ALL"))
			walk(s, s->root, s->profile ? &keyset_profile : &keyset_root);
	}
	print_message("%u keys planted\n", tried);
	if (silent)
		fail_msg("%u have no message and no effect", silent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_has_an_effect_or_a_message),
	};
	const char *srcdir = getenv("srcdir");
	if (chdir(srcdir ? srcdir : ".") != 0 || chdir("tests/configs") != 0)
		return 99;
	return cmocka_run_group_tests(tests, seeds_setup, seeds_teardown);
}
