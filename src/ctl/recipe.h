/* SPDX-License-Identifier: MIT */
/* recipe: configurations of other programs that read the gateway's topics, made for its own. */
#ifndef CTL_RECIPE_H
#define CTL_RECIPE_H

#include "core/model/model.h"
#include "mqtt/ha_entity.h"

/* Calls put for each point that is published or can be written, with what it is. */
void recipe_points(const struct model *m, void *ctx,
                   void (*put)(void *ctx, const struct device *d, const struct point *p,
                               const struct ha_entity *e));

void recipe_nodered(const struct model *m);
void recipe_grafana(const struct model *m);
void recipe_openhab(const struct model *m);
void recipe_telegraf(const struct model *m);

#endif
