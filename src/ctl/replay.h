/* SPDX-License-Identifier: MIT */
/*
 * replay: a profile's own tests: raw words through the decoder, compared with the texts that must
 * are on the topics.
 */
#ifndef CTL_REPLAY_H
#define CTL_REPLAY_H

#include "core/model/model.h"

struct replay_result {
	size_t passed, failed; /* expectations */
};

/* Adds to *r; every failure becomes a message at its place. */
void replay_test(const struct device *d, const struct profile_test *t, struct diag *diag,
                 struct replay_result *r);

#endif
