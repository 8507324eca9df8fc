/* SPDX-License-Identifier: MIT */
/*
 * ha: publishes discovery of all devices for Home Assistant, as `homeassistant` configures it. A
 * northbound beside xnet, on the same connection: it only publishes what ha_document makes, and
 * what Home Assistant has to remove. Values and commands are those of xnet.
 */
#ifndef MQTT_HA_H
#define MQTT_HA_H

#include "mqtt/north.h"

extern const struct north_ops ha_north;

#endif
