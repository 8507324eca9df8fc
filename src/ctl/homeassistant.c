// SPDX-License-Identifier: MIT
/* What Home Assistant is sent, one document a line. */
#include <stdlib.h>
#include <string.h>

#include "core/model/devclass.h"
#include "ctl/verb.h"
#include "mqtt/ha_document.h"

static void help(void)
{
	puts("Usage: xnetctl homeassistant [OPTION]... [PROFILE.yaml]...\n"
	     "Print what the gateway publishes for Home Assistant: topic and document, one a "
	     "line;\n"
	     "of the configuration, or of profiles with each of their parameters' values.\n"
	     "\n"
	     "  -c, --config FILE    the configuration, default " CONFIG_DIR "/devices.yaml\n"
	     "  -P, --profiles DIR   where device profiles are; may be given up to three times\n"
	     "  -m, --min-version V  for this version of Home Assistant, like 2025.6\n"
	     "\n"
	     "To make Home Assistant forget them:\n"
	     "  xnetctl homeassistant | cut -d' ' -f1 | xargs -n1 mosquitto_pub -r -n -t");
}

static void print_documents(const struct model *m, int32_t device)
{
	char topic[HA_TOPIC_SIZE];
	struct json j = {0};
	const uint32_t n = ha_entries(m, device);
	unsigned part = 1;
	for (uint32_t next = 0; next < n; part++) {
		next = ha_document(m, device, next, m->homeassistant.max_bytes, &j);
		ha_topic(m, device, part, topic);
		printf("%s %s\n", topic, j.text);
	}
	jw_free(&j);
}

static int print_model(struct model *m, const char *version, bool gateway)
{
	if (!m)
		return EXIT_CONFIG;
	if (version)
		m->homeassistant.version = devclass_version(version);
	const bool good = m->homeassistant.version > 0;
	if (!good)
		fprintf(stderr, "xnetctl homeassistant: '%s' is no version like 2025.6\n", version);
	for (int32_t i = gateway ? HA_GATEWAY : 0; good && i < (int32_t)m->ndevice; i++)
		print_documents(m, i);
	model_destroy(m);
	return good ? EXIT_SUCCESS : EXIT_USAGE;
}

static int print_profile(const char *path, const char *version)
{
	return print_model(files_profile(path, false), version, false);
}

int verb_homeassistant(int argc, char **argv)
{
	static const struct option options[] = {FILES_LONG_OPTIONS,
	                                        {"min-version", required_argument, NULL, 'm'},
	                                        {"help", no_argument, NULL, 'h'},
	                                        {NULL, 0, NULL, 0}};
	struct config_paths paths;
	const char *version = NULL;
	int c, status = EXIT_SUCCESS;
	files_init(&paths);
	while ((c = getopt_long(argc, argv, FILES_OPTIONS "m:h", options, NULL)) != -1) {
		if (c == 'h') {
			help();
			return EXIT_SUCCESS;
		}
		if (c == 'm')
			version = optarg;
		else if (!files_option(&paths, c))
			return usage("homeassistant");
	}
	if (optind == argc)
		return print_model(files_load(&paths, false), version, true);
	for (int i = optind; i < argc && status == EXIT_SUCCESS; i++)
		status = print_profile(argv[i], version);
	return status;
}
