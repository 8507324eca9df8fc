/* SPDX-License-Identifier: MIT */
/* exception: the exceptions of Modbus by name. */
#ifndef CORE_MODBUS_EXCEPTION_H
#define CORE_MODBUS_EXCEPTION_H

#include <stddef.h>
#include <stdint.h>

/* "illegal data address"; "not in the specification" for codes that are not in it. */
const char *exception_name(uint8_t code);

/* What it means for the sender: "it does not have these registers". NULL: its name says enough. */
const char *exception_advice(uint8_t code);

/* "exception 2, illegal data address". Returns buf. */
char *exception_words(uint8_t code, char *buf, size_t size);

#endif
