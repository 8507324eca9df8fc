// SPDX-License-Identifier: MIT
#include "mqtt/retry.h"

#define SOON (250 * US_MS) /* for the first minutes: a broker that restarts is found at once */
#define SPREAD 60 /* … but not at once by all gateways: they wait a 60th of the outage so far */
#define LATE (30 * US_S)
#define ID_CONFLICT_LATE (60 * US_S)
#define PATIENCE (180 * US_S)
#define SHORT_LIFE (5 * US_S)
#define LONG_LIFE (600 * US_S) /* the other client is gone */
#define SHORT_LIVES 3
/* Of a broker that answered to 5 before: 4 s of attempts, as a proxy closes them while its broker
 * starts. */
#define CLOSES 15
#define IGNORES (1400 * US_MS)
#define IGNORES_AGAIN (4500 * US_MS) /* the second time; the library gives up after 6 s */
#define IGNORES_TLS (3 * US_S)       /* the handshake of a small machine takes a second */

void retry_begin(struct retry *r, uint8_t version, us_t now)
{
	*r = (struct retry){.version = version, .down_since = now};
	r->protocol = version ? version : 5;
}

void retry_up(struct retry *r, us_t now)
{
	r->has[r->protocol == 5] = true;
	r->closed = r->ignored = r->swaps = 0;
	r->up_since = now;
}

/* Brokers that do not know 5 may just close; so does one that is starting, and a proxy before one
 * that is away. Only what the broker reports is proof, so a guess is not kept: 5 is tried first. */
static unsigned closes_until_4(const struct retry *r)
{
	return r->has[1] ? CLOSES : r->has[0] ? 1 : 2;
}

/* True: another version is worth an attempt at once. */
static bool other_version(struct retry *r, enum retry_failure f, bool was_up)
{
	const uint8_t before = r->protocol;
	if (r->version)
		return false;
	if (f == RETRY_IGNORED) { /* once: a busy machine, or a broker that is starting */
		r->protocol = r->ignored > 1 || r->has[0] ? 4 : 5;
	} else if (f == RETRY_VERSION) {
		r->only_this = r->protocol == 5;
		r->protocol = r->protocol == 5 ? 4 : 5;
	} else if (f == RETRY_CLOSED && !was_up && !r->only_this) {
		r->closed = r->protocol == 5 ? r->closed + 1 : 0;
		r->protocol = r->closed >= closes_until_4(r) ? 4 : 5;
	} else if (f != RETRY_REFUSED && f != RETRY_WILL_QOS && f != RETRY_WILL_RETAIN &&
	           !r->only_this) {
		r->closed = 0;
		r->protocol = 5;
	}
	return !was_up && r->protocol != before && r->swaps++ % 2 == 0;
}

us_t retry_patience(const struct retry *r, bool tls)
{
	if (r->protocol != 5 || r->patient || r->version || r->only_this || r->has[1])
		return US_NEVER;
	if (r->ignored)
		return IGNORES_AGAIN;
	return tls ? IGNORES_TLS : IGNORES;
}

/* A client that shares a client id with another connects as often as the other waits: a life is
 * short by what was waited, and a takeover is forgotten late. */
static void count_life(struct retry *r, enum retry_failure f, us_t now)
{
	const us_t life = now - r->up_since;
	if (f == RETRY_TAKEN && r->short_lives < SHORT_LIVES)
		r->short_lives = SHORT_LIVES;
	else if (life < SHORT_LIFE || (r->short_lives >= SHORT_LIVES && life < 4 * r->delay))
		r->short_lives++;
	else if (f != RETRY_TAKEN || life >= LONG_LIFE)
		r->short_lives = 0;
	if (!r->short_lives || life >= LONG_LIFE)
		r->delay = 0;
}

/* True: the broker has not seen the Last Will so modest yet. */
static bool lower_will(struct retry *r, enum retry_failure f)
{
	bool *lowered = f == RETRY_WILL_QOS      ? &r->plain_will
	                : f == RETRY_WILL_RETAIN ? &r->passing_will
	                                         : NULL;
	const bool first = lowered && !*lowered;
	if (first)
		*lowered = true;
	return first;
}

us_t retry_down(struct retry *r, enum retry_failure f, bool was_up, us_t now)
{
	r->patient = false;
	r->ignored = f == RETRY_IGNORED ? r->ignored + 1 : 0;
	if (was_up) {
		r->down_since = now;
		count_life(r, f, now);
	}
	r->plain = f == RETRY_UNACKED;
	if (r->plain || lower_will(r, f) || other_version(r, f, was_up))
		return 0;
	const bool patient =
		f == RETRY_NETWORK || f == RETRY_IGNORED || f == RETRY_VERSION || f == RETRY_CLOSED;
	const us_t latest = r->short_lives >= SHORT_LIVES ? ID_CONFLICT_LATE : LATE;
	const us_t outage = now - r->down_since;
	if (patient && r->short_lives < SHORT_LIVES && outage < PATIENCE)
		r->delay = outage / SPREAD > SOON ? outage / SPREAD : SOON;
	else
		r->delay = r->delay < US_S ? US_S : r->delay * 2;
	if (r->delay > latest)
		r->delay = latest;
	return r->delay;
}

us_t retry_jitter(us_t delay, unsigned random)
{
	return delay / 2 + delay * (random % 1024) / 1024;
}

bool retry_id_conflict(const struct retry *r, enum retry_failure f)
{
	return f == RETRY_TAKEN || (f == RETRY_NETWORK && r->short_lives >= SHORT_LIVES);
}
