// SPDX-License-Identifier: MIT
#include "web/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/arena.h"
#include "core/base/text.h"
#include "mqtt/json_parse.h"

#define OUTCOME_LIMIT (15 * US_S)
#define GRACE (1500 * US_MS) /* from the value read back to the response, if one comes */
#define VALUE_MAX 1024

void commands_init(struct commands *c, struct view *v)
{
	uint32_t r[2];

	if (getrandom(r, sizeof r, 0) != sizeof r)
		abort();
	*c = (struct commands){.view = v};
	snprintf(c->topic, sizeof c->topic, "answers/xnet-web-%08x%08x", (unsigned)r[0],
	         (unsigned)r[1]);
}

void commands_filter(const struct commands *c, char *buf, size_t size)
{
	snprintf(buf, size, "%s/#", c->topic);
}

static void forget(struct command *one)
{
	free(one->device);
	free(one->point);
	free(one->value);
	*one = (struct command){0};
}

void commands_free(struct commands *c)
{
	for (size_t i = 0; i < COMMANDS; i++)
		forget(&c->command[i]);
}

/* -- out --------------------------------------------------------------------------------------- */

struct wish {
	const char *device, *point, *value;
};

static const char *member(const struct json_members *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->member[i].name, name) == 0 && !m->member[i].fault)
			return m->member[i].text;
	return NULL;
}

static unsigned check(const struct view *v, const struct wish *w, char *text, size_t size)
{
	const struct view_device *d = w->device ? view_device(v, w->device) : NULL;
	const struct view_point *p = d && w->point ? view_point(d, w->point) : NULL;

	if (!w->device || !w->point || !w->value || !*w->value || strlen(w->value) > VALUE_MAX) {
		snprintf(text, size, "device, point and value must be given");
		return 400;
	}
	if (!p || !p->writable || strpbrk(w->device, "+#/") || strpbrk(w->point, "+#/")) {
		snprintf(text, size, "there is no such point that can be written");
		return 404;
	}
	return 0;
}

static struct command *room(struct commands *c)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!c->command[i].number)
			return &c->command[i];
	return NULL;
}

static unsigned send_wish(struct commands *c, struct watch *w, const struct wish *wish, char *text,
                          size_t size)
{
	char topic[VIEW_TEXT * 2], answer[128], number[16];
	struct command *one = room(c);

	if (!one) {
		snprintf(text, size, "too many commands are under way");
		return 503;
	}
	if (++c->last == 0)
		c->last = 1;
	snprintf(topic, sizeof topic, "%s/cmd/%s/%s", c->view->prefix, wish->device, wish->point);
	snprintf(answer, sizeof answer, "%s/%u", c->topic, (unsigned)c->last);
	snprintf(number, sizeof number, "%u", (unsigned)c->last);
	if (!watch_send(w, topic, wish->value, answer, number)) {
		snprintf(text, size, "the broker is away: nothing was sent");
		return 503;
	}
	*one = (struct command){
		.number = c->last,
		.device = mem_strdup(wish->device),
		.point = mem_strdup(wish->point),
		.value = mem_strdup(wish->value),
		.sent = watch_now(),
	};
	snprintf(text, size, "sent");
	return 202;
}

unsigned commands_take(struct commands *c, struct watch *w, const char *body, size_t len,
                       char *text, size_t size)
{
	struct json_members m;

	if (!json_parse_object(body, len, &m, text, size)) {
		json_members_free(&m);
		return 400;
	}
	const struct wish wish = {member(&m, "device"), member(&m, "point"), member(&m, "value")};
	unsigned status = check(c->view, &wish, text, size);
	if (!status)
		status = send_wish(c, w, &wish, text, size);
	json_members_free(&m);
	return status;
}

/* -- in ---------------------------------------------------------------------------------------- */

static void end(struct commands *c, struct command *one, bool bad, const char *outcome,
                int64_t wall)
{
	char text[VIEW_TEXT * 3], clean[VIEW_TEXT];

	text_clean(one->value, strlen(one->value), clean, sizeof clean);
	snprintf(text, sizeof text, "%s %s: %.300s", one->point, clean, outcome);
	view_log(c->view, VIEW_COMMAND, bad, one->device, text, wall);
	printf("command %s/%s\n", one->device, text);
	fflush(stdout);
	forget(one);
}

/* Equal as texts, or as numbers: 21.5 is read back as 21.50. */
static bool equal(const char *a, const char *b)
{
	char *end_a, *end_b;

	if (strcmp(a, b) == 0)
		return true;
	const double x = strtod(a, &end_a), y = strtod(b, &end_b);
	return end_a != a && end_b != b && !*end_a && (!*end_b || *end_b == ' ') && x == y;
}

static bool echoed(const struct commands *c, const struct command *one)
{
	const struct view_device *d = view_device(c->view, one->device);
	const struct view_point *p = d ? view_point(d, one->point) : NULL;

	return p && p->text && p->at > one->sent && equal(one->value, p->text);
}

/* Nak is in the log by itself; it is the end of the oldest command that it fits. */
static void look_at_naks(struct commands *c)
{
	for (; c->naks < c->view->nlog; c->naks++) {
		const struct view_entry *e = &c->view->log[c->naks % VIEW_LOG];
		struct command *oldest = NULL;
		if (e->kind != VIEW_NAK || c->view->nlog - c->naks > VIEW_LOG)
			continue;
		for (size_t i = 0; i < COMMANDS; i++) {
			struct command *one = &c->command[i];
			const size_t n = one->number ? strlen(one->point) : 0;
			if (n && strcmp(one->device, e->source) == 0 &&
			    strncmp(e->text, one->point, n) == 0 && e->text[n] == ' ' &&
			    (!oldest || one->number < oldest->number))
				oldest = one;
		}
		if (oldest)
			forget(oldest);
	}
}

void commands_response(struct commands *c, const struct view_message *m)
{
	const size_t n = strlen(c->topic);
	struct json_members members;
	char error[64];

	if (m->retained || strncmp(m->topic, c->topic, n) != 0 || m->topic[n] != '/')
		return;
	const unsigned long number = strtoul(m->topic + n + 1, NULL, 10);
	if (!json_parse_object(m->payload, m->len, &members, error, sizeof error)) {
		json_members_free(&members);
		return;
	}
	look_at_naks(c);
	const char *ok = member(&members, "ok"), *reason = member(&members, "reason");
	for (size_t i = 0; i < COMMANDS && number && ok; i++) {
		struct command *one = &c->command[i];
		if (one->number != number)
			continue;
		const bool good = strcmp(ok, "true") == 0;
		end(c, one, !good,
		    good ? one->echoed || echoed(c, one) ? "verified" : "acknowledged by the device"
		    : reason ? reason
		             : "refused",
		    m->wall);
	}
	json_members_free(&members);
}

void commands_turn(struct commands *c, us_t now, int64_t wall)
{
	look_at_naks(c);
	for (size_t i = 0; i < COMMANDS; i++) {
		struct command *one = &c->command[i];
		if (!one->number)
			continue;
		if (!one->echoed && echoed(c, one))
			one->echoed = now;
		if (one->echoed && now - one->echoed > GRACE)
			end(c, one, false, "reported back", wall);
		else if (now - one->sent > OUTCOME_LIMIT)
			end(c, one, true, "no outcome was reported within 15 s; look at the value",
			    wall);
	}
}
