// SPDX-License-Identifier: MIT
#include "daemon/base/identity.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

/* What is derived with it from the machine's id does not disclose that id (machine-id(5)). */
static const sd_id128_t app =
	SD_ID128_MAKE(7d, 2b, 6c, 1e, 94, 0a, 4f, 3c, a8, 55, 0e, 31, b7, c9, 62, d4);

/* For this once: libsystemd and what it brings (libgcrypt, liblzma, libzstd, liblz4, libcap) would
 * be 1.2 MB resident. */
static bool machine_id(sd_id128_t *id)
{
	void *library = dlopen("libsystemd.so.0", RTLD_LAZY | RTLD_LOCAL);
	void *function = library ? dlsym(library, "sd_id128_get_machine_app_specific") : NULL;
	__typeof__(sd_id128_get_machine_app_specific) *derive;
	memcpy(&derive, &function, sizeof derive);
	const bool known = derive && derive(app, id) == 0;
	if (library)
		dlclose(library);
	return known;
}

void identity_client_id(const char *prefix, const char *gateway, char *buf, size_t size)
{
	sd_id128_t id;
	char machine[65] = "";

	if (machine_id(&id))
		snprintf(machine, sizeof machine, "%02x%02x%02x%02x", id.bytes[0], id.bytes[1],
		         id.bytes[2], id.bytes[3]);
	else
		gethostname(machine, sizeof machine - 1);
	snprintf(buf, size, "%s-%s-%s", prefix, gateway, machine);
	for (char *c = buf; *c; c++) /* brokers refuse it where their rules name the client id */
		if (*c == '/')
			*c = '-';
}
