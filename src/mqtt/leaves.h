/* SPDX-License-Identifier: MIT */
/*
 * leaves: the health topics of a bus, of a device and of a connection, below
 * $SYS/<gateway>/bus/<bus>/, $SYS/<gateway>/device/<dev>/ and $SYS/<gateway>/mqtt/. One list each:
 * what may be published there, and what is cleared when the bus or the device is gone, in this life
 * or in an earlier one.
 */
#ifndef MQTT_LEAVES_H
#define MQTT_LEAVES_H

#include <stdbool.h>
#include <stddef.h>

enum leaf_of { LEAF_BUS, LEAF_DEVICE, LEAF_LINK };

/* The i-th one, like "state"; NULL: there are no more. */
const char *leaf_name(enum leaf_of of, size_t i);

/* How many there are. */
size_t leaf_count(enum leaf_of of);

/* Is it in the list? */
bool leaf_known(enum leaf_of of, const char *name);

#endif
