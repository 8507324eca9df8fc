// SPDX-License-Identifier: MIT
#include "core/sim/spoil.h"

#include <string.h>

void spoil_noise(uint64_t *seed, struct event *e, size_t at, size_t n)
{
	if (e->n + n > FRAME_MAX)
		return;
	memmove(e->bytes + at + n, e->bytes + at, e->n - at);
	for (size_t i = 0; i < n; i++)
		e->bytes[at + i] = (uint8_t)simline_draw(seed, 256);
	e->n += n;
}

void spoil_reframe(struct event *e, size_t pdu_len)
{
	uint8_t pdu[PDU_MAX];

	memcpy(pdu, e->bytes + 1, pdu_len);
	e->n = pdu_frame(e->bytes[0], pdu, pdu_len, e->bytes);
}

static void lengthen(struct event *e)
{
	if (e->bytes[1] > FC_READ_INPUT || e->n + 2 > ADU_RTU_MAX)
		return;
	e->bytes[2] = (uint8_t)(e->bytes[2] + 2);
	e->bytes[e->n - 2] = e->bytes[e->n - 1] = 0;
	spoil_reframe(e, e->n - 1);
}

static void make_exception(struct event *e, uint8_t code)
{
	e->bytes[1] |= 0x80;
	e->bytes[2] = code;
	spoil_reframe(e, 2);
}

void spoil(uint64_t *seed, struct event *e, enum sim_fault fault)
{
	switch (fault) {
	case SIM_OTHER_UNIT:
		e->bytes[0] = (uint8_t)(e->bytes[0] % 247 + 1);
		spoil_reframe(e, e->n - 3);
		break;
	case SIM_WRONG_LENGTH:
		lengthen(e);
		break;
	case SIM_EXCEPTION:
		make_exception(e, 6);
		break;
	case SIM_HELD_EXCEPTION:
		make_exception(e, 2);
		break;
	case SIM_BAD_CRC:
		e->bytes[simline_draw(seed, (uint32_t)e->n)] ^=
			(uint8_t)(1 << simline_draw(seed, 8));
		break;
	case SIM_CUT:
		e->n = 1 + simline_draw(seed, (uint32_t)e->n - 1);
		break;
	case SIM_GLITCH:
		spoil_noise(seed, e, 0, 1 + simline_draw(seed, 4));
		break;
	case SIM_NOISE_INSIDE:
		spoil_noise(seed, e, 1 + simline_draw(seed, (uint32_t)e->n - 1), 1);
		break;
	case SIM_NOISE_AFTER:
		spoil_noise(seed, e, e->n, 1 + simline_draw(seed, 12));
		break;
	case SIM_SHORT:
		e->n = 2 + simline_draw(seed, 2);
		break;
	default:
		break;
	}
}
