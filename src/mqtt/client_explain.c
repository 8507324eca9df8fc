// SPDX-License-Identifier: MIT
/* Why a connection failed, in better words than the library has. */
#include "mqtt/client_private.h"

#include <stdio.h>

#include "mqtt/reach.h"
#include "mqtt/tls.h"

#define CLOSES 4
#define EXPLAIN_EVERY (10 * US_S)

/* Run at most every 10 s, because it costs time; or when the library reports something else. */
static void find_out(struct mqtt_client *c, const char *said)
{
	const struct mqtt_conf *m = &c->conf;
	c->tls_trouble = false;
	c->reachable = reach_explain(m->host, m->port, c->explained, sizeof c->explained);
	if (!c->reachable)
		return;
	if (m->use_tls) {
		c->tls_trouble = tls_explain(m, c->explained, sizeof c->explained) || said[0];
		if (!c->explained[0])
			snprintf(c->explained, sizeof c->explained, "%s", said);
	} else if (c->tls_port) {
		c->tls_trouble = true;
		snprintf(c->explained, sizeof c->explained,
		         "%s:%u is a TLS port: mqtts:// is needed there", m->host,
		         (unsigned)m->port);
	}
	if (!c->explained[0])
		snprintf(c->explained, sizeof c->explained,
		         "%s:%u closes the connection without an answer", m->host,
		         (unsigned)m->port);
}

/* Looked at once, after it closed several attempts and before any has succeeded: the greeting in
 * TLS is a mistake to a broker that does not speak it. */
static void look_for_tls(struct mqtt_client *c)
{
	if (c->conf.use_tls || c->retry.has[0] || c->retry.has[1] || ++c->closes != CLOSES)
		return;
	c->tls_port = tls_port(&c->conf);
	if (c->tls_port)
		find_out(c, "");
}

enum retry_failure client_explain(struct mqtt_client *c, char *text, size_t size, us_t now)
{
	if (!c->explained_at || now - c->explained_at > EXPLAIN_EVERY) {
		c->explained_at = now;
		find_out(c, text);
	}
	if (c->reachable)
		look_for_tls(c);
	snprintf(text, size, "%s", c->explained);
	return c->reachable && !c->tls_trouble ? RETRY_CLOSED : RETRY_NETWORK;
}
