// SPDX-License-Identifier: MIT
#include "ctl/recipe.h"

#include <stdlib.h>
#include <string.h>

#include "core/model/devclass.h"
#include "ctl/verb.h"

void recipe_points(const struct model *m, void *ctx,
                   void (*put)(void *ctx, const struct device *d, const struct point *p,
                               const struct ha_entity *e))
{
	struct ha_entity e;
	for (size_t i = 0; i < m->ndevice; i++) {
		const struct device *d = &m->device[i];
		for (uint32_t k = 0; k < d->set->n; k++) {
			ha_entity_make(d, &d->set->point[k], DEVCLASS_OLDEST, &e);
			if (e.platform != HA_NONE)
				put(ctx, d, &d->set->point[k], &e);
		}
	}
}

static void prometheus(const struct model *m)
{
	printf("# Part of prometheus.yml. The gateway's side: xnetctl metrics --listen "
	       "127.0.0.1:9587\n"
	       "scrape_configs:\n"
	       "  - job_name: xnet\n"
	       "    scrape_interval: 15s\n"
	       "    static_configs:\n"
	       "      - targets: ['127.0.0.1:9587']\n"
	       "        labels: {site: '%s'}\n",
	       m->gateway);
}

static void panel(const struct model *m)
{
	printf("# A page with all values, and a form that sends commands:\n"
	       "# sudo apt install python3-flask python3-paho-mqtt\n"
	       "python3 /usr/share/doc/xnet-gateway/recipes/panel.py --broker %s:%u --prefix %s\n",
	       m->mqtt.host, m->mqtt.port, m->mqtt.prefix);
}

static void explorer(const struct model *m)
{
	const char *p = m->mqtt.prefix;
	printf("Host %s, port %u, %s, user %s.\n"
	       "Subscriptions, in place of #:\n"
	       "  %s/sts/#     values, statuses, Alerts, Nak\n"
	       "  %s/$SYS/#    health; # does not match a $ at the beginning of a topic, but it "
	       "does "
	       "here\n"
	       "  %s/hist/#    history\n"
	       "To command: publish to %s/cmd/<device>/<point>, QoS 1, not retained (a retained "
	       "command is refused).\n"
	       "The outcome: %s/sts/<device>/Nak if it was refused, else the new value. With "
	       "MQTT 5, a response topic\n"
	       "like answers/me/1 gets one JSON object.\n"
	       "MQTT Explorer does not show more than 20,000 bytes of a message; documents for "
	       "Home "
	       "Assistant may be larger:\n"
	       "xnetctl homeassistant prints them.\n",
	       m->mqtt.host, m->mqtt.port, m->mqtt.use_tls ? "TLS" : "no TLS",
	       m->mqtt.username ? m->mqtt.username : "none", p, p, p, p, p);
}

static const struct {
	const char *name, *does;
	void (*print)(const struct model *m);
} recipe[] = {
	{"explorer", "what to enter in MQTT Explorer or MQTTX", explorer},
	{"grafana", "a dashboard for Grafana, over Prometheus", recipe_grafana},
	{"node-red", "a flow for Node-RED: values, and switches", recipe_nodered},
	{"openhab", "a things file for openHAB", recipe_openhab},
	{"panel", "how to start a web page in Python", panel},
	{"prometheus", "a job for prometheus.yml", prometheus},
	{"telegraf", "an input for Telegraf: numbers with device and point", recipe_telegraf},
};

#define RECIPES (sizeof recipe / sizeof *recipe)

static void help(void)
{
	puts("Usage: xnetctl recipe [OPTION]... NAME\n"
	     "Print the configuration of another program that uses this gateway's topics.\n");
	for (size_t i = 0; i < RECIPES; i++)
		printf("  %-11s %s\n", recipe[i].name, recipe[i].does);
	puts("\n"
	     "  -c, --config FILE    the configuration, default " CONFIG_DIR "/devices.yaml\n"
	     "  -P, --profiles DIR   where device profiles are; may be given up to three times");
}

static int print(const struct config_paths *paths, const char *name)
{
	const char *known[RECIPES];
	for (size_t i = 0; i < RECIPES; i++) {
		known[i] = recipe[i].name;
		if (strcmp(name, recipe[i].name) != 0)
			continue;
		struct model *m = files_load(paths, false);
		if (!m)
			return EXIT_CONFIG;
		recipe[i].print(m);
		model_destroy(m);
		return EXIT_SUCCESS;
	}
	const char *near = diag_nearest(name, known, RECIPES);
	fprintf(stderr, "xnetctl recipe: no recipe '%s'%s%s%s\n", name,
	        near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
	return usage("recipe");
}

int verb_recipe(int argc, char **argv)
{
	static const struct option options[] = {
		FILES_LONG_OPTIONS, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct config_paths paths;
	int c;
	files_init(&paths);
	while ((c = getopt_long(argc, argv, FILES_OPTIONS "h", options, NULL)) != -1) {
		if (c == 'h') {
			help();
			return EXIT_SUCCESS;
		}
		if (!files_option(&paths, c))
			return usage("recipe");
	}
	if (optind + 1 != argc)
		return usage_words("recipe", argc, argv, optind + 1,
		                   "which recipe? xnetctl recipe --help lists them");
	return print(&paths, argv[optind]);
}
