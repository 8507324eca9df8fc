/* SPDX-License-Identifier: MIT */
/*
 * screen: a bar that moves while something takes long, on standard error: one line that is drawn
 * again on a terminal of any width, plain lines in a pipe. ASCII only.
 */
#ifndef CTL_SCREEN_H
#define CTL_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/span.h"

struct progress {
	const char *title; /* "9600 8N1" */
	unsigned total;
	us_t begun, shown;
	bool drawn; /* a line without its end is on the terminal */
};

void progress_begin(struct progress *b, const char *title, unsigned total);
/* Cheap when called often. note: "3 found" */
void progress_show(struct progress *b, unsigned done, const char *note);
/* Before anything else is printed; final: with the whole bar. */
void progress_clear(struct progress *b);
void progress_end(struct progress *b, unsigned done, const char *note);

/* Is it a terminal whose cursor can be moved? */
bool screen_moves(int fd);

unsigned screen_width(void); /* of standard error; 80 if it is no terminal */

/* Prompts on the terminal; false if the answer is not yes, or there is no terminal. */
bool screen_confirm(const char *question);

#endif
