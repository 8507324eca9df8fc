// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "core/value/codec_kinds.h"

bool bool_to_int(uint64_t raw, unsigned width, bool *neg, uint64_t *mag)
{
	(void)width;
	*neg = false;
	*mag = raw != 0;
	return true;
}

bool bool_from_int(bool neg, uint64_t mag, unsigned width, uint64_t *raw)
{
	(void)width;
	*raw = mag;
	return mag <= 1 && !(neg && mag);
}

bool bcd_to_int(uint64_t raw, unsigned width, bool *neg, uint64_t *mag)
{
	*neg = false;
	*mag = 0;
	for (int shift = ((int)width + 3) / 4 * 4 - 4; shift >= 0; shift -= 4) {
		const unsigned digit = raw >> shift & 0xF;
		if (digit > 9)
			return false;
		*mag = *mag * 10 + digit;
	}
	return true;
}

bool bcd_from_int(bool neg, uint64_t mag, unsigned width, uint64_t *raw)
{
	*raw = 0;
	for (unsigned shift = 0; shift < width; shift += 4, mag /= 10)
		*raw |= mag % 10 << shift;
	return mag == 0 && !(width < 64 && *raw >> width) && !(neg && *raw);
}

bool mod10k_to_int(uint64_t raw, unsigned width, bool *neg, uint64_t *mag)
{
	*neg = false;
	*mag = 0;
	for (int shift = (int)width - 16; shift >= 0; shift -= 16) {
		const unsigned part = raw >> shift & 0xFFFF;
		if (part > 9999)
			return false;
		*mag = *mag * 10000 + part;
	}
	return true;
}

bool mod10k_from_int(bool neg, uint64_t mag, unsigned width, uint64_t *raw)
{
	*raw = 0;
	for (unsigned shift = 0; shift + 16 <= width; shift += 16, mag /= 10000)
		*raw |= mag % 10000 << shift;
	return mag == 0 && !(neg && *raw);
}

/* Minus zero keeps its sign, so that what is written back is what was read. */
bool signmag_to_int(uint64_t raw, unsigned width, bool *neg, uint64_t *mag)
{
	const uint64_t sign = (uint64_t)1 << (width - 1);
	*neg = raw & sign;
	*mag = raw & (sign - 1);
	return true;
}

bool signmag_from_int(bool neg, uint64_t mag, unsigned width, uint64_t *raw)
{
	const uint64_t sign = (uint64_t)1 << (width - 1);
	*raw = mag | (neg ? sign : 0);
	return mag < sign;
}

/* -- floating point (IEEE 754) ---------------------------------------------------- */

double f16_to_real(uint64_t raw)
{
	const int exponent = (int)(raw >> 10 & 0x1F), fraction = (int)(raw & 0x3FF);
	double r;
	if (exponent == 0x1F)
		r = fraction ? NAN : INFINITY;
	else if (exponent)
		r = ldexp(1024 + fraction, exponent - 25);
	else
		r = ldexp(fraction, -24);
	return raw & 0x8000 ? -r : r;
}

bool f16_from_real(double r, uint64_t *raw)
{
	const uint64_t sign = signbit(r) ? 0x8000 : 0;
	int exponent;
	frexp(r, &exponent); /* |r| in [2^(exponent-1), 2^exponent) */
	if (r == 0 || exponent < -13)
		exponent = -13; /* below 2^-14: denormal, steps of 2^-24 */
	const double steps =
		nearbyint(ldexp(fabs(r), 11 - exponent)); /* 11 bits, the first implied */
	const uint64_t bits = (uint64_t)steps + ((uint64_t)(exponent + 13) << 10);
	*raw = sign | bits; /* a carry out of the fraction moves on into the exponent by itself */
	return bits < 0x7C00;
}

double f32_to_real(uint64_t raw)
{
	const uint32_t bits = (uint32_t)raw;
	float f;
	memcpy(&f, &bits, sizeof f);
	return (double)f;
}

bool f32_from_real(double r, uint64_t *raw)
{
	const float f = (float)r;
	uint32_t bits;
	memcpy(&bits, &f, sizeof bits);
	*raw = bits;
	return isfinite(f);
}

double f64_to_real(uint64_t raw)
{
	double r;
	memcpy(&r, &raw, sizeof r);
	return r;
}

bool f64_from_real(double r, uint64_t *raw)
{
	memcpy(raw, &r, sizeof r);
	return isfinite(r);
}
