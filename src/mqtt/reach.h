/* SPDX-License-Identifier: MIT */
/*
 * reach: why a TCP connection to host:port fails, or a file cannot be used, in words. The MQTT
 * library only reports that it does.
 */
#ifndef MQTT_REACH_H
#define MQTT_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Tries once, for at most half a second (a name look-up may take longer): waits, so not for main.
 * True: the port can be reached, so the trouble is above TCP, and buf is "". */
bool reach_explain(const char *host, uint16_t port, char *buf, size_t size);

/* The host's address as a number, IPv4 if it has one. Waits for a name look-up, so not for main.
 * False: buf gets the reason. */
#define REACH_ADDRESS 64
bool reach_resolve(const char *host, char address[REACH_ADDRESS], char *buf, size_t size);

/* A blocking connection, made within half a second (and a name look-up); -1: none. The caller
 * closes it. */
int reach_connect(const char *host, uint16_t port);

/* Can the file be read? path NULL: yes. False: buf gets which (`what`) and why. */
bool reach_file(const char *path, const char *what, char *buf, size_t size);

#endif
