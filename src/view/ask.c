// SPDX-License-Identifier: MIT
#include <string.h>

#include "view/inside.h"

/* Days from 1970 to the first of a month; years from 1970 on ("Date algorithms", H. Hinnant). */
static int64_t days(int64_t y, int64_t m, int64_t d)
{
	y -= m <= 2;
	const int64_t era = y / 400, yoe = y - era * 400;
	const int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

int64_t view_time(const char *text)
{
	static const char form[] = "0000-00-00T00:00:00.000Z";
	static const int64_t unit[] = {3600000, 60000, 1000, 1};
	int64_t n[7] = {0}, ms = 0;
	size_t k = 0;

	for (size_t i = 0; i < sizeof form; i++) {
		const bool digit = form[i] == '0';
		if (digit ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return 0;
		if (digit)
			n[k] = n[k] * 10 + text[i] - '0';
		else
			k++;
	}
	if (n[0] < 1970 || n[1] < 1 || n[1] > 12)
		return 0;
	for (size_t i = 0; i < 4; i++)
		ms += n[3 + i] * unit[i];
	return days(n[0], n[1], n[2]) * 86400000 + ms;
}

bool view_gateway_there(const struct view *v, const struct view_gateway *g)
{
	const struct view_device *d = view_device(v, g->name);

	if (g->facts.n || (d && d->status != VIEW_UNKNOWN))
		return true;
	for (size_t i = 0; i < g->nbus; i++)
		if (g->bus[i].facts.n)
			return true;
	return false;
}

bool view_device_there(const struct view *v, const struct view_device *d)
{
	for (size_t i = 0; i < d->nclaim; i++)
		if (d->claim[i].facts.n)
			return true;
	if (view_gateway(v, d->name))
		return false;
	if (d->status != VIEW_UNKNOWN || d->nalert)
		return true;
	for (size_t i = 0; i < d->npoint; i++)
		if (d->point[i].text)
			return true;
	return false;
}

enum view_status view_gateway_status(const struct view *v, const struct view_gateway *g)
{
	const struct view_device *d = view_device(v, g->name);
	return d ? d->status : VIEW_UNKNOWN;
}

static bool in_use(const struct view *v, const struct view_claim *c)
{
	const char *state = facts_text(&c->facts, "state", "");

	return c->facts.n && strcmp(state, "disabled") != 0 &&
	       view_gateway_status(v, &v->gateway[c->gateway]) == VIEW_ONLINE;
}

const struct view_claim *view_owner(const struct view *v, const struct view_device *d)
{
	const struct view_claim *any = NULL;

	for (size_t i = 0; i < d->nclaim; i++) {
		if (in_use(v, &d->claim[i]))
			return &d->claim[i];
		if (!any && d->claim[i].facts.n)
			any = &d->claim[i];
	}
	return any;
}

bool view_owns(const struct view *v, const struct view_gateway *g, const struct view_device *d)
{
	const struct view_claim *c = view_owner(v, d);
	return c && &v->gateway[c->gateway] == g;
}

bool view_current(const struct view *v, const struct view_device *d)
{
	const struct view_claim *c = view_owner(v, d);

	return d->status == VIEW_ONLINE &&
	       (!c || view_gateway_status(v, &v->gateway[c->gateway]) == VIEW_ONLINE);
}

bool view_conflict(const struct view *v, const struct view_device *d, const char **a,
                   const char **b)
{
	size_t n = 0;

	for (size_t i = 0; i < d->nclaim; i++)
		if (in_use(v, &d->claim[i]))
			*(n++ ? b : a) = v->gateway[d->claim[i].gateway].name;
	return n > 1;
}

us_t view_age(const struct view *v, const struct view_device *d, us_t now)
{
	const struct view_claim *c = view_owner(v, d);
	us_t age = d->seen ? now - d->seen : -1;

	if (!c)
		return age;
	const struct view_gateway *g = &v->gateway[c->gateway];
	const int64_t seen = view_time(facts_text(&c->facts, "last_seen", ""));
	if (!seen || !g->time)
		return age;
	const us_t by_clock = (g->time - seen) * US_MS + now - g->time_at;
	if (by_clock < 0)
		return 0;
	return age < 0 || by_clock < age ? by_clock : age;
}

static bool disabled(const struct view_claim *c)
{
	return c && strcmp(facts_text(&c->facts, "state", ""), "disabled") == 0;
}

const char *view_trouble(const struct view *v, const struct view_device *d)
{
	const struct view_claim *c = view_owner(v, d);
	const char *state = c ? facts_text(&c->facts, "state", "") : "";

	if (disabled(c) || view_current(v, d))
		return "";
	if (c && view_gateway_status(v, &v->gateway[c->gateway]) != VIEW_ONLINE)
		return "its gateway is offline";
	if (strncmp(state, "offline: ", 9) == 0)
		return state + 9;
	return d->status == VIEW_UNKNOWN ? "no status was published" : "offline";
}

static void sum_alerts(const struct view_device *d, struct view_sum *s)
{
	for (size_t i = 0; i < d->nalert; i++)
		d->alert[i].fault ? s->faults++ : s->warnings++;
}

static void sum_device(const struct view *v, const struct view_device *d, struct view_sum *s)
{
	const char *a, *b;

	s->devices++;
	s->online += view_current(v, d);
	s->disabled += disabled(view_owner(v, d));
	s->conflicts += view_conflict(v, d, &a, &b);
	sum_alerts(d, s);
}

static void sum_buses(const struct view_gateway *g, struct view_sum *s)
{
	double most = -1;

	for (size_t i = 0; i < g->nbus; i++) {
		const struct facts *f = &g->bus[i].facts;
		double load = 0;
		if (!f->n)
			continue;
		const bool down = strcmp(facts_text(f, "state", "up"), "up") != 0;
		facts_number(f, "load/1min", &load);
		if ((down && !s->bus_down) || (down == s->bus_down && load > most)) {
			s->worst = &g->bus[i];
			most = load;
		}
		s->bus_down = s->bus_down || down;
	}
}

void view_sum(const struct view *v, const struct view_gateway *g, struct view_sum *s)
{
	const struct view_device *own = view_device(v, g->name);

	*s = (struct view_sum){0};
	for (size_t i = 0; i < v->ndevice; i++)
		if (view_device_there(v, &v->device[i]) && view_owns(v, g, &v->device[i]))
			sum_device(v, &v->device[i], s);
	if (own && !view_owns(v, g, own))
		sum_alerts(own, s);
	sum_buses(g, s);
	s->wrong = view_gateway_status(v, g) != VIEW_ONLINE || s->bus_down || s->faults ||
	           s->conflicts || s->online + s->disabled < s->devices;
}
