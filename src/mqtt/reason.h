/* SPDX-License-Identifier: MIT */
/*
 * reason: the broker's and OpenSSL's reasons in words, with what to do.
 */
#ifndef MQTT_REASON_H
#define MQTT_REASON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* MQTT 5 reason code ("MQTT Version 5.0", 2.4). Never NULL. */
const char *reason_text(int code);

/* Why a CONNECT was refused; protocol 4 or 5 (the two number differently: 3.1.1, 3.2.2.3). */
void reason_connect(uint8_t protocol, int code, char *buf, size_t size);

/* Does the broker not support this version? */
bool reason_is_version(uint8_t protocol, int code);

/* Why the broker ended the connection (MQTT 5 DISCONNECT). */
void reason_disconnect(int code, char *buf, size_t size);

/* The readable part of an OpenSSL error line. */
void reason_tls(const char *text, size_t len, char *buf, size_t size);

/* May a DISCONNECT with this code be the answer to a message of ours? */
bool reason_blames(int code);

#endif
