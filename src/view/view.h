/* SPDX-License-Identifier: MIT */
/*
 * view: the topics of all gateways below one prefix, as rows: gateways, their lines,
 * devices, points. status, top, fleet, metrics and the web page are faces of it. Pure: messages and
 * the time come in, rows come out. Everything in it was published by somebody: names that no
 * gateway can have are not taken, texts are cleaned (core/base/text.h) and cut, and all of it has
 * bounds; what is beyond them is counted in `ignored`.
 *
 * Strings belong to the view and live until the next call that changes it.
 */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/span.h"
#include "view/facts.h"
#include "view/names.h"

#define VIEW_GATEWAYS 256
#define VIEW_DEVICES 4096
#define VIEW_POINTS 50000
#define VIEW_BUSES 64  /* of one gateway */
#define VIEW_CLAIMS 4  /* gateways that publish one device */
#define VIEW_ALERTS 64 /* of one device */
#define VIEW_LABELS 64 /* of one point */
#define VIEW_TEXT 256  /* bytes of a value */
#define VIEW_LOG 200   /* entries, the oldest go first */

enum view_status { VIEW_UNKNOWN, VIEW_OFFLINE, VIEW_ONLINE };

struct view_point {
	char *name, *text; /* text NULL: nothing was published */
	char *unit, *description, *type, *confirm;
	char **label;
	size_t nlabel;
	bool writable, described; /* described: its device's info names it */
	bool has_min, has_max, has_step;
	double min, max, step;
	us_t at; /* of the last value that came live; 0: it was retained, its age is not known */
	uint64_t rev; /* of its text */
};

struct view_alert {
	bool fault;
	int32_t code;
	char *desc, *source, *since; /* source, since: may be NULL */
};

/* A device as one gateway describes it. */
struct view_claim {
	uint32_t gateway;
	struct facts facts; /* state, since, last_seen, quality … of topics.md */
};

/* Whatever has topics below sts: a device, or a gateway under its own name. */
struct view_device {
	char *name;
	enum view_status status;
	char *title, *vendor, *model, *profile, *bus;
	int unit; /* -1: not known */
	struct view_claim claim[VIEW_CLAIMS];
	size_t nclaim;
	struct view_point *point;
	size_t npoint;
	struct names names; /* of its points */
	struct view_alert *alert;
	size_t nalert;
	us_t seen;              /* when a value came live; 0: none did */
	uint64_t rev;           /* of anything but the values of its points */
	uint64_t described_rev; /* of what info reports of it and its points */
};

struct view_bus {
	char *name;
	struct facts facts;
};

struct view_gateway {
	char *name;
	struct facts facts; /* version, uptime, mqtt/queued … */
	struct view_bus bus[VIEW_BUSES];
	size_t nbus;
	us_t time_at; /* when its clock came */
	int64_t time; /* … and the time in it, ms since 1970; 0: it never did */
	uint64_t rev;
};

enum view_event { VIEW_STATUS, VIEW_ALERT, VIEW_NAK, VIEW_COMMAND };

struct view_entry {
	uint64_t rev;
	int64_t wall; /* ms since 1970, of our clock */
	enum view_event kind;
	bool bad;
	char *source, *text;
};

struct view {
	char *prefix;
	struct view_gateway *gateway;
	size_t ngateway;
	struct view_device *device;
	size_t ndevice, npoint;
	struct names gateways, devices;
	struct view_entry log[VIEW_LOG]; /* a ring: the newest is log[(nlog - 1) % VIEW_LOG] */
	uint64_t nlog;
	uint64_t rev;     /* of the last change */
	uint64_t epoch;   /* of the last view_clear */
	uint64_t ignored; /* topics that are none of ours, or too many */
	bool full;        /* something is left out: VIEW_GATEWAYS, VIEW_POINTS … are reached */
};

struct view *view_create(const char *prefix);
void view_destroy(struct view *v);

/* A connection begins: what is on the broker comes again. The log stays. */
void view_clear(struct view *v);

/* The filters to subscribe, an array of VIEW_FILTERS texts of VIEW_FILTER_SIZE bytes. */
#define VIEW_FILTERS 2
#define VIEW_FILTER_SIZE 160
void view_filters(const struct view *v, char filter[VIEW_FILTERS][VIEW_FILTER_SIZE]);

struct view_message {
	const char *topic, *payload;
	size_t len;
	bool retained;
	us_t now;     /* monotonic */
	int64_t wall; /* ms since 1970 */
};

/* True: something changed. */
bool view_take(struct view *v, const struct view_message *m);

/* One more line in the log, e.g. what became of a command. Texts are copied. */
void view_log(struct view *v, enum view_event kind, bool bad, const char *source, const char *text,
              int64_t wall);

/* -- queries ------------------------------------------------------------------------------------
 */

/* A gateway that is gone has left nothing on the broker; only what is there is shown. */
bool view_gateway_there(const struct view *v, const struct view_gateway *g);
bool view_device_there(const struct view *v, const struct view_device *d);

/* NULL: none of that name. */
struct view_gateway *view_gateway(const struct view *v, const char *name);
struct view_device *view_device(const struct view *v, const char *name);
struct view_point *view_point(const struct view_device *d, const char *name);

enum view_status view_gateway_status(const struct view *v, const struct view_gateway *g);

/* The claim that counts: of a gateway that is online, if there is one; NULL: none claims it. */
const struct view_claim *view_owner(const struct view *v, const struct view_device *d);

/* Is it shown below this gateway? */
bool view_owns(const struct view *v, const struct view_gateway *g, const struct view_device *d);

/* Online, and its gateway too (topics.md, "Is the value current?"). */
bool view_current(const struct view *v, const struct view_device *d);

/* Two gateways that are online have the device; their names. */
bool view_conflict(const struct view *v, const struct view_device *d, const char **a,
                   const char **b);

/* µs since the device's last response; -1: not known. By the gateway's clock, which is published
 * every sys_interval, so a little less than it is at the beginning. */
us_t view_age(const struct view *v, const struct view_device *d, us_t now);

/* In words what is wrong with it, "" if nothing; `online` is not wrong, `disabled` is not either.
 */
const char *view_trouble(const struct view *v, const struct view_device *d);

struct view_sum {
	size_t devices, online, disabled, conflicts, faults, warnings;
	const struct view_bus *worst; /* the one that is not up, or the fullest; NULL: none */
	bool bus_down;                /* … is not up */
	bool wrong;                   /* anything of it needs attention */
};
void view_sum(const struct view *v, const struct view_gateway *g, struct view_sum *out);

#endif
