/* SPDX-License-Identifier: MIT */
/*
 * same: what of a new model is as it was in the one before, so that a reload leaves it alone. Pure;
 * any thread, as long as both models live.
 */
#ifndef CORE_MODEL_SAME_H
#define CORE_MODEL_SAME_H

#include "core/model/model.h"

struct same {
	/* By device of the new model: which it was in the old one, if all of it is as it was: name,
	 * bus, unit, each point, each rule, whatever its place in the lists and in the files; else
	 * -1. Never one with SunSpec models: the old one's are changed while it runs. */
	int32_t *device;
	/* The gateway's name and all that is set for northbounds is as it was. */
	bool north;
};

/* The caller frees with same_free(). */
struct same *same_find(const struct model *old, const struct model *now);
void same_free(struct same *s); /* NULL is fine */

#endif
