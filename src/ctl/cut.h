/* SPDX-License-Identifier: MIT */
/*
 * cut: finds RTU frames in bytes as they come from a port. The CRC decides, silence ends what is no
 * frame: an adapter may deliver two frames at once or one in pieces.
 */
#ifndef CTL_CUT_H
#define CTL_CUT_H

#include "core/modbus/frame.h"

#define CUT_ROOM (4 * ADU_RTU_MAX)

struct cut {
	us_t split; /* so long a pause ends what came: a frame, or noise */
	us_t last;  /* when bytes came last */
	size_t n;
	uint8_t buf[CUT_ROOM];
};

/* frame: with unit and CRC; else bytes that are none. The bytes are gone after the call. */
typedef bool cut_take(void *ctx, const uint8_t *bytes, size_t n, bool frame, us_t at);

/* n 0: time has passed. False: take has ended it. */
bool cut_feed(struct cut *c, const uint8_t *bytes, size_t n, us_t now, cut_take *take, void *ctx);

#endif
