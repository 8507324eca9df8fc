#include "daemon/commands.h"

#include "daemon/log.h"
#include "daemon/ondemand.h"

#include <stdlib.h>

struct commands {
	uint64_t received;
};

void commands_create(struct gateway *g)
{
	g->commands = mem_alloc(1, sizeof *g->commands);
}

void commands_destroy(struct gateway *g)
{
	free(g->commands);
}

void commands_event(struct gateway *g, const struct north_event *e)
{
	if (e->kind != NORTH_COMMAND) {
		ondemand_event(g, e);
		return;
	}
	for (size_t i = 0; i < e->nitem; i++) {
		const struct north_outcome o = {
			.device = (int32_t)e->item[i].device,
			.param = e->item[i].param,
			.value = e->item[i].text,
			.reason = e->item[i].fault ? e->item[i].fault : "not ready",
			.request = e->request,
		};
		north_outcome(g->north, &o);
	}
}

void commands_refuse(struct gateway *g, const struct north_event *e)
{
	north_outcome(g->north, &e->refused);
}

void commands_report(struct gateway *g, const struct report *r)
{
	(void)g;
	(void)r;
}

void commands_read(struct gateway *g, uint32_t point, const struct span *block, const uint16_t *words,
		   us_t at)
{
	(void)g;
	(void)point;
	(void)block;
	(void)words;
	(void)at;
}

void commands_read_failed(struct gateway *g, const struct report *r)
{
	(void)g;
	(void)r;
}

void commands_broker(struct gateway *g, bool up)
{
	(void)g;
	(void)up;
}

void commands_device_online(struct gateway *g, uint32_t device)
{
	(void)g;
	(void)device;
}

void commands_model_ends(struct gateway *g)
{
	(void)g;
}

void commands_model_begins(struct gateway *g)
{
	(void)g;
}

void commands_tick(struct gateway *g)
{
	(void)g;
}

void commands_stop(struct gateway *g)
{
	(void)g;
}
