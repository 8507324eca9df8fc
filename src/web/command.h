/* SPDX-License-Identifier: MIT */
/*
 * command: what the page wants written, and what became of it. A command is sent once; its outcome
 * comes as an MQTT 5 response, as a Nak, or, where the broker speaks 3.1.1, as the value read back;
 * after 15 s without one that is reported. Pure, but for watch_send.
 */
#ifndef WEB_COMMAND_H
#define WEB_COMMAND_H

#include "view/watch.h"

#define COMMAND_BODY 4096
#define COMMANDS 32 /* under way */

struct command {
	uint32_t number; /* 0: free */
	char *device, *point, *value;
	us_t sent, echoed; /* echoed: when the value came back; 0: not yet */
};

struct commands {
	struct view *view;
	char topic[64]; /* responses come below it */
	uint32_t last;
	struct command command[COMMANDS];
	uint64_t naks; /* lines of the view's log that were looked at */
};

void commands_init(struct commands *c, struct view *v);
void commands_free(struct commands *c);

/* The filter of responses. */
void commands_filter(const struct commands *c, char *buf, size_t size);

/* {"device":…,"point":…,"value":…}. 202 if it was sent, else an HTTP status; text is what was done,
 * for people. */
unsigned commands_take(struct commands *c, struct watch *w, const char *body, size_t len,
                       char *text, size_t size);

/* A response came. */
void commands_response(struct commands *c, const struct view_message *m);

/* After each turn: outcomes go into the view's log. */
void commands_turn(struct commands *c, us_t now, int64_t wall);

#endif
