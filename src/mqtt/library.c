// SPDX-License-Identifier: MIT
#include "mqtt/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *plain, *with_tls;

/* Two variants have functions of the same names: local, so that each calls its own. */
static void *opened(void **handle, const char *name)
{
	if (!*handle)
		*handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	return *handle;
}

static void *choose(bool tls)
{
	pthread_mutex_lock(&lock);
	void *handle = tls || with_tls ? opened(&with_tls, "libpaho-mqtt3as.so.1")
	                               : opened(&plain, "libpaho-mqtt3a.so.1");
	pthread_mutex_unlock(&lock);
	return handle;
}

bool library_load(bool tls, const char *const *names, size_t n, void *table, const char **why)
{
	void *handle = choose(tls);
	char *to = table;
	for (size_t i = 0; handle && i < n; i++) {
		void *function = dlsym(handle, names[i]);
		if (!function)
			handle = NULL;
		memcpy(to + i * sizeof function, &function, sizeof function);
	}
	if (!handle) {
		const char *text = dlerror();
		*why = text ? text : "the MQTT library cannot be loaded";
		memset(table, 0, n * sizeof(void *));
	}
	return handle != NULL;
}
