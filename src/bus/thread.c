// SPDX-License-Identifier: MIT
#include "bus/thread.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most of it is never touched: the deep end is for the C library's name look-up. */
#define STACK (256 * 1024)

pthread_t thread_start(const char *name, void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;
	char cut[16];
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	const int failed = pthread_create(&thread, &attr, run, arg);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed) {
		fprintf(stderr, "<2>cannot start a thread: %s\n", strerror(failed));
		abort();
	}
	snprintf(cut, sizeof(cut), "%s", name);
	pthread_setname_np(thread, cut);
	return thread;
}
