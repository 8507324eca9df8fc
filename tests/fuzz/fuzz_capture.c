// SPDX-License-Identifier: MIT
/* Any file as a capture, and any bytes as they come from a port: read or refused with the reason;
 * what is read are frames of a line, and each transaction has its words. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cut.h"
#include "ctl/pcapng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void head(void *ctx, const char *name, const char *description)
{
	(void)ctx;
	if (!name || !description)
		abort();
}

static void reported(void *ctx, const struct transaction *t)
{
	(void)ctx;
	if (t->kind >= TRAFFIC_KINDS || memchr(t->what, '\0', sizeof t->what) == NULL ||
	    memchr(t->outcome, '\0', sizeof t->outcome) == NULL)
		abort();
}

/* Written again, as the monitor does. */
static void noted(void *ctx, const struct frame_note *n)
{
	if (!pcapng_frame(ctx, n))
		abort();
}

static bool seen(void *ctx, const struct seen *s)
{
	traffic_take(ctx, s);
	return true;
}

static void read_capture(const uint8_t *data, size_t size)
{
	char *copy = NULL, why[200] = "";
	size_t n = 0;
	FILE *in = fmemopen((void *)(uintptr_t)data, size, "rb"), *out = open_memstream(&copy, &n);
	struct traffic t = {0};
	const struct bus_conf bus = {.name = "line", .baud = 9600};
	if (!in || !out || !pcapng_begin(out, "line", "fuzzed"))
		abort();
	traffic_init(&t, &bus);
	t.report = reported;
	t.note = noted;
	t.ctx = out;
	if (!pcapng_read(in, head, seen, &t, why, sizeof why) && !why[0])
		abort();
	traffic_end(&t);
	fclose(in);
	fclose(out);
	free(copy);
}

static bool piece(void *ctx, const uint8_t *bytes, size_t n, bool frame, us_t at)
{
	size_t *left = ctx;
	(void)bytes, (void)at;
	if (n > *left || n > CUT_ROOM || (frame && n < 4))
		abort();
	*left -= n;
	return true;
}

/* No byte comes out that did not go in. */
static void cut_bytes(const uint8_t *data, size_t size)
{
	struct cut c = {.split = 5 * US_MS};
	size_t in = 0, left = 0;
	us_t now = 0;
	while (in < size) {
		size_t n = data[in] % 64u + 1;
		n = n < size - in ? n : size - in;
		now += data[in] % 8 * US_MS;
		left += n;
		if (!cut_feed(&c, data + in, n, now, piece, &left))
			abort();
		in += n;
	}
	cut_feed(&c, NULL, 0, now + US_S, piece, &left);
	if (left)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	read_capture(data, size);
	cut_bytes(data, size);
	return 0;
}
