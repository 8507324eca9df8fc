// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "ctl/verb.h"
#include "ctl/wording.h"

struct search {
	const char *word; /* NULL: all */
	size_t found;
};

static void print_line(void *ctx, const char *text)
{
	struct search *s = ctx;

	if (s->word && !strcasestr(text, s->word))
		return;
	puts(text);
	s->found++;
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
	struct search s = {.word = argc == 2 ? argv[1] : NULL};
	config_print_keys(print_line, &s);
	if (s.found)
		return EXIT_SUCCESS;
	fprintf(stderr, "xnetctl keys: no key has the word '%s'\n", wording_clean(s.word));
	return EXIT_FAILURE;
}
