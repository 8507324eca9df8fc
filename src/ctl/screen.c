// SPDX-License-Identifier: MIT
#include "ctl/screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bus/clock.h"

#define AGAIN_TERMINAL (100 * US_MS)
#define AGAIN_PIPE (10 * US_S)
#define BAR_MOST 30

unsigned screen_width(void)
{
	struct winsize w;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_col == 0)
		return 80;
	return w.ws_col;
}

bool screen_moves(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

void progress_begin(struct progress *b, const char *title, unsigned total)
{
	*b = (struct progress){.title = title, .total = total, .begun = clock_now()};
	b->shown = screen_moves(STDERR_FILENO) ? 0 : b->begun;
}

static void draw(const struct progress *b, unsigned done, const char *note, const char *left)
{
	char bar[BAR_MOST + 1], text[160];
	const unsigned width = screen_width();
	const int rest = snprintf(text, sizeof(text), " %u/%u  %s%s%s", done, b->total, left,
	                          note[0] ? "  " : "", note);
	const unsigned taken = 12 + (unsigned)rest + 2;
	unsigned room = width > taken ? width - taken : 0;

	room = room > BAR_MOST ? BAR_MOST : room;
	const unsigned full = b->total ? (unsigned)((unsigned long)room * done / b->total) : room;
	memset(bar, '#', full);
	memset(bar + full, '.', room - full);
	bar[room] = '\0';
	fprintf(stderr, "%10s  %s%.*s", b->title, bar, width > 13 ? (int)width - 13 : 0, text);
}

void progress_show(struct progress *b, unsigned done, const char *note)
{
	const bool terminal = screen_moves(STDERR_FILENO);
	const us_t now = clock_now(), took = now - b->begun;
	char left[32] = "";

	if (b->shown && now - b->shown < (terminal ? AGAIN_TERMINAL : AGAIN_PIPE))
		return;
	b->shown = now;
	if (done)
		snprintf(left, sizeof(left), "%d s to go",
		         (int)(took / done * (b->total - done) / US_S) + 1);
	if (terminal)
		fputs("\r\033[K", stderr);
	draw(b, done, note, left);
	if (!terminal)
		fputc('\n', stderr);
	b->drawn = terminal;
	fflush(stderr);
}

void progress_clear(struct progress *b)
{
	if (b->drawn)
		fputs("\r\033[K", stderr);
	b->drawn = false;
}

void progress_end(struct progress *b, unsigned done, const char *note)
{
	char took[32];

	progress_clear(b);
	snprintf(took, sizeof(took), "%d s", (int)((clock_now() - b->begun + US_S / 2) / US_S));
	draw(b, done, note, took);
	fputc('\n', stderr);
}

bool screen_confirm(const char *question)
{
	char answer[16] = "";

	if (!isatty(STDIN_FILENO))
		return false;
	fprintf(stderr, "%s [y/N] ", question);
	fflush(stderr);
	if (fgets(answer, sizeof(answer), stdin))
		return answer[0] == 'y' || answer[0] == 'Y';
	fputc('\n', stderr); /* Ctrl-C or Ctrl-D: what follows begins a line */
	return false;
}
