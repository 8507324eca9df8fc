/* SPDX-License-Identifier: MIT */
/*
 * frame: finds RTU frames in bytes from a line, and classifies them. The CRC decides; lengths
 * come from the function ("MODBUS over Serial Line V1.02", 2.5.1).
 */
#ifndef CORE_MODBUS_FRAME_H
#define CORE_MODBUS_FRAME_H

#include "core/modbus/pdu.h"

#define FRAME_GLITCH 4 /* bytes of noise before a frame that are forgiven */
#define FRAME_MIN 4    /* unit, function, CRC */

struct frame {
	size_t at, len; /* in the bytes given; len with unit and CRC */
	uint8_t unit;
	const uint8_t *pdu;
	size_t pdu_len;
};

/* The first frame with a right CRC that begins within the first `glitch` + 1 bytes. own: the
 * request whose answer is awaited (its exact length counts too), or NULL. whole: silence followed,
 * so that a frame may also be all that is left, whatever its function. */
bool frame_find(const uint8_t *bytes, size_t n, size_t glitch, const struct request *own,
                bool whole, struct frame *f);

/* With a byte more, 00, it would be a right frame, too: silence shows which of them it is. */
bool frame_open(const struct frame *f);

/* Does it look like a request, and cannot be an answer? */
bool frame_is_request(const struct frame *f);

/* Is it this request, byte for byte (an echo)? */
bool frame_is(const struct frame *f, const struct request *r);

/* The signature of the request that this frame answers, or is. Of an exception: function | 0x80. */
struct signature frame_signature(const struct frame *f);

/* Has an answer to `own` begun at one of the first bytes? *at: where; *need: its whole length, as
 * far as is known now (0: only silence shows it). */
bool frame_begun(const uint8_t *bytes, size_t n, const struct request *own, size_t *at,
                 size_t *need);

#endif
