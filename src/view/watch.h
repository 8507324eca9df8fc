/* SPDX-License-Identifier: MIT */
/*
 * watch: keeps a view current over an MQTT connection (mqtt/client.h). One thread may use it.
 */
#ifndef VIEW_WATCH_H
#define VIEW_WATCH_H

#include "core/model/model.h"
#include "view/view.h"

struct watch;

/* Connects in the background, and again for ever. conf and view must live as long; of conf count
 * the address, the user, TLS, version. extra: one more filter to subscribe, or NULL. */
struct watch *watch_create(const struct mqtt_conf *conf, struct view *v, const char *extra);

/* Becomes readable when watch_turn has something to do. Stays the watch's. */
int watch_fd(const struct watch *w);

/* Takes all that came into the view. A message that is not the view's goes to other (may be NULL);
 * so does one of the extra filter. */
void watch_turn(struct watch *w, void (*other)(void *ctx, const struct view_message *m), void *ctx);

bool watch_connected(const struct watch *w);
const char *watch_trouble(const struct watch *w); /* why not; "" if it is not known yet */

/* Each message is given to this, too, before the view; NULL: no more. The text is the watch's. */
void watch_tap(struct watch *w, void (*each)(void *ctx, const struct view_message *m), void *ctx);

/* Until connected and what is retained has come, for `limit` µs at most. False: not connected;
 * watch_trouble has the reason. Blocks. */
bool watch_settle(struct watch *w, us_t limit);

/* A command: QoS 0, not retained, so it comes once at most; what the broker has not taken within 2
 * s is discarded together with the connection, so that it does not come late. Call watch_turn at
 * least once a second. response: MQTT 5 response topic, or NULL, and
 * what comes back with the response. False: not connected: nothing is
 * sent. */
bool watch_send(struct watch *w, const char *topic, const char *payload, const char *response,
                const char *correlation);

/* Empties a retained topic, QoS 1; then, once in a while, waits for `limit` µs at most until the
 * broker has acknowledged all of them. False: it has not. */
void watch_clear(struct watch *w, const char *topic);
bool watch_flush(struct watch *w, us_t limit);

/* Monotonic µs, as in the view; and ms since 1970. */
us_t watch_now(void);
int64_t watch_wall(void);

void watch_destroy(struct watch *w);

#endif
