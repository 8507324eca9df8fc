// SPDX-License-Identifier: MIT
/*
 * sweep_listen: before anything is sent: does another client talk on this line?
 */
#include <stdio.h>

#include "bus/clock.h"
#include "core/modbus/frame.h"
#include "ctl/scan.h"
#include "ctl/stop.h"

#define SETTLE (600 * US_MS)

struct listened {
	unsigned frames, requests, other;
	struct {
		uint8_t unit, fc;
		uint16_t addr, count;
		unsigned n, responses;
		us_t first, last;
	} client[8];
	size_t nclient;
	bool ignore_ours; /* through the gateway: what it sends itself is no other client */
	us_t begun;
};

static void note_request(struct listened *h, const struct frame *f, us_t at)
{
	size_t i;
	const uint16_t addr = (uint16_t)(f->pdu_len > 2 ? f->pdu[1] << 8 | f->pdu[2] : 0);
	const uint16_t count = (uint16_t)(f->pdu_len > 4 ? f->pdu[3] << 8 | f->pdu[4] : 0);

	h->requests++;
	for (i = 0; i < h->nclient; i++)
		if (h->client[i].unit == f->unit && h->client[i].fc == f->pdu[0] &&
		    h->client[i].addr == addr)
			break;
	if (i == sizeof(h->client) / sizeof(h->client[0]))
		return;
	if (i == h->nclient) {
		h->client[h->nclient++].first = at;
		h->client[i].unit = f->unit;
		h->client[i].fc = f->pdu[0];
		h->client[i].addr = addr;
		h->client[i].count = count;
	}
	h->client[i].n++;
	h->client[i].last = at;
}

static bool take_heard(void *ctx, const struct seen *seen)
{
	struct listened *h = ctx;
	struct frame f;

	/* through the gateway: nor is a response to its last request before the line was held */
	if (h->ignore_ours && (seen->way == 'o' || seen->n == 0 || seen->at - h->begun < SETTLE))
		return true;
	if (!frame_find(seen->bytes, seen->n, 0, NULL, true, &f) || f.len != seen->n) {
		h->other += seen->n > 0;
		return true;
	}
	/* a response to a request that was not seen: the gateway's own, late */
	if (h->ignore_ours && !h->requests && !frame_is_request(&f))
		return true;
	h->frames++;
	if (frame_is_request(&f)) {
		note_request(h, &f, seen->at);
		return true;
	}
	for (size_t i = 0; i < h->nclient; i++)
		if (h->client[i].unit == f.unit && h->client[i].fc == (f.pdu[0] & 0x7F))
			h->client[i].responses++;
	return true;
}

static void print_client(const struct listened *h, size_t i, const struct setting *at)
{
	static const char *const words[] = {[FC_READ_COILS] = "coil",
	                                    [FC_READ_DISCRETE] = "discrete",
	                                    [FC_READ_HOLDING] = "holding",
	                                    [FC_READ_INPUT] = "input"};
	const unsigned n = h->client[i].n;
	const uint8_t fc = h->client[i].fc;
	char text[32];

	fprintf(stderr, "  request to unit %u: ", h->client[i].unit);
	if (fc <= FC_READ_INPUT)
		fprintf(stderr, "%s %u (%u)", words[fc], h->client[i].addr, h->client[i].count);
	else
		fprintf(stderr, "function %u", fc);
	if (n > 1)
		fprintf(stderr, " every %.1f s",
		        (double)(h->client[i].last - h->client[i].first) / (double)US_S / (n - 1));
	fprintf(stderr, ", %s; unit %u %s\n", setting_text(at, text, sizeof(text)),
	        h->client[i].unit, h->client[i].responses ? "responds" : "does not respond");
}

/* Bytes but no frames: at which of the usual settings are they frames? */
static bool find_setting(struct scan *s, struct listened *h)
{
	for (size_t i = 1; i < s->nsetting && !h->frames && !stop_asked(); i++) {
		if (!line_set(s->line, &s->setting[i]) ||
		    !line_listen(s->line, clock_now() + US_S, take_heard, h))
			return false;
		if (h->frames)
			s->now = s->setting[i];
	}
	return true;
}

static void report_clients(const struct scan *s, const struct listened *h)
{
	fprintf(stderr, "%u frames", h->frames);
	if (h->other)
		fprintf(stderr, ", %u times bytes that are no frame", h->other);
	fprintf(stderr, ". ANOTHER CLIENT is on this line:\n");
	for (size_t i = 0; i < h->nclient; i++)
		print_client(h, i, &s->now);
	fprintf(stderr,
	        "Two clients corrupt each other's responses. Nothing was sent. To watch them:\n"
	        "  xnetctl monitor %s\n",
	        s->target.name);
}

int sweep_listen(struct scan *s, us_t how_long)
{
	struct listened h = {.ignore_ours = s->line->via[0] != '\0', .begun = clock_now()};

	s->now = line_setting(&s->line->conf);
	fprintf(stderr, "Listening %d s: ", (int)(how_long / US_S));
	fflush(stderr);
	if (!line_listen(s->line, clock_now() + how_long, take_heard, &h))
		return -1;
	if (stop_asked()) { /* a part of the silence proves nothing */
		fprintf(stderr, "interrupted.\n");
		return 0;
	}
	if (!h.frames && !h.other) {
		fprintf(stderr, "quiet, no other client on this line.\n");
		return 0;
	}
	if (!h.frames && s->line->conf.kind == BUS_SERIAL && !find_setting(s, &h))
		return -1;
	if (h.frames || h.other > 1) {
		report_clients(s, &h);
		return 1;
	}
	fprintf(stderr, "some bytes that are no frame: noise on the idle line (no bias?)\n");
	return 0;
}
