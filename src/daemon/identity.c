#include "daemon/identity.h"

#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The last two bytes of "aa:bb:cc:dd:ee:ff"; false: no real address. */
static bool read_tail(const char *path, unsigned tail[2])
{
	char line[32] = "";
	unsigned long b[6], any = 0;
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	const bool got = fgets(line, sizeof line, f) != NULL;
	fclose(f);
	char *at = line;
	for (int i = 0; got && i < 6; i++) {
		char *end;
		b[i] = strtoul(at, &end, 16);
		if (end == at || *end != (i < 5 ? ':' : '\n'))
			return false;
		any |= b[i];
		at = end + 1;
	}
	if (!any)
		return false;
	tail[0] = b[4] & 0xff;
	tail[1] = b[5] & 0xff;
	return true;
}

void identity_client_id(const char *gateway, char *buf, size_t size)
{
	unsigned tail[2] = {0, 0};
	glob_t found;
	if (glob("/sys/class/net/*/address", 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			if (read_tail(found.gl_pathv[i], tail))
				break;
		globfree(&found);
	}
	snprintf(buf, size, "xnet-%s-%02x%02x", gateway, tail[0], tail[1]);
}
