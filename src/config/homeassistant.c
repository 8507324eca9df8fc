// SPDX-License-Identifier: MIT
/* `homeassistant`: how discovery is published, and which of the points it would refuse. */
#include <stdio.h>
#include <string.h>

#include "config/load.h"
#include "config/scalar.h"
#include "core/model/devclass.h"

#define BYTES_LEAST 4096
#define BYTES_MOST (256 << 10) /* what the client reads back, see MQTT_PAYLOAD_MAX */
#define BYTES_PRESET 100000    /* brokers of the clouds take 128 KiB */

static void set_version(struct load *l, const struct hit *h, void *object)
{
	struct homeassistant_conf *c = object;
	const char *text = scalar_text(l->d, "min_version", h->value);
	const uint32_t version = text ? devclass_version(text) : 0;
	if (!text)
		return;
	if (!version)
		diag_error(l->d, h->value->where,
		           "min_version: \"%s\" is no version from 2024.11 on, like 2025.6", text);
	else
		c->version = version;
}

/* As mqtt.prefix: one or more levels, no wildcards. */
static void set_prefix(struct load *l, const struct hit *h, void *object)
{
	struct homeassistant_conf *c = object;
	const char *text = scalar_text(l->d, "prefix", h->value);
	if (!text)
		return;
	const size_t len = strlen(text);
	if (len == 0 || len > 128 || strpbrk(text, "+# \t") || *text == '$' || *text == '/' ||
	    text[len - 1] == '/' || strstr(text, "//"))
		diag_error(l->d, h->value->where,
		           "prefix: \"%s\" is not one or more levels like homeassistant, without "
		           "blanks, + and #",
		           text);
	else
		c->prefix = load_text(l, text);
}

#define HA(field) KEY_AT(struct homeassistant_conf, field)
static const char *const name_words[] = {"words", "points", NULL};

static const struct key homeassistant_keys[] = {
	{"prefix", .type = KEY_OTHER, .set = set_prefix, .form = "text", .preset = "homeassistant",
         .doc = "Discovery prefix, as set in Home Assistant."},
	{"min_version", .type = KEY_OTHER, .set = set_version, .form = "version like 2025.6",
         .preset = "2024.11",
         .doc = "Oldest version of Home Assistant; what came later is left out."},
	{"max_bytes", KEY_SIZE, HA(max_bytes), .min = BYTES_LEAST, .max = BYTES_MOST,
         .preset = "100kB", .doc = "A device with a larger document gets several."},
	{"names", KEY_CHOICE, HA(names_as_written), .choice = name_words, .preset = "words",
         .doc = "Entities are named Batt Volts, or as the point is: BattVolts."},
};

const struct keyset keyset_homeassistant = {
	.name = "homeassistant", .key = homeassistant_keys, .n = COUNT(homeassistant_keys)};

void homeassistant_load(struct load *l)
{
	struct homeassistant_conf *c = &l->m->homeassistant;
	const struct node *n = l->homeassistant;
	*c = (struct homeassistant_conf){.where = {l->m->file, 1, 1},
	                                 .prefix = "homeassistant",
	                                 .version = DEVCLASS_OLDEST,
	                                 .max_bytes = BYTES_PRESET};
	if (!n)
		return;
	c->where = n->where;
	if (n->kind == NODE_SCALAR) {
		scalar_bool(l->d, "homeassistant", n, &c->on);
	} else {
		c->on = true;
		keys_read(l, &keyset_homeassistant, n, n->where, c);
	}
	const size_t len = strlen(l->m->mqtt.prefix);
	if (c->on && strncmp(c->prefix, l->m->mqtt.prefix, len) == 0 &&
	    (!c->prefix[len] || c->prefix[len] == '/'))
		diag_error(l->d, n->where,
		           "homeassistant: prefix must not be mqtt.prefix or below it");
	if (c->on && l->m->mqtt.payload_unit)
		diag_error(
			l->d, n->where,
			"homeassistant: needs numbers without their unit: leave out mqtt.payload");
}

/* -- what it would refuse ---------------------------------------------------------------------- */

static void check_unit(struct load *l, const struct point *p, const struct devclass *c)
{
	const char *near = devclass_near(c, p->unit);
	char all[256] = "";
	size_t len = 0;
	if (devclass_fits(c, p->unit, UINT32_MAX))
		return;
	if (c->kind != DEVCLASS_UNITS || !c->units[0].unit[0]) {
		diag_warn(l->d, p->where,
		          "point \"%s\": Home Assistant's class %s %s; the entity has no "
		          "class then",
		          p->name, c->name,
		          c->kind == DEVCLASS_ANY_UNIT ? "needs a currency as unit"
		                                       : "has no unit");
		return;
	}
	for (const struct unit_since *u = c->units; u->unit && len < sizeof all; u++)
		len += (size_t)snprintf(all + len, sizeof all - len, "%s%s", len ? ", " : "",
		                        u->unit);
	diag_warn(l->d, p->where,
	          "point \"%s\": unit %s%s%s does not fit Home Assistant's class %s, %s%s%s; the "
	          "entity has no class then",
	          p->name, p->unit ? "\"" : "", p->unit ? p->unit : "none", p->unit ? "\"" : "",
	          c->name, near ? "did you mean \"" : "which has one of: ", near ? near : all,
	          near ? "\"" : "");
}

static bool is_none(const char *text)
{
	return !text || strcmp(text, "none") == 0;
}

static bool class_of_switch(const char *name)
{
	return devclass_of("binary_sensor", name) || devclass_of("switch", name) ||
	       devclass_of("button", name);
}

static void check_point(struct load *l, const struct point *p)
{
	const struct devclass *c = devclass_find(p->class_);
	const uint8_t state = is_none(p->state_class) ? 0 : devclass_state(p->state_class);
	if (!is_none(p->class_) && !c && !class_of_switch(p->class_))
		diag_warn(l->d, p->where,
		          "point \"%s\": Home Assistant has no class \"%s\"; the entity has none",
		          p->name, p->class_);
	if (c && !p->nlabel && p->codec.type != TYPE_BOOL && p->codec.type < TYPE_STRING)
		check_unit(l, p, c);
	if (!is_none(p->state_class) && !state)
		diag_warn(l->d, p->where,
		          "point \"%s\": Home Assistant has no state class \"%s\"; one of: "
		          "measurement, measurement_angle, total, total_increasing",
		          p->name, p->state_class);
	else if (c && state && !(c->states & state))
		diag_warn(l->d, p->where,
		          "point \"%s\": state class %s does not fit class %s; the entity "
		          "has none then",
		          p->name, p->state_class, c->name);
	if (p->icon && !strchr(p->icon, ':'))
		diag_warn(l->d, p->where,
		          "point \"%s\": icon \"%s\" is not like mdi:fan; the entity has none",
		          p->name, p->icon);
}

void homeassistant_check(struct load *l)
{
	const struct model *m = l->m;
	for (size_t i = 0; m->homeassistant.on && i < m->ndevice; i++) {
		const struct pointset *s = m->device[i].set;
		if (i && s == m->device[i - 1].set)
			continue;
		for (uint32_t k = 0; k < s->n; k++)
			if (s->point[k].repeat_n < 2 && !s->point[k].hidden)
				check_point(l, &s->point[k]);
	}
}
