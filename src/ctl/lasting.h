/* SPDX-License-Identifier: MIT */
/*
 * lasting: the name of a serial port that stays when adapters change places.
 */
#ifndef CTL_LASTING_H
#define CTL_LASTING_H

#include <stdbool.h>
#include <stddef.h>

/* Its name below /dev/serial/by-id. False: it has none. */
bool port_lasting(const char *port, char *buf, size_t size);

#endif
