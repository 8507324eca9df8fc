// SPDX-License-Identifier: MIT
#include "core/modbus/exchange.h"

#include <string.h>

#define TIMEOUT_LEAST (50 * US_MS)
#define DOUBLINGS_MAX 6

void peer_init(struct peer *p, us_t now)
{
	*p = (struct peer){.ready_at = now};
}

static bool live(const struct bar *b, us_t now)
{
	return b->until > now;
}

bool peer_barred(const struct peer *p, const struct signature *s, us_t now)
{
	if (now < p->mute_until)
		return true;
	for (int i = 0; i < PEER_BARS; i++)
		if (live(&p->bar[i], now) && signature_same(&p->bar[i].sig, s))
			return true;
	return false;
}

bool peer_outstanding(const struct peer *p)
{
	for (int i = 0; i < PEER_BARS; i++)
		if (p->bar[i].until == US_NEVER)
			return true;
	return p->full || p->unsure;
}

/* A free place, else that of the bar that ends first, which is then forgotten, but not that there
 * was one; NULL when all are unanswered. */
static struct bar *place(struct peer *p, us_t now)
{
	struct bar *best = NULL;

	for (int i = 0; i < PEER_BARS; i++) {
		struct bar *b = &p->bar[i];
		if (!live(b, now))
			return b;
		if (b->until != US_NEVER && (!best || b->until < best->until))
			best = b;
	}
	p->full = true;
	return best;
}

void peer_unanswered(struct peer *p, const struct signature *s, us_t now, us_t configured)
{
	struct bar *b = place(p, now);

	if (!b) { /* the same for the oldest; and leave the unit alone */
		memmove(p->bar, p->bar + 1, sizeof p->bar - sizeof p->bar[0]);
		b = &p->bar[PEER_BARS - 1];
		p->mute_until = now + configured;
	}
	*b = (struct bar){.sig = *s, .at = p->asked_at, .until = US_NEVER};
	if (p->doublings < DOUBLINGS_MAX)
		p->doublings++;
}

void peer_left_over(struct peer *p, const struct signature *s, us_t now, us_t configured)
{
	peer_unanswered(p, s, now, configured);
	for (int i = 0; i < PEER_BARS; i++)
		if (p->bar[i].until == US_NEVER && signature_same(&p->bar[i].sig, s))
			p->bar[i].normal = true;
}

void peer_asked(struct peer *p, const struct signature *s, us_t now, us_t until)
{
	struct bar *b = place(p, now);

	if (b)
		*b = (struct bar){.sig = *s, .until = until};
}

void peer_stray(struct peer *p, const struct signature *s, us_t now, us_t until)
{
	for (int i = 0; i < PEER_BARS; i++) {
		struct bar *b = &p->bar[i];
		if (!live(b, now) || !signature_same(&b->sig, s))
			continue;
		/* An unanswered one stays: this may have been a copy of an older answer. */
		if (b->until < until)
			b->until = until;
		return;
	}
	peer_asked(p, s, now, until);
}

void peer_in_step(struct peer *p, us_t now, us_t configured)
{
	for (int i = 0; i < PEER_BARS; i++)
		if (p->bar[i].until == US_NEVER)
			p->bar[i].until = now + configured;
	p->full = p->unsure = p->doubt = false;
	p->doublings = 0;
	p->mute_until = 0;
}

bool peer_trusts(const struct peer *p, const struct signature *s, bool exception, us_t now)
{
	if (p->full || p->unsure)
		return false;
	for (int i = 0; i < PEER_BARS; i++) {
		const struct bar *b = &p->bar[i];
		if (!live(b, now))
			continue;
		if (exception ? !b->normal && (b->sig.fc & 0x7F) == s->fc
		              : signature_same(&b->sig, s))
			return false;
	}
	return true;
}

unsigned peer_refusals_due(const struct peer *p, const struct signature *s, us_t now)
{
	unsigned n = 0;
	for (int i = 0; i < PEER_BARS; i++)
		n += live(&p->bar[i], now) && !p->bar[i].normal &&
		     (p->bar[i].sig.fc & 0x7F) == s->fc;
	return n;
}

void peer_unsure(struct peer *p, us_t now, us_t configured_timeout)
{
	(void)now;
	(void)configured_timeout; /* a held-back answer can come however late */
	p->unsure = true;
	p->doublings = 0;
}

void peer_turned(struct peer *p, us_t turnaround)
{
	p->turn[p->turn_at] = turnaround;
	p->turn_at = (uint8_t)((p->turn_at + 1) % PEER_TURNS);
	if (p->nturn < PEER_TURNS)
		p->nturn++;
}

us_t peer_timeout(const struct peer *p, us_t configured)
{
	us_t worst = 0;

	if (!p->nturn)
		return configured;
	for (int i = 0; i < p->nturn; i++)
		if (p->turn[i] > worst)
			worst = p->turn[i];
	us_t t = 4 * worst > TIMEOUT_LEAST ? 4 * worst : TIMEOUT_LEAST;
	t <<= p->doublings;
	return t < configured ? t : configured;
}

us_t peer_turnaround(const struct peer *p)
{
	us_t sorted[PEER_TURNS];

	for (int i = 0; i < p->nturn; i++) {
		int k = i;
		for (; k > 0 && sorted[k - 1] > p->turn[i]; k--)
			sorted[k] = sorted[k - 1];
		sorted[k] = p->turn[i];
	}
	return p->nturn ? sorted[p->nturn / 2] : 0;
}
