/* SPDX-License-Identifier: MIT */
/*
 * paho_functions: what we call of the MQTT library.
 */
#ifndef MQTT_PAHO_FUNCTIONS_H
#define MQTT_PAHO_FUNCTIONS_H

#include <MQTTAsync.h>
#include <stdbool.h>

#include "mqtt/library.h"

#define PAHO_FUNCTIONS(F)                                                                          \
	F(MQTTAsync_connect)                                                                       \
	F(MQTTAsync_createWithOptions)                                                             \
	F(MQTTAsync_destroy)                                                                       \
	F(MQTTAsync_disconnect)                                                                    \
	F(MQTTAsync_free)                                                                          \
	F(MQTTAsync_freeMessage)                                                                   \
	F(MQTTAsync_global_init)                                                                   \
	F(MQTTAsync_sendMessage)                                                                   \
	F(MQTTAsync_setCallbacks)                                                                  \
	F(MQTTAsync_setDisconnected)                                                               \
	F(MQTTAsync_setTraceLevel)                                                                 \
	F(MQTTAsync_strerror)                                                                      \
	F(MQTTAsync_subscribeMany)                                                                 \
	F(MQTTAsync_unsubscribe)                                                                   \
	F(MQTTAsync_unsubscribeMany)                                                               \
	F(MQTTProperties_add)                                                                      \
	F(MQTTProperties_free)                                                                     \
	F(MQTTProperties_getNumericValue)                                                          \
	F(MQTTProperties_getProperty)                                                              \
	F(MQTTProperties_hasProperty)

struct paho_functions {
	PAHO_FUNCTIONS(LIBRARY_POINTER)
};

/* Of the variant with TLS, or whichever is there. What one variant has allocated only its own
 * functions may free: a connection keeps the table it began with. False: *why is the reason.
 */
bool paho_functions(bool tls, struct paho_functions *table, const char **why);

#endif
