// SPDX-License-Identifier: MIT
#include "core/schedule/private.h"

#include <string.h>

#include "core/base/arena.h"

#define ASIDE_FIRST (5 * US_S) /* it may be a passing trouble */
#define ASIDE_LONGEST (6 * 3600 * US_S)
#define ASIDE_ALIVE (10 * US_S) /* a unit with nothing else: is it there? */
#define REFUSALS 2              /* of one want alone, until it is set aside */
#define REFUSALS_UNWELL 5       /* the same, for exceptions that are not about addresses */
#define UNWELL 3                /* those in a row, until a failing register is searched */
#define PUT_OFF_MOST (5 * US_S) /* after such a one */

/* -- what is learned ------------------------------------------------------------------------------
 */

static void learnt_add(struct unit *u, const struct cut *c, us_t born)
{
	for (size_t i = 0; i < u->nlearnt; i++) {
		struct learnt *l = &u->learnt[i];
		if (l->cut.table == c->table && l->cut.addr == c->addr && l->cut.len == c->len) {
			l->born = born;
			return;
		}
	}
	if (!u->learnt)
		u->learnt = mem_alloc(LEARNT_MAX, sizeof(struct learnt));
	if (u->nlearnt == LEARNT_MAX)
		memmove(&u->learnt[0], &u->learnt[1], --u->nlearnt * sizeof(struct learnt));
	u->learnt[u->nlearnt++] = (struct learnt){.cut = *c, .born = born};
}

static void learnt_remove(struct unit *u, size_t i)
{
	u->nlearnt--;
	memmove(&u->learnt[i], &u->learnt[i + 1], (u->nlearnt - i) * sizeof(struct learnt));
}

/* The holes cut on the way to a failing register are not to blame. If they are as well, they will
 * be found.
 */
static void learnt_absolve(struct unit *u, uint8_t table)
{
	for (size_t i = u->nlearnt; i-- > 0;)
		if (u->learnt[i].cut.table == table && u->learnt[i].born)
			learnt_remove(u, i);
}

/* All is read again since the last hole was cut: that was it. */
static void learnt_prove(struct unit *u, uint8_t table)
{
	struct learnt *last = NULL;
	for (size_t i = 0; i < u->nlearnt; i++) {
		struct learnt *l = &u->learnt[i];
		if (l->cut.table == table && l->born && (!last || l->born > last->born))
			last = l;
	}
	if (last)
		last->born = 0;
	learnt_absolve(u, table);
}

/* After a good read: is the search over? */
void refused_search_ends(struct schedule *s, struct unit *u)
{
	bool suspected[4] = {false};
	bool any = false;
	for (size_t i = u->first; i < u->first + u->n; i++) {
		const struct node *n = &s->node[i];
		if (!n->doubted || n->aside)
			continue;
		suspected[n->want.table & 3] = true;
		any = true;
	}
	for (uint8_t table = 0; table < 4; table++)
		if (!suspected[table])
			learnt_prove(u, table);
	u->searching = any;
}

/* These cells were read: they are not forbidden. */
void learnt_disproved(struct unit *u, const struct span *span)
{
	const uint32_t first = span->addr, end = first + span->count;
	for (size_t i = u->nlearnt; i-- > 0;) {
		struct cut *c = &u->learnt[i].cut;
		const uint32_t cut_end = (uint32_t)c->addr + c->len;
		if (c->table != span->table || c->addr >= end || cut_end <= first)
			continue;
		if (c->addr < first)
			c->len = (uint16_t)(first - c->addr);
		else if (cut_end > end)
			*c = (struct cut){c->table, (uint16_t)end, (uint16_t)(cut_end - end)};
		else
			learnt_remove(u, i);
	}
}

/* -- the wants of a refused block -------------------------------- */

size_t members_of(struct schedule *s, const struct unit *u, const struct span *span)
{
	size_t n = 0;
	scratch_begin(s, u);
	for (size_t i = nodes_from(s, u, span); nodes_within(s, u, i, span); i++)
		if (s->node[i].group == s->turn_group && node_inside(&s->node[i], span))
			s->list[n++] = &s->node[i].want;
	return n;
}

bool members_suspected(const struct schedule *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (node_in(s, i)->doubted)
			return true;
	return false;
}

static uint8_t group_new(struct unit *u)
{
	u->next_group = u->next_group == UINT8_MAX ? 1 : (uint8_t)(u->next_group + 1);
	return u->next_group;
}

/* The hole nearest the block's middle. False: it has none. */
static bool hole_in_the_middle(const struct schedule *s, size_t n, const struct span *span,
                               struct cut *hole)
{
	const uint32_t middle = 2u * span->addr + span->count; /* twice */
	uint32_t end = span->addr, nearest = UINT32_MAX;
	for (size_t i = 0; i < n; i++) {
		const struct want *w = s->list[i];
		if (w->addr > end) {
			const uint32_t at = w->addr + end;
			const uint32_t off = at > middle ? at - middle : middle - at;
			if (off < nearest) {
				nearest = off;
				*hole = (struct cut){span->table, (uint16_t)end,
				                     (uint16_t)(w->addr - end)};
			}
		}
		if ((uint32_t)w->addr + w->len > end)
			end = (uint32_t)w->addr + w->len;
	}
	return nearest != UINT32_MAX;
}

/* The same length was refused before, and all of it was then read in pieces: it is the length. */
bool length_refused(struct unit *u, const struct span *span)
{
	const size_t kind = table_kind(span->table);
	if (u->split.count == 0 || u->split.table != span->table || span->count < u->split.count)
		return false;
	const uint16_t half = (uint16_t)((u->split.count + 1) / 2);
	const uint16_t good = u->good[kind] < u->split.count ? u->good[kind] : 0;
	u->most[kind] = good > half ? good : half;
	u->split.count = 0;
	return true;
}

void block_split(struct schedule *s, struct unit *u, size_t n, const struct span *span, us_t now)
{
	struct cut hole;
	const bool has_hole = hole_in_the_middle(s, n, span, &hole);
	if (has_hole)
		learnt_add(u, &hole, now);
	else if (node_in(s, 0)->group == 0)
		u->split = *span;
	const uint8_t low = has_hole ? node_in(s, 0)->group : group_new(u);
	const uint8_t high = has_hole ? node_in(s, 0)->group : group_new(u);
	for (size_t i = 0; i < n; i++) {
		struct node *node = node_in(s, i);
		node->doubted = true;
		node->due = us_min(node->due, now); /* the search needs it */
		node->base = us_min(node->base, now - FIRST_URGENCY * node_period(node));
		node->group = i < n / 2 ? low : high;
	}
}

static us_t aside_pause(const struct node *n)
{
	us_t pause = ASIDE_FIRST;
	for (unsigned i = 0; i < n->asides && pause < ASIDE_LONGEST; i++)
		pause *= 2;
	return us_min(pause, ASIDE_LONGEST);
}

/* Is nothing else requested of the unit until then? */
static bool unit_unasked(const struct schedule *s, const struct unit *u, const struct node *but,
                         us_t until)
{
	for (size_t i = u->first; i < u->first + u->n; i++) {
		const struct node *n = &s->node[i];
		if (n != but && (n->due <= until || (!n->aside && n->due != US_NEVER)))
			return false;
	}
	return true;
}

/* What was read before and is aside may be well again, too. */
void refused_look_again(struct schedule *s, struct unit *u, us_t now)
{
	for (size_t i = u->first; i < u->first + u->n; i++) {
		struct node *n = &s->node[i];
		if (n->aside && n->last != NEVER_READ)
			n->due = us_min(n->due, now);
	}
}

void want_refused(const struct schedule *s, struct unit *u, struct node *n, unsigned enough,
                  us_t now, struct effects *e)
{
	n->group = n->group ? n->group : group_new(u);
	n->doubted = true;
	if (n->refused < UINT8_MAX)
		n->refused++;
	if (n->refused < enough)
		return;
	learnt_absolve(u, n->want.table);
	learnt_add(u, &(struct cut){n->want.table, n->want.addr, n->want.len}, 0);
	e->aside = n->asides == 0;
	e->aside_span = (struct span){n->want.unit, n->want.table, n->want.addr, n->want.len};
	u->split.count = 0;
	n->aside = true;
	n->due = now + aside_pause(n);
	if (n->asides < UINT8_MAX)
		n->asides++;
	const us_t alive = now + us_max(ASIDE_ALIVE, node_period(n));
	if (unit_unasked(s, u, n, alive))
		n->due = us_min(n->due, alive);
}

/* Not before the next point of the grid, which counts as missed; what is read seldom is not left
 * that long. */
void nodes_put_off(struct schedule *s, struct unit *u, const struct span *span, us_t now)
{
	const size_t n = members_of(s, u, span);
	for (size_t i = 0; i < n; i++) {
		struct node *node = node_in(s, i);
		const us_t period = node->want.period;
		if (node->aside || node->due > now)
			continue;
		if (period == PERIOD_ONCE || period == PERIOD_FASTEST) {
			node->due = now + US_S;
			continue;
		}
		node->due = grid_next(s, node, now);
		if (node->due > now + PUT_OFF_MOST)
			node->due = now + PUT_OFF_MOST;
		else
			u->count.missed++;
	}
}

/* From now on it is read alone; and when that failed often enough, no more. */
void demands_failed(struct schedule *s, struct unit *u, const struct span *span, unsigned enough)
{
	size_t kept = 0;
	for (size_t i = 0; i < s->ndemand; i++) {
		struct node *d = &s->demand[i];
		const bool inside = d->want.unit == span->unit && node_inside(d, span);
		const bool alone = inside && d->want.len == span->count;
		if (alone && ++d->refused >= enough)
			continue;
		if (inside && !alone)
			d->group = group_new(u);
		s->demand[kept++] = *d;
	}
	s->ndemand = kept;
}

/* Of those in the block so many exceptions in a row were about something else than addresses. */
static unsigned members_unwell(struct schedule *s, size_t n)
{
	unsigned least = n ? UINT8_MAX : 0;
	for (size_t i = 0; i < n; i++) {
		struct node *node = node_in(s, i);
		node->unwell = (uint8_t)(node->unwell + (node->unwell < UINT8_MAX));
		least = node->unwell < least ? node->unwell : least;
	}
	return least;
}

/* Exceptions 1 to 3 mean that this request cannot be: the unit answers, and one of the registers is
 * the reason; accepted at the second time, since some units refuse once after a restart. The others
 * (device failure, busy …) may be about the moment: they are accepted only after many, or devices
 * with a bad hour would lose registers for hours. A refused block of several is first asked again
 * as it is, then halved; a unit that only refuses long reads is found out before anything is set
 * aside. */
void refused_by_unit(struct schedule *s, struct unit *u, const struct span *span, uint8_t code,
                     us_t now, struct effects *e)
{
	const bool about_address = code >= 1 && code <= 3;
	if (s->varied) {
		u->no_longer = true;
		return;
	}
	const size_t n = members_of(s, u, span);
	u->searching = true;
	demands_failed(s, u, span, about_address ? 1 : REFUSALS);
	if (about_address)
		u->good_at = now; /* a clear answer */
	else if (members_unwell(s, n) < UNWELL) {
		nodes_put_off(s, u, span, now);
		return;
	}
	if (n == 1) {
		want_refused(s, u, node_in(s, 0), about_address ? REFUSALS : REFUSALS_UNWELL, now,
		             e);
		if (!about_address)
			nodes_put_off(s, u, span, now);
		return;
	}
	const bool suspected = members_suspected(s, n);
	if (n == 0 || (!suspected && length_refused(u, span)))
		return;
	if (suspected) {
		block_split(s, u, n, span, now);
		return;
	}
	for (size_t i = 0; i < n; i++)
		node_in(s, i)->doubted = true; /* once more, to be sure */
}
