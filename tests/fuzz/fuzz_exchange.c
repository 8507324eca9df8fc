// SPDX-License-Identifier: MIT
/* Any bytes at any times: the exchange ends, keeps the silence, and takes only a right frame for
 * its answer. A byte below 128 is the length of a piece to come, one above a time to pass. */
#include <stdint.h>
#include <string.h>

#include "core/modbus/exchange.h"
#include "feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_request(struct feed *f, struct request *r)
{
	const uint8_t kind = next(f), count = (uint8_t)(next(f) % 100 + 1);
	const uint8_t unit = kind % 16 == 15 ? 0 : 1;

	switch (kind % 5) {
	case 0:
		must(pdu_read(r, unit, kind / 5 % 4, count, count));
		break;
	case 1:
		must(pdu_write_register(r, unit, count, kind));
		break;
	case 2:
		must(pdu_device_id(r, unit, 1, 0));
		break;
	case 3:
		must(pdu_raw(r, unit, (const uint8_t[]){0x41, count}, 2, kind & 64 ? count : 0));
		break;
	default:
		must(pdu_write_registers(r, unit, count, 1, (const uint16_t[]){kind}));
		break;
	}
}

/* Some of what is to come, spiced with the CRC and the echo that a fuzzer can hardly guess. */
static void feed_input(struct exchange *x, struct feed *f)
{
	const uint8_t how = next(f);
	uint8_t piece[600];
	size_t n = how & 0x7F;

	if (how & 0x80) {
		f->now += n * 100;
		exchange_input(x, NULL, 0, f->now);
		return;
	}
	if (n > f->left)
		n = f->left;
	memcpy(piece, f->at, n);
	f->at += n;
	f->left -= n;
	if (how % 3 == 1 && n > 2 && n < PDU_MAX)
		n = pdu_frame(piece[0] % 4, piece + 1, n - 1, piece + 300),
		memmove(piece, piece + 300, n);
	if (how % 3 == 2 && n)
		n = pdu_frame(x->send->unit, x->send->pdu, x->send->len, piece);
	exchange_input(x, piece, n, f->now);
}

static void check(const struct exchange *x, const struct request *r)
{
	uint8_t exception;

	if (r->unit == 0 || (x->outcome != OUT_OK && x->outcome != OUT_REFUSED))
		return;
	must(x->sent > 0);
	must(x->answer > x->buf && x->answer + x->answer_len + 2 <= x->buf + sizeof x->buf);
	must(x->answer[-1] == r->unit && crc16(x->answer - 1, x->answer_len + 3u) == 0);
	must(pdu_answers(r, x->answer, x->answer_len, &exception));
	must(exception == x->exception && (exception != 0) == (x->outcome == OUT_REFUSED));
}

static void run(struct exchange *x, struct feed *f, struct line *l)
{
	us_t until;

	for (unsigned step = 0;; step++) {
		must(step < 100000);
		switch (exchange_next(x, f->now, &until)) {
		case EX_SLEEP:
			f->now = until;
			break;
		case EX_READ:
			feed_input(x, f);
			if (!f->left)
				exchange_input(x, NULL, 0, f->now);
			break;
		case EX_SEND:
		case EX_PROVE:
			must(f->now >= l->last_end + l->wire.silence);
			exchange_sent(x, f->now, f->now + next(f));
			break;
		case EX_POLL:
			if (f->left) {
				f->now += next(f);
				feed_input(x, f);
				break;
			}
			f->now = until > f->now ? until : f->now;
			exchange_input(x, NULL, 0, f->now);
			break;
		case EX_DONE:
			return;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t bauds[] = {9600, 115200, 0, 1200};
	struct feed f = {data, size < 4000 ? size : 4000, US_S};
	const uint8_t how = next(&f);
	struct wire w;
	struct line l;
	struct peer p;
	struct exchange x;
	struct request r;

	wire_init(&w, bauds[how & 3], 8, 'N', 1, 0);
	line_init(&l, &w, f.now);
	l.echo = how & 4;
	l.timed = how & 8;
	peer_init(&p, f.now);
	if (how & 16)
		peer_unsure(&p, f.now, US_S);
	do {
		make_request(&f, &r);
		exchange_begin(&x, &l, &p, &r, peer_timeout(&p, 300 * US_MS), 300 * US_MS);
		run(&x, &f, &l);
		check(&x, &r);
	} while (f.left);
	return 0;
}
