/* SPDX-License-Identifier: MIT */
/*
 * model: the configuration as a value. Loaded whole into one arena, checked whole, never changed.
 *
 * Devices that are configured alike share one point set, so a map of 250 equal meters costs one.
 */
#ifndef CORE_MODEL_MODEL_H
#define CORE_MODEL_MODEL_H

#include "core/base/arena.h"
#include "core/base/diag.h"
#include "core/base/span.h"
#include "core/model/sunspec.h"
#include "core/schedule/schedule.h"
#include "core/value/codec.h"
#include "core/value/expr.h"
#include "core/value/filter.h"

#define NAME_MAX_LEN 64

struct label {
	int64_t code;
	const char *text;
};

enum point_source {
	SOURCE_REGISTER,
	SOURCE_EXPR,
	SOURCE_DEVICE_ID /* a text of Read Device Identification; addr[0] is its object */
};
enum rate { RATE_FAST, RATE_NORMAL, RATE_SLOW, RATE_ONCE, RATE_NONE /* `every` decides */ };
enum poll_mode { POLL_ALWAYS, POLL_ON_DEMAND };
enum point_category { CATEGORY_AUTO, CATEGORY_NONE, CATEGORY_CONFIG, CATEGORY_DIAGNOSTIC };
enum point_announced { ANNOUNCED_AUTO, ANNOUNCED_ENABLED, ANNOUNCED_DISABLED };
enum alert_kind { ALERT_NONE, ALERT_FAULT, ALERT_WARNING };

/* How a point is written. NULL in struct point: read-only. */
struct write_rule {
	bool only; /* cannot be read */
	bool verify;
	bool persistent; /* EEPROM: no write when it already holds the value */
	bool repeatable;
	bool accept_retained;
	bool has_min, has_max, has_step;
	bool safe_on_broker, safe_on_no_command;
	uint8_t function; /* 0: device's, else 5, 6, 15, 16, 22 */
	uint8_t raw_len;
	uint16_t raw_answer;
	/* -1: where it is read; else a coil (for coil and discrete) or a holding register */
	int32_t address;
	int32_t on, off, toggle; /* raw words; -1: not given */
	double min, max, step;
	us_t settle; /* after the acknowledgement, before the read-back */
	us_t min_write_interval;
	us_t pulse;   /* 0: none */
	us_t rewrite; /* keep-alive; 0: none */
	us_t sync;    /* set a clock this often; 0: never */
	us_t command_timeout;
	us_t safe_after; /* 0: no safe value */
	const char *safe_value;
	const uint8_t *raw;  /* action by a raw PDU; NULL: none */
	const char *confirm; /* payload must be "word value"; NULL: none */
	const char *group;
};

struct point {
	const char *name;
	struct where where;
	uint8_t source; /* enum point_source */
	uint8_t table;
	uint8_t parts;    /* 1, or 2: two registers that are not neighbours */
	uint16_t addr[2]; /* most significant first */
	/* of a SunSpec model: addr is where the device has it, see core/model/sunspec.h */
	uint16_t part;      /* 1 + index of its model in the set's sunspec; 0: none */
	uint16_t offset[2]; /* from the model's id */
	bool absent;        /* this device does not have it: not read, not published, no commands */
	struct codec codec;
	const struct expr *expr;
	int32_t exponent_from; /* point of the same device; -1: none */
	int32_t factor_from;
	int32_t count_from; /* point with the count of a repetition; -1: none */
	uint16_t repeat_n; /* its place in the repetition, from 1; published as None above the count
	                    */
	bool hidden;       /* omitted, but others need it: no topic, no commands, not in info */
	const struct label *label;
	uint16_t nlabel;
	bool has_valid;
	double valid_min, valid_max;
	const struct counter_rule *counter;
	const char *unit, *description, *class_, *state_class, *icon;
	const char *title;           /* its name for people; NULL: made from its name */
	uint8_t category, announced; /* enum point_category, enum point_announced */
	/* reading */
	uint8_t rate, prio, poll;
	bool barrier;
	const char *together;    /* NULL: none */
	uint32_t together_first; /* first point of the set with that word */
	us_t period;             /* resolved; PERIOD_FASTEST, PERIOD_ONCE */
	us_t stale;              /* resolved */
	/* publishing */
	struct filter_rule filter;
	bool retain, history;
	uint8_t qos;
	uint8_t alert; /* enum alert_kind */
	int32_t alert_code;
	const char *alert_desc;
	const struct write_rule *write; /* NULL: read-only */
};

/* Words that must decode so, by the profile's author; run by make check. */
struct profile_test {
	struct where where;
	const char *title, *source;
	bool capture;    /* a real device sent these words */
	uint32_t device; /* of the profile's model: 0, or one with other parameters */
	struct {
		uint8_t table;
		uint16_t addr, n;
		const uint16_t *word;
	} * block;
	size_t nblock;
	struct {
		const char *point, *text;
		struct where where;
	} * expect;
	size_t nexpect;
};

/* Points that are written together (write_rule.group): members that a command leaves out are read
 * first and go along unchanged. All in one request when they are neighbours, else in `order`. */
struct group_rule {
	const char *name;
	struct where where;
	const uint32_t *order; /* points of the set, as the profile orders them; may be none */
	size_t norder;
	/* each must be true of the values about to be written; rule_text is for the message */
	const struct expr *const *rule;
	const char *const *rule_text;
	size_t nrule;
};

struct pointset {
	const struct point *point;
	uint32_t n;
	const uint16_t *by_name; /* points in the order of their names; NULL: not sorted */
	const uint16_t *expr;    /* those that are expressions, each behind those it is made of */
	uint32_t nexpr;
	struct where where;
	const struct group_rule *group;
	size_t ngroup;
	struct sunspec *sunspec; /* NULL: its addresses are fixed; else no other device shares it */
};

/* tested: on the device; captured: words of a real device are among the tests; documented: two
   independent sources agree; experimental: one source, or sources that differ. */
enum profile_status {
	STATUS_NONE,
	STATUS_TESTED,
	STATUS_CAPTURED,
	STATUS_DOCUMENTED,
	STATUS_EXPERIMENTAL
};
/* Read Device Identification (function 43/14): what one object must be. */
#define DEVICE_ID_RULES 8
#define DEVICE_ID_TEXT_MAX 64
struct device_id_rule {
	uint8_t object;      /* 0 vendor, 1 product, 2 revision, … */
	const char *pattern; /* `*`: any characters */
};

enum identify_kind { IDENTIFY_EQUALS, IDENTIFY_STARTS, IDENTIFY_ONE_OF };

struct setup_step {
	uint32_t point;
	const char *value;
	struct where where;
};

struct device {
	const char *name;
	struct where where;
	const char *profile; /* NULL: points only in devices.yaml */
	const char *title, *vendor, *model;
	uint32_t bus;
	uint8_t id;
	bool enabled, commands, json, shared;
	bool broadcast;  /* id 0 of a line: all units; nothing answers, nothing is read */
	uint32_t point0; /* index of its first point among all points of the model */
	const struct pointset *set;
	struct unit_rule rule;
	uint16_t max_write;     /* registers */
	uint8_t write_function; /* 0: 6 for one register, 16 for more; 6, 16 */
	const struct setup_step *setup;
	size_t nsetup;
	const struct setup_step *offline; /* values to publish when it goes offline */
	size_t noffline;
	int32_t identify_point;    /* point that must have this text; -1: none */
	const char *identify_text; /* the first of identify_word */
	bool identify_ignore;
	uint8_t identify_kind; /* enum identify_kind */
	const char *const *identify_word;
	size_t nidentify;
	const struct device_id_rule *device_id; /* instead of identify_point */
	size_t ndevice_id;
	uint64_t functions;   /* bit n: function code n works; 0: not stated */
	int32_t unlock_point; /* point to be written before other writes; -1: none */
	const char *unlock_value;
	us_t unlock_lasts;   /* good for further writes this long; 0: before each write */
	const char *sources; /* of the profile, one a line */
	uint8_t status;      /* enum profile_status, of the profile */
};

enum bus_kind { BUS_SERIAL, BUS_TCP, BUS_RTU_TCP };
enum direction { DIRECTION_AUTO, DIRECTION_KERNEL, DIRECTION_RTS, DIRECTION_OFF };

struct bus_conf {
	const char *name;
	struct where where;
	uint8_t kind;     /* enum bus_kind */
	const char *port; /* path of the tty */
	const char *host; /* TCP */
	uint16_t tcp_port;
	uint32_t baud; /* 0 for BUS_TCP */
	uint8_t data, stop;
	char parity;
	uint8_t direction;
	bool rts_high; /* while sending */
	us_t rts_before, rts_after;
	us_t silence; /* 0: by the rule */
	us_t timeout;
	uint8_t retries;
	bool echo;
	const char *description;        /* for people; NULL: none */
	us_t connect_delay, close_idle; /* close_idle 0: never */
};

#define MQTT_BROKERS_MAX 8

struct mqtt_broker {
	const char *host;
	uint16_t port;
	bool tls, ws;
	const char *path; /* of the WebSocket, as "/mqtt"; NULL: none */
};

struct mqtt_conf {
	struct where where;
	const struct mqtt_broker *broker; /* all of them, in the order in which they are tried */
	size_t nbroker;                   /* 0: only the one below */
	/* the one in use; mqtt_use() sets it */
	const char *host;
	uint16_t port;
	bool use_tls, use_ws;
	const char *path;
	uint8_t version;       /* 0 auto, 4 (3.1.1), 5 */
	const char *client_id; /* NULL: made from gateway name and MAC */
	const char *prefix;
	const char *username, *password; /* never in a message */
	const char *ca, *cert, *key;
	bool tls_verify;
	us_t keepalive;
	uint8_t qos_value, qos_status, qos_command;
	bool retain;
	us_t expiry;       /* 0: off */
	bool payload_unit; /* value+unit */
	bool properties;   /* unit and class as user properties (MQTT 5) */
	size_t history_buffer;
	us_t sys_interval; /* 0: off */
};

/* Use the i-th broker of the list. */
void mqtt_use(struct mqtt_conf *m, size_t i);
/* Is TLS used with any of them? */
bool mqtt_tls(const struct mqtt_conf *m);

/* Discovery by Home Assistant. */
struct homeassistant_conf {
	struct where where;
	bool on;
	bool names_as_written; /* entities are named as points are, not in words */
	uint32_t version;      /* the oldest one that must understand, as in devclass.h */
	size_t max_bytes;      /* of one document */
	const char *prefix;
};

/* What a profile lets a device choose, and the points that come of it. */
struct profile_choice {
	const char *text;
	uint32_t device; /* of the profile's model: the one with only this choice made */
};

struct profile_parameter {
	const char *name, *preset, *description;
	const struct profile_choice *choice;
	size_t nchoice; /* 0: any text */
};

/* What the control socket is good for. */
enum control_access { CONTROL_OFF, CONTROL_READ_ONLY, CONTROL_ON };

struct model {
	struct arena *arena;
	const char *file;
	const char *gateway;
	bool commands_off; /* of all devices */
	uint8_t control;   /* enum control_access */
	char hash[17];     /* of all files read, hex */
	struct mqtt_conf mqtt;
	struct homeassistant_conf homeassistant;
	struct mqtt_conf thingsboard; /* host NULL: none; prefix: of its devices' names there */
	const struct bus_conf *bus;
	size_t nbus;
	const struct device *device;
	size_t ndevice;
	size_t npoint;               /* of all devices together */
	const uint16_t *by_name;     /* devices in the order of their names; NULL: not sorted */
	const uint16_t *bus_by_name; /* the same of buses */
	const uint32_t *on_bus;      /* devices, those of one bus side by side, ascending */
	const uint32_t *bus_end;     /* by bus: where its devices end in on_bus */
	const struct profile_parameter *parameter; /* of a profile loaded alone, else none */
	size_t nparameter;
};

/* Are its values words, also where they look like numbers? */
static inline bool point_is_words(const struct point *p)
{
	const uint8_t t = p->codec.type;
	return p->source != SOURCE_EXPR &&
	       (p->nlabel || t == TYPE_STRING || t == TYPE_BYTES || t == TYPE_DATETIME);
}

void model_destroy(struct model *m); /* NULL is fine; frees the arena */

#define MODEL_SIZE_TEXT 96 /* bytes of buf */
/* "1 bus, 3 devices, 27 points". Returns buf. */
const char *model_size_text(const struct model *m, char buf[MODEL_SIZE_TEXT]);

/* Fills by_name, bus_by_name, on_bus and bus_end: once buses and devices are there. Memory of the
 * arena. */
void model_index(struct model *m, struct arena *a);
/* Fills by_name and expr. */
void pointset_sort(struct pointset *s, struct arena *a);

/* The devices of a bus, n of them. */
const uint32_t *model_on_bus(const struct model *m, uint32_t bus, size_t *n);

/* The wants and rules of one bus. Points of a SunSpec model are read with its head, which proves
 * that the model is still there; a device that is not bound wants what its walk reads next.
 * Arrays are malloc'ed, the caller frees both. Points that share registers become one want with the
 * shortest period. how[global point]: bits of WANT_…; NULL: none. Disabled devices, expressions,
 * write-only and absent points contribute nothing. */
#define WANT_ON_DEMAND 1 /* polled, though it is on demand */
#define WANT_APART 2     /* its two registers in two requests: the device refuses both in one */
size_t model_wants(const struct model *m, uint32_t bus, const uint8_t *how, struct want **wants,
                   struct unit_rule **rules, size_t *nrule);

/* False: its chain of SunSpec models is not known, and so no address of its points. */
static inline bool model_bound(const struct device *d)
{
	return !d->set->sunspec || d->set->sunspec->bound;
}

/* Registers of each of its parts. */
static inline unsigned model_part_words(const struct point *p)
{
	return codec_words(&p->codec) / (p->parts == 2 ? 2 : 1);
}

/* Registers a point occupies, from its lowest address to its highest. */
struct span model_span(const struct device *d, const struct point *p);

/* Is it read by two requests, because its two registers lie too far apart? */
bool model_apart(const struct device *d, const struct point *p);

/* One of its two registers: part 0, the more significant one, or part 1. */
struct span model_part(const struct device *d, const struct point *p, unsigned part);

/* The word at an address that the block holds. */
uint16_t model_word(const struct span *block, const uint16_t *words, unsigned addr);

/* The words of a point out of a block that covers its span, gathered in the order it lists them. A
 * cell of a bit table becomes a word 0 or 1. */
void model_gather(const struct point *p, const struct span *block, const uint16_t *words,
                  uint16_t *out);

int model_find_device(const struct model *m, const char *name, size_t len); /* -1: none */
int model_find_point(const struct pointset *s, const char *name, size_t len);
int model_find_bus(const struct model *m, const char *name, size_t len);

/* The same by a whole name that is probably at `first`: who looks for one after the other, in the
 * order of another model, gives where the last one was, plus 1. */
int model_find_device_from(const struct model *m, const char *name, size_t first);
int model_find_point_from(const struct pointset *s, const char *name, size_t first);

/* As point_decode(), without the check for `valid`. */
void point_scaled(const struct point *p, const uint16_t *words, const struct value *exponent,
                  const struct value *factor, char *text, struct value *out);

/* A point's value out of its gathered words: codec, exponent, factor, valid range. exponent,
 * factor: values of the points named by exponent_from and factor_from; NULL when the point names
 * none. text as in codec_decode(). */
void point_decode(const struct point *p, const uint16_t *words, const struct value *exponent,
                  const struct value *factor, char *text, struct value *out);

/* The way back; words and mask as in codec_encode(). */
enum codec_fault point_encode(const struct point *p, const struct value *v,
                              const struct value *exponent, const struct value *factor,
                              uint16_t *words, uint16_t *mask);

/* Is it one of its device's Alerts? */
bool point_alerts(const struct point *p);

/* The label of a value's code, NULL: none. */
const struct label *point_label(const struct point *p, const struct value *v);

/* What the topic holds: label, number with its decimals, text, None. unit NULL: without. */
int point_print(const struct point *p, const struct value *v, const char *unit, char *buf,
                size_t size);

/* The same text as a member of a JSON object: a number, text or list by the point's type; None
 * and NULL are null. */
struct json;
void point_json(struct json *j, const struct point *p, const char *name, const char *text);

#endif
