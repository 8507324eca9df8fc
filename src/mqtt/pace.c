// SPDX-License-Identifier: MIT
#include "mqtt/pace.h"

#include <string.h>

#define WINDOW_FIRST 4096
#define WINDOW_LEAST 1024
#define WINDOW_MOST (256 * 1024)

/* How late an answer may be for what is before it: below EARLY the window may grow, above LATE it
 * shrinks. */
#define EARLY (100 * US_MS)
#define LATE (250 * US_MS)

/* Of the way alone; what is more is taken for things that lie before us since the beginning. */
#define TRIP_MOST (US_S)

#define ASK_LEAST 1024 /* bytes without a mark are not worth a probe */
#define ASK_EVERY (20 * US_MS)
#define ANSWER_LIMIT (5 * US_S) /* a broker that never answered by then, never will */
#define DISLIKED_WITHIN (10 * US_S)

void pace_begin(struct pace *p)
{
	memset(p, 0, sizeof *p);
	p->window = WINDOW_FIRST;
}

us_t pace_wait(const struct pace *p)
{
	return p->first_asked && !p->answered ? p->first_asked + ANSWER_LIMIT : US_NEVER;
}

bool pace_room(struct pace *p, us_t now)
{
	if (now >= pace_wait(p))
		return true;
	if (p->handed - p->taken < p->window && p->number - p->proven < PACE_MESSAGES)
		return true;
	p->limited = true;
	return false;
}

struct pace_mark pace_hand(struct pace *p, uint32_t id, size_t bytes, bool proves, us_t now)
{
	p->handed += bytes;
	if (p->number - p->proven == PACE_MESSAGES)
		p->proven++; /* of a broker that proves nothing: forgotten */
	p->entry[p->number % PACE_MESSAGES] = (struct pace_entry){id, (uint32_t)(now / US_MS)};
	p->number++;
	if (proves)
		p->asked = p->handed;
	return (struct pace_mark){p->handed, p->number, now};
}

bool pace_asks(const struct pace *p, bool urgent, us_t now)
{
	const uint64_t bytes = p->handed - p->asked;
	if (now >= pace_wait(p))
		return false;
	if (!p->first_asked)
		return true; /* nothing is before it: it shows how long the way is */
	if (bytes == 0)
		return false;
	return urgent || bytes >= p->window / 4 ||
	       (bytes >= ASK_LEAST && !p->questions && now - p->asked_at >= ASK_EVERY);
}

struct pace_mark pace_ask(struct pace *p, us_t now)
{
	p->asked = p->handed;
	p->asked_at = now;
	p->questions++;
	if (!p->first_asked)
		p->first_asked = now;
	return (struct pace_mark){p->handed, p->number, now};
}

static size_t between(size_t least, size_t n, size_t most)
{
	return n < least ? least : n > most ? most : n;
}

/* took: from the mark to its answer. gained: bytes proven by it. */
static void resize(struct pace *p, const struct pace_mark *m, us_t took, size_t gained)
{
	if (!p->trip || took < p->trip)
		p->trip = took < TRIP_MOST ? took : TRIP_MOST;
	const us_t late = took - p->trip;
	if (late < EARLY) {
		if (p->limited)
			p->window = between(WINDOW_LEAST, p->window + gained, WINDOW_MOST);
		p->limited = false;
	} else if (late > LATE && m->bytes > p->shrunk) {
		/* once for what was under way: what was handed over since met the new window */
		const int64_t less = (int64_t)p->window * (EARLY + LATE) / 2 / late;
		p->window = between(WINDOW_LEAST, (size_t)less, p->window * 3 / 4);
		p->window = between(WINDOW_LEAST, p->window, WINDOW_MOST);
		p->shrunk = p->handed;
	}
}

void pace_proof(struct pace *p, const struct pace_mark *m, bool question, us_t now)
{
	if (question) {
		p->questions -= p->questions > 0;
		p->answered = true;
	}
	const size_t gained = m->bytes > p->taken ? (size_t)(m->bytes - p->taken) : 0;
	p->taken += gained;
	if ((int32_t)(m->number - p->proven) > 0)
		p->proven = m->number;
	resize(p, m, now - m->at, gained);
}

bool pace_worth(const struct pace *p)
{
	return p->handed - p->taken <= p->window / 2 && p->number - p->proven <= PACE_MESSAGES / 2;
}

void pace_unasked(struct pace *p)
{
	p->questions -= p->questions > 0;
}

bool pace_clear(const struct pace *p, us_t now)
{
	return (p->number == p->proven && p->answered) || now >= pace_wait(p);
}

bool pace_proven(const struct pace *p, uint32_t number, us_t now)
{
	return (int32_t)(number - p->proven) <= 0 || now >= pace_wait(p);
}

size_t pace_unproven(const struct pace *p, us_t now, uint32_t *id)
{
	size_t n = 0;
	for (uint32_t i = p->proven; i != p->number; i++) {
		const struct pace_entry *e = &p->entry[i % PACE_MESSAGES];
		const uint32_t age = (uint32_t)(now / US_MS) - e->ms;
		if (e->id && age <= DISLIKED_WITHIN / US_MS)
			id[n++] = e->id;
	}
	return n;
}
