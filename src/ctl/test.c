// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/lint.h"
#include "ctl/replay.h"
#include "ctl/verb.h"
#include "ctl/wording.h"

static int help(int status)
{
	puts("Usage: xnetctl test FILE...\nRun the tests inside profiles (raw words and the texts "
	     "they must give), and check the profiles\ntoo: head, names, units, ranges, alerts, "
	     "tests. Prints 'N passed, M failed'.\n\nExit status: 0 all passed, 1 something "
	     "failed, 78 a profile cannot be read.");
	return status;
}

static void look_over(const char *path, const struct model *m, const struct profile_test *tests,
                      size_t ntest, struct diag *d)
{
	struct lint_lists lists;

	lists.has_units = wordlist_read(&lists.units, path, "units.txt");
	if (!lists.has_units)
		diag_warn(d, m->device[0].where,
		          "no units.txt beside the profile: units are not checked");
	lists.has_names = wordlist_read_patterns(&lists.names, path, "names.txt");
	if (!lists.has_names)
		diag_warn(d, m->device[0].where,
		          "no names.txt beside the profile: names are not checked");
	lint_profile(m, tests, ntest, &lists, d);
	wordlist_free(&lists.units);
	wordlist_free(&lists.names);
}

static bool try_profile(const char *path, struct diag *d, struct replay_result *r)
{
	struct profile_test *tests = NULL;
	size_t ntest = 0;
	struct model *m = config_load_profile(path, d, &tests, &ntest);

	if (!m)
		return false;
	for (size_t i = 0; i < ntest; i++)
		replay_test(&m->device[tests[i].device], &tests[i], d, r);
	const size_t before = d->errors;
	look_over(path, m, tests, ntest, d);
	if (d->errors == before)
		r->passed++;
	else
		r->failed++;
	files_report(d); /* its places live in the model */
	model_destroy(m);
	return true;
}

int verb_test(int argc, char **argv)
{
	struct replay_result r = {0};
	bool unreadable = false;

	if (argc < 2 || strcmp(argv[1], "--help") == 0)
		return help(argc < 2 ? EXIT_USAGE : EXIT_SUCCESS);
	for (int i = 1; i < argc; i++) {
		struct diag d;

		if (access(argv[i], F_OK) != 0) {
			fprintf(stderr,
			        "xnetctl test: %s: %s; expects the file of a profile, like "
			        "/etc/xnet/profiles/NAME.yaml\n",
			        wording_clean(argv[i]), strerror(errno));
			unreadable = true;
			r.failed++;
			continue;
		}
		diag_init(&d);
		if (!try_profile(argv[i], &d, &r)) {
			files_report(&d);
			unreadable = true;
			r.failed++;
		}
		diag_free(&d);
	}
	printf("%zu passed, %zu failed\n", r.passed, r.failed);
	if (unreadable)
		return EXIT_CONFIG;
	return r.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
