// SPDX-License-Identifier: MIT
#include "ctl/stop.h"

#include <signal.h>
#include <stddef.h>

static atomic_bool asked;
static atomic_int by; /* the signal */

static void on_signal(int number)
{
	atomic_store(&by, number);
	atomic_store(&asked, true);
}

void stop_catch(void)
{
	static const int number[] = {SIGINT, SIGTERM, SIGHUP};
	/* no SA_RESTART: a question that waits for an answer ends, too */
	struct sigaction a = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

	sigemptyset(&a.sa_mask);
	for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++)
		sigaction(number[i], &a, NULL);
}

bool stop_asked(void)
{
	return atomic_load(&asked);
}

int stop_status(int status)
{
	return stop_asked() ? 128 + atomic_load(&by) : status;
}

const atomic_bool *stop_flag(void)
{
	return &asked;
}
