/* SPDX-License-Identifier: MIT */
/*
 * devid: is a device, by Read Device Identification (function 43/14, specification 6.21), the one
 * its profile is for? Requests go out one after the other while the device says that more follows,
 * at most DEVID_REQUESTS of them. Pure.
 */
#ifndef CORE_MODEL_DEVID_H
#define CORE_MODEL_DEVID_H

#include "core/model/model.h"

#define DEVID_REQUESTS 8
#define DEVID_WORDS_MAX 400 /* bytes of what devid_take() says */

struct devid {
	uint8_t next;  /* object to begin with */
	uint8_t asked; /* requests answered with "more follows" */
	uint8_t found; /* bit n: rule n is fulfilled */
};

enum devid_verdict {
	DEVID_SAME,    /* all rules are fulfilled */
	DEVID_MORE,    /* ask once more */
	DEVID_OTHER,   /* an object says something else */
	DEVID_MISSING, /* an object that must be there is not */
};

/* The request that is next; *s is zero before the first. */
void devid_request(const struct devid *s, const struct device *d, struct request *r);

/* The answer to it: any bytes; those that are no answer to 43/14 are DEVID_MISSING. buf gets, for
 * DEVID_OTHER and DEVID_MISSING, words like: identifies as product "SDM630" instead of "PM5*". */
enum devid_verdict devid_take(struct devid *s, const struct device *d, const uint8_t *pdu,
                              size_t len, char *buf, size_t size);

/* The texts of the objects 0 to 2 of an answer, with blanks between them, fit to be shown. False:
 * there are none. */
bool devid_text(const uint8_t *pdu, size_t len, char *buf, size_t size);

#endif
