/* SPDX-License-Identifier: MIT */
/*
 * image: the registers of one unit, read in few requests, and the values of points out of them.
 * What a device refuses in one block is read point by point.
 */
#ifndef CTL_IMAGE_H
#define CTL_IMAGE_H

#include "ctl/line.h"

struct image_block { /* count 0: of function 43/14 */
	struct span span;
	struct reply reply;
	uint16_t word[CELLS_MAX];
};

struct image {
	struct wireline *line;
	const struct device *device;
	uint8_t unit; /* it may be elsewhere than its profile's model says */
	us_t timeout;
	struct image_block **block;
	size_t n;
	char **text; /* by point, of those with device_id; NULL: none was returned */
	const struct reply *text_reply; /* the last of function 43/14; NULL: it was not requested */
	unsigned silent;                /* requests in a row without a response */
	bool dead;                      /* too many: nothing more is read */
};

void image_init(struct image *m, struct wireline *l, const struct device *d, uint8_t unit,
                us_t timeout);
void image_free(struct image *m);

/* Reads what the points [0, n) for which want[i] is true need; want NULL: all. Finds the models of
 * a SunSpec device first. */
void image_read(struct image *m, const bool *want);

enum image_state {
	IMAGE_VALUE,
	IMAGE_COMPUTED,  /* no register of its own */
	IMAGE_WRITEONLY, /* cannot be read */
	IMAGE_ABSENT,    /* of a SunSpec model that is not there */
	IMAGE_FAILED,    /* *why: of the read */
	IMAGE_UNREAD,    /* not requested */
};

/* text: VALUE_TEXT_MAX. */
enum image_state image_value(const struct image *m, uint32_t point, char *text, struct value *v,
                             const struct reply **why);

/* The words a point was made of; NULL if they were not read. */
const uint16_t *image_words(const struct image *m, uint32_t point, uint16_t out[CELLS_MAX]);

/* One read of registers or bits, cells into words (bits packed). */
bool image_fetch(struct wireline *l, const struct span *s, const struct unit_rule *rule,
                 us_t timeout, bool once, uint16_t *words, struct reply *out);

#endif
