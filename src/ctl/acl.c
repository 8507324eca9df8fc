// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "ctl/verb.h"
#include "mqtt/ha_document.h"

static void help(void)
{
	puts("Usage: xnetctl acl [OPTION]... [FILE]\n"
	     "Print an access list for mosquitto (acl_file in mosquitto.conf) with what this "
	     "gateway needs and\n"
	     "nothing more, and two users as examples: one that commands, one that only reads.\n"
	     "\n"
	     "  -c, --config FILE    the configuration (default " CONFIG_DIR "/devices.yaml)\n"
	     "  -P, --profiles DIR   where device profiles are; may be given up to three times\n"
	     "      --answers TOPIC  below which MQTT 5 responses are published (default answers)");
}

static bool writable(const struct device *d)
{
	for (uint32_t i = 0; d->commands && i < d->set->n; i++)
		if (d->set->point[i].write)
			return true;
	return false;
}

static void gateway(const struct model *m, const char *answers)
{
	const char *p = m->mqtt.prefix;
	char node[HA_ID_SIZE];

	printf("# The gateway: reads what is meant for it, and its own statuses back; writes its "
	       "own topics and responses.\n");
	printf("user %s\n", m->mqtt.username ? m->mqtt.username : m->gateway);
	printf("topic read %s/cmd/%s/#\ntopic readwrite %s/sts/%s/#\n", p, m->gateway, p,
	       m->gateway);
	for (size_t i = 0; i < m->ndevice; i++) {
		const char *d = m->device[i].name;
		printf("topic read %s/cmd/%s/#\ntopic read %s/get/%s/#\n", p, d, p, d);
		printf("topic readwrite %s/sts/%s/#\ntopic write %s/hist/%s/#\n", p, d, p, d);
	}
	printf("topic read %s/sub/+\ntopic read %s/unsub/+\n", p, p);
	printf("topic readwrite %s/$SYS/%s/#\n", p, m->gateway);
	printf("# which devices other gateways have, so that their topics are left alone\n"
	       "topic read %s/$SYS/+/device/+/info\n",
	       p);
	printf("topic write %s/#\n", answers);
	if (!m->homeassistant.on)
		return;
	ha_node(m, node);
	printf("# discovery for Home Assistant, and when that has started\n"
	       "topic readwrite %s/device/%s/#\ntopic read %s/status\n",
	       m->homeassistant.prefix, node, m->homeassistant.prefix);
}

static void others(const struct model *m, const char *answers)
{
	const char *p = m->mqtt.prefix;

	printf("\n# A panel: reads everything and may command. Leave out what it must not "
	       "switch.\n"
	       "user panel\ntopic read %s/sts/#\n",
	       p);
	for (size_t i = 0; i < m->ndevice; i++)
		if (writable(&m->device[i]))
			printf("topic write %s/cmd/%s/#\n", p, m->device[i].name);
	printf("topic write %s/get/#\ntopic read %s/panel/#\n", p, answers);
	printf("\n# A display: only reads.\n"
	       "user display\ntopic read %s/sts/#\ntopic read %s/hist/#\ntopic read %s/$SYS/#\n",
	       p, p, p);
}

int verb_acl(int argc, char **argv)
{
	static const struct option table[] = {FILES_LONG_OPTIONS,
	                                      {"answers", required_argument, NULL, 'a'},
	                                      {"help", no_argument, NULL, 'h'},
	                                      {0}};
	struct config_paths paths;
	const char *answers = "answers";

	files_init(&paths);
	for (int c; (c = getopt_long(argc, argv, FILES_OPTIONS "h", table, NULL)) != -1;) {
		if (c == 'h') {
			help();
			return EXIT_SUCCESS;
		}
		if (c == 'a')
			answers = optarg;
		else if (!files_option(&paths, c))
			return usage("acl");
	}
	if (optind < argc)
		paths.file = argv[optind++];
	if (optind < argc)
		return usage_words("acl", argc, argv, optind, NULL);
	struct model *m = files_load(&paths, false);
	if (!m)
		return EXIT_CONFIG;
	printf("# Who may do what: for mosquitto, acl_file. Made by xnetctl acl for the gateway "
	       "%s.\n# User names and passwords: mosquitto_passwd(1). New devices need new "
	       "lines.\n\n",
	       m->gateway);
	gateway(m, answers);
	others(m, answers);
	model_destroy(m);
	return EXIT_SUCCESS;
}
