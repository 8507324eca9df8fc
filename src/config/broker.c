// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/load.h"
#include "config/scalar.h"

static const struct {
	const char *scheme;
	bool tls, ws;
	uint16_t port;
} schemes[] = {
	{"mqtt://", false, false, 1883},
	{"mqtts://", true, false, 8883},
	{"ws://", false, true, 80},
	{"wss://", true, true, 443},
};

static const char *hint(struct load *l, const char *url)
{
	static const struct {
		const char *scheme, *hint;
	} rows[] = {
		{"tcp://", "; here tcp:// is mqtt://"},
		{"mqtt+tcp://", "; here that is mqtt://"},
		{"ssl://", "; here ssl:// is mqtts://"},
		{"tls://", "; here tls:// is mqtts://"},
		{"http", "; that is a web server's address; MQTT behind one is ws:// or wss://"},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		if (strncasecmp(url, rows[i].scheme, strlen(rows[i].scheme)) == 0)
			return rows[i].hint;
	const char *host;
	size_t len;
	int64_t port;
	bool has_port;
	if (!host_port_parse(url, &host, &len, &port, &has_port))
		return "";
	return arena_printf(l->scratch, "; did you mean \"mqtt://%s\"?", url);
}

/* What goes into one line of an HTTP request. */
static bool path_good(const char *path)
{
	for (const char *c = path; *c; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	return strlen(path) <= 128;
}

/* One address, behind its scheme. */
static void one(struct load *l, const struct node *n, const char *rest, struct mqtt_broker *b)
{
	const size_t end = strcspn(rest, "/");
	const char *path = rest + end, *name = arena_strndup(l->scratch, rest, end), *host;
	int64_t port = b->port;
	size_t len;
	bool has_port;
	if ((!b->ws && strlen(path) > 1) || !host_port_parse(name, &host, &len, &port, &has_port)) {
		diag_error(l->d, n->where, "broker: \"%s\" is not host or host:port", rest);
		return;
	}
	if (b->ws && !path_good(path)) {
		diag_error(l->d, n->where, "broker: the path behind the host is not plain ASCII");
		return;
	}
	b->host = arena_strndup(l->arena, host, len);
	b->port = (uint16_t)port;
	b->path = b->ws ? arena_strdup(l->arena, strlen(path) > 1 ? path : "/mqtt") : NULL;
}

static void broker_read(struct load *l, const struct node *n, struct mqtt_broker *b)
{
	const char *url = scalar_text(l->d, "broker", n);
	if (!url)
		return;
	if (strchr(url, '@')) { /* not repeated in the message: it may hold a password */
		diag_error(
			l->d, n->where,
			"broker: give the user by username and password_file, not in the address");
		return;
	}
	for (size_t i = 0; i < COUNT(schemes); i++) {
		const size_t len = strlen(schemes[i].scheme);
		if (strncmp(url, schemes[i].scheme, len) != 0)
			continue;
		b->tls = schemes[i].tls;
		b->ws = schemes[i].ws;
		b->port = schemes[i].port;
		one(l, n, url + len, b);
		return;
	}
	diag_error(l->d, n->where,
	           "broker: \"%s\" is not mqtt://host, mqtts://host, ws://host or wss://host, with "
	           ":port if needed%s",
	           url, hint(l, url));
}

static bool same_broker(const struct mqtt_broker *a, const struct mqtt_broker *b)
{
	return a->host && b->host && strcmp(a->host, b->host) == 0 && a->port == b->port &&
	       a->tls == b->tls && a->ws == b->ws;
}

void set_broker(struct load *l, const struct hit *h, void *object)
{
	struct mqtt_conf *m = object;
	const struct node *v = h->value;
	const bool list = v->kind == NODE_LIST;
	const uint32_t n = list ? v->n : 1;
	if (n == 0 || n > MQTT_BROKERS_MAX) {
		diag_error(l->d, v->where, "broker: expects one address, or a list of up to %d",
		           MQTT_BROKERS_MAX);
		return;
	}
	struct mqtt_broker *b = arena_array(l->arena, n, sizeof *b);
	for (uint32_t i = 0; i < n; i++) {
		const struct node *node = list ? v->item[i] : v;
		broker_read(l, node, &b[i]);
		for (uint32_t k = 0; k < i; k++)
			if (same_broker(&b[i], &b[k])) {
				diag_error(l->d, node->where, "broker: is already in the list");
				break;
			}
	}
	if (!b[0].host)
		return;
	m->broker = b;
	m->nbroker = n;
	mqtt_use(m, 0);
}
