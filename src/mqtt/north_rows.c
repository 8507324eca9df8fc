// SPDX-License-Identifier: MIT
#include "mqtt/ha.h"
#include "mqtt/north.h"
#include "mqtt/thingsboard.h"
#include "mqtt/xnet.h"

/* One row a northbound. A test has a table of its own. */
const struct north_ops *const north_row[] = {
	&xnet_north,
	&ha_north,
	&thingsboard_north,
};

const unsigned north_rows = sizeof north_row / sizeof *north_row;

_Static_assert(sizeof north_row / sizeof *north_row <= NORTH_LINKS, "a row has a link's number");
