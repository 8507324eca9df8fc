// SPDX-License-Identifier: MIT
#include "mqtt/openssl.h"

#include <pthread.h>

struct openssl openssl;

bool openssl_load(const char **why)
{
	static const char *const names[] = {OPENSSL_FUNCTIONS(LIBRARY_NAME)};
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* publishers, and main */
	static bool loaded;
	pthread_mutex_lock(&lock);
	if (!loaded)
		loaded = library_load(true, names, sizeof names / sizeof *names, &openssl, why);
	const bool there = loaded;
	pthread_mutex_unlock(&lock);
	return there;
}
