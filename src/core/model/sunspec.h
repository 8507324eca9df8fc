/* SPDX-License-Identifier: MIT */
/*
 * sunspec: where the models of a SunSpec device are. They are in a chain behind the mark "SunS":
 * the model's id, its length, so many registers, and so on until the id 0xFFFF ("SunSpec Device
 * Information Model Specification", 1.1). The walk returns what to read next; the binding gives the
 * points their addresses. Pure; the only part of a model that changes while it runs.
 */
#ifndef CORE_MODEL_SUNSPEC_H
#define CORE_MODEL_SUNSPEC_H

#include "core/base/span.h"

#define SUNSPEC_MODELS_MAX 100   /* of one device; a chain that is longer is none */
#define SUNSPEC_HEAD 2U          /* registers: id and length; also of the mark */
#define SUNSPEC_MARK_HIGH 0x5375 /* "Su" */
#define SUNSPEC_MARK_LOW 0x6E53  /* "nS" */
#define SUNSPEC_END 0xFFFF

struct device;
struct point;

/* A model as it was found. */
struct sunspec_found {
	uint16_t id, at,
		length; /* at: of the id; length: as the device reports, without the head */
};

struct sunspec_chain {
	uint16_t base; /* of the mark */
	uint16_t n;
	struct sunspec_found found[SUNSPEC_MODELS_MAX];
};

/* A model as the profile defines it, and where it is. */
struct sunspec_part {
	const char *name;
	const uint16_t *id; /* any of these */
	uint16_t nid;
	uint16_t nth;    /* the how-manieth of them in the chain, from 1 */
	uint16_t length; /* where no device reports it */
	bool here;
	struct sunspec_found is; /* valid while here */
};

enum sunspec_state {
	SUNSPEC_SEEKING, /* the mark */
	SUNSPEC_WALKING,
	SUNSPEC_FOUND, /* walk.chain is complete */
	SUNSPEC_NONE,  /* no mark at any base, or no model behind it */
};

struct sunspec_walk {
	uint8_t state;  /* enum sunspec_state */
	uint16_t tried; /* bases without the mark */
	uint16_t next;  /* where the next SUNSPEC_HEAD registers are to be read */
	struct sunspec_chain chain;
};

/* Of one point set; it and its points are made by the configuration, and changed only by bind. */
struct sunspec {
	const uint16_t *base;
	uint16_t nbase;
	struct sunspec_part *part;
	uint16_t npart;
	struct point *point; /* of the set */
	uint32_t npoint;
	bool bound; /* false: nothing of the set has an address */
	struct sunspec_walk walk;
};

/* -- the walk -- */

/* From the first base. nbase is at least 1. */
void sunspec_begin(struct sunspec *s);

/* The words at walk.next. Every step goes on in the address space, so it ends. */
void sunspec_take(struct sunspec *s, const uint16_t word[SUNSPEC_HEAD]);

/* The device reports that there is nothing at walk.next. */
void sunspec_refused(struct sunspec *s);

static inline bool sunspec_walks(const struct sunspec *s)
{
	return s->walk.state == SUNSPEC_SEEKING || s->walk.state == SUNSPEC_WALKING;
}

/* -- the binding -- */

/* The chain that is at the first base, if the device has the profile's models in their order.
 * False: it does not fit into the address space. */
bool sunspec_layout(const struct sunspec *s, struct sunspec_chain *out);

/* Gives the points of d's set their addresses; the chain is kept in walk.chain. Absent are: points
 * of models that are not there or end before them, those that cannot be read in one request with
 * their model's head, and those that need an absent one. Gives the number of models of the profile
 * that are there. */
unsigned sunspec_bind(const struct device *d, const struct sunspec_chain *c);

/* Is this head still as it was when the points were bound? */
bool sunspec_holds(const struct sunspec_part *p, const uint16_t word[SUNSPEC_HEAD]);

#endif
