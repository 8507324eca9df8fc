// SPDX-License-Identifier: MIT
#include "daemon/identity.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/sha256.h"

#define ID 16 /* bytes */

/* What is derived with it from the machine's id says nothing of that id (machine-id(5)). */
static const uint8_t app[ID] = {0x7d, 0x2b, 0x6c, 0x1e, 0x94, 0x0a, 0x4f, 0x3c,
                                0xa8, 0x55, 0x0e, 0x31, 0xb7, 0xc9, 0x62, 0xd4};

static int digit(char c)
{
	const char *all = "0123456789abcdef", *at = c ? strchr(all, c | 0x20) : NULL;
	return at ? (int)(at - all) : -1;
}

/* 32 hexadecimal digits, not all 0: "uninitialized" in an image that has not started yet. */
static bool parse_id(const char *text, uint8_t id[ID])
{
	static const uint8_t none[ID];
	for (size_t i = 0; i < ID; i++) {
		const int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);
		if (low < 0)
			return false;
		id[i] = (uint8_t)(high << 4 | low);
	}
	return (text[ID * 2] == '\n' || !text[ID * 2]) && memcmp(id, none, ID) != 0;
}

static bool machine_id(uint8_t id[ID])
{
	char text[2 * ID + 2] = "";
	FILE *f = fopen("/etc/machine-id", "re");
	if (!f)
		return false;
	const bool read = fgets(text, sizeof text, f) != NULL;
	fclose(f);
	return read && parse_id(text, id);
}

void identity_client_id(const char *gateway, char *buf, size_t size)
{
	uint8_t id[ID], own[SHA256_BYTES];
	char host[65] = "";

	if (machine_id(id)) {
		sha256_hmac(id, ID, app, sizeof app, own);
		snprintf(buf, size, "xnet-%s-%02x%02x%02x%02x", gateway, own[0], own[1], own[2],
		         own[3]);
		return;
	}
	gethostname(host, sizeof host - 1);
	snprintf(buf, size, "xnet-%s-%s", gateway, host);
}
