// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/topic.h"
#include "ctl/broker.h"
#include "ctl/verb.h"
#include "ctl/wording.h"
#include "mqtt/json_parse.h"
#include "view/watch.h"

/*
 * What a gateway that is gone, or has another name or prefix now, has left retained on the broker.
 * Only the broker knows it: the machine may be gone, too, or its card may be a copy of another
 * one's. So nothing is cleared by itself, and nothing that another gateway reports it has.
 */

#define SETTLE (10 * US_S)
#define BATCH 64          /* topics on their way to the broker */
#define TAKES (20 * US_S) /* so long a broker may take for a batch */
#define TOPIC_TEXT_MAX 512

struct kept {
	char *topic, *payload;
};

/* A device that the gateway reports it has. */
struct had {
	const char *name;
	size_t len;
	bool elsewhere; /* another gateway reports it, too */
	struct json_members points;
};

struct forget {
	const char *name, *prefix;
	struct kept *kept;
	size_t nkept;
	struct had *had;
	size_t nhad;
	bool taken; /* another gateway has a device of its name */
};

static void help(void)
{
	puts("Usage: xnetctl forget [OPTION]... GATEWAY\n"
	     "Clear what a gateway that is gone, or has another name or prefix now, has left on "
	     "the "
	     "broker: its status,\n"
	     "its health, the values of its devices, its documents for Home Assistant. Devices "
	     "that "
	     "another gateway\n"
	     "has now keep their values. A gateway that is online is not touched.\n"
	     "\n"
	     "      --yes                  clear it; without this the topics are only "
	     "listed\n" BROKER_HELP);
}

/* -- what is retained -------------------------------------------------------------------------- */

static void keep(void *ctx, const struct view_message *m)
{
	struct forget *f = ctx;

	if (!m->retained || m->len == 0)
		return;
	f->kept = mem_grow(f->kept, f->nkept + 1, sizeof(*f->kept));
	f->kept[f->nkept++] = (struct kept){mem_strdup(m->topic), mem_strdup(m->payload)};
}

static bool is_level(const struct topic_levels *t, unsigned i, const char *text, size_t len)
{
	return i < t->n && t->len[i] == len && memcmp(t->at[i], text, len) == 0;
}

/* "$SYS/GATEWAY/device/DEVICE/info" */
static bool is_info(const struct topic_levels *t)
{
	return t->n == 5 && topic_is(t, 0, "$SYS") && topic_is(t, 2, "device") &&
	       topic_is(t, 4, "info");
}

static struct had *had_find(const struct forget *f, const char *name, size_t len)
{
	for (size_t i = 0; i < f->nhad; i++)
		if (f->had[i].len == len && memcmp(f->had[i].name, name, len) == 0)
			return &f->had[i];
	return NULL;
}

static void had_add(struct forget *f, const struct topic_levels *t, const char *payload)
{
	struct had h = {.name = t->at[3], .len = t->len[3]};

	if (!json_parse_list_of(payload, strlen(payload), "points", "name", &h.points))
		h.points = (struct json_members){0};
	f->had = mem_grow(f->had, f->nhad + 1, sizeof(*f->had));
	f->had[f->nhad++] = h;
}

/* Which devices it had, and which of those are others' now. */
static void devices(struct forget *f)
{
	struct topic_levels t;
	struct had *h;

	for (size_t i = 0; i < f->nkept; i++)
		if (topic_split(f->kept[i].topic, f->prefix, &t) && is_info(&t) &&
		    topic_is(&t, 1, f->name))
			had_add(f, &t, f->kept[i].payload);
	for (size_t i = 0; i < f->nkept; i++)
		if (topic_split(f->kept[i].topic, f->prefix, &t) && is_info(&t) &&
		    !topic_is(&t, 1, f->name)) {
			if ((h = had_find(f, t.at[3], t.len[3])))
				h->elsewhere = true;
			f->taken |= topic_is(&t, 3, f->name);
		}
}

/* -- whose it is ------------------------------------------------------------------------------- */

static bool is_own_leaf(const struct topic_levels *t, unsigned i)
{
	return topic_is(t, i, "status") || topic_is(t, i, "Alerts");
}

static bool is_value(const struct forget *f, const struct topic_levels *t)
{
	const struct had *h = had_find(f, t->at[1], t->len[1]);

	if (!h || h->elsewhere || t->n != 3)
		return false;
	for (size_t i = 0; i < h->points.n; i++) {
		const char *name = h->points.member[i].name;
		if (is_level(t, 2, name, strlen(name)))
			return true;
	}
	return is_own_leaf(t, 2);
}

/* A document for Home Assistant names the status of its gateway. */
static bool is_document(const struct forget *f, const struct kept *k)
{
	char status[TOPIC_TEXT_MAX];

	snprintf(status, sizeof(status), "\"%s/sts/%s/status\"", f->prefix, f->name);
	return strstr(k->payload, "\"xnet-gateway\"") && strstr(k->payload, status);
}

enum whose { OTHERS, OWN, OWN_HEALTH };

static enum whose whose(const struct forget *f, const struct kept *k)
{
	struct topic_levels t;

	if (!topic_split(k->topic, f->prefix, &t))
		return is_document(f, k) ? OWN : OTHERS;
	if (topic_is(&t, 0, "$SYS") && topic_is(&t, 1, f->name))
		return OWN_HEALTH;
	if (t.n < 3 || !topic_is(&t, 0, "sts"))
		return OTHERS;
	if (topic_is(&t, 1, f->name) && t.n == 3 && is_own_leaf(&t, 2))
		return f->taken ? OTHERS : OWN;
	return is_value(f, &t) ? OWN : OTHERS;
}

/* -- the verb ---------------------------------------------------------------------------------- */

static void forget_free(struct forget *f)
{
	for (size_t i = 0; i < f->nkept; i++) {
		free(f->kept[i].topic);
		free(f->kept[i].payload);
	}
	for (size_t i = 0; i < f->nhad; i++)
		json_members_free(&f->had[i].points);
	free(f->kept);
	free(f->had);
}

/* Connects and takes what is retained. NULL: the reason is on standard error. */
static struct watch *look(struct forget *f, const struct mqtt_conf *conf, struct view *v,
                          const char *documents)
{
	struct watch *w = watch_create(conf, v, documents);

	watch_tap(w, keep, f);
	if (watch_settle(w, SETTLE)) {
		watch_tap(w, NULL, NULL);
		devices(f);
		return w;
	}
	fprintf(stderr, "xnetctl: broker %s:%u: %s\n", conf->host, (unsigned)conf->port,
	        watch_trouble(w));
	watch_destroy(w);
	return NULL;
}

static bool is_online(const struct forget *f)
{
	char topic[TOPIC_TEXT_MAX];
	bool online = false;

	snprintf(topic, sizeof(topic), "%s/sts/%s/status", f->prefix, f->name);
	for (size_t i = 0; i < f->nkept; i++)
		if (strcmp(f->kept[i].topic, topic) == 0)
			online = strcmp(f->kept[i].payload, "online") == 0;
	return online;
}

/* Its health last: by that the rest is found again, if this is cut short. */
static bool clear(const struct forget *f, struct watch *w)
{
	size_t n = 0;

	for (enum whose part = OWN; part <= OWN_HEALTH; part++)
		for (size_t i = 0; i < f->nkept; i++) {
			if (whose(f, &f->kept[i]) != part)
				continue;
			watch_clear(w, f->kept[i].topic);
			if (++n % BATCH == 0 && !watch_flush(w, TAKES))
				return false;
		}
	return watch_flush(w, TAKES);
}

static size_t list(const struct forget *f, bool prints)
{
	size_t n = 0;

	for (size_t i = 0; i < f->nkept; i++) {
		if (whose(f, &f->kept[i]) == OTHERS)
			continue;
		n++;
		if (prints)
			puts(wording_clean(f->kept[i].topic));
	}
	return n;
}

/* What is still there, as a second look shows: a broker may refuse without a word. */
static int look_again(const struct forget *f, const struct mqtt_conf *conf, struct view *v,
                      const char *documents)
{
	struct forget again = {.name = f->name, .prefix = f->prefix};
	struct watch *w = look(&again, conf, v, documents);
	const size_t before = list(f, false), rest = list(&again, false);

	watch_destroy(w);
	forget_free(&again);
	if (!w)
		return EXIT_FAILURE;
	printf("%zu topics cleared\n", before > rest ? before - rest : 0);
	if (rest == 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "xnetctl: %zu are still there: may this user publish them?\n", rest);
	return EXIT_FAILURE;
}

/* False: there is nothing to clear, or it may not be. */
static bool may_clear(const struct forget *f, const struct mqtt_conf *conf)
{
	if (is_online(f))
		fprintf(stderr,
		        "xnetctl: gateway %s is online: stop it first, or give its old name\n",
		        f->name);
	else if (list(f, true) == 0)
		fprintf(stderr, "xnetctl: nothing of a gateway %s is below %s/ on %s\n", f->name,
		        f->prefix, conf->host);
	else
		return true;
	return false;
}

static int perform(struct forget *f, const struct mqtt_conf *conf, struct view *v,
                   const char *documents, bool sure)
{
	struct watch *w = look(f, conf, v, documents);
	const bool may = w && may_clear(f, conf);
	const bool taken = may && sure && clear(f, w);

	watch_destroy(w); /* before the next: the library is slow with two at a time */
	if (!may)
		return EXIT_FAILURE;
	if (!sure) {
		printf("%zu topics; --yes clears them\n", list(f, false));
		return EXIT_SUCCESS;
	}
	if (!taken)
		fputs("xnetctl: the broker does not acknowledge in time\n", stderr);
	const int status = look_again(f, conf, v, documents);
	return taken ? status : EXIT_FAILURE;
}

static int run(const struct broker_options *o, const char *name, bool sure)
{
	struct model *m;
	char documents[TOPIC_TEXT_MAX];
	int status;
	const struct mqtt_conf *conf = broker_find(o, &m, &status);

	if (!conf)
		return status;
	struct forget f = {.name = name, .prefix = conf->prefix};
	const char *place = m->homeassistant.prefix ? m->homeassistant.prefix : "homeassistant";
	snprintf(documents, sizeof(documents), "%s/device/+/+/config", place);
	struct view *v = view_create(conf->prefix);
	status = perform(&f, conf, v, documents, sure);
	view_destroy(v);
	forget_free(&f);
	model_destroy(m);
	return status;
}

int verb_forget(int argc, char **argv)
{
	static const struct option table[] = {BROKER_LONG_OPTIONS,
	                                      {"yes", no_argument, NULL, 'y'},
	                                      {"help", no_argument, NULL, 'h'},
	                                      {0}};
	struct broker_options o;
	bool sure = false;

	broker_options_init(&o);
	for (int c; (c = getopt_long(argc, argv, BROKER_OPTIONS "h", table, NULL)) != -1;) {
		if (c == 'h') {
			help();
			return EXIT_SUCCESS;
		}
		if (c == 'y')
			sure = true;
		else if (!broker_option(&o, c))
			return usage("forget");
	}
	if (optind + 1 != argc)
		return usage_words("forget", argc, argv, optind + 1,
		                   "which gateway? xnetctl fleet lists them");
	if (!*argv[optind] || strpbrk(argv[optind], "/+#")) {
		fprintf(stderr, "xnetctl forget: '%s' is no name of a gateway\n",
		        wording_clean(argv[optind]));
		return usage("forget");
	}
	return run(&o, argv[optind], sure);
}
