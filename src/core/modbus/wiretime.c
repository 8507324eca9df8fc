// SPDX-License-Identifier: MIT
#include "core/modbus/wiretime.h"

#include "core/modbus/pdu.h"

/* Above this the specification fixes the silence ("MODBUS over Serial Line V1.02", 2.5.1.1). */
#define FAST_BAUD 19200
#define FAST_SILENCE ((us_t)1750)
#define READ_REQUEST_LEN 5 /* bytes of the PDU: function, address, count */

void wire_init(struct wire *w, uint32_t baud, unsigned data, char parity, unsigned stop,
               us_t silence)
{
	const unsigned bits = 1 + data + (parity == 'N' ? 0 : 1) + stop;

	*w = (struct wire){.baud = baud, .silence = silence};
	if (!baud)
		return;
	w->char_ns = (uint32_t)((bits * 1000000000ull + baud - 1) / baud);
	w->overhead = 3;
	if (silence)
		return;
	w->silence = baud > FAST_BAUD ? FAST_SILENCE : ((us_t)w->char_ns * 7 + 1999) / 2000;
}

us_t wire_chars(const struct wire *w, unsigned n)
{
	return ((us_t)n * w->char_ns + 999) / 1000;
}

unsigned pdu_read_answer_len(uint8_t table, unsigned count)
{
	return 2 + (table_is_bits(table) ? (count + 7) / 8 : 2 * count);
}

us_t wire_exchange(const struct wire *w, unsigned request, unsigned answer, us_t turnaround)
{
	/* A device knows the request's end by the silence behind it: a measured turnaround holds
	 * it. */
	const us_t wait = turnaround ? turnaround : w->silence;

	return wire_chars(w, request + w->overhead) + wait + wire_chars(w, answer + w->overhead) +
	       w->silence;
}

us_t wire_read(const struct wire *w, uint8_t table, unsigned count, us_t turnaround)
{
	return wire_exchange(w, READ_REQUEST_LEN, pdu_read_answer_len(table, count), turnaround);
}
