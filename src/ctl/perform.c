// SPDX-License-Identifier: MIT
#include "ctl/perform.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bus/bus.h"
#include "ctl/stop.h"

#define REPORTS 64
#define SLICE (200 * US_MS) /* between two looks at Ctrl-C */
#define BUS_END (5 * US_S)

struct performing {
	const struct model *model;
	uint32_t device;
	const struct value *current;
	struct command_table *table;
	struct queue *reports;
	struct bus *bus;
	struct performed *out;
	bool reported, stopping, down;
	char port_why[160];
};

static struct value current_of(void *ctx, uint32_t device, uint32_t point)
{
	const struct performing *p = ctx;

	return device == p->device && p->current ? p->current[point] : value_none();
}

static void take_outcome(struct performing *p, const struct command_outcome *o)
{
	struct performed *out = p->out;

	if (o->origin != COMMAND_FROM_BROKER)
		return;
	p->reported = true;
	out->end = o->end;
	out->sent = o->sent != 0;
	out->took = o->sent ? o->ended - o->sent : 0;
	snprintf(out->value, sizeof(out->value), "%s", o->value ? o->value : "");
	snprintf(out->reason, sizeof(out->reason), "%s", o->reason ? o->reason : "");
}

static void take_actions(struct performing *p)
{
	static struct command_action a; /* large */
	const us_t now = clock_now();
	uint64_t old;

	while (command_take(p->table, &a)) {
		if (a.act == COMMAND_REPORT) {
			take_outcome(p, &a.outcome);
		} else if (a.act == COMMAND_DEMAND) {
			bus_demand(p->bus, &a.span, a.due);
		} else if (a.act == COMMAND_CANCEL) {
			if (bus_cancel(p->bus, a.id))
				command_replaced(p->table, a.id, now);
		} else if (a.act == COMMAND_SUBMIT) {
			const enum submitted s = bus_submit(p->bus, &a.job, &old);
			if (s == SUBMIT_REPLACED)
				command_replaced(p->table, old, now);
			else if (s == SUBMIT_BUSY)
				command_busy(p->table, a.job.id, now);
		}
	}
}

static void take_report(struct performing *p, const struct report *r)
{
	const us_t now = clock_now();
	const uint32_t bus = p->model->device[p->device].bus;

	switch ((enum report_kind)r->kind) {
	case REPORT_READ:
		command_read(p->table, bus, &r->span, r->word, r->linked, r->at, now);
		break;
	case REPORT_FAILED:
		command_read_failed(p->table, bus, &r->span, (enum outcome)r->outcome, r->exception,
		                    r->at, now);
		break;
	case REPORT_JOB:
		command_instead(p->table, r->id, &r->instead);
		command_job(p->table, r->id, (enum outcome)r->outcome, r->exception, r->sent, r->at,
		            now);
		break;
	case REPORT_PORT:
		p->down = !r->online;
		if (p->down)
			snprintf(p->port_why, sizeof(p->port_why), "%.150s", r->text);
		break;
	default:
		break;
	}
}

static void wait_report(struct performing *p)
{
	static struct report r; /* large */
	const us_t now = clock_now(), due = command_due(p->table);
	us_t left = due == US_NEVER || due - now > SLICE ? SLICE : due - now;

	left = left < 0 ? 0 : left;
	struct pollfd f = {.fd = queue_fd(p->reports), .events = POLLIN};
	poll(&f, 1, (int)(left / US_MS) + 1);
	while (queue_pop(p->reports, &r))
		take_report(p, &r);
}

/* Of this machine's clock, unless the system reports that it is not synchronised. */
static bool wall_at(void *ctx, us_t at, char text[COMMAND_TIME_SIZE])
{
	const time_t wall = time(NULL) + (at - clock_now()) / US_S;
	struct tm t;

	(void)ctx;
	if (clock_state() == CLOCK_WRONG)
		return false;
	localtime_r(&wall, &t);
	return strftime(text, COMMAND_TIME_SIZE, "%Y-%m-%dT%H:%M:%S%z", &t) > 0;
}

static void submit(struct performing *p, uint32_t point, const char *text)
{
	const struct command_item item = {.point = point, .text = text};
	const struct command_request r = {
		.device = p->device, .item = &item, .n = 1, .origin = COMMAND_FROM_BROKER};
	command_submit(p->table, &r, clock_now());
}

static void drive(struct performing *p)
{
	for (;;) {
		take_actions(p);
		if (p->reported && command_alive(p->table) == 0)
			return;
		if (stop_asked() && !p->stopping) {
			command_shutdown(p->table, clock_now());
			p->stopping = true;
			continue;
		}
		wait_report(p);
		command_tick(p->table, clock_now());
	}
}

void perform(const struct model *m, uint32_t device, uint32_t point, const char *text,
             const struct value *current, struct performed *out)
{
	struct performing p = {.model = m, .device = device, .current = current, .out = out};
	const struct device *d = &m->device[device];
	const struct command_ops ops = {.current = current_of, .wall = wall_at, .ctx = &p};

	*out = (struct performed){.end = COMMAND_FAILED};
	p.table = command_create(m, &ops);
	p.reports = queue_create(sizeof(struct report), REPORTS);
	p.bus = p.reports ? bus_create(&m->bus[d->bus], 0, 0, 1, p.reports) : NULL;
	if (p.bus) {
		bus_adopt(p.bus, NULL, 0, &d->rule, 1);
		submit(&p, point, text);
		drive(&p);
		bus_close(p.bus);
		queue_close(p.reports);
		bus_destroy(p.bus);
	}
	if (out->end == COMMAND_FAILED && p.down && !out->sent)
		snprintf(out->reason, sizeof(out->reason), "%s", p.port_why);
	queue_destroy(p.reports);
	command_destroy(p.table);
}
