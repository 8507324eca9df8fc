// SPDX-License-Identifier: MIT
#include "ctl/write.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/model/devid.h"
#include "ctl/image.h"
#include "ctl/perform.h"
#include "ctl/remote.h"
#include "ctl/scan.h"
#include "ctl/screen.h"
#include "ctl/stop.h"
#include "ctl/wording.h"

/* By function 43/14, where its profile uses that; else look() compares a point. */
static bool is_the_device(struct write *w)
{
	const struct device *d = w->target.device;
	char why[DEVID_WORDS_MAX];

	if (!d->ndevice_id || d->identify_ignore ||
	    ident_device_id(w->line, d, d->id, target_timeout(&w->target, &w->options, d->id), why,
	                    sizeof(why)))
		return true;
	fprintf(stderr, "xnetctl write: refused: id %u %s\n", d->id, wording_clean(why));
	return false;
}

/* Reads the point, what its scale depends on, and who the device is. */
static bool look(struct write *w, char *before, size_t size, struct value *current)
{
	const struct device *d = w->target.device;
	const uint32_t n = (uint32_t)(w->target.point - d->set->point);
	const bool known = d->identify_point >= 0 && d->nidentify && !d->identify_ignore;
	bool *want = mem_alloc(d->set->n, sizeof(bool));
	char text[VALUE_TEXT_MAX], is[VALUE_PRINT_MAX] = "";
	const struct reply *why;
	struct image m;
	struct value v;
	bool good = true;
	char reason[400];

	want[n] = true;
	if (known)
		want[d->identify_point] = true;
	if (w->target.point->exponent_from >= 0)
		want[w->target.point->exponent_from] = true;
	if (w->target.point->factor_from >= 0)
		want[w->target.point->factor_from] = true;
	image_init(&m, w->line, d, d->id, target_timeout(&w->target, &w->options, d->id));
	image_read(&m, want);
	for (uint32_t i = 0; i < d->set->n; i++)
		current[i] = value_none();
	for (uint32_t i = 0; i < d->set->n; i++)
		if (want[i] && image_value(&m, i, text, &v, &why) == IMAGE_VALUE) {
			current[i] = v.kind == VALUE_TEXT ? value_none() : v;
			if (i == n)
				point_print(w->target.point, &v, NULL, before, size);
			if (known && i == (uint32_t)d->identify_point)
				point_print(&d->set->point[i], &v, NULL, is, sizeof(is));
		}
	if (known && !ident_matches(d, is)) {
		fprintf(stderr,
		        is[0] ? "xnetctl write: refused: id %u identifies as %s, not as a %s\n"
		              : "xnetctl write: refused: id %u%s does not identify itself; %s is "
		                "expected\n",
		        d->id, wording_clean(is), d->profile);
		good = false;
	} else if (m.dead) {
		fprintf(stderr, "xnetctl write: %s\n", m.block[m.n - 1]->reply.why);
		good = false;
	} else if (image_value(&m, n, text, &v, &why) == IMAGE_FAILED) {
		w->unread = true;
		good = !write_forbidden(w, why, reason, sizeof(reason));
		if (!good)
			write_report(w, false, "refused", "", reason, 0);
	}
	image_free(&m);
	free(want);
	return good;
}

static void print_range(const struct point *p)
{
	const struct write_rule *r = p->write;

	if (r->has_min && r->has_max)
		printf("      range %g to %g", r->min, r->max);
	else if (r->has_min || r->has_max)
		printf("      at %s %g", r->has_min ? "least" : "most",
		       r->has_min ? r->min : r->max);
	if (r->has_step && r->step > 0)
		printf("%s step %g", r->has_min || r->has_max ? "," : "     ", r->step);
}

/* Why a person is to be asked; NULL: no need. */
static const char *question(const struct write *w, const char *before, const char *then)
{
	const struct point *p = w->target.point;

	if (p->write->confirm || p->write->raw)
		return "This is an action that cannot be undone. Do it?";
	if (p->write->persistent && strcmp(before, then) != 0)
		return "This register wears out. Write?";
	return w->unread && !w->blind ? "The value before cannot be read. Write?" : NULL;
}

static void show(const struct write *w, const char *before, const char *then)
{
	const struct device *d = w->target.device;
	const struct point *p = w->target.point;
	const char *unit = p->unit ? p->unit : "";

	if (w->json)
		return;
	printf("%s.%s  %s 0x%04X of unit %u%s\n  now   %s %s\n  then  %s %s", d->name, p->name,
	       wording_table[p->table], p->addr[0], d->id,
	       p->write->persistent ? ", kept in EEPROM" : "", before[0] ? before : "-",
	       before[0] ? unit : "", then, unit);
	print_range(p);
	putchar('\n');
	fflush(stdout);
}

/* The value as it will be read, or what is wrong with it. */
static bool check(const struct write *w, const struct value *current, char *then, size_t size,
                  char *reason, size_t room)
{
	const struct point *p = w->target.point;
	const struct value *e = p->exponent_from >= 0 ? &current[p->exponent_from] : NULL;
	const struct value *f = p->factor_from >= 0 ? &current[p->factor_from] : NULL;
	const struct command_input in = {.text = w->value,
	                                 .now = "2026-01-01T00:00:00", /* any: it is not sent */
	                                 .exponent = e,
	                                 .factor = f,
	                                 .own = true};
	struct command_value v;

	if (!command_check(p, &in, &v, reason, room))
		return false;
	if (v.toggle || p->write->raw || p->codec.type == TYPE_DATETIME)
		snprintf(then, size, "%s", w->value);
	else
		point_print(p, &v.v, NULL, then, size);
	return true;
}

static void carry_out(struct write *w, const struct value *current, struct performed *done)
{
	const struct device *d = w->target.device;
	const struct point *p = w->target.point;
	const char *confirm = p->write->confirm; /* has just been given, or by --yes */
	char payload[VALUE_TEXT_MAX + 64];

	if (confirm && strncmp(w->value, confirm, strlen(confirm)) != 0)
		snprintf(payload, sizeof(payload), "%s %s", confirm, w->value);
	else
		snprintf(payload, sizeof(payload), "%s", w->value);
	if (w->line->via[0]) {
		remote_set(w->line, d->name, p->name, payload, done);
		return;
	}
	line_close(w->line); /* the bus thread opens it again */
	w->line = NULL;
	stop_catch();
	perform(w->target.model, (uint32_t)(d - w->target.model->device),
	        (uint32_t)(p - d->set->point), payload, current, done);
}

int write_point(struct write *w)
{
	struct value *current = mem_alloc(w->target.device->set->n, sizeof(*current));
	char before[VALUE_PRINT_MAX] = "", then[VALUE_PRINT_MAX], reason[COMMAND_REASON_MAX];
	struct performed done;
	int status = EXIT_FAILURE;

	if (!is_the_device(w) || !look(w, before, sizeof(before), current))
		goto out;
	if (!check(w, current, then, sizeof(then), reason, sizeof(reason))) {
		status = write_report(w, false, "refused", "", reason, 0);
		goto out;
	}
	show(w, before, then);
	const char *ask = question(w, before, then);
	if (ask && !w->yes && !screen_confirm(ask)) {
		fputs("Nothing was written (--yes writes without asking).\n", stderr);
		goto out;
	}
	carry_out(w, current, &done);
	status = write_report(w, command_end_good(done.end), command_end_name(done.end), done.value,
	                      done.reason, done.took);
out:
	free(current);
	return status;
}
