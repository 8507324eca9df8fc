// SPDX-License-Identifier: MIT
#include "ctl/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/wording.h"

bool whole_parse(const char *text, unsigned long most, unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(text, &end, 0);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *out <= most;
}

/* What documents put before a register's number, by its table ("MODBUS Application Protocol
 * V1.1b3", 4.4: 0 to 65535 on the wire are 1 to 65536 there). */
static const char counted_digit[4] = {
	[TABLE_COIL] = '0', [TABLE_DISCRETE] = '1', [TABLE_HOLDING] = '4', [TABLE_INPUT] = '3'};

static bool take_counted(const char *digits, uint8_t table, struct place *p)
{
	char *end;
	const unsigned long n = strtoul(digits, &end, 10);

	if (*end || n < 1 || n > 65536)
		return false;
	*p = (struct place){table, (uint16_t)(n - 1), true};
	return true;
}

/* "4x0001", "40001", "400001" */
static bool parse_counted(const char *text, struct place *p)
{
	const size_t len = strlen(text);

	for (uint8_t table = 0; table < 4; table++) {
		if (text[0] != counted_digit[table] || len < 2)
			continue;
		if ((text[1] == 'x' || text[1] == 'X') && table != TABLE_COIL && len > 2)
			return take_counted(text + 2, table, p);
		if ((len == 5 || len == 6) && strspn(text, "0123456789") == len)
			return take_counted(text + 1, table, p);
	}
	return false;
}

bool place_parse(const char *text, struct place *p, char *why, size_t size)
{
	const char *colon = strchr(text, ':');
	unsigned long n;

	for (uint8_t table = 0; colon && table < 4; table++) {
		const size_t len = strlen(wording_table[table]);
		if (colon - text != (long)len || strncmp(text, wording_table[table], len) != 0)
			continue;
		if (!whole_parse(colon + 1, 65535, &n)) {
			snprintf(why, size, "%s: expects an address from 0 to 65535 (0xFFFF)",
			         wording_clean(text));
			return false;
		}
		*p = (struct place){table, (uint16_t)n, false};
		return true;
	}
	if (!colon && parse_counted(text, p))
		return true;
	if (!colon && whole_parse(text, 65535, &n))
		snprintf(why, size,
		         "%s: of which table? holding:%s or input:%s (or coil:, discrete:)",
		         wording_clean(text), wording_clean(text), wording_clean(text));
	else
		snprintf(why, size,
		         "%s: not a register: write it as input:0x3100, holding:5, coil:0, "
		         "discrete:0, or 40001 as documents count",
		         wording_clean(text));
	return false;
}
