// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "ctl/verb.h"

static void print_line(void *ctx, const char *text)
{
	const char *word = ctx;

	if (!word || strstr(text, word))
		puts(text);
}

int verb_keys(int argc, char **argv)
{
	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		puts("Usage: xnetctl keys [WORD]\n"
		     "Print every key of devices.yaml and of profiles: type, default, meaning; "
		     "with WORD only\n"
		     "lines that contain it.");
		return argc == 2 && strcmp(argv[1], "--help") == 0 ? EXIT_SUCCESS : EXIT_USAGE;
	}
	config_print_keys(print_line, argc == 2 ? argv[1] : NULL);
	return EXIT_SUCCESS;
}
