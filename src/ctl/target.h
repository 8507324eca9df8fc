/* SPDX-License-Identifier: MIT */
/*
 * target: what a verb on a line is pointed at: a device or device.point of the configuration, a
 * bus, a port path, host:port (Modbus TCP), or rtu-over-tcp:host:port; and the options that all
 * these verbs have.
 */
#ifndef CTL_TARGET_H
#define CTL_TARGET_H

#include "ctl/line.h"
#include "ctl/place.h"
#include "ctl/verb.h"

struct line_options {
	struct config_paths paths;
	bool given;          /* --config was */
	const char *control; /* NULL: never by way of the gateway */
	int unit;            /* -1: not given */
	uint32_t baud;       /* 0: not given */
	const char *format;  /* NULL: not given; else valid */
	us_t timeout;        /* 0: not given */
};

#define LINE_OPTIONS FILES_OPTIONS "i:b:f:t:h"
enum { OPT_CONTROL_SOCKET = 512, OPT_LINE_LAST };
#define LINE_LONG_OPTIONS                                                                          \
	FILES_LONG_OPTIONS, {"id", required_argument, NULL, 'i'},                                  \
		{"baud", required_argument, NULL, 'b'}, {"format", required_argument, NULL, 'f'},  \
		{"timeout", required_argument, NULL, 't'},                                         \
		{"control", required_argument, NULL, OPT_CONTROL_SOCKET},                          \
	{                                                                                          \
		"help", no_argument, NULL, 'h'                                                     \
	}

/* The part of each verb's help that these options are. */
#define LINE_HELP                                                                                  \
	"  -i, --id N           unit id of the device\n"                                           \
	"  -b, --baud N         of the line (default: as configured, else 9600)\n"                 \
	"  -f, --format 8N1     data bits, parity, stop bits (default: as configured, else 8N1)\n" \
	"  -t, --timeout MS     for a response (default: as configured, else 1000)\n"              \
	"  -c, --config FILE    the configuration (default " CONFIG_DIR "/devices.yaml)\n"         \
	"  -P, --profiles DIR   where device profiles are; may be given up to three times\n"       \
	"      --control PATH   the gateway's socket (default " CONTROL_PATH                       \
	"); off: do not ask it\n"

#define LINE_TARGETS                                                                               \
	"TARGET is a device or device.point of devices.yaml, a bus, a port (/dev/ttyUSB0),\n"      \
	"host:port (Modbus TCP) or rtu-over-tcp:host:port.\n"

void line_options_init(struct line_options *o);
/* A verb's own options beside those. */
struct line_verb {
	const char *name, *shorts;  /* shorts: as for getopt(3) */
	const struct option *table; /* LINE_LONG_OPTIONS and its own */
	void (*help)(void);
	bool (*take)(void *ctx, int c); /* one of its own, with optarg; false: wrong (reported) */
	void *ctx;
};

/* All options; the words begin at optind. 0, or the exit status + 1: help was requested, or
 * something is wrong. */
int line_options_take(struct line_options *o, int argc, char **argv, const struct line_verb *v);
/* 1 + the exit status for wrong usage, with what is missing. */
int line_usage(const struct line_verb *v, const char *missing);

struct target {
	struct model *model;          /* NULL: no configuration, or it has errors */
	const struct bus_conf *known; /* its bus in the configuration; NULL */
	uint32_t bus;                 /* index of known */
	const struct device *device;  /* NULL: a line, or a unit that is not configured */
	const struct point *point;    /* NULL: the whole device */
	struct bus_conf conf;         /* how to open it */
	int unit;                     /* -1: not given */
	char host[128], name[160];    /* owned: what conf points at; how to call it */
};

/* 0, or an exit status (reported). */
int target_find(struct target *t, const struct line_options *o, const char *verb, const char *word);
void target_free(struct target *t);

/* A register as place_parse() understands it. False: what to write instead is on standard error. */
bool target_place(const struct target *t, const char *verb, const char *text, struct place *p);

/* Opens its line, and reports on standard error if that is by way of the gateway. NULL: reported.
 */
struct wireline *target_open(const struct target *t, const struct line_options *o,
                             const char *verb);

/* The configured device with that unit id on the target's bus, or NULL. */
const struct device *target_device(const struct target *t, uint8_t unit);

/* The timeout for a unit: as given, else its device's, else the bus's. */
us_t target_timeout(const struct target *t, const struct line_options *o, uint8_t unit);

/* "8N1". False: none. */
bool format_parse(const char *text, struct setting *s);

#endif
