/* SPDX-License-Identifier: MIT */
/*
 * request: one line of the control socket as what it requests, all arguments checked as far as no
 * configuration is needed. Pure. The protocol is doc/control.md.
 */
#ifndef CORE_CONTROL_REQUEST_H
#define CORE_CONTROL_REQUEST_H

#include "core/base/jread.h"
#include "core/base/span.h"
#include "core/modbus/pdu.h"

#define CONTROL_PROTOCOL 1
#define CONTROL_REQUEST_MAX 4096
#define CONTROL_ANSWER_MAX 65536
#define CONTROL_AS_SIZE 33
#define CONTROL_HOLD_MAX 120 /* s */

enum control_verb {
	CONTROL_BUSES,
	CONTROL_DEVICES,
	CONTROL_POINTS,
	CONTROL_GET,
	CONTROL_SET,
	CONTROL_READ,
	CONTROL_WRITE,
	CONTROL_PDU,
	CONTROL_MONITOR,
	CONTROL_HOLD,
	CONTROL_RELEASE,
	CONTROL_RELOAD,
	CONTROL_LOG,
	CONTROL_VERBS
};

enum control_error {
	CONTROL_GOOD,
	CONTROL_E_VERB,
	CONTROL_E_ARGS,
	CONTROL_E_BUS,
	CONTROL_E_UNIT,
	CONTROL_E_BUSY,
	CONTROL_E_TIMEOUT,
	CONTROL_E_REFUSED,
	CONTROL_E_LINK,
	CONTROL_E_DENIED,
	CONTROL_E_LIMIT,
	CONTROL_E_CLOSED,
	CONTROL_ERRORS
};

struct control_request {
	uint8_t verb; /* enum control_verb */
	bool has_id;
	int64_t id;
	char as[CONTROL_AS_SIZE]; /* "": not given */
	/* Texts of the tree; NULL: not given. */
	const char *bus, *device, *point, *level;
	char value[256]; /* set: as text */
	uint32_t from;
	bool over, on;
	/* read, write, pdu: what goes to which unit */
	uint8_t unit, table;
	uint16_t addr, count;
	uint8_t pdu[PDU_MAX];
	uint8_t len;
	us_t timeout; /* 0: not given */
	/* hold; 0: as the line has it */
	uint32_t baud;
	uint8_t data, stop;
	char parity;
	us_t lasts; /* 0: not given */
	struct jread tree;
};

/* CONTROL_GOOD, or which error; words gets what is wrong. control_request_free() either way. The
 * id is there as far as it could be read. */
enum control_error control_parse(struct control_request *r, const char *line, size_t len,
                                 char *words, size_t size);
void control_request_free(struct control_request *r);

/* "args", "denied" …; CONTROL_GOOD: NULL. */
const char *control_error_name(enum control_error e);
const char *control_verb_name(enum control_verb v);

/* What a PDU does to a device: nothing, writes these cells (count 0: not known which). */
bool control_pdu_reads(const uint8_t *pdu, size_t len);
struct span control_pdu_cells(uint8_t unit, const uint8_t *pdu, size_t len);

#endif
