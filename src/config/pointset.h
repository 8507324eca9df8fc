/*
 * pointset: the points of a device, from its layers. names.c says which there are, point.c reads each,
 * pointset.c binds them to each other.
 */
#ifndef CONFIG_POINTSET_H
#define CONFIG_POINTSET_H

#include "config/load.h"

#define POINTS_MAX 4096 /* of one device */

struct recipes {
	struct recipe *recipe;
	size_t n, room;
};

/* All points that the layers name, base profile first, each with the maps that say something about it. */
void names_collect(struct load *l, const struct layers *layers, struct recipes *all);

/* The value of `if`; false after an error. */
bool condition_true(struct load *l, const struct node *n, const struct parameter *parameter, size_t nparameter);

/* Is the text in this list? */
bool choice_known(const struct node *choices, const char *text);

extern const struct keyset keyset_group;

#endif
