/* SPDX-License-Identifier: MIT */
/*
 * wordlist: the lists beside the profiles, units.txt and names.txt: one entry a line, '#' begins a
 * comment.
 */
#ifndef CTL_WORDLIST_H
#define CTL_WORDLIST_H

#include <stdbool.h>
#include <stddef.h>

struct wordlist {
	char **word;
	size_t n;
};

/* The file `name` beside the profile, else beside the installed profiles. False: neither is there.
 */
bool wordlist_read(struct wordlist *w, const char *profile_path, const char *name);

/* The same with each line written out: (a|b) gives two words, a run of digits becomes {n}. */
bool wordlist_read_patterns(struct wordlist *w, const char *profile_path, const char *name);

void wordlist_free(struct wordlist *w);
bool wordlist_has(const struct wordlist *w, const char *word);

/* The word as the patterns have it: digits as {n}. malloc'ed. */
char *wordlist_pattern(const char *word);

/* The word that this one is meant to be: it differs only by case, or by one letter too many,
 * missing, wrong, or exchanged with its neighbour. NULL: none. only_case: is it case alone? */
const char *wordlist_slip(const struct wordlist *w, const char *word, bool *only_case);

#endif
