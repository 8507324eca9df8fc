/* SPDX-License-Identifier: MIT */
/*
 * sha256: SHA-256 (FIPS 180-4) and its HMAC (RFC 2104), for names that are derived from an id. For
 * a few bytes at a start a library is not worth its memory.
 */
#ifndef CORE_BASE_SHA256_H
#define CORE_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

void sha256(const void *data, size_t n, uint8_t digest[SHA256_BYTES]);

/* key: at most 64 bytes; data: at most 256. */
void sha256_hmac(const void *key, size_t key_len, const void *data, size_t n,
                 uint8_t digest[SHA256_BYTES]);

#endif
