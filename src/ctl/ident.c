// SPDX-License-Identifier: MIT
/*
 * ident: who responds at a unit id: by its own word (functions 43/14 and 17), and by the profiles
 * that define how their device is recognised.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/model/devid.h"
#include "ctl/image.h"
#include "ctl/scan.h"
#include "ctl/stop.h"
#include "ctl/wording.h"

#define SLOWER 4                    /* times as long as its first response any other may take … */
#define IDENT_TIMEOUT (120 * US_MS) /* … and this */
#define SILENT_MOST 2
#define REFUSED_MOST 2 /* it does not have a function that it refused so often with exception 1 */
#define READS_MOST 16

/* What a unit was asked by the profiles' identify: several look at the same register. */
struct asked {
	struct found *found;
	us_t timeout;
	unsigned silent;     /* in a row */
	unsigned refused[4]; /* by table: in a row with exception 1 */
	size_t n;
	struct {
		struct span span;
		bool good;
		uint16_t words[CELLS_MAX];
	} read[READS_MOST];
};

/* Once more, if what came was none: a name must not be lost by a spoilt frame. Silence is what many
 * units have for a function that they do not know. */
static void ask_twice(struct scan *s, const struct request *r, us_t timeout, struct reply *reply)
{
	for (unsigned i = 0; i < 2; i++) {
		line_ask(s->line, r, timeout, true, reply);
		if (reply->outcome == OUT_OK || reply->outcome == OUT_REFUSED || !reply->noise)
			return;
	}
}

static bool ask_device_id(struct scan *s, uint8_t unit, us_t timeout, char *buf, size_t size)
{
	struct request r;
	struct reply reply;

	pdu_device_id(&r, unit, 1, 0);
	ask_twice(s, &r, timeout, &reply);
	return reply.outcome == OUT_OK && devid_text(reply.pdu, reply.len, buf, size);
}

/* Function 17: a byte count, then whatever the maker likes; shown if a text is in it. */
static bool ask_server_id(struct scan *s, uint8_t unit, us_t timeout, char *buf, size_t size)
{
	struct request r;
	struct reply reply;
	size_t begin = 0, n = 0;

	pdu_raw(&r, unit, (const uint8_t[]){FC_REPORT_SERVER_ID}, 1, 0);
	line_ask(s->line, &r, timeout, true, &reply);
	for (size_t i = 2, at = 2; reply.outcome == OUT_OK && i < reply.len; i++) {
		if (reply.pdu[i] < ' ' || reply.pdu[i] > '~')
			at = i + 1;
		else if (i + 1 - at > n) {
			begin = at;
			n = i + 1 - at;
		}
	}
	if (n < 4)
		return false;
	text_clean((const char *)reply.pdu + begin, n, buf, size);
	return true;
}

bool ident_device_id(struct wireline *line, const struct device *d, uint8_t unit, us_t timeout,
                     char *why, size_t size)
{
	struct devid state = {0};
	struct request r;
	struct reply reply;

	for (;;) {
		devid_request(&state, d, &r);
		r.unit = unit;
		line_ask(line, &r, timeout, false, &reply);
		if (reply.outcome != OUT_OK) {
			snprintf(why, size, "function 43/14: %s", reply.why);
			return false;
		}
		const enum devid_verdict v = devid_take(&state, d, reply.pdu, reply.len, why, size);
		if (v != DEVID_MORE)
			return v == DEVID_SAME;
	}
}

bool ident_matches(const struct device *d, const char *is)
{
	struct value a, b;
	const char *x, *y;

	for (size_t i = 0; i < d->nidentify; i++) {
		const char *word = d->identify_word[i];
		if (d->identify_kind == IDENTIFY_STARTS ? strncmp(is, word, strlen(word)) == 0
		                                        : strcmp(is, word) == 0)
			return true;
		if (d->identify_kind != IDENTIFY_STARTS && value_parse_number(is, &x, &a) && !*x &&
		    value_parse_number(word, &y, &b) && !*y && value_number(&a) == value_number(&b))
			return true;
	}
	return false;
}

static bool read_good(struct scan *s, struct asked *a, const struct span *span,
                      const struct unit_rule *rule, uint16_t *words)
{
	unsigned *refusals = &a->refused[span->table & 3];
	struct reply reply;

	if (*refusals >= REFUSED_MOST)
		return false;
	const bool good = image_fetch(s->line, span, rule, a->timeout, true, words, &reply);
	const bool refused = reply.outcome == OUT_REFUSED;
	a->silent = good || refused ? 0 : a->silent + 1;
	*refusals = refused && reply.exception == EXC_FUNCTION ? *refusals + 1 : 0;
	return good;
}

/* NULL: it does not give them. */
static const uint16_t *read_once(struct scan *s, struct asked *a, const struct device *d,
                                 const struct span *span)
{
	size_t i = 0;

	while (i < a->n && memcmp(&a->read[i].span, span, sizeof(*span)) != 0)
		i++;
	if (i == READS_MOST)
		i = 0;
	else if (i < a->n)
		return a->read[i].good ? a->read[i].words : NULL;
	else
		a->n++;
	a->read[i].span = *span;
	a->read[i].good = read_good(s, a, span, &d->rule, a->read[i].words);
	return a->read[i].good ? a->read[i].words : NULL;
}

static bool profile_is(struct scan *s, struct asked *a, const struct device *d)
{
	const struct point *p = &d->set->point[d->identify_point];
	char text[VALUE_TEXT_MAX], shown[VALUE_PRINT_MAX];
	struct span span = model_span(d, p);
	uint16_t gathered[CELLS_MAX];
	struct value v;

	span.unit = a->found->unit;
	if (d->rule.read_function && !table_is_bits(span.table))
		span.table = d->rule.read_function == FC_READ_HOLDING ? TABLE_HOLDING : TABLE_INPUT;
	const uint16_t *words = read_once(s, a, d, &span);
	if (!words)
		return false;
	model_gather(p, &span, words, gathered);
	point_decode(p, gathered, NULL, NULL, text, &v);
	point_print(p, &v, NULL, shown, sizeof(shown));
	return ident_matches(d, shown);
}

/* by_id: it has function 43/14. */
static void by_profile(struct scan *s, struct found *f, us_t timeout, bool by_id)
{
	struct asked a = {.found = f, .timeout = timeout};
	char why[DEVID_WORDS_MAX];

	a.refused[TABLE_HOLDING] = f->fc == FC_READ_HOLDING && f->exception == EXC_FUNCTION;
	for (size_t i = 0; i < s->catalogue.n && a.silent < SILENT_MOST && !stop_asked(); i++) {
		const struct device *d = &s->catalogue.profile[i].model->device[0];
		if (d->ndevice_id
		            ? !by_id || !ident_device_id(s->line, d, f->unit, timeout, why,
		                                         sizeof(why))
		            : d->identify_point < 0 || d->set->sunspec || !profile_is(s, &a, d))
			continue;
		f->profile = s->catalogue.profile[i].name;
		if (!f->identity[0])
			snprintf(f->identity, sizeof(f->identity), "%.60s (identify)",
			         d->title ? d->title : f->profile);
		return;
	}
}

/* A word of the device that names one profile: its vendor and one of its models. */
static void by_word(struct scan *s, struct found *f)
{
	for (size_t i = 0; i < s->catalogue.n && f->identity[0]; i++) {
		const struct device *d = &s->catalogue.profile[i].model->device[0];
		char models[512];
		if (!d->vendor || !d->model || !strcasestr(f->identity, d->vendor))
			continue;
		snprintf(models, sizeof(models), "%s", d->model);
		for (char *save, *m = strtok_r(models, ",", &save); m;
		     m = strtok_r(NULL, ",", &save)) {
			m += strspn(m, " ");
			if (strlen(m) >= 3 && strcasestr(f->identity, m))
				f->profile = s->catalogue.profile[i].name;
		}
		if (f->profile)
			return;
	}
}

void ident_unit(struct scan *s, struct found *f)
{
	const us_t slow = f->first * SLOWER + IDENT_TIMEOUT;
	const us_t timeout = s->options.timeout ? s->options.timeout : slow;
	char text[80];

	if (f->corrupted) {
		snprintf(f->identity, sizeof(f->identity),
		         "corrupted responses: two devices with this id?");
		return;
	}
	const bool by_id = ask_device_id(s, f->unit, timeout, text, sizeof(text));
	if (by_id)
		snprintf(f->identity, sizeof(f->identity), "%s (FC 43)", text);
	else if (ask_server_id(s, f->unit, timeout, text, sizeof(text)))
		snprintf(f->identity, sizeof(f->identity), "%s (FC 17)", text);
	by_profile(s, f, timeout, by_id);
	if (!f->profile)
		by_word(s, f);
	if (!f->identity[0] && f->exception)
		snprintf(f->identity, sizeof(f->identity), "exception %u: alive, unknown",
		         f->exception);
	else if (!f->identity[0])
		snprintf(f->identity, sizeof(f->identity), "responds, unknown");
}
