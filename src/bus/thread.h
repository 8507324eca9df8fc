/* SPDX-License-Identifier: MIT */
/*
 * thread: how the threads of the buses are started: a small stack, no signals, a name.
 */
#ifndef BUS_THREAD_H
#define BUS_THREAD_H

#include <pthread.h>

/* name: cut at 15 characters. Ends the program if there can be none. */
pthread_t thread_start(const char *name, void *(*run)(void *), void *arg);

#endif
