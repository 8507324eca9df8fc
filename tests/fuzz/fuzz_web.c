// SPDX-License-Identifier: MIT
/* What anybody may publish and any browser may send: the page is always given JSON that our own
 * reader takes, a body becomes a command only for a point that may be written, and no header
 * is read beyond its end. The first byte says which of them it is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/jread.h"
#include "web/command.h"
#include "web/feed.h"
#include "web/guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW (1000 * US_S)

static bool sent;

/* In place of the broker. */
bool watch_send(struct watch *w, const char *topic, const char *payload, const char *response,
                const char *correlation)
{
	(void)w;
	sent = strcmp(topic, "xnet/cmd/heater/SetPoint") == 0;
	if (!sent || !*payload || !*response || !*correlation)
		abort();
	return true;
}

us_t watch_now(void)
{
	return NOW;
}

static struct view_message message(const char *topic, const char *payload, size_t len)
{
	return (struct view_message){topic, payload, len, false, NOW, 1780000000000};
}

static struct view *house(void)
{
	static const char info[] =
		"{\"bus\":\"a\",\"points\":[{\"name\":\"SetPoint\",\"type\":\"number\","
		"\"writable\":true},{\"name\":\"Volts\",\"type\":\"number\"}]}";
	struct view *v = view_create("xnet");
	struct view_message m = message("xnet/$SYS/barn/device/heater/info", info, sizeof info - 1);

	view_take(v, &m);
	m = message("xnet/sts/heater/SetPoint", "21.5", 4);
	view_take(v, &m);
	return v;
}

static void fed(const struct view *v, uint64_t since)
{
	const struct feed_head head = {.broker = "b", .trouble = ""};
	struct json j = {0};
	struct jread r;

	feed(v, &head, since, NOW, &j);
	if (memchr(j.text, '\n', j.len) || !jread_parse(&r, j.text, j.len))
		abort();
	jread_free(&r);
	jw_free(&j);
}

/* Lines of "topic payload". */
static void publish(struct view *v, char *text, char *end)
{
	while (text < end) {
		char *line = memchr(text, '\n', (size_t)(end - text));
		line = line ? line : end;
		*line = '\0';
		char *blank = strchr(text, ' ');
		if (blank)
			*blank = '\0';
		const char *payload = blank ? blank + 1 : line;
		const uint64_t before = v->rev;
		const struct view_message m = message(text, payload, (size_t)(line - payload));
		view_take(v, &m);
		fed(v, before);
		text = line + 1;
	}
	fed(v, 0);
}

static void order(struct view *v, const char *body, size_t len)
{
	struct commands c;
	char text[256];

	sent = false;
	commands_init(&c, v);
	const unsigned status = commands_take(&c, NULL, body, len, text, sizeof text);
	if ((status == 202) != sent || !*text)
		abort();
	char topic[sizeof c.topic + 3];
	strcpy(topic, c.topic);
	strcat(topic, "/1");
	const struct view_message m = message(topic, body, len);
	commands_response(&c, &m);
	commands_turn(&c, NOW + 60 * US_S, 0);
	fed(v, 0);
	commands_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guard g = {.host = {"plant.example"}, .nhost = 1, .login = "operator:secret"};

	if (size == 0)
		return 0;
	const size_t len = size - 1;
	char *text = mem_alloc(len + 2, 1);
	memcpy(text, data + 1, len);
	struct view *v = house();
	switch (data[0]) {
	case 'b':
		order(v, text, len);
		break;
	case 'h':
		guard_host(&g, text);
		guard_origin(text, "plant.example:8502");
		guard_origin("http://plant.example", text);
		break;
	case 'l':
		guard_login(&g, text, 1);
		guard_token(&g, text);
		break;
	default:
		publish(v, text, text + len);
	}
	view_destroy(v);
	free(text);
	return 0;
}
