// SPDX-License-Identifier: MIT
#include "daemon/identity.h"

#include <stdio.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

/* What is derived with it from the machine's id says nothing of that id (machine-id(5)). */
static const sd_id128_t app =
	SD_ID128_MAKE(7d, 2b, 6c, 1e, 94, 0a, 4f, 3c, a8, 55, 0e, 31, b7, c9, 62, d4);

void identity_client_id(const char *gateway, char *buf, size_t size)
{
	sd_id128_t id;
	char host[65] = "";

	if (sd_id128_get_machine_app_specific(app, &id) == 0) {
		snprintf(buf, size, "xnet-%s-%02x%02x%02x%02x", gateway, id.bytes[0], id.bytes[1],
		         id.bytes[2], id.bytes[3]);
		return;
	}
	gethostname(host, sizeof host - 1);
	snprintf(buf, size, "xnet-%s-%s", gateway, host);
}
