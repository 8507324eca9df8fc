// SPDX-License-Identifier: MIT
/* JSON from anybody, and any text as JSON: what we write, we can read, and it is the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/text.h"
#include "mqtt/json_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read(const char *text, size_t len)
{
	struct json j = {0};
	struct json_members m;
	char error[128];
	jw_open(&j, NULL, '{');
	jw_text(&j, "text", text, len);
	jw_value(&j, "value", text);
	jw_open(&j, "list", '[');
	jw_int(&j, NULL, (int64_t)len);
	jw_close(&j, ']');
	jw_close(&j, '}');
	if (!text_utf8(j.text, j.len) || strlen(j.text) != j.len)
		abort();
	/* a NUL is written as an escape, which readers need not take; a number may be out of their
	 * range */
	if (memchr(text, '\0', len) || jw_is_number(text))
		goto out;
	if (!json_parse_object(j.text, j.len, &m, error, sizeof error) || m.n != 3)
		abort();
	if (text_utf8(text, len) && strcmp(m.member[0].text, text) != 0)
		abort();
	json_members_free(&m);
out:
	jw_free(&j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_members m;
	char error[64];
	char *text = malloc(size + 1);
	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	if (json_parse_object(text, size, &m, error, sizeof error)) {
		for (size_t i = 0; i < m.n; i++) {
			if (!m.member[i].name || !m.member[i].text)
				abort();
		}
		json_members_free(&m);
	}
	if (json_parse_names(text, size, &m, error, sizeof error))
		json_members_free(&m);
	json_parse_list_of(text, size, "points", "name", &m);
	json_members_free(&m);
	write_and_read(text, size);
	free(text);
	return 0;
}
