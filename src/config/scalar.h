/* SPDX-License-Identifier: MIT */
/*
 * scalar: what a scalar of a configuration file means. YAML's own guesses (octal 010, 1:30 in base
 * 60, `off` as false) do not exist here: a number is decimal or 0x, a duration has its unit, a text
 * is what is there.
 *
 * Each function returns false after adding "key: what is wrong" at the node's place.
 */
#ifndef CONFIG_SCALAR_H
#define CONFIG_SCALAR_H

#include "config/yaml.h"
#include "core/base/span.h"
#include "core/value/value.h"

bool scalar_bool(struct diag *d, const char *key, const struct node *n, bool *out);
bool scalar_int(struct diag *d, const char *key, const struct node *n, int64_t min, int64_t max,
                int64_t *out);
/* An address as `address_base` counts: 0 and 1 are the first register's number; BASE_MODICON takes
 * 40001, 400001 and 4x0001, whose first digit must be that of the table (-1: a coil or a holding
 * register). *out counts from 0. */
#define BASE_MODICON 2
bool scalar_address(struct diag *d, const char *key, const struct node *n, uint8_t base, int table,
                    int64_t *out);
/* The words of address_base. */
bool scalar_base(struct diag *d, const struct node *n, uint8_t *out);
/* A bit pattern of up to 64 bits; a negative number is its two's complement. */
bool scalar_raw(struct diag *d, const char *key, const struct node *n, uint64_t *out);
bool scalar_decimal(struct diag *d, const char *key, const struct node *n, struct decimal *out);
bool scalar_real(struct diag *d, const char *key, const struct node *n, double *out);
/* "500us 20ms 1.5s 1m 1h 1d", µs. */
bool scalar_duration(struct diag *d, const char *key, const struct node *n, us_t min, us_t max,
                     us_t *out);
/* Bytes: "4096 64KiB 1MiB 1MB". */
bool scalar_size(struct diag *d, const char *key, const struct node *n, int64_t min, int64_t max,
                 int64_t *out);
/* "3..9" or "3" (both ends equal). */
bool scalar_range(struct diag *d, const char *key, const struct node *n, int64_t min, int64_t max,
                  int64_t *first, int64_t *last);
/* The text, NULL after an error. Belongs to the node. */
const char *scalar_text(struct diag *d, const char *key, const struct node *n);
/* One of the words (NULL-terminated): its index, -1 after an error. */
int scalar_choice(struct diag *d, const char *key, const struct node *n, const char *const *words);

/* "20ms", "1.5s": as a person writes it. */
void duration_print(us_t t, char *buf, size_t size);

/* Each "did you mean" is a look at all names there are: behind so many messages it is left out. */
#define HINTED_MAX 100

/* "; did you mean \"word\"?" or "". */
const char *scalar_hint(const char *word, const char *const *known, size_t n, char *buf,
                        size_t size);

/* "host", "host:port", "[::1]:port". The host is a part of the text; *port keeps what it was when
 * there is none, *has_port says so. False: not of that form. */
bool host_port_parse(const char *text, const char **host, size_t *len, int64_t *port,
                     bool *has_port);

/* Decimal or 0x, whole text; no sign for out of range. False: no such number. */
bool number_parse(const char *text, int64_t *out);

#endif
