// SPDX-License-Identifier: MIT
#include "core/schedule/private.h"

#define STRIKES 2 /* failures of a block while the unit answers others: it is the block */
#define ALONE 5   /* more of them, of one want alone, until it is set aside */
/* By chance a want fails so often that it is set aside, or that a search for a failing register
 * begins, once in 2 to so many. */
#define CHANCE 14
#define CHANCE_SEARCH 6
#define LOSS_FIRST 8 /* as if so many had been read well before the first */
#define LOSS_READS 64

/* How much of what it gives is lost on the way? Only what was read well the last time counts: what
 * a device does not give fails again and again. */
void loss_learn(struct schedule *s, struct unit *u, const struct span *span, bool failed)
{
	if (!failed && !u->loss && u->nloss == LOSS_READS)
		return; /* as it is on a good line: it stays 0 */
	const size_t n = members_of(s, u, span);
	for (size_t i = 0; i < n; i++) {
		const struct node *node = node_in(s, i);
		if (node->strikes || node->aside || node->last == NEVER_READ)
			return;
	}
	if (!n || s->varied)
		return;
	if (u->nloss < LOSS_READS)
		u->nloss = u->nloss ? (uint8_t)(u->nloss + 1) : LOSS_FIRST;
	u->loss = (uint16_t)(u->loss + ((failed ? LOSS_ALL : 0) - u->loss) / u->nloss);
}

/* So many failures in a row are no chance (of 2 to the -bits), on a line that loses so much. */
static unsigned no_chance(const struct unit *u, unsigned least, unsigned bits)
{
	uint32_t p = LOSS_ALL;
	unsigned n = 0;
	while (n < least || (p > (uint32_t)LOSS_ALL >> bits && n < UINT8_MAX / 2)) {
		p = p * u->loss / LOSS_ALL;
		n++;
	}
	return n;
}

us_t silent_share(const struct schedule *s, const struct unit *but)
{
	for (size_t i = 0; i < s->nunit; i++)
		if (s->unit[i] != but && s->unit[i]->state != UNIT_DOWN && s->unit[i]->n > 0)
			return SILENT_SHARE;
	return SILENT_SHARE_ALONE;
}

/* Some of it has failed before, and the unit has answered others since. */
static bool any_struck(struct schedule *s, const struct unit *u, const struct span *span,
                       bool aside)
{
	const size_t n = members_of(s, u, span);
	for (size_t i = 0; i < n; i++) {
		const struct node *node = node_in(s, i);
		if (node->failed_at && u->good_at > node->failed_at && (node->aside || !aside))
			return true;
	}
	return false;
}

/* The demands in it, if it is made of them only. */
static bool demands_struck(const struct schedule *s, const struct span *span)
{
	for (size_t i = 0; i < s->ndemand; i++)
		if (s->demand[i].want.unit == span->unit && s->demand[i].group == s->turn_group &&
		    s->demand[i].group && node_inside(&s->demand[i], span))
			return true;
	return false;
}

bool block_known_bad(struct schedule *s, const struct unit *u, const struct span *span)
{
	return any_struck(s, u, span, true) || demands_struck(s, span);
}

bool block_suspected(struct schedule *s, const struct unit *u, const struct span *span)
{
	return any_struck(s, u, span, false);
}

/* Instead of what failed, as long as it is not known whether the unit is well (else NULL): what has
 * not failed, or the longest ago. One want alone, due or not. */
struct node *sample_of(struct schedule *s, const struct unit *u, struct node *n)
{
	struct node *best = n;
	if (!n->failed_at || u->good_at > n->failed_at)
		return NULL;
	for (size_t i = u->first; i < u->first + u->n; i++) {
		struct node *other = &s->node[i];
		if (!other->aside && other->failed_at < best->failed_at)
			best = other;
	}
	return best;
}

/* What it may cost while it is searched, as of a silent unit. What was waited for longer was for
 * others that lay before it in a gateway: no cost of its own. */
static void members_rest(struct schedule *s, const struct unit *u, size_t n, us_t took, us_t now)
{
	const us_t until = now + (silent_share(s, u) - 1) * took;
	for (size_t i = 0; i < n; i++)
		node_in(s, i)->due = us_max(node_in(s, i)->due, until);
}

/* A strike counts only if the unit has answered something else since the last one: failures in a
 * row are one failure, of the unit. With enough strikes the block is cut in two and both halves
 * start one strike below the limit, so that a search needs log2 steps and not a fresh limit each; a
 * single want is set aside. On a line that loses answers by chance the limits rise with the loss
 * (no_chance), or good registers would be set aside in turn. While it is searched the block costs
 * no more than a silent unit may. */
void block_failed(struct schedule *s, struct unit *u, const struct span *span, us_t took, us_t now,
                  struct effects *e)
{
	const size_t n = members_of(s, u, span);
	const unsigned strikes = no_chance(u, STRIKES, CHANCE_SEARCH);
	bool struck = n > 0 && !s->varied;
	uint8_t most = 0;
	demands_failed(s, u, span, STRIKES);
	for (size_t i = 0; i < n; i++) {
		struct node *node = node_in(s, i);
		const bool news = !node->failed_at || u->good_at > node->failed_at;
		if (news && node->strikes < UINT8_MAX)
			node->strikes++;
		node->failed_at = now;
		most = node->strikes > most ? node->strikes : most;
		struck &= news;
	}
	if ((!struck || most < strikes) && !(n == 1 && node_in(s, 0)->aside))
		return;
	if (n > 1 && !members_suspected(s, n) && length_refused(u, span))
		return;
	u->searching = true;
	if (n == 1) {
		want_refused(s, u, node_in(s, 0), no_chance(u, ALONE, CHANCE), now, e);
	} else {
		block_split(s, u, n, span, now);
		for (size_t i = 0; i < n; i++)
			node_in(s, i)->strikes = (uint8_t)(strikes - 1);
	}
	members_rest(s, u, n, us_min(took, u->rule.timeout), now);
}
