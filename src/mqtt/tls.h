/* SPDX-License-Identifier: MIT */
/*
 * tls: why a TLS connection to a broker fails, in words. The MQTT library reports at most that it
 * does.
 */
#ifndef MQTT_TLS_H
#define MQTT_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/model/model.h"

/* Are ca, cert and key what they should be? False: buf gets which is not, and how. */
bool tls_files(const struct mqtt_conf *c, char *buf, size_t size);

/* The same for all connections of the model that use TLS: the one that cannot be made, and buf also
 * names its section; NULL: all can. */
const struct mqtt_conf *tls_unusable(const struct model *m, char *buf, size_t size);

/* Makes a connection of its own to the broker and takes it as far as TLS goes; waits, some seconds
 * at most, so not for main. False: TLS is not what is wrong there, and buf is "". */
bool tls_explain(const struct mqtt_conf *c, char *buf, size_t size);

/* The same for mqtt://: is it a TLS port? */
bool tls_port(const struct mqtt_conf *c);

#endif
