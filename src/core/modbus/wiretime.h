/* SPDX-License-Identifier: MIT */
/*
 * wiretime: how long things take on this line. The one place that computes it, for planner,
 * scheduler, load figures, the simulator and `xnetctl plan`.
 */
#ifndef CORE_MODBUS_WIRETIME_H
#define CORE_MODBUS_WIRETIME_H

#include "core/base/span.h"

struct wire {
	uint32_t baud;    /* 0: no wire time (Modbus TCP) */
	uint32_t char_ns; /* one character: start + data + parity + stop bits */
	us_t silence;     /* between two frames: 3.5 characters, 1750 µs above 19200 baud
	                   * ("MODBUS over Serial Line V1.02", 2.5.1.1), or as configured */
	uint8_t overhead; /* bytes around a PDU: 3 on RTU (unit, CRC), 0 where baud is 0 */
};

/* `data`, `stop` bits; `parity` 'N', 'E' or 'O'. baud 0: all times are 0. silence 0: by the rule.
 */
void wire_init(struct wire *w, uint32_t baud, unsigned data, char parity, unsigned stop,
               us_t silence);

/* Time of n characters, rounded up, µs. */
us_t wire_chars(const struct wire *w, unsigned n);

/* Bytes of the PDU that answers a read of `count` cells in full (without unit and CRC). */
unsigned pdu_read_answer_len(uint8_t table, unsigned count);

/* Wire time of one whole read: request, turnaround, answer, silence. `turnaround` as measured (end
 * of the request to the answer's first bit: it holds the silence behind the request); 0, unknown:
 * the silence. µs. */
us_t wire_read(const struct wire *w, uint8_t table, unsigned count, us_t turnaround);

/* Wire time of one exchange of PDUs of these lengths, in the same way. µs. */
us_t wire_exchange(const struct wire *w, unsigned request, unsigned answer, us_t turnaround);

#endif
