/*
 * reach: why a TCP connection to host:port fails, in words. The MQTT library only says that it does.
 */
#ifndef MQTT_REACH_H
#define MQTT_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Tries once, for at most half a second (a name look-up may take longer): waits, so not for main. True: the
 * port can be reached, so the trouble is above TCP, and buf is "". */
bool reach_explain(const char *host, uint16_t port, char *buf, size_t size);

#endif
