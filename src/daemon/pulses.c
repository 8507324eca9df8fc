#include "daemon/pulses.h"

#include "daemon/commands.h"
#include "daemon/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One small file a pulse, named after device and point: making and removing one is atomic. Without
 * a runtime directory (not started by systemd) there is no journal. */
static bool journal_path(const char *kind, const char *device, const char *point, char *buf,
                         size_t size)
{
	const char *dir = getenv("RUNTIME_DIRECTORY");
	return dir && *dir &&
	       snprintf(buf, size, "%s/%s.%s.%s", dir, kind, device, point) < (int)size;
}

void pulses_submit(struct gateway *g, const struct command_action *a)
{
	const struct device *d = &g->model->device[a->device];
	char path[512];
	if (a->pulse != 1 ||
	    !journal_path("pulse", d->name, d->set->point[a->point].name, path, sizeof path))
		return;
	/* whoever could write there must not make us write elsewhere, or wait */
	const int fd = open(
		path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
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
	if (!o->pulse_over)
		return;
	if (journal_path("pulse", device, o->param, path, sizeof path))
		unlink(path);
	if (o->origin == COMMAND_PULSE_END &&
	    journal_path("left", device, o->param, path, sizeof path))
		unlink(path);
}

/* What a predecessor left: renamed, so that it is not taken for a pulse of ours. */
static void set_apart(const struct device *d, const struct point *p)
{
	char path[512], left[512];
	if (!journal_path("pulse", d->name, p->name, path, sizeof path) ||
	    !journal_path("left", d->name, p->name, left, sizeof left) || rename(path, left) < 0)
		return;
	log_warn("pulse of %s/%s was cut by the last end of the gateway: to be switched off",
	         d->name, p->name);
}

/* Those still there, when all that are configured were set apart, are of points that are not. */
static void warn_of_unknown(void)
{
	const char *path = getenv("RUNTIME_DIRECTORY");
	DIR *dir = path ? opendir(path) : NULL;
	if (!dir)
		return;
	for (const struct dirent *e; (e = readdir(dir));)
		if (strncmp(e->d_name, "pulse.", 6) == 0)
			log_warn("pulse of %s was cut by the last end of the gateway, and is not "
			         "configured any more: it may still be on",
			         e->d_name + 6);
	closedir(dir);
}

void pulses_left_over(struct gateway *g)
{
	static bool done; /* once a process: later pulses are the table's */
	if (done)
		return;
	done = true;
	for (uint32_t i = 0; i < g->model->ndevice; i++) {
		const struct device *d = &g->model->device[i];
		for (uint32_t k = 0; k < d->set->n; k++)
			if (d->set->point[k].write && d->set->point[k].write->pulse)
				set_apart(d, &d->set->point[k]);
	}
	warn_of_unknown();
}

void pulses_device_online(struct gateway *g, uint32_t device)
{
	const struct device *d = &g->model->device[device];
	char path[512];
	for (uint32_t k = 0; k < d->set->n; k++) {
		const struct point *p = &d->set->point[k];
		if (p->write && p->write->pulse &&
		    journal_path("left", d->name, p->name, path, sizeof path) &&
		    access(path, F_OK) == 0)
			commands_pulse_left(g, device, k);
	}
}
