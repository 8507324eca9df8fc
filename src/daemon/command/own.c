// SPDX-License-Identifier: MIT
#include "daemon/command/own.h"

#include "core/base/json.h"
#include "daemon/devices/derive.h"
#include "daemon/devices/device.h"

static struct value current(void *ctx, uint32_t device, uint32_t point)
{
	const struct gateway *g = ctx;
	return derive_current(g->plant, g->model->device[device].point0 + point);
}

static bool online(void *ctx, uint32_t device)
{
	const struct gateway *g = ctx;
	const uint8_t phase = g->plant->device[device].phase;
	return phase == PHASE_ONLINE || phase == PHASE_IDENTIFYING;
}

static const char *forbids(void *ctx, uint32_t device)
{
	const struct gateway *g = ctx;
	if (!model_bound(&g->model->device[device]))
		return "the device's SunSpec models are not found yet";
	return device_forbids(g->plant, device);
}

/* An `off` of ours is a matter of safety: it goes also to a device that is not identified yet.
 */
static bool mismatch(void *ctx, uint32_t device)
{
	const struct gateway *g = ctx;
	return g->plant->device[device].phase == PHASE_MISMATCH ||
	       !model_bound(&g->model->device[device]);
}

/* A system that does not report whether its clock is right is trusted. */
static bool wall(void *ctx, us_t at, char text[COMMAND_TIME_SIZE])
{
	const struct gateway *g = ctx;
	if (gateway_clock() == CLOCK_WRONG)
		return false;
	jw_time_text(gateway_wall() + (at - g->now) / US_MS, text);
	return true;
}

void own_create(struct gateway *g)
{
	const struct command_ops ops = {.current = current,
	                                .online = online,
	                                .forbids = forbids,
	                                .mismatch = mismatch,
	                                .wall = wall,
	                                .ctx = g};
	g->table = command_create(g->model, &ops);
}

void own_destroy(struct gateway *g)
{
	command_destroy(g->table);
}

void own_write(struct gateway *g, uint32_t device, uint32_t point, const char *text,
               bool only_if_different)
{
	const struct command_item item = {.point = point, .text = text};
	const struct command_request r = {
		.device = device,
		.item = &item,
		.n = 1,
		.origin = COMMAND_FROM_GATEWAY,
		.only_if_different = only_if_different,
	};
	command_submit(g->table, &r, g->now);
}
