/* SPDX-License-Identifier: MIT */
/*
 * look: what status, top, fleet and metrics share: they look at gateways over MQTT, from any
 * machine.
 */
#ifndef CTL_LOOK_H
#define CTL_LOOK_H

#include "core/base/json.h"
#include "ctl/broker.h"
#include "ctl/grid.h"
#include "view/view.h"
#include "view/watch.h"

struct look {
	struct model *model;
	const struct mqtt_conf *conf;
	struct view *view;
	struct watch *watch;
	struct screen screen;
	bool full; /* it was reported */
};

/* Reports, once, that more was published than the view can hold. */
void look_full(struct look *l);

#define LOOK_GOES_ON (-1)

/* The options of a verb that looks (argv[0]): the broker's, --json, --help. LOOK_GOES_ON, or the
 * exit status. */
int look_options(int argc, char **argv, void (*help)(void), struct broker_options *o, bool *json);

/* Connects and takes what is retained. 0, or the exit status: the reason is on standard error. */
int look_begin(struct look *l, const struct broker_options *o);

/* Without waiting for the broker. */
int look_open(struct look *l, const struct broker_options *o);
void look_end(struct look *l);

/* Prints and frees. */
void look_json(struct json *j);

/* What a verb prints when there is no gateway. */
void look_nobody(const struct look *l);

/* The top of a screen for one gateway: its name, state, version, how long it is up. */
void look_head(const struct look *l, const struct view_gateway *g);

/* Its lines and devices as tables. rate(ctx, bus) gives requests a second, below 0: not known;
 * NULL: no such column. most: rows of devices. */
void look_tables(const struct look *l, const struct view_gateway *g,
                 double (*rate)(void *ctx, const struct view_gateway *g, const struct view_bus *b),
                 void *ctx, size_t most);

void look_alerts(const struct look *l, const struct view_gateway *g, size_t most);
void look_commands(const struct look *l, const struct view_gateway *g);

/* Devices that no gateway's health tree names (sys_interval: off). */
void look_others(const struct look *l, size_t most);

#endif
