// SPDX-License-Identifier: MIT
/*
 * Commands for points that share registers, several at once, delivered twice, over a line that
 * loses and refuses, while the configuration changes. Each command writes a number of its own into
 * each byte, so that each byte of the device names the command it is of.
 */
#include "command_rig.h"
#include "rng.h"

#define SEEDS 150
#define STEPS 120
#define BYTES (2 * RIG_REGISTERS)
#define COMMANDS 240 /* a byte has no more */
#define LAST 4       /* of which may come again */

enum {
	W_LOW,
	W_HIGH,
	W_WORD,
	W_NEXT,
	W_PAIR,
	W_CLOCK,
	W_BEHIND, /* next to the clock: they go in one request */
	W_CLOCK2,
	W_SLOW,
	W_SLOWLOW,
	W_ONCE,
	W_BLIND,
	W_KEPT,
	W_FIRST, /* a group */
	W_SECOND,
	W_POINTS
};

static const struct write_rule slow = {USUAL, .min_write_interval = 3 * US_S};
static const struct write_rule kept = {USUAL, .persistent = true};
static const struct write_rule member = {USUAL, .group = "two"};

static const struct point shared[W_POINTS] = {
	[W_LOW] = POINT("Low", TABLE_HOLDING, 280, &usual, .type = TYPE_U16, .bits = 8),
	[W_HIGH] = POINT("High", TABLE_HOLDING, 280, &usual, .type = TYPE_U16, .bit = 8, .bits = 8),
	[W_WORD] = POINT("Word", TABLE_HOLDING, 280, &usual, .type = TYPE_U16),
	[W_NEXT] = POINT("Next", TABLE_HOLDING, 281, &usual, .type = TYPE_U16),
	[W_PAIR] = POINT("Pair", TABLE_HOLDING, 280, &usual, .type = TYPE_U32),
	[W_CLOCK] = POINT("Clock", TABLE_HOLDING, 310, &usual, .type = TYPE_DATETIME,
                          .layout = &layout),
	[W_BEHIND] = POINT("Behind", TABLE_HOLDING, 316, &usual, .type = TYPE_U16),
	[W_CLOCK2] = POINT("Clock2", TABLE_HOLDING, 317, &usual, .type = TYPE_DATETIME,
                           .layout = &layout),
	[W_SLOW] = POINT("Slow", TABLE_HOLDING, 325, &slow, .type = TYPE_U16),
	[W_SLOWLOW] = POINT("SlowLow", TABLE_HOLDING, 325, &usual, .type = TYPE_U16, .bits = 8),
	[W_ONCE] = POINT("Once", TABLE_HOLDING, 330, &once, .type = TYPE_U16),
	[W_BLIND] = POINT("Blind", TABLE_HOLDING, 331, &unverified, .type = TYPE_U16),
	[W_KEPT] = POINT("Kept", TABLE_HOLDING, 333, &kept, .type = TYPE_U16),
	[W_FIRST] = POINT("First", TABLE_HOLDING, 340, &member, .type = TYPE_U16),
	[W_SECOND] = POINT("Second", TABLE_HOLDING, 341, &member, .type = TYPE_U16),
};

static const struct group_rule two[] = {{.name = "two"}};
static const struct pointset shared_set = {
	.point = shared, .n = W_POINTS, .group = two, .ngroup = 1};
static const struct device shared_device = {
	.name = "dev",
	.id = RIG_UNIT,
	.enabled = true,
	.commands = true,
	.set = &shared_set,
	.max_write = 20,
	.unlock_point = -1,
	.identify_point = -1,
};
static const struct model shared_model = {
	.device = &shared_device, .ndevice = 1, .npoint = W_POINTS, .bus = bus, .nbus = 1};

struct item {
	uint32_t point;
	char text[24];
	unsigned bytes[BYTES]; /* how often each was written */
	bool unsure;           /* its last write was not acknowledged */
	bool ended, good;
};

static struct command {
	uint32_t n;
	struct item item[3];
	us_t at;
	bool accepted;
} command[COMMANDS + 1];

static unsigned ncommand;
static unsigned top[BYTES]; /* the newest command that was written there */
static struct job wire;
static bool busy;
static uint32_t seed;

static void wrong(const char *what, unsigned n, uint32_t item)
{
	fail_msg("seed %u, at %d ms: %s: command %u, %s", seed, (int)(g.now / US_MS), what, n,
	         n ? shared[command[n].item[item].point].name : "");
}

/* -- the device ------------------------------------------------------------------------------- */

static bool is_clock(uint32_t point)
{
	return point == W_CLOCK || point == W_CLOCK2;
}

static bool clock_byte(unsigned byte)
{
	return (byte / 2 >= 310 && byte / 2 < 316) || (byte / 2 >= 317 && byte / 2 < 323);
}

/* The item of that command that has the byte; 3: none. */
static uint32_t item_of(const struct command *c, unsigned byte)
{
	for (uint32_t i = 0; i < c->n; i++) {
		const struct point *p = &shared[c->item[i].point];
		const unsigned first = 2u * p->addr[0], words = codec_words(&p->codec);
		const bool low = p->codec.bits == 8 && p->codec.bit == 0;
		const bool high = p->codec.bits == 8 && p->codec.bit == 8;
		if (byte >= first && byte < first + 2 * words && !(low && byte % 2 == 0) &&
		    !(high && byte % 2))
			return i;
	}
	return 3;
}

/* A byte on the wire, of that number. */
static void byte_written(unsigned byte, unsigned n, us_t sent, bool done)
{
	struct command *c = &command[n];
	const uint32_t i = n && n <= ncommand ? item_of(c, byte) : 3;
	if (i == 3 || !c->accepted)
		wrong("nobody commanded that", n <= ncommand ? n : 0, 0);
	struct item *item = &c->item[i];
	if (item->ended)
		wrong("written after its outcome", n, i);
	if (sent > c->at + COMMAND_TIMEOUT)
		wrong("written late", n, i);
	if (n < top[byte])
		wrong("written behind a newer one", n, i);
	if (item->bytes[byte] && !item->unsure)
		wrong("written twice", n, i);
	if (item->bytes[byte] && item->point == W_ONCE)
		wrong("repeated, though it may not be", n, i);
	if (done) {
		item->bytes[byte]++;
		top[byte] = n;
	}
}

static void job_written(const struct job *j, us_t sent, bool done)
{
	for (unsigned i = 0; i < j->span.count; i++) {
		const uint16_t mask = j->fc == FC_MASK_WRITE ? j->mask[i] : 0xFFFF;
		const unsigned byte = 2u * (j->span.addr + i);
		if (clock_byte(byte))
			continue;
		if (mask & 0xFF00)
			byte_written(byte, j->value[i] >> 8, sent, done);
		if (mask & 0xFF)
			byte_written(byte + 1, j->value[i] & 0xFF, sent, done);
	}
}

/* Of all the items that the job is for, as far as they can be found by its bytes. */
static void job_unsure(const struct job *j, bool unsure)
{
	for (unsigned i = 0; i < 2u * j->span.count; i++) {
		const unsigned byte = 2u * j->span.addr + i;
		const unsigned n = i % 2 ? j->value[i / 2] & 0xFF : j->value[i / 2] >> 8;
		if (clock_byte(byte) || !n || n > ncommand || item_of(&command[n], byte) == 3)
			continue;
		command[n].item[item_of(&command[n], byte)].unsure = unsure;
	}
}

/* Second, minute and hour of the clock are never much older than the write. */
static void job_clock(const struct job *j, us_t sent)
{
	const unsigned at = 310u - j->span.addr;
	if (j->span.addr > 310 || j->span.addr + j->span.count < 316)
		return;
	const int is = (j->value[at + 3] - 10) * 3600 + j->value[at + 4] * 60 + j->value[at + 5];
	const int should = (int)(sent / US_S) - 1000;
	if (should - is > 2 || is > should)
		wrong("an old time", 0, 0);
}

static enum outcome wire_outcome(bool reads, bool *sent, bool *done)
{
	static const enum outcome unsent[] = {OUT_TIMEOUT, OUT_GARBLED, OUT_DROPPED, OUT_LINK,
	                                      OUT_REFUSED};
	static const enum outcome lost[] = {OUT_TIMEOUT, OUT_GARBLED, OUT_TIMEOUT, OUT_LINK};
	*sent = *done = true;
	if (g.offline) {
		*done = false;
		return OUT_TIMEOUT;
	}
	if (g.faults == 0 || below(3))
		return OUT_OK;
	switch (below(4)) {
	case 0:
		*sent = *done = false;
		return unsent[below(reads ? 5 : 4)];
	case 1:
		*done = below(2);
		return lost[below(4)];
	default:
		*done = false;
		return OUT_REFUSED;
	}
}

static uint8_t exception_of(bool *done)
{
	static const uint8_t code[] = {1, 2, 3, 4, 5, 6, 6, 10, 11};
	const uint8_t e = code[below(sizeof code)];
	*done = e == 5 || ((e == 4 || e > 6) && below(2));
	return e;
}

static void wire_done(void)
{
	const struct job j = wire;
	bool sent, done;
	busy = false;
	if (j.expires && j.expires <= g.now) {
		command_job(g.t, j.id, OUT_EXPIRED, 0, 0, g.now, g.now);
		return;
	}
	if (j.only_if_different && device_same(&g, &j)) {
		command_job(g.t, j.id, OUT_SAME, 0, 0, g.now, g.now);
		return;
	}
	const enum outcome o =
		wire_outcome(j.only_if_different || j.fc == FC_MASK_WRITE, &sent, &done);
	const uint8_t e = o == OUT_REFUSED ? exception_of(&done) : 0;
	const us_t at = g.now;
	done = done && sent;
	if (sent) {
		job_clock(&j, at);
		job_written(&j, at, done);
	}
	if (done)
		device_registers(&g, &j, false);
	if (sent)
		job_unsure(&j, o != OUT_OK && !(o == OUT_REFUSED && e == 5));
	g.now += g.exchange;
	command_job(g.t, j.id, o, e, sent ? at : 0, g.now, g.now);
}

static void wire_take(void)
{
	busy = busy || rig_next_job(&wire);
}

/* -- outcomes --------------------------------------------------------------------------------- */

static bool item_written(unsigned n, uint32_t i, bool all)
{
	const struct item *item = &command[n].item[i];
	bool some = false, whole = true;
	for (unsigned byte = 0; byte < BYTES; byte++) {
		if (clock_byte(byte) || item_of(&command[n], byte) != i)
			continue;
		some |= item->bytes[byte] > 0;
		whole &= item->bytes[byte] > 0;
	}
	return all ? whole : some;
}

/* request: the number of the command, and which delivery it was. */
static void outcome_look(const struct command_outcome *o)
{
	const unsigned n = (unsigned)(uintptr_t)o->request % 1000;
	struct item *item = &command[n].item[o->item];
	if ((uintptr_t)o->request >= 1000) {
		if (o->end != COMMAND_REPEATED &&
		    (command[n].accepted || o->end != COMMAND_REFUSED))
			wrong("the second delivery", n, o->item);
		return;
	}
	if (item->ended)
		wrong("two outcomes", n, o->item);
	item->ended = true;
	item->good = command_end_good(o->end);
	if (is_clock(item->point))
		return;
	if (item->good && o->effect != EFFECT_DONE)
		wrong("good, and not done", n, o->item);
	if (item->good && !item_written(n, o->item, true))
		wrong("not written, and it is said to be", n, o->item);
	if (o->effect == EFFECT_NONE && item_written(n, o->item, false))
		wrong("written, and it is said not to be", n, o->item);
}

static void take(void)
{
	rig_take(&g);
	for (size_t i = 0; i < g.nreported; i++)
		outcome_look(&g.reported[i]);
	g.nreported = 0;
}

/* -- who commands ------------------------------------------------------------------------------ */

static void deliver(unsigned n, bool again)
{
	struct command *c = &command[n];
	struct command_item item[3];
	struct command_request q = {.item = item,
	                            .n = c->n,
	                            .duplicate = again,
	                            .request = (void *)(uintptr_t)(n + 1000 * again)};
	for (uint32_t i = 0; i < c->n; i++)
		item[i] = (struct command_item){c->item[i].point, c->item[i].text};
	const bool accepted = command_submit(g.t, &q, g.now);
	if (again && accepted)
		wrong("carried out again", n, 0);
	if (!again)
		c->accepted = accepted;
	take();
}

static bool shared_by(const struct command *c, uint32_t point)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (command_shares(&shared_model, 0, point, 0, c->item[i].point))
			return true;
	return false;
}

static void commands(void)
{
	struct command *c = &command[++ncommand];
	c->n = 1 + (below(3) == 0) + (below(5) == 0);
	c->at = g.now;
	const unsigned first = below(W_POINTS), two_of = c->n;
	c->n = 0;
	for (uint32_t i = 0; c->n < two_of; i++) {
		struct item *item = &c->item[c->n];
		item->point = (first + i) % W_POINTS;
		if (shared_by(c, item->point))
			continue;
		c->n++;
		const unsigned words = shared[item->point].codec.bits ? 0
		                       : item->point == W_PAIR        ? 2
		                                                      : 1;
		const uint32_t v = words == 2   ? ncommand * 0x01010101u
		                   : words == 1 ? ncommand * 0x0101u
		                                : ncommand;
		if (is_clock(item->point))
			snprintf(item->text, sizeof item->text, "now");
		else
			snprintf(item->text, sizeof item->text, "%u", v);
	}
	if (below(12) == 0) /* refused as a whole */
		snprintf(c->item[below(c->n)].text, sizeof c->item->text, "none");
	deliver(ncommand, false);
}

static void delivered_again(void)
{
	const unsigned n = ncommand - below(ncommand < LAST ? ncommand : LAST);
	if (n && g.now < command[n].at + 50 * US_S)
		deliver(n, true);
}

static struct value shared_current(void *ctx, uint32_t device, uint32_t point)
{
	struct value v;
	(void)ctx, (void)device;
	if (is_clock(point))
		return value_none();
	point_decode(&shared[point], &g.holding[shared[point].addr[0]], NULL, NULL, NULL, &v);
	return v;
}

/* -- the world --------------------------------------------------------------------------------- */

static void some_step(void)
{
	const unsigned what = below(100);
	if (what < 25 && ncommand < COMMANDS)
		commands();
	else if (what < 30)
		delivered_again();
	else if (what < 60)
		wire_take();
	else if (what < 80 && busy)
		wire_done();
	else if (what < 92)
		line_read(&g);
	else if (what < 94)
		g.faults = below(2);
	else if (what < 95)
		g.reads_fail = below(3) == 0;
	else if (what < 96) {
		g.offline = below(3) == 0;
		if (g.offline)
			command_offline(g.t, 0, g.now);
	} else if (what < 97)
		g.clock_wrong = below(2);
	else if (what < 98)
		reload(&shared_model);
	else
		g.now += (us_t)below(3000) * US_MS;
	g.now += (us_t)below(60) * US_MS;
	take();
	command_tick(g.t, g.now);
	take();
}

static void until_all_is_done(void)
{
	for (int i = 0; command_alive(g.t); i++) {
		assert_true(i < 100000);
		wire_take();
		if (busy)
			wire_done();
		line_read(&g);
		g.now += 20 * US_MS;
		command_tick(g.t, g.now);
		take();
	}
}

/* The newest that ended well is there, or a newer one of which that is not known. */
static void look_at_registers(void)
{
	for (unsigned byte = 0; byte < BYTES; byte++) {
		unsigned best = 0;
		for (unsigned n = 1; n <= ncommand; n++) {
			const uint32_t i = item_of(&command[n], byte);
			if (i < 3 && command[n].item[i].good)
				best = n;
		}
		if (!clock_byte(byte) && top[byte] < best)
			wrong("overwritten", best, 0);
	}
}

static void every_byte_is_of_the_newest_command(void **state)
{
	const char *env = getenv("WORLD_SEEDS");
	const uint32_t last = env ? (uint32_t)atoi(env) : SEEDS;
	for (seed = 1; seed <= last; seed++) {
		rng = seed * 2654435761u;
		stop(state);
		start(state);
		command_destroy(g.t);
		g.t = command_create(&shared_model, &(struct command_ops){.current = shared_current,
		                                                          .online = online,
		                                                          .wall = wall,
		                                                          .ctx = &g});
		memset(command, 0, sizeof command);
		memset(top, 0, sizeof top);
		ncommand = 0;
		busy = false;
		g.faults = below(2);
		for (int i = 0; i < STEPS * 4; i++)
			some_step();
		if (below(2)) {
			command_shutdown(g.t, g.now);
			take();
		}
		g.faults = g.offline = g.reads_fail = g.clock_wrong = false;
		until_all_is_done();
		for (unsigned n = 1; n <= ncommand; n++)
			for (uint32_t i = 0; i < command[n].n; i++)
				if (!command[n].item[i].ended)
					wrong("no outcome", n, i);
		look_at_registers();
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_byte_is_of_the_newest_command),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
