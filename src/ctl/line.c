// SPDX-License-Identifier: MIT
#include "ctl/line.h"

#include <stdio.h>
#include <string.h>

#include "bus/clock.h"
#include "ctl/remote.h"
#include "ctl/talk.h"
#include "ctl/wording.h"

struct wireline *line_open(const struct bus_conf *conf, const char *control, char *why, size_t size)
{
	struct wireline *l = NULL;

	why[0] = '\0';
	if (control)
		l = remote_open(conf, control, why, size);
	if (l || why[0])
		return l;
	l = own_open(conf, why, size);
	const size_t n = strlen(why);
	if (!l && control && talk_denied(control))
		snprintf(why + n, size - n,
		         "; to ask xnetd instead, use sudo or join group xnet (sudo adduser $USER "
		         "xnet)");
	return l;
}

void line_close(struct wireline *l)
{
	if (l)
		l->ops->close(l);
}

bool line_set(struct wireline *l, const struct setting *s)
{
	const struct setting now = line_setting(&l->conf);

	if (l->conf.kind == BUS_TCP || setting_same(s, &now))
		return true;
	return l->ops->set(l, s);
}

bool line_hold(struct wireline *l, unsigned seconds)
{
	return !l->ops->hold || l->ops->hold(l, seconds);
}

void line_ask(struct wireline *l, const struct request *r, us_t timeout, bool once,
              struct reply *out)
{
	const us_t begun = clock_now();

	*out = (struct reply){.outcome = OUT_LINK};
	l->ops->ask(l, r, timeout, once, out);
	out->took = clock_now() - begun;
	if (!out->why[0])
		wording_reply(l, r, out);
}

size_t line_late(struct wireline *l, uint8_t *unit, size_t room)
{
	return l->ops->late(l, unit, room);
}

bool line_listen(struct wireline *l, us_t until, seen_take *take, void *ctx)
{
	return l->ops->listen(l, until, take, ctx);
}

struct setting line_setting(const struct bus_conf *c)
{
	return (struct setting){c->baud, c->data, c->stop, c->parity};
}

char *setting_text(const struct setting *s, char *buf, size_t size)
{
	if (s->baud)
		snprintf(buf, size, "%u %u%c%u", (unsigned)s->baud, s->data, s->parity, s->stop);
	else
		snprintf(buf, size, "tcp");
	return buf;
}

bool setting_same(const struct setting *a, const struct setting *b)
{
	return a->baud == b->baud && a->data == b->data && a->parity == b->parity &&
	       a->stop == b->stop;
}
