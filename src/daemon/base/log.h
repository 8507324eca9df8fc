/* SPDX-License-Identifier: MIT */
/*
 * log: lines on standard error, for the journal or a person. Only changes of state are worth a
 * line.
 *
 * Where standard error is no terminal, each line begins with its priority as "<4>"
 * (sd-daemon(3)); on a terminal it is plain text, and control characters are blanks. Never blocks:
 * what the reader does not take is suppressed and counted, and more than a few lines a second are
 * summed up in one. Warnings are counted apart: a flood of other lines suppresses none, and where
 * there are too many of them, the sum has how many and the last one.
 */
#ifndef DAEMON_BASE_LOG_H
#define DAEMON_BASE_LOG_H

#include <stdbool.h>

/* The numbers are syslog's. */
enum log_level { LEVEL_ERROR = 3, LEVEL_WARN = 4, LEVEL_INFO = 6, LEVEL_DEBUG = 7 };

/* Is standard error the journal? */
bool log_to_journal(void);

/* Looks where standard error goes. Call once, before the first line. */
void log_open(enum log_level level);

/* A message requests it. Debug ends by itself after 10 minutes, and is limited in its rate (50
 * lines a second), unless log_open() was given it. */
void log_set_level(enum log_level level);

/* "error", "warn", "info", "debug"; false: no such level. */
bool log_parse_level(const char *word, enum log_level *out);

/* Reports what was suppressed since, if anything was. Call now and then: else only the next line
 * would bring it. */
void log_suppressed(void);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
