/* SPDX-License-Identifier: MIT */
/*
 * broker: which broker is meant: the one of the daemon's configuration, or one given by options.
 * For everything that looks at gateways from outside.
 */
#ifndef CTL_BROKER_H
#define CTL_BROKER_H

#include <getopt.h>

#include "config/config.h"

struct broker_options {
	struct config_paths paths;
	const char *url, *user, *password_file, *cafile, *prefix;
};

#define BROKER_OPTIONS "c:P:b:u:"
enum { BROKER_PASSWORD = 256, BROKER_CAFILE, BROKER_PREFIX, BROKER_LAST };
#define BROKER_LONG_OPTIONS                                                                        \
	{"config", required_argument, NULL, 'c'}, {"profiles", required_argument, NULL, 'P'},      \
		{"broker", required_argument, NULL, 'b'}, {"user", required_argument, NULL, 'u'},  \
		{"password-file", required_argument, NULL, BROKER_PASSWORD},                       \
		{"cafile", required_argument, NULL, BROKER_CAFILE},                                \
	{                                                                                          \
		"prefix", required_argument, NULL, BROKER_PREFIX                                   \
	}

/* Their part of --help. */
#define BROKER_HELP                                                                                \
	"  -b, --broker URL           mqtt://host:port or mqtts://host:port; without it the "      \
	"broker of the\n"                                                                          \
	"                             configuration\n"                                             \
	"  -u, --user NAME            user name for the broker\n"                                  \
	"      --password-file FILE   file whose first line is the password\n"                     \
	"      --cafile FILE          certificate of the CA that signed the broker's\n"            \
	"      --prefix TEXT          first level or levels of the topics (default xnet)\n"        \
	"  -c, --config FILE          the configuration (default " CONFIG_DIR "/devices.yaml)\n"   \
	"  -P, --profiles DIR         where device profiles are; may be given up to three times\n"

void broker_options_init(struct broker_options *o);

/* Takes option `c` with its optarg. False: not one of ours. */
bool broker_option(struct broker_options *o, int c);

/* The broker; owned by the model, which the caller destroys with model_destroy(). NULL: standard
 * error gets the reason, and *status is the exit status (64 or 78). */
const struct mqtt_conf *broker_find(const struct broker_options *o, struct model **m, int *status);

#endif
