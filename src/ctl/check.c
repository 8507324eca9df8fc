// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "config/busload.h"
#include "ctl/verb.h"
#include "mqtt/tls.h"

static void help(void)
{
	puts("Usage: xnetctl check [OPTION]... [FILE]\nCheck the configuration and its profiles; "
	     "report every error as file:line:column: message.\n\n  -c, --config FILE    the "
	     "configuration (default " CONFIG_DIR "/devices.yaml)\n"
	     "  -P, --profiles DIR   where device profiles are; may be given up to three times\n"
	     "\n"
	     "Exit status: 0 good, 78 wrong configuration.");
}

int verb_check(int argc, char **argv)
{
	static const struct option table[] = {
		FILES_LONG_OPTIONS, {"help", no_argument, NULL, 'h'}, {0}};
	struct config_paths paths;

	files_init(&paths);
	for (int c; (c = getopt_long(argc, argv, FILES_OPTIONS "h", table, NULL)) != -1;) {
		if (c == 'h') {
			help();
			return EXIT_SUCCESS;
		}
		if (!files_option(&paths, c))
			return usage("check");
	}
	if (optind < argc)
		paths.file = argv[optind++];
	if (optind < argc)
		return usage_words("check", argc, argv, optind, NULL);
	struct model *m = files_load(&paths, false);
	if (!m)
		return EXIT_CONFIG;
	struct diag d;
	diag_init(&d);
	busload_warn(m, &d);
	files_report(&d);
	diag_free(&d);
	char why[320], size[MODEL_SIZE_TEXT];
	if (tls_unusable(m, why, sizeof why)) {
		fprintf(stderr, "%s: %s\n", m->file, why);
		model_destroy(m);
		return EXIT_CONFIG;
	}
	printf("%s: %s: good\n", m->file, model_size_text(m, size));
	model_destroy(m);
	return EXIT_SUCCESS;
}
