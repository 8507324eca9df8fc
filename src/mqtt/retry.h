/* SPDX-License-Identifier: MIT */
/*
 * retry: when, and with which protocol version, the next connection is tried. Pure: the time (µs)
 * is a parameter.
 */
#ifndef MQTT_RETRY_H
#define MQTT_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/span.h"

enum retry_failure {
	RETRY_NETWORK, /* not reached, or the connection broke without a word */
	RETRY_VERSION, /* the broker reports that it does not support it */
	RETRY_IGNORED, /* the port answers, the broker does not, to MQTT 5 */
	RETRY_REFUSED, /* by the broker, with a reason */
	RETRY_UNACKED, /* the broker answers, but acknowledges no message of QoS 1 */
	RETRY_ENDED,  /* the broker ended the connection with a reason: perhaps a message of ours */
	RETRY_PARTED, /* … that has nothing to do with what we sent */
	RETRY_TAKEN,  /* … and it is that another client took the client id */
	RETRY_CLOSED, /* the port answers, the broker closed */
	RETRY_WILL_QOS,    /* the broker does not offer the QoS of the Last Will */
	RETRY_WILL_RETAIN, /* … or does not retain */
	RETRY_UNCLEAR,     /* one of these: to be found out first */
};

struct retry {
	uint8_t version;   /* 4 or 5; 0: whatever the broker supports */
	uint8_t protocol;  /* of the next attempt: 4 or 5 */
	bool plain_will;   /* the Last Will goes at QoS 0: the broker offers no more */
	bool passing_will; /* … and is not retained: the broker retains nothing */
	bool plain;        /* of the next connection: messages go at QoS 0 */
	bool patient;      /* this attempt is not cut short */
	bool only_this;    /* the broker reported that it supports only this one */
	bool has[2];       /* 3.1.1, 5 has worked with it */
	unsigned ignored;  /* attempts with 5 in a row that it did not answer */
	unsigned closed;   /* attempts with 5 in a row that the broker closed without an answer */
	unsigned short_lives; /* connections in a row that ended soon after they were made */
	unsigned swaps;       /* attempts with another version at once, in a row */
	us_t up_since, down_since, delay;
};

/* So long a broker may take to answer a CONNECT of MQTT 5 before 3.1.1 is tried; US_NEVER: there is
 * nothing else to try, or it has answered one before. */
us_t retry_patience(const struct retry *r, bool tls);

void retry_begin(struct retry *r, uint8_t version, us_t now);
void retry_up(struct retry *r, us_t now);

/* An attempt failed, or (was_up) the connection is lost. How long to wait, without jitter. */
us_t retry_down(struct retry *r, enum retry_failure f, bool was_up, us_t now);

/* The same, give or take half, so that many gateways that lost their broker at the same moment
 * do not come back at the same moment. random: any number. */
us_t retry_jitter(us_t delay, unsigned random);

/* After a loss: does another client seem to use our client id? */
bool retry_id_conflict(const struct retry *r, enum retry_failure f);

#endif
