// SPDX-License-Identifier: MIT
/* An entity as JSON. */
#include "mqtt/ha_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODE_SLIDER 200 /* more steps than a slider has room for */
#define TEXT_MOST 255   /* of a state */

static void optional(struct json *j, const char *name, const char *text)
{
	if (text)
		jw_string(j, name, text);
}

void ha_printed(struct json *j, const char *name, const char *fmt, ...)
{
	char text[HA_TOPIC_SIZE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	jw_string(j, name, text);
}

void ha_put_category(struct json *j, uint8_t category)
{
	if (category == CATEGORY_CONFIG || category == CATEGORY_DIAGNOSTIC)
		jw_string(j, "ent_cat", category == CATEGORY_CONFIG ? "config" : "diagnostic");
}

void ha_open_entity(const struct model *m, const char *key, uint8_t platform, const char *owner,
                    const char *name, struct json *j)
{
	char id[HA_ID_SIZE], slug[3][NAME_MAX_LEN * 2];
	size_t at = (size_t)snprintf(id, sizeof id, "xnet_");
	at = ha_escape(m->gateway, id, at, sizeof id);
	id[at++] = '_';
	ha_escape(owner, id, at, sizeof id);
	ha_slug(m->gateway, slug[0], sizeof slug[0]);
	ha_slug(owner, slug[1], sizeof slug[1]);
	ha_slug(name, slug[2], sizeof slug[2]);
	jw_open(j, key, '{');
	jw_string(j, "p", ha_platform_name[platform]);
	ha_printed(j, "uniq_id", "%s_%s", id, key);
	jw_string(j, "name", name);
	ha_printed(j, "def_ent_id", "%s.%s%s%s_%s", ha_platform_name[platform], slug[0],
	           slug[1][0] ? "_" : "", slug[1], slug[2][0] ? slug[2] : key);
}

/* A template that lets only the labels through: {{ value if value in ['a','b'] else None }} */
static void put_listed(const struct point *p, struct json *j)
{
	size_t room = 64, at = 0;
	for (uint16_t i = 0; i < p->nlabel; i++)
		room += 4 + 2 * strlen(p->label[i].text);
	char *text = mem_alloc(room, 1);
	at = (size_t)sprintf(text, "{{ value if value in [");
	for (uint16_t i = 0; i < p->nlabel; i++) {
		at += (size_t)sprintf(text + at, i ? ",'" : "'");
		for (const char *s = p->label[i].text; *s; s++) {
			if (*s == '\'' || *s == '\\')
				text[at++] = '\\';
			text[at++] = *s;
		}
		text[at++] = '\'';
	}
	strcpy(text + at, "] else None }}");
	jw_string(j, "val_tpl", text);
	free(text);
}

static void put_filter(const struct point *p, const struct ha_entity *e, struct json *j)
{
	switch ((enum ha_filter)e->filter) {
	case HA_FILTER_NONE:
		break;
	case HA_FILTER_NUMBERS:
		jw_string(j, "val_tpl", "{{ None if value|is_number else value }}");
		break;
	case HA_FILTER_WORDS:
		jw_string(j, "val_tpl", "{{ value if value|is_number else None }}");
		break;
	case HA_FILTER_RANGE:
		ha_printed(
			j, "val_tpl",
			"{{ value if value|is_number and %.15g <= value|float <= %.15g else None "
			"}}",
			e->min, e->max);
		break;
	case HA_FILTER_TEXT:
		jw_string(j, "val_tpl", "{{ '' if value == 'None' else value }}");
		break;
	case HA_FILTER_LISTED:
		put_listed(p, j);
	}
}

static bool label_before(const struct point *p, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		if (strcmp(p->label[i].text, p->label[n].text) == 0)
			return true;
	return false;
}

static void put_options(const struct point *p, struct json *j)
{
	jw_open(j, "ops", '[');
	for (uint16_t i = 0; i < p->nlabel; i++)
		if (p->label[i].text[0] && !label_before(p, i))
			jw_string(j, NULL, p->label[i].text);
	jw_close(j, ']');
}

/* With the word that a dangerous command must begin with. */
static void put_payload(const struct point *p, const char *name, const char *text, struct json *j)
{
	if (p->write && p->write->confirm)
		ha_printed(j, name, "%s %s", p->write->confirm, text);
	else
		jw_string(j, name, text);
}

static void put_number(const struct ha_entity *e, struct json *j)
{
	jw_real(j, "min", e->min);
	jw_real(j, "max", e->max);
	jw_real(j, "step", e->step);
	if ((e->max - e->min) / e->step > MODE_SLIDER)
		jw_string(j, "mode", "box");
}

static void put_text(const struct point *p, struct json *j)
{
	const unsigned bytes = codec_words(&p->codec) * (p->codec.byte ? 1 : 2);
	const unsigned most = p->codec.type == TYPE_STRING  ? bytes
	                      : p->codec.type == TYPE_BYTES ? 2 * bytes
	                      : p->codec.type == TYPE_ARRAY ? TEXT_MOST
	                                                    : 32;
	jw_int(j, "max", most < TEXT_MOST ? most : TEXT_MOST);
}

/* A command that the broker loses is lost in silence: QoS 1, and 2 for what must not come twice. */
static void put_command(const struct model *m, const struct device *d, const struct point *p,
                        const struct ha_entity *e, struct json *j)
{
	ha_printed(j, "cmd_t", "%s/cmd/%s/%s", m->mqtt.prefix, d->name, p->name);
	jw_int(j, "qos", e->platform == HA_BUTTON ? 2 : 1);
	if (p->write->confirm && e->platform != HA_SWITCH && e->platform != HA_BUTTON)
		ha_printed(j, "cmd_tpl", "%s {{ value }}", p->write->confirm);
}

static void put_states(const struct point *p, const struct ha_entity *e, struct json *j)
{
	if (e->platform == HA_BINARY_SENSOR) {
		jw_string(j, "pl_on", e->on);
		jw_string(j, "pl_off", e->off);
		return;
	}
	put_payload(p, "pl_on", e->on, j);
	put_payload(p, "pl_off", e->off, j);
	if (p->write->confirm) {
		jw_string(j, "stat_on", e->on);
		jw_string(j, "stat_off", e->off);
	}
}

static void put_kind(const struct point *p, const struct ha_entity *e, struct json *j)
{
	switch (e->platform) {
	case HA_BINARY_SENSOR:
	case HA_SWITCH:
		put_states(p, e, j);
		break;
	case HA_NUMBER:
		put_number(e, j);
		break;
	case HA_SELECT:
		put_options(p, j);
		break;
	case HA_BUTTON:
		put_payload(p, "pl_prs", e->on, j);
		break;
	case HA_TEXT:
		put_text(p, j);
		break;
	default:
		break;
	}
}

bool ha_put_point(const struct model *m, const struct device *d, const struct point *p,
                  struct json *j)
{
	struct ha_entity e;
	char words[HA_NAME_SIZE];
	ha_entity_make(d, p, m->homeassistant.version, &e);
	if (e.platform == HA_NONE)
		return false;
	ha_words(p->name, words);
	ha_open_entity(m, p->name, e.platform, d->name,
	               p->title                            ? p->title
	               : m->homeassistant.names_as_written ? p->name
	                                                   : words,
	               j);
	if (e.has_state && e.platform != HA_BUTTON) {
		ha_printed(j, "stat_t", "%s/sts/%s/%s", m->mqtt.prefix, d->name, p->name);
		put_filter(p, &e, j);
	}
	if (e.platform > HA_BINARY_SENSOR)
		put_command(m, d, p, &e, j);
	optional(j, "dev_cla", e.class_);
	optional(j, "unit_of_meas", e.unit);
	optional(j, "stat_cla", devclass_state_name(e.state));
	if (e.number && e.platform == HA_SENSOR && p->codec.decimals >= 0 && !p->nlabel)
		jw_int(j, "sug_dsp_prc", p->codec.decimals);
	put_kind(p, &e, j);
	ha_put_category(j, e.category);
	if (!e.enabled)
		jw_bool(j, "en", false);
	if (p->icon && strchr(p->icon, ':'))
		jw_string(j, "ic", p->icon);
	jw_close(j, '}');
	return true;
}

void ha_put_alerts(const struct model *m, const char *owner, const char *name, struct json *j)
{
	ha_open_entity(m, "Alerts", HA_BINARY_SENSOR, owner, "Alerts", j);
	ha_printed(j, "stat_t", "%s/sts/%s/Alerts", m->mqtt.prefix, name);
	ha_printed(j, "json_attr_t", "%s/sts/%s/Alerts", m->mqtt.prefix, name);
	jw_string(j, "val_tpl", "{{ 'on' if value_json.faults else 'off' }}");
	jw_string(j, "pl_on", "on");
	jw_string(j, "pl_off", "off");
	jw_string(j, "dev_cla", "problem");
	ha_put_category(j, CATEGORY_DIAGNOSTIC);
}
