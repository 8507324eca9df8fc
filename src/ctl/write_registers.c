// SPDX-License-Identifier: MIT
#include "ctl/write.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/image.h"
#include "ctl/screen.h"
#include "ctl/wording.h"

static bool word_parse(const char *text, bool coil, uint16_t *out)
{
	char *end;
	const long n = strtol(text, &end, 0);

	if (coil && (strcmp(text, "on") == 0 || strcmp(text, "off") == 0)) {
		*out = strcmp(text, "on") == 0;
		return true;
	}
	if (end == text || *end || n < (coil ? 0 : -32768) || n > (coil ? 1 : 65535))
		return false;
	*out = (uint16_t)n;
	return true;
}

bool write_take_registers(struct write *w, int argc, char **argv)
{
	if (!target_place(&w->target, "write", argv[0], &w->at))
		return false;
	const bool coil = w->at.table == TABLE_COIL;
	if (!coil && w->at.table != TABLE_HOLDING) {
		fprintf(stderr,
		        "xnetctl write: %s: only holding registers and coils can be written\n",
		        argv[0]);
		return false;
	}
	if (argc - 1 > WRITE_REGISTERS_MAX || w->at.addr + argc - 1 > 65536) {
		fprintf(stderr, "xnetctl write: at most %d registers at once\n",
		        WRITE_REGISTERS_MAX);
		return false;
	}
	for (int i = 1; i < argc; i++)
		if (!word_parse(argv[i], coil, &w->word[w->count++])) {
			fprintf(stderr, "xnetctl write: %s: expects %s\n", wording_clean(argv[i]),
			        coil ? "on or off" : "a word from -32768 to 65535");
			return false;
		}
	if (w->at.counted)
		fprintf(stderr, "%s is %s %u: documents count from 1, the wire from 0\n", argv[0],
		        wording_table[w->at.table], w->at.addr);
	return true;
}

/* The points that have one of the registers. */
static bool owned(const struct write *w, char *names, size_t size)
{
	const struct device *d = target_device(&w->target, w->unit);
	size_t n = 0;

	names[0] = '\0';
	for (uint32_t i = 0; d && i < d->set->n; i++) {
		const struct point *p = &d->set->point[i];
		if (p->source != SOURCE_REGISTER || p->table != w->at.table || p->absent)
			continue;
		const struct span s = model_span(d, p);
		if (s.addr >= w->at.addr + w->count || w->at.addr >= s.addr + s.count || n >= size)
			continue;
		n += (size_t)snprintf(names + n, size - n, "%s%s.%s", n ? ", " : "", d->name,
		                      p->name);
	}
	return n > 0;
}

static bool read_registers(struct write *w, uint16_t *words, struct reply *reply)
{
	const struct span s = {w->unit, w->at.table, w->at.addr, w->count};
	uint16_t cells[CELLS_MAX] = {0};

	if (!image_fetch(w->line, &s, NULL, target_timeout(&w->target, &w->options, w->unit), false,
	                 cells, reply))
		return false;
	for (unsigned i = 0; i < w->count; i++)
		words[i] = w->at.table == TABLE_COIL ? cells[i / 16] >> (i % 16) & 1 : cells[i];
	return true;
}

static bool build(const struct write *w, struct request *r)
{
	uint16_t packed[CELLS_MAX] = {0};

	if (w->at.table == TABLE_HOLDING)
		return w->count == 1
		               ? pdu_write_register(r, w->unit, w->at.addr, w->word[0])
		               : pdu_write_registers(r, w->unit, w->at.addr, w->count, w->word);
	if (w->count == 1)
		return pdu_write_coil(r, w->unit, w->at.addr, w->word[0] ? 0xFF00 : 0);
	for (unsigned i = 0; i < w->count; i++)
		packed[i / 16] |= (uint16_t)(w->word[i] << (i % 16));
	return pdu_write_coils(r, w->unit, w->at.addr, w->count, packed);
}

static void print_words(const char *title, const uint16_t *words, unsigned n)
{
	printf("  %-5s", title);
	for (unsigned i = 0; i < n; i++)
		printf(" %u", words[i]);
	putchar('\n');
}

int write_registers(struct write *w)
{
	uint16_t words[WRITE_REGISTERS_MAX];
	char names[256], text[400] = "";
	struct request r;
	struct reply reply;

	if (owned(w, names, sizeof(names)) && !w->over) {
		char reason[320];
		snprintf(reason, sizeof(reason),
		         "these registers belong to %s: xnetctl write %s checks the value; --over "
		         "writes them all the same",
		         names, strchr(names, ',') ? "DEVICE.POINT" : names);
		return write_report(w, false, "refused", "", reason, 0);
	}
	const bool readable = w->unit != 0 && read_registers(w, words, &reply);
	if (!w->json) {
		printf("%s %u of unit %u\n", wording_table[w->at.table], w->at.addr, w->unit);
		if (readable)
			print_words("now", words, w->count);
		else
			printf("  now   -  (%s)\n",
			       w->unit ? reply.why : "to all units: none responds");
		print_words("then", w->word, w->count);
		fflush(stdout);
	}
	if (!readable && w->unit && write_forbidden(w, &reply, text, sizeof(text)))
		return write_report(w, false, "refused", "", text, 0);
	if (!w->yes && !screen_confirm("Write?")) {
		fputs("Nothing was written (--yes writes without asking).\n", stderr);
		return EXIT_FAILURE;
	}
	build(w, &r);
	w->line->over = w->over;
	line_ask(w->line, &r, target_timeout(&w->target, &w->options, w->unit), false, &reply);
	if (reply.outcome != OUT_OK)
		return write_report(w, false, reply.outcome == OUT_REFUSED ? "refused" : "failed",
		                    "", reply.why, 0);
	const us_t took = reply.turnaround;
	if (!readable || !read_registers(w, words, &reply))
		return write_report(w, true, "acknowledged",
		                    w->unit ? "could not be read back" : "sent to all", "", took);
	for (unsigned i = 0, n = 0; i < w->count && n < sizeof(text); i++)
		n += (unsigned)snprintf(text + n, sizeof(text) - n, "%s%u", i ? " " : "", words[i]);
	const bool same = memcmp(words, w->word, w->count * sizeof(words[0])) == 0;
	return write_report(w, same, same ? "verified" : "differs", text, "", took);
}
