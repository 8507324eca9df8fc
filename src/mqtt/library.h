/* SPDX-License-Identifier: MIT */
/*
 * library: loads the MQTT library when a connection is made, in the variant that is needed: the one
 * with TLS brings OpenSSL, 2.1 MB resident, of which a broker in the clear needs nothing.
 */
#ifndef MQTT_LIBRARY_H
#define MQTT_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

/* A type of pointers to the functions that a list F(name) F(name) … has; all are declared. */
#define LIBRARY_POINTER(name) __typeof__(name) *name;
#define LIBRARY_NAME(name) #name,

/* Fills table, n pointers in the order of their names. tls: from the variant with TLS, or OpenSSL
 * behind it; else from whichever is loaded, the one without first. What is loaded stays. False:
 * *why is the reason (the calling thread's until its next call), table is not filled. */
bool library_load(bool tls, const char *const *names, size_t n, void *table, const char **why);

#endif
