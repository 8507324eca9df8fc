// SPDX-License-Identifier: MIT
#include "core/sim/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sim/chain.h"
#include "core/sim/device.h"
#include "core/sim/server.h"

#define WORDS_MAX 8 /* of a command */

struct unit {
	const struct device *device;
	struct simdevice *sim;
	bool unplugged;
	uint8_t fault;     /* enum sim_fault */
	uint8_t exception; /* answered instead; 0: none */
	uint32_t times;    /* requests that still get fault or exception; UINT32_MAX: all */
	us_t late, turnaround;
	uint8_t refuse; /* the request under way gets this exception */
	uint32_t requests, writes, refused;
	uint32_t wanted_refused; /* reads as wants make them, see simdevice_wanted() */
};

struct simunits {
	struct unit *unit;
	size_t n;
	uint64_t seed;
	us_t now; /* of the last request */
	bool frozen;
	uint32_t requests;
	void (*line)(void *ctx, const char *json);
	void *ctx;
};

/* -- requests -------------------------------------------------------------------- */

/* Functions that only read. A vendor's own count as writes. */
static bool is_read(uint8_t fc)
{
	return (fc >= FC_READ_COILS && fc <= FC_READ_INPUT) || fc == FC_READ_EXCEPTION_STATUS ||
	       fc == FC_DIAGNOSTICS || fc == FC_REPORT_SERVER_ID || fc == FC_DEVICE_ID;
}

static unsigned word(const uint8_t *b)
{
	return (unsigned)(b[0] << 8 | b[1]);
}

/* The data of a request as numbers: words, coils for 15, or the bytes behind an unknown function.
 */
static void print_data(const uint8_t *pdu, size_t len, char *out, size_t size)
{
	const bool list = pdu[0] == FC_WRITE_REGISTERS || pdu[0] == FC_WRITE_COILS;
	const size_t from = list ? 6 : 3;
	size_t at = 0, n = len > from ? (len - from) / 2 : 0;

	if (pdu[0] == FC_WRITE_COILS)
		n = len > 6 ? word(pdu + 3) : 0;
	for (size_t i = 0; i < n && at + 8 < size; i++) {
		const unsigned w = pdu[0] == FC_WRITE_COILS
		                           ? (unsigned)pdu[from + i / 8] >> i % 8 & 1
		                           : word(pdu + from + 2 * i);
		at += (size_t)snprintf(out + at, size - at, "%s%u", i ? "," : "", w);
	}
	out[at] = '\0';
}

static void report_write(const struct simunits *s, const struct unit *u, uint8_t id,
                         const uint8_t *pdu, size_t len, unsigned exception, us_t now)
{
	char data[1024], json[1400];

	if (!s->line)
		return;
	print_data(pdu, len, data, sizeof(data));
	snprintf(json, sizeof(json),
	         "{\"time\":%" PRId64
	         ".%06d,\"device\":\"%s\",\"unit\":%u,\"fc\":%u,\"addr\":%u,\"words\":[%s],"
	         "\"exception\":%u}",
	         now / US_S, (int)(now % US_S), u->device->name, id, pdu[0],
	         len >= 3 ? word(pdu + 1) : 0, data, exception);
	s->line(s->ctx, json);
}

static struct unit *first_of(struct simunits *s, uint8_t unit)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->unit[i].device->id == unit)
			return &s->unit[i];
	return NULL;
}

struct sim_turn simunits_turn(struct simunits *s, uint8_t unit)
{
	struct unit *u = first_of(s, unit);
	struct sim_turn t = {.fault = SIM_NONE};

	if (!u)
		return t;
	t.turnaround = u->turnaround;
	u->refuse = 0;
	if (u->times == 0)
		return t;
	if (u->times != UINT32_MAX)
		u->times--;
	t.fault = u->fault;
	t.delay = u->late;
	u->refuse = u->exception;
	return t;
}

static size_t exception_answer(const uint8_t *pdu, uint8_t code, uint8_t *answer)
{
	answer[0] = pdu[0] | 0x80;
	answer[1] = code;
	return 2;
}

static size_t ask(struct simunits *s, struct unit *u, uint8_t id, const uint8_t *pdu, size_t len,
                  us_t now, int64_t epoch, uint8_t *answer)
{
	size_t n;

	u->requests++;
	simdevice_step(u->sim, now, epoch);
	n = u->refuse ? exception_answer(pdu, u->refuse, answer)
	              : simdevice_answer(u->sim, pdu, len, answer);
	const bool refused = n == 2 && answer[0] & 0x80;
	u->refused += refused;
	u->wanted_refused += refused && simdevice_wanted(u->sim, pdu, len);
	if (!is_read(pdu[0])) {
		u->writes++;
		report_write(s, u, id, pdu, len, refused ? answer[1] : 0, now);
	}
	return n;
}

size_t simunits_answer(struct simunits *s, uint8_t unit, const uint8_t *pdu, size_t len, us_t now,
                       int64_t epoch, uint8_t *answer)
{
	size_t n = 0;

	s->requests++;
	s->now = now;
	for (size_t i = 0; i < s->n && len; i++) {
		struct unit *u = &s->unit[i];
		if (u->unplugged || (unit && u->device->id != unit))
			continue;
		n = ask(s, u, unit, pdu, len, now, epoch, answer);
		/* several devices may share one id: the first that knows the address answers */
		if (unit && !(n == 2 && answer[0] & 0x80 && answer[1] == EXC_ADDRESS))
			break;
	}
	return unit ? n : 0;
}

/* -- commands -------------------------------------------------------------------- */

struct command {
	struct simunits *s;
	struct unit *unit;
	char *word[WORDS_MAX];
	unsigned n;
	uint32_t early;
	char *reply;
	size_t size;
};

static bool parse_duration(const char *text, us_t *out)
{
	char *end;
	const double x = strtod(text, &end);

	if (end == text || x < 0)
		return false;
	*out = (us_t)(x * (strcmp(end, "s") == 0 ? 1e6 : strcmp(end, "us") == 0 ? 1 : 1e3));
	return *end == '\0' || strcmp(end, "s") == 0 || strcmp(end, "ms") == 0 ||
	       strcmp(end, "us") == 0;
}

/* A plug is pulled for everything behind that unit id. */
static void plug(struct command *c, bool out)
{
	for (size_t i = 0; i < c->s->n; i++)
		if (c->s->unit[i].device->id == c->unit->device->id)
			c->s->unit[i].unplugged = out;
}

static const char *do_unplug(struct command *c)
{
	plug(c, true);
	return NULL;
}

static const char *do_plug(struct command *c)
{
	plug(c, false);
	return NULL;
}

static const struct {
	const char *name;
	uint8_t fault;
} fault_name[] = {
	{"none", SIM_NONE},
	{"exception", SIM_NONE},
	{"silent", SIM_LOST},
	{"mute", SIM_SILENT},
	{"late", SIM_LATE},
	{"crc", SIM_BAD_CRC},
	{"short", SIM_SHORT},
	{"cut", SIM_CUT},
	{"held", SIM_HELD},
	{"behind", SIM_BEHIND},
	{"doubled", SIM_DOUBLED},
	{"other-unit", SIM_OTHER_UNIT},
	{"wrong-length", SIM_WRONG_LENGTH},
	{"noise-before", SIM_NOISE_BEFORE},
	{"noise-inside", SIM_NOISE_INSIDE},
	{"noise-after", SIM_NOISE_AFTER},
	{"glitch", SIM_GLITCH},
	{"client", SIM_CLIENT},
};

#define FAULT_NAMES (sizeof(fault_name) / sizeof(fault_name[0]))

/* fault DEV NAME [exception code | time] [xCOUNT] */
static const char *do_fault(struct command *c)
{
	struct unit *u = c->unit;
	unsigned next = 3;
	size_t f = 0;
	unsigned long code = 0;

	while (f < FAULT_NAMES && strcmp(fault_name[f].name, c->word[2]) != 0)
		f++;
	if (f == FAULT_NAMES)
		return "no such fault: see xnetctl(1)";
	if (strcmp(c->word[2], "exception") == 0) {
		code = c->n > next ? strtoul(c->word[next++], NULL, 0) : 0;
		if (code < 1 || code > 255)
			return "which exception? 1 to 255";
	}
	if (fault_name[f].fault == SIM_LATE &&
	    (c->n <= next || !parse_duration(c->word[next++], &u->late)))
		return "how late? 700ms";
	u->exception = (uint8_t)code;
	u->fault = fault_name[f].fault;
	u->times = u->fault == SIM_NONE && !code ? 0 : UINT32_MAX;
	if (u->times && c->n > next && c->word[next][0] == 'x')
		u->times = (uint32_t)strtoul(c->word[next] + 1, NULL, 10);
	return NULL;
}

static const char *do_delay(struct command *c)
{
	return c->n == 3 && parse_duration(c->word[2], &c->unit->turnaround) ? NULL
	                                                                     : "how long? 40ms";
}

/* The value may hold blanks: the words are put together again. */
static const char *do_set(struct command *c)
{
	const char *why;

	for (unsigned i = 4; i < c->n; i++)
		*(c->word[i] - 1) = ' '; /* words are parts of one line: join the value's again */
	return simdevice_set(c->unit->sim, c->word[2], c->word[3], &why) ? NULL : why;
}

static const char *do_freeze(struct command *c)
{
	c->s->frozen = c->word[0][0] == 'f';
	for (size_t i = 0; i < c->s->n; i++)
		simdevice_freeze(c->s->unit[i].sim, c->s->frozen);
	return NULL;
}

/* The device is replaced by one with other SunSpec models. */
static const char *do_chain(struct command *c)
{
	const struct device *d = c->unit->device;
	struct sunspec_chain chain;

	if (!d->set->sunspec)
		return "it has no SunSpec models";
	const char *wrong = simchain_parse(d->set->sunspec, c->word[2], &chain);
	if (wrong)
		return wrong;
	sunspec_bind(d, &chain);
	simdevice_destroy(c->unit->sim);
	c->unit->sim = simdevice_create(d, c->s->seed, c->s->now);
	simdevice_freeze(c->unit->sim, c->s->frozen);
	return NULL;
}

static const char *do_stats(struct command *c)
{
	size_t at =
		(size_t)snprintf(c->reply, c->size, "{\"requests\":%u,\"early\":%u,\"devices\":{",
	                         (unsigned)c->s->requests, (unsigned)c->early);

	for (size_t i = 0; i < c->s->n && at + 210 < c->size; i++) {
		const struct unit *u = &c->s->unit[i];
		at += (size_t)snprintf(
			c->reply + at, c->size - at,
			"%s\"%s\":{\"unit\":%u,\"requests\":%u,\"writes\":%u,\"refused\":%u,"
			"\"wanted_refused\":%u}",
			i ? "," : "", u->device->name, u->device->id, (unsigned)u->requests,
			(unsigned)u->writes, (unsigned)u->refused, (unsigned)u->wanted_refused);
	}
	snprintf(c->reply + at, c->size - at, "}}");
	return NULL;
}

static const struct {
	const char *name;
	unsigned words;                        /* at least, with its own name */
	bool device;                           /* the second word is a device */
	const char *(*run)(struct command *c); /* NULL, or what is wrong */
} verb[] = {
	{"unplug", 2, true, do_unplug}, {"plug", 2, true, do_plug},
	{"fault", 3, true, do_fault},   {"delay", 3, true, do_delay},
	{"set", 4, true, do_set},       {"freeze", 1, false, do_freeze},
	{"thaw", 1, false, do_freeze},  {"stats", 1, false, do_stats},
	{"chain", 3, true, do_chain},
};

static struct unit *find(const struct simunits *s, const char *name)
{
	if (!name)
		return NULL;
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->unit[i].device->name, name) == 0)
			return &s->unit[i];
	return NULL;
}

static const char *run(struct command *c)
{
	for (size_t i = 0; i < sizeof(verb) / sizeof(verb[0]); i++) {
		if (c->n == 0 || strcmp(verb[i].name, c->word[0]) != 0)
			continue;
		if (c->n < verb[i].words)
			return "words are missing";
		c->unit = verb[i].device ? find(c->s, c->word[1]) : NULL;
		return verb[i].device && !c->unit ? "no such device" : verb[i].run(c);
	}
	return "commands: unplug plug fault delay set chain freeze thaw stats log";
}

void simunits_command(struct simunits *s, char *line, uint32_t early, char *reply, size_t size)
{
	struct command c = {.s = s, .early = early, .reply = reply, .size = size};
	char *save = NULL;

	for (char *w = strtok_r(line, " \t\r\n", &save); w && c.n < WORDS_MAX;
	     w = strtok_r(NULL, " \t\r\n", &save))
		c.word[c.n++] = w;
	reply[0] = '\0';
	const char *wrong = run(&c);
	if (wrong)
		snprintf(reply, size, "error: %s", wrong);
	else if (!reply[0])
		snprintf(reply, size, "ok");
}

/* -- life ------------------------------------------------------------------------ */

struct simunits *simunits_create(const struct model *m, uint32_t bus, uint64_t seed,
                                 us_t turnaround, us_t now)
{
	struct simunits *s = mem_alloc(1, sizeof(*s));

	s->unit = mem_alloc(m->ndevice, sizeof(*s->unit));
	s->seed = seed;
	s->now = now;
	for (size_t i = 0; i < m->ndevice; i++) {
		const struct device *d = &m->device[i];
		if (d->bus != bus || !d->enabled || d->broadcast)
			continue;
		s->unit[s->n++] = (struct unit){.device = d,
		                                .sim = simdevice_create(d, seed, now),
		                                .turnaround = turnaround};
	}
	return s;
}

void simunits_destroy(struct simunits *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		simdevice_destroy(s->unit[i].sim);
	free(s->unit);
	free(s);
}

void simunits_on_write(struct simunits *s, void (*line)(void *ctx, const char *json), void *ctx)
{
	s->line = line;
	s->ctx = ctx;
}
