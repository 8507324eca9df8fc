// SPDX-License-Identifier: MIT
/* The key reference, out of the tables. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/load.h"
#include "config/pointset.h"
#include "config/scalar.h"

#define LINE 512

/* In the order a reader meets them. */
const struct keyset *const keysets[] = {
	&keyset_root,
	&keyset_mqtt,
	&keyset_tls,
	&keyset_qos,
	&keyset_homeassistant,
	&keyset_thingsboard,
	&keyset_thingsboard_tls,
	&keyset_bus,
	&keyset_direction,
	&keyset_defaults,
	&keyset_rates,
	&keyset_device,
	&keyset_unlock,
	&keyset_point,
	&keyset_valid,
	&keyset_counter,
	&keyset_repeat,
	&keyset_write,
	&keyset_safe,
	&keyset_profile,
	&keyset_line,
	&keyset_identify,
	&keyset_parameter,
	&keyset_group,
	&keyset_test,
	&keyset_sunspec,
	&keyset_sunspec_model,
	NULL,
};

/* Where a key of this table might have been meant for. */
static const struct {
	const struct keyset *set;
	const struct keyset *other[4];
} neighbours[] = {
	{&keyset_root, {&keyset_mqtt}},
	{&keyset_mqtt, {&keyset_tls, &keyset_qos}},
	{&keyset_tls, {&keyset_mqtt}},
	{&keyset_qos, {&keyset_mqtt}},
	{&keyset_thingsboard, {&keyset_thingsboard_tls, &keyset_mqtt}},
	{&keyset_bus, {&keyset_device}},
	{&keyset_device, {&keyset_bus, &keyset_point, &keyset_write}},
	{&keyset_point, {&keyset_write, &keyset_valid, &keyset_device}},
	{&keyset_write, {&keyset_point}},
	{&keyset_profile, {&keyset_line, &keyset_device, &keyset_point}},
};

const char *keyset_with(const struct keyset *set, const char *key)
{
	for (size_t i = 0; i < COUNT(neighbours); i++)
		for (size_t k = 0; neighbours[i].set == set && k < COUNT(neighbours[i].other) &&
		                   neighbours[i].other[k];
		     k++)
			for (size_t n = 0; n < neighbours[i].other[k]->n; n++)
				if (strcmp(neighbours[i].other[k]->key[n].name, key) == 0)
					return neighbours[i].other[k]->name;
	return NULL;
}

static void number_form(const struct key *k, char *buf, size_t size)
{
	char low[32], high[32];
	switch (k->type) {
	case KEY_DURATION:
		duration_print(k->min, low, sizeof low);
		duration_print(k->max, high, sizeof high);
		snprintf(buf, size, "duration, %s to %s", low, high);
		break;
	case KEY_SIZE:
		snprintf(buf, size, "size, up to %" PRId64 "%s",
		         k->max >> 20 ? k->max >> 20 : k->max >> 10, k->max >> 20 ? "MiB" : "KiB");
		break;
	default:
		snprintf(buf, size, "number, %" PRId64 " to %" PRId64, k->min, k->max);
	}
}

void key_form(const struct key *k, char *buf, size_t size)
{
	size_t len = 0;
	buf[0] = '\0';
	switch (k->type) {
	case KEY_BOOL:
		snprintf(buf, size, "true or false");
		break;
	case KEY_REAL:
	case KEY_DECIMAL:
		snprintf(buf, size, "number");
		break;
	case KEY_TEXT:
		snprintf(buf, size, "text");
		break;
	case KEY_OTHER:
		snprintf(buf, size, "%s", k->form);
		break;
	case KEY_CHOICE:
		for (size_t i = 0; k->choice[i] && len < size; i++)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? " | " : "",
			                        k->choice[i]);
		break;
	default:
		number_form(k, buf, size);
	}
	len = strlen(buf);
	if (k->flags & (KEY_OFF | KEY_AUTO | KEY_FASTEST))
		snprintf(buf + len, size - len, ", or %s",
		         k->flags & KEY_OFF    ? "off"
		         : k->flags & KEY_AUTO ? "auto"
		                               : "fastest");
}

void config_print_keys(void (*line)(void *ctx, const char *text), void *ctx)
{
	for (size_t s = 0; keysets[s]; s++) {
		for (size_t i = 0; i < keysets[s]->n; i++) {
			const struct key *k = &keysets[s]->key[i];
			char form[LINE / 2], text[LINE];
			if (k->flags & KEY_HIDDEN)
				continue;
			key_form(k, form, sizeof form);
			const bool top = keysets[s] == &keyset_root;
			snprintf(text, sizeof text, "%s%s%s (%s)%s%s%s: %s",
			         top ? "" : keysets[s]->name, top ? "" : ".", k->name, form,
			         k->preset ? " [" : "", k->preset ? k->preset : "",
			         k->preset ? "]" : "", k->doc);
			line(ctx, text);
		}
	}
}
