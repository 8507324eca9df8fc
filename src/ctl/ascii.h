/* SPDX-License-Identifier: MIT */
/*
 * ascii: a terminal whose locale is not UTF-8 gets plain letters in place of what it would show as
 * garbage: degC, us, Ohm; ? for what has none. Files and pipes get UTF-8, whatever the locale.
 */
#ifndef CTL_ASCII_H
#define CTL_ASCII_H

#include <stddef.h>

/* From now on standard output and standard error, each if it is such a terminal. */
void ascii_begin(void);

/* text in plain letters, at most size - 1 bytes and a NUL. *used: bytes of text that were taken;
 * a character that is cut at its end is left. Returns the length. */
size_t ascii_text(const char *text, size_t n, char *buf, size_t size, size_t *used);

#endif
