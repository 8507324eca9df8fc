/* SPDX-License-Identifier: MIT */
/*
 * load: what the files of this room share while one model is being loaded.
 *
 * The model's arena gets what stays. The scratch arena holds nodes and everything else that ends
 * with the load; nothing in the model may point into it.
 */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include "config/config.h"
#include "config/keys.h"

#define LAYERS_MAX 16 /* maps that can define one device or point */
#define EXTENDS_MAX 4 /* profiles in a row that extend each other */
#define NO_NUMBER INT64_MIN

/* One value of `parameters`. */
struct parameter {
	const char *name, *value;
	const char *description;    /* or NULL */
	const struct node *choices; /* list, or NULL: any text */
	int64_t stride;             /* of addresses, from one choice to the next */
};

/* A profile as far as no device is needed. Parsed once, when the first device names it. */
struct profile {
	struct profile *next;
	const char *name;
	const struct node *root;    /* NULL: not found or not readable, reported already */
	const struct profile *base; /* `extends` */
	struct where where;
	const char *title, *vendor, *models, *sources;
	uint8_t status;
	uint32_t baud;      /* 0: not stated */
	const char *format; /* NULL: not stated */
	const struct node *points, *device, *identify, *parameters, *tests, *groups, *repeat, *omit;
	struct sunspec *sunspec; /* NULL: no such device; each point set gets a copy */
	bool sunspec_broken;     /* only its names are good for anything: it has no layout */
	const char *extends;
	struct where extends_where, line_where;
	uint8_t address_base;
	bool loading; /* for circles of `extends` */
};

struct entry {
	const char *name;
	const struct node *key, *node;
};

struct entries {
	struct entry *entry;
	size_t n, room;
	struct name_table by_name;
};

struct bus_draft {
	struct bus_conf conf;
	const struct node *node;
	bool has_baud, has_format;
	const char *baud_device, *format_device; /* who stated them first, when the bus does not */
};

struct load {
	struct arena *arena, *scratch;
	struct diag *d;
	const struct config_paths *paths;
	struct bundle *bundle; /* what the files are noted in, or read from; NULL: neither */
	struct model *m;
	uint64_t hash;
	int64_t n;         /* number of the repetition being read, or NO_NUMBER */
	const char **seen; /* files read */
	size_t nseen;
	/* the sections of all files, by name */
	struct entries buses, devices;
	const struct node *defaults;
	const struct node *gateway, *mqtt, *homeassistant, *thingsboard;
	const struct node *commands, *control;
	struct bus_draft *bus;
	uint64_t *stated; /* per device: rows of keyset_device that it gives; NULL: none */
	const struct node *numbered; /* points of whose addresses a doubt was reported */
	bool *no_id;                 /* per device: which one is meant is not known; NULL: none */
	struct profile *profile;     /* all parsed ones */
	struct cache *cache;         /* point sets, see alike.c; NULL: none yet */
};

/* A text for the model: a copy in which {n} is the number of the repetition. */
const char *load_text(struct load *l, const char *text);

/* -- source.c: files -- */
/* The whole file as one map; NULL after an error, or if it is empty (reported at `from`, which may
 * have no place). The name is copied. */
const struct node *source_read(struct load *l, const char *path, struct where from);
/* Is there such a file? */
bool source_exists(const struct load *l, const char *path);
/* `name` as seen from the file that names it; scratch memory. */
const char *source_path(struct load *l, const char *from, const char *name);
/* Read devices.yaml and what it includes into l's sections. */
extern const struct keyset keyset_root;
void source_load(struct load *l, const char *path);
/* Names of all profiles in the search path, for "did you mean"; scratch memory. */
const char **source_profiles(struct load *l, size_t *n);
/* A file that is named, but not read here. */
void source_refer(struct load *l, const char *path);
/* First line of a secret file, in the model's arena; NULL after a message at `where`, by diag_error
 * or diag_warn: how it is reported if it cannot be read. key: that names the file. */
const char *source_secret(struct load *l, const char *key, const char *path, struct where where,
                          diag_say *say);

/* -- broker.c -- */
void set_broker(struct load *l, const struct hit *h, void *object);

/* -- mqtt.c -- */
extern const struct keyset keyset_mqtt, keyset_tls, keyset_qos;
extern const struct keyset keyset_thingsboard, keyset_thingsboard_tls;
void mqtt_load(struct load *l);
void thingsboard_load(struct load *l);
void gateway_load(struct load *l);
/* 1 to 64 of A-Z a-z 0-9 _ -; else an error. what: "a device's name". */
bool name_check(struct load *l, const char *what, const struct node *name);

/* -- homeassistant.c -- */
extern const struct keyset keyset_homeassistant;
void homeassistant_load(struct load *l);
/* For the finished model: what Home Assistant would refuse of its points. */
void homeassistant_check(struct load *l);

/* -- bus.c -- */
extern const struct keyset keyset_bus, keyset_direction;
void buses_load(struct load *l);
int bus_find(const struct load *l, const char *name); /* -1: none */
/* A device with this profile is on the bus: its line settings count if the bus states none. */
void bus_use(struct load *l, size_t bus, const struct profile *p, const char *device,
             struct where where);
void buses_finish(struct load *l);
bool format_check(struct load *l, const char *key, const struct node *n); /* 8N1 */
bool baud_check(struct load *l, const char *key, const struct node *n, uint32_t *out);

/* -- profile.c -- */
extern const struct keyset keyset_profile, keyset_line, keyset_parameter;
/* By name from the search path. NULL: unknown (reported at `where`) or broken (reported there). */
const struct profile *profile_find(struct load *l, const char *name, struct where where);
const struct profile *profile_read(struct load *l, const char *path, const char *name);
/* The values of its parameters, of its bases', and as the device sets them. Scratch memory. */
size_t profile_parameters(struct load *l, const struct profile *p, const struct node *const *own,
                          unsigned nown, const struct parameter **out);
/* How far the addresses in the profile are moved by these parameters' values. */
int64_t parameters_block(const struct parameter *parameter, size_t n);

/* -- pointset.c -- */
struct layers {
	/* maps with keys of the device, most specific first: devices.yaml, profile, its base … */
	const struct node *device[LAYERS_MAX];
	uint8_t device_base[LAYERS_MAX]; /* where addresses in them begin: 0 or 1 */
	unsigned ndevice;
	unsigned own; /* how many of them are in devices.yaml */
	/* maps of points, most specific first, and where their addresses begin: 0 or 1 */
	const struct node *points[LAYERS_MAX];
	uint8_t address_base[LAYERS_MAX];
	const struct node *repeat[LAYERS_MAX]; /* the profile's own `repeat`, for points with {n} */
	unsigned npoints;
	unsigned own_points;           /* how many of them are in devices.yaml */
	const struct profile *profile; /* or NULL */
	uint64_t stated;    /* rows of keyset_device that they give; set by device_make */
	bool broken;        /* it names a profile that could not be had */
	struct where where; /* of the device */
};

struct ratings {
	us_t period[RATE_NONE]; /* by rate class */
	us_t every;             /* the device's; -1: not given */
};

/* What `defaults` has, whether a point needs it or not. */
void defaults_check(struct load *l);
/* The points of a device configured so: one set for all that are configured alike. */
const struct pointset *pointset_get(struct load *l, const struct layers *layers);
/* Does the device have no such point only because of `if`, only or omit? */
bool pointset_omits(const struct load *l, const struct pointset *s, const struct node *name);
/* Has this point a mistake in what its words mean? Then no value is held against it. */
bool pointset_broken(const struct load *l, const struct pointset *s, uint32_t point);
int pointset_index(struct load *l, const struct pointset *s, const char *key,
                   const struct node *name);

/* -- point.c: one point -- */
struct reference {
	const char *name; /* NULL: none */
	struct where where;
};

/* How to read one point: its maps, most specific first. layer[] numbers them in struct layers. */
struct recipe {
	const char *name;
	const struct layers *of;
	const struct node *map[LAYERS_MAX];
	const struct node *key[LAYERS_MAX];
	unsigned layer[LAYERS_MAX];
	unsigned n;
	int64_t shift;  /* of addresses, by `repeat` */
	int64_t block;  /* … of those in the profile, by the parameters' `stride` */
	int64_t number; /* of the repetition, or NO_NUMBER */
	uint16_t place; /* in the repetition, from 1; 0: none */
	struct reference count_from;
	struct where where;
};

struct draft {
	struct point p;
	struct write_rule w;
	bool writable;
	struct reference exponent_from, factor_from, count_from, expr;
	const struct recipe *recipe;
	struct layout *layout;
	uint8_t zone;        /* 0 local, 1 utc */
	int8_t decimals;     /* -1: not given */
	struct codec stated; /* as the keys define; of a bit: the number it is in */
	bool has_type, has_rate, has_every, has_stale;
	us_t every;
	bool broken; /* what its words mean is not known: no value is held against it */
	struct where source_where;
	struct hits *hits; /* while it is read and checked */
};

extern const struct keyset keyset_point, keyset_valid, keyset_counter, keyset_repeat,
	keyset_defaults, keyset_rates;
/* Keys of this map that points inherit, whether a point needs them or not. NULL is fine. */
void inherit_check(struct load *l, const struct node *map);
/* An address that a point gives, with the shifts of its recipe; false: it is reported. */
bool point_address(struct load *l, const struct hit *h, const struct node *n,
                   const struct recipe *r, int table, int64_t *out);
void point_read(struct load *l, const struct recipe *r, const struct ratings *rates,
                struct draft *out);
/* point_check.c: its keys checked against each other. errors: as many as there were before its keys
 * were read. */
void point_check(struct load *l, struct draft *d, size_t errors);
/* contrary.c: keys that contradict each other, of a point that has no errors; of the model. */
void point_contrary(struct load *l, const struct draft *d);
void model_contrary(struct load *l);
void set_reference(struct load *l, const struct hit *h, void *object);
void set_function(struct load *l, const struct hit *h, void *object);
void set_functions(struct load *l, const struct hit *h, void *object);

/* -- value.c: the keys that define what a raw word means -- */
void set_source(struct load *l, const struct hit *h, void *object);
void set_bits(struct load *l, const struct hit *h, void *object);
void set_values(struct load *l, const struct hit *h, void *object);
void set_na(struct load *l, const struct hit *h, void *object);
void set_valid(struct load *l, const struct hit *h, void *object);
void set_counter(struct load *l, const struct hit *h, void *object);
void set_layout(struct load *l, const struct hit *h, void *object);

/* -- sunspec.c -- */
extern const struct keyset keyset_sunspec, keyset_sunspec_model;
void sunspec_load(struct load *l, struct profile *p, const struct node *n);
/* Is this address one in a model of the profile, like inverter+14? p: or NULL. */
bool sunspec_named(const struct profile *p, const struct node *n);
/* Which model, from 1, and where in it. False: reported. */
bool sunspec_offset(struct load *l, const struct profile *p, const struct node *n, int64_t shift,
                    uint16_t *part, uint16_t *offset);
/* For the finished points of one set; NULL: the profile has no models. */
struct sunspec *sunspec_make(struct load *l, const struct profile *p, struct point *point,
                             uint32_t n);

/* -- write.c -- */
extern const struct keyset keyset_write, keyset_safe;
void write_read(struct load *l, const struct recipe *r, struct draft *out);
/* write_check.c */
void write_check(struct load *l, struct draft *d);
/* Why this text is no value of the point, as words behind it; NULL: it is one. */
const char *value_problem(const struct point *p, const char *text);
#define WRITE_PROBLEM_MAX 256
/* Can it be written to the point as a command? NULL, or why not, perhaps in buf. */
const char *write_problem(const struct point *p, const char *text, char *buf, size_t size);

/* -- device.c -- */
extern const struct keyset keyset_device, keyset_unlock;
void devices_load(struct load *l);
/* Do its `points` give an address? */
bool has_addresses(const struct node *map);
/* Does it, or its profile, give this key? */
bool device_states(const struct load *l, size_t device, const char *key);
/* Add the keys of a profile and its bases. */
void layers_profile(struct layers *x, const struct profile *p);
/* One device of these layers. */
void device_make(struct load *l, struct layers *layers, struct device *out);

/* -- identify.c -- */
/* An object of Read Device Identification by name or number; -1: reported. */
#define DEVICE_ID_OBJECTS                                                                          \
	"vendor, product, revision, url, product_name, model, application and 0 to 255"
int device_id_object(struct load *l, const struct node *n);
extern const struct keyset keyset_identify;
/* How the device is recognised, by its profile, and whether its own keys turn that off. */
void identify_read(struct load *l, const struct layers *layers, struct device *d);

/* -- broadcast.c -- */
/* A device with id 0 on a line: what can be written to all units, and nothing else. */
void broadcast_make(struct load *l, const struct layers *layers, struct device *d);

/* -- tests.c -- */
extern const struct keyset keyset_test;
/* One test, for a device with these points. */
void test_read(struct load *l, const struct profile *p, const struct pointset *set,
               const struct node *n, struct profile_test *out);

/* -- alone.c -- */
/* The model of one profile alone: one device on a bus of its own, and its tests. Other choices
 * of its parameters, and tests with other parameters, get a device of their own. */
void profile_device(struct load *l, const struct profile *p, struct profile_test **tests,
                    size_t *ntest);

/* -- check.c: what only the whole can show -- */
void check_model(struct load *l);

#endif
