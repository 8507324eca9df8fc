// SPDX-License-Identifier: MIT
#include "mqtt/fresh.h"

#define EVERY_MIN (200 * US_MS)
#define EVERY_MAX (2 * US_S)
#define USUAL_MIN US_S
/* Between two probes while in doubt; and before the first of them, as a broker that stood still
 * reads what other clients had sent to it message by message, a turn for each, and us among them.
 */
#define HURRY (100 * US_MS)
#define EARLY 4
#define LATE 16
#define STOOD US_S /* so late comes a turn only when we stood still */
/* A broker keeps back what exceeds its window of unacknowledged messages, and sends it behind its
 * answer. So fewer must have come meanwhile than any window holds (RabbitMQ: 10, mosquitto: 20);
 * and none for a while after something stood still, as a window may be set to 1. */
#define WINDOW 10
#define STRICT (10 * US_S)

static us_t smaller(us_t a, us_t b)
{
	return a < b ? a : b;
}

static us_t larger(us_t a, us_t b)
{
	return a > b ? a : b;
}

static bool doubtful(const struct fresh *f, unsigned i, us_t now)
{
	return now - f->sure[i] > f->usual;
}

/* The last probe lay at a broker that stood still: what its other clients sent then is still to
 * come. */
static void drain(struct fresh *f, us_t now)
{
	if (now - f->asked[0] > f->usual)
		f->from = now + HURRY;
}

void fresh_tune(struct fresh *f, us_t keepalive, us_t shortest)
{
	f->every = larger(smaller(shortest / 5, EVERY_MAX), EVERY_MIN);
	f->silence = US_NEVER;
	if (keepalive) { /* the broker gives us up after one and a half: be sooner */
		f->every = smaller(f->every, keepalive / 3);
		f->silence = keepalive;
	}
	f->usual = larger(f->every * 5 / 2, USUAL_MIN);
}

void fresh_begin(struct fresh *f, us_t keepalive, us_t shortest, us_t asked, us_t now)
{
	*f = (struct fresh){
		.sure = {asked, asked}, .asked = {asked, asked}, .life = now, .planned = now};
	fresh_tune(f, keepalive, shortest);
	drain(f, now);
}

us_t fresh_doubt(const struct fresh *f, us_t now)
{
	return doubtful(f, 0, now) ? f->sure[0] : 0;
}

bool fresh_silent(struct fresh *f, us_t now)
{
	if (now - f->planned > STOOD)
		f->life = now; /* what was said meanwhile is still to be read */
	f->planned = US_NEVER;
	return f->waiting && !f->busy && now - larger(f->life, f->asked[0]) >= f->silence;
}

/* usually: so long after the one before, but sooner while in doubt. */
static us_t next_question(const struct fresh *f, us_t usually)
{
	const us_t soon = f->asked[0] + HURRY;
	const bool hurry =
		doubtful(f, 0, soon) || (f->twice && (f->second || doubtful(f, 1, soon)));
	return larger(hurry ? soon : f->asked[0] + usually, f->from);
}

/* A little early with what the client is awake for, values that go out for one … */
bool fresh_asks(const struct fresh *f, us_t now)
{
	return !f->waiting && now >= next_question(f, f->every - f->every / EARLY);
}

/* Longer since the last probe than usual: something stood still. */
static void pass(struct fresh *f, us_t now)
{
	if (now - f->asked[0] > f->usual)
		f->strict = now + STRICT;
}

void fresh_ask(struct fresh *f, us_t now)
{
	pass(f, now);
	f->asked[1] = f->asked[0];
	f->seen[1] = f->seen[0];
	f->asked[0] = now;
	f->seen[0] = f->received;
	f->waiting = true;
}

/* At QoS 2 a message is ours only after a second round: it may have come before the last probe
 * and be handed over behind its answer, so the probe before counts, and they come in pairs. */
void fresh_answer(struct fresh *f, us_t now)
{
	if (!f->waiting)
		return;
	pass(f, now);
	drain(f, now);
	f->waiting = false;
	f->second = !f->second;
	f->life = now;
	for (unsigned i = 0; i < 2; i++)
		if (f->received - f->seen[i] < (now < f->strict ? 1 : WINDOW))
			f->sure[i] = f->asked[i];
	if (f->received == f->seen[f->twice])
		f->strict = 0; /* nothing is kept back */
}

us_t fresh_due(struct fresh *f)
{
	if (!f->waiting)
		/* … and alone only if nothing does that by a little later */
		f->planned = next_question(f, f->every + f->every / LATE);
	else if (f->silence == US_NEVER)
		f->planned = US_NEVER;
	else
		f->planned = larger(f->life, f->asked[0]) + f->silence;
	return f->planned;
}

us_t fresh_message(struct fresh *f, uint8_t qos, us_t now)
{
	const us_t sure = f->sure[qos == 2];
	f->received += qos > 0;
	f->twice |= qos == 2;
	f->busy = true;
	return now - sure <= f->usual ? now : sure;
}

void fresh_taken(struct fresh *f, us_t now)
{
	f->busy = false;
	f->life = now;
}

void fresh_life(struct fresh *f, us_t now)
{
	f->life = now;
}
