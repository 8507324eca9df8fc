// SPDX-License-Identifier: MIT
/* Which format a file is in, and who reads it. */
#include "ctl/convert.h"

#include <string.h>
#include <strings.h>

#include "config/keys.h"

static const struct {
	const char *name;
	void (*read)(struct draft *d, const struct node *root);
} readers[] = {
	{"homeassistant", convert_homeassistant},
	{"mqmgateway", convert_mqmgateway},
	{"wirenboard", convert_wirenboard},
	{"telegraf", convert_telegraf},
};

static bool ends(const char *text, const char *with)
{
	const size_t n = strlen(text), k = strlen(with);

	return n >= k && strcasecmp(text + n - k, with) == 0;
}

const char *convert_guess(const char *file, const char *text)
{
	if (ends(file, ".csv"))
		return "csv";
	if (strstr(text, "inputs.modbus"))
		return "telegraf";
	const char *first = text + strspn(text, " \t\r\n");
	if (*first == '{' || strncmp(first, "//", 2) == 0)
		return "wirenboard";
	if (strstr(text, "networks:") || strstr(text, "modmqttd"))
		return "mqmgateway";
	return "homeassistant";
}

/* JSON with comments and tabs is YAML without. Text in quotes stays. */
static void plain_json(char *text)
{
	bool quoted = false;

	for (char *p = text; *p; p++) {
		if (*p == '\\' && quoted && p[1])
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (*p == '\t' && !quoted)
			*p = ' ';
		else if (!quoted && p[0] == '/' && p[1] == '/')
			for (; *p && *p != '\n'; p++)
				*p = ' ';
		else if (!quoted && p[0] == '/' && p[1] == '*')
			for (; *p && !(p[0] == '*' && p[1] == '/' && (p[0] = p[1] = ' ')); p++)
				*p = *p == '\n' ? '\n' : ' ';
		if (!*p)
			break;
	}
}

void convert_text(struct draft *d, const char *format, const char *file, char *text, size_t len)
{
	const struct node *root = NULL;

	if (strcmp(format, "csv") == 0) {
		convert_csv(d, file, text);
		return;
	}
	if (strcmp(format, "wirenboard") == 0)
		plain_json(text);
	if (strcmp(format, "telegraf") == 0)
		root = toml_parse(d->arena, file, text, &d->d);
	else if (!yaml_parse(d->arena, file, text, len, &d->d, &root))
		return;
	for (size_t i = 0; root && i < COUNT(readers); i++)
		if (strcmp(readers[i].name, format) == 0)
			readers[i].read(d, root);
}

bool convert_knows(const char *format)
{
	for (size_t i = 0; i < COUNT(readers); i++)
		if (strcmp(readers[i].name, format) == 0)
			return true;
	return strcmp(format, "csv") == 0;
}
