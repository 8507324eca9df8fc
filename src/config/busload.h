/* SPDX-License-Identifier: MIT */
/*
 * busload: warns of lines with more load than they can carry, and of the points to
 * read less often.
 */
#ifndef CONFIG_BUSLOAD_H
#define CONFIG_BUSLOAD_H

#include "core/base/diag.h"
#include "core/model/model.h"

/* One warning for each serial line whose planned load (the real scheduler in virtual time) is above
 * LOAD_LIMIT, at the bus's place. Takes a moment: not for the way to the first request. */
void busload_warn(const struct model *m, struct diag *d);

#endif
