/* SPDX-License-Identifier: MIT */
/*
 * answer: the lines that go back through the control socket, and whose a register is. Pure. The
 * protocol is doc/control.md.
 */
#ifndef CORE_CONTROL_ANSWER_H
#define CORE_CONTROL_ANSWER_H

#include "core/base/json.h"
#include "core/control/request.h"
#include "core/modbus/instead.h"
#include "core/model/model.h"

/* What became of a request on a line. */
struct control_result {
	enum outcome outcome;
	uint8_t exception;
	const uint8_t *answer; /* its PDU; NULL: none */
	size_t answer_len;
	struct instead instead;
	us_t turnaround, took; /* 0: not known */
	us_t timeout;          /* as it was waited for */
	const char *paused;    /* "device.point": its keep-alive was paused; NULL: none was */
};

/* A frame that went over a line. */
struct control_frame {
	int64_t unix_us;
	bool in;
	const uint8_t *bytes;
	size_t n;
	const char *cause; /* "poll", "command", "adhoc"; NULL: not given */
	const char *why;   /* what is wrong with it; NULL: nothing */
};

/* Each line begins with one of these and ends with control_end(), which adds the line feed. */
void control_begin(struct json *j, bool has_id, int64_t id);
void control_greeting(struct json *j, const char *version, const char *gateway, const char *mode);
void control_end(struct json *j);

/* A whole line. */
void control_put_error(struct json *j, bool has_id, int64_t id, enum control_error e,
                       const char *words);
void control_put_result(struct json *j, const struct control_request *r,
                        const struct control_result *o);
void control_put_frame(struct json *j, bool has_id, int64_t id, const struct control_frame *f);

/* The point of the configuration that these cells belong to, as "device.point" in buf. False: they
 * belong to none. A span of count 0 belongs to none; unit 0 (and of Modbus TCP 255) are all units.
 */
bool control_owner(const struct model *m, uint32_t bus, const struct span *s, char *buf,
                   size_t size);

/* Are cells of this point among them? */
bool control_touches(const struct model *m, uint32_t bus, const struct span *s, uint32_t device,
                     uint32_t point);

#endif
