/* SPDX-License-Identifier: MIT */
/*
 * metrics: the view as OpenMetrics 1.0 text, or as the text format 0.0.4 that came before it. Pure.
 */
#ifndef VIEW_METRICS_H
#define VIEW_METRICS_H

#include <stdio.h>

#include "view/view.h"

/* Values of devices that are not current are left out: a series that ends shows that. */
void view_metrics(const struct view *v, bool broker, us_t now, bool openmetrics, FILE *out);

#endif
