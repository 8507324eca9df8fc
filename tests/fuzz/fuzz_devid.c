// SPDX-License-Identifier: MIT
/* Any answers of a device to Read Device Identification, and any bytes as frames of Modbus TCP:
 * asking ends, each object has at most one text, and no text has control characters. An answer is a
 * byte that says how it is made, its length, and its bytes: as they are, or as objects behind a
 * right head. */
#include <stdint.h>
#include <string.h>

#include "core/base/text.h"
#include "core/modbus/mbap.h"
#include "core/model/devid.h"
#include "feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUESTS_MOST (3 * DEVID_REQUESTS + 256 + DEVID_FAILED_MAX)

/* How long the objects of an answer are, cut to what is there. */
static size_t objects_cut(const uint8_t *pdu, size_t len, unsigned *count)
{
	size_t at = 7;
	for (*count = 0; *count < 255 && at + 2 <= len && at + 2 + pdu[at + 1] <= len; ++*count)
		at += 2u + pdu[at + 1];
	return at;
}

/* Returns its length. */
static size_t answer_make(struct feed *f, const struct request *q, uint8_t pdu[PDU_MAX])
{
	const uint8_t how = next(f);
	const size_t head = how & 1 ? 7 : 0;
	unsigned count;
	size_t n = next(f);
	if (n > f->left)
		n = f->left;
	if (n > PDU_MAX - head)
		n = PDU_MAX - head;
	memcpy(pdu + head, f->at, n);
	f->at += n;
	f->left -= n;
	if (!head)
		return n;
	const size_t len = objects_cut(pdu, head + n, &count);
	memcpy(pdu,
	       (uint8_t[]){FC_DEVICE_ID, 14, q->pdu[2], 0x83, how & 2 ? 0xFF : 0, how,
	                   (uint8_t)count},
	       head);
	return len;
}

static void plain(const char *text)
{
	must(text_plain(text, strlen(text)));
}

static void identify(const struct device *d, struct feed f)
{
	enum devid_verdict v = DEVID_MORE;
	struct devid s = {0};
	uint8_t pdu[PDU_MAX];
	for (unsigned n = 0; v == DEVID_MORE; n++) {
		char words[DEVID_WORDS_MAX] = "";
		struct request q;
		must(n <= DEVID_REQUESTS);
		devid_request(&s, d, &q);
		v = devid_take(&s, d, pdu, answer_make(&f, &q, pdu), words, sizeof words);
		plain(words);
		must(v == DEVID_SAME || v == DEVID_MORE || *words);
	}
}

static void take(void *ctx, uint8_t object, const struct value *v)
{
	uint8_t *texts = ctx;
	must(!texts[object]++);
	must(v->kind == VALUE_NONE || v->kind == VALUE_TEXT);
	if (v->kind == VALUE_TEXT)
		plain(v->text);
}

static void read_all(const struct device *d, struct feed f)
{
	uint8_t texts[256] = {0}, pdu[PDU_MAX];
	struct devid_read s;
	struct request q;
	char why[160];
	devid_read_begin(&s, d);
	for (unsigned n = 0; devid_read_next(&s, d, &q); n++) {
		must(n < REQUESTS_MOST);
		const size_t len = answer_make(&f, &q, pdu);
		if (len == 2)
			devid_read_failed(&s, pdu[1]);
		else
			devid_read_take(&s, pdu, len, take, texts);
		plain(devid_read_why(&s, why, sizeof why));
	}
}

static void frames(const uint8_t *data, size_t size)
{
	struct mbap m;
	int n;
	for (; (n = mbap_parse(data, size, &m)) > 0; data += n, size -= (size_t)n) {
		char text[300] = "";
		must((size_t)n <= size && m.len > 0 && m.len <= PDU_MAX);
		must(m.pdu >= data && m.pdu + m.len == data + n);
		must(mbap_size(data, size) == (size_t)n);
		devid_text(m.pdu, m.len, text, sizeof text);
		plain(text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct device_id_rule rules[] = {{0, "Sch*"}, {1, "PM5*"}, {129, "*"}};
	static const uint8_t objects[] = {0, 1, 2, 5, 128, 129, 200, 255};
	struct point points[sizeof objects];
	struct pointset set = {.point = points, .n = sizeof objects};
	const struct feed f = {.at = data, .left = size};
	if (size < 1 || size > 8192)
		return 0;
	for (size_t i = 0; i < sizeof objects; i++)
		points[i] = (struct point){
			.name = "P", .source = SOURCE_DEVICE_ID, .addr = {objects[i]}, .parts = 1};
	const struct device d = {.name = "d",
	                         .id = 1,
	                         .set = &set,
	                         .device_id = rules,
	                         .ndevice_id = sizeof rules / sizeof *rules};
	identify(&d, f);
	read_all(&d, f);
	frames(data, size);
	return 0;
}
