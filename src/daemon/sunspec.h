/* SPDX-License-Identifier: MIT */
/*
 * sunspec: SunSpec devices while they run. Where their models are is found each time they come,
 * before anything else of them is read, and discarded when they go.
 */
#ifndef DAEMON_SUNSPEC_H
#define DAEMON_SUNSPEC_H

#include "daemon/base/plant.h"

/* After a reload: the chain of a device that stays is still known. Before the readings are carried:
 * they belong to addresses. */
void sunspec_carry(struct plant *from, struct plant *to);

/* And when the new plant runs: those whose chain is not known begin to walk. */
void sunspec_carried(struct gateway *g);

/* A good read of a unit: a step of a walk, and the proof that models are still where they were.
 * False: nothing of it may be accepted. */
bool sunspec_read(struct gateway *g, struct plant_bus *b, const struct report *r);

/* Registers were set aside as refused: there is no model to walk to, or no longer the one that was
 * there. */
void sunspec_aside(struct gateway *g, struct plant_bus *b, const struct report *r);

/* A read failed: of a model's head alone, refused, it means that the model is gone. */
void sunspec_failed(struct gateway *g, struct plant_bus *b, const struct report *r);

/* The device went, or is another: its points have no addresses until they are found anew. False:
 * it is no SunSpec device. */
bool sunspec_unbind(struct gateway *g, uint32_t device);

/* TIMER_SUNSPEC: another look at devices without models. */
void sunspec_tick(struct gateway *g);

#endif
