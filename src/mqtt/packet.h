/* SPDX-License-Identifier: MIT */
/*
 * packet: how long a PUBLISH is on the wire ("MQTT Version 5.0", section 3.3).
 */
#ifndef MQTT_PACKET_H
#define MQTT_PACKET_H

#include "mqtt/outbox.h"

/* protocol: 4 or 5. expiry: seconds, 0: none. As paho_send sends it. */
size_t packet_size(const struct outgoing *m, uint8_t protocol, uint32_t expiry);

#endif
