// SPDX-License-Identifier: MIT
#include "ctl/rewatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bus/clock.h"
#include "core/base/arena.h"

struct watched {
	char *name, *text;
	us_t since;
};

struct rewatch {
	struct watched *value;
	size_t n;
	unsigned requests, responses, exceptions, timeouts, corrupted;
	us_t least, most, sum;
	us_t begun;
};

struct rewatch *rewatch_create(void)
{
	struct rewatch *w = mem_alloc(1, sizeof(*w));

	w->begun = clock_now();
	return w;
}

void rewatch_destroy(struct rewatch *w)
{
	for (size_t i = 0; i < w->n; i++) {
		free(w->value[i].name);
		free(w->value[i].text);
	}
	free(w->value);
	free(w);
}

static void print_time(void)
{
	char text[16];
	const time_t now = time(NULL);
	struct tm t;

	localtime_r(&now, &t);
	strftime(text, sizeof(text), "%H:%M:%S", &t);
	printf("%s  ", text);
}

void rewatch_value(struct rewatch *w, const char *name, const char *text)
{
	const us_t now = clock_now();
	size_t i = 0;

	while (i < w->n && strcmp(w->value[i].name, name) != 0)
		i++;
	if (i < w->n && strcmp(w->value[i].text, text) == 0)
		return;
	print_time();
	if (i == w->n) {
		printf("%-24s %s\n", name, text);
		w->value = mem_grow(w->value, w->n + 1, sizeof(*w->value));
		w->value[w->n++] = (struct watched){mem_strdup(name), mem_strdup(text), now};
		return;
	}
	struct watched *v = &w->value[i];
	printf("%-24s %s  (%s for %.1f s)\n", name, text, v->text, (double)(now - v->since) / 1e6);
	free(v->text);
	v->text = mem_strdup(text);
	v->since = now;
}

void rewatch_count(struct rewatch *w, const struct reply *reply)
{
	w->requests++;
	w->exceptions += reply->outcome == OUT_REFUSED;
	w->timeouts += reply->outcome == OUT_TIMEOUT;
	w->corrupted += reply->outcome == OUT_GARBLED;
	if (reply->outcome != OUT_OK && reply->outcome != OUT_REFUSED)
		return;
	const us_t t = reply->turnaround ? reply->turnaround : reply->took;
	w->responses++;
	w->sum += t;
	w->most = t > w->most ? t : w->most;
	w->least = !w->least || t < w->least ? t : w->least;
}

bool rewatch_end(struct rewatch *w)
{
	const unsigned lost = w->requests - w->responses;

	if (!w->requests)
		return false;
	fflush(stdout);
	fprintf(stderr,
	        "%u requests in %.1f s: %u responses (%u exceptions), %u timeouts, %u corrupted; "
	        "%.1f %% lost\n",
	        w->requests, (double)(clock_now() - w->begun) / 1e6, w->responses, w->exceptions,
	        w->timeouts, w->corrupted, 100.0 * lost / w->requests);
	if (w->responses)
		fprintf(stderr, "response times: least %.1f, mean %.1f, most %.1f ms\n",
		        (double)w->least / 1e3, (double)w->sum / 1e3 / w->responses,
		        (double)w->most / 1e3);
	return w->responses > 0;
}
