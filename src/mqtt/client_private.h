/* SPDX-License-Identifier: MIT */
/*
 * client_private: what client.c (the interface, and what the library's threads report) and
 * publisher.c (the thread that calls the library) share. No other file includes this.
 */
#ifndef MQTT_CLIENT_PRIVATE_H
#define MQTT_CLIENT_PRIVATE_H

#include <pthread.h>

#include "core/base/arena.h"
#include "core/base/span.h"
#include "mqtt/client.h"
#include "mqtt/failover.h"
#include "mqtt/fresh.h"
#include "mqtt/pace.h"
#include "mqtt/paho.h"
#include "mqtt/segments.h"

enum client_state {
	CLIENT_IDLE, /* until retry_at */
	CLIENT_CONNECTING,
	CLIENT_UP,
	CLIENT_PARTING, /* DISCONNECT sent */
};

struct mqtt_client {
	struct arena *arena;
	struct mqtt_conf conf;
	const char *client_id, *will_topic, *will_text;
	struct outbox *outbox;
	void (*push)(void *ctx, struct mqtt_event *e);
	void *push_ctx;
	pthread_t thread;

	pthread_mutex_t push_lock; /* of `gone` */
	bool gone;                 /* main destroyed us: report nothing */

	bool woken, ending, ended; /* under `lock`, as all down to `left_open` */
	uint8_t protocol, wish_qos;
	bool starved, blocked; /* the window is full; all that waits is behind its own topic */
	bool unproven;         /* starved until the broker proves what it has taken */
	bool news_up, news_down, parted, new_wish;
	enum client_state state;
	enum retry_failure failure;
	struct paho_terms terms;
	struct fresh fresh;
	us_t shortest, trying_since;
	us_t doubt_since;     /* fresh_doubt() of the last connection */
	pthread_mutex_t lock; /* never held across a call of the library or of push */
	pthread_cond_t cond, cond_ended;
	us_t end_by;
	char **wish; /* filters that main wants */
	size_t nwish;
	const char *refused;
	uint64_t published, received, refusals, connects, done, acked;
	bool held;       /* mqtt_hold() */
	uint64_t taken;  /* messages that main has dealt with: the number of the last */
	bool leaving;    /* nothing is subscribed any more */
	uint64_t proven; /* `received` at the last probe then; UINT64_MAX: none was sent */
	us_t probed;     /* when that was sent */
	bool answered;   /* and it was answered */
	unsigned flying, unacked,
		window; /* handed over; those of QoS 1; how many of those may be */
	struct pace pace;
	struct segments segments; /* the publisher's; its socket is written under the lock */
	bool permitted;           /* a topic that was refused is not any more */
	bool alone;               /* nothing else goes before this one is proven: */
	uint32_t alone_id, alone_number;
	char why[192], last_error[192];
	bool left_open;
	bool lives_on;    /* mqtt_leave: the publisher ends what is left open */
	unsigned holders; /* then the last of main and the publisher frees */

	char **denied; /* filters whose refusal was reported; the library's receiving thread only */
	size_t ndenied;

	/* the publisher's own */
	struct retry retry;                     /* of the broker in use */
	struct retry retries[MQTT_BROKERS_MAX]; /* of the others */
	struct failover failover;
	bool returns;  /* PARTING, to the first broker */
	size_t left;   /* … from this one */
	us_t leave_by; /* nothing is subscribed any more, to return to it by then; 0: it is not */
	bool reachable, tls_trouble, tls_port, refusal_reported;
	uint8_t have_qos;
	unsigned closes; /* attempts that the broker closed before any succeeded */
	unsigned seed;
	struct paho *paho;
	char **have; /* filters subscribed or to be, sorted; the library holds pointers to them */
	size_t nhave;
	char **old; /* once subscribed, kept for the same reason */
	size_t nold;
	us_t turn_at; /* it connects then, whoever else does; 0: it does not wait for another */
	us_t retry_at, moved_at, explained_at;
	us_t refused_at;    /* what was refused is tried again; 0: nothing was */
	us_t refused_after; /* so long after the last attempt */
	us_t permitted_at, sample_at;
	uint64_t done_seen, acked_seen;
	us_t acked_at;         /* the last acknowledgement, or when nothing waited for one */
	us_t subscribed_at;    /* all subscriptions were answered then; US_NEVER: reported that they
	                          are not */
	us_t looked_at;        /* … when that was looked at */
	us_t pardon_at;        /* what was disliked is tried again; 0: nothing was */
	us_t pardon_after;     /* so long after it was */
	us_t pardoned;         /* the last time */
	uint32_t reported[32]; /* topics, hashed, that were reported as not sendable */
	unsigned nreported;
	char reason[192]; /* the last one reported */
	char explained[192];
};

us_t client_now(void);                       /* CLOCK_BOOTTIME, µs */
struct timespec client_deadline(us_t until); /* of CLOCK_MONOTONIC, for condition variables */
void client_sink(struct mqtt_client *c, struct paho_sink *sink);
void client_report_down(struct mqtt_client *c, const char *why, bool id_conflict);
void client_report(struct mqtt_client *c, enum mqtt_event_kind kind, const char *text);
void client_report_topic(struct mqtt_client *c, enum mqtt_event_kind kind, const char *topic,
                         const char *text);
void client_wake(struct mqtt_client *c);      /* with the lock held */
bool client_abandoned(struct mqtt_client *c); /* main gave up waiting: the outbox may be gone */
void client_release(struct mqtt_client *c);   /* one of the holders has done with it */
void *publisher_run(void *ctx);

/* client_explain.c: text holds what the library reported, perhaps nothing, and gets the text for
 * the log. What kind of failure it was. */
enum retry_failure client_explain(struct mqtt_client *c, char *text, size_t size, us_t now);
#define CLIENT_STUCK (60 * US_S) /* no answer at all, and the library noticed nothing */

/* client_guard.c; by the publisher. The broker does not answer the CONNECT of MQTT 5. */
bool client_ignored(struct mqtt_client *c, us_t now);
/* It answers probes, so it is there; but what waits for an acknowledgement fills the window, and
 * nothing would go out any more. */
bool client_unacked(struct mqtt_client *c, us_t now);
/* Subscriptions that are not answered are reported, once a connection: commands may not come in. */
void client_watch_subscriptions(struct mqtt_client *c, us_t now);

/* client_wish.c: subscribes and unsubscribes so that the subscriptions are those that main set. */
void client_subscribe_wish(struct mqtt_client *c);

/* client_leave.c; by the publisher. The way back to the first broker: nothing is subscribed any
 * more, and what came by then is answered where it came from. */
void client_leave(struct mqtt_client *c, us_t now);
bool client_may_part(struct mqtt_client *c, us_t now);
/* The connection is over, or stays: subscriptions are as main set them. */
void client_left(struct mqtt_client *c);
bool client_held(struct mqtt_client *c);

/* pump.c; by the publisher, but pump_done() */
void pump_begin(struct mqtt_client *c, us_t now); /* connected */
void pump(struct mqtt_client *c);                 /* hand over what may go */
us_t pump_due(struct mqtt_client *c);             /* when to call it again, if nothing wakes us */
/* Once nothing is subscribed: sends probes until one is answered before which nothing came any
 * more. One alone does not do: messages of QoS 1 may wait at the broker for the acknowledgement of
 * others. */
void pump_last_question(struct mqtt_client *c, us_t now);
bool pump_over(struct mqtt_client *c); /* nothing waits, nothing is under way */
/* The connection is lost, what was on its way has come back. blame: the broker may have ended it
 * because of a message. */
void pump_lost(struct mqtt_client *c, bool blame, us_t now);
/* The broker refused publications, and goes on. */
void pump_refused(struct mqtt_client *c, us_t now);
void pump_done(void *ctx, const struct paho_done *d);

#endif
