/* SPDX-License-Identifier: MIT */
/*
 * foreign: when to publish again what another client has overwritten. At once, but then seldom: two
 * gateways of one name would answer each other without end, and one small message of another client
 * must not cost hundreds. Pure; one struct a device, from zeroed memory; times are monotonic, > 0.
 */
#ifndef CORE_MODEL_FOREIGN_H
#define CORE_MODEL_FOREIGN_H

#include <stdbool.h>

#include "core/base/span.h"

#define FOREIGN_AGAIN (10 * US_S)    /* between two publications of the status */
#define FOREIGN_GAP_MAX (640 * US_S) /* of the values, while it goes on */
#define FOREIGN_STANDS (600 * US_S)  /* it is over: none was seen for so long */

struct foreign {
	us_t seen;      /* the last one; 0: none, or it is over */
	us_t due;       /* something is to be published then; 0: nothing */
	us_t published; /* the status was published last; 0: never */
	us_t values;    /* these not before */
	us_t gap;       /* until then, doubled while it goes on */
	bool owed;      /* the values, too */
};

enum foreign_part { FOREIGN_NOTHING, FOREIGN_STATUS, FOREIGN_ALL };

/* A status of ours was overwritten. sure: by another client; not our own, late on its way back to
 * us. True: the first one for a long time. */
bool foreign_seen(struct foreign *f, us_t now, bool sure);

/* What is to be published now. */
enum foreign_part foreign_take(struct foreign *f, us_t now);

/* True, once: it has been over for long enough. */
bool foreign_over(struct foreign *f, us_t now);

/* When to call the two above again; US_NEVER: no need. */
us_t foreign_next(const struct foreign *f);

#endif
