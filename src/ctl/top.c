// SPDX-License-Identifier: MIT
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "ctl/look.h"
#include "ctl/screen.h"
#include "ctl/verb.h"

#define ALERTS 6
#define REDRAW_MS 1000
#define PACE_MS 200 /* no more than five screens a second, however much comes */

/* Requests a second of one line: counters are published every sys_interval. */
struct line_rate {
	char *gateway, *bus;
	double count, rate;
	us_t at;
};

struct top {
	struct look look;
	struct line_rate *rate;
	size_t nrate;
	struct termios before;
	bool raw;
};

static volatile sig_atomic_t stopped, suspended, resumed;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static void suspend(int signal_number)
{
	suspended = suspended || signal_number == SIGTSTP;
	resumed = resumed || signal_number == SIGCONT;
}

static void help(void)
{
	puts("Usage: xnetctl top [OPTION]...\n"
	     "The gateways of a broker, their lines and devices, redrawn while they change; q ends "
	     "it. Devices\n"
	     "that need attention come first.\n"
	     "\n"
	     "      --once                 print it once; so it is if the output is no "
	     "terminal\n" BROKER_HELP);
}

static struct line_rate *rate_of(struct top *t, const char *gateway, const char *bus)
{
	for (size_t i = 0; i < t->nrate; i++)
		if (strcmp(t->rate[i].gateway, gateway) == 0 && strcmp(t->rate[i].bus, bus) == 0)
			return &t->rate[i];
	t->rate = mem_grow(t->rate, t->nrate + 1, sizeof *t->rate);
	t->rate[t->nrate] = (struct line_rate){
		.gateway = mem_strdup(gateway), .bus = mem_strdup(bus), .count = -1, .rate = -1};
	return &t->rate[t->nrate++];
}

static double requests(void *ctx, const struct view_gateway *g, const struct view_bus *b)
{
	struct line_rate *r = rate_of(ctx, g->name, b->name);
	const us_t now = watch_now();
	double count;

	if (!facts_number(&b->facts, "requests", &count) || count == r->count)
		return r->rate;
	if (r->count >= 0 && count > r->count && now > r->at)
		r->rate = (count - r->count) * 1e6 / (double)(now - r->at);
	r->count = count;
	r->at = now;
	return r->rate;
}

static void draw(struct top *t, bool once)
{
	const struct look *l = &t->look;
	bool any = false;

	for (size_t i = 0; i < l->view->ngateway; i++) {
		const struct view_gateway *g = &l->view->gateway[i];
		if (!view_gateway_there(l->view, g))
			continue;
		any = true;
		look_head(l, g);
		look_tables(l, g, once ? NULL : requests, t, 0);
		look_alerts(l, g, ALERTS);
		look_commands(l, g);
	}
	look_others(l, 0);
	if (!any && l->view->ndevice == 0)
		look_nobody(l);
}

/* As many lines as there are on the screen; the last one without its end, so that nothing scrolls.
 */
static void show(const struct screen *s, const char *text)
{
	size_t left = s->height > 1 ? s->height - 1 : 1000000;

	fputs("\033[H", stdout);
	for (const char *end; *text && left; text = end + 1, left--) {
		end = strchr(text, '\n');
		if (!end)
			break;
		printf("%.*s\033[K", (int)(end - text), text);
		fputs(left > 1 && end[1] ? "\n" : "", stdout);
	}
	fputs("\033[J", stdout);
	fflush(stdout);
}

static void redraw(struct top *t)
{
	char *text = NULL;
	size_t size = 0;

	screen_look(&t->look.screen);
	t->look.screen.out = open_memstream(&text, &size);
	if (!t->look.screen.out)
		return;
	if (!watch_connected(t->look.watch)) {
		char line[256];
		snprintf(line, sizeof line,
		         "THE BROKER IS UNREACHABLE: %.150s; what follows is old",
		         watch_trouble(t->look.watch));
		screen_line(&t->look.screen, TONE_BAD, line);
	}
	draw(t, false);
	fclose(t->look.screen.out);
	t->look.screen.out = stdout;
	show(&t->look.screen, text);
	free(text);
}

static void terminal_take(struct top *t)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &t->before) == 0) {
		raw = t->before;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		t->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
	}
	fputs("\033[?1049h\033[?25l", stdout);
	fflush(stdout);
}

static void terminal_begin(struct top *t)
{
	struct sigaction a = {.sa_handler = stop}, s = {.sa_handler = suspend};

	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	sigaction(SIGHUP, &a, NULL);
	sigaction(SIGTSTP, &s, NULL);
	sigaction(SIGCONT, &s, NULL);
	terminal_take(t);
}

static void terminal_end(struct top *t)
{
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	if (t->raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &t->before);
}

/* Ctrl-Z: the shell gets its terminal as it was. After a stop that could not be seen coming it is
 * only taken again. True: everything is to be drawn. */
static bool terminal_paused(struct top *t)
{
	const bool again = suspended || resumed;

	if (suspended)
		terminal_end(t);
	if (suspended)
		raise(SIGSTOP);
	else if (resumed && t->raw) /* the shell may have set it anew */
		tcsetattr(STDIN_FILENO, TCSANOW, &t->before);
	suspended = resumed = 0;
	if (again)
		terminal_take(t);
	return again;
}

/* q, or the terminal is gone. */
static bool wants_to_leave(short revents)
{
	char c = 0;

	if (!revents)
		return false;
	const ssize_t n = read(STDIN_FILENO, &c, 1);
	return n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN) || c == 'q' || c == 'Q' ||
	       c == 3;
}

static void live(struct top *t)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

	terminal_begin(t);
	for (us_t drawn = 0; !stopped;) {
		const us_t now = watch_now();
		if (terminal_paused(t) || now - drawn >= REDRAW_MS * US_MS) {
			redraw(t);
			drawn = now;
		}
		if (poll(&p, 1, PACE_MS) > 0 && wants_to_leave(p.revents))
			break;
		watch_turn(t->look.watch, NULL, NULL);
	}
	terminal_end(t);
}

int verb_top(int argc, char **argv)
{
	static const struct option table[] = {BROKER_LONG_OPTIONS,
	                                      {"once", no_argument, NULL, '1'},
	                                      {"help", no_argument, NULL, 'h'},
	                                      {0}};
	struct broker_options o;
	struct top t = {0};
	bool once = false;

	broker_options_init(&o);
	for (int c; (c = getopt_long(argc, argv, BROKER_OPTIONS "h", table, NULL)) != -1;) {
		if (c == 'h') {
			help();
			return EXIT_SUCCESS;
		}
		if (c == '1')
			once = true;
		else if (!broker_option(&o, c))
			return usage("top");
	}
	if (optind < argc)
		return usage_words("top", argc, argv, optind, NULL);
	const int status = look_begin(&t.look, &o);
	if (status)
		return status;
	if (once || !screen_moves(STDOUT_FILENO))
		draw(&t, true);
	else
		live(&t);
	look_end(&t.look);
	for (size_t i = 0; i < t.nrate; i++) {
		free(t.rate[i].gateway);
		free(t.rate[i].bus);
	}
	free(t.rate);
	return EXIT_SUCCESS;
}
