// SPDX-License-Identifier: MIT
/*
 * mqtt_probe: the MQTT client and its outbox on a terminal, for the tests. One command a line:
 *   set TOPIC CLASS QOS TEXT   many N QOS PREFIX   again N QOS PREFIX   post TOPIC TEXT
 *   clear TOPIC   sub FILTER…   figures   end MILLISECONDS
 * and one line for every event.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "mqtt/client.h"

static void push(void *ctx, struct mqtt_event *e)
{
	(void)ctx;
	switch (e->kind) {
	case MQTT_UP:
		printf("up %u\n", e->protocol);
		break;
	case MQTT_DOWN:
		printf("down %s\n", e->text);
		break;
	case MQTT_REFUSED:
		printf("refused %s %s\n", e->topic ? e->topic : "-", e->text);
		break;
	default:
		printf("message %s %s%s%s %s %.*s %u\n", e->topic, e->payload,
		       e->retained ? " retained" : "", e->dup ? " dup" : "",
		       e->response_topic ? e->response_topic : "-", (int)e->correlation_len,
		       e->correlation ? (const char *)e->correlation : "", e->expiry);
	}
	fflush(stdout);
	mqtt_event_free(e);
}

static void set(struct outbox *o, char *arg)
{
	char topic[256], text[4096];
	unsigned class_, qos;
	if (sscanf(arg, "%255s %u %u %4095[^\n]", topic, &class_, &qos, text) == 4)
		outbox_set(o, outbox_slot(o, topic, class_, (uint8_t)qos, true), text, true);
}

static void many(struct outbox *o, const char *arg)
{
	char prefix[200], topic[256], text[16];
	unsigned n, qos;
	if (sscanf(arg, "%u %u %199s", &n, &qos, prefix) != 3)
		return;
	for (unsigned i = 0; i < n; i++) {
		snprintf(topic, sizeof topic, "%s/%u", prefix, i);
		snprintf(text, sizeof text, "%u", i);
		outbox_set(o, outbox_slot(o, topic, SLOT_VALUE, (uint8_t)qos, true), text, true);
	}
}

static void subscribe(struct mqtt_client *c, char *arg)
{
	const char *filter[16];
	size_t n = 0;
	for (char *f = strtok(arg, " \n"); f && n < 16; f = strtok(NULL, " \n"))
		filter[n++] = f;
	mqtt_subscribe(c, filter, n, 1);
}

static void post(struct outbox *o, char *arg)
{
	char topic[256], text[4096];
	if (sscanf(arg, "%255s %4095[^\n]", topic, text) == 2)
		outbox_post(o, &(struct post){.topic = topic, .payload = text, .qos = 1});
}

/* 1: small packets on its connections do not wait for each other; -1: there is none. */
static int nodelay(void)
{
	int all = -1;
	for (int fd = 3; fd < 64; fd++) {
		int on;
		socklen_t n = sizeof on;
		if (getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &n) == 0)
			all = on && all != 0;
	}
	return all;
}

static void figures(struct mqtt_client *c)
{
	struct mqtt_figures f;
	mqtt_figures(c, &f);
	printf("figures published=%llu received=%llu dropped=%llu reconnects=%llu queued=%zu "
	       "connected=%d nodelay=%d "
	       "protocol=%u broker=%s last_error=%s\n",
	       (unsigned long long)f.published, (unsigned long long)f.received,
	       (unsigned long long)f.dropped, (unsigned long long)f.reconnects, f.queued,
	       f.connected, nodelay(), f.protocol, f.broker, f.last_error);
	fflush(stdout);
}

static bool command(struct mqtt_client *c, struct outbox *o, char *line)
{
	char *arg = strchr(line, ' ');
	arg = arg ? arg + 1 : line + strlen(line);
	if (strncmp(line, "set ", 4) == 0)
		set(o, arg);
	else if (strncmp(line, "many ", 5) == 0)
		many(o, arg);
	else if (strncmp(line, "post ", 5) == 0)
		post(o, arg);
	else if (strncmp(line, "clear ", 6) == 0)
		outbox_clear(o, outbox_slot(o, strtok(arg, "\n"), SLOT_VALUE, 0, true));
	else if (strncmp(line, "sub ", 4) == 0)
		subscribe(c, arg);
	else if (strncmp(line, "figures", 7) == 0)
		figures(c);
	else if (strncmp(line, "end ", 4) == 0)
		return false;
	outbox_kick(o);
	return true;
}

static const char *option(int argc, char **argv, const char *name, const char *otherwise)
{
	for (int i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], name) == 0)
			return argv[i + 1];
	}
	return otherwise;
}

int main(int argc, char **argv)
{
	const char *will = option(argc, argv, "--will", NULL);
	const struct mqtt_conf conf = {
		.host = option(argc, argv, "--host", "127.0.0.1"),
		.port = (uint16_t)atoi(option(argc, argv, "--port", "1883")),
		.version = (uint8_t)atoi(option(argc, argv, "--version", "0")),
		.username = option(argc, argv, "--user", NULL),
		.password = option(argc, argv, "--password", NULL),
		.use_tls = option(argc, argv, "--ca", NULL) != NULL,
		.ca = option(argc, argv, "--ca", NULL),
		.cert = option(argc, argv, "--cert", NULL),
		.key = option(argc, argv, "--key", NULL),
		.tls_verify = strcmp(option(argc, argv, "--verify", "yes"), "yes") == 0,
		.keepalive = atoi(option(argc, argv, "--keepalive", "20")) * US_S,
		.expiry = atoi(option(argc, argv, "--expiry", "0")) * US_S,
		.retain = true,
	};
	struct outbox *o = outbox_create(1 << 20);
	struct mqtt_client *c = mqtt_create(&conf, option(argc, argv, "--id", "probe"), o, will,
	                                    will ? "offline" : NULL, push, NULL);
	char line[8192] = "end 700";
	while (fgets(line, sizeof line, stdin) && command(c, o, line))
		;
	struct timespec from, to;
	clock_gettime(CLOCK_MONOTONIC, &from);
	mqtt_destroy(c, (strncmp(line, "end ", 4) == 0 ? atoi(line + 4) : 700) * US_MS);
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("ended in %lld ms\n",
	       (long long)(to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000);
	outbox_destroy(o);
	return 0;
}
