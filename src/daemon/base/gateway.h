/* SPDX-License-Identifier: MIT */
/*
 * gateway: what all files of this room share: the one struct they work on, its timers and its
 * Alerts. All of them run on the main thread, so there is no lock in the room.
 */
#ifndef DAEMON_BASE_GATEWAY_H
#define DAEMON_BASE_GATEWAY_H

#include "bus/clock.h"
#include "bus/queue.h"
#include "config/config.h"
#include "core/model/alerts.h"
#include "core/model/foreign.h"
#include "mqtt/client.h"
#include "mqtt/north.h"
#include "mqtt/outbox.h"

/* When main must act though nothing came in. gateway_wake() moves one nearer. */
enum timer {
	TIMER_STALE,   /* the next reading may be too old */
	TIMER_HEALTH,  /* $SYS */
	TIMER_INFO,    /* the next device's info in it */
	TIMER_DEVICES, /* the next devices' figures in it */
	TIMER_STATUS,  /* the line for systemctl status */
	TIMER_WATCHDOG,
	TIMER_COMMANDS,
	TIMER_SUNSPEC, /* another look at a device without models */
	TIMER_SETTLE,  /* what earlier lives left on the broker has been seen */
	TIMER_REACH,   /* devices never reached are logged */
	TIMER_CONTROL, /* a client of the control socket is idle, a hold is over */
	TIMER_ALERTS,  /* the gateway's Alerts, which are many */
	TIMER_FOREIGN, /* what another client has overwritten is put right */
	TIMER_NORTH,   /* a northbound's deferred work; it runs at the end of each turn */
	TIMERS,
};

/* Codes of the gateway's own Alerts: a public contract, see xnetd(8). */
enum gateway_alert {
	ALERT_PORT_GONE = 1,       /* fault; source: bus */
	ALERT_BUS_SILENT = 2,      /* fault; source: bus */
	ALERT_BUS_NOISY = 3,       /* warning; source: bus */
	ALERT_BUS_OVERLOADED = 4,  /* warning; source: bus */
	ALERT_WRONG_DEVICE = 5,    /* fault; source: device */
	ALERT_CONFIG_REJECTED = 6, /* warning; source: file */
	ALERT_FOREIGN_STATUS = 7,  /* warning; source: gateway or device */
	ALERT_SAFE_VALUE = 8,      /* warning; source: device/point */
	ALERT_CLIENT_ID = 9,       /* warning; source: gateway */
	ALERT_PULSE_ON = 10,       /* fault; source: device/point */
	ALERT_LAST_GOOD = 11,      /* warning; source: file */
	ALERT_WRONG_PROFILE = 12,  /* warning; source: device */
};

/* One connection to a broker, see struct north_link. */
struct link {
	struct mqtt_client *mqtt; /* NULL: the model has it not */
	bool connected;
	uint64_t taken; /* the number of its last message that was dispatched */
};

struct gateway {
	struct config_paths paths;
	struct model *model; /* of the plant: plant_run() sets both */
	struct plant *plant;
	struct command_table *table; /* of all pending commands */
	struct commands *commands;
	struct keep *keep;
	struct setup *setup;
	struct gets *gets;
	struct health *health;
	struct reload *reload;
	struct control *control;
	struct requests *requests;
	uint64_t devid_last; /* the newest request for a device's identification */
	struct monitors *monitors;
	const char *control_path; /* NULL: no socket */
	struct outbox *outbox;
	struct north *north;
	struct link link[NORTH_LINKS]; /* [0]: the broker's */
	struct queue *reports;
	struct events *events;
	struct alerts *alerts;  /* the gateway's own */
	struct foreign foreign; /* who else publishes its status */
	bool alerts_changed;
	us_t alerts_due; /* not published again before */
	bool stopping;
	us_t id_conflict_until; /* the Alert about another client of our client id; 0: none */
	bool status_changed;    /* the line for systemctl status */
	us_t status_published;
	us_t now;                       /* clock_now() of this turn */
	us_t reported, reported_before; /* the last turns that took a report */
	us_t due[TIMERS];
	int signals; /* signalfd */
};

/* Be called for this timer at `when` at the latest. */
void gateway_wake(struct gateway *g, enum timer t, us_t when);

/* One of the gateway's Alerts begins or ends; published at the end of the turn; while
 * there are many, up to a millisecond each later. */
void gateway_alert(struct gateway *g, uint8_t kind, enum gateway_alert code, const char *source,
                   const char *desc);
void gateway_alert_end(struct gateway *g, uint8_t kind, enum gateway_alert code,
                       const char *source);

/* Wall clock in ms since 1970: only for what is published. */
int64_t gateway_wall(void);
enum clock_state gateway_clock(void); /* clock_state() */
/* The wall clock time of a monotonic one. */
int64_t gateway_wall_of(us_t monotonic);

#endif
