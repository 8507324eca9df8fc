/* SPDX-License-Identifier: MIT */
/*
 * request: a message that waits for one answer, of as many outcomes as it has items. An MQTT 5
 * request is answered on its response topic; a northbound with its own form of request answers
 * itself. Of north.c alone.
 */
#ifndef MQTT_REQUEST_H
#define MQTT_REQUEST_H

#include "mqtt/north.h"

#define REQUEST_MQTT5 UINT32_MAX /* no row's: it has a response topic */

/* NULL: a response topic that we may write to, as far as its form goes; else what is wrong. */
const char *request_fault(const struct mqtt_event *e);

/* row: the northbound that answers reply, which is taken over; REQUEST_MQTT5: e's response topic
 * is answered, reply NULL. expected: outcomes. */
struct north_request *request_create(const struct mqtt_event *e, unsigned row, void *reply,
                                     size_t expected);

/* One that no client of a broker waits for; and its outcome: false, it is another kind. Frees it.
 */
struct north_request *request_local(void (*done)(void *ctx, const struct north_outcome *o),
                                    void *ctx);
bool request_done(struct north_request *r, const struct north_outcome *o);

/* Which row answers it. */
unsigned request_row(const struct north_request *r);

/* The values that its outcomes are about go before its answer. */
struct north_slots *request_after(struct north_request *r);

/* Adds an outcome. True: it was the last, send the answer and free the request. */
bool request_add(struct north_request *r, const struct north_outcome *o);
void request_post(const struct north_request *r, struct outbox *o);
void request_answer(const struct north_request *r, const struct north_ops *op, void *self);
void request_free(struct north_request *r);

#endif
