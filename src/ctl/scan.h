/* SPDX-License-Identifier: MIT */
/*
 * scan: what the parts of the verb share: scan.c (options, order, report), sweep.c (probes ids),
 * ident.c (who is it), scan_yaml.c (the configuration that comes of it).
 */
#ifndef CTL_SCAN_H
#define CTL_SCAN_H

#include "ctl/catalogue.h"
#include "ctl/line.h"
#include "ctl/screen.h"
#include "ctl/target.h"

#define SCAN_IDS 248
#define SCAN_SETTINGS 16
#define SCAN_FOUND (SCAN_IDS * 2)
#define SCAN_BURSTS 16

struct found {
	uint8_t unit;
	struct setting setting;
	us_t first;          /* request to the first byte of the response */
	uint8_t fc;          /* function it responded to */
	uint8_t exception;   /* it responded with; 0: with values */
	bool corrupted;      /* only corrupted responses came */
	char identity[96];   /* what it reports to be, and how; or how it responds */
	const char *profile; /* of the catalogue, NULL: unknown */
};

/* Bytes that were no frame: a unit near here. */
struct burst {
	us_t at;
	uint8_t unit; /* that was probed then */
	bool explained;
};

struct scan {
	struct target target;
	struct line_options options;
	struct catalogue catalogue;
	struct wireline *line;
	struct setting setting[SCAN_SETTINGS];
	size_t nsetting, ncommon;   /* the first of them; the others are seldom used … */
	bool partly[SCAN_SETTINGS]; /* … and there not all ids were probed */
	unsigned first, last;       /* ids */
	bool deep, force, json, add, yes;
	us_t held_at; /* the line is held since then */
	us_t wait;    /* for a response's first byte before the next id is probed */

	struct setting now;
	us_t asked[SCAN_IDS]; /* when last, at this setting; 0: not */
	us_t first_asked[SCAN_IDS];
	uint8_t corrupted[SCAN_IDS];
	struct burst burst[SCAN_BURSTS];
	size_t nburst, bursts; /* noted; all of them */
	bool everybody;        /* Modbus TCP: this device responds to every unit id */
	struct progress bar;
	struct found found[SCAN_FOUND];
	size_t nfound;
};

/* Nothing is sent. 0: quiet; 1: another client sends requests; -1: the line is gone. */
int sweep_listen(struct scan *s, us_t how_long);

/* The ids from first to last at the setting that is set; false: the line is gone. */
bool sweep_setting(struct scan *s, unsigned first, unsigned last);

/* Other requests to ids that are silent so far, with deep to all of them. */
bool sweep_deep(struct scan *s);

struct found *scan_find(struct scan *s, uint8_t unit, const struct setting *at);
struct found *scan_add(struct scan *s, uint8_t unit);

/* Reads a unit's identification, and compares it with the profiles that can be recognised. */
void ident_unit(struct scan *s, struct found *f);

/* Does the unit return to function 43/14 what the profile of d wants? why: what came instead. */
bool ident_device_id(struct wireline *line, const struct device *d, uint8_t unit, us_t timeout,
                     char *why, size_t size);
/* Does what the identify point shows mean this device? */
bool ident_matches(const struct device *d, const char *is);

/* Is anything of it not configured yet? */
bool scan_news(const struct scan *s);

/* The YAML for what was found, to out. */
void scan_yaml(const struct scan *s, FILE *out);

/* Puts it into the configuration, after a prompt. Returns an exit status. */
int scan_put(const struct scan *s);

#endif
