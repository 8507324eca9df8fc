// SPDX-License-Identifier: MIT
/*
 * Configurations with mistakes made by machine. In the first half each node of each good one is
 * retyped, renamed or added to: there must be a message, or the model must be another one. In the
 * second half many changes are made at random, and all that is asked is that the loader lives and
 * has said why. XNET_MUTATE_SECONDS lets the second half run longer; XNET_MUTATE_SEED begins it
 * elsewhere and leaves out the first half, in which XNET_MUTATE_ALL takes every node of the shipped
 * profiles, and XNET_MUTATE_EVERY=10 a tenth of all, for a slow (emulated) processor.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "config_seeds.h"
#include "rng.h"

static unsigned tried, silent;

static void tell(const struct seed *s, const struct node *at, const char *what)
{
	print_error("%s:%u:%u: %s: no message and no effect\n", s->path, at->where.line,
	            at->where.column, what);
	silent++;
}

static void try_one(const struct seed *s, const struct node *at, enum edit_kind kind,
                    const char *text)
{
	const struct edits e = {.n = 1, .edit = {{at, kind, text, NULL}}};
	char what[64];
	tried++;
	if (noticed(s, &e))
		return;
	/* nothing there is as good as not being there, if that changes nothing either */
	const struct edits gone = {.n = 1, .edit = {{at, EDIT_DELETE, NULL, NULL}}};
	if (strchr("~{[", *text) && strlen(text) <= 2 && !noticed(s, &gone))
		return;
	snprintf(what, sizeof what, "%d %s", kind, text);
	tell(s, at, what);
}

/* What it is not, and nothing. */
static void retype(const struct seed *s, const struct node *n)
{
	static const char *const texts[] = {"zz9", "{zz9: 1}", "[zz9]", "{}", "[]", "~", "[[zz9]]"};
	for (size_t i = 0; i < COUNT(texts); i++) {
		const bool says_so = n->kind == NODE_SCALAR && strcmp(n->text, "true") == 0 &&
		                     strcmp(texts[i], "{}") == 0; /* write: {} is write: true */
		const bool same = n->kind != NODE_SCALAR && n->n == 0 && strchr("{[~", *texts[i]) &&
		                  strlen(texts[i]) <= 2;
		if (!same && !says_so)
			try_one(s, n, EDIT_REPLACE, texts[i]);
	}
	if (n->kind == NODE_LIST) {
		try_one(s, n, EDIT_ADD, "zz9");
		try_one(s, n, EDIT_ADD, "{zz9: 1}");
	}
	if (n->kind == NODE_MAP)
		try_one(s, n, EDIT_ADD, "zz9: 1");
	for (uint32_t i = 0; n->kind == NODE_MAP && i < n->n; i++)
		try_one(s, n->pair[i].value, EDIT_RENAME, "zz9");
}

static void each_node_that_is_wrong_is_noticed(void **state)
{
	(void)state;
	const char *sparse = getenv("XNET_MUTATE_EVERY");
	const unsigned every = sparse ? (unsigned)atoi(sparse) : 1;
	tried = silent = 0;
	for (size_t i = 0; i < all.n; i++) {
		const bool shipped = strncmp(all.seed[i].path, "../../", 6) == 0;
		/* the shipped ones: some of their nodes in each run, they are many */
		const unsigned step = (shipped && !getenv("XNET_MUTATE_ALL") ? 97 : 1) * every;
		for (size_t k = step > 1 ? i % step : 0; k < all.seed[i].n; k += step)
			retype(&all.seed[i], all.seed[i].node[k]);
	}
	print_message("%u changes tried\n", tried);
	if (silent)
		fail_msg("%u of %u changes have no message and no effect", silent, tried);
}

/* -- many changes at random -- */

/* Texts that are something to somebody. */
static const char *const words[] = {
	"~",
	"{}",
	"[]",
	"zz9",
	"0",
	"-1",
	"65535",
	"65536",
	"1e300",
	"0.1",
	"1..8",
	"8..1",
	"fastest",
	"off",
	"auto",
	"true",
	"None",
	"\"\"",
	"{n}",
	"[[1, 2], {a: b}]",
	"{n: 1..9999}",
	"1s",
	"1d",
	"fc16",
	"[0, 0]",
	"\"A{n}\"",
	"holding",
	"{holding: 1}",
	"string",
	"datetime",
	"u64",
	"expr",
	"*",
	"\"*\"",
	"{id: 103, length: 50}",
	"{ids: 103}",
	"{<<: {a: 1}}",
	"9223372036854775807",
	"-9223372036854775808",
	"\"A > B\"",
	"\"a == b\"",
	"[{holding: 1}, {holding: 2}]",
	"sunspec",
	"good/contract.yaml",
};

static const struct node *some_node(const struct seed *s)
{
	return s->node[below((unsigned)s->n)];
}

static struct edits some_edits(const struct seed *s)
{
	struct edits e = {.n = 1 + below(COUNT(e.edit))};
	for (unsigned i = 0; i < e.n; i++) {
		e.edit[i] = (struct edit){some_node(s), (enum edit_kind)below(EDIT_OTHER + 1),
		                          words[below(COUNT(words))], some_node(s)};
		if (e.edit[i].kind == EDIT_OTHER && below(2))
			e.edit[i].other = some_node(&all.seed[below((unsigned)all.n)]);
		if (e.edit[i].kind == EDIT_OTHER && i + 1 < e.n && below(2)) { /* exchanged */
			e.edit[i + 1] =
				(struct edit){e.edit[i].other, EDIT_OTHER, NULL, e.edit[i].at};
			i++;
		}
	}
	return e;
}

/* The mutant as a device's profile, too: other code reads it then. */
static void load_used(const struct seed *s)
{
	static const char map[] = "buses: {b: {port: /dev/null}}\n"
				  "devices: {d(1..2): {profile: mutant, id: 1..2}, e: {profile: "
				  "mutant, id: 3, points: {Volts: {unit: kV}}, omit: ['*1']}}\n";
	const struct config_paths paths = {.file = all.map, .profiles = {all.dir}};
	struct diag d;
	FILE *f = fopen(all.map, "w");
	fputs(map, f);
	fclose(f);
	diag_init(&d);
	struct model *m = config_load(&paths, &d);
	if (!m && !d.errors)
		fail_msg("%s: refused without a message", s->path);
	model_destroy(m);
	diag_free(&d);
}

static void the_loader_lives_through_anything(void **state)
{
	(void)state;
	const char *seconds = getenv("XNET_MUTATE_SECONDS"), *begin = getenv("XNET_MUTATE_SEED");
	const clock_t until = clock() + (seconds ? atoi(seconds) : 5) * CLOCKS_PER_SEC;
	unsigned n = 0;
	clock_t slowest = 0;
	uint32_t slow = 0;
	rng = begin ? (uint32_t)strtoul(begin, NULL, 10) : 1;
	for (; clock() < until; n++) {
		const uint32_t number = rng;
		const clock_t began = clock();
		const struct seed *s = &all.seed[below((unsigned)all.n)];
		const struct edits e = some_edits(s);
		struct loaded o = load_it(s, &e);
		if (!o.text && !o.d.errors)
			fail_msg("%s, seed %u: refused without a message", s->path, number);
		loaded_free(&o);
		if (s->profile)
			load_used(s);
		if (clock() - began > slowest) {
			slowest = clock() - began;
			slow = number;
		}
	}
	print_message("%u mutants, the slowest (%u) took %ld ms\n", n, slow,
	              (long)(slowest * 1000 / CLOCKS_PER_SEC));
}

/* For who tries them on a program: maps and profiles, and for each profile a map with a device of
 * it. */
static void mutants_are_written(void **state)
{
	(void)state;
	const struct edits none = {.n = 0};
	const char *dir = getenv("XNET_MUTATE_WRITE");
	char path[PATH_MAX];
	rng = 7;
	for (unsigned n = 0; dir && n < 60; n++) {
		const struct seed *s = &all.seed[below((unsigned)all.n)];
		const struct edits e = n % 4 ? some_edits(s) : none;
		snprintf(path, sizeof path, "%s/%s%u.yaml", dir, s->profile ? "profile" : "map", n);
		write_file(path, s->root, &e);
		if (!s->profile)
			continue;
		snprintf(path, sizeof path, "%s/map%u.yaml", dir, n);
		FILE *f = fopen(path, "w");
		fprintf(f,
		        "buses: {b: {port: /dev/null}}\ndevices: {d: {profile: profile%u, id: "
		        "1}}\n",
		        n);
		fclose(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_node_that_is_wrong_is_noticed),
		cmocka_unit_test(the_loader_lives_through_anything),
		cmocka_unit_test(mutants_are_written),
	};
	const char *srcdir = getenv("srcdir");
	if (chdir(srcdir ? srcdir : ".") != 0 || chdir("tests/configs") != 0)
		return 99;
	if (getenv("XNET_MUTATE_WRITE"))
		cmocka_set_test_filter("mutants_*");
	else if (getenv("XNET_MUTATE_SEED"))
		cmocka_set_test_filter("the_loader_*");
	return cmocka_run_group_tests(tests, seeds_setup, seeds_teardown);
}
