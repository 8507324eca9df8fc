// SPDX-License-Identifier: MIT
#include "ctl/replay.h"

#include <string.h>

struct replay {
	const struct device *device;
	const struct profile_test *test;
	bool (*value)(struct replay *r, uint32_t index, struct value *out); /* values need values */
	char text[VALUE_TEXT_MAX];
};

static bool cell(const struct profile_test *t, uint8_t table, uint32_t addr, uint16_t *word)
{
	for (size_t i = 0; i < t->nblock; i++) {
		if (t->block[i].table != table || addr < t->block[i].addr ||
		    addr - t->block[i].addr >= t->block[i].n)
			continue;
		*word = t->block[i].word[addr - t->block[i].addr];
		return true;
	}
	return false;
}

/* The point's words in the order it lists them. False: the test does not give them all. */
static bool gather(const struct profile_test *t, const struct point *p, uint16_t *words)
{
	const unsigned n = codec_words(&p->codec);
	const unsigned each = p->parts == 2 && n > 1 ? n / 2 : n ? n : 1;

	for (unsigned k = 0; k < n; k++)
		if (!cell(t, p->table, (uint32_t)p->addr[k / each] + k % each, &words[k]))
			return false;
	return true;
}

static struct value input(void *ctx, int index)
{
	struct replay *r = ctx;
	struct value v;

	return r->value(r, (uint32_t)index, &v) ? v : value_none();
}

/* The point this one depends on; none given: *set is false. */
static const struct value *depends(struct replay *r, int32_t index, struct value *v)
{
	if (index < 0)
		return NULL;
	if (!r->value(r, (uint32_t)index, v))
		*v = value_none();
	return v;
}

/* False: the test has too few words to know. */
static bool value_of(struct replay *r, uint32_t index, struct value *out)
{
	const struct point *p = &r->device->set->point[index];
	uint16_t words[CELLS_MAX];
	struct value exponent, factor, count;

	if (p->source == SOURCE_EXPR) {
		*out = expr_eval(p->expr, input, r);
		const double x = value_number(out);
		if (p->has_valid && !(x >= p->valid_min && x <= p->valid_max))
			*out = value_none();
		return true;
	}
	if (p->source == SOURCE_DEVICE_ID || codec_words(&p->codec) > CELLS_MAX ||
	    !gather(r->test, p, words))
		return false;
	point_decode(p, words, depends(r, p->exponent_from, &exponent),
	             depends(r, p->factor_from, &factor), r->text, out);
	if (depends(r, p->count_from, &count) && !(value_number(&count) >= p->repeat_n))
		*out = value_none();
	return true;
}

void replay_test(const struct device *d, const struct profile_test *t, struct diag *diag,
                 struct replay_result *r)
{
	struct replay replay = {.device = d, .test = t, .value = value_of};
	char text[VALUE_PRINT_MAX];
	struct value v;

	for (size_t i = 0; i < t->nexpect; i++) {
		const char *name = t->expect[i].point;
		const int index = model_find_point(d->set, name, strlen(name));

		r->failed++;
		if (index < 0) {
			diag_error(diag, t->expect[i].where, "there is no point '%s'", name);
		} else if (!value_of(&replay, (uint32_t)index, &v)) {
			diag_error(diag, t->expect[i].where, "the test gives no words for '%s'",
			           name);
		} else {
			point_print(&d->set->point[index], &v, NULL, text, sizeof(text));
			if (strcmp(text, t->expect[i].text) == 0) {
				r->failed--;
				r->passed++;
				continue;
			}
			diag_error(diag, t->expect[i].where, "%s is '%s', not '%s'", name, text,
			           t->expect[i].text);
		}
	}
}
