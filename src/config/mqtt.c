// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/load.h"
#include "config/scalar.h"

#define MQTT_PORT 1883

static void set_version(struct load *l, const struct hit *h, void *object)
{
	static const char *const words[] = {"auto", "5", "3.1.1", NULL};
	static const uint8_t versions[] = {0, 5, 4};
	const int i = scalar_choice(l->d, "version", h->value, words);
	if (i >= 0)
		((struct mqtt_conf *)object)->version = versions[i];
}

/* One or more levels, no wildcards, none empty, not below `$`. */
static void set_prefix(struct load *l, const struct hit *h, void *object)
{
	struct mqtt_conf *m = object;
	const char *text = scalar_text(l->d, "prefix", h->value);
	if (!text)
		return;
	const size_t len = strlen(text);
	if (len == 0 || len > 128 || strpbrk(text, "+# \t") || *text == '$' || *text == '/' ||
	    text[len - 1] == '/' || strstr(text, "//")) {
		diag_error(l->d, h->value->where,
		           "prefix: \"%s\" is not one or more levels like site7/xnet, without "
		           "blanks, + and #",
		           text);
		return;
	}
	m->prefix = load_text(l, text);
}

static void set_password_file(struct load *l, const struct hit *h, void *object)
{
	const char *name = scalar_text(l->d, "password_file", h->value);
	if (name)
		((struct mqtt_conf *)object)->password =
			source_secret(l, h->key->name, source_path(l, h->value->where.file, name),
		                      h->value->where, diag_error);
}

/* A file that must be readable; its path in the model. */
static void set_file(struct load *l, const struct hit *h, void *object)
{
	const char *name = scalar_text(l->d, h->key->name, h->value);
	if (!name)
		return;
	struct stat st;
	const char *path = source_path(l, h->value->where.file, name);
	source_refer(l, path);
	if (access(path, R_OK) != 0)
		diag_error(l->d, h->value->where, "%s: %s cannot be read", h->key->name, path);
	else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		diag_error(l->d, h->value->where, "%s: %s is not a regular file", h->key->name,
		           path);
	*(const char **)(void *)((char *)object + h->key->offset) = arena_strdup(l->arena, path);
}

static void set_key(struct load *l, const struct hit *h, void *object)
{
	struct mqtt_conf *m = object;
	struct stat st;
	set_file(l, h, object);
	if (m->key && stat(m->key, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IROTH))
		diag_warn(l->d, h->value->where,
		          "key: %s is readable by everyone; restrict it (chmod o-r)", m->key);
}

/* Does the file hold a block of that kind ("-----BEGIN … kind-----")? */
static bool pem_holds(const char *path, const char *kind)
{
	FILE *f = fopen(path, "r");
	char line[256];
	bool found = !f; /* that it cannot be read has been said */
	while (!found && fgets(line, sizeof line, f)) {
		line[strcspn(line, "\r\n")] = '\0';
		const size_t n = strlen(line), k = strlen(kind);
		found = strncmp(line, "-----BEGIN ", 11) == 0 && n > k &&
		        strcmp(line + n - k, kind) == 0;
	}
	if (f)
		fclose(f);
	return found;
}

static void check_pem(struct load *l, const struct hit *tls, const char *name, const char *path)
{
	const bool key = strcmp(name, "key") == 0;
	const struct node *node = node_get(tls->value, name);
	struct stat st;
	if (!path || !node || stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return;
	if (!pem_holds(path, key ? "PRIVATE KEY-----" : "CERTIFICATE-----"))
		diag_error(l->d, node->where, "%s: there is no %s in %s: it must be a PEM file",
		           name, key ? "private key" : "certificate", path);
	else if (key && pem_holds(path, "ENCRYPTED PRIVATE KEY-----"))
		diag_error(l->d, node->where,
		           "key: %s needs a passphrase, which cannot be entered here; store it "
		           "without one: openssl pkey -in %s -out NEW",
		           path, path);
}

static void read_tls(struct load *l, const struct hit *h, const struct keyset *set,
                     struct mqtt_conf *m)
{
	keys_read(l, set, h->value, h->value->where, m);
	check_pem(l, h, "ca", m->ca);
	check_pem(l, h, "cert", m->cert);
	check_pem(l, h, "key", m->key);
	if ((m->key != NULL) != (m->cert != NULL))
		diag_error(l->d, h->name->where, "tls: cert and key belong together");
}

static void set_tls(struct load *l, const struct hit *h, void *object)
{
	read_tls(l, h, &keyset_tls, object);
}

static void set_thingsboard_tls(struct load *l, const struct hit *h, void *object)
{
	read_tls(l, h, &keyset_thingsboard_tls, object);
}

/* The gateway works without ThingsBoard: a token that cannot be read does not stop it. */
static void set_token_file(struct load *l, const struct hit *h, void *object)
{
	const char *name = scalar_text(l->d, h->key->name, h->value);
	if (name)
		((struct mqtt_conf *)object)->username =
			source_secret(l, h->key->name, source_path(l, h->value->where.file, name),
		                      h->value->where, diag_warn);
}

static void set_qos(struct load *l, const struct hit *h, void *object)
{
	keys_read(l, &keyset_qos, h->value, h->value->where, object);
}

#define MQTT(field) KEY_AT(struct mqtt_conf, field)
static const char *const payload_words[] = {"value", "value+unit", NULL};

static const struct key mqtt_keys[] = {
	{"broker", .type = KEY_OTHER, .set = set_broker, .form = "address, or list of addresses",
         .preset = "mqtt://localhost:1883",
         .doc = "mqtt://host:port, mqtts:// (TLS), ws:// or wss://host:port/path (WebSockets); a "
                "list is "
                "tried in order, and the first is returned to."},
	{"version", .type = KEY_OTHER, .set = set_version, .form = "auto, 5 or 3.1.1",
         .preset = "auto", .doc = "MQTT version; auto uses 5 if the broker supports it."},
	{"client_id", KEY_TEXT, MQTT(client_id),
         .preset = "prefix, gateway and 8 digits made from the machine id",
         .doc = "MQTT client id; must be unique on the broker."},
	{"prefix", .type = KEY_OTHER, .set = set_prefix, .form = "text", .preset = "xnet",
         .doc = "First level or levels of every topic."},
	{"username", KEY_TEXT, MQTT(username), .doc = "User name for the broker."},
	{"password_file", .type = KEY_OTHER, .set = set_password_file, .form = "file",
         .preset = "systemd credential mqtt.password, if there is one",
         .doc = "File whose first line is the password, relative to this one."},
	{"tls", .type = KEY_OTHER, .set = set_tls, .form = "map",
         .doc = "Certificates for mqtts and wss."},
	{"keepalive", KEY_DURATION, MQTT(keepalive), .min = 1 * US_S, .max = 3600 * US_S,
         .preset = "20s",
         .doc = "MQTT keep-alive; the broker publishes the Last Will after 1.5 times this without "
                "contact."},
	{"qos", .type = KEY_OTHER, .set = set_qos, .form = "map",
         .doc = "MQTT QoS by kind of message."},
	{"retain", KEY_BOOL, MQTT(retain), .preset = "true",
         .doc = "Publish values, statuses and Alerts as retained messages."},
	{"expiry", KEY_DURATION, KEY_OFF, MQTT(expiry), .min = 1 * US_S, .max = 86400 * US_S * 366,
         .preset = "off",
         .doc = "MQTT 5: retained values expire after this; at least 3 x heartbeat."},
	{"payload", KEY_CHOICE, MQTT(payload_unit), .choice = payload_words, .preset = "value",
         .doc = "Whether a blank and the unit follow each number."},
	{"properties", KEY_BOOL, MQTT(properties), .preset = "false",
         .doc = "MQTT 5: whether values carry their unit and class as user properties."},
	{"history_buffer", KEY_SIZE, MQTT(history_buffer), .min = 0, .max = 1 << 30,
         .preset = "1MiB",
         .doc = "Buffer for history values while the broker is unreachable; the oldest are "
                "discarded first."},
	{"sys_interval", KEY_DURATION, KEY_OFF, MQTT(sys_interval), .min = 0, .max = 86400 * US_S,
         .preset = "10s",
         .doc = "How often the health topics below $SYS are published; off: never."},
};

static const struct key tls_keys[] = {
	{"ca", KEY_OTHER, MQTT(ca), .set = set_file, .form = "file",
         .preset = "the system's authorities",
         .doc = "Certificate of the CA that signed the broker's certificate."},
	{"cert", KEY_OTHER, MQTT(cert), .set = set_file, .form = "file",
         .doc = "Certificate of this gateway."},
	{"key", KEY_OTHER, MQTT(key), .set = set_key, .form = "file",
         .doc = "Private key of that certificate."},
	{"verify", KEY_BOOL, MQTT(tls_verify), .preset = "true",
         .doc = "Verify the broker's certificate and host name."},
};

static const struct key qos_keys[] = {
	{"value", KEY_INT, MQTT(qos_value), .min = 0, .max = 2, .preset = "0",
         .doc = "QoS of values."},
	{"status", KEY_INT, MQTT(qos_status), .min = 0, .max = 2, .preset = "1",
         .doc = "QoS of status, Alerts and Nak."},
	{"command", KEY_INT, MQTT(qos_command), .min = 0, .max = 2, .preset = "1",
         .doc = "QoS of the subscriptions to command topics."},
};

static const struct key thingsboard_keys[] = {
	{"broker", KEY_OTHER, KEY_REQUIRED, MQTT(host), .set = set_broker,
         .form = "address, or list of addresses",
         .doc = "ThingsBoard's MQTT port: mqtt://host:port, or with TLS mqtts://host:port."},
	{"token_file", .type = KEY_OTHER, .set = set_token_file, .form = "file",
         .preset = "systemd credential thingsboard.token, if there is one",
         .doc = "File whose first line is the access token of the gateway device, relative to this "
                "one."},
	{"version", .type = KEY_OTHER, .set = set_version, .form = "auto, 5 or 3.1.1",
         .preset = "auto", .doc = "MQTT version; auto uses 5 if the server supports it."},
	{"client_id", KEY_TEXT, MQTT(client_id),
         .preset = "xnet, gateway and 8 digits made from the machine id",
         .doc = "MQTT client id; must be unique on the server."},
	{"device_prefix", KEY_TEXT, MQTT(prefix), .preset = "none",
         .doc = "Text before the name of each device there, to keep sites apart."},
	{"tls", .type = KEY_OTHER, .set = set_thingsboard_tls, .form = "map",
         .doc = "Certificates for mqtts."},
	{"keepalive", KEY_DURATION, MQTT(keepalive), .min = 1 * US_S, .max = 3600 * US_S,
         .preset = "20s", .doc = "MQTT keep-alive."},
	{"buffer", KEY_SIZE, MQTT(history_buffer), .min = 0, .max = 1 << 30, .preset = "1MiB",
         .doc = "Buffer for values while the server is unreachable, at least 256KiB; the oldest "
                "are discarded first."},
};

const struct keyset keyset_thingsboard = {
	.name = "thingsboard", .key = thingsboard_keys, .n = COUNT(thingsboard_keys)};
const struct keyset keyset_thingsboard_tls = {
	.name = "thingsboard.tls", .key = tls_keys, .n = COUNT(tls_keys)};
const struct keyset keyset_mqtt = {.name = "mqtt", .key = mqtt_keys, .n = COUNT(mqtt_keys)};
const struct keyset keyset_tls = {.name = "mqtt.tls", .key = tls_keys, .n = COUNT(tls_keys)};
const struct keyset keyset_qos = {.name = "mqtt.qos", .key = qos_keys, .n = COUNT(qos_keys)};

/* systemd's LoadCredential=mqtt.password:…, when the file names no password. */
static void credential(struct load *l, const char *name, const char **secret, diag_say *say)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	if (!dir || *secret)
		return;
	const char *path = arena_printf(l->scratch, "%s/%s", dir, name);
	if (access(path, R_OK) == 0)
		*secret = source_secret(l, name, path, (struct where){NULL, 0, 0}, say);
}

static void check_tls(struct load *l, const struct node *section, const struct mqtt_conf *m)
{
	if (m->host && !mqtt_tls(m) && node_get(section, "tls"))
		diag_error(l->d, node_find(section, "tls")->key->where,
		           "tls: no broker is mqtts:// or wss://");
}

void thingsboard_load(struct load *l)
{
	struct mqtt_conf *m = &l->m->thingsboard;
	if (!l->thingsboard)
		return;
	*m = (struct mqtt_conf){
		.port = MQTT_PORT,
		.prefix = "",
		.tls_verify = true,
		.keepalive = 20 * US_S,
		.qos_value = 1,
		.qos_status = 1,
		.qos_command = 1,
		.history_buffer = 1 << 20,
		.where = l->thingsboard->where,
	};
	keys_read(l, &keyset_thingsboard, l->thingsboard, m->where, m);
	credential(l, "thingsboard.token", &m->username, diag_warn);
	if (!m->username && !m->cert && !node_get(l->thingsboard, "token_file") &&
	    !keys_meant(&keyset_thingsboard, l->thingsboard, "token_file"))
		diag_error(l->d, m->where,
		           "thingsboard: needs token_file, or tls with cert and key");
	check_tls(l, l->thingsboard, m);
}

static void needs_5(struct load *l, const char *key)
{
	diag_error(l->d, node_find(l->mqtt, key)->key->where,
	           "%s: needs MQTT 5, not version: 3.1.1", key);
}

void mqtt_load(struct load *l)
{
	struct mqtt_conf *m = &l->m->mqtt;
	*m = (struct mqtt_conf){
		.host = "localhost",
		.port = MQTT_PORT,
		.prefix = "xnet",
		.tls_verify = true,
		.keepalive = 20 * US_S,
		.qos_value = 0,
		.qos_status = 1,
		.qos_command = 1,
		.retain = true,
		.history_buffer = 1 << 20,
		.sys_interval = 10 * US_S,
		.where = {l->m->file, 1, 1},
	};
	if (l->mqtt)
		m->where = l->mqtt->where;
	keys_read(l, &keyset_mqtt, l->mqtt, m->where, m);
	credential(l, "mqtt.password", &m->password, diag_error);
	if (m->password && !m->username && node_get(l->mqtt, "password_file"))
		diag_error(l->d, m->where, "mqtt: password_file without username");
	if (m->version == 4 && m->expiry)
		needs_5(l, "expiry");
	if (m->version == 4 && m->properties)
		needs_5(l, "properties");
	check_tls(l, l->mqtt, m);
}

static bool is_name(const char *s)
{
	size_t n = 0;
	for (; s[n]; n++)
		if (!isalnum((unsigned char)s[n]) && s[n] != '_' && s[n] != '-')
			return false;
	return n >= 1 && n <= NAME_MAX_LEN;
}

bool name_check(struct load *l, const char *what, const struct node *name)
{
	if (is_name(name->text))
		return true;
	char echo[TEXT_ECHO_SIZE];
	diag_error(l->d, name->where, "%s is not %s: 1 to %d of A-Z a-z 0-9 _ -",
	           text_echo(name->text, echo), what, NAME_MAX_LEN);
	return false;
}

static void gateway_words(struct load *l)
{
	static const char *const switch_words[] = {"off", "on", NULL};
	static const char *const control_words[] = {
		[CONTROL_OFF] = "off", [CONTROL_READ_ONLY] = "read", [CONTROL_ON] = "on", NULL};
	l->m->commands_off =
		l->commands && scalar_choice(l->d, "commands", l->commands, switch_words) == 0;
	const int control =
		l->control ? scalar_choice(l->d, "control", l->control, control_words) : CONTROL_ON;
	l->m->control = control < 0 ? CONTROL_ON : (uint8_t)control;
}

void gateway_load(struct load *l)
{
	gateway_words(l);
	char host[256] = "";
	l->m->gateway = "gateway";
	if (l->gateway) {
		const char *name = scalar_text(l->d, "gateway", l->gateway);
		if (name && name_check(l, "a gateway's name", l->gateway))
			l->m->gateway = arena_strdup(l->arena, name);
		return;
	}
	if (gethostname(host, sizeof host - 1) == 0) {
		host[strcspn(host, ".")] = '\0';
		if (is_name(host))
			l->m->gateway = arena_strdup(l->arena, host);
	}
}
