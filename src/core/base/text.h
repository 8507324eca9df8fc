/* SPDX-License-Identifier: MIT */
/*
 * text: text that is not ours (from files, devices, payloads, topics), made fit for a terminal, the
 * journal, a message and a topic. Everything that is shown or published and came from outside goes
 * through here: log lines, messages about the configuration, strings of devices. Pure.
 */
#ifndef CORE_BASE_TEXT_H
#define CORE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum text_kind {
	TEXT_PLAIN,   /* one character that can be shown */
	TEXT_CONTROL, /* one that acts on what shows it: C0 (NUL too), DEL, C1, the line and
	               * paragraph separators, those that turn the direction of writing, and the
	               * code points that are no characters. MQTT 5, 1.5.4, requires none of them.
	               */
	TEXT_BROKEN,  /* one byte that is not UTF-8 */
};

/* Well-formed UTF-8 without NUL (no surrogates, no overlong forms; MQTT 5, section 1.5.4). */
bool text_utf8(const char *text, size_t n);

/* Length of the first character, 1 to 4; 0: it is not well-formed, or there is none. */
size_t text_utf8_next(const char *text, size_t n);

/* What text[0..n) begins with. Returns its length in bytes, 1 to 4; n must not be 0. */
size_t text_next(const char *text, size_t n, enum text_kind *kind);

/* The code point of one character of len bytes, as text_next found it. */
uint32_t text_code(const char *text, size_t len);

/* Are they equal? NULL is equal only to NULL. */
bool text_same(const char *a, const char *b);

/* Is all of it TEXT_PLAIN? */
bool text_plain(const char *text, size_t n);

/* Copies text[0..n), with a blank for each TEXT_CONTROL and U+FFFD for each TEXT_BROKEN. What does
 * not fit is cut between two characters, with U+2026 (…) behind it. NUL-terminated if size is not
 * 0. Returns the length written. buf must not overlap text. */
size_t text_clean(const char *text, size_t n, char *buf, size_t size);

#define TEXT_ECHO_SIZE 72 /* bytes of buf */

/* How a message repeats a word of a file that it does not know: "word" in quotes, if it consists of
 * 1 to 64 letters, digits and _ . - / { } ( ) *; else (N characters, not repeated): a file that was
 * included by mistake may be anybody's, and its lines may be secrets. Returns buf. */
const char *text_echo(const char *word, char buf[TEXT_ECHO_SIZE]);

#endif
