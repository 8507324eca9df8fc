// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "ctl/verb.h"

static void help(void)
{
	puts("Usage: xnetctl schema [--profile]\n"
	     "Print the JSON schema of devices.yaml, for editors that complete and check while you "
	     "type.\n"
	     "\n"
	     "      --profile  of a device profile instead\n"
	     "\n"
	     "To use it: xnetctl schema >devices.schema.json, and as the first line of "
	     "devices.yaml:\n"
	     "# yaml-language-server: $schema=devices.schema.json");
}

int verb_schema(int argc, char **argv)
{
	static const struct option table[] = {
		{"profile", no_argument, NULL, 'p'}, {"help", no_argument, NULL, 'h'}, {0}};
	bool profile = false;

	for (int c; (c = getopt_long(argc, argv, "h", table, NULL)) != -1;) {
		if (c == 'h') {
			help();
			return EXIT_SUCCESS;
		}
		if (c != 'p')
			return usage("schema");
		profile = true;
	}
	if (optind < argc)
		return usage_words("schema", argc, argv, optind, NULL);
	char *text = config_schema(profile);
	puts(text);
	free(text);
	return EXIT_SUCCESS;
}
