// SPDX-License-Identifier: MIT
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "config/scalar.h"
#include "core/base/json.h"
#include "core/model/devid.h"
#include "ctl/verb.h"

static void help(void)
{
	puts("Usage: xnetctl points [OPTION]... [NAME]...\n"
	     "List the points of the configured devices: what is read where, how often, and what "
	     "may be written.\n"
	     "NAME is a device or device.point; * and ? stand for any characters. Without NAME: "
	     "all of them.\n"
	     "\n"
	     "  -c, --config FILE    the configuration (default " CONFIG_DIR "/devices.yaml)\n"
	     "  -P, --profiles DIR   where device profiles are; may be given up to three times\n"
	     "      --names          print only the names, one device.point a line\n"
	     "      --topics         print the topic of each point instead of its register\n"
	     "      --json           print one JSON array\n"
	     "\n"
	     "Exit status: 0 good, 1 no such point, 78 wrong configuration.");
}

enum form { FORM_TABLE, FORM_NAMES, FORM_TOPICS, FORM_JSON };

struct list {
	const struct model *model;
	char **name; /* what was requested; none: all */
	int nname;
	enum form form;
	bool *found; /* by name */
	struct json json;
};

static const char *const tables[] = {"coil", "discrete", "holding", "input"};

static const char *access_of(const struct point *p)
{
	if (!p->write)
		return "r";
	return p->write->only ? "w" : "rw";
}

static bool published(const struct point *p)
{
	return p->filter.mode != PUBLISH_NEVER && !(p->write && p->write->only);
}

static void period_text(const struct point *p, char *buf, size_t size)
{
	if (p->write && p->write->only)
		snprintf(buf, size, "-");
	else if (p->poll == POLL_ON_DEMAND)
		snprintf(buf, size, "on demand");
	else if (p->period == PERIOD_FASTEST)
		snprintf(buf, size, "fastest");
	else if (p->period == PERIOD_ONCE)
		snprintf(buf, size, "once");
	else
		duration_print(p->period, buf, size);
}

static void place_text(const struct device *d, const struct point *p, char *buf, size_t size)
{
	if (p->part)
		snprintf(buf, size, "%s + %u", d->set->sunspec->part[p->part - 1].name,
		         p->offset[0]);
	else if (p->source == SOURCE_REGISTER)
		snprintf(buf, size, "%s 0x%04X", tables[p->table], p->addr[0]);
	else if (p->source == SOURCE_DEVICE_ID)
		devid_place(p->addr[0], buf, size);
	else
		snprintf(buf, size, "computed");
}

/* What a command may write: labels, or the range. */
static void range_text(const struct point *p, char *buf, size_t size)
{
	const struct write_rule *w = p->write;
	size_t len = 0;

	buf[0] = '\0';
	for (uint16_t i = 0; i < p->nlabel && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? " | " : "",
		                        p->label[i].text);
	if (p->nlabel || !w || !(w->has_min || w->has_max))
		return;
	if (w->has_min && w->has_max)
		snprintf(buf, size, "%.10g to %.10g", w->min, w->max);
	else
		snprintf(buf, size, "%s %.10g", w->has_min ? "from" : "up to",
		         w->has_min ? w->min : w->max);
}

static void print_row(const struct list *l, const struct device *d, const struct point *p)
{
	char name[2 * NAME_MAX_LEN + 2], place[96], period[32], range[256];

	snprintf(name, sizeof(name), "%s.%s", d->name, p->name);
	if (l->form == FORM_NAMES) {
		puts(name);
		return;
	}
	if (l->form == FORM_TOPICS)
		snprintf(place, sizeof(place), "%s/%s/%s/%s", l->model->mqtt.prefix,
		         published(p) ? "sts" : "cmd", d->name, p->name);
	else
		place_text(d, p, place, sizeof(place));
	period_text(p, period, sizeof(period));
	range_text(p, range, sizeof(range));
	if (l->form == FORM_TOPICS)
		printf("%-52s %-2s %-9s %-5s %s", place, access_of(p), period,
		       p->unit ? p->unit : "", range);
	else
		printf("%-36s %-16s %-2s %-9s %-5s %s", name, place, access_of(p), period,
		       p->unit ? p->unit : "", range);
	putchar('\n');
}

static void json_range(struct json *j, const struct point *p)
{
	const struct write_rule *w = p->write;

	if (w && w->has_min)
		jw_real(j, "min", w->min);
	if (w && w->has_max)
		jw_real(j, "max", w->max);
	if (w && w->has_step)
		jw_real(j, "step", w->step);
	if (!p->nlabel)
		return;
	jw_open(j, "values", '[');
	for (uint16_t i = 0; i < p->nlabel; i++)
		jw_string(j, NULL, p->label[i].text);
	jw_close(j, ']');
}

static void json_text(struct json *j, const char *name, const char *text)
{
	if (text)
		jw_string(j, name, text);
}

static void json_row(struct list *l, const struct device *d, const struct point *p)
{
	struct json *j = &l->json;
	char topic[4 * NAME_MAX_LEN + 256], period[32];

	jw_open(j, NULL, '{');
	jw_string(j, "device", d->name);
	jw_string(j, "point", p->name);
	snprintf(topic, sizeof(topic), "%s/%s/%s/%s", l->model->mqtt.prefix,
	         published(p) ? "sts" : "cmd", d->name, p->name);
	jw_string(j, "topic", topic);
	jw_string(j, "bus", l->model->bus[d->bus].name);
	jw_int(j, "id", d->id);
	if (p->source == SOURCE_REGISTER && !p->part) {
		jw_string(j, "table", tables[p->table]);
		jw_int(j, "address", p->addr[0]);
		jw_int(j, "registers", codec_words(&p->codec));
	}
	if (p->source == SOURCE_DEVICE_ID)
		jw_int(j, "device_id", p->addr[0]);
	jw_string(j, "access", access_of(p));
	period_text(p, period, sizeof(period));
	jw_string(j, "every", period);
	json_text(j, "unit", p->unit);
	json_text(j, "class", p->class_);
	json_text(j, "state_class", p->state_class);
	json_text(j, "description", p->description);
	json_range(j, p);
	jw_close(j, '}');
}

static bool named(const char *pattern, const struct device *d, const struct point *p)
{
	char full[2 * NAME_MAX_LEN + 2];

	snprintf(full, sizeof(full), "%s.%s", d->name, p->name);
	return fnmatch(strchr(pattern, '.') ? pattern : "*", full, 0) == 0 &&
	       (strchr(pattern, '.') || fnmatch(pattern, d->name, 0) == 0);
}

static bool wanted(struct list *l, const struct device *d, const struct point *p)
{
	bool any = l->nname == 0;

	for (int i = 0; i < l->nname; i++)
		if (named(l->name[i], d, p))
			any = l->found[i] = true;
	return any;
}

static void print_all(struct list *l)
{
	const struct model *m = l->model;

	for (size_t i = 0; i < m->ndevice; i++)
		for (uint32_t k = 0; k < m->device[i].set->n; k++) {
			const struct device *d = &m->device[i];
			const struct point *p = &d->set->point[k];
			if (p->hidden || !wanted(l, d, p))
				continue;
			if (l->form == FORM_JSON)
				json_row(l, d, p);
			else
				print_row(l, d, p);
		}
}

static int points(struct list *l)
{
	int status = EXIT_SUCCESS;

	l->found = calloc((size_t)l->nname + 1, sizeof(*l->found));
	if (!l->found)
		abort();
	if (l->form == FORM_JSON)
		jw_open(&l->json, NULL, '[');
	print_all(l);
	if (l->form == FORM_JSON) {
		jw_close(&l->json, ']');
		puts(l->json.text);
	}
	jw_free(&l->json);
	for (int i = 0; i < l->nname; i++)
		if (!l->found[i]) {
			fprintf(stderr,
			        "xnetctl points: no point '%s'; 'xnetctl points --names' lists "
			        "them\n",
			        l->name[i]);
			status = EXIT_FAILURE;
		}
	free(l->found);
	return status;
}

int verb_points(int argc, char **argv)
{
	static const struct option table[] = {FILES_LONG_OPTIONS,
	                                      {"names", no_argument, NULL, FORM_NAMES},
	                                      {"topics", no_argument, NULL, FORM_TOPICS},
	                                      {"json", no_argument, NULL, FORM_JSON},
	                                      {"help", no_argument, NULL, 'h'},
	                                      {0}};
	struct config_paths paths;
	struct list l = {.form = FORM_TABLE};

	files_init(&paths);
	for (int c; (c = getopt_long(argc, argv, FILES_OPTIONS "h", table, NULL)) != -1;) {
		if (c == 'h') {
			help();
			return EXIT_SUCCESS;
		}
		if (c >= FORM_NAMES && c <= FORM_JSON)
			l.form = (enum form)c;
		else if (!files_option(&paths, c))
			return usage("points");
	}
	l.name = argv + optind;
	l.nname = argc - optind;
	struct model *m = files_load(&paths, false);
	if (!m)
		return EXIT_CONFIG;
	l.model = m;
	const int status = points(&l);
	model_destroy(m);
	return status;
}
