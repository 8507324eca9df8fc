// SPDX-License-Identifier: MIT
#include "web/guard.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LOGIN_MAX 255
#define WRONG_MAX 10
#define WINDOW 60 /* s */

/* Length of the name without ":port"; 0: it is none. */
static size_t host_length(const char *host)
{
	const char *end = *host == '[' ? strchr(host, ']') : host + strcspn(host, ":");

	if (!end)
		return 0;
	end += *host == '[';
	const char *port = end + (*end == ':');
	if (*end && (*end != ':' || strspn(port, "0123456789") != strlen(port) || strlen(port) > 5))
		return 0;
	return (size_t)(end - host);
}

static bool is_address(const char *host, size_t n)
{
	if (*host == '[')
		return strspn(host + 1, "0123456789abcdefABCDEF:.") == n - 2;
	return n >= 7 && strspn(host, "0123456789.") >= n;
}

static bool is(const char *host, size_t n, const char *name)
{
	return strlen(name) == n && strncasecmp(host, name, n) == 0;
}

bool guard_host(const struct guard *g, const char *host)
{
	const size_t n = host ? host_length(host) : 0;

	if (!n)
		return false;
	if (is_address(host, n) || is(host, n, "localhost"))
		return true;
	for (size_t i = 0; i < g->nhost; i++)
		if (is(host, n, g->host[i]))
			return true;
	return false;
}

bool guard_origin(const char *origin, const char *host)
{
	if (!origin)
		return true;
	if (strncmp(origin, "http://", 7) == 0)
		origin += 7;
	else if (strncmp(origin, "https://", 8) == 0)
		origin += 8;
	else
		return false;
	return host && *host && strcasecmp(origin, host) == 0;
}

static bool equal(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned char differs = na != nb;

	for (size_t i = 0; i < na; i++)
		differs |= (unsigned char)(a[i] ^ (nb ? b[i % nb] : 0));
	return !differs;
}

bool guard_token(const struct guard *g, const char *token)
{
	return token && *g->token && equal(token, strlen(token), g->token, strlen(g->token));
}

static int digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* False: not base64, or longer than the buffer. */
static bool decode(const char *text, char out[LOGIN_MAX + 1], size_t *len)
{
	unsigned bits = 0, have = 0;

	*len = 0;
	for (; digit(*text) >= 0; text++) {
		bits = (bits << 6 | (unsigned)digit(*text)) & 0xffffff;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (*len == LOGIN_MAX)
			return false;
		out[(*len)++] = (char)(bits >> have & 0xff);
	}
	out[*len] = '\0';
	return text[strspn(text, "=")] == '\0';
}

enum guard_login guard_login(struct guard *g, const char *authorization, int64_t now)
{
	char got[LOGIN_MAX + 1];
	size_t len;

	if (!*g->login)
		return LOGIN_GOOD;
	if (now - g->since >= WINDOW) {
		g->since = now;
		g->failed = 0;
	}
	if (g->failed >= WRONG_MAX)
		return LOGIN_LATER;
	if (!authorization)
		return LOGIN_WRONG;
	const bool good = strncasecmp(authorization, "Basic ", 6) == 0 &&
	                  decode(authorization + 6, got, &len) &&
	                  equal(got, len, g->login, strlen(g->login));
	explicit_bzero(got, sizeof got);
	g->failed += !good;
	return good ? LOGIN_GOOD : LOGIN_WRONG;
}
