// SPDX-License-Identifier: MIT
#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/broker.h"
#include "ctl/line.h"
#include "ctl/verb.h"
#include "web/http.h"

#define LISTEN "127.0.0.1:8502"

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

struct web {
	struct broker_options broker;
	const char *listen, *login_file;
	const char *frames; /* path of the control socket; NULL: no frames */
	bool write;
	struct guard guard;
	char own_name[2][256]; /* this machine's */
};

static void help(void)
{
	puts("Usage: xnet-web [OPTION]...\n"
	     "A web page that shows the gateways of a broker, their lines, devices and values.\n"
	     "\n"
	     "  -l, --listen ADDRESS:PORT  where (default " LISTEN ")\n"
	     "      --login-file FILE      file whose first line is NAME:PASSWORD, asked for by "
	     "the "
	     "page; any\n"
	     "                             address but this machine's own needs one\n"
	     "      --write                the page may write, too\n"
	     "      --frames[=SOCKET]      show the last frames of each bus of the gateway on this "
	     "machine\n"
	     "                             (its control socket; default " CONTROL_PATH ")\n"
	     "      --host NAME            another name under which the page is reached, e.g. of a "
	     "proxy\n" BROKER_HELP "      --help, --version");
}

static int try_help(void)
{
	fputs("Try 'xnet-web --help'.\n", stderr);
	return EXIT_USAGE;
}

/* -- where to listen --------------------------------------------------------------------------- */

static bool parse_address(const char *text, struct sockaddr_storage *out)
{
	const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
	                               .ai_socktype = SOCK_STREAM};
	const char *colon = strrchr(text, ':');
	char host[128];
	struct addrinfo *a;

	if (!colon || (size_t)(colon - text) >= sizeof host)
		return false;
	snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
	const size_t n = strlen(host);
	if (n > 1 && host[0] == '[' && host[n - 1] == ']') {
		memmove(host, host + 1, n - 2);
		host[n - 2] = '\0';
	}
	if (getaddrinfo(host, colon + 1, &hints, &a) != 0)
		return false;
	memcpy(out, a->ai_addr, a->ai_addrlen);
	freeaddrinfo(a);
	return true;
}

static bool is_loopback(const struct sockaddr_storage *s)
{
	if (s->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(
			&((const struct sockaddr_in6 *)(const void *)s)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)(const void *)s)->sin_addr.s_addr) >> 24 == 127;
}

/* -- who may ----------------------------------------------------------------------------------- */

static bool read_login(const char *path, struct guard *g)
{
	FILE *f = fopen(path, "re");
	struct stat st;

	if (!f) {
		fprintf(stderr, "xnet-web: --login-file: %s: %s\n", path, strerror(errno));
		return false;
	}
	if (fstat(fileno(f), &st) == 0 && (st.st_mode & S_IROTH))
		fprintf(stderr,
		        "xnet-web: --login-file: %s is readable by everyone; restrict it (chmod "
		        "o-r)\n",
		        path);
	const bool got = fgets(g->login, sizeof g->login, f) != NULL;
	fclose(f);
	g->login[strcspn(g->login, "\r\n")] = '\0';
	const char *colon = strchr(g->login, ':');
	if (got && colon && colon > g->login && colon[1])
		return true;
	fprintf(stderr, "xnet-web: --login-file: the first line of %s is not NAME:PASSWORD\n",
	        path);
	return false;
}

static bool guard_begin(struct web *w)
{
	uint8_t r[16];

	if (getrandom(r, sizeof r, 0) != sizeof r)
		return false;
	for (size_t i = 0; i < sizeof r; i++)
		snprintf(w->guard.token + 2 * i, 3, "%02x", r[i]);
	if (gethostname(w->own_name[0], sizeof w->own_name[0] - 1) == 0) {
		snprintf(w->own_name[1], sizeof w->own_name[1], "%.200s.local", w->own_name[0]);
		w->guard.host[w->guard.nhost++] = w->own_name[0];
		w->guard.host[w->guard.nhost++] = w->own_name[1];
	}
	return !w->login_file || read_login(w->login_file, &w->guard);
}

/* -- the loop ---------------------------------------------------------------------------------- */

static void other_message(void *ctx, const struct view_message *m)
{
	commands_response(ctx, m);
}

static void loop(struct http *h, const struct http_site *s)
{
	struct pollfd p[2] = {{.fd = http_fd(h), .events = POLLIN},
	                      {.fd = watch_fd(s->watch), .events = POLLIN}};

	while (!stopped) {
		const us_t wait = http_wait(h, HTTP_TICK / 2);
		if (poll(p, 2, (int)(wait / US_MS)) < 0 && errno != EINTR)
			return;
		watch_turn(s->watch, other_message, s->commands);
		commands_turn(s->commands, watch_now(), watch_wall());
		http_turn(h);
	}
}

static int serve(struct web *w, const struct mqtt_conf *conf, const struct sockaddr_storage *where)
{
	static struct commands commands;
	char filter[96], broker[320];
	struct sigaction a = {.sa_handler = stop};

	snprintf(broker, sizeof broker, "%s:%u", conf->host, (unsigned)conf->port);
	struct view *view = view_create(conf->prefix);
	commands_init(&commands, view);
	commands_filter(&commands, filter, sizeof filter);
	struct http_site site = {
		.view = view,
		.commands = &commands,
		.guard = &w->guard,
		.broker = broker,
		.write = w->write,
	};
	struct http *h = http_create((const struct sockaddr *)where, &site);
	if (!h) {
		fprintf(stderr, "xnet-web: cannot listen at %s: %s\n", w->listen, strerror(errno));
		view_destroy(view);
		return EXIT_FAILURE;
	}
	site.watch = watch_create(conf, view, w->write ? filter : NULL);
	if (w->frames)
		site.frames = frames_create(w->frames, &w->broker.paths);
	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	if (w->frames && !site.frames)
		fprintf(stderr, "xnet-web: --frames: %s\n", strerror(errno));
	printf("http://%s/  broker %s%s\n", w->listen, broker, w->write ? ", may write" : "");
	fflush(stdout);
	loop(h, &site);
	http_destroy(h);
	frames_destroy(site.frames);
	watch_destroy(site.watch);
	commands_free(&commands);
	view_destroy(view);
	return EXIT_SUCCESS;
}

/* -- options ----------------------------------------------------------------------------------- */

enum {
	OPTION_LOGIN = BROKER_LAST,
	OPTION_WRITE,
	OPTION_FRAMES,
	OPTION_HOST,
	OPTION_HELP,
	OPTION_VERSION
};

static bool take_option(struct web *w, int c)
{
	switch (c) {
	case 'l':
		w->listen = optarg;
		return true;
	case OPTION_LOGIN:
		w->login_file = optarg;
		return true;
	case OPTION_WRITE:
		w->write = true;
		return true;
	case OPTION_FRAMES:
		w->frames = optarg ? optarg : CONTROL_PATH;
		return true;
	case OPTION_HOST:
		if (w->guard.nhost == GUARD_HOSTS - 2)
			return false;
		w->guard.host[w->guard.nhost++] = optarg;
		return true;
	default:
		return broker_option(&w->broker, c);
	}
}

static int run(struct web *w)
{
	struct sockaddr_storage where = {0};
	struct model *m;
	int status;

	if (!parse_address(w->listen, &where)) {
		fprintf(stderr, "xnet-web: --listen: %s is not ADDRESS:PORT, like " LISTEN "\n",
		        w->listen);
		return EXIT_USAGE;
	}
	if (!guard_begin(w))
		return EXIT_USAGE;
	if (!is_loopback(&where) && !*w->guard.login) {
		fputs("xnet-web: --listen: any address but 127.0.0.1 needs --login-file\n", stderr);
		return EXIT_USAGE;
	}
	const struct mqtt_conf *conf = broker_find(&w->broker, &m, &status);
	if (!conf)
		return status;
	status = serve(w, conf, &where);
	model_destroy(m);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option table[] = {BROKER_LONG_OPTIONS,
	                                      {"listen", required_argument, NULL, 'l'},
	                                      {"login-file", required_argument, NULL, OPTION_LOGIN},
	                                      {"write", no_argument, NULL, OPTION_WRITE},
	                                      {"frames", optional_argument, NULL, OPTION_FRAMES},
	                                      {"host", required_argument, NULL, OPTION_HOST},
	                                      {"help", no_argument, NULL, OPTION_HELP},
	                                      {"version", no_argument, NULL, OPTION_VERSION},
	                                      {0}};
	static struct web w = {.listen = LISTEN};

	broker_options_init(&w.broker);
	for (int c; (c = getopt_long(argc, argv, BROKER_OPTIONS "l:", table, NULL)) != -1;) {
		if (c == OPTION_HELP) {
			help();
			return EXIT_SUCCESS;
		}
		if (c == OPTION_VERSION) {
			puts("xnet-web " PACKAGE_VERSION);
			return EXIT_SUCCESS;
		}
		if (!take_option(&w, c))
			return try_help();
	}
	return optind < argc ? try_help() : run(&w);
}
