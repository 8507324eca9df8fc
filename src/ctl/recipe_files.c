// SPDX-License-Identifier: MIT
/* Recipes that list the points of the configuration. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "ctl/recipe.h"

#define TOPIC 512

/* In double quotes, as TOML, openHAB and most others have it. */
static void quoted(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('"');
}

/* -- Telegraf ---------------------------------------------------------------------------------- */

static void telegraf_topic(void *ctx, const struct device *d, const struct point *p,
                           const struct ha_entity *e)
{
	const struct model *m = ctx;
	if (!e->number || !e->has_state)
		return;
	printf("    \"%s/sts/%s/%s\",\n", m->mqtt.prefix, d->name, p->name);
}

void recipe_telegraf(const struct model *m)
{
	printf("# Numbers as xnet,device=…,point=… value=…; None and words are left out.\n"
	       "[[inputs.mqtt_consumer]]\n  name_override = \"xnet\"\n"
	       "  servers = [\"%s://%s:%u\"]\n  qos = 1\n  topics = [\n",
	       m->mqtt.use_tls ? "ssl" : "tcp", m->mqtt.host, m->mqtt.port);
	recipe_points(m, (void *)m, telegraf_topic);
	printf("  ]\n  topic_tag = \"\"\n");
	if (m->mqtt.username)
		printf("  username = \"%s\"\n  password = \"${MQTT_PASSWORD}\"\n",
		       m->mqtt.username);
	unsigned levels = 1;
	for (const char *s = m->mqtt.prefix; *s; s++)
		levels += *s == '/';
	printf("  data_format = \"value\"\n  data_type = \"string\"\n"
	       "  [[inputs.mqtt_consumer.topic_parsing]]\n    topic = \"");
	for (unsigned i = 0; i < levels; i++)
		printf("+/");
	printf("+/+/+\"\n    tags = \"");
	for (unsigned i = 0; i < levels; i++)
		printf("_/");
	printf("_/device/point\"\n\n"
	       "[[processors.starlark]]\n  namepass = [\"xnet\"]\n  source = '''\n"
	       "def apply(metric):\n"
	       "    text = metric.fields.get(\"value\", \"None\")\n"
	       "    digits = text.lstrip(\"-\").replace(\".\", \"\", 1)\n"
	       "    if not digits.isdigit():\n"
	       "        return None\n"
	       "    metric.fields[\"value\"] = float(text)\n"
	       "    return metric\n'''\n");
}

/* -- openHAB ----------------------------------------------------------------------------------- */

static void openhab_options(const struct point *p)
{
	printf(", allowedStates=\"");
	for (uint16_t i = 0; i < p->nlabel; i++)
		printf("%s%s", i ? "," : "", p->label[i].text);
	printf("\"");
}

static void openhab_channel(const struct model *m, const struct device *d, const struct point *p)
{
	struct ha_entity e;
	char words[HA_NAME_SIZE];
	ha_entity_make(d, p, m->homeassistant.version, &e);
	if (e.platform == HA_NONE)
		return;
	const bool two = e.platform == HA_SWITCH || e.platform == HA_BINARY_SENSOR;
	const bool confirm = p->write && p->write->confirm;
	const char *comma = "";
	ha_words(p->name, words);
	printf("      Type %s : %s ", e.number ? "number" : two ? "switch" : "string", p->name);
	quoted(p->title ? p->title : words);
	printf(" [ ");
	if (e.has_state && e.platform != HA_BUTTON) {
		printf("stateTopic=\"%s/sts/%s/%s\"", m->mqtt.prefix, d->name, p->name);
		comma = ", ";
	}
	if (e.platform > HA_BINARY_SENSOR && !confirm) {
		printf("%scommandTopic=\"%s/cmd/%s/%s\", qos=1", comma, m->mqtt.prefix, d->name,
		       p->name);
		comma = ", ";
	}
	if (two) {
		printf("%son=", comma);
		quoted(e.on);
		printf(", off=");
		quoted(e.off);
	}
	if (e.number && e.unit) {
		printf("%sunit=", comma);
		quoted(e.unit);
	}
	if (e.platform == HA_SELECT && !confirm)
		openhab_options(p);
	puts(" ]");
}

void recipe_openhab(const struct model *m)
{
	printf("// conf/things/xnet.things: the binding is MQTT. Made by xnetctl recipe openhab "
	       "for "
	       "the gateway %s.\n"
	       "Bridge mqtt:broker:xnet \"xnet %s\" [ host=\"%s\", port=%u, secure=%s%s%s%s ] {\n",
	       m->gateway, m->gateway, m->mqtt.host, m->mqtt.port,
	       m->mqtt.use_tls ? "true" : "false", m->mqtt.username ? ", username=\"" : "",
	       m->mqtt.username ? m->mqtt.username : "", m->mqtt.username ? "\"" : "");
	for (size_t i = 0; i < m->ndevice; i++) {
		const struct device *d = &m->device[i];
		printf("  Thing topic %s \"%s\" [ availabilityTopic=\"%s/sts/%s/status\", "
		       "payloadAvailable=\"online\", payloadNotAvailable=\"offline\" ] {\n"
		       "    Channels:\n",
		       d->name, d->name, m->mqtt.prefix, d->name);
		for (uint32_t k = 0; k < d->set->n; k++)
			openhab_channel(m, d, &d->set->point[k]);
		puts("  }");
	}
	puts("}");
}

/* -- Node-RED ---------------------------------------------------------------------------------- */

struct flow {
	const struct model *m;
	struct json j;
	unsigned row, node;
};

static const char *const flow_tab = "xnet0000000tab";
static const char *const flow_broker = "xnet000000mqtt";

static void node_open(struct flow *f, const char *id, const char *type, const char *name)
{
	jw_open(&f->j, NULL, '{');
	jw_string(&f->j, "id", id);
	jw_string(&f->j, "type", type);
	jw_string(&f->j, "z", flow_tab);
	jw_string(&f->j, "name", name);
}

static void node_close(struct flow *f, unsigned column, const char *wire)
{
	jw_int(&f->j, "x", 160 + 260 * (int)column);
	jw_int(&f->j, "y", 60 + 40 * (int)f->row);
	jw_open(&f->j, "wires", '[');
	if (wire) {
		jw_open(&f->j, NULL, '[');
		jw_string(&f->j, NULL, wire);
		jw_close(&f->j, ']');
	}
	jw_close(&f->j, ']');
	jw_close(&f->j, '}');
}

static void flow_begin(struct flow *f)
{
	const struct mqtt_conf *c = &f->m->mqtt;
	char port[8];
	snprintf(port, sizeof port, "%u", c->port);
	jw_open(&f->j, NULL, '[');
	jw_open(&f->j, NULL, '{');
	jw_string(&f->j, "id", flow_tab);
	jw_string(&f->j, "type", "tab");
	jw_string(&f->j, "label", f->m->gateway);
	jw_close(&f->j, '}');
	jw_open(&f->j, NULL, '{');
	jw_string(&f->j, "id", flow_broker);
	jw_string(&f->j, "type", "mqtt-broker");
	jw_string(&f->j, "name", "xnet");
	jw_string(&f->j, "broker", c->host);
	jw_string(&f->j, "port", port);
	jw_bool(&f->j, "usetls", c->use_tls);
	jw_string(&f->j, "protocolVersion", c->version == 4 ? "4" : "5");
	jw_string(&f->j, "keepalive", "60");
	jw_bool(&f->j, "cleansession", true);
	jw_bool(&f->j, "autoConnect", true);
	jw_close(&f->j, '}');
}

/* Values come as numbers, None as null; device and point are taken from the topic. */
static void flow_values(struct flow *f)
{
	char topic[TOPIC];
	snprintf(topic, sizeof topic, "%s/sts/+/+", f->m->mqtt.prefix);
	node_open(f, "xnet0000000sts", "mqtt in", "values");
	jw_string(&f->j, "topic", topic);
	jw_string(&f->j, "qos", "1");
	jw_string(&f->j, "datatype", "utf8");
	jw_string(&f->j, "broker", flow_broker);
	jw_int(&f->j, "inputs", 0);
	node_close(f, 0, "xnet00000split");
	node_open(f, "xnet00000split", "function", "device, point, value");
	jw_string(&f->j, "func",
	          "const level = msg.topic.split('/');\n"
	          "msg.point = level.pop();\n"
	          "msg.device = level.pop();\n"
	          "if (msg.payload === 'None') msg.payload = null;\n"
	          "else if (msg.payload !== '' && !isNaN(msg.payload)) msg.payload = "
	          "Number(msg.payload);\n"
	          "return msg;");
	jw_int(&f->j, "outputs", 1);
	node_close(f, 1, "xnet00000debug");
	node_open(f, "xnet00000debug", "debug", "values");
	jw_bool(&f->j, "active", true);
	jw_bool(&f->j, "tosidebar", true);
	jw_bool(&f->j, "console", false);
	jw_string(&f->j, "complete", "true");
	jw_string(&f->j, "targetType", "full");
	node_close(f, 2, NULL);
	f->row++;
}

/* A button in the editor; never pressed by a deployment. */
static void flow_inject(struct flow *f, const char *name, const char *payload, const char *wire)
{
	char id[24];
	snprintf(id, sizeof id, "xnetinject%04u", f->node++ % 10000);
	node_open(f, id, "inject", name);
	jw_string(&f->j, "payload", payload);
	jw_string(&f->j, "payloadType", "str");
	jw_string(&f->j, "repeat", "");
	jw_bool(&f->j, "once", false);
	node_close(f, 0, wire);
	f->row++;
}

static void flow_switch(void *ctx, const struct device *d, const struct point *p,
                        const struct ha_entity *e)
{
	struct flow *f = ctx;
	char topic[TOPIC], id[24], name[2 * NAME_MAX_LEN + 80];
	if (e->platform != HA_SWITCH || p->write->confirm)
		return;
	snprintf(topic, sizeof topic, "%s/cmd/%s/%s", f->m->mqtt.prefix, d->name, p->name);
	snprintf(id, sizeof id, "xnetswitch%04u", f->node % 10000);
	snprintf(name, sizeof name, "%s %s %.40s", d->name, p->name, e->on);
	flow_inject(f, name, e->on, id);
	snprintf(name, sizeof name, "%s %s %.40s", d->name, p->name, e->off);
	flow_inject(f, name, e->off, id);
	node_open(f, id, "mqtt out", p->name);
	jw_string(&f->j, "topic", topic);
	jw_string(&f->j, "qos", "1");
	jw_string(&f->j, "retain", "false");
	jw_string(&f->j, "broker", flow_broker);
	node_close(f, 1, NULL);
	f->row++;
}

void recipe_nodered(const struct model *m)
{
	struct flow f = {.m = m};
	flow_begin(&f);
	flow_values(&f);
	recipe_points(m, &f, flow_switch);
	jw_close(&f.j, ']');
	puts(f.j.text);
	jw_free(&f.j);
}

/* -- Grafana ----------------------------------------------------------------------------------- */

#define UNITS_MAX 64

struct units {
	const char *unit[UNITS_MAX];
	size_t n;
};

static void collect_unit(void *ctx, const struct device *d, const struct point *p,
                         const struct ha_entity *e)
{
	struct units *u = ctx;
	(void)d, (void)p;
	if (!e->number || !e->unit || !e->has_state || e->platform != HA_SENSOR)
		return;
	for (size_t i = 0; i < u->n; i++)
		if (strcmp(u->unit[i], e->unit) == 0)
			return;
	if (u->n < UNITS_MAX)
		u->unit[u->n++] = e->unit;
}

static void put_panel(struct json *j, int id, const char *type, const char *title,
                      const char *query, const char *legend)
{
	jw_open(j, NULL, '{');
	jw_int(j, "id", id);
	jw_string(j, "type", type);
	jw_string(j, "title", title);
	jw_open(j, "datasource", '{');
	jw_string(j, "type", "prometheus");
	jw_string(j, "uid", "${source}");
	jw_close(j, '}');
	jw_open(j, "gridPos", '{');
	jw_int(j, "h", 8);
	jw_int(j, "w", 12);
	jw_int(j, "x", (id - 1) % 2 * 12);
	jw_int(j, "y", (id - 1) / 2 * 8);
	jw_close(j, '}');
	jw_open(j, "targets", '[');
	jw_open(j, NULL, '{');
	jw_string(j, "refId", "A");
	jw_string(j, "expr", query);
	jw_string(j, "legendFormat", legend);
	jw_close(j, '}');
	jw_close(j, ']');
	jw_close(j, '}');
}

static void put_source(struct json *j)
{
	jw_open(j, "templating", '{');
	jw_open(j, "list", '[');
	jw_open(j, NULL, '{');
	jw_string(j, "name", "source");
	jw_string(j, "type", "datasource");
	jw_string(j, "query", "prometheus");
	jw_close(j, '}');
	jw_close(j, ']');
	jw_close(j, '}');
}

void recipe_grafana(const struct model *m)
{
	struct units u = {.n = 0};
	struct json j = {0};
	char query[TOPIC];
	int id = 1;
	recipe_points(m, &u, collect_unit);
	jw_open(&j, NULL, '{');
	jw_string(&j, "title", m->gateway);
	jw_string(&j, "uid", NULL);
	jw_int(&j, "schemaVersion", 39);
	jw_string(&j, "refresh", "30s");
	put_source(&j);
	jw_open(&j, "panels", '[');
	snprintf(query, sizeof query, "xnet_device_up{gateway=\"%s\"}", m->gateway);
	put_panel(&j, id++, "state-timeline", "Devices", query, "{{device}}");
	snprintf(query, sizeof query, "xnet_line_load_ratio{gateway=\"%s\"}", m->gateway);
	put_panel(&j, id++, "timeseries", "Load of the lines", query, "{{line}}");
	for (size_t i = 0; i < u.n; i++) {
		snprintf(query, sizeof query, "xnet_point{gateway=\"%s\",unit=\"%s\"}", m->gateway,
		         u.unit[i]);
		put_panel(&j, id++, "timeseries", u.unit[i], query, "{{device}} {{point}}");
	}
	jw_close(&j, ']');
	jw_close(&j, '}');
	puts(j.text);
	jw_free(&j);
}
