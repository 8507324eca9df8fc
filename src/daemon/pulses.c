#include "daemon/pulses.h"

#include "daemon/commands.h"
#include "daemon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One small file a pulse, named after device and point: making and removing one is atomic. Without a
 * runtime directory (not started by systemd) there is no journal. */
static bool journal_path(const char *device, const char *point, char *buf, size_t size)
{
	const char *dir = getenv("RUNTIME_DIRECTORY");
	return dir && *dir && snprintf(buf, size, "%s/pulse.%s.%s", dir, device, point) < (int)size;
}

void pulses_submit(struct gateway *g, const struct command_action *a)
{
	const struct device *d = &g->model->device[a->device];
	char path[512];
	if (a->pulse != 1 || !journal_path(d->name, d->set->point[a->point].name, path, sizeof path))
		return;
	const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		log_warn("pulse of %s/%s: cannot be journalled at %s: %s", d->name,
			 d->set->point[a->point].name, path, strerror(errno));
	else
		close(fd);
}

void pulses_ended(struct gateway *g, const struct command_outcome *o)
{
	char path[512];
	const char *device = g->model->device[o->device].name;
	if (o->pulse_over && journal_path(device, o->param, path, sizeof path))
		unlink(path);
}

static void end_one(struct gateway *g, uint32_t device, uint32_t point)
{
	const struct device *d = &g->model->device[device];
	char path[512];
	if (!journal_path(d->name, d->set->point[point].name, path, sizeof path) || access(path, F_OK) != 0)
		return;
	log_warn("pulse of %s/%s was cut by the last end of the gateway: switching off", d->name,
		 d->set->point[point].name);
	commands_pulse_left(g, device, point);
}

void pulses_end_left_over(struct gateway *g)
{
	static bool done; /* once a process: later pulses are the table's */
	if (done)
		return;
	done = true;
	for (uint32_t i = 0; i < g->model->ndevice; i++) {
		const struct pointset *s = g->model->device[i].set;
		for (uint32_t k = 0; k < s->n; k++)
			if (s->point[k].write && s->point[k].write->pulse)
				end_one(g, i, k);
	}
}
