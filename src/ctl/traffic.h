/* SPDX-License-Identifier: MIT */
/*
 * traffic: frames as they come from a line, to transactions in words: what was requested of which
 * unit, with the names of the points, and what became of it.
 */
#ifndef CTL_TRAFFIC_H
#define CTL_TRAFFIC_H

#include "core/modbus/frame.h"
#include "ctl/line.h"

enum traffic_kind {
	TRAFFIC_OK,
	TRAFFIC_EXCEPTION,
	TRAFFIC_SILENT,    /* no response, as far as was seen */
	TRAFFIC_CORRUPTED, /* bytes with a wrong checksum instead of it */
	TRAFFIC_STRAY,     /* a response to nothing, or bytes that are no frame */
	TRAFFIC_CLIENT,    /* a request that the gateway did not send */
	TRAFFIC_KINDS
};

struct transaction {
	enum traffic_kind kind;
	int64_t wall_us; /* of the request, else of what came */
	double gap;      /* characters of silence before it; < 0: unknown */
	int unit, fc;    /* -1: none */
	us_t took;       /* to the response; 0: unknown */
	char what[96];   /* "input 0x0000 +2  Volts" */
	char outcome[160];
};

struct frame_note { /* of one frame, for a capture */
	const struct seen *seen;
	bool frame, request;
	uint16_t transaction; /* the same for a request and its response */
	const char *words;
};

struct traffic {
	const struct model *model; /* NULL: no names */
	uint32_t bus;
	struct wire wire;
	bool gateway; /* seen through the gateway, which reports what it sent */
	void (*report)(void *ctx, const struct transaction *t);
	void (*note)(void *ctx, const struct frame_note *n);
	void *ctx;
	/* state */
	bool pending;
	struct request request;
	struct transaction now;
	us_t asked_at;             /* end of the request … */
	int64_t asked_us, last_us; /* … and of the last frame, µs since 1970 */
	us_t begun, busy;
	uint16_t transaction;
	unsigned count[TRAFFIC_KINDS];
};

void traffic_init(struct traffic *t, const struct bus_conf *conf);
void traffic_take(struct traffic *t, const struct seen *s);
/* A request that still waits will get no response. */
void traffic_end(struct traffic *t);

#endif
