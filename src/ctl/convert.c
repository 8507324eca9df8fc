// SPDX-License-Identifier: MIT
#include "ctl/convert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/scalar.h"
#include "ctl/verb.h"

static void help(void)
{
	puts("Usage: xnetctl convert [OPTION]... FILE\n"
	     "Print the configuration FILE of another gateway as devices.yaml. What cannot be "
	     "converted is listed on\n"
	     "standard error with its line. Read the result before you use it: it has names made "
	     "by a program.\n"
	     "\n"
	     "      --from FORMAT  homeassistant (its modbus: section), mqmgateway, wirenboard "
	     "(template or\n"
	     "                     configuration), telegraf or csv; else it is recognised\n"
	     "      --id N         unit id where the file has none (default 1)\n"
	     "\n"
	     "The columns of a CSV file have a head: name, address (40001 and 0x10 are fine), and "
	     "any of register,\n"
	     "type, scale, offset, unit, order, access, id, every, description.\n"
	     "\n"
	     "Exit status: 0 all converted, 1 something was left out, 78 not such a file.");
}

static char *slurp(struct arena *a, const char *file, size_t *len)
{
	FILE *f = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	char *text = arena_alloc(a, YAML_FILE_MAX + 2);

	if (!f)
		return NULL;
	*len = fread(text, 1, YAML_FILE_MAX + 1, f);
	const bool bad = ferror(f) || *len > YAML_FILE_MAX;
	if (*len > YAML_FILE_MAX)
		errno = EFBIG;
	if (f != stdin)
		fclose(f);
	return bad ? NULL : text;
}

static int finish(struct draft *d, const char *file, const char *format)
{
	files_report(&d->d);
	if (d->d.errors)
		return EXIT_CONFIG;
	if (d->npoint == 0) {
		fprintf(stderr,
		        "xnetctl convert: %s: no point found; read as %s (--from names "
		        "another format)\n",
		        file, format);
		return EXIT_CONFIG;
	}
	draft_print(d, file, stdout);
	return d->d.n ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int convert(const char *file, const char *format, long id)
{
	struct draft d = {.arena = arena_create(), .default_id = id};
	size_t len = 0;
	int status = EXIT_FAILURE;

	diag_init(&d.d);
	char *text = slurp(d.arena, file, &len);
	if (!text) {
		fprintf(stderr, "xnetctl convert: %s: %s\n", file, strerror(errno));
	} else if (memchr(text, 0, len)) {
		fprintf(stderr, "xnetctl convert: %s: not a text file\n", file);
		status = EXIT_CONFIG;
	} else {
		format = format ? format : convert_guess(file, text);
		convert_text(&d, format, file, text, len);
		status = finish(&d, file, format);
	}
	diag_free(&d.d);
	arena_destroy(d.arena);
	return status;
}

int verb_convert(int argc, char **argv)
{
	static const struct option table[] = {{"from", required_argument, NULL, 'f'},
	                                      {"id", required_argument, NULL, 'i'},
	                                      {"help", no_argument, NULL, 'h'},
	                                      {0}};
	const char *format = NULL;
	int64_t id = 1;

	for (int c; (c = getopt_long(argc, argv, "h", table, NULL)) != -1;) {
		if (c == 'h') {
			help();
			return EXIT_SUCCESS;
		}
		if (c == 'f' && convert_knows(optarg)) {
			format = optarg;
		} else if (c == 'i' && number_parse(optarg, &id) && id >= 0 && id <= 255) {
			continue;
		} else {
			if (c == 'f' || c == 'i')
				fprintf(stderr, "xnetctl convert: --%s does not take '%s'\n",
				        c == 'f' ? "from" : "id", optarg);
			return usage("convert");
		}
	}
	if (optind + 1 != argc)
		return usage_words("convert", argc, argv, optind + 1,
		                   "which file? the configuration of another gateway");
	return convert(argv[optind], format, (long)id);
}
