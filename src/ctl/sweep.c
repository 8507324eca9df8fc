// SPDX-License-Identifier: MIT
/*
 * sweep: probes one id after the other and does not wait for what is slow: an RTU response names
 * its unit however late it comes. Bytes that are no frame mean that two spoke at once: the ids
 * asked shortly before are probed again with a longer timeout.
 */
#include <stdio.h>
#include <string.h>

#include "bus/clock.h"
#include "core/modbus/frame.h"
#include "ctl/scan.h"
#include "ctl/stop.h"

#define SLOWEST (1100 * US_MS) /* a response that comes later is not looked for */
#define TAIL (500 * US_MS)     /* after the last id … */
#define TAIL_FEW (200 * US_MS) /* … of a few */
#define AGAIN_FIRST (300 * US_MS)
#define AGAIN_GROUP 6 /* ids that may be slower than AGAIN_FIRST, asked before all is silent */
#define SEVERAL 32
#define NEAR (120 * US_MS)
#define NOISY 6 /* more bursts that nothing explains are a line's noise, no devices' */
#define WAIT_MOST (80 * US_MS)
#define WAIT_BESIDE (10 * US_MS)
#define TCP_EVERYBODY 4
#define DEEP_QUESTIONS 5
#define DEEP_READS 2  /* the first of them */
#define DEEP_ALL 6    /* ids up to it get all of them */
#define DEEP_INPUT 16 /* up to it the first */

struct found *scan_find(struct scan *s, uint8_t unit, const struct setting *at)
{
	for (size_t i = 0; i < s->nfound; i++)
		if (s->found[i].unit == unit && (!at || setting_same(&s->found[i].setting, at)))
			return &s->found[i];
	return NULL;
}

/* What differs only in parity or stop bits may be one device, where the line does not mind. */
static bool known(struct scan *s, uint8_t unit)
{
	for (size_t i = 0; i < s->nfound; i++)
		if (s->found[i].unit == unit && s->found[i].setting.baud == s->now.baud &&
		    !s->found[i].corrupted)
			return true;
	return false;
}

struct found *scan_add(struct scan *s, uint8_t unit)
{
	char text[32];
	struct found *f = scan_find(s, unit, &s->now);

	if (f)
		return f;
	if (s->nfound == SCAN_FOUND)
		return &s->found[SCAN_FOUND - 1];
	f = &s->found[s->nfound++];
	*f = (struct found){.unit = unit, .setting = s->now};
	if (!s->json) {
		progress_clear(&s->bar);
		fprintf(stderr, "found id %u at %s\n", unit,
		        setting_text(&s->now, text, sizeof(text)));
	}
	return f;
}

/* A slow one is found: does it explain a burst? Not the one in which it was asked itself: there the
 * response of another met the request or its response. */
static void explain(struct scan *s, const struct found *f)
{
	for (size_t i = 0; i < s->nburst; i++) {
		const us_t off = s->burst[i].at - s->first_asked[f->unit] - f->first;
		if (s->burst[i].unit != f->unit && off > -NEAR && off < NEAR)
			s->burst[i].explained = true;
	}
}

static void take_late(struct scan *s)
{
	uint8_t unit[LINE_STRAYS];
	const us_t now = clock_now();
	const size_t n = line_late(s->line, unit, sizeof(unit));

	for (size_t i = 0; i < n; i++) {
		const uint8_t u = unit[i];
		if (u >= SCAN_IDS || !s->asked[u] || now - s->asked[u] > 4 * US_S || known(s, u))
			continue;
		struct found *f = scan_add(s, u);
		f->first = now - s->asked[u];
		f->fc = FC_READ_HOLDING;
		explain(s, f);
	}
}

static bool gateway_only(const struct reply *r)
{
	return r->outcome == OUT_REFUSED &&
	       (r->exception == EXC_GATEWAY_PATH || r->exception == EXC_GATEWAY_TARGET);
}

static void take_reply(struct scan *s, const struct request *r, const struct reply *reply)
{
	if ((reply->outcome != OUT_OK && reply->outcome != OUT_REFUSED) || gateway_only(reply))
		return;
	struct found *f = scan_add(s, r->unit);
	f->first = reply->turnaround;
	f->fc = r->pdu[0];
	f->exception = reply->outcome == OUT_REFUSED ? reply->exception : 0;
	f->corrupted = false;
	explain(s, f);
}

static void take_burst(struct scan *s, uint8_t unit)
{
	s->bursts++;
	if (s->nburst < SCAN_BURSTS)
		s->burst[s->nburst++] = (struct burst){.at = clock_now(), .unit = unit};
}

/* False: the line is gone. */
static bool ask(struct scan *s, const struct request *r, us_t wait)
{
	struct reply reply;

	s->asked[r->unit] = clock_now();
	if (!s->first_asked[r->unit])
		s->first_asked[r->unit] = s->asked[r->unit];
	line_ask(s->line, r, wait, true, &reply);
	take_reply(s, r, &reply);
	if (reply.outcome == OUT_GARBLED) /* its head was right: it was this unit */
		s->corrupted[r->unit]++;
	else if (reply.noise && !known(s, r->unit))
		take_burst(s, r->unit);
	take_late(s);
	if (reply.outcome != OUT_LINK)
		return true;
	/* Many devices with Modbus TCP close the connection on a request to a unit that they do not
	 * have; the next request makes a new one. */
	return s->line->conf.kind == BUS_TCP && !s->line->gone && line_set(s->line, &s->now);
}

static bool ask_fc3(struct scan *s, unsigned unit, us_t wait)
{
	struct request r;

	pdu_read(&r, (uint8_t)unit, TABLE_HOLDING, 0, 1);
	return ask(s, &r, wait);
}

static bool take_frame(void *ctx, const struct seen *seen)
{
	struct scan *s = ctx;
	struct frame f;

	if (seen->way == 'o' || !frame_find(seen->bytes, seen->n, 0, NULL, true, &f))
		return true;
	if (f.unit < SCAN_IDS && s->asked[f.unit] && !known(s, f.unit)) {
		struct found *one = scan_add(s, f.unit);
		one->first = seen->at - s->asked[f.unit];
		one->fc = FC_READ_HOLDING;
		explain(s, one);
	}
	return true;
}

/* The longest that this id's response may have taken, if it is in a burst which nothing explains
 * yet; 0: it is in none. */
static us_t suspect(const struct scan *s, unsigned u)
{
	us_t most = s->corrupted[u] ? 1 : 0;

	for (size_t i = 0; i < s->nburst; i++) {
		const us_t took = s->burst[i].at - s->first_asked[u];
		if (!s->burst[i].explained && s->first_asked[u] && took > most && took < SLOWEST)
			most = took;
	}
	return most;
}

static size_t suspects(const struct scan *s, uint8_t *unit)
{
	size_t n = 0;

	for (unsigned u = s->first; u <= s->last; u++)
		if (suspect(s, u))
			unit[n++] = (uint8_t)u;
	return n;
}

static size_t unexplained(const struct scan *s)
{
	size_t n = s->bursts - s->nburst;

	for (size_t i = 0; i < s->nburst; i++)
		n += !s->burst[i].explained;
	return n;
}

/* A response that met the next request: it is one of these two. Others of its kind are as slow: the
 * next ids get the time that it took. */
static bool ask_near(struct scan *s, unsigned unit)
{
	for (unsigned u = unit > s->first ? unit - 1 : unit; u <= unit && !stop_asked(); u++) {
		if (known(s, (uint8_t)u) || !s->asked[u])
			continue;
		if (!ask_fc3(s, u, AGAIN_FIRST))
			return false;
		const struct found *f = scan_find(s, (uint8_t)u, &s->now);
		const us_t wait = f ? f->first + WAIT_BESIDE : 0;
		if (f && wait > s->wait && s->wait < WAIT_MOST)
			s->wait = wait < WAIT_MOST ? wait : WAIT_MOST;
		if (f)
			break;
	}
	return true;
}

/* Their responses were not awaited: probed once more, it is known how slow they are. */
static bool measure_late(struct scan *s, size_t from)
{
	for (size_t i = from; i < s->nfound; i++)
		if (!ask_fc3(s, s->found[i].unit, SLOWEST))
			return false;
	return true;
}

/* The time in which nothing is sent that could meet the responses of the group. */
static bool listen_group(struct scan *s, unsigned *group)
{
	const size_t before = s->nfound;

	*group = 0;
	return line_listen(s->line, clock_now() + SLOWEST, take_frame, s) &&
	       measure_late(s, before);
}

/* What is quick is waited for; of the others a few are probed at once. */
static bool ask_suspect(struct scan *s, unsigned unit, unsigned *group)
{
	const us_t took = suspect(s, unit);
	const size_t before = s->nfound;
	const bool quick = took < AGAIN_FIRST;

	if (known(s, (uint8_t)unit) || !took)
		return true;
	const us_t wait = s->corrupted[unit] ? AGAIN_FIRST : quick ? took + NEAR : s->wait;
	if (!ask_fc3(s, unit, wait) || !measure_late(s, before))
		return false;
	*group += !quick;
	return *group < AGAIN_GROUP || listen_group(s, group);
}

static bool ask_again(struct scan *s)
{
	uint8_t unit[SCAN_IDS];
	char note[32];
	unsigned group = 0;
	const size_t n = suspects(s, unit);

	progress_begin(&s->bar, "again", (unsigned)n);
	for (size_t i = 0; i < n && !stop_asked(); i++) {
		if (!ask_suspect(s, unit[i], &group))
			return false;
		snprintf(note, sizeof(note), "%zu found", s->nfound);
		progress_show(&s->bar, (unsigned)i + 1, note);
	}
	progress_clear(&s->bar);
	return !group || listen_group(s, &group);
}

/* Only corrupted responses, each time it is asked, and at once: two devices have this id. */
static void take_corrupted(struct scan *s)
{
	for (unsigned u = s->first; u <= s->last; u++)
		if (s->corrupted[u] >= 2 && !known(s, (uint8_t)u)) {
			struct found *f = scan_add(s, (uint8_t)u);
			f->corrupted = true;
			f->fc = FC_READ_HOLDING;
		}
}

/* A device with Modbus TCP may respond to whatever id: then it is one device. */
static bool tcp_everybody(struct scan *s)
{
	static const uint8_t odd[] = {201, 137};

	if (s->line->conf.kind != BUS_TCP || s->nfound != TCP_EVERYBODY)
		return false;
	const size_t before = s->nfound;
	for (size_t i = 0; i < sizeof(odd); i++)
		if (!ask_fc3(s, odd[i], s->wait))
			return false;
	s->everybody = s->nfound == before + sizeof(odd);
	if (s->everybody)
		s->nfound = before - TCP_EVERYBODY + 1;
	return s->everybody;
}

static bool sweep_ids(struct scan *s, unsigned first, unsigned last)
{
	char title[32], note[32] = "";
	unsigned u = first;

	progress_begin(&s->bar, setting_text(&s->now, title, sizeof(title)), last - first + 1);
	for (; u <= last && !stop_asked(); u++) {
		const size_t before = unexplained(s);
		if (!known(s, (uint8_t)u) && !ask_fc3(s, u, s->wait))
			return false;
		if (before < unexplained(s) && before < NOISY && !ask_near(s, u))
			return false;
		if (tcp_everybody(s))
			break;
		snprintf(note, sizeof(note), "%zu found", s->nfound);
		progress_show(&s->bar, u - first + 1, note);
	}
	const us_t tail = last - first < SEVERAL ? TAIL_FEW : TAIL;
	if (!stop_asked() && s->line->conf.kind != BUS_TCP &&
	    !line_listen(s->line, clock_now() + tail, take_frame, s))
		return false;
	progress_end(&s->bar, u - first, note);
	return true;
}

bool sweep_setting(struct scan *s, unsigned first, unsigned last)
{
	memset(s->asked, 0, sizeof(s->asked));
	memset(s->first_asked, 0, sizeof(s->first_asked));
	memset(s->corrupted, 0, sizeof(s->corrupted));
	s->nburst = s->bursts = 0;
	if (!sweep_ids(s, first, last))
		return false;
	if (unexplained(s) > NOISY) {
		fprintf(stderr,
		        "%zu times bytes that are not Modbus: noise, or devices with "
		        "another baud rate or format\n",
		        unexplained(s));
	} else if (!ask_again(s)) {
		return false;
	}
	take_corrupted(s);
	return true;
}

/* How many other questions a silent id gets: a device that ignores what it does not know, in place
 * of an exception, has one of the usual ids, or one beside those that respond. What has neither
 * registers nor coils is looked for only where nothing else is. */
static size_t deep_questions(const struct scan *s, unsigned unit)
{
	if (s->deep || (unit <= DEEP_ALL && !s->nfound))
		return DEEP_QUESTIONS;
	if (unit <= DEEP_ALL)
		return DEEP_READS;
	if (unit <= DEEP_INPUT)
		return 1;
	for (size_t i = 0; i < s->nfound; i++)
		if (setting_same(&s->found[i].setting, &s->now) &&
		    (s->found[i].unit == unit + 1 || s->found[i].unit + 1u == unit))
			return 1;
	return 0;
}

bool sweep_deep(struct scan *s)
{
	struct request r[DEEP_QUESTIONS];
	char title[32];

	progress_begin(&s->bar, setting_text(&s->now, title, sizeof(title)),
	               s->last - s->first + 1);
	for (unsigned u = s->first; u <= s->last && !stop_asked(); u++) {
		const uint8_t unit = (uint8_t)u;
		const size_t n = known(s, unit) ? 0 : deep_questions(s, u);
		pdu_read(&r[0], unit, TABLE_INPUT, 0, 1);
		pdu_read(&r[1], unit, TABLE_COIL, 0, 1);
		pdu_raw(&r[2], unit, (const uint8_t[]){FC_DIAGNOSTICS, 0, 0, 0x5A, 0xA5}, 5, 5);
		pdu_raw(&r[3], unit, (const uint8_t[]){FC_REPORT_SERVER_ID}, 1, 0);
		pdu_device_id(&r[4], unit, 1, 0);
		for (size_t i = 0; i < n && !known(s, unit) && !stop_asked(); i++)
			if (!ask(s, &r[i], s->wait))
				return false;
		progress_show(&s->bar, u - s->first + 1, "other questions");
	}
	progress_clear(&s->bar);
	return true;
}
