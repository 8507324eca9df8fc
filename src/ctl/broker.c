// SPDX-License-Identifier: MIT
#include "ctl/broker.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/scalar.h"
#include "core/base/arena.h"
#include "ctl/verb.h"

#define SECRET_MAX 1024

void broker_options_init(struct broker_options *o)
{
	*o = (struct broker_options){0};
	files_init(&o->paths);
}

static void __attribute__((format(printf, 1, 2))) complain(const char *format, ...)
{
	va_list list;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

bool broker_option(struct broker_options *o, int c)
{
	switch (c) {
	case 'b':
		o->url = optarg;
		return true;
	case 'u':
		o->user = optarg;
		return true;
	case BROKER_PASSWORD:
		o->password_file = optarg;
		return true;
	case BROKER_CAFILE:
		o->cafile = optarg;
		return true;
	case BROKER_PREFIX:
		o->prefix = optarg;
		return true;
	default:
		return files_option(&o->paths, c);
	}
}

static bool read_password(struct arena *a, const char *path, const char **out)
{
	char line[SECRET_MAX] = "";
	FILE *f = fopen(path, "re");

	if (!f) {
		complain("--password-file: %s: %s", path, strerror(errno));
		return false;
	}
	const bool got = fgets(line, sizeof line, f) != NULL;
	fclose(f);
	line[strcspn(line, "\r\n")] = '\0';
	*out = arena_strdup(a, line);
	explicit_bzero(line, sizeof line);
	if (got && **out)
		return true;
	complain("--password-file: %s: the first line is empty", path);
	return false;
}

/* Not repeated where it may hold a password. */
static bool parse_url(struct arena *a, const char *url, struct mqtt_conf *m)
{
	const char *host;
	size_t len;
	int64_t port;
	bool has_port;

	if (strchr(url, '@')) {
		complain("--broker: give the user by --user and --password-file, not in the "
		         "address");
		return false;
	}
	m->use_tls = strncmp(url, "mqtts://", 8) == 0;
	port = m->use_tls ? 8883 : 1883;
	const char *rest = strstr(url, "://");
	rest = rest ? rest + 3 : url;
	const size_t n = strlen(rest);
	rest = arena_strndup(a, rest, n && rest[n - 1] == '/' ? n - 1 : n);
	if ((strstr(url, "://") && !m->use_tls && strncmp(url, "mqtt://", 7) != 0) ||
	    !host_port_parse(rest, &host, &len, &port, &has_port)) {
		complain(
			"--broker: \"%s\" is not mqtt://host or mqtts://host, with :port if needed",
			url);
		return false;
	}
	m->host = arena_strndup(a, host, len);
	m->port = (uint16_t)port;
	return true;
}

static bool good_prefix(const char *text)
{
	const size_t n = strlen(text);

	return n && n <= 128 && !strpbrk(text, "+# \t") && *text != '$' && *text != '/' &&
	       text[n - 1] != '/' && !strstr(text, "//");
}

static bool check(const struct broker_options *o)
{
	const char *wrong = NULL;

	if (o->prefix && !good_prefix(o->prefix))
		wrong = "--prefix: is one or more levels like site7/xnet, without blanks, + and #";
	else if (o->password_file && !o->user)
		wrong = "--password-file: needs --user";
	else if (!o->url && (o->user || o->cafile))
		wrong = "--user, --password-file and --cafile: need --broker";
	else if (o->cafile && strncmp(o->url, "mqtts://", 8) != 0)
		wrong = "--cafile: the broker is not mqtts://";
	else if (o->cafile && access(o->cafile, R_OK) != 0)
		wrong = "--cafile: the file cannot be read";
	if (wrong)
		complain("%s", wrong);
	return !wrong;
}

static bool by_options(const struct broker_options *o, struct model *m)
{
	m->mqtt = (struct mqtt_conf){
		.prefix = "xnet",
		.tls_verify = true,
		.username = o->user,
		.ca = o->cafile,
	};
	return parse_url(m->arena, o->url, &m->mqtt) &&
	       (!o->password_file || read_password(m->arena, o->password_file, &m->mqtt.password));
}

static struct model *by_configuration(const struct broker_options *o)
{
	if (access(o->paths.file, R_OK) == 0)
		return files_load(&o->paths, false);
	complain("%s %s --broker mqtt://HOST looks at the gateways of a broker", o->paths.file,
	         errno == EACCES ? "may not be read by this user: use sudo, or"
	                         : "does not exist;");
	return NULL;
}

const struct mqtt_conf *broker_find(const struct broker_options *o, struct model **out, int *status)
{
	*out = NULL;
	*status = EXIT_USAGE;
	if (!check(o))
		return NULL;
	if (!o->url) {
		*status = EXIT_CONFIG;
		*out = by_configuration(o);
	} else {
		struct arena *a = arena_create();
		struct model *m = arena_alloc(a, sizeof *m);
		m->arena = a;
		if (by_options(o, m))
			*out = m;
		else
			arena_destroy(a);
	}
	if (!*out)
		return NULL;
	if (o->prefix)
		(*out)->mqtt.prefix = arena_strdup((*out)->arena, o->prefix);
	return &(*out)->mqtt;
}
