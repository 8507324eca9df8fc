/* SPDX-License-Identifier: MIT */
/*
 * keys: the tables that define which keys a map of the configuration may have. One row is all there
 * is to know about a key: parsing, checking and the reference come from it.
 *
 * A map is read in two steps. keys_collect() notes for each row the first map ("layer") that has
 * it, so several layers give one object; keys_apply() stores what was noted.
 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include "config/yaml.h"

struct load;
struct hit;

enum key_type {
	KEY_BOOL,     /* bool */
	KEY_INT,      /* integer of `size` bytes, min..max */
	KEY_REAL,     /* double */
	KEY_DECIMAL,  /* struct decimal */
	KEY_DURATION, /* us_t, min..max; words of `flags` */
	KEY_SIZE,     /* integer of `size` bytes, bytes, min..max */
	KEY_TEXT,     /* const char *, copied to the model's arena */
	KEY_CHOICE,   /* integer of `size` bytes: index into choice */
	KEY_OTHER,    /* set() does it; no set(): read elsewhere, layer by layer */
};

enum key_flag {
	KEY_REQUIRED = 1,
	KEY_OFF = 2,      /* the word `off` is 0 */
	KEY_AUTO = 4,     /* the word `auto` is 0 */
	KEY_FASTEST = 8,  /* the word `fastest` is 0 */
	KEY_INHERIT = 16, /* a point's key that device, profile and defaults may give, too */
	KEY_FORCE = 32,   /* a device's key that its profile and its bus may give, too */
	KEY_PROFILE = 64, /* a device's key that its profile may give, too */
	KEY_HIDDEN = 128, /* not in the reference: described elsewhere */
	KEY_ALONE = 256,  /* a device's key on which its points do not depend */
};

struct key {
	const char *name;
	uint8_t type;          /* enum key_type */
	uint16_t flags;        /* enum key_flag */
	uint16_t offset, size; /* of the field in the object */
	int64_t min, max;
	const char *const *choice; /* NULL-terminated */
	/* KEY_OTHER: store the value; errors go to l->d */
	void (*set)(struct load *l, const struct hit *h, void *object);
	const char *form;   /* how KEY_OTHER is written, for the reference */
	const char *preset; /* the default, in words; NULL: none */
	const char *doc;    /* one sentence */
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* For rows: where the field is. */
#define KEY_AT(type, field) .offset = offsetof(type, field), .size = sizeof(((type *)0)->field)

struct keyset {
	const char *name; /* "point", for messages and the reference */
	const struct key *key;
	size_t n;
	/* Keys of another table that may be here as well: those with one of these flags. They
	 * are only checked to be known; who reads the other table collects this map as a layer. */
	const struct keyset *also[3];
	uint16_t also_flags[3];
};

#define KEYSET_MAX 80 /* rows in one table */

struct hit {
	const struct key *key;
	const struct node *name; /* the key as it is written */
	const struct node *value;
	unsigned layer;
};

struct hits {
	struct hit hit[KEYSET_MAX]; /* by row; value NULL: not given */
	bool meant[KEYSET_MAX];     /* required, and there under a wrong name */
};

/* Note what this map gives and no earlier layer did. only: 0, or just rows with one of these flags.
 * Unknown keys, and a node that is no map, are errors, unless `only` is given. */
void keys_collect(struct load *l, const struct keyset *set, const struct node *map, unsigned layer,
                  uint16_t only, struct hits *hits);

/* Store what was noted; missing required keys are errors at `where`. The object has its defaults.
 */
void keys_apply(struct load *l, const struct keyset *set, const struct hits *hits,
                struct where where, void *object);

/* Both for a map that has one layer. NULL or empty: only the required keys are looked for. */
void keys_read(struct load *l, const struct keyset *set, const struct node *map, struct where where,
               void *object);

/* Is one of the map's unknown keys this one, under the name it has elsewhere or with a slip of the
 * finger? Then its absence need not be reported. */
bool keys_meant(const struct keyset *set, const struct node *map, const char *key);

/* All tables, NULL-terminated, in the order a reader meets them. */
extern const struct keyset *const keysets[];

/* How the key's value is written, in words: "duration, 1s to 1h, or off". */
void key_form(const struct key *k, char *buf, size_t size);

/* Name of the table near this one that has such a key; NULL: none has. */
const char *keyset_with(const struct keyset *set, const char *key);

const struct hit *keys_hit(const struct keyset *set, const struct hits *hits,
                           const char *name); /* or NULL */

#endif
