// SPDX-License-Identifier: MIT
#include "daemon/base/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/text.h"

#define LINE_MAX_LEN 1024
#define DEBUG_FOR 600 /* seconds of debug when a message requested it */

/* Lines at once (a large site starting up or losing a line is not cut), and a second for ever.
 * Warnings have a larger bucket of their own: who makes us write info, or debug by message, drowns
 * none; and what is suppressed of them is reported with the last one's text, see log_suppressed().
 */
static struct bucket {
	const double burst, per_second;
	double tokens;
} buckets[] = {{1000, 20, 1000}, {100, 5, 100}, {1000, 50, 1000}};

enum { BUCKET_WARN, BUCKET_INFO, BUCKET_DEBUG };

/* The process has one standard error: so this state is one, too. */
static struct {
	enum log_level level, opened; /* opened: as set on the command line */
	bool priorities;
	time_t debug_until; /* 0: not requested by a message */
	struct timespec last;
	unsigned dropped, warnings; /* warnings: of these */
	char lost[256];             /* the last of them */
} state = {.level = LEVEL_INFO, .opened = LEVEL_INFO};

static const struct {
	enum log_level level;
	const char *word;
} words[] = {
	{LEVEL_ERROR, "error"},
	{LEVEL_WARN, "warn"},
	{LEVEL_INFO, "info"},
	{LEVEL_DEBUG, "debug"},
};

/* JOURNAL_STREAM alone proves nothing: every child of a service inherits it. */
bool log_to_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	char ours[64];
	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(ours, sizeof ours, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, ours) == 0;
}

void log_open(enum log_level level)
{
	state.level = state.opened = level;
	state.debug_until = 0;
	state.priorities = !isatty(STDERR_FILENO);
	clock_gettime(CLOCK_MONOTONIC, &state.last);
}

void log_set_level(enum log_level level)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	state.level = level;
	state.debug_until = level > LEVEL_INFO && state.opened < level ? now.tv_sec + DEBUG_FOR : 0;
}

bool log_parse_level(const char *word, enum log_level *out)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i].word, word) == 0) {
			*out = words[i].level;
			return true;
		}
	return false;
}

static bool writable(void)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT);
}

/* One write for one line, so that lines of two processes do not mix. */
static bool emit(enum log_level level, const char *text)
{
	char line[LINE_MAX_LEN + 32];
	int n;
	if (state.priorities)
		n = snprintf(line, sizeof line, "<%d>%s\n", (int)level, text);
	else if (level <= LEVEL_WARN)
		n = snprintf(line, sizeof line, "xnetd: %s: %s\n",
		             level == LEVEL_ERROR ? "error" : "warning", text);
	else
		n = snprintf(line, sizeof line, "xnetd: %s\n", text);
	return writable() && write(STDERR_FILENO, line, (size_t)n) == n;
}

static void refill(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	const double passed = (double)(now.tv_sec - state.last.tv_sec) +
	                      (double)(now.tv_nsec - state.last.tv_nsec) * 1e-9;
	state.last = now;
	for (size_t i = 0; i < sizeof buckets / sizeof *buckets; i++) {
		struct bucket *b = &buckets[i];
		b->tokens += passed * b->per_second;
		if (b->tokens > b->burst)
			b->tokens = b->burst;
	}
	if (state.debug_until && now.tv_sec >= state.debug_until) {
		state.debug_until = 0;
		state.level = state.opened;
		emit(LEVEL_INFO,
		     "log level debug has ended: it was set by a message 10 minutes ago");
	}
}

static bool take_token(enum log_level level)
{
	struct bucket *b = &buckets[level <= LEVEL_WARN          ? BUCKET_WARN
	                            : state.level >= LEVEL_DEBUG ? BUCKET_DEBUG
	                                                         : BUCKET_INFO];
	if (state.opened >= LEVEL_DEBUG)
		return true; /* set on the command line, every line is wanted */
	if (b->tokens < 1)
		return false;
	b->tokens -= 1;
	return true;
}

__attribute__((format(printf, 2, 0))) static void drop(enum log_level level, const char *fmt,
                                                       va_list ap)
{
	state.dropped++;
	if (level > LEVEL_WARN)
		return;
	state.warnings++;
	vsnprintf(state.lost, sizeof state.lost, fmt, ap);
}

void log_suppressed(void)
{
	char note[sizeof state.lost + 128], text[sizeof note];
	const unsigned dropped = state.dropped, warnings = state.warnings;
	if (!dropped)
		return;
	if (warnings)
		snprintf(note, sizeof note,
		         "%u messages suppressed, %u of them warnings; the last: %s", dropped,
		         warnings, state.lost);
	else
		snprintf(note, sizeof note, "%u messages suppressed", dropped);
	text_clean(note, strlen(note), text, sizeof text);
	if (!emit(LEVEL_WARN, text))
		return;
	state.dropped = state.warnings = 0;
}

__attribute__((format(printf, 2, 0))) static void put(enum log_level level, const char *fmt,
                                                      va_list ap)
{
	refill();
	if (level > state.level)
		return;
	if (!take_token(level)) {
		drop(level, fmt, ap);
		return;
	}
	log_suppressed();
	va_list again;
	va_copy(again, ap);
	char raw[LINE_MAX_LEN + 8], text[LINE_MAX_LEN]; /* so that a cut shows */
	vsnprintf(raw, sizeof raw, fmt, ap);
	text_clean(raw, strlen(raw), text, sizeof text); /* a payload must not forge a line */
	if (!emit(level, text))
		drop(level, fmt, again);
	va_end(again);
}

void log_error(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put(LEVEL_ERROR, fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put(LEVEL_WARN, fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put(LEVEL_INFO, fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put(LEVEL_DEBUG, fmt, ap);
	va_end(ap);
}
