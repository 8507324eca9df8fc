/* SPDX-License-Identifier: MIT */
/*
 * pcapng: captures that Wireshark and tshark decode without any setting: link type 252 (upper PDU),
 * each valid frame as Modbus TCP, everything else as bytes. IETF draft-ietf-opsawg-pcapng;
 * Wireshark's epan/exported_pdu.h for the tags.
 */
#ifndef CTL_PCAPNG_H
#define CTL_PCAPNG_H

#include <stdio.h>

#include "ctl/traffic.h"

/* name: the bus's; description: "/dev/ttyUSB0 9600 8N1". False: the file cannot be written. */
bool pcapng_begin(FILE *out, const char *name, const char *description);
bool pcapng_frame(FILE *out, const struct frame_note *n);

/* Reads a capture of ours. head: name and description of its line, before the first frame. False:
 * it is no capture of ours, or ends within a block; why. */
bool pcapng_read(FILE *in, void (*head)(void *ctx, const char *name, const char *description),
                 seen_take *take, void *ctx, char *why, size_t size);

#endif
