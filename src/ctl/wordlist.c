// SPDX-License-Identifier: MIT
#include "ctl/wordlist.h"

#include <ctype.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/arena.h"

static FILE *list_open(const char *profile_path, const char *name)
{
	char *copy = mem_strdup(profile_path), path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dirname(copy), name);
	free(copy);
	f = fopen(path, "re");
	if (f)
		return f;
	snprintf(path, sizeof(path), PROFILE_DIR "/%s", name);
	return fopen(path, "re");
}

static void add(struct wordlist *w, char *word)
{
	w->word = mem_grow(w->word, w->n + 1, sizeof(*w->word));
	w->word[w->n++] = word;
}

bool wordlist_read(struct wordlist *w, const char *profile_path, const char *name)
{
	FILE *f = list_open(profile_path, name);
	char line[256];

	*w = (struct wordlist){0};
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "#\n")] = '\0';
		if (line[0])
			add(w, mem_strdup(line));
	}
	if (f)
		fclose(f);
	return f != NULL;
}

char *wordlist_pattern(const char *word)
{
	char *out = mem_alloc(3 * strlen(word) + 1, 1), *at = out;

	while (*word) {
		if (!isdigit((unsigned char)*word)) {
			*at++ = *word++;
			continue;
		}
		at = stpcpy(at, "{n}");
		word += strspn(word, "0123456789");
	}
	return out;
}

/* Write out the first (a|b) of the line, then the rest of what comes of it. */
static void expand(struct wordlist *w, const char *line)
{
	const char *open = strchr(line, '('), *close = open ? strchr(open, ')') : NULL;
	char text[512];

	if (!close) {
		add(w, wordlist_pattern(line));
		return;
	}
	for (const char *from = open + 1; from <= close; from++) {
		const size_t len = strcspn(from, "|)");
		snprintf(text, sizeof(text), "%.*s%.*s%s", (int)(open - line), line, (int)len, from,
		         close + 1);
		if (text[0])
			expand(w, text);
		from += len;
	}
}

bool wordlist_read_patterns(struct wordlist *w, const char *profile_path, const char *name)
{
	struct wordlist lines;
	const bool found = wordlist_read(&lines, profile_path, name);

	*w = (struct wordlist){0};
	for (size_t i = 0; i < lines.n; i++)
		expand(w, lines.word[i]);
	wordlist_free(&lines);
	return found;
}

void wordlist_free(struct wordlist *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->word[i]);
	free(w->word);
}

bool wordlist_has(const struct wordlist *w, const char *word)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->word[i], word) == 0)
			return true;
	return false;
}

static bool one_slip(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);

	while (*a && tolower((unsigned char)*a) == tolower((unsigned char)*b))
		a++, b++, na--, nb--;
	while (na && nb && tolower((unsigned char)a[na - 1]) == tolower((unsigned char)b[nb - 1]))
		na--, nb--;
	if (na == 2 && nb == 2)
		return tolower((unsigned char)a[0]) == tolower((unsigned char)b[1]) &&
		       tolower((unsigned char)a[1]) == tolower((unsigned char)b[0]);
	return na <= 1 && nb <= 1;
}

const char *wordlist_slip(const struct wordlist *w, const char *word, bool *only_case)
{
	const char *near = NULL;

	*only_case = false;
	for (size_t i = 0; i < w->n; i++) {
		if (strcasecmp(w->word[i], word) == 0) {
			*only_case = true;
			return w->word[i];
		}
		if (!near && one_slip(w->word[i], word))
			near = w->word[i];
	}
	return near;
}
