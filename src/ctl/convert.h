/* SPDX-License-Identifier: MIT */
/*
 * convert: configurations of other gateways to devices.yaml. A reader turns one format into a
 * draft of buses, devices and points, and reports what it cannot express, with its place; the
 * writer prints the draft. All memory is the arena's.
 */
#ifndef CTL_CONVERT_H
#define CTL_CONVERT_H

#include <stdio.h>

#include "config/yaml.h"

#define ADDRESS_NONE (-1)
#define DRAFT_MAX 4096 /* points, devices or buses; more is another kind of file */

/* Texts are as they will be in devices.yaml; NULL: not given. */
struct draft_point {
	const char *name;
	const char *table; /* coil, discrete, input, holding */
	long address;
	const char *type, *order, *scale, *offset, *unit, *every, *description, *class_,
		*state_class, *values, *na, *min, *max, *on, *off;
	int bit, decimals, length; /* -1: not given */
	const char *bits;
	bool write, write_only;
};

struct draft_device {
	const char *name;
	size_t bus;
	long id;
	bool disabled;
	struct draft_point *point;
	size_t n;
};

struct draft_bus {
	const char *name, *kind, *where; /* kind: port, tcp, rtu_tcp */
	const char *baud, *format, *timeout;
};

struct draft {
	struct arena *arena;
	struct diag d; /* what cannot be converted: warnings; what is no such file: errors */
	struct draft_bus *bus;
	size_t nbus;
	struct draft_device *device;
	size_t ndevice;
	const char *broker; /* mqtt://host:port */
	const char *username;
	/* the text of the reader's file about devices that it did not list */
	long default_id;
	size_t npoint;
};

/* The index of the new bus, device or point; names are made fit and unique. `name` NULL: one is
 * made up. */
size_t draft_bus(struct draft *d, const char *name);
size_t draft_device(struct draft *d, const char *name, size_t bus, long id);
/* Beyond DRAFT_MAX an error is noted; the first bus or device, or a point that is
 * printed nowhere, is given. */
struct draft_point *draft_point(struct draft *d, size_t device, const char *name);

/* Take back the point that draft_point() gave last. */
void draft_drop(struct draft *d, size_t device, const struct draft_point *p);

/* The device with this id on this bus, made if there is none. */
size_t draft_device_of(struct draft *d, size_t bus, long id, const char *name);

/* A word of theirs for one of ours: the second of the pair, NULL: not among them. Case does not
 * matter. The list ends with NULL. */
const char *draft_word(const char *const (*pairs)[2], const char *word);

/* One warning for each key of the map that is not among `known` (NULL-terminated). */
void draft_unknown(struct draft *d, const struct node *map, const char *const *known,
                   const char *what);

/* A scalar's text, "" for nothing there; a number or `fallback`. */
const char *node_text(const struct node *map, const char *key);
long node_number(const struct node *map, const char *key, long fallback);

/* Seconds as a number ("1.5") to "1500ms". NULL for 0 and for what is no number. */
const char *draft_seconds(struct draft *d, const char *text);

/* Text in quotes where YAML needs them. */
const char *draft_quoted(struct draft *d, const char *text);

/* `divide by this` as a scale: "0.1". NULL: no number. */
const char *draft_inverse(struct draft *d, const char *divisor);

/* "4x0001", 40001, 0x0000 …: table (NULL: not given) and address; false: none of these. */
bool draft_modicon(const char *text, const char **table, long *address);

/* The draft as devices.yaml; `file` is where it came from. */
void draft_print(struct draft *d, const char *file, FILE *out);

/* Which format a file is in, from its name and its text. */
const char *convert_guess(const char *file, const char *text);
bool convert_knows(const char *format);

/* Read the NUL-terminated text, which may be changed, into the draft. Errors are in d->d. */
void convert_text(struct draft *d, const char *format, const char *file, char *text, size_t len);

/* The readers. */
void convert_homeassistant(struct draft *d, const struct node *root);
void convert_mqmgateway(struct draft *d, const struct node *root);
void convert_wirenboard(struct draft *d, const struct node *root);
void convert_telegraf(struct draft *d, const struct node *root);
void convert_csv(struct draft *d, const char *file, const char *text);

/* TOML as nodes: the part of it that configurations use. NULL after an error. */
const struct node *toml_parse(struct arena *a, const char *file, const char *text, struct diag *d);

#endif
