// SPDX-License-Identifier: MIT
#include "ctl/pcapng.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/modbus/mbap.h"

#define BLOCK_SECTION 0x0A0D0D0AU
#define BLOCK_INTERFACE 1U
#define BLOCK_PACKET 6U
#define MAGIC 0x1A2B3C4DU
#define LINK_UPPER_PDU 252
#define BLOCK_MAX 65536U

enum { OPT_END, OPT_COMMENT, OPT_NAME, OPT_DESCRIPTION, OPT_TSRESOL = 9, OPT_FLAGS = 2 };
enum {
	TAG_END,
	TAG_DISSECTOR = 12,
	TAG_SOURCE = 20,
	TAG_DESTINATION,
	TAG_PORT_TYPE = 24,
	TAG_SOURCE_PORT,
	TAG_DESTINATION_PORT,
};

/* A block or packet under construction. */
struct bytes {
	size_t n;
	uint8_t b[4096];
};

static void put(struct bytes *o, const void *data, size_t n)
{
	if (!n || o->n + n > sizeof(o->b))
		return;
	memcpy(o->b + o->n, data, n);
	o->n += n;
}

static void put32(struct bytes *o, uint32_t v)
{
	put(o, &v, sizeof(v)); /* the section's byte order is this machine's: the magic shows it */
}

static void put16(struct bytes *o, uint16_t v)
{
	put(o, &v, sizeof(v));
}

static void pad(struct bytes *o)
{
	static const uint8_t zero[4];

	put(o, zero, (4 - o->n % 4) % 4);
}

static void option(struct bytes *o, uint16_t code, const void *data, size_t n)
{
	put16(o, code);
	put16(o, (uint16_t)n);
	put(o, data, n);
	pad(o);
}

/* Tags of a packet are in network byte order. */
static void tag(struct bytes *o, uint16_t code, const void *data, size_t n)
{
	const uint16_t head[2] = {htons(code), htons((uint16_t)((n + 3) / 4 * 4))};

	put(o, head, sizeof(head));
	put(o, data, n);
	pad(o);
}

static void tag32(struct bytes *o, uint16_t code, uint32_t v)
{
	const uint32_t net = htonl(v);

	tag(o, code, &net, sizeof(net));
}

static bool block(FILE *out, uint32_t type, const struct bytes *body)
{
	const uint32_t total = (uint32_t)body->n + 12;

	return fwrite(&type, 4, 1, out) == 1 && fwrite(&total, 4, 1, out) == 1 &&
	       fwrite(body->b, 1, body->n, out) == body->n && fwrite(&total, 4, 1, out) == 1 &&
	       fflush(out) == 0;
}

bool pcapng_begin(FILE *out, const char *name, const char *description)
{
	struct bytes o = {0};
	const uint8_t nanoseconds = 9;

	put32(&o, MAGIC);
	put16(&o, 1);
	put16(&o, 0);
	put32(&o, UINT32_MAX); /* the section's length is not known */
	put32(&o, UINT32_MAX);
	if (!block(out, BLOCK_SECTION, &o))
		return false;
	o.n = 0;
	put16(&o, LINK_UPPER_PDU);
	put16(&o, 0);
	put32(&o, 0);
	option(&o, OPT_NAME, name, strlen(name));
	option(&o, OPT_DESCRIPTION, description, strlen(description));
	option(&o, OPT_TSRESOL, &nanoseconds, 1);
	option(&o, OPT_END, NULL, 0);
	return block(out, BLOCK_INTERFACE, &o);
}

/* The unit as an address of its own, so that a conversation is a device. */
static void packet(struct bytes *p, const struct frame_note *n)
{
	const uint32_t us = 0x0A000001, unit = 0x0A000100U | n->seen->bytes[0];
	uint8_t mbap[MBAP_MAX];

	if (!n->frame) {
		tag(p, TAG_DISSECTOR, "data", 4);
		tag(p, TAG_END, NULL, 0);
		put(p, n->seen->bytes, n->seen->n);
		return;
	}
	tag(p, TAG_DISSECTOR, "mbtcp", 5);
	tag32(p, TAG_SOURCE, n->request ? us : unit);
	tag32(p, TAG_DESTINATION, n->request ? unit : us);
	tag32(p, TAG_PORT_TYPE, 2); /* TCP */
	tag32(p, TAG_SOURCE_PORT, n->request ? 40000 : 502);
	tag32(p, TAG_DESTINATION_PORT, n->request ? 502 : 40000);
	tag(p, TAG_END, NULL, 0);
	put(p, mbap,
	    mbap_build(mbap, n->transaction, n->seen->bytes[0], n->seen->bytes + 1,
	               n->seen->n - 3));
}

bool pcapng_frame(FILE *out, const struct frame_note *n)
{
	struct bytes p = {0}, o = {0};
	const uint64_t ns = (uint64_t)n->seen->wall_us * 1000;
	char comment[1024];

	packet(&p, n);
	put32(&o, 0);
	put32(&o, (uint32_t)(ns >> 32));
	put32(&o, (uint32_t)ns);
	put32(&o, (uint32_t)p.n);
	put32(&o, (uint32_t)p.n);
	put(&o, p.b, p.n);
	pad(&o);
	size_t len = (size_t)snprintf(comment, sizeof(comment), "%.200s", n->words);
	for (size_t i = 0; !n->frame && i < n->seen->n && len + 4 < sizeof(comment); i++)
		len += (size_t)snprintf(comment + len, sizeof(comment) - len, "%s%02x",
		                        i ? " " : ": ", n->seen->bytes[i]);
	option(&o, OPT_COMMENT, comment, len);
	const uint32_t flags = n->request ? 2 : 1; /* outbound, inbound */
	option(&o, OPT_FLAGS, &flags, sizeof(flags));
	option(&o, OPT_END, NULL, 0);
	return block(out, BLOCK_PACKET, &o);
}

/* -- reading ---------------------------------------------------------------------------- */

static uint32_t get32(const uint8_t *b)
{
	uint32_t v;

	memcpy(&v, b, sizeof(v));
	return v;
}

static uint16_t get16(const uint8_t *b)
{
	uint16_t v;

	memcpy(&v, b, sizeof(v));
	return v;
}

static void text_option(const uint8_t *b, size_t n, uint16_t code, char *buf, size_t size)
{
	for (size_t at = 0; at + 4 <= n;) {
		const uint16_t is = get16(b + at), len = get16(b + at + 2);
		if (is == OPT_END || at + 4 + len > n)
			return;
		if (is == code) {
			snprintf(buf, size, "%.*s", (int)len, (const char *)b + at + 4);
			return;
		}
		at += 4 + (len + 3U) / 4 * 4;
	}
}

/* The frame out of a packet, as it was on the wire. Its length; 0: none of ours. */
static size_t unpack(const uint8_t *b, size_t n, bool *request, uint8_t *frame)
{
	bool mbtcp = false, data = false;
	size_t at = 0;
	struct mbap m;

	*request = false;
	while (at + 4 <= n) {
		const uint16_t code = (uint16_t)(b[at] << 8 | b[at + 1]);
		const size_t len = (size_t)(b[at + 2] << 8 | b[at + 3]);
		at += 4;
		if (code == TAG_END)
			break;
		if (at + len > n)
			return 0;
		if (code == TAG_DISSECTOR) {
			mbtcp = len >= 5 && memcmp(b + at, "mbtcp", 5) == 0;
			data = len >= 4 && memcmp(b + at, "data", 4) == 0;
		}
		if (code == TAG_DESTINATION_PORT && len == 4)
			*request = b[at + 2] == 502 >> 8 && b[at + 3] == (502 & 0xFF);
		at += len;
	}
	if (data && n - at <= 2 * ADU_RTU_MAX) {
		memcpy(frame, b + at, n - at);
		return n - at;
	}
	if (!mbtcp || mbap_parse(b + at, n - at, &m) <= 0)
		return 0;
	return pdu_frame(m.unit, m.pdu, m.len, frame);
}

static bool take_packet(const uint8_t *b, size_t n, seen_take *take, void *ctx)
{
	uint8_t frame[2 * ADU_RTU_MAX];
	bool request;

	if (n < 20 || get32(b + 12) > n - 20)
		return true;
	const uint64_t ns = (uint64_t)get32(b + 4) << 32 | get32(b + 8);
	const size_t len = unpack(b + 20, get32(b + 12), &request, frame);
	const struct seen s = {.at = (us_t)(ns / 1000),
	                       .wall_us = (int64_t)(ns / 1000),
	                       .way = request ? 'o' : 'i',
	                       .bytes = frame,
	                       .n = len,
	                       .why = ""};
	return len == 0 || take(ctx, &s);
}

static void take_interface(const uint8_t *options, size_t n,
                           void (*head)(void *ctx, const char *name, const char *description),
                           void *ctx)
{
	char name[128] = "", description[256] = "";

	text_option(options, n, OPT_NAME, name, sizeof(name));
	text_option(options, n, OPT_DESCRIPTION, description, sizeof(description));
	head(ctx, name, description);
}

bool pcapng_read(FILE *in, void (*head)(void *ctx, const char *name, const char *description),
                 seen_take *take, void *ctx, char *why, size_t size)
{
	uint8_t *body = mem_alloc(1, BLOCK_MAX), start[8];
	bool good = true, ours = false, on = true;

	while (good && on && fread(start, 1, 8, in) == 8) {
		const uint32_t type = get32(start), total = get32(start + 4);
		good = total >= 12 && total <= BLOCK_MAX && total % 4 == 0 &&
		       fread(body, 1, total - 8, in) == total - 8 &&
		       (ours || type == BLOCK_SECTION || type == BLOCK_INTERFACE);
		if (!good)
			break;
		const size_t n = total - 12;
		if (type == BLOCK_SECTION) {
			good = n >= 4 && get32(body) == MAGIC;
		} else if (type == BLOCK_INTERFACE) {
			good = n >= 8;
			ours = good && get16(body) == LINK_UPPER_PDU;
			if (ours)
				take_interface(body + 8, n - 8, head, ctx);
		} else if (type == BLOCK_PACKET) {
			on = take_packet(body, n, take, ctx);
		}
	}
	free(body);
	if (!good || !ours)
		snprintf(why, size, "not a capture of xnetctl monitor, or it is cut");
	return good && ours;
}
