/* SPDX-License-Identifier: MIT */
/*
 * alias: words that mean something to other gateways, for who writes them here out of habit.
 */
#ifndef CONFIG_ALIAS_H
#define CONFIG_ALIAS_H

#include <stdbool.h>

/* Its form here, to follow "here it is"; NULL: no known word. of: name of the table of keys
 * the word stands in place of one of, or the key it is the value of. */
const char *alias_advice(const char *of, const char *word);

/* Does the word mean this key of ours? */
bool alias_means(const char *of, const char *word, const char *key);

#endif
