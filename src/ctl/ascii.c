// SPDX-License-Identifier: MIT
#include "ctl/ascii.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define LONGEST 3 /* letters for one character */

static const char *const plain[][2] = {
	{"\xC2\xB0", "deg"}, {"\xC2\xB5", "u"},   {"\xCE\xBC", "u"},       {"\xC2\xB2", "2"},
	{"\xC2\xB3", "3"},   {"\xCE\xA9", "Ohm"}, {"\xE2\x80\xA6", "..."}, {"\xE2\x80\x93", "-"},
	{"\xC3\xA4", "ae"},  {"\xC3\xB6", "oe"},  {"\xC3\xBC", "ue"},      {"\xC3\x9F", "ss"},
};

/* Bytes of the character that begins so. */
static size_t width(unsigned char first)
{
	return first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

static const char *letters(const char *text, size_t n)
{
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (strlen(plain[i][0]) == n && memcmp(plain[i][0], text, n) == 0)
			return plain[i][1];
	return "?";
}

size_t ascii_text(const char *text, size_t n, char *buf, size_t size, size_t *used)
{
	size_t at = 0, len = 0;

	while (at < n && len + LONGEST < size) {
		const size_t w = width((unsigned char)text[at]);
		if ((unsigned char)text[at] < 0x80) {
			buf[len++] = text[at++];
			continue;
		}
		if (at + w > n)
			break;
		const char *p = letters(text + at, w);
		memcpy(buf + len, p, strlen(p));
		len += strlen(p);
		at += w;
	}
	buf[len] = '\0';
	*used = at;
	return len;
}

struct terminal {
	int fd;
	char left[4]; /* of a character whose end has not come */
	size_t nleft;
};

static void put(int fd, const char *text, size_t n)
{
	for (ssize_t done; n; text += done, n -= (size_t)done) {
		done = write(fd, text, n);
		if (done <= 0)
			return;
	}
}

static ssize_t take(void *cookie, const char *text, size_t n)
{
	struct terminal *t = cookie;
	char in[512], out[2048];
	size_t used;

	for (size_t at = 0; at < n;) {
		const size_t room = sizeof(in) - t->nleft;
		const size_t some = n - at < room ? n - at : room;
		memcpy(in, t->left, t->nleft);
		memcpy(in + t->nleft, text + at, some);
		at += some;
		put(t->fd, out, ascii_text(in, t->nleft + some, out, sizeof(out), &used));
		t->nleft = t->nleft + some - used;
		if (t->nleft >= sizeof(t->left)) /* no character */
			t->nleft = 0;
		memcpy(t->left, in + used, t->nleft);
	}
	return (ssize_t)n;
}

static FILE *through(struct terminal *t, FILE *usual, int mode)
{
	const cookie_io_functions_t io = {.write = take};

	if (!isatty(t->fd))
		return usual;
	FILE *f = fopencookie(t, "w", io);
	if (f)
		setvbuf(f, NULL, mode, mode == _IONBF ? 0 : BUFSIZ);
	return f ? f : usual;
}

void ascii_begin(void)
{
	static struct terminal out = {.fd = STDOUT_FILENO}, err = {.fd = STDERR_FILENO};

	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
		return;
	stdout = through(&out, stdout, _IOLBF);
	stderr = through(&err, stderr, _IONBF);
}
