/* SPDX-License-Identifier: MIT */
/*
 * devid: Read Device Identification (function 43/14, specification 6.21). Is a device the one its
 * profile is for, and what are the texts of the objects that its points name? Requests go out one
 * after the other while the device reports that more follows, at most DEVID_REQUESTS of them. Pure.
 */
#ifndef CORE_MODEL_DEVID_H
#define CORE_MODEL_DEVID_H

#include "core/model/model.h"

#define DEVID_REQUESTS 8
#define DEVID_FAILED_MAX 3  /* requests for texts in a row without a valid response */
#define DEVID_WORDS_MAX 400 /* bytes of the text of devid_take() */

struct devid {
	uint8_t next;  /* object to begin with */
	uint8_t asked; /* requests answered with "more follows" */
	uint8_t found; /* bit n: rule n is fulfilled */
};

enum devid_verdict {
	DEVID_SAME,    /* all rules are fulfilled */
	DEVID_MORE,    /* send it once more */
	DEVID_OTHER,   /* an object differs */
	DEVID_MISSING, /* an object that must be there is not */
};

/* The request that is next; *s is zero before the first. */
void devid_request(const struct devid *s, const struct device *d, struct request *r);

/* The answer to it: any bytes; those that are no answer to 43/14 are DEVID_MISSING. buf gets, for
 * DEVID_OTHER and DEVID_MISSING, words like: identifies as product "SDM630" instead of "PM5*". */
enum devid_verdict devid_take(struct devid *s, const struct device *d, const uint8_t *pdu,
                              size_t len, char *buf, size_t size);

/* "vendor", "object 9"; "device_id vendor", "device_id 9". Return buf. */
char *devid_object_words(unsigned object, char *buf, size_t size);
char *devid_place(unsigned object, char *buf, size_t size);
/* The object of a name; -1: no such name. */
int devid_object(const char *name);

/* How far reading the objects of the points of a device is. They are requested as a stream from the
 * category that has them all; where that is refused, or nothing valid comes, as one from the
 * category below; and what is missing then, one by one. */
struct devid_read {
	uint8_t code;      /* read device id code: 3, 2, 1, as a stream; 4: one */
	uint8_t next;      /* object requested */
	uint8_t asked;     /* requests answered with "more follows" */
	uint8_t failed;    /* requests in a row without a valid response */
	uint8_t exception; /* the last one; 0: none */
	uint8_t known[32]; /* bit per object: its text has come, or is not to be had */
};

void devid_read_begin(struct devid_read *s, const struct device *d);

/* The next request; false: each object is known. */
bool devid_read_next(struct devid_read *s, const struct device *d, struct request *r);

/* Its answer, any bytes. Each object in it that was not known goes to take: a text, or VALUE_NONE
 * for an empty one. */
typedef void devid_take_text(void *ctx, uint8_t object, const struct value *v);
void devid_read_take(struct devid_read *s, const uint8_t *pdu, size_t len, devid_take_text *take,
                     void *ctx);

/* The request was refused by this exception, or (0) got no valid response. */
void devid_read_failed(struct devid_read *s, uint8_t exception);

/* Why an object has no text: "exception 1, illegal function, to function 43/14". Returns buf. */
char *devid_read_why(const struct devid_read *s, char *buf, size_t size);

static inline bool devid_point(const struct point *p)
{
	return p->source == SOURCE_DEVICE_ID && !p->absent;
}

/* The texts of the objects 0 to 2 of an answer, with blanks between them, fit to be shown. False:
 * there are none. */
bool devid_text(const uint8_t *pdu, size_t len, char *buf, size_t size);

#endif
