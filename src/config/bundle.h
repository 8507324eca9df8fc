/* SPDX-License-Identifier: MIT */
/*
 * bundle: the text of every file that one configuration consists of (devices.yaml, what it
 * includes, the profiles it uses), as one block of bytes that can be stored, and loaded later in
 * place of the files. What the files name stays where it is: passwords, keys and certificates are
 * no part of it.
 */
#ifndef CONFIG_BUNDLE_H
#define CONFIG_BUNDLE_H

#include "config/config.h"

#define BUNDLE_MAX (32u << 20) /* bytes; a larger one is neither made nor taken */

struct bundle;

/* An empty one, which config_load_bundle() fills. */
struct bundle *bundle_create(const struct config_paths *paths);
/* One that was stored; the bytes are copied. NULL: that is none. config_load_bundle() reads it in
 * place of the files. */
struct bundle *bundle_unpack(const char *bytes, size_t n);
void bundle_destroy(struct bundle *b); /* NULL is fine */

/* What to store; valid as long as the bundle. NULL: it is too large, or was never loaded. */
const char *bundle_bytes(const struct bundle *b, size_t *n);
/* Is it one that was unpacked? */
bool bundle_stored(const struct bundle *b);
/* Where its files were looked for; the strings are the bundle's. */
void bundle_paths(const struct bundle *b, struct config_paths *out);

/* The i-th file, or one that a file names (a password, a key, a certificate), of which only the
 * name is here. NULL: no more. */
const char *bundle_any(const struct bundle *b, size_t i);

/* The loader's: note a file that is named; a file; find one (NULL: there is none; else its text, of
 * n bytes); the i-th name, in the order in which they were read (NULL: no more). */
void bundle_refer(struct bundle *b, const char *name);
void bundle_add(struct bundle *b, const char *name, const char *text, size_t n);
const char *bundle_find(const struct bundle *b, const char *name, size_t *n);
const char *bundle_name(const struct bundle *b, size_t i);

#endif
