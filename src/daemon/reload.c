// SPDX-License-Identifier: MIT
#include "daemon/reload.h"

#include "core/model/same.h"
#include "daemon/base/descriptors.h"
#include "daemon/base/lastgood.h"
#include "daemon/base/log.h"
#include "daemon/base/systemd.h"
#include "daemon/broker.h"
#include "daemon/command/commands.h"
#include "daemon/devices/carry.h"
#include "daemon/devices/gets.h"
#include "daemon/devices/readings.h"
#include "daemon/health/health.h"
#include "daemon/monitor.h"
#include "daemon/phases.h"
#include "daemon/requests.h"
#include "daemon/sunspec.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define REQUESTS_MAX 16
#define PULSES_END (3 * US_S) /* so long a new configuration waits for them */

struct reload {
	struct config_paths paths;
	pthread_t thread;
	bool reading;
	bool again; /* requested while one was being read */
	bool read;  /* and to be taken over */
	us_t read_at;
	int done;                /* eventfd */
	const struct model *old; /* runs as long as the thread, and does not change */
	/* written by the thread, read by main after it has ended */
	struct model *model;
	struct plant *plant; /* of the model; with it main has only to change over */
	struct same *same;
	struct diag diag;
	struct lastgood kept;
	/* commands that wait for their answer; NULL: one without a request */
	struct north_request *request[REQUESTS_MAX];
	size_t nrequest;
	size_t nfirst; /* how many of them the running read answers */
};

/* More buses than there are descriptors for would take them from those that run. A start goes on
 * without. */
static void check_descriptors(struct reload *r)
{
	char why[320];
	if (!r->model || r->model->nbus <= r->old->nbus ||
	    !descriptors_lack(r->model, why, sizeof why))
		return;
	diag_error(&r->diag, (struct where){.file = r->paths.file}, "%s", why);
	model_destroy(r->model);
	r->model = NULL;
}

static void *read_config(void *arg)
{
	struct reload *r = arg;
	struct bundle *b = bundle_create(&r->paths);
	r->model = config_load_bundle(&r->paths, &r->diag, b);
	check_descriptors(r);
	diag_sort(&r->diag);
	if (r->model) { /* here, where it holds up nothing */
		lastgood_keep(b, &r->kept);
		r->same = same_find(r->old, r->model);
		r->plant = plant_build(r->model);
	}
	bundle_destroy(b);
	eventfd_write(r->done, 1);
	return NULL;
}

void reload_create(struct gateway *g)
{
	struct reload *r = mem_alloc(1, sizeof *r);
	r->paths = g->paths;
	r->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	g->reload = r;
}

void reload_destroy(struct gateway *g)
{
	struct reload *r = g->reload;
	if (r->reading) {
		if (!r->read)
			pthread_join(r->thread, NULL);
		if (r->plant)
			plant_release(r->plant);
		same_free(r->same);
		model_destroy(r->model);
		diag_free(&r->diag);
	}
	close(r->done);
	free(r);
}

int reload_fd(const struct gateway *g)
{
	return g->reload->done;
}

static void outcome(struct gateway *g, struct north_request *request, const char *reason)
{
	const struct north_outcome o = {
		.device = NORTH_GATEWAY,
		.param = "reload",
		.value = g->model->hash,
		.reason = reason,
		.request = request,
	};
	north_outcome(g->north, &o);
}

static void answer_all(struct gateway *g, const char *reason)
{
	struct reload *r = g->reload;
	for (size_t i = 0; i < r->nfirst; i++)
		outcome(g, r->request[i], reason);
	r->nrequest -= r->nfirst;
	memmove(r->request, r->request + r->nfirst, r->nrequest * sizeof *r->request);
}

void reload_begin(struct gateway *g, struct north_request *request, bool command)
{
	struct reload *r = g->reload;
	if (g->stopping) {
		if (command)
			outcome(g, request, "shutting down");
		return;
	}
	if (command && r->nrequest == REQUESTS_MAX) {
		outcome(g, request, "busy");
		return;
	}
	if (command)
		r->request[r->nrequest++] = request;
	if (r->reading) {
		r->again = true;
		return;
	}
	log_info("reloading %s", r->paths.file);
	r->nfirst = r->nrequest;
	systemd_reloading();
	diag_init(&r->diag);
	r->old = g->model;
	r->model = NULL;
	r->plant = NULL;
	r->same = NULL;
	r->reading = pthread_create(&r->thread, NULL, read_config, r) == 0;
	if (r->reading)
		return;
	diag_free(&r->diag);
	log_error("reload: cannot start a thread to read the configuration");
	answer_all(g, "no thread");
}

void reload_end(struct gateway *g)
{
	g->reload->nfirst = g->reload->nrequest;
	answer_all(g, "shutting down");
}

static void log_diag(const struct diag *d)
{
	for (size_t i = 0; i < d->n; i++) {
		char text[1024];
		diag_print(&d->message[i], text, sizeof text);
		if (d->message[i].level == DIAG_ERROR)
			log_error("%s", text);
		else
			log_warn("%s", text);
	}
}

static void reject(struct gateway *g)
{
	struct reload *r = g->reload;
	char text[1024] = "cannot be read";
	for (size_t i = 0; i < r->diag.n; i++)
		if (r->diag.message[i].level == DIAG_ERROR) {
			diag_print(&r->diag.message[i], text, sizeof text);
			break;
		}
	log_error("reload refused, %zu errors: the running configuration stays active",
	          r->diag.errors);
	health_reloaded(g, text);
	gateway_alert(g, ALERT_WARNING, ALERT_CONFIG_REJECTED, r->paths.file, text);
	answer_all(g, text);
}

/* What is equal goes on. */
static void change_plant(struct gateway *g, struct plant *p, const struct same *same)
{
	struct plant *old = g->plant;
	plant_begin(p, g->now);
	carry_buses(old, p);
	sunspec_carry(old, p);
	carry_readings(old, p, same);
	carry_wants(old, p, same);
	plant_run(g, p);
	sunspec_carried(g);
	carry_demand(g);
	plant_release(old);
}

static void take_over(struct gateway *g)
{
	struct reload *r = g->reload;
	struct model *old = g->model, *next = r->model;
	requests_model_ends(g);
	monitor_model_ends(g);
	commands_model_ends(g);
	gets_end(g, "the configuration was reloaded meanwhile");
	change_plant(g, r->plant, r->same);
	broker_adopt(g, old, r->same);
	health_model(g, old);
	commands_model_begins(g, old);
	phases_broadcast(g);
	readings_publish_current(g, r->same->north);
	same_free(r->same);
	model_destroy(old);
	char why[320], size[MODEL_SIZE_TEXT];
	log_info("reload: %s", model_size_text(next, size));
	if (descriptors_lack(next, why, sizeof why))
		log_error("%s", why);
	health_reloaded(g, NULL);
	health_last_good(g, &r->kept, NULL);
	gateway_alert_end(g, ALERT_WARNING, ALERT_CONFIG_REJECTED, r->paths.file);
	gateway_alert_end(g, ALERT_WARNING, ALERT_LAST_GOOD, r->paths.file);
	answer_all(g, NULL);
}

/* Is there something to take over, or to refuse? */
static bool has_read(const struct gateway *g)
{
	struct reload *r = g->reload;
	eventfd_t count;
	if (eventfd_read(r->done, &count) == 0 && r->reading) {
		pthread_join(r->thread, NULL);
		r->read = true;
		r->read_at = g->now;
	}
	return r->read;
}

void reload_finish(struct gateway *g)
{
	struct reload *r = g->reload;
	if (!has_read(g) || g->stopping)
		return; /* reload_destroy() frees what was read */
	/* asked each time: what came since must not go on unseen */
	if (r->model && commands_hold_reload(g, r->model) && g->now < r->read_at + PULSES_END) {
		gateway_wake(g, TIMER_COMMANDS, r->read_at + PULSES_END);
		return;
	}
	r->reading = r->read = false;
	log_diag(&r->diag);
	if (r->model)
		take_over(g);
	else
		reject(g);
	diag_free(&r->diag);
	char status[160];
	health_status_line(g, status, sizeof status);
	systemd_ready(status);
	if (r->again) {
		r->again = false;
		reload_begin(g, NULL, false);
	}
}
