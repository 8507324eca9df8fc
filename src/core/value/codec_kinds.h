/* SPDX-License-Identifier: MIT */
/*
 * codec_kinds: the types behind codec.c's table, by kind. Only codec*.c include it.
 *
 * A raw pattern is a register's bits as one number, `width` wide. Converters give false for what is
 * not a pattern of the type, or a number it has no pattern for.
 */
#ifndef CORE_VALUE_CODEC_KINDS_H
#define CORE_VALUE_CODEC_KINDS_H

#include "core/value/codec.h"

/* codec_number.c */
bool bool_to_int(uint64_t raw, unsigned width, bool *neg, uint64_t *mag);
bool bool_from_int(bool neg, uint64_t mag, unsigned width, uint64_t *raw);
bool bcd_to_int(uint64_t raw, unsigned width, bool *neg, uint64_t *mag);
bool bcd_from_int(bool neg, uint64_t mag, unsigned width, uint64_t *raw);
bool mod10k_to_int(uint64_t raw, unsigned width, bool *neg, uint64_t *mag);
bool mod10k_from_int(bool neg, uint64_t mag, unsigned width, uint64_t *raw);
bool signmag_to_int(uint64_t raw, unsigned width, bool *neg, uint64_t *mag);
bool signmag_from_int(bool neg, uint64_t mag, unsigned width, uint64_t *raw);
double f16_to_real(uint64_t raw);
bool f16_from_real(double r, uint64_t *raw); /* nearest, ties to even; false: would be infinite */
double f32_to_real(uint64_t raw);
bool f32_from_real(double r, uint64_t *raw);
double f64_to_real(uint64_t raw);
bool f64_from_real(double r, uint64_t *raw);

/* codec_text.c. Word order never applies to text, the exchange of bytes does. */
void string_to_text(const struct codec *c, const uint16_t *words, char *text, struct value *out);
enum codec_fault string_from_text(const struct codec *c, const char *text, uint16_t *words,
                                  uint16_t *mask);
void bytes_to_text(const struct codec *c, const uint16_t *words, char *text, struct value *out);
enum codec_fault bytes_from_text(const struct codec *c, const char *text, uint16_t *words,
                                 uint16_t *mask);

/* codec_array.c */
void array_to_text(const struct codec *c, const uint16_t *words, char *text, struct value *out);
enum codec_fault array_from_text(const struct codec *c, const char *text, uint16_t *words,
                                 uint16_t *mask);

/* codec_time.c. The only part of the core that uses libc's time zone (localtime_r). */
unsigned time_words(const struct layout *l);
void time_to_text(const struct codec *c, const uint16_t *words, char *text, struct value *out);
enum codec_fault time_from_text(const struct codec *c, const char *text, uint16_t *words,
                                uint16_t *mask);

#endif
