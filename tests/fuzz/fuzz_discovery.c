// SPDX-License-Identifier: MIT
/* Discovery documents that the broker retains from anybody, below our own node: whatever they say,
 * what is published for it is our topics with JSON or nothing, and a bounded number of them. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"
#include "core/base/jread.h"
#include "mqtt/north.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NODE "homeassistant/device/xnet_house/"
#define PUBLISHED_MAX 1000 /* for all documents of an input */

static const char conf[] = "gateway: house\n"
			   "mqtt: {broker: mqtt://localhost}\n"
			   "homeassistant: true\n"
			   "buses: {line: {tcp: 'localhost:502'}}\n"
			   "devices:\n"
			   "  meter: {bus: line, id: 1, points: {Watts: {holding: 0, unit: W}, "
			   "Relay: {coil: 1, write: true}}}\n"
			   "  pump: {bus: line, id: 2, points: {Mode: {holding: 3, values: {0: "
			   "off, 1: eco}, write: true}}}\n";

static struct model *load(void)
{
	char path[64];
	struct diag d;
	const int fd = memfd_create("devices.yaml", MFD_CLOEXEC);
	if (fd < 0 || write(fd, conf, sizeof conf - 1) != (ssize_t)sizeof conf - 1)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	const struct config_paths paths = {.file = path, .profiles = {"/nonexistent"}};
	diag_init(&d);
	struct model *m = config_load(&paths, &d);
	for (size_t i = 0; i < d.n; i++)
		fprintf(stderr, "%s\n", d.message[i].text);
	diag_free(&d);
	close(fd);
	if (!m)
		abort();
	return m;
}

static unsigned published(struct outbox *o)
{
	struct outgoing out;
	struct jread r;
	unsigned n = 0;
	for (; outbox_take(o, &out); n++) {
		if (strncmp(out.topic, "homeassistant/", 14) == 0) {
			if (strncmp(out.topic, NODE, strlen(NODE)) != 0)
				abort();
			if (out.len && !jread_parse(&r, out.payload, out.len))
				abort();
			if (out.len)
				jread_free(&r);
		}
		outbox_sent(o, out.item);
	}
	return n;
}

static void take(struct north *n, char *topic, char *payload)
{
	struct north_event e;
	const struct mqtt_event m = {.kind = MQTT_MESSAGE,
	                             .retained = true,
	                             .topic = topic,
	                             .payload = payload,
	                             .len = strlen(payload)};
	north_event(n, &m, &e);
	north_event_free(&e);
}

/* Lines: the device's part of a topic, and the document that it retains, in turn. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct model *m;
	char topic[600];
	if (!m)
		m = load();
	struct outbox *o = outbox_create(10000);
	struct north *n = north_create(o);
	char *text = malloc(size + 1), *rest = NULL;
	if (!text)
		abort();
	for (size_t i = 0; i < size; i++)
		text[i] = data[i] ? (char)data[i] : ' ';
	text[size] = '\0';
	north_adopt(n, m, NULL);
	north_connected(n, 0, 0);
	unsigned sent = published(o);
	for (char *id = strtok_r(text, "\n", &rest); id; id = strtok_r(NULL, "\n", &rest)) {
		char *document = strtok_r(NULL, "\n", &rest), empty[] = "";
		snprintf(topic, sizeof topic, NODE "%.500s/config", id);
		take(n, topic, document ? document : empty);
		sent += published(o);
	}
	while (!north_settle(n))
		;
	north_adopt(n, m, NULL);
	sent += published(o);
	if (sent > PUBLISHED_MAX)
		abort();
	north_destroy(n);
	outbox_destroy(o);
	free(text);
	return 0;
}
