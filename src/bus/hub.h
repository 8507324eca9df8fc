/* SPDX-License-Identifier: MIT */
/*
 * hub: the threads that drive buses. A serial line has one of its own, because its silences need a
 * thread that is never behind another's work; all TCP endpoints share one, which is there while one
 * of them is. It never waits for an endpoint: worker_go() does what can be done now, and returns
 * what it waits for. Connects are spread: at most 50 in any second, those that may well answer
 * first.
 */
#ifndef BUS_HUB_H
#define BUS_HUB_H

#include <stdbool.h>

struct bus;
struct turn_run;

/* The bus is driven from now on. */
void hub_join(struct bus *b);
/* Waits until it has ended (see bus_close()), and ends the thread with the last one. */
void hub_leave(struct bus *b);

/* It has something to do now. From any thread, also when it has ended. */
void hub_stir(struct bus *b);

/* The rest is for the hub's own thread, of b: may it connect now? False: it is called when it may.
 * at_once: whatever the others do. */
bool hub_permits(struct bus *b, bool at_once);
/* A number that is another one as soon as all that has happened on sockets was noted again. */
unsigned hub_waits(const struct bus *b);
/* Memory for how a turn is carried out, all 0, and back again: few buses have a turn at a time. */
struct turn_run *hub_lend(struct bus *b);
void hub_take_back(struct bus *b, struct turn_run *run);

#endif
