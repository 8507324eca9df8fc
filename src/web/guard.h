/* SPDX-License-Identifier: MIT */
/*
 * guard: may this request be answered? Pure: headers in, yes or no out. A page of another site in
 * the user's browser must reach nothing here: not by a name that it points to our address (Host),
 * not by sending without reading (Origin and token). The answers set no cookie and allow no other
 * origin.
 */
#ifndef WEB_GUARD_H
#define WEB_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUARD_HOSTS 8
#define GUARD_TOKEN 33 /* 128 bits in hex, and NUL */

struct guard {
	const char *host[GUARD_HOSTS]; /* more names under which the page is reached */
	size_t nhost;
	char login[256]; /* "name:password"; "": none is requested */
	char token[GUARD_TOKEN];
	unsigned failed; /* wrong logins since `since` */
	int64_t since;   /* s, any clock that goes on */
};

/* Is the Host header an address, localhost, or one of our names? With or without a port. */
bool guard_host(const struct guard *g, const char *host);

/* Is it the page of this very host that sends? No Origin: it is no browser. */
bool guard_origin(const char *origin, const char *host);

/* The token that the page was given; time does not depend on where it differs. */
bool guard_token(const struct guard *g, const char *token);

enum guard_login { LOGIN_GOOD, LOGIN_WRONG, LOGIN_LATER };

/* Authorization header, Basic; NULL: none came. After 10 wrong ones in a minute LOGIN_LATER for the
 * rest of it, right or wrong. */
enum guard_login guard_login(struct guard *g, const char *authorization, int64_t now);

#endif
