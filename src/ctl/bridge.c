// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "ctl/verb.h"

static void help(void)
{
	puts("Usage: xnetctl bridge [OPTION]... HOST[:PORT]\n"
	     "Print a bridge for mosquitto (a file in /etc/mosquitto/conf.d) that hands this "
	     "gateway's topics to\n"
	     "the broker HOST. What cannot be sent waits in the local broker.\n"
	     "\n"
	     "  -c, --config FILE    the configuration (default " CONFIG_DIR "/devices.yaml)\n"
	     "  -P, --profiles DIR   where device profiles are; may be given up to three times\n"
	     "      --site NAME      the topics are below NAME/ on the other broker\n"
	     "      --commands       let commands come in, too\n"
	     "      --username NAME  user name on the other broker\n"
	     "      --tls            with TLS (default port 8883)");
}

struct bridge {
	const struct model *model;
	const char *address, *site, *username;
	bool commands, tls;
};

/* A direction of its own is a connection of its own: one session cannot be both kept and clean. */
static void head(const struct bridge *b, const char *direction)
{
	const char *site = b->site ? b->site : b->model->gateway;
	const bool has_port = strchr(b->address, ':') != NULL;

	printf("connection xnet-%s-%s\naddress %s%s\nremote_clientid xnet-%s-%s\n", site, direction,
	       b->address, has_port || !b->tls ? "" : ":8883", site, direction);
	if (b->username)
		printf("remote_username %s\n"
		       "# remote_password goes here; then: chmod 0640, owner root, group "
		       "mosquitto\n",
		       b->username);
	if (b->tls)
		puts("bridge_capath /etc/ssl/certs");
	puts("bridge_protocol_version mqttv50\ntry_private true\nnotifications false\n"
	     "restart_timeout 5 60");
}

static void topic(const struct bridge *b, const char *below, const char *way, int qos)
{
	printf("topic %s/# %s %d %s/ %s%s%s/\n", below, way, qos, b->model->mqtt.prefix,
	       b->site ? b->site : "", b->site ? "/" : "", b->model->mqtt.prefix);
}

static void print_out(const struct bridge *b)
{
	puts("# Out: states, history and health. The session is kept and the queue bounded "
	     "(max_queued_messages), so\n"
	     "# history and statuses of an outage arrive late but arrive. Values have QoS 0 by "
	     "default: then the last\n"
	     "# one is handed over when the link is back.");
	head(b, "out");
	puts("cleansession false");
	topic(b, "sts", "out", 1);
	topic(b, "hist", "out", 1);
	topic(b, "$SYS", "out", 0);
}

static void print_in(const struct bridge *b)
{
	puts("\n# In: commands. The session is clean and the QoS 0: a command that was published "
	     "while the link was\n"
	     "# down is lost, never carried out late. Who commands sees it by the missing value "
	     "or response.");
	head(b, "in");
	puts("cleansession true\nkeepalive_interval 5");
	topic(b, "cmd", "in", 0);
	topic(b, "get", "in", 0);
	topic(b, "sub", "in", 0);
	topic(b, "unsub", "in", 0);
}

static bool usable(const char *word)
{
	return word[0] && !strpbrk(word, " \t\r\n#+");
}

static int wrong(const char *text)
{
	fprintf(stderr, "xnetctl bridge: %s\n", text);
	return usage("bridge");
}

static int bridge(struct bridge *b, const struct config_paths *paths)
{
	if (!usable(b->address) || (b->username && !usable(b->username)))
		return wrong("a host or user name has no blank, # or +");
	if (b->site && (!usable(b->site) || b->site[0] == '/' || b->site[0] == '$'))
		return wrong("--site: one or more topic levels like farm/barn, without blank, # or "
		             "+");
	struct model *m = files_load(paths, false);
	if (!m)
		return EXIT_CONFIG;
	b->model = m;
	printf("# Bridge of the gateway %s for mosquitto. Made by xnetctl bridge; see "
	       "doc/fleet.md.\n\n",
	       m->gateway);
	print_out(b);
	if (b->commands)
		print_in(b);
	model_destroy(m);
	return EXIT_SUCCESS;
}

int verb_bridge(int argc, char **argv)
{
	static const struct option table[] = {FILES_LONG_OPTIONS,
	                                      {"site", required_argument, NULL, 's'},
	                                      {"commands", no_argument, NULL, 'm'},
	                                      {"username", required_argument, NULL, 'u'},
	                                      {"tls", no_argument, NULL, 't'},
	                                      {"help", no_argument, NULL, 'h'},
	                                      {0}};
	struct config_paths paths;
	struct bridge b = {0};

	files_init(&paths);
	for (int c; (c = getopt_long(argc, argv, FILES_OPTIONS "h", table, NULL)) != -1;) {
		switch (c) {
		case 'h':
			help();
			return EXIT_SUCCESS;
		case 's':
			b.site = optarg;
			break;
		case 'u':
			b.username = optarg;
			break;
		case 'm':
		case 't':
			*(c == 'm' ? &b.commands : &b.tls) = true;
			break;
		default:
			if (!files_option(&paths, c))
				return usage("bridge");
		}
	}
	if (optind + 1 != argc)
		return wrong("the address of the other broker is needed");
	b.address = argv[optind];
	return bridge(&b, &paths);
}
