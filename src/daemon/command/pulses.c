// SPDX-License-Identifier: MIT
#include "daemon/command/pulses.h"

#include "daemon/base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLACE_MAX 512

/* One small file a pulse, named after device and point, with the place of the register in it:
 * making and removing one is atomic. Without a runtime directory (not started by systemd) there is
 * no journal. */
static bool journal_path(const char *kind, const char *device, const char *point, char *buf,
                         size_t size)
{
	const char *dir = getenv("RUNTIME_DIRECTORY");
	return dir && *dir &&
	       snprintf(buf, size, "%s/%s.%s.%s", dir, kind, device, point) < (int)size;
}

/* Which register of which device: what has the same names after a reload or a start with another
 * configuration may be something else. Of a SunSpec model the place in it. */
static void place_text(const struct gateway *g, uint32_t device, uint32_t point,
                       char buf[PLACE_MAX])
{
	const struct device *d = &g->model->device[device];
	const struct point *p = &d->set->point[point];
	const struct bus_conf *b = &g->model->bus[d->bus];
	const struct sunspec_part *part = p->part ? &d->set->sunspec->part[p->part - 1] : NULL;
	snprintf(buf, PLACE_MAX, "%s:%u unit %u table %u model %u.%u at %u, written at %d, bit %d",
	         b->port ? b->port : b->host, b->tcp_port, d->id, p->table, part ? part->id[0] : 0u,
	         part ? part->nth : 0u, (unsigned)(part ? p->offset[0] : p->addr[0]),
	         (int)p->write->address, p->codec.bit);
}

/* Is the record of this point's register? One without a place is taken for it. */
static bool recorded_here(const struct gateway *g, uint32_t device, uint32_t point,
                          const char *path)
{
	char place[PLACE_MAX], recorded[PLACE_MAX] = "";
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return false;
	const ssize_t n = read(fd, recorded, sizeof recorded - 1);
	close(fd);
	place_text(g, device, point, place);
	return n == 0 || strcmp(recorded, place) == 0;
}

void pulses_submit(struct gateway *g, const struct command_action *a)
{
	const struct device *d = &g->model->device[a->device];
	char path[512], place[PLACE_MAX];
	if (a->pulse != 1 ||
	    !journal_path("pulse", d->name, d->set->point[a->point].name, path, sizeof path))
		return;
	/* a process that can write there must not make us write elsewhere, or wait */
	const int fd = open(
		path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
	place_text(g, a->device, a->point, place);
	if (fd < 0 || ftruncate(fd, 0) < 0 || write(fd, place, strlen(place)) < 0)
		log_warn("pulse of %s/%s: cannot be recorded in %s: %s", d->name,
		         d->set->point[a->point].name, path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void source_text(char buf[2 * NAME_MAX_LEN + 2], const char *device, const char *point)
{
	snprintf(buf, 2 * NAME_MAX_LEN + 2, "%.*s/%.*s", NAME_MAX_LEN, device, NAME_MAX_LEN, point);
}

void pulses_stuck(struct gateway *g, const struct command_outcome *o)
{
	char source[2 * NAME_MAX_LEN + 2], text[COMMAND_REASON_MAX + 80];
	source_text(source, g->model->device[o->device].name, o->param);
	snprintf(text, sizeof text, "its pulse could not be ended and may still be on: %s",
	         o->reason);
	log_error("%s: %s; retrying every few seconds", source, text);
	gateway_alert(g, ALERT_FAULT, ALERT_PULSE_ON, source, text);
}

void pulses_ended(struct gateway *g, const struct command_outcome *o)
{
	char path[512], source[2 * NAME_MAX_LEN + 2];
	const char *device = g->model->device[o->device].name;
	if (!o->pulse_over)
		return;
	if (journal_path("pulse", device, o->param, path, sizeof path))
		unlink(path);
	if (o->origin != COMMAND_PULSE_END)
		return;
	if (journal_path("left", device, o->param, path, sizeof path))
		unlink(path);
	source_text(source, device, o->param);
	gateway_alert_end(g, ALERT_FAULT, ALERT_PULSE_ON, source);
}

/* Renamed, so that it is not taken for a pulse that a command began since. One that is under way
 * in this life has its command in the table. */
static void set_apart(struct gateway *g, uint32_t device, uint32_t point)
{
	const struct device *d = &g->model->device[device];
	const struct point *p = &d->set->point[point];
	char path[512], left[512];
	if (command_pending(g->table, device, point) ||
	    !journal_path("pulse", d->name, p->name, path, sizeof path) ||
	    !recorded_here(g, device, point, path) ||
	    !journal_path("left", d->name, p->name, left, sizeof left) || rename(path, left) < 0)
		return;
	char source[2 * NAME_MAX_LEN + 2];
	source_text(source, d->name, p->name);
	log_warn("pulse of %s was interrupted by the previous shutdown or a reload; switching it "
	         "off as soon as the device responds",
	         source);
	gateway_alert(g, ALERT_FAULT, ALERT_PULSE_ON, source,
	              "its pulse was interrupted by the previous shutdown or a reload; it will be "
	              "switched off as soon as the device responds");
}

/* What a pulse of this or an earlier configuration may have switched on. */
static bool may_pulse(const struct point *p)
{
	return p->write && p->codec.type == TYPE_BOOL && !p->write->raw;
}

/* Is there a point for it, under its name and in its place? file: behind the kind's prefix. */
static bool of_a_point(const struct gateway *g, const char *file, const char *path)
{
	const char *dot = strrchr(file, '.');
	const int device = dot ? model_find_device(g->model, file, (size_t)(dot - file)) : -1;
	const struct pointset *set = device < 0 ? NULL : g->model->device[device].set;
	const int point = set ? model_find_point(set, dot + 1, strlen(dot + 1)) : -1;
	return point >= 0 && may_pulse(&set->point[point]) &&
	       recorded_here(g, (uint32_t)device, (uint32_t)point, path);
}

/* Those still there, when all that are configured were set apart, are of registers that are not. */
static void report_unknown(struct gateway *g, const char *file)
{
	static const char text[] = "its pulse was interrupted by the previous shutdown or a "
				   "reload, and its register is no longer configured: it may still "
				   "be on";
	char source[2 * NAME_MAX_LEN + 2];
	const char *dot = strrchr(file, '.');
	if (!dot)
		return;
	snprintf(source, sizeof source, "%.*s/%.*s", (int)(dot - file), file, NAME_MAX_LEN,
	         dot + 1);
	log_warn("%s: %s", source, text);
	gateway_alert(g, ALERT_FAULT, ALERT_PULSE_ON, source, text);
}

static void find_unknown(struct gateway *g)
{
	static const char *const kinds[] = {"pulse.", "left."};
	const char *at = getenv("RUNTIME_DIRECTORY");
	char path[512];
	DIR *dir = at && *at ? opendir(at) : NULL;
	if (!dir)
		return;
	for (const struct dirent *e; (e = readdir(dir));)
		for (size_t i = 0; i < 2; i++) {
			const size_t n = strlen(kinds[i]);
			snprintf(path, sizeof path, "%s/%s", at, e->d_name);
			if (strncmp(e->d_name, kinds[i], n) == 0 &&
			    !of_a_point(g, e->d_name + n, path))
				report_unknown(g, e->d_name + n);
		}
	closedir(dir);
}

void pulses_model_begins(struct gateway *g)
{
	for (uint32_t i = 0; i < g->model->ndevice; i++) {
		const struct device *d = &g->model->device[i];
		for (uint32_t k = 0; k < d->set->n; k++)
			if (may_pulse(&d->set->point[k]))
				set_apart(g, i, k);
		if (g->plant->device[i].phase == PHASE_ONLINE)
			pulses_device_online(g, i);
	}
	find_unknown(g);
}

void pulses_device_online(struct gateway *g, uint32_t device)
{
	const struct device *d = &g->model->device[device];
	char path[512];
	for (uint32_t k = 0; k < d->set->n; k++) {
		const struct point *p = &d->set->point[k];
		if (may_pulse(p) && journal_path("left", d->name, p->name, path, sizeof path) &&
		    recorded_here(g, device, k, path))
			command_pulse_left(g->table, device, k, g->now);
	}
}
